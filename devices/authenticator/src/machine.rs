//! The machine on its files, and its answers to bytes.
use crate::{DeviceSecret, Failure, pin};
use std::path::Path;
use symbolon_keys::{RustCrypto, VerifyingKey};
use symbolon_offline_payment::{
    Refusal,
    authenticator::{Authenticator, Env},
    messages::{RefusedReply, Reply, Request},
};
use symbolon_transport::{
    TransportError,
    clock::Ticks,
    entropy,
    frames::Listener,
    store::{FileCounter, FileFlash},
};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::{from_slice, to_vec};

/// An authenticator on the files of one folder.
pub struct Machine {
    authenticator: Authenticator<FileFlash, FileCounter>,
    ticks: Ticks,
}

impl Machine {
    /// Starts the machine in `store`, which is made at the first start, with the server's key pinned then.
    ///
    /// # Errors
    /// [`Failure::KeyMissing`]; CONFLICT for another server's key than the pinned one; STORE_FAILED for a store that is damaged or of another
    /// machine; [`Failure::Transport`], with `InUse` while another process has the store.
    pub fn start(
        store: &Path,
        server: Option<VerifyingKey>,
        secret: &dyn DeviceSecret,
    ) -> Result<Self, Failure> {
        let flash = FileFlash::open(&store.join("state"))?;
        let counter = FileCounter::open(&store.join("counter"))?;
        let server = pin::pinned(store, server)?;
        let ticks = Ticks::start();
        let authenticator =
            Authenticator::start(flash, counter, &secret.secret()?, server, &environment(ticks)?)?;
        Ok(Self { authenticator, ticks })
    }

    /// Answers one request. Whatever the answer gives away is durable before this returns. Bytes that are no request are answered with
    /// MALFORMED; without random bytes nothing is done, and the answer is UNAVAILABLE.
    pub fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let reply = match (from_slice::<Request>(request), environment(self.ticks)) {
            (Ok(request), Ok(env)) => self.authenticator.handle(&env, request),
            (Err(_), _) => refused(CoreRefusal::Malformed),
            (_, Err(_)) => refused(CoreRefusal::Unavailable),
        };
        to_vec(&reply)
    }
}

fn refused(refusal: CoreRefusal) -> Reply {
    Reply::Refused(RefusedReply { refusal: Refusal::Core(refusal), attempts_left: None })
}

fn environment(ticks: Ticks) -> Result<Env<'static>, TransportError> {
    Ok(Env { crypto: &RustCrypto, seed: entropy::seed()?, ticks_ms: ticks.elapsed_ms() })
}

/// Answers the applications until the listener is told to stop. `seen` is given every request with its answer.
///
/// # Errors
/// [`Failure::Transport`] when the socket fails.
pub fn serve(
    machine: &mut Machine,
    listener: &Listener,
    mut seen: impl FnMut(&[u8], &[u8]) + Send,
) -> Result<(), Failure> {
    listener.serve(|request| {
        let reply = machine.answer(request);
        seen(request, &reply);
        reply
    })?;
    Ok(())
}
