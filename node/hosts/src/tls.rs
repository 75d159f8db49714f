//! TLS of links: certificates and keys in PEM, and who is trusted.
//!
//! **Invariant:** nothing here accepts a certificate that no given authority has signed.
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What comes.
pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;
/// What goes.
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Why there is no TLS with these files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// The certificates: none, or none that can be read.
    Certificates,
    /// The private key cannot be read, or is not the certificate's.
    Key,
    /// The authorities: none, or none that can be read.
    Authorities,
    /// No name or address that a certificate could be of.
    Name,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificates => "no certificates in PEM",
            Self::Key => "no private key in PEM, or not that of the certificate",
            Self::Authorities => "no certificates of authorities in PEM",
            Self::Name => "no name that a certificate could be of",
        })
    }
}

/// A certificate with those up to its authority, and its private key, in PEM.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Its own first.
    pub chain: &'a [u8],
    /// PKCS#8, PKCS#1 or SEC 1.
    pub key: &'a [u8],
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Identity<'_> {
    fn read(self) -> Result<Own, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(self.key).map_err(|_| TlsError::Key)?;
        Ok((certificates(self.chain).ok_or(TlsError::Certificates)?, key))
    }
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    if read.is_empty() { None } else { Some(read) }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).ok_or(TlsError::Authorities)? {
        roots.add(certificate).map_err(|_| TlsError::Authorities)?;
    }
    Ok(roots)
}

/// TLS of a side that listens; with `clients` only those come in whose certificates one of these authorities has signed.
///
/// # Errors
/// [`TlsError`].
pub fn listening(own: Identity<'_>, clients: Option<&[u8]>) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = own.read()?;
    let begun = ServerConfig::builder();
    let begun = match clients {
        None => begun.with_no_client_auth(),
        Some(pem) => {
            let verifier = WebPkiClientVerifier::builder(Arc::new(authorities(pem)?)).build();
            begun.with_client_cert_verifier(verifier.map_err(|_| TlsError::Authorities)?)
        }
    };
    begun.with_single_cert(chain, key).map(Arc::new).map_err(|_| TlsError::Key)
}

/// TLS towards a side that listens.
#[derive(Clone)]
pub struct Towards {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// TLS towards whoever has a certificate of `name` that one of these authorities has signed.
///
/// # Errors
/// [`TlsError`].
pub fn towards(name: &str, roots: &[u8], own: Option<Identity<'_>>) -> Result<Towards, TlsError> {
    let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name)?;
    let begun = ClientConfig::builder().with_root_certificates(authorities(roots)?);
    let config = match own {
        None => begun.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.read()?;
            begun.with_client_auth_cert(chain, key).map_err(|_| TlsError::Key)?
        }
    };
    Ok(Towards { config: Arc::new(config), name })
}

/// The two ways of a connection that came in.
pub(crate) async fn accepted(
    stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    patience: Duration,
) -> io::Result<(Input, Output)> {
    let Some(config) = tls else {
        let (input, output) = stream.into_split();
        return Ok((Box::new(input), Box::new(output)));
    };
    let shaken = timeout(patience, TlsAcceptor::from(Arc::clone(config)).accept(stream)).await;
    let (input, output) = tokio::io::split(shaken.map_err(|_| io::ErrorKind::TimedOut)??);
    Ok((Box::new(input), Box::new(output)))
}

/// The two ways of a connection that was made.
pub(crate) async fn connected(
    stream: TcpStream,
    tls: Option<&Towards>,
    patience: Duration,
) -> io::Result<(Input, Output)> {
    let Some(Towards { config, name }) = tls else {
        let (input, output) = stream.into_split();
        return Ok((Box::new(input), Box::new(output)));
    };
    let shaken =
        timeout(patience, TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream)).await;
    let (input, output) = tokio::io::split(shaken.map_err(|_| io::ErrorKind::TimedOut)??);
    Ok((Box::new(input), Box::new(output)))
}
