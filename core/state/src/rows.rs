//! Rows in tables. A [`Table`] is a constant that types the keys and values of one stretch of the key space.
use alloc::vec::Vec;
use core::marker::PhantomData;
use symbolon_types::{Hash, UnixMs};
use symbolon_wire::cbor::{Cbor, from_slice, to_vec};

/// The rows of all tables, ordered by (table, key).
///
/// Reading cannot fail for the caller: an implementation that cannot read its medium, or is told of a damaged row, halts the node.
pub trait Rows {
    /// The value at `key`, if there is a row.
    fn get(&self, table: u16, key: &[u8]) -> Option<Vec<u8>>;
    /// Writes the row, replacing what was there.
    fn put(&mut self, table: u16, key: &[u8], value: Vec<u8>);
    /// Removes the row if it is there.
    fn delete(&mut self, table: u16, key: &[u8]);
    /// At most `limit` rows of the table with keys `>= from`, in order of their keys.
    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// The row at `key` cannot be read back as what was written: halts the node. Never treated as an absent row.
    fn damaged(&self, table: u16, key: &[u8]) -> !;
}

/// A key whose encoding sorts as the key does.
pub trait Key: Sized {
    /// Appends the encoding.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads a key from the front of `bytes`, leaving the rest.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

impl<const N: usize> Key for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*first)
    }
}

macro_rules! key_of_integer {
    ($($type:ty),*) => {$(
        impl Key for $type {
            fn write(&self, out: &mut Vec<u8>) {
                self.to_be_bytes().write(out);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Key::read(bytes).map(Self::from_be_bytes)
            }
        }
    )*};
}
key_of_integer!(u8, u16, u32, u64, u128);

impl Key for () {
    fn write(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Key for Hash {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Key::read(bytes).map(Self)
    }
}

impl Key for UnixMs {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Key::read(bytes).map(Self)
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        self.2.write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?, C::read(bytes)?))
    }
}

/// [`Key`] for identifiers made by `symbolon_types::identifier!`.
#[macro_export]
macro_rules! key_identifier {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::Key for $name {
            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                self.0.write(out);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                $crate::Key::read(bytes).map(Self)
            }
        }
    )*};
}

/// One table: its number is 100 × system + n (unique by test), its rows are typed.
pub struct Table<K, V> {
    id: u16,
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Cbor> Table<K, V> {
    /// A table with this number and name.
    #[must_use]
    pub const fn new(id: u16, name: &'static str) -> Self {
        Self { id, name, types: PhantomData }
    }

    /// The number.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The row at `key`.
    pub fn get(&self, rows: &dyn Rows, key: &K) -> Option<V> {
        let key = encode(key);
        rows.get(self.id, &key).map(|value| self.value(rows, &key, &value))
    }

    /// Writes the row at `key`.
    pub fn put(&self, rows: &mut dyn Rows, key: &K, value: &V) {
        rows.put(self.id, &encode(key), to_vec(value));
    }

    /// Removes the row at `key`.
    pub fn delete(&self, rows: &mut dyn Rows, key: &K) {
        rows.delete(self.id, &encode(key));
    }

    /// At most `limit` rows whose keys begin with `prefix` (any leading part of a composite key), from `after` on where given.
    pub fn scan(&self, rows: &dyn Rows, prefix: &impl Key, after: Option<&K>, limit: usize) -> Vec<(K, V)> {
        let prefix = encode(prefix);
        let mut from = prefix.clone();
        if let Some(after) = after {
            from = encode(after);
            from.push(0);
        }
        rows.scan(self.id, &from, limit)
            .into_iter()
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, value)| match K::read(&mut key.as_slice()) {
                Some(typed) => (typed, self.value(rows, &key, &value)),
                None => rows.damaged(self.id, &key),
            })
            .collect()
    }

    fn value(&self, rows: &dyn Rows, key: &[u8], value: &[u8]) -> V {
        match from_slice(value) {
            Ok(value) => value,
            Err(_) => rows.damaged(self.id, key),
        }
    }
}

fn encode(key: &impl Key) -> Vec<u8> {
    let mut out = Vec::new();
    key.write(&mut out);
    out
}
