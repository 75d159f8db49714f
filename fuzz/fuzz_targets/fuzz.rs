//! libFuzzer over the target that the environment variable `FUZZ_TARGET` names.
#![no_main]
use std::sync::OnceLock;
use symbolon_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        symbolon_fuzz::target(&name)
            .unwrap_or_else(|| panic!("FUZZ_TARGET is none of {}", symbolon_fuzz::names()))
    });
    (target.run)(data);
});
