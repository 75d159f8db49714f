//! The dictionary of EMV data elements: what a tag means, which depends on the kernel that the card is talking to.
//!
//! Common rows are those of EMV Book 3 Annex A; a kernel's own rows (EMV Contactless Books C-2 to C-8, Annex A) come before them. 9F6B is
//! Track 2 Data for C-2 and a limit for C-3; 9F66, 9F6C, 9F6D, 9F6E and 9F7C differ likewise.
//!
//! **Invariant:** each table rises by tag and has each tag once; a row's lengths are in bytes, and its templates are constructed tags, but 80.
use super::Tag;

mod c2;
mod c8;
mod common;
mod others;

/// How a value is coded (EMV Book 3 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Letters.
    A,
    /// Letters and digits.
    An,
    /// Letters, digits and special characters.
    Ans,
    /// Binary.
    B,
    /// Compressed numeric: digits to the left, filled with F on the right.
    Cn,
    /// Numeric: digits to the right, filled with zeros on the left.
    N,
    /// Data objects.
    Template,
}

impl Format {
    /// As the standard writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::An => "an",
            Self::Ans => "ans",
            Self::B => "b",
            Self::Cn => "cn",
            Self::N => "n",
            Self::Template => "template",
        }
    }
}

/// Whose data elements: the contact kernel, or one of the contactless ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// EMV Book 3, contact.
    Contact,
    /// Book C-2, Mastercard.
    C2,
    /// Book C-3, Visa.
    C3,
    /// Book C-4, American Express.
    C4,
    /// Book C-5, JCB.
    C5,
    /// Book C-6, Discover.
    C6,
    /// Book C-7, UnionPay.
    C7,
    /// Book C-8, the common kernel.
    C8,
}

impl Kernel {
    /// All, the contact kernel first.
    pub const ALL: [Self; 8] =
        [Self::Contact, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7, Self::C8];

    /// `contact`, `c2`, … `c8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::C2 => "c2",
            Self::C3 => "c3",
            Self::C4 => "c4",
            Self::C5 => "c5",
            Self::C6 => "c6",
            Self::C7 => "c7",
            Self::C8 => "c8",
        }
    }

    /// Where the kernel's rows come from.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Contact => "EMV 4.4 Book 3 Annex A, Book 1 Annex B",
            Self::C2 => "EMV Contactless Book C-2 Annex A",
            Self::C3 => "EMV Contactless Book A 5.7, Book C-3 Annex A",
            Self::C4 => "EMV Contactless Book C-4 4.3",
            Self::C5 => "EMV Contactless Book C-5 Annex A",
            Self::C6 => "EMV Contactless Book C-6 Annex A",
            Self::C7 => "EMV Contactless Book C-7 Annex A",
            Self::C8 => "EMV Contactless Book C-8 Annex A.1",
        }
    }

    fn rows(self) -> &'static [Element] {
        match self {
            Self::Contact => common::ROWS,
            Self::C2 => c2::ROWS,
            Self::C3 => others::C3,
            Self::C4 => others::C4,
            Self::C5 => others::C5,
            Self::C6 => others::C6,
            Self::C7 => others::C7,
            Self::C8 => c8::ROWS,
        }
    }
}

/// What stands for a length that the standard does not bound.
pub const LENGTH_ANY: u16 = u16::MAX;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The number that the tag's bytes are.
    pub tag: u32,
    /// The standard's own name.
    pub name: &'static str,
    /// How the value is coded.
    pub format: Format,
    /// The least bytes.
    pub bytes_min: u16,
    /// The most bytes; [`LENGTH_ANY`] where the standard has no bound.
    pub bytes_max: u16,
    /// The templates that it is found in; none for what a terminal has.
    pub templates: &'static [u32],
}

impl Element {
    /// Whether a value of this many bytes can be one.
    #[must_use]
    pub fn takes(&self, length: usize) -> bool {
        let most = if self.bytes_max == LENGTH_ANY { usize::MAX } else { usize::from(self.bytes_max) };
        (usize::from(self.bytes_min)..=most).contains(&length)
    }
}

const fn row(
    tag: u32,
    name: &'static str,
    format: Format,
    (bytes_min, bytes_max): (u16, u16),
    templates: &'static [u32],
) -> Element {
    Element { tag, name, format, bytes_min, bytes_max, templates }
}

fn own(kernel: Kernel, tag: Tag) -> Option<&'static Element> {
    let rows = kernel.rows();
    rows.binary_search_by_key(&tag.number(), |row| row.tag).ok().and_then(|at| rows.get(at))
}

/// What `tag` means to `kernel`: its own row, or the common one.
#[must_use]
pub fn element(kernel: Kernel, tag: Tag) -> Option<&'static Element> {
    own(kernel, tag).or_else(|| own(Kernel::Contact, tag))
}

/// Every meaning of `tag`, each with the kernel whose row it is.
pub fn meanings(tag: Tag) -> impl Iterator<Item = (Kernel, &'static Element)> {
    Kernel::ALL.into_iter().filter_map(move |kernel| own(kernel, tag).map(|element| (kernel, element)))
}

/// All rows of a kernel of its own, rising by tag.
#[must_use]
pub fn rows(kernel: Kernel) -> &'static [Element] {
    kernel.rows()
}

/// How `kernel` has the value of `tag` coded; binary where it does not know it.
#[must_use]
pub fn format(kernel: Kernel, tag: Tag) -> Format {
    element(kernel, tag).map_or(Format::B, |element| element.format)
}

/// Values that say whose account it is, or a PIN, for any kernel: tracks and what is read from them, account number, expiry, service code,
/// cardholder's name, IBAN, PIN data. Rising.
const ACCOUNT_DATA: [u32; 14] = [
    0x56, 0x57, 0x5A, 0x99, 0x5F20, 0x5F24, 0x5F30, 0x5F53, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B, 0xDF812A,
    0xDF812B,
];

/// Whether the value of `tag` must not be shown. A template is not account data itself; what is in it may be.
#[must_use]
pub fn is_account_data(tag: Tag) -> bool {
    ACCOUNT_DATA.contains(&tag.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_rise_and_hold_tags_and_templates() {
        for kernel in Kernel::ALL {
            let rows = rows(kernel);
            assert!(rows.windows(2).all(|pair| pair[0].tag < pair[1].tag), "{}", kernel.name());
            for row in rows {
                let tag = Tag::new(row.tag).unwrap();
                assert_eq!(tag.is_constructed(), row.format == Format::Template, "{tag}");
                assert!(row.bytes_min <= row.bytes_max && !row.name.is_empty(), "{tag}");
                for &template in row.templates {
                    // 80 is a template without tags within (EMV Book 3 §6.5.5.4).
                    assert!(template == 0x80 || Tag::new(template).unwrap().is_constructed(), "{tag}");
                }
                if row.format == Format::A && row.bytes_max != LENGTH_ANY {
                    assert!(row.bytes_max <= 34, "{tag}");
                }
            }
        }
        assert!(ACCOUNT_DATA.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Kernel::ALL.map(|kernel| rows(kernel).len()), [135, 107, 9, 4, 5, 2, 3, 62]);
    }

    #[test]
    fn the_meaning_depends_on_the_kernel() {
        let name = |kernel, tag| element(kernel, Tag::new(tag).unwrap()).map(|element| element.name);
        assert_eq!(name(Kernel::C2, 0x9F6B), Some("Track 2 Data"));
        assert_eq!(name(Kernel::C3, 0x9F6B), Some("Card CVM Limit"));
        assert_eq!(name(Kernel::C2, 0x9F6E), Some("Third Party Data"));
        assert_eq!(name(Kernel::C3, 0x9F6E), Some("Form Factor Indicator (FFI)"));
        assert_eq!(name(Kernel::C4, 0x9F6E), Some("Enhanced Contactless Reader Capabilities"));
        assert_eq!(name(Kernel::C2, 0x9F66), Some("PUNATC (Track2)"));
        assert_eq!(name(Kernel::C3, 0x9F66), Some("Terminal Transaction Qualifiers (TTQ)"));
        assert_eq!(name(Kernel::C2, 0x9F7C), Some("Merchant Custom Data"));
        assert_eq!(name(Kernel::C3, 0x9F7C), Some("Customer Exclusive Data (CED)"));
        assert_eq!(name(Kernel::Contact, 0x9F6E), None);
        assert_eq!(name(Kernel::C8, 0x9F02), Some("Amount, Authorised (Numeric)"));
        assert_eq!(meanings(Tag::new(0x9F6E).unwrap()).count(), 3);
    }
}
