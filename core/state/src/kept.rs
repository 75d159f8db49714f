//! One value that lasts: written whole at every change, durable before the change is true.
use crate::{Flash, FlashError, Records};
use symbolon_wire::cbor::{Cbor, from_slice, to_vec};

/// Above this many bytes in a bank the value moves to the other bank.
const COMPACT_ABOVE: usize = 256 * 1024;

/// A value on a flash.
pub struct Kept<T, F> {
    records: Records<F>,
    value: T,
}

impl<T: Cbor, F: Flash> Kept<T, F> {
    /// Opens the store; on an empty one the value is `blank`'s, kept at once.
    ///
    /// # Errors
    /// [`FlashError`], [`FlashError::Damaged`] when the last record is no such value; what `blank` fails with.
    pub fn open<E: From<FlashError>>(flash: F, blank: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let (records, found) = Records::open(flash)?;
        match found.last() {
            Some(last) => {
                let value = from_slice(last).map_err(|_| FlashError::Damaged)?;
                Ok(Self { records, value })
            }
            None => {
                let mut made = Self { records, value: blank()? };
                made.records.append(&to_vec(&made.value))?;
                Ok(made)
            }
        }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Makes `next` the value: durable first, then true.
    ///
    /// # Errors
    /// [`FlashError::Full`] when the value has outgrown its encoding: nothing is written. Otherwise [`FlashError`]; the value is then what it was,
    /// and the store does no more until it is opened again.
    pub fn put(&mut self, next: T) -> Result<(), FlashError> {
        let record = to_vec(&next);
        // What could not be read back is not kept: a list that has grown past what a decoder takes would lock the store for good.
        from_slice::<T>(&record).map_err(|_| FlashError::Full)?;
        if self.records.bytes_used() > COMPACT_ABOVE {
            self.records.compact(core::iter::once(record.as_slice()))?;
        } else {
            self.records.append(&record)?;
        }
        self.value = next;
        Ok(())
    }
}
