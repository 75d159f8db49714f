//! What every disk under the log must give: run over memory and over files.
use crate::common::{Folder, OPTIONS, Place, Told, all, append, filled, segment, told};
use symbolon_log::memory::MemoryDisk;
use symbolon_log::{
    BatchHash, Damage, Disk, Head, Log, LogError, LogFile, Options, PointerState, SegmentName, verify,
};

fn batches(n: u64) -> Vec<Told> {
    (0..n).map(told).collect()
}

fn damaged(file: LogFile, offset: usize, damage: Damage) -> LogError {
    LogError::Damaged { file, offset: u64::try_from(offset).unwrap(), damage }
}

fn what_is_appended_comes_back_in_order<P: Place>() {
    let place = P::new();
    let (mut log, opened) = place.open().unwrap();
    assert_eq!((opened.head, opened.pointer, opened.torn), (Head::START, PointerState::New, None));
    let mut next = 1;
    for n in 0..40 {
        let batch = told(n);
        let appended = append(&mut log, &batch).unwrap();
        let count = u64::try_from(batch.records.len()).unwrap();
        assert_eq!((appended.first, appended.last), (next, next + count - 1));
        assert_eq!(log.head(), Head { sequence: appended.last, hash: appended.hash, at_ms: batch.at_ms });
        next += count;
    }
    assert_eq!(all(&log), batches(40));
    let head = log.head();
    drop(log);
    let (log, opened) = place.open().unwrap();
    assert_eq!((opened.head, opened.torn), (head, None));
    assert_eq!(opened.pointer, PointerState::Held { sequence: head.sequence });
    assert_eq!(all(&log), batches(40));
    assert!(place.segments().len() > 5);
}

fn reading_begins_where_it_is_asked_to<P: Place>() {
    let (place, _) = filled::<P>(40);
    let (log, _) = place.open().unwrap();
    let whole: Vec<_> = log.read_from(1).unwrap().map(Result::unwrap).collect();
    for from in 1..=log.head().sequence + 2 {
        let tail: Vec<_> = log.read_from(from).unwrap().map(Result::unwrap).collect();
        let expected: Vec<_> = whole
            .iter()
            .filter(|batch| batch.first_sequence >= from || batch.last_sequence() >= from)
            .cloned()
            .collect();
        assert_eq!(tail, expected, "from {from}");
    }
    for (n, batch) in whole.iter().enumerate() {
        let after = log.read_after(batch.last_sequence(), batch.hash).unwrap().map(Result::unwrap);
        assert!(after.eq(whole[n + 1..].iter().cloned()), "after batch {n}");
        assert_eq!(log.read_after(batch.last_sequence(), BatchHash([7; 32])).err(), Some(LogError::NotInLog));
    }
    assert!(log.read_after(0, BatchHash::ZERO).unwrap().map(Result::unwrap).eq(whole));
}

fn a_hash_is_blake3_of_the_bytes_on_disk<P: Place>() {
    let (place, ends) = filled::<P>(3);
    let (log, _) = place.open().unwrap();
    let bytes = place.bytes(&ends[0].0.to_string());
    let mut begin = 4096;
    let mut previous = [0; 32];
    for (batch, (_, end)) in log.read_from(1).unwrap().zip(ends) {
        let frame = &bytes[begin..end];
        assert_eq!(&frame[8..40], &previous);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
        assert_eq!(frame[4..8], checksum.to_le_bytes());
        previous = *blake3::hash(&frame[8..]).as_bytes();
        assert_eq!(batch.unwrap().hash, BatchHash(previous));
        begin = end;
    }
}

fn a_log_in_use_is_refused<P: Place>() {
    let place = P::new();
    let (log, _) = place.open().unwrap();
    assert_eq!(place.error(), LogError::InUse);
    assert_eq!(verify(place.disk()), Err(LogError::InUse));
    drop(log);
    assert!(place.open().is_ok());
}

fn what_cannot_be_appended_is_refused_and_leaves_the_log_as_it_was<P: Place>() {
    let (place, _) = filled::<P>(2);
    let (mut log, _) = place.open().unwrap();
    let head = log.head();
    let at_ms = head.at_ms;
    assert_eq!(log.append(at_ms - 1, &[]), Err(LogError::TimeWentBack));
    let longest = vec![1; 4096 - 8 - 52 - 4];
    let longer = vec![1; longest.len() + 1];
    assert_eq!(log.batch_bytes_max(), 4096);
    assert_eq!(log.append(at_ms, &[&longer]), Err(LogError::TooLarge { bytes_max: 4096 }));
    assert_eq!(log.head(), head);
    assert!(log.append(at_ms, &[&longest]).is_ok());
    assert!(log.append(at_ms, &[]).is_ok());
    let expected =
        [batches(2), vec![Told { at_ms, records: vec![longest] }, Told { at_ms, records: vec![] }]];
    assert_eq!(all(&log), expected.concat());
    drop(log);
    assert_eq!(all(&place.open().unwrap().0), expected.concat());
}

fn a_frame_takes_no_more_than_its_bound<P: Place>() {
    let place = P::new();
    let options = Options { segment_bytes: 20 << 20, ..OPTIONS };
    let (mut log, _) = Log::open(place.disk(), options).unwrap();
    let bound: usize = 16 << 20;
    let longest = vec![1; bound - 52 - 4];
    let longer = vec![1; bound - 52 - 3];
    let bytes_max = u64::try_from(bound + 8).unwrap();
    assert_eq!(log.append(1, &[&longer]), Err(LogError::TooLarge { bytes_max }));
    assert!(log.append(1, &[&longest]).is_ok());
    let read = log.read_from(1).unwrap().next().unwrap().unwrap();
    assert!(read.records().eq([(1, longest.as_slice())]));
}

fn a_flipped_byte_in_the_last_acknowledged_batch_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let ((before, begin), (name, end)) = (ends[7], ends[8]);
    assert_eq!(before, name);
    for offset in begin..end {
        place.flip(&name.to_string(), offset, 1 << (offset % 8));
        assert_eq!(place.error(), damaged(segment(name), begin, Damage::Checksum), "byte {offset}");
        assert_eq!(verify(place.disk()), Err(damaged(segment(name), begin, Damage::Checksum)));
        place.flip(&name.to_string(), offset, 1 << (offset % 8));
    }
    assert_eq!(all(&place.open().unwrap().0), batches(9));
}

fn a_batch_that_is_gone_or_half_there_though_acknowledged_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let ((_, begin), (name, end)) = (ends[7], ends[8]);
    let whole = place.bytes(&name.to_string());
    for kept in begin..end {
        let mut bytes = whole.clone();
        bytes[kept..end].fill(0);
        place.put(&name.to_string(), &bytes);
        let gone = bytes[begin..begin + 8].iter().all(|byte| *byte == 0);
        let damage = if gone { Damage::Absent } else { Damage::Checksum };
        match place.open() {
            // The bytes taken away were zeros.
            Ok(_) => assert_eq!(bytes, whole),
            Err(error) => assert_eq!(error, damaged(segment(name), begin, damage), "kept to {kept}"),
        }
    }
    place.put(&name.to_string(), &whole);
    assert_eq!(all(&place.open().unwrap().0), batches(9));
}

fn a_flipped_byte_in_the_middle_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(40);
    let last = *place.segments().last().unwrap();
    for (n, pair) in ends.windows(2).enumerate() {
        let ((_, begin), (name, end)) = (pair[0], pair[1]);
        let begin = if begin > end { 4096 } else { begin };
        place.flip(&name.to_string(), end - 1, 0x10);
        let error = damaged(segment(name), begin, Damage::Checksum);
        assert_eq!(verify(place.disk()), Err(error), "batch {n}");
        match place.open() {
            Err(refused) => assert_eq!((refused, name), (error, last)),
            Ok((log, _)) => {
                assert_ne!(name, last, "the last segment is looked at when the log is opened");
                let mut read = log.read_from(1).unwrap().skip_while(Result::is_ok);
                assert_eq!(read.next(), Some(Err(error)));
                assert_eq!(read.next(), None);
            }
        }
        place.flip(&name.to_string(), end - 1, 0x10);
    }
    assert!(verify(place.disk()).is_ok());
}

fn a_flipped_byte_in_a_header_or_in_the_zeros_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let (name, end) = ends[8];
    let file = name.to_string();
    for offset in (0..120).chain([200, 4095]) {
        place.flip(&file, offset, 4);
        assert_eq!(place.error(), damaged(segment(name), 0, Damage::Header), "byte {offset}");
        place.flip(&file, offset, 4);
    }
    let (full, full_end) = ends[0];
    assert_ne!(full, name);
    place.flip(&full.to_string(), 8191, 1);
    let full_end = ends.iter().rfind(|(found, _)| *found == full).map_or(full_end, |(_, end)| *end);
    let found = verify(place.disk()).unwrap_err();
    assert!(found == damaged(segment(full), full_end, Damage::NotZero), "{found}");
    place.flip(&full.to_string(), 8191, 1);
    assert!(place.open().is_ok());
    // Past the end of the last batch it is what a cut write may leave.
    place.flip(&file, end + 100, 1);
    let (log, opened) = place.open().unwrap();
    assert_eq!(opened.torn.map(|torn| (torn.offset, torn.bytes)), Some((u64::try_from(end).unwrap(), 101)));
    assert_eq!(all(&log), batches(9));
}

fn a_torn_tail_is_cut_and_told<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let (name, end) = ends[8];
    let offset = u64::try_from(end).unwrap();
    let before = place.bytes(&name.to_string());
    let pointer = place.bytes("pointer");
    let (mut log, _) = place.open().unwrap();
    log.append(5000, &[b"in flight".as_slice(), &[7; 100]]).unwrap();
    drop(log);
    let after = place.bytes(&name.to_string());
    let new_end = end + 8 + 52 + 4 + 9 + 4 + 100;
    // As if the power had been cut before the acknowledgement, with any prefix or any suffix of the write on the disk.
    for cut in end..new_end {
        for (from, to) in [(end, cut), (cut, new_end)] {
            let mut bytes = before.clone();
            bytes[from..to].copy_from_slice(&after[from..to]);
            place.put(&name.to_string(), &bytes);
            place.put("pointer", &pointer);
            let (log, opened) = place.open().unwrap();
            assert_eq!(opened.pointer, PointerState::Held { sequence: ends_at(9) });
            let whole = bytes == after;
            let none = bytes == before;
            assert_eq!(opened.torn.is_none(), whole || none, "{from}..{to}");
            assert!(opened.torn.is_none_or(|torn| torn.file == name && torn.offset == offset));
            assert_eq!(all(&log).len(), if whole { 10 } else { 9 }, "{from}..{to}");
            drop(log);
            assert!(verify(place.disk()).unwrap().torn.is_none());
            assert_eq!(place.bytes(&name.to_string()), if whole { &after[..] } else { &before[..] });
        }
    }
}

/// The last sequence number of batches `0..n`.
fn ends_at(n: u64) -> u64 {
    batches(n).iter().map(|batch| u64::try_from(batch.records.len()).unwrap()).sum()
}

fn a_bad_batch_followed_by_a_good_one_is_damage_even_above_the_pointer<P: Place>() {
    let (place, _) = filled::<P>(5);
    let pointer = place.bytes("pointer");
    let (mut log, _) = place.open().unwrap();
    for n in 0..3_u8 {
        log.append(5000, &[&[n + 1; 80]]).unwrap();
    }
    drop(log);
    let name = *place.segments().last().unwrap();
    let size = 8 + 52 + 4 + 80;
    let end = place.bytes(&name.to_string()).iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let begin = end - 3 * size;
    let now = place.bytes("pointer");
    for offset in begin..end - size {
        place.flip(&name.to_string(), offset, 1);
        for pointer in [&pointer, &now] {
            place.put("pointer", pointer);
            let bad = if offset < begin + size { begin } else { begin + size };
            assert_eq!(place.error(), damaged(segment(name), bad, Damage::Checksum), "byte {offset}");
        }
        place.flip(&name.to_string(), offset, 1);
    }
    // The last of them was perhaps never acknowledged.
    place.put("pointer", &pointer);
    place.flip(&name.to_string(), end - 1, 1);
    let (_, opened) = place.open().unwrap();
    assert_eq!(opened.torn.map(|torn| torn.offset), u64::try_from(end - size).ok());
}

fn a_truncated_segment_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let (name, end) = ends[8];
    let whole = place.bytes(&name.to_string());
    for len in [0, 100, 4095, 4096, 4097, end - 1, end, 8191] {
        place.truncate(&name.to_string(), len);
        assert_eq!(place.error(), damaged(segment(name), len, Damage::Length), "{len} bytes");
        place.put(&name.to_string(), &whole);
    }
    place.put(&name.to_string(), &[whole.clone(), vec![0]].concat());
    assert_eq!(place.error(), damaged(segment(name), 8192, Damage::Length));
    place.put(&name.to_string(), &whole);
    assert!(place.open().is_ok());
}

fn a_missing_segment_is_refused<P: Place>() {
    let (place, _) = filled::<P>(20);
    for name in place.segments() {
        let file = name.to_string();
        let bytes = place.bytes(&file);
        place.lose(&file);
        assert_eq!(place.error(), LogError::Missing { segment: name.index });
        assert_eq!(verify(place.disk()), Err(LogError::Missing { segment: name.index }));
        place.put(&file, &bytes);
    }
    assert!(place.open().is_ok());
    for name in place.segments() {
        place.lose(&name.to_string());
    }
    assert_eq!(place.error(), LogError::Missing { segment: 1 });
    place.flip("pointer", 9, 1);
    place.flip("pointer", 4096 + 9, 1);
    assert_eq!(place.error(), damaged(LogFile::Pointer, 0, Damage::Header));
}

fn a_segment_put_in_anothers_place_is_refused<P: Place>() {
    let (place, _) = filled::<P>(20);
    let names = place.segments();
    let bytes = place.bytes(&names[1].to_string());
    place.put(&names[2].to_string(), &bytes);
    assert_eq!(place.error(), damaged(segment(names[2]), 0, Damage::Header));

    // A segment of another log, whole in itself, whose header says the same but for the hash.
    let (place, _) = filled::<P>(20);
    let other = P::new();
    let (mut log, _) = other.open().unwrap();
    for n in 0..20 {
        let mut batch = told(n);
        batch.at_ms += u64::from(n == 0);
        batch.at_ms = batch.at_ms.max(log.head().at_ms);
        append(&mut log, &batch).unwrap();
    }
    drop(log);
    let name = names[1].to_string();
    let whole = place.bytes(&name);
    place.put(&name, &other.bytes(&name));
    assert!(matches!(
        verify(place.disk()),
        Err(LogError::Damaged { file, damage: Damage::Absent, .. }) if file == segment(names[0])
    ));
    place.put(&name, &whole);
    assert!(verify(place.disk()).is_ok());
}

fn an_older_copy_of_the_last_segment_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(8);
    let (name, end) = ends[7];
    let old = place.bytes(&name.to_string());
    let (mut log, _) = place.open().unwrap();
    append(&mut log, &told(8)).unwrap();
    drop(log);
    assert_eq!(place.segments().last(), Some(&name));
    place.put(&name.to_string(), &old);
    assert_eq!(place.error(), damaged(segment(name), end, Damage::Absent));
}

fn a_lost_pointer_is_told_and_a_bad_tail_is_then_not_guessed_at<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let (name, end) = ends[8];
    let offset = u64::try_from(end).unwrap();
    let whole = place.bytes("pointer");
    let lost: [&dyn Fn(&P); 2] = [&|place| place.lose("pointer"), &|place| {
        place.put("pointer", &whole);
        place.flip("pointer", 20, 1);
        place.put("pointer", &[place.bytes("pointer")[..4096].to_vec(), vec![1; 4096]].concat());
    }];
    for lose in lost {
        lose(&place);
        let (log, opened) = place.open().unwrap();
        assert_eq!((opened.pointer, opened.torn), (PointerState::Lost, None));
        assert_eq!(all(&log), batches(9));
        drop(log);
        assert_eq!(place.open().unwrap().1.pointer, PointerState::Held { sequence: ends_at(9) });

        place.flip(&name.to_string(), end + 3, 9);
        lose(&place);
        let before = place.bytes(&name.to_string());
        assert_eq!(place.error(), LogError::Ambiguous { file: segment(name), offset });
        assert_eq!(verify(place.disk()), Err(LogError::Ambiguous { file: segment(name), offset }));
        assert_eq!(place.bytes(&name.to_string()), before);
        let accept = Options { accept_lost_pointer: true, ..OPTIONS };
        let (log, opened) = Log::open(place.disk(), accept).unwrap();
        assert_eq!(opened.pointer, PointerState::Lost);
        assert_eq!(opened.torn.map(|torn| (torn.file, torn.offset, torn.bytes)), Some((name, offset, 4)));
        assert_eq!(all(&log), batches(9));
    }
    // Accepting the loss does not make damage acceptable.
    place.lose("pointer");
    place.flip(&ends[7].0.to_string(), ends[7].1 - 1, 1);
    let accept = Options { accept_lost_pointer: true, ..OPTIONS };
    assert!(matches!(Log::open(place.disk(), accept).err(), Some(LogError::Damaged { .. })));
}

fn one_bad_slot_of_the_pointer_is_survived<P: Place>() {
    let (place, _) = filled::<P>(9);
    let whole = place.bytes("pointer");
    let known = [0, 4096].map(|slot| {
        place.put("pointer", &whole);
        place.flip("pointer", slot + 20, 1);
        let (log, opened) = place.open().unwrap();
        assert_eq!(all(&log), batches(9));
        opened.pointer
    });
    // The slots take turns, so one of them knows the last batch and the other the one before.
    let held = [9, 8].map(|n| PointerState::Held { sequence: ends_at(n) });
    assert!(known == held || known == [held[1], held[0]], "{known:?}");
}

fn a_batch_changed_together_with_its_checksum_breaks_the_chain<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let ((before, _), (name, end), begin) = (ends[5], ends[6], 4096);
    assert_ne!(before, name, "it is the first of its segment");
    let mut bytes = place.bytes(&name.to_string());
    bytes[end - 1] ^= 1;
    let payload = bytes[begin + 8..end].to_vec();
    let mut frame = Vec::new();
    symbolon_state::frame::append(&mut frame, &payload).unwrap();
    bytes[begin..end].copy_from_slice(&frame);
    place.put(&name.to_string(), &bytes);
    assert_eq!(place.error(), damaged(segment(name), end, Damage::Chain));
    assert_eq!(verify(place.disk()), Err(damaged(segment(name), end, Damage::Chain)));
}

fn a_pointer_that_disagrees_with_the_chain_is_refused<P: Place>() {
    let (place, ends) = filled::<P>(9);
    let (name, end) = ends[8];
    let (other, _) = filled::<P>(0);
    let (mut log, _) = other.open().unwrap();
    for n in 0..9 {
        let Told { records, .. } = told(n);
        append(&mut log, &Told { at_ms: 1, records }).unwrap();
    }
    drop(log);
    place.put("pointer", &other.bytes("pointer"));
    assert_eq!(place.error(), damaged(segment(name), end, Damage::Chain));
}

fn archiving_keeps_the_hash_before_what_stays<P: Place>() {
    let (place, _) = filled::<P>(40);
    let (mut log, _) = place.open().unwrap();
    let whole = verify_open(&place, &mut log);
    let names = place.segments();
    let (before_last, last) = (names[names.len() - 2], names[names.len() - 1]);
    assert_eq!(log.archive_below(names[1].first_sequence - 1), Ok(0));
    assert_eq!(log.archive_below(names[1].first_sequence), Ok(1));
    assert_eq!(log.archive_below(last.first_sequence - 1), Ok(names.len() - 3));
    assert_eq!(place.segments(), [before_last, last]);
    let first_sequence = before_last.first_sequence;
    assert_eq!(log.read_from(first_sequence - 1).err(), Some(LogError::Archived { first_sequence }));
    assert_eq!(log.read_after(1, BatchHash::ZERO).err(), Some(LogError::Archived { first_sequence }));
    let stay = all(&log);
    assert_eq!(stay, batches(40)[40 - stay.len()..]);
    let before = verify_open(&place, &mut log);
    assert_eq!((before.head, before.first_sequence), (whole.head, first_sequence));
    let rest = log.read_after(before.before.sequence, before.before.hash).unwrap();
    assert_eq!(rest.count(), stay.len());
    // Even all that is archived leaves the last segment.
    assert_eq!(log.archive_below(u64::MAX), Ok(1));
    append(&mut log, &told(40)).unwrap();
    drop(log);
    let verified = verify(place.disk()).unwrap();
    assert_eq!(verified.before.sequence + 1, verified.first_sequence);
    assert_eq!(verified.head.sequence, ends_at(41));

    let kept = place.bytes("kept");
    place.flip("kept", 30, 1);
    assert_eq!(place.error(), damaged(LogFile::Kept, 0, Damage::Header));
    place.lose("kept");
    assert_eq!(place.error(), LogError::Missing { segment: 1 });
    place.put("kept", &kept);
    // A crash between keeping and removing: the rest is removed when the log is opened.
    place.put(&names[0].to_string(), &[1; 100]);
    assert!(place.open().is_ok());
    assert!(!place.segments().contains(&names[0]));
}

/// Verifies a log that is open, by letting go of it for the moment.
fn verify_open<P: Place>(place: &P, log: &mut Log<P::Disk>) -> symbolon_log::Verified {
    let other = P::new();
    std::mem::swap(log, &mut other.open().unwrap().0);
    let verified = verify(place.disk()).unwrap();
    *log = place.open().unwrap().0;
    verified
}

fn verifying_counts_all_and_changes_nothing<P: Place>() {
    assert_eq!(verify(P::new().disk()), Err(LogError::Missing { segment: 1 }));
    let (place, ends) = filled::<P>(40);
    let (name, end) = ends[39];
    place.flip(&name.to_string(), end, 1);
    let contents = |place: &P| {
        let mut names = place.names();
        names.sort_unstable();
        names.iter().map(|name| place.bytes(name)).collect::<Vec<_>>()
    };
    let before = contents(&place);
    let verified = verify(place.disk()).unwrap();
    assert_eq!(contents(&place), before);
    assert_eq!((verified.batches, verified.records), (40, ends_at(40)));
    assert_eq!((verified.first_sequence, verified.before), (1, Head::START));
    assert_eq!(verified.segments, place.segments().len());
    assert_eq!(verified.torn.map(|torn| (torn.file, torn.bytes)), Some((name, 1)));
    let head = place.open().unwrap().1.head;
    assert_eq!(verified.head, head);
}

fn segments_of_nothing_but_times_are_kept_apart<P: Place>() {
    let place = P::new();
    let (mut log, _) = place.open().unwrap();
    for at_ms in 0..200 {
        let appended = log.append(at_ms, &[]).unwrap();
        assert_eq!((appended.first, appended.last), (1, 0));
    }
    assert!(place.segments().len() > 2);
    let last = log.append(200, &[b"one"]).unwrap();
    assert_eq!((last.first, last.last), (1, 1));
    assert_eq!(log.read_from(1).unwrap().count(), 201);
    drop(log);
    let (log, _) = place.open().unwrap();
    assert_eq!(log.read_from(1).unwrap().count(), 201);
    let middle = log.read_from(1).unwrap().nth(120).unwrap().unwrap();
    assert_eq!(log.read_after(0, middle.hash).unwrap().count(), 80);
}

fn a_segment_can_be_prepared_ahead<P: Place>() {
    let place = P::new();
    let options = Options { segment_bytes: 1 << 20, ..OPTIONS };
    let (mut log, _) = Log::open(place.disk(), options).unwrap();
    assert_eq!(log.prepare(400_000), Ok(false));
    assert_eq!(log.prepare(400_000), Ok(false));
    assert_eq!(log.prepare(400_000), Ok(true));
    assert_eq!(log.prepare(400_000), Ok(true));
    assert_eq!(log.bytes_used(), 2 << 20);
    let record = vec![1; 100_000];
    for n in 1..=30 {
        assert_eq!(log.append(0, &[&record]).map(|appended| appended.last), Ok(n));
    }
    assert_eq!(place.segments().len(), 3);
    drop(log);
    let (log, _) = place.open().unwrap();
    assert_eq!(log.head().sequence, 30);
    assert!(!place.names().contains(&"next.new".to_owned()));
}

fn segment_names_are_read_strictly<P: Place>() {
    let name = SegmentName { index: 12, first_sequence: 345 };
    assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
    for other in [
        "",
        ".seg",
        "1.2.seg",
        "lock",
        "00000000000000000345.0000000012",
        "+0000000000000000345.0000000012.seg",
    ] {
        assert_eq!(SegmentName::parse(other), None, "{other}");
    }
    // Other files beside the log are left alone.
    let place = P::new();
    drop(place.open().unwrap());
    place.put("notes", b"x");
    assert!(place.open().is_ok());
    assert_eq!(place.bytes("notes"), b"x");
    assert!(place.disk().list().unwrap().contains(&"notes".to_owned()));
}

macro_rules! log_test {
    ($module:ident, $place:ident, $($test:ident),* $(,)?) => {
        mod $module {
            $(#[test] fn $test() { super::$test::<super::$place>(); })*
        }
    };
}

macro_rules! log_tests {
    ($($module:ident: $place:ident),*) => {$(
        log_test!(
            $module,
            $place,
            what_is_appended_comes_back_in_order,
            reading_begins_where_it_is_asked_to,
            a_hash_is_blake3_of_the_bytes_on_disk,
            a_log_in_use_is_refused,
            what_cannot_be_appended_is_refused_and_leaves_the_log_as_it_was,
            a_frame_takes_no_more_than_its_bound,
            a_flipped_byte_in_the_last_acknowledged_batch_is_refused,
            a_batch_that_is_gone_or_half_there_though_acknowledged_is_refused,
            a_flipped_byte_in_the_middle_is_refused,
            a_flipped_byte_in_a_header_or_in_the_zeros_is_refused,
            a_torn_tail_is_cut_and_told,
            a_bad_batch_followed_by_a_good_one_is_damage_even_above_the_pointer,
            a_truncated_segment_is_refused,
            a_missing_segment_is_refused,
            a_segment_put_in_anothers_place_is_refused,
            an_older_copy_of_the_last_segment_is_refused,
            a_lost_pointer_is_told_and_a_bad_tail_is_then_not_guessed_at,
            one_bad_slot_of_the_pointer_is_survived,
            a_batch_changed_together_with_its_checksum_breaks_the_chain,
            a_pointer_that_disagrees_with_the_chain_is_refused,
            archiving_keeps_the_hash_before_what_stays,
            verifying_counts_all_and_changes_nothing,
            segments_of_nothing_but_times_are_kept_apart,
            a_segment_can_be_prepared_ahead,
            segment_names_are_read_strictly,
        );
    )*};
}

log_tests!(memory: MemoryDisk, files: Folder);
