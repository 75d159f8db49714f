//! Measures the log against bare writes of the same bytes into a zero-filled file, each followed by fdatasync, in alternating slices.
//!
//! `cargo run --release -p symbolon-log --example throughput [FOLDER]`
//!
//! A ratio is the median over the pairs of slices; above 1 the log is faster than the bare writes. The last row shows
//! what the pointer costs: bare writes followed by an unsynced write into a second file, against bare writes alone.
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use symbolon_log::{FileDisk, Log, Options};

const SLICE: Duration = Duration::from_millis(300);
const PAIRS: usize = 11;
const SEGMENT_BYTES: u64 = 512 * 1024 * 1024;
const RECORD_BYTES: usize = 200;

type Outcome = Result<(), Box<dyn Error>>;

/// A zero-filled file that is written round and round.
struct Bare {
    file: File,
    offset: u64,
    other: Option<File>,
}

impl Bare {
    fn create(folder: &Path, other: bool) -> Result<Self, Box<dyn Error>> {
        let file = File::create(folder.join("bare"))?;
        let zeros = vec![0; 1 << 20];
        for offset in (0..SEGMENT_BYTES).step_by(1 << 20) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        let other = if other { Some(File::create(folder.join("other"))?) } else { None };
        Ok(Self { file, offset: 0, other })
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome {
        let len = u64::try_from(bytes.len())?;
        if self.offset + len > SEGMENT_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(bytes, self.offset)?;
        self.file.sync_data()?;
        if let Some(other) = &self.other {
            other.write_all_at(&bytes[..100], self.offset / 4096 % 2 * 4096)?;
        }
        self.offset += len;
        Ok(())
    }
}

/// How often `step` ran in a slice, in 1/s.
fn rate(mut step: impl FnMut() -> Outcome) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut steps = 0_u32;
    while start.elapsed() < SLICE {
        step()?;
        steps += 1;
    }
    Ok(f64::from(steps) / start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One row: the log's appends against bare writes of `bare_bytes`.
fn row(
    name: &str,
    folder: &Path,
    records: &[&[u8]],
    bare_bytes: usize,
    segment_bytes: u64,
    ahead: bool,
) -> Outcome {
    let (mut log, _) =
        Log::open(FileDisk::open(folder.join("log"))?, Options { segment_bytes, ..Options::default() })?;
    let mut bare = Bare::create(folder, false)?;
    let bytes = vec![0x5A; bare_bytes];
    let (mut ours, mut limit, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=PAIRS {
        if ahead {
            log.prepare(u64::MAX)?;
        }
        let log_rate = rate(|| {
            black_box(log.append(0, records)?);
            Ok(())
        })?;
        let bare_rate = rate(|| bare.write(&bytes))?;
        if pair > 0 {
            (ours, limit, ratios) = push((ours, limit, ratios), log_rate, bare_rate);
        }
        let end = log.head().sequence;
        log.archive_below(end)?;
    }
    println!(
        "{name:34} {:9.1} appends/s  bare {:9.1}/s  ratio {:.3}",
        median(ours),
        median(limit),
        median(ratios)
    );
    drop(log);
    std::fs::remove_dir_all(folder.join("log"))?;
    Ok(())
}

type Rates = (Vec<f64>, Vec<f64>, Vec<f64>);

fn push(mut rates: Rates, ours: f64, limit: f64) -> Rates {
    rates.0.push(ours);
    rates.1.push(limit);
    rates.2.push(ours / limit);
    rates
}

/// What an unsynced write into a second file does to the sync of the first.
fn pointer_row(folder: &Path) -> Outcome {
    let bytes = vec![0x5A; 4096];
    let mut with = Bare::create(folder, true)?;
    let mut without = Bare { file: with.file.try_clone()?, offset: 0, other: None };
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        ratios.push(rate(|| with.write(&bytes))? / rate(|| without.write(&bytes))?);
    }
    println!("{:34} ratio {:.3}", "bare 4 KiB, with a second file", median(ratios));
    Ok(())
}

fn main() -> Outcome {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("symbolon-throughput-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let record = vec![0x5A; RECORD_BYTES];
    let full: Vec<&[u8]> = vec![&record; (1 << 20) / RECORD_BYTES];
    let full_bytes = full.len() * RECORD_BYTES;
    row("1 MiB batches, prepared", &folder, &full, full_bytes, SEGMENT_BYTES, true)?;
    row("1 MiB batches, 64 MiB segments", &folder, &full, full_bytes, 64 << 20, false)?;
    row("single record, prepared", &folder, &[&record], 4096, SEGMENT_BYTES, true)?;
    row("single record, 64 MiB segments", &folder, &[&record], 4096, 64 << 20, false)?;
    pointer_row(&folder)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
