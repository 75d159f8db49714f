//! Who attacks: copies of phones, stores put back, a colluding payee, captured and forged messages. An attacker has every byte that passed,
//! and keys of its own; of others it has a key only where it copied the machine.
use super::authenticator::Trouble;
use super::edge::Route;
use super::phone::Mood;
use super::{FIRST_NODE, OfflinePayment, PHONES_MAX, kind};
use crate::crypto::CRYPTO;
use crate::network::{Node, PLATFORM, Packet};
use crate::world::Common;
use symbolon_keys::{LocalSigner, SigningKey};
use symbolon_offline_payment::messages::{
    Challenge, Grant, NonceToken, PayeeId, PayeeRequest, PayeeRequestBody, Receipt, Report, ReportBody,
    Request, SealedCredential, SecondNonceRequest, SecureObject, Settlement,
};
use symbolon_proof::{Claims, Confirmation, Raw, sign};
use symbolon_types::{Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// Messages that an attacker remembers.
const CAPTURED_MAX: usize = 48;

/// A message that passed.
pub type Captured = Packet;

/// Where answers to an attacker go: nowhere.
const NOBODY: Node = 999;

fn signed<T: Claims>(key: &SigningKey, claims: &T) -> Bytes {
    Bytes(sign(&CRYPTO, &LocalSigner { crypto: &CRYPTO, key }, claims).unwrap_or_default())
}

fn claims<T: Claims + Clone>(bytes: &[u8]) -> Option<T> {
    Raw(bytes).parse::<T>().ok().map(|signed| signed.danger_unverified().clone())
}

/// A settlement whose object has the challenge or the receipt of another payment, or one that names another payee; all rightly signed by the
/// colluder, who has the key.
fn mixed(
    world: &mut Common,
    key: &SigningKey,
    whole: &Settlement,
    hoard: &[Settlement],
) -> Option<Settlement> {
    let other = world.rng.pick(hoard)?.clone();
    Some(match world.rng.below(4) {
        0 => Settlement { receipt: other.receipt, ..whole.clone() },
        1 => Settlement { challenge: other.challenge, ..whole.clone() },
        2 => {
            // Its own challenge once more, with the nonce that the object names: only H(txn) tells them apart.
            let mut challenge: Challenge = claims(&whole.challenge.0)?;
            challenge.iat = challenge.iat.plus(1);
            Settlement { challenge: signed(key, &challenge), ..whole.clone() }
        }
        _ => {
            let mut receipt: Receipt = claims(&whole.receipt.0)?;
            receipt.body.payee = PayeeId(world.rng.bytes16());
            Settlement { receipt: signed(key, &receipt), ..whole.clone() }
        }
    })
}

impl OfflinePayment {
    /// Remembers what passes.
    pub fn capture(&mut self, world: &mut Common, packet: &Packet) {
        if self.captured.len() < CAPTURED_MAX {
            self.captured.push(packet.clone());
        } else if world.rng.chance(1, 3) {
            let at = world.rng.index(CAPTURED_MAX);
            self.captured[at] = packet.clone();
        }
    }

    /// One attack.
    pub fn attack(&mut self, world: &mut Common, what: &'static str) {
        match what {
            "photograph" => {
                if let Some(at) = self.some_phone(world) {
                    self.phones[at].device.take_photograph();
                    self.phones[at].take_photograph();
                }
            }
            "put-back-authenticator" => self.put_back_authenticator(world),
            "put-back-phone" => {
                let done = self.some_phone(world).is_some_and(|at| self.phones[at].put_back());
                if done {
                    world.tally.fault("phone-store-put-back");
                }
            }
            "copy-phone" => self.copy_phone(world),
            "steal-phone" => self.steal_phone(world),
            "double-spend" => self.double_spend(world),
            "collude" => self.collude(world),
            "garbage" => {
                let len = world.rng.index(400);
                let bytes = world.rng.bytes(len);
                let route = Route::ALL[world.rng.index(Route::ALL.len())];
                world.send(NOBODY, PLATFORM, route.kind(), 0, bytes);
            }
            "bit-flip" => {
                if let Some(mut packet) = self.some_captured(world) {
                    let at = world.rng.index(packet.bytes.len());
                    let bit = 1 << world.rng.below(8);
                    packet.bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
                    send_again(world, packet);
                }
            }
            "replay" => {
                if let Some(packet) = self.some_captured(world) {
                    send_again(world, packet);
                }
            }
            "forge" => self.forge(world),
            "misuse-authenticator" => self.misuse(world),
            _ => {}
        }
    }

    fn some_captured(&mut self, world: &mut Common) -> Option<Captured> {
        world.rng.pick(&self.captured).cloned()
    }

    /// An old image of the authenticator's store is put back, sometimes with the phone's of the same moment; then what was paid since is paid
    /// again: the credential that was sealed last is handed in once more, as an attacker who kept it would.
    fn put_back_authenticator(&mut self, world: &mut Common) {
        let Some(at) = self.some_phone(world) else { return };
        let phone = &mut self.phones[at];
        if !phone.device.put_back() {
            return;
        }
        world.tally.fault("authenticator-store-put-back");
        self.facts.rolled_back.insert(phone.device.id());
        if world.rng.chance(1, 2) && phone.put_back() {
            world.tally.fault("phone-store-put-back");
        }
        phone.start(world);
        if let Some(sealed) = phone.sealed.clone() {
            self.authorise_again(world, at, sealed);
        }
    }

    /// The object must not come out a second time by the same sealed credential; who copied the machine may try.
    fn authorise_again(&mut self, world: &mut Common, at: usize, sealed: SealedCredential) {
        let phone = &mut self.phones[at];
        let token = super::token_hash(&sealed.token);
        let answer = phone.device.message(world, Request::Authorise(sealed));
        phone.device.attempted(world, &mut self.facts, &answer);
        if let Ok(object) = answer {
            let held = phone.device.emitted(world, &mut self.facts, token, &object);
            self.facts.watched(held);
        }
    }

    /// A thief has a phone and types PINs, waiting as long as the authenticator asks; the next time the phone is given back.
    fn steal_phone(&mut self, world: &mut Common) {
        let Some(at) = self.some_phone(world) else { return };
        let phone = &mut self.phones[at];
        phone.stolen = !phone.stolen;
        if phone.stolen {
            world.tally.note(|| format!("phone {} is stolen", phone.node));
            phone.start(world);
            world.wait(9_000);
        }
    }

    fn copy_phone(&mut self, world: &mut Common) {
        let Some(at) = self.some_phone(world).filter(|_| self.phones.len() < PHONES_MAX) else { return };
        let node = FIRST_NODE + Node::try_from(self.phones.len()).unwrap_or(0);
        let phone = &self.phones[at];
        if !phone.is_on()
            || !phone.state().is_some_and(|state| state.code.is_none() && !state.wallet.pool.is_empty())
        {
            return;
        }
        let copy = phone.copy(world, node);
        self.facts.compromised.insert(phone.device.id());
        world.tally.fault("phone-copied");
        world.tally.note(|| format!("phone {} is copied: {node}", phone.node));
        world.nodes.push(node);
        self.phones.push(copy);
    }

    /// Two phones with one key pay at once: at two payees with the same nonces, or one challenge with an object each.
    fn double_spend(&mut self, world: &mut Common) {
        let Some((one, other)) = self.pair() else { return self.copy_phone(world) };
        for phone in [one, other] {
            self.phones[phone].mood = Mood::Right;
            self.phones[phone].start(world);
        }
        let nodes = [self.phones[one].node, self.phones[other].node];
        let shown: Vec<Packet> =
            self.captured.iter().filter(|packet| packet.kind == kind::CHALLENGE).cloned().collect();
        if let Some(packet) = world.rng.pick(&shown).cloned().filter(|_| world.rng.chance(1, 3)) {
            nodes
                .iter()
                .for_each(|node| world.send(packet.from, *node, kind::CHALLENGE, 0, packet.bytes.clone()));
            world.tally.action("one-challenge-paid-twice");
            return;
        }
        for _ in 0..world.rng.between(1, 3) {
            for node in nodes {
                let shop = self.shops[world.rng.index(self.shops.len())].node;
                let minor: u64 = world.rng.between(1500, 2999);
                world.send(node, shop, kind::WANT, 0, minor.to_be_bytes().to_vec());
            }
        }
        world.tally.action("one-nonce-paid-twice");
    }

    /// Two phones with one key and a nonce in common.
    fn pair(&self) -> Option<(usize, usize)> {
        let first = |at: usize| self.phones[at].state().and_then(|state| state.wallet.pool.first());
        let ones = 0..self.phones.len();
        ones.flat_map(|one| (one + 1..self.phones.len()).map(move |other| (one, other))).find(
            |(one, other)| {
                first(*one).is_some() && first(*one).map(|n| &n.token) == first(*other).map(|n| &n.token)
            },
        )
    }

    /// The colluding payee uploads what it has: as it is, twice, changed, or what was made for another.
    fn collude(&mut self, world: &mut Common) {
        let Some(at) = self.shops.iter().position(|shop| !shop.honest) else { return };
        if world.rng.chance(1, 3) {
            return self.claim_for_itself(world, at);
        }
        let shop = &mut self.shops[at];
        let Some(settlement) = world.rng.pick(&shop.hoard).cloned() else { return };
        let mut bytes = to_vec(&settlement);
        match world.rng.below(8) {
            0 => {
                let place = world.rng.index(bytes.len());
                bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 0x10);
                world.tally.action("upload-changed");
            }
            1 => {
                shop.upload_bytes(world, bytes.clone());
                world.tally.action("upload-twice");
            }
            2 => {
                // The same object with a receipt of another time.
                shop.pocket(world, &mut self.facts, &settlement.object.0, Some(settlement.challenge));
                bytes = shop.hoard.last().map(to_vec).unwrap_or_default();
                world.tally.action("upload-at-another-time");
            }
            3..6 => {
                let Some(key) = shop.key() else { return };
                let mixed = mixed(world, &key, &settlement, &shop.hoard);
                bytes = mixed.as_ref().map(to_vec).unwrap_or_default();
                world.tally.action("upload-mixed");
            }
            _ => {}
        }
        shop.upload_bytes(world, bytes);
    }

    /// An object that was made for another payee, with a challenge and a receipt of the colluder's own.
    fn claim_for_itself(&mut self, world: &mut Common, at: usize) {
        let objects: Vec<Packet> =
            self.captured.iter().filter(|packet| packet.kind == kind::OBJECT).cloned().collect();
        let Some(packet) = world.rng.pick(&objects) else { return };
        let Some(object) = claims::<SecureObject>(&packet.bytes) else { return };
        let shop = &mut self.shops[at];
        let own = shop.any_challenge(object.body.transaction.amount, world);
        let challenge = if world.rng.chance(1, 2) { own } else { None };
        shop.pocket(world, &mut self.facts, &packet.bytes, challenge);
        if let Some(settlement) = shop.hoard.last().map(to_vec) {
            shop.upload_bytes(world, settlement);
            world.tally.action("upload-of-another");
        }
    }

    /// Messages with the attacker's own key where another's should be.
    fn forge(&mut self, world: &mut Common) {
        let key = SigningKey::from_seed(world.rng.secret());
        let forged = match world.rng.below(5) {
            0 => self.forged_token(world, &key).map(|token| (Route::Grants, to_vec(&vec![token]))),
            1 => {
                let body = PayeeRequestBody { code: world.rng.bytes16(), signing: key.verifying(&CRYPTO) };
                Some((Route::EnrolPayee, signed(&key, &PayeeRequest { body }).0))
            }
            2 => self.some_phone(world).map(|at| {
                let authenticator = self.phones[at].device.id();
                let body = ReportBody { authenticator, objects: Vec::new(), counter: 1 << 40 };
                let iat = UnixSeconds(world.now_ms / 1000 + 1_000_000);
                (Route::Report, signed(&key, &Report { iat, body }).0)
            }),
            3 => self.forged_settlement(world, &key).map(|settlement| (Route::Settle, settlement)),
            _ => return self.forge_to_shop(world, &key),
        };
        if let Some((route, bytes)) = forged {
            world.send(NOBODY, PLATFORM, route.kind(), 0, bytes);
        }
    }

    fn forged_token(&mut self, world: &mut Common, key: &SigningKey) -> Option<Bytes> {
        let asked: Vec<&Packet> =
            self.captured.iter().filter(|packet| packet.kind == Route::Grants.kind()).collect();
        let bytes = world.rng.pick(&asked)?.bytes.clone();
        let tokens: Vec<Bytes> = from_slice(&bytes).ok()?;
        let mut token: NonceToken = claims(&tokens.first()?.0)?;
        token.body.sequence += 1000;
        token.nonce = symbolon_offline_payment::messages::Nonce(world.rng.bytes16());
        if world.rng.chance(1, 2) {
            token.body.authenticator =
                symbolon_offline_payment::messages::AuthenticatorId(world.rng.bytes16());
        }
        Some(signed(key, &token))
    }

    /// An object on a grant that names the attacker's key, signed by the attacker in the server's place.
    fn forged_object(&mut self, world: &mut Common, key: &SigningKey) -> Option<(Packet, Bytes)> {
        let objects: Vec<&Packet> =
            self.captured.iter().filter(|packet| packet.kind == kind::OBJECT).collect();
        let packet = (*world.rng.pick(&objects)?).clone();
        let mut object: SecureObject = claims(&packet.bytes)?;
        if world.rng.chance(1, 2) {
            let mut grant: Grant = claims(&object.body.grant.0)?;
            grant.cnf = Confirmation { key: key.verifying(&CRYPTO) };
            object.body.grant = signed(key, &grant);
        }
        object.body.random = world.rng.bytes32();
        Some((packet, signed(key, &object)))
    }

    fn forged_settlement(&mut self, world: &mut Common, key: &SigningKey) -> Option<Vec<u8>> {
        let (_, object) = self.forged_object(world, key)?;
        let shop = self.shops.iter().find(|shop| !shop.honest)?;
        let known = world.rng.pick(&shop.hoard)?.clone();
        Some(to_vec(&Settlement { object, ..known }))
    }

    fn forge_to_shop(&mut self, world: &mut Common, key: &SigningKey) {
        if let Some((packet, object)) = self.forged_object(world, key) {
            world.send(packet.from, packet.to, kind::OBJECT, 0, object.0);
        }
    }

    /// The authenticator's socket, used by a program that means it ill.
    fn misuse(&mut self, world: &mut Common) {
        let Some(at) = self.some_phone(world) else { return };
        let phone = &mut self.phones[at];
        let sealed = phone.sealed.clone();
        let answer = match (world.rng.below(7), sealed) {
            (0, Some(sealed)) => return self.authorise_again(world, at, sealed),
            (1, Some(mut sealed)) => {
                let key = SigningKey::from_seed(world.rng.secret());
                sealed.grant =
                    claims::<Grant>(&sealed.grant.0).map(|grant| signed(&key, &grant)).unwrap_or_default();
                phone.device.message(world, Request::Authorise(sealed)).map(|_| ())
            }
            (5, Some(sealed)) => {
                // Without the second nonce that the amount may ask for.
                let without = SealedCredential { second: None, ..sealed };
                phone.device.message(world, Request::Authorise(without)).map(|_| ())
            }
            (6, Some(sealed)) => {
                let Some(state) = phone.state() else { return };
                let token =
                    state.wallet.pool.first().map_or(Hash::ZERO, |nonce| super::token_hash(&nonce.token));
                let request = SecondNonceRequest {
                    token,
                    challenge: sealed.challenge,
                    application: state.application.application,
                    random: world.rng.bytes16(),
                    otp: "00000000".into(),
                    tip_minor: None,
                };
                phone.device.message(world, Request::SecondNonce(request)).map(|_| ())
            }
            (2, _) => {
                let code = world.rng.bytes16();
                phone.device.message(world, Request::BeginEnrolment(code)).map(|_| ())
            }
            (3, _) => {
                let bytes = world.rng.bytes(80);
                phone.device.done(world, Request::Reconciled(Bytes(bytes)))
            }
            _ => {
                let token = Hash(world.rng.bytes32());
                phone.device.message(world, Request::Reemit(token)).map(|_| ())
            }
        };
        let _: Result<(), Trouble> = answer;
    }
}

/// A captured packet, from whoever kept it. What the platform answers comes back over the attacker's own connection: it answers nobody else's request.
fn send_again(world: &mut Common, packet: Captured) {
    let from = if packet.to == PLATFORM { NOBODY } else { packet.from };
    world.send(from, packet.to, packet.kind, packet.id, packet.bytes);
}
