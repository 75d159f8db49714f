//! The conformance suite, run on the RustCrypto provider.
#[macro_use]
mod conformance;

crypto_test!(symbolon_keys::RustCrypto);

/// RFC 9106 §5.3 has four lanes and associated data, which the trait does not offer: the published value holds the engine to the standard,
/// the suite's one-lane values hold the provider to the engine.
#[test]
fn the_argon2_engine_gives_the_published_value_of_rfc_9106() {
    let params = argon2::ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .output_len(32)
        .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let engine =
        argon2::Argon2::new_with_secret(&[3; 8], argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut tag = [0; 32];
    engine.unwrap().hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    let published = "0D640DF58D78766C08C037A34A8B53C9D01EF0452D75B65EB52520E96B01E659";
    assert_eq!(symbolon_types::hex_upper(&tag), published);
}
