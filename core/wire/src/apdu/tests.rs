//! The forms of ISO/IEC 7816-3 §12.1.3 and the commands that EMV and ISO/IEC 7816-4 print, then chains.
use super::*;
use alloc::vec;
use proptest::prelude::*;
use symbolon_types::hex_parse;

fn bytes(hex: &str) -> Vec<u8> {
    hex_parse(hex).unwrap()
}

fn command(header: [u8; 4], data: &[u8], ne: Option<u32>) -> CommandApdu {
    let [cla, ins, p1, p2] = header;
    CommandApdu { cla, ins, p1, p2, data: data.into(), ne }
}

/// Both ways.
fn check(hex: &str, expect: &CommandApdu) {
    assert_eq!(CommandApdu::decode(&bytes(hex)).as_ref(), Ok(expect), "{hex}");
    assert_eq!(expect.encode().unwrap(), bytes(hex), "{hex}");
}

#[test]
fn well_known_short_commands() {
    // EMV Book 1 §11.3.2, annex B of Book B: SELECT of the PPSE and of the PSE.
    check("00A404000E325041592E5359532E444446303100", &CommandApdu::select(b"2PAY.SYS.DDF01").unwrap());
    check("00A404000E315041592E5359532E444446303100", &CommandApdu::select(b"1PAY.SYS.DDF01").unwrap());
    check("00A4040007A000000003101000", &CommandApdu::select(&bytes("A0000000031010")).unwrap());
    // ISO/IEC 7816-4 GET RESPONSE; EMV Book 3 §6.5: READ RECORD 1 of SFI 1, GET CHALLENGE, GET DATA of the ATC, GPO without PDOL.
    check("00C0000000", &CommandApdu::get_response(256));
    check("00C000001C", &CommandApdu::get_response(0x1C));
    check("00B2010C00", &command([0x00, 0xB2, 0x01, 0x0C], &[], Some(256)));
    check("0084000000", &command([0x00, 0x84, 0x00, 0x00], &[], Some(256)));
    check("80CA9F3605", &command([0x80, 0xCA, 0x9F, 0x36], &[], Some(5)));
    check("80A8000002830000", &command([0x80, 0xA8, 0x00, 0x00], &[0x83, 0x00], Some(256)));
    // EMV Book 3 §6.5.12: VERIFY of plaintext PIN 1234, case 3; APPLICATION BLOCK without MAC, case 1.
    check("0020008008241234FFFFFFFFFF", &command([0x00, 0x20, 0x00, 0x80], &bytes("241234FFFFFFFFFF"), None));
    check("84160000", &command([0x84, 0x16, 0x00, 0x00], &[], None));
}

#[test]
fn extended_forms() {
    let long = vec![0x5A; 256];
    let body = "5A".repeat(256);
    // ICAO 9303-11 readers read 256 bytes and more by extended READ BINARY; Le 0000 is 65,536 (ISO/IEC 7816-3 §12.1.3).
    check("00B00000000000", &command([0x00, 0xB0, 0x00, 0x00], &[], Some(65_536)));
    check("00B00000000101", &command([0x00, 0xB0, 0x00, 0x00], &[], Some(257)));
    check(&alloc::format!("00D60000000100{body}"), &command([0x00, 0xD6, 0x00, 0x00], &long, None));
    check(
        &alloc::format!("002A8086000100{body}0000"),
        &command([0x00, 0x2A, 0x80, 0x86], &long, Some(65_536)),
    );
    check(&alloc::format!("002A8086000100{body}0010"), &command([0x00, 0x2A, 0x80, 0x86], &long, Some(16)));
    // FIDO U2F raw messages §3.1 (extended by rule): a version request, and a body that would fit the short form.
    check("00030000", &command([0x00, 0x03, 0x00, 0x00], &[], None));
    let short_in_extended = CommandApdu::decode(&bytes("0001030000000210200000"));
    assert_eq!(short_in_extended, Ok(command([0x00, 0x01, 0x03, 0x00], &[0x10, 0x20], Some(65_536))));
    let both_short = CommandApdu::decode(&bytes("00010300000002102000FF")).unwrap();
    assert_eq!(both_short, command([0x00, 0x01, 0x03, 0x00], &[0x10, 0x20], Some(255)));
    assert_eq!(both_short.encode().unwrap(), bytes("00010300021020FF"));
}

#[test]
fn bodies_that_do_not_add_up_are_refused() {
    for (good, bad) in [
        ("00A40000", "00A400"),
        ("00A4000001AA", "00A4000002AA"),
        ("00A4000001AA00", "00A4000001AA0000"),
        ("00B00000000100", "00B000000001"),
        ("00D60000000001AA", "00D60000000000AA"),
        ("00D60000000001AA", "00D60000000002AA"),
        ("00D60000000001AA0000", "00D60000000001AA00"),
        ("00D60000000001AA0000", "00D60000000001AA000000"),
    ] {
        assert!(CommandApdu::decode(&bytes(good)).is_ok(), "{good}");
        assert_eq!(CommandApdu::decode(&bytes(bad)), Err(ApduError::Length), "{bad}");
    }
}

/// A cut command is refused, or is a shorter form of its own with other content: the length of the bytes is all that tells.
#[test]
fn no_truncation_reads_as_the_same_command() {
    let whole = command([0x00, 0xDA, 0x01, 0x02], &[7; 300], Some(1000));
    let encoded = whole.encode().unwrap();
    for length in 0..encoded.len() {
        let cut = CommandApdu::decode(&encoded[..length]);
        // Only the header alone, the header with what reads as an extended Le, and the command without its Le are commands.
        let a_form = matches!(length, 4 | 5 | 7 | 307);
        assert_eq!(cut.is_ok(), a_form, "{length}");
        assert_ne!(cut.as_ref(), Ok(&whole));
    }
    for length in 0..2 {
        assert_eq!(ResponseApdu::decode(&[0x90, 0x00][..length]), Err(ApduError::Length));
    }
}

#[test]
fn reserved_codes_are_refused() {
    assert!(CommandApdu::decode(&bytes("00A40000")).is_ok());
    assert_eq!(CommandApdu::decode(&bytes("FFA40000")), Err(ApduError::Class));
    assert_eq!(CommandApdu::decode(&bytes("00640000")), Err(ApduError::Instruction));
    assert_eq!(CommandApdu::decode(&bytes("009F0000")), Err(ApduError::Instruction));
    assert_eq!(command([0xFF, 0xA4, 0, 0], &[], None).encode(), Err(ApduError::Class));
    assert_eq!(command([0x00, 0x60, 0, 0], &[], None).encode(), Err(ApduError::Instruction));
}

#[test]
fn fields_out_of_range_are_refused() {
    let with = |data: usize, ne| command([0, 0xDA, 0, 0], &vec![0; data], ne).encode();
    assert!(with(65_535, Some(65_536)).is_ok());
    assert_eq!(with(65_536, None), Err(ApduError::Length));
    assert_eq!(with(0, Some(0)), Err(ApduError::Length));
    assert_eq!(with(0, Some(65_537)), Err(ApduError::Length));
    assert!(CommandApdu::select(&[0; 16]).is_some());
    assert!(CommandApdu::select(&[0; 17]).is_none());
    assert!(CommandApdu::select(&[]).is_none());
}

#[test]
fn responses() {
    let response = ResponseApdu::decode(&bytes("6F0084009000")).unwrap();
    assert_eq!((response.data.as_slice(), response.sw), (bytes("6F008400").as_slice(), sw::OK));
    assert_eq!(ResponseApdu::status(0x6A82).encode().unwrap(), bytes("6A82"));
    for bad in ["6000", "8000", "A000", "0000", "5FFF"] {
        assert_eq!(ResponseApdu::decode(&bytes(bad)), Err(ApduError::Status), "{bad}");
    }
    assert_eq!(ResponseApdu::status(0x6000).encode(), Err(ApduError::Status));
    assert!(ResponseApdu::ok(vec![0; 65_536]).encode().is_ok());
    assert_eq!(ResponseApdu::ok(vec![0; 65_537]).encode(), Err(ApduError::Length));
    assert_eq!(ResponseApdu::decode(&vec![0x90; 65_539]), Err(ApduError::Length));
}

#[test]
fn a_chain_as_cards_print_it() {
    // ISO/IEC 7816-4 §5.3.3: CLA 10 … CLA 00, one INS-P1-P2.
    let links = chain(&command([0x00, 0xDB, 0x3F, 0xFF], &[1; 600], Some(256))).unwrap();
    let heads = links.iter().map(|link| (link.cla, link.data.len(), link.ne)).collect::<Vec<_>>();
    assert_eq!(heads, [(0x10, 255, None), (0x10, 255, None), (0x00, 90, Some(256))]);
    assert!(links[0].encode().unwrap().starts_with(&bytes("10DB3FFFFF01")));
    assert!(links[2].encode().unwrap().starts_with(&bytes("00DB3FFF5A01")));
    let alone = command([0x80, 0x10, 0, 0], &[1; 255], None);
    assert_eq!(chain(&alone).unwrap(), core::slice::from_ref(&alone));
    let extended_ne = command([0x80, 0x10, 0, 0], &[], Some(5000));
    assert_eq!(chain(&extended_ne).unwrap(), [command([0x80, 0x10, 0, 0], &[], Some(256))]);
    assert_eq!(chain(&command([0x90, 0x10, 0, 0], &[], None)), Err(ApduError::Class));
    assert_eq!(
        chain(&command([0x80, 0x10, 0, 0], &[0; CHAIN_BYTES_MAX + 1], None)),
        Err(ApduError::ChainTooLong)
    );
}

#[test]
fn a_chain_with_another_command_inside_is_given_up() {
    let mut card = Chain::new();
    let first = command([0x10, 0xDA, 0, 0], &[1; 255], None);
    let last = command([0x00, 0xDA, 0, 0], &[2; 3], Some(256));
    assert_eq!(card.push(first.clone()), Ok(None));
    assert_eq!(card.push(last.clone()).unwrap().unwrap().data.len(), 258);
    for other in
        [[0x00, 0xDB, 0, 0], [0x00, 0xDA, 1, 0], [0x00, 0xDA, 0, 1], [0x01, 0xDA, 0, 0], [0x90, 0xDA, 0, 0]]
    {
        assert_eq!(card.push(first.clone()), Ok(None));
        assert_eq!(card.push(command(other, &[2; 3], None)), Err(ApduError::ChainBroken));
        assert_eq!(card.push(last.clone()).unwrap().unwrap().data.len(), 3, "nothing was kept");
    }
    assert_eq!(ApduError::ChainBroken.sw(), 0x6883);
}

#[test]
fn a_chain_is_bounded() {
    let link = command([0x10, 0xDA, 0, 0], &[0; 128], None);
    let mut card = Chain::new();
    for _ in 0..CHAIN_BYTES_MAX / 128 {
        assert_eq!(card.push(link.clone()), Ok(None));
    }
    assert_eq!(
        card.clone().push(command([0x00, 0xDA, 0, 0], &[], None)).unwrap().unwrap().data.len(),
        CHAIN_BYTES_MAX
    );
    assert_eq!(card.push(link), Err(ApduError::ChainTooLong));
    let alone = command([0x00, 0xDA, 0, 0], &[0; CHAIN_BYTES_MAX + 1], None);
    assert_eq!(Chain::new().push(alone), Err(ApduError::ChainTooLong));
}

/// Runs the card's side against the reader's.
fn exchange(response: &ResponseApdu, ne: Option<u32>) -> (ResponseApdu, usize) {
    let (mut card, mut reader) = (Outgoing::new(), Incoming::new(0x00));
    let mut part = card.send(response.clone(), ne);
    for round in 0.. {
        match reader.push(part).unwrap() {
            Next::Done(whole) => return (whole, round),
            Next::Send(command) => part = card.get_response(&command).unwrap(),
        }
    }
    unreachable!()
}

#[test]
fn a_long_response_comes_by_get_response() {
    let mut card = Outgoing::new();
    let first = card.send(ResponseApdu::ok(vec![3; 600]), Some(256));
    assert_eq!((first.data.len(), first.sw), (256, 0x6100), "256 or more wait");
    let second = card.get_response(&CommandApdu::get_response(256)).unwrap();
    assert_eq!((second.data.len(), second.sw), (256, 0x6158), "88 wait");
    let third = card.get_response(&CommandApdu::get_response(0x58)).unwrap();
    assert_eq!((third.data.len(), third.sw), (88, sw::OK));
    assert_eq!(card.get_response(&CommandApdu::get_response(256)), Err(ApduError::NothingWaits));
    let warning = ResponseApdu { data: vec![4; 600], sw: 0x6282 };
    assert_eq!(exchange(&warning, Some(256)), (warning.clone(), 2));
    assert_eq!(exchange(&warning, None), (warning.clone(), 3), "case 3: all of it waits");
    assert_eq!(exchange(&warning, Some(65_536)), (warning, 0));
}

#[test]
fn get_response_is_strict_and_keeps_what_waits() {
    let mut card = Outgoing::new();
    card.send(ResponseApdu::ok(vec![3; 300]), Some(256));
    let get = CommandApdu::get_response(44);
    assert_eq!(card.get_response(&CommandApdu { p1: 1, ..get.clone() }), Err(ApduError::Parameters));
    assert_eq!(card.get_response(&CommandApdu { data: vec![0], ..get.clone() }), Err(ApduError::Length));
    assert_eq!(card.get_response(&CommandApdu { ne: None, ..get.clone() }), Err(ApduError::Length));
    assert_eq!(card.clone().get_response(&get).unwrap().data.len(), 44);
    card.clear();
    assert_eq!(card.get_response(&get), Err(ApduError::NothingWaits));
}

#[test]
fn a_reader_is_not_led_on_for_ever() {
    let mut reader = Incoming::new(0x00);
    let part = ResponseApdu { data: vec![0; 256], sw: 0x6100 };
    for _ in 0..CHAIN_BYTES_MAX / 256 {
        assert!(matches!(reader.push(part.clone()), Ok(Next::Send(_))));
    }
    assert_eq!(reader.push(part.clone()), Err(ApduError::ChainTooLong));
    let mut reader = Incoming::new(0x00);
    assert!(reader.push(part).is_ok());
    assert_eq!(reader.push(ResponseApdu::status(0x6110)), Err(ApduError::ChainTooLong));
}

#[test]
fn get_response_keeps_the_logical_channel() {
    for (cla, channel) in
        [(0x00, 0x00), (0x03, 0x03), (0x0F, 0x03), (0x41, 0x41), (0x71, 0x41), (0x80, 0x00), (0x84, 0x00)]
    {
        let next = Incoming::new(cla).push(ResponseApdu::status(0x6110)).unwrap();
        assert_eq!(
            next,
            Next::Send(CommandApdu { cla: channel, ..CommandApdu::get_response(16) }),
            "{cla:02X}"
        );
    }
}

#[test]
fn debug_does_not_show_data() {
    let verify = command([0x00, 0x20, 0x00, 0x80], &bytes("241234FFFFFFFFFF"), None);
    assert_eq!(alloc::format!("{verify:?}"), "00200080 data 8 ne None");
    assert_eq!(alloc::format!("{:?}", ResponseApdu::ok(vec![0x12, 0x34])), "data 2 sw 9000");
}

prop_compose! {
    fn any_command()(
        cla in 0u8..=0xFE,
        ins in any::<u8>().prop_filter("valid", |ins| !matches!(ins & 0xF0, 0x60 | 0x90)),
        p1 in any::<u8>(), p2 in any::<u8>(),
        data in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            proptest::collection::vec(any::<u8>(), 250..260),
            proptest::collection::vec(any::<u8>(), 0..1200),
        ],
        ne in prop_oneof![Just(None), (1u32..=300).prop_map(Some), (1u32..=65_536).prop_map(Some)],
    ) -> CommandApdu {
        CommandApdu { cla, ins, p1, p2, data, ne }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encoded_decodes(command in any_command()) {
        prop_assert_eq!(CommandApdu::decode(&command.encode().unwrap()).unwrap(), command);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_command(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(command) = CommandApdu::decode(&bytes) {
            let again = command.encode().unwrap();
            prop_assert!(again.len() <= bytes.len());
            prop_assert_eq!(CommandApdu::decode(&again).unwrap(), command);
        }
    }

    #[test]
    fn a_chain_arrives_whole(command in any_command()) {
        let command = CommandApdu { cla: command.cla & !CLA_CHAINING, ..command };
        let mut card = Chain::new();
        let mut links = chain(&command).unwrap();
        prop_assert!(links.iter().all(CommandApdu::is_short));
        let last = links.pop().unwrap();
        for link in links {
            prop_assert_eq!(card.push(link).unwrap(), None);
        }
        let whole = card.push(last).unwrap().unwrap();
        prop_assert_eq!(whole, CommandApdu { ne: command.ne.map(|ne| ne.min(256)), ..command });
    }

    #[test]
    fn a_response_arrives_whole(
        data in proptest::collection::vec(any::<u8>(), 0..3000),
        ne in prop_oneof![Just(None), (1u32..=2000).prop_map(Some)],
    ) {
        let response = ResponseApdu::ok(data);
        prop_assert_eq!(exchange(&response, ne).0, response);
    }
}
