//! A platform on a data folder: opened, founded, ready to serve.
//!
//! ```text
//!   DIR/log/…  the order of commands      DIR/tables/…  the last checkpoint      DIR/vault, DIR/vault.key  the sealed keys
//!   DIR/first-administrator.key           the one-time key, until it is used
//! ```
use std::fmt;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symbolon_api::{Counters, Node, fresh_key, key_hash};
use symbolon_keys::RustCrypto;
use symbolon_log::{FileDisk, Log, LogError, Options, PointerState, Reading};
use symbolon_machine::{
    FirstKey, FoundPlatform, Machine, MachineError, PlatformCommand, Policy, Reader, Submission, Writer,
    first_key,
};
use symbolon_offline_payment::state::server_keys;
use symbolon_store::{DiskOptions, DiskTables, StoreError};
use symbolon_types::{CoreRefusal, Secret};
use symbolon_vault::{OfflinePaymentKeys, SoftwareVault, Unlock, Vault, VaultError};

/// Why a data folder could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it open.
    InUse(PathBuf),
    /// A file of it could not be read or written.
    Io(PathBuf, std::io::Error),
    /// The log refused.
    Log(LogError),
    /// The tables refused.
    Store(StoreError),
    /// The log and the tables do not make a machine.
    Machine(MachineError),
    /// The vault refused.
    Vault(VaultError),
    /// The vault's file is missing although the log holds commands: new keys would be of no use.
    VaultMissing(PathBuf),
    /// The vault at this path is not the one that the log was written with.
    VaultOther(PathBuf, VaultError),
    /// The platform could not be founded.
    Founding(CoreRefusal),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Log(error) => write!(f, "log: {error}"),
            Self::Store(error) => write!(f, "tables: {error}"),
            Self::Machine(error) => error.fmt(f),
            Self::Vault(error) => write!(f, "vault: {error}"),
            Self::VaultMissing(path) => write!(
                f,
                "{} is missing although the log holds commands: bring it back from a copy; new keys would open and sign nothing of old",
                path.display()
            ),
            Self::VaultOther(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Founding(refusal) => write!(f, "founding: {refusal}"),
        }
    }
}

/// A platform that is ready.
pub struct Started {
    /// What the routes share.
    pub node: Node,
    /// What there is to tell the operator.
    pub notes: Vec<String>,
    /// Where the one-time key lies, if this start made it or it is still unused.
    pub first_key: Option<PathBuf>,
}

fn log_disk(data: &Path) -> Result<FileDisk, OpenError> {
    FileDisk::open(data.join("log")).map_err(|error| OpenError::Log(error.into()))
}

fn log_error(data: &Path) -> impl Fn(LogError) -> OpenError {
    move |error| match error {
        LogError::InUse => OpenError::InUse(data.to_owned()),
        other => OpenError::Log(other),
    }
}

/// Opens the log in a data folder for reading alone.
pub fn read_log(data: &Path) -> Result<Reading<FileDisk>, OpenError> {
    Reading::open(log_disk(data)?).map_err(log_error(data))
}

/// Opens the tables in a data folder.
pub fn open_tables(data: &Path) -> Result<DiskTables, OpenError> {
    DiskTables::open(&data.join("tables"), DiskOptions::default()).map_err(|error| match error {
        StoreError::Locked => OpenError::InUse(data.to_owned()),
        other => OpenError::Store(other),
    })
}

/// How a platform is opened.
#[derive(Default)]
pub struct Settings {
    /// Unlocks the vault; without one a key file beside it does.
    pub passphrase: Option<Secret<String>>,
    /// The length of log segments made from now on; 64 MiB unless told.
    pub segment_bytes: Option<u64>,
    /// Cuts a bad tail of the log although its pointer file is lost: what is cut may have been acknowledged.
    pub danger_accept_lost_pointer: bool,
}

/// Opens or founds the platform in `data`.
pub fn open(data: &Path, settings: Settings) -> Result<Started, OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(|error| OpenError::Io(data.to_owned(), error))?;
    let usual = Options::default();
    let options = Options {
        segment_bytes: settings.segment_bytes.unwrap_or(usual.segment_bytes),
        accept_lost_pointer: settings.danger_accept_lost_pointer,
    };
    let (log, found) = Log::open(log_disk(data)?, options).map_err(log_error(data))?;
    let vault = open_vault(data, settings.passphrase, log.head().sequence == 0)?;
    let (machine, opened) =
        Machine::open(log, found, open_tables(data)?, Policy::default()).map_err(OpenError::Machine)?;
    let fresh = machine.head().sequence == 0;
    let (writer, reader) = Writer::start(machine, symbolon_transport::clock::wall);
    let vault: Box<dyn Vault> = Box::new(vault);
    check_vault(data, &reader, vault.as_ref())?;
    let (crypto, counters, rotation) = (RustCrypto, Counters::default(), tokio::sync::Mutex::default());
    let node = Node { writer: Arc::new(writer), reader, vault, crypto, counters, rotation };
    let first_key = data.join("first-administrator.key");
    if fresh {
        found_platform(&node, data, &first_key)?;
    }
    let unused = first_key_unused(&node, &first_key)?;
    Ok(Started { node, notes: notes(&opened), first_key: unused.then_some(first_key) })
}

/// Refuses a vault that lacks a server key which the log knows, or holds another in its place.
fn check_vault(data: &Path, reader: &Reader<DiskTables>, vault: &dyn Vault) -> Result<(), OpenError> {
    let (_, known) = reader.read(server_keys).map_err(OpenError::Founding)?;
    for (generation, known) in known {
        OfflinePaymentKeys::known(vault, (generation, Some(known.key)))
            .map_err(|error| OpenError::VaultOther(data.join("vault"), error))?;
    }
    Ok(())
}

/// Whether the one-time key still waits for its use. The file of one that was used is removed.
fn first_key_unused(node: &Node, path: &Path) -> Result<bool, OpenError> {
    let Ok(read) = std::fs::read_to_string(path) else { return Ok(false) };
    let state = key_hash(read.trim()).map(|hash| node.reader.read(|rows| first_key(rows, &hash)));
    match state {
        Some(Ok((_, FirstKey::Redeemed))) => {
            std::fs::remove_file(path).map_err(|error| OpenError::Io(path.to_owned(), error))?;
            Ok(false)
        }
        Some(Ok((_, FirstKey::Open))) => Ok(true),
        _ => Ok(false),
    }
}

fn notes(opened: &symbolon_machine::Opened) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(torn) = opened.log.torn {
        notes.push(format!(
            "a torn tail of the log was cut, {} bytes that nobody had been answered for",
            torn.bytes
        ));
    }
    if opened.log.pointer == PointerState::Lost {
        notes.push("the log's pointer file was lost: whether the last batch before the stop is there cannot be known".into());
    }
    if opened.replayed > 0 {
        notes.push(format!("{} commands replayed since the last checkpoint", opened.replayed));
    }
    notes
}

fn open_vault(
    data: &Path,
    passphrase: Option<Secret<String>>,
    fresh: bool,
) -> Result<SoftwareVault, OpenError> {
    let (path, key_file) = (data.join("vault"), data.join("vault.key"));
    let by_key_file = passphrase.is_none();
    let unlock = passphrase.map_or_else(|| Unlock::KeyFile(key_file.clone()), Unlock::Passphrase);
    if path.exists() {
        return SoftwareVault::open(&path, &unlock).map_err(OpenError::Vault);
    }
    if !fresh {
        return Err(OpenError::VaultMissing(path));
    }
    if by_key_file && !key_file.exists() {
        symbolon_vault::entropy()
            .and_then(|key| symbolon_vault::create_key_file(&key_file, &key))
            .map_err(OpenError::Vault)?;
    }
    let entropy = symbolon_vault::entropy().map_err(OpenError::Vault)?;
    SoftwareVault::create(&path, &unlock, &entropy).map_err(OpenError::Vault)
}

/// A file of mode 0600, whole or not at all, and its name durable too.
fn write_key(data: &Path, path: &Path, key: &Secret<String>) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(key.reveal().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(data)?.sync_all()
}

/// Writes the one-time key, durably, then founds the platform on its hash: a crash in between finds the file and uses it.
fn found_platform(node: &Node, data: &Path, path: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::Io(path.to_owned(), error);
    let found = std::fs::read_to_string(path).ok().filter(|found| key_hash(found.trim()).is_some());
    let key = match found {
        Some(found) => Secret::new(found.trim().to_owned()),
        None => {
            let key = fresh_key().map_err(OpenError::Founding)?;
            write_key(data, path, &key).map_err(io)?;
            key
        }
    };
    let one_time = key_hash(key.reveal()).ok_or(OpenError::Founding(CoreRefusal::Malformed))?;
    let command = PlatformCommand::Found(FoundPlatform { one_time });
    node.writer.submit_and_wait(Submission::natural(command)).map_err(OpenError::Founding)?;
    Ok(())
}
