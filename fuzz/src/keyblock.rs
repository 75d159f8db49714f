//! Key blocks and PIN blocks.
use symbolon_keys::keyblock::{Header, KeyBlockError, Version, unwrap};
use symbolon_keys::pinblock::{Fill, Format, decipher, decode, decode_pin_field, encode, pin_field};
use symbolon_keys::usage::{Key, KeyAlgorithm, KeyEncryption, Pin};

/// Headers (X9.143:2021 §6.2): what is read lies in the text, and is read again from what is written of it.
pub fn keyblock_header(data: &[u8]) {
    let Ok(read) = Header::read(data) else { return };
    assert!((16..=data.len()).contains(&read.header_len) && read.header.optional.len() <= 99);
    if let Ok(text) = read.header.encode(0) {
        let again = Header::read(text.as_bytes()).expect("what is written can be read");
        assert_eq!((again.header_len, again.stated_len), (text.len(), text.len()));
        assert_eq!(text.len() % read.header.version.header_multiple(), 0);
        let kept = |header: &Header<'_>| {
            let others = header.optional.iter().filter(|block| block.id != "PB");
            others.map(|block| (block.id.to_owned(), block.data.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(kept(&again.header), kept(&read.header));
        assert_eq!(again.header.encode(0).as_deref(), Ok(text.as_str()), "what is written stays as it is");
    }
}

/// Whole blocks, under a protection key of each algorithm: nobody knows the key, so none is opened.
pub fn keyblock_unwrap(data: &[u8]) {
    for algorithm in [KeyAlgorithm::Tdes2, KeyAlgorithm::Tdes3, KeyAlgorithm::Aes128, KeyAlgorithm::Aes256] {
        let key = vec![0xC5; algorithm.key_len()];
        let key = Key::<KeyEncryption>::new(algorithm, &key).expect("of its length");
        let refused = unwrap(&key, data).expect_err("a MAC that nobody made");
        let (version, tdes) =
            (data.first().copied().map(char::from).and_then(Version::of), key.tdes().is_ok());
        if refused == KeyBlockError::Mac {
            assert_eq!(version.map(|version| version < Version::D), Some(tdes));
        }
    }
}

/// Blocks of every format, in clear and under a key. The first byte chooses how long the account number is.
pub fn pinblock_decode(data: &[u8]) {
    let Some((length, block)) = data.split_first() else { return };
    let pan: String = "476173900101001047617".chars().take(usize::from(length % 22)).collect();
    let tdes = Key::<Pin>::new(KeyAlgorithm::Tdes2, &[0x3B; 16]).expect("of its length");
    let aes = Key::<Pin>::new(KeyAlgorithm::Aes128, &[0x3B; 16]).expect("of its length");
    for format in Format::ALL {
        let key = if format == Format::Four { &aes } else { &tdes };
        let _ = decipher(format, key, block, &pan);
        if let Ok(pin) = decode(format, block, &pan) {
            assert!((4..=12).contains(&pin.digits()));
            // Formats 0 and 2 have one block for a PIN.
            if matches!(format, Format::Zero | Format::Two) {
                let again = encode(format, &pin, &pan, &Fill::fixed()).expect("what was read can be written");
                assert_eq!(again.reveal().as_slice(), block);
            }
        }
    }
    if let Ok(pin) = decode_pin_field(block) {
        let random: String = block.iter().skip(8).map(|byte| format!("{byte:02X}")).collect();
        let field = pin_field(&pin, &Fill::parse(&random).expect("sixteen digits")).expect("of its length");
        assert_eq!(field.reveal().as_slice(), block);
    }
}
