//! Soaking: new seeds of the simulated world, as many as there is time for, and every fuzz target for minutes.
//!
//! **Invariant:** the first seed is printed before anything runs, so that whatever fails can be run again.
use crate::process;
use crate::workspace::Workspace;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seeds of one soak.
const SEEDS: u64 = 10_000;

/// How long each fuzz target runs, in seconds.
const FUZZ_SECONDS: u64 = 180;

/// 10,000 seeds from `seed` on, or from a new one, then the fuzz targets.
///
/// # Errors
/// What failed first: a seed with its invariant, or a target.
pub fn run(workspace: &Workspace, seed: Option<u64>) -> Result<(), String> {
    seeds(workspace, SEEDS, seed)?;
    fuzz(workspace, FUZZ_SECONDS)
}

/// So many seeds of the simulated world, from `seed` on, or from one that no earlier run began with.
///
/// # Errors
/// The seed that failed, with its invariant.
pub fn seeds(workspace: &Workspace, count: u64, seed: Option<u64>) -> Result<(), String> {
    let seed = seed.unwrap_or_else(new_seed);
    println!("{count} seeds from {seed}: symbolon sim --seed {seed} --count {count}");
    let build = ["build", "--quiet", "--profile", "ci", "--package", "symbolon-cli"];
    process::run(process::cargo(&workspace.root).args(build))?;
    let mut sim = process::command(workspace.target.join("ci/symbolon"), &workspace.root);
    sim.args(["sim", "--json", "--seed", &seed.to_string(), "--count", &count.to_string()]);
    let answer = process::captured(&mut sim)?;
    verdict(&String::from_utf8_lossy(&answer.stdout), count)
}

/// Milliseconds since 1970, spread out: two runs do not share their seeds.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(0);
    ms.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
}

/// Whether the answer says that all held.
fn verdict(answer: &str, count: u64) -> Result<(), String> {
    let answer: Value = serde_json::from_str(answer)
        .map_err(|error| format!("sim: its answer is not one JSON value: {error}"))?;
    if let Some(failure) = answer.get("failure") {
        let text = |field: &str| failure.get(field).map(ToString::to_string).unwrap_or_default();
        return Err(format!(
            "sim: seed {} breaks {} at step {}: {}\nneeds: {}\nagain: symbolon sim --seed {}",
            text("seed"),
            text("invariant"),
            text("step"),
            text("detail"),
            text("needs"),
            text("seed")
        ));
    }
    let all = answer.get("ok") == Some(&Value::Bool(true));
    let seeds = answer.get("seeds").and_then(Value::as_u64);
    if all && seeds == Some(count) { Ok(()) } else { Err(format!("sim: not all seeds held: {seeds:?}")) }
}

/// Coverage that guides libFuzzer, as its runtime wants it, and the address sanitizer.
const FUZZ_FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Zsanitizer=address";

/// The host that the sanitizer's flags are for: named, so that build scripts are built without them.
const FUZZ_TARGET: &str = "x86_64-unknown-linux-gnu";

/// Each target of `fuzz/` for so many seconds, from its seeds and from what earlier runs found, in `target/fuzz/corpus`; without a nightly
/// compiler that is said.
fn fuzz(workspace: &Workspace, seconds: u64) -> Result<(), String> {
    let folder = workspace.root.join("fuzz");
    if !process::succeeds(process::command("cargo", &folder).args(["+nightly", "--version"])) {
        println!("fuzz targets left out: there is no nightly toolchain");
        return Ok(());
    }
    let target = workspace.target.join("fuzz");
    let build =
        ["+nightly", "build", "--quiet", "--release", "--features", "libfuzzer", "--target", FUZZ_TARGET];
    let mut cargo = process::command("cargo", &folder);
    process::run(cargo.args(build).arg("--target-dir").arg(&target).env("RUSTFLAGS", FUZZ_FLAGS))?;
    let built = target.join(FUZZ_TARGET).join("release");
    let corpora = target.join("corpus");
    let names = process::output(process::command(built.join("seeds"), &target).arg(&corpora))?;
    let time = format!("-max_total_time={seconds}");
    names.lines().try_for_each(|name| {
        println!("fuzz {name}, {seconds} s");
        let mut fuzz = process::command(built.join("fuzz"), &target);
        let args = [&time, "-max_len=20000", "-verbosity=0"];
        process::run(fuzz.env("FUZZ_TARGET", name).arg(corpora.join(name)).args(args))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_must_have_held_on_every_seed() {
        assert_eq!(verdict(r#"{"ok":true,"seeds":10}"#, 10), Ok(()));
        assert!(verdict(r#"{"ok":true,"seeds":9}"#, 10).is_err());
        assert!(verdict(r#"{"ok":false,"seeds":10}"#, 10).is_err());
        assert!(verdict("", 10).is_err());
        let failed = r#"{"ok":false,"failure":{"seed":7,"step":3,"invariant":"money","detail":"less","needs":["pay"]}}"#;
        let told = verdict(failed, 10).unwrap_err();
        assert!(told.contains("seed 7 breaks \"money\" at step 3") && told.contains("--seed 7"), "{told}");
    }
}
