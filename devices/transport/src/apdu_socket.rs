//! A card and a reader over a path Unix socket: command and response APDUs in frames of a two-byte length. A connection is the card in the
//! field; its end is the field lost.
//!
//! ```text
//!   reader  Reader::connect ── short commands, chained ──► CardSocket::serve ── Card::powered, then Card::answer(whole command)
//!                           ◄── short responses, 61xx ───┘
//! ```
//! Only short APDUs cross, because every reader and every phone has them: longer commands are chained, longer responses fetched.
//!
//! **Invariant:** the card sees whole commands only, and nothing of one connection in the next.
use crate::{
    TransportError,
    clock::Deadline,
    frames::{CALL_TIMEOUT, Listener, PEER_TIMEOUT, Stop, Width, connect, read_frame, write_frame},
};
use std::{os::unix::net::UnixStream, path::Path, time::Duration};
use symbolon_wire::apdu::{
    CLA_CHAINING, Chain, CommandApdu, INS_GET_RESPONSE, Incoming, Next, Outgoing, ResponseApdu, chain, sw,
};

/// How long a card stays in the field without a command.
pub const FIELD_TIMEOUT: Duration = Duration::from_secs(60);

/// What answers commands. Any `FnMut(CommandApdu) -> ResponseApdu` is one.
pub trait Card {
    /// The card has come into a field: whatever was selected or unlocked in the last one no longer is.
    fn powered(&mut self) {}

    /// Answers one whole command.
    fn answer(&mut self, command: CommandApdu) -> ResponseApdu;
}

impl<F: FnMut(CommandApdu) -> ResponseApdu> Card for F {
    fn answer(&mut self, command: CommandApdu) -> ResponseApdu {
        self(command)
    }
}

/// The card's side.
#[derive(Debug)]
pub struct CardSocket(Listener);

impl CardSocket {
    /// Listens at `path`.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(path: &Path) -> Result<Self, TransportError> {
        Listener::bind(path).map(Self)
    }

    /// What ends [`Self::serve`]; a connection that is open ends with its next command or after [`FIELD_TIMEOUT`].
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.0.stopper()
    }

    /// Answers readers, one connection after another, until told to stop.
    ///
    /// # Errors
    /// [`TransportError::Io`] when the socket fails; what a reader does wrong only ends its connection.
    pub fn serve(&self, card: &mut impl Card) -> Result<(), TransportError> {
        while let Some(mut stream) = self.0.accept()? {
            card.powered();
            let _ = in_field(&mut stream, card, &self.0.stopper());
        }
        Ok(())
    }
}

fn in_field(stream: &mut UnixStream, card: &mut impl Card, stop: &Stop) -> Result<(), TransportError> {
    let (mut commands, mut responses) = (Chain::new(), Outgoing::new());
    while let Some(frame) = read_frame(stream, Width::U16, Deadline::after(FIELD_TIMEOUT))? {
        if stop.is_told() {
            break;
        }
        let response = answer(&frame, card, &mut commands, &mut responses);
        // A card with an invalid status word, or with more data than a response has, is answered for.
        let bytes = response.encode().unwrap_or_else(|error| error.sw().to_be_bytes().into());
        write_frame(stream, Width::U16, &bytes, Deadline::after(PEER_TIMEOUT))?;
    }
    Ok(())
}

/// One frame's response. A refused frame is answered with its status word; only GET RESPONSE leaves what waits waiting.
fn answer(
    frame: &[u8],
    card: &mut impl Card,
    commands: &mut Chain,
    responses: &mut Outgoing,
) -> ResponseApdu {
    let command = match CommandApdu::decode(frame) {
        Ok(command) => command,
        Err(error) => return ResponseApdu::status(error.sw()),
    };
    if command.ins == INS_GET_RESPONSE && command.cla & CLA_CHAINING == 0 {
        let response = responses.get_response(&command);
        return response.unwrap_or_else(|error| ResponseApdu::status(error.sw()));
    }
    responses.clear();
    match commands.push(command) {
        Ok(None) => ResponseApdu::status(sw::OK),
        Ok(Some(whole)) => {
            let ne = whole.ne;
            responses.send(card.answer(whole), ne)
        }
        Err(error) => ResponseApdu::status(error.sw()),
    }
}

/// The reader's side: one card in the field.
#[derive(Debug)]
pub struct Reader {
    stream: UnixStream,
    timeout: Duration,
}

impl Reader {
    /// Brings the card that listens at `path` into the field.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn connect(path: &Path) -> Result<Self, TransportError> {
        Ok(Self { stream: connect(path)?, timeout: CALL_TIMEOUT })
    }

    /// With another bound on a whole [`Self::transceive`].
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends the command, in a chain where it is long, and fetches all of the response. A link that is answered with anything but 9000 ends
    /// the chain, and that answer is the response.
    ///
    /// # Errors
    /// [`TransportError`]; the reader is then of no more use: nothing tells which answer belongs to which command.
    pub fn transceive(&mut self, command: &CommandApdu) -> Result<ResponseApdu, TransportError> {
        let deadline = Deadline::after(self.timeout);
        let mut incoming = Incoming::new(command.cla);
        let mut response = ResponseApdu::status(sw::OK);
        for link in chain(command)? {
            response = self.exchange(&link, deadline)?;
            if link.cla & CLA_CHAINING != 0 && response != ResponseApdu::status(sw::OK) {
                return Ok(response);
            }
        }
        loop {
            match incoming.push(response)? {
                Next::Done(whole) => return Ok(whole),
                Next::Send(command) => response = self.exchange(&command, deadline)?,
            }
        }
    }

    fn exchange(
        &mut self,
        command: &CommandApdu,
        deadline: Deadline,
    ) -> Result<ResponseApdu, TransportError> {
        write_frame(&mut self.stream, Width::U16, &command.encode()?, deadline)?;
        let frame = read_frame(&mut self.stream, Width::U16, deadline)?.ok_or(TransportError::Closed)?;
        Ok(ResponseApdu::decode(&frame)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use symbolon_wire::apdu::CHAIN_BYTES_MAX;

    /// Answers with its data twice; counts what it sees in this field.
    #[derive(Default)]
    struct Echo {
        fields: u8,
        commands: u8,
        longest: usize,
    }

    impl Card for Echo {
        fn powered(&mut self) {
            self.fields += 1;
            self.commands = 0;
        }

        fn answer(&mut self, command: CommandApdu) -> ResponseApdu {
            self.commands += 1;
            self.longest = self.longest.max(command.data.len());
            match command.ins {
                0x01 => ResponseApdu::ok(vec![self.fields, self.commands]),
                0x02 => ResponseApdu::ok([command.data.as_slice(), &command.data].concat()),
                0x03 => ResponseApdu { data: command.data, sw: 0x1234 },
                _ => ResponseApdu::status(0x6D00),
            }
        }
    }

    fn command(ins: u8, data: &[u8]) -> CommandApdu {
        CommandApdu { cla: 0x80, ins, p1: 0, p2: 0, data: data.into(), ne: Some(256) }
    }

    fn with_card(reader: impl FnOnce(&Path)) -> Echo {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card");
        let socket = CardSocket::bind(&path).unwrap();
        let stop = socket.stopper();
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut card = Echo::default();
                socket.serve(&mut card).unwrap();
                card
            });
            reader(&path);
            stop.stop();
            serving.join().unwrap()
        })
    }

    #[test]
    fn commands_and_responses_of_every_length_cross() {
        let card = with_card(|path| {
            let mut reader = Reader::connect(path).unwrap();
            for length in [0, 1, 128, 129, 255, 256, 1000, CHAIN_BYTES_MAX / 2] {
                let data = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>();
                let response = reader.transceive(&command(0x02, &data)).unwrap();
                assert_eq!(response, ResponseApdu::ok([data.as_slice(), &data].concat()), "{length}");
            }
            let no_ne = CommandApdu { ne: None, ..command(0x02, &[7; 300]) };
            assert_eq!(reader.transceive(&no_ne).unwrap(), ResponseApdu::ok(vec![7; 600]));
            assert_eq!(reader.transceive(&command(0x44, &[])).unwrap(), ResponseApdu::status(0x6D00));
        });
        assert_eq!(card.longest, CHAIN_BYTES_MAX / 2);
    }

    #[test]
    fn what_is_too_long_is_refused_on_its_side() {
        let card = with_card(|path| {
            let mut reader = Reader::connect(path).unwrap();
            let refused = reader.transceive(&command(0x02, &vec![0; CHAIN_BYTES_MAX + 1]));
            assert_eq!(refused, Err(TransportError::Apdu(symbolon_wire::apdu::ApduError::ChainTooLong)));
            let link = CommandApdu { cla: 0x90, ne: None, ..command(0x02, &[0; 255]) };
            let answers = (0..65).map(|_| reader.exchange(&link, Deadline::after(CALL_TIMEOUT)).unwrap().sw);
            let answers = answers.collect::<Vec<_>>();
            assert_eq!((answers[63], answers[64]), (sw::OK, sw::WRONG_LENGTH));
        });
        assert_eq!(card.commands, 0, "the card saw nothing of it");
    }

    #[test]
    fn each_connection_is_a_field_of_its_own() {
        with_card(|path| {
            let count = |reader: &mut Reader| reader.transceive(&command(0x01, &[])).unwrap().data;
            let mut first = Reader::connect(path).unwrap();
            assert_eq!(count(&mut first), [1, 1]);
            assert_eq!(count(&mut first), [1, 2]);
            let link = CommandApdu { cla: 0x90, ne: None, ..command(0x02, &[9; 255]) };
            assert_eq!(first.exchange(&link, Deadline::after(CALL_TIMEOUT)).unwrap().sw, sw::OK);
            drop(first);
            let mut second = Reader::connect(path).unwrap();
            assert_eq!(count(&mut second), [2, 1]);
            let fresh = second.transceive(&command(0x02, &[1])).unwrap();
            assert_eq!(fresh.data, [1, 1], "the chain of the last field is gone");
        });
    }

    #[test]
    fn bytes_that_are_no_command_are_answered_with_their_status() {
        with_card(|path| {
            let mut stream = connect(path).unwrap();
            let mut ask = |bytes: &[u8]| {
                write_frame(&mut stream, Width::U16, bytes, Deadline::after(CALL_TIMEOUT)).unwrap();
                read_frame(&mut stream, Width::U16, Deadline::after(CALL_TIMEOUT)).unwrap().unwrap()
            };
            assert_eq!(ask(&[0x80, 0x01, 0, 0, 0]), [1, 1, 0x90, 0x00]);
            assert_eq!(ask(&[0x80, 0x01, 0]), [0x67, 0x00]);
            assert_eq!(ask(&[0xFF, 0x01, 0, 0]), [0x6E, 0x00]);
            assert_eq!(ask(&[0x80, 0x61, 0, 0]), [0x6D, 0x00]);
            assert_eq!(ask(&[0x00, 0xC0, 0, 0, 0]), [0x69, 0x85], "no response waits");
            assert_eq!(ask(&[0x90, 0x02, 0, 0, 1, 5]), [0x90, 0x00]);
            assert_eq!(ask(&[0x80, 0x01, 0, 0, 0]), [0x68, 0x83], "another command in the chain");
            assert_eq!(
                ask(&[0x80, 0x03, 0, 0, 1, 5, 0]),
                [0x67, 0x00],
                "the card's own status was no status"
            );
        });
    }

    #[test]
    fn a_closure_is_a_card_and_a_lost_card_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("card");
        assert_eq!(Reader::connect(&path).unwrap_err(), TransportError::Unreachable);
        let socket = CardSocket::bind(&path).unwrap();
        thread::scope(|scope| {
            let serving = scope.spawn(|| socket.serve(&mut |_: CommandApdu| ResponseApdu::status(0x6A82)));
            let mut reader = Reader::connect(&path).unwrap().with_timeout(Duration::from_secs(20));
            let select = CommandApdu::select(b"2PAY.SYS.DDF01").unwrap();
            assert_eq!(reader.transceive(&select).unwrap().sw, 0x6A82);
            socket.stopper().stop();
            assert_eq!(reader.transceive(&select), Err(TransportError::Closed));
            serving.join().unwrap().unwrap();
        });
    }
}
