//! The engine in software: keys in memory, and at rest in one sealed file.
//!
//! ```text
//!   perform ─► reads:   contents (shared) ─► operation ─► answer
//!           └► changes: copy of contents ─► change ─► sealed file replaced ─► contents ─► answer
//!                                                       every outcome ─► audit ring
//! ```
//! **Invariant:** a key, a state and a period's key count once the file that says so is on the medium.
use super::contents::{Contents, KIND, LEN_MAX, Slot};
use super::key::{KeyRef, KeyState, Role};
use super::message::{AUDIT_ANSWER_MAX, Answer, KeyUse, Request};
use super::{Entropy, PaymentError, PaymentVault};
use crate::sealed::{open_kind, seal_kind};
use crate::{PASSPHRASE_COST, Unlock, VaultError, file};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use symbolon_keys::Argon2Cost;
use symbolon_keys::keyblock::Operation;
use symbolon_keys::usage::{Key, Usage};
use symbolon_types::{CoreRefusal, UnixMs};
use symbolon_wire::cbor::from_slice;

mod account;
mod issuer;
mod lifecycle;
mod mac;
mod pin;

/// The most keys, erased ones included.
pub const KEYS_MAX: usize = 512;

/// The most periods, erased ones included: of 30 days each, for 80 years.
pub const PERIODS_MAX: usize = 1000;

/// The most uses of keys that the ring holds.
pub const AUDIT_LEN: usize = 10_000;

/// Where the keys lie, and what seals them anew.
#[derive(Debug)]
struct AtRest {
    path: PathBuf,
    unlock: Unlock,
    cost: Argon2Cost,
    /// Held while the engine lives: two engines over one file would overwrite each other's keys.
    _lock: File,
}

#[derive(Debug, Default)]
struct Audit {
    last: u64,
    ring: VecDeque<KeyUse>,
}

/// A payment vault in this process's memory. Dropping it wipes its keys.
#[derive(Debug)]
pub struct SoftwareEngine {
    contents: RwLock<Contents>,
    audit: Mutex<Audit>,
    at_rest: Option<AtRest>,
}

/// What one request is done with: its time, its entropy, and the keys that it used so far.
struct Call<'a> {
    now: UnixMs,
    entropy: &'a Entropy,
    used: Vec<String>,
}

/// What a key is taken for: whoever is retiring opens and checks, and makes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Make,
    Open,
}

impl Call<'_> {
    /// The key of a reference, of this role, in a state and with a mode that allow it.
    fn slot<'c>(
        &mut self,
        contents: &'c Contents,
        key: &KeyRef,
        roles: &[Role],
        purpose: Purpose,
        operation: Operation,
    ) -> Result<&'c Slot, PaymentError> {
        let slot = find(contents, key, self.now);
        let generation = slot.map(|slot| slot.generation).or(key.generation).unwrap_or(0);
        self.used.push(format!("{}/{generation}", key.name));
        let slot = slot.ok_or(CoreRefusal::NotFound)?;
        if !roles.contains(&slot.role) || !allows(&slot.mode, operation) {
            return Err(CoreRefusal::KeyUsage.into());
        }
        match (slot.state(self.now), purpose) {
            (KeyState::Active, _) | (KeyState::Retiring, Purpose::Open) => Ok(slot),
            _ => Err(PaymentError::KeyState),
        }
    }

    /// The same, typed.
    fn key<U: Usage>(
        &mut self,
        contents: &Contents,
        key: &KeyRef,
        role: Role,
        purpose: Purpose,
        operation: Operation,
    ) -> Result<Key<U>, PaymentError> {
        typed(self.slot(contents, key, &[role], purpose, operation)?)
    }
}

/// A slot's key; the caller has asked for its role.
fn typed<U: Usage>(slot: &Slot) -> Result<Key<U>, PaymentError> {
    Ok(Key::new(slot.algorithm.of_keys(), slot.key.reveal())?)
}

/// The key of a reference; without a generation the active one.
fn find<'c>(contents: &'c Contents, key: &KeyRef, now: UnixMs) -> Option<&'c Slot> {
    contents.slots.iter().filter(|slot| slot.name == key.name).find(|slot| match key.generation {
        Some(generation) => slot.generation == generation,
        None => slot.state(now) == KeyState::Active,
    })
}

/// Whether a mode of use allows an operation (X9.143 table 4).
fn allows(mode: &str, operation: Operation) -> bool {
    let modes = match operation {
        Operation::Encipher => "BEN",
        Operation::Decipher => "BDN",
        Operation::Generate => "CGN",
        Operation::Verify => "CVN",
        Operation::Derive => "XN",
    };
    modes.contains(mode)
}

impl SoftwareEngine {
    /// Without a file: its keys live as long as it does.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::holding(Contents::empty(), None)
    }

    fn holding(contents: Contents, at_rest: Option<AtRest>) -> Self {
        Self { contents: RwLock::new(contents), audit: Mutex::default(), at_rest }
    }

    /// An empty vault in a new file, a passphrase at [`PASSPHRASE_COST`]. `entropy` is 32 random bytes that are used for nothing else.
    ///
    /// # Errors
    /// As [`SoftwareVault::create`](crate::SoftwareVault::create); [`VaultError::Io`] `ResourceBusy` when another engine has the file.
    pub fn create(path: &Path, unlock: &Unlock, entropy: &Entropy) -> Result<Self, VaultError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(VaultError::Exists);
        }
        let lock = lock(path)?;
        let contents = Contents::empty();
        let sealed = seal_kind(&KIND, &contents.plaintext(), unlock, PASSPHRASE_COST, entropy)?;
        file::write_new(path, &sealed)?;
        let at_rest =
            AtRest { path: path.into(), unlock: unlock.clone(), cost: PASSPHRASE_COST, _lock: lock };
        Ok(Self::holding(contents, Some(at_rest)))
    }

    /// The vault of a sealed file.
    ///
    /// # Errors
    /// As [`SoftwareVault::open`](crate::SoftwareVault::open); [`VaultError::Io`] `ResourceBusy` when another engine has the file.
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, VaultError> {
        let file = File::open(path)?;
        let lock = lock(path)?;
        // Whoever had the lock before may have put a newer file in its place.
        drop(file);
        let bytes = file::read_bounded(File::open(path)?, LEN_MAX)?.ok_or(VaultError::Damaged)?;
        let (_, plaintext, cost) = open_kind(&KIND, &bytes, unlock)?;
        let contents = from_slice(plaintext.reveal()).map_err(|_| VaultError::Damaged)?;
        let cost = cost.unwrap_or(PASSPHRASE_COST);
        let at_rest = AtRest { path: path.into(), unlock: unlock.clone(), cost, _lock: lock };
        Ok(Self::holding(contents, Some(at_rest)))
    }

    /// Makes a change on a copy, puts it on the medium, and only then takes it.
    fn change<T>(
        &self,
        entropy: &Entropy,
        change: impl FnOnce(&mut Contents) -> Result<T, PaymentError>,
    ) -> Result<T, PaymentError> {
        let mut contents = self.contents.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = contents.clone();
        let made = change(&mut next)?;
        if let Some(at_rest) = &self.at_rest {
            let plaintext = next.plaintext();
            let sealed = seal_kind(&KIND, &plaintext, &at_rest.unlock, at_rest.cost, entropy)?;
            if sealed.len() > LEN_MAX {
                return Err(PaymentError::Full);
            }
            file::replace(&at_rest.path, &sealed)?;
        }
        *contents = next;
        Ok(made)
    }

    /// What the operations read.
    fn read<T>(
        &self,
        operation: impl FnOnce(&Contents) -> Result<T, PaymentError>,
    ) -> Result<T, PaymentError> {
        operation(&self.contents.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn dispatch(&self, request: &Request, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        match request {
            Request::List(()) => self.list(call.now),
            Request::Generate(new) => self.generate(new, call),
            Request::Import(import) => self.import(import, call),
            Request::Export(export) => self.export(export, call),
            Request::Activate(activate) => self.activate(activate, call),
            Request::Retire(key) => self.retire(key, call),
            Request::Erase(key) => self.erase(key, call),
            Request::CeremonyBegin(begin) => self.ceremony_begin(begin, call),
            Request::CeremonyComponent(component) => self.ceremony_component(component, call),
            Request::CeremonyFinish(name) => self.ceremony_finish(name, call),
            Request::CeremonyAbandon(name) => self.ceremony_abandon(name, call),
            Request::TranslatePin(translate) => {
                self.read(|contents| pin::translate(contents, translate, call))
            }
            Request::CheckPin(check) => self.read(|contents| pin::check(contents, check, call)),
            Request::OpenAccount(open) => self.open_account(open, call),
            Request::SealAccount(seal) => self.seal_account(seal, call),
            Request::ReencryptAccount(reencrypt) => {
                self.read(|contents| account::reencrypt(contents, reencrypt, call))
            }
            Request::ErasePeriod(number) => self.erase_period(*number, call),
            Request::Mac(make) => self.read(|contents| mac::make(contents, make, call)),
            Request::VerifyMac(verify) => self.read(|contents| mac::verify(contents, verify, call)),
            Request::CheckCryptogram(check) => {
                self.read(|contents| issuer::cryptogram(contents, check, call))
            }
            Request::CheckCardValue(check) => self.read(|contents| issuer::card_value(contents, check, call)),
            Request::TakeAudit(after) => Ok(Answer::Audit(self.audit_after(*after))),
        }
    }

    fn audit_after(&self, after: u64) -> Vec<KeyUse> {
        let audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        audit.ring.iter().filter(|row| row.sequence > after).take(AUDIT_ANSWER_MAX).cloned().collect()
    }

    fn record(&self, request: &Request, call: Call<'_>, outcome: u16) {
        if matches!(request, Request::List(()) | Request::TakeAudit(_)) {
            return;
        }
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = if call.used.is_empty() { vec![String::new()] } else { call.used };
        for key in keys {
            audit.last = audit.last.saturating_add(1);
            let sequence = audit.last;
            let operation = request.operation().into();
            audit.ring.push_back(KeyUse { sequence, at: call.now, key, operation, outcome });
        }
        let over = audit.ring.len().saturating_sub(AUDIT_LEN);
        audit.ring.drain(..over);
    }
}

impl PaymentVault for SoftwareEngine {
    fn perform(&self, request: &Request, now: UnixMs, entropy: &Entropy) -> Result<Answer, PaymentError> {
        let mut call = Call { now, entropy, used: Vec::new() };
        let outcome = self.dispatch(request, &mut call);
        self.record(request, call, outcome.as_ref().err().map_or(0, |error| error.code()));
        outcome
    }
}

/// The lock of a vault's file: a file of its own beside it, since the vault's is replaced.
fn lock(path: &Path) -> Result<File, VaultError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(VaultError::Io(ErrorKind::ResourceBusy)),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
