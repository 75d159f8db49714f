//! CI: the steps in their order, each with its minutes; the first that fails ends the run and is named last.
//!
//! **Invariant:** a step is left out only when its tool is absent, and then it is named.
use crate::workspace::Workspace;
use crate::{differential, docs, foreign, ladder, lints_bite, no_std, process, soak, tidy};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// The longest a whole run may take.
const MINUTES_MAX: u64 = 60;

/// How a step ended without failing.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// It held.
    Held,
    /// Its tool, which is named, is not on this machine.
    Skipped(&'static str),
}

type Run = fn(&Workspace) -> Result<Done, String>;

/// A step: its name, what it shows, and how.
pub struct Step {
    /// What `--only` takes.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    run: Run,
}

/// All steps in their order.
pub const STEPS: [Step; 13] = [
    Step { name: "fmt", about: "rustfmt changes nothing", run: fmt },
    Step {
        name: "ladder",
        about: "a crate uses lower rungs only",
        run: |workspace| none(&ladder::check(workspace)),
    },
    Step { name: "tidy", about: "the house rules that no compiler checks", run: run_tidy },
    Step { name: "docs", about: "the generated pages are what the sources say", run: run_docs },
    Step { name: "clippy", about: "no warning anywhere", run: clippy },
    Step { name: "tests", about: "all tests, doc tests among them", run: tests },
    Step {
        name: "no-std",
        about: "core and systems link without std, and the proof bites",
        run: |w| no_std::check(w).map(|()| Done::Held),
    },
    Step {
        name: "lints-bite",
        about: "each lint of a pure crate refuses what it must",
        run: |w| lints_bite::check(w).map(|()| Done::Held),
    },
    Step {
        name: "sim",
        about: "1,000 new seeds of the simulated world hold",
        run: |w| soak::seeds(w, 1000, None).map(|()| Done::Held),
    },
    Step { name: "tour", about: "the tour holds and leaves its evidence", run: tour },
    Step {
        name: "foreign",
        about: "somebody else's code checks the evidence, is paid, and pays",
        run: |w| foreign::check(w).map(|()| Done::Held),
    },
    Step {
        name: "differential",
        about: "the calculator and somebody else's code agree on random inputs",
        run: |w| differential::check(w).map(|()| Done::Held),
    },
    Step { name: "deny", about: "licences, sources and advisories, if cargo-deny is there", run: deny },
];

/// Runs all steps, or the one that `only` names, and prints the minutes of each.
///
/// # Errors
/// The name of the step that failed (or of the clock, when all took too long) as the last words.
pub fn run(workspace: &Workspace, only: Option<&str>) -> Result<(), String> {
    run_steps(workspace, &STEPS, only, Duration::from_secs(MINUTES_MAX * 60))
}

fn run_steps(
    workspace: &Workspace,
    steps: &[Step],
    only: Option<&str>,
    time_max: Duration,
) -> Result<(), String> {
    let wanted: Vec<&Step> = steps.iter().filter(|step| only.is_none_or(|name| name == step.name)).collect();
    if wanted.is_empty() {
        return Err(format!("there is no step {}; --list names them", only.unwrap_or_default()));
    }
    let begun = Instant::now();
    let mut table = String::new();
    let mut failed = None;
    for step in wanted {
        println!("\n== {}: {}", step.name, step.about);
        let start = Instant::now();
        let end = (step.run)(workspace);
        table.push_str(&row(step.name, start.elapsed(), &end));
        if let Err(reason) = end {
            eprintln!("{reason}");
            failed = Some(step.name);
            break;
        }
    }
    println!("\nminutes\n{table}{}", row("total", begun.elapsed(), &Ok(Done::Held)));
    match failed {
        Some(name) => Err(format!("failed: {name}")),
        None if begun.elapsed() > time_max => {
            Err(format!("all held, but it took more than {MINUTES_MAX} minutes\nfailed: time"))
        }
        None => Ok(()),
    }
}

fn row(name: &str, time: Duration, end: &Result<Done, String>) -> String {
    let how = match end {
        Ok(Done::Held) => "",
        Ok(Done::Skipped(tool)) => {
            return format!("{name:<13}{:>7}  skipped: {tool} is not installed\n", "-");
        }
        Err(_) => "  failed",
    };
    format!("{name:<13}{:>7.1}{how}\n", time.as_secs_f64() / 60.0)
}

/// Held when there is no fault; else all of them, a line each.
fn none(faults: &[String]) -> Result<Done, String> {
    if faults.is_empty() { Ok(Done::Held) } else { Err(faults.join("\n")) }
}

fn fmt(workspace: &Workspace) -> Result<Done, String> {
    process::run(process::cargo(&workspace.root).args(["fmt", "--all", "--", "--check"]))?;
    let proof = ["xtask/no-std-proof/src/lib.rs", "xtask/no-std-proof/bite/src/lib.rs"];
    process::run(
        process::command("rustfmt", &workspace.root).args(["--check", "--edition", "2024"]).args(proof),
    )?;
    Ok(Done::Held)
}

fn run_tidy(workspace: &Workspace) -> Result<Done, String> {
    none(&tidy::check(workspace).map_err(|error| error.to_string())?)
}

fn run_docs(workspace: &Workspace) -> Result<Done, String> {
    let pages = docs::generate(workspace)?;
    none(&[docs::stale(workspace, &pages), pages.faults].concat())
}

fn clippy(workspace: &Workspace) -> Result<Done, String> {
    let args = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--profile",
        "ci",
        "--",
        "-D",
        "warnings",
    ];
    process::run(process::cargo(&workspace.root).args(args)).map(|()| Done::Held)
}

fn tests(workspace: &Workspace) -> Result<Done, String> {
    process::run(process::cargo(&workspace.root).args(["test", "--workspace", "--profile", "ci"]))
        .map(|()| Done::Held)
}

/// Runs the tour and wants both its exit code and its own verdict.
fn tour(workspace: &Workspace) -> Result<Done, String> {
    // with all targets, so that it shares what the tests have built
    let build = ["build", "--workspace", "--all-targets", "--profile", "ci"];
    process::run(process::cargo(&workspace.root).args(build))?;
    let evidence = workspace.target.join("evidence");
    if evidence.exists() {
        fs::remove_dir_all(&evidence).map_err(|error| format!("{}: {error}", evidence.display()))?;
    }
    let symbolon = workspace.target.join("ci/symbolon");
    let mut tour = process::command(symbolon, &workspace.root);
    let answer = process::output(tour.args(["tour", "--json", "--evidence"]).arg(&evidence))?;
    println!("{}", answer.trim_end());
    tour_verdict(&answer).map(|()| Done::Held)
}

fn tour_verdict(answer: &str) -> Result<(), String> {
    let answer: Value = serde_json::from_str(answer)
        .map_err(|error| format!("the tour's answer is not one JSON value: {error}"))?;
    let walked = answer.get("systems").and_then(Value::as_array).is_some_and(|systems| !systems.is_empty());
    match answer.get("ok") {
        Some(Value::Bool(true)) if walked => Ok(()),
        Some(Value::Bool(true)) => Err("the tour walked no system".to_owned()),
        _ => Err("the tour says that it did not hold".to_owned()),
    }
}

fn deny(workspace: &Workspace) -> Result<Done, String> {
    if !process::succeeds(process::cargo(&workspace.root).args(["deny", "--version"])) {
        return Ok(Done::Skipped("cargo-deny"));
    }
    process::run(process::cargo(&workspace.root).args(["deny", "check"])).map(|()| Done::Held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const fn step(name: &'static str, run: Run) -> Step {
        Step { name, about: "a test", run }
    }

    fn ran(steps: &[Step], only: Option<&str>, time_max: Duration) -> Result<(), String> {
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new(), crates: Vec::new() };
        run_steps(&workspace, steps, only, time_max)
    }

    const HOUR: Duration = Duration::from_secs(3600);
    const HOLDS: Step = step("holds", |_| Ok(Done::Held));
    const FAILS: Step = step("fails", |_| Err("why".to_owned()));
    const SKIPS: Step = step("skips", |_| Ok(Done::Skipped("a tool")));

    #[test]
    fn the_step_that_fails_is_named_last() {
        assert_eq!(ran(&[HOLDS, SKIPS], None, HOUR), Ok(()));
        assert_eq!(ran(&[HOLDS, FAILS, SKIPS], None, HOUR), Err("failed: fails".to_owned()));
    }

    #[test]
    fn one_step_can_be_chosen_by_its_name() {
        assert_eq!(ran(&[FAILS, HOLDS], Some("holds"), HOUR), Ok(()));
        assert_eq!(ran(&[HOLDS, FAILS], Some("fails"), HOUR), Err("failed: fails".to_owned()));
        assert!(ran(&[HOLDS], Some("hold"), HOUR).unwrap_err().contains("no step hold"));
    }

    #[test]
    fn a_run_that_takes_too_long_fails() {
        let slow = || {
            step("slow", |_| {
                std::thread::sleep(Duration::from_millis(2));
                Ok(Done::Held)
            })
        };
        assert_eq!(ran(&[slow()], None, HOUR), Ok(()));
        assert!(ran(&[slow()], None, Duration::from_millis(1)).unwrap_err().ends_with("failed: time"));
    }

    #[test]
    fn a_skipped_step_names_its_tool() {
        let skipped = row("deny", HOUR, &Ok(Done::Skipped("cargo-deny")));
        assert_eq!(skipped, "deny               -  skipped: cargo-deny is not installed\n");
        assert_eq!(row("tests", HOUR / 8, &Ok(Done::Held)), "tests            7.5\n");
    }

    #[test]
    fn the_tour_must_have_walked_and_held() {
        assert_eq!(tour_verdict(r#"{"systems":[{"name":"offline-payment"}],"ok":true}"#), Ok(()));
        assert!(tour_verdict(r#"{"systems":[{"name":"offline-payment"}],"ok":false}"#).is_err());
        assert!(tour_verdict(r#"{"systems":[{"name":"offline-payment"}],"ok":"true"}"#).is_err());
        assert!(tour_verdict(r#"{"systems":[],"ok":true}"#).is_err());
        assert!(tour_verdict("ok").is_err());
    }
}
