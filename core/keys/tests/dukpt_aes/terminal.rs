//! The terminal beside the host over the whole range of the counter, its records, and stores that lose power or writes.
use super::{Chance, ID, aes_key};
use symbolon_keys::dukpt::DukptError;
use symbolon_keys::dukpt::aes::terminal::RECORD_BYTES_MAX;
use symbolon_keys::dukpt::aes::{
    COUNTER_LAST, COUNTER_UPDATE, InitialKeyId, Ksn, Terminal, initial_key, transaction, update_key,
};
use symbolon_keys::keyblock::{self, Deprecated, Exportability, Header, Operation, OptionalBlock, Version};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::hex_parse;
use symbolon_wire::parts::crc32;

fn initial(length: usize) -> Key<usage::Initial> {
    aes_key(&Chance(length.try_into().unwrap()).bytes(length))
}

/// A record of these bytes, with its checksum.
fn summed(mut body: Vec<u8>) -> Vec<u8> {
    body.extend(crc32(&body).to_be_bytes());
    body
}

/// A terminal before the transaction of `counter`, made from the host's side: its record is written by hand.
fn terminal_at(initial: &Key<usage::Initial>, counter: u32) -> Terminal {
    let mut record = vec![1, [2, 3, 4][initial.algorithm().key_len() / 8 - 2]];
    record.extend(ID.0);
    record.extend(counter.to_be_bytes());
    record.extend(update_key(initial, ID, None).unwrap().reveal());
    let lowest = counter & counter.wrapping_neg();
    for bit in (0..32).rev().map(|place| 1_u32 << place) {
        let above = counter & !(bit | (bit - 1));
        let future = bit > lowest && counter & bit == 0 && above.count_ones() < 16;
        if bit == lowest || future {
            let ksn = Ksn { id: ID, counter: above | bit };
            record.extend(transaction(initial, &ksn).unwrap().key().reveal());
        }
    }
    Terminal::from_record(&summed(record)).unwrap()
}

/// The transaction's key is the host's, and the record after it holds that key nowhere, nor any of a counter before it.
fn step(terminal: Terminal, initial: &Key<usage::Initial>) -> Terminal {
    let counter = terminal.counter().unwrap();
    let (after, made) = terminal.next().unwrap().stored(|_| Ok::<_, DukptError>(())).unwrap();
    assert_eq!(made.ksn(), Ksn { id: ID, counter });
    let host = transaction(initial, &made.ksn()).unwrap();
    assert_eq!(made.key().reveal(), host.key().reveal(), "{counter:08X}");
    assert_eq!(
        made.working_key::<usage::Pin>(KeyAlgorithm::Aes128).unwrap().reveal(),
        host.working_key::<usage::Pin>(KeyAlgorithm::Aes128).unwrap().reveal()
    );
    let record = after.record();
    let length = initial.algorithm().key_len();
    assert!(record.reveal().windows(length).all(|window| window != made.key().reveal()), "{counter:08X}");
    assert!(record.reveal().windows(length).all(|window| window != initial.reveal()));
    assert_eq!(after.counter(), made.ksn().next().map(|ksn| ksn.counter));
    after
}

#[test]
fn the_terminal_walks_with_the_host_from_the_first_counter() {
    for length in [16, 24, 32] {
        let initial = initial(length);
        let mut terminal = Terminal::load(&initial, ID).unwrap();
        assert_eq!(terminal.record().reveal().len(), 14 + 33 * length + 4);
        assert!(terminal.record().reveal().len() <= RECORD_BYTES_MAX);
        assert_eq!(terminal.record().reveal(), terminal_at(&initial, 1).record().reveal());
        for _ in 0..300 {
            terminal = step(terminal, &initial);
        }
    }
}

/// The end and many other places: the terminal is put there, and walks on.
#[test]
fn the_terminal_walks_with_the_host_everywhere() {
    let (initial, mut chance) = (initial(16), Chance(7));
    let edges =
        [0xFFFE, 0x1_FFFC, 0x7FFF_8000, 0x7FFF_0000, 0x8000_0000, 0xAAAA_5555, 0xFFFD_8000, 0xFFFE_0000];
    let random: Vec<u32> = (0..150).map(|_| chance.counter(ID)).collect();
    for counter in edges.into_iter().chain(random) {
        let counter = Ksn { id: ID, counter: counter - 1 }.next().unwrap().counter;
        let mut terminal = terminal_at(&initial, counter);
        for _ in 0..20 {
            let Some(counter) = terminal.counter() else { break };
            terminal = step(terminal, &initial);
            let at = terminal.counter();
            assert!(at.is_none_or(|at| at > counter));
        }
        if let Some(at) = terminal.counter() {
            let want = terminal_at(&initial, at);
            assert_eq!(terminal.record().reveal(), want.record().reveal(), "registers before {at:08X}");
        }
    }
}

#[test]
fn after_the_last_counter_there_is_only_the_update_key() {
    let initial = initial(32);
    let mut terminal = terminal_at(&initial, 0xFFFE_8000);
    for want in [Some(COUNTER_LAST), None] {
        terminal = step(terminal, &initial);
        assert_eq!(terminal.counter(), want);
    }
    let record = terminal.record();
    assert_eq!(record.reveal().len(), 14 + 32 + 4, "no register holds a key");
    let terminal = Terminal::from_record(record.reveal()).unwrap();
    assert_eq!(terminal.update_key().reveal(), update_key(&initial, ID, None).unwrap().reveal());
    assert_eq!(terminal.next().err(), Some(DukptError::Exhausted));
    let again = Terminal::from_record(record.reveal()).unwrap();
    assert_eq!((again.counter(), again.next().err()), (None, Some(DukptError::Exhausted)), "and stays so");
}

/// The next initial key comes in a key block under the update key, with its id, to a terminal that has used up its own, or has not; the walk begins anew.
#[test]
fn a_new_initial_key_comes_under_the_update_key() {
    let (base, id) = (aes_key::<usage::Base>(&[0x5A; 32]), InitialKeyId([9; 8]));
    let fresh = initial_key(&base, id).unwrap();
    let old = initial(32);
    let optional = vec![OptionalBlock { id: "IK", data: "0909090909090909" }];
    let header = Header {
        version: Version::D,
        usage: "B1",
        algorithm: 'A',
        mode: 'X',
        key_version: "00",
        exportability: Exportability::NonExportable,
        context: '0',
        optional,
    };
    let update = update_key(&old, ID, None).unwrap();
    let padding = vec![0x3C; keyblock::padding_len(Version::D, 32, 32)];
    let block = keyblock::wrap(&update, &header, fresh.reveal(), &padding, Deprecated::Refuse).unwrap();
    for counter in [Some(COUNTER_LAST), Some(1), None] {
        let terminal = match counter {
            Some(counter) => terminal_at(&old, counter),
            None => step(terminal_at(&old, COUNTER_LAST), &old),
        };
        let opened = keyblock::unwrap(terminal.update_key(), block.as_bytes()).unwrap().admit().unwrap();
        let named = opened.header().optional.iter().find(|block| block.id == "IK").unwrap();
        let named = InitialKeyId(hex_parse(named.data).unwrap().try_into().unwrap());
        let loaded = opened.key::<usage::Initial>(&[Operation::Derive]).unwrap();
        let terminal = Terminal::load(&loaded, named).unwrap();
        assert_ne!(terminal.update_key().reveal(), update.reveal());
        let (_, made) = terminal.next().unwrap().stored(|_| Ok::<_, ()>(())).unwrap();
        assert_eq!(made.ksn(), Ksn { id, counter: 1 });
        assert_eq!(made.key().reveal(), transaction(&fresh, &made.ksn()).unwrap().key().reveal());
    }
    // Another terminal's update key opens nothing; nor does a transaction have this one.
    let other = update_key(&initial(32), InitialKeyId([1; 8]), None).unwrap();
    assert!(keyblock::unwrap(&other, block.as_bytes()).is_err());
    assert_eq!(transaction(&old, &Ksn { id: ID, counter: COUNTER_UPDATE }).err(), Some(DukptError::Ksn));
}

#[test]
fn a_record_has_one_form() {
    let initial = initial(16);
    for counter in [1, 2, 0xFFFF, 0x7FFF_8000, COUNTER_LAST] {
        let record = terminal_at(&initial, counter).record();
        let record = record.reveal();
        for length in 0..record.len() {
            assert_eq!(Terminal::from_record(&record[..length]).err(), Some(DukptError::State), "{length}");
        }
        let longer = [record.as_slice(), &[0]].concat();
        assert_eq!(Terminal::from_record(&longer).err(), Some(DukptError::State));
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut changed = record.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Terminal::from_record(&changed).err(), Some(DukptError::State), "{at} {bit}");
            }
        }
        // And with a right checksum, what cannot be.
        let body = &record[..record.len() - 4];
        assert!(Terminal::from_record(&summed(body.to_vec())).is_ok());
        for (at, value) in [(0, 2), (1, 0), (1, 1), (1, 5), (1, 3)] {
            let mut changed = body.to_vec();
            changed[at] = value;
            assert_eq!(Terminal::from_record(&summed(changed)).err(), Some(DukptError::State));
        }
        for length in 0..body.len() {
            let cut = summed(body[..length].to_vec());
            assert_eq!(Terminal::from_record(&cut).err(), Some(DukptError::State), "{length}");
        }
        assert!(Terminal::from_record(&summed([body, &[0]].concat())).is_err());
        for other in [0x0001_FFFF, 0xFFFF_0001, u32::MAX, 0] {
            let mut changed = body.to_vec();
            changed[10..14].copy_from_slice(&u32::to_be_bytes(other));
            let read = Terminal::from_record(&summed(changed));
            assert_eq!(read.err(), Some(DukptError::State), "{other:08X}: with these registers");
        }
    }
}

/// Two places, each a record: the older one is written over, and what a power cut leaves of a write is a part of it.
#[derive(Default)]
struct Store {
    places: [Vec<u8>; 2],
}

impl Store {
    /// Writes all; or the first `bytes` of it, and then the power goes.
    fn write(&mut self, record: &[u8], bytes: Option<usize>) -> Result<(), ()> {
        let older = self.newest().map_or(0, |(place, _)| 1 - place);
        let place = &mut self.places[older];
        let bytes = bytes.map_or(record.len(), |bytes| bytes.min(record.len()));
        place.resize(record.len(), 0xFF);
        place[..bytes].copy_from_slice(&record[..bytes]);
        if bytes < record.len() { Err(()) } else { Ok(()) }
    }

    /// The newest whole record, and its place.
    fn newest(&self) -> Option<(usize, Terminal)> {
        let good = self
            .places
            .iter()
            .enumerate()
            .filter_map(|(at, place)| Some((at, Terminal::from_record(place).ok()?)));
        good.max_by_key(|(_, terminal)| terminal.counter().unwrap_or(u32::MAX))
    }
}

#[test]
fn no_transaction_key_comes_out_twice_when_the_power_goes_at_any_write() {
    let initial = initial(16);
    let length = Terminal::load(&initial, ID).unwrap().record().reveal().len();
    let (mut cuts, mut skipped) = (0, 0);
    for cut in (0..=length).step_by(7).chain([length]) {
        let mut store = Store::default();
        store.write(Terminal::load(&initial, ID).unwrap().record().reveal(), None).unwrap();
        let mut used = Vec::new();
        for round in 0..12 {
            let (_, terminal) = store.newest().unwrap();
            let pending = terminal.next().unwrap();
            let ksn = pending.ksn();
            let power_goes = round % 3 == 1;
            let stored = pending.stored(|record| {
                let written = store.write(record, power_goes.then_some(cut));
                if power_goes { Err(()) } else { written }
            });
            match stored {
                Ok((terminal, made)) => {
                    assert_eq!(made.key().reveal(), transaction(&initial, &ksn).unwrap().key().reveal());
                    assert_eq!(terminal.record().reveal(), store.newest().unwrap().1.record().reveal());
                    used.push(ksn.counter);
                }
                Err(()) => {
                    cuts += 1;
                    skipped += u32::from(store.newest().unwrap().1.counter() != Some(ksn.counter));
                }
            }
        }
        assert!(used.windows(2).all(|pair| pair[0] < pair[1]), "cut after {cut} bytes: {used:?}");
        assert_eq!(used.len(), 8);
    }
    assert!(cuts > 300 && skipped > 0 && skipped < cuts, "{cuts} {skipped}");
}

/// A store that says that it wrote, and did not: each write once, with and without the power going after it. Its older record comes back, so whoever has
/// such a store keeps the counter a second time, and lets go the transactions that it says were used.
#[test]
fn a_lost_write_is_seen_by_a_counter_of_its_own() {
    let initial = initial(16);
    let mut rolled_back = 0;
    for lost in 0..20 {
        for restarts in [lost + 1, lost + 2, 7] {
            let (mut store, mut counted, mut used) = (Store::default(), 0, Vec::new());
            store.write(terminal_at(&initial, 0xFFF0).record().reveal(), None).unwrap();
            let (_, mut terminal) = store.newest().unwrap();
            for round in 0..24 {
                if round % restarts == 0 {
                    (_, terminal) = store.newest().unwrap();
                    while terminal.counter().is_some_and(|counter| counter <= counted) {
                        rolled_back += 1;
                        terminal = terminal.next().unwrap().stored(|_| Ok::<_, ()>(())).unwrap().0;
                    }
                }
                let made;
                (terminal, made) = terminal
                    .next()
                    .unwrap()
                    .stored(|record| if round == lost { Ok(()) } else { store.write(record, None) })
                    .unwrap();
                counted = made.ksn().counter;
                let host = transaction(&initial, &made.ksn()).unwrap();
                assert_eq!(made.key().reveal(), host.key().reveal());
                used.push(counted);
            }
            assert!(used.windows(2).all(|pair| pair[0] < pair[1]), "{lost} {restarts}: {used:?}");
        }
    }
    assert!(rolled_back > 20, "{rolled_back}");
}
