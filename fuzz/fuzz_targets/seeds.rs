//! `seeds FOLDER`: puts the seeds of each target into a folder of its name, beside what is there, and prints the names.
use std::path::Path;
use std::{env, fs, io};
use symbolon_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?;
    for target in TARGETS {
        let corpus = Path::new(&folder).join(target.name);
        fs::create_dir_all(&corpus)?;
        for (number, seed) in seeds(target.name).iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
        println!("{}", target.name);
    }
    Ok(())
}
