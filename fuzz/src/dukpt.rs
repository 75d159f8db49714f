//! Key serial numbers of both schemes, and what their terminals keep.
use symbolon_keys::dukpt::aes::{InitialKeyId, Ksn, ONES_MAX, Terminal, transaction};
use symbolon_keys::dukpt::tdes;
use symbolon_keys::usage::{Key, KeyAlgorithm};
use symbolon_wire::parts::crc32;

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
/// They are tried as they are, and with the checksum that chance does not find.
pub fn aes_terminal(data: &[u8]) {
    aes_record(data);
    aes_record(&summed(data));
}

fn summed(body: &[u8]) -> Vec<u8> {
    [body, &crc32(body).to_be_bytes()].concat()
}

fn aes_record(data: &[u8]) {
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

/// Serial numbers: filled up on the left; the next one is greater, and can be used; what can be used has a key, by itself and in a batch.
pub fn tdes_ksn(data: &[u8]) {
    let Ok(ksn) = tdes::Ksn::new(data) else { return };
    let (filled, given) = ksn.as_bytes().split_at(10 - data.len());
    assert!(given == data && filled.iter().all(|byte| *byte == 0xFF));
    if let Some(next) = ksn.next() {
        assert!(next.counter() > ksn.counter() && next.is_usable());
        assert_eq!(next.with_counter(ksn.counter()), Ok(ksn));
    }
    let initial = Key::new(KeyAlgorithm::Tdes2, &[0x5A; 16]).expect("sixteen bytes");
    let usable = (1..=tdes::ONES_MAX).contains(&ksn.counter().count_ones());
    assert_eq!(tdes::transaction_key(&initial, &ksn).is_ok(), usable);
    assert_eq!(tdes::transaction_keys(&[(&initial, ksn)]).is_ok(), usable);
}

/// Images of a terminal, as they are and with right checksums: one that is opened and cleaned is clean, and the counters of its transactions rise, over
/// restarts too.
pub fn tdes_terminal(data: &[u8]) {
    tdes_image(data.to_vec());
    let mut image = data.to_vec();
    if image.len() == tdes::terminal::IMAGE_LEN {
        let (headers, registers) = image.split_at_mut(2 * 17);
        for part in headers.chunks_mut(17).chain(registers.chunks_mut(20)) {
            let whole = summed(&part[..part.len() - 4]);
            part.copy_from_slice(&whole);
        }
        tdes_image(image);
    }
}

fn write(image: &mut [u8], write: &tdes::Write) {
    let end = write.offset() + write.reveal().len();
    image[write.offset()..end].copy_from_slice(write.reveal());
}

fn tdes_image(mut image: Vec<u8>) {
    let Ok((mut terminal, wipes)) = tdes::Terminal::open(&image) else { return };
    wipes.iter().for_each(|wipe| write(&mut image, wipe));
    let mut last = 0;
    for _ in 0..4 {
        let Ok(mut step) = terminal.next() else { return };
        while let Some(made) = step.write() {
            write(&mut image, &made);
        }
        let (after, made) = step.finish().expect("all writes were made");
        assert!(made.ksn.is_usable() && made.ksn.counter() > last);
        last = made.ksn.counter();
        let (again, wipes) = tdes::Terminal::open(&image).expect("what was written can be read");
        assert!(wipes.is_empty() && again.ksn() == after.ksn());
        terminal = again;
    }
}

/// Serial numbers at the edges of the counter, and short ones.
pub fn tdes_ksn_seeds() -> Vec<Vec<u8>> {
    let base = tdes::Ksn::new(&[0x12; 10]).expect("ten bytes");
    let counters = [0, 1, 0x3FF, 0x7FE, 0x7FF, 0xF_FC00, 0x1F_F800, 0x1F_FFFF];
    let whole = counters.map(|counter| base.with_counter(counter).expect("21 bits").as_bytes().to_vec());
    whole.iter().flat_map(|ksn| [ksn.clone(), ksn[2..].to_vec()]).collect()
}

/// Terminals just loaded and some transactions later.
pub fn tdes_terminal_seeds() -> Vec<Vec<u8>> {
    let initial = Key::new(KeyAlgorithm::Tdes2, &[0x5A; 16]).expect("sixteen bytes");
    let base = tdes::Ksn::new(&[0x12; 10]).expect("ten bytes");
    let mut terminal = tdes::Terminal::load(&initial, &base).expect("a key of triple DES");
    let mut image = terminal.image().reveal().clone();
    let mut seeds = vec![image.clone()];
    for _ in 0..9 {
        let mut step = terminal.next().expect("keys are left");
        while let Some(made) = step.write() {
            write(&mut image, &made);
            seeds.push(image.clone());
        }
        terminal = step.finish().expect("all writes were made").0;
    }
    seeds
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
            let record = terminal.record().reveal().clone();
            seeds.extend([record[..record.len() - 4].to_vec(), record]);
            terminal = terminal.next().and_then(|next| next.stored(|_| Ok(()))).expect("keys are left").0;
        }
    }
    seeds
}
