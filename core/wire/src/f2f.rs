//! Two-frequency coherent phase encoding (F2F, ISO/IEC 7811-2).
