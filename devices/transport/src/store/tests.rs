//! On real files: opened again, cut, damaged, in use.
use super::*;
use std::os::unix::fs::MetadataExt;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("device/flash");
    let mut flash = FileFlash::open(&dir).unwrap();
    assert_eq!(flash.read(Bank::A).unwrap(), b"");
    flash.append(Bank::A, b"one").unwrap();
    flash.append(Bank::B, b"other").unwrap();
    flash.append(Bank::A, b"two").unwrap();
    assert_eq!(flash.read(Bank::A).unwrap(), b"onetwo");
    drop(flash);
    let mut flash = FileFlash::open(&dir).unwrap();
    assert_eq!(flash.read(Bank::A).unwrap(), b"onetwo");
    flash.erase(Bank::A).unwrap();
    assert_eq!((flash.read(Bank::A).unwrap(), flash.read(Bank::B).unwrap()), (vec![], b"other".to_vec()));
    flash.append(Bank::A, b"three").unwrap();
    drop(flash);
    assert_eq!(FileFlash::open(&dir).unwrap().read(Bank::A).unwrap(), b"three");
    assert_eq!((mode(&dir), mode(&dir.join("bank-a")), mode(&dir.join("lock"))), (0o700, 0o600, 0o600));
}

#[test]
fn a_store_in_use_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let flash = FileFlash::open(root.path()).unwrap();
    assert_eq!(FileFlash::open(root.path()).unwrap_err(), TransportError::InUse);
    let counter = FileCounter::open(&root.path().join("counter")).unwrap();
    assert_eq!(FileCounter::open(&root.path().join("counter")).unwrap_err(), TransportError::InUse);
    drop((flash, counter));
    assert!(FileFlash::open(root.path()).is_ok());
    assert!(FileCounter::open(&root.path().join("counter")).is_ok());
}

#[test]
fn a_cut_erase_leaves_the_bank_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let mut flash = FileFlash::open(root.path()).unwrap();
    flash.append(Bank::A, b"one").unwrap();
    drop(flash);
    // The moment before the rename.
    fs::write(root.path().join("bank-a~"), b"").unwrap();
    let flash = FileFlash::open(root.path()).unwrap();
    assert_eq!(flash.read(Bank::A).unwrap(), b"one");
    assert!(!root.path().join("bank-a~").exists());
}

#[test]
fn a_full_bank_is_refused_and_keeps_what_it_has() {
    let root = tempfile::tempdir().unwrap();
    let mut flash = FileFlash::open(root.path()).unwrap();
    flash.append(Bank::A, &vec![7; usize::try_from(BANK_BYTES_MAX).unwrap() - 1]).unwrap();
    assert_eq!(flash.append(Bank::A, b"ab"), Err(FlashError::Full));
    flash.append(Bank::A, b"a").unwrap();
    assert_eq!(flash.append(Bank::A, b"a"), Err(FlashError::Full));
    flash.append(Bank::B, b"the other has room").unwrap();
}

#[test]
fn a_failed_write_ends_the_use_of_the_store() {
    let root = tempfile::tempdir().unwrap();
    let mut flash = FileFlash::open(root.path()).unwrap();
    flash.append(Bank::B, b"kept").unwrap();
    let full = OpenOptions::new().read(true).append(true).open("/dev/full").unwrap();
    let bank = std::mem::replace(&mut flash.a, full);
    // /dev/full is a full disk that cannot be cut back either.
    assert_eq!(flash.append(Bank::A, b"x"), Err(FlashError::Medium));
    flash.a = bank;
    assert_eq!(flash.append(Bank::A, b"x"), Err(FlashError::Medium));
    assert_eq!(flash.append(Bank::B, b"x"), Err(FlashError::Medium));
    assert_eq!(flash.erase(Bank::B), Err(FlashError::Medium));
    assert_eq!(flash.read(Bank::B).unwrap(), b"kept");
    drop(flash);
    FileFlash::open(root.path()).unwrap().append(Bank::A, b"x").unwrap();
}

#[test]
fn the_counter_rises_and_never_goes_back() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter");
    let mut counter = FileCounter::open(&path).unwrap();
    assert_eq!(counter.value(), Ok(0));
    assert_eq!(counter.advance(0), Err(FlashError::Counter));
    counter.advance(1).unwrap();
    counter.advance(7).unwrap();
    assert_eq!(counter.advance(7), Err(FlashError::Counter));
    assert_eq!(counter.advance(6), Err(FlashError::Counter));
    assert_eq!(counter.value(), Ok(7));
    drop(counter);
    let mut counter = FileCounter::open(&path).unwrap();
    assert_eq!(counter.value(), Ok(7));
    counter.advance(u64::MAX).unwrap();
    assert_eq!(counter.advance(u64::MAX), Err(FlashError::Counter));
    assert_eq!(mode(&path), 0o600);
}

/// The file as it is after the given writes of `advance(8)` on a counter of 7, the last of them torn after `torn` bytes.
fn cut(path: &Path, slots_done: usize, torn: usize) {
    FileCounter::open(path).unwrap().advance(7).unwrap();
    let file = lock::private(path).unwrap();
    for at in SLOT_AT.into_iter().take(slots_done) {
        file.write_all_at(&slot(8), at).unwrap();
    }
    if let Some(&at) = SLOT_AT.get(slots_done) {
        file.write_all_at(&slot(8)[..torn], at).unwrap();
    }
}

#[test]
fn a_cut_anywhere_leaves_the_old_or_the_new_value() {
    for slots_done in 0..=1 {
        for torn in 0..=SLOT_BYTES {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("counter");
            cut(&path, slots_done, torn);
            let expect = if slots_done == 1 || torn == SLOT_BYTES { 8 } else { 7 };
            for _ in 0..2 {
                let counter = FileCounter::open(&path).unwrap();
                assert_eq!(counter.value(), Ok(expect), "{slots_done} {torn}");
            }
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes[..16], bytes[4096..4112], "both slots were made good");
        }
    }
}

#[test]
fn one_damaged_slot_is_made_good_and_two_are_refused() {
    for damaged in SLOT_AT {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("counter");
        FileCounter::open(&path).unwrap().advance(41).unwrap();
        let flip = |at: u64| {
            let file = lock::private(&path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at + 11).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at + 11).unwrap();
        };
        flip(damaged);
        assert_eq!(FileCounter::open(&path).unwrap().value(), Ok(41));
        flip(SLOT_AT[0]);
        flip(SLOT_AT[1]);
        assert_eq!(FileCounter::open(&path).unwrap_err(), TransportError::Damaged);
    }
}

#[test]
fn an_emptied_counter_is_no_new_counter() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter");
    drop(FileCounter::open(&path).unwrap());
    fs::write(&path, b"").unwrap();
    assert_eq!(FileCounter::open(&path).unwrap_err(), TransportError::Damaged);
}
