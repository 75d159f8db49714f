//! The authenticator's store: the state sealed under a key of the machine, bound to a counter that only rises.
//!
//! ```text
//!   commit: seal(state, n+1) ──► append to flash (durable) ──► counter = n+1 (durable) ──► the step may emit
//!   start:  last record n' against counter n:   n' = n  fine │ n' = n+1  cut in between: raise the counter │ else  rolled back
//! ```
//! **Invariant:** nothing is emitted before both the record and the counter are durable, so a record one ahead of the counter has
//! given nothing away, and a record behind it is an old image.
use super::{Env, state::State};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Aead, Crypto};
use symbolon_state::{Counter, Flash, Records};
use symbolon_types::Secret;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use symbolon_wire::cbor_map;

/// Above this many bytes in a bank the state moves to the other bank.
const COMPACT_ABOVE: usize = 256 * 1024;

cbor_map! {
    /// One sealed state as it lies on the flash.
    #[derive(Clone, Debug)]
    pub struct Sealed {
        /// The counter that it was written for.
        1 => counter: u64,
        /// The nonce of the AEAD, random.
        2 => nonce: [u8; 12],
        /// AES-256-GCM over the state, the counter as associated data.
        3 => ciphertext: Bytes,
    }
}

/// The store of one authenticator.
pub struct Store<F: Flash, C: Counter> {
    records: Records<F>,
    counter: C,
    at: u64,
    /// A commit has failed: what the medium and the counter hold is unknown until they are opened anew.
    failed: bool,
}

/// What was found at the start.
pub(super) struct Found {
    pub(super) state: Option<State>,
    /// How many commits the found state is behind the counter; 0 for the newest, `u64::MAX` where that cannot be told.
    pub(super) commits_lost: u64,
}

impl<F: Flash, C: Counter> Store<F, C> {
    pub(super) fn open(
        flash: F,
        mut counter: C,
        key: &Secret<[u8; 32]>,
        crypto: &dyn Crypto,
    ) -> Result<(Self, Found), Refusal> {
        let (records, found) = Records::open(flash)?;
        let last = found.last().map(|record| from_slice::<Sealed>(record)).transpose()?;
        let state = last.as_ref().map(|sealed| unseal(sealed, key, crypto)).transpose()?;
        let written = last.map_or(0, |sealed| sealed.counter);
        let risen = counter.value()?;
        let cut_in_between = risen.checked_add(1) == Some(written);
        if cut_in_between {
            counter.advance(written)?;
        }
        let commits_lost = if cut_in_between { 0 } else { risen.checked_sub(written).unwrap_or(u64::MAX) };
        let at = risen.max(counter.value()?);
        Ok((Self { records, counter, at, failed: false }, Found { state, commits_lost }))
    }

    /// Writes the state and raises the counter. With `destroy`, no older state is left on the medium.
    pub(super) fn commit(
        &mut self,
        env: &Env<'_>,
        key: &Secret<[u8; 32]>,
        state: &State,
        destroy: bool,
    ) -> Result<(), Refusal> {
        let counter = self.at.checked_add(1).filter(|_| !self.failed).ok_or(Own::StoreFailed)?;
        let record = seal(env, key, counter, state)?;
        self.failed = true;
        if destroy || self.records.bytes_used() > COMPACT_ABOVE {
            self.records.compact(core::iter::once(record.as_slice()))?;
        } else {
            self.records.append(&record)?;
        }
        self.counter.advance(counter)?;
        self.at = counter;
        self.failed = false;
        Ok(())
    }

    /// The counter of the last commit.
    pub(super) fn counter(&self) -> u64 {
        self.at
    }

    pub(super) fn into_parts(self) -> (F, C) {
        (self.records.into_flash(), self.counter)
    }
}

fn seal(env: &Env<'_>, key: &Secret<[u8; 32]>, counter: u64, state: &State) -> Result<Vec<u8>, Refusal> {
    let plain = Secret::new(to_vec(state));
    // What could not be read back is not written.
    from_slice::<State>(plain.reveal()).map_err(|_| Own::StoreFailed)?;
    let aad = counter.to_be_bytes();
    // The counter too: one step may commit twice on the same random bytes.
    let wide = env.random16(b"store/nonce", &[&aad]);
    let mut nonce = [0; 12];
    nonce.iter_mut().zip(wide).for_each(|(to, from)| *to = from);
    let ciphertext = env.crypto.aead_seal(Aead::Aes256Gcm, key.reveal(), &nonce, &aad, plain.reveal())?;
    Ok(to_vec(&Sealed { counter, nonce, ciphertext: Bytes(ciphertext) }))
}

fn unseal(sealed: &Sealed, key: &Secret<[u8; 32]>, crypto: &dyn Crypto) -> Result<State, Refusal> {
    let aad = sealed.counter.to_be_bytes();
    let plain = crypto
        .aead_open(Aead::Aes256Gcm, key.reveal(), &sealed.nonce, &aad, &sealed.ciphertext.0)
        .map_err(|_| Own::StoreFailed)?;
    from_slice(plain.reveal()).map_err(|_| Own::StoreFailed.into())
}
