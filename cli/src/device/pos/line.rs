//! A terminal's connection: messages enciphered and authenticated under the keys of their transactions, and answers whose codes hold.
use super::store::{Asked, Kind, Setup, Store};
use crate::report::Failure;
use crate::tool::iso8583::dialect::Named;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use symbolon_acquiring::ActionCode;
use symbolon_acquiring::state::{Errand, Outgoing, Told, Undo, Upstream};
use symbolon_acquiring::upstream::{self, Along};
use symbolon_hosts::framing::{Decoder, Frame, Framing, MESSAGE_BYTES_MAX};
use symbolon_keys::cipher::{Padding, cbc_encrypt, retail_mac};
use symbolon_keys::dukpt::tdes::{Transaction, working_key};
use symbolon_keys::pinblock::{self, Fill, Format, Pin};
use symbolon_keys::usage::{self, Key};
use symbolon_types::{CoreRefusal, Secret, hex_upper};
use symbolon_wire::iso8583::{Dialect, Iso8583Error, Places, Role, Value, Version};
use symbolon_wire::track::{Field, Track, TrackData};
use zeroize::Zeroizing;

/// What a card gives, and its holder types.
pub struct Card {
    track: TrackData,
    pin: Option<Pin>,
    chip: Option<Vec<u8>>,
}

impl Card {
    /// Of track 2 without sentinels, a PIN and field 55.
    pub fn new(
        track: Secret<String>,
        pin: Option<Secret<String>>,
        chip: Option<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let wrong = || Failure::Misuse("--card: not the text of track 2 without sentinels".into());
        let track = TrackData::from_element(Track::Two, track.reveal()).map_err(|_| wrong())?;
        track.fields().map_err(|_| wrong())?;
        let pin = pin.map(|pin| Pin::parse(pin.reveal())).transpose();
        Ok(Self { track, pin: pin.map_err(|_| Failure::Misuse("--pin: 4 to 12 digits".into()))?, chip })
    }

    fn pan(&self) -> &str {
        self.track.fields().ok().and_then(|fields| fields.field(Field::Pan)).unwrap_or_default()
    }
}

/// What came of a request.
pub enum Outcome {
    /// An answer whose code holds.
    Answered(Told),
    /// None in time.
    Nothing,
}

/// The connection; it is made when it is needed, and anew when it broke.
pub struct Line {
    host: String,
    terminal: [u8; 8],
    institution: Option<u64>,
    dialect: Dialect,
    version: Version,
    framing: Framing,
    timeout: Duration,
    stream: Option<(TcpStream, Decoder)>,
}

fn unfit<E>(_: E) -> Failure {
    Failure::unverified(CoreRefusal::FieldInvalid)
}

impl Line {
    /// As the store says.
    pub fn open(store: &Store, timeout: Duration) -> Result<Self, Failure> {
        Self::of(&store.setup, timeout)
    }

    /// As a terminal is set up.
    pub fn of(setup: &Setup, timeout: Duration) -> Result<Self, Failure> {
        let framing =
            setup.framing.parse().map_err(|_| Failure::Misuse("the framing is not known".into()))?;
        Ok(Self {
            host: setup.host.clone(),
            terminal: setup.terminal,
            institution: setup.institution,
            dialect: Named::of(&setup.dialect)?.dialect,
            version: if setup.version == 1993 { Version::V1993 } else { Version::V1987 },
            framing,
            timeout,
            stream: None,
        })
    }

    fn along(&self) -> Along {
        Along { institution: self.institution, ..Along::default() }
    }

    /// A request, and its answer.
    pub fn request(
        &mut self,
        store: &Store,
        asked: &Asked,
        transaction: Option<Transaction>,
        card: &Card,
    ) -> Result<Outcome, Failure> {
        let to = Upstream { processor: 0, audit: asked.audit, at: Store::at(asked) };
        let amount = store.money(asked).ok_or(CoreRefusal::AmountInvalid).map_err(unfit)?;
        let mut along = Along { chip: card.chip.clone(), ..self.along() };
        if let Some(transaction) = &transaction {
            along.account = Some(enciphered(transaction, card)?);
            if let Some(pin) = &card.pin {
                let key: Key<usage::Pin> = working_key(&transaction.key).map_err(unfit)?;
                let block = pinblock::encipher(Format::Zero, &key, pin, card.pan(), &Fill::fixed());
                along.pin = Some(block.map_err(unfit)?);
            }
        } else if card.pin.is_some() {
            return Err(Failure::Misuse("--pin: this terminal has no keys to encipher it with".into()));
        }
        let mut message = Zeroizing::new(Vec::new());
        let what = (asked.kind.mti(), &self.terminal, amount);
        upstream::payment((&self.dialect, self.version), &to, what, &along, &mut message).map_err(unfit)?;
        let code = if asked.kind == Kind::Refund { "200000" } else { "000000" };
        let mut more: Vec<(u8, Option<Value<'_>>)> = Vec::new();
        if transaction.is_none() {
            more.push((2, Some(card.pan().into())));
        }
        more.push((3, Some(code.into())));
        let message = self.changed(&message, &more)?;
        self.exchange(&to, &message, transaction)
    }

    /// A reversal, and its answer.
    pub fn reversal(
        &mut self,
        store: &Store,
        asked: &Asked,
        (audit, again): (u32, bool),
        transaction: Option<Transaction>,
    ) -> Result<Outcome, Failure> {
        let to = Upstream { processor: 0, audit, at: symbolon_transport::clock::wall() };
        let original = Upstream { processor: 0, audit: asked.audit, at: Store::at(asked) };
        let amount = store.money(asked).ok_or(CoreRefusal::AmountInvalid).map_err(unfit)?;
        let undo = Undo { mti: asked.kind.mti(), original, left: 0 };
        let outgoing = Outgoing {
            to,
            terminal: self.terminal,
            amount,
            account: symbolon_wire::cbor::Bytes::default(),
            errand: Errand::Undo(undo),
        };
        let mut message = Vec::new();
        upstream::errand((&self.dialect, self.version), &outgoing, again, &self.along(), &mut message)
            .map_err(unfit)?;
        self.exchange(&to, &message, transaction)
    }

    /// Whether the host is there.
    pub fn echo(&mut self, store: &mut Store) -> Result<bool, Failure> {
        let to = Upstream { processor: 0, audit: store.number()?, at: symbolon_transport::clock::wall() };
        let transaction = store.transaction()?;
        let mut message = Vec::new();
        upstream::network((&self.dialect, self.version), &to, 301, &self.along(), &mut message)
            .map_err(unfit)?;
        let told = self.exchange(&to, &message, transaction)?;
        Ok(
            matches!(told, Outcome::Answered(told) if told.action.is_approved() || told.action == ActionCode::ACCEPTED),
        )
    }

    fn changed(
        &self,
        message: &[u8],
        fields: &[(u8, Option<Value<'_>>)],
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut places = Places::new();
        let read = self.dialect.decode(message, &mut places).map_err(unfit)?;
        let mut out = Zeroizing::new(Vec::new());
        read.changed(read.mti(), fields, &mut out).map_err(unfit)?;
        Ok(out)
    }

    /// The serial number and the code of a transaction.
    fn authenticated(
        &self,
        message: &[u8],
        transaction: &Transaction,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let field = self.dialect.role(Role::Ksn).ok_or(Iso8583Error::MessageType).map_err(unfit)?;
        let serial = hex_upper(transaction.ksn.as_bytes());
        let message = self.changed(message, &[(field, Some(serial.as_str().into()))])?;
        let mut places = Places::new();
        let needed = self.dialect.decode(&message, &mut places).map_err(unfit)?.bitmap().needed();
        let number = if needed > 1 { 128 } else { 64 };
        let message = self.changed(&message, &[(number, Some((&[0; 8]).into()))])?;
        let key: Key<usage::MacRequest> = working_key(&transaction.key).map_err(unfit)?;
        let text = before_last(&self.dialect, &message).ok_or(CoreRefusal::FieldInvalid).map_err(unfit)?;
        let code = retail_mac(&key.tdes().map_err(unfit)?, text, Padding::Zeros);
        self.changed(&message, &[(number, Some(code.reveal().into()))])
    }

    fn exchange(
        &mut self,
        to: &Upstream,
        message: &[u8],
        transaction: Option<Transaction>,
    ) -> Result<Outcome, Failure> {
        let message = match &transaction {
            None => Zeroizing::new(message.to_vec()),
            Some(transaction) => self.authenticated(message, transaction)?,
        };
        let framed = self.framing.encode(&[], &message).map_err(unfit)?;
        let told = self.sent(&framed, to, transaction.as_ref());
        if told.is_none() {
            self.stream = None;
        }
        Ok(told.map_or(Outcome::Nothing, Outcome::Answered))
    }

    /// The answer whose numbers and code are right; others are passed over.
    fn sent(&mut self, framed: &[u8], to: &Upstream, transaction: Option<&Transaction>) -> Option<Told> {
        let deadline = Instant::now() + self.timeout;
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.host).ok()?;
            stream.set_nodelay(true).ok()?;
            self.stream = Some((stream, Decoder::new(self.framing, MESSAGE_BYTES_MAX)));
        }
        let (stream, decoder) = self.stream.as_mut()?;
        stream.write_all(framed).ok()?;
        let mut buffer = [0; 4096];
        loop {
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            stream.set_read_timeout(Some(left)).ok()?;
            let got = match stream.read(&mut buffer) {
                Ok(got @ 1..) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(_) | Err(_) => return None,
            };
            let mut rest = buffer.get(..got)?;
            loop {
                rest = rest.get(decoder.take(rest)..)?;
                match decoder.frame() {
                    Ok(Some(Frame::Message { message, .. })) => {
                        if let Some(told) = accepted(&self.dialect, &message, to, transaction) {
                            return Some(told);
                        }
                    }
                    Ok(None) if rest.is_empty() => break,
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        }
    }
}

/// What an answer says, if it is of `to` and its code is the transaction's.
fn accepted(
    dialect: &Dialect,
    bytes: &[u8],
    to: &Upstream,
    transaction: Option<&Transaction>,
) -> Option<Told> {
    let mut places = Places::new();
    let message = dialect.decode(bytes, &mut places).ok()?;
    if let Some(transaction) = transaction {
        let last = [128, 64].into_iter().find_map(|number| message.field(number))?;
        let mut code = Vec::new();
        last.append_to(&mut code);
        let key: Key<usage::MacResponse> = working_key(&transaction.key).ok()?;
        let made = retail_mac(&key.tdes().ok()?, before_last(dialect, bytes)?, Padding::Zeros);
        if !made.equals(&code) {
            return None;
        }
    }
    upstream::told(&message, to)
}

fn before_last<'m>(dialect: &Dialect, bytes: &'m [u8]) -> Option<&'m [u8]> {
    let mut places = Places::new();
    let message = dialect.decode(bytes, &mut places).ok()?;
    let last = [128, 64].into_iter().find_map(|number| message.field(number))?;
    bytes.get(..bytes.len().checked_sub(last.wire().len())?)
}

/// Track 2 under the transaction's key for data, filled up with zeros.
fn enciphered(transaction: &Transaction, card: &Card) -> Result<Vec<u8>, Failure> {
    let key: Key<usage::DataRequest> = working_key(&transaction.key).map_err(unfit)?;
    let mut text = Zeroizing::new(card.track.element().as_bytes().to_vec());
    let whole = text.len().next_multiple_of(8);
    text.resize(whole, 0);
    cbc_encrypt(&key.tdes().map_err(unfit)?, &[0; 8], &mut text).map_err(unfit)?;
    Ok(text.to_vec())
}
