//! `symbolon bench`: what this machine does, beside what it could do.
//!
//! ```text
//!   row:  sides made ─► warm-up ─► same result? ─► ours, limit, ours, limit, …  (nine pairs or more) ─► same result? ─► medians
//! ```
//! Each row is one line of [`ROWS`]; its two sides live in a file of their own. Diagnostics and progress go to standard error.
//!
//! **Invariant:** a row has figures only if both its sides gave the same result before and after they were measured.
mod dukpt_aes;
mod dukpt_tdes;
mod emv;
mod folder;
mod grant;
mod host;
mod iso8583;
mod journal;
mod journal_durable;
mod log;
mod measure;
mod memory_disk;
mod sample;
mod settle;
mod verify;

use crate::args;
use crate::report::{Failure, Outcome, Report};
use folder::Folder;
use lexopt::Arg::Long;
use measure::{Clock, Figures, PAIRS_MIN, Plan, SLICE, Sides, Trouble, measure};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use symbolon_types::CoreRefusal;

/// Seconds of measuring in one row, unless told.
const SECONDS: f64 = 4.0;
/// The most seconds that a row is given.
const SECONDS_MAX: f64 = 3600.0;

/// How a row's figures are told. A ratio above 1 is better than the limit in each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// What a run counts are bytes.
    MegabytesPerSecond,
    /// What a run counts are these.
    PerSecond(&'static str),
    /// One operation's time, the mean over a slice.
    Microseconds,
}

/// One row.
struct Row {
    name: &'static str,
    unit: Unit,
    clock: Clock,
    /// Whether one run is one operation, whose percentiles mean something.
    single: bool,
    limit_is: &'static str,
    sides: fn(&Path) -> Result<Sides, Trouble>,
}

/// The limit of the rows of AES DUKPT batches.
const DUKPT_AES_LIMIT: &str = "one AES-128 key schedule and one block for each step of the same 256 keys (a step for each one in the counter, and one for the working \
                               key), each step's key the block before it, eight keys side by side in the form that is fastest here without unsafe \
                               (dukpt::aes::lanes), the derivation data put together before; ours is dukpt::aes::working_keys, 256 pairs of a \
                               cached initial key and a KSN a call: the checks, the derivation data, keys by usage, and their wiping with it";

/// What single derivations are held to.
const DUKPT_TDES_LIMIT: &str = "the same steps bare: for each one in the counter two key schedules and two blocks of the crate `des`; ours is \
                                dukpt::tdes::transaction_key from a cached initial key, the KSN's check and the wiping of keys with it";

const ROWS: &[Row] = &[
    Row {
        name: "log.append",
        unit: Unit::MegabytesPerSecond,
        clock: Clock::Wall,
        single: true,
        limit_is: "the records' bytes of each batch (4,096 records of 1,000 bytes, a full batch of the writer) in one pwrite and one fdatasync, into a file filled with \
                   zeros beforehand; the log's next segment is prepared beforehand too, as the writer does while it is idle",
        sides: |folder| log::full_batches(folder, true),
    },
    Row {
        name: "log.append.unprepared",
        unit: Unit::MegabytesPerSecond,
        clock: Clock::Wall,
        single: true,
        limit_is: "as for log.append, the file still filled with zeros beforehand; the log fills its segments with zeros while it appends, \
                   so that it writes every byte twice",
        sides: |folder| log::full_batches(folder, false),
    },
    Row {
        name: "log.append.one",
        unit: Unit::Microseconds,
        clock: Clock::Wall,
        single: true,
        limit_is: "the 200 bytes of the record in one pwrite and one fdatasync, into a file filled with zeros beforehand",
        sides: log::one_record,
    },
    Row {
        name: "offline-payment.verify",
        unit: Unit::PerSecond("objects/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the two Ed25519 verifications of each object (grant, object), bare, same provider, same messages; ours is \
                   payee::check_object: parsing with its proof of the one encoding, both key ids, both verifications, token, limit, \
                   verification rule, object id; 256 devices in turn",
        sides: |_| verify::sides(),
    },
    Row {
        name: "offline-payment.grant",
        unit: Unit::PerSecond("grants/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "one Ed25519 verification and one signature for each grant, bare, same provider, same messages; ours takes requests of 5 \
                   nonce tokens through Edge::open_tokens, Machine::step (log and tables in memory, a batch for each request: framing, hash, \
                   reservation in the journal) and Edge::seal_grants with the software vault; 1020 grants to 34 payers, from empty tables",
        sides: |_| grant::sides(),
    },
    Row {
        name: "offline-payment.settle",
        unit: Unit::PerSecond("objects/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the cryptography of each upload, bare, same provider, same bytes: four Ed25519 verifications (object, grant, challenge, \
                   receipt; the payee's key is on record, so no certificate is verified), the account key's HKDF derivation, one HMAC, one \
                   HPKE opening; ours takes each upload through the vault's keys for its request, Edge::open_settlement and \
                   Machine::step in batches of 100 (log and tables in memory: framing, hash, settlement and its two transfers); 1,000 \
                   uploads of 37 payers to 20 payees, from empty settlements, of which the last is a second object on the nonce of the \
                   first: one in 1,000 is settled from loss, with evidence and conviction, or the row fails; both sides give the same \
                   verdicts, also on uploads with one of each signature, the proof and the audit altered",
        sides: |_| settle::sides(&sample::CRYPTO),
    },
    Row {
        name: "emv.cryptogram",
        unit: Unit::PerSecond("cryptograms/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the 20 DES blocks and 6 key schedules of each check, bare, same provider, same keys: 6 blocks for the ICC master key \
                   (option A), 6 for the session key (CVN 18), 8 for the MAC of 40 bytes; ours is emv::verify from the issuer's master key: \
                   digits, both derivations with parity, padding, MAC, comparison; 1,024 cards in turn",
        sides: |_| emv::single(),
    },
    Row {
        name: "emv.cryptogram.batch",
        unit: Unit::PerSecond("cryptograms/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the same 1,024 cryptograms by emv::verify, one by one; ours is emv::verify_all, DES bitsliced over all of them",
        sides: |_| emv::batch(),
    },
    Row {
        name: "iso8583.decode",
        unit: Unit::PerSecond("messages/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the 165 bytes of each message copied into a buffer and their lengths summed: it looks at none of them; ours is \
                   Dialect::decode of a 0200 of ISO 8583:1987 in ASCII with 15 fields (2, 3, 4, 7, 11, 12, 13, 22, 25, 35, 37, 38, 41, 42, \
                   49): type, bitmap, lengths, the characters of every field; 64 messages in turn",
        sides: |_| iso8583::decode(),
    },
    Row {
        name: "iso8583.encode",
        unit: Unit::PerSecond("messages/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "as for iso8583.decode; ours is Dialect::encode of the 15 values into a buffer used again, each checked, and a copy of the \
                   message out of it",
        sides: |_| iso8583::encode(),
    },
    Row {
        name: "iso8583.answer",
        unit: Unit::PerSecond("messages/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the bytes of each response, made beforehand, copied into a buffer and their lengths summed; ours is Dialect::decode of the \
                   0200 and Message::changed to its 0210: field 35 out, 38 and 39 in",
        sides: |_| iso8583::answer(),
    },
    #[cfg(feature = "peers")]
    Row {
        name: "iso8583.decode@iso_8583_rs",
        unit: Unit::PerSecond("messages/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "Message::parse of the crate iso_8583_rs 0.2.2 on the messages of iso8583.decode, with the same types; field 35 is printable \
                   characters on both sides, for the crate has no type for tracks",
        sides: |_| iso8583::peers::decode(),
    },
    #[cfg(feature = "peers")]
    Row {
        name: "iso8583.encode@iso_8583_rs",
        unit: Unit::PerSecond("messages/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "Builder::new, set and pack_into of the crate iso_8583_rs 0.2.2 on the values of iso8583.encode, into a buffer used again",
        sides: |_| iso8583::peers::encode(),
    },
    Row {
        name: "host.authorise",
        unit: Unit::PerSecond("payments/s"),
        clock: Clock::Wall,
        single: false,
        limit_is: "one thread: the working keys of each message from the base key, code checked, track opened, HMAC, AES-GCM, the answer's code; then one \
                   write and sync of the messages. Ours: 256 messages at once through Acquirer::answer, vault in process: TDES DUKPT, retail MACs, \
                   track 2, token, sealing, hold and capture, synced. No PIN and no cryptogram: those go on to processors",
        sides: |folder| host::sides(folder, 256),
    },
    Row {
        name: "host.authorise.tcp",
        unit: Unit::Microseconds,
        clock: Clock::Wall,
        single: true,
        limit_is: "as for host.authorise with one message; ours is one payment after the other over loopback, framing and listener, durable",
        sides: host::tcp,
    },
    Row {
        name: "journal.durable.1",
        unit: Unit::PerSecond("transfers/s"),
        clock: Clock::Wall,
        single: true,
        limit_is: "as for journal.durable.8190; ours is Machine::step with 1 transfer",
        sides: |folder| journal_durable::sides(folder, 1),
    },
    Row {
        name: "journal.durable.100",
        unit: Unit::PerSecond("transfers/s"),
        clock: Clock::Wall,
        single: true,
        limit_is: "as for journal.durable.8190; ours is Machine::step with 100 transfers",
        sides: |folder| journal_durable::sides(folder, 100),
    },
    Row {
        name: "journal.durable.8190",
        unit: Unit::PerSecond("transfers/s"),
        clock: Clock::Wall,
        single: true,
        limit_is: "the records' bytes of each batch in one pwrite and one fdatasync, into a file filled with zeros beforehand; ours is Machine::step with 8190 transfers in a batch, one command each, log on the disk, tables in memory: encoding checked, framing, hash chain, sync, both accounts, the transfer kept by its id",
        sides: |folder| journal_durable::sides(folder, 8190),
    },
    Row {
        name: "journal.memory",
        unit: Unit::PerSecond("transfers/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the same transfers on a HashMap of 16-byte ids to (debits, credits) with a HashSet of transfer ids and the check of the \
                   debit's limit: it keeps no transfer, no order and no encoding; ours is execute_all, one transfer a chain, over MemoryRows \
                   (rows encoded and sorted); 1000 accounts, from an empty list of transfers to 20,000",
        sides: |_| journal::sides(),
    },
    Row {
        name: "dukpt.aes.1",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_AES_LIMIT,
        sides: |_| dukpt_aes::batch(1),
    },
    Row {
        name: "dukpt.aes.8",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_AES_LIMIT,
        sides: |_| dukpt_aes::batch(8),
    },
    Row {
        name: "dukpt.aes.16",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_AES_LIMIT,
        sides: |_| dukpt_aes::batch(16),
    },
    Row {
        name: "dukpt.aes.8@rustcrypto",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the same 256 keys with the crate aes as one writes it: for each of the nine steps a new aes::Aes128, one block, the derivation data \
                   put together before; ours as for dukpt.aes.8",
        sides: |_| dukpt_aes::rustcrypto(8),
    },
    Row {
        name: "dukpt.aes.8.single",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the nine steps of each key, one after the other, with aes::Aes128Enc: schedule and one block, the derivation data put together before; ours \
                   is dukpt::aes::transaction and its working_key, one key a call",
        sides: |_| dukpt_aes::single(8),
    },
    Row {
        name: "dukpt.tdes.1",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_TDES_LIMIT,
        sides: |_| dukpt_tdes::singles(1),
    },
    Row {
        name: "dukpt.tdes.5",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_TDES_LIMIT,
        sides: |_| dukpt_tdes::singles(5),
    },
    Row {
        name: "dukpt.tdes.10",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: DUKPT_TDES_LIMIT,
        sides: |_| dukpt_tdes::singles(10),
    },
    Row {
        name: "dukpt.tdes.batch",
        unit: Unit::PerSecond("keys/s"),
        clock: Clock::ThreadCpu,
        single: false,
        limit_is: "the plain way over the crate `des`: for each step of each key two new ciphers and a block under each; ours is \
                   dukpt::tdes::transaction_keys, 2,048 pairs of an initial key and a KSN a call (each pair another key, counters of 5 ones at \
                   random places): sorting by ones, into planes, 5 steps of bitsliced DES over 512 lanes, out of planes, keys wiped",
        sides: |_| dukpt_tdes::batch(),
    },
];

/// What was asked for.
struct Asked {
    only: Vec<String>,
    seconds: f64,
    data: PathBuf,
}

impl Asked {
    fn read(mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let mut asked = Self { only: Vec::new(), seconds: SECONDS, data: PathBuf::from(".") };
        while let Some(arg) = parser.next()? {
            match arg {
                Long("only") => asked.only.push(name(parser.value()?)?),
                Long("seconds") => asked.seconds = seconds(parser.value()?)?,
                Long("data") => asked.data = parser.value()?.into(),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(asked)
    }

    /// The rows that were asked for, in the table's order; all where none was named.
    fn rows(&self) -> Result<Vec<&'static Row>, Failure> {
        if let Some(unknown) = self.only.iter().find(|only| !ROWS.iter().any(|row| takes(only, row.name))) {
            let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            return Err(Failure::Misuse(format!(
                "no row is named `{unknown}`; there are {}",
                known.join(", ")
            )));
        }
        let asked = |row: &&Row| self.only.is_empty() || self.only.iter().any(|only| takes(only, row.name));
        Ok(ROWS.iter().filter(asked).collect())
    }
}

/// Names are case-blind, and `_` is `-`.
fn name(value: OsString) -> Result<String, Failure> {
    Ok(args::text(value)?.to_lowercase().replace('_', "-"))
}

fn seconds(value: OsString) -> Result<f64, Failure> {
    let seconds: f64 = args::number("--seconds", value)?;
    if seconds > 0.0 && seconds <= SECONDS_MAX {
        Ok(seconds)
    } else {
        Err(Failure::Misuse(format!("--seconds: above 0, at most {SECONDS_MAX}")))
    }
}

/// `--only X` takes X, X.* and X@*.
fn takes(only: &str, name: &str) -> bool {
    name.strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '@']))
}

/// Runs the command.
pub fn run(parser: lexopt::Parser, _json: bool) -> Outcome {
    let asked = Asked::read(parser)?;
    let rows = asked.rows()?;
    let plan = Plan::of_seconds(asked.seconds);
    if asked.seconds < plan.seconds() && plan.pairs == PAIRS_MIN {
        eprintln!(
            "--seconds {} raised to {}: {PAIRS_MIN} pairs of slices of {SLICE:?}",
            asked.seconds,
            plan.seconds()
        );
    }
    let folder = Folder::create(&asked.data).map_err(|error| unusable(&asked.data, &error))?;
    eprintln!("machine: {}", folder::machine(folder.path()));
    let mut measured = Vec::new();
    for row in rows {
        eprint!("{:24} ", row.name);
        let figures = one(row, &plan, &folder).map_err(|trouble| failed(row, &trouble))?;
        eprintln!("ratio {:.3}", figures.ratio);
        measured.push((row, figures));
    }
    Ok(report(&measured))
}

/// Measures one row, in a folder of its own that is removed with it.
fn one(row: &Row, plan: &Plan, folder: &Folder) -> Result<Figures, Trouble> {
    let folder = Folder::create(folder.path()).map_err(Trouble::Io)?;
    let mut sides = (row.sides)(folder.path())?;
    measure(&mut sides, plan, row.clock)
}

fn unusable(data: &Path, error: &std::io::Error) -> Failure {
    Failure::Misuse(format!("{}: {error}", data.display()))
}

/// Two sides that differ are a finding; a side that could not work is a call that cannot be answered.
fn failed(row: &Row, trouble: &Trouble) -> Failure {
    eprintln!("{trouble}");
    match trouble {
        Trouble::Differ => Failure::Refused {
            refused: CoreRefusal::Damaged.refused(),
            more: json!({ "row": row.name, "finding": trouble.to_string() }),
        },
        other => Failure::Misuse(format!("{}: {other}", row.name)),
    }
}

fn report(measured: &[(&Row, Figures)]) -> Report {
    let json = measured.iter().map(|(row, figures)| line(row, figures)).collect();
    let mut text = format!(
        "{:24} {:>11} {:>12} {:>12} {:>7} {:>9} {:>9}\n",
        "name", "unit", "ours", "limit", "ratio", "p50 µs", "p99 µs"
    );
    for (row, figures) in measured {
        let [ours, limit] = [figures.ours, figures.limit].map(|rate| format!("{:.1}", row.unit.figure(rate)));
        let [p50, p99] =
            percentiles(row, figures).map(|us| us.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}")));
        let (name, unit, ratio) = (row.name, row.unit.name(), figures.ratio);
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{name:24} {unit:>11} {ours:>12} {limit:>12} {ratio:7.3} {p50:>9} {p99:>9}");
    }
    for (row, _) in measured {
        let _ = writeln!(text, "\nlimit of {}: {}", row.name, row.limit_is);
    }
    Report { json, text }
}

fn line(row: &Row, figures: &Figures) -> Value {
    let [p50, p99] = percentiles(row, figures);
    json!({
        "name": row.name, "unit": row.unit.name(),
        "ours": rounded(row.unit.figure(figures.ours)), "limit": rounded(row.unit.figure(figures.limit)),
        "limit_is": row.limit_is, "ratio": rounded(figures.ratio),
        "p50_us": p50.map(rounded), "p99_us": p99.map(rounded),
    })
}

fn percentiles(row: &Row, figures: &Figures) -> [Option<f64>; 2] {
    [50, 99].map(|percent| if row.single { figures.percentile_us(percent) } else { None })
}

/// To three decimals: more is noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::MegabytesPerSecond => "MB/s",
            Self::PerSecond(of) => of,
            Self::Microseconds => "µs",
        }
    }

    /// From what was counted in one second.
    fn figure(self, per_second: f64) -> f64 {
        match self {
            Self::MegabytesPerSecond => per_second / 1e6,
            Self::PerSecond(_) => per_second,
            Self::Microseconds => 1e6 / per_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn asked(words: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let asked = Asked::read(lexopt::Parser::from_args(words))?;
        Ok(asked.rows()?.iter().map(|row| row.name).collect())
    }

    fn misuse(words: &[&str]) -> String {
        match asked(words) {
            Err(Failure::Misuse(why)) => why,
            _ => panic!("{words:?} was understood"),
        }
    }

    #[test]
    fn only_takes_a_name_its_variants_and_its_peers() {
        assert!(takes("log.append", "log.append"));
        assert!(takes("log.append", "log.append.one"));
        assert!(takes("log.append", "log.append@peer"));
        assert!(takes("log", "log.append"));
        assert!(!takes("log.append.one", "log.append"));
        assert!(!takes("log.app", "log.append"));
        assert!(!takes("append", "log.append"));
    }

    #[test]
    fn rows_are_chosen_by_name_in_any_spelling() {
        assert_eq!(asked(&[]).ok().map(|rows| rows.len()), Some(ROWS.len()));
        assert_eq!(asked(&["--only", "Offline_Payment.Verify"]).ok(), Some(vec!["offline-payment.verify"]));
        let two = asked(&["--only", "journal", "--only", "offline-payment"]).ok();
        assert_eq!(
            two,
            Some(vec![
                "offline-payment.verify",
                "offline-payment.grant",
                "offline-payment.settle",
                "journal.durable.1",
                "journal.durable.100",
                "journal.durable.8190",
                "journal.memory"
            ])
        );
        assert!(misuse(&["--only", "log.appen"]).contains("log.append.one"));
        assert!(misuse(&["--only", ""]).contains("no row"));
        misuse(&["--fast"]);
    }

    #[test]
    fn seconds_are_a_number_in_range() {
        let read = |text: &str| seconds(text.into()).ok();
        assert_eq!(read("1.5").map(f64::to_bits), Some(1.5f64.to_bits()));
        for wrong in ["0", "-1", "NaN", "inf", "3601", "four"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn every_row_runs_and_its_sides_agree() {
        let folder = Folder::create(&std::env::temp_dir()).unwrap();
        let plan = Plan { pairs: 1, slice: Duration::from_millis(1) };
        for row in ROWS {
            let figures =
                one(row, &plan, &folder).unwrap_or_else(|trouble| panic!("{}: {trouble}", row.name));
            assert!(figures.ours > 0.0 && figures.limit > 0.0 && figures.ratio > 0.0, "{}", row.name);
            let line = line(row, &figures);
            assert_eq!(line["p99_us"].is_null(), !row.single, "{}", row.name);
            assert_eq!(line.as_object().unwrap().len(), 8);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a row leaves nothing behind");
    }

    #[test]
    fn a_latency_is_the_inverse_of_a_rate() {
        assert_eq!(rounded(Unit::Microseconds.figure(8000.0)).to_bits(), 125.0f64.to_bits());
        assert_eq!(rounded(Unit::MegabytesPerSecond.figure(1_500_000.0)).to_bits(), 1.5f64.to_bits());
    }
}
