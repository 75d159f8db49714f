//! Issuer scripts: `script-mac`, `encipher`, `pin-change`.
//!
//! **Invariant:** as the family's: a refusal names the field, never its value.
use super::{aes, card, key, many, one, option, refused, required, required_scheme};
use crate::report::{Failure, Outcome};
use crate::tool::flags::{Flags, wrong};
use symbolon_keys::emv::{
    self, EmvError, Encipherment, IssuerAc, IssuerMaster, IssuerSmc, IssuerSmi, PinChange, ScriptKeys,
    SessionSmc, SessionSmi, icc_master,
};
use symbolon_keys::usage::Key;
use symbolon_types::hex_upper;

pub fn script_mac(mut flags: Flags) -> Outcome {
    let aes = aes(&mut flags)?;
    let key: Key<SessionSmi> = key(&mut flags, "session-key", aes)?;
    let data = flags.required_bytes("data")?;
    flags.end()?;
    let mac = emv::script_mac(&key, data.reveal()).map_err(refused)?;
    Ok(one("mac", &hex_upper(mac.reveal())))
}

const FORMS: [(&str, Encipherment); 3] =
    [("visa", Encipherment::LengthAndEcb), ("emv", Encipherment::Cbc), ("mchip", Encipherment::CbcAsNeeded)];

pub fn encipher(mut flags: Flags) -> Outcome {
    let aes = aes(&mut flags)?;
    let key: Key<SessionSmc> = key(&mut flags, "session-key", aes)?;
    let data = flags.required_bytes("data")?;
    let form = flags.choice("form", &FORMS)?.ok_or_else(|| wrong("form", "is missing"))?;
    flags.end()?;
    let made = emv::encipher(&key, form, data.reveal()).map_err(refused)?;
    Ok(one("data", &hex_upper(&made)))
}

pub fn pin_change(mut flags: Flags) -> Outcome {
    let scheme = required_scheme(&mut flags)?;
    let (option, aes) = option(&mut flags)?;
    let card = card(&mut flags)?;
    fn derived<I: IssuerMaster>(
        flags: &mut Flags,
        name: &str,
        aes: bool,
        derive: impl Fn(&Key<I>) -> Result<Key<I::Icc>, EmvError>,
    ) -> Result<Key<I::Icc>, Failure> {
        derive(&key::<I>(flags, name, aes)?).map_err(refused)
    }
    let keys = ScriptKeys {
        ac: derived::<IssuerAc>(&mut flags, "imk-ac", aes, |key| icc_master(key, option, &card))?,
        smi: derived::<IssuerSmi>(&mut flags, "imk-smi", aes, |key| icc_master(key, option, &card))?,
        smc: derived::<IssuerSmc>(&mut flags, "imk-smc", aes, |key| icc_master(key, option, &card))?,
    };
    let change =
        PinChange { scheme, atc: required(&mut flags, "atc")?, cryptogram: required(&mut flags, "arqc")? };
    let (pin, current) = (flags.required_text("pin")?, flags.text("current-pin")?);
    flags.end()?;
    let current = current.as_ref().map(|pin| pin.reveal().as_str());
    let (command, block) = emv::pin_change(&keys, &change, pin.reveal(), current).map_err(refused)?;
    let command = command.encode().map_err(|_| refused(EmvError::Field("data")))?;
    Ok(many(&[("command", hex_upper(&command)), ("pin_block", hex_upper(block.reveal()))]))
}
