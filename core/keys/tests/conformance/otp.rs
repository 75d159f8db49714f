//! One-time passwords against the rows of `otp.json`.
use super::{bytes, rows, text};
use serde_json::Value;
use symbolon_keys::{Algorithm, Crypto, HashAlgorithm, OcraInput, OcraSuite, OtpError};
use symbolon_types::{Secret, UnixSeconds};

fn hash_of(row: &Value) -> HashAlgorithm {
    match row["alg"].as_str() {
        None | Some("sha1") => HashAlgorithm::Sha1,
        Some("sha256") => HashAlgorithm::Sha256,
        Some("sha512") => HashAlgorithm::Sha512,
        Some(other) => panic!("{other}"),
    }
}

fn lacks_a_hash(crypto: &dyn Crypto) -> bool {
    [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .any(|algorithm| super::lacks(crypto, algorithm))
}

fn check(row: &Value, code: Result<Secret<String>, OtpError>) {
    let (code, expect) = (code.unwrap(), text(row, "otp"));
    assert_eq!(code.reveal(), expect, "{}", row["id"]);
    assert!(code.equals(expect.as_bytes()));
    let mut wrong = expect.as_bytes().to_vec();
    wrong[0] ^= 1;
    assert!(!code.equals(&wrong) && !code.equals(&expect.as_bytes()[1..]));
}

fn digits(row: &Value) -> u8 {
    u8::try_from(row["digits"].as_u64().unwrap()).unwrap()
}

/// RFC 4226 Appendix D, and computed rows with the other hashes.
pub fn hotp(crypto: &dyn Crypto) {
    if lacks_a_hash(crypto) {
        return;
    }
    let code = |row: &Value, digits| {
        let counter = row["counter"].as_u64().unwrap();
        symbolon_keys::hotp(crypto, hash_of(row), &bytes(row, "key"), counter, digits)
    };
    let rows: Vec<Value> =
        rows("otp").into_iter().filter(|row| text(row, "kind").starts_with("hotp")).collect();
    for row in &rows {
        check(row, code(row, digits(row)));
    }
    assert_eq!(rows.len(), 18);
    let published = &rows[0];
    assert_eq!(code(published, 10).unwrap().reveal(), "1284755224", "all 31 bits");
    assert_eq!(code(published, 5).unwrap_err(), OtpError::Digits);
    assert_eq!(code(published, 11).unwrap_err(), OtpError::Digits);
}

/// RFC 6238 Appendix B.
pub fn totp(crypto: &dyn Crypto) {
    if lacks_a_hash(crypto) {
        return;
    }
    let code = |row: &Value, step_s| {
        let at = UnixSeconds(row["time"].as_u64().unwrap());
        symbolon_keys::totp(crypto, hash_of(row), &bytes(row, "key"), at, step_s, digits(row))
    };
    let rows: Vec<Value> = rows("otp").into_iter().filter(|row| row["kind"] == "totp").collect();
    for row in &rows {
        check(row, code(row, row["step"].as_u64().unwrap()));
    }
    assert_eq!(rows.len(), 11);
    assert_eq!(code(&rows[0], 0).unwrap_err(), OtpError::Step);
}

/// RFC 6287 Appendix C.
pub fn ocra(crypto: &dyn Crypto) {
    if lacks_a_hash(crypto) {
        return;
    }
    let rows: Vec<Value> = rows("otp").into_iter().filter(|row| row["kind"] == "ocra").collect();
    for row in &rows {
        let suite = OcraSuite::parse(text(row, "suite")).unwrap();
        let pin_hash = row.get("P").map(|_| bytes(row, "P"));
        let input = OcraInput {
            counter: row["C"].as_u64(),
            question: text(row, "Q"),
            pin_hash: pin_hash.as_deref(),
            session: None,
            time_steps: row["T"].as_str().map(|steps| u64::from_str_radix(steps, 16).unwrap()),
        };
        check(row, symbolon_keys::ocra(crypto, &suite, &bytes(row, "key"), &input));
    }
    assert_eq!(rows.len(), 46);
}

/// RFC 6287 §6: suites that are one, and each departure.
pub fn ocra_suites(_: &dyn Crypto) {
    for suite in [
        "OCRA-1:HOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA512-8:C-QN08-PSHA1",
        "OCRA-1:HOTP-SHA256-6:QA10-T1M",
        "OCRA-1:HOTP-SHA1-4:QH8-S512",
        "OCRA-1:HOTP-SHA256-0:C-QA64-PSHA512-S064-T48H",
        "OCRA-1:HOTP-SHA256-10:QH04-T59S",
    ] {
        assert_eq!(OcraSuite::parse(suite).unwrap().text(), suite);
    }
    for suite in [
        "",
        "OCRA-2:HOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA1-6",
        "OCRA-1:HOTP-SHA1-6:",
        "OCRA-1:HOTP-MD5-6:QN08",
        "OCRA-1:HOTP-SHA1-3:QN08",
        "OCRA-1:HOTP-SHA1-11:QN08",
        "OCRA-1:HOTP-SHA1-06:QN08",
        "OCRA-1:HOTP-SHA1-+6:QN08",
        "OCRA-1:HOTP-SHA1-:QN08",
        "OCRA-1:HOTP-SHA1-6:C",
        "OCRA-1:HOTP-SHA1-6:QX08",
        "OCRA-1:HOTP-SHA1-6:QN03",
        "OCRA-1:HOTP-SHA1-6:QN65",
        "OCRA-1:HOTP-SHA1-6:QN008",
        "OCRA-1:HOTP-SHA1-6:QN",
        "OCRA-1:HOTP-SHA1-6:Q",
        "OCRA-1:HOTP-SHA1-6:QN08-C",
        "OCRA-1:HOTP-SHA1-6:C-C-QN08",
        "OCRA-1:HOTP-SHA1-6:QN08-P",
        "OCRA-1:HOTP-SHA1-6:QN08-PMD5",
        "OCRA-1:HOTP-SHA1-6:QN08-S64",
        "OCRA-1:HOTP-SHA1-6:QN08-S000",
        "OCRA-1:HOTP-SHA1-6:QN08-S513",
        "OCRA-1:HOTP-SHA1-6:QN08-T",
        "OCRA-1:HOTP-SHA1-6:QN08-T0M",
        "OCRA-1:HOTP-SHA1-6:QN08-T60S",
        "OCRA-1:HOTP-SHA1-6:QN08-T49H",
        "OCRA-1:HOTP-SHA1-6:QN08-T1D",
        "OCRA-1:HOTP-SHA1-6:QN08-T1é",
        "OCRA-1:HOTP-SHA1-6:QN08-T1M-S064",
        "OCRA-1:HOTP-SHA1-6:QN08-",
        "OCRA-1:HOTP-SHA1-6:QN08:QN08",
    ] {
        assert_eq!(OcraSuite::parse(suite), Err(OtpError::Suite), "{suite}");
    }
    let minutes = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08-T2M").unwrap();
    assert_eq!(minutes.time_steps(UnixSeconds(359)), Some(2));
    let without = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
    assert_eq!(without.time_steps(UnixSeconds(359)), None);
}

/// A field is there exactly when the suite names it, in the form that the suite names.
pub fn ocra_inputs(crypto: &dyn Crypto) {
    if lacks_a_hash(crypto) {
        return;
    }
    let code = |suite: &str, input: OcraInput<'_>| {
        let suite = OcraSuite::parse(suite).unwrap();
        symbolon_keys::ocra(crypto, &suite, b"12345678901234567890", &input).map(|code| code.reveal().clone())
    };
    let all = "OCRA-1:HOTP-SHA1-6:C-QN08-PSHA1-S004-T1M";
    let right = OcraInput {
        counter: Some(1),
        question: "12345678",
        pin_hash: Some(&[1; 20]),
        session: Some(b"1234"),
        time_steps: Some(1),
    };
    assert!(code(all, right).is_ok());
    for wrong in [
        OcraInput { counter: None, ..right },
        OcraInput { pin_hash: None, ..right },
        OcraInput { pin_hash: Some(&[1; 19]), ..right },
        OcraInput { session: None, ..right },
        OcraInput { session: Some(b"12345"), ..right },
        OcraInput { time_steps: None, ..right },
        OcraInput { question: "", ..right },
        OcraInput { question: "1234567a", ..right },
        OcraInput { question: "12345678901234567", ..right },
    ] {
        assert_eq!(code(all, wrong), Err(OtpError::Input), "{wrong:?}");
    }
    let bare = OcraInput { question: "12345678", ..OcraInput::default() };
    let plain = "OCRA-1:HOTP-SHA1-6:QN08";
    assert!(code(plain, bare).is_ok());
    for wrong in [
        OcraInput { counter: Some(1), ..bare },
        OcraInput { pin_hash: Some(&[1; 20]), ..bare },
        OcraInput { session: Some(b""), ..bare },
        OcraInput { time_steps: Some(1), ..bare },
    ] {
        assert_eq!(code(plain, wrong), Err(OtpError::Input), "{wrong:?}");
    }
    let hexadecimal = "OCRA-1:HOTP-SHA1-6:QH08";
    assert_eq!(
        code(hexadecimal, OcraInput { question: "aB", ..bare }),
        code(hexadecimal, OcraInput { question: "Ab0", ..bare })
    );
    assert_eq!(code(hexadecimal, OcraInput { question: "0g", ..bare }), Err(OtpError::Input));
    let alphanumeric = "OCRA-1:HOTP-SHA1-6:QA08";
    assert_eq!(code(alphanumeric, OcraInput { question: "a b", ..bare }), Err(OtpError::Input));
    whole_macs(crypto);
}

/// With no truncation the code is the HMAC, here over data written out by hand: 10 is hexadecimal A, on the left of 128 bytes.
fn whole_macs(crypto: &dyn Crypto) {
    let text = "OCRA-1:HOTP-SHA256-0:QN08";
    let suite = OcraSuite::parse(text).unwrap();
    let input = OcraInput { question: "00000010", ..OcraInput::default() };
    let mut data = [text.as_bytes(), &[0], &[0xA0]].concat();
    data.resize(text.len() + 1 + 128, 0);
    let mac = crypto.hmac(HashAlgorithm::Sha256, b"key", &[&data]);
    let code = symbolon_keys::ocra(crypto, &suite, b"key", &input).unwrap();
    assert_eq!(code.reveal(), &symbolon_types::hex_upper(mac.reveal()));
}
