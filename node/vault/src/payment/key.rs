//! What a key of the payment vault is called, what it is for, and in which state of its life it is. No key is here.
//!
//! **Invariant:** a role has one X9.143 usage and a key has one role; what a [`KeyInfo`] shows tells nothing of the key but its check value.
use super::PaymentError;
use std::fmt;
use symbolon_keys::usage::KeyAlgorithm;
use symbolon_types::{CoreRefusal, UnixMs, hex_upper};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::cbor_map;

/// The longest name of a key, and of a custodian, in bytes.
pub const NAME_LEN_MAX: usize = 32;

/// A name of 1 to 32 characters of `a` to `z`, `0` to `9`, `.` and `-`: of a key, or of a custodian.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name.
    ///
    /// # Errors
    /// [`CoreRefusal::FieldInvalid`] for another length or another character.
    pub fn parse(text: &str) -> Result<Self, PaymentError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        if (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(CoreRefusal::FieldInvalid.into())
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cbor for KeyName {
    fn encode(&self, out: &mut Encoder) {
        out.text(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::parse(input.text()?).map_err(|_| Malformed)
    }
}

/// Unit enums with a number on the wire and a word for people: one table for both.
macro_rules! coded {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $code:literal $variant:ident $word:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its number on the wire and in the file.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of a word.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl symbolon_wire::cbor::Cbor for $name {
            fn encode(&self, out: &mut symbolon_wire::cbor::Encoder) {
                out.uint(u64::from(self.code()));
            }
            fn decode(
                input: &mut symbolon_wire::cbor::Decoder<'_>,
            ) -> Result<Self, symbolon_wire::cbor::Malformed> {
                let code = input.uint()?;
                let found = Self::ALL.iter().copied().find(|value| u64::from(value.code()) == code);
                found.ok_or(symbolon_wire::cbor::Malformed)
            }
        }
    )*};
}
pub(crate) use coded;

coded! {
    /// What a key does, and with it its X9.143 usage.
    Role {
        /// K1: wraps and unwraps key blocks. K0 comes in as this, and leaves as K0.
        1 KeyProtection "key-protection",
        /// B0: initial keys of terminals are derived from it (DUKPT).
        2 Base "base",
        /// P0: PIN blocks of a zone.
        3 Pin "pin",
        /// M1: MACs by ISO/IEC 9797-1 algorithm 1.
        4 MacAlgorithm1 "mac-algorithm-1",
        /// M3: MACs by ISO/IEC 9797-1 algorithm 3, the retail MAC.
        5 MacRetail "mac-retail",
        /// M6: MACs by CMAC.
        6 MacCmac "mac-cmac",
        /// D0: data of a zone.
        7 Data "data",
        /// E0: the issuer's master of application cryptograms.
        8 IssuerCryptogram "issuer-cryptogram",
        /// C0: card verification values.
        9 CardVerification "card-verification",
        /// V2: PIN verification values.
        10 PinVerification "pin-verification",
        /// M7: makes the tokens of account numbers by HMAC-SHA-256.
        11 Token "token",
    }

    /// The algorithm of a key, and with it its length.
    Algorithm {
        /// Triple DES with two keys.
        1 Tdes2 "tdes2",
        /// Triple DES with three keys.
        2 Tdes3 "tdes3",
        /// AES with 128 bits.
        3 Aes128 "aes128",
        /// AES with 192 bits.
        4 Aes192 "aes192",
        /// AES with 256 bits.
        5 Aes256 "aes256",
        /// HMAC-SHA-256 under 256 bits.
        6 Hmac256 "hmac256",
    }

    /// Where a key stands in its life.
    KeyState {
        /// It is there and does nothing yet.
        1 Loaded "loaded",
        /// The one of its name that makes; it opens and checks as well.
        2 Active "active",
        /// Another one took its place: until a moment it opens and checks.
        3 Retiring "retiring",
        /// It does nothing any more.
        4 Retired "retired",
        /// Its bytes are gone. Its name and generation stay, so that they are never used again.
        5 Erased "erased",
    }

    /// Whether a key may leave (X9.143 table 5).
    Export {
        /// `E`: under a protection key.
        1 Exportable "exportable",
        /// `N`: never.
        2 NonExportable "non-exportable",
        /// `S`: under a protection key, and stays sensitive.
        3 Sensitive "sensitive",
    }
}

impl Role {
    /// The usage that the vault writes for a key of this role.
    #[must_use]
    pub const fn usage(self) -> &'static str {
        match self {
            Self::KeyProtection => "K1",
            Self::Base => "B0",
            Self::Pin => "P0",
            Self::MacAlgorithm1 => "M1",
            Self::MacRetail => "M3",
            Self::MacCmac => "M6",
            Self::Data => "D0",
            Self::IssuerCryptogram => "E0",
            Self::CardVerification => "C0",
            Self::PinVerification => "V2",
            Self::Token => "M7",
        }
    }

    /// The role of a usage; `None` for a usage that nothing here uses.
    #[must_use]
    pub fn of_usage(usage: &str) -> Option<Self> {
        if usage == "K0" {
            return Some(Self::KeyProtection);
        }
        Self::ALL.iter().copied().find(|role| role.usage() == usage)
    }

    /// Whether its operations take a key of this algorithm.
    #[must_use]
    pub const fn takes(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Token => matches!(algorithm, Algorithm::Hmac256),
            Self::MacAlgorithm1 | Self::MacRetail => matches!(algorithm, Algorithm::Tdes2 | Algorithm::Tdes3),
            Self::CardVerification | Self::PinVerification => matches!(algorithm, Algorithm::Tdes2),
            Self::Base => !matches!(algorithm, Algorithm::Tdes3 | Algorithm::Hmac256),
            Self::IssuerCryptogram => !matches!(algorithm, Algorithm::Tdes3 | Algorithm::Hmac256),
            Self::KeyProtection | Self::Pin | Self::MacCmac | Self::Data => {
                !matches!(algorithm, Algorithm::Hmac256)
            }
        }
    }
}

impl Algorithm {
    /// The name that `core/keys` has for it.
    #[must_use]
    pub const fn of_keys(self) -> KeyAlgorithm {
        match self {
            Self::Tdes2 => KeyAlgorithm::Tdes2,
            Self::Tdes3 => KeyAlgorithm::Tdes3,
            Self::Aes128 => KeyAlgorithm::Aes128,
            Self::Aes192 => KeyAlgorithm::Aes192,
            Self::Aes256 => KeyAlgorithm::Aes256,
            Self::Hmac256 => KeyAlgorithm::Hmac256,
        }
    }

    /// Its letter in a key block (X9.143 table 3).
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Tdes2 | Self::Tdes3 => 'T',
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 'A',
            Self::Hmac256 => 'H',
        }
    }

    /// The algorithm of a letter and a length in bytes.
    #[must_use]
    pub fn of(letter: char, len: usize) -> Option<Self> {
        let fits = |value: &Self| value.letter() == letter && value.of_keys().key_len() == len;
        Self::ALL.iter().copied().find(fits)
    }

    /// Whether its keys are ones of DES.
    #[must_use]
    pub const fn is_tdes(self) -> bool {
        matches!(self, Self::Tdes2 | Self::Tdes3)
    }
}

impl Export {
    /// Its letter in a key block.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Exportable => 'E',
            Self::NonExportable => 'N',
            Self::Sensitive => 'S',
        }
    }
}

cbor_map! {
    /// A key by its name; without a generation the active one.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyRef {
        /// The name.
        1 => name: KeyName,
        /// The generation, from 1.
        2 => generation: Option<u16>,
    }

    /// All that is ever shown of a key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyInfo {
        /// The name.
        1 => name: KeyName,
        /// The generation, from 1.
        2 => generation: u16,
        /// What it does.
        3 => role: Role,
        /// Its algorithm.
        4 => algorithm: Algorithm,
        /// Three bytes for triple DES (a block of zeros, enciphered), five for AES (CMAC of one) and HMAC (HMAC of one).
        5 => check_value: Bytes,
        /// Its state at the moment of asking.
        6 => state: KeyState,
        /// Until when it is retiring.
        7 => until: Option<UnixMs>,
        /// Whether it may leave.
        8 => export: Export,
    }
}

impl KeyRef {
    /// The active key of a name.
    #[must_use]
    pub fn active(name: &KeyName) -> Self {
        Self { name: name.clone(), generation: None }
    }

    /// One generation of a name.
    #[must_use]
    pub fn generation(name: &KeyName, generation: u16) -> Self {
        Self { name: name.clone(), generation: Some(generation) }
    }
}

impl KeyInfo {
    /// The check value in hexadecimal.
    #[must_use]
    pub fn check_value_hex(&self) -> String {
        hex_upper(&self.check_value.0)
    }
}
