//! How results of the roles look, in JSON and in plain lines.
use crate::report::{Failure, Report};
use serde_json::{Value, json};
use symbolon_phone::HeldPayment;
use symbolon_transport::TransportError;
use symbolon_types::{Amount, Refused};

/// A report whose plain lines are its fields.
pub fn report(value: Value) -> Report {
    let text =
        value.as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {}\n", line(value)));
    Report { text: text.collect(), json: value }
}

fn line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(|item| format!("\n  {}", line(item))).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} {}", line(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// `{"minor","currency"}`.
pub fn amount(amount: Amount) -> Value {
    json!({ "minor": amount.minor(), "currency": amount.currency().alpha() })
}

/// `{"code","name","detail"}`.
pub fn refusal(refused: Refused) -> Value {
    json!({ "code": refused.code, "name": refused.name, "detail": refused.reason })
}

/// A payment of a phone. Until there is a receipt it may be charged until some time; afterwards it is.
pub fn payment(held: &HeldPayment) -> Value {
    let payment = &held.payment;
    let receipt = payment.receipt.is_some();
    json!({
        "token": held.token.to_string(),
        "object": payment.id.to_string(),
        "transaction": payment.preview.transaction.to_string(),
        "amount": amount(payment.amount),
        "tip_minor": payment.tip_minor,
        "taken": payment.taken.map(amount),
        "payee": payment.preview.payee,
        "receipt": receipt,
        "may_be_charged_until": (!receipt).then_some(payment.may_be_charged_until.ms().0),
    })
}

/// The fields of `more` added to `value`.
pub fn with(mut value: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (value.as_object_mut(), more) {
        fields.extend(more);
    }
    value
}

/// A refusal with more to say, or what the environment did.
pub fn failure(refused: Result<(Refused, Value), TransportError>) -> Failure {
    match refused {
        Ok((refused, more)) => Failure::Refused { refused, more },
        Err(error) => Failure::Misuse(error.to_string()),
    }
}
