//! The machine as others use it: over disks that fail, tables that lag behind, threads, and processes that are killed.
mod crash;
mod full;
mod golden;
mod halt;
mod idempotency;
mod kill;
mod order;
mod verify;
mod world;
mod writer;
