//! The steps of a tour: each shows one claim, and says how long it took and what it rests on.
use serde_json::{Value, json};
use std::time::Instant;

/// Why a step did not hold, in words for the person who runs the tour.
pub type Fault = String;

/// The steps so far.
#[derive(Default)]
pub struct Steps {
    rows: Vec<Value>,
}

impl Steps {
    /// Runs one step. The evidence goes into the answer; a fault ends the walk, for what follows rests on it.
    pub fn step(
        &mut self,
        claim: &str,
        title: &str,
        show: impl FnOnce() -> Result<Value, Fault>,
    ) -> Result<(), Fault> {
        let begun = Instant::now();
        let shown = show();
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (ok, evidence) = match &shown {
            Ok(evidence) => (true, evidence.clone()),
            Err(fault) => (false, json!({ "fault": fault })),
        };
        eprintln!("  {claim:<5} {} {ms:>5} ms  {title}", if ok { "held" } else { "FAILED" });
        if let Err(fault) = &shown {
            eprintln!("        {fault}");
        }
        self.rows.push(json!({ "claim": claim, "title": title, "ok": ok, "ms": ms, "evidence": evidence }));
        shown.map(|_| ())
    }

    /// The rows.
    pub fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// Whether there are steps and all of them held.
    pub fn all_held(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row["ok"] == json!(true))
    }
}

/// A fault unless `holds`.
pub fn ensure(holds: bool, otherwise: impl Into<String>) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
