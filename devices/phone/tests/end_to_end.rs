//! A payment from enrolment to settlement: the authenticator behind a real socket, both transports, the server behind HTTP. While the
//! parties are offline the server is down.
mod world;

use std::{path::Path, thread, time::Duration};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal, secure_application::LastCall, state::Source,
};
use symbolon_phone::{Failure, last_call};
use symbolon_reader::{PayerLink, Reader};
use symbolon_transport::{TransportError, store::FileFlash};
use symbolon_types::CoreRefusal;
use world::{Device, PIN, Server, eur, ignore, pay, pin, refused, shop};

const SOON: Duration = Duration::from_secs(20);

/// The two parties, each on its side of one transport.
enum Transport {
    Apdu,
    Qr,
}

impl Transport {
    fn payer(&self, dir: &Path) -> Box<dyn symbolon_phone::PayeeLink> {
        match self {
            Self::Apdu => Box::new(symbolon_phone::ApduLink::open(&dir.join("nfc"), SOON).unwrap()),
            Self::Qr => Box::new(symbolon_phone::QrLink::new(dir, SOON)),
        }
    }

    fn payee(&self, dir: &Path, timeout: Duration) -> Box<dyn PayerLink> {
        match self {
            Self::Apdu => Box::new(symbolon_reader::ApduLink::new(&dir.join("nfc"), timeout)),
            Self::Qr => Box::new(symbolon_reader::QrLink::new(dir, timeout)),
        }
    }
}

fn upload(reader: &mut Reader<FileFlash>, server: &Server) -> Vec<symbolon_reader::Uploaded> {
    reader.upload(&symbolon_reader::Node::new(&server.url).unwrap(), &mut ignore).unwrap()
}

fn whole_payment(transport: &Transport) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 3);
    let mut reader = shop(dir.path(), &server, 1);
    server.set_up(false);
    assert_eq!(last_call(Some(&server.node())), LastCall::Failed);

    let (charged, paid) = thread::scope(|scope| {
        let charging = scope.spawn(|| {
            let mut link = transport.payee(dir.path(), SOON);
            reader.charge(&mut *link, eur(450), &mut ignore).unwrap()
        });
        let paid = pay(&mut phone, &mut *transport.payer(dir.path()), PIN).unwrap();
        (charging.join().unwrap(), paid)
    });
    assert_eq!((charged.object, charged.token, charged.amount), (paid.payment.id, paid.token, eur(450)));
    assert_eq!(charged.transaction, paid.payment.preview.transaction);
    assert!(charged.receipt_given && paid.payment.receipt.is_some());
    assert_eq!(paid.payment.preview.payee, "Bakery");
    assert_eq!(reader.state().payee.as_ref().unwrap().accepted[0].settlement.object, paid.payment.object);

    server.set_up(true);
    let settled = upload(&mut reader, &server);
    assert_eq!(settled.len(), 1);
    let outcome = settled[0].answer.unwrap();
    assert_eq!(
        (outcome.object, outcome.amount, outcome.source),
        (paid.payment.id, eur(450), Source::Reservation)
    );
    assert_eq!(upload(&mut reader, &server), [], "settled once");
    assert_eq!(server.bank().credited(1), 450);
    assert_eq!(phone.status().unwrap().authenticator.objects, 1);
    phone.reconcile(&server.node(), &mut ignore).unwrap();
    let status = phone.status().unwrap();
    assert_eq!((status.authenticator.objects, status.granted, status.payments.len()), (0, 2, 1));
}

#[test]
fn a_payment_over_nfc_from_enrolment_to_settlement() {
    whole_payment(&Transport::Apdu);
}

#[test]
fn a_payment_over_qr_from_enrolment_to_settlement() {
    whole_payment(&Transport::Qr);
}

#[test]
fn with_a_network_the_offline_steps_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 1);
    let mut link = symbolon_phone::QrLink::new(dir.path(), Duration::from_millis(10));
    assert_eq!(last_call(None), LastCall::Forbidden);
    let last = last_call(Some(&server.node()));
    assert_eq!(last, LastCall::Answered);
    let paid = phone.pay(&mut link, &mut |_: &_| Ok(pin(PIN)), last, &mut ignore);
    assert_eq!(refused(paid), Some(Refusal::Own(Own::Online)));
    assert_eq!(
        pay(&mut phone, &mut link, PIN),
        Err(Failure::Transport(TransportError::Timeout)),
        "nobody asks"
    );
}

#[test]
fn an_object_for_one_reader_is_refused_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 2);
    let (mut first, mut second) = (shop(dir.path(), &server, 1), shop(dir.path(), &server, 2));
    let (asked, other) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::create_dir(&asked).unwrap();
    std::fs::create_dir(&other).unwrap();
    let paid = thread::scope(|scope| {
        scope.spawn(|| first.charge(&mut *Transport::Qr.payee(&asked, SOON), eur(200), &mut ignore).unwrap());
        pay(&mut phone, &mut *Transport::Qr.payer(&asked), PIN).unwrap()
    });
    // The same object on the screen of whoever saw it, in front of another shop, and in front of the same shop at its next charge.
    symbolon_transport::optical::show(&other, "object", &paid.payment.object.0).unwrap();
    let again = |reader: &mut Reader<FileFlash>| {
        let mut link = Transport::Qr.payee(&other, Duration::from_secs(1));
        reader.charge(&mut *link, eur(200), &mut ignore).unwrap_err().refusal()
    };
    assert_eq!(again(&mut second), Some(Refusal::Own(Own::WrongPayee)));
    assert_eq!(again(&mut first), Some(Refusal::Own(Own::ChallengeUnknown)));
    assert_eq!(upload(&mut second, &server), []);
    assert_eq!(upload(&mut first, &server).len(), 1);
}

#[test]
fn a_wrong_pin_costs_an_attempt_and_no_nonce() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 1);
    let mut reader = shop(dir.path(), &server, 1);
    let charged = thread::scope(|scope| {
        let charging = scope.spawn(|| {
            let mut link = Transport::Apdu.payee(dir.path(), SOON);
            reader.charge(&mut *link, eur(450), &mut ignore).unwrap()
        });
        let wrong = pay(&mut phone, &mut *Transport::Apdu.payer(dir.path()), "739165");
        let refusal = Refusal::Own(Own::CredentialWrong);
        assert_eq!(wrong, Err(Failure::Refused { refusal, attempts_left: Some(2) }));
        assert_eq!(phone.status().unwrap().granted, 1, "the nonce is back");
        let at_once = pay(&mut phone, &mut *Transport::Apdu.payer(dir.path()), PIN);
        assert_eq!(
            refused(at_once),
            Some(Refusal::Core(CoreRefusal::Busy)),
            "after a wrong one the next waits"
        );
        thread::sleep(Duration::from_millis(1100));
        pay(&mut phone, &mut *Transport::Apdu.payer(dir.path()), PIN).unwrap();
        charging.join().unwrap()
    });
    assert!(charged.receipt_given);
    let status = phone.status().unwrap();
    assert_eq!((status.granted, status.authenticator.attempts_left, status.payments.len()), (0, 3, 1));
    server.set_up(false);
    let mut payer = Transport::Qr.payer(dir.path());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut link = Transport::Qr.payee(dir.path(), Duration::from_millis(700));
            reader.charge(&mut *link, eur(100), &mut ignore).unwrap_err()
        });
        assert_eq!(refused(pay(&mut phone, &mut *payer, PIN)), Some(Refusal::Own(Own::NoNonce)));
    });
}

#[test]
fn nonce_tokens_are_sent_again_until_their_grants_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.phone();
    phone.enrol(&server.node(), Some(server.key()), server.invite(), &pin(PIN), &mut ignore).unwrap();
    server.lose_answers(1);
    let lost = phone.prefetch(&server.node(), 2, &mut ignore);
    assert!(matches!(lost, Err(Failure::Transport(_))), "{lost:?}");
    drop(phone);
    let mut phone = device.phone();
    let status = phone.status().unwrap();
    assert_eq!((status.asked, status.granted), (2, 0));
    assert_eq!(phone.prefetch(&server.node(), 1, &mut ignore), Ok(3));
    let sent = server.seen("grants");
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0], sent[1], "the same tokens");
    assert_eq!(phone.status().unwrap().asked, 0);
}

#[test]
fn an_upload_goes_on_after_a_refusal_and_after_a_death() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 3);
    let mut reader = shop(dir.path(), &server, 1);
    for _ in 0..3 {
        thread::scope(|scope| {
            scope.spawn(|| {
                reader.charge(&mut *Transport::Apdu.payee(dir.path(), SOON), eur(10), &mut ignore).unwrap()
            });
            pay(&mut phone, &mut *Transport::Apdu.payer(dir.path()), PIN).unwrap();
        });
    }
    // Performed by the server, the answer lost: for the reader a death in the middle.
    server.lose_answers(1);
    let node = symbolon_reader::Node::new(&server.url).unwrap();
    assert!(reader.upload(&node, &mut ignore).is_err());
    drop(reader);
    let mut reader = Reader::open(&dir.path().join("reader-1")).unwrap();
    // Nothing was recorded: it stays, and is sent again.
    let full = Refusal::Core(CoreRefusal::NotDurable);
    server.refuse_next(full);
    let answers = upload(&mut reader, &server);
    let kinds = answers.iter().map(|one| one.answer.map(|_| ())).collect::<Vec<_>>();
    assert_eq!(kinds, [Err(full), Ok(()), Ok(())]);
    assert_eq!(reader.state().refused.len(), 1);
    // Refused for good: it goes to the book, and is not sent again.
    let late = Refusal::Own(Own::SettledLate);
    server.refuse_next(late);
    let answers = upload(&mut reader, &server);
    assert_eq!(answers.iter().map(|one| one.answer.map(|_| ())).collect::<Vec<_>>(), [Err(late)]);
    assert_eq!(upload(&mut reader, &server), []);
    let payee = reader.state().payee.as_ref().unwrap();
    assert_eq!((payee.accepted.len(), reader.state().refused.len()), (2, 0));
    assert_eq!(payee.book.iter().map(|entry| entry.refusal).collect::<Vec<_>>(), [Some(late)]);
    assert_eq!(server.bank().credited(1), 30, "the server of this test had performed the first one");
}

#[test]
fn a_lost_phone_gets_no_more_nonces_and_the_pin_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 1);
    let mut reader = shop(dir.path(), &server, 1);
    let mut exchanged = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            reader.charge(&mut *Transport::Qr.payee(dir.path(), SOON), eur(10), &mut ignore).unwrap()
        });
        let mut witness = |_: &str, bytes: &[u8]| exchanged.push(bytes.to_vec());
        let mut entry = |_: &_| Ok(pin(PIN));
        let mut link = Transport::Qr.payer(dir.path());
        phone.pay(&mut *link, &mut entry, LastCall::Forbidden, &mut witness).unwrap();
    });
    assert!(exchanged.len() >= 5);
    let files = files_under(dir.path());
    assert!(files.len() > 12 && files.iter().any(|bytes| !bytes.is_empty()));
    let bytes_of_url = server.url.as_bytes();
    for bytes in files.iter().chain(&exchanged) {
        assert!(!holds(bytes, PIN.as_bytes()), "the PIN lies somewhere");
        assert!(!holds(bytes, bytes_of_url), "the server's address lies somewhere");
    }
    assert!(files.iter().any(|bytes| holds(bytes, b"Bakery")), "the search finds what is there");
    let id = phone.status().unwrap().authenticator.authenticator.unwrap();
    server.bank().revoke(id);
    assert_eq!(refused(phone.prefetch(&server.node(), 1, &mut ignore)), Some(Refusal::Own(Own::Revoked)));
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn files_under(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else if path.is_file() {
            found.push(std::fs::read(path).unwrap());
        }
    }
    found
}
