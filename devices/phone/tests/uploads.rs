//! A reader's uploads where the server does not judge one of them, or refuses it: the others go on, and only what may be answered otherwise later is
//! sent again.
mod world;

use std::{fs, path::Path, thread, time::Duration};
use symbolon_offline_payment::{Refusal, payee::Asked, secure_application::LastCall};
use symbolon_phone::{Phone, QrLink};
use symbolon_reader::{Charge, Charged, Failure, Node, Reader};
use symbolon_transport::store::FileFlash;
use symbolon_types::{CoreRefusal, Hash};
use world::*;

const SOON: Duration = Duration::from_secs(2);

/// One payment by pictures in a folder.
fn meet(
    dir: &Path,
    reader: &mut Reader<FileFlash>,
    (minor, online): (u64, Option<&Node>),
    phone: &mut Phone<FileFlash>,
) -> Result<Charged, Failure> {
    let screens = dir.join("screens");
    let _ = fs::remove_dir_all(&screens);
    fs::create_dir_all(&screens).unwrap();
    let charge = Charge { asked: Asked::amount(eur(minor)), final_minor: None, online };
    thread::scope(|scope| {
        let mut link = symbolon_reader::QrLink::new(&screens, SOON);
        let charged = scope.spawn(move || reader.charge_as(&mut link, &charge, &mut ignore));
        let mut entry = |_: &_| Ok(pin(PIN));
        let _ = phone.pay(&mut QrLink::new(&screens, SOON), &mut entry, LastCall::Forbidden, &mut ignore);
        charged.join().unwrap()
    })
}

fn forwarded(reader: &Reader<FileFlash>) -> Vec<Hash> {
    reader.state().payee.as_ref().unwrap().forwarded.iter().map(|one| one.id).collect()
}

/// Objects and what they were answered.
fn upload(reader: &mut Reader<FileFlash>, node: &Node) -> Vec<(Hash, Result<(), Refusal>)> {
    let answers = reader.upload(node, &mut ignore).unwrap();
    answers.into_iter().map(|one| (one.object, one.answer.map(|_| ()))).collect()
}

#[test]
fn rule_r8_what_the_server_cannot_judge_yet_keeps_nothing_else_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 8);
    let mut reader = shop(dir.path(), &server, 1);
    let node = Node::new(&server.url).unwrap();
    // The twin: the server answers, and the receipt is there at once.
    meet(dir.path(), &mut reader, (1, Some(&node)), &mut phone).unwrap();
    assert_eq!(server.bank().credited(1), 1);

    let busy = Refusal::Core(CoreRefusal::Busy);
    for minor in [10, 20] {
        server.refuse_next(busy);
        let charged = meet(dir.path(), &mut reader, (minor, Some(&node)), &mut phone);
        assert_eq!(charged.unwrap_err().refusal(), Some(busy));
    }
    let offline = meet(dir.path(), &mut reader, (100, None), &mut phone).unwrap().object;
    let [first, second] = forwarded(&reader)[..] else { panic!("both stay forwarded") };
    assert_eq!(server.bank().credited(1), 1);

    // The first is not judged this time either: the second is settled, and so is what was accepted offline.
    for transient in [busy, Refusal::Core(CoreRefusal::Unavailable), Refusal::Core(CoreRefusal::NotDurable)] {
        server.refuse_next(transient);
        let answers = upload(&mut reader, &node);
        assert_eq!(answers.first(), Some(&(first, Err(transient))));
        assert_eq!(forwarded(&reader), [first]);
    }
    assert_eq!(server.bank().credited(1), 121);
    let accepted = &reader.state().payee.as_ref().unwrap().accepted;
    let is_settled = |id| accepted.iter().any(|one| one.id == id && one.settled);
    assert!(is_settled(second) && is_settled(offline));

    assert_eq!(upload(&mut reader, &node), [], "led on, and nothing is left");
    assert_eq!((forwarded(&reader), server.bank().credited(1)), (vec![], 131));
    assert_eq!(reader.audit(&node, &mut ignore).unwrap().differences, []);
}

#[test]
fn rule_r8_a_resumed_charge_goes_on_where_another_object_is_not_judged() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 4);
    let mut reader = shop(dir.path(), &server, 1);
    let node = Node::new(&server.url).unwrap();
    let busy = Refusal::Core(CoreRefusal::Busy);
    for minor in [10, 20] {
        server.refuse_next(busy);
        assert!(meet(dir.path(), &mut reader, (minor, Some(&node)), &mut phone).is_err());
    }
    // The first stays busy; the second, whose challenge was asked last, is settled and its receipt given.
    server.refuse_next(busy);
    let screens = dir.path().join("again");
    fs::create_dir_all(&screens).unwrap();
    let mut link = symbolon_reader::QrLink::new(&screens, SOON);
    let charged = thread::scope(|scope| {
        let charged = scope.spawn(|| reader.resume_as(&mut link, Some(&node), None, &mut ignore));
        let held = phone.resume(&mut QrLink::new(&screens, SOON), None, LastCall::Forbidden, &mut ignore);
        assert!(held.unwrap().payment.receipt.is_some());
        charged.join().unwrap().unwrap()
    });
    assert_eq!((charged.amount, server.bank().credited(1)), (eur(20), 20));
    assert_eq!(forwarded(&reader).len(), 1);
}

/// MALFORMED is a judgement: what the server says so of is not sent to it for ever.
#[test]
fn rule_r8_a_malformed_upload_is_sent_once_and_goes_to_the_book() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 4);
    let mut reader = shop(dir.path(), &server, 1);
    let node = Node::new(&server.url).unwrap();
    let malformed = Refusal::Core(CoreRefusal::Malformed);
    let sent = || server.seen("settlements").len();

    // The twin: one that the server has no time for is sent again, and settled.
    let twin = meet(dir.path(), &mut reader, (10, None), &mut phone).unwrap().object;
    server.refuse_next(Refusal::Core(CoreRefusal::Busy));
    assert_eq!(upload(&mut reader, &node), [(twin, Err(Refusal::Core(CoreRefusal::Busy)))]);
    assert_eq!((upload(&mut reader, &node), sent()), (vec![(twin, Ok(()))], 2));

    let object = meet(dir.path(), &mut reader, (20, None), &mut phone).unwrap().object;
    server.refuse_next(malformed);
    assert_eq!(upload(&mut reader, &node), [(object, Err(malformed))]);
    assert_eq!((upload(&mut reader, &node), upload(&mut reader, &node), sent()), (vec![], vec![], 3));
    let payee = reader.state().payee.as_ref().unwrap();
    let book: Vec<_> = payee.book.iter().map(|entry| (entry.object, entry.refusal)).collect();
    assert!(book.contains(&(object, Some(malformed))), "{book:?}");
    assert_eq!(reader.state().refused.len(), 0);

    // Online: dropped, and the payer has no receipt.
    server.refuse_next(malformed);
    let charged = meet(dir.path(), &mut reader, (30, Some(&node)), &mut phone);
    assert_eq!(charged.unwrap_err().refusal(), Some(malformed));
    assert_eq!((forwarded(&reader), upload(&mut reader, &node), sent()), (vec![], vec![], 4));
}
