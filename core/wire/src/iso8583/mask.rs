//! A field as it may be shown: account data masked.
//!
//! | fields | shown |
//! | --- | --- |
//! | 2 | the first six and the last four digits; of fewer than 13 digits, none |
//! | 14, 34, 35, 36, 45, 52, 53, 96, 102, 103, and those that a role names | nothing |
//! | 55 as bytes | tags and lengths; values of the tags that are known and no account data (EMV) |
//! | 44, 46 to 48, 54, 56 to 63, 72, 104 to 127 and above 128, as bytes | nothing |
//! | numbers, other bytes, 42 | as they are |
//! | other text | but for 13 digits or more in a row: 13 to 19 as field 2, more not at all, and after a track's separator nothing to the end |
//!
//! Digits in groups, with single spaces or hyphens between them, are in a row too.
//!
//! **Invariant:** a masked text has as many characters as the field's own, and none of what is hidden; a field 55 that is no BER-TLV is hidden.
use super::{Field, Kind, Message};
use crate::tlv::{self, dictionary};
use alloc::string::String;
use alloc::vec::Vec;

const MASK: u8 = b'*';

enum Shown {
    Whole,
    Pan,
    Nothing,
    Tags,
    /// What may hold anything.
    Text,
}

fn shown(number: u8, kind: Option<Kind>) -> Shown {
    match number {
        2 => Shown::Pan,
        14 | 34..=36 | 45 | 52 | 53 | 96 | 102 | 103 => Shown::Nothing,
        55 => Shown::Tags,
        44 | 46..=48 | 54 | 56..=63 | 72 | 104..=127 | 129.. => Shown::Text,
        // The payee's own number, which is often one of 15 digits.
        42 => Shown::Whole,
        _ if matches!(kind, Some(Kind::Numeric | Kind::SignedAmount | Kind::Binary)) => Shown::Whole,
        _ => Shown::Text,
    }
}

impl Message<'_> {
    /// The text of a field with what is account data as asterisks; of one that holds bytes, in hexadecimal. `None` where it is not there.
    #[must_use]
    pub fn masked(&self, number: u8) -> Option<String> {
        let field = self.field(number)?;
        let mut text: Vec<u8> = field.chars().collect();
        let all = text.len();
        let kind = self.dialect.spec(number).map(|spec| spec.kind);
        match shown(number, kind) {
            _ if self.dialect.roles.names(number) => hide(&mut text, 0, all),
            Shown::Whole => {}
            Shown::Nothing => hide(&mut text, 0, all),
            Shown::Pan => hide_pan(&mut text, 0, all),
            Shown::Tags if field.is_binary() => hide_values(&field, &mut text),
            Shown::Tags | Shown::Text if field.is_binary() => hide(&mut text, 0, all),
            Shown::Tags | Shown::Text => hide_pans(&mut text),
        }
        Some(text.into_iter().map(char::from).collect())
    }
}

fn hide(text: &mut [u8], from: usize, until: usize) {
    text.get_mut(from..until).unwrap_or_default().fill(MASK);
}

/// What is short or is no account number is hidden: how it would be told apart is not known.
fn hide_pan(text: &mut [u8], from: usize, until: usize) {
    let shows = until.saturating_sub(from) >= 13;
    let (head, tail) = if shows { (6, 4) } else { (0, 0) };
    hide(text, from.saturating_add(head), until.saturating_sub(tail));
}

/// Stretches of digits as long as an account number, or longer: those may begin with its tag or its length, or end with its expiry.
fn hide_pans(text: &mut [u8]) {
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let (length, digits) = row(rest);
        let until = from.saturating_add(length);
        match digits {
            0..13 => {}
            13..=19 if digits == length => hide_pan(text, from, until),
            _ => hide(text, from, until),
        }
        if digits >= 13 && matches!(text.get(until), Some(b'=' | b'D' | b'^')) {
            let all = text.len();
            return hide(text, until, all);
        }
        from = until.saturating_add(1);
    }
}

/// How long the row of digits is that begins here, and how many digits it has.
fn row(text: &[u8]) -> (usize, usize) {
    let (mut length, mut digits) = (0, 0_usize);
    for (at, byte) in (1_usize..).zip(text) {
        match byte {
            b'0'..=b'9' => (length, digits) = (at, digits.saturating_add(1)),
            // One between two digits; a second one ends the row.
            b' ' | b'-' if length > 0 && at.saturating_sub(length) == 1 => {}
            _ => break,
        }
    }
    (length, digits)
}

fn hide_values(field: &Field<'_>, text: &mut [u8]) {
    let all = text.len();
    let mut bytes = Vec::with_capacity(all);
    field.append_to(&mut bytes);
    let objects: Result<Vec<tlv::Tlv<'_>>, tlv::TlvError> = tlv::objects(&bytes).collect();
    let Ok(objects) = objects else { return hide(text, 0, all) };
    for object in objects {
        let known = dictionary::meanings(object.tag).next().is_some();
        if known && !object.tag.is_constructed() && !dictionary::is_account_data(object.tag) {
            continue;
        }
        let until = object.offset.saturating_add(object.raw.len());
        let from = until.saturating_sub(object.value.len());
        hide(text, from.saturating_mul(2), until.saturating_mul(2));
    }
}
