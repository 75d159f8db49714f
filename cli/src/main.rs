//! The `symbolon` binary: one command for the platform, its devices, its tour, its benches and its checks.
//!
//! Every command takes `--json`: exactly one JSON value on standard output, also on failure. Exit 0: it held. Exit 1: it was read and refused.
//! Exit 2: the call could not be understood.
mod args;
mod bench;
mod device;
mod help;
mod iso8583_link;
mod node;
mod proof;
mod report;
mod serve;
mod sim;
mod tool;
mod tour;
mod vault;
mod verify;

use report::{Failure, Outcome, Report, finish};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let before = words.len();
    words.retain(|word| word != "--json");
    let json = words.len() < before;
    if words.is_empty() {
        return shown(json, "help", help::OVERVIEW);
    }
    let command = words.remove(0).to_string_lossy().replace('_', "-").to_lowercase();
    if words.iter().any(|word| word == "--help" || word == "-h") || command == "help" || command == "--help" {
        let text = if command == "tool" { tool::help(&words) } else { help::of(&command) };
        return shown(json, "help", text);
    }
    let parser = lexopt::Parser::from_args(words);
    match command.as_str() {
        "serve" => serve::run(parser, json),
        "device" => device::run(parser, json),
        "tour" => tour::run(parser, json),
        "bench" => finish(json, bench::run(parser, json)),
        "verify" => finish(json, verify::run(parser)),
        "proof" => finish(json, proof::run(parser)),
        "sim" => finish(json, sim::run_command(parser, json)),
        "tool" => finish(json, tool::run(parser)),
        "vault" => finish(json, vault::run(parser, json)),
        "--version" | "version" => shown(
            json,
            "version",
            concat!(
                "symbolon ",
                env!("CARGO_PKG_VERSION"),
                "
"
            ),
        ),
        other => finish(json, unknown(other)),
    }
}

/// A text that was asked for; for programs as the one member of one JSON value.
fn shown(json: bool, what: &str, text: &str) -> ExitCode {
    let mut answer = serde_json::Map::new();
    answer.insert(what.into(), text.trim_end().into());
    finish(json, Ok(Report { json: answer.into(), text: text.into() }))
}

fn unknown(command: &str) -> Outcome {
    Err(Failure::Misuse(format!("there is no command `{command}`; `symbolon` alone lists them")))
}
