//! The registries whose numbers are never reused: refusals and tables, read out of the source.
//!
//! A refusal is a row `NUMBER Variant "NAME" "reason"` inside `refusals! { … }`; a table is `Table::new(NUMBER, "name")`.
//! Only product code counts.
use crate::lexer::{Kind, Token, starts_with};
use crate::source::Source;
use crate::workspace::{Crate, group, system_number};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One row of a `refusals!` table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// 100 × system + n, below 100 for the platform.
    pub number: u16,
    /// The stable name.
    pub name: String,
    /// The documented reason.
    pub reason: String,
    /// The folder of the crate that has it.
    pub krate: String,
}

/// One table of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// 100 × system + n, below 100 for the platform.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// The folder of the crate that has it.
    pub krate: String,
}

/// What the sources of all crates register, and what could not be read.
#[derive(Debug, Default)]
pub struct Registry {
    /// All refusals, sorted by number.
    pub refusals: Vec<Refusal>,
    /// All tables, in the order of the sources.
    pub tables: Vec<Table>,
    /// Rows that are no rows.
    pub faults: Vec<String>,
}

impl Registry {
    /// Reads the product code of one crate.
    pub fn add(&mut self, krate: &Crate, sources: &[Source]) {
        for source in sources {
            for (at, token) in source.product.iter().enumerate() {
                let rest = &source.product[at..];
                if starts_with(rest, "refusals ! {") {
                    self.refusals_of(krate, source, block(rest));
                } else if token.kind.is_word("Table") {
                    self.table_at(krate, source, rest);
                }
            }
        }
        self.refusals.sort();
    }

    /// Every number that is used twice or lies outside its crate's range.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        let refusals = self.refusals.iter().map(|row| (row.number, row.name.as_str(), row.krate.as_str()));
        let tables = self.tables.iter().map(|row| (row.number, row.name.as_str(), row.krate.as_str()));
        numbers("refusal", refusals, &mut faults);
        numbers("table", tables, &mut faults);
        faults
    }

    fn refusals_of(&mut self, krate: &Crate, source: &Source, block: &[Token]) {
        for (at, token) in block.iter().enumerate() {
            let Kind::Number(number) = &token.kind else { continue };
            let fields = block.get(at + 1..at + 4).unwrap_or_default();
            match (number.parse(), fields.iter().map(|field| &field.kind).collect::<Vec<_>>().as_slice()) {
                (Ok(number), [Kind::Word(_), Kind::Text(name), Kind::Text(reason)]) => {
                    self.refusals.push(Refusal {
                        number,
                        name: name.clone(),
                        reason: reason.clone(),
                        krate: krate.path.clone(),
                    })
                }
                _ => self.faults.push(format!("{}:{}: not a row of refusals", source.path, token.line)),
            }
        }
    }

    fn table_at(&mut self, krate: &Crate, source: &Source, rest: &[Token]) {
        let Some(arguments) = arguments_of_new(rest) else { return };
        // `new()` is of some other type of that name, such as toml's
        if arguments.first().is_some_and(|token| token.kind.is(')')) {
            return;
        }
        let kinds: Vec<&Kind> = arguments.iter().take(3).map(|token| &token.kind).collect();
        match kinds.as_slice() {
            [Kind::Number(number), Kind::Punct(','), Kind::Text(name)] if number.parse::<u16>().is_ok() => {
                let number = number.parse().unwrap_or_default();
                self.tables.push(Table { number, name: name.clone(), krate: krate.path.clone() });
            }
            _ => {
                let line = rest.first().map_or(0, |token| token.line);
                self.faults
                    .push(format!("{}:{line}: a table's number and name must be literals", source.path));
            }
        }
    }
}

/// What follows the bracket of `Table::new(` or `Table::<K, V>::new(`.
fn arguments_of_new(rest: &[Token]) -> Option<&[Token]> {
    let mut after = rest.get(1..)?;
    if starts_with(after, ": : <") {
        let mut depth = 0_i32;
        let close = after.iter().position(|token| {
            depth += i32::from(token.kind.is('<')) - i32::from(token.kind.is('>'));
            depth == 0 && token.kind.is('>')
        })?;
        after = after.get(close + 1..)?;
    }
    if starts_with(after, ": : new (") { after.get(4..) } else { None }
}

/// The tokens between the braces that open at or after the start of `tokens`.
fn block(tokens: &[Token]) -> &[Token] {
    let Some(open) = tokens.iter().position(|token| token.kind.is('{')) else { return &[] };
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind.is('{') {
            depth += 1;
        } else if token.kind.is('}') {
            depth -= 1;
            if depth == 0 {
                return &tokens[open + 1..at];
            }
        }
    }
    &tokens[open + 1..]
}

fn numbers<'a>(what: &str, rows: impl Iterator<Item = (u16, &'a str, &'a str)>, faults: &mut Vec<String>) {
    let mut seen: BTreeMap<u16, (&str, &str)> = BTreeMap::new();
    for (number, name, krate) in rows {
        let range = range_of(krate);
        if !range.contains(&number) {
            let (first, last) = (range.start(), range.end());
            faults.push(format!("{krate}: {what} {number} {name} lies outside {first}..={last}"));
        }
        if let Some((other, elsewhere)) = seen.insert(number, (name, krate)) {
            faults.push(format!("{what} {number} is both {other} ({elsewhere}) and {name} ({krate})"));
        }
    }
}

/// The numbers that a crate may register: a system has a hundred of its own, all others share those below 100.
fn range_of(krate: &str) -> RangeInclusive<u16> {
    let system =
        krate.split_once('/').filter(|_| group(krate) == "systems").and_then(|(_, name)| system_number(name));
    system.map_or(1..=99, |number| number * 100..=number * 100 + 99)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(files: &[(&str, &str)]) -> Registry {
        let mut registry = Registry::default();
        for (path, text) in files {
            let krate = Crate { name: String::new(), path: (*path).to_owned(), uses: Vec::new() };
            registry.add(&krate, &[Source::new(format!("{path}/src/lib.rs"), (*text).to_owned())]);
        }
        registry
    }

    const CORE: (&str, &str) = (
        "core/types",
        r#"macro_rules! refusals { ($($code:literal)*) => {} }
        /// refusals! { 7 Comment "COMMENT" "not a row" }
        refusals! { /// Shared.
            #[non_exhaustive] pub enum CoreRefusal {
            1 Malformed "MALFORMED" "not a message",
            2 Busy "BUSY"
                "the queue is full; \
                 try again",
        } }
        #[cfg(test)] mod tests { refusals! { pub enum T { 1 A "A" "a", } } }"#,
    );

    #[test]
    fn rows_are_read_from_product_code_alone() {
        let found = registry(&[CORE]);
        let rows: Vec<_> =
            found.refusals.iter().map(|row| (row.number, row.name.as_str(), row.reason.as_str())).collect();
        assert_eq!(rows, [(1, "MALFORMED", "not a message"), (2, "BUSY", "the queue is full; try again")]);
        assert_eq!(found.check(), [""; 0]);
    }

    #[test]
    fn a_number_is_used_once() {
        let second = ("node/api", r#"symbolon_types::refusals! { pub enum E { 2 Other "OTHER" "o", } }"#);
        assert_eq!(
            registry(&[CORE, second]).check(),
            ["refusal 2 is both BUSY (core/types) and OTHER (node/api)"]
        );
        let third = ("node/api", r#"symbolon_types::refusals! { pub enum E { 3 Other "OTHER" "o", } }"#);
        assert_eq!(registry(&[CORE, third]).check(), [""; 0]);
    }

    #[test]
    fn a_number_lies_in_the_range_of_its_crate() {
        let row = |number: u16| format!("refusals! {{ pub enum E {{ {number} X \"X\" \"x\", }} }}");
        let holds = |path, number| registry(&[(path, &row(number))]).check().is_empty();
        assert!(holds("systems/offline-payment", 100) && holds("systems/offline-payment", 199));
        assert!(!holds("systems/offline-payment", 99) && !holds("systems/offline-payment", 200));
        assert!(holds("systems/reservation-access", 1000));
        assert!(holds("core/journal", 99) && !holds("core/journal", 100));
    }

    #[test]
    fn a_row_that_is_no_row_is_a_fault() {
        let found = registry(&[("core/types", "refusals! { pub enum E { 1 X \"X\", } }")]);
        assert_eq!(found.check(), ["core/types/src/lib.rs:1: not a row of refusals"]);
    }

    #[test]
    fn tables_are_unique_and_in_range() {
        let grants = r#"pub const GRANTS: Table<Key, Vec<u8>> = Table::new(101, "grants");"#;
        let other = r#"const SPENT: Table<K, V> = Table::<K, Option<V>>::new(101, "spent");"#;
        assert_eq!(registry(&[("systems/offline-payment", grants)]).check(), [""; 0]);
        let twice = registry(&[("systems/offline-payment", &format!("{grants}{other}"))]);
        assert_eq!(twice.tables.len(), 2);
        assert_eq!(
            twice.check(),
            ["table 101 is both grants (systems/offline-payment) and spent (systems/offline-payment)"]
        );
        assert_eq!(
            registry(&[("core/journal", grants)]).check(),
            ["core/journal: table 101 grants lies outside 1..=99"]
        );
    }

    #[test]
    fn a_table_number_is_a_literal() {
        let found = registry(&[("core/journal", "const T: Table<K, V> = Table::new(BASE, \"t\");")]);
        assert_eq!(found.check(), ["core/journal/src/lib.rs:1: a table's number and name must be literals"]);
        assert_eq!(registry(&[("xtask", "let other = toml::Table::new();")]).check(), [""; 0]);
    }
}
