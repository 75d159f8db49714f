//! The acquirer's rows held against one another and against the journal.
use super::{ENDS, EXCHANGES, OUTBOX, POLICY, PROCESSORS, WAITING, WAITING_ENDS};
use crate::NaturalKey;
use symbolon_journal::account;
use symbolon_journal::card::authorisation;
use symbolon_state::Rows;

/// What an audit that found nothing wrong went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquiringAudit {
    /// Requests that are still kept.
    pub exchanges: u64,
    /// Those that wait for a processor.
    pub waiting: u64,
    /// Messages that processors must still get.
    pub outgoing: u64,
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
    /// A processor's account is not there.
    Processor(u32),
    /// What waits under this processor's audit number is no request that waits, or is not listed under its end.
    Waiting(u32, u32),
    /// What stands in the outbox of this processor, under this number, was never given that number.
    Outgoing(u32, u64),
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
    let (mut exchanges, mut waits, mut after) = (0u64, 0u64, None);
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
            if let Some(to) = kept.waits() {
                waits = waits.saturating_add(1);
                let place = (to.processor, to.audit);
                if WAITING.get(rows, &place).is_none_or(|waiting| waiting.key != key) {
                    return Err(AcquiringDamage::Waiting(place.0, place.1));
                }
            }
            ENDS.get(rows, &(kept.until, key)).ok_or(AcquiringDamage::End(key))?;
        }
    }
    let mut after = None;
    loop {
        let page = ENDS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, ())) = page.last() else { break };
        after = Some(*last);
        for ((until, key), ()) in page {
            if EXCHANGES.get(rows, &key).is_none_or(|kept| kept.until != until) {
                return Err(AcquiringDamage::End(key));
            }
        }
    }
    let (waiting, outgoing) = processors(rows)?;
    if waiting < waits {
        return Err(AcquiringDamage::Waiting(0, 0));
    }
    Ok(AcquiringAudit { exchanges, waiting, outgoing })
}

/// What waits for processors, and what they must still get.
fn processors(rows: &dyn Rows) -> Result<(u64, u64), AcquiringDamage> {
    for (number, processor) in PROCESSORS.scan(rows, &(), None, usize::MAX) {
        account(rows, &processor.account).ok_or(AcquiringDamage::Processor(number))?;
    }
    let (mut waiting, mut listed, mut outgoing) = (0u64, 0u64, 0u64);
    let mut after = None;
    while let page = WAITING.scan(rows, &(), after.as_ref(), PAGE)
        && let Some((last, _)) = page.last()
    {
        after = Some(*last);
        for (place, row) in page {
            waiting = waiting.saturating_add(1);
            // An exchange whose keeping ended leaves its row until it falls due.
            let waits = EXCHANGES
                .get(rows, &row.key)
                .is_none_or(|kept| kept.waits().is_some_and(|to| (to.processor, to.audit) == place));
            if !waits || WAITING_ENDS.get(rows, &(row.ends, place)).is_none() {
                return Err(AcquiringDamage::Waiting(place.0, place.1));
            }
        }
    }
    let mut after = None;
    while let page = WAITING_ENDS.scan(rows, &(), after.as_ref(), PAGE)
        && let Some((last, ())) = page.last()
    {
        after = Some(*last);
        listed = listed.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
    }
    if listed != waiting {
        return Err(AcquiringDamage::Waiting(0, 0));
    }
    let mut after = None;
    while let page = OUTBOX.scan(rows, &(), after.as_ref(), PAGE)
        && let Some((last, _)) = page.last()
    {
        after = Some(*last);
        for ((number, place), _) in page {
            outgoing = outgoing.saturating_add(1);
            if PROCESSORS.get(rows, &number).is_none_or(|processor| processor.outgoing < place) {
                return Err(AcquiringDamage::Outgoing(number, place));
            }
        }
    }
    Ok((waiting, outgoing))
}
