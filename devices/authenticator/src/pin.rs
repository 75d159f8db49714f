//! The server's key: given at the first start, kept, and never changed.
//!
//! ```text
//!   nothing kept, none given ─► KeyMissing        kept, none given or the same ─► kept
//!   nothing kept, one given  ─► kept              kept, another given          ─► CONFLICT
//! ```
use crate::{Failure, file};
use std::path::Path;
use symbolon_keys::VerifyingKey;
use symbolon_offline_payment::Refusal;
use symbolon_types::CoreRefusal;

/// The key that the machine starts with. The sealed state has the pinned key too, and that one decides; this file is what a start can be
/// compared with before the state is open.
///
/// # Errors
/// [`Failure::KeyMissing`], CONFLICT, [`Failure::Transport`].
pub fn pinned(store: &Path, given: Option<VerifyingKey>) -> Result<VerifyingKey, Failure> {
    let path = store.join("server-key");
    match (file::read(&path)?.map(VerifyingKey), given) {
        (None, None) => Err(Failure::KeyMissing),
        (None, Some(given)) => {
            file::write(&path, &given.0)?;
            Ok(given)
        }
        (Some(kept), Some(given)) if kept != given => Err(Refusal::Core(CoreRefusal::Conflict).into()),
        (Some(kept), _) => Ok(kept),
    }
}
