//! The phone as a card (host card emulation): a payee's terminal selects it, puts the challenge, fetches the object, puts the receipt.
//!
//! ```text
//!   terminal                                            phone
//!   00 A4 04 00  AID "SYMB01" ──────────────────────►   9000
//!   80 D0 00 00  challenge (chained) ───────────────►   9000; another than the one being paid: 6985
//!   80 D2 00 00  ───────────────────────────────────►   6985 while the user has not agreed; then the object, 61xx, 9000
//!   80 D4 00 00  receipt ───────────────────────────►   9000 once it is kept; 6A80 when it is no receipt for this object
//! ```
//! The card answers on a thread of its own; what it learns and what it may say lie in one [`Exchange`].
//!
//! **Invariant:** a receipt is answered with 9000 only when it is durable.
use super::PayeeLink;
use crate::Failure;
use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use symbolon_transport::{
    TransportError,
    apdu_socket::{Card, CardSocket},
    clock::Deadline,
    frames::Stop,
};
use symbolon_wire::apdu::{CommandApdu, INS_SELECT, ResponseApdu, sw};

/// The application's identifier: proprietary (ISO/IEC 7816-4 §8.2.1.2, first digit F), "SYMB01".
pub const AID: [u8; 7] = [0xF0, 0x53, 0x59, 0x4D, 0x42, 0x30, 0x31];
/// Puts the challenge.
pub const INS_CHALLENGE: u8 = 0xD0;
/// Fetches the object.
pub const INS_OBJECT: u8 = 0xD2;
/// Puts the receipt.
pub const INS_RECEIPT: u8 = 0xD4;

/// The class of the commands: proprietary.
const CLA: u8 = 0x80;
/// The data field is not what it must be (ISO/IEC 7816-4 §5.6).
const WRONG_DATA: u16 = 0x6A80;
/// The application is not here (ISO/IEC 7816-4 §5.6).
const NOT_FOUND: u16 = 0x6A82;
/// How long a receipt waits to be judged and kept.
const JUDGED_WITHIN: Duration = Duration::from_secs(5);
/// How long the last answer has to reach the terminal when the link ends.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Exchange {
    challenge: Option<Vec<u8>>,
    object: Option<Vec<u8>>,
    receipt: Option<Vec<u8>>,
    judged: Option<bool>,
    ended: Option<Result<(), TransportError>>,
}

/// An [`Exchange`] that the card's thread and the payment share.
#[derive(Default)]
struct Shared {
    exchange: Mutex<Exchange>,
    changed: Condvar,
}

impl Shared {
    /// A thread that panicked leaves an exchange of options, each of them whole.
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Exchange)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// What `look` finds, as soon as it finds something; `None` when time is up.
    fn wait<T>(&self, deadline: Deadline, mut look: impl FnMut(&mut Exchange) -> Option<T>) -> Option<T> {
        let mut exchange = self.lock();
        loop {
            if let Some(found) = look(&mut exchange) {
                return Some(found);
            }
            let left = deadline.left()?;
            exchange = self.changed.wait_timeout(exchange, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The card's side of the exchange.
struct PaymentCard {
    shared: Arc<Shared>,
    selected: bool,
}

impl Card for PaymentCard {
    fn powered(&mut self) {
        self.selected = false;
    }

    fn answer(&mut self, command: CommandApdu) -> ResponseApdu {
        if (command.cla, command.ins) == (0, INS_SELECT) {
            self.selected = (command.p1, command.p2) == (4, 0) && command.data == AID;
            return ResponseApdu::status(if self.selected { sw::OK } else { NOT_FOUND });
        }
        match (command.cla, command.ins, self.selected) {
            (CLA, _, false) => ResponseApdu::status(sw::CONDITIONS_NOT_MET),
            (CLA, _, _) if (command.p1, command.p2) != (0, 0) => ResponseApdu::status(sw::WRONG_P1_P2),
            (CLA, INS_CHALLENGE, _) => ResponseApdu::status(self.challenged(command.data)),
            (CLA, INS_OBJECT, _) => self.asked(),
            (CLA, INS_RECEIPT, _) => ResponseApdu::status(self.receipted(command.data)),
            (CLA, ..) => ResponseApdu::status(sw::INS_INVALID),
            _ => ResponseApdu::status(sw::CLA_NOT_SUPPORTED),
        }
    }
}

impl PaymentCard {
    /// The first challenge is the one; the same again is welcome, because a terminal may lose the card and find it.
    fn challenged(&self, data: Vec<u8>) -> u16 {
        let mut status = sw::OK;
        self.shared.change(|exchange| match &exchange.challenge {
            Some(known) if *known != data => status = sw::CONDITIONS_NOT_MET,
            Some(_) => {}
            None => exchange.challenge = Some(data),
        });
        status
    }

    fn asked(&self) -> ResponseApdu {
        match &self.shared.lock().object {
            Some(object) => ResponseApdu::ok(object.clone()),
            None => ResponseApdu::status(sw::CONDITIONS_NOT_MET),
        }
    }

    fn receipted(&self, data: Vec<u8>) -> u16 {
        if self.shared.lock().object.is_none() {
            return sw::CONDITIONS_NOT_MET;
        }
        self.shared.change(|exchange| (exchange.receipt, exchange.judged) = (Some(data), None));
        match self.shared.wait(Deadline::after(JUDGED_WITHIN), |exchange| exchange.judged) {
            Some(true) => sw::OK,
            Some(false) => WRONG_DATA,
            None => sw::CONDITIONS_NOT_MET,
        }
    }
}

/// The phone in a terminal's field.
pub struct ApduLink {
    shared: Arc<Shared>,
    stop: Stop,
    deadline: Deadline,
}

impl ApduLink {
    /// Listens at `socket` as a card, for as long as `timeout`.
    ///
    /// # Errors
    /// [`TransportError::InUse`] while another card listens there; [`TransportError::Io`].
    pub fn open(socket: &Path, timeout: Duration) -> Result<Self, TransportError> {
        let card = CardSocket::bind(socket)?;
        let (shared, stop) = (Arc::<Shared>::default(), card.stopper());
        let of_card = Arc::clone(&shared);
        thread::spawn(move || {
            let mut answering = PaymentCard { shared: of_card, selected: false };
            let ended = card.serve(&mut answering);
            drop(card);
            answering.shared.change(|exchange| exchange.ended = Some(ended));
        });
        Ok(Self { shared, stop, deadline: Deadline::after(timeout) })
    }
}

impl PayeeLink for ApduLink {
    fn challenge(&mut self) -> Result<Vec<u8>, TransportError> {
        let found = self.shared.wait(self.deadline, |exchange| {
            let failed = exchange.ended.filter(Result::is_err).map(|ended| ended.map(|()| Vec::new()));
            failed.or_else(|| exchange.challenge.clone().map(Ok))
        });
        found.unwrap_or(Err(TransportError::Timeout))
    }

    fn hand_over(
        &mut self,
        challenge: &[u8],
        object: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        self.shared.change(|exchange| {
            exchange.challenge = Some(challenge.into());
            exchange.object = Some(object.into());
        });
        while let Some(receipt) = self.shared.wait(self.deadline, |exchange| exchange.receipt.take()) {
            let taken = take(&receipt);
            self.shared.change(|exchange| exchange.judged = Some(taken == Ok(true)));
            if taken? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for ApduLink {
    fn drop(&mut self) {
        self.stop.stop();
        // The terminal ends the connection when it has the last answer. One that does not is left to the end of the process.
        let _ = self.shared.wait(Deadline::after(LAST_ANSWER_WITHIN), |exchange| exchange.ended);
    }
}
