//! This crate's only randomness: that of the operating system.
use crate::VaultError;
use symbolon_types::Secret;

/// 32 fresh random bytes.
///
/// # Errors
/// [`VaultError::NoEntropy`] when the operating system has none to give: do not go on without.
pub fn entropy() -> Result<Secret<[u8; 32]>, VaultError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| VaultError::NoEntropy)?;
    Ok(Secret::new(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_use_all_their_bits() {
        let draws = (0..64).map(|_| *entropy().unwrap().reveal()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(draws.len(), 64);
        let ever_set = draws.iter().fold([0u8; 32], |any, draw| std::array::from_fn(|at| any[at] | draw[at]));
        assert_eq!(ever_set, [0xFF; 32], "each bit is set in some of 64 draws");
    }
}
