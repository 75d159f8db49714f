//! `symbolon verify`: the offline audit of a data folder.
use crate::node::{OpenError, open_tables, read_log};
use crate::report::{Failure, Outcome, Report};
use lexopt::Arg::Long;
use serde_json::json;
use std::path::PathBuf;
use symbolon_log::{LogError, PointerState};
use symbolon_machine::verify;
use symbolon_types::CoreRefusal;

/// Runs the command.
pub fn run(mut parser: lexopt::Parser) -> Outcome {
    let mut data = PathBuf::from("symbolon-data");
    while let Some(arg) = parser.next()? {
        match arg {
            Long("data") => data = parser.value()?.into(),
            other => return Err(other.unexpected().into()),
        }
    }
    if !data.join("log").is_dir() || !data.join("tables").is_dir() {
        return Err(Failure::Misuse(format!("{} is no data folder", data.display())));
    }
    let log = read_log(&data).map_err(failure)?;
    let opened = *log.verified();
    let tables = open_tables(&data).map_err(failure)?;
    let found = verify(&log, &tables).map_err(|error| damaged(&error))?;
    let journal = &found.journal;
    let json = json!({
        "ok": true,
        "log": {
            "sequence": found.head.sequence, "hash": found.head.hash.to_string(), "batches": found.batches,
            "torn_bytes": opened.torn.map(|torn| torn.bytes), "pointer_lost": opened.pointer == PointerState::Lost,
        },
        "tables": { "applied": found.applied, "rows": found.rows },
        "journal": { "accounts": journal.accounts, "transfers": journal.transfers },
        "offline_payment": {
            "grants": found.offline_payment.grants, "settled": found.offline_payment.settled,
            "losses": found.offline_payment.losses,
        },
    });
    let text = format!(
        "log       {} commands in {} batches, chain holds, head {}\n\
         tables    {} rows at command {}, equal to the replay\n\
         money     {} accounts, {} transfers, conserved\n\
         payments  {} grants, {} settled, {} made good",
        found.head.sequence,
        found.batches,
        found.head.hash,
        found.rows,
        found.applied,
        journal.accounts,
        journal.transfers,
        found.offline_payment.grants,
        found.offline_payment.settled,
        found.offline_payment.losses,
    );
    Ok(Report { json, text })
}

/// A folder that is in use or cannot be read is a call that cannot be answered; a damaged one is a finding.
fn failure(error: OpenError) -> Failure {
    match error {
        OpenError::Log(
            LogError::Damaged { .. }
            | LogError::Missing { .. }
            | LogError::Ambiguous { .. }
            | LogError::NotInLog,
        )
        | OpenError::Store(_)
        | OpenError::Machine(_) => damaged(&error),
        other => Failure::Misuse(other.to_string()),
    }
}

fn damaged(finding: &dyn std::fmt::Display) -> Failure {
    Failure::Refused {
        refused: CoreRefusal::Damaged.refused(),
        more: json!({ "ok": false, "finding": finding.to_string() }),
    }
}
