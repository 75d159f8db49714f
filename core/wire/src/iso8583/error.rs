//! What is wrong with a message, and where.
//!
//! **Invariant:** an error holds numbers of fields and offsets of bytes, never a byte of the message.
use symbolon_types::CoreRefusal;

/// Why bytes are no message of a dialect, or values make none. `offset` counts bytes from the message's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iso8583Error {
    /// The message ends inside this field (0: the message type, 1: a bitmap).
    Truncated {
        /// The field.
        field: u8,
        /// Where the message ends.
        offset: u16,
    },
    /// Bytes follow the last field.
    Trailing {
        /// Where they begin.
        offset: u16,
    },
    /// The message type has a character that is no digit.
    MessageType,
    /// A bitmap in characters has one that is no upper-case hexadecimal digit.
    Bitmap {
        /// Where the bitmap begins.
        offset: u16,
    },
    /// A bitmap announces another one than the dialect has, or the bitmap given does not fit the fields.
    BitmapCount {
        /// The bit that is wrong: 1, 65 or 129.
        field: u8,
    },
    /// The length before a field is no decimal number.
    LengthPrefix {
        /// The field.
        field: u8,
        /// Where the prefix begins.
        offset: u16,
    },
    /// The field is longer than it may be, or has not its fixed length.
    Length {
        /// The field.
        field: u8,
        /// Where it begins.
        offset: u16,
    },
    /// The field has a character that its type does not have.
    Characters {
        /// The field.
        field: u8,
        /// Where its data begins.
        offset: u16,
    },
    /// The half-byte that fills up an odd number of digits is not zero.
    Padding {
        /// The field.
        field: u8,
        /// Where its data begins.
        offset: u16,
    },
    /// The dialect does not define the field.
    Unknown {
        /// The field.
        field: u8,
    },
    /// The fields to be encoded are not in rising order, or one is there twice.
    Order {
        /// The first that is out of order.
        field: u8,
    },
    /// The message has more bytes than [`super::MESSAGE_BYTES_MAX`].
    TooLarge,
}

impl core::fmt::Display for Iso8583Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Truncated { field: 0, offset } => {
                write!(f, "ends at byte {offset}, inside the message type")
            }
            Self::Truncated { field: 1, offset } => write!(f, "ends at byte {offset}, inside a bitmap"),
            Self::Truncated { field, offset } => write!(f, "ends at byte {offset}, inside field {field}"),
            Self::Trailing { offset } => write!(f, "bytes follow the last field, from byte {offset}"),
            Self::MessageType => f.write_str("the message type is not four digits"),
            Self::Bitmap { offset } => write!(f, "the bitmap at byte {offset} is not upper-case hexadecimal"),
            Self::BitmapCount { field } => {
                write!(f, "bit {field}: the bitmaps do not fit the dialect or the fields")
            }
            Self::LengthPrefix { field, offset } => {
                write!(f, "the length of field {field}, at byte {offset}, is no decimal number")
            }
            Self::Length { field, offset } => {
                write!(f, "field {field}, at byte {offset}, has a wrong length")
            }
            Self::Characters { field, offset } => {
                write!(f, "field {field}, at byte {offset}, has a character that its type does not have")
            }
            Self::Padding { field, offset } => {
                write!(f, "field {field}, at byte {offset}, is not filled up with a zero")
            }
            Self::Unknown { field } => write!(f, "the dialect has no field {field}"),
            Self::Order { field } => write!(f, "field {field} is twice there or out of order"),
            Self::TooLarge => write!(f, "the message has more than {} bytes", super::MESSAGE_BYTES_MAX),
        }
    }
}

impl core::error::Error for Iso8583Error {}

impl From<Iso8583Error> for CoreRefusal {
    fn from(error: Iso8583Error) -> Self {
        use Iso8583Error as E;
        match error {
            E::Length { .. } | E::Characters { .. } | E::Padding { .. } => Self::FieldInvalid,
            E::Unknown { .. } => Self::FieldUnknown,
            E::TooLarge => Self::TooLarge,
            E::Truncated { .. } | E::Trailing { .. } | E::MessageType | E::Bitmap { .. } => Self::Malformed,
            E::BitmapCount { .. } | E::LengthPrefix { .. } | E::Order { .. } => Self::Malformed,
        }
    }
}
