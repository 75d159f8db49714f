//! A statement holds what was booked in its time, and nothing that was only held.
mod shop;

use shop::*;
use symbolon_acquiring::{StatementError, statement};
use symbolon_types::UnixMs;

/// The texts between these tags, in order.
fn all<'a>(xml: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    xml.split(begin).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

#[test]
fn a_statement_is_what_was_booked_between_its_balances() {
    let mut shop = Shop::new();
    shop.now = 1_000;
    shop.ask(purchase(1, 30));
    shop.now = 2_000;
    shop.ask(authorise(2, 20));
    shop.ask(reverse(3, original(200, 1), Some(10)));
    shop.now = 3_000;
    shop.ask(paid_before(4, 15, Some(original(100, 2))));
    let of = |from, to| statement(&shop.rows, &SHOP, UnixMs(from), UnixMs(to), UnixMs(9_000)).unwrap();
    let xml = of(2_000, 3_000);
    assert!(xml.starts_with("<?xml") && xml.contains("camt.053.001.08"));
    assert_eq!(
        all(&xml, "<Amt Ccy=\"EUR\">", "</Amt>"),
        ["0.30", "0.25", "0.20", "0.15"],
        "opening, closing, the reversal in part, the completion"
    );
    assert_eq!(all(&xml, "<CdtDbtInd>", "</CdtDbtInd>"), ["CRDT", "CRDT", "DBIT", "CRDT"]);
    assert_eq!(all(&xml, "<FrDtTm>", "</FrDtTm>"), ["1970-01-01T00:00:02.000Z"]);
    assert_eq!(all(&of(1_001, 1_999), "<Amt Ccy=\"EUR\">", "</Amt>"), ["0.30", "0.30"], "nothing was booked");
    assert_eq!(all(&of(0, u64::MAX), "<NtryRef>", "</NtryRef>").len(), 3);
    let none = |id, from, to| statement(&shop.rows, id, UnixMs(from), UnixMs(to), UnixMs(9_000)).unwrap_err();
    assert_eq!(none(&SHOP, 2, 1), StatementError::NotFound);
    assert_eq!(none(&SHOP, 0, 9), StatementError::NotFound, "it was not open yet");
    assert_eq!(none(&CARD, 0, 9_000), StatementError::NotFound, "it keeps no history");
}
