//! Forms of RFC 8949 Appendix A and F, `minicbor` as the second reader and writer, and every bound from both sides.
use super::*;
use alloc::{format, vec};
use minicbor::Encoder;
use proptest::prelude::*;
use symbolon_types::hex_parse;

fn read(hex: &str) -> Result<Item, Malformed> {
    Item::read(&hex_parse(hex).unwrap())
}

#[track_caller]
fn check(hex: &str, expect: Item) {
    assert_eq!(read(hex), Ok(expect), "{hex}");
}

fn text(text: &str) -> Item {
    Item::Text(text.into())
}

/// RFC 8949 Appendix A, and the longer forms that §3 allows.
#[test]
fn every_form_of_a_value_is_the_same_value() {
    for form in ["17", "1817", "190017", "1A00000017", "1B0000000000000017"] {
        check(form, Item::Uint(23));
    }
    check("1BFFFFFFFFFFFFFFFF", Item::Uint(u64::MAX));
    check("3BFFFFFFFFFFFFFFFF", Item::Nint(u64::MAX));
    check("29", Item::Nint(9));
    let bytes = Item::Bytes(vec![1, 2, 3, 4, 5]);
    for form in [
        "450102030405",
        "58050102030405",
        "5F42010243030405FF",
        "5F4201025803030405FF",
        "5F4040450102030405FF",
    ] {
        check(form, bytes.clone());
    }
    for form in ["6973747265616D696E67", "7F657374726561646D696E67FF"] {
        check(form, text("streaming"));
    }
    let list = Item::Array(vec![Item::Uint(1), Item::Array(vec![]), Item::Simple(21)]);
    for form in ["830180F5", "9F0180F5FF", "9F019FFFF5FF", "98030180F5"] {
        check(form, list.clone());
    }
    let map = Item::Map(vec![(Item::Uint(3), Item::Uint(4)), (Item::Uint(1), Item::Simple(23))]);
    for form in ["A2030401F7", "BF030401F7FF", "B90002030401F7"] {
        check(form, map.clone());
    }
    check("C11A514B67B0", Item::Tag(1, Box::new(Item::Uint(1_363_896_240))));
    check("F6", Item::NULL);
    check("F0", Item::Simple(16));
    check("F8FF", Item::Simple(255));
    check("A1F9000000", Item::Map(vec![(Item::Float(0), Item::Uint(0))]));
}

/// RFC 8949 Appendix F.1 and what §5.3.1 and §5.6 call invalid; each beside a form that differs by one thing and is read.
#[test]
fn what_is_not_well_formed_or_not_valid_is_refused() {
    for (good, bad, why) in [
        ("1801", "18", "cut in an argument"),
        ("4101", "41", "cut in a string"),
        ("8101", "81", "cut in an array"),
        ("A10101", "A101", "a key without a value"),
        ("C101", "C1", "a tag of nothing"),
        ("9FFF", "9F", "no break"),
        ("5F4101FF", "5F4101", "no break in a string"),
        ("5F4101FF", "5F6101FF", "a text chunk in bytes"),
        ("5F4101FF", "5F5F4101FFFF", "a chunk in chunks"),
        ("5F4101FF", "5F01FF", "a number in chunks"),
        ("7F6161FF", "7F61C3FF", "a chunk that is half a character"),
        ("BF0102FF", "BF01FF", "a break for a value"),
        ("BF0102FF", "BF010203FF", "an odd number in an open map"),
        ("81F6", "81FF", "a break in a counted array"),
        ("F6", "FF", "a break alone"),
        ("F820", "F81F", "a simple value below 32 in two bytes"),
        ("17", "1C", "reserved additional information"),
        ("17", "1F", "an integer without an end"),
        ("3817", "3F", "a negative integer without an end"),
        ("C101", "DF01", "a tag without an end"),
        ("FB0000000000000000", "FB00000000000000", "a cut float"),
        ("62C3BC", "62C328", "text that is not UTF-8"),
        ("7F62C3BCFF", "7F61C361BCFF", "a character in two chunks"),
        ("A201020304", "A201020104", "a key twice"),
        ("A201021802F6", "A20102180103", "a key twice, in two forms"),
        ("A2F93C0001FA3F800001F6", "A2F93C0001FA3F80000001", "a float key twice, in two widths"),
        ("8100", "810000", "two items"),
    ] {
        assert!(read(good).is_ok(), "{good}, the twin of: {why}");
        assert_eq!(read(bad), Err(Malformed), "{bad}: {why}");
    }
    assert_eq!(read(""), Err(Malformed));
}

#[test]
fn depth_and_length_are_bounded_and_a_claimed_length_costs_nothing() {
    for head in ["81", "C1", "A100", "9F"] {
        let nested = |depth: usize| {
            let close = if head == "9F" { "FF".repeat(depth) } else { String::new() };
            read(&format!("{}00{close}", head.repeat(depth)))
        };
        assert!(nested(usize::from(DEPTH_MAX)).is_ok(), "{head}");
        assert_eq!(nested(usize::from(DEPTH_MAX) + 1), Err(Malformed), "{head}");
        assert_eq!(nested(100_000), Err(Malformed), "{head}");
    }
    let string = |len: u32| {
        let mut bytes = vec![0x5A];
        bytes.extend(len.to_be_bytes());
        bytes.resize(5 + usize::try_from(len).unwrap(), 0);
        Item::read(&bytes).map(|_| ())
    };
    let most = u32::try_from(LEN_MAX - 5).unwrap();
    assert_eq!((string(most), string(most + 1)), (Ok(()), Err(Malformed)));
    for claimed in
        ["9BFFFFFFFFFFFFFFFF00", "BBFFFFFFFFFFFFFFFF0000", "5BFFFFFFFFFFFFFFFF00", "7BFFFFFFFFFFFFFFFF"]
    {
        assert_eq!(read(claimed), Err(Malformed), "{claimed}");
    }
}

/// The value of a half as RFC 8949 Appendix D computes it.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if bits & 0x3FF == 0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Every half by the formula of Appendix D, and the edges of single by the language's own conversion.
#[test]
fn floats_are_widened_as_ieee_754_says() {
    for bits in 0..=u16::MAX {
        let Ok(Item::Float(found)) = Item::read(&[&[0xF9][..], &bits.to_be_bytes()].concat()) else {
            panic!()
        };
        let expect = half(bits);
        let same = if expect.is_nan() { f64::from_bits(found).is_nan() } else { found == expect.to_bits() };
        assert!(same, "{bits:04X} {found:016X}");
    }
    for bits in
        [0, 1, 2, 0x007F_FFFF, 0x0080_0000, 0x3F80_0000, 0x7F7F_FFFF, 0x7F80_0000, 0x8000_0001, 0xFF80_0000]
    {
        let Ok(Item::Float(found)) = Item::read(&[&[0xFA][..], &u32::to_be_bytes(bits)].concat()) else {
            panic!()
        };
        assert_eq!(found, f64::from(f32::from_bits(bits)).to_bits(), "{bits:08X}");
    }
}

/// As `minicbor` writes it, with indefinite lengths where `open`.
fn write(item: &Item, open: bool, out: &mut Encoder<&mut Vec<u8>>) {
    match item {
        Item::Uint(value) => drop(out.u64(*value)),
        Item::Nint(value) => drop(out.int(minicbor::data::Int::try_from(-1 - i128::from(*value)).unwrap())),
        Item::Bytes(bytes) if open => {
            out.begin_bytes().unwrap();
            bytes.chunks(3).for_each(|chunk| drop(out.bytes(chunk)));
            out.end().unwrap();
        }
        Item::Bytes(bytes) => drop(out.bytes(bytes)),
        Item::Text(text) if open => drop(out.begin_str().unwrap().str(text).unwrap().end()),
        Item::Text(text) => drop(out.str(text)),
        Item::Array(items) => {
            if open { out.begin_array() } else { out.array(u64::try_from(items.len()).unwrap()) }.unwrap();
            items.iter().for_each(|item| write(item, open, out));
            if open {
                out.end().unwrap();
            }
        }
        Item::Map(pairs) => {
            if open { out.begin_map() } else { out.map(u64::try_from(pairs.len()).unwrap()) }.unwrap();
            pairs.iter().for_each(|(key, value)| {
                write(key, open, out);
                write(value, open, out);
            });
            if open {
                out.end().unwrap();
            }
        }
        Item::Tag(number, item) => {
            out.tag(minicbor::data::Tag::new(*number)).unwrap();
            write(item, open, out);
        }
        Item::Simple(20 | 21) => drop(out.bool(*item == Item::Simple(21))),
        Item::Simple(22) => drop(out.null()),
        Item::Simple(23) => drop(out.undefined()),
        Item::Simple(number) => drop(out.simple(*number)),
        Item::Float(bits) => drop(out.f64(f64::from_bits(*bits))),
    }
}

fn items() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Item::Uint),
        any::<u64>().prop_map(Item::Nint),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Item::Bytes),
        ".{0,6}".prop_map(Item::Text),
        prop_oneof![0..24u8, 32..=255u8].prop_map(Item::Simple),
        any::<u64>().prop_map(Item::Float),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Item::Array),
            prop::collection::btree_map(inner.clone(), inner.clone(), 0..5)
                .prop_map(|map| Item::Map(map.into_iter().collect())),
            (0..1000u64, inner).prop_map(|(number, item)| Item::Tag(number, Box::new(item))),
        ]
    })
}

proptest! {
    /// What another writer wrote is read as it was, in either form of lengths; and a change is another item or none, never a panic.
    #[test]
    fn what_minicbor_writes_is_read(item in items(), open: bool, at: prop::sample::Index, flip in 1..=255u8) {
        let mut bytes = Vec::new();
        write(&item, open, &mut Encoder::new(&mut bytes));
        prop_assert_eq!(Item::read(&bytes), Ok(item));
        for len in 0..bytes.len() {
            prop_assert_eq!(Item::read(&bytes[..len]), Err(Malformed));
        }
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if Item::read(&bytes).is_ok() {
            let mut theirs = minicbor::Decoder::new(&bytes);
            prop_assert!(theirs.skip().is_ok() && theirs.position() == bytes.len());
        }
    }

    /// Whatever is read, another reader finds well-formed too.
    #[test]
    fn random_bytes_that_are_read_are_well_formed(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if Item::read(&bytes).is_ok() {
            let mut theirs = minicbor::Decoder::new(&bytes);
            prop_assert!(theirs.skip().is_ok() && theirs.position() == bytes.len());
        }
    }
}
