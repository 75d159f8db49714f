//! Deterministic CBOR: one encoding for each value, every departure refused, minicbor as the oracle.
use super::*;
use alloc::{string::ToString, vec};
use proptest::prelude::*;

crate::cbor_map! {
    /// A message with an optional field between two others.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Message {
        /// A number.
        1 => number: u64,
        /// Perhaps bytes.
        2 => bytes: Option<Bytes>,
        /// A list.
        -1 => list: Vec<String>,
    }
}

crate::cbor_enum! {
    /// One of two bodies.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Either {
        /// A message.
        1 => Left(Message),
        /// Nothing.
        2 => Right(()),
    }
}

fn refuse<T: Cbor + core::fmt::Debug + PartialEq>(hex: &str) {
    let bytes = symbolon_types::hex_parse(hex).unwrap();
    assert_eq!(from_slice::<T>(&bytes), Err(Malformed), "{hex}");
}

#[test]
fn a_message_has_one_encoding_and_every_departure_is_refused() {
    let message = Message { number: 500, bytes: Some(Bytes(vec![1])), list: vec!["a".to_string()] };
    let bytes = to_vec(&message);
    assert_eq!(symbolon_types::hex_upper(&bytes), "A3011901F402410120816161");
    assert_eq!(from_slice::<Message>(&bytes), Ok(message));
    for (why, hex) in [
        ("trailing byte", "A3011901F40241012081616100"),
        ("number not shortest", "A3011A000001F402410120816161"),
        ("keys out of order", "A3024101011901F420816161"),
        ("key twice", "A3010101010220816161"),
        ("unknown key", "A30101030120816161"),
        ("required field missing", "A1011901F4"),
        ("indefinite map", "BF0101208161 61FF"),
        ("indefinite list", "A20101209F6161FF"),
        ("text not UTF-8", "A20101208161FF"),
        ("length beyond the input", "A2010120815A0000FFFF61"),
        ("a float", "A201F93C0020816161"),
    ] {
        let hex: String = hex.split(' ').collect();
        let bytes = symbolon_types::hex_parse(&hex).unwrap();
        assert_eq!(from_slice::<Message>(&bytes), Err(Malformed), "{why}");
    }
}

#[test]
fn an_enum_is_its_kind_and_its_body() {
    assert_eq!(to_vec(&Either::Right(())), [0x82, 0x02, 0xF6]);
    assert_eq!(from_slice::<Either>(&[0x82, 0x02, 0xF6]), Ok(Either::Right(())));
    refuse::<Either>("8203F6");
    refuse::<Either>("8302F600");
    refuse::<Either>("8202");
}

#[test]
fn nesting_is_bounded() {
    #[derive(Debug, PartialEq)]
    struct Nest(Vec<Nest>);
    impl Cbor for Nest {
        fn encode(&self, out: &mut Encoder) {
            self.0.encode(out);
        }
        fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
            Cbor::decode(input).map(Self)
        }
    }
    let nested = |depth: usize| {
        let mut bytes = vec![0x81; depth - 1];
        bytes.push(0x80);
        bytes
    };
    assert!(from_slice::<Nest>(&nested(usize::from(DEPTH_MAX))).is_ok());
    assert_eq!(from_slice::<Nest>(&nested(usize::from(DEPTH_MAX) + 1)), Err(Malformed));
    refuse::<Vec<u64>>("9B0000000100000000");
}

proptest! {
    /// The independent oracle: minicbor writes and reads the same bytes.
    #[test]
    fn integers_and_strings_equal_those_of_minicbor(number: i64, unsigned: u64, bytes: Vec<u8>, text: String) {
        let mut ours = Encoder::new();
        ours.array(4).int(number).uint(unsigned).bytes(&bytes).text(&text);
        let ours = ours.finish();
        let mut theirs = minicbor::Encoder::new(Vec::new());
        theirs.array(4).unwrap().i64(number).unwrap().u64(unsigned).unwrap().bytes(&bytes).unwrap().str(&text).unwrap();
        prop_assert_eq!(&ours, &theirs.into_writer());
        let mut input = Decoder::new(&ours);
        let read = input.array(|input, _| Ok((input.int()?, input.uint()?, input.bytes()?, input.text()?)));
        prop_assert_eq!(read, Ok((number, unsigned, bytes.as_slice(), text.as_str())));
    }

    #[test]
    fn whatever_is_read_is_written_back_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = from_slice::<Message>(&bytes) {
            prop_assert_eq!(to_vec(&message), bytes);
        }
    }
}
