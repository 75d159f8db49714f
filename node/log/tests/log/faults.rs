//! Power cuts at every point, failed syncs and full disks, over the disk in memory.
use crate::common::{OPTIONS, Place, Told, all, append, told};
use symbolon_log::memory::{MemoryDisk, Unsynced};
use symbolon_log::{Log, LogError, verify};

const BATCHES: u64 = 14;
const LOSSES: [Unsynced; 5] =
    [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn(1), Unsynced::Torn(2), Unsynced::Torn(3)];

/// Opens, appends batches from `from` to [`BATCHES`], archives and prepares on the way; stops at the first error. How many batches were acknowledged.
fn run(disk: &MemoryDisk, from: u64) -> u64 {
    let Ok((mut log, _)) = disk.open() else { return from };
    for n in from..BATCHES {
        if append(&mut log, &told(n)).is_err() {
            return n;
        }
        let archived = if n % 7 == 6 { log.archive_below(log.head().sequence).map(|_| ()) } else { Ok(()) };
        let prepared = if n % 4 == 3 { log.prepare(3000).map(|_| ()) } else { Ok(()) };
        if archived.and(prepared).is_err() {
            return n + 1;
        }
    }
    BATCHES
}

/// The log holds exactly the batches `0..acknowledged`, or these and the one after, less what was archived; it can be written on.
fn check(disk: &MemoryDisk, acknowledged: u64, why: &str) -> u64 {
    let (log, _) = disk.open().unwrap_or_else(|error| panic!("{why}: {error}"));
    let held = all(&log);
    let archived = archived_count(&log, acknowledged);
    let end = archived + u64::try_from(held.len()).unwrap();
    assert!(
        end == acknowledged || end == acknowledged + 1,
        "{why}: {acknowledged} acknowledged, {end} there"
    );
    let expected: Vec<Told> = (archived..end).map(told).collect();
    assert_eq!(held, expected, "{why}");
    drop(log);
    let verified = verify(disk.clone()).unwrap_or_else(|error| panic!("{why}: {error}"));
    assert!(verified.torn.is_none(), "{why}");
    end
}

/// How many batches lie below the first one present.
fn archived_count(log: &Log<MemoryDisk>, acknowledged: u64) -> u64 {
    let first = log.read_from(log.first_sequence()).unwrap().next();
    let Some(first) = first.map(Result::unwrap) else {
        return if log.first_sequence() == 1 { 0 } else { acknowledged };
    };
    let mut next = 1;
    for n in 0..=acknowledged {
        if next == first.first_sequence && crate::common::told_by(&first) == told(n) {
            return n;
        }
        next += u64::try_from(told(n).records.len()).unwrap();
    }
    panic!("the first batch present was never appended");
}

#[test]
fn a_power_cut_at_every_point_loses_nothing_acknowledged_and_leaves_nothing_by_halves() {
    for loss in LOSSES {
        for cut in 0.. {
            let disk = MemoryDisk::new();
            disk.cut_after(cut);
            let acknowledged = run(&disk, 0);
            disk.restart(loss);
            let there = check(&disk, acknowledged, &format!("cut after {cut}, {loss:?}"));
            // What comes back goes on to the end as if nothing had been.
            assert_eq!(run(&disk, there), BATCHES);
            assert_eq!(check(&disk, BATCHES, "afterwards"), BATCHES);
            if disk.operations() < cut {
                break;
            }
        }
    }
}

#[test]
fn a_second_cut_at_every_point_of_the_recovery_from_the_first_loses_nothing_either() {
    for (number, loss) in LOSSES.into_iter().enumerate() {
        let again = LOSSES[(number + 2) % LOSSES.len()];
        for cut in (0..160).step_by(3) {
            let disk = MemoryDisk::new();
            disk.cut_after(cut);
            let acknowledged = run(&disk, 0);
            disk.restart(loss);
            for second in 0.. {
                let disk = disk.copy();
                disk.cut_after(second);
                let recovered = disk.open().is_ok();
                disk.restart(again);
                check(
                    &disk,
                    acknowledged,
                    &format!("cut after {cut}, {loss:?}; then after {second}, {again:?}"),
                );
                if recovered {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_killed_program_loses_nothing_and_needs_nothing_cut_that_was_whole() {
    for kill in 0..200 {
        let disk = MemoryDisk::new();
        disk.cut_after(kill);
        let acknowledged = run(&disk, 0);
        disk.restart(Unsynced::Kept);
        let (log, opened) = disk.open().unwrap();
        assert_eq!(opened.torn, None);
        drop(log);
        check(&disk, acknowledged, &format!("killed after {kill}"));
    }
}

#[test]
fn a_failed_sync_ends_writing_and_what_it_left_in_the_cache_is_made_durable_or_is_not_there() {
    let mut failures_met = 0;
    for sync in 0..60 {
        let disk = MemoryDisk::new();
        disk.fail_sync_after(sync);
        let Ok((mut log, _)) = disk.open() else {
            check(&disk, 0, &format!("sync {sync} failed while opening"));
            continue;
        };
        let acknowledged = (0..BATCHES).find(|n| append(&mut log, &told(*n)).is_err()).unwrap_or(BATCHES);
        assert_eq!(log.is_ended(), acknowledged < BATCHES || log.prepare(0) == Err(LogError::Ended));
        if log.is_ended() {
            failures_met += 1;
            for _ in 0..3 {
                assert_eq!(append(&mut log, &told(acknowledged)).err(), Some(LogError::Ended));
                assert_eq!(log.prepare(1), Err(LogError::Ended));
            }
        }
        disk.fail_sync_after(u64::MAX);
        // Reading goes on, and shows what was acknowledged.
        assert_eq!(all(&log).len(), usize::try_from(acknowledged).unwrap());
        drop(log);
        let there = check(&disk, acknowledged, &format!("sync {sync} failed"));
        disk.restart(Unsynced::Lost);
        assert_eq!(check(&disk, there, "after a power cut"), there, "what counted once counts for ever");
    }
    assert!(failures_met > 15, "{failures_met}");
}

#[test]
fn a_full_disk_refuses_the_batch_and_takes_it_when_there_is_room() {
    for room in (20_000..60_000).step_by(700) {
        let disk = MemoryDisk::new();
        let (mut log, _) = disk.open().unwrap();
        disk.set_bytes_max(Some(room));
        let refused = (0..).find(|n| append(&mut log, &told(*n)).is_err()).unwrap();
        assert_eq!(append(&mut log, &told(refused)).err(), Some(LogError::Full));
        assert!(!log.is_ended());
        assert_eq!(all(&log), (0..refused).map(told).collect::<Vec<_>>());
        assert!(!disk.names().contains(&"next.new".to_owned()));
        // Closed and opened while it is still full, as far as the small files fit.
        drop(log);
        disk.set_bytes_max(Some(room + 8192));
        let (mut log, opened) = disk.open().unwrap();
        assert_eq!(opened.torn, None);
        assert_eq!(all(&log), (0..refused).map(told).collect::<Vec<_>>());
        disk.set_bytes_max(None);
        for n in refused..refused + 20 {
            append(&mut log, &told(n)).unwrap();
        }
        drop(log);
        assert_eq!(all(&disk.open().unwrap().0).len(), usize::try_from(refused).unwrap() + 20);
    }
}

#[test]
fn archiving_makes_room() {
    let disk = MemoryDisk::new();
    let (mut log, _) = disk.open().unwrap();
    disk.set_bytes_max(Some(40_000));
    let refused = (0..).find(|n| append(&mut log, &told(*n)).is_err()).unwrap();
    assert!(log.archive_below(log.head().sequence).unwrap() > 0);
    assert!(append(&mut log, &told(refused)).is_ok());
}

#[test]
fn a_disk_that_fails_in_a_write_ends_writing() {
    let disk = MemoryDisk::new();
    let (mut log, _) = disk.open().unwrap();
    append(&mut log, &told(0)).unwrap();
    disk.cut_after(0);
    assert!(matches!(append(&mut log, &told(1)), Err(LogError::Disk(_))));
    disk.restart(Unsynced::Kept);
    assert_eq!(append(&mut log, &told(1)).err(), Some(LogError::Ended));
    assert!(log.is_ended());
    drop(log);
    assert_eq!(all(&Log::open(disk, OPTIONS).unwrap().0), [told(0)]);
}
