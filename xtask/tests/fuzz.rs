//! Every target over its seeds and changed copies of them, on any compiler: what is quick to find is found before a long run.
use symbolon_fuzz::{TARGETS, smoke, target};

fn smoked(name: &str) {
    let target = target(name).unwrap();
    assert!(smoke(&target, 1) > target.smoke_runs, "seeds and changed copies");
}

macro_rules! smoke_tests {
    ($($test:ident $name:literal,)*) => {
        $(#[test] fn $test() { smoked($name); })*

        #[test]
        fn no_target_is_left_out() {
            assert_eq!([$($name),*], TARGETS.iter().map(|target| target.name).collect::<Vec<_>>()[..]);
        }
    };
}

smoke_tests! {
    cbor_any "cbor-any",
    cbor_strict "cbor-strict",
    cose "cose",
    proofs "proofs",
    apdu "apdu",
    apdu_chain "apdu-chain",
    base45 "base45",
    qr_parts "qr-parts",
    frame "frame",
    ocra_suite "ocra-suite",
    track_bits "track-bits",
    track_text "track-text",
    f2f "f2f",
    keyblock_header "keyblock-header",
    keyblock_unwrap "keyblock-unwrap",
    pinblock_decode "pinblock-decode",
    tlv "tlv",
    dol "dol",
    qr_mpm "qr-mpm",
    qr_cpm "qr-cpm",
    dukpt_aes_ksn "dukpt-aes-ksn",
    dukpt_aes_terminal "dukpt-aes-terminal",
    dukpt_tdes_ksn "dukpt-tdes-ksn",
    dukpt_tdes_terminal "dukpt-tdes-terminal",
    iso8583_decode "iso8583-decode",
    iso8583_dialect "iso8583-dialect",
    commands "commands",
    log "log",
    world "world",
}
