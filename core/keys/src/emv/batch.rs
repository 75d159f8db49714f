//! A cryptogram's whole check, from the issuer's master key, and many of them.
//!
//! **Invariant:** [`verify_all`] answers as [`verify`] does, in the order of the checks.
use super::cryptogram::compared;
use super::derive::{Deriver, common_blocks, master_blocks};
use super::{
    Card, EmvError, IssuerAc, MasterKeyOption, Scheme, SessionDerivation, Verified, verify_cryptogram,
};
use crate::cipher::{Padding, padded};
use crate::des::{retail_mac_batch, tdes_encrypt_batch};
use crate::usage::{Key, KeyAlgorithm};
use alloc::vec::Vec;
use symbolon_types::Secret;
use zeroize::Zeroizing;

/// A cryptogram as it came, and what it was made over.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The card's scheme.
    pub scheme: &'a Scheme,
    /// The card.
    pub card: &'a Card,
    /// Application transaction counter (9F36).
    pub atc: [u8; 2],
    /// Unpredictable number (9F37), for the schemes whose key takes it.
    pub un: Option<[u8; 4]>,
    /// What the scheme makes its cryptogram over, before padding.
    pub data: &'a [u8],
    /// The cryptogram (9F26).
    pub cryptogram: [u8; 8],
}

/// Only the scheme and the lengths are shown.
impl core::fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Check({}, {} bytes)", self.scheme.name, self.data.len())
    }
}

/// Checks a cryptogram: ICC master key, session key, MAC.
///
/// # Errors
/// [`EmvError::Mismatch`]; [`EmvError::Field`] `un`; [`EmvError::Key`].
pub fn verify(
    issuer: &Key<IssuerAc>,
    option: MasterKeyOption,
    check: &Check<'_>,
) -> Result<Verified, EmvError> {
    one(&Deriver::of(issuer)?, option, check)
}

/// Fewer checks than these are quicker one by one.
const BATCH_MIN: usize = 64;

/// Checks many cryptograms of one issuer's key. A key that is unfit is the answer to each. Many under triple DES are computed side by side.
#[must_use]
pub fn verify_all(
    issuer: &Key<IssuerAc>,
    option: MasterKeyOption,
    checks: &[Check<'_>],
) -> Vec<Result<Verified, EmvError>> {
    let answers = if checks.len() >= BATCH_MIN && option != MasterKeyOption::C {
        double(issuer).and_then(|issuer| side_by_side(issuer, option, checks))
    } else {
        Deriver::of(issuer).map(|issuer| checks.iter().map(|check| one(&issuer, option, check)).collect())
    };
    answers.unwrap_or_else(|error| checks.iter().map(|_| Err(error)).collect())
}

/// The bytes of a double-length key.
fn double(issuer: &Key<IssuerAc>) -> Result<&[u8; 16], EmvError> {
    match (issuer.algorithm(), issuer.reveal().first_chunk()) {
        (KeyAlgorithm::Tdes2, Some(key)) => Ok(key),
        _ => Err(EmvError::Key),
    }
}

/// The steps of [`one`], each for all checks. Parity is left as it falls: these keys go no further.
fn side_by_side(
    issuer: &[u8; 16],
    option: MasterKeyOption,
    checks: &[Check<'_>],
) -> Result<Vec<Result<Verified, EmvError>>, EmvError> {
    let issuers = Zeroizing::new(alloc::vec![*issuer; checks.len()]);
    let icc = derived(&issuers, checks.iter().map(|check| master_blocks(option, check.card)))?;
    let ways: Vec<_> =
        checks.iter().map(|check| check.scheme.session_derivation(check.atc, check.un)).collect();
    let blocks = ways.iter().map(|way| match way {
        Ok(SessionDerivation::Common(r)) => common_blocks(*r),
        // Computed for nothing: the key is not derived, or there is none.
        _ => [[0; 8]; 2],
    });
    let mut keys = derived(&icc, blocks)?;
    let not_derived = keys.iter_mut().zip(icc.iter()).zip(&ways);
    not_derived
        .filter(|(_, way)| **way == Ok(SessionDerivation::MasterKey))
        .for_each(|((key, icc), _)| *key = *icc);
    let texts: Vec<_> = checks.iter().map(|check| padded(check.data, check.scheme.padding, 8)).collect();
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let macs = retail_mac_batch(&keys, &texts, Padding::Zeros)?;
    let answer = |((way, mac), check): ((Result<_, _>, &[u8; 8]), &Check<'_>)| {
        way.and_then(|_| compared(&Secret::new(*mac), &check.cryptogram))
    };
    Ok(ways.into_iter().zip(macs.reveal()).zip(checks).map(answer).collect())
}

/// For each key two blocks enciphered under it, as the next key.
fn derived(
    keys: &[[u8; 16]],
    blocks: impl Iterator<Item = [[u8; 8]; 2]>,
) -> Result<Zeroizing<Vec<[u8; 16]>>, EmvError> {
    let twice: Zeroizing<Vec<[u8; 16]>> = Zeroizing::new(keys.iter().flat_map(|key| [*key, *key]).collect());
    let mut halves: Zeroizing<Vec<[u8; 8]>> = Zeroizing::new(blocks.flatten().collect());
    tdes_encrypt_batch(&twice, &mut halves)?;
    let whole = halves.as_flattened().as_chunks::<16>().0;
    Ok(Zeroizing::new(whole.to_vec()))
}

fn one(issuer: &Deriver, option: MasterKeyOption, check: &Check<'_>) -> Result<Verified, EmvError> {
    let icc = issuer.icc_master::<IssuerAc>(option, check.card)?;
    let session = check.scheme.session(&icc, check.atc, check.un)?;
    verify_cryptogram(&session, check.data, check.scheme.padding, &check.cryptogram)
}
