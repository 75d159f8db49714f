//! Request and response over a path Unix socket: one exchange per connection, each way one frame with its length before it.
//!
//! ```text
//!   Client::call ── connect ── u32 length, request ──►  Listener::serve ── handler (one at a time)
//!                ◄────────── u32 length, response ────┘  then the connection ends
//! ```
//! A connection carries one exchange, so that the late answer to a call that timed out can never be taken for the answer to the next.
//!
//! **Invariant:** one process listens at a path; the socket is reached by its owner only (mode 0600); a peer that stalls holds up nobody.
use crate::{TransportError, clock::Deadline, lock};
use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The longest frame, in bytes without its length.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How many connections are read at once; more are closed unread.
pub const CONNECTIONS_MAX: usize = 32;

/// How long a served peer may take to send its whole request or to take its response.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long [`Client::call`] waits unless told otherwise: a credential check may take seconds on a slow machine.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The width of the length before a frame, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Two bytes: frames of at most 65,535 bytes.
    U16,
    /// Four bytes: frames of at most [`FRAME_BYTES_MAX`].
    U32,
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }

    fn max(self) -> usize {
        match self {
            Self::U16 => usize::from(u16::MAX),
            Self::U32 => FRAME_BYTES_MAX,
        }
    }
}

/// Writes one frame before the deadline.
///
/// # Errors
/// [`TransportError::TooLong`], [`TransportError::Timeout`], [`TransportError::Closed`], [`TransportError::Io`].
pub fn write_frame(
    stream: &mut UnixStream,
    width: Width,
    frame: &[u8],
    deadline: Deadline,
) -> Result<(), TransportError> {
    let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= width.max());
    let length = length.ok_or(TransportError::TooLong)?.to_be_bytes();
    let mut bytes = length.iter().copied().skip(4 - width.bytes()).collect::<Vec<_>>();
    bytes.extend_from_slice(frame);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(deadline.left().ok_or(TransportError::Timeout)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(TransportError::Closed),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads one frame before the deadline; `None` when the peer closed the connection instead of beginning one.
///
/// # Errors
/// [`TransportError::TooLong`] by its length alone, nothing of it is read; [`TransportError::Closed`] inside a frame;
/// [`TransportError::Timeout`], [`TransportError::Io`].
pub fn read_frame(
    stream: &mut UnixStream,
    width: Width,
    deadline: Deadline,
) -> Result<Option<Vec<u8>>, TransportError> {
    let mut length = [0; 4];
    let head = length.get_mut(4 - width.bytes()..).unwrap_or_default();
    match fill(stream, head, deadline)? {
        0 => return Ok(None),
        count if count < width.bytes() => return Err(TransportError::Closed),
        _ => {}
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| TransportError::TooLong)?;
    if length > width.max() {
        return Err(TransportError::TooLong);
    }
    let mut frame = vec![0; length];
    match fill(stream, &mut frame, deadline)? {
        count if count < length => Err(TransportError::Closed),
        _ => Ok(Some(frame)),
    }
}

/// Reads until the buffer is full or the peer closes; how much was read.
fn fill(stream: &mut UnixStream, buffer: &mut [u8], deadline: Deadline) -> Result<usize, TransportError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // The timeout is set anew for each read: a peer that sends a byte now and then does not get more time.
        stream.set_read_timeout(Some(deadline.left().ok_or(TransportError::Timeout)?))?;
        match stream.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// A socket at a path, taken by this process until it is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    stop: Stop,
    _lock: File,
}

/// Ends the serving of a [`Listener`] from elsewhere.
#[derive(Clone, Debug)]
pub struct Stop {
    path: PathBuf,
    told: Arc<AtomicBool>,
}

impl Stop {
    /// Ends it: no further exchange begins, [`Listener::serve`] returns. May be called twice.
    pub fn stop(&self) {
        self.told.store(true, Ordering::Release);
        // Wakes the wait for the next connection; when nobody waits any more there is nobody to wake.
        let _ = UnixStream::connect(&self.path);
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }
}

impl Listener {
    /// Listens at `path`, whose folder must exist. A socket that a dead process left there is replaced; `<path>.lock` stays behind.
    ///
    /// # Errors
    /// [`TransportError::InUse`] when a living process listens there; [`TransportError::Io`], also for a path beyond about 100 bytes.
    pub fn bind(path: &Path) -> Result<Self, TransportError> {
        let lock = lock::locked(&lock::with_suffix(path, ".lock"))?;
        // Bound under another name and renamed when its mode is set: at `path` it never had another mode.
        let fresh = lock::with_suffix(path, "~");
        lock::remove(&fresh)?;
        let socket = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
        fs::rename(&fresh, path)?;
        let stop = Stop { path: path.into(), told: Arc::default() };
        Ok(Self { socket, stop, _lock: lock })
    }

    /// What ends the serving.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// The next connection; `None` when told to stop.
    ///
    /// # Errors
    /// [`TransportError::Io`].
    pub fn accept(&self) -> Result<Option<UnixStream>, TransportError> {
        loop {
            match self.socket.accept() {
                _ if self.stop.is_told() => return Ok(None),
                Ok((stream, _)) => return Ok(Some(stream)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers calls until told to stop. Requests are read side by side and handled one after another. Should the handler panic, serving
    /// ends, and the panic goes on in the caller.
    ///
    /// # Errors
    /// [`TransportError::Io`] when the socket fails; what a peer does wrong only ends its connection.
    pub fn serve(&self, handler: impl FnMut(&[u8]) -> Vec<u8> + Send) -> Result<(), TransportError> {
        let (handler, open) = (Mutex::new(handler), AtomicUsize::new(0));
        thread::scope(|scope| {
            while let Some(mut stream) = self.accept()? {
                if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS_MAX {
                    open.fetch_sub(1, Ordering::AcqRel);
                    continue;
                }
                let (handler, open, stop) = (&handler, &open, &self.stop);
                scope.spawn(move || {
                    let _ = exchange(&mut stream, handler, stop);
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
            Ok(())
        })
    }
}

/// One exchange. A panic in the handler poisons the mutex: nothing is handled after it.
fn exchange<F: FnMut(&[u8]) -> Vec<u8>>(
    stream: &mut UnixStream,
    handler: &Mutex<F>,
    stop: &Stop,
) -> Result<(), TransportError> {
    let request =
        read_frame(stream, Width::U32, Deadline::after(PEER_TIMEOUT))?.ok_or(TransportError::Closed)?;
    let ended = StopUnless { stop, fine: false };
    let response = match handler.lock() {
        Ok(_) if stop.is_told() => return Err(TransportError::Closed),
        Ok(mut handler) => handler(&request),
        Err(_) => return Err(TransportError::Closed),
    };
    ended.disarm();
    write_frame(stream, Width::U32, &response, Deadline::after(PEER_TIMEOUT))
}

/// Stops the serving when it is dropped armed: the handler panicked, or there is nothing left to serve.
struct StopUnless<'a> {
    stop: &'a Stop,
    fine: bool,
}

impl StopUnless<'_> {
    fn disarm(mut self) {
        self.fine = true;
    }
}

impl Drop for StopUnless<'_> {
    fn drop(&mut self) {
        if !self.fine {
            self.stop.stop();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The lock is still held, so the socket at the path is ours.
        let _ = fs::remove_file(&self.stop.path);
    }
}

/// Calls what listens at a path.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
    timeout: Duration,
}

impl Client {
    /// Makes sure that somebody listens at `path`.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn connect(path: &Path) -> Result<Self, TransportError> {
        connect(path)?;
        Ok(Self { path: path.into(), timeout: CALL_TIMEOUT })
    }

    /// With another bound on a whole call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// One request and its response. After an error nobody knows whether the request was handled.
    ///
    /// # Errors
    /// [`TransportError::TooLong`], [`TransportError::Timeout`], [`TransportError::Closed`], and as [`connect`].
    pub fn call(&self, request: &[u8]) -> Result<Vec<u8>, TransportError> {
        let deadline = Deadline::after(self.timeout);
        let mut stream = connect(&self.path)?;
        write_frame(&mut stream, Width::U32, request, deadline)?;
        read_frame(&mut stream, Width::U32, deadline)?.ok_or(TransportError::Closed)
    }
}

/// Connects to what listens at `path`.
///
/// # Errors
/// [`TransportError::Unreachable`] when nothing listens there or there is no socket; [`TransportError::Io`].
pub fn connect(path: &Path) -> Result<UnixStream, TransportError> {
    UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => TransportError::Unreachable,
        _ => error.into(),
    })
}

/// Waits until somebody listens at `path`: a process that was just started needs a moment.
///
/// # Errors
/// [`TransportError::Timeout`], [`TransportError::Io`].
pub fn await_listener(path: &Path, timeout: Duration) -> Result<(), TransportError> {
    let deadline = Deadline::after(timeout);
    loop {
        match connect(path) {
            Err(TransportError::Unreachable) if deadline.pause(Duration::from_millis(10)) => {}
            Err(TransportError::Unreachable) => return Err(TransportError::Timeout),
            Err(error) => return Err(error),
            Ok(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
