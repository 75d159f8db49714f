//! The flags of the device roles: read once, taken by name, and what nobody took is a mistake.
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
        let bytes = Secret::new(args::file(path)?);
        let text = std::str::from_utf8(bytes.reveal())
            .map_err(|_| Failure::Misuse(format!("--{name}: {path} is not UTF-8")))?;
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
        let flags = self.values.keys().chain(&self.switches).map(|name| format!("--{name}"));
        match self.words.iter().cloned().chain(flags).next() {
            Some(left) => Err(Failure::Misuse(format!("{left}: not understood here"))),
            None => Ok(()),
        }
    }
}

/// Names are case-blind, and `-` is `_`.
fn named(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}
