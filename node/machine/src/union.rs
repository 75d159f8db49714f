//! The enum over all systems, by one macro: a system joins the machine by its line here.
use crate::platform::{self, Platform, PlatformCommand};
use symbolon_offline_payment::state::OfflinePayment;
use symbolon_state::{Command, Ctx, Rows, System};
use symbolon_wire::cbor::{Malformed, from_slice, to_vec};

macro_rules! union {
    ($($(#[$doc:meta])* $system:ident($command:ty),)*) => {
        /// A command of any system.
        pub enum AnyCommand { $($(#[$doc])* $system(<$system as System>::Command),)* }

        /// An outcome of any system.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AnyOutcome { $($(#[$doc])* $system(<$system as System>::Outcome),)* }

        impl AnyCommand {
            /// The system's number, the command's kind and version, its body.
            pub(crate) fn parts(&self) -> (u8, u8, u8, Vec<u8>) {
                match self {
                    $(Self::$system(command) => {
                        (<$system as System>::NUMBER, command.kind(), command.version(), command.body())
                    })*
                }
            }

            pub(crate) fn read(system: u8, kind: u8, version: u8, body: &[u8]) -> Result<Self, Malformed> {
                $(if system == <$system as System>::NUMBER {
                    return Command::read(kind, version, body).map(Self::$system);
                })*
                Err(Malformed)
            }

            pub(crate) fn apply(self, rows: &mut dyn Rows, ctx: &Ctx) -> AnyOutcome {
                match self { $(Self::$system(command) => AnyOutcome::$system(<$system as System>::apply(rows, ctx, command)),)* }
            }
        }

        impl AnyOutcome {
            pub(crate) fn encode(&self) -> (u8, Vec<u8>) {
                match self { $(Self::$system(outcome) => (<$system as System>::NUMBER, to_vec(outcome)),)* }
            }

            pub(crate) fn read(system: u8, bytes: &[u8]) -> Result<Self, Malformed> {
                $(if system == <$system as System>::NUMBER {
                    return from_slice(bytes).map(Self::$system);
                })*
                Err(Malformed)
            }
        }

        $(impl From<$command> for AnyCommand {
            fn from(command: $command) -> Self {
                Self::$system(command)
            }
        })*
    };
}

union! {
    /// System 0.
    Platform(PlatformCommand),
    /// System 01.
    OfflinePayment(symbolon_offline_payment::state::Command),
}

/// Every table of the machine: (number, name).
pub const TABLES: &[&[(u16, &str)]] = &[
    &platform::TABLES,
    &crate::idempotency::TABLES,
    &symbolon_journal::TABLES,
    &symbolon_offline_payment::state::TABLES,
];

/// When the next row of any system or of the journal falls due.
pub(crate) fn next_due(rows: &dyn Rows) -> Option<symbolon_types::UnixMs> {
    [
        symbolon_journal::next_due(rows),
        crate::idempotency::next_due(rows),
        <OfflinePayment as System>::next_due(rows),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// Processes what has fallen due, at most `limit` rows of each kind.
pub(crate) fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) {
    symbolon_journal::process_due(rows, ctx, limit);
    crate::idempotency::process_due(rows, ctx, limit);
    <OfflinePayment as System>::process_due(rows, ctx, limit);
}

#[cfg(test)]
mod tests {
    use super::TABLES;
    use std::collections::BTreeSet;

    #[test]
    fn table_numbers_and_names_are_unique() {
        let all: Vec<_> = TABLES.iter().copied().flatten().collect();
        let numbers: BTreeSet<_> = all.iter().map(|(number, _)| number).collect();
        let names: BTreeSet<_> = all.iter().map(|(_, name)| name).collect();
        assert_eq!((numbers.len(), names.len()), (all.len(), all.len()));
    }
}
