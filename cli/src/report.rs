//! What a command ends with: a value that held, a refusal, or a call that was not understood.
use serde_json::{Value, json};
use std::process::ExitCode;
use symbolon_types::Refused;

/// What a command found, for programs and for people.
pub struct Report {
    /// The one JSON value.
    pub json: Value,
    /// Plain lines.
    pub text: String,
}

/// Why a command did not hold.
pub enum Failure {
    /// The thing was read and refused: exit 1. `more` is merged into the answer (`"ok": false` for verbs that verify).
    Refused {
        /// Why.
        refused: Refused,
        /// What else the answer says.
        more: Value,
    },
    /// The call could not be understood: exit 2.
    Misuse(String),
}

/// What a command ends with.
pub type Outcome = Result<Report, Failure>;

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused { refused, more: json!({}) }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Misuse(error.to_string())
    }
}

impl Failure {
    /// A refusal by a verb that verifies.
    pub fn unverified(refused: impl Into<Refused>) -> Self {
        Self::Refused { refused: refused.into(), more: json!({ "ok": false }) }
    }
}

/// Prints the answer and gives the exit code.
pub fn finish(json: bool, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(report) => {
            if json {
                println!("{}", report.json);
            } else {
                println!("{}", report.text.trim_end());
            }
            ExitCode::SUCCESS
        }
        Err(Failure::Refused { refused, more }) => {
            if json {
                let mut answer = json!({ "refusal": {
                    "code": refused.code, "name": refused.name, "detail": refused.reason,
                } });
                if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
                    answer.extend(more);
                }
                println!("{answer}");
            } else {
                eprintln!("refused: {refused}");
            }
            ExitCode::from(1)
        }
        Err(Failure::Misuse(error)) => {
            if json {
                println!("{}", json!({ "error": error }));
            } else {
                eprintln!("error: {error}");
            }
            ExitCode::from(2)
        }
    }
}
