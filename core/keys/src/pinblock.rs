//! PIN blocks: ISO 9564-1 formats 0 to 4.
