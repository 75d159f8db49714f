//! What is taken in and what is let out: usage with algorithm and mode, strength, the contents of optional blocks, exportability.
//!
//! **Invariant:** a typed key comes only out of a block that passed; a key that may not be exported is in no other block.
use super::header::is_hex_upper;
use super::{Deprecated, Exportability, Header, KeyBlockError, Opened, Version, wrap};
use crate::usage::{self, Key, KeyAlgorithm, Usage};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use symbolon_types::Secret;

/// Usage, algorithms, modes (X9.143:2021 tables 2 to 4). Mode N, no restriction but the usage's own, goes with every usage.
/// Usages of two digits are proprietary: any letters go with them.
const USAGES: &[(&str, &str, &str)] = &[
    ("B0", "TA", "X"),
    ("B1", "TA", "X"),
    ("B2", "TA", "XY"),
    ("B3", "TAHIJ", "X"),
    ("C0", "TA", "CGV"),
    ("D0", "TA", "BDE"),
    ("D1", "RE", "BDE"),
    ("D2", "TA", "BDE"),
    ("D3", "TA", "BDE"),
    ("E0", "TA", "X"),
    ("E1", "TA", "X"),
    ("E2", "TA", "X"),
    ("E3", "TA", "X"),
    ("E4", "TA", "X"),
    ("E5", "TA", "X"),
    ("E6", "TA", "X"),
    ("E7", "RE", "BDE"),
    ("F0", "TA", "X"),
    ("F1", "TA", "X"),
    ("F2", "TA", "X"),
    ("I0", "TA", ""),
    ("K0", "TA", "BDE"),
    ("K1", "TA", "BDE"),
    ("K2", "RE", "BDE"),
    ("K3", "RE", "BDEX"),
    ("K4", "A", "BDE"),
    ("M0", "T", "CGV"),
    ("M1", "TA", "CGV"),
    ("M2", "TA", "CGV"),
    ("M3", "TA", "CGV"),
    ("M4", "TA", "CGV"),
    ("M5", "TA", "CGV"),
    ("M6", "TA", "CGV"),
    ("M7", "HIJ", "CGV"),
    ("M8", "TA", "CGV"),
    ("P0", "TA", "BDE"),
    ("P1", "TA", "CGV"),
    ("S0", "RES", "STV"),
    ("S1", "RES", "STV"),
    ("S2", "RES", "BDESTVX"),
    ("V0", "TA", "CGV"),
    ("V1", "TA", "CGV"),
    ("V2", "TA", "CGV"),
    ("V3", "TA", "CGV"),
    ("V4", "TA", "CGV"),
    ("V5", "TA", "CGV"),
];

/// What an optional block's text is made of.
enum Content {
    /// So many hexadecimal digits.
    Hex(core::ops::RangeInclusive<usize>),
    /// Letters and digits.
    Alphanumeric,
    /// A moment in UTC (ISO 8601), with or without delimiters and hundredths.
    Time,
    /// Any printable text.
    Printable,
}

/// The optional blocks whose text has a form (X9.143:2021 §6.3.6). Others are free.
const CONTENTS: &[(&str, Content)] = &[
    ("AL", Content::Hex(4..=4)),
    ("BI", Content::Hex(10..=12)),
    ("CT", Content::Printable),
    ("DA", Content::Alphanumeric),
    ("FL", Content::Printable),
    ("HM", Content::Hex(2..=2)),
    ("IK", Content::Hex(16..=16)),
    ("KC", Content::Hex(4..=34)),
    ("KP", Content::Hex(4..=34)),
    ("KS", Content::Hex(2..=20)),
    ("KV", Content::Alphanumeric),
    ("LB", Content::Printable),
    ("PB", Content::Printable),
    ("PK", Content::Hex(4..=34)),
    ("TC", Content::Time),
    ("TS", Content::Time),
    ("WP", Content::Hex(3..=3)),
];

/// How a moment is written; `0` stands for any digit (X9.143:2021 tables 21 and 22).
const TIMES: [&str; 4] =
    ["00000000000000Z", "0000000000000000Z", "0000-00-00T00:00:00Z", "0000-00-00T00:00:00.00Z"];

impl Content {
    fn has(&self, text: &str) -> bool {
        match self {
            Self::Hex(len) => len.contains(&text.len()) && text.as_bytes().iter().all(is_hex_upper),
            Self::Alphanumeric => text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            Self::Time => TIMES.iter().any(|form| {
                let fits = |(form, byte): (u8, u8)| match form {
                    b'0' => byte.is_ascii_digit(),
                    sign => byte == sign,
                };
                form.len() == text.len() && form.bytes().zip(text.bytes()).all(fits)
            }),
            Self::Printable => true,
        }
    }
}

fn is_proprietary(usage: &str) -> bool {
    usage.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether usage, algorithm and mode go together.
fn goes_together(header: &Header<'_>) -> bool {
    let row = USAGES.iter().find(|row| row.0 == header.usage);
    is_proprietary(header.usage)
        || row.is_some_and(|(_, algorithms, modes)| {
            algorithms.contains(header.algorithm) && (header.mode == 'N' || modes.contains(header.mode))
        })
}

/// All that a header says about a key of these bytes, before it is taken in or written under a protection key of so many bits of strength.
pub(super) fn check(header: &Header<'_>, key: &[u8], protection_bits: u16) -> Result<(), KeyBlockError> {
    if !goes_together(header) {
        return Err(KeyBlockError::Usage);
    }
    let mut ids: Vec<&str> = Vec::with_capacity(header.optional.len());
    for block in &header.optional {
        let known = CONTENTS.iter().find(|row| row.0 == block.id);
        // Two blocks of one name would mean two things.
        if ids.contains(&block.id) || known.is_some_and(|row| !row.1.has(block.data)) {
            return Err(KeyBlockError::Malformed { field: "optional block data", offset: 16 });
        }
        ids.push(block.id);
    }
    let bits = strength_bits(header.algorithm, key).ok_or(KeyBlockError::Key)?;
    if bits > protection_bits { Err(KeyBlockError::Weak) } else { Ok(()) }
}

/// The strength of a key in bits (SP 800-57 part 1 table 2); `None` for a length that its algorithm does not have.
fn strength_bits(algorithm: char, key: &[u8]) -> Option<u16> {
    if let Some(known) = symmetric(algorithm, key.len()) {
        return Some(known.strength_bits());
    }
    let bits = u16::try_from(key.len()).ok().and_then(|len| len.checked_mul(8)).unwrap_or(u16::MAX);
    match algorithm {
        'T' | 'A' => None,
        // What is not understood is taken to be as strong as can be.
        'R' | 'S' | 'E' => Some(asymmetric(algorithm, key).unwrap_or(256)),
        _ => Some(bits.min(256)),
    }
}

/// The strength of a key pair: RSAPublicKey and RSAPrivateKey (RFC 8017 A.1), ECPrivateKey (RFC 5915), and both kinds in a PrivateKeyInfo (RFC 5208) or
/// a SubjectPublicKeyInfo (RFC 5280 §4.1). A public key needs no secrecy: 0.
fn asymmetric(algorithm: char, der: &[u8]) -> Option<u16> {
    let (sequence, rest) = element(0x30, der)?;
    if !rest.is_empty() {
        return None;
    }
    let Some((version, rest)) = element(0x02, sequence) else {
        let (_, key) = element(0x30, sequence)?;
        return element(0x03, key).map(|_| 0);
    };
    if let Some((_, key)) = element(0x30, rest) {
        let (sequence, rest) = element(0x30, element(0x04, key)?.0)?;
        return if rest.is_empty() { private(algorithm, element(0x02, sequence)?.1) } else { None };
    }
    // The first number of a public RSA key is the modulus, of a private key the version.
    if algorithm != 'E' && version.len() > 1 { Some(0) } else { private(algorithm, rest) }
}

/// The strength of a private key, by what follows its version: the modulus, or the scalar. Leading zeros are not counted.
fn private(algorithm: char, fields: &[u8]) -> Option<u16> {
    let (tag, steps) = match algorithm {
        'E' => (0x04, [(32, 128), (48, 192)].as_slice()),
        _ => (0x02, [(256, 112), (384, 128), (960, 192)].as_slice()),
    };
    let (content, _) = element(tag, fields)?;
    let len = content.iter().skip_while(|byte| **byte == 0).count();
    Some(steps.iter().find(|step| len <= step.0).map_or(256, |step| step.1))
}

/// The content of a DER element and what follows it. Lengths of up to two bytes are read.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = der.split_first_chunk::<2>()?;
    let (len, rest) = match (head[0] == tag, head[1], rest) {
        (true, len @ 0..=0x7F, rest) => (usize::from(len), rest),
        (true, 0x81, [len, rest @ ..]) => (usize::from(*len), rest),
        (true, 0x82, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// The algorithm of a symmetric key, by its letter and its length in bytes.
fn symmetric(algorithm: char, len: usize) -> Option<KeyAlgorithm> {
    match (algorithm, len) {
        ('T', 16) => Some(KeyAlgorithm::Tdes2),
        ('T', 24) => Some(KeyAlgorithm::Tdes3),
        ('A', 16) => Some(KeyAlgorithm::Aes128),
        ('A', 24) => Some(KeyAlgorithm::Aes192),
        ('A', 32) => Some(KeyAlgorithm::Aes256),
        ('H' | 'I' | 'J', 16) => Some(KeyAlgorithm::Hmac128),
        ('H' | 'I' | 'J', 24) => Some(KeyAlgorithm::Hmac192),
        ('H' | 'I' | 'J', 32) => Some(KeyAlgorithm::Hmac256),
        _ => None,
    }
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Data, PINs or keys are enciphered.
    Encipher,
    /// Data, PINs or keys are deciphered.
    Decipher,
    /// MACs are made.
    Generate,
    /// MACs are checked.
    Verify,
    /// Other keys are derived.
    Derive,
}

impl Operation {
    /// The modes that allow it (X9.143 table 4).
    const fn modes(self) -> &'static str {
        match self {
            Self::Encipher => "BEN",
            Self::Decipher => "BDN",
            Self::Generate => "CGN",
            Self::Verify => "CVN",
            Self::Derive => "XN",
        }
    }
}

/// A usage that a key block can give a key.
pub trait WrappedUsage: Usage {
    /// The block's usages that are this one.
    const USAGES: &'static [&'static str];
}

impl WrappedUsage for usage::Base {
    const USAGES: &'static [&'static str] = &["B0"];
}

impl WrappedUsage for usage::Initial {
    const USAGES: &'static [&'static str] = &["B1"];
}

impl WrappedUsage for usage::Pin {
    const USAGES: &'static [&'static str] = &["P0"];
}

impl WrappedUsage for usage::MacBoth {
    const USAGES: &'static [&'static str] = &["M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8"];
}

impl WrappedUsage for usage::DataBoth {
    const USAGES: &'static [&'static str] = &["D0", "D3"];
}

impl WrappedUsage for usage::KeyEncryption {
    const USAGES: &'static [&'static str] = &["K0", "K1", "K4"];
}

/// A key that came in by a block and passed: its usage, algorithm and mode go together, and its protection key was not weaker.
pub struct Admitted<'a> {
    header: Header<'a>,
    key: Secret<Vec<u8>>,
}

impl fmt::Debug for Admitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("header", &self.header).field("key", &self.key).finish()
    }
}

impl<'a> Opened<'a> {
    /// Judges what the header says.
    ///
    /// # Errors
    /// [`KeyBlockError::Usage`], [`KeyBlockError::Key`], [`KeyBlockError::Weak`], or [`KeyBlockError::Malformed`] for the text of an optional block.
    pub fn admit(self) -> Result<Admitted<'a>, KeyBlockError> {
        check(&self.header, self.key.reveal(), self.protection_bits)?;
        Ok(Admitted { header: self.header, key: self.key })
    }
}

impl<'a> Admitted<'a> {
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// The key of a usage, for these operations: it is for whoever asks to do nothing else with it.
    ///
    /// # Errors
    /// [`KeyBlockError::Usage`] when the block's usage is another one, or its mode does not allow each operation.
    pub fn key<U: WrappedUsage>(&self, operations: &[Operation]) -> Result<Key<U>, KeyBlockError> {
        let header = &self.header;
        let allowed = operations.iter().all(|operation| operation.modes().contains(header.mode));
        if !allowed || !U::USAGES.contains(&header.usage) {
            return Err(KeyBlockError::Usage);
        }
        let algorithm = symmetric(header.algorithm, self.key.reveal().len()).ok_or(KeyBlockError::Key)?;
        Key::new(algorithm, self.key.reveal()).map_err(|_| KeyBlockError::Key)
    }

    /// Writes the key into another block, under another key; for the rest as [`wrap`]. The header stays, but for its version and, if `exportability` is
    /// N, that the next one may not export it.
    ///
    /// # Errors
    /// [`KeyBlockError::NotExportable`] for a key that may not leave, or whose exportability would be loosened; else as [`wrap`].
    pub fn export(
        &self,
        protection_key: &Key<usage::KeyEncryption>,
        version: Version,
        exportability: Exportability,
        padding: &[u8],
        deprecated: Deprecated,
    ) -> Result<String, KeyBlockError> {
        let kept = self.header.exportability;
        let narrowed = exportability == Exportability::NonExportable || exportability == kept;
        if kept == Exportability::NonExportable || !narrowed {
            return Err(KeyBlockError::NotExportable);
        }
        let header = Header { version, exportability, ..self.header.clone() };
        wrap(protection_key, &header, self.key.reveal(), padding, deprecated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_usage_once_and_known_letters_only() {
        for (usage, algorithms, modes) in USAGES {
            assert_eq!(USAGES.iter().filter(|row| row.0 == *usage).count(), 1, "{usage}");
            assert!(!algorithms.is_empty() && algorithms.chars().all(|letter| "TAHIJRES".contains(letter)));
            assert!(modes.chars().all(|letter| "BCDEGSTVXY".contains(letter)), "{usage}");
        }
        let mut sorted = USAGES.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, USAGES);
    }

    #[test]
    fn strength_is_that_of_the_length_or_of_what_stands_in_the_key() {
        for (algorithm, len, bits) in [
            ('T', 16, Some(80)),
            ('T', 24, Some(112)),
            ('T', 8, None),
            ('A', 24, Some(192)),
            ('A', 15, None),
            ('H', 20, Some(160)),
            ('H', 64, Some(256)),
            ('R', 100, Some(256)),
            ('1', 10_000, Some(256)),
        ] {
            assert_eq!(strength_bits(algorithm, &alloc::vec![1; len]), bits, "{algorithm} {len}");
        }
        // An ECPrivateKey of 32 bytes, one of 48, and one with a byte too many.
        let ec = |len: u8| {
            let mut der = alloc::vec![0x30, len + 5, 0x02, 0x01, 0x01, 0x04, len];
            der.resize(usize::from(len) + 7, 0x5A);
            der
        };
        assert_eq!(strength_bits('E', &ec(32)), Some(128));
        assert_eq!(strength_bits('E', &ec(48)), Some(192));
        assert_eq!(strength_bits('E', &[ec(32), [0].into()].concat()), Some(256));
    }

    /// A key of P-256 as OpenSSL writes it: in a PrivateKeyInfo it is as strong as alone, and its public half needs no secrecy.
    #[test]
    fn a_key_pair_is_weighed_in_each_of_its_forms() {
        const PRIVATE: &str = "308187020100301306072A8648CE3D020106082A8648CE3D030107046D306B02010104205D13DB9E1816F2ACD04640CBE93EF1428F22DA5EB4CB9760165CD912555FD3C1\
            A144034200047EDFEBE2901301AC7CCC736CD377498039F1BE0EEE26FCCD50BB7BD9700B15B6120D1A31F2546A0593E2EC4F2D01DBAB71F6CD3C2FA9952C907F86BD1DCEE761";
        const PUBLIC: &str = "3059301306072A8648CE3D020106082A8648CE3D030107034200047EDFEBE2901301AC7CCC736CD377498039F1BE0EEE26FCCD50BB7BD9700B15B6120D1A31F2546A05\
            93E2EC4F2D01DBAB71F6CD3C2FA9952C907F86BD1DCEE761";
        let der = |hex: &str| symbolon_types::hex_parse(hex).unwrap();
        assert_eq!(strength_bits('E', &der(PRIVATE)), Some(128));
        assert_eq!(strength_bits('E', &der(PUBLIC)), Some(0));
        for form in [PRIVATE, PUBLIC] {
            let whole = der(form);
            for len in 0..whole.len() {
                assert_eq!(strength_bits('E', &whole[..len]), Some(256), "{len} bytes are no key");
            }
        }
    }

    #[test]
    fn the_texts_of_optional_blocks_have_their_forms() {
        let has =
            |id: &str, text: &str| CONTENTS.iter().find(|row| row.0 == id).is_none_or(|row| row.1.has(text));
        for (id, text) in [
            ("KS", "00604B120F9292800000"),
            ("IK", "1234567890123456"),
            ("TS", "20200818221218Z"),
            ("TS", "2018-06-18T20:42:39.22Z"),
            ("TC", "2020081822121822Z"),
            ("WP", "000"),
            ("10", "anything"),
            ("DA", "01P0TEE"),
        ] {
            assert!(has(id, text), "{id} {text}");
        }
        for (id, text) in [
            ("KS", "VM9A"),
            ("KS", ""),
            ("IK", "123456789012345"),
            ("HM", "2a"),
            ("TS", "2018-06-18T20:42:39.22"),
            ("TC", "20200818221218"),
        ] {
            assert!(!has(id, text), "{id} {text}");
        }
    }
}
