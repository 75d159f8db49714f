//! ISO 8583:1987 and :1993 messages: the message type, one to three bitmaps, the fields that these announce.
//!
//! ```text
//!   Dialect (data: what each field looks like) ─build─► one table of rows
//!   bytes ─Dialect::decode─► Message: borrows the bytes; where each field lies is in the caller's Places ─► Field ─► characters, on demand
//!   (number, value) … ─Dialect::encode─► bytes in the caller's Vec
//!   Message + changes ─Message::changed─► bytes: what is not changed is copied as it lies there
//! ```
//! A second bitmap is there if, and only if, bit 1 is set, and a third one if bit 65 is; the bitmaps follow one another (ISO 8583:1987 4.2,
//! ISO 8583:1993 4.2).
//!
//! **Invariant:** what decodes has one form: encoding its fields, with as many bitmaps, gives the same bytes. Decoding and encoding into a
//! buffer that is large enough allocate nothing. No error, `Debug` or masked text shows the value of a field that may hold account data.
mod bitmap;
mod built_in;
mod chars;
mod decode;
mod dialect;
mod encode;
mod error;
mod field;
mod mask;
mod mti;
mod response;
mod subfields;

pub use bitmap::{Bitmap, Numbers};
pub use built_in::BuiltIn;
pub use decode::{Message, Places};
pub use dialect::{
    BitmapCoding, Coding, Dialect, DialectBuilder, DialectError, FieldSpec, Kind, Length, LengthCoding, Role,
};
pub use encode::{Head, Value};
pub use error::Iso8583Error;
pub use field::{Chars, Field};
pub use mti::{Class, Function, Mti, Origin, Version};
pub use response::{RESPONSES, ResponseRow, action_code, response_code};
pub use subfields::{Layout, Subfield, SubfieldError, Subfields, positions};

/// The highest number of a field: three bitmaps of 64 bits.
pub const FIELD_MAX: u8 = 192;

/// The most bytes of a message: what a two-byte length before it can say.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
