//! The credentials of `symbolon device phone`: which kind, and what is typed.
use super::Flags;
use crate::report::Failure;
use std::path::{Path, PathBuf};
use symbolon_offline_payment::authenticator::Credential;
use symbolon_phone::{PlatformAuthenticator, SimulatedPlatform};
use symbolon_types::{Hash, Secret};

/// A credential as the user gives it.
#[derive(Clone)]
pub enum Given {
    /// `--pin`.
    Pin(Secret<String>),
    /// `--passphrase`.
    Passphrase(Secret<String>),
    /// The platform in this store: nothing is typed.
    Platform(PathBuf),
}

impl Given {
    /// What the flags `--PREFIXcredential`, `--PREFIXpin` and `--PREFIXpassphrase` give; a PIN unless told otherwise. `None` where nothing is given.
    pub fn of(flags: &mut Flags, prefix: &str, store: &Path) -> Result<Option<Self>, Failure> {
        let kind = flags.optional(&format!("{prefix}credential"));
        let (pin, passphrase) =
            (flags.secret(&format!("{prefix}pin"))?, flags.secret(&format!("{prefix}passphrase"))?);
        match (kind.as_deref(), pin, passphrase) {
            (None, None, None) => Ok(None),
            (None | Some("pin"), Some(pin), None) => Ok(Some(Self::Pin(pin))),
            (None | Some("passphrase"), None, Some(typed)) => Ok(Some(Self::Passphrase(typed))),
            (Some("platform"), None, None) => Ok(Some(Self::Platform(store.into()))),
            (Some(kind @ ("pin" | "passphrase")), None, None) => {
                Err(Failure::Misuse(format!("--{prefix}{kind} is missing")))
            }
            _ => Err(Failure::Misuse(format!("--{prefix}credential: one of pin, passphrase and platform"))),
        }
    }

    /// Shows that it is known.
    pub fn shown(&self, question: Hash) -> Result<Credential, symbolon_phone::Failure> {
        match self {
            Self::Platform(store) => {
                Ok(Credential::platform(SimulatedPlatform::open(store)?.assert(question)?))
            }
            typed => typed.typed(),
        }
    }

    /// Sets it.
    pub fn fresh(&self, question: Hash) -> Result<Credential, symbolon_phone::Failure> {
        match self {
            Self::Platform(store) => {
                Ok(Credential::platform_registration(SimulatedPlatform::open(store)?.register(question)?))
            }
            typed => typed.typed(),
        }
    }

    /// A credential that is typed.
    fn typed(&self) -> Result<Credential, symbolon_phone::Failure> {
        match self {
            Self::Pin(typed) => Ok(Credential::pin(typed.clone())?),
            Self::Passphrase(typed) => Ok(Credential::passphrase(typed.clone())?),
            Self::Platform(_) => Err(symbolon_types::CoreRefusal::NotFound.into()),
        }
    }

    /// The first credential, which must be typed: a platform is set under it afterwards.
    pub fn first(&self) -> Result<Credential, Failure> {
        match self {
            Self::Platform(_) => {
                Err(Failure::Misuse("--credential: the first one is a pin or a passphrase".into()))
            }
            typed => typed.typed().map_err(|failure| match failure.refusal() {
                Some(refusal) => refusal.refused().into(),
                None => Failure::Misuse(failure.to_string()),
            }),
        }
    }
}
