//! What the steps of system 01 check: the bytes that the processes exchanged, read back with the same strict parsers that refuse in production.
use crate::tour::steps::{Fault, ensure};
use crate::tour::world::World;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use symbolon_keys::{Crypto, RustCrypto, VerifyingKey, derive32};
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{
    Challenge, Grant, NonceToken, Reply, Request, SealedCredential, SecondNonce, Status,
};
use symbolon_offline_payment::payee::check_object;
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::Raw;
use symbolon_transport::frames::Client;
use symbolon_types::{Secret, hex_parse};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// The messages of one payment.
pub struct Exchange {
    challenge: Vec<u8>,
    second: Vec<u8>,
    sealed: SealedCredential,
    object: Option<Vec<u8>>,
}

fn malformed(what: &str) -> impl Fn(symbolon_wire::cbor::Malformed) -> Fault {
    let what = what.to_owned();
    move |_| format!("{what} is malformed")
}

impl Exchange {
    /// Reads them from the evidence of one run.
    pub fn read(world: &World, run: &str) -> Result<Self, Fault> {
        let sealed = world.exchanged(run, "sealed-credential.cbor")?;
        Ok(Self {
            challenge: world.exchanged(run, "challenge.cbor")?,
            second: world.exchanged(run, "second-nonce.cbor")?,
            sealed: from_slice(&sealed).map_err(malformed("the sealed credential"))?,
            object: world.exchanged(run, "secure-object.cbor").ok(),
        })
    }

    /// The grant is the server's and on this very token; the ciphertext is to the token's own key.
    pub fn sealed_under(&self, server: &VerifyingKey) -> Result<Value, Fault> {
        let token = Raw(&self.sealed.token.0).parse::<NonceToken>().map_err(malformed("the token"))?;
        let grant = Raw(&self.sealed.grant.0).parse::<Grant>().map_err(malformed("the grant"))?;
        let grant =
            grant.verify(&RustCrypto, server).map_err(|_| "the grant is not the server's")?.into_claims();
        let hash = RustCrypto.sha256(&[&self.sealed.token.0]);
        ensure(grant.body.token == hash, "the grant is on another token")?;
        let length = self.sealed.credential.as_ref().map_or(0, |credential| credential.ciphertext.0.len());
        ensure(
            length == 256 + 16,
            format!("a credential of any length is sealed into 272 bytes, not {length}"),
        )?;
        let sequence = token.danger_unverified().body.sequence;
        Ok(json!({ "token": hash.to_string(), "sequence": sequence, "ciphertext_bytes": length }))
    }

    /// The second nonce, as the authenticator made it.
    pub fn second_nonce(&self) -> Result<SecondNonce, Fault> {
        let second = Raw(&self.second).parse_mac::<SecondNonce>().map_err(malformed("the second nonce"))?;
        Ok(second.danger_unverified().clone())
    }

    /// The second nonce is for this token and this transaction, and is among what the credential was sealed with.
    pub fn second_nonce_is_used(&self) -> Result<Value, Fault> {
        let second = self.second_nonce()?;
        let challenge = Raw(&self.challenge).parse::<Challenge>().map_err(malformed("the challenge"))?;
        let transaction = RustCrypto.sha256(&[&to_vec(challenge.danger_unverified())]);
        ensure(second.body.transaction == transaction, "it is for another transaction")?;
        ensure(second.body.token == RustCrypto.sha256(&[&self.sealed.token.0]), "it is for another token")?;
        ensure(self.sealed.second.as_ref().is_some_and(|used| used.0 == self.second), "it was not used")?;
        Ok(json!({ "transaction": transaction.to_string(), "nonce": second.nonce.to_string() }))
    }

    /// The object verifies under its grant's key, says that PIN and password were checked, and its random number is nothing that was sent in.
    pub fn object_is_proved(&self, server: &VerifyingKey, tried: &Self) -> Result<Value, Fault> {
        ensure(tried.object.is_none(), "the refused credential gave an object")?;
        let bytes = self.object.as_ref().ok_or("there is no object")?;
        let checked = check_object(&RustCrypto, &Trust::pinned(*server), bytes, None)
            .map_err(|refusal| refusal.to_string())?;
        let body = &checked.object.claims().body;
        ensure(body.verification.code() == 1 && body.otp, "PIN and one-time password are not both attested")?;
        let sent = to_vec(&self.sealed);
        let random = &body.random;
        ensure(!sent.windows(32).any(|window| window == random), "the random number was sent in")?;
        Ok(json!({ "object": checked.id.to_string(), "bytes": bytes.len() }))
    }

    /// The same sealed credential with another grant.
    pub fn with_grant(&self, grant: Bytes) -> SealedCredential {
        SealedCredential { grant, ..self.sealed.clone() }
    }

    /// The same sealed credential with the last bit of its ciphertext flipped.
    pub fn with_flipped_bit(&self) -> SealedCredential {
        let mut sealed = self.sealed.clone();
        if let Some(last) = sealed.credential.as_mut().and_then(|sealed| sealed.ciphertext.0.last_mut()) {
            *last ^= 1;
        }
        sealed
    }
}

/// The server's key, from what the platform tells everybody.
pub fn key_of(keys: &Value) -> Result<VerifyingKey, Fault> {
    let bytes = keys["server"].as_str().and_then(hex_parse).and_then(|bytes| bytes.try_into().ok());
    bytes.map(VerifyingKey).ok_or_else(|| format!("no server key in {keys}"))
}

/// The name of the refusal in an answer.
pub fn refusal_of(value: &Value) -> Option<&str> {
    value["refusal"]["name"].as_str()
}

/// Every nonce token is signed by the key that its grant will name.
pub fn tokens(world: &World, count: u64) -> Result<Vec<Value>, Fault> {
    (1..=count).map(|at| token(world, at)).collect()
}

fn token(world: &World, at: u64) -> Result<Value, Fault> {
    let bytes = world.exchanged("prefetch", &format!("nonce-token-{at}.cbor"))?;
    let signed = Raw(&bytes).parse::<NonceToken>().map_err(malformed("a token"))?;
    let claims = signed.danger_unverified();
    Ok(json!({
        "sequence": claims.body.sequence, "authenticator": claims.body.authenticator.to_string(),
        "token": RustCrypto.sha256(&[&bytes]).to_string(),
    }))
}

/// Every grant is the server's, on its token, and names the key that signed the token.
pub fn grants(world: &World, server: &VerifyingKey, count: u64) -> Result<Vec<Value>, Fault> {
    (1..=count).map(|at| grant(world, server, at)).collect()
}

fn grant(world: &World, server: &VerifyingKey, at: u64) -> Result<Value, Fault> {
    let token = world.exchanged("prefetch", &format!("nonce-token-{at}.cbor"))?;
    let bytes = world.exchanged("prefetch", &format!("grant-{at}.cbor"))?;
    let grant = Raw(&bytes).parse::<Grant>().map_err(malformed("a grant"))?;
    let grant = grant.verify(&RustCrypto, server).map_err(|_| "a grant is not the server's")?.into_claims();
    ensure(grant.body.token == RustCrypto.sha256(&[&token]), "a grant is on another token")?;
    let signed = Raw(&token).parse::<NonceToken>().map_err(malformed("a token"))?;
    signed.verify(&RustCrypto, &grant.cnf.key).map_err(|_| "a token is not signed by its grant's key")?;
    Ok(
        json!({ "token": grant.body.token.to_string(), "limit_minor": grant.body.limit.minor(), "exp": grant.exp.0 }),
    )
}

/// A grant that is not the one of this exchange.
pub fn another_grant(world: &World, tried: &Exchange, count: u64) -> Result<Bytes, Fault> {
    for at in 1..=count {
        let bytes = world.exchanged("prefetch", &format!("grant-{at}.cbor"))?;
        if bytes != tried.sealed.grant.0 {
            return Ok(Bytes(bytes));
        }
    }
    Err("there is one grant only".into())
}

/// Asks the authenticator directly, as anything on the phone could.
pub fn ask(socket: &Path, request: &Request) -> Result<Reply, Fault> {
    let client = Client::connect(socket).map_err(|error| error.to_string())?;
    let reply = client.call(&to_vec(request)).map_err(|error| error.to_string())?;
    from_slice(&reply).map_err(malformed("the authenticator's reply"))
}

/// The authenticator's state.
pub fn status(socket: &Path) -> Result<Status, Fault> {
    match ask(socket, &Request::Status(()))? {
        Reply::Status(status) => Ok(status),
        other => Err(format!("{other:?}")),
    }
}

/// Whether a reply is the refusal of this name.
pub fn refused_as(reply: &Reply, name: &str) -> bool {
    matches!(reply, Reply::Refused(refused) if Refusal::refused(refused.refusal).name == name)
}

/// The platform does not answer at its address.
pub fn unreachable(http: &str) -> Result<(), Fault> {
    let address: SocketAddr =
        http.trim_start_matches("http://").parse().map_err(|_| format!("{http} is no address"))?;
    let tried = symbolon_transport::isolate::try_connect(address, Duration::from_millis(500));
    ensure(tried.is_err(), format!("{http} still answers"))
}

/// Puts the throwaway authenticator's enrolment key into the evidence, so that others can open what was sealed to it.
pub fn throwaway_authenticator_key(world: &World) -> Result<(), Fault> {
    let path = world.path().join("authenticator").join("device-secret");
    let secret = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let kem = derive32(&RustCrypto, Secret::new(secret).reveal(), b"authenticator/kem", &[]);
    world.write("throwaway-authenticator-kem-private", kem.reveal())
}

/// Posts every settlement that the shop has accepted once more, past the shop's own memory of what is settled.
pub fn settle_again(world: &World, shop: &str) -> Result<(), Fault> {
    let reader =
        symbolon_reader::Reader::open(&world.path().join(shop)).map_err(|error| error.to_string())?;
    let accepted = reader.state().payee.as_ref().map(|payee| payee.accepted.clone()).unwrap_or_default();
    ensure(!accepted.is_empty(), "the shop has accepted nothing")?;
    let client =
        symbolon_transport::http::HttpClient::new(world.http()).map_err(|error| error.to_string())?;
    for accepted in accepted {
        let reply = client
            .post_cbor("/v1/offline-payment/settlements", &to_vec(&accepted.settlement))
            .map_err(|error| error.to_string())?;
        ensure(reply.is_success(), "a repeat was refused")?;
    }
    Ok(())
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    let io = |error: std::io::Error| format!("{}: {error}", from.display());
    std::fs::create_dir_all(to).map_err(io)?;
    for entry in std::fs::read_dir(from).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(io)?;
        }
    }
    Ok(())
}
