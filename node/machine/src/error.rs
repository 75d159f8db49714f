//! Why the machine does not open or does not go on.
use std::fmt;
use symbolon_log::LogError;
use symbolon_store::StoreError;

/// Why the machine does not open or does not go on.
#[derive(Debug)]
pub enum MachineError {
    /// The log refused or failed.
    Log(LogError),
    /// The tables refused or failed.
    Store(StoreError),
    /// The tables were made from another log, or from a later end of this one.
    TablesNotOfLog,
    /// The record of this sequence number is of no kind that this program knows.
    UnknownRecord(u64),
    /// Applying the command of this sequence number, or what fell due before it, failed; the machine has halted before answering it.
    Halted(u64),
    /// A checkpoint failed before, so the tables take no other: open both anew. The log is whole.
    CheckpointFailed,
    /// The writer's thread has ended in a panic outside of any command.
    WriterPanicked,
}

impl From<LogError> for MachineError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for MachineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => write!(f, "log: {error}"),
            Self::Store(error) => write!(f, "tables: {error}"),
            Self::TablesNotOfLog => {
                f.write_str("the tables are of another log, or ahead of this one: bring the right log back; never found a new one over old tables")
            }
            Self::UnknownRecord(sequence) => {
                write!(f, "record {sequence} is of no kind that this version knows")
            }
            Self::Halted(sequence) => write!(f, "halted at command {sequence}: it could not be applied"),
            Self::CheckpointFailed => f.write_str("a checkpoint failed: restart; the log is whole"),
            Self::WriterPanicked => f.write_str("the writer's thread has ended in a panic"),
        }
    }
}

impl std::error::Error for MachineError {}
