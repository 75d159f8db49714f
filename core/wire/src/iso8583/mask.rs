//! A field as it may be shown: account data masked.
//!
//! | fields | shown |
//! | --- | --- |
//! | 2 | the first six and the last four digits; of fewer than 13 digits, none |
//! | 14, 34, 35, 36, 45, 52, 53, 96, 102, 103, and those that a role names | nothing |
//! | 55 as bytes | tags and lengths; values of the tags that are known and no account data (EMV) |
//! | 44, 46 to 48, 54, 56 to 63, 72, 104 to 127 and above 128 | text, but 13 to 19 digits in a row as field 2; bytes not at all |
//! | others | as they are |
//!
//! **Invariant:** a masked text has as many characters as the field's own, and none of what is hidden; a field 55 that is no BER-TLV is hidden.
use super::Field;
use super::Message;
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

fn shown(number: u8) -> Shown {
    match number {
        2 => Shown::Pan,
        14 | 34..=36 | 45 | 52 | 53 | 96 | 102 | 103 => Shown::Nothing,
        55 => Shown::Tags,
        44 | 46..=48 | 54 | 56..=63 | 72 | 104..=127 | 129.. => Shown::Text,
        _ => Shown::Whole,
    }
}

impl Message<'_> {
    /// The text of a field with what is account data as asterisks; of one that holds bytes, in hexadecimal. `None` where it is not there.
    #[must_use]
    pub fn masked(&self, number: u8) -> Option<String> {
        let field = self.field(number)?;
        let mut text: Vec<u8> = field.chars().collect();
        let all = text.len();
        match shown(number) {
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

/// Stretches of digits as long as an account number.
fn hide_pans(text: &mut [u8]) {
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let until = from.saturating_add(digits);
        if (13..=19).contains(&digits) {
            hide_pan(text, from, until);
        }
        from = until.saturating_add(1);
    }
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
