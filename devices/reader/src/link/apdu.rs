//! The reader as a terminal: the payer's phone is the card.
//!
//! ```text
//!   SELECT "SYMB01" ─► put challenge ─► fetch object, again while 6985 ─► accepted ─► put receipt ─► 9000
//!        ▲ the card is lost: it may come back, until time is up
//! ```
use super::{PayerLink, Take};
use crate::Failure;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use symbolon_transport::{TransportError, apdu_socket, clock::Deadline};
use symbolon_wire::apdu::{ApduError, CommandApdu, ResponseApdu, SHORT_NE_MAX, sw};

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
/// Between two questions for the object.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A terminal and its field.
#[derive(Debug)]
pub struct ApduLink {
    socket: PathBuf,
    deadline: Deadline,
}

/// What ended one time in the field.
enum Ended {
    /// The receipt is with the card, or the object was refused.
    Done,
    /// The card went away, or is busy with another challenge.
    CardLost,
}

impl ApduLink {
    /// Cards come into the field at `socket`, for as long as `timeout`.
    #[must_use]
    pub fn new(socket: &Path, timeout: Duration) -> Self {
        Self { socket: socket.into(), deadline: Deadline::after(timeout) }
    }

    /// One time in the field. The card may be lost at any command.
    fn in_field(&self, challenge: &[u8], take: &mut Take<'_>) -> Result<Ended, Failure> {
        let mut card = apdu_socket::Reader::connect(&self.socket)?;
        let select = CommandApdu::select(&AID).ok_or(TransportError::Apdu(ApduError::Length))?;
        if !accepted(&card.transceive(&select)?)
            || !accepted(&card.transceive(&put(INS_CHALLENGE, challenge))?)
        {
            return Ok(Ended::CardLost);
        }
        let fetch = CommandApdu { ne: Some(SHORT_NE_MAX), ..put(INS_OBJECT, &[]) };
        loop {
            let response = card.transceive(&fetch)?;
            match response.sw {
                sw::OK => {
                    let Some(receipt) = take(&response.data)? else { return Ok(Ended::Done) };
                    let taken = accepted(&card.transceive(&put(INS_RECEIPT, &receipt))?);
                    return Ok(if taken { Ended::Done } else { Ended::CardLost });
                }
                sw::CONDITIONS_NOT_MET => {}
                _ => return Ok(Ended::CardLost),
            }
            if !self.deadline.pause(ASK_AGAIN) {
                return Err(TransportError::Timeout.into());
            }
        }
    }
}

fn put(ins: u8, data: &[u8]) -> CommandApdu {
    CommandApdu { cla: CLA, ins, p1: 0, p2: 0, data: data.into(), ne: None }
}

fn accepted(response: &ResponseApdu) -> bool {
    response.sw == sw::OK
}

impl PayerLink for ApduLink {
    fn charge(&mut self, challenge: &[u8], take: &mut Take<'_>) -> Result<(), Failure> {
        loop {
            match self.in_field(challenge, take) {
                Ok(Ended::Done) => return Ok(()),
                Ok(Ended::CardLost)
                | Err(Failure::Transport(TransportError::Closed | TransportError::Unreachable)) => {}
                Err(failure) => return Err(failure),
            }
            if !self.deadline.pause(ASK_AGAIN) {
                return Err(TransportError::Timeout.into());
            }
        }
    }
}
