//! `symbolon tour`: a private platform and every device as a process of its own, walked end to end over their real transports.
//!
//! ```text
//!   tour ─┬─ serve (HTTP on loopback; stopped while the shop and the phone are offline)
//!         ├─ device authenticator   path Unix socket, empty network namespace
//!         ├─ device phone …         online │ offline │ online again, on one store
//!         └─ device reader …        offline: no address of the platform, empty network namespace
//! ```
//! Each step shows one claim and fails by itself: what it checks are the bytes that the processes exchanged and what the platform answers.
mod offline_payment;
mod process;
mod steps;
mod world;

use crate::args::text;
use crate::report::{Failure, Outcome, Report, finish};
use lexopt::Arg::Long;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use steps::Steps;
use world::World;

/// The ten systems, in their order; those that this version walks have a tour.
const WALKED: [&str; 1] = ["offline-payment"];

struct Options {
    only: Option<String>,
    evidence: Option<PathBuf>,
    keep: bool,
}

/// Runs the command.
pub fn run(parser: lexopt::Parser, json: bool) -> ExitCode {
    finish(json, options(parser).and_then(|options| walk(&options)))
}

fn options(mut parser: lexopt::Parser) -> Result<Options, Failure> {
    let mut options = Options { only: None, evidence: None, keep: false };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("only") => options.only = Some(text(parser.value()?)?.replace('_', "-").to_lowercase()),
            Long("evidence") => options.evidence = Some(parser.value()?.into()),
            Long("keep") => options.keep = true,
            other => return Err(other.unexpected().into()),
        }
    }
    match &options.only {
        Some(name) if !WALKED.contains(&name.as_str()) => {
            Err(Failure::Misuse(format!("--only: this version walks {}, not `{name}`", WALKED.join(", "))))
        }
        _ => Ok(options),
    }
}

fn walk(options: &Options) -> Outcome {
    let mut world = World::make(options.evidence.clone()).map_err(Failure::Misuse)?;
    eprintln!("offline-payment: a phone and a shop, both offline, settled once");
    let mut steps = Steps::default();
    let walked = offline_payment::walk(&mut world, &mut steps);
    if let Err(fault) = &walked {
        eprintln!("  the walk ended: {fault}");
    }
    let ok = walked.is_ok() && steps.all_held();
    let kept = options.keep.then(|| world.keep()).transpose().map_err(Failure::Misuse)?;
    let system = json!({ "name": "offline-payment", "ok": ok, "steps": steps.rows() });
    let mut answer = json!({ "systems": [system], "ok": ok });
    if let Err(fault) = &walked {
        answer["fault"] = json!(fault);
    }
    if let Some(kept) = kept {
        answer["http"] = json!(kept);
        eprintln!("the platform still runs at {kept}; its data is in {}", world.path().display());
    }
    let held = steps.rows().iter().filter(|row| row["ok"] == json!(true)).count();
    let text = format!(
        "{held} steps held; every device was a process of its own, and the offline part had {}",
        world.network()
    );
    if ok {
        Ok(Report { json: answer, text })
    } else {
        let refused = symbolon_types::CoreRefusal::StepFailed.refused();
        Err(Failure::Refused { refused, more: answer })
    }
}
