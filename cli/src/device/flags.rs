//! The flags of the device roles: read once, taken by name, and what nobody took is a mistake.
//!
//! **Invariant:** an error names a flag, never its value nor a stray word: either may be a part of a secret.
use crate::{args, report::Failure};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    time::Duration,
};
use symbolon_keys::VerifyingKey;
use symbolon_types::Secret;

/// Flags without a value.
const SWITCHES: [&str; 3] = ["allow-network", "online", "resume"];

/// How long a role waits for the other side, in seconds, unless told otherwise.
const TIMEOUT_SECONDS: u64 = 60;

/// Words, and flags with and without a value.
pub struct Flags {
    words: VecDeque<String>,
    values: BTreeMap<String, String>,
    switches: BTreeSet<String>,
}

impl Flags {
    /// Reads all that is there.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let mut flags = Self { words: VecDeque::new(), values: BTreeMap::new(), switches: BTreeSet::new() };
        loop {
            let name = match parser.next()? {
                None => return Ok(flags),
                Some(lexopt::Arg::Value(word)) => {
                    flags.words.push_back(named(&args::text(word)?));
                    continue;
                }
                Some(lexopt::Arg::Long(name)) => named(name),
                Some(short) => return Err(short.unexpected().into()),
            };
            let fresh = if SWITCHES.contains(&name.as_str()) {
                flags.switches.insert(name.clone())
            } else {
                let value = args::text(parser.value()?)?;
                flags.values.insert(name.clone(), value).is_none()
            };
            if !fresh {
                return Err(Failure::Misuse(format!("--{name}: given twice")));
            }
        }
    }

    /// The next word that is no flag: a role or an action.
    pub fn word(&mut self) -> Option<String> {
        self.words.pop_front()
    }

    /// Whether a flag without a value is there.
    pub fn switch(&mut self, name: &str) -> bool {
        self.switches.remove(name)
    }

    /// A flag's value.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// The value of a flag that must be there.
    pub fn required(&mut self, name: &str) -> Result<String, Failure> {
        self.optional(name).ok_or_else(|| Failure::Misuse(format!("--{name} is missing")))
    }

    /// A path that must be there.
    pub fn path(&mut self, name: &str) -> Result<PathBuf, Failure> {
        self.required(name).map(PathBuf::from)
    }

    /// A number, if it is there.
    pub fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<Option<N>, Failure> {
        self.optional(name).map(|value| args::number(&format!("--{name}"), value.into())).transpose()
    }

    /// `--timeout`, in seconds.
    pub fn timeout(&mut self) -> Result<Duration, Failure> {
        Ok(Duration::from_secs(self.number("timeout")?.unwrap_or(TIMEOUT_SECONDS)))
    }

    /// A secret: as it stands, from `@FILE`, or from `-`. White space at its end is not of it.
    pub fn secret(&mut self, name: &str) -> Result<Option<Secret<String>>, Failure> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let from = if value == "-" { Some("-") } else { value.strip_prefix('@') };
        let Some(path) = from else { return Ok(Some(Secret::new(value))) };
        let bytes = Secret::new(args::file_of(name, path)?);
        let text = std::str::from_utf8(bytes.reveal())
            .map_err(|_| Failure::Misuse(format!("--{name}: the file is not UTF-8")))?;
        Ok(Some(Secret::new(text.trim_end().to_owned())))
    }

    /// Hexadecimal of `N` bytes, if it is there.
    pub fn hex<const N: usize>(&mut self, name: &str) -> Result<Option<[u8; N]>, Failure> {
        let Some(text) = self.secret(name)? else { return Ok(None) };
        let bytes = args::hex(&format!("--{name}"), text.reveal())?;
        let exact = bytes.try_into().map_err(|_| Failure::Misuse(format!("--{name}: not {N} bytes")))?;
        Ok(Some(exact))
    }

    /// Hexadecimal of `N` bytes that must be there.
    pub fn required_hex<const N: usize>(&mut self, name: &str) -> Result<[u8; N], Failure> {
        self.hex(name)?.ok_or_else(|| Failure::Misuse(format!("--{name} is missing")))
    }

    /// `--server-key`, if it is there.
    pub fn server_key(&mut self) -> Result<Option<VerifyingKey>, Failure> {
        Ok(self.hex::<32>("server-key")?.map(VerifyingKey))
    }

    /// Nothing may be left that nobody took.
    pub fn end(self) -> Result<(), Failure> {
        match self.values.keys().chain(&self.switches).next() {
            Some(name) => Err(Failure::Misuse(format!("--{name}: not understood here"))),
            None if self.words.is_empty() => Ok(()),
            None => Err(Failure::Misuse("a word too many; a value with spaces stands in quotes".into())),
        }
    }
}

/// Names are case-blind, and `-` is `_`.
fn named(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
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
            |flags: &mut Flags| drop_value(flags.secret("key")),
            |flags: &mut Flags| drop_value(flags.required_hex::<16>("key")),
        ] as [fn(&mut Flags) -> Result<(), Failure>; 2]
        {
            let mut given = flags(&["--key", &at]);
            assert!(told(read(&mut given)).contains("--key"));
        }
    }

    /// `--passphrase correct horse`, without quotes.
    #[test]
    fn a_stray_word_and_a_stray_value_are_not_repeated() {
        let mut twin = flags(&["--passphrase", SECRET]);
        assert!(twin.optional("passphrase").is_some() && twin.end().is_ok());
        let mut stray = flags(&["--passphrase", "correct", SECRET]);
        assert!(stray.optional("passphrase").is_some());
        told(stray.end());
        assert!(told(flags(&["--nonsense", SECRET]).end()).contains("--nonsense"));
    }
}
