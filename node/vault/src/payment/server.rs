//! The vault's process: an engine behind a path Unix socket of its owner.
//!
//! **Invariant:** only a peer of the same user is heard; whatever a peer sends ends at most its own connection.
use super::PaymentVault;
use super::wire::{Asked, Reply, read_frame, write_frame};
use crate::VaultError;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use symbolon_wire::cbor::{from_slice, to_vec};
use zeroize::Zeroizing;

/// The most connections at a time; one more is closed at once.
pub const CONNECTIONS_MAX: usize = 64;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(300);

/// Keeps this process's memory out of core files and away from other processes of the same user, as far as the kernel does that for the
/// asking. Its pages may still be swapped.
///
/// # Errors
/// [`VaultError::Io`].
pub fn harden() -> Result<(), VaultError> {
    nix::sys::prctl::set_dumpable(false).map_err(io::Error::from)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(io::Error::from)?;
    Ok(())
}

/// Takes the socket's path, of mode 0600. A socket that nobody listens on any more is replaced; anything else of that name is left.
///
/// # Errors
/// [`VaultError::Exists`], [`VaultError::Io`].
pub fn bind(path: &Path) -> Result<UnixListener, VaultError> {
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() || UnixStream::connect(path).is_ok() {
            return Err(VaultError::Exists);
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => VaultError::Exists,
        kind => VaultError::Io(kind),
    })?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the engine, a thread a connection, until the listener fails.
///
/// # Errors
/// [`VaultError::Io`].
pub fn serve(engine: &Arc<dyn PaymentVault>, listener: &UnixListener) -> Result<(), VaultError> {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            // The peer was gone before it was taken.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(place) = Place::of(&open) else { continue };
        if !is_own(&stream) {
            continue;
        }
        let engine = Arc::clone(engine);
        // Without a thread this connection is closed, and the others go on.
        let _ = thread::Builder::new().name("vault".into()).spawn(move || {
            let _place = place;
            let _ = attend(engine.as_ref(), stream);
        });
    }
    Ok(())
}

/// One of the [`CONNECTIONS_MAX`], given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn of(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::SeqCst) < CONNECTIONS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_own(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}

/// Answers one connection until it ends, falls silent or sends what is no question.
fn attend(engine: &dyn PaymentVault, mut stream: UnixStream) -> io::Result<()> {
    while let Some(frame) = read_frame(&mut stream, IDLE)? {
        let Ok(asked) = from_slice::<Asked>(&frame) else { return Ok(()) };
        let reply = match engine.perform(&asked.request, asked.now, &asked.entropy) {
            Ok(answer) => Reply::Held(answer),
            Err(error) => Reply::Refused(error),
        };
        write_frame(&mut stream, &Zeroizing::new(to_vec(&reply)))?;
    }
    Ok(())
}
