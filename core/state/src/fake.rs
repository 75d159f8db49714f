//! A flash and a counter in memory whose power can be cut at any point: for the tests of everything that must last on a device (feature `testing`).
//!
//! ```text
//!   Power ──┬── FakeFlash     every byte written, every erase and every advance spends points; when the allowance is spent
//!           └── FakeCounter   the power is gone, and everything answers FlashError::Medium until Power::restore
//! ```
//! **Invariant:** an operation costs one point more than it has parts, so one cut falls after its whole effect but before its return.
extern crate std;
use crate::{Bank, Counter, Flash, FlashError};
use alloc::{sync::Arc, vec::Vec};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The supply of a fake device, shared by all its parts. Clones are the same supply.
#[derive(Clone, Debug, Default)]
pub struct Power(Arc<Mutex<Supply>>);

#[derive(Debug, Default)]
struct Supply {
    spent: u64,
    cut_at: Option<u64>,
}

impl Power {
    /// Cuts the power after `points` more: a byte appended is one, and each append, erase and advance costs one at its return; an erase
    /// and an advance also one for their effect.
    pub fn cut_after(&self, points: u64) {
        let mut supply = lock(&self.0);
        supply.cut_at = Some(supply.spent.saturating_add(points));
    }

    /// The power is back, and no cut is planned.
    pub fn restore(&self) {
        lock(&self.0).cut_at = None;
    }

    /// The points spent since the beginning.
    #[must_use]
    pub fn spent(&self) -> u64 {
        lock(&self.0).spent
    }

    /// Whether a planned cut has come.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let supply = lock(&self.0);
        supply.cut_at.is_some_and(|at| supply.spent >= at)
    }

    /// Spends up to `parts` points for the parts of an operation and one for its return; the parts done, and whether it returned.
    fn spend(&self, parts: usize) -> (usize, Result<(), FlashError>) {
        let mut supply = lock(&self.0);
        let wanted = u64::try_from(parts).unwrap_or(u64::MAX).saturating_add(1);
        let allowed = supply.cut_at.map_or(wanted, |at| at.saturating_sub(supply.spent)).min(wanted);
        supply.spent = supply.spent.saturating_add(allowed);
        let done = usize::try_from(allowed).unwrap_or(usize::MAX).min(parts);
        (done, if allowed == wanted { Ok(()) } else { Err(FlashError::Medium) })
    }

    fn on(&self) -> Result<(), FlashError> {
        if self.is_cut() { Err(FlashError::Medium) } else { Ok(()) }
    }
}

/// The bytes of both banks at one moment; put back by [`FakeFlash::put_back`] to play an attacker who restores an old image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    a: Vec<u8>,
    b: Vec<u8>,
}

impl Image {
    fn bank(&mut self, bank: Bank) -> &mut Vec<u8> {
        match bank {
            Bank::A => &mut self.a,
            Bank::B => &mut self.b,
        }
    }
}

/// A flash in memory. Clones are the same flash, so what it holds outlives the program that is cut.
#[derive(Clone, Debug, Default)]
pub struct FakeFlash {
    power: Power,
    image: Arc<Mutex<Image>>,
    bank_bytes_max: Option<usize>,
}

impl FakeFlash {
    /// An empty flash on that supply; [`FakeFlash::default`] has a supply of its own.
    #[must_use]
    pub fn new(power: &Power) -> Self {
        Self { power: power.clone(), ..Self::default() }
    }

    /// A handle that refuses with [`FlashError::Full`] what would make a bank longer than `bytes`.
    #[must_use]
    pub fn with_bank_bytes_max(mut self, bytes: usize) -> Self {
        self.bank_bytes_max = Some(bytes);
        self
    }

    /// Its supply.
    #[must_use]
    pub fn power(&self) -> &Power {
        &self.power
    }

    /// A copy of what it holds.
    #[must_use]
    pub fn image(&self) -> Image {
        lock(&self.image).clone()
    }

    /// Replaces what it holds.
    pub fn put_back(&self, image: &Image) {
        *lock(&self.image) = image.clone();
    }

    /// Flips the bits of `mask` in one byte; nothing happens past the bank's end.
    pub fn flip(&self, bank: Bank, offset: usize, mask: u8) {
        if let Some(byte) = lock(&self.image).bank(bank).get_mut(offset) {
            *byte ^= mask;
        }
    }
}

impl Flash for FakeFlash {
    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), FlashError> {
        let mut image = lock(&self.image);
        let held = image.bank(bank);
        self.power.on()?;
        if self.bank_bytes_max.is_some_and(|max| held.len().saturating_add(bytes.len()) > max) {
            return Err(FlashError::Full);
        }
        let (written, returned) = self.power.spend(bytes.len());
        held.extend_from_slice(bytes.get(..written).unwrap_or(bytes));
        returned
    }

    fn read(&self, bank: Bank) -> Result<Vec<u8>, FlashError> {
        self.power.on()?;
        Ok(lock(&self.image).bank(bank).clone())
    }

    fn erase(&mut self, bank: Bank) -> Result<(), FlashError> {
        let (erased, returned) = self.power.spend(1);
        if erased == 1 {
            lock(&self.image).bank(bank).clear();
        }
        returned
    }
}

/// A counter in memory. Clones are the same counter.
#[derive(Clone, Debug, Default)]
pub struct FakeCounter {
    power: Power,
    value: Arc<Mutex<u64>>,
}

impl FakeCounter {
    /// A counter at 0 on that supply; [`FakeCounter::default`] has a supply of its own.
    #[must_use]
    pub fn new(power: &Power) -> Self {
        Self { power: power.clone(), ..Self::default() }
    }

    /// Its supply.
    #[must_use]
    pub fn power(&self) -> &Power {
        &self.power
    }
}

impl Counter for FakeCounter {
    fn value(&self) -> Result<u64, FlashError> {
        self.power.on()?;
        Ok(*lock(&self.value))
    }

    fn advance(&mut self, value: u64) -> Result<(), FlashError> {
        let mut held = lock(&self.value);
        self.power.on()?;
        if value <= *held {
            return Err(FlashError::Counter);
        }
        let (advanced, returned) = self.power.spend(1);
        if advanced == 1 {
            *held = value;
        }
        returned
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_a_prefix_and_the_last_cut_leaves_all_without_an_answer() {
        for points in 0..=4 {
            let mut flash = FakeFlash::default();
            flash.power().cut_after(points);
            let answer = flash.append(Bank::A, b"abc");
            assert_eq!(answer.is_ok(), points == 4);
            assert_eq!(flash.read(Bank::A), Err(FlashError::Medium));
            flash.power().restore();
            let kept = flash.read(Bank::A).unwrap();
            assert_eq!(kept, b"abc"[..usize::try_from(points).unwrap().min(3)]);
        }
    }

    #[test]
    fn one_supply_cuts_flash_and_counter_together() {
        let power = Power::default();
        let (mut flash, mut counter) = (FakeFlash::new(&power), FakeCounter::new(&power));
        power.cut_after(3);
        assert_eq!(flash.append(Bank::B, b"x"), Ok(()));
        assert_eq!(counter.advance(1), Err(FlashError::Medium));
        assert_eq!(flash.erase(Bank::B), Err(FlashError::Medium));
        power.restore();
        assert_eq!(counter.value(), Ok(1), "its effect came before the cut, its answer did not");
        assert_eq!(counter.advance(1), Err(FlashError::Counter));
        assert_eq!(flash.read(Bank::B), Ok(b"x".to_vec()));
    }

    #[test]
    fn an_old_image_can_be_put_back_but_not_an_old_counter() {
        let (mut flash, mut counter) = (FakeFlash::default(), FakeCounter::default());
        let old = flash.image();
        flash.append(Bank::A, b"new").unwrap();
        counter.advance(7).unwrap();
        flash.put_back(&old);
        assert_eq!(flash.read(Bank::A), Ok(Vec::new()));
        assert_eq!(counter.value(), Ok(7));
        assert_eq!(flash.with_bank_bytes_max(2).append(Bank::A, b"abc"), Err(FlashError::Full));
    }
}
