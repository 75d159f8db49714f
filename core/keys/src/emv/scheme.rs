//! What the payment systems chose among the ways of EMV Book 2, a row a scheme.
//!
//! **Invariant:** a choice is data in [`SCHEMES`]; no code asks for a scheme's name.
use super::{
    EmvError, Encipherment, IccAc, IccMaster, PinBlockForm, SessionAc, SessionDerivation, arpc_method_1,
    arpc_method_2, session,
};
use crate::cipher::Padding;
use crate::usage::Key;
use alloc::vec::Vec;

/// What the key of an application cryptogram is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcSession {
    /// Nothing: it is the ICC master key.
    MasterKey,
    /// The ATC, common session key.
    Atc,
    /// The ATC and the unpredictable number, common session key.
    AtcAndUn,
}

/// The key of the ARPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKey {
    /// The key of the application cryptogram.
    Session,
    /// The ICC master key.
    MasterKey,
}

/// What the keys of issuer scripts are derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSession {
    /// The ATC, as VIS has it: [`SessionDerivation::VisaScript`].
    VisaAtc,
    /// The application cryptogram, common session key.
    Cryptogram,
}

/// One scheme: a cryptogram version number, or a family of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Its name, in small letters.
    pub name: &'static str,
    /// What its cryptogram's key is derived from.
    pub session: AcSession,
    /// How the data of its cryptogram are filled up.
    pub padding: Padding,
    /// ARPC method, 1 or 2 (EMV Book 2 8.2).
    pub response_method: u8,
    /// The key of the ARPC.
    pub response_key: ResponseKey,
    /// What its script keys are derived from.
    pub script_session: ScriptSession,
    /// How the data of a script command are enciphered.
    pub encipherment: Encipherment,
    /// Whether the MAC of a script command covers ATC and cryptogram, after the command's header.
    pub script_covers_transaction: bool,
    /// The block of a new PIN where the present one is not given.
    pub pin_block: PinBlockForm,
    /// Whether a PIN may be changed under the present one, in the block of VIS.
    pub takes_current_pin: bool,
}

const VISA: Scheme = Scheme {
    name: "cvn10",
    session: AcSession::MasterKey,
    padding: Padding::Zeros,
    response_method: 1,
    response_key: ResponseKey::Session,
    script_session: ScriptSession::VisaAtc,
    encipherment: Encipherment::LengthAndEcb,
    script_covers_transaction: true,
    pin_block: PinBlockForm::Vis,
    takes_current_pin: true,
};

const M_CHIP: Scheme = Scheme {
    name: "mchip",
    session: AcSession::AtcAndUn,
    padding: Padding::Bit,
    response_method: 1,
    response_key: ResponseKey::MasterKey,
    script_session: ScriptSession::Cryptogram,
    encipherment: Encipherment::CbcAsNeeded,
    script_covers_transaction: true,
    pin_block: PinBlockForm::Iso2,
    takes_current_pin: false,
};

/// The schemes: VIS 1.5 (CVN 10 and 18) and 1.6 (CVN 22), the common session key with the choices of the Common Core Definitions (EMV Book 2
/// part IV), M/Chip 4 (CVN 16 and 17: `mchip`; CVN 20 and 21: `mchip-csk`), Interac (CVN 133).
pub const SCHEMES: [Scheme; 7] = [
    VISA,
    Scheme { name: "cvn18", session: AcSession::Atc, padding: Padding::Bit, response_method: 2, ..VISA },
    Scheme {
        name: "cvn22",
        session: AcSession::Atc,
        padding: Padding::Bit,
        response_method: 2,
        script_session: ScriptSession::Cryptogram,
        pin_block: PinBlockForm::Iso2,
        ..VISA
    },
    Scheme {
        name: "csk",
        session: AcSession::Atc,
        response_method: 2,
        response_key: ResponseKey::Session,
        encipherment: Encipherment::Cbc,
        script_covers_transaction: false,
        ..M_CHIP
    },
    M_CHIP,
    Scheme { name: "mchip-csk", session: AcSession::Atc, response_key: ResponseKey::Session, ..M_CHIP },
    Scheme { name: "cvn133", response_key: ResponseKey::Session, script_covers_transaction: false, ..M_CHIP },
];

/// The scheme of a name.
#[must_use]
pub fn scheme(name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.name == name)
}

/// What the issuer answers to a cryptogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerAnswer<'a> {
    /// For method 1: the authorisation response code.
    ResponseCode([u8; 2]),
    /// For method 2: the card status update, and 0 to 8 bytes of proprietary authentication data.
    StatusUpdate([u8; 4], &'a [u8]),
}

impl Scheme {
    /// The key of a transaction's application cryptogram.
    ///
    /// # Errors
    /// [`EmvError::Field`] `un` where the scheme takes one and it is absent, [`EmvError::Key`].
    pub fn session(
        &self,
        icc: &Key<IccAc>,
        atc: [u8; 2],
        un: Option<[u8; 4]>,
    ) -> Result<Key<SessionAc>, EmvError> {
        session(icc, &self.session_derivation(atc, un)?)
    }

    /// How that key is derived.
    ///
    /// # Errors
    /// [`EmvError::Field`] `un`.
    pub fn session_derivation(
        &self,
        atc: [u8; 2],
        un: Option<[u8; 4]>,
    ) -> Result<SessionDerivation, EmvError> {
        Ok(match self.session {
            AcSession::MasterKey => SessionDerivation::MasterKey,
            AcSession::Atc => SessionDerivation::of_atc(atc),
            AcSession::AtcAndUn => SessionDerivation::of_atc_and_un(atc, un.ok_or(EmvError::Field("un"))?),
        })
    }

    /// The ARPC, of 8 bytes by method 1 and of 4 by method 2, under the key that the scheme names.
    ///
    /// # Errors
    /// [`EmvError::Field`] `answer` for one of the other method, and as [`Self::session`].
    pub fn arpc(
        &self,
        icc: &Key<IccAc>,
        (atc, un): ([u8; 2], Option<[u8; 4]>),
        cryptogram: &[u8; 8],
        answer: IssuerAnswer<'_>,
    ) -> Result<Vec<u8>, EmvError> {
        let key = match self.response_key {
            ResponseKey::Session => self.session(icc, atc, un)?,
            ResponseKey::MasterKey => session(icc, &SessionDerivation::MasterKey)?,
        };
        match (self.response_method, answer) {
            (1, IssuerAnswer::ResponseCode(code)) => {
                Ok(arpc_method_1(&key, cryptogram, code)?.reveal().to_vec())
            }
            (2, IssuerAnswer::StatusUpdate(update, proprietary)) => {
                Ok(arpc_method_2(&key, cryptogram, update, proprietary)?.reveal().to_vec())
            }
            _ => Err(EmvError::Field("answer")),
        }
    }

    /// The key of a script command.
    ///
    /// # Errors
    /// [`EmvError::Key`].
    pub fn script_session<M: IccMaster>(
        &self,
        icc: &Key<M>,
        atc: [u8; 2],
        cryptogram: [u8; 8],
    ) -> Result<Key<M::Session>, EmvError> {
        session(
            icc,
            &match self.script_session {
                ScriptSession::VisaAtc => SessionDerivation::VisaScript(atc),
                ScriptSession::Cryptogram => SessionDerivation::of_cryptogram(cryptogram),
            },
        )
    }
}
