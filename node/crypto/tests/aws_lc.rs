//! The conformance suite of `core/keys`, run on the aws-lc provider.
#[macro_use]
#[path = "../../../core/keys/tests/conformance/mod.rs"]
mod conformance;

crypto_test!(symbolon_crypto::AwsLc);
