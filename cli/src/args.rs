//! What flags have in common: text, numbers, hexadecimal, files, `-` for standard input.
use crate::report::Failure;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

/// A flag's value as text.
pub fn text(value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|_| Failure::Misuse("a value is not UTF-8".into()))
}

/// A flag's value as a number.
pub fn number<N: std::str::FromStr>(flag: &str, value: OsString) -> Result<N, Failure> {
    let value = text(value)?;
    value.parse().map_err(|_| Failure::Misuse(format!("{flag}: `{value}` is not a number in range")))
}

/// Hexadecimal of either case.
pub fn hex(what: &str, value: &str) -> Result<Vec<u8>, Failure> {
    symbolon_types::hex_parse(value.trim()).ok_or_else(|| Failure::Misuse(format!("{what}: not hexadecimal")))
}

/// All bytes of a file, or of standard input for `-`.
pub fn file(path: &str) -> Result<Vec<u8>, Failure> {
    read(path).map_err(|error| Failure::Misuse(format!("{path}: {error}")))
}

/// As [`file`], for a flag whose value may be a secret that was given where a path belongs: an error names the flag alone.
pub fn file_of(flag: &str, path: &str) -> Result<Vec<u8>, Failure> {
    read(path)
        .map_err(|error| Failure::Misuse(format!("--{flag}: the file cannot be read: {}", error.kind())))
}

fn read(path: &str) -> std::io::Result<Vec<u8>> {
    if path == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(Path::new(path))
    }
}
