//! What every engine behind [`PaymentVault`] must do: `payment_vault_test!(name, (guard, vault))`, the vault new and empty.
//!
//! A case brings its keys as any owner would, by components and by key blocks, and holds the answers against `core/keys` on the outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a case fails by panicking")]
mod operations;

pub use operations::*;

use super::*;
use symbolon_keys::cipher::{Aes, Tdes, cmac};
use symbolon_keys::keyblock::{self, Deprecated, Exportability, Header, OptionalBlock, Version};
use symbolon_keys::usage::{self, Key};
use symbolon_types::hex_parse;
use symbolon_wire::cbor::Bytes;

/// Makes a module of tests, `$name`, each against the new vault that `$fresh` makes: `(guard, vault)`, the guard kept while it is used.
#[macro_export]
macro_rules! payment_vault_test {
    ($name:ident, $fresh:expr) => {
        mod $name {
            $crate::payment_vault_test!(@cases $fresh,
                a_key_lives_from_loaded_to_erased,
                a_ceremony_takes_all_components_each_of_another_custodian,
                key_blocks_decide_the_role_and_what_may_leave,
                a_pin_block_is_translated_and_bound_to_its_account,
                an_account_is_told_as_a_view_and_goes_with_its_period,
                macs_hold_in_their_direction_only,
                a_cryptogram_is_checked_and_answered,
                card_values_and_pins_are_checked,
                a_key_of_one_role_does_nothing_else,
                every_use_is_audited_and_shows_no_secret,
            );
        }
    };
    (@cases $fresh:expr, $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let (_guard, vault) = $fresh;
            $crate::payment::conformance::$case(&vault);
        }
    )*};
}

/// The moment at which the cases are.
pub const NOW: UnixMs = UnixMs(1_790_000_000_000);
/// An account number.
pub const PAN: &str = "4761739001010010";
/// Its track 2.
pub const TRACK: &str = "4761739001010010=30121200012339900031";
const KBPK: [[u8; 32]; 2] = [[0x5A; 32], [0x3C; 32]];
const BASE: &str = "0123456789ABCDEFFEDCBA9876543210";
const ZONE: &str = "00112233445566778899AABBCCDDEEFF0123456789ABCDEF1032547698BADCFE";

/// Entropy that is another for each call.
#[must_use]
pub fn entropy() -> Entropy {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
    Secret::new(*symbolon_keys::derive32(&symbolon_keys::RustCrypto, &next, b"test", &[]).reveal())
}

/// Bytes of hexadecimal text.
#[must_use]
pub fn hex(text: &str) -> Vec<u8> {
    hex_parse(text).unwrap()
}

/// A name.
#[must_use]
pub fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

/// The active key of a name.
#[must_use]
pub fn key(text: &str) -> KeyRef {
    KeyRef::active(&name(text))
}

fn new(text: &str, role: Role, algorithm: Algorithm) -> NewKey {
    NewKey { name: name(text), role, algorithm, export: Export::Exportable }
}

fn bring(
    vault: &dyn PaymentVault,
    of: &str,
    custodian: &str,
    component: &[u8],
) -> Result<Bytes, PaymentError> {
    let component =
        CeremonyComponent { name: name(of), custodian: name(custodian), component: Clear::new(component) };
    vault.ceremony_component(component, NOW, &entropy())
}

/// Loads the protection key `kbpk` by a ceremony, and makes it active.
pub fn with_protection_key(vault: &dyn PaymentVault) {
    let begin = CeremonyBegin { key: new("kbpk", Role::KeyProtection, Algorithm::Aes256), components: 2 };
    vault.ceremony_begin(begin, NOW, &entropy()).unwrap();
    for (custodian, component) in ["first", "second"].iter().zip(KBPK) {
        bring(vault, "kbpk", custodian, &component).unwrap();
    }
    vault.ceremony_finish(name("kbpk"), NOW, &entropy()).unwrap();
    activate(vault, "kbpk", 1, NOW).unwrap();
}

fn activate(
    vault: &dyn PaymentVault,
    of: &str,
    generation: u16,
    overlap_until: UnixMs,
) -> Result<KeyInfo, PaymentError> {
    vault.activate(Activate { name: name(of), generation, overlap_until }, NOW, &entropy())
}

/// A key block under `kbpk`.
#[must_use]
pub fn block(role: Role, algorithm: char, mode: char, exportability: Exportability, bytes: &[u8]) -> String {
    let kbpk: Vec<u8> = KBPK[0].iter().zip(KBPK[1]).map(|(left, right)| left ^ right).collect();
    let kbpk = Key::<usage::KeyEncryption>::new(usage::KeyAlgorithm::Aes256, &kbpk).unwrap();
    let optional = if algorithm == 'H' { vec![OptionalBlock { id: "HM", data: "21" }] } else { Vec::new() };
    let header = Header {
        version: Version::D,
        usage: role.usage(),
        algorithm,
        mode,
        key_version: "00",
        exportability,
        context: '0',
        optional,
    };
    let padding = vec![7; keyblock::padding_len(Version::D, bytes.len(), 32)];
    keyblock::wrap(&kbpk, &header, bytes, &padding, Deprecated::Refuse).unwrap()
}

fn import(vault: &dyn PaymentVault, of: &str, block: String) -> Result<KeyInfo, PaymentError> {
    vault.import(Import { name: name(of), protection: key("kbpk"), block }, NOW, &entropy())
}

/// Brings a key by a block under `kbpk`, and makes it active.
pub fn bring_in(vault: &dyn PaymentVault, of: &str, role: Role, algorithm: char, bytes: &[u8]) -> KeyInfo {
    let exportability = Exportability::Exportable;
    let info = import(vault, of, block(role, algorithm, 'N', exportability, bytes)).unwrap();
    activate(vault, of, info.generation, NOW).unwrap()
}

/// An account number in clear.
#[must_use]
pub fn clear(form: AccountForm, text: &str) -> ClearAccount {
    ClearAccount { form, bytes: Clear::new(text.as_bytes()) }
}

fn refused(refusal: CoreRefusal) -> PaymentError {
    PaymentError::Refused(refusal)
}

fn spec(key: ZoneOrDukpt, algorithm: MacAlgorithm) -> MacSpec {
    MacSpec { key, algorithm, padding: MacPadding::Zeros, len: 8 }
}

fn made(vault: &dyn PaymentVault, key: KeyRef, now: UnixMs) -> Result<Vec<u8>, PaymentError> {
    let spec = spec(ZoneOrDukpt::Zone(key), MacAlgorithm::Cmac);
    Ok(vault.mac(MakeMac { spec, message: Bytes(b"message".to_vec()) }, now, &entropy())?.0)
}

fn holds(vault: &dyn PaymentVault, key: KeyRef, mac: &[u8], now: UnixMs) -> Result<(), PaymentError> {
    let spec = spec(ZoneOrDukpt::Zone(key), MacAlgorithm::Cmac);
    let message = Bytes(b"message".to_vec());
    vault.verify_mac(
        VerifyMac { spec, message: Clear::new(&message.0), mac: Bytes(mac.to_vec()) },
        now,
        &entropy(),
    )
}

/// Loaded does nothing; active makes; retiring checks until its end; retired and erased do nothing, and their generation is never used again.
pub fn a_key_lives_from_loaded_to_erased(vault: &dyn PaymentVault) {
    let generate = |role| vault.generate(new("mac", role, Algorithm::Aes128), NOW, &entropy());
    let one = KeyRef::generation(&name("mac"), 1);
    let first = generate(Role::MacCmac).unwrap();
    assert_eq!((first.generation, first.state, first.check_value.0.len()), (1, KeyState::Loaded, 5));
    assert_eq!(made(vault, one.clone(), NOW), Err(PaymentError::KeyState));
    assert_eq!(made(vault, key("mac"), NOW), Err(refused(CoreRefusal::NotFound)));
    assert_eq!(activate(vault, "mac", 1, NOW).unwrap().state, KeyState::Active);
    let mac = made(vault, key("mac"), NOW).unwrap();
    assert_eq!(holds(vault, key("mac"), &mac, NOW), Ok(()));
    assert_eq!(activate(vault, "mac", 1, NOW), Err(PaymentError::KeyState), "once");

    assert_eq!(generate(Role::Data), Err(refused(CoreRefusal::Conflict)), "a name keeps its role");
    let second = generate(Role::MacCmac).unwrap();
    assert_eq!(second.generation, 2);
    assert_ne!(second.check_value, first.check_value);
    let end = NOW.plus_ms(1000);
    activate(vault, "mac", 2, end).unwrap();
    assert_ne!(made(vault, key("mac"), NOW).unwrap(), mac);
    assert_eq!(made(vault, one.clone(), NOW), Err(PaymentError::KeyState), "a retiring key makes nothing");
    assert_eq!(holds(vault, one.clone(), &mac, NOW.plus_ms(999)), Ok(()));
    assert_eq!(holds(vault, one.clone(), &mac, end), Err(PaymentError::KeyState));
    let states = |now| -> Vec<KeyState> {
        vault.list((), now, &entropy()).unwrap().iter().map(|info| info.state).collect()
    };
    assert_eq!(states(NOW), [KeyState::Retiring, KeyState::Active]);
    assert_eq!(states(end), [KeyState::Retired, KeyState::Active]);

    let two = KeyRef::generation(&name("mac"), 2);
    assert_eq!(vault.erase(two.clone(), NOW, &entropy()), Err(PaymentError::KeyState), "active");
    assert_eq!(vault.erase(one.clone(), NOW, &entropy()).unwrap().state, KeyState::Erased);
    assert_eq!(holds(vault, one.clone(), &mac, NOW), Err(PaymentError::KeyState));
    assert_eq!(activate(vault, "mac", 1, NOW), Err(PaymentError::KeyState));
    assert_eq!(vault.retire(two.clone(), NOW, &entropy()).unwrap().state, KeyState::Retired);
    assert_eq!(made(vault, two.clone(), NOW), Err(PaymentError::KeyState));
    vault.erase(two, NOW, &entropy()).unwrap();
    assert_eq!(generate(Role::MacCmac).unwrap().generation, 3, "a generation is used once");
    let unfit = vault.generate(new("cvk", Role::CardVerification, Algorithm::Aes128), NOW, &entropy());
    assert_eq!(unfit, Err(refused(CoreRefusal::KeyUnfit)));
}

/// Two or three components, each of another custodian, each with odd parity where DES wants it, none twice, and none missing.
pub fn a_ceremony_takes_all_components_each_of_another_custodian(vault: &dyn PaymentVault) {
    let begin = |components| {
        let key = new("zone", Role::Pin, Algorithm::Tdes2);
        vault.ceremony_begin(CeremonyBegin { key, components }, NOW, &entropy())
    };
    let finish = || vault.ceremony_finish(name("zone"), NOW, &entropy());
    let parts = [
        hex("0123456789ABCDEFFEDCBA9876543210"),
        hex("1C1C1C1C2A2A2A2A4343434352525252"),
        hex("08192A3B4C5D6E7F8091A2B3C4D5E6F7"),
    ];
    assert_eq!(begin(1), Err(refused(CoreRefusal::FieldInvalid)));
    assert_eq!(begin(4), Err(refused(CoreRefusal::FieldInvalid)));
    assert_eq!(bring(vault, "zone", "first", &parts[0]), Err(refused(CoreRefusal::NotFound)));
    begin(3).unwrap();
    assert_eq!(begin(2), Err(PaymentError::Ceremony), "one at a time");
    let shown = bring(vault, "zone", "first", &parts[0]).unwrap();
    assert_eq!(shown.0, hex("08D7B4"), "the check value of the usual test key");
    assert_eq!(bring(vault, "zone", "first", &parts[1]), Err(PaymentError::Ceremony), "the same custodian");
    assert_eq!(bring(vault, "zone", "second", &parts[0]), Err(PaymentError::Ceremony), "the same component");
    assert_eq!(bring(vault, "zone", "second", &parts[1][..8]), Err(refused(CoreRefusal::KeyUnfit)));
    let mut even = parts[1].clone();
    even[15] ^= 1;
    assert_eq!(bring(vault, "zone", "second", &even), Err(refused(CoreRefusal::Parity)));
    bring(vault, "zone", "second", &parts[1]).unwrap();
    assert_eq!(finish(), Err(PaymentError::Ceremony), "one is missing");
    let mut third = parts[2].clone();
    symbolon_keys::cipher::set_odd_parity(&mut third);
    bring(vault, "zone", "cid", &third).unwrap();
    let mut dan = third.clone();
    dan[0] ^= 3;
    assert_eq!(bring(vault, "zone", "dan", &dan), Err(PaymentError::Ceremony), "one too many");
    let info = finish().unwrap();
    let mut whole = parts[0].clone();
    symbolon_keys::cipher::xor(&mut whole, &parts[1]);
    symbolon_keys::cipher::xor(&mut whole, &third);
    let cipher = Tdes::new(&whole).unwrap();
    assert_eq!(info.check_value.0, symbolon_keys::cipher::check_value(&cipher));
    assert_eq!((info.state, info.role), (KeyState::Loaded, Role::Pin));
    assert_eq!(finish(), Err(refused(CoreRefusal::NotFound)), "the components are gone");

    // Two components whose XOR is a weak key, and one that is nothing.
    begin(2).unwrap();
    bring(vault, "zone", "first", &parts[0]).unwrap();
    let mut weak = parts[0].clone();
    weak[..8].iter_mut().for_each(|byte| *byte ^= 0xFE);
    weak[8..].iter_mut().for_each(|byte| *byte ^= 0x1F);
    symbolon_keys::cipher::set_odd_parity(&mut weak);
    bring(vault, "zone", "second", &weak).unwrap();
    assert_eq!(finish(), Err(refused(CoreRefusal::KeyWeak)));
    vault.ceremony_abandon(name("zone"), NOW, &entropy()).unwrap();
    assert_eq!(finish(), Err(refused(CoreRefusal::NotFound)));
}

/// The header decides role and export; a weak protection key, a wrong usage, a changed block and a key that stays are refused.
pub fn key_blocks_decide_the_role_and_what_may_leave(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    let bytes = hex(ZONE);
    let zone = block(Role::Pin, 'A', 'B', Exportability::Exportable, &bytes);
    let info = import(vault, "zone", zone.clone()).unwrap();
    assert_eq!((info.role, info.algorithm, info.export), (Role::Pin, Algorithm::Aes256, Export::Exportable));
    let value = cmac(&Aes::new(&bytes).unwrap(), &[&[0; 16]]);
    assert_eq!(info.check_value.0, value.reveal()[..5]);
    let leave = |of: &str, protection: &str, version| {
        let key = KeyRef::generation(&name(of), 1);
        vault.export(ExportKey { key, protection: self::key(protection), version }, NOW, &entropy())
    };
    let left = leave("zone", "kbpk", BlockVersion::D).unwrap();
    assert_eq!(import(vault, "again", left).unwrap().check_value, info.check_value);

    let mut changed = zone.clone().into_bytes();
    let last = changed.len() - 1;
    changed[last] = if changed[last] == b'0' { b'1' } else { b'0' };
    let changed = String::from_utf8(changed).unwrap();
    assert_eq!(import(vault, "zone", changed), Err(refused(CoreRefusal::BadSignature)));
    assert_eq!(import(vault, "zone", "D".into()), Err(refused(CoreRefusal::Malformed)));
    let stays = block(Role::Pin, 'A', 'B', Exportability::NonExportable, &bytes);
    import(vault, "stays", stays).unwrap();
    assert_eq!(leave("stays", "kbpk", BlockVersion::D), Err(refused(CoreRefusal::NotExportable)));

    vault.generate(new("weaker", Role::KeyProtection, Algorithm::Aes128), NOW, &entropy()).unwrap();
    activate(vault, "weaker", 1, NOW).unwrap();
    assert_eq!(leave("zone", "weaker", BlockVersion::D), Err(refused(CoreRefusal::KeyWeak)));
    assert_eq!(leave("zone", "zone", BlockVersion::D), Err(refused(CoreRefusal::NotFound)), "not active");
    activate(vault, "zone", 1, NOW).unwrap();
    assert_eq!(leave("zone", "zone", BlockVersion::D), Err(refused(CoreRefusal::KeyUsage)));
    assert_eq!(leave("zone", "kbpk", BlockVersion::B), Err(refused(CoreRefusal::KeyUnfit)));
    let twice = [hex("0123456789ABCDEF"), hex("0123456789ABCDEF")].concat();
    let single = block(Role::Pin, 'T', 'B', Exportability::Exportable, &twice);
    assert_eq!(import(vault, "single", single), Err(refused(CoreRefusal::KeyWeak)));
}
