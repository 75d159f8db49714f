//! System 01 in the world: phones with their authenticators, payees, an operator, and who attacks them.
//!
//! ```text
//!   phone ──want──► payee ──challenge──► phone ──object──► payee ──receipt──► phone          proximity: packets like any other
//!   phone, payee ──request──► platform's edge ──► writer ──► edge ──answer──► phone, payee    network
//!   attackers: copied authenticators, stores put back, colluding payees, forged and captured messages
//! ```
//! This folder is all that the world knows of system 01.
mod attacks;
mod authenticator;
mod edge;
mod facts;
mod operator;
mod phone;
mod reports;
mod shop;

use crate::network::{Node, PLATFORM, Packet};
use crate::tally::{Broken, Held};
use crate::world::{Common, Part};
use attacks::Captured;
use authenticator::{Trouble, is_store_failed};
use edge::{Opened, Route};
use facts::Facts;
use operator::{eur, limits};
use phone::{Mood, Phone};
use shop::Shop;
use std::collections::BTreeMap;
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::Crypto;
use symbolon_machine::{Answer, AnyOutcome, Principal, RequestId, Submission};
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{PayeeId, PayerId, VerificationRule};
use symbolon_offline_payment::state::{
    AccountLimits, Command, Fund, InviteAuthenticator, InvitePayee, OpenAccount, Outcome, RevokeAuthenticator,
};
use symbolon_types::{Amount, Currency, Hash, Refused};

/// Packets between phones and payees.
pub mod kind {
    /// A phone wants to pay this many minor units.
    pub const WANT: u8 = 11;
    /// A payee's challenge.
    pub const CHALLENGE: u8 = 12;
    /// A phone's object.
    pub const OBJECT: u8 = 13;
    /// A payee's receipt.
    pub const RECEIPT: u8 = 14;
    /// An answer of the server.
    pub const ANSWER: u8 = 15;
}

const PAYERS: [PayerId; 2] = [PayerId([0xA1; 16]), PayerId([0xA2; 16])];
/// Phones at the beginning; as many again are copies and successors.
const PHONES: usize = 3;
const PHONES_MAX: usize = 10;
/// Payees: the last one colludes.
const CAPS: [u64; 3] = [6000, 9000, 4000];
/// The most that one nonce pays, in minor units.
const PER_PAYMENT: u64 = 5000;
/// From here on a one-time password is needed.
const OTP_FROM: u64 = 3000;
const ATTEMPTS: u32 = 4;
const POOL: u32 = 4;
const GRANT_SECONDS: u64 = 48 * 3600;
const FIRST_NODE: Node = 100;
const FIRST_SHOP: Node = 200;
const OPERATOR: Principal = Principal(Hash([0x0B; 32]));

/// What waits for the platform's answer.
enum Waiting {
    /// A request over the network.
    Request { from: Node, id: u64, settle: Option<(PayeeId, Hash)> },
    /// A command of the operator, under an id.
    Operator,
}

/// System 01.
#[derive(Default)]
pub struct OfflinePayment {
    phones: Vec<Phone>,
    shops: Vec<Shop>,
    facts: Facts,
    waiting: BTreeMap<u64, Waiting>,
    submissions: u64,
    captured: Vec<Captured>,
    /// The operator's last command, for a repeat under the same id.
    funds: Option<(RequestId, Fund)>,
    ids: u64,
}

impl OfflinePayment {
    fn some_phone(&mut self, world: &mut Common) -> Option<usize> {
        let at = world.rng.index(self.phones.len());
        (at < self.phones.len()).then_some(at)
    }

    /// Runs a step of a phone, and counts what it refuses.
    fn phone<R>(
        &mut self,
        world: &mut Common,
        at: usize,
        step: impl FnOnce(&mut Phone, &mut Common, &mut Facts) -> Result<R, Trouble>,
    ) -> Option<R> {
        let phone = self.phones.get_mut(at)?;
        match step(phone, world, &mut self.facts) {
            Ok(done) => Some(done),
            Err(trouble) => {
                told(world, trouble);
                if is_store_failed(trouble) && world.rng.chance(1, 2) {
                    phone.start(world);
                }
                None
            }
        }
    }

    fn shop<R>(
        &mut self,
        world: &mut Common,
        at: usize,
        step: impl FnOnce(&mut Shop, &mut Common, &mut Facts) -> Result<R, Trouble>,
    ) -> Option<R> {
        let shop = self.shops.get_mut(at)?;
        let done = step(shop, world, &mut self.facts);
        done.map_err(|trouble| told(world, trouble)).ok()
    }

    /// A phone wants to pay at a payee.
    fn want(&mut self, world: &mut Common, shop: usize) {
        let Some(at) = self.some_phone(world) else { return };
        let minor = match world.rng.below(20) {
            0..3 => world.rng.between(OTP_FROM, PER_PAYMENT),
            3 => PER_PAYMENT,
            4 => PER_PAYMENT + 1,
            5 => 0,
            _ => world.rng.between(1, OTP_FROM - 1),
        };
        let mood = match world.rng.below(16) {
            0 | 1 => Mood::WrongPin,
            2 => Mood::Garbled,
            3 => Mood::Online,
            4 => Mood::WithOtp,
            _ => Mood::Right,
        };
        let (Some(phone), Some(shop)) = (self.phones.get_mut(at), self.shops.get(shop)) else { return };
        phone.mood = if phone.stolen { Mood::WrongPin } else { mood };
        world.tally.note(|| format!("phone {} wants to pay {minor} at {}, {mood:?}", phone.node, shop.node));
        world.send(phone.node, shop.node, kind::WANT, 0, minor.to_be_bytes().to_vec());
    }

    /// A request arrives at the server's edge.
    fn serve(&mut self, world: &mut Common, packet: Packet) {
        let Some(route) = Route::of(packet.kind) else { return };
        let seed = world.rng.bytes32();
        let unchecked = world.planted.danger_credit_unchecked;
        let answer = match edge::open(&world.platform, route, &packet.bytes, seed, unchecked) {
            Ok(Opened::Answer(bytes)) => Ok(bytes),
            Err(refused) => Err(refused),
            Ok(Opened::Command(command)) => match self.submit(world, &packet, command) {
                Ok(()) => return,
                Err(refused) => Err(refused),
            },
        };
        self.answer(world, packet.from, packet.id, &answer);
    }

    fn submit(&mut self, world: &mut Common, packet: &Packet, command: Command) -> Result<(), Refused> {
        let facts = &mut self.facts;
        world.platform.read(|rows| facts.opened(rows, &command))?;
        let settle = match &command {
            Command::Settle(settle) => {
                let held = self.facts.uploaded(world, &packet.bytes, settle);
                self.facts.watched(held);
                Some((settle.payee, settle.object))
            }
            _ => None,
        };
        self.submissions += 1;
        let tag = world.tag(self.submissions);
        world.platform.submit(tag, Submission::natural(command))?;
        self.waiting.insert(self.submissions, Waiting::Request { from: packet.from, id: packet.id, settle });
        Ok(())
    }

    fn answer(&mut self, world: &mut Common, to: Node, id: u64, answer: &Result<Vec<u8>, Refused>) {
        if let Err(refused) = answer {
            world.tally.refused(*refused);
        }
        world.send(PLATFORM, to, kind::ANSWER, id, edge::encode(answer));
    }

    /// A packet for a phone.
    fn phone_hears(&mut self, world: &mut Common, at: usize, packet: Packet) {
        match packet.kind {
            kind::CHALLENGE => {
                Shop::note_challenge(&mut self.facts, &packet.bytes);
                let challenge = packet.bytes.into();
                if self
                    .phone(world, at, |phone, world, facts| phone.pay(world, facts, packet.from, challenge))
                    .is_some()
                {
                    world.tally.action("paid");
                }
            }
            kind::RECEIPT => {
                self.phone(world, at, |phone, world, _| {
                    phone.receipt(world, &packet.bytes);
                    Ok(())
                });
            }
            kind::ANSWER => {
                let Some(answer) = edge::decode(&packet.bytes) else { return };
                self.phone(world, at, |phone, world, facts| phone.answered(world, facts, packet.id, answer));
            }
            _ => {}
        }
    }

    /// A packet for a payee.
    fn shop_hears(&mut self, world: &mut Common, at: usize, packet: Packet) {
        match packet.kind {
            kind::WANT => {
                let minor = <[u8; 8]>::try_from(packet.bytes.as_slice()).map_or(0, u64::from_be_bytes);
                self.shop(world, at, |shop, world, _| shop.charge(world, packet.from, eur(minor)));
            }
            kind::OBJECT => {
                self.shop(world, at, |shop, world, facts| {
                    shop.take(world, facts, packet.from, &packet.bytes)
                });
            }
            kind::ANSWER => {
                let Some(answer) = edge::decode(&packet.bytes) else { return };
                self.shop(world, at, |shop, world, facts| shop.answered(world, facts, packet.id, answer));
            }
            _ => {}
        }
    }

    /// Somebody loses power, or will in the middle of a write.
    fn cut_power(&mut self, world: &mut Common) {
        let points = world.rng.below(4000);
        match world.rng.below(4) {
            0 => {
                let at = world.rng.index(self.shops.len());
                if let Some(shop) = self.shops.get_mut(at) {
                    shop.cut_after(points);
                }
            }
            1 => {
                if let Some(at) = self.some_phone(world) {
                    self.phones[at].cut_after(points);
                }
            }
            which => {
                if let Some(at) = self.some_phone(world) {
                    self.phones[at].device.cut_after(points, which == 3);
                }
            }
        }
    }

    /// Somebody is switched off, or on again.
    fn switch(&mut self, world: &mut Common) {
        let phones = self.phones.len();
        let at = world.rng.index(phones + self.shops.len());
        if let Some(phone) = self.phones.get_mut(at) {
            match (phone.is_on() && phone.device.is_on(), world.rng.chance(1, 2)) {
                (true, true) => phone.switch_off(),
                (true, false) => phone.device.switch_off(),
                (false, _) => phone.start(world),
            }
        } else if let Some(shop) = self.shops.get_mut(at.saturating_sub(phones)) {
            if shop.is_on() { shop.switch_off() } else { shop.start(world) }
        }
    }

    /// The holder of a phone that is of no more use gets a code, or a new phone; who has one enrols.
    fn renew(&mut self, world: &mut Common) {
        let (Some(at), count) = (self.some_phone(world), self.phones.len()) else { return };
        let Some(phone) = self.phones.get_mut(at) else { return };
        let locked =
            phone.device.status(world).is_ok_and(|status| status.locked && status.attempts_left == 0);
        let waits = phone.state().is_some_and(|state| state.code.is_some());
        if waits && !phone.uninvited {
            self.phone(world, at, |phone, world, _| phone.enrol(world));
        } else if phone.revoked && count < PHONES_MAX {
            let payer = phone.payer;
            self.add_phone(world, payer);
        } else if (locked || waits) && !phone.revoked {
            let payer = phone.payer;
            let code = self.invite(world, payer);
            self.phones[at].take_code(world, code);
            world.tally.action("re-enrolment");
        }
    }
}

/// The hash of a nonce token.
fn token_hash(token: &symbolon_wire::cbor::Bytes) -> Hash {
    crate::crypto::CRYPTO.sha256(&[&token.0])
}

/// Counts a refusal of a device.
fn told(world: &mut Common, trouble: Trouble) {
    if let Trouble::Refused(refusal) = trouble {
        world.tally.refused(refusal.refused());
    }
}

impl Part for OfflinePayment {
    fn name(&self) -> &'static str {
        "offline-payment"
    }

    fn actions(&self) -> &'static [(&'static str, u64)] {
        &[
            ("pay", 40),
            ("pay-at-the-colluder", 12),
            ("prefetch", 26),
            ("reconcile", 9),
            ("report-twice", 4),
            ("present-again", 8),
            ("upload", 14),
            ("fund", 2),
            ("repeat-fund", 2),
            ("renew", 7),
            ("revoke", 1),
            ("power-cut", 6),
            ("switch", 5),
            ("payee-clock-jumps", 2),
            ("photograph", 7),
            ("put-back-authenticator", 4),
            ("put-back-phone", 2),
            ("copy-phone", 1),
            ("steal-phone", 3),
            ("double-spend", 9),
            ("collude", 12),
            ("garbage", 2),
            ("bit-flip", 4),
            ("replay", 5),
            ("forge", 5),
            ("misuse-authenticator", 4),
        ]
    }

    fn found(&mut self, world: &mut Common) -> Held {
        self.facts.attempts_max = ATTEMPTS;
        for (payer, debt) in PAYERS.into_iter().zip([0xD1, 0xD2]) {
            let open = OpenAccount { payer, debt: AccountId([debt; 16]), limits: limits() };
            self.operate(world, Command::OpenAccount(open));
            self.fund(world, payer, 60_000);
            let _ = world.platform.turn(&mut world.tally)?;
        }
        for (number, cap) in CAPS.into_iter().enumerate() {
            self.add_shop(world, number, cap);
            let _ = world.platform.turn(&mut world.tally)?;
        }
        for number in 0..PHONES {
            let payer = if number == 0 { PAYERS[0] } else { PAYERS[1] };
            self.add_phone(world, payer);
            let _ = world.platform.turn(&mut world.tally)?;
        }
        self.waiting.clear();
        Ok(())
    }

    fn act(&mut self, world: &mut Common, what: &'static str) -> Held {
        world.tally.action(what);
        match what {
            "pay" => {
                let honest = CAPS.len() - 1;
                let shop = world.rng.index(honest);
                self.want(world, shop);
            }
            "pay-at-the-colluder" => self.want(world, CAPS.len() - 1),
            "prefetch" => {
                if let Some(at) = self.some_phone(world) {
                    let count = u32::try_from(world.rng.between(2, 4)).unwrap_or(1);
                    self.phone(world, at, |phone, world, facts| phone.prefetch(world, facts, count));
                }
            }
            "reconcile" => {
                if let Some(at) = self.some_phone(world) {
                    self.phone(world, at, Phone::reconcile);
                }
            }
            "report-twice" => {
                if let Some(at) = self.some_phone(world) {
                    self.phone(world, at, Phone::report_twice);
                }
            }
            "present-again" => {
                if let Some(at) = self.some_phone(world) {
                    self.phone(world, at, Phone::present_again);
                }
            }
            "upload" => {
                let at = world.rng.index(self.shops.len());
                self.shop(world, at, |shop, world, _| Ok(shop.upload(world)));
            }
            "fund" => {
                let payer = PAYERS[world.rng.index(PAYERS.len())];
                let minor = world.rng.between(1, 20_000);
                self.fund(world, payer, minor);
            }
            "repeat-fund" => {
                if let Some((id, mut fund)) = self.funds.clone() {
                    if world.rng.chance(1, 3) {
                        fund.amount = eur(fund.amount.minor() + 1);
                        *self.facts.funded.entry(fund.payer).or_default() += 1;
                    }
                    self.operate_as(world, id, Command::Fund(fund));
                }
            }
            "renew" => self.renew(world),
            "revoke" => {
                if let Some(phone) = self.some_phone(world).filter(|_| world.rng.chance(1, 2)) {
                    let authenticator = self.phones[phone].device.id();
                    self.facts.revoked.insert(authenticator);
                    self.operate(world, Command::RevokeAuthenticator(RevokeAuthenticator { authenticator }));
                }
            }
            "power-cut" => self.cut_power(world),
            "switch" => self.switch(world),
            "payee-clock-jumps" => {
                let at = world.rng.index(self.shops.len());
                let ms = i64::try_from(world.rng.below(3_600_000)).unwrap_or(0) - 1_800_000;
                self.shops[at].skew_ms = ms;
                world.tally.fault("payee-clock-jumps");
            }
            other => self.attack(world, other),
        }
        Ok(())
    }

    fn deliver(&mut self, world: &mut Common, packet: Packet) -> Held {
        self.capture(world, &packet);
        if packet.to == PLATFORM {
            self.serve(world, packet);
        } else if let Some(at) = self.phones.iter().position(|phone| phone.node == packet.to) {
            self.phone_hears(world, at, packet);
        } else if let Some(at) = self.shops.iter().position(|shop| shop.node == packet.to) {
            self.shop_hears(world, at, packet);
        }
        Ok(())
    }

    fn answered(&mut self, world: &mut Common, number: u64, answer: Answer) -> Held {
        let Some(waiting) = self.waiting.remove(&number) else { return Ok(()) };
        let answer = match answer {
            Ok((_, AnyOutcome::OfflinePayment(outcome))) => {
                if let (Outcome::Refused(refusal), Waiting::Request { settle: Some((payee, object)), .. }) =
                    (&outcome, &waiting)
                {
                    self.facts.decided(world, *payee, *object, *refusal)?;
                }
                edge::seal(&world.platform, &outcome)
            }
            Ok((_, AnyOutcome::Platform(outcome))) => Err(platform_refusal(&outcome)),
            Ok((_, AnyOutcome::Acquiring(_))) => {
                let detail = "a request of system 01 was answered by the acquirer".to_owned();
                return Err(Broken { invariant: "an answer is of what was asked", detail });
            }
            Err(refusal) => Err(refusal.refused()),
        };
        match waiting {
            Waiting::Request { from, id, .. } => self.answer(world, from, id, &answer),
            Waiting::Operator => {
                if let Err(refused) = answer {
                    world.tally.refused(refused);
                }
            }
        }
        Ok(())
    }

    fn platform_lost(&mut self) {
        self.waiting.clear();
    }

    fn check(&mut self, world: &mut Common) -> Held {
        self.facts.check(world)
    }

    fn lead_on(&mut self, world: &mut Common) -> Result<bool, Broken> {
        let phones = self.lead_on_phones(world);
        Ok(self.lead_on_shops(world) | phones)
    }

    fn horizon_ms(&self) -> u64 {
        (GRANT_SECONDS + symbolon_offline_payment::messages::SETTLEMENT_WINDOW_SECONDS + 3600) * 1000
    }

    fn at_rest(&mut self, world: &mut Common) -> Held {
        self.facts.at_rest(world)
    }
}

fn platform_refusal(outcome: &symbolon_machine::PlatformOutcome) -> Refused {
    let code = match outcome {
        symbolon_machine::PlatformOutcome::Refused(code) => *code,
        _ => 0,
    };
    Refusal::from_code(code)
        .map_or_else(|| symbolon_types::CoreRefusal::Unavailable.refused(), Refusal::refused)
}
