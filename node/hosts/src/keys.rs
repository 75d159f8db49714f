//! What a link asks the vault: authentication codes, accounts, PIN blocks. No key is here.
//!
//! ```text
//!   a terminal's message: KSN ─► key set ─► base key        (longest prefix of the table)
//!   account, PIN block ─► vault ─► token, sealed account; what goes on is enciphered under the processor's keys
//! ```
use std::sync::Arc;
use symbolon_acquiring::ActionCode;
use symbolon_acquiring::upstream::carried;
use symbolon_types::{CoreRefusal, UnixMs, hex_upper};
use symbolon_vault::payment::{
    DukptKey, DukptScheme, Entropy, KeyRef, MacAlgorithm, MacPadding, MacSpec, MakeMac, PaymentError,
    PaymentVault, VerifyMac, ZoneOrDukpt,
};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::iso8583::{Dialect, Field, Message, Places, Role};
use zeroize::Zeroizing;

/// The base key of terminals whose key serial numbers begin alike.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// How they begin, in upper-case hexadecimal.
    pub prefix: String,
    /// The vault's key.
    pub base: KeyRef,
    /// Which DUKPT.
    pub scheme: DukptScheme,
}

/// How the messages of a link are authenticated: field 64 or 128, the last one, over all bytes before it.
#[derive(Clone, Debug)]
pub struct LinkMac {
    /// The key of the link; without it that of each message's transaction (DUKPT): one for what comes, another for its answer.
    pub key: Option<KeyRef>,
    /// The algorithm.
    pub algorithm: MacAlgorithm,
    /// How the text is filled up.
    pub padding: MacPadding,
    /// 4 to 8 bytes.
    pub len: u8,
}

/// The vault as a link sees it.
#[derive(Clone)]
pub struct Keys {
    vault: Arc<dyn PaymentVault>,
    /// The time.
    pub clock: fn() -> UnixMs,
}

/// The key of a message's transaction, by the serial number that it carries in the field of `role`, or else in that of its PIN key.
///
/// # Errors
/// [`ActionCode::FORMAT`] without one, [`ActionCode::VIOLATION`] when no key set has it.
pub(crate) fn transaction(
    message: &Message<'_>,
    role: Role,
    sets: &[KeySet],
) -> Result<DukptKey, ActionCode> {
    let dialect = message.dialect();
    let field = [role, Role::Ksn].into_iter().find_map(|role| message.field(dialect.role(role)?));
    let ksn = field.and_then(|field| carried(&field)).ok_or(ActionCode::FORMAT)?;
    let text = hex_upper(&ksn);
    let set = sets.iter().filter(|set| text.starts_with(&set.prefix)).max_by_key(|set| set.prefix.len());
    let set = set.ok_or(ActionCode::VIOLATION)?;
    Ok(DukptKey { base: set.base.clone(), scheme: set.scheme, ksn: Bytes(ksn) })
}

impl LinkMac {
    fn spec(&self, message: &Message<'_>, sets: &[KeySet]) -> Result<MacSpec, ActionCode> {
        let key = match &self.key {
            Some(key) => ZoneOrDukpt::Zone(key.clone()),
            None => ZoneOrDukpt::Dukpt(transaction(message, Role::MacKsn, sets)?),
        };
        Ok(MacSpec { key, algorithm: self.algorithm, padding: self.padding, len: self.len })
    }
}

impl Keys {
    /// With the vault that is asked.
    pub fn new(vault: Arc<dyn PaymentVault>, clock: fn() -> UnixMs) -> Self {
        Self { vault, clock }
    }

    /// Asks the vault, which may take as long as a disk does, beside the tasks that carry messages.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn PaymentVault, UnixMs, &Entropy) -> Result<T, PaymentError> + Send + 'static,
    ) -> Result<T, PaymentError> {
        let (vault, now) = (Arc::clone(&self.vault), (self.clock)());
        let asked = tokio::task::spawn_blocking(move || {
            let entropy = symbolon_vault::entropy().map_err(|_| CoreRefusal::Unavailable)?;
            question(vault.as_ref(), now, &entropy)
        });
        asked.await.map_err(|_| CoreRefusal::Unavailable)?
    }

    /// Checks the code of what came; what stands under no agreement is refused.
    pub(crate) async fn check(
        &self,
        message: &Message<'_>,
        mac: Option<&LinkMac>,
        sets: &[KeySet],
    ) -> Result<(), ActionCode> {
        let last = [128, 64].into_iter().find_map(|number| message.field(number));
        let (mac, field) = match (mac, last) {
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err(ActionCode::NOT_SUPPORTED),
            (Some(_), None) => return Err(ActionCode::VIOLATION),
            (Some(mac), Some(field)) => (mac, field),
        };
        let text = before(message, &field).ok_or(ActionCode::FORMAT)?;
        let mut value = Vec::new();
        field.append_to(&mut value);
        let (value, filler) = value.split_at(usize::from(mac.len).min(value.len()));
        if filler.iter().any(|byte| *byte != 0) {
            return Err(ActionCode::VIOLATION);
        }
        let spec = mac.spec(message, sets)?;
        let asked = VerifyMac {
            spec,
            message: symbolon_vault::payment::Clear::new(text),
            mac: Bytes(value.to_vec()),
        };
        match self.ask(move |vault, now, entropy| vault.verify_mac(asked, now, entropy)).await {
            Ok(()) => Ok(()),
            Err(PaymentError::Refused(CoreRefusal::BadSignature)) => Err(ActionCode::VIOLATION),
            Err(_) => Err(ActionCode::MALFUNCTION),
        }
    }

    /// The message with its authentication code: zeros stand in its place while it is computed over what comes before. `of` is what it answers,
    /// whose transaction's key it is made with.
    pub(crate) async fn authenticated(
        &self,
        dialect: &Dialect,
        message: Zeroizing<Vec<u8>>,
        mac: &LinkMac,
        (of, sets): (Option<&Message<'_>>, &[KeySet]),
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut places = Places::new();
        let plain = dialect.decode(&message, &mut places).ok()?;
        let number = if plain.bitmap().needed() > 1 { 128 } else { 64 };
        let with = |value: &[u8; 8]| {
            let mut out = Vec::new();
            plain.changed(plain.mti(), &[(number, Some(value.into()))], &mut out).ok()?;
            Some(Zeroizing::new(out))
        };
        let spec = mac.spec(of.unwrap_or(&plain), sets).ok()?;
        let zeros = with(&[0; 8])?;
        let mut places = Places::new();
        let message = dialect.decode(&zeros, &mut places).ok()?;
        let text = before(&message, &message.field(number)?)?;
        let asked = MakeMac { spec, message: Bytes(text.to_vec()) };
        let made = self.ask(move |vault, now, entropy| vault.mac(asked, now, entropy)).await.ok()?;
        let mut value = [0; 8];
        value.get_mut(..made.0.len())?.copy_from_slice(&made.0);
        with(&value)
    }
}

/// All bytes before the last field; `None` when it is not the last.
fn before<'m>(message: &Message<'m>, last: &Field<'m>) -> Option<&'m [u8]> {
    message.bytes().strip_suffix(last.wire())
}
