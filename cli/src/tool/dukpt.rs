//! `symbolon tool dukpt`: the keys of one transaction (X9.24-1:2009, X9.24-3:2017), derived in `core/keys`.
//!
//! **Invariant:** the answer alone shows keys; a refusal says which rule the call broke, and repeats nothing.
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::json;
use symbolon_keys::dukpt::{DukptError, aes, tdes};
use symbolon_keys::usage::{self, Key, KeyAlgorithm, Usage};
use symbolon_types::{CoreRefusal, Secret, hex_upper};

/// `symbolon tool dukpt --help`.
pub const HELP: &str = "\
symbolon tool dukpt derive --scheme aes|tdes (--bdk HEX | --ik HEX) --ksn HEX [--usage U] [--algorithm A]
    the keys of one transaction: a terminal and its host derive them alike, and never use them for another
  --scheme     aes: X9.24-3:2017; tdes: X9.24-1:2009
  --bdk, --ik  the base derivation key, of which every terminal's initial key comes; or that initial key.
               aes: 16, 24 or 32 bytes; tdes: 16
  --ksn        the key serial number that came with the transaction: whose key it is, and at its end the counter.
               aes: 12 bytes, the last four the counter; tdes: 10, the last 21 bits; 8 or 9 are filled up with FF on the left
  --usage      what the working key is for, seen from the terminal; pin unless told otherwise
               aes: pin, mac-gen (requests), mac-ver (responses), mac-both, data-enc (requests), data-dec (responses), data-both, key-enc,
                    derivation; and transaction, the key that all these come from
               tdes: pin, mac-request, mac-response, data-request, data-response; and derivation, the key that all these come from
  --algorithm  aes only: tdes2, tdes3, aes128, aes192, aes256, hmac128, hmac192, hmac256; unless told otherwise that of the base key.
               A working key that is stronger than its base key is refused
aes with --usage key-enc and a counter of FFFFFFFF gives the update key, under which a terminal gets its next initial key.
Keys come best from @FILE or -.

$ symbolon tool dukpt derive --scheme aes --bdk FEDCBA9876543210F1F1F1F1F1F1F1F1 --ksn 123456789012345600000001 --usage pin
AF8CB133A78F8DC2D1359F18527593FB
$ symbolon tool dukpt derive --scheme tdes --bdk 0123456789ABCDEFFEDCBA9876543210 --ksn FFFF9876543210E00001 --usage derivation
042666B49184CFA368DE9628D0397BC9
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "derive" => derive(flags),
        _ => Err(no_verb("dukpt", "derive")),
    }
}

/// The key of one usage, in hexadecimal.
type Working = Result<Secret<String>, DukptError>;

/// How a usage of AES DUKPT is derived.
#[derive(Clone, Copy)]
enum AesUsage {
    /// From the transaction, for an algorithm.
    Working(fn(&aes::Transaction, KeyAlgorithm) -> Working),
    /// As above; and of the update key's counter, that key.
    KeyEncryption,
    /// The transaction key itself.
    Transaction,
}

impl AesUsage {
    const fn of<U: aes::Derived>() -> Self {
        Self::Working(aes_key::<U>)
    }

    fn derive(self, initial: &Key<usage::Initial>, ksn: &aes::Ksn, algorithm: KeyAlgorithm) -> Working {
        if matches!(self, Self::KeyEncryption) && ksn.counter == aes::COUNTER_UPDATE {
            return aes::update_key(initial, ksn.id, Some(algorithm)).map(|key| shown(&key));
        }
        let made = aes::transaction(initial, ksn)?;
        match self {
            Self::Working(derive) => derive(&made, algorithm),
            Self::KeyEncryption => aes_key::<usage::KeyEncryption>(&made, algorithm),
            Self::Transaction => Ok(shown(made.key())),
        }
    }
}

/// Usages by the calculator's name, and by that of the vectors.
const AES_USAGES: [(&str, AesUsage); 16] = [
    ("pin", AesUsage::of::<usage::Pin>()),
    ("mac-gen", AesUsage::of::<usage::MacRequest>()),
    ("mac-ver", AesUsage::of::<usage::MacResponse>()),
    ("mac-both", AesUsage::of::<usage::MacBoth>()),
    ("data-enc", AesUsage::of::<usage::DataRequest>()),
    ("data-dec", AesUsage::of::<usage::DataResponse>()),
    ("data-both", AesUsage::of::<usage::DataBoth>()),
    ("key-enc", AesUsage::KeyEncryption),
    ("derivation", AesUsage::of::<usage::Derivation>()),
    ("transaction", AesUsage::Transaction),
    ("mac-request", AesUsage::of::<usage::MacRequest>()),
    ("mac-response", AesUsage::of::<usage::MacResponse>()),
    ("data-request", AesUsage::of::<usage::DataRequest>()),
    ("data-response", AesUsage::of::<usage::DataResponse>()),
    ("key-encryption", AesUsage::KeyEncryption),
    ("key-derivation", AesUsage::of::<usage::Derivation>()),
];

/// How a usage of TDES DUKPT is derived from the transaction key.
type TdesUsage = fn(&Key<usage::Derivation>) -> Working;

const TDES_USAGES: [(&str, TdesUsage); 6] = [
    ("pin", tdes_key::<usage::Pin>),
    ("mac-request", tdes_key::<usage::MacRequest>),
    ("mac-response", tdes_key::<usage::MacResponse>),
    ("data-request", tdes_key::<usage::DataRequest>),
    ("data-response", tdes_key::<usage::DataResponse>),
    ("derivation", |made| Ok(shown(made))),
];

const ALGORITHMS: [(&str, KeyAlgorithm); 8] = [
    ("tdes2", KeyAlgorithm::Tdes2),
    ("tdes3", KeyAlgorithm::Tdes3),
    ("aes128", KeyAlgorithm::Aes128),
    ("aes192", KeyAlgorithm::Aes192),
    ("aes256", KeyAlgorithm::Aes256),
    ("hmac128", KeyAlgorithm::Hmac128),
    ("hmac192", KeyAlgorithm::Hmac192),
    ("hmac256", KeyAlgorithm::Hmac256),
];

fn shown<U: Usage>(key: &Key<U>) -> Secret<String> {
    Secret::new(hex_upper(key.reveal()))
}

fn aes_key<U: aes::Derived>(made: &aes::Transaction, algorithm: KeyAlgorithm) -> Working {
    made.working_key::<U>(algorithm).map(|key| shown(&key))
}

fn tdes_key<U: tdes::Working>(made: &Key<usage::Derivation>) -> Working {
    tdes::working_key::<U>(made).map(|key| shown(&key))
}

fn refused(error: DukptError) -> Failure {
    CoreRefusal::from(error).refused().into()
}

/// The key that all begins with.
enum Start {
    Base(Secret<Vec<u8>>),
    Initial(Secret<Vec<u8>>),
}

impl Start {
    fn take(flags: &mut Flags) -> Result<Self, Failure> {
        match (flags.bytes("bdk")?, flags.bytes("ik")?) {
            (Some(base), None) => Ok(Self::Base(base)),
            (None, Some(initial)) => Ok(Self::Initial(initial)),
            (Some(_), Some(_)) => Err(wrong("ik", "not beside --bdk")),
            (None, None) => Err(wrong("bdk", "is missing, and --ik too")),
        }
    }

    /// The initial key: as it was given, or derived.
    fn initial(
        &self,
        algorithm: fn(usize) -> Option<KeyAlgorithm>,
        derive: impl FnOnce(&Key<usage::Base>) -> Result<Key<usage::Initial>, DukptError>,
    ) -> Result<Key<usage::Initial>, DukptError> {
        match self {
            Self::Base(base) => derive(&key(base, algorithm)?),
            Self::Initial(initial) => key(initial, algorithm),
        }
    }
}

fn key<U: Usage>(
    bytes: &Secret<Vec<u8>>,
    algorithm: fn(usize) -> Option<KeyAlgorithm>,
) -> Result<Key<U>, DukptError> {
    let algorithm = algorithm(bytes.reveal().len()).ok_or(DukptError::Key)?;
    Key::new(algorithm, bytes.reveal()).map_err(|_| DukptError::Key)
}

fn aes_of(length: usize) -> Option<KeyAlgorithm> {
    [KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Aes256]
        .into_iter()
        .find(|row| row.key_len() == length)
}

fn tdes_of(length: usize) -> Option<KeyAlgorithm> {
    (length == KeyAlgorithm::Tdes2.key_len()).then_some(KeyAlgorithm::Tdes2)
}

fn derive(mut flags: Flags) -> Outcome {
    let aes = flags
        .choice("scheme", &[("aes", true), ("tdes", false)])?
        .ok_or_else(|| wrong("scheme", "is missing; aes or tdes"))?;
    let start = Start::take(&mut flags)?;
    let ksn = flags.required_bytes("ksn")?;
    if aes { derive_aes(flags, &start, ksn.reveal()) } else { derive_tdes(flags, &start, ksn.reveal()) }
}

fn derive_aes(mut flags: Flags, start: &Start, ksn: &[u8]) -> Outcome {
    let usage = flags.choice("usage", &AES_USAGES)?.unwrap_or(AesUsage::of::<usage::Pin>());
    let algorithm = flags.choice("algorithm", &ALGORITHMS)?;
    flags.end()?;
    let ksn = aes::Ksn::new(ksn).map_err(refused)?;
    let initial = start.initial(aes_of, |base| aes::initial_key(base, ksn.id)).map_err(refused)?;
    let working = usage.derive(&initial, &ksn, algorithm.unwrap_or(initial.algorithm()));
    Ok(answer(&initial, &working.map_err(refused)?, &ksn.to_bytes(), ksn.counter))
}

fn derive_tdes(mut flags: Flags, start: &Start, ksn: &[u8]) -> Outcome {
    let usage = flags.choice("usage", &TDES_USAGES)?.unwrap_or(tdes_key::<usage::Pin>);
    let _ = flags.choice("algorithm", &[("tdes2", KeyAlgorithm::Tdes2)])?;
    flags.end()?;
    let ksn = tdes::Ksn::new(ksn).map_err(refused)?;
    let initial = start.initial(tdes_of, |base| tdes::initial_key(base, &ksn)).map_err(refused)?;
    let made = tdes::transaction_key(&initial, &ksn).map_err(refused)?;
    Ok(answer(&initial, &usage(&made).map_err(refused)?, ksn.as_bytes(), ksn.counter()))
}

fn answer(initial: &Key<usage::Initial>, working: &Secret<String>, ksn: &[u8], counter: u32) -> Report {
    Report {
        json: json!({
            "initial_key": hex_upper(initial.reveal()), "working_key": working.reveal(),
            "ksn": hex_upper(ksn), "counter": counter,
        }),
        text: working.reveal().clone(),
    }
}
