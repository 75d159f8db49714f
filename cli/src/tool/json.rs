//! JSON that the calculator is given: an object that names a key twice is no object, for one of its values would be lost.
//!
//! **Invariant:** no value is in an error.
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Reads one value.
///
/// # Errors
/// Says what is wrong: not JSON, or a key that is given twice.
pub fn parsed(bytes: &[u8]) -> Result<Value, &'static str> {
    let value = serde_json::from_slice(bytes).map_err(|_| "the file is not JSON")?;
    // It is JSON, so what is refused now is a repeated key.
    serde_json::from_slice::<Unrepeated>(bytes).map_err(|_| "a key is given twice")?;
    Ok(value)
}

/// Any value whose objects name each key once.
struct Unrepeated;

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unrepeated {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects name each key once")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::<String>::new();
        while let Some((key, _)) = entries.next_entry::<String, Self>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("a key is given twice"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_given_twice_is_refused_at_every_depth() {
        for (once, twice) in [
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"a":1}"#),
            (r#"{"a":{"b":null,"c":true}}"#, r#"{"a":{"b":null,"b":true}}"#),
            (r#"[{"a":-1},{"a":1.5}]"#, r#"[{"a":-1,"a":1.5}]"#),
            (r#"{"a":"b","\u0062":"a"}"#, r#"{"b":"b","\u0062":"a"}"#),
        ] {
            assert!(parsed(once.as_bytes()).is_ok(), "{once}");
            assert_eq!(parsed(twice.as_bytes()), Err("a key is given twice"));
        }
        assert_eq!(parsed(b"{"), Err("the file is not JSON"));
    }
}
