//! What a terminal keeps: where it is set up for, its keys, its audit number, and what is not answered yet. One file, written whole, synced and renamed.
use crate::report::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use symbolon_keys::dukpt::tdes::{self, Terminal, Transaction};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_transport::lock;
use symbolon_types::{Amount, CoreRefusal, Currency, Secret, UnixMs, hex_parse, hex_upper};
use zeroize::{Zeroize, Zeroizing};

/// What a terminal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 0200.
    Pay,
    /// 0100.
    Authorise,
    /// 0200, processing code 20.
    Refund,
}

impl Kind {
    /// The message type of 1987.
    pub fn mti(self) -> u16 {
        if self == Self::Authorise { 100 } else { 200 }
    }
}

/// Where it is set up for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Address and port.
    pub host: String,
    /// Field 41.
    pub terminal: [u8; 8],
    /// Three letters.
    pub currency: String,
    /// A name, or a file.
    pub dialect: String,
    /// 1987 or 1993.
    pub version: u16,
    /// How messages are cut.
    pub framing: String,
    /// Field 32.
    pub institution: Option<u64>,
}

/// A request, without its card.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// What for.
    pub kind: Kind,
    /// Field 11.
    pub audit: u32,
    /// Field 7.
    pub at_ms: u64,
    /// Field 4.
    pub minor: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    setup: Setup,
    /// The registers of future keys, in hexadecimal; wiped when dropped.
    keys: Option<String>,
    audit: u32,
    open: Option<Asked>,
    last: Option<Asked>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// The store, held while it is open.
pub struct Store {
    /// Where it is set up for.
    pub setup: Setup,
    path: PathBuf,
    kept: Kept,
    _lock: File,
}

const AUDIT_MAX: u32 = 999_999;

fn io(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::Misuse(format!("{}: {error}", path.display()))
}

fn refused() -> Failure {
    Failure::unverified(CoreRefusal::KsnInvalid)
}

impl Store {
    /// Makes the store of a terminal, with its initial key and the serial number of that, if it has one.
    pub fn create(folder: &Path, setup: Setup, keys: Option<([u8; 16], [u8; 10])>) -> Result<(), Failure> {
        lock::private_dir(folder).map_err(|error| Failure::Misuse(error.to_string()))?;
        let path = folder.join("terminal.json");
        if path.exists() {
            return Err(Failure::Misuse(format!("{}: there is a terminal already", folder.display())));
        }
        let keys = match keys {
            None => None,
            Some((key, serial)) => {
                let key = Secret::new(key);
                let key: Key<usage::Initial> =
                    Key::new(KeyAlgorithm::Tdes2, key.reveal()).map_err(|_| refused())?;
                let serial = tdes::Ksn::new(&serial).map_err(|_| refused())?;
                let terminal = Terminal::load(&key, &serial).map_err(|_| refused())?;
                Some(hex_upper(terminal.image().reveal()))
            }
        };
        let kept = Kept { setup: setup.clone(), keys, audit: 0, open: None, last: None };
        let lock = lock::locked(&folder.join("lock")).map_err(|error| Failure::Misuse(error.to_string()))?;
        Self { setup, path, kept, _lock: lock }.save()
    }

    /// Opens the store; one process at a time has it.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("terminal.json");
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(io(&path))?);
        let lock = lock::locked(&folder.join("lock")).map_err(|error| Failure::Misuse(error.to_string()))?;
        let kept: Kept = serde_json::from_str(&text)
            .map_err(|_| Failure::Misuse(format!("{}: is no terminal's store", path.display())))?;
        Ok(Self { setup: kept.setup.clone(), path, kept, _lock: lock })
    }

    fn save(&self) -> Result<(), Failure> {
        let text = Zeroizing::new(serde_json::to_string(&self.kept).unwrap_or_default());
        let fresh = lock::with_suffix(&self.path, ".new");
        let told = |error: symbolon_transport::TransportError| Failure::Misuse(error.to_string());
        lock::remove(&fresh).map_err(told)?;
        let mut file = lock::private(&fresh).map_err(told)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io(&fresh))?;
        fs::rename(&fresh, &self.path).map_err(io(&self.path))?;
        self.path.parent().map_or(Ok(()), lock::sync_dir).map_err(told)
    }

    /// What may be told.
    pub fn status(&self) -> Value {
        let keys = self.kept.keys.is_some();
        json!({
            "terminal": String::from_utf8_lossy(&self.setup.terminal).trim_end(), "host": self.setup.host,
            "audit": self.kept.audit, "keys": keys, "open": self.kept.open, "last": self.kept.last,
        })
    }

    /// The request that is not answered yet.
    pub fn open_request(&self) -> Option<Asked> {
        self.kept.open.clone()
    }

    /// The last that was approved.
    pub fn last(&self) -> Option<Asked> {
        self.kept.last.clone()
    }

    /// The currency.
    pub fn money(&self, asked: &Asked) -> Option<Amount> {
        Amount::new(asked.minor, Currency::from_alpha(&self.setup.currency)?).ok()
    }

    fn next_audit(&mut self) -> u32 {
        self.kept.audit = if self.kept.audit >= AUDIT_MAX { 1 } else { self.kept.audit + 1 };
        self.kept.audit
    }

    /// A new request, durable as not answered, with the key of its transaction.
    pub fn ask(&mut self, kind: Kind, amount: Amount) -> Result<(Asked, Option<Transaction>), Failure> {
        let audit = self.next_audit();
        let at_ms = symbolon_transport::clock::wall().0;
        let asked = Asked { kind, audit, at_ms, minor: amount.minor() };
        self.kept.open = Some(asked.clone());
        let transaction = self.transaction()?;
        Ok((asked, transaction))
    }

    /// A number for the reversal of `asked`, which is not answered until that is.
    pub fn reverse(&mut self, asked: &Asked) -> Result<u32, Failure> {
        self.kept.open = Some(asked.clone());
        let audit = self.next_audit();
        self.save()?;
        Ok(audit)
    }

    /// The next audit number, durable.
    pub fn number(&mut self) -> Result<u32, Failure> {
        let audit = self.next_audit();
        self.save()?;
        Ok(audit)
    }

    /// The key of one more transaction: the store has moved past it.
    pub fn transaction(&mut self) -> Result<Option<Transaction>, Failure> {
        let Some(image) = &self.kept.keys else {
            self.save()?;
            return Ok(None);
        };
        let image = Zeroizing::new(hex_parse(image).ok_or_else(refused)?);
        let (terminal, _) = Terminal::open(&image).map_err(|_| refused())?;
        let mut step = terminal.next().map_err(|_| refused())?;
        // They last together: the file is written whole.
        while step.write().is_some() {}
        let (terminal, transaction) = step.finish().map_err(|_| refused())?;
        self.kept.keys.zeroize();
        self.kept.keys = Some(hex_upper(terminal.image().reveal()));
        self.save()?;
        Ok(Some(transaction))
    }

    /// Nothing is open any more; `last` can be reversed.
    pub fn answered(&mut self, last: Option<Asked>) -> Result<(), Failure> {
        self.kept.open = None;
        self.kept.last = last;
        self.save()
    }

    /// When a request was made.
    pub fn at(asked: &Asked) -> UnixMs {
        UnixMs(asked.at_ms)
    }
}
