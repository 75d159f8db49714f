//! Key blocks: X9.143, TR-31, ISO 20038.
