//! The operator: accounts, money, invitations, all by commands under ids; and the leading on of everybody in a calm world.
use super::facts::is_for_now;
use super::*;

/// How often a phone shows again, in a calm world, what nobody gave a receipt for.
const PRESENTED_MAX: u32 = 3;

/// So many euro cents.
pub(super) fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap_or(Amount::zero(Currency::EUR))
}

/// What every payer may do offline.
pub(super) fn limits() -> AccountLimits {
    let rule = |from_minor, otp| VerificationRule { from_minor, user: 1, otp };
    AccountLimits {
        per_payment: eur(PER_PAYMENT),
        cumulative_minor: 2 * PER_PAYMENT,
        count: 5,
        pool: POOL,
        attempts: ATTEMPTS,
        grant_seconds: GRANT_SECONDS,
        verification: vec![rule(0, false), rule(OTP_FROM, true)],
    }
}

impl OfflinePayment {
    /// A UUID of version 7 of now.
    fn request_id(&mut self, world: &Common) -> RequestId {
        self.ids += 1;
        let mut id = [0; 16];
        let ms = world.platform.at_ms().max(world.now_ms.saturating_add_signed(world.platform.skew_ms));
        id.iter_mut().zip(ms.to_be_bytes().into_iter().skip(2)).for_each(|(to, from)| *to = from);
        id.iter_mut().skip(8).zip(self.ids.to_be_bytes()).for_each(|(to, from)| *to = from);
        (id[6], id[8]) = (0x70, 0x80);
        RequestId(id)
    }

    pub(super) fn operate(&mut self, world: &mut Common, command: Command) {
        let id = self.request_id(world);
        self.operate_as(world, id, command);
    }

    pub(super) fn operate_as(&mut self, world: &mut Common, id: RequestId, command: Command) {
        self.submissions += 1;
        let tag = world.tag(self.submissions);
        match world.platform.submit(tag, Submission::with_id(command, OPERATOR, id)) {
            Ok(()) => {
                self.waiting.insert(self.submissions, Waiting::Operator);
            }
            Err(refusal) => world.tally.refused(refusal.refused()),
        }
    }

    pub(super) fn fund(&mut self, world: &mut Common, payer: PayerId, minor: u64) {
        let (id, transfer) = (self.request_id(world), TransferId(world.rng.bytes16()));
        let fund = Fund { transfer, payer, amount: eur(minor) };
        *self.facts.funded.entry(payer).or_default() += minor;
        self.funds = Some((id, fund.clone()));
        self.operate_as(world, id, Command::Fund(fund));
    }

    /// A code for one authenticator of this payer.
    pub(super) fn invite(&mut self, world: &mut Common, payer: PayerId) -> [u8; 16] {
        let code = world.rng.bytes16();
        let hash = crate::crypto::CRYPTO.sha256(&[&code]);
        self.operate(world, Command::InviteAuthenticator(InviteAuthenticator { payer, code: hash }));
        code
    }

    pub(super) fn add_phone(&mut self, world: &mut Common, payer: PayerId) {
        let Some(server) = edge::server_key(&world.platform) else { return };
        let code = self.invite(world, payer);
        let node = FIRST_NODE + Node::try_from(self.phones.len()).unwrap_or(0);
        let phone = Phone::new(world, node, payer, server, code);
        self.facts.devices.insert(phone.device.id());
        world.nodes.push(node);
        self.phones.push(phone);
    }

    pub(super) fn add_shop(&mut self, world: &mut Common, number: usize, cap: u64) {
        let Some(server) = edge::server_key(&world.platform) else { return };
        let code = world.rng.bytes16();
        let node = FIRST_SHOP + Node::try_from(number).unwrap_or(0);
        let payee = PayeeId([0xE0 | u8::try_from(number).unwrap_or(0); 16]);
        self.operate(
            world,
            Command::InvitePayee(InvitePayee {
                payee,
                name: format!("Shop {number}"),
                mcc: 5411,
                cap: eur(cap),
                valid_seconds: 365 * 24 * 3600,
                code: crate::crypto::CRYPTO.sha256(&[&code]),
            }),
        );
        self.facts.caps.insert(payee, cap);
        world.nodes.push(node);
        let honest = number + 1 < CAPS.len();
        self.shops.push(Shop::new(world, node, payee, honest, server, code));
    }

    pub(super) fn lead_on_phones(&mut self, world: &mut Common) -> bool {
        let mut open = false;
        for at in 0..self.phones.len() {
            let phone = &mut self.phones[at];
            phone.calm(world);
            (phone.mood, phone.stolen) = (Mood::Right, false);
            phone.forget_requests();
            if phone.revoked {
                continue;
            }
            let payer = phone.payer;
            if phone.uninvited {
                let code = self.invite(world, payer);
                self.phones[at].take_code(world, code);
                open = true;
            } else if phone.state().is_some_and(|state| state.code.is_some()) {
                open |= self.phone(world, at, |phone, world, _| phone.enrol(world)).is_some();
            } else if phone.presented < PRESENTED_MAX {
                phone.presented += 1;
                open |= self.phone(world, at, Phone::present_again) == Some(true);
            }
        }
        open
    }

    pub(super) fn lead_on_shops(&mut self, world: &mut Common) -> bool {
        let mut open = false;
        for at in 0..self.shops.len() {
            let shop = &mut self.shops[at];
            shop.calm(world);
            shop.skew_ms = 0;
            shop.forget_requests();
            if shop.state().is_none() {
                open |= self.shop(world, at, |shop, world, _| shop.enrol(world)).is_some();
            } else {
                shop.upload(world);
            }
        }
        let unanswered = |taken: &facts::Taken| match taken.answer {
            None => true,
            Some(Err(code)) => is_for_now(code) || facts::may_change(world, taken, code),
            Some(Ok(_)) => false,
        };
        open | self.facts.takings.iter().any(unanswered)
    }
}
