//! What is fuzzed: every decoder of Symbolon, and the simulated world on schedules drawn from the input.
//!
//! A target is a function of bytes that must not panic; it asserts what must hold for every input: what is decoded is encoded to the same
//! bytes, what is refused changes nothing, the world's invariants stand. libFuzzer runs them with `--features libfuzzer`
//! (`cargo xtask soak`); [`smoke`] runs them on any compiler over their seeds and changed copies of these.
mod decoders;
mod dukpt;
mod iso8583;
mod keyblock;
mod proofs;
mod seeds;
mod tlv;
mod track;
mod world;

pub use seeds::seeds;

/// A function of bytes, and its name.
#[derive(Clone, Copy)]
pub struct Target {
    /// As `FUZZ_TARGET` and the corpus folder have it.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
    /// How many changed copies of its seeds a smoke run tries: the dear ones few.
    pub smoke_runs: u32,
}

const CHEAP: u32 = 5_000;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "cbor-any", run: decoders::cbor_any, smoke_runs: CHEAP },
    Target { name: "cbor-strict", run: decoders::cbor_strict, smoke_runs: CHEAP },
    Target { name: "cose", run: proofs::cose, smoke_runs: CHEAP },
    Target { name: "proofs", run: proofs::proofs, smoke_runs: CHEAP },
    Target { name: "apdu", run: decoders::apdu, smoke_runs: CHEAP },
    Target { name: "apdu-chain", run: decoders::apdu_chain, smoke_runs: CHEAP },
    Target { name: "base45", run: decoders::base45, smoke_runs: CHEAP },
    Target { name: "qr-parts", run: decoders::qr_parts, smoke_runs: 300 },
    Target { name: "frame", run: decoders::frame, smoke_runs: CHEAP },
    Target { name: "ocra-suite", run: decoders::ocra_suite, smoke_runs: CHEAP },
    Target { name: "track-bits", run: track::track_bits, smoke_runs: CHEAP },
    Target { name: "track-text", run: track::track_text, smoke_runs: CHEAP },
    Target { name: "f2f", run: track::f2f, smoke_runs: 2_000 },
    Target { name: "keyblock-header", run: keyblock::keyblock_header, smoke_runs: CHEAP },
    Target { name: "keyblock-unwrap", run: keyblock::keyblock_unwrap, smoke_runs: 2_000 },
    Target { name: "pinblock-decode", run: keyblock::pinblock_decode, smoke_runs: CHEAP },
    Target { name: "tlv", run: tlv::tlv, smoke_runs: CHEAP },
    Target { name: "dol", run: tlv::dol, smoke_runs: CHEAP },
    Target { name: "qr-mpm", run: tlv::qr_mpm, smoke_runs: CHEAP },
    Target { name: "qr-cpm", run: tlv::qr_cpm, smoke_runs: CHEAP },
    Target { name: "dukpt-aes-ksn", run: dukpt::aes_ksn, smoke_runs: CHEAP },
    Target { name: "dukpt-aes-terminal", run: dukpt::aes_terminal, smoke_runs: CHEAP },
    Target { name: "dukpt-tdes-ksn", run: dukpt::tdes_ksn, smoke_runs: 1_000 },
    Target { name: "dukpt-tdes-terminal", run: dukpt::tdes_terminal, smoke_runs: CHEAP },
    Target { name: "iso8583-decode", run: iso8583::decode, smoke_runs: 2_000 },
    Target { name: "iso8583-dialect", run: iso8583::dialect, smoke_runs: CHEAP },
    Target { name: "commands", run: decoders::commands, smoke_runs: CHEAP },
    Target { name: "log", run: decoders::log, smoke_runs: 1_000 },
    Target { name: "world", run: world::world, smoke_runs: 3 },
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// The names of all targets.
#[must_use]
pub fn names() -> String {
    TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ")
}

/// Runs a target over its seeds and over changed copies of them, the same ones for the same `seed`; how many inputs that were.
///
/// # Panics
/// When the target does.
pub fn smoke(target: &Target, seed: u64) -> u32 {
    let seeds = seeds(target.name);
    seeds.iter().for_each(|input| (target.run)(input));
    let mut chance = Chance(seed);
    for _ in 0..target.smoke_runs {
        let at = chance.below(seeds.len());
        let mut input = seeds.get(at).cloned().unwrap_or_default();
        let other = seeds.get(chance.below(seeds.len())).cloned().unwrap_or_default();
        (0..=chance.below(4)).for_each(|_| change(&mut input, &other, &mut chance));
        (target.run)(&input);
    }
    u32::try_from(seeds.len()).unwrap_or(u32::MAX).saturating_add(target.smoke_runs)
}

/// SplitMix64 (Steele, Lea, Flood 2014): chance that is the same everywhere.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

/// One change: a bit, a byte of the ones that often end a range, a cut, a stretch twice, a stretch of another input.
fn change(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    match chance.below(6) {
        0 => input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << chance.below(8)),
        1 => {
            let edge = [0, 1, 0x17, 0x18, 0x1F, 0x7F, 0x80, 0xFF][chance.below(8)];
            input.get_mut(at).into_iter().for_each(|byte| *byte = edge);
        }
        2 => input.truncate(at),
        3 => {
            let end = (at + 1 + chance.below(16)).min(input.len());
            let stretch = input.get(at..end).unwrap_or_default().to_vec();
            input.splice(at..at, stretch);
        }
        4 => {
            let from = chance.below(other.len() + 1);
            let end = (from + 1 + chance.below(32)).min(other.len());
            input.splice(at..at, other.get(from..end).unwrap_or_default().to_vec());
        }
        _ => {
            let end = (at + 1 + chance.below(8)).min(input.len());
            if at < end {
                input.drain(at..end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_a_name_of_its_own() {
        for target in TARGETS {
            assert!(!seeds(target.name).is_empty(), "{}", target.name);
            assert_eq!(TARGETS.iter().filter(|other| other.name == target.name).count(), 1);
            assert!(super::target(target.name).is_some());
        }
    }

    #[test]
    fn changed_copies_are_the_same_for_the_same_seed_and_differ_for_another() {
        let copies = |seed| {
            let mut chance = Chance(seed);
            let mut input = vec![7; 64];
            (0..50).for_each(|_| change(&mut input, b"other bytes", &mut chance));
            input
        };
        assert_eq!(copies(1), copies(1));
        assert_ne!(copies(1), copies(2));
    }
}
