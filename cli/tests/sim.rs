//! `symbolon sim` as a script sees it: one JSON value, the same for the same seed, and calls that cannot be understood.
use serde_json::Value;
use std::process::{Command, Output};

fn sim(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command.arg("sim").args(words.split_whitespace()).output().unwrap()
}

fn held(words: &str) -> Value {
    let output = sim(words);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_seed_holds_and_says_what_it_saw() {
    let answer = held("--seed 7 --steps 60 --json");
    assert_eq!((&answer["seed"], &answer["steps"], &answer["ok"]), (&7.into(), &60.into(), &true.into()));
    assert_eq!(answer["invariants"]["comes-to-rest"], 1);
    assert!(answer["faults"].as_object().is_some_and(|faults| !faults.is_empty()));
    assert_eq!(answer, held("--seed 7 --steps 60 --json"), "the same seed, the same world");
}

#[test]
fn many_seeds_are_one_answer() {
    let answer = held("--seed 100 --count 6 --steps 20 --json");
    assert_eq!((&answer["seeds"], &answer["invariants"]["comes-to-rest"]), (&6.into(), &6.into()));
    let text = String::from_utf8(sim("--seed 100 --count 6 --steps 20").stdout).unwrap();
    assert!(text.starts_with("6 seed(s) from 100, 20 steps each") && text.contains("acknowledged-is-kept"));
}

#[test]
fn what_is_no_call_is_refused_as_one() {
    for words in
        ["", "--seed x", "--seed 1 --count 0", "--seed 1 --steps 100001", "--seed 1 word", "--nonsense"]
    {
        let output = sim(words);
        assert_eq!(output.status.code(), Some(2), "{words}: {output:?}");
    }
}
