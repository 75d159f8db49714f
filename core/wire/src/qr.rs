//! EMVCo QR codes: [`mpm`] is what a merchant shows (EMV QR Code Specification, Merchant-Presented Mode 1.1), [`cpm`] what a consumer shows
//! (Consumer-Presented Mode 1.1). What is read here is the text of the symbol; symbols themselves are `devices/transport`'s.
//!
//! ```text
//!   00 02 01 │ 59 05 Hotel │ … │ 63 04 1A2B      two digits of id, two of length in characters, the value; CRC last
//!   base64( 85 05 "CPV01" │ 61 … │ 62 … )         BER-TLV as a card's
//! ```
//! **Invariant:** a text longer than a symbol holds is refused before it is read; what is encoded is decoded first, so nothing leaves that
//! would be refused coming back.
mod base64;
pub mod cpm;
pub mod mpm;

/// The most bytes of a symbol: version 40-L in byte mode (ISO/IEC 18004 table 7).
pub const TEXT_BYTES_MAX: usize = 2953;
