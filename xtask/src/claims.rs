//! Claims and the tests that show them.
//!
//! A system lists what it claims in `systems/<system>/claims.toml`; a test says in its name which of these it shows:
//! `claim_1_3a_…` shows 1.3a, `claim_1_a_…` shows 1.A, `threat_t01_…` shows T-01, `amendment_r1_…` (or `rule_r1_…`) shows R1. Further ids
//! may follow: `claim_1_6_1_7_…`, `claim_1_6_and_1_7_…`.
//!
//! **Invariant:** a test whose name begins like that shows an id that is listed; a typing error never passes for a claim shown.
use crate::lexer::{Kind, Token, starts_with};
use crate::source::Source;
use crate::workspace::{Crate, system_number};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One thing a system claims.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its id: `1.3a`, `1.A`, `T-01`, `R1`.
    pub id: String,
    /// What is claimed, in one sentence.
    pub text: String,
    /// Whether CI fails while no test shows it.
    pub required: bool,
}

/// All that one system claims, in the order of its file.
#[derive(Debug)]
pub struct Claims {
    /// The folder of the system's crate.
    pub krate: String,
    /// What it claims.
    pub claims: Vec<Claim>,
}

/// A test and the ids in its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    /// The folder of its crate.
    pub krate: String,
    /// Its file below the workspace.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The ids its name can be read as, the first of which must be a claim.
    pub ids: Vec<String>,
}

impl Claims {
    /// What the system in `krate` claims; nothing when it has no `claims.toml`.
    ///
    /// # Errors
    /// When the file is no list of claims or an id is given twice.
    pub fn load(root: &Path, krate: &str) -> Result<Self, String> {
        let path = root.join(krate).join("claims.toml");
        let text = if path.exists() {
            fs::read_to_string(&path).map_err(|error| format!("{krate}/claims.toml: {error}"))?
        } else {
            String::new()
        };
        Self::parse(krate, &text)
    }

    /// What this text lists: tables `[[claim]]` with `id`, `text` and, where a test is demanded, `required = true`.
    ///
    /// # Errors
    /// As [`Claims::load`].
    pub fn parse(krate: &str, text: &str) -> Result<Self, String> {
        let fault = |what: String| format!("{krate}/claims.toml: {what}");
        let table: toml::Table = text.parse().map_err(|error| fault(format!("{error}")))?;
        let rows = match table.get("claim") {
            Some(rows) => rows.as_array().ok_or_else(|| fault("`claim` is no list".to_owned()))?.as_slice(),
            None => &[],
        };
        let claims =
            rows.iter().map(|row| one_claim(row).ok_or_else(|| fault(format!("not a claim: {row}"))));
        let claims = claims.collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        match claims.iter().find(|claim| !seen.insert(&claim.id)) {
            Some(twice) => Err(fault(format!("{} is there twice", twice.id))),
            None => Ok(Self { krate: krate.to_owned(), claims }),
        }
    }

    /// The system's number, from 1; 0 for a folder that is no system's.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.krate.strip_prefix("systems/").and_then(system_number).unwrap_or(0)
    }

    /// Whether it claims this.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.claims.iter().any(|claim| claim.id == id)
    }
}

fn one_claim(row: &toml::Value) -> Option<Claim> {
    let required = row.get("required").map_or(Some(false), toml::Value::as_bool)?;
    let (id, text) = (row.get("id")?.as_str()?, row.get("text")?.as_str()?);
    Some(Claim { id: id.to_owned(), text: text.to_owned(), required })
}

/// The tests of one crate whose names begin with a claim, a threat or an amendment.
#[must_use]
pub fn tests_of(krate: &Crate, sources: &[Source]) -> Vec<Test> {
    let mut tests = Vec::new();
    for source in sources {
        for name in test_names(&source.tokens) {
            if let Some(ids) = ids_of(&name) {
                tests.push(Test { krate: krate.path.clone(), path: source.path.clone(), name, ids });
            }
        }
    }
    tests
}

/// The names of the functions under an attribute that ends in `test`.
fn test_names(tokens: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        let attribute = at > 0 && (tokens[at - 1].kind.is('[') || tokens[at - 1].kind.is(':'));
        if attribute && starts_with(&tokens[at..], "test ]") {
            let after = tokens[at..].iter().skip_while(|token| !token.kind.is_word("fn")).nth(1);
            if let Some(Token { kind: Kind::Word(name), .. }) = after {
                names.push(name.clone());
            }
        }
    }
    names
}

/// The ids in a test's name. `None` for a test that shows no claim; an empty list when it begins like one and has no id.
fn ids_of(name: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = name.split('_').collect();
    let (first, mut rest) = words.split_first()?;
    if !matches!(*first, "claim" | "threat" | "amendment" | "rule") {
        return None;
    }
    let mut ids = Vec::new();
    while let Some((id, used)) = one_id(rest) {
        ids.push(id);
        rest = &rest[used..];
        if matches!(rest.first(), Some(&("and" | "claim" | "threat" | "amendment" | "rule"))) {
            rest = &rest[1..];
        }
    }
    // a rule of another kind may have a test of that name; only claims and threats must carry an id
    if ids.is_empty() && matches!(*first, "rule" | "amendment") { None } else { Some(ids) }
}

/// The id at the start of these words, and how many words it takes.
fn one_id(words: &[&str]) -> Option<(String, usize)> {
    let first = words.first()?;
    if let Some(number) = first.strip_prefix('t').and_then(|digits| digits.parse::<u16>().ok()) {
        return Some((format!("T-{number:02}"), 1));
    }
    if let Some(number) = first.strip_prefix('r').and_then(|digits| digits.parse::<u16>().ok()) {
        return Some((format!("R{number}"), 1));
    }
    let system: u16 = first.parse().ok()?;
    let second = words.get(1)?;
    let letter = second.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_id = !second.is_empty() && letter.len() <= 1 && letter.chars().all(|c| c.is_ascii_lowercase());
    let part = if second.len() == letter.len() { second.to_ascii_uppercase() } else { (*second).to_owned() };
    is_id.then(|| (format!("{system}.{part}"), 2))
}

/// For each test the claims it shows, as pairs of (index into `all`, id); a test that shows no listed claim is a fault.
///
/// An id of the test's own system comes first; one in another crate must belong to exactly one system.
pub fn resolve<'a>(all: &[Claims], test: &'a Test, faults: &mut Vec<String>) -> Vec<(usize, &'a str)> {
    let mut shown = Vec::new();
    for (place, id) in test.ids.iter().enumerate() {
        let own = all.iter().position(|claims| claims.krate == test.krate && claims.has(id));
        let holders: Vec<usize> = (0..all.len()).filter(|&at| all[at].has(id)).collect();
        match (own, holders.as_slice()) {
            (Some(at), _) | (None, &[at]) => shown.push((at, id.as_str())),
            (None, []) if place > 0 => {}
            (None, []) => {
                faults.push(format!("{}: {} shows {id}, which no claims.toml lists", test.path, test.name))
            }
            (None, _) => {
                faults.push(format!("{}: {} shows {id}, which several systems claim", test.path, test.name))
            }
        }
    }
    if test.ids.is_empty() {
        faults.push(format!("{}: {} begins like a claim and has no id", test.path, test.name));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str) -> Option<Vec<String>> {
        ids_of(name)
    }

    #[test]
    fn a_name_is_read_as_its_ids() {
        let some = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(ids("claim_1_1_the_application_is_launched"), some(&["1.1"]));
        assert_eq!(ids("claim_1_3a_offline"), some(&["1.3a"]));
        assert_eq!(ids("claim_1_a_the_device"), some(&["1.A"]));
        assert_eq!(ids("claim_1_6_1_7_opened"), some(&["1.6", "1.7"]));
        assert_eq!(ids("claim_1_6_and_1_7_opened"), some(&["1.6", "1.7"]));
        assert_eq!(ids("claim_1_8_32_bytes"), some(&["1.8"]));
        assert_eq!(ids("threat_t01_replay"), some(&["T-01"]));
        assert_eq!(ids("threat_t21"), some(&["T-21"]));
        assert_eq!(ids("amendment_r4_later_objects"), some(&["R4"]));
        assert_eq!(ids("threat_without_a_number"), some(&[]));
        assert_eq!(ids("rule_of_thumb"), None);
        assert_eq!(ids("replay_is_refused"), None);
    }

    #[test]
    fn tests_are_found_by_their_attribute() {
        let text = "#[test]\nfn claim_1_1_a() {}\n#[tokio::test]\n#[allow(x)]\nasync fn claim_1_2_b() {}\n\
            fn claim_1_3_no_test() {}\n// #[test] fn claim_1_4_comment() {}\n#[cfg(test)]\nfn claim_1_5_helper() {}";
        let krate = Crate { name: String::new(), path: "node/api".into(), uses: Vec::new() };
        let tests = tests_of(&krate, &[Source::new("node/api/tests/a.rs".into(), text.into())]);
        let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["claim_1_1_a", "claim_1_2_b"]);
    }

    #[test]
    fn a_list_of_claims_is_parsed_or_refused() {
        let row = "[[claim]]\nid = \"1.1\"\ntext = \"a\"\nrequired = true\n";
        let claims = Claims::parse("systems/offline-payment", row).unwrap();
        assert_eq!(claims.claims, [Claim { id: "1.1".into(), text: "a".into(), required: true }]);
        assert_eq!(claims.number(), 1);
        assert!(Claims::parse("s", &row.repeat(2)).unwrap_err().contains("twice"));
        assert!(Claims::parse("s", "[[claim]]\nid = \"1.1\"\n").is_err());
        assert!(Claims::parse("s", &row.replace("true", "\"yes\"")).is_err());
        assert!(Claims::parse("s", "claim = 1").is_err());
    }

    fn resolved(krate: &str, name: &str) -> (Vec<(usize, String)>, Vec<String>) {
        let list = |krate, ids: &[&str]| {
            let rows =
                ids.iter().map(|id| format!("[[claim]]\nid = \"{id}\"\ntext = \"t\"\n")).collect::<String>();
            Claims::parse(krate, &rows).unwrap()
        };
        let all = [
            list("systems/offline-payment", &["1.1", "T-01"]),
            list("systems/enabling-card", &["2.1", "T-01"]),
        ];
        let test = Test { krate: krate.into(), path: "p".into(), name: name.into(), ids: ids(name).unwrap() };
        let mut faults = Vec::new();
        let shown =
            resolve(&all, &test, &mut faults).into_iter().map(|(at, id)| (at, id.to_owned())).collect();
        (shown, faults)
    }

    #[test]
    fn an_id_must_be_listed_and_by_one_system() {
        assert_eq!(resolved("cli", "claim_2_1_x"), (vec![(1, "2.1".into())], vec![]));
        assert_eq!(
            resolved("cli", "claim_2_9_x").1,
            ["p: claim_2_9_x shows 2.9, which no claims.toml lists"]
        );
        assert_eq!(resolved("systems/enabling-card", "threat_t01_x"), (vec![(1, "T-01".into())], vec![]));
        assert_eq!(
            resolved("cli", "threat_t01_x").1,
            ["p: threat_t01_x shows T-01, which several systems claim"]
        );
        assert_eq!(resolved("cli", "claim_x").1, ["p: claim_x begins like a claim and has no id"]);
        assert_eq!(resolved("cli", "claim_1_1_2_3_tries"), (vec![(0, "1.1".into())], vec![]));
    }
}
