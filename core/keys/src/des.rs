//! Bitsliced DES: one operation over many lanes, each with its own key.
