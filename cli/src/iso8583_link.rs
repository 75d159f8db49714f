//! The link of `symbolon serve --iso8583`: its table in the configuration, and the listener that it becomes.
//!
//! ```toml
//! [iso8583]
//! listen = "127.0.0.1:9583"        # or --iso8583
//! dialect = "1987-binary"          # or a JSON file, as for `symbolon tool iso8583`
//! framing = "be2"
//! link = 1                         # terminals are registered on this number
//! partial = false                  # whether its terminals take less than they ask for
//! vault = "/run/symbolon/vault.sock"
//! token = "token"                  # the vault's key for tokens of accounts
//! mac = "link.mac"                 # fields 64 and 128 under this key of the vault; without it they are refused
//! mac_algorithm = "cmac"           # algorithm-1, retail, cmac
//! mac_padding = "zeros"            # zeros, bit
//! mac_bytes = 8                    # 4 to 8
//! ```
use crate::report::Failure;
use crate::tool::iso8583::dialect::Named;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use symbolon_hosts::acquirer::{Acquirer, Link, LinkMac};
use symbolon_hosts::framing::Framing;
use symbolon_hosts::server::{Listener, Settings};
use symbolon_machine::Writer;
use symbolon_vault::payment::{
    KeyName, KeyRef, MacAlgorithm, MacPadding, MacSpec, PaymentVault, RemoteVault, ZoneOrDukpt,
};

/// The table `[iso8583]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// Where it listens, loopback.
    pub listen: Option<String>,
    dialect: Option<String>,
    framing: Option<String>,
    link: Option<u32>,
    #[serde(default)]
    partial: bool,
    vault: Option<PathBuf>,
    token: Option<String>,
    mac: Option<String>,
    mac_algorithm: Option<String>,
    mac_padding: Option<String>,
    mac_bytes: Option<u8>,
}

/// A link that is ready to be bound.
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    link: Link,
    framing: Framing,
    vault: Arc<dyn PaymentVault>,
}

fn misuse(name: &str, why: &str) -> Failure {
    Failure::Misuse(format!("[iso8583] {name}: {why}"))
}

impl LinkConfig {
    /// The link, if one is to listen.
    ///
    /// # Errors
    /// [`Failure::Misuse`], naming the member that is missing or wrong.
    pub fn ready(&self) -> Result<Option<Ready>, Failure> {
        let Some(listen) = &self.listen else { return Ok(None) };
        let address: SocketAddr = listen.parse().map_err(|_| misuse("listen", "not an address and port"))?;
        if !address.ip().is_loopback() {
            return Err(misuse("listen", "not loopback, and there is no TLS to listen elsewhere with"));
        }
        let name = self.dialect.as_deref().ok_or_else(|| misuse("dialect", "is missing"))?;
        let dialect = Named::of(name)?.dialect;
        let framing = self.framing.as_deref().unwrap_or("be2").parse();
        let framing = framing.map_err(|_| misuse("framing", "there is no such one"))?;
        let token = key("token", self.token.as_deref().ok_or_else(|| misuse("token", "is missing"))?)?;
        let path = self.vault.as_ref().ok_or_else(|| misuse("vault", "the vault's socket is missing"))?;
        let vault = RemoteVault::connect(path);
        let vault = vault.map_err(|_| misuse("vault", &format!("nobody answers on {}", path.display())))?;
        let number = self.link.unwrap_or(1);
        let link = Link { number, dialect, partial: self.partial, token, mac: self.mac()? };
        Ok(Some(Ready { address, link, framing, vault: Arc::new(vault) }))
    }

    fn mac(&self) -> Result<Option<LinkMac>, Failure> {
        let Some(name) = &self.mac else { return Ok(None) };
        let algorithm = MacAlgorithm::of_word(self.mac_algorithm.as_deref().unwrap_or("cmac"));
        let padding = MacPadding::of_word(self.mac_padding.as_deref().unwrap_or("zeros"));
        let len = Some(self.mac_bytes.unwrap_or(8)).filter(|len| (4..=8).contains(len));
        let spec = MacSpec {
            key: ZoneOrDukpt::Zone(key("mac", name)?),
            algorithm: algorithm.ok_or_else(|| misuse("mac_algorithm", "there is no such one"))?,
            padding: padding.ok_or_else(|| misuse("mac_padding", "there is no such one"))?,
            len: len.ok_or_else(|| misuse("mac_bytes", "4 to 8"))?,
        };
        Ok(Some(LinkMac { requests: spec.clone(), answers: spec }))
    }
}

fn key(member: &str, name: &str) -> Result<KeyRef, Failure> {
    let name = KeyName::parse(name).map_err(|_| misuse(member, "1 to 32 characters of a-z, 0-9, . and -"))?;
    Ok(KeyRef::active(&name))
}

impl Ready {
    /// Binds the link; its decisions are the writer's.
    ///
    /// # Errors
    /// [`Failure::Misuse`] for an address that cannot be bound.
    pub async fn bind(self, writer: Arc<Writer>) -> Result<Listener<Acquirer<Arc<Writer>>>, Failure> {
        let service = Acquirer::new(self.link, self.vault, writer, symbolon_transport::clock::wall);
        let bound = Listener::bind(self.address, Settings::new(self.framing), service).await;
        bound.map_err(|error| Failure::Misuse(format!("--iso8583 {}: {error}", self.address)))
    }
}
