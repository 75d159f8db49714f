//! `cargo xtask COMMAND`: one check, or all of CI. Exit 0: held. Exit 1: it did not. Exit 2: the call was not understood.
use std::env;
use std::process::ExitCode;
use symbolon_xtask::ci::{self, STEPS};
use symbolon_xtask::workspace::Workspace;
use symbolon_xtask::{docs, ladder, lints_bite, no_std, soak, tidy};

const USAGE: &str = "cargo xtask COMMAND

  ci [--only STEP] [--list]   everything below, the tests, the tour and its evidence; minutes per step
  ladder                      a crate uses lower rungs only
  tidy                        the house rules that no compiler checks
  docs [--check]              writes docs/refusals.md and docs/claims.md; --check: fails where they differ
  no-std                      core and systems link without the standard library
  lints-bite                  each lint of a pure crate refuses what it must
  soak [SEED]                 10,000 seeds of the simulated world, then each fuzz target for minutes, if there are any
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["ci", "--list"] => {
            STEPS.iter().for_each(|step| println!("{:<12}{}", step.name, step.about));
            return ExitCode::SUCCESS;
        }
        ["ci"] => Workspace::load().and_then(|workspace| ci::run(&workspace, None)),
        ["ci", "--only", step] if STEPS.iter().any(|one| one.name == *step) => {
            Workspace::load().and_then(|workspace| ci::run(&workspace, Some(step)))
        }
        ["ladder"] => Workspace::load().and_then(|workspace| none(&ladder::check(&workspace))),
        ["tidy"] => Workspace::load().and_then(|workspace| run_tidy(&workspace)),
        ["docs"] => Workspace::load().and_then(|workspace| run_docs(&workspace, false)),
        ["docs", "--check"] => Workspace::load().and_then(|workspace| run_docs(&workspace, true)),
        ["no-std"] => Workspace::load().and_then(|workspace| no_std::check(&workspace)),
        ["soak"] => Workspace::load().and_then(|workspace| soak::run(&workspace, None)),
        ["soak", seed] if seed.parse::<u64>().is_ok() => {
            Workspace::load().and_then(|workspace| soak::run(&workspace, seed.parse().ok()))
        }
        ["lints-bite"] => Workspace::load().and_then(|workspace| lints_bite::check(&workspace)),
        _ => {
            eprint!("not understood: {}\n\n{USAGE}", args.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn none(faults: &[String]) -> Result<(), String> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn run_tidy(workspace: &Workspace) -> Result<(), String> {
    none(&tidy::check(workspace).map_err(|error| error.to_string())?)
}

fn run_docs(workspace: &Workspace, check: bool) -> Result<(), String> {
    let pages = docs::generate(workspace)?;
    let stale = if check {
        docs::stale(workspace, &pages)
    } else {
        docs::write(workspace, &pages)?;
        Vec::new()
    };
    none(&[stale, pages.faults].concat())
}
