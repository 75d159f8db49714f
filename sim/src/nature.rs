//! What happens to everybody: time passes, the platform dies and comes back, its disk fails, clocks jump, links are cut, the weather turns.
use crate::network::{Node, PLATFORM, Packet, Weather};
use crate::platform::{Down, unsynced};
use crate::tally::{Broken, Held};
use crate::world::{Common, Part};
use symbolon_log::memory::Unsynced;
use symbolon_machine::Answer;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The part that is no system.
#[derive(Debug, Default)]
pub struct Nature;

/// How much room is left on a disk that is said to be full, at the most.
const ROOM_BYTES: u64 = 12 * 1024;

impl Part for Nature {
    fn name(&self) -> &'static str {
        "nature"
    }

    fn actions(&self) -> &'static [(&'static str, u64)] {
        &[
            ("wait-seconds", 14),
            ("wait-minutes", 7),
            ("wait-hours", 3),
            ("wait-days", 1),
            ("platform-killed", 2),
            ("platform-power-cut", 4),
            ("platform-start", 4),
            ("sync-fails", 2),
            ("disk-full", 4),
            ("disk-freed", 1),
            ("checkpoint-fails", 1),
            ("platform-clock-jumps", 1),
            ("link-cut", 3),
            ("bad-weather", 2),
        ]
    }

    fn found(&mut self, _: &mut Common) -> Held {
        Ok(())
    }

    fn act(&mut self, world: &mut Common, what: &'static str) -> Held {
        world.tally.action(what);
        match what {
            "wait-seconds" => wait(world, SECOND, 30 * SECOND),
            "wait-minutes" => wait(world, MINUTE, 30 * MINUTE),
            "wait-hours" => wait(world, HOUR, 12 * HOUR),
            "wait-days" => wait(world, 24 * HOUR, 96 * HOUR),
            "platform-killed" => {
                stop(world, Down::Killed, "platform-killed");
            }
            "platform-power-cut" => cut_power(world),
            "platform-start" => return start(world),
            "sync-fails" => {
                let syncs = world.rng.below(3);
                world.platform.disk.memory.fail_sync_after(syncs);
                world.tally.fault("sync-fails");
            }
            "disk-full" => {
                let room = world.rng.below(ROOM_BYTES);
                let bytes = world.platform.disk.bytes_used() + room;
                world.platform.disk.memory.set_bytes_max(Some(bytes));
                world.tally.fault("disk-full");
            }
            "disk-freed" => world.platform.disk.memory.set_bytes_max(None),
            "checkpoint-fails" => world.platform.shelf.fail_next(),
            "platform-clock-jumps" => {
                let ms = world.rng.below(2 * HOUR);
                world.platform.skew_ms = i64::try_from(ms).unwrap_or(0) - i64::try_from(HOUR).unwrap_or(0);
                world.tally.fault("platform-clock-jumps");
            }
            "link-cut" => cut_link(world),
            "bad-weather" => bad_weather(world),
            _ => {}
        }
        Ok(())
    }

    fn deliver(&mut self, _: &mut Common, _: Packet) -> Held {
        Ok(())
    }
    fn answered(&mut self, _: &mut Common, _: u64, _: Answer) -> Held {
        Ok(())
    }
    fn platform_lost(&mut self) {}
    fn check(&mut self, _: &mut Common) -> Held {
        Ok(())
    }
    fn lead_on(&mut self, world: &mut Common) -> Result<bool, Broken> {
        if world.platform.is_up() {
            return Ok(false);
        }
        world.platform.start(&mut world.tally).map(|()| true)
    }
    fn horizon_ms(&self) -> u64 {
        0
    }
    fn at_rest(&mut self, _: &mut Common) -> Held {
        Ok(())
    }
}

fn wait(world: &mut Common, low: u64, high: u64) {
    let ms = world.rng.between(low, high);
    world.wait(ms);
}

fn stop(world: &mut Common, how: Down, fault: &'static str) {
    if world.platform.is_up() {
        world.platform.stop(how);
        world.tally.fault(fault);
    }
}

/// Now, or at one of the next operations of the disk.
fn cut_power(world: &mut Common) {
    if world.rng.chance(1, 3) {
        let how = Down::Power(unsynced(&mut world.rng));
        stop(world, how, "platform-power-cut");
    } else {
        let operations = world.rng.below(10);
        world.platform.disk.memory.cut_after(operations);
        world.tally.fault("platform-power-cut");
    }
}

/// Starts a platform that is down; a full disk may be given room first.
///
/// # Errors
/// [`Broken`] by what the platform finds on its disk.
pub fn start(world: &mut Common) -> Held {
    if world.platform.is_up() {
        return Ok(());
    }
    if world.platform.disk.memory.is_cut() {
        let how = Down::Power(unsynced(&mut world.rng));
        world.platform.stop(how);
    } else if world.rng.chance(1, 3) {
        world.platform.stop(Down::Power(Unsynced::Lost));
    } else {
        world.platform.stop(Down::Killed);
    }
    if world.rng.chance(1, 2) {
        world.platform.disk.memory.set_bytes_max(None);
    }
    world.platform.start(&mut world.tally)
}

fn cut_link(world: &mut Common) {
    let nodes: Vec<Node> = world.nodes.clone();
    let Some(&one) = world.rng.pick(&nodes) else { return };
    let other = match world.rng.below(3) {
        0 => None,
        1 => Some(PLATFORM),
        _ => world.rng.pick(&nodes).copied(),
    };
    let until = world.now_ms + world.rng.between(SECOND, 10 * MINUTE);
    world.network.cut(one, other, until);
    world.tally.note(|| format!("{one} is cut off from {other:?}"));
    world.tally.fault("link-cut");
}

fn bad_weather(world: &mut Common) {
    let weather = Weather {
        loss: world.rng.below(40),
        twice: world.rng.below(40),
        delay_ms_max: world.rng.between(100, 20 * SECOND),
    };
    let until = world.now_ms + world.rng.between(SECOND, 10 * MINUTE);
    world.network.set_weather(weather, until);
    world.tally.fault("bad-weather");
}
