//! What a phone and a reader may do beside the plain payment, on real transports: tips, parts of a bill, several credentials, a payee that is
//! online, audit and refund, keys that were rotated; and the backup of a lost phone.
mod world;

use std::{fs, path::Path, thread, time::Duration};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    authenticator::Credential,
    messages::{Bill, Preview, Verification},
    payee::{Asked, Difference},
    secure_application::LastCall,
};
use symbolon_phone::{
    Asking, Failure, HeldPayment, Phone, PlatformAuthenticator, QrLink, SimulatedPlatform, User,
};
use symbolon_reader::{Charge, Charged, Reader};
use symbolon_transport::store::FileFlash;
use symbolon_types::{Hash, Secret};
use world::*;

const SOON: Duration = Duration::from_secs(5);

/// A user with a platform, and a mind to tip.
struct Customer {
    platform: SimulatedPlatform<FileFlash>,
    with: Verification,
    tip_minor: Option<u64>,
}

impl User for Customer {
    fn tip(&mut self, _: &Preview) -> Result<Option<u64>, Failure> {
        Ok(self.tip_minor)
    }
    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, Failure> {
        Ok(match self.with {
            Verification::Platform => Credential::platform(self.platform.assert(asking.question)?),
            Verification::Passphrase => phrase(),
            _ => pin(PIN),
        })
    }
}

fn phrase() -> Credential {
    Credential::passphrase(Secret::new("a long passphrase".to_owned())).unwrap()
}

/// Reader and phone in front of each other, by pictures in a folder.
fn meet(
    dir: &Path,
    reader: &mut Reader<FileFlash>,
    charge: &Charge<'_>,
    phone: &mut Phone<FileFlash>,
    user: &mut Customer,
) -> (Result<Charged, symbolon_reader::Failure>, Result<HeldPayment, Failure>) {
    let screens = dir.join("screens");
    let _ = fs::remove_dir_all(&screens);
    fs::create_dir_all(&screens).unwrap();
    thread::scope(|scope| {
        let charged = scope.spawn(|| {
            reader.charge_as(&mut symbolon_reader::QrLink::new(&screens, SOON), charge, &mut ignore)
        });
        let held = phone.pay(&mut QrLink::new(&screens, SOON), user, LastCall::Forbidden, &mut ignore);
        (charged.join().unwrap(), held)
    })
}

fn charge(minor: u64) -> Charge<'static> {
    Charge { asked: Asked::amount(eur(minor)), final_minor: None, online: None }
}

#[test]
fn rule_r7_and_r15_and_r16_a_part_of_a_bill_with_a_tip_by_the_platform_of_which_less_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 3);
    let mut reader = shop(dir.path(), &server, 1);
    let platform = SimulatedPlatform::open(&dir.path().join("phone")).unwrap();
    let mut user = Customer { platform, with: Verification::Platform, tip_minor: Some(20) };
    let kinds = phone.set_credential(
        &mut |_| Ok(pin(PIN)),
        &mut |question| Ok(Credential::platform_registration(user.platform.register(question)?)),
        &mut ignore,
    );
    assert_eq!(kinds.unwrap(), [Verification::Pin, Verification::Platform]);
    let bill = Bill { id: [9; 16], total: eur(300) };
    let asked = Asked { amount: eur(200), tip_minor_max: Some(50), bill: Some(bill) };
    let whole = Charge { asked, final_minor: Some(210), online: None };
    let (charged, held) = meet(dir.path(), &mut reader, &whole, &mut phone, &mut user);
    let (charged, held) = (charged.unwrap(), held.unwrap());
    assert_eq!((charged.amount, charged.taken), (eur(220), eur(210)));
    assert_eq!((held.payment.amount, held.payment.taken), (eur(220), Some(eur(210))));
    let rest =
        |minor| Charge { asked: Asked { amount: eur(minor), ..asked }, final_minor: None, online: None };
    let refused =
        reader.charge_as(&mut symbolon_reader::QrLink::new(dir.path(), SOON), &rest(101), &mut ignore);
    assert_eq!(refused.unwrap_err().refusal(), Some(Refusal::Own(Own::BillExceeded)));
    user.tip_minor = None;
    meet(dir.path(), &mut reader, &rest(100), &mut phone, &mut user).0.unwrap();
    assert_eq!(reader.state().payee.as_ref().unwrap().bill_paid([9; 16]), Some(eur(300)));
    let node = symbolon_reader::Node::new(&server.url).unwrap();
    assert!(reader.upload(&node, &mut ignore).unwrap().iter().all(|one| one.answer.is_ok()));
    assert_eq!(server.bank().credited(1), 310);
}

#[test]
fn rule_r8_and_r9_and_r17_online_the_server_is_asked_first_and_the_books_agree() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 5);
    let mut reader = shop(dir.path(), &server, 1);
    let node = symbolon_reader::Node::new(&server.url).unwrap();
    let platform = SimulatedPlatform::open(&dir.path().join("phone")).unwrap();
    let mut user = Customer { platform, with: Verification::Pin, tip_minor: None };
    let online = |minor| Charge { online: Some(&node), ..charge(minor) };
    let (charged, held) = meet(dir.path(), &mut reader, &online(100), &mut phone, &mut user);
    assert!(held.unwrap().payment.receipt.is_some());
    assert_eq!(server.bank().credited(1), 100, "settled before the receipt was there");
    // No answer: no receipt, and the object stays forwarded; the next upload leads on.
    server.lose_answers(1);
    let (lost, held) = meet(dir.path(), &mut reader, &online(30), &mut phone, &mut user);
    assert!(lost.is_err() && held.unwrap().payment.receipt.is_none());
    assert_eq!(reader.state().payee.as_ref().unwrap().forwarded.len(), 1);
    reader.upload(&node, &mut ignore).unwrap();
    assert_eq!(reader.state().payee.as_ref().unwrap().forwarded.len(), 0);
    assert_eq!(server.bank().credited(1), 130);
    let charged = charged.unwrap();
    assert_eq!(reader.audit(&node, &mut ignore).unwrap().differences, []);
    let refunded = reader.refund(&node, charged.object, Some(eur(40)), &mut ignore).unwrap();
    assert_eq!((refunded.amount, refunded.refunded_minor), (eur(40), 40));
    // The answer lost: asked for again, the same refund, paid once.
    server.lose_answers(1);
    assert!(reader.refund(&node, charged.object, Some(eur(10)), &mut ignore).is_err());
    assert_eq!(reader.refund(&node, charged.object, Some(eur(10)), &mut ignore).unwrap().refunded_minor, 50);
    let high = reader.refund(&node, charged.object, Some(eur(51)), &mut ignore);
    assert_eq!(high.unwrap_err().refusal(), Some(Refusal::Own(Own::RefundTooHigh)));
    let audit = reader.audit(&node, &mut ignore).unwrap();
    assert_eq!(audit.differences, [Difference::Refunded { object: charged.object, refunded_minor: 50 }]);
    assert_eq!(audit.entries.len(), 2);
}

#[test]
fn rule_r13_the_backup_of_a_lost_phone_pays_nothing_in_another_machine() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 2);
    let mut reader = shop(dir.path(), &server, 1);
    let platform = SimulatedPlatform::open(&dir.path().join("platform-of-its-own")).unwrap();
    let mut user = Customer { platform, with: Verification::Pin, tip_minor: None };
    let backup = files(&dir.path().join("phone"));
    // Its own authenticator: it pays.
    meet(dir.path(), &mut reader, &charge(10), &mut phone, &mut user).0.unwrap();
    // A new one, never enrolled, and then enrolled for the same account.
    let new = tempfile::tempdir().unwrap();
    let stolen = Device::start(new.path(), &server);
    restore(&new.path().join("phone"), &backup);
    let mut short = |phone: &mut Phone<FileFlash>| {
        let screens = new.path().join("screens");
        fs::create_dir_all(&screens).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut link = symbolon_reader::QrLink::new(&screens, Duration::from_secs(2));
                let _ = reader.charge(&mut link, eur(10), &mut ignore);
            });
            let link = &mut QrLink::new(&screens, Duration::from_secs(2));
            refused(phone.pay(link, &mut user, LastCall::Forbidden, &mut ignore))
        })
    };
    assert_eq!(short(&mut stolen.phone()), Some(Refusal::Own(Own::ClockUnknown)));
    stolen.ready(&server, 1);
    restore(&new.path().join("phone"), &backup);
    let mut phone = stolen.phone();
    assert_eq!(phone.status().unwrap().granted, 2, "the wallet is there");
    assert_eq!(short(&mut phone), Some(Refusal::Own(Own::NonceUnknown)));
}

#[test]
fn rule_r15_a_platform_of_another_store_is_a_wrong_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = SimulatedPlatform::open(&dir.path().join("one")).unwrap();
    let question = Hash([3; 32]);
    let (first, second) = (one.assert(question).unwrap(), one.assert(question).unwrap());
    assert!(first.prf.equals(second.prf.reveal()), "the PRF's output is the same each time");
    assert!(first.authenticator_data[33..] < second.authenticator_data[33..], "the count rises");
    drop(one);
    let mut again = SimulatedPlatform::open(&dir.path().join("one")).unwrap().assert(question).unwrap();
    assert!(second.authenticator_data[33..] < again.authenticator_data[33..], "and is kept");
    again.prf = SimulatedPlatform::open(&dir.path().join("two")).unwrap().assert(question).unwrap().prf;
    assert!(!first.prf.equals(again.prf.reveal()));
}

/// Where the platform was set, another one, and the right one's signature with another one's secret, are wrong credentials to the authenticator.
#[test]
fn rule_r15_an_authenticator_takes_no_platform_but_the_one_that_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 2);
    let mut reader = shop(dir.path(), &server, 1);
    let mut right = SimulatedPlatform::open(&dir.path().join("phone")).unwrap();
    let mut other = SimulatedPlatform::open(&dir.path().join("other")).unwrap();
    let set = phone.set_credential(
        &mut |_| Ok(pin(PIN)),
        &mut |question| Ok(Credential::platform_registration(right.register(question)?)),
        &mut ignore,
    );
    set.unwrap();
    let (mut refusals, screens) = (Vec::new(), dir.path().join("screens"));
    for crossed in [false, true] {
        let mut wrong = Wrong { right: &mut right, other: &mut other, crossed };
        let _ = fs::remove_dir_all(&screens);
        fs::create_dir_all(&screens).unwrap();
        thread::scope(|scope| {
            let (waits, at) = (&mut reader, &screens);
            scope.spawn(move || {
                let mut link = symbolon_reader::QrLink::new(at, Duration::from_secs(2));
                drop(waits.charge_as(&mut link, &charge(100), &mut ignore));
            });
            let link = &mut QrLink::new(&screens, Duration::from_secs(2));
            refusals.push(refused(phone.pay(link, &mut wrong, LastCall::Forbidden, &mut ignore)));
        });
        // After a wrong one the next waits.
        thread::sleep(Duration::from_millis(1100));
    }
    assert_eq!(refusals, [Some(Refusal::Own(Own::CredentialWrong)); 2]);
    let left = phone.status().unwrap().authenticator.attempts_left;
    assert_eq!(left, 1, "each was counted");
    thread::sleep(Duration::from_secs(1));
    let mut user = Customer { platform: right, with: Verification::Platform, tip_minor: None };
    meet(dir.path(), &mut reader, &charge(100), &mut phone, &mut user).0.unwrap();
}

/// A user whose platform is another one, or whose platform's signature comes with another one's secret.
struct Wrong<'a> {
    right: &'a mut SimulatedPlatform<FileFlash>,
    other: &'a mut SimulatedPlatform<FileFlash>,
    crossed: bool,
}

impl User for Wrong<'_> {
    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, Failure> {
        let mut shown = self.other.assert(asking.question)?;
        if self.crossed {
            let prf = shown.prf;
            shown = self.right.assert(asking.question)?;
            shown.prf = prf;
        }
        Ok(Credential::platform(shown))
    }
}

/// A nonce whose grant's key was revoked is granted again: it fills no pool for good, and it pays.
#[test]
fn threat_t18_nonces_under_a_revoked_key_are_granted_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 2);
    let before = phone.status().unwrap();
    assert_eq!((before.granted, before.authenticator.pool), (2, 2));
    server.bank().rotate_and_revoke();
    let node = server.node();
    phone.reconcile(&node, &mut ignore).unwrap();
    assert_eq!(phone.status().unwrap().granted, 0, "under a key that counts no more");
    // The 30 that fit beside them: were they lost, this would end at POOL_FULL from now on.
    assert_eq!(phone.prefetch(&node, 30, &mut ignore), Ok(32));
    let after = phone.status().unwrap();
    assert_eq!((after.granted, after.authenticator.pool), (32, 32));
    let mut reader = shop(dir.path(), &server, 1);
    let platform = SimulatedPlatform::open(&dir.path().join("phone")).unwrap();
    let mut user = Customer { platform, with: Verification::Pin, tip_minor: None };
    meet(dir.path(), &mut reader, &charge(100), &mut phone, &mut user).0.unwrap();
}

fn files(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let inside = files(&path).into_iter();
            found
                .extend(inside.map(|(name, bytes)| (Path::new(path.file_name().unwrap()).join(name), bytes)));
        } else {
            found.push((path.file_name().unwrap().into(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn restore(dir: &Path, backup: &[(std::path::PathBuf, Vec<u8>)]) {
    let _ = fs::remove_dir_all(dir);
    for (name, bytes) in backup {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
