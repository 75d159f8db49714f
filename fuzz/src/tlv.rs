//! Data objects of cards and terminals, lists of them, and payment QR codes.
//!
//! **Invariant:** what is canonical is written as it was read; the unknown goes out as it came in.
use symbolon_wire::qr::cpm::ConsumerPresented;
use symbolon_wire::qr::mpm;
use symbolon_wire::tlv::cvm::CvmList;
use symbolon_wire::tlv::dictionary::Kernel;
use symbolon_wire::tlv::dol::Dol;
use symbolon_wire::tlv::unknown::UnknownTags;
use symbolon_wire::tlv::{Padding, append_nodes, padded_tree, tree};

/// BER-TLV: a tree written again is a canonical form, whose own tree is the same; what passes a policy unchanged has the bytes that it had.
pub fn tlv(data: &[u8]) {
    let _ = padded_tree(data, Padding::ZerosAndFinalOnes);
    if let Ok(nodes) = tree(data) {
        let mut canonical = Vec::new();
        append_nodes(&mut canonical, &nodes);
        assert!(canonical.len() <= data.len(), "the shortest form is no longer");
        let again = tree(&canonical).expect("what was read can be written");
        let mut twice = Vec::new();
        append_nodes(&mut twice, &again);
        assert_eq!(twice, canonical, "one canonical form");
    }
    let known: Vec<_> = tree(data).iter().flatten().map(|node| node.tlv.tag).take(1).collect();
    for policy in [UnknownTags::Keep, UnknownTags::Reemit] {
        if let Ok(screened) = policy.apply(data, &known) {
            assert_eq!(screened.emit(), data);
        }
    }
    let _ = (UnknownTags::Skip.apply(data, &known), UnknownTags::Refuse.apply(data, &known));
}

/// Data object lists, filled from the input itself, and lists of verification methods.
pub fn dol(data: &[u8]) {
    let (list, value) = data.split_at(data.len() / 2);
    for bytes in [data, list] {
        if let Ok(list) = Dol::parse(bytes) {
            for kernel in Kernel::ALL {
                let filled = list.fill(kernel, |tag| (tag.number() % 3 != 0).then_some(value));
                assert_eq!(filled.len(), list.data_length());
            }
        }
    }
    if let Ok(list) = CvmList::parse(data) {
        assert_eq!(list.encode(), data);
    }
}

/// Merchant-presented codes: a text that is read is the one that would be written.
pub fn qr_mpm(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(payload) = mpm::decode(&text) {
        let fields: Vec<(u8, &str)> = payload.fields.iter().map(|field| (field.id, field.value)).collect();
        assert_eq!(mpm::encode(&fields).as_deref(), Ok(&*text));
    }
    // A text without its CRC, so that changes reach what is behind it.
    let header = format!("{text}6304");
    let whole = format!("{header}{:04X}", mpm::crc16(header.as_bytes()));
    if let Ok(payload) = mpm::decode(&whole) {
        let fields: Vec<(u8, &str)> = payload.fields.iter().map(|field| (field.id, field.value)).collect();
        assert_eq!(mpm::encode(&fields).as_deref(), Ok(whole.as_str()));
    }
}

/// Consumer-presented codes, as text and as the bytes in it.
pub fn qr_cpm(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(payload) = ConsumerPresented::decode(&text) {
        assert_eq!(payload.encode(), text);
    }
    if let Ok(payload) = ConsumerPresented::from_tlv(data.to_vec()) {
        let read = ConsumerPresented::decode(&payload.encode()).expect("what was written is read");
        assert_eq!(read.reveal(), data);
    }
}
