//! A payment vault that is another process: the same trait over its socket.
//!
//! **Invariant:** what changes something is sent twice only if the first frame was certainly not read whole.
use super::message::{Answer, Request};
use super::wire::{Asked, Reply, read_frame, write_frame};
use super::{Entropy, PaymentError, PaymentVault};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use symbolon_types::UnixMs;
use symbolon_wire::cbor::{from_slice, to_vec};
use zeroize::Zeroizing;

/// How long an answer may take: an engine that stretches a passphrase for each change is slow.
const ANSWER: Duration = Duration::from_secs(30);

/// The most connections that are kept for later.
const KEPT_MAX: usize = 16;

/// The vault behind a socket.
#[derive(Debug)]
pub struct RemoteVault {
    path: PathBuf,
    /// Connections that no question is using.
    idle: Mutex<Vec<UnixStream>>,
}

/// Where an exchange broke.
enum Broken {
    /// Before the whole question was sent: the vault has done nothing.
    Sending,
    /// After it: nobody knows.
    Waiting,
}

impl RemoteVault {
    /// Connects.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`].
    pub fn connect(path: &Path) -> Result<Self, PaymentError> {
        let first = UnixStream::connect(path).map_err(|_| PaymentError::Unavailable)?;
        Ok(Self { path: path.into(), idle: Mutex::new(vec![first]) })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<UnixStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, mut stream: UnixStream, question: &[u8]) -> Result<Reply, Broken> {
        write_frame(&mut stream, question).map_err(|_| Broken::Sending)?;
        let frame = read_frame(&mut stream, ANSWER).ok().flatten().ok_or(Broken::Waiting)?;
        let reply = from_slice(&frame).map_err(|_| Broken::Waiting)?;
        let mut idle = self.idle();
        if idle.len() < KEPT_MAX {
            idle.push(stream);
        }
        Ok(reply)
    }
}

impl PaymentVault for RemoteVault {
    fn perform(&self, request: &Request, now: UnixMs, entropy: &Entropy) -> Result<Answer, PaymentError> {
        let question = Zeroizing::new(to_vec(&Asked::new(request, now, entropy)));
        let kept = self.idle().pop();
        let first = match kept {
            Some(stream) => self.exchange(stream, &question),
            None => Err(Broken::Sending),
        };
        let reply = match first {
            Ok(reply) => reply,
            Err(Broken::Waiting) if !request.may_repeat() => return Err(PaymentError::Unavailable),
            Err(_) => {
                // The others are of the same vault and as old.
                self.idle().clear();
                let stream = UnixStream::connect(&self.path).map_err(|_| PaymentError::Unavailable)?;
                self.exchange(stream, &question).map_err(|_| PaymentError::Unavailable)?
            }
        };
        match reply {
            Reply::Held(answer) => Ok(answer),
            Reply::Refused(error) => Err(error),
        }
    }
}
