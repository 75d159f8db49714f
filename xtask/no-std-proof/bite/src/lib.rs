//! An ordinary crate with the standard library, by which the no_std proof is shown to bite.

/// Something that only `std` has.
pub fn now() -> std::time::Instant {
    std::time::Instant::now()
}
