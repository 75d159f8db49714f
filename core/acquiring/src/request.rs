//! A terminal's request as the host understood it: tokens and amounts, nothing that a card must not leave behind.
use crate::key::{NaturalKey, Original};
use symbolon_state::key_identifier;
use symbolon_types::{Amount, Hash, identifier};
use symbolon_wire::{cbor_enum, cbor_identifier, cbor_map};

identifier! {
    /// Field 41, padded with spaces.
    pub struct TerminalId([u8; 8]);
}
cbor_identifier!(TerminalId);
key_identifier!(TerminalId);

cbor_map! {
    /// Money that a card is to give, or to get.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Payment {
        /// The card's token.
        1 => card: Hash,
        /// How much.
        2 => amount: Amount,
        /// Whether the terminal takes less than it asks for.
        3 => partial: bool,
    }

    /// What was decided without the host, who cannot decline it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Advice {
        /// The card's token.
        1 => card: Hash,
        /// How much.
        2 => amount: Amount,
        /// The authorisation that it completes, if the message names one.
        3 => original: Option<Original>,
    }

    /// A request that is to be as if it had not been, or for less.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Reversal {
        /// What is reversed.
        1 => original: Original,
        /// How much of it stands; nothing where absent.
        2 => left: Option<Amount>,
    }
}

cbor_enum! {
    /// What is asked for. A repeat asks for the same.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Ask {
        /// 0100, 1100: hold money.
        1 => Authorise(Payment),
        /// 0200, 1200: move it now.
        2 => Purchase(Payment),
        /// 0200, 1200 with processing code 20: move it to the card.
        3 => Refund(Payment),
        /// 0120, 1120: it was approved without the host; hold what can be held.
        4 => AuthorisedBefore(Advice),
        /// 0220, 1220: it was approved without the host, or is now complete; move it.
        5 => PaidBefore(Advice),
        /// 0400, 0420, 1420.
        6 => Reverse(Reversal),
    }
}

cbor_map! {
    /// A request, or a repeat of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Request {
        /// By what it is known.
        1 => key: NaturalKey,
        /// Field 7, where it is carried.
        2 => transmitted: Option<u64>,
        /// Field 33, where it is carried.
        3 => forwarding: Option<u64>,
        /// Whether the message type says that it is sent again.
        4 => repeat: bool,
        /// What it asks for.
        5 => ask: Ask,
    }
}
