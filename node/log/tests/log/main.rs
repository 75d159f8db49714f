//! The log from outside: what every disk must give, faults of a disk in memory, and what only real files show.
mod common;
mod conformance;
mod faults;
mod files;
