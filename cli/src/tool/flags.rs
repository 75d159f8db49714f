//! The flags of the calculator: read once, taken by name and type, and what nobody took is a mistake.
//!
//! **Invariant:** an error names a flag, never its value: any of them may hold a key.
use crate::{args, report::Failure};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use symbolon_types::Secret;

/// The flags that have no value.
const SWITCHES: [&str; 2] = ["legacy", "reveal"];

/// Words, and flags with their values.
pub struct Flags {
    words: VecDeque<String>,
    switches: BTreeSet<String>,
    values: BTreeMap<String, Secret<String>>,
}

/// Names are case-blind, and `-` is `_`.
pub fn named(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// A call that cannot be understood because of one flag.
pub fn wrong(name: &str, why: &str) -> Failure {
    Failure::Misuse(format!("--{name}: {why}"))
}

impl Flags {
    /// Reads all that is there.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let mut flags = Self { words: VecDeque::new(), switches: BTreeSet::new(), values: BTreeMap::new() };
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Value(word) => flags.words.push_back(args::text(word)?),
                lexopt::Arg::Short(_) => {
                    return Err(Failure::Misuse("a flag is a word after two dashes".into()));
                }
                lexopt::Arg::Long(name) => {
                    let name = named(name);
                    if SWITCHES.contains(&name.as_str()) {
                        if !flags.switches.insert(name.clone()) {
                            return Err(wrong(&name, "given twice"));
                        }
                        continue;
                    }
                    let value = parser.value().map_err(|_| wrong(&name, "a value is missing"))?;
                    let value = Secret::new(args::text(value)?);
                    if flags.values.insert(name.clone(), value).is_some() {
                        return Err(wrong(&name, "given twice"));
                    }
                }
            }
        }
        Ok(flags)
    }

    /// The next word that is no flag.
    pub fn word(&mut self) -> Option<String> {
        self.words.pop_front()
    }

    /// Whether a flag without a value was given.
    pub fn switch(&mut self, name: &str) -> bool {
        self.switches.remove(name)
    }

    /// That a flag is not there, or is there with a letter or two more or less at its end.
    fn missing(&self, name: &str) -> Failure {
        let near = |given: &&String| {
            let longer = given.starts_with(name) || name.starts_with(given.as_str());
            longer && given.len().abs_diff(name.len()) <= 2
        };
        match self.values.keys().find(near) {
            Some(given) => wrong(given, &format!("not understood here; --{name} is missing")),
            None => wrong(name, "is missing"),
        }
    }

    /// A value as it was given, if it was.
    fn given(&mut self, name: &str) -> Option<Secret<String>> {
        self.values.remove(name)
    }

    /// A text: as it stands, from `@FILE`, or from `-`. White space around it is not of it.
    pub fn text(&mut self, name: &str) -> Result<Option<Secret<String>>, Failure> {
        let line = self.line(name)?;
        Ok(line.map(|line| Secret::new(line.reveal().trim().to_owned())))
    }

    /// A text of which spaces are a part, also its last ones.
    pub fn line(&mut self, name: &str) -> Result<Option<Secret<String>>, Failure> {
        self.given(name).map(|given| line(name, given)).transpose()
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str) -> Result<Secret<String>, Failure> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Hexadecimal of either case, if it is there.
    pub fn bytes(&mut self, name: &str) -> Result<Option<Secret<Vec<u8>>>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let bytes = symbolon_types::hex_parse(text.reveal()).ok_or_else(|| wrong(name, "not hexadecimal"))?;
        Ok(Some(Secret::new(bytes)))
    }

    /// Hexadecimal that must be there.
    pub fn required_bytes(&mut self, name: &str) -> Result<Secret<Vec<u8>>, Failure> {
        self.bytes(name)?.ok_or_else(|| self.missing(name))
    }

    /// All bytes of the file that must be named; `-` is standard input, and `@` before a path is allowed.
    pub fn required_file(&mut self, name: &str) -> Result<Secret<Vec<u8>>, Failure> {
        let path = self.given(name).ok_or_else(|| self.missing(name))?;
        let path = path.reveal();
        args::file_of(name, path.strip_prefix('@').unwrap_or(path)).map(Secret::new)
    }

    /// A decimal number, if it is there.
    pub fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<Option<N>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // Rust takes a sign too.
        let digits = text.reveal().bytes().all(|byte| byte.is_ascii_digit());
        let number = text.reveal().parse().ok().filter(|_| digits);
        number.map(Some).ok_or_else(|| wrong(name, "not a number in range"))
    }

    /// A decimal number that must be there.
    pub fn required_number<N: std::str::FromStr>(&mut self, name: &str) -> Result<N, Failure> {
        self.number(name)?.ok_or_else(|| self.missing(name))
    }

    /// One of these names, if it is there.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let word = named(text.reveal());
        let names = || choices.iter().map(|row| row.0).collect::<Vec<_>>().join(", ");
        let found = choices.iter().find(|(known, _)| *known == word);
        found.map(|row| Some(row.1)).ok_or_else(|| wrong(name, &format!("one of {}", names())))
    }

    /// Nothing may be left that nobody took.
    pub fn end(self) -> Result<(), Failure> {
        match self.values.keys().chain(&self.switches).next() {
            Some(name) => Err(wrong(name, "not understood here")),
            None if self.words.is_empty() => Ok(()),
            None => Err(Failure::Misuse("a word too many; values follow a flag".into())),
        }
    }
}

/// The word as it stands, what is in its `@FILE`, or standard input for `-`; a file's last end of line is not of it.
pub fn line(name: &str, word: Secret<String>) -> Result<Secret<String>, Failure> {
    let given = word.reveal().as_str();
    let path = if given == "-" { Some("-") } else { given.strip_prefix('@') };
    let Some(path) = path else { return Ok(word) };
    let bytes = Secret::new(args::file_of(name, path)?);
    let text = std::str::from_utf8(bytes.reveal()).map_err(|_| wrong(name, "the file is not UTF-8"))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "5EC0DE5EC0DE5EC0DE5EC0DE5EC0DE77";

    fn drop_value<T>(value: Result<T, Failure>) -> Result<(), Failure> {
        value.map(drop)
    }

    fn flags(words: &[&str]) -> Flags {
        Flags::parse(lexopt::Parser::from_args(words)).ok().unwrap()
    }

    fn told(refused: Result<(), Failure>) -> String {
        let Err(Failure::Misuse(told)) = refused else { panic!("understood, or another failure") };
        assert!(!told.to_lowercase().contains("5ec0de"), "{told}");
        told
    }

    /// A key where a path belongs, and a path that is one half of a key: the flag is named, and nothing else.
    #[test]
    fn a_file_that_cannot_be_read_is_told_by_its_flag_alone() {
        let at = format!("@{SECRET}");
        for read in [
            |flags: &mut Flags| drop_value(flags.required_file("key")),
            |flags: &mut Flags| drop_value(flags.required_text("key")),
        ] as [fn(&mut Flags) -> Result<(), Failure>; 2]
        {
            let mut given = flags(&["--key", &at]);
            assert!(told(read(&mut given)).contains("--key"));
        }
        assert!(told(drop_value(flags(&["--key", SECRET]).required_file("key"))).contains("--key"));
    }

    #[test]
    fn a_flag_with_a_letter_too_many_is_named() {
        let told_of = |given: &str| told(drop_value(flags(&[given, "00"]).required_bytes("hex")));
        assert_eq!(told_of("--hexx"), "--hexx: not understood here; --hex is missing");
        assert_eq!(told_of("--he"), "--he: not understood here; --hex is missing");
        assert_eq!(told_of("--data"), "--hex: is missing");
    }

    /// `--passphrase correct horse`, without quotes.
    #[test]
    fn a_stray_word_and_a_stray_value_are_not_repeated() {
        let mut twin = flags(&["--passphrase", SECRET]);
        assert!(twin.given("passphrase").is_some() && twin.end().is_ok());
        let mut stray = flags(&["--passphrase", "correct", SECRET]);
        assert!(stray.given("passphrase").is_some());
        told(stray.end());
        assert!(told(flags(&["--nonsense", SECRET]).end()).contains("--nonsense"));
    }
}
