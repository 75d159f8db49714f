//! `symbolon tool emv`: keys, cryptograms, scripts and card verification values, computed in `core/keys`.
//!
//! **Invariant:** a refusal names the field, never its value.
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::{Value, json};
use symbolon_keys::cipher::{Padding, check_value, cmac};
use symbolon_keys::emv::{
    AccountNumber, Card, EmvError, IccAc, IssuerAc, IssuerMaster, MasterKeyOption, SCHEMES, Scheme,
    SessionAc, SessionDerivation, Tree, arpc_method_1, arpc_method_2, cryptogram, icc_master, session,
    verify_cryptogram,
};
use symbolon_keys::usage::{Key, KeyAlgorithm, Usage};
use symbolon_types::{CoreRefusal, Secret, hex_upper};

mod script;
mod values;

/// `symbolon tool emv --help`.
pub const HELP: &str = "\
symbolon tool emv cryptogram --scheme S --imk HEX --pan PAN --psn NN --atc HEX --data HEX [--un HEX] [--option a|b|c] [--padding emv|zero]
    the application cryptogram (ARQC, TC or AAC) of a card, and the session key that makes it
  S        cvn10, cvn18, cvn22 (Visa), csk (EMV common session key), mchip (M/Chip CVN 16, 17), mchip-csk (CVN 20, 21), cvn133 (Interac)
  --data   what the scheme MACs, before padding; --un is in the key of mchip and cvn133 only
  --option how the card's key is derived: a unless told otherwise; c is AES
symbolon tool emv verify  the same flags, and --cryptogram HEX          whether a cryptogram holds
  both also with a session key: --session-key HEX --data HEX [--padding emv|zero] [--algorithm tdes|aes]
symbolon tool emv arpc --method 1|2 --session-key HEX --arqc HEX (--arc HEX | --csu HEX [--prop HEX])        the issuer's answer
symbolon tool emv icc-key --imk HEX --pan PAN --psn NN [--option a|b|c]                                      the card's key
symbolon tool emv session-key --icc-mk HEX --method csk|mchip|visa-sm|tree [--r HEX | --atc HEX] [--un HEX] [--branch B --height H --iv HEX]
symbolon tool emv script-mac --session-key HEX --data HEX                                                    the MAC of a script command
symbolon tool emv encipher --session-key HEX --data HEX --form visa|emv|mchip                                the data of a script command
symbolon tool emv pin-change --scheme S --imk-ac HEX --imk-smi HEX --imk-smc HEX --pan PAN --psn NN --atc HEX --arqc HEX --pin P [--current-pin P]
symbolon tool emv cvv --cvk HEX --pan PAN --expiry YYMM --service CODE       CODE: the track's for CVV, 000 for CVV2, 999 for iCVV
symbolon tool emv dcvv --imk HEX --pan PAN --psn NN --atc DDDD --expiry YYMM --service CODE
symbolon tool emv cvc3 --imk HEX --pan PAN --psn NN (--track HEX | --ivcvc3 HEX) --atc HEX --un HEX [--digits N]
symbolon tool emv pvv --pvk HEX --pvki N --pan PAN --pin P
symbolon tool emv offset | pin --pvk HEX --table DIGITS --pan PAN --start N --length N --pad X (--pin P | --offset D)   IBM 3624
symbolon tool emv mac --key HEX --data HEX [--padding emv|zero]              the retail MAC, ISO/IEC 9797-1 algorithm 3
A key comes best from @FILE or -.

$ symbolon tool emv cryptogram --scheme csk --imk CDBC29E57AD5D310318F5E7A2579F80E --pan 3557379340772012 --psn 50 --atc E074 --data 26D8342E8912E3A9EECBB45E43030DB73DC97084
455DDB9368DDCC70 under 10BA04C8925D0DBC94675B20DA945BA7
$ symbolon tool emv arpc --method 1 --session-key 10BA04C8925D0DBC94675B20DA945BA7 --arqc 455DDB9368DDCC70 --arc 3030
530EAB383A9707C5
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "cryptogram" => make_cryptogram(flags),
        "verify" => verify(flags),
        "arpc" => arpc(flags),
        "icc-key" => icc_key(flags),
        "session-key" => session_key(flags),
        "script-mac" => script::script_mac(flags),
        "encipher" => script::encipher(flags),
        "pin-change" => script::pin_change(flags),
        "cvv" => values::cvv(flags),
        "dcvv" => values::dynamic_cvv(flags),
        "cvc3" => values::cvc3(flags),
        "pvv" => values::pvv(flags),
        "offset" => values::offset(flags),
        "pin" => values::pin(flags),
        "mac" => values::mac(flags),
        _ => Err(no_verb(
            "emv",
            "cryptogram, verify, arpc, icc-key, session-key, script-mac, encipher, pin-change, cvv, dcvv, cvc3, pvv, offset, pin, mac",
        )),
    }
}

/// A refusal, with the name of the field where there is one, in the detail too.
fn refused(error: EmvError) -> Failure {
    let refused = CoreRefusal::from(error).refused();
    let more = match error {
        EmvError::Field(name) => json!({
            "field": name,
            "refusal": { "code": refused.code, "name": refused.name, "detail": error.to_string() },
        }),
        _ => json!({}),
    };
    Failure::Refused { refused, more }
}

fn field(name: &'static str) -> Failure {
    refused(EmvError::Field(name))
}

/// One value under its name.
fn one(name: &str, value: &str) -> Report {
    Report { json: json!({ name: value }), text: value.to_owned() }
}

/// So many bytes, if they are there.
fn fixed<const N: usize>(flags: &mut Flags, name: &'static str) -> Result<Option<[u8; N]>, Failure> {
    let Some(bytes) = flags.bytes(name)? else { return Ok(None) };
    bytes.reveal().as_slice().try_into().map(Some).map_err(|_| field(name))
}

fn required<const N: usize>(flags: &mut Flags, name: &'static str) -> Result<[u8; N], Failure> {
    fixed(flags, name)?.ok_or_else(|| wrong(name, "is missing"))
}

const OPTIONS: [(&str, MasterKeyOption); 3] =
    [("a", MasterKeyOption::A), ("b", MasterKeyOption::B), ("c", MasterKeyOption::C)];
const PADDINGS: [(&str, Padding); 2] = [("emv", Padding::Bit), ("zero", Padding::Zeros)];

/// The option, and whether the keys are AES keys: they are under option C.
fn option(flags: &mut Flags) -> Result<(MasterKeyOption, bool), Failure> {
    let option = flags.choice("option", &OPTIONS)?;
    let aes = flags.choice("algorithm", &[("tdes", false), ("aes", true)])?;
    let aes = aes.unwrap_or(option == Some(MasterKeyOption::C));
    let usual = if aes { MasterKeyOption::C } else { MasterKeyOption::A };
    Ok((option.unwrap_or(usual), aes))
}

/// Whether a key that is given by itself is an AES key.
fn aes(flags: &mut Flags) -> Result<bool, Failure> {
    Ok(flags.choice("algorithm", &[("tdes", false), ("aes", true)])?.unwrap_or(false))
}

/// A key: triple DES of double length, or AES of the length that it has.
fn key_of<U: Usage>(bytes: &Secret<Vec<u8>>, aes: bool) -> Result<Key<U>, Failure> {
    let algorithm = match (aes, bytes.reveal().len()) {
        (false, _) => KeyAlgorithm::Tdes2,
        (true, 16) => KeyAlgorithm::Aes128,
        (true, 24) => KeyAlgorithm::Aes192,
        (true, _) => KeyAlgorithm::Aes256,
    };
    Key::new(algorithm, bytes.reveal()).map_err(|_| refused(EmvError::Key))
}

fn key<U: Usage>(flags: &mut Flags, name: &str, aes: bool) -> Result<Key<U>, Failure> {
    key_of(&flags.required_bytes(name)?, aes)
}

fn account(flags: &mut Flags) -> Result<AccountNumber, Failure> {
    AccountNumber::parse(flags.required_text("pan")?.reveal()).map_err(refused)
}

/// The account number and the sequence number, which is 00 where a card has none.
fn card(flags: &mut Flags) -> Result<Card, Failure> {
    let pan = account(flags)?;
    let Some(psn) = flags.text("psn")? else { return Card::new(pan, 0).map_err(refused) };
    let digits = psn.reveal();
    let psn =
        Some(digits).filter(|digits| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let psn = psn.and_then(|digits| digits.parse().ok()).ok_or_else(|| field("psn"))?;
    Card::new(pan, psn).map_err(refused)
}

/// The card's key, from `--imk`, `--pan`, `--psn`, `--option`.
fn derived<I: IssuerMaster>(flags: &mut Flags) -> Result<Key<I::Icc>, Failure> {
    let (option, aes) = option(flags)?;
    let issuer = key::<I>(flags, "imk", aes)?;
    icc_master(&issuer, option, &card(flags)?).map_err(refused)
}

fn scheme(flags: &mut Flags) -> Result<Option<&'static Scheme>, Failure> {
    let names: Vec<_> = SCHEMES.iter().map(|scheme| (scheme.name, scheme)).collect();
    flags.choice("scheme", &names)
}

fn required_scheme(flags: &mut Flags) -> Result<&'static Scheme, Failure> {
    scheme(flags)?.ok_or_else(|| wrong("scheme", "is missing"))
}

/// The key and the padding of a cryptogram: a session key as it is, or one derived from the issuer's.
fn cryptogram_key(flags: &mut Flags) -> Result<(Key<SessionAc>, Padding), Failure> {
    let padding = flags.choice("padding", &PADDINGS)?;
    if let Some(given) = flags.bytes("session-key")? {
        return Ok((key_of(&given, aes(flags)?)?, padding.unwrap_or(Padding::Bit)));
    }
    let scheme = required_scheme(flags)?;
    let (atc, un) = (required(flags, "atc")?, fixed(flags, "un")?);
    let session = scheme.session(&derived::<IssuerAc>(flags)?, atc, un);
    let session = session.map_err(|error| match error {
        EmvError::Field("un") => wrong("un", "is missing; the scheme's key takes it"),
        error => refused(error),
    })?;
    Ok((session, padding.unwrap_or(scheme.padding)))
}

fn make_cryptogram(mut flags: Flags) -> Outcome {
    let (key, padding) = cryptogram_key(&mut flags)?;
    let data = flags.required_bytes("data")?;
    flags.end()?;
    let made = cryptogram(&key, data.reveal(), padding).map_err(refused)?;
    let (made, key) = (hex_upper(made.reveal()), hex_upper(key.reveal()));
    Ok(Report {
        json: json!({ "cryptogram": made, "session_key": key }),
        text: format!("{made} under {key}"),
    })
}

fn verify(mut flags: Flags) -> Outcome {
    let received = required(&mut flags, "cryptogram")?;
    let (key, padding) = cryptogram_key(&mut flags)?;
    let data = flags.required_bytes("data")?;
    flags.end()?;
    match verify_cryptogram(&key, data.reveal(), padding, &received) {
        Ok(_) => Ok(Report { json: json!({ "ok": true }), text: "holds".to_owned() }),
        Err(error) => Err(Failure::unverified(CoreRefusal::from(error))),
    }
}

fn arpc(mut flags: Flags) -> Outcome {
    let method =
        flags.choice("method", &[("1", 1), ("2", 2)])?.ok_or_else(|| wrong("method", "is missing"))?;
    let aes = aes(&mut flags)?;
    let key: Key<SessionAc> = key(&mut flags, "session-key", aes)?;
    let arqc = required(&mut flags, "arqc")?;
    let made = if method == 1 {
        let code = required(&mut flags, "arc")?;
        flags.end()?;
        arpc_method_1(&key, &arqc, code).map(|arpc| hex_upper(arpc.reveal()))
    } else {
        let update = required(&mut flags, "csu")?;
        let proprietary = flags.bytes("prop")?.unwrap_or_else(|| Secret::new(Vec::new()));
        flags.end()?;
        arpc_method_2(&key, &arqc, update, proprietary.reveal()).map(|arpc| hex_upper(arpc.reveal()))
    };
    Ok(one("arpc", &made.map_err(refused)?))
}

/// A key and its check value: of a block of zeros, under AES its CMAC (X9.24-1 annex A).
fn with_check_value<U: Usage>(key: &Key<U>) -> Report {
    let check = match (key.tdes(), key.aes()) {
        (Ok(cipher), _) => hex_upper(&check_value::<8>(&cipher)),
        (_, Ok(cipher)) => {
            cmac(&cipher, &[&[0; 16]]).reveal().first_chunk::<3>().map_or_else(String::new, |c| hex_upper(c))
        }
        _ => String::new(),
    };
    let key = hex_upper(key.reveal());
    let text = format!("{key} check value {check}");
    Report { json: json!({ "key": key, "kcv": check }), text }
}

fn icc_key(mut flags: Flags) -> Outcome {
    let key = derived::<IssuerAc>(&mut flags)?;
    flags.end()?;
    Ok(with_check_value(&key))
}

#[derive(Clone, Copy)]
enum Method {
    Common,
    MChip,
    VisaScript,
    Tree,
}

fn session_key(mut flags: Flags) -> Outcome {
    let aes = aes(&mut flags)?;
    let icc: Key<IccAc> = key(&mut flags, "icc-mk", aes)?;
    let methods = [
        ("csk", Method::Common),
        ("mchip", Method::MChip),
        ("visa-sm", Method::VisaScript),
        ("tree", Method::Tree),
    ];
    let method = flags.choice("method", &methods)?.ok_or_else(|| wrong("method", "is missing"))?;
    let derivation = match method {
        Method::Common => match fixed(&mut flags, "r")? {
            Some(r) => SessionDerivation::Common(r),
            None => SessionDerivation::of_atc(required(&mut flags, "atc")?),
        },
        Method::MChip => {
            SessionDerivation::of_atc_and_un(required(&mut flags, "atc")?, required(&mut flags, "un")?)
        }
        Method::VisaScript => SessionDerivation::VisaScript(required(&mut flags, "atc")?),
        Method::Tree => tree(&mut flags)?,
    };
    flags.end()?;
    Ok(with_check_value(&session(&icc, &derivation).map_err(refused)?))
}

/// Branch factor 4, height 8 and an initial value of zeros, unless told otherwise.
fn tree(flags: &mut Flags) -> Result<SessionDerivation, Failure> {
    let (branch, height) = (flags.number("branch")?.unwrap_or(4), flags.number("height")?.unwrap_or(8));
    let tree = Tree::new(branch, height).map_err(refused)?;
    let iv = fixed(flags, "iv")?.unwrap_or_default();
    Ok(SessionDerivation::Tree { tree, atc: required(flags, "atc")?, iv })
}

/// Several values under their names, a line each.
fn many(values: &[(&str, String)]) -> Report {
    let json = values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    let lines: Vec<_> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
    Report { json: Value::Object(json), text: lines.join("\n") }
}
