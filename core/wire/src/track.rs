//! Magnetic tracks: text, fields and bits (ISO/IEC 7811, 7813, 4909).
