//! `/v1/acquiring`: what operators set so that terminals can be answered. The terminals themselves speak ISO 8583 to `symbolon_hosts`.
//!
//! A change carries `Idempotency-Key: <UUID version 7>`. A card is known here by its token alone: `symbolon vault token` makes it of an account.
use crate::Node;
use crate::auth::{Caller, caller, request_id};
use crate::reply::{Failure, Money, demanded, json, json_body, xml};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use symbolon_acquiring::state::{Command, OpenAccount, Outcome, Policy, SetCard, SetProcessor, SetTerminal};
use symbolon_acquiring::{StatementError, TerminalId, statement};
use symbolon_journal::{AccountId, JournalRefusal, Transfer, TransferId};
use symbolon_machine::{AnyOutcome, PlatformOutcome, RequestId, Scope, Submission};
use symbolon_types::{CoreRefusal, Currency, Hash, UnixMs};
use symbolon_wire::cbor::Malformed;

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/policy", post(set_policy))
        .route("/accounts", post(open_account))
        .route("/accounts/{id}", get(account))
        .route("/accounts/{id}/statement", get(account_statement))
        .route("/terminals", post(set_terminal))
        .route("/cards", post(set_card))
        .route("/transfers", post(transfer))
        .route("/processors", post(set_processor))
}

/// The times and the account that the answers to terminals rest on.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPolicy {
    /// For so long a request sent again gets the first answer, in seconds.
    window_seconds: u64,
    /// For so long a reversal finds its original, in seconds, at least the window.
    kept_seconds: u64,
    /// For so long an authorisation holds money, in seconds.
    hold_seconds: u64,
    /// The account that gives what must be moved and the card cannot give.
    cover: String,
}

/// A processor, which decides payments by cards that are not known here.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProcessor {
    /// Its number, as the configuration names it.
    number: u32,
    /// The account that owes what it approved.
    account: String,
    /// For so long its answer is waited for, in seconds, 1 to 120.
    answer_seconds: u64,
    /// What is approved while it is not there, in minor units at most; 0 is nothing.
    #[serde(default)]
    stand_in: u64,
}

/// What an account must keep.
#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// Nothing.
    Unlimited,
    /// What leaves it is at most what came.
    Prepaid,
    /// What leaves it is at most what came and so many minor units.
    CreditLine(u64),
}

/// An account to open.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// ISO 4217, three letters.
    currency: String,
    /// What it must keep.
    limit: Limit,
}

/// An account as it stands.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Account {
    /// Its id.
    account: String,
    /// ISO 4217, three letters.
    currency: String,
    /// Posted, in minor units; negative where more left it than came.
    posted: i64,
    /// Held, in minor units.
    reserved: u64,
    /// What can leave it now, in minor units.
    available: i64,
}

/// A terminal, and whom it works for.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTerminal {
    /// The number of the link on which it speaks.
    link: u32,
    /// Field 41, 1 to 8 characters.
    terminal: String,
    /// The merchant's account.
    merchant: String,
}

/// A card's token, and the account behind it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCard {
    /// The token, 64 hexadecimal digits.
    token: String,
    /// Who pays.
    account: String,
    /// Whether it is declined.
    #[serde(default)]
    blocked: bool,
}

/// Money to move between two accounts.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTransfer {
    /// The account that gives.
    debit: String,
    /// The account that receives.
    credit: String,
    /// How much.
    amount: Money,
}

fn change(node: &Node, headers: &HeaderMap) -> Result<(Caller, RequestId), Failure> {
    Ok((caller(node, headers, Scope::Operate)?, request_id(headers)?))
}

async fn run(node: &Node, caller: &Caller, id: RequestId, command: Command) -> Result<u64, Failure> {
    match node.submit(Submission::with_id(command, caller.principal, id)).await? {
        (sequence, AnyOutcome::Acquiring(Outcome::Set(()))) => Ok(sequence),
        (_, AnyOutcome::Acquiring(Outcome::Refused(refusal))) => Err(refusal.into()),
        (_, AnyOutcome::Acquiring(Outcome::MoneyRefused(code))) => {
            let found = JournalRefusal::ALL.iter().find(|refusal| refusal.refused().code == code);
            Err(found.map_or_else(|| CoreRefusal::Unavailable.into(), |refusal| refusal.refused().into()))
        }
        (_, AnyOutcome::Platform(PlatformOutcome::Refused(code))) => Err(Failure::numbered(code)),
        _ => Err(CoreRefusal::Unavailable.into()),
    }
}

fn account_id(text: &str) -> Result<AccountId, Failure> {
    AccountId::from_hex(text).ok_or(Malformed.into())
}

fn ms(seconds: u64) -> u64 {
    seconds.saturating_mul(1000)
}

/// Sets times and the covering account.
#[utoipa::path(post, path = "/v1/acquiring/policy", request_body = NewPolicy, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn set_policy(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let asked: NewPolicy = json_body(body).await?;
        let policy = Policy {
            window_ms: ms(asked.window_seconds),
            kept_ms: ms(asked.kept_seconds),
            hold_ms: ms(asked.hold_seconds),
            cover: account_id(&asked.cover)?,
        };
        let sequence = run(&node, &caller, id, Command::SetPolicy(policy)).await?;
        Ok((sequence, serde_json::json!({ "set": true })))
    };
    json(&node, answer.await)
}

/// Sets a processor's account and times.
#[utoipa::path(post, path = "/v1/acquiring/processors", request_body = NewProcessor, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn set_processor(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let asked: NewProcessor = json_body(body).await?;
        let set = SetProcessor {
            number: asked.number,
            account: account_id(&asked.account)?,
            answer_ms: ms(asked.answer_seconds),
            stand_in: asked.stand_in,
        };
        let sequence = run(&node, &caller, id, Command::SetProcessor(set)).await?;
        Ok((sequence, serde_json::json!({ "processor": asked.number })))
    };
    json(&node, answer.await)
}

/// Opens an account in the journal, which keeps its history.
#[utoipa::path(post, path = "/v1/acquiring/accounts", request_body = NewAccount, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn open_account(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, request) = change(&node, &headers)?;
        let asked: NewAccount = json_body(body).await?;
        let id = AccountId(caller.derived(request, b"acquiring account"));
        let limit = match asked.limit {
            Limit::Unlimited => symbolon_journal::Limit::Unlimited(()),
            Limit::Prepaid => symbolon_journal::Limit::DebitsWithinCredits(()),
            Limit::CreditLine(minor) => symbolon_journal::Limit::DebitsWithinCreditLine(minor),
        };
        let currency = Currency::from_alpha(&asked.currency).ok_or(CoreRefusal::AmountInvalid)?;
        let open = Command::OpenAccount(OpenAccount { id, currency, limit, history: true });
        let sequence = run(&node, &caller, request, open).await?;
        Ok((sequence, serde_json::json!({ "account": id.to_string() })))
    };
    json(&node, answer.await)
}

/// An account as it stands.
#[utoipa::path(get, path = "/v1/acquiring/accounts/{id}", params(("id" = String, Path)), responses((status = 200, body = Account)), security(("bearer" = [])))]
pub(crate) async fn account(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let answer = async {
        caller(&node, &headers, Scope::Read)?;
        demanded(&node, &headers).await?;
        let id = AccountId::from_hex(&id).ok_or(CoreRefusal::NotFound)?;
        let (sequence, found) = node.read(|rows| symbolon_journal::account(rows, &id))?;
        let balance = found.ok_or(CoreRefusal::NotFound)?.balance();
        let shown = Account {
            account: id.to_string(),
            currency: balance.currency.alpha().into(),
            posted: balance.posted,
            reserved: balance.reserved,
            available: balance.available,
        };
        Ok((sequence, shown))
    };
    json(&node, answer.await)
}

/// The time of a statement, in Unix milliseconds.
#[derive(Deserialize, utoipa::IntoParams)]
pub(crate) struct Period {
    /// The first.
    from: u64,
    /// The last.
    to: u64,
}

/// What was booked on an account, as ISO 20022 camt.053.001.08. At most 10,000 bookings: TOO_LARGE for more.
#[utoipa::path(get, path = "/v1/acquiring/accounts/{id}/statement", params(("id" = String, Path), Period), responses((status = 200, content_type = "application/xml")), security(("bearer" = [])))]
pub(crate) async fn account_statement(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    period: Result<Query<Period>, QueryRejection>,
) -> Response {
    let answer = async {
        caller(&node, &headers, Scope::Read)?;
        demanded(&node, &headers).await?;
        let Query(period) = period.map_err(|_| Malformed)?;
        let id = AccountId::from_hex(&id).ok_or(CoreRefusal::NotFound)?;
        let (from, to, now) = (UnixMs(period.from), UnixMs(period.to), node.reader.at());
        let (sequence, made) = node.read(|rows| statement(rows, &id, from, to, now))?;
        match made {
            Ok(xml) => Ok((sequence, xml)),
            Err(StatementError::NotFound) => Err(CoreRefusal::NotFound.into()),
            Err(StatementError::TooLong) => Err(CoreRefusal::TooLarge.into()),
        }
    };
    xml(&node, answer.await)
}

/// Names a terminal's merchant.
#[utoipa::path(post, path = "/v1/acquiring/terminals", request_body = NewTerminal, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn set_terminal(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let asked: NewTerminal = json_body(body).await?;
        let known = (1..=8).contains(&asked.terminal.len())
            && asked.terminal.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !known {
            return Err(Malformed.into());
        }
        let mut terminal = [b' '; 8];
        terminal[..asked.terminal.len()].copy_from_slice(asked.terminal.as_bytes());
        let merchant = account_id(&asked.merchant)?;
        let set = SetTerminal { link: asked.link, terminal: TerminalId(terminal), merchant };
        let sequence = run(&node, &caller, id, Command::SetTerminal(set)).await?;
        Ok((sequence, serde_json::json!({ "link": asked.link, "terminal": asked.terminal })))
    };
    json(&node, answer.await)
}

/// Names the account behind a card's token.
#[utoipa::path(post, path = "/v1/acquiring/cards", request_body = NewCard, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn set_card(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change(&node, &headers)?;
        let asked: NewCard = json_body(body).await?;
        let card = Hash::from_hex(&asked.token).ok_or(Malformed)?;
        let account = account_id(&asked.account)?;
        let set = SetCard { card, account, blocked: asked.blocked };
        let sequence = run(&node, &caller, id, Command::SetCard(set)).await?;
        Ok((sequence, serde_json::json!({ "token": card.to_string() })))
    };
    json(&node, answer.await)
}

/// Moves money between two accounts.
#[utoipa::path(post, path = "/v1/acquiring/transfers", request_body = NewTransfer, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn transfer(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, request) = change(&node, &headers)?;
        let asked: NewTransfer = json_body(body).await?;
        let id = TransferId(caller.derived(request, b"acquiring transfer"));
        let (debit, credit) = (account_id(&asked.debit)?, account_id(&asked.credit)?);
        let moved = Transfer::posted(id, debit, credit, asked.amount.amount()?, Hash::ZERO);
        let sequence = run(&node, &caller, request, Command::Transfer(moved)).await?;
        Ok((sequence, serde_json::json!({ "transfer": id.to_string() })))
    };
    json(&node, answer.await)
}
