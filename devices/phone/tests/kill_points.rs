//! A phone, and a shop's reader, that die at each of their durable writes, just before it or just after it, and lead on from what their stores
//! hold: one object, one nonce, one receipt, the same bytes, one credit.
mod world;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use symbolon_keys::{RustCrypto, SigningKey};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    authenticator::Credential,
    messages::PayeeNonce,
    payee::{Asked, Payee, PayeeState},
    secure_application::LastCall,
};
use symbolon_phone::{Entry, Failure, HeldPayment, PayeeLink, Phone};
use symbolon_reader::{Charge, PayerLink, Reader, Take};
use symbolon_state::{Bank, Flash, FlashError, fake::FakeFlash};
use symbolon_transport::{TransportError, clock, entropy};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::{Bytes, from_slice};
use world::{Device, PIN, Server, eur, ignore, pin, refused};

/// A flash whose machine dies at its n-th append: before it has an effect, or after.
#[derive(Clone)]
struct Dying {
    flash: FakeFlash,
    left: Arc<AtomicI64>,
    with_effect: bool,
}

impl Dying {
    fn at(flash: &FakeFlash, writes: i64, with_effect: bool) -> Self {
        Self { flash: flash.clone(), left: Arc::new(AtomicI64::new(writes)), with_effect }
    }
}

impl Flash for Dying {
    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), FlashError> {
        let dies = self.left.fetch_sub(1, Ordering::Relaxed) <= 1;
        if !dies || self.with_effect {
            self.flash.append(bank, bytes)?;
        }
        if dies { Err(FlashError::Medium) } else { Ok(()) }
    }
    fn read(&self, bank: Bank) -> Result<Vec<u8>, FlashError> {
        self.flash.read(bank)
    }
    fn erase(&mut self, bank: Bank) -> Result<(), FlashError> {
        self.flash.erase(bank)
    }
}

/// A shop in front of the phone, with no wire between them.
struct Shop {
    key: SigningKey,
    state: PayeeState,
    asked: Option<Bytes>,
    objects: Vec<Vec<u8>>,
    receipts: Vec<Vec<u8>>,
}

impl Shop {
    fn enrol(server: &Server) -> Self {
        let key = SigningKey::from_seed(entropy::seed().unwrap());
        let payee = Payee { crypto: &RustCrypto, key: &key };
        let code = server.bank().invite_payee(1, "Bakery", eur(0));
        let request = payee.request(code).unwrap();
        let certificate = server.bank().answer("payee-enrolments", &request.0).unwrap();
        let update = from_slice(&server.bank().answer("trust", &[]).unwrap()).unwrap();
        let state = payee.enrolled_hearing(server.key(), &update, certificate.into()).unwrap();
        Self { key, state, asked: None, objects: Vec::new(), receipts: Vec::new() }
    }

    /// Asks anew.
    fn charge(&mut self) {
        let nonce = PayeeNonce(*entropy::seed().unwrap().reveal().first_chunk().unwrap());
        let payee = Payee { crypto: &RustCrypto, key: &self.key };
        let now = Some(clock::wall().seconds());
        let (state, challenge) = payee.charge(self.state.clone(), eur(450), nonce, now).unwrap();
        (self.state, self.asked) = (state, Some(challenge));
        (self.objects, self.receipts) = (Vec::new(), Vec::new());
    }
}

impl PayeeLink for Shop {
    fn challenge(&mut self) -> Result<Vec<u8>, TransportError> {
        Ok(self.asked.clone().unwrap().0)
    }

    fn hand_over(
        &mut self,
        challenge: &[u8],
        object: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        assert_eq!(challenge, self.asked.as_ref().unwrap().0);
        self.objects.push(object.to_vec());
        let payee = Payee { crypto: &RustCrypto, key: &self.key };
        let (state, receipt) =
            payee.accept(self.state.clone(), object, Some(clock::wall().seconds())).unwrap();
        self.state = state;
        self.receipts.push(receipt.0.clone());
        take(&receipt.0)
    }
}

struct World {
    device: Device,
    server: Server,
    secure: FakeFlash,
    application: FakeFlash,
    shop: Shop,
    _dir: tempfile::TempDir,
}

impl World {
    fn ready(nonces: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start();
        let device = Device::start(dir.path(), &server);
        let shop = Shop::enrol(&server);
        let world = Self {
            device,
            server,
            secure: FakeFlash::default(),
            application: FakeFlash::default(),
            shop,
            _dir: dir,
        };
        let mut phone = world.phone();
        phone.enrol(&world.server.node(), None, world.server.invite(), &pin(PIN), &mut ignore).unwrap();
        phone.prefetch(&world.server.node(), nonces, &mut ignore).unwrap();
        world.server.set_up(false);
        world
    }

    fn phone(&self) -> Phone<FakeFlash> {
        Phone::on(self.secure.clone(), self.application.clone(), self.device.client()).unwrap()
    }

    /// (objects made, nonces granted, payments) so far.
    fn counts(&self) -> (u32, usize, usize) {
        let status = self.phone().status().unwrap();
        (status.authenticator.objects, status.granted, status.payments.len())
    }

    /// One charge, during which the phone dies at that write of that store; whether it died at all.
    fn pay_and_die(&mut self, of_secure: bool, writes: i64, with_effect: bool) -> bool {
        self.shop.charge();
        let (objects, granted, payments) = self.counts();
        let never = i64::MAX;
        let (in_secure, in_application) = if of_secure { (writes, never) } else { (never, writes) };
        let mut dying = Phone::on(
            Dying::at(&self.secure, in_secure, with_effect),
            Dying::at(&self.application, in_application, with_effect),
            self.device.client(),
        )
        .unwrap();
        let first = dying.pay(&mut self.shop, &mut entry, LastCall::Forbidden, &mut ignore);
        drop(dying);
        let died = match &first {
            Err(failure) => failure.refusal() == Some(Refusal::Own(Own::StoreFailed)),
            Ok(_) => false,
        };
        let done = if died { self.lead_on() } else { first.unwrap() };
        assert!(done.payment.receipt.is_some());
        let object = &done.payment.object.0;
        assert!(!self.shop.objects.is_empty() && self.shop.objects.iter().all(|seen| seen == object));
        assert!(self.shop.receipts.windows(2).all(|pair| pair[0] == pair[1]), "one receipt");
        assert_eq!(self.counts(), (objects + 1, granted - 1, payments + 1), "one object, one nonce");
        died
    }

    /// The next start after a death. A receipt that was stored when the phone died leaves nothing to lead on with.
    fn lead_on(&mut self) -> HeldPayment {
        let mut phone = self.phone();
        let fresh = self.shop.objects.is_empty();
        let last = phone.payments().last().cloned();
        if let Some(done) = last.filter(|held| !fresh && held.payment.receipt.is_some()) {
            return done;
        }
        let mut typed = entry;
        let entered: &mut Entry<'_> = &mut typed;
        match phone.resume(&mut self.shop, Some(entered), LastCall::Forbidden, &mut ignore) {
            // Died before anything was begun: nothing is paid that the user did not ask for again.
            Err(failure) if failure.refusal() == Some(Refusal::Core(CoreRefusal::NotFound)) => {
                assert!(fresh);
                phone.pay(&mut self.shop, &mut entry, LastCall::Forbidden, &mut ignore).unwrap()
            }
            resumed => resumed.unwrap(),
        }
    }
}

/// The phone in front of a reader: pays each challenge, shows its object, and takes the receipt.
struct Payer<'w> {
    world: &'w World,
    receipts: Vec<Vec<u8>>,
}

/// What the phone sees of the reader: its challenge. The object is taken away without a receipt.
struct Screen<'a> {
    challenge: &'a [u8],
    object: Option<Vec<u8>>,
}

impl PayeeLink for Screen<'_> {
    fn challenge(&mut self) -> Result<Vec<u8>, TransportError> {
        Ok(self.challenge.to_vec())
    }
    fn hand_over(
        &mut self,
        _: &[u8],
        object: &[u8],
        _: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        self.object = Some(object.to_vec());
        Ok(false)
    }
}

impl PayerLink for Payer<'_> {
    fn charge(&mut self, challenge: &[u8], take: &mut Take<'_>) -> Result<(), symbolon_reader::Failure> {
        let mut screen = Screen { challenge, object: None };
        self.world.phone().pay(&mut screen, &mut entry, LastCall::Forbidden, &mut ignore).unwrap();
        let receipt = take(&screen.object.unwrap())?.ok_or(TransportError::Timeout)?;
        self.receipts.push(receipt);
        Ok(())
    }
}

/// One charge and its upload, during which the reader dies at that write; whether it died at all.
fn charge_and_die(writes: i64, with_effect: bool) -> bool {
    let world = World::ready(2);
    let node = symbolon_reader::Node::new(&world.server.url).unwrap();
    let (flash, code) = (FakeFlash::default(), world.server.bank().invite_payee(7, "Mill", eur(0)));
    world.server.set_up(true);
    Reader::on(flash.clone()).unwrap().enrol(&node, world.server.key(), code, &mut ignore).unwrap();
    let mut payer = Payer { world: &world, receipts: Vec::new() };
    let dying = Dying::at(&flash, writes, with_effect);
    let mut reader = Reader::on(dying.clone()).unwrap();
    if reader.charge(&mut payer, eur(450), &mut ignore).is_ok() {
        let _ = reader.upload(&node, &mut ignore);
    }
    drop(reader);
    let died = dying.left.load(Ordering::Relaxed) <= 0;
    let mut reader = Reader::on(flash).unwrap();
    // Asked and not paid, or paid and the receipt lost: the same challenge leads on. Never asked: it is asked now.
    let charged = match reader.state().last {
        Some(_) => reader.resume(&mut payer, &mut ignore),
        None => reader.charge(&mut payer, eur(450), &mut ignore),
    };
    charged.unwrap();
    assert!(payer.receipts.windows(2).all(|pair| pair[0] == pair[1]), "one receipt");
    for _ in 0..2 {
        reader.upload(&node, &mut ignore).unwrap();
        assert_eq!(world.server.bank().credited(7), 450, "credited once");
    }
    let accepted = &reader.state().payee.as_ref().unwrap().accepted;
    assert!(accepted.len() == 1 && accepted[0].settled);
    died
}

/// One charge online (P1), during which the reader dies at that write; whether it died at all. The receipt comes only with the settlement.
fn charge_online_and_die(writes: i64, with_effect: bool) -> bool {
    let world = World::ready(2);
    let node = symbolon_reader::Node::new(&world.server.url).unwrap();
    let (flash, code) = (FakeFlash::default(), world.server.bank().invite_payee(7, "Mill", eur(0)));
    world.server.set_up(true);
    Reader::on(flash.clone()).unwrap().enrol(&node, world.server.key(), code, &mut ignore).unwrap();
    let mut payer = Payer { world: &world, receipts: Vec::new() };
    let charge = Charge { asked: Asked::amount(eur(450)), final_minor: None, online: Some(&node) };
    let dying = Dying::at(&flash, writes, with_effect);
    let _ = Reader::on(dying.clone()).unwrap().charge_as(&mut payer, &charge, &mut ignore);
    let died = dying.left.load(Ordering::Relaxed) <= 0;
    let credited = world.server.bank().credited(7);
    assert!(payer.receipts.is_empty() || credited == 450, "no receipt before the settlement");
    let mut reader = Reader::on(flash).unwrap();
    let charged = match reader.state().last {
        Some(_) => reader.resume_as(&mut payer, Some(&node), None, &mut ignore),
        None => reader.charge_as(&mut payer, &charge, &mut ignore),
    };
    charged.unwrap();
    assert!(!payer.receipts.is_empty() && payer.receipts.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(world.server.bank().credited(7), 450, "credited once");
    let state = reader.state().payee.as_ref().unwrap();
    assert!(state.forwarded.is_empty() && state.accepted.len() == 1 && state.accepted[0].settled);
    died
}

#[test]
fn the_reader_that_is_online_dies_at_each_of_its_writes() {
    for with_effect in [false, true] {
        let died = (1..=6).take_while(|&writes| charge_online_and_die(writes, with_effect)).count();
        assert_eq!(died, 4, "the server's list; the challenge; that it is forwarded; that it is settled");
    }
}

#[test]
fn the_reader_dies_at_each_of_its_writes() {
    for with_effect in [false, true] {
        let died = (1..=6).take_while(|&writes| charge_and_die(writes, with_effect)).count();
        assert_eq!(died, 4, "the challenge; the object; the server's list; that it is settled");
    }
}

fn entry(_: &symbolon_offline_payment::messages::Preview) -> Result<Credential, Failure> {
    Ok(pin(PIN))
}

fn every_write(of_secure: bool, least_writes: i64) {
    let mut world = World::ready(12);
    for with_effect in [false, true] {
        let died = (1..=6).take_while(|&writes| world.pay_and_die(of_secure, writes, with_effect)).count();
        assert_eq!(i64::try_from(died).unwrap(), least_writes);
    }
}

#[test]
fn the_secure_application_dies_at_each_of_its_writes() {
    // The nonce taken; the object; the receipt.
    every_write(true, 3);
}

#[test]
fn the_payment_application_dies_at_each_of_its_writes() {
    // The counter.
    every_write(false, 1);
}

#[test]
fn without_an_object_there_is_nothing_to_resume_and_the_nonce_is_back() {
    let mut world = World::ready(1);
    world.shop.charge();
    let secure = Dying::at(&world.secure, 1, true);
    let application = Dying::at(&world.application, i64::MAX, true);
    let mut dying = Phone::on(secure, application, world.device.client()).unwrap();
    let died = dying.pay(&mut world.shop, &mut entry, LastCall::Forbidden, &mut ignore);
    assert_eq!(refused(died), Some(Refusal::Own(Own::StoreFailed)));
    let mut phone = world.phone();
    let resumed = phone.resume(&mut world.shop, None, LastCall::Forbidden, &mut ignore);
    assert_eq!(refused(resumed), Some(Refusal::Core(CoreRefusal::NotFound)));
    assert_eq!(world.counts(), (0, 1, 0));
}

#[test]
fn a_challenge_that_has_an_object_is_not_paid_with_another_nonce() {
    let mut world = World::ready(2);
    world.shop.charge();
    let paid = world.phone().pay(&mut world.shop, &mut entry, LastCall::Forbidden, &mut ignore).unwrap();
    let mut asked_again = |_: &symbolon_offline_payment::messages::Preview| -> Result<Credential, Failure> {
        panic!("the user was asked again")
    };
    let again =
        world.phone().pay(&mut world.shop, &mut asked_again, LastCall::Forbidden, &mut ignore).unwrap();
    assert_eq!(again.payment.object, paid.payment.object);
    assert_eq!(world.counts(), (1, 1, 1));
}
