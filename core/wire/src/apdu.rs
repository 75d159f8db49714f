//! Command and response APDUs (ISO/IEC 7816-3 §12.1, ISO/IEC 7816-4 §5), short and extended, with command and response chaining.
//!
//! ```text
//!   case 1  CLA INS P1 P2                        short   Lc, Le: one byte,  Le 00 = 256
//!   case 2  CLA INS P1 P2             [Le]       extended  first 00, then two bytes each (Le alone: 00 and two bytes), Le 0000 = 65536
//!   case 3  CLA INS P1 P2 [Lc] [data]
//!   case 4  CLA INS P1 P2 [Lc] [data] [Le]
//!
//!   card:    Idle ──CLA bit 5 set──► Chaining ──bit 5 clear──► the whole command;  another header: refused, Idle   (Chain)
//!   card:    a response longer than asked ──► as much as asked and 61xx ──GET RESPONSE──► … ──► the last with its SW   (Outgoing)
//!   reader:  61xx ──► GET RESPONSE ──► … ──► the whole response   (Incoming)
//! ```
//! **Invariant:** `decode(&encode(command)?) == command` for every command that encodes; nothing that is put together here exceeds
//! [`CHAIN_BYTES_MAX`].
use alloc::vec::Vec;

/// The most bytes of a chained command's data and of a chained response's data.
pub const CHAIN_BYTES_MAX: usize = 16 * 1024;

/// The most data bytes of one short command (Lc = FF).
pub const SHORT_DATA_MAX: usize = 255;

/// The most response bytes that a short command asks for (Le = 00).
pub const SHORT_NE_MAX: u32 = 256;

/// The most response bytes that an extended command asks for (Le = 0000).
pub const EXTENDED_NE_MAX: u32 = 65_536;

/// The bit of CLA that says more of the command follows (ISO/IEC 7816-4 §5.4.1, b5).
pub const CLA_CHAINING: u8 = 0x10;

/// SELECT (ISO/IEC 7816-4 §11.2.2).
pub const INS_SELECT: u8 = 0xA4;

/// GET RESPONSE (ISO/IEC 7816-4 §11.8.1).
pub const INS_GET_RESPONSE: u8 = 0xC0;

/// Status words that this layer itself makes (ISO/IEC 7816-4 §5.6).
pub mod sw {
    /// No error.
    pub const OK: u16 = 0x9000;
    /// SW1 of "SW2 more bytes wait"; SW2 = 00 is 256 or more.
    pub const MORE: u16 = 0x6100;
    /// Wrong length.
    pub const WRONG_LENGTH: u16 = 0x6700;
    /// The last command of a chain was expected.
    pub const CHAIN_BROKEN: u16 = 0x6883;
    /// Conditions of use are not met: no response waits.
    pub const CONDITIONS_NOT_MET: u16 = 0x6985;
    /// Wrong P1 or P2.
    pub const WRONG_P1_P2: u16 = 0x6B00;
    /// The instruction code is invalid.
    pub const INS_INVALID: u16 = 0x6D00;
    /// The class is not supported.
    pub const CLA_NOT_SUPPORTED: u16 = 0x6E00;
}

/// Why bytes, or a chain, are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApduError {
    /// The bytes do not add up to one of the seven forms, or a field does not fit its form.
    Length,
    /// CLA FF is reserved (ISO/IEC 7816-3 §12.1.1), or the class cannot chain.
    Class,
    /// INS 6X and 9X are invalid (ISO/IEC 7816-4 §5.4.2).
    Instruction,
    /// SW1 is neither 61-6F nor 90-9F (ISO/IEC 7816-4 §5.6).
    Status,
    /// The command has another header than the chain it is in.
    ChainBroken,
    /// What was put together exceeds [`CHAIN_BYTES_MAX`].
    ChainTooLong,
    /// GET RESPONSE when no response waits.
    NothingWaits,
    /// GET RESPONSE with P1-P2 other than 0000.
    Parameters,
}

impl ApduError {
    /// What a card answers.
    #[must_use]
    pub fn sw(self) -> u16 {
        match self {
            Self::Length | Self::ChainTooLong | Self::Status => sw::WRONG_LENGTH,
            Self::Class => sw::CLA_NOT_SUPPORTED,
            Self::Instruction => sw::INS_INVALID,
            Self::ChainBroken => sw::CHAIN_BROKEN,
            Self::NothingWaits => sw::CONDITIONS_NOT_MET,
            Self::Parameters => sw::WRONG_P1_P2,
        }
    }
}

impl core::fmt::Display for ApduError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the APDU has a wrong length",
            Self::Class => "the class is not supported",
            Self::Instruction => "the instruction code is invalid",
            Self::Status => "the status word is invalid",
            Self::ChainBroken => "another command inside a chain",
            Self::ChainTooLong => "the chain is too long",
            Self::NothingWaits => "no response waits",
            Self::Parameters => "wrong P1 or P2",
        })
    }
}

impl core::error::Error for ApduError {}

/// A command. It is encoded short where it fits and extended otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandApdu {
    /// The class; bit 5 is [`CLA_CHAINING`].
    pub cla: u8,
    /// The instruction.
    pub ins: u8,
    /// The first parameter.
    pub p1: u8,
    /// The second parameter.
    pub p2: u8,
    /// The data field, at most 65,535 bytes; empty for cases 1 and 2.
    pub data: Vec<u8>,
    /// Ne, the most response bytes asked for, 1 to 65,536; `None` for cases 1 and 3.
    pub ne: Option<u32>,
}

/// The data field may hold what nobody is to read in a log, so it is shown by its length.
impl core::fmt::Debug for CommandApdu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { cla, ins, p1, p2, data, ne } = self;
        write!(f, "{cla:02X}{ins:02X}{p1:02X}{p2:02X} data {} ne {ne:?}", data.len())
    }
}

impl CommandApdu {
    /// SELECT by DF name: 00 A4 04 00, the first or only occurrence, its FCI asked for. `None` unless the name has 1 to 16 bytes.
    #[must_use]
    pub fn select(name: &[u8]) -> Option<Self> {
        let fits = (1..=16).contains(&name.len());
        fits.then(|| Self {
            cla: 0,
            ins: INS_SELECT,
            p1: 4,
            p2: 0,
            data: name.into(),
            ne: Some(SHORT_NE_MAX),
        })
    }

    /// GET RESPONSE on the basic channel for `ne` bytes.
    #[must_use]
    pub fn get_response(ne: u32) -> Self {
        Self { cla: 0, ins: INS_GET_RESPONSE, p1: 0, p2: 0, data: Vec::new(), ne: Some(ne) }
    }

    /// Whether it fits the short form.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.data.len() <= SHORT_DATA_MAX && self.ne.is_none_or(|ne| ne <= SHORT_NE_MAX)
    }

    /// The bytes, in the short form where they fit.
    ///
    /// # Errors
    /// [`ApduError::Length`] for data or `ne` out of range; [`ApduError::Class`] and [`ApduError::Instruction`] for reserved codes.
    pub fn encode(&self) -> Result<Vec<u8>, ApduError> {
        check_codes(self.cla, self.ins)?;
        if self.ne.is_some_and(|ne| !(1..=EXTENDED_NE_MAX).contains(&ne)) {
            return Err(ApduError::Length);
        }
        let [lc_high, lc_low] = u16::try_from(self.data.len()).map_err(|_| ApduError::Length)?.to_be_bytes();
        // Ne of 256 and of 65,536 have the Le of zeroes, which is what their low bytes are.
        let le = self.ne.map(u32::to_be_bytes);
        let mut out = Vec::with_capacity(self.data.len().saturating_add(9));
        out.extend_from_slice(&[self.cla, self.ins, self.p1, self.p2]);
        match (self.is_short(), self.data.is_empty()) {
            (_, true) => {}
            (true, false) => out.push(lc_low),
            (false, false) => out.extend_from_slice(&[0, lc_high, lc_low]),
        }
        out.extend_from_slice(&self.data);
        match (self.is_short(), self.data.is_empty(), le) {
            (_, _, None) => {}
            (true, _, Some([_, _, _, low])) => out.push(low),
            (false, true, Some([_, _, high, low])) => out.extend_from_slice(&[0, high, low]),
            (false, false, Some([_, _, high, low])) => out.extend_from_slice(&[high, low]),
        }
        Ok(out)
    }

    /// Reads one command that is all of `bytes`, in any of the seven forms (ISO/IEC 7816-3 §12.1.3).
    ///
    /// # Errors
    /// [`ApduError::Length`], [`ApduError::Class`], [`ApduError::Instruction`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ApduError> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk().ok_or(ApduError::Length)?;
        check_codes(cla, ins)?;
        let (data, ne) = match *body {
            [] => (Default::default(), None),
            [le] => (Default::default(), Some(short_ne(le))),
            [0, high, low] => (Default::default(), Some(extended_ne(high, low))),
            [0, high, low, ref rest @ ..] => extended(usize::from(u16::from_be_bytes([high, low])), rest)?,
            [lc, ref rest @ ..] => short(usize::from(lc), rest)?,
        };
        Ok(Self { cla, ins, p1, p2, data: data.into(), ne })
    }
}

fn check_codes(cla: u8, ins: u8) -> Result<(), ApduError> {
    match (cla, ins & 0xF0) {
        (0xFF, _) => Err(ApduError::Class),
        (_, 0x60 | 0x90) => Err(ApduError::Instruction),
        _ => Ok(()),
    }
}

type Body<'a> = (&'a [u8], Option<u32>);

/// Cases 3S and 4S. Lc is 1 to 255: a body that begins with 00 is extended.
fn short(lc: usize, rest: &[u8]) -> Result<Body<'_>, ApduError> {
    match (lc, rest.split_at_checked(lc)) {
        (1.., Some((data, []))) => Ok((data, None)),
        (1.., Some((data, &[le]))) => Ok((data, Some(short_ne(le)))),
        _ => Err(ApduError::Length),
    }
}

/// Cases 3E and 4E. Lc is 1 to 65,535.
fn extended(lc: usize, rest: &[u8]) -> Result<Body<'_>, ApduError> {
    match (lc, rest.split_at_checked(lc)) {
        (1.., Some((data, []))) => Ok((data, None)),
        (1.., Some((data, &[high, low]))) => Ok((data, Some(extended_ne(high, low)))),
        _ => Err(ApduError::Length),
    }
}

fn short_ne(le: u8) -> u32 {
    if le == 0 { SHORT_NE_MAX } else { u32::from(le) }
}

fn extended_ne(high: u8, low: u8) -> u32 {
    let ne = u32::from(u16::from_be_bytes([high, low]));
    if ne == 0 { EXTENDED_NE_MAX } else { ne }
}

/// A response: its data and its status word.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseApdu {
    /// At most 65,536 bytes.
    pub data: Vec<u8>,
    /// SW1-SW2.
    pub sw: u16,
}

/// The data is shown by its length, as that of a command.
impl core::fmt::Debug for ResponseApdu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "data {} sw {:04X}", self.data.len(), self.sw)
    }
}

impl ResponseApdu {
    /// Data with 9000.
    #[must_use]
    pub fn ok(data: Vec<u8>) -> Self {
        Self { data, sw: sw::OK }
    }

    /// A status word alone.
    #[must_use]
    pub fn status(sw: u16) -> Self {
        Self { data: Vec::new(), sw }
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`ApduError::Status`] for an invalid status word, [`ApduError::Length`] for more data than 65,536 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, ApduError> {
        check_status(self.sw)?;
        check_response_length(self.data.len())?;
        let mut out = self.data.clone();
        out.extend_from_slice(&self.sw.to_be_bytes());
        Ok(out)
    }

    /// Reads one response that is all of `bytes`.
    ///
    /// # Errors
    /// As [`Self::encode`]; [`ApduError::Length`] also for fewer than two bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ApduError> {
        let (data, &sw) = bytes.split_last_chunk().ok_or(ApduError::Length)?;
        let sw = u16::from_be_bytes(sw);
        check_status(sw)?;
        check_response_length(data.len())?;
        Ok(Self { data: data.into(), sw })
    }
}

fn check_status(sw: u16) -> Result<(), ApduError> {
    match sw {
        0x6100..=0x6FFF | 0x9000..=0x9FFF => Ok(()),
        _ => Err(ApduError::Status),
    }
}

fn check_response_length(length: usize) -> Result<(), ApduError> {
    let most = usize::try_from(EXTENDED_NE_MAX).map_err(|_| ApduError::Length)?;
    if length > most { Err(ApduError::Length) } else { Ok(()) }
}

/// `command` as short commands for a card that chains: all but the last have CLA bit 5 and no Le. One that is short is alone and unchanged;
/// an Ne above 256 becomes 256, the rest comes by GET RESPONSE.
///
/// # Errors
/// [`ApduError::Class`] when CLA already has bit 5; [`ApduError::ChainTooLong`] for data above [`CHAIN_BYTES_MAX`].
pub fn chain(command: &CommandApdu) -> Result<Vec<CommandApdu>, ApduError> {
    if command.cla & CLA_CHAINING != 0 {
        return Err(ApduError::Class);
    }
    if command.data.len() > CHAIN_BYTES_MAX {
        return Err(ApduError::ChainTooLong);
    }
    let ne = command.ne.map(|ne| ne.min(SHORT_NE_MAX));
    let last = command.data.len().div_ceil(SHORT_DATA_MAX).saturating_sub(1);
    let link = |data: &[u8], cla, ne| CommandApdu { cla, data: data.into(), ne, ..*command };
    if command.data.is_empty() {
        return Ok(alloc::vec![link(&[], command.cla, ne)]);
    }
    let links = command.data.chunks(SHORT_DATA_MAX).enumerate();
    Ok(links
        .map(|(at, data)| match at == last {
            true => link(data, command.cla, ne),
            false => link(data, command.cla | CLA_CHAINING, None),
        })
        .collect())
}

/// The card's side of command chaining (ISO/IEC 7816-4 §5.3.3).
#[derive(Clone, Debug, Default)]
pub struct Chain(Option<CommandApdu>);

impl Chain {
    /// Outside a chain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next command. `None`: more follows, answer 9000. The whole command has the last one's Ne; an Le in the others says nothing.
    ///
    /// # Errors
    /// [`ApduError::ChainBroken`], [`ApduError::ChainTooLong`]; the chain is then given up.
    pub fn push(&mut self, link: CommandApdu) -> Result<Option<CommandApdu>, ApduError> {
        let more = link.cla & CLA_CHAINING != 0;
        let mut whole = match self.0.take() {
            None => CommandApdu { cla: link.cla & !CLA_CHAINING, ..link },
            Some(before) => joined(before, &link)?,
        };
        if whole.data.len() > CHAIN_BYTES_MAX {
            return Err(ApduError::ChainTooLong);
        }
        if more {
            whole.ne = None;
            self.0 = Some(whole);
            return Ok(None);
        }
        Ok(Some(whole))
    }
}

fn joined(before: CommandApdu, link: &CommandApdu) -> Result<CommandApdu, ApduError> {
    let header = (link.cla & !CLA_CHAINING, link.ins, link.p1, link.p2);
    if (before.cla, before.ins, before.p1, before.p2) != header {
        return Err(ApduError::ChainBroken);
    }
    let mut whole = CommandApdu { ne: link.ne, ..before };
    whole.data.extend_from_slice(&link.data);
    Ok(whole)
}

/// The card's side of response chaining: what waits for GET RESPONSE (ISO/IEC 7816-4 §5.3.4).
#[derive(Clone, Debug, Default)]
pub struct Outgoing(Option<ResponseApdu>);

impl Outgoing {
    /// Nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first part of `response` for a command with this `ne`. What waited before is dropped. With no `ne` all data waits.
    pub fn send(&mut self, mut response: ResponseApdu, ne: Option<u32>) -> ResponseApdu {
        let most = ne.and_then(|ne| usize::try_from(ne).ok()).unwrap_or(0).min(CHAIN_BYTES_MAX);
        self.0 = None;
        if response.data.len() <= most {
            return response;
        }
        let rest = response.data.split_off(most);
        let waits = u16::try_from(rest.len()).ok().filter(|&waits| waits < 256).unwrap_or(0);
        self.0 = Some(ResponseApdu { data: rest, sw: response.sw });
        ResponseApdu { data: response.data, sw: sw::MORE | waits }
    }

    /// Answers GET RESPONSE.
    ///
    /// # Errors
    /// [`ApduError::NothingWaits`], [`ApduError::Parameters`], [`ApduError::Length`] when it has data or no Le. What waits is kept.
    pub fn get_response(&mut self, command: &CommandApdu) -> Result<ResponseApdu, ApduError> {
        if (command.p1, command.p2) != (0, 0) {
            return Err(ApduError::Parameters);
        }
        if !command.data.is_empty() || command.ne.is_none() {
            return Err(ApduError::Length);
        }
        let response = self.0.take().ok_or(ApduError::NothingWaits)?;
        Ok(self.send(response, command.ne))
    }

    /// Drops what waits: any other command ends a response.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

/// What a reader does after a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this, and bring its response.
    Send(CommandApdu),
    /// The whole response.
    Done(ResponseApdu),
}

/// The reader's side of response chaining.
#[derive(Clone, Debug)]
pub struct Incoming {
    channel: u8,
    data: Vec<u8>,
}

impl Incoming {
    /// For the responses to a command of class `cla`, whose logical channel GET RESPONSE keeps.
    #[must_use]
    pub fn new(cla: u8) -> Self {
        // The classes of ISO/IEC 7816-4 §5.4.1 carry the channel; a proprietary one has the basic channel.
        let channel = match cla {
            0x00..=0x1F => cla & 0x03,
            0x40..=0x7F => cla & 0x4F,
            _ => 0,
        };
        Self { channel, data: Vec::new() }
    }

    /// Takes the next response.
    ///
    /// # Errors
    /// [`ApduError::ChainTooLong`] above [`CHAIN_BYTES_MAX`], also when a card says 61xx for ever without sending a byte.
    pub fn push(&mut self, response: ResponseApdu) -> Result<Next, ApduError> {
        let [sw1, waits] = response.sw.to_be_bytes();
        let stuck = sw1 == 0x61 && response.data.is_empty() && !self.data.is_empty();
        self.data.extend_from_slice(&response.data);
        if self.data.len() > CHAIN_BYTES_MAX || stuck {
            return Err(ApduError::ChainTooLong);
        }
        if sw1 != 0x61 {
            return Ok(Next::Done(ResponseApdu { data: core::mem::take(&mut self.data), sw: response.sw }));
        }
        Ok(Next::Send(CommandApdu { cla: self.channel, ..CommandApdu::get_response(short_ne(waits)) }))
    }
}

#[cfg(test)]
mod tests;
