//! What an account may do offline, in JSON, and the rules that its grants carry.
use crate::reply::{Failure, Money};
use serde::Deserialize;
use std::collections::BTreeSet;
use symbolon_offline_payment::messages::{Verification, VerificationRule};
use symbolon_offline_payment::state::AccountLimits;
use symbolon_wire::cbor::Malformed;

/// What an account may do offline. Every member but `per_payment` has a default.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// The most one nonce pays, and what each grant reserves.
    per_payment: Money,
    /// The sum between two times online, in minor units; five payments unless told.
    cumulative_minor: Option<u64>,
    /// Payments between two times online; 10 unless told.
    count: Option<u32>,
    /// Nonces granted and unspent, 1 to 32; 5 unless told.
    pool: Option<u32>,
    /// Wrong credentials in a row, 3 to 10; 5 unless told.
    attempts: Option<u32>,
    /// How long a grant lives, in seconds; 72 hours unless told.
    grant_seconds: Option<u64>,
    /// Below this amount, in minor units, no credential is asked for; from it on a PIN or more. 0 unless told: always.
    no_credential_below_minor: Option<u64>,
    /// From this amount on, in minor units, a passphrase or more; never unless told.
    passphrase_from_minor: Option<u64>,
    /// From this amount on, in minor units, the platform's own verification of the user; never unless told.
    platform_from_minor: Option<u64>,
    /// From this amount on, in minor units, a one-time password of the payment application is needed too; never unless told.
    otp_from_minor: Option<u64>,
}

/// The limits as the log takes them.
pub(super) fn limits(asked: &Limits) -> Result<AccountLimits, Failure> {
    let per_payment = asked.per_payment.amount()?;
    Ok(AccountLimits {
        per_payment,
        cumulative_minor: asked.cumulative_minor.unwrap_or(per_payment.minor().saturating_mul(5)),
        count: asked.count.unwrap_or(10),
        pool: asked.pool.unwrap_or(5),
        attempts: asked.attempts.unwrap_or(5),
        grant_seconds: asked.grant_seconds.unwrap_or(72 * 3600),
        verification: rules(asked)?,
    })
}

/// One rule from each amount at which something begins to be asked for.
fn rules(asked: &Limits) -> Result<Vec<VerificationRule>, Failure> {
    let pin_from = asked.no_credential_below_minor.unwrap_or(0);
    let begins = |from: Option<u64>, minor| from.is_some_and(|from| from <= minor);
    let (passphrase, platform) = (asked.passphrase_from_minor, asked.platform_from_minor);
    // A stronger credential from less than a weaker one, or than none, contradicts itself.
    let strengths = [Some(pin_from), passphrase, platform];
    if !strengths.into_iter().flatten().is_sorted() {
        return Err(Malformed.into());
    }
    let user = |minor| match () {
        () if begins(platform, minor) => Verification::Platform,
        () if begins(passphrase, minor) => Verification::Passphrase,
        () if pin_from <= minor => Verification::Pin,
        () => Verification::None,
    };
    let from =
        [Some(0), asked.otp_from_minor].into_iter().chain(strengths).flatten().collect::<BTreeSet<u64>>();
    let rule = |from_minor| VerificationRule {
        from_minor,
        user: user(from_minor).code(),
        otp: begins(asked.otp_from_minor, from_minor),
    };
    Ok(from.into_iter().map(rule).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of these members, as (from, user, otp).
    fn check(more: &str, expect: Option<&[(u64, u8, bool)]>) {
        let json = format!(r#"{{"per_payment":{{"minor":100,"currency":"EUR"}}{more}}}"#);
        let asked: Limits = serde_json::from_str(&json).unwrap();
        let found = rules(&asked).ok();
        let found: Option<Vec<_>> =
            found.map(|rules| rules.iter().map(|rule| (rule.from_minor, rule.user, rule.otp)).collect());
        assert_eq!(found.as_deref(), expect, "{more}");
    }

    #[test]
    fn rules_begin_where_something_is_asked_for() {
        check("", Some(&[(0, 1, false)]));
        check(r#","otp_from_minor":0"#, Some(&[(0, 1, true)]));
        check(r#","otp_from_minor":30"#, Some(&[(0, 1, false), (30, 1, true)]));
        check(r#","no_credential_below_minor":10"#, Some(&[(0, 0, false), (10, 1, false)]));
        check(
            r#","no_credential_below_minor":10,"passphrase_from_minor":50,"platform_from_minor":90,"otp_from_minor":30"#,
            Some(&[(0, 0, false), (10, 1, false), (30, 1, true), (50, 2, true), (90, 3, true)]),
        );
        check(
            r#","no_credential_below_minor":50,"passphrase_from_minor":50"#,
            Some(&[(0, 0, false), (50, 2, false)]),
        );
    }

    #[test]
    fn a_stronger_credential_from_less_than_a_weaker_one_is_refused() {
        check(r#","no_credential_below_minor":51,"passphrase_from_minor":50"#, None);
        check(
            r#","passphrase_from_minor":50,"platform_from_minor":50"#,
            Some(&[(0, 1, false), (50, 3, false)]),
        );
        check(r#","passphrase_from_minor":51,"platform_from_minor":50"#, None);
    }
}
