//! How keys come, change their state, leave and go: generation, key blocks, ceremonies.
//!
//! **Invariant:** a key that comes in is not weak, and does nothing before it is activated. Components are combined inside and never told.
use super::super::contents::{Contents, Part, Pending, Slot, check_value_of, has_odd_parity, is_weak};
use super::super::key::{Algorithm, Export, KeyName, KeyRef, KeyState, Role};
use super::super::message::{
    Activate, Answer, BlockVersion, CeremonyBegin, CeremonyComponent, Clear, ExportKey, Import, NewKey,
};
use super::{Call, KEYS_MAX, PaymentError, Purpose, SoftwareEngine, find};
use symbolon_keys::cipher::{set_odd_parity, xor};
use symbolon_keys::keyblock::{
    self, Deprecated, Exportability, Header, Operation, Version, masked_len, padding_len,
};
use symbolon_keys::usage::KeyEncryption;
use symbolon_keys::{RustCrypto, derive32};
use symbolon_types::{CoreRefusal, UnixMs};
use zeroize::Zeroizing;

/// The most ceremonies that are begun at a time.
const PENDING_MAX: usize = 8;

/// What a key's header says beside its role.
struct Origin<'a> {
    usage: &'a str,
    mode: String,
    export: Export,
}

/// Adds a key as the next generation of its name. A name keeps its role.
fn add(
    contents: &mut Contents,
    name: &KeyName,
    (role, algorithm): (Role, Algorithm),
    origin: &Origin<'_>,
    key: &[u8],
) -> Result<Slot, PaymentError> {
    if !role.takes(algorithm) || key.len() != algorithm.of_keys().key_len() {
        return Err(CoreRefusal::KeyUnfit.into());
    }
    if is_weak(algorithm, key) {
        return Err(CoreRefusal::KeyWeak.into());
    }
    if contents.slots.len() >= KEYS_MAX {
        return Err(PaymentError::Full);
    }
    let mut before = contents.slots.iter().filter(|slot| slot.name == *name);
    if before.clone().any(|slot| slot.role != role) {
        return Err(CoreRefusal::Conflict.into());
    }
    let last = before.by_ref().map(|slot| slot.generation).max().unwrap_or(0);
    let slot = Slot {
        name: name.clone(),
        generation: last.checked_add(1).ok_or(PaymentError::Full)?,
        role,
        algorithm,
        usage: origin.usage.into(),
        mode: origin.mode.clone(),
        export: origin.export,
        set: KeyState::Loaded,
        until: None,
        check_value: check_value_of(algorithm, key)?,
        key: Clear::new(key),
    };
    contents.slots.push(slot.clone());
    Ok(slot)
}

fn own(new: &NewKey) -> Origin<'static> {
    Origin { usage: new.role.usage(), mode: "N".into(), export: new.export }
}

/// The slot of a reference with a generation, to change it.
fn slot_mut<'c>(contents: &'c mut Contents, key: &KeyRef) -> Result<&'c mut Slot, PaymentError> {
    let generation = key.generation.ok_or(CoreRefusal::FieldInvalid)?;
    let found = contents.slots.iter_mut().find(|slot| slot.name == key.name && slot.generation == generation);
    found.ok_or_else(|| CoreRefusal::NotFound.into())
}

fn used(call: &mut Call<'_>, slot: &Slot) -> Answer {
    call.used.push(format!("{}/{}", slot.name, slot.generation));
    Answer::Key(slot.info(call.now))
}

fn named(call: &mut Call<'_>, key: &KeyRef) {
    call.used.push(format!("{}/{}", key.name, key.generation.unwrap_or(0)));
}

impl SoftwareEngine {
    pub(super) fn list(&self, now: UnixMs) -> Result<Answer, PaymentError> {
        self.read(|contents| Ok(Answer::Keys(contents.slots.iter().map(|slot| slot.info(now)).collect())))
    }

    pub(super) fn generate(&self, new: &NewKey, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        let random = derive32(
            &RustCrypto,
            call.entropy.reveal(),
            b"symbolon/payment-vault/key",
            &[new.name.as_str().as_bytes(), &[new.role.code(), new.algorithm.code()]],
        );
        let mut key = Zeroizing::new(random.reveal().to_vec());
        key.truncate(new.algorithm.of_keys().key_len());
        if new.algorithm.is_tdes() {
            set_odd_parity(&mut key);
        }
        let slot = self.change(call.entropy, |contents| {
            add(contents, &new.name, (new.role, new.algorithm), &own(new), &key)
        })?;
        Ok(used(call, &slot))
    }

    pub(super) fn import(&self, import: &Import, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        let protection = self.read(|contents| {
            call.key::<KeyEncryption>(
                contents,
                &import.protection,
                Role::KeyProtection,
                Purpose::Open,
                Operation::Decipher,
            )
        })?;
        let opened = keyblock::unwrap(&protection, import.block.as_bytes())?;
        let key = opened.key.clone();
        let admitted = opened.admit()?;
        let header = admitted.header();
        let role = Role::of_usage(header.usage).ok_or(CoreRefusal::KeyUsage)?;
        let algorithm = Algorithm::of(header.algorithm, key.reveal().len()).ok_or(CoreRefusal::KeyUnfit)?;
        let export = match header.exportability {
            Exportability::Exportable => Export::Exportable,
            Exportability::NonExportable => Export::NonExportable,
            Exportability::Sensitive => Export::Sensitive,
        };
        let origin = Origin { usage: header.usage, mode: header.mode.to_string(), export };
        let slot = self.change(call.entropy, |contents| {
            add(contents, &import.name, (role, algorithm), &origin, key.reveal())
        })?;
        Ok(used(call, &slot))
    }

    pub(super) fn export(&self, export: &ExportKey, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        self.read(|contents| {
            let protection = call.key::<KeyEncryption>(
                contents,
                &export.protection,
                Role::KeyProtection,
                Purpose::Make,
                Operation::Encipher,
            )?;
            named(call, &export.key);
            if export.key.generation.is_none() {
                return Err(CoreRefusal::FieldInvalid.into());
            }
            let slot = find(contents, &export.key, call.now).ok_or(CoreRefusal::NotFound)?;
            if matches!(slot.state(call.now), KeyState::Retired | KeyState::Erased) {
                return Err(PaymentError::KeyState);
            }
            let exportability = match slot.export {
                Export::Exportable => Exportability::Exportable,
                Export::Sensitive => Exportability::Sensitive,
                Export::NonExportable => return Err(CoreRefusal::NotExportable.into()),
            };
            let version = match export.version {
                BlockVersion::B => Version::B,
                BlockVersion::D => Version::D,
                BlockVersion::E => Version::E,
            };
            let header = Header {
                version,
                usage: &slot.usage,
                algorithm: slot.algorithm.letter(),
                mode: slot.mode.chars().next().ok_or(CoreRefusal::Damaged)?,
                key_version: "00",
                exportability,
                context: '0',
                optional: hmac_block(slot.algorithm),
            };
            let key = slot.key.reveal();
            let padding = padding(version, slot.algorithm, key, call);
            let block = keyblock::wrap(&protection, &header, key, &padding, Deprecated::Refuse)?;
            Ok(Answer::Block(block))
        })
    }

    pub(super) fn activate(&self, activate: &Activate, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        let key = KeyRef::generation(&activate.name, activate.generation);
        named(call, &key);
        let now = call.now;
        let slot = self.change(call.entropy, |contents| {
            let next = slot_mut(contents, &key)?;
            if next.set != KeyState::Loaded {
                return Err(PaymentError::KeyState);
            }
            next.set = KeyState::Active;
            let next = next.clone();
            let others = contents.slots.iter_mut().filter(|slot| slot.name == activate.name);
            for slot in others.filter(|slot| slot.generation != activate.generation) {
                if slot.set == KeyState::Active {
                    slot.set = KeyState::Retiring;
                    slot.until = Some(activate.overlap_until);
                }
            }
            Ok(next)
        })?;
        Ok(Answer::Key(slot.info(now)))
    }

    pub(super) fn retire(&self, key: &KeyRef, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        named(call, key);
        let slot = self.change(call.entropy, |contents| {
            let slot = slot_mut(contents, key)?;
            if slot.set == KeyState::Erased {
                return Err(PaymentError::KeyState);
            }
            slot.set = KeyState::Retired;
            slot.until = None;
            Ok(slot.clone())
        })?;
        Ok(Answer::Key(slot.info(call.now)))
    }

    pub(super) fn erase(&self, key: &KeyRef, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        named(call, key);
        let slot = self.change(call.entropy, |contents| {
            let slot = slot_mut(contents, key)?;
            if matches!(slot.set, KeyState::Active | KeyState::Erased) {
                return Err(PaymentError::KeyState);
            }
            slot.set = KeyState::Erased;
            slot.until = None;
            slot.key = Clear::new(&[]);
            Ok(slot.clone())
        })?;
        Ok(Answer::Key(slot.info(call.now)))
    }

    pub(super) fn ceremony_begin(
        &self,
        begin: &CeremonyBegin,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        named(call, &KeyRef::active(&begin.key.name));
        if !matches!(begin.components, 2 | 3) {
            return Err(CoreRefusal::FieldInvalid.into());
        }
        if !begin.key.role.takes(begin.key.algorithm) {
            return Err(CoreRefusal::KeyUnfit.into());
        }
        self.change(call.entropy, |contents| {
            if contents.pending.iter().any(|pending| pending.key.name == begin.key.name) {
                return Err(PaymentError::Ceremony);
            }
            if contents.pending.len() >= PENDING_MAX {
                return Err(PaymentError::Full);
            }
            contents.pending.push(Pending {
                key: begin.key.clone(),
                components: begin.components,
                parts: Vec::new(),
            });
            Ok(Answer::Done(()))
        })
    }

    pub(super) fn ceremony_component(
        &self,
        brought: &CeremonyComponent,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        named(call, &KeyRef::active(&brought.name));
        let component = brought.component.reveal();
        self.change(call.entropy, |contents| {
            let pending = contents.pending.iter_mut().find(|pending| pending.key.name == brought.name);
            let pending = pending.ok_or(CoreRefusal::NotFound)?;
            let algorithm = pending.key.algorithm;
            if component.len() != algorithm.of_keys().key_len() {
                return Err(CoreRefusal::KeyUnfit.into());
            }
            if algorithm.is_tdes() && !has_odd_parity(component) {
                return Err(CoreRefusal::Parity.into());
            }
            let twice =
                |part: &Part| part.custodian == brought.custodian || part.component.reveal() == component;
            if pending.parts.len() >= usize::from(pending.components) || pending.parts.iter().any(twice) {
                return Err(PaymentError::Ceremony);
            }
            let custodian = brought.custodian.clone();
            pending.parts.push(Part { custodian, component: brought.component.clone() });
            Ok(Answer::Bytes(check_value_of(algorithm, component)?))
        })
    }

    pub(super) fn ceremony_finish(
        &self,
        name: &KeyName,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        named(call, &KeyRef::active(name));
        let slot = self.change(call.entropy, |contents| {
            let at = contents.pending.iter().position(|pending| pending.key.name == *name);
            let pending = contents.pending.remove(at.ok_or(CoreRefusal::NotFound)?);
            if pending.parts.len() != usize::from(pending.components) {
                return Err(PaymentError::Ceremony);
            }
            let algorithm = pending.key.algorithm;
            let mut key = Zeroizing::new(vec![0; algorithm.of_keys().key_len()]);
            pending.parts.iter().for_each(|part| xor(&mut key, part.component.reveal()));
            if algorithm.is_tdes() {
                // Three odd parities make an odd one, two an even one. What only the parity bits make is no key.
                if key.iter().all(|byte| byte & 0xFE == 0) {
                    return Err(CoreRefusal::KeyWeak.into());
                }
                set_odd_parity(&mut key);
            }
            let new = &pending.key;
            add(contents, name, (new.role, algorithm), &own(new), &key)
        })?;
        call.used.clear();
        Ok(used(call, &slot))
    }

    pub(super) fn ceremony_abandon(
        &self,
        name: &KeyName,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        named(call, &KeyRef::active(name));
        self.change(call.entropy, |contents| {
            let at = contents.pending.iter().position(|pending| pending.key.name == *name);
            contents.pending.remove(at.ok_or(CoreRefusal::NotFound)?);
            Ok(Answer::Done(()))
        })
    }
}

/// An HMAC key says its hash: HM 21 is SHA-256 (X9.143 §6.3.6.5).
fn hmac_block(algorithm: Algorithm) -> Vec<keyblock::OptionalBlock<'static>> {
    match algorithm {
        Algorithm::Hmac256 => vec![keyblock::OptionalBlock { id: "HM", data: "21" }],
        _ => Vec::new(),
    }
}

/// The random bytes that fill a block's payload up.
fn padding(version: Version, algorithm: Algorithm, key: &[u8], call: &Call<'_>) -> Zeroizing<Vec<u8>> {
    let wanted = padding_len(version, key.len(), masked_len(algorithm.letter()));
    let derive = |part: u8| {
        derive32(&RustCrypto, call.entropy.reveal(), b"symbolon/payment-vault/padding", &[&[part], key])
    };
    let mut padding = Zeroizing::new([derive(0), derive(1)].map(|part| *part.reveal()).concat());
    padding.truncate(wanted);
    padding
}
