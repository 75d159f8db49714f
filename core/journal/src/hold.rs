//! A hold's life: what is held, what of it was moved, and what each transfer that names it makes of it.
//!
//! ```text
//!             ┌─ Increase ─┐
//!   Pending ──► held, posted ──┬── Post: a last part is moved, the rest released ──► ended, posted
//!             ▲  │             ├── Void: all that is held is released ─────────────► ended, voided
//!             └──┘             └── its time has come ───────────────────────────────► ended, expired
//!       Capture, Release: of a part; of all that is left they end it as Post and Void do
//! ```
//! **Invariant:** an ended hold holds nothing and changes no more; what was posted stays posted.
use crate::{JournalRefusal, Kind, Pending, TransferId};
use symbolon_types::{Amount, UnixMs};
use symbolon_wire::{cbor_enum, cbor_map};

cbor_enum! {
    /// How a hold ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum End {
        /// This transfer moved the last of it: a post, or a capture of all that was left.
        1 => Posted(TransferId),
        /// This transfer released the last of it: a void, or a release of all that was left.
        2 => Voided(TransferId),
        /// It was released at this time, its own end.
        3 => Expired(UnixMs),
    }
}

cbor_map! {
    /// A hold as it stands, in minor units of its currency.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Hold {
        /// Held now.
        1 => held: u64,
        /// Moved for good so far.
        2 => posted: u64,
        /// How many captures, releases and increases it had.
        3 => parts: u32,
        /// From this time on it is released; never of itself where absent.
        4 => expires_at: Option<UnixMs>,
        /// How it ended; it is open where absent.
        5 => end: Option<End>,
    }
}

impl Hold {
    /// Before anything was held.
    pub(crate) const NOTHING: Self = Self { held: 0, posted: 0, parts: 0, expires_at: None, end: None };

    /// As it begins.
    pub(crate) fn asked(pending: &Pending) -> Self {
        Self { held: pending.movement.amount.minor(), expires_at: pending.expires_at, ..Self::NOTHING }
    }

    /// Whether nothing has ended it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// The time at which it falls due, if it is open and has one.
    pub(crate) fn due(&self) -> Option<UnixMs> {
        self.expires_at.filter(|_| self.is_open())
    }

    /// What the hold becomes by the transfer `id` of this `kind` at the time `now`. Its currency is that of `asked`.
    ///
    /// # Errors
    /// 51 to 53 of an ended hold, then 54 to 57 of the crate's table. A kind that names no hold is answered [`JournalRefusal::PendingNotPending`].
    pub(crate) fn step(
        self,
        asked: &Pending,
        id: TransferId,
        kind: &Kind,
        now: UnixMs,
    ) -> Result<Self, JournalRefusal> {
        self.open_at(now)?;
        let within = |amount: Amount| match amount.currency() == asked.movement.amount.currency() {
            false => Err(JournalRefusal::CurrencyMismatch),
            true => self.held.checked_sub(amount.minor()).ok_or(JournalRefusal::ExceedsPendingAmount),
        };
        match kind {
            Kind::Post(post) => {
                let left = post.amount.map_or(Ok(0), within)?;
                self.moved(self.held.saturating_sub(left)).map(|hold| hold.ended(End::Posted(id)))
            }
            Kind::Void(_) => Ok(self.ended(End::Voided(id))),
            Kind::Capture(part) => {
                let held = within(part.amount)?;
                let hold = Self { held, ..self.moved(part.amount.minor())?.with_part()? };
                Ok(if held == 0 { hold.ended(End::Posted(id)) } else { hold })
            }
            Kind::Release(part) => {
                let held = within(part.amount)?;
                let hold = Self { held, ..self.with_part()? };
                Ok(if held == 0 { hold.ended(End::Voided(id)) } else { hold })
            }
            Kind::Increase(more) => {
                if more.amount.currency() != asked.movement.amount.currency() {
                    return Err(JournalRefusal::CurrencyMismatch);
                }
                if more.expires_at.is_some_and(|at| at <= now) {
                    return Err(JournalRefusal::ExpiryPassed);
                }
                let held = self.held.checked_add(more.amount.minor()).ok_or(JournalRefusal::Overflow)?;
                let expires_at = more.expires_at.or(self.expires_at);
                Ok(Self { held, expires_at, ..self.with_part()? })
            }
            Kind::Posted(_) | Kind::Pending(_) => Err(JournalRefusal::PendingNotPending),
        }
    }

    /// The hold as its time has come: `None` when it has not, or the hold has ended.
    pub(crate) fn expired(self, now: UnixMs) -> Option<Self> {
        let at = self.due().filter(|at| *at <= now)?;
        Some(self.ended(End::Expired(at)))
    }

    /// One whose time has come is expired, whether or not it was processed.
    fn open_at(&self, now: UnixMs) -> Result<(), JournalRefusal> {
        match self.end {
            None if self.expires_at.is_some_and(|at| at <= now) => Err(JournalRefusal::PendingExpired),
            None => Ok(()),
            Some(End::Posted(_)) => Err(JournalRefusal::PendingAlreadyPosted),
            Some(End::Voided(_)) => Err(JournalRefusal::PendingAlreadyVoided),
            Some(End::Expired(_)) => Err(JournalRefusal::PendingExpired),
        }
    }

    fn moved(self, minor: u64) -> Result<Self, JournalRefusal> {
        let posted = self.posted.checked_add(minor).ok_or(JournalRefusal::Overflow)?;
        Ok(Self { posted, ..self })
    }

    fn with_part(self) -> Result<Self, JournalRefusal> {
        let parts = self.parts.checked_add(1).ok_or(JournalRefusal::Overflow)?;
        Ok(Self { parts, ..self })
    }

    fn ended(self, end: End) -> Self {
        Self { held: 0, end: Some(end), ..self }
    }
}
