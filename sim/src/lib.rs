//! The whole world on one seed: the platform's very code and the devices' very code over a simulated disk, flash, network and clocks, with
//! faults, crashes and attackers, and every invariant checked after every step.
//!
//! ```text
//!   seed ─► schedule of actions (data) ─► World ─┬─ Nature           time, crashes, disks, clocks, links, weather
//!              ▲                                 ├─ OfflinePayment   phones, authenticators, payees, attackers
//!              │                                 └─ …                one Part a system
//!              │       platform: Log over MemoryDisk, tables, Machine, Writer taken turn by turn, vault
//!              └── shrink ◄── broken invariant     ─► Report
//! ```
//! A system joins with one module that implements [`Part`] and one line in `run.rs`.
//!
//! **Invariant:** a report is a function of the seed, the number of steps, and the code: no clock, no entropy, no order of a hash table.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod crypto;
mod disk;
mod nature;
mod network;
mod offline_payment;
mod platform;
mod rng;
mod run;
mod shrink;
mod tally;
mod world;

pub use run::{Failure, Report, STEPS_USUAL, Shrunk, actions, every_action, play, run, run_with, shrunk};
pub use tally::{Broken, Counts};
pub use world::{Action, Planted};
