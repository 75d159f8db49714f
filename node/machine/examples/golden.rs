//! Writes the golden log into a folder that is not there yet: `cargo run -p symbolon-machine --example golden -- tests/golden/v2`.
//! The same inputs give the same bytes. A golden log of a release is never written again: a new version has a folder of its own.
#[path = "../tests/machine/world.rs"]
mod world;

use std::path::Path;
use symbolon_log::{FileDisk, Log};
use symbolon_machine::Machine;
use symbolon_store::MemoryTables;
use world::{NEVER, OPTIONS, digest, dump, script};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: golden FOLDER")?;
    let folder = Path::new(&folder);
    std::fs::create_dir(folder)?;
    let path = folder.join("log");
    let (log, found) = Log::open(FileDisk::open(&path)?, OPTIONS)?;
    let (mut machine, _) = Machine::open(log, found, MemoryTables::default(), NEVER)?;
    for step in script() {
        machine.step(step.at, &step.submissions)?;
    }
    let (head, rows) = (machine.head(), dump(&machine));
    drop(machine);
    // The lock, and the segment in preparation: both made anew when the log is opened.
    for name in ["lock", "next.new"] {
        let _ = std::fs::remove_file(path.join(name));
    }
    let text = format!(
        "head: {}\ncommands: {}\nrows: {}\nsha256: {}\n",
        head.hash,
        head.sequence,
        rows.len(),
        digest(&rows)
    );
    std::fs::write(folder.join("expected.txt"), text)?;
    Ok(())
}
