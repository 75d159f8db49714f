//! Which fields a message has: up to three words of 64 bits, field 1 the highest bit of the first.
//!
//! **Invariant:** bits 1, 65 and 129, which announce bitmaps, are never in a [`Bitmap`]; they are read and written with the bytes.

/// The bit that announces a further bitmap, in each word.
pub(super) const FURTHER: u64 = 1 << 63;

/// The fields that a message has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    pub(super) words: [u64; 3],
}

/// The word and the bit of a field.
fn place(number: u8) -> Option<(usize, u64)> {
    let index = number.checked_sub(1)?;
    Some((usize::from(index >> 6), FURTHER >> (index & 63)))
}

impl Bitmap {
    /// Whether a field is there.
    #[must_use]
    pub fn has(&self, number: u8) -> bool {
        place(number).is_some_and(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Puts a field in. Nothing changes for the numbers that are no fields: 0, 1, 65, 129 and above 192.
    pub fn insert(&mut self, number: u8) {
        if let Some((word, bit)) = place(number).filter(|place| place.1 != FURTHER)
            && let Some(word) = self.words.get_mut(word)
        {
            *word |= bit;
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, number: u8) {
        if let Some((word, bit)) = place(number)
            && let Some(word) = self.words.get_mut(word)
        {
            *word &= !bit;
        }
    }

    /// How many bitmaps the fields need: 1 to 3.
    #[must_use]
    pub fn needed(&self) -> u8 {
        match self.words {
            [_, 0, 0] => 1,
            [_, _, 0] => 2,
            _ => 3,
        }
    }

    /// The fields, rising.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        Numbers { words: self.words }
    }

    /// The first field from `number` on.
    pub(super) fn from(&self, number: u8) -> Option<u8> {
        let (at, bit) = place(number.max(1))?;
        let mut words = self.words;
        for (index, word) in words.iter_mut().enumerate() {
            *word &= match index.cmp(&at) {
                core::cmp::Ordering::Less => 0,
                core::cmp::Ordering::Equal => bit | bit.wrapping_sub(1),
                core::cmp::Ordering::Greater => u64::MAX,
            };
        }
        Numbers { words }.next()
    }

    /// The words as they are sent, when there are `count` bitmaps.
    pub(super) fn sent(&self, count: u8) -> impl Iterator<Item = u64> {
        (1..=count).zip(self.words).map(move |(number, word)| word | if number < count { FURTHER } else { 0 })
    }
}

/// The fields of a bitmap, rising.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    words: [u64; 3],
}

impl Iterator for Numbers {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        for (word, before) in self.words.iter_mut().zip([1_u8, 65, 129]) {
            if *word != 0 {
                // At most 63: the word is not zero.
                let index = word.leading_zeros();
                *word &= !(FURTHER >> index);
                return Some(before.saturating_add(u8::try_from(index).unwrap_or(0)));
            }
        }
        None
    }
}
