//! Packets between parties: delayed, lost, doubled, out of order, or cut off.
//!
//! **Invariant:** a packet arrives with the bytes that were sent, or not at all; who changes bytes is an attacker, and acts as one.
use crate::rng::Rng;
use crate::tally::Tally;
use std::collections::BTreeMap;

/// A party: 0 is the platform, every part numbers its own from 100 × its place on.
pub type Node = u32;

/// The platform.
pub const PLATFORM: Node = 0;

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whose packet: the place of the part in the world.
    pub part: usize,
    /// From whom.
    pub from: Node,
    /// To whom.
    pub to: Node,
    /// What kind, in the part's own numbers.
    pub kind: u8,
    /// Which request, where it is a request or its answer.
    pub id: u64,
    /// The message.
    pub bytes: Vec<u8>,
}

/// How bad the weather is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Packets lost, of 100.
    pub loss: u64,
    /// Packets that arrive twice, of 100.
    pub twice: u64,
    /// The longest delay in milliseconds.
    pub delay_ms_max: u64,
}

/// Nothing is lost.
pub const CALM: Weather = Weather { loss: 0, twice: 0, delay_ms_max: 50 };

/// The usual.
pub const FAIR: Weather = Weather { loss: 3, twice: 3, delay_ms_max: 1500 };

/// A link that is cut, until a time; `None` for the other end stands for everybody.
#[derive(Clone, Copy, Debug)]
struct Cut {
    one: Node,
    other: Option<Node>,
    until_ms: u64,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    queue: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    cuts: Vec<Cut>,
    weather: Weather,
    weather_until_ms: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), sent: 0, cuts: Vec::new(), weather: CALM, weather_until_ms: u64::MAX }
    }
}

impl Network {
    /// Sends a packet at `now_ms`.
    pub fn send(&mut self, rng: &mut Rng, tally: &mut Tally, now_ms: u64, packet: Packet) {
        if now_ms >= self.weather_until_ms {
            (self.weather, self.weather_until_ms) = (FAIR, u64::MAX);
        }
        if rng.chance(self.weather.loss, 100) {
            tally.fault("packet-lost");
            return;
        }
        if rng.chance(self.weather.twice, 100) {
            tally.fault("packet-twice");
            self.put(rng, now_ms, packet.clone());
        }
        self.put(rng, now_ms, packet);
    }

    fn put(&mut self, rng: &mut Rng, now_ms: u64, packet: Packet) {
        self.sent += 1;
        let at = now_ms + 1 + rng.below(self.weather.delay_ms_max);
        self.queue.insert((at, self.sent), packet);
    }

    /// The next packet that arrives at `until_ms` or before, and when.
    pub fn arrives(&mut self, tally: &mut Tally, until_ms: u64) -> Option<(u64, Packet)> {
        loop {
            let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= until_ms)?;
            let ((at, number), packet) = entry.remove_entry();
            if self.is_cut(at, packet.from, packet.to) {
                tally.fault("packet-cut-off");
                continue;
            }
            if self.queue.values().next().is_some() && self.sent > number + 1 && self.overtaken(number) {
                tally.fault("packet-overtaken");
            }
            return Some((at, packet));
        }
    }

    /// Whether a packet that was sent later has arrived, or will, before one that was sent earlier: an earlier one still waits.
    fn overtaken(&self, number: u64) -> bool {
        self.queue.keys().any(|(_, waiting)| *waiting < number)
    }

    fn is_cut(&self, at: u64, from: Node, to: Node) -> bool {
        self.cuts.iter().any(|cut| {
            let touches = |node: Node| cut.one == node;
            let both = cut.other.is_none_or(|other| other == from || other == to);
            at < cut.until_ms && (touches(from) || touches(to)) && both
        })
    }

    /// Cuts `one` off from `other`, or from everybody, until a time.
    pub fn cut(&mut self, one: Node, other: Option<Node>, until_ms: u64) {
        self.cuts.retain(|cut| cut.until_ms > 0);
        self.cuts.push(Cut { one, other, until_ms });
    }

    /// Changes the weather until a time; fair afterwards.
    pub fn set_weather(&mut self, weather: Weather, until_ms: u64) {
        (self.weather, self.weather_until_ms) = (weather, until_ms);
    }

    /// Heals everything, for good.
    pub fn calm(&mut self) {
        self.cuts.clear();
        self.set_weather(CALM, u64::MAX);
    }

    /// When the last packet under way arrives.
    #[must_use]
    pub fn last_arrival(&self) -> Option<u64> {
        self.queue.last_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8) -> Packet {
        Packet { part: 0, from: 1, to: PLATFORM, kind, id: 0, bytes: Vec::new() }
    }

    #[test]
    fn a_cut_link_delivers_nothing_and_a_healed_one_does() {
        let (mut network, mut rng, mut tally) = (Network::default(), Rng::new(1), Tally::default());
        network.send(&mut rng, &mut tally, 0, packet(1));
        network.cut(1, Some(PLATFORM), 1000);
        assert_eq!(network.arrives(&mut tally, 999), None);
        assert_eq!(tally.faults["packet-cut-off"], 1);
        network.send(&mut rng, &mut tally, 1000, packet(2));
        assert_eq!(network.arrives(&mut tally, 5000).map(|(_, packet)| packet.kind), Some(2));
        network.cut(2, None, 9000);
        network.send(&mut rng, &mut tally, 1000, packet(3));
        assert!(network.arrives(&mut tally, 5000).is_some(), "another link is cut");
    }

    #[test]
    fn bad_weather_loses_doubles_and_overtakes() {
        let (mut network, mut rng, mut tally) = (Network::default(), Rng::new(1), Tally::default());
        network.set_weather(Weather { loss: 30, twice: 30, delay_ms_max: 1000 }, u64::MAX);
        (0..200).for_each(|at| network.send(&mut rng, &mut tally, at, packet(1)));
        while network.arrives(&mut tally, u64::MAX).is_some() {}
        assert!(
            ["packet-lost", "packet-twice", "packet-overtaken"].iter().all(|name| tally.faults[name] > 10)
        );
    }
}
