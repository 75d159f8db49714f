//! The acquirer's rows held against one another and against the journal.
use super::{ENDS, EXCHANGES, POLICY};
use crate::NaturalKey;
use symbolon_journal::account;
use symbolon_journal::card::authorisation;
use symbolon_state::Rows;

/// What an audit that found nothing wrong went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquiringAudit {
    /// Requests that are still kept.
    pub exchanges: u64,
}

/// The first thing found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquiringDamage {
    /// The request's money is not in the journal, or more of it stands than was approved.
    Money(NaturalKey),
    /// A request is not listed under its end, or what is listed is no such request.
    End(NaturalKey),
    /// The covering account is not there.
    Cover,
}

/// How many rows are read at once.
const PAGE: usize = 1024;

/// Reads every row of the acquirer.
///
/// # Errors
/// [`AcquiringDamage`], the first that was found.
pub fn audit(rows: &dyn Rows) -> Result<AcquiringAudit, AcquiringDamage> {
    if POLICY.get(rows, &()).is_some_and(|policy| account(rows, &policy.cover).is_none()) {
        return Err(AcquiringDamage::Cover);
    }
    let (mut exchanges, mut after) = (0u64, None);
    loop {
        let page = EXCHANGES.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (key, kept) in page {
            exchanges = exchanges.saturating_add(1);
            let there = kept.authorisation.is_none_or(|id| authorisation(rows, &id).is_some());
            if !there || kept.left > kept.reply.amount {
                return Err(AcquiringDamage::Money(key));
            }
            ENDS.get(rows, &(kept.until, key)).ok_or(AcquiringDamage::End(key))?;
        }
    }
    let mut after = None;
    loop {
        let page = ENDS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, ())) = page.last() else { return Ok(AcquiringAudit { exchanges }) };
        after = Some(*last);
        for ((until, key), ()) in page {
            if EXCHANGES.get(rows, &key).is_none_or(|kept| kept.until != until) {
                return Err(AcquiringDamage::End(key));
            }
        }
    }
}
