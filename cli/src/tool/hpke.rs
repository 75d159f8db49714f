//! `symbolon tool hpke`: opens what was sealed to a public key (RFC 9180) with [`symbolon_proof::hpke`].
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::json;
use symbolon_keys::{CryptoError, KemKey, P256KemKey, RustCrypto};
use symbolon_proof::hpke::{KemPrivateKey, KemPublicKey, Psk, Receiver, Suite};
use symbolon_types::{CoreRefusal, Secret, hex_upper};

/// `symbolon tool hpke --help`.
pub const HELP: &str = "\
symbolon tool hpke open --suite S --sk HEX --enc HEX --info HEX --aad HEX --ct HEX [--mode M] [--seq N]
    opens one message (RFC 9180 §5.2)
  --suite    x25519 or p256, -sha256-, then aes128gcm, aes256gcm or chacha20poly1305
  --sk       the recipient's private key, 32 bytes; best from @FILE or -
  --enc      the encapsulated key: 32 bytes for x25519, 65 for p256
  --info     what the context is bound to, and --aad the message; empty where they are left out
  --mode     base, unless told otherwise; auth --pk-sender HEX; psk --psk HEX --psk-id HEX; auth-psk, with all three
  --seq      which message of the context, from 0

$ symbolon tool hpke open --suite x25519-sha256-aes128gcm \\
    --sk 4612C550263FC8AD58375DF3F557AAC531D26850903E55A9F23F21D8534E8AC8 \\
    --enc 37FDA3567BDBD628E88668C3C8D7E97D1D1253B6D4EA6D44C150F741F1BF4431 \\
    --info 4F6465206F6E2061204772656369616E2055726E --aad 436F756E742D30 \\
    --ct F938558B5D72F1A23810B4BE2AB4F84331ACC02FC97BABC53A52AE8218A355A96D8770AC83D07BEA87E13C512A
4265617574792069732074727574682C20747275746820626561757479
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "open" => open(flags),
        _ => Err(no_verb("hpke", "open")),
    }
}

#[derive(Clone, Copy)]
enum Kem {
    X25519,
    P256,
}

const SUITES: [(&str, (Kem, Suite)); 6] = [
    ("x25519-sha256-aes128gcm", (Kem::X25519, Suite::Aes128Gcm)),
    ("x25519-sha256-aes256gcm", (Kem::X25519, Suite::Aes256Gcm)),
    ("x25519-sha256-chacha20poly1305", (Kem::X25519, Suite::ChaCha20Poly1305)),
    ("p256-sha256-aes128gcm", (Kem::P256, Suite::Aes128Gcm)),
    ("p256-sha256-aes256gcm", (Kem::P256, Suite::Aes256Gcm)),
    ("p256-sha256-chacha20poly1305", (Kem::P256, Suite::ChaCha20Poly1305)),
];

/// Whether the sender is authenticated, and whether a pre-shared key takes part.
const MODES: [(&str, (bool, bool)); 4] =
    [("base", (false, false)), ("psk", (false, true)), ("auth", (true, false)), ("auth-psk", (true, true))];

/// A secret and its name.
type PreShared = (Secret<Vec<u8>>, Secret<Vec<u8>>);

/// A sealed message and all that it is opened with, but for the recipient's key.
struct Sealed {
    suite: Suite,
    enc: Secret<Vec<u8>>,
    info: Secret<Vec<u8>>,
    aad: Secret<Vec<u8>>,
    ciphertext: Secret<Vec<u8>>,
    sender: Option<Secret<Vec<u8>>>,
    psk: Option<PreShared>,
    sequence: u64,
}

fn open(mut flags: Flags) -> Outcome {
    let (kem, suite) = flags.choice("suite", &SUITES)?.ok_or_else(|| wrong("suite", "is missing"))?;
    let (auth, psk) = flags.choice("mode", &MODES)?.unwrap_or_default();
    let private = flags.required_bytes("sk")?;
    let or_empty = |given: Option<Secret<Vec<u8>>>| given.unwrap_or_else(|| Secret::new(Vec::new()));
    let sealed = Sealed {
        suite,
        enc: flags.required_bytes("enc")?,
        info: or_empty(flags.bytes("info")?),
        aad: or_empty(flags.bytes("aad")?),
        ciphertext: flags.required_bytes("ct")?,
        sender: auth.then(|| flags.required_bytes("pk-sender")).transpose()?,
        psk: psk.then(|| pre_shared(&mut flags)).transpose()?,
        sequence: flags.number("seq")?.unwrap_or(0),
    };
    flags.end()?;
    let unfit = |_| CoreRefusal::KeyUnfit.refused();
    let private = Secret::new(<[u8; 32]>::try_from(private.reveal().as_slice()).map_err(unfit)?);
    let plaintext = match kem {
        Kem::X25519 => sealed.opened::<KemKey>(&KemKey::from_private(private), exact)?,
        Kem::P256 => {
            let key = P256KemKey::from_private(&RustCrypto, private).map_err(|_| unfit_key())?;
            sealed.opened::<P256KemKey>(&key, exact)?
        }
    };
    let plaintext = hex_upper(plaintext.reveal());
    Ok(Report { json: json!({ "pt": plaintext }), text: plaintext.clone() })
}

fn unfit_key() -> Failure {
    CoreRefusal::KeyUnfit.refused().into()
}

fn pre_shared(flags: &mut Flags) -> Result<PreShared, Failure> {
    Ok((flags.required_bytes("psk")?, flags.required_bytes("psk-id")?))
}

/// Exactly `N` bytes, if there are so many.
fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// The form in which the public keys of a KEM are sent.
type Encoded<K> = <<K as KemPrivateKey>::Public as KemPublicKey>::Encoded;

impl Sealed {
    /// MALFORMED for an encapsulated key of another length, KEY_UNFIT for a sender's key that is none, OPEN_FAILED for all else.
    fn opened<K: KemPrivateKey>(
        &self,
        key: &K,
        encoded: fn(&[u8]) -> Option<Encoded<K>>,
    ) -> Result<Secret<Vec<u8>>, Failure> {
        let enc = encoded(self.enc.reveal()).ok_or(CoreRefusal::Malformed.refused())?;
        let sender = match &self.sender {
            None => None,
            Some(sender) => {
                let form = encoded(sender.reveal()).ok_or_else(unfit_key)?;
                Some(K::Public::from_encoded(&form).map_err(|_| unfit_key())?)
            }
        };
        self.open_with(key, &enc, sender.as_ref()).map_err(|_| CoreRefusal::OpenFailed.refused().into())
    }

    fn open_with<K: KemPrivateKey>(
        &self,
        key: &K,
        enc: &Encoded<K>,
        sender: Option<&K::Public>,
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let psk = self.psk.as_ref().map(|(secret, id)| Psk::new(secret.reveal(), id.reveal())).transpose()?;
        let (crypto, suite, info) = (&RustCrypto, self.suite, self.info.reveal());
        let mut receiver = match (&psk, sender) {
            (None, None) => Receiver::base(crypto, suite, enc, key, info)?,
            (Some(psk), None) => Receiver::psk(crypto, suite, enc, key, info, psk)?,
            (None, Some(sender)) => Receiver::auth(crypto, suite, enc, key, info, sender)?,
            (Some(psk), Some(sender)) => Receiver::auth_psk(crypto, suite, enc, key, info, (psk, sender))?,
        };
        receiver.skip_to(self.sequence)?;
        receiver.open(self.aad.reveal(), self.ciphertext.reveal())
    }
}
