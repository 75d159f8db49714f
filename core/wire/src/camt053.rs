//! ISO 20022 camt.053.001.08, BankToCustomerStatement: what was booked on one account in a period, as XML.
//!
//! **Invariant:** the text is valid by the schema of that version, whatever the statement holds; closing is opening and the sum of the entries,
//! if the caller's figures are.
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use symbolon_types::{Civil, Currency, UnixMs};

/// A statement of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Of the message and of the statement, 1 to 35 of `A-Z a-z 0-9 -`; what else is in it is left out.
    pub id: &'a str,
    /// When it was made.
    pub created_at: UnixMs,
    /// The account, 1 to 34 of the same characters.
    pub account: &'a str,
    /// Of all amounts.
    pub currency: Currency,
    /// The first millisecond.
    pub from: UnixMs,
    /// The last millisecond.
    pub to: UnixMs,
    /// Booked before the first, in minor units; negative where more left the account than came.
    pub opening: i64,
    /// Booked at the end of the last.
    pub closing: i64,
    /// What was booked between, in order.
    pub entries: &'a [Booked],
}

/// One booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Its reference, 1 to 35 of `A-Z a-z 0-9 -`.
    pub reference: String,
    /// When it was booked.
    pub at: UnixMs,
    /// In minor units; negative where it left the account.
    pub minor: i64,
}

impl Statement<'_> {
    /// The document.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>",
        );
        let (id, created) = (plain(self.id, 35), time(self.created_at));
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr><Stmt><Id>{id}</Id>"
        );
        let _ = write!(
            out,
            "<CreDtTm>{created}</CreDtTm><FrToDt><FrDtTm>{}</FrDtTm><ToDtTm>{}</ToDtTm></FrToDt>",
            time(self.from),
            time(self.to)
        );
        let (account, currency) = (plain(self.account, 34), self.currency.alpha());
        let _ = write!(out, "<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>");
        self.balance(&mut out, "OPBD", self.opening, self.from);
        self.balance(&mut out, "CLBD", self.closing, self.to);
        for booked in self.entries {
            let at = time(booked.at);
            let _ = write!(out, "<Ntry><NtryRef>{}</NtryRef>", plain(&booked.reference, 35));
            self.amount(&mut out, booked.minor);
            let _ = write!(
                out,
                "<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{at}</DtTm></BookgDt><ValDt><DtTm>{at}</DtTm></ValDt><BkTxCd><Prtry><Cd>TRANSFER</Cd></Prtry></BkTxCd></Ntry>"
            );
        }
        out.push_str("</Stmt></BkToCstmrStmt></Document>\n");
        out
    }

    fn balance(&self, out: &mut String, code: &str, minor: i64, at: UnixMs) {
        let _ = write!(out, "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>");
        self.amount(out, minor);
        let _ = write!(out, "<Dt><DtTm>{}</DtTm></Dt></Bal>", time(at));
    }

    fn amount(&self, out: &mut String, minor: i64) {
        let sign = if minor < 0 { "DBIT" } else { "CRDT" };
        let (currency, amount) =
            (self.currency.alpha(), decimal(minor.unsigned_abs(), self.currency.exponent()));
        let _ = write!(out, "<Amt Ccy=\"{currency}\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>");
    }
}

/// At most so many of the characters that need no escape; `-` where none is left, since the schema asks for one.
fn plain(text: &str, most: usize) -> String {
    let kept: String =
        text.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '-').take(most).collect();
    if kept.is_empty() { "-".into() } else { kept }
}

/// Minor units as a decimal with so many digits after the point.
fn decimal(minor: u64, exponent: u8) -> String {
    if exponent == 0 {
        return format!("{minor}");
    }
    let unit = 10u64.saturating_pow(u32::from(exponent));
    let (whole, part) = (minor.checked_div(unit).unwrap_or(0), minor.checked_rem(unit).unwrap_or(0));
    format!("{whole}.{part:0width$}", width = usize::from(exponent))
}

/// `2026-11-24T12:00:00.000Z`; the last time of the year 9999 for one after it.
fn time(at: UnixMs) -> String {
    let Civil { year, month, day, hour, minute, second, ms } = at.civil();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times by `date -u -d @N`.
    #[test]
    fn times_amounts_and_texts_are_written_as_the_schema_has_them() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_798_761_600_001, "2027-01-01T00:00:00.001Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(time(UnixMs(ms)), expected);
        }
        assert_eq!(
            (decimal(5, 2), decimal(1234, 3), decimal(7, 0)),
            ("0.05".into(), "1.234".into(), "7".into())
        );
        assert_eq!(
            (plain("a<b>&\"c", 35), plain("", 35), plain("abc", 2)),
            ("abc".into(), "-".into(), "ab".into())
        );
    }
}
