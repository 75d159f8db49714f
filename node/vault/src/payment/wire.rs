//! Frames of the vault's socket: a length, then one item of deterministic CBOR.
//!
//! ```text
//!   request  u32 length ‖ {1: now, 2: entropy, 3: [kind, body]}
//!   reply    u32 length ‖ [1, answer] or [2, number of the refusal]
//! ```
//! **Invariant:** a length above [`FRAME_LEN_MAX`] is refused before anything is allocated; the buffers of frames are wiped.
use super::message::{Answer, Request};
use super::{Entropy, PaymentError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use symbolon_types::{Secret, UnixMs};
use symbolon_wire::{cbor_enum, cbor_map};
use zeroize::Zeroizing;

/// The longest frame without its length, in bytes.
pub const FRAME_LEN_MAX: usize = 256 * 1024;

/// How long a frame that has begun may take.
pub const FRAME_TIME: Duration = Duration::from_secs(10);

cbor_map! {
    /// What is asked, when, and with which entropy.
    #[derive(Clone, Debug)]
    pub struct Asked {
        /// The caller's time.
        1 => now: UnixMs,
        /// 32 random bytes.
        2 => entropy: Secret<[u8; 32]>,
        /// What is asked.
        3 => request: Request,
    }
}

cbor_enum! {
    /// What is answered.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Reply {
        /// It was done.
        1 => Held(Answer),
        /// It was not.
        2 => Refused(PaymentError),
    }
}

impl Asked {
    /// One question.
    #[must_use]
    pub fn new(request: &Request, now: UnixMs, entropy: &Entropy) -> Self {
        Self { now, entropy: entropy.clone(), request: request.clone() }
    }
}

/// Writes one frame.
pub(super) fn write_frame(stream: &mut UnixStream, body: &[u8]) -> io::Result<()> {
    let len = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_LEN_MAX);
    let len = len.ok_or(ErrorKind::InvalidData)?;
    let mut frame = Zeroizing::new(Vec::with_capacity(body.len().saturating_add(4)));
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(body);
    stream.set_write_timeout(Some(FRAME_TIME))?;
    stream.write_all(&frame)
}

/// Reads one frame, whose first byte may be waited for as long as `idle`; the rest must come within [`FRAME_TIME`]. `None` at a clean end.
pub(super) fn read_frame(stream: &mut UnixStream, idle: Duration) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut len = [0; 4];
    let (first, others) = len.split_at_mut(1);
    stream.set_read_timeout(Some(idle))?;
    if stream.read(first)? == 0 {
        return Ok(None);
    }
    let began = Instant::now();
    read_before(stream, others, began)?;
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    if len > FRAME_LEN_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut body = Zeroizing::new(vec![0; len]);
    read_before(stream, &mut body, began)?;
    Ok(Some(body))
}

fn read_before(stream: &mut UnixStream, mut into: &mut [u8], began: Instant) -> io::Result<()> {
    while !into.is_empty() {
        let left = FRAME_TIME.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        let read = stream.read(into)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        into = into.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}
