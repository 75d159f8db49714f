//! The key of a request: the data elements by which a repeat, an advice or a reversal finds it again.
use symbolon_state::Key;
use symbolon_wire::cbor_map;

use alloc::vec::Vec;

cbor_map! {
    /// By what a request is known. Two requests with one key are one request, or a mistake.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct NaturalKey {
        /// The link on which it came: what two of them send never meets.
        1 => link: u32,
        /// The message type as a number, without its repeat digit: 200 for 0200 and 0201.
        2 => mti: u16,
        /// Field 11, the systems trace audit number, 0 to 999999.
        3 => audit: u32,
        /// Field 32, the acquiring institution; 0 where absent. Zeros before it do not count: field 90 pads it with them.
        4 => acquirer: u64,
        /// Field 41, the terminal, padded with spaces; spaces where absent.
        5 => terminal: [u8; 8],
        /// Of 1993 field 12, the local date and time, as its twelve digits write a number; 0 of 1987.
        6 => local: u64,
    }

    /// A request that another message speaks of: field 90 of 1987, field 56 of 1993.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Original {
        /// Its key.
        1 => key: NaturalKey,
        /// Its field 7, where it is told.
        2 => transmitted: Option<u64>,
        /// Its field 33, where it is told.
        3 => forwarding: Option<u64>,
    }
}

type Parts = ((u32, u16, u32), (u64, [u8; 8], u64));

impl Key for NaturalKey {
    fn write(&self, out: &mut Vec<u8>) {
        ((self.link, self.mti, self.audit), (self.acquirer, self.terminal, self.local)).write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let ((link, mti, audit), (acquirer, terminal, local)) = Parts::read(bytes)?;
        Some(Self { link, mti, audit, acquirer, terminal, local })
    }
}

/// Whether two values agree as far as both are told.
pub(crate) fn agree(one: Option<u64>, other: Option<u64>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}
