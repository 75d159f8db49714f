//! Commands and the trait by which a system applies them.
use crate::Rows;
use alloc::vec::Vec;
use symbolon_types::UnixMs;
use symbolon_wire::cbor::{Cbor, Malformed};

/// What the writer stamps on a command: the same on every replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ctx {
    /// The batch's time: max(previous, wall clock). Never goes back.
    pub at: UnixMs,
    /// The command's place in the one order, from 1.
    pub sequence: u64,
}

/// One command of a system, with its stable numbers. Made by [`commands!`](crate::commands).
pub trait Command: Sized {
    /// The kind, unique within the system, never reused.
    fn kind(&self) -> u8;
    /// The version of the kind's body that is written today.
    fn version(&self) -> u8;
    /// The body: deterministic CBOR with numbered fields.
    fn body(&self) -> Vec<u8>;
    /// Reads a body of any version that was ever written, into the newest type.
    ///
    /// # Errors
    /// [`Malformed`] for an unknown kind or version, or a body that is not of it.
    fn read(kind: u8, version: u8, body: &[u8]) -> Result<Self, Malformed>;
}

/// Defines the enum of a system's commands: `kind version => Variant(Body)`; each body is [`Cbor`].
#[macro_export]
macro_rules! commands {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $kind:literal v $version:literal => $variant:ident($body:ty),)* }) => {
        $(#[$meta])*
        pub enum $name { $($(#[$doc])* $variant($body),)* }

        impl $crate::Command for $name {
            fn kind(&self) -> u8 {
                match self { $(Self::$variant(_) => $kind,)* }
            }
            fn version(&self) -> u8 {
                match self { $(Self::$variant(_) => $version,)* }
            }
            fn body(&self) -> alloc::vec::Vec<u8> {
                match self { $(Self::$variant(body) => symbolon_wire::cbor::to_vec(body),)* }
            }
            fn read(kind: u8, version: u8, body: &[u8]) -> Result<Self, symbolon_wire::cbor::Malformed> {
                match (kind, version) {
                    $(($kind, $version) => symbolon_wire::cbor::from_slice(body).map(Self::$variant),)*
                    _ => Err(symbolon_wire::cbor::Malformed),
                }
            }
        }
    };
}

/// The durable side of one system.
pub trait System {
    /// The system's number: 1 to 10 for the ten, 0 for the platform's own. Its refusals and tables are numbered 100 × this + n.
    const NUMBER: u8;
    /// What may be asked of it.
    type Command: Command;
    /// What it answers; a refusal is an outcome like any other.
    type Outcome: Cbor;

    /// Applies one command: a deterministic fold over the rows.
    fn apply(rows: &mut dyn Rows, ctx: &Ctx, command: Self::Command) -> Self::Outcome;

    /// When the next row falls due, if any will.
    fn next_due(rows: &dyn Rows) -> Option<UnixMs> {
        let _ = rows;
        None
    }

    /// Processes what has fallen due at `ctx.at`, at most `limit` rows; the number processed.
    fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) -> usize {
        let _ = (rows, ctx, limit);
        0
    }
}
