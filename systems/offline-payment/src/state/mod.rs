//! The durable side of system 01: its tables, its commands, and the fold that applies them.
//!
//! ```text
//!                      OpenAccount, Fund          InviteAuthenticator, EnrolAuthenticator        InvitePayee, EnrolPayee
//!                            │                                   │                                        │
//!                      ┌─────▼─────┐   GrantNonces         ┌─────▼──────┐        Settle            ┌──────▼──────┐
//!                      │  payer    │ ────────────────────► │   grant    │ ───────────────────────► │ settlement  │
//!                      │ (journal) │  reserves its limit   │ unspent    │  first: from reservation │ credited    │
//!                      └───────────┘                       │ spent by x │  later: offline_loss     │ once        │
//!                                                          └────────────┘  and evidence            └─────────────┘
//! ```
//! The rules of reservation and double spend:
//! R1 a grant reserves exactly its limit. R2 a reservation ends by settlement or at `exp` + 7 days, never by a device's word.
//! R3 a double spend is the same token with another object id. R4 the first arrival posts from the reservation; a later one posts from
//! `offline_loss`, within the payee's cap, and becomes a debt of the payer. R5 the evidence is the two objects.
//!
//! **Invariants:** posted ≤ reserved for every grant; the sum of losses ≤ the sum of caps; one credit for each (token, payee).
mod accounts;
mod audit;
mod commands;
mod grants;
mod money;
mod reconcile;
mod refund;
mod settle;
mod tables;
mod trust;

pub use accounts::COUNT_MAX;
pub use audit::{OfflineAudit, OfflineDamage, audit};
pub use commands::*;
pub use money::{PayerBalance, RELEASES_MAX, payee_credited, payer_balance};
pub use refund::refunded_already;
pub use settle::settled_already;
pub use tables::{
    AuthenticatorRow, Evidence, GrantRow, PayeeRow, PayerRow, RefundRow, Source, TABLES, authenticator,
    authenticators_of, code_known, evidence, evidences, grant, payee, payer, settlement,
};

pub(crate) use tables::credit;
pub use trust::{
    OVERLAP_SECONDS_MAX, Rotation, TrustRow, denied, has_room, listed_keys, rotations, server_keys,
    signing_key, trust,
};

use crate::Refusal;
use symbolon_state::{Ctx, Rows, System};

/// System 01.
pub struct OfflinePayment;

impl System for OfflinePayment {
    const NUMBER: u8 = 1;
    type Command = Command;
    type Outcome = Outcome;

    fn apply(rows: &mut dyn Rows, ctx: &Ctx, command: Command) -> Outcome {
        let outcome = match command {
            Command::OpenAccount(command) => accounts::open(rows, ctx, &command),
            Command::Fund(command) => accounts::fund(rows, ctx, &command),
            Command::InviteAuthenticator(command) => accounts::invite_authenticator(rows, &command),
            Command::EnrolAuthenticator(command) => accounts::enrol_authenticator(rows, ctx, &command),
            Command::InvitePayee(command) => accounts::invite_payee(rows, ctx, &command),
            Command::EnrolPayee(command) => accounts::enrol_payee(rows, ctx, &command),
            Command::GrantNonces(command) => grants::grant_nonces(rows, ctx, &command),
            Command::Settle(command) => settle::settle(rows, ctx, &command),
            Command::Reconcile(command) => reconcile::reconcile(rows, ctx, &command),
            Command::RevokeAuthenticator(command) => accounts::revoke_authenticator(rows, &command),
            Command::RotateServerKey(command) => trust::rotate(rows, ctx, &command),
            Command::RevokeServerKey(command) => trust::revoke_key(rows, &command),
            Command::SetTrustPolicy(command) => trust::set_policy(rows, &command),
            Command::Refund(command) => refund::refund(rows, ctx, &command),
            Command::RepayDebt(command) => refund::repay(rows, ctx, &command),
        };
        outcome.unwrap_or_else(|refusal: Refusal| Outcome::Refused(refusal))
    }
}
