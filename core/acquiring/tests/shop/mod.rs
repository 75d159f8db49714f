//! A shop with a terminal, a card with 100 euro cents, and the account that covers.
#![allow(dead_code, reason = "each test uses a part")]
use symbolon_acquiring::state::*;
use symbolon_acquiring::*;
use symbolon_journal::{AccountId, Limit, Totals, Transfer, TransferId, account, process_due};
use symbolon_state::{Ctx, MemoryRows, System};
use symbolon_types::{Amount, Currency, Hash, UnixMs};

pub const BANK: AccountId = AccountId([1; 16]);
pub const CARD: AccountId = AccountId([2; 16]);
pub const SHOP: AccountId = AccountId([3; 16]);
pub const COVER: AccountId = AccountId([4; 16]);
pub const TOKEN: Hash = Hash([7; 32]);
pub const BLOCKED: Hash = Hash([8; 32]);
pub const LINK: u32 = 1;
pub const TERMINAL: [u8; 8] = *b"TERM0001";
pub const WINDOW_MS: u64 = 1_000;
pub const KEPT_MS: u64 = 100_000;
pub const HOLD_MS: u64 = 50_000;

pub struct Shop {
    pub rows: MemoryRows,
    pub now: u64,
    sequence: u64,
}

pub fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

pub fn key(mti: u16, audit: u32) -> NaturalKey {
    NaturalKey { link: LINK, mti, audit, acquirer: 12345, terminal: TERMINAL, local: 0 }
}

pub fn request(mti: u16, audit: u32, ask: Ask) -> Request {
    Request { key: key(mti, audit), transmitted: Some(1_124_120_000), forwarding: None, repeat: false, ask }
}

pub fn pay(minor: u64) -> Payment {
    Payment { card: TOKEN, amount: eur(minor), partial: false }
}

pub fn authorise(audit: u32, minor: u64) -> Request {
    request(100, audit, Ask::Authorise(pay(minor)))
}

pub fn purchase(audit: u32, minor: u64) -> Request {
    request(200, audit, Ask::Purchase(pay(minor)))
}

pub fn original(mti: u16, audit: u32) -> Original {
    Original { key: key(mti, audit), transmitted: None, forwarding: None }
}

pub fn reverse(audit: u32, of: Original, left: Option<u64>) -> Request {
    request(400, audit, Ask::Reverse(Reversal { original: of, left: left.map(eur) }))
}

pub fn paid_before(audit: u32, minor: u64, of: Option<Original>) -> Request {
    request(220, audit, Ask::PaidBefore(Advice { card: TOKEN, amount: eur(minor), original: of }))
}

impl Shop {
    pub fn new() -> Self {
        let mut shop = Self { rows: MemoryRows::default(), now: 10, sequence: 0 };
        for (id, limit) in [
            (BANK, Limit::Unlimited(())),
            (CARD, Limit::DebitsWithinCredits(())),
            (SHOP, Limit::DebitsWithinCredits(())),
            (COVER, Limit::Unlimited(())),
        ] {
            let open = OpenAccount { id, currency: Currency::EUR, limit, history: id == SHOP };
            assert_eq!(shop.apply(Command::OpenAccount(open)), Outcome::Set(()));
        }
        let funds = Transfer::posted(TransferId([200; 16]), BANK, CARD, eur(100), Hash::ZERO);
        assert_eq!(shop.apply(Command::Transfer(funds)), Outcome::Set(()));
        let set = |set| Command::SetCard(set);
        for command in [
            Command::SetPolicy(Policy {
                window_ms: WINDOW_MS,
                kept_ms: KEPT_MS,
                hold_ms: HOLD_MS,
                cover: COVER,
            }),
            Command::SetTerminal(SetTerminal { link: LINK, terminal: TerminalId(TERMINAL), merchant: SHOP }),
            set(SetCard { card: TOKEN, account: CARD, blocked: false }),
            set(SetCard { card: BLOCKED, account: CARD, blocked: true }),
        ] {
            assert_eq!(shop.apply(command), Outcome::Set(()));
        }
        shop
    }

    fn ctx(&mut self) -> Ctx {
        self.sequence += 1;
        Ctx { at: UnixMs(self.now), sequence: self.sequence }
    }

    pub fn apply(&mut self, command: Command) -> Outcome {
        let ctx = self.ctx();
        Acquiring::apply(&mut self.rows, &ctx, command)
    }

    /// Time goes by, and what falls due is processed.
    pub fn wait(&mut self, ms: u64) {
        self.now += ms;
        let ctx = self.ctx();
        process_due(&mut self.rows, &ctx, 99);
        Acquiring::process_due(&mut self.rows, &ctx, 99);
    }

    /// The request as a new one.
    pub fn ask(&mut self, request: Request) -> Reply {
        match self.apply(Command::Request(request)) {
            Outcome::Answered(reply) => reply,
            other => panic!("not answered: {other:?}"),
        }
    }

    pub fn code(&mut self, request: Request) -> u16 {
        self.ask(request).action.0
    }

    /// The request on a link with a processor.
    pub fn forward(&mut self, request: Request, reachable: bool) -> Outcome {
        let account = symbolon_wire::cbor::Bytes(vec![1, 2, 3]);
        self.apply(Command::Forward(Forward { request, processor: 1, account, reachable, checks: false }))
    }

    /// The processor has answered the oldest message of the outbox, which was this one.
    pub fn delivered(&mut self) -> Option<Outgoing> {
        let (number, outgoing) = outgoing(&self.rows, 1)?;
        let delivered = Delivered { processor: 1, number, action: ActionCode::APPROVED };
        assert_eq!(self.apply(Command::Delivered(delivered)), Outcome::Set(()));
        Some(outgoing)
    }

    /// The request as a repeat: no row is changed.
    pub fn again(&mut self, request: Request) -> Reply {
        let before = self.rows.clone();
        let outcome = self.apply(Command::Request(request));
        assert!(self.rows == before, "a repeat changed a row");
        match outcome {
            Outcome::Repeated(reply) => reply,
            other => panic!("no repeat: {other:?}"),
        }
    }

    /// The request as one that is taken for neither: no row is changed.
    pub fn duplicate(&mut self, request: Request) {
        let before = self.rows.clone();
        assert_eq!(self.code(request), 913);
        assert!(self.rows == before, "a duplicate changed a row");
    }

    /// Posted and reserved of the card, posted of the shop and of the covering account.
    pub fn money(&self) -> (i64, u64, i64, i64) {
        let report = symbolon_journal::audit(&self.rows).expect("the journal is sound");
        assert!(report.totals.iter().all(Totals::even), "money is conserved");
        audit(&self.rows).expect("the acquirer is sound");
        let balance = |id| account(&self.rows, &id).unwrap().balance();
        let card = balance(CARD);
        (card.posted, card.reserved, balance(SHOP).posted, balance(COVER).posted)
    }
}
