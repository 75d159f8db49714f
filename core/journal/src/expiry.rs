//! Holds whose time has come: released in the order of their times, each marked with its own.
use crate::execute::expire;
use crate::transfer::DUE;
use symbolon_state::{Ctx, Rows};
use symbolon_types::UnixMs;

/// When the next hold falls due, if any will.
#[must_use]
pub fn next_due(rows: &dyn Rows) -> Option<UnixMs> {
    DUE.scan(rows, &(), None, 1).first().map(|((at, _), ())| *at)
}

/// Releases at most `limit` holds whose `expires_at` is `ctx.at` or before, earliest first; the number released.
pub fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) -> usize {
    let due = DUE.scan(rows, &(), None, limit);
    due.into_iter()
        .map(|(key, ())| key)
        .take_while(|(at, _)| *at <= ctx.at)
        .map(|(_, id)| expire(rows, ctx, id))
        .count()
}
