//! System 0: the platform's own rows. API keys with scopes; the first administrator's key, which is used once.
//!
//! ```text
//!   FoundPlatform(hash of the one-time key) ──RedeemFirstKey──► a key with the scope `admin` ──AddKey, RevokeKey──► others
//! ```
//! **Invariant:** only hashes of keys are in the log and in the tables.
use symbolon_state::{Ctx, Rows, System, Table, commands};
use symbolon_types::{CoreRefusal, Hash, UnixMs};
use symbolon_wire::cbor::{Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::{cbor_enum, cbor_map};

extern crate alloc;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything, and the keys themselves.
    Admin,
    /// Opening accounts, inviting devices and payees, moving money in.
    Operate,
    /// Reading.
    Read,
}

impl Scope {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operate => "operate",
            Self::Read => "read",
        }
    }

    /// The scope of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::Operate, Self::Read].into_iter().find(|scope| scope.name() == name)
    }
}

impl Cbor for Scope {
    fn encode(&self, out: &mut Encoder) {
        out.text(self.name());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::from_name(input.text()?).ok_or(Malformed)
    }
}

/// The most scopes that one key is given.
const SCOPES_MAX: usize = 8;

const KEYS: Table<Hash, KeyRow> = Table::new(1, "platform.keys");
const FIRST: Table<(), FirstRow> = Table::new(2, "platform.first");

pub(crate) const TABLES: [(u16, &str); 2] = [(KEYS.id(), KEYS.name()), (FIRST.id(), FIRST.name())];

cbor_map! {
    /// An API key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyRow {
        /// What people call it.
        1 => name: String,
        /// What it may be used for.
        2 => scopes: Vec<Scope>,
        /// When it was added.
        3 => added_at: UnixMs,
        /// No longer valid.
        4 => revoked: bool,
    }

    /// The first administrator's one-time key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FirstRow {
        /// SHA-256 of it.
        1 => one_time: Hash,
        /// The key that it was exchanged for.
        2 => redeemed: Option<Hash>,
    }

    /// Founds the platform: the first command of a log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FoundPlatform {
        /// SHA-256 of the first administrator's one-time key.
        1 => one_time: Hash,
    }

    /// Exchanges the one-time key for a lasting one.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RedeemFirstKey {
        /// SHA-256 of the one-time key.
        1 => one_time: Hash,
        /// SHA-256 of the lasting key.
        2 => key: Hash,
    }

    /// Adds a key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AddKey {
        /// SHA-256 of the key.
        1 => key: Hash,
        /// What people call it, 1 to 80 bytes.
        2 => name: String,
        /// What it may be used for.
        3 => scopes: Vec<Scope>,
    }

    /// Revokes a key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RevokeKey {
        /// SHA-256 of the key.
        1 => key: Hash,
    }
}

commands! {
    /// The platform's own commands.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum PlatformCommand {
        /// Founds the platform.
        1 v 1 => Found(FoundPlatform),
        /// Exchanges the one-time key.
        2 v 1 => RedeemFirst(RedeemFirstKey),
        /// Adds a key.
        3 v 1 => AddKey(AddKey),
        /// Revokes a key.
        4 v 1 => RevokeKey(RevokeKey),
    }
}

cbor_enum! {
    /// What the platform answers.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum PlatformOutcome {
        /// Refused, by number.
        0 => Refused(u16),
        /// Done.
        1 => Done(()),
    }
}

/// System 0.
pub struct Platform;

impl System for Platform {
    const NUMBER: u8 = 0;
    type Command = PlatformCommand;
    type Outcome = PlatformOutcome;

    fn apply(rows: &mut dyn Rows, ctx: &Ctx, command: PlatformCommand) -> PlatformOutcome {
        let done = match command {
            PlatformCommand::Found(command) => found(rows, &command),
            PlatformCommand::RedeemFirst(command) => redeem(rows, ctx, &command),
            PlatformCommand::AddKey(command) => add(rows, ctx, &command),
            PlatformCommand::RevokeKey(command) => revoke(rows, &command),
        };
        match done {
            Ok(()) => PlatformOutcome::Done(()),
            Err(refusal) => PlatformOutcome::Refused(refusal.refused().code),
        }
    }
}

fn found(rows: &mut dyn Rows, command: &FoundPlatform) -> Result<(), CoreRefusal> {
    if FIRST.get(rows, &()).is_some() {
        return Err(CoreRefusal::Conflict);
    }
    FIRST.put(rows, &(), &FirstRow { one_time: command.one_time, redeemed: None });
    Ok(())
}

fn redeem(rows: &mut dyn Rows, ctx: &Ctx, command: &RedeemFirstKey) -> Result<(), CoreRefusal> {
    let first = FIRST.get(rows, &()).filter(|first| first.one_time == command.one_time);
    let first = first.ok_or(CoreRefusal::Unauthorised)?;
    match first.redeemed {
        Some(key) if key == command.key => return Ok(()),
        Some(_) => return Err(CoreRefusal::Unauthorised),
        None => {}
    }
    FIRST.put(rows, &(), &FirstRow { redeemed: Some(command.key), ..first });
    let row = KeyRow {
        name: "first administrator".into(),
        scopes: vec![Scope::Admin],
        added_at: ctx.at,
        revoked: false,
    };
    KEYS.put(rows, &command.key, &row);
    Ok(())
}

fn add(rows: &mut dyn Rows, ctx: &Ctx, command: &AddKey) -> Result<(), CoreRefusal> {
    if !(1..=80).contains(&command.name.len()) || !(1..=SCOPES_MAX).contains(&command.scopes.len()) {
        return Err(CoreRefusal::Malformed);
    }
    if KEYS.get(rows, &command.key).is_some() {
        return Err(CoreRefusal::Conflict);
    }
    let row = KeyRow {
        name: command.name.clone(),
        scopes: command.scopes.clone(),
        added_at: ctx.at,
        revoked: false,
    };
    KEYS.put(rows, &command.key, &row);
    Ok(())
}

fn revoke(rows: &mut dyn Rows, command: &RevokeKey) -> Result<(), CoreRefusal> {
    let row = KEYS.get(rows, &command.key).ok_or(CoreRefusal::NotFound)?;
    KEYS.put(rows, &command.key, &KeyRow { revoked: true, ..row });
    Ok(())
}

/// What a key may be used for; nothing when it is unknown or revoked. `key` is the SHA-256 of the key.
#[must_use]
pub fn scopes_of(rows: &dyn Rows, key: &Hash) -> Vec<Scope> {
    KEYS.get(rows, key).filter(|row| !row.revoked).map(|row| row.scopes).unwrap_or_default()
}

/// All keys by their hashes, at most `limit`.
#[must_use]
pub fn keys(rows: &dyn Rows, limit: usize) -> Vec<(Hash, KeyRow)> {
    KEYS.scan(rows, &(), None, limit)
}

/// What became of the one-time key of the first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstKey {
    /// This is not it.
    Another,
    /// It may still be used.
    Open,
    /// It was exchanged.
    Redeemed,
}

/// What became of the one-time key whose SHA-256 this is.
#[must_use]
pub fn first_key(rows: &dyn Rows, one_time: &Hash) -> FirstKey {
    match FIRST.get(rows, &()) {
        Some(row) if row.one_time == *one_time && row.redeemed.is_none() => FirstKey::Open,
        Some(row) if row.one_time == *one_time => FirstKey::Redeemed,
        _ => FirstKey::Another,
    }
}
