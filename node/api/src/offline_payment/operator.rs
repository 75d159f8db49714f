//! What operators and integrators do, in JSON: accounts, money, invitations, payees, evidence.
//!
//! A change carries `Idempotency-Key: <UUID version 7>`; ids and codes that it makes are derived from that id and the caller's key, so that a
//! repeat gets the same answer and nobody else can guess a code.
use super::limits::{Limits, limits};
use super::outcome;
use crate::Node;
use crate::auth::{Caller, caller, request_id};
use crate::reply::{Failure, Money, demanded, json, json_body};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::Crypto;
use symbolon_machine::{RequestId, Scope, Submission};
use symbolon_offline_payment::messages::{AuthenticatorId, PayeeId, PayerId};
use symbolon_offline_payment::state::{
    self, Command, Fund, InviteAuthenticator, InvitePayee, OpenAccount, RepayDebt, RevokeAuthenticator,
};
use symbolon_types::{Amount, CoreRefusal, UnixSeconds, hex_upper};
use symbolon_wire::cbor::Malformed;

/// The longest name of a payee: checked here too, so that what is refused is not written.
const NAME_BYTES_MAX: usize = 40;

/// Rows that one call lists.
const LISTED_MAX: usize = 1000;

/// An account to open.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// What it may do offline.
    limits: Limits,
}

/// An account's money.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Account {
    /// The payer's id.
    payer: String,
    /// Free.
    available: Money,
    /// Held for grants, until settlement or the end of their window.
    reserved: Money,
    /// When what of it is released unless it is settled before, soonest first; at most 64 dates.
    releases: Vec<Release>,
    /// Owed for double-spent objects.
    debt: Money,
    /// The authenticators that pay from it.
    authenticators: Vec<Authenticator>,
}

/// A date of release.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Release {
    /// Unix milliseconds.
    at: u64,
    /// How much.
    amount: Money,
}

/// An authenticator.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Authenticator {
    /// Its id.
    id: String,
    /// Lost, or caught double-spending.
    revoked: bool,
    /// Unix milliseconds.
    enrolled_at: u64,
}

/// Money to bring in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFunds {
    /// How much.
    amount: Money,
}

/// A debt to repay out of what the payer has.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRepayment {
    /// How much, at most what is owed.
    amount: Money,
}

/// A payee to invite.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPayee {
    /// What payers are shown, 1 to 40 bytes.
    name: String,
    /// The merchant category (ISO 18245), 0 to 9999.
    mcc: u16,
    /// The most that is made good for double-spent objects.
    cap: Money,
    /// How long its certificate lives, in seconds; a year unless told.
    valid_seconds: Option<u64>,
}

/// An invitation: the code lets one device enrol.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Invitation {
    /// Who is invited to, or who is invited.
    id: String,
    /// Hand it to the device's holder. It is not kept.
    code: String,
}

/// A payee.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Payee {
    /// The payee's id.
    payee: String,
    /// The name.
    name: String,
    /// The merchant category.
    mcc: u16,
    /// Credited in all.
    credited: Money,
    /// Made good for double-spent objects.
    loss: Money,
    /// The most that is.
    cap: Money,
    /// Has its certificate.
    enrolled: bool,
}

/// Two objects of one nonce.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Evidence {
    /// SHA-256 of the nonce token.
    token: String,
    /// The first that arrived.
    first: String,
    /// The first that contradicted it.
    second: String,
    /// The ids of all that arrived after the first.
    later: Vec<String>,
}

/// A caller with a request id: what every change needs.
pub(super) fn change(node: &Node, headers: &HeaderMap) -> Result<(Caller, RequestId), Failure> {
    Ok((caller(node, headers, Scope::Operate)?, request_id(headers)?))
}

/// As [`change`], for what decides whom devices believe.
pub(super) fn change_of_trust(node: &Node, headers: &HeaderMap) -> Result<(Caller, RequestId), Failure> {
    Ok((caller(node, headers, Scope::Admin)?, request_id(headers)?))
}

pub(super) async fn run(
    node: &Node,
    caller: &Caller,
    id: RequestId,
    command: Command,
) -> Result<u64, Failure> {
    Ok(outcome(node, Submission::with_id(command, caller.principal, id)).await?.0)
}

/// Opens a payer's account.
#[utoipa::path(post, path = "/v1/offline-payment/accounts", request_body = NewAccount, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn open_account(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let request: NewAccount = json_body(body).await?;
        let payer = PayerId(caller.derived(id, b"payer"));
        let debt = AccountId(caller.derived(id, b"debt"));
        let command = Command::OpenAccount(OpenAccount { payer, debt, limits: limits(&request.limits)? });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "payer": payer.to_string() })))
    };
    json(&node, answer.await)
}

/// An account's money and authenticators.
#[utoipa::path(get, path = "/v1/offline-payment/accounts/{payer}", params(("payer" = String, Path)), responses((status = 200, body = Account)), security(("bearer" = [])))]
pub(crate) async fn account(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(payer): Path<String>,
) -> Response {
    let answer = async {
        caller(&node, &headers, Scope::Read)?;
        demanded(&node, &headers).await?;
        let id = PayerId::from_hex(&payer).ok_or(CoreRefusal::NotFound)?;
        let (sequence, found) = node.read(|rows| {
            let balance = state::payer_balance(rows, &id)?;
            Some((balance, state::authenticators_of(rows, &id, LISTED_MAX)))
        })?;
        let (balance, devices) = found.ok_or(CoreRefusal::NotFound)?;
        let device = |(id, row): (AuthenticatorId, state::AuthenticatorRow)| Authenticator {
            id: id.to_string(),
            revoked: row.revoked,
            enrolled_at: row.enrolled_at.ms().0,
        };
        let release = |(at, amount): (UnixSeconds, Amount)| Release { at: at.ms().0, amount: amount.into() };
        Ok((
            sequence,
            Account {
                payer: id.to_string(),
                available: balance.available.into(),
                reserved: balance.reserved.into(),
                releases: balance.releases.into_iter().map(release).collect(),
                debt: balance.debt.into(),
                authenticators: devices.into_iter().map(device).collect(),
            },
        ))
    };
    json(&node, answer.await)
}

/// Brings money into an account.
#[utoipa::path(post, path = "/v1/offline-payment/accounts/{payer}/funds", params(("payer" = String, Path)), request_body = NewFunds, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn fund(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(payer): Path<String>,
    body: Body,
) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let request: NewFunds = json_body(body).await?;
        let payer = PayerId::from_hex(&payer).ok_or(CoreRefusal::NotFound)?;
        let transfer = TransferId(caller.derived(id, b"fund"));
        let command = Command::Fund(Fund { transfer, payer, amount: request.amount.amount()? });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "transfer": transfer.to_string() })))
    };
    json(&node, answer.await)
}

/// Repays a debt out of what the payer has.
#[utoipa::path(post, path = "/v1/offline-payment/accounts/{payer}/repayments", params(("payer" = String, Path)), request_body = NewRepayment, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn repay(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(payer): Path<String>,
    body: Body,
) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let request: NewRepayment = json_body(body).await?;
        let payer = PayerId::from_hex(&payer).ok_or(CoreRefusal::NotFound)?;
        let transfer = TransferId(caller.derived(id, b"repay"));
        let command = Command::RepayDebt(RepayDebt { transfer, payer, amount: request.amount.amount()? });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "transfer": transfer.to_string() })))
    };
    json(&node, answer.await)
}

/// Lets one authenticator enrol for an account.
#[utoipa::path(post, path = "/v1/offline-payment/accounts/{payer}/invitations", params(("payer" = String, Path)), responses((status = 200, body = Invitation)), security(("bearer" = [])))]
pub(crate) async fn invite_authenticator(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(payer): Path<String>,
) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let payer = PayerId::from_hex(&payer).ok_or(CoreRefusal::NotFound)?;
        let code = caller.derived(id, b"authenticator code");
        let command =
            Command::InviteAuthenticator(InviteAuthenticator { payer, code: node.crypto.sha256(&[&code]) });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, Invitation { id: payer.to_string(), code: hex_upper(&code) }))
    };
    json(&node, answer.await)
}

/// Revokes an authenticator: a lost phone.
#[utoipa::path(delete, path = "/v1/offline-payment/authenticators/{authenticator}", params(("authenticator" = String, Path)), responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn revoke_authenticator(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(authenticator): Path<String>,
) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let authenticator = AuthenticatorId::from_hex(&authenticator).ok_or(CoreRefusal::NotFound)?;
        let command = Command::RevokeAuthenticator(RevokeAuthenticator { authenticator });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "id": authenticator.to_string(), "revoked": true })))
    };
    json(&node, answer.await)
}

/// Invites a payee.
#[utoipa::path(post, path = "/v1/offline-payment/payees", request_body = NewPayee, responses((status = 200, body = Invitation)), security(("bearer" = [])))]
pub(crate) async fn invite_payee(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let request: NewPayee = json_body(body).await?;
        if !(1..=NAME_BYTES_MAX).contains(&request.name.len()) {
            return Err(Malformed.into());
        }
        let payee = PayeeId(caller.derived(id, b"payee"));
        let code = caller.derived(id, b"payee code");
        let command = Command::InvitePayee(InvitePayee {
            payee,
            name: request.name,
            mcc: request.mcc,
            cap: request.cap.amount()?,
            valid_seconds: request.valid_seconds.unwrap_or(365 * 24 * 3600),
            code: node.crypto.sha256(&[&code]),
        });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, Invitation { id: payee.to_string(), code: hex_upper(&code) }))
    };
    json(&node, answer.await)
}

/// A payee and what it was credited.
#[utoipa::path(get, path = "/v1/offline-payment/payees/{payee}", params(("payee" = String, Path)), responses((status = 200, body = Payee)), security(("bearer" = [])))]
pub(crate) async fn payee(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(payee): Path<String>,
) -> Response {
    let answer = async {
        caller(&node, &headers, Scope::Read)?;
        demanded(&node, &headers).await?;
        let id = PayeeId::from_hex(&payee).ok_or(CoreRefusal::NotFound)?;
        let (sequence, found) =
            node.read(|rows| Some((state::payee(rows, &id)?, state::payee_credited(rows, &id)?)))?;
        let (row, credited) = found.ok_or(CoreRefusal::NotFound)?;
        let currency = row.cap.currency().alpha().to_owned();
        Ok((
            sequence,
            Payee {
                payee: id.to_string(),
                name: row.name,
                mcc: row.mcc,
                credited: credited.into(),
                loss: Money { minor: row.loss_minor, currency },
                cap: row.cap.into(),
                enrolled: row.certificate.is_some(),
            },
        ))
    };
    json(&node, answer.await)
}

/// The evidence of every double spend: `symbolon proof double-spend` checks it with the server's key alone.
#[utoipa::path(get, path = "/v1/offline-payment/evidence", responses((status = 200, body = Vec<Evidence>)), security(("bearer" = [])))]
pub(crate) async fn evidence(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let answer = async {
        caller(&node, &headers, Scope::Read)?;
        demanded(&node, &headers).await?;
        node.read(|rows| {
            let row = |(token, found): (symbolon_types::Hash, state::Evidence)| Evidence {
                token: token.to_string(),
                first: hex_upper(&found.first.0),
                second: hex_upper(&found.second.0),
                later: found.later.iter().map(ToString::to_string).collect(),
            };
            state::evidences(rows, None, LISTED_MAX).into_iter().map(row).collect::<Vec<_>>()
        })
    };
    json(&node, answer.await)
}
