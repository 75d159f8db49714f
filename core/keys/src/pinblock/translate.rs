//! Translation: a PIN block under one key becomes one under another, and the PIN is seen by nobody.
//!
//! **Invariant:** the account number is the same on both sides; only the pairs of [`TRANSLATIONS`] are translated.
use super::{Fill, Format, PinBlockError, decipher, encipher};
use crate::usage::{self, Key};
use alloc::vec::Vec;

/// Where a translated block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// To a host or the next node of a network.
    Host,
    /// To a card's reader, for the card to compare.
    Card,
}

/// One side of a translation: a block's format and its PIN key.
#[derive(Clone, Copy, Debug)]
pub struct Under<'a> {
    /// The format.
    pub format: Format,
    /// The key.
    pub key: &'a Key<usage::Pin>,
}

/// What may become what (ISO 9564-1:2017 on translation): from, to towards a host, to towards a card. Nothing becomes format 1, in which the account
/// number could be changed; format 2 goes to cards alone.
const TRANSLATIONS: [(Format, &[Format], &[Format]); 5] = [
    (Format::Zero, &[Format::Zero, Format::Three, Format::Four], &[Format::Two]),
    (Format::One, &[Format::Zero, Format::Three, Format::Four], &[Format::Two]),
    (Format::Two, &[], &[Format::Two]),
    (Format::Three, &[Format::Zero, Format::Three, Format::Four], &[Format::Two]),
    (Format::Four, &[Format::Zero, Format::Three, Format::Four], &[Format::Two]),
];

/// Whether blocks of one format may become blocks of another.
pub(super) fn allowed(from: Format, to: Format, towards: Towards) -> bool {
    TRANSLATIONS.iter().filter(|row| row.0 == from).any(|row| match towards {
        Towards::Host => row.1.contains(&to),
        Towards::Card => row.2.contains(&to),
    })
}

/// Deciphers a block, and enciphers its PIN for the other side with the same account number. `random` is used for nothing else.
///
/// # Errors
/// [`PinBlockError::Translation`] before anything is deciphered, else as [`decipher`] and [`encipher`].
pub fn translate(
    block: &[u8],
    pan: &str,
    from: Under<'_>,
    to: Under<'_>,
    towards: Towards,
    random: &[u8; 32],
) -> Result<Vec<u8>, PinBlockError> {
    if !allowed(from.format, to.format, towards) {
        return Err(PinBlockError::Translation);
    }
    let pin = decipher(from.format, from.key, block, pan)?;
    encipher(to.format, to.key, &pin, pan, &Fill::drawn(to.format, &pin, random))
}
