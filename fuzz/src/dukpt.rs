//! Key serial numbers, and what an AES DUKPT terminal keeps.
use symbolon_keys::dukpt::aes::{InitialKeyId, Ksn, ONES_MAX, Terminal, transaction};
use symbolon_keys::usage::{Key, KeyAlgorithm};

/// Serial numbers: one that is read is written as it was; the next one is greater, and can be used.
pub fn aes_ksn(data: &[u8]) {
    let Ok(ksn) = Ksn::new(data) else { return };
    assert_eq!(ksn.to_bytes().as_slice(), data);
    if let Some(next) = ksn.next() {
        assert!(next.counter > ksn.counter && next.is_usable() && next.id == ksn.id);
    }
    let initial = Key::new(KeyAlgorithm::Aes128, &[0x5A; 16]).expect("sixteen bytes");
    let usable = (1..=ONES_MAX).contains(&ksn.counter.count_ones());
    assert_eq!(transaction(&initial, &ksn).is_ok(), usable);
}

/// Records of a terminal: one that is read is written as it was, and so are the records of the transactions after it, whose counters rise.
pub fn aes_terminal(data: &[u8]) {
    let Ok(mut terminal) = Terminal::from_record(data) else { return };
    assert_eq!(terminal.record().reveal(), data);
    for _ in 0..3 {
        let counter = terminal.counter();
        let Ok(pending) = terminal.next() else { return };
        let (after, made) = pending.stored(|_| Ok::<_, ()>(())).expect("the store took it");
        assert_eq!(Some(made.ksn().counter), counter);
        assert!(after.counter().is_none_or(|after| Some(after) > counter));
        let again = Terminal::from_record(after.record().reveal()).expect("what was written can be read");
        assert_eq!(again.record().reveal(), after.record().reveal());
        terminal = again;
    }
}

/// Serial numbers at the edges of the counter.
pub fn aes_ksn_seeds() -> Vec<Vec<u8>> {
    let counters = [0, 1, 0xFFFF, 0x1_FFFE, 0x1_FFFF, 0x7FFF_8000, 0xFFFF_0000, 0xFFFF_FFFF];
    counters.map(|counter| Ksn { id: InitialKeyId([0x12; 8]), counter }.to_bytes().to_vec()).to_vec()
}

/// Terminals of each key length, just loaded and some transactions later.
pub fn aes_terminal_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for algorithm in [KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Aes256] {
        let initial = Key::new(algorithm, &vec![0x5A; algorithm.key_len()]).expect("a key's length");
        let mut terminal = Terminal::load(&initial, InitialKeyId([0x12; 8])).expect("an AES key");
        for _ in 0..5 {
            seeds.push(terminal.record().reveal().clone());
            terminal = terminal.next().and_then(|next| next.stored(|_| Ok(()))).expect("keys are left").0;
        }
    }
    seeds
}
