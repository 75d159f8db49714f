//! A log opened for reading alone: everything is checked, nothing is changed, no torn tail is cut. For audits.
use crate::batch::Head;
use crate::segment::Header;
use crate::survey::{Scope, Verified, survey};
use crate::{Batches, Disk, Log, LogError};

/// Whatever batches can be read back from in order: a [`Log`], or a [`Reading`] of one.
pub trait History {
    /// The disk that it lies on.
    type Disk: Disk;

    /// The first sequence number present.
    fn first_sequence(&self) -> u64;

    /// The end of the chain.
    fn head(&self) -> Head;

    /// All batches present, from the first on.
    ///
    /// # Errors
    /// [`LogError::Disk`].
    fn batches(&self) -> Result<Batches<'_, Self::Disk>, LogError>;
}

/// A log whose every batch was checked, and that nobody else may open meanwhile.
#[derive(Debug)]
pub struct Reading<D: Disk> {
    disk: D,
    segments: Vec<Header>,
    tail: u64,
    verified: Verified,
}

impl<D: Disk> Reading<D> {
    /// Checks the whole chain.
    ///
    /// # Errors
    /// [`LogError::InUse`]; [`LogError::Damaged`], [`LogError::Missing`], [`LogError::Ambiguous`]; [`LogError::Disk`].
    pub fn open(mut disk: D) -> Result<Self, LogError> {
        disk.lock()?;
        let scope = Scope { whole: true, accept_lost_pointer: false };
        let survey = survey(&disk, scope)?.ok_or(LogError::Missing { segment: 1 })?;
        let verified = Verified::of(&survey);
        Ok(Self { disk, segments: survey.segments, tail: survey.tail, verified })
    }

    /// What the check found.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

impl<D: Disk> History for Reading<D> {
    type Disk = D;

    fn first_sequence(&self) -> u64 {
        self.verified.first_sequence
    }

    fn head(&self) -> Head {
        self.verified.head
    }

    fn batches(&self) -> Result<Batches<'_, D>, LogError> {
        Batches::from(&self.disk, &self.segments, self.tail, self.verified.first_sequence)
    }
}

impl<D: Disk> History for Log<D> {
    type Disk = D;

    fn first_sequence(&self) -> u64 {
        self.first_sequence()
    }

    fn head(&self) -> Head {
        self.head()
    }

    fn batches(&self) -> Result<Batches<'_, D>, LogError> {
        self.read_from(self.first_sequence())
    }
}

/// Checks the whole chain, changing nothing; what it had.
///
/// # Errors
/// As [`Reading::open`].
pub fn verify<D: Disk>(disk: D) -> Result<Verified, LogError> {
    Reading::open(disk).map(|reading| reading.verified)
}
