//! The link of `symbolon serve --iso8583` and its processor: their tables in the configuration, and what becomes of them.
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
//! mac = "link.mac"                 # fields 64 and 128 under this key of the vault, or "dukpt"; without it they are refused
//! mac_algorithm = "cmac"           # algorithm-1, retail, cmac
//! mac_padding = "zeros"            # zeros, bit
//! mac_bytes = 8                    # 4 to 8
//! certificate = "link.pem"         # TLS: certificates, its own first; needed to listen elsewhere than on loopback
//! certificate_key = "link.key"     # in PEM
//! clients = "terminals.pem"        # only who has a certificate of these authorities comes in
//! account_form = "track2"          # of enciphered accounts: track2, track2-packed, pan, pan-packed
//!
//! [[iso8583.key_sets]]             # by how a terminal's key serial number begins; the longest counts
//! prefix = "FFFF987654"
//! base = "terminals"               # the vault's base key
//! scheme = "tdes"                  # tdes, aes-tdes2, aes-tdes3, aes128, aes192, aes256
//!
//! [iso8583.processor]              # decides cards that are not known here
//! number = 1                       # as POST /v1/acquiring/processors
//! address = "127.0.0.1:9700"
//! tls_name = "acme.example"        # TLS: the name in its certificate
//! tls_authorities = "acme.pem"
//! certificate = "us.pem"           # ours, with certificate_key, where it wants one
//! dialect = "1987-binary"
//! version = 1987                   # or 1993
//! framing = "be2"
//! institution = 12345              # field 32
//! mac = "acme.mac"                 # with mac_algorithm, mac_padding and mac_bytes
//! data = "acme.data"               # the zone's key for accounts
//! account_form = "pan"
//! pin = "acme.pin"                 # the zone's key for PINs; without it messages with a PIN are refused
//! pin_format = "0"                 # 0, 3, 4
//! echo_seconds = 60
//! ```
use crate::report::Failure;
use crate::tool::iso8583::dialect::Named;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use symbolon_hosts::acquirer::{Acquirer, Link, Platform};
use symbolon_hosts::framing::Framing;
use symbolon_hosts::keys::KeySet;
use symbolon_hosts::keys::{Keys, LinkMac};
use symbolon_hosts::processor::{Processor, ProcessorLink};
use symbolon_hosts::server::{Listener, ServerConfig, Settings};
use symbolon_hosts::tls;
use symbolon_machine::{Reader, Writer};
use symbolon_store::Tables;
use symbolon_vault::payment::{
    AccountForm, DukptScheme, KeyName, KeyRef, MacAlgorithm, MacPadding, PaymentVault, PinFormat, RemoteVault,
};
use symbolon_wire::iso8583::{Dialect, Version};

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
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    clients: Option<PathBuf>,
    account_form: Option<String>,
    #[serde(default)]
    key_sets: Vec<KeySetConfig>,
    processor: Option<ProcessorConfig>,
}

/// One of `[[iso8583.key_sets]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySetConfig {
    prefix: String,
    base: String,
    scheme: String,
}

/// The table `[iso8583.processor]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessorConfig {
    number: u32,
    address: String,
    tls_name: Option<String>,
    tls_authorities: Option<PathBuf>,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    dialect: String,
    version: Option<u16>,
    framing: Option<String>,
    institution: Option<u64>,
    mac: Option<String>,
    mac_algorithm: Option<String>,
    mac_padding: Option<String>,
    mac_bytes: Option<u8>,
    data: String,
    account_form: Option<String>,
    pin: Option<String>,
    pin_format: Option<String>,
    echo_seconds: Option<u64>,
}

/// A link that is ready to be bound.
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    link: Link,
    framing: Framing,
    vault: Arc<dyn PaymentVault>,
    processor: Option<ProcessorLink>,
    tls: Option<Arc<ServerConfig>>,
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
        let own = identity(self.certificate.as_deref(), self.certificate_key.as_deref())?;
        if !address.ip().is_loopback() && own.is_none() {
            return Err(misuse("listen", "not loopback, and there is no certificate to speak TLS with"));
        }
        let clients = self.clients.as_deref().map(file).transpose()?;
        let tls = match (&own, clients) {
            (None, Some(_)) => return Err(misuse("clients", "there is no certificate to speak TLS with")),
            (None, None) => None,
            (Some(own), clients) => {
                let config = tls::listening(own.as_pem(), clients.as_deref());
                Some(config.map_err(|error| misuse("certificate", &error.to_string()))?)
            }
        };
        let name = self.dialect.as_deref().ok_or_else(|| misuse("dialect", "is missing"))?;
        let (dialect, framing) = cut(name, self.framing.as_deref())?;
        let token = key("token", self.token.as_deref().ok_or_else(|| misuse("token", "is missing"))?)?;
        let path = self.vault.as_ref().ok_or_else(|| misuse("vault", "the vault's socket is missing"))?;
        let vault = RemoteVault::connect(path);
        let vault = vault.map_err(|_| misuse("vault", &format!("nobody answers on {}", path.display())))?;
        let mac = match self.mac.as_deref() {
            None => None,
            Some(name) => Some(mac(
                (name != "dukpt").then_some(name),
                self.mac_algorithm.as_deref(),
                self.mac_padding.as_deref(),
                self.mac_bytes,
            )?),
        };
        let key_sets = self.key_sets.iter().map(KeySetConfig::ready).collect::<Result<_, _>>()?;
        let form = form(self.account_form.as_deref().unwrap_or("track2"))?;
        let number = self.link.unwrap_or(1);
        let link = Link { number, dialect, partial: self.partial, token, mac, key_sets, form };
        let processor = self.processor.as_ref().map(ProcessorConfig::ready).transpose()?;
        Ok(Some(Ready { address, link, framing, vault: Arc::new(vault), processor, tls }))
    }
}

impl KeySetConfig {
    fn ready(&self) -> Result<KeySet, Failure> {
        let prefix = self.prefix.to_ascii_uppercase();
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(misuse("key_sets: prefix", "hexadecimal digits"));
        }
        let scheme = DukptScheme::of_word(&self.scheme);
        let scheme = scheme.ok_or_else(|| misuse("key_sets: scheme", "there is no such one"))?;
        Ok(KeySet { prefix, base: key("key_sets: base", &self.base)?, scheme })
    }
}

impl ProcessorConfig {
    fn ready(&self) -> Result<ProcessorLink, Failure> {
        let address: SocketAddr =
            self.address.parse().map_err(|_| misuse("processor: address", "not an address and port"))?;
        let own = identity(self.certificate.as_deref(), self.certificate_key.as_deref())?;
        let tls = match (&self.tls_name, &self.tls_authorities) {
            (Some(name), Some(roots)) => {
                let made = tls::towards(name, &file(roots)?, own.as_ref().map(Pem::as_pem));
                Some(made.map_err(|error| misuse("processor: tls_name", &error.to_string()))?)
            }
            (None, None) if own.is_some() => {
                return Err(misuse("processor: certificate", "there is no tls_name"));
            }
            (None, None) => None,
            _ => return Err(misuse("processor: tls_name", "goes with tls_authorities")),
        };
        if !address.ip().is_loopback() && tls.is_none() {
            return Err(misuse(
                "processor: address",
                "not loopback, and there is no tls_name to speak TLS with",
            ));
        }
        let (dialect, framing) = cut(&self.dialect, self.framing.as_deref())?;
        let version = match self.version.unwrap_or(1987) {
            1987 => Version::V1987,
            1993 => Version::V1993,
            _ => return Err(misuse("processor: version", "1987 or 1993")),
        };
        let mac = match self.mac.as_deref() {
            None => None,
            Some(name) => Some(mac(
                Some(name),
                self.mac_algorithm.as_deref(),
                self.mac_padding.as_deref(),
                self.mac_bytes,
            )?),
        };
        let format = PinFormat::of_word(self.pin_format.as_deref().unwrap_or("0"))
            .filter(|format| matches!(format, PinFormat::Zero | PinFormat::Three | PinFormat::Four))
            .ok_or_else(|| misuse("processor: pin_format", "0, 3 or 4"))?;
        let pin = self.pin.as_ref().map(|name| key("processor: pin", name).map(|key| (key, format)));
        Ok(ProcessorLink {
            number: self.number,
            address,
            tls,
            dialect,
            version,
            framing,
            institution: self.institution.filter(|number| *number < 100_000_000_000),
            mac,
            data: key("processor: data", &self.data)?,
            form: form(self.account_form.as_deref().unwrap_or("pan"))?,
            pin: pin.transpose()?,
            echo: Duration::from_secs(self.echo_seconds.unwrap_or(60).max(1)),
        })
    }
}

/// A certificate and its key, as they were read.
struct Pem {
    chain: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Pem {
    fn as_pem(&self) -> tls::Identity<'_> {
        tls::Identity { chain: &self.chain, key: &self.key }
    }
}

fn identity(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Pem>, Failure> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(Pem { chain: file(certificate)?, key: zeroize::Zeroizing::new(file(key)?) }))
        }
        _ => Err(misuse("certificate", "goes with certificate_key")),
    }
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| misuse(&path.display().to_string(), &error.to_string()))
}

/// A dialect and a framing by their names.
fn cut(dialect: &str, framing: Option<&str>) -> Result<(Dialect, Framing), Failure> {
    let framing = framing.unwrap_or("be2").parse();
    Ok((Named::of(dialect)?.dialect, framing.map_err(|_| misuse("framing", "there is no such one"))?))
}

fn form(word: &str) -> Result<AccountForm, Failure> {
    AccountForm::of_word(word).ok_or_else(|| misuse("account_form", "there is no such one"))
}

/// How messages are authenticated: under a key of the vault, or without its name under those of transactions.
fn mac(
    name: Option<&str>,
    algorithm: Option<&str>,
    padding: Option<&str>,
    bytes: Option<u8>,
) -> Result<LinkMac, Failure> {
    let algorithm = MacAlgorithm::of_word(algorithm.unwrap_or("cmac"));
    let padding = MacPadding::of_word(padding.unwrap_or("zeros"));
    let len = Some(bytes.unwrap_or(8)).filter(|len| (4..=8).contains(len));
    Ok(LinkMac {
        key: name.map(|name| key("mac", name)).transpose()?,
        algorithm: algorithm.ok_or_else(|| misuse("mac_algorithm", "there is no such one"))?,
        padding: padding.ok_or_else(|| misuse("mac_padding", "there is no such one"))?,
        len: len.ok_or_else(|| misuse("mac_bytes", "4 to 8"))?,
    })
}

fn key(member: &str, name: &str) -> Result<KeyRef, Failure> {
    let name = KeyName::parse(name).map_err(|_| misuse(member, "1 to 32 characters of a-z, 0-9, . and -"))?;
    Ok(KeyRef::active(&name))
}

impl Ready {
    /// Binds the link, and connects to its processor; decisions are the writer's.
    ///
    /// # Errors
    /// [`Failure::Misuse`] for an address that cannot be bound.
    pub async fn bind<T: Tables + Send + Sync + 'static>(
        self,
        writer: Arc<Writer>,
        reader: Reader<T>,
    ) -> Result<Listener<Acquirer<Platform<T>>>, Failure> {
        let keys = Keys::new(self.vault, symbolon_transport::clock::wall);
        let platform = Platform::new(writer, reader);
        let processor =
            self.processor.map(|link| Arc::new(Processor::start(link, keys.clone(), platform.clone())));
        let service = Acquirer::new(self.link, keys, platform, processor);
        let bound =
            Listener::bind(self.address, Settings { tls: self.tls, ..Settings::new(self.framing) }, service)
                .await;
        bound.map_err(|error| Failure::Misuse(format!("--iso8583 {}: {error}", self.address)))
    }
}
