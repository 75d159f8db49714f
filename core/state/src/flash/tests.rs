//! Cuts at every point, flips of every bit, and the refusals of [`Records`].
use super::*;
use crate::fake::FakeFlash;
use alloc::vec;

type List = Vec<Vec<u8>>;

fn opened(flash: &FakeFlash) -> (Records<FakeFlash>, List) {
    Records::open(flash.clone()).unwrap()
}

fn refused(flash: &FakeFlash) -> FlashError {
    Records::open(flash.clone()).err().unwrap()
}

/// A list with the records `one`, the empty one, and `three`.
fn three() -> (FakeFlash, List) {
    let flash = FakeFlash::default();
    let (mut list, held) = opened(&flash);
    assert!(held.is_empty());
    let records = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
    for record in &records {
        list.append(record).unwrap();
    }
    (flash, records)
}

/// Runs `write` over a copy of the same flash with a cut after every possible number of points, and looks at what is there afterwards.
fn at_every_cut(
    start: &FakeFlash,
    write: impl Fn(FakeFlash) -> Result<(), FlashError>,
    look: impl Fn(bool, List),
) {
    let image = start.image();
    for points in 0_u64.. {
        let flash = FakeFlash::default();
        flash.put_back(&image);
        flash.power().cut_after(points);
        let returned = write(flash.clone()).is_ok();
        flash.power().restore();
        let (mut list, held) = opened(&flash);
        look(returned, held.clone());
        // What a cut has left can be written on and opened again.
        list.append(b"after").unwrap();
        let (_, again) = opened(&flash);
        assert_eq!(again.split_last(), Some((&b"after".to_vec(), held.as_slice())));
        if returned {
            assert!(points > 3);
            return;
        }
    }
}

#[test]
fn records_come_back_in_their_order_and_can_be_added_to() {
    let (flash, mut records) = three();
    let (mut list, held) = opened(&flash);
    assert_eq!(held, records);
    list.append(b"four").unwrap();
    records.push(b"four".to_vec());
    assert_eq!(opened(&list.into_flash()).1, records);
}

#[test]
fn compacting_replaces_the_list_and_frees_the_old_bank() {
    let (flash, records) = three();
    let (mut list, _) = opened(&flash);
    let before = list.bytes_used();
    list.compact([b"three".as_slice()].into_iter()).unwrap();
    assert!(list.bytes_used() < before);
    assert_eq!(flash.read(Bank::A), Ok(Vec::new()));
    assert_eq!(list.bytes_used(), flash.read(Bank::B).unwrap().len());
    list.append(b"four").unwrap();
    assert_eq!(list.bytes_used(), flash.read(Bank::B).unwrap().len());
    assert_eq!(opened(&flash).1, vec![b"three".to_vec(), b"four".to_vec()]);
    list.compact(records.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(opened(&flash).1, records);
}

#[test]
fn a_cut_in_making_the_list_leaves_an_empty_one() {
    at_every_cut(
        &FakeFlash::default(),
        |flash| Records::open(flash).map(|_| ()),
        |_, held| assert!(held.is_empty()),
    );
}

#[test]
fn a_cut_at_every_byte_of_an_append_leaves_the_record_whole_or_not_at_all() {
    let (start, old) = three();
    let mut new = old.clone();
    new.push(b"fourth record".to_vec());
    at_every_cut(
        &start,
        |flash| Records::open(flash)?.0.append(b"fourth record"),
        |returned, held| assert!(held == new || held == old && !returned),
    );
}

#[test]
fn a_cut_at_every_point_of_a_compaction_leaves_the_old_list_or_the_new_one() {
    let (start, old) = three();
    let new = vec![b"sum of them".to_vec(), b"x".to_vec()];
    at_every_cut(
        &start,
        |flash| Records::open(flash)?.0.compact(new.iter().map(Vec::as_slice)),
        |returned, held| assert!(held == new || held == old && !returned),
    );
}

#[test]
fn a_second_cut_while_the_torn_tail_of_the_first_is_cut_loses_nothing() {
    let (start, old) = three();
    start.power().cut_after(9);
    assert_eq!(opened(&start).0.append(b"torn"), Err(FlashError::Medium));
    start.power().restore();
    at_every_cut(&start, |flash| Records::open(flash).map(|_| ()), |_, held| assert_eq!(held, old));
}

#[test]
fn every_flipped_bit_is_refused() {
    let (flash, records) = three();
    let len = flash.read(Bank::A).unwrap().len();
    for bit in 0..len * 8 {
        let (offset, mask) = (bit / 8, 1 << (bit % 8));
        flash.flip(Bank::A, offset, mask);
        assert_eq!(refused(&flash), FlashError::Damaged, "bit {bit}");
        flash.flip(Bank::A, offset, mask);
    }
    assert_eq!(opened(&flash).1, records);
}

#[test]
fn after_a_failed_write_everything_is_refused_until_it_is_opened_again() {
    let (flash, old) = three();
    let (mut list, _) = opened(&flash);
    flash.power().cut_after(4);
    assert_eq!(list.append(b"lost"), Err(FlashError::Medium));
    flash.power().restore();
    assert_eq!(list.append(b"refused"), Err(FlashError::Medium));
    assert_eq!(list.compact(core::iter::empty()), Err(FlashError::Medium));
    assert_eq!(opened(&flash).1, old);
}

#[test]
fn a_full_bank_refuses_the_record_and_keeps_the_others() {
    let (flash, old) = three();
    let room = flash.read(Bank::A).unwrap().len() + 20;
    let small = flash.with_bank_bytes_max(room);
    assert_eq!(opened(&small).0.append(&[1; 8]), Err(FlashError::Full));
    assert_eq!(opened(&small).1, old);
    assert_eq!(opened(&small).0.append(&[1; 7]), Ok(()));
}

#[test]
fn a_record_past_the_bound_is_refused_without_being_written() {
    let (flash, old) = three();
    let (mut list, _) = opened(&flash);
    assert_eq!(list.append(&vec![0; RECORD_BYTES_MAX + 1]), Err(FlashError::Full));
    assert_eq!(opened(&flash).1, old);
    assert_eq!(list.append(b"and it goes on"), Ok(()));
}

#[test]
fn two_banks_that_no_compaction_leaves_are_damage() {
    let (flash, _) = three();
    let old = flash.image();
    let (mut list, _) = opened(&flash);
    for _ in 0..2 {
        list.compact([b"x".as_slice()].into_iter()).unwrap();
    }
    let third = flash.read(Bank::A).unwrap();
    // Generation 3 beside generation 1: the second is missing between them.
    flash.put_back(&old);
    flash.clone().append(Bank::B, &third).unwrap();
    assert_eq!(refused(&flash), FlashError::Damaged);
    // The same generation twice.
    flash.put_back(&old);
    let first = flash.read(Bank::A).unwrap();
    flash.clone().append(Bank::B, &first).unwrap();
    assert_eq!(refused(&flash), FlashError::Damaged);
    // A first generation without its commit, but with records.
    let bare = FakeFlash::default();
    let mut bytes = Vec::new();
    frame_into(&mut bytes, GENERATION, 0, &1_u64.to_le_bytes()).unwrap();
    frame_into(&mut bytes, RECORD, 1, b"x").unwrap();
    bare.clone().append(Bank::A, &bytes).unwrap();
    assert_eq!(refused(&bare), FlashError::Damaged);
}
