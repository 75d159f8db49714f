//! The enum over all systems, by one macro: a system joins the machine by its line here.
use crate::platform::{self, Platform, PlatformCommand};
use symbolon_acquiring::state::Acquiring;
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
    /// The acquirer, 11.
    Acquiring(symbolon_acquiring::state::Command),
}

/// Every table of the machine: (number, name).
pub const TABLES: &[&[(u16, &str)]] = &[
    &platform::TABLES,
    &crate::idempotency::TABLES,
    &symbolon_journal::TABLES,
    &symbolon_offline_payment::state::TABLES,
    &symbolon_acquiring::state::TABLES,
];

/// When the next row of any system or of the journal falls due.
pub(crate) fn next_due(rows: &dyn Rows) -> Option<symbolon_types::UnixMs> {
    [
        symbolon_journal::next_due(rows),
        crate::idempotency::next_due(rows),
        <OfflinePayment as System>::next_due(rows),
        <Acquiring as System>::next_due(rows),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// Processes what has fallen due, at most `limit` rows of each kind.
pub(crate) fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) {
    in_pages(limit, |page| symbolon_journal::process_due(rows, ctx, page));
    in_pages(limit, |page| crate::idempotency::process_due(rows, ctx, page));
    in_pages(limit, |page| <OfflinePayment as System>::process_due(rows, ctx, page));
    in_pages(limit, |page| <Acquiring as System>::process_due(rows, ctx, page));
}

/// One row first and then twice as many each time: most batches have little that is due, and must not read as many rows as they may.
fn in_pages(limit: usize, mut process: impl FnMut(usize) -> usize) {
    let (mut left, mut page) = (limit, 1usize);
    while left > 0 && process(page.min(left)) == page.min(left) {
        left = left.saturating_sub(page);
        page = page.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::{TABLES, in_pages};
    use std::collections::BTreeSet;

    #[test]
    fn table_numbers_and_names_are_unique() {
        let all: Vec<_> = TABLES.iter().copied().flatten().collect();
        let numbers: BTreeSet<_> = all.iter().map(|(number, _)| number).collect();
        let names: BTreeSet<_> = all.iter().map(|(_, name)| name).collect();
        assert_eq!((numbers.len(), names.len()), (all.len(), all.len()));
    }

    #[test]
    fn pages_grow_up_to_the_limit_and_end_where_nothing_is_left() {
        for (due, limit, expected) in [
            (0, 10, vec![1]),
            (1, 10, vec![1, 2]),
            (5, 10, vec![1, 2, 4]),
            (10, 10, vec![1, 2, 4, 3]),
            (99, 10, vec![1, 2, 4, 3]),
            (99, 7, vec![1, 2, 4]),
            (99, 0, vec![]),
        ] {
            let (mut left, mut pages) = (due, Vec::new());
            in_pages(limit, |page| {
                pages.push(page);
                let done = page.min(left);
                left -= done;
                done
            });
            assert_eq!((pages, left), (expected, due - due.min(limit)), "{due} due, limit {limit}");
        }
    }
}
