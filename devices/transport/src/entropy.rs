//! Random bytes of the operating system (getrandom), from which a device role seeds what it needs.
use crate::TransportError;
use symbolon_types::Secret;

/// 32 fresh bytes.
///
/// # Errors
/// [`TransportError::Io`] when the operating system has none to give: do not go on without.
pub fn seed() -> Result<Secret<[u8; 32]>, TransportError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| TransportError::Io(std::io::ErrorKind::Other))?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_use_all_their_bits() {
        let seeds = (0..64).map(|_| *seed().unwrap().reveal()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(seeds.len(), 64);
        let ever_set = seeds.iter().fold([0u8; 32], |any, seed| std::array::from_fn(|at| any[at] | seed[at]));
        assert_eq!(ever_set, [0xFF; 32], "each bit is set in some of 64 seeds");
    }
}
