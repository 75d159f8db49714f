//! A command as the log holds it: `[system][kind][version][length u32 BE][body][envelope]`, the body and the envelope deterministic CBOR.
use crate::idempotency::RequestId;
use crate::union::AnyCommand;
use symbolon_types::Hash;
use symbolon_wire::cbor::{Malformed, from_slice, to_vec};
use symbolon_wire::cbor_map;

cbor_map! {
    /// Who sent a command under which id. Commands whose natural key makes them repeatable carry neither.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Envelope {
        /// SHA-256 of the API key.
        1 => principal: Option<Hash>,
        /// The request's id.
        2 => id: Option<[u8; 16]>,
    }
}

/// Who sends: the SHA-256 of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal(pub Hash);

/// What is put into the queue: a command as the log will hold it.
pub struct Submission {
    record: Vec<u8>,
}

impl Submission {
    /// A command whose natural key (a token, an object, a report) makes a repeat harmless.
    pub fn natural(command: impl Into<AnyCommand>) -> Self {
        Self::new(&command.into(), None)
    }

    /// A command under a request id: a repeat gets the first answer, another body under the same id is refused.
    pub fn with_id(command: impl Into<AnyCommand>, principal: Principal, id: RequestId) -> Self {
        Self::new(&command.into(), Some((principal, id)))
    }

    fn new(command: &AnyCommand, request: Option<(Principal, RequestId)>) -> Self {
        let (system, kind, version, body) = command.parts();
        let envelope = Envelope {
            principal: request.map(|(principal, _)| principal.0),
            id: request.map(|(_, id)| id.0),
        };
        let mut record = vec![system, kind, version];
        record.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        record.extend_from_slice(&body);
        record.extend_from_slice(&to_vec(&envelope));
        Self { record }
    }

    /// The command of a record, as one that is sent: the same record.
    ///
    /// # Errors
    /// [`Malformed`] for anything that no submission of this version or an earlier one ever held.
    pub fn from_record(record: &[u8]) -> Result<Self, Malformed> {
        let Logged { command, request, .. } = Logged::read(record)?;
        Ok(Self::new(&command, request))
    }

    /// As the log will hold it.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// Whether it can be read back. A command may hold more than its encoding allows, a list that is too long; in the log it would halt
    /// every node that replays it.
    pub(crate) fn is_readable(&self) -> bool {
        Logged::read(&self.record).is_ok()
    }
}

/// A record of the log, read back.
pub(crate) struct Logged<'a> {
    pub(crate) command: AnyCommand,
    pub(crate) request: Option<(Principal, RequestId)>,
    /// Header and body: what a repeat must be equal in.
    pub(crate) body: &'a [u8],
}

impl<'a> Logged<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] for anything that a [`Submission`] never held, now or in an earlier version.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, Malformed> {
        let (&[system, kind, version, l3, l2, l1, l0], rest) =
            record.split_first_chunk::<7>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes([l3, l2, l1, l0])).map_err(|_| Malformed)?;
        let (body, envelope) = rest.split_at_checked(length).ok_or(Malformed)?;
        let envelope: Envelope = from_slice(envelope)?;
        let request = match (envelope.principal, envelope.id) {
            (Some(principal), Some(id)) => Some((Principal(principal), RequestId(id))),
            (None, None) => None,
            _ => return Err(Malformed),
        };
        let command = AnyCommand::read(system, kind, version, body)?;
        let whole = record.get(..7 + length).ok_or(Malformed)?;
        Ok(Self { command, request, body: whole })
    }
}
