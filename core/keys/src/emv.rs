//! EMV session keys, application cryptograms and issuer scripts (EMV Book 2).
