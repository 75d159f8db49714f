//! How many times as fast aws-lc is as RustCrypto, per operation: `cargo run --profile ci -p symbolon-crypto --example ratios`.
//!
//! Alternating slices of 200 ms, nine pairs; the ratio is the median of the pairs' ratios. A reading for choosing a provider, no bench row.
use std::hint::black_box;
use std::time::{Duration, Instant};
use symbolon_crypto::AwsLc;
use symbolon_keys::{Aead, Crypto, Curve, HashAlgorithm, RustCrypto};

/// An operation, with all that it needs from its own provider.
type Operation<'a> = Box<dyn Fn(&dyn Crypto) + 'a>;

fn per_second(operation: &Operation<'_>, crypto: &dyn Crypto) -> f64 {
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < Duration::from_millis(200) {
        (0..8).for_each(|_| operation(crypto));
        count += 8;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ecdsa<'a>(curve: Curve, hash: HashAlgorithm, message: &'a [u8], verify: bool) -> Operation<'a> {
    let private = [&[0; 1], vec![7; curve.field_len() - 1].as_slice()].concat();
    let public = AwsLc.ecdsa_public(curve, &private).unwrap();
    let signature = AwsLc.ecdsa_sign(curve, hash, &private, message).unwrap();
    if verify {
        Box::new(move |crypto| crypto.ecdsa_verify(curve, hash, &public, message, &signature).unwrap())
    } else {
        Box::new(move |crypto| drop(black_box(crypto.ecdsa_sign(curve, hash, &private, message).unwrap())))
    }
}

fn aead(aead: Aead, text: &[u8]) -> Operation<'_> {
    let (key, nonce) = (vec![1; aead.key_len()], vec![2; aead.nonce_len()]);
    Box::new(move |crypto| drop(black_box(crypto.aead_seal(aead, &key, &nonce, b"aad", text).unwrap())))
}

fn operations(text: &[u8]) -> Vec<(&'static str, Operation<'_>)> {
    use {Curve::*, HashAlgorithm::*};
    let public = AwsLc.ed25519_public(&[1; 32]);
    let signature = AwsLc.ed25519_sign(&[1; 32], text);
    let point = AwsLc.ecdsa_public(P256, &[3; 32]).unwrap();
    let other = AwsLc.x25519_public(&[4; 32]);
    vec![
        ("SHA-256, 256 B", Box::new(move |crypto| _ = black_box(crypto.sha256(&[text])))),
        (
            "HMAC-SHA-256, 256 B",
            Box::new(move |crypto| drop(black_box(crypto.hmac(Sha256, &[1; 32], &[text])))),
        ),
        (
            "AES-CMAC, 256 B",
            Box::new(move |crypto| drop(black_box(crypto.aes_cmac(&[1; 16], &[text]).unwrap()))),
        ),
        (
            "AES-CBC-MAC, 256 B",
            Box::new(move |crypto| drop(black_box(crypto.aes_cbc_mac(&[1; 16], &[text]).unwrap()))),
        ),
        ("AES-128-GCM seal, 256 B", aead(Aead::Aes128Gcm, text)),
        ("AES-256-GCM seal, 256 B", aead(Aead::Aes256Gcm, text)),
        ("ChaCha20-Poly1305 seal, 256 B", aead(Aead::ChaCha20Poly1305, text)),
        ("Ed25519 sign", Box::new(move |crypto| _ = black_box(crypto.ed25519_sign(&[1; 32], text)))),
        ("Ed25519 verify", Box::new(move |crypto| crypto.ed25519_verify(&public, text, &signature).unwrap())),
        ("X25519", Box::new(move |crypto| drop(black_box(crypto.x25519(&[5; 32], &other).unwrap())))),
        ("ECDH P-256", Box::new(move |crypto| drop(black_box(crypto.p256_ecdh(&[5; 32], &point).unwrap())))),
        ("ECDSA P-256 sign", ecdsa(P256, Sha256, text, false)),
        ("ECDSA P-256 verify", ecdsa(P256, Sha256, text, true)),
        ("ECDSA P-384 sign", ecdsa(P384, Sha384, text, false)),
        ("ECDSA P-384 verify", ecdsa(P384, Sha384, text, true)),
        ("ECDSA P-521 sign", ecdsa(P521, Sha512, text, false)),
        ("ECDSA P-521 verify", ecdsa(P521, Sha512, text, true)),
    ]
}

fn main() {
    let text = [0x5A; 256];
    println!("{:32} {:>14} {:>14} {:>7}", "operation", "aws-lc /s", "RustCrypto /s", "ratio");
    for (name, operation) in operations(&text) {
        let (mut ours, mut theirs, mut ratios) = (vec![], vec![], vec![]);
        for _ in 0..9 {
            let (fast, slow) = (per_second(&operation, &AwsLc), per_second(&operation, &RustCrypto));
            ours.push(fast);
            theirs.push(slow);
            ratios.push(fast / slow);
        }
        println!("{name:32} {:14.0} {:14.0} {:7.2}", median(ours), median(theirs), median(ratios));
    }
}
