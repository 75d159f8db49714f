//! BER-TLV, data object lists and the list of cardholder verification methods: every row of `emv_tlv.json` that is about them by its id, what
//! is refused and where, the policies for unknown tags, and that no `Debug` and no error shows a value.
//!
//! **Invariant:** rows are counted by kind, so none is passed over.
use proptest::prelude::*;
use serde_json::{Value, json};
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};
use symbolon_wire::tlv::cvm::{CvmList, RULES_MAX};
use symbolon_wire::tlv::dictionary::{Kernel, is_account_data, rows};
use symbolon_wire::tlv::dol::{DOL_BYTES_MAX, Dol};
use symbolon_wire::tlv::unknown::{UnknownError, UnknownTags};
use symbolon_wire::tlv::{
    DEPTH_MAX, Node, OBJECTS_MAX, Padding, Tag, TlvError, TlvFault, append, append_nodes, find, objects,
    padded_tree, tree,
};

fn vectors(kind: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/emv_tlv.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

fn hex(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(row[field].as_str().unwrap()).unwrap()
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

/// A tree as the vectors write it: a list of `[tag, value]` and `[tag, list]`.
fn shown(nodes: &[Node<'_>]) -> Value {
    let row = |node: &Node<'_>| {
        let value = match node.tlv.tag.is_constructed() {
            true => shown(&node.children),
            false => json!(hex_upper(node.tlv.value)),
        };
        json!([node.tlv.tag.to_string(), value])
    };
    nodes.iter().map(row).collect()
}

/// The bytes of a list as the vectors write it.
fn written(list: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for row in list.as_array().unwrap() {
        let value = match &row[1] {
            Value::String(value) => hex_parse(value).unwrap(),
            inner => written(inner),
        };
        append(&mut out, tag(row[0].as_str().unwrap()), &value);
    }
    out
}

#[test]
fn every_object_of_the_vectors_is_read_and_written() {
    let (mut read, mut minimal) = (0, 0);
    for row in vectors("tlv") {
        let bytes = hex(&row, "hex");
        let nodes = tree(&bytes).unwrap_or_else(|error| panic!("{}: {error}", row["id"]));
        assert_eq!(shown(&nodes), row["value"], "{}", row["id"]);
        let mut again = Vec::new();
        append_nodes(&mut again, &nodes);
        assert_eq!(again, written(&row["value"]), "{}", row["id"]);
        assert_eq!(again == bytes, row["minimal"] == true, "{}", row["id"]);
        assert_eq!(nodes.iter().all(|node| node.tlv.is_minimal()), row["minimal"] == true, "{}", row["id"]);
        read += 1;
        minimal += u32::from(row["minimal"] == true);
    }
    assert_eq!((read, minimal), (46, 41));
}

#[test]
fn every_refusal_of_the_vectors_is_one() {
    let (mut tlv, mut dol, mut cvm, mut qr) = (0, 0, 0, 0);
    for row in vectors("refuse") {
        let (field, refused) = match () {
            () if row["hex"].is_string() => {
                tlv += 1;
                ("hex", tree(&hex(&row, "hex")).err().map(CoreRefusal::from))
            }
            () if row["dol"].is_string() => {
                dol += 1;
                ("dol", Dol::parse(&hex(&row, "dol")).err().map(CoreRefusal::from))
            }
            () if row["cvm_list"].is_string() => {
                cvm += 1;
                ("cvm_list", CvmList::parse(&hex(&row, "cvm_list")).err().map(CoreRefusal::from))
            }
            () => {
                assert!(row["mpm"].is_string(), "{}: of another kind", row["id"]);
                qr += 1;
                continue;
            }
        };
        assert_eq!(refused, Some(CoreRefusal::Malformed), "{} ({field})", row["id"]);
    }
    assert_eq!((tlv, dol, cvm, qr), (17, 1, 1, 15));
    // EMV has the definite form only, so 80 is refused, for a primitive object as for a template.
    let either = vectors("either");
    assert_eq!(either.len(), 1);
    let error = tree(&hex(&either[0], "hex")).unwrap_err();
    assert_eq!(error, TlvError { fault: TlvFault::Length, offset: 1 });
}

/// What the standard gives for the row dol-c-2, which asks for two bytes of 9F35. Terminal Type is n 2 (EMV Book 3 Annex A), so the one byte
/// that there is goes to the right (§5.4); the row, which was computed, has it on the left, as if it were binary.
const DOL_C_2: &str = "00436732938032AA9CC794FA1B5ED8CB0000E11977";

#[test]
fn every_list_of_the_vectors_is_read_and_filled() {
    let lists = vectors("dol");
    for row in &lists {
        let list = Dol::parse(&hex(row, "hex")).unwrap();
        let entries: Value =
            list.entries().iter().map(|entry| json!([entry.tag.to_string(), entry.length])).collect();
        assert_eq!(entries, row["entries"], "{}", row["id"]);
        assert_eq!(json!(list.data_length()), row["data_length"], "{}", row["id"]);
    }
    let fills = vectors("dol_fill");
    for row in &fills {
        let values: Vec<(Tag, Vec<u8>)> = row["values"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (tag(name), hex_parse(value.as_str().unwrap()).unwrap()))
            .collect();
        let value = |tag| values.iter().find(|row| row.0 == tag).map(|row| row.1.as_slice());
        let filled = Dol::parse(&hex(row, "dol")).unwrap().fill(Kernel::Contact, value);
        let expect = if row["id"] == "dol-c-2" { DOL_C_2 } else { row["data"].as_str().unwrap() };
        assert_eq!(hex_upper(&filled), expect, "{}", row["id"]);
    }
    assert_eq!((lists.len(), fills.len()), (1, 6));
}

#[test]
fn every_list_of_methods_of_the_vectors_is_read_and_written() {
    let lists = vectors("cvm_list");
    for row in &lists {
        let bytes = hex(row, "hex");
        let list = CvmList::parse(&bytes).unwrap();
        assert_eq!(json!([list.amount_x, list.amount_y]), json!([row["amount_x"], row["amount_y"]]));
        let rules: Value =
            list.rules.iter().map(|rule| json!(hex_upper(&[rule.code, rule.condition]))).collect();
        assert_eq!(rules, row["rules"], "{}", row["id"]);
        assert_eq!(list.encode(), bytes);
    }
    assert_eq!(lists.len(), 2);
    let list = CvmList::parse(&hex_parse("0000000000000000420102041F03").unwrap()).unwrap();
    let names: Vec<_> =
        list.rules.iter().map(|rule| (rule.method(), rule.continues(), rule.condition_name())).collect();
    assert_eq!(names[0], (Some("Enciphered PIN verified online"), true, Some("If unattended cash")));
    assert_eq!(names[1], (Some("Enciphered PIN verified online"), false, Some("If manual cash")));
    assert_eq!(names[2].0, Some("No CVM required"));
    for length in 0..10 {
        assert_eq!(CvmList::parse(&vec![0; length]).unwrap_err().fault, TlvFault::ValueCut, "{length}");
    }
    assert!(CvmList::parse(&[0; 11]).is_err());
    assert!(CvmList::parse(&vec![0; 8 + 2 * RULES_MAX]).is_ok());
    assert_eq!(CvmList::parse(&vec![0; 10 + 2 * RULES_MAX]).unwrap_err().fault, TlvFault::TooMany);
}

/// EMV Book 3 §5.4: compressed numeric is filled with F on the right, and what is constructed becomes zeros.
#[test]
fn a_list_is_filled_by_the_format_of_each_object() {
    let fill = |list: &str, value: &[u8]| {
        let list = Dol::parse(&hex_parse(list).unwrap()).unwrap();
        hex_upper(&list.fill(Kernel::Contact, |_| Some(value)))
    };
    let three = [0x12, 0x34, 0x56];
    assert_eq!(fill("5A05", &three), "123456FFFF");
    assert_eq!(fill("5A02", &three), "1234");
    assert_eq!(fill("9F0205", &three), "0000123456");
    assert_eq!(fill("9F0202", &three), "3456");
    assert_eq!(fill("9505", &three), "1234560000");
    assert_eq!(fill("9502", &three), "1234");
    assert_eq!(fill("DF7F05", &three), "1234560000", "not known: binary");
    assert_eq!(fill("E003", &three), "000000", "constructed");
    assert_eq!(fill("", &three), "");
    let of = |kernel| {
        let list = Dol::parse(&[0x9F, 0x6B, 4]).unwrap();
        hex_upper(&list.fill(kernel, |_| Some(&three)))
    };
    assert_eq!(of(Kernel::C2), "12345600", "Track 2 Data, binary");
    assert_eq!(of(Kernel::C3), "00123456", "Card CVM Limit, numeric");
    let long = vec![0x5A; DOL_BYTES_MAX + 1];
    assert_eq!(Dol::parse(&long).unwrap_err().fault, TlvFault::TooMany);
    let at = |bytes: &[u8]| Dol::parse(bytes).unwrap_err();
    assert_eq!(at(&[0x9A, 3, 0x9F]), TlvError { fault: TlvFault::TagCut, offset: 2 });
    assert_eq!(at(&[0x9A, 3, 0x9F, 2]), TlvError { fault: TlvFault::LengthCut, offset: 4 });
    assert_eq!(at(&[0x9A, 3, 0, 2]), TlvError { fault: TlvFault::Tag, offset: 2 }, "a list has no padding");
}

#[test]
fn an_error_says_what_and_where() {
    let at = |text: &str| tree(&hex_parse(text).unwrap()).map(drop).unwrap_err();
    for (text, fault, offset) in [
        ("9F", TlvFault::TagCut, 0),
        ("9A00DF81", TlvFault::TagCut, 2),
        ("9F8001", TlvFault::Tag, 0),
        ("9F8182838401", TlvFault::Tag, 0),
        ("9A", TlvFault::LengthCut, 1),
        ("9A8201", TlvFault::LengthCut, 1),
        ("9A80", TlvFault::Length, 1),
        ("E0800000", TlvFault::Length, 1),
        ("9A850000000000", TlvFault::Length, 1),
        ("9AFF", TlvFault::Length, 1),
        ("9A84FFFFFFFF00", TlvFault::ValueCut, 6),
        ("9A0300", TlvFault::ValueCut, 2),
        ("E0049A020000E0049A03000000", TlvFault::ValueCut, 10),
        ("70059F02069A00", TlvFault::ValueCut, 5),
    ] {
        assert_eq!(at(text), TlvError { fault, offset }, "{text}");
    }
}

#[test]
fn padding_is_skipped_where_it_is_allowed() {
    let shown_of = |text: &str, padding| {
        let bytes = hex_parse(text).unwrap();
        padded_tree(&bytes, padding).map(|nodes| shown(&nodes).to_string())
    };
    let expect = r#"[["9A",""],["E0",[["9C","00"]]]]"#;
    for text in ["9A00E0039C0100", "009A000000E0039C0100", "9A00E00500009C0100", "9A00E0059C0100000000"] {
        assert_eq!(shown_of(text, Padding::Zeros).as_deref(), Ok(expect), "{text}");
    }
    assert!(shown_of("9A00E0039C0100FFFF", Padding::Zeros).is_err());
    assert_eq!(shown_of("9A00E0059C0100FFFF00FF", Padding::ZerosAndFinalOnes).as_deref(), Ok(expect));
    // Before an object FF begins a tag: kernel C-2 has FF8105.
    assert_eq!(shown_of("FF81050100FF", Padding::ZerosAndFinalOnes).as_deref(), Ok(r#"[["FF8105",[]]]"#));
    assert!(shown_of("FFFF9A00", Padding::ZerosAndFinalOnes).is_err());
    assert!(tree(&[]).unwrap().is_empty() && tree(&[0, 0]).unwrap().is_empty());
}

#[test]
fn depth_and_count_are_bounded() {
    let nested = |levels: usize| {
        (0..levels).fold(Vec::new(), |inner, _| {
            let mut out = Vec::new();
            append(&mut out, tag("E0"), &inner);
            out
        })
    };
    let depth = |levels| tree(&nested(levels)).map(drop).map_err(|error| error.fault);
    assert_eq!(depth(DEPTH_MAX), Ok(()));
    assert_eq!(depth(DEPTH_MAX + 1), Err(TlvFault::TooDeep));
    assert_eq!(depth(5_000), Err(TlvFault::TooDeep));
    let flat = |count: usize| tree(&[0x9A, 0].repeat(count)).map(drop).map_err(|error| error.fault);
    assert_eq!(flat(OBJECTS_MAX), Ok(()));
    assert_eq!(flat(OBJECTS_MAX + 1), Err(TlvFault::TooMany));
}

#[test]
fn tags_are_read_from_their_numbers_and_their_text() {
    for (text, constructed) in
        [("5A", false), ("9F02", false), ("9f02", false), ("BF0C", true), ("DF8129", false), ("FF8105", true)]
    {
        let tag = tag(text);
        assert_eq!(tag.to_string(), text.to_uppercase());
        assert_eq!((tag.is_constructed(), Tag::new(tag.number())), (constructed, Some(tag)));
    }
    for text in ["", "0", "00", "9F", "9F02FF", "9F8001", "9F81828384", "5A00", "xx"] {
        assert_eq!(Tag::parse(text), None, "{text}");
    }
    assert_eq!((Tag::new(0), Tag::new(0x9F), Tag::new(0x5A00)), (None, None, None));
    let bytes = hex_parse("9A00E0039C01019C0102").unwrap();
    let first = find(&bytes, tag("9C")).unwrap().unwrap();
    assert_eq!(first.value, [2], "the outermost level only");
    assert_eq!(find(&bytes, tag("5A")), Ok(None));
    assert!(find(&bytes[..9], tag("9A")).is_err(), "the whole level must be read");
}

/// With padding, a longer length than needed and a repeated tag: what goes out again is what came in.
const PASSING: &str = "00009F0206000000001000DF0181021122000095050000000000DF01003B0133000000";

#[test]
fn unknown_tags_are_kept_skipped_refused_or_carried() {
    let bytes = hex_parse(PASSING).unwrap();
    let known = [tag("9F02"), tag("95")];
    let apply = |policy: UnknownTags| policy.apply(&bytes, &known);
    let tags = |policy| {
        let screened = apply(policy).unwrap();
        (screened.shown().map(|tlv| tlv.tag.to_string()).collect::<Vec<_>>(), hex_upper(&screened.emit()))
    };
    let (all, whole) = (["9F02", "DF01", "95", "DF01", "3B"].map(String::from), PASSING.to_owned());
    let few = ["9F02", "95"].map(String::from);
    assert_eq!(tags(UnknownTags::Keep), (all.to_vec(), whole.clone()));
    assert_eq!(tags(UnknownTags::Reemit), (few.to_vec(), whole));
    assert_eq!(
        tags(UnknownTags::Skip),
        (few.to_vec(), "00009F0206000000001000000095050000000000000000".to_owned())
    );
    let refused = apply(UnknownTags::Refuse).unwrap_err();
    assert_eq!(refused, UnknownError::Tag(tag("DF01")));
    assert_eq!(CoreRefusal::from(refused), CoreRefusal::TagUnknown);
    assert_eq!(refused.to_string(), "tag DF01 is not known");
    assert_eq!(UnknownTags::Refuse.apply(&bytes[..11], &known).unwrap().emit(), bytes[..11]);
    assert_eq!(apply(UnknownTags::Reemit).unwrap().passed().iter().filter(|passed| !passed.shown).count(), 3);
    let cut = UnknownTags::Keep.apply(&bytes[..9], &known).unwrap_err();
    assert_eq!(CoreRefusal::from(cut), CoreRefusal::Malformed);
}

#[test]
fn account_data_is_known_as_such_whatever_the_kernel() {
    for text in ["56", "57", "5A", "99", "5F20", "5F24", "9F0B", "9F1F", "9F20", "9F6B", "DF812B"] {
        assert!(is_account_data(tag(text)), "{text}");
    }
    assert!(!is_account_data(tag("9F02")) && !is_account_data(tag("70")));
    for row in Kernel::ALL.iter().flat_map(|&kernel| rows(kernel)).filter(|row| row.name.contains("Track")) {
        // Card-side figures about tracks are no track: bit maps, counts, a CVC3, the version of the DD.
        let figures = ["CVC3", "UNATC", "NATC"].iter().any(|word| row.name.contains(word));
        assert!(figures || is_account_data(Tag::new(row.tag).unwrap()), "{}", row.name);
    }
}

fn any_tag() -> impl Strategy<Value = Tag> {
    any::<u32>().prop_filter_map("no tag", |number| {
        Tag::new(number).or_else(|| Tag::new(number >> 16)).or_else(|| Tag::new(number & 0xFF))
    })
}

/// Objects three levels deep as bytes in their shortest form.
fn any_objects() -> impl Strategy<Value = Vec<u8>> {
    let leaf = (any_tag(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(tag, value)| {
        let mut out = Vec::new();
        append(&mut out, tag, if tag.is_constructed() { &[] } else { &value });
        out
    });
    leaf.prop_recursive(3, 24, 5, |inner| {
        (prop::collection::vec(inner, 0..5), prop::bool::ANY).prop_map(|(objects, wrapped)| {
            let joined = objects.concat();
            let mut out = Vec::new();
            if wrapped {
                append(&mut out, Tag::new(0xBF0C).unwrap(), &joined)
            } else {
                out = joined
            }
            out
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_written_again(bytes in any_objects()) {
        let nodes = tree(&bytes).unwrap();
        let mut again = Vec::new();
        append_nodes(&mut again, &nodes);
        prop_assert_eq!(&again, &bytes);
        prop_assert_eq!(UnknownTags::Reemit.apply(&bytes, &[]).unwrap().emit(), bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused_within_them(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        match tree(&bytes) {
            Ok(nodes) => {
                let screened = UnknownTags::Keep.apply(&bytes, &[]).unwrap();
                prop_assert_eq!(screened.shown().count(), nodes.len());
                prop_assert_eq!(&screened.emit(), &bytes);
            }
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
        let _ = (Dol::parse(&bytes), CvmList::parse(&bytes));
    }

    #[test]
    fn no_debug_and_no_error_shows_a_value(pan in "[1-9][0-9]{15}", cut in 1_usize..10) {
        let digits = hex_parse(&pan).unwrap();
        let mut inner = Vec::new();
        append(&mut inner, Tag::new(0x5A).unwrap(), &digits);
        append(&mut inner, Tag::new(0x5F20).unwrap(), pan.as_bytes());
        let mut bytes = Vec::new();
        append(&mut bytes, Tag::new(0x70).unwrap(), &inner);
        let nodes = tree(&bytes).unwrap();
        let screened = UnknownTags::Keep.apply(&bytes, &[]).unwrap();
        let first = objects(&bytes).next().unwrap().unwrap();
        let cut = &bytes[..bytes.len() - cut];
        let error = tree(cut).unwrap_err();
        let refused = UnknownTags::Refuse.apply(&inner, &[]).unwrap_err();
        let told = format!("{nodes:?} {screened:?} {first:?} {error:?} {error} {refused:?} {refused}");
        let listed = |bytes: &[u8]| format!("{bytes:?}");
        let seen = told.replace(' ', "");
        prop_assert!(!seen.contains(&pan) && !seen.contains(&hex_upper(pan.as_bytes())));
        prop_assert!(!seen.contains(listed(&digits).replace(' ', "").trim_matches(['[', ']'])));
    }
}
