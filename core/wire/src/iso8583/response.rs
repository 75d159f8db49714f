//! What became of a request: the response codes of ISO 8583:1987 (field 39, two characters) and the action codes of ISO 8583:1993 (field 39,
//! three digits), beside one another.
//!
//! **Invariant:** an approval is never mapped to a refusal or the other way; a code that the other version cannot say maps to `None`.

/// One meaning: the code of 1987, the code of 1993, and what it says.
pub type ResponseRow = (&'static str, &'static str, &'static str);

/// The meanings that both versions have (ISO 8583:1987 A.8, ISO 8583:1993 A.1). Where several codes of one version say what the other has one
/// code for, the first row is the way back.
#[rustfmt::skip]
pub const RESPONSES: [ResponseRow; 63] = [
    ("00", "000", "approved"),
    ("08", "001", "honour with identification"),
    ("10", "002", "approved for partial amount"),
    ("11", "003", "approved (VIP)"),
    ("16", "004", "approved, update track 3"),
    ("05", "100", "do not honour"),
    ("54", "101", "expired card"),
    ("59", "102", "suspected fraud"),
    ("60", "103", "card acceptor contact acquirer"),
    ("62", "104", "restricted card"),
    ("66", "105", "card acceptor call acquirer's security department"),
    ("75", "106", "allowable PIN tries exceeded"),
    ("01", "107", "refer to card issuer"),
    ("02", "108", "refer to card issuer's special conditions"),
    ("03", "109", "invalid merchant"),
    ("13", "110", "invalid amount"),
    ("14", "111", "invalid card number"),
    ("39", "114", "no account of type requested"),
    ("42", "114", "no universal account"),
    ("44", "114", "no investment account"),
    ("52", "114", "no cheque account"),
    ("53", "114", "no savings account"),
    ("40", "115", "requested function not supported"),
    ("51", "116", "not sufficient funds"),
    ("55", "117", "incorrect PIN"),
    ("56", "118", "no card record"),
    ("57", "119", "transaction not permitted to cardholder"),
    ("58", "120", "transaction not permitted to terminal"),
    ("61", "121", "exceeds withdrawal amount limit"),
    ("63", "122", "security violation"),
    ("65", "123", "exceeds withdrawal frequency limit"),
    ("93", "124", "violation of law"),
    ("04", "200", "pick up card"),
    ("67", "200", "hard capture: the card is to be picked up at the terminal"),
    ("33", "201", "expired card, pick up"),
    ("34", "202", "suspected fraud, pick up"),
    ("35", "203", "card acceptor contact acquirer, pick up"),
    ("36", "204", "restricted card, pick up"),
    ("37", "205", "card acceptor call acquirer security, pick up"),
    ("38", "206", "allowable PIN tries exceeded, pick up"),
    ("07", "207", "special conditions, pick up"),
    ("41", "208", "lost card, pick up"),
    ("43", "209", "stolen card, pick up"),
    ("24", "301", "file action not supported by receiver"),
    ("25", "302", "unable to locate record on file"),
    ("26", "303", "duplicate record, old record replaced"),
    ("27", "304", "field edit error"),
    ("28", "305", "file locked out"),
    ("29", "306", "file action not successful"),
    ("95", "501", "reconciled, out of balance"),
    ("12", "902", "invalid transaction"),
    ("19", "903", "re-enter transaction"),
    ("30", "904", "format error"),
    ("31", "905", "acquirer not supported by switch"),
    ("90", "906", "cutover in process"),
    ("91", "907", "card issuer or switch inoperative"),
    ("92", "908", "transaction destination cannot be found for routing"),
    ("15", "908", "no such issuer"),
    ("96", "909", "system malfunction"),
    ("06", "909", "error"),
    ("68", "911", "card issuer timed out"),
    ("94", "913", "duplicate transmission"),
    ("09", "923", "request in progress"),
];

/// The action code of 1993 for a response code of 1987.
#[must_use]
pub fn action_code(response_code: &str) -> Option<&'static str> {
    RESPONSES.iter().find(|row| row.0 == response_code).map(|row| row.1)
}

/// The response code of 1987 for an action code of 1993.
#[must_use]
pub fn response_code(action_code: &str) -> Option<&'static str> {
    RESPONSES.iter().find(|row| row.1 == action_code).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_form_and_an_approval_stays_one() {
        for (old, new, _) in RESPONSES {
            assert!(
                old.len() == 2 && new.len() == 3 && new.bytes().all(|digit| digit.is_ascii_digit()),
                "{old}"
            );
            assert_eq!(RESPONSES.iter().filter(|row| row.0 == old).count(), 1, "{old}");
            let approved = ["00", "08", "10", "11", "16"].contains(&old);
            assert_eq!(approved, new.starts_with('0'), "{old}");
            let back = response_code(new).unwrap();
            assert_eq!(action_code(back), Some(new));
        }
        assert_eq!((action_code("51"), response_code("116")), (Some("116"), Some("51")));
        assert_eq!((action_code("ZZ"), response_code("999")), (None, None));
    }
}
