//! What can go wrong: with the medium ([`DiskError`]), with what is written on it ([`Damage`]), and with what was asked of the log ([`LogError`]).
use core::fmt;
use std::error::Error;

/// Why a [`Disk`](crate::Disk) could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no file of that name.
    Absent,
    /// No room is left (ENOSPC, EDQUOT).
    Full,
    /// Somebody else holds the folder.
    InUse,
    /// Anything else that the operating system answered.
    Medium(std::io::ErrorKind),
}

/// The name of a segment, shown as its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Its place in the order of segments, from 1.
    pub index: u64,
    /// The sequence number of the first record in it, or of the next record while it has none.
    pub first_sequence: u64,
}

/// A file of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFile {
    /// A segment.
    Segment(SegmentName),
    /// The two slots of what was acknowledged last.
    Pointer,
    /// The hash before the first segment present, after archiving.
    Kept,
}

/// What is wrong at a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The head of the file cannot be read, or belongs to another place or version.
    Header,
    /// A record does not match its checksum.
    Checksum,
    /// A record matches its checksum, but does not follow the one before it.
    Chain,
    /// A record that was acknowledged is not there.
    Absent,
    /// The file is shorter or longer than it was made.
    Length,
    /// Bytes stand where there must be zeros.
    NotZero,
}

/// Why the log refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError {
    /// What was written is no longer what can be read. Nothing was changed; restore the file or the folder.
    Damaged {
        /// The file.
        file: LogFile,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
    /// A segment is missing between or below those present.
    Missing {
        /// Its place in the order of segments, from 1.
        segment: u64,
    },
    /// The pointer file is lost and the log ends in a bad record: whether that was acknowledged cannot be known. Nothing was changed; see
    /// [`Options::accept_lost_pointer`](crate::Options).
    Ambiguous {
        /// The last segment.
        file: LogFile,
        /// Where the bad record begins, in bytes.
        offset: u64,
    },
    /// Another process has the folder open.
    InUse,
    /// A write or a sync has failed in this process, so nothing more is written: open the log anew.
    Ended,
    /// No room for the next segment. Nothing of the batch is written; it may be tried again once there is room.
    Full,
    /// The batch is longer than a segment or a frame takes.
    TooLarge {
        /// The longest that is taken, in bytes, framing included.
        bytes_max: u64,
    },
    /// `at_ms` lies before that of the batch before.
    TimeWentBack,
    /// The records asked for lie below the first one present.
    Archived {
        /// The first sequence number present.
        first_sequence: u64,
    },
    /// The log has no batch of that last sequence number and hash: what was built on it belongs to another log.
    NotInLog,
    /// The disk failed.
    Disk(DiskError),
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::InUse => Self::InUse,
            DiskError::Full => Self::Full,
            DiskError::Absent | DiskError::Medium(_) => Self::Disk(error),
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no such file"),
            Self::Full => f.write_str("the disk is full"),
            Self::InUse => f.write_str("the folder is in use"),
            Self::Medium(kind) => write!(f, "the disk failed: {kind}"),
        }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.{:010}.seg", self.first_sequence, self.index)
    }
}

impl SegmentName {
    /// Reads a file name; `None` when it is not that of a segment.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (first_sequence, index) = name.strip_suffix(".seg")?.split_once('.')?;
        let parsed = Self { index: index.parse().ok()?, first_sequence: first_sequence.parse().ok()? };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(name) => name.fmt(f),
            Self::Pointer => f.write_str(crate::pointer::NAME),
            Self::Kept => f.write_str(crate::kept::NAME),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the head of the file cannot be read",
            Self::Checksum => "a record does not match its checksum",
            Self::Chain => "a record does not follow the one before it",
            Self::Absent => "an acknowledged record is not there",
            Self::Length => "the file does not have the length it was made with",
            Self::NotZero => "bytes stand where there must be zeros",
        })
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { file, offset, damage } => {
                write!(f, "{file} is damaged at byte {offset}: {damage}")
            }
            Self::Missing { segment } => {
                write!(f, "the file of segment {segment} (*.{segment:010}.seg) is missing")
            }
            Self::Ambiguous { file, offset } => {
                write!(f, "the pointer file is lost and {file} ends in a bad record at byte {offset}")
            }
            Self::InUse => f.write_str("another process has the log open"),
            Self::Ended => f.write_str("writing has ended after a failed write or sync; open the log anew"),
            Self::Full => f.write_str("no room for the next segment"),
            Self::TooLarge { bytes_max } => write!(f, "the batch is longer than {bytes_max} bytes"),
            Self::TimeWentBack => f.write_str("the time of the batch lies before that of the last one"),
            Self::Archived { first_sequence } => write!(f, "the first record present is {first_sequence}"),
            Self::NotInLog => f.write_str("the log has no such batch"),
            Self::Disk(error) => error.fmt(f),
        }
    }
}

impl Error for DiskError {}
impl Error for LogError {}
