//! Whom a phone asks for what: below the tier nobody, and at the end of what may be paid without a credential its user, who then pays.
mod world;

use std::{fs, path::Path, thread, time::Duration};
use symbolon_offline_payment::{
    Refusal,
    authenticator::Credential,
    messages::{Verification, VerificationRule},
    secure_application::LastCall,
};
use symbolon_phone::{Asking, Failure, HeldPayment, Phone, QrLink, User};
use symbolon_reader::Reader;
use symbolon_transport::store::FileFlash;
use symbolon_types::CoreRefusal;
use world::*;

const PATIENCE: Duration = Duration::from_secs(5);

/// A user with a credential, or none at hand, and what the phone has asked for: the amount in minor units and the least verification.
struct Customer {
    digits: Option<&'static str>,
    asked: Vec<(u64, Verification)>,
}

impl User for Customer {
    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, Failure> {
        self.asked.push((asking.amount.minor(), asking.user));
        self.digits.map(pin).ok_or(CoreRefusal::NotFound.into())
    }
}

fn meet(
    dir: &Path,
    reader: &mut Reader<FileFlash>,
    minor: u64,
    phone: &mut Phone<FileFlash>,
    user: &mut Customer,
) -> Result<HeldPayment, Failure> {
    let screens = dir.join("screens");
    let _ = fs::remove_dir_all(&screens);
    fs::create_dir_all(&screens).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut link = symbolon_reader::QrLink::new(&screens, PATIENCE);
            drop(reader.charge(&mut link, eur(minor), &mut ignore));
        });
        let held = phone.pay(&mut QrLink::new(&screens, PATIENCE), user, LastCall::Forbidden, &mut ignore);
        waiting.join().unwrap();
        held
    })
}

#[test]
fn rule_r6_a_phone_asks_once_the_unverified_sum_is_used_up_and_then_pays() {
    let dir = tempfile::tempdir().unwrap();
    let rule = |from_minor, user| VerificationRule { from_minor, user, otp: false };
    let server = Server::of(Bank::with(vec![rule(0, 0), rule(500, 1)], 1000));
    let device = Device::start(dir.path(), &server);
    let mut phone = device.ready(&server, 8);
    let mut reader = shop(dir.path(), &server, 1);
    let mut user = Customer { digits: None, asked: Vec::new() };

    // Below the sum nobody is asked, and the last cent of it is below it too; being online gives nothing of it back.
    for minor in [400, 400, 200] {
        let held = meet(dir.path(), &mut reader, minor, &mut phone, &mut user).unwrap();
        assert!(held.payment.receipt.is_some());
        phone.reconcile(&server.node(), &mut ignore).unwrap();
    }
    assert_eq!(user.asked, []);

    let granted = phone.status().unwrap().granted;
    let declined = meet(dir.path(), &mut reader, 1, &mut phone, &mut user);
    assert_eq!(refused(declined), Some(Refusal::Core(CoreRefusal::NotFound)), "the user has the last word");
    assert_eq!(user.asked, [(1, Verification::Pin)]);
    assert_eq!(phone.status().unwrap().granted, granted, "and the nonce is back");

    user.digits = Some(PIN);
    let held = meet(dir.path(), &mut reader, 1, &mut phone, &mut user).unwrap();
    assert!(held.payment.receipt.is_some());
    assert_eq!(user.asked.len(), 2);

    // A right credential begins the sum anew.
    meet(dir.path(), &mut reader, 400, &mut phone, &mut user).unwrap();
    assert_eq!(user.asked.len(), 2);
    let node = symbolon_reader::Node::new(&server.url).unwrap();
    assert!(reader.upload(&node, &mut ignore).unwrap().iter().all(|one| one.answer.is_ok()));
    assert_eq!(server.bank().credited(1), 1401);
}
