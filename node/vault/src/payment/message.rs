//! What is asked of a payment vault and what it answers: one type each, for the engines and for the socket.
//!
//! **Invariant:** what is secret is a [`Clear`] or a [`Secret`]: no debug output shows it, and it is wiped.
use super::key::{Algorithm, Export, KeyInfo, KeyName, KeyRef, Role, coded};
use std::fmt;
use symbolon_types::{Secret, UnixMs};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::{cbor_enum, cbor_map};

/// Secret bytes: an account, a component of a key, a value that is checked.
#[derive(Clone, Debug)]
pub struct Clear(Secret<Vec<u8>>);

impl Clear {
    /// Of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Secret::new(bytes.to_vec()))
    }

    /// The bytes, for the one computation that needs them.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.0.reveal()
    }
}

impl Cbor for Clear {
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self.reveal());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Self::new(input.bytes()?))
    }
}

/// A token of an account number: 32 bytes that name it and tell nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountToken(pub [u8; 32]);

impl fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&symbolon_types::hex_lower(&self.0))
    }
}

symbolon_wire::cbor_identifier!(AccountToken);

coded! {
    /// Which DUKPT, and the working key's algorithm.
    DukptScheme {
        /// Triple DES (X9.24-1:2009): a key serial number of 10 bytes.
        1 Tdes "tdes",
        /// AES (X9.24-3:2017), 12 bytes; working keys of two-key triple DES.
        2 AesTdes2 "aes-tdes2",
        /// Working keys of three-key triple DES.
        3 AesTdes3 "aes-tdes3",
        /// Working keys of AES-128.
        4 Aes128 "aes128",
        /// Working keys of AES-192.
        5 Aes192 "aes192",
        /// Working keys of AES-256.
        6 Aes256 "aes256",
    }

    /// A PIN block's format (ISO 9564-1).
    PinFormat {
        /// Format 0.
        0 Zero "0",
        /// Format 1.
        1 One "1",
        /// Format 2.
        2 Two "2",
        /// Format 3.
        3 Three "3",
        /// Format 4.
        4 Four "4",
    }

    /// How an account stands in clear bytes. Zero bytes that fill a block up are stepped over.
    AccountForm {
        /// Track 2 as text, without sentinels.
        1 Track2 "track2",
        /// Track 2 as digits of four bits: `D` separates, `F` fills up.
        2 Track2Packed "track2-packed",
        /// The account number as text.
        3 Pan "pan",
        /// The account number as digits of four bits, `F` fills up.
        4 PanPacked "pan-packed",
    }

    /// How a MAC is computed.
    MacAlgorithm {
        /// ISO/IEC 9797-1 algorithm 1; safe only where a text's length is fixed.
        1 Algorithm1 "algorithm-1",
        /// ISO/IEC 9797-1 algorithm 3, the retail MAC.
        2 Retail "retail",
        /// CMAC.
        3 Cmac "cmac",
    }

    /// How a text is filled up for algorithms 1 and 3 (ISO/IEC 9797-1 §6.3). CMAC fills up by itself.
    MacPadding {
        /// Method 1.
        1 Zeros "zeros",
        /// Method 2.
        2 Bit "bit",
    }

    /// How a card's key follows from the issuer's (EMV Book 2 A1.4).
    CardKeyOption {
        /// A1.4.1.
        1 A "a",
        /// A1.4.2.
        2 B "b",
        /// A1.4.3.
        3 C "c",
    }

    /// Which verification value of a card.
    CardValue {
        /// Of the track, with its service code.
        1 Cvv "cvv",
        /// Printed: service code 000.
        2 Cvv2 "cvv2",
        /// Of the chip: service code 999.
        3 Icvv "icvv",
    }

    /// The version of a key block that is written. A and C are deprecated and not offered.
    BlockVersion {
        /// Triple DES, keys derived.
        1 B "b",
        /// AES, keys derived.
        2 D "d",
        /// AES, ISO 20038.
        3 E "e",
    }
}

cbor_map! {
    /// A key of one transaction of one terminal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DukptKey {
        /// The base derivation key.
        1 => base: KeyRef,
        /// Which DUKPT.
        2 => scheme: DukptScheme,
        /// The key serial number.
        3 => ksn: Bytes,
    }

    /// An account that only the vault opens, under the key of its period.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SealedAccount {
        /// The period.
        1 => period: u32,
        /// The nonce.
        2 => nonce: [u8; 12],
        /// Ciphertext and tag.
        3 => ciphertext: Bytes,
    }

    /// An account in clear.
    #[derive(Clone, Debug)]
    pub struct ClearAccount {
        /// How it stands in the bytes.
        1 => form: AccountForm,
        /// The bytes.
        2 => bytes: Clear,
    }

    /// What is told of an account.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AccountView {
        /// HMAC-SHA-256 of the account number under the token key.
        1 => token: AccountToken,
        /// First six and last four digits.
        2 => masked: String,
        /// Last four digits.
        3 => last4: String,
        /// YYMM.
        4 => expiry: Option<String>,
        /// Three digits.
        5 => service_code: Option<String>,
        /// All of it, sealed.
        6 => sealed: SealedAccount,
    }

    /// One use of one key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyUse {
        /// From 1, without a gap: a gap is what the ring had no room for.
        1 => sequence: u64,
        /// When, as the caller said.
        2 => at: UnixMs,
        /// `name/generation`, or `period/number`; empty where the operation used none.
        3 => key: String,
        /// What was done.
        4 => operation: String,
        /// 0, or the refusal's number.
        5 => outcome: u16,
    }

    /// [`Request::Generate`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NewKey {
        /// Its name; the generation is the next one.
        1 => name: KeyName,
        /// What it is for.
        2 => role: Role,
        /// Its algorithm.
        3 => algorithm: Algorithm,
        /// Whether it may leave.
        4 => export: Export,
    }

    /// [`Request::Import`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Import {
        /// The name that the key gets.
        1 => name: KeyName,
        /// Under which the block is.
        2 => protection: KeyRef,
        /// The block.
        3 => block: String,
    }

    /// [`Request::Export`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ExportKey {
        /// The key that leaves: its generation must be said.
        1 => key: KeyRef,
        /// Under which it leaves.
        2 => protection: KeyRef,
        /// How.
        3 => version: BlockVersion,
    }

    /// [`Request::Activate`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Activate {
        /// The name.
        1 => name: KeyName,
        /// The generation that is active from now on.
        2 => generation: u16,
        /// Until when the one that was active still opens and checks.
        3 => overlap_until: UnixMs,
    }

    /// [`Request::CeremonyBegin`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CeremonyBegin {
        /// The key that will be.
        1 => key: NewKey,
        /// Of how many components: 2 or 3.
        2 => components: u8,
    }

    /// [`Request::CeremonyComponent`].
    #[derive(Clone, Debug)]
    pub struct CeremonyComponent {
        /// The key's name.
        1 => name: KeyName,
        /// Who brings it.
        2 => custodian: KeyName,
        /// As long as the key; triple DES with odd parity.
        3 => component: Clear,
    }

    /// [`Request::TranslatePin`].
    #[derive(Clone, Debug)]
    pub struct TranslatePin {
        /// Under which the block is.
        1 => from: ZoneOrDukpt,
        /// Its format.
        2 => from_format: PinFormat,
        /// The block.
        3 => block: Bytes,
        /// Whose PIN it is.
        4 => account: Account,
        /// The zone's PIN key.
        5 => to: KeyRef,
        /// The new block's format.
        6 => to_format: PinFormat,
    }

    /// [`Request::OpenAccount`].
    #[derive(Clone, Debug)]
    pub struct OpenAccount {
        /// Under which the data are: CBC with a zero IV.
        1 => from: ZoneOrDukpt,
        /// How the account stands in them.
        2 => form: AccountForm,
        /// The data.
        3 => ciphertext: Bytes,
        /// The token key.
        4 => token: KeyRef,
        /// Under whose key it is sealed.
        5 => period: u32,
    }

    /// [`Request::SealAccount`].
    #[derive(Clone, Debug)]
    pub struct SealAccount {
        /// The account.
        1 => account: ClearAccount,
        /// The token key.
        2 => token: KeyRef,
        /// Under whose key it is sealed.
        3 => period: u32,
    }

    /// [`Request::ReencryptAccount`].
    #[derive(Clone, Debug)]
    pub struct ReencryptAccount {
        /// The account.
        1 => account: SealedAccount,
        /// The zone's data key.
        2 => to: KeyRef,
        /// How the account stands in the data.
        3 => form: AccountForm,
    }

    /// How a message is authenticated.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MacSpec {
        /// The key: of a zone, or of a transaction, there for requests when checked and for responses when made.
        1 => key: ZoneOrDukpt,
        /// The algorithm: that of the zone key's role.
        2 => algorithm: MacAlgorithm,
        /// How the text is filled up.
        3 => padding: MacPadding,
        /// The MAC's length, 4 bytes to the block's.
        4 => len: u8,
    }

    /// [`Request::Mac`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MakeMac {
        /// How.
        1 => spec: MacSpec,
        /// Over what.
        2 => message: Bytes,
    }

    /// [`Request::VerifyMac`].
    #[derive(Clone, Debug)]
    pub struct VerifyMac {
        /// How.
        1 => spec: MacSpec,
        /// Over what: a message, and what is in it.
        2 => message: Clear,
        /// What came.
        3 => mac: Bytes,
    }

    /// [`Request::CheckCryptogram`].
    #[derive(Clone, Debug)]
    pub struct CheckCryptogram {
        /// The issuer's master key.
        1 => issuer: KeyRef,
        /// A name of [`symbolon_keys::emv::SCHEMES`].
        2 => scheme: String,
        /// How the card's key follows.
        3 => option: CardKeyOption,
        /// The card's account.
        4 => account: Account,
        /// The card's sequence number, 0 to 99.
        5 => psn: u8,
        /// The transaction counter.
        6 => atc: [u8; 2],
        /// The unpredictable number, where the scheme takes one.
        7 => un: Option<[u8; 4]>,
        /// What the cryptogram is over, before it is filled up.
        8 => data: Bytes,
        /// The cryptogram.
        9 => cryptogram: [u8; 8],
        /// What the issuer answers.
        10 => answer: Arc,
    }

    /// For ARPC method 2.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatusUpdate {
        /// The card status update.
        1 => csu: [u8; 4],
        /// 0 to 8 bytes of proprietary authentication data.
        2 => proprietary: Bytes,
    }

    /// [`Request::CheckCardValue`].
    #[derive(Clone, Debug)]
    pub struct CheckCardValue {
        /// The card verification key.
        1 => key: KeyRef,
        /// The card's account, with an expiry; for CVV also with a service code.
        2 => account: Account,
        /// Which value.
        3 => kind: CardValue,
        /// Three digits.
        4 => value: Clear,
    }

    /// [`Request::CheckPin`].
    #[derive(Clone, Debug)]
    pub struct CheckPin {
        /// Under which the block is.
        1 => from: ZoneOrDukpt,
        /// Its format.
        2 => format: PinFormat,
        /// The block.
        3 => block: Bytes,
        /// Whose PIN it is.
        4 => account: Account,
        /// The PIN verification key.
        5 => key: KeyRef,
        /// Its index, 0 to 9.
        6 => key_index: u8,
        /// Four digits.
        7 => pvv: Clear,
    }
}

cbor_enum! {
    /// A key of a zone, or of one transaction of a terminal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum ZoneOrDukpt {
        /// Of a zone.
        1 => Zone(KeyRef),
        /// Of a terminal.
        2 => Dukpt(DukptKey),
    }

    /// Whose account.
    #[derive(Clone, Debug)]
    pub enum Account {
        /// One that the vault sealed.
        1 => Sealed(SealedAccount),
        /// One in clear.
        2 => Clear(ClearAccount),
    }

    /// What the issuer answers to a cryptogram.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Arc {
        /// For ARPC method 1: the authorisation response code.
        1 => ResponseCode([u8; 2]),
        /// For method 2.
        2 => StatusUpdate(StatusUpdate),
    }

    /// What is asked.
    #[derive(Clone, Debug)]
    pub enum Request {
        /// All keys.
        1 => List(()),
        /// A new key, from the caller's entropy.
        2 => Generate(NewKey),
        /// A key from a key block.
        3 => Import(Import),
        /// A key as a key block.
        4 => Export(ExportKey),
        /// A generation becomes the active one.
        5 => Activate(Activate),
        /// A generation does nothing any more.
        6 => Retire(KeyRef),
        /// A generation's bytes go.
        7 => Erase(KeyRef),
        /// A key of components is begun.
        8 => CeremonyBegin(CeremonyBegin),
        /// A custodian brings one.
        9 => CeremonyComponent(CeremonyComponent),
        /// The key is made.
        10 => CeremonyFinish(KeyName),
        /// The components are forgotten.
        11 => CeremonyAbandon(KeyName),
        /// A PIN block for another zone.
        12 => TranslatePin(TranslatePin),
        /// An account that came enciphered.
        13 => OpenAccount(OpenAccount),
        /// An account that came in clear.
        14 => SealAccount(SealAccount),
        /// An account that goes on.
        15 => ReencryptAccount(ReencryptAccount),
        /// A period's key goes, and with it all that was sealed under it.
        16 => ErasePeriod(u32),
        /// A MAC is made.
        17 => Mac(MakeMac),
        /// A MAC is checked.
        18 => VerifyMac(VerifyMac),
        /// A cryptogram is checked and answered.
        19 => CheckCryptogram(CheckCryptogram),
        /// A card's value is checked.
        20 => CheckCardValue(CheckCardValue),
        /// A PIN is checked.
        21 => CheckPin(CheckPin),
        /// The uses after this sequence number, at most [`AUDIT_ANSWER_MAX`].
        22 => TakeAudit(u64),
    }

    /// What is answered.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Answer {
        /// Done, or it holds.
        1 => Done(()),
        /// Keys.
        2 => Keys(Vec<KeyInfo>),
        /// A key.
        3 => Key(KeyInfo),
        /// Bytes that may be told: a PIN block, a ciphertext, a MAC, an ARPC, a check value.
        4 => Bytes(Bytes),
        /// A key block.
        5 => Block(String),
        /// An account.
        6 => View(AccountView),
        /// Uses of keys.
        7 => Audit(Vec<KeyUse>),
    }
}

/// The most uses in one answer to [`Request::TakeAudit`].
pub const AUDIT_ANSWER_MAX: usize = 1000;

impl Request {
    /// What it is called in the audit.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::List(()) => "list",
            Self::Generate(_) => "generate",
            Self::Import(_) => "import",
            Self::Export(_) => "export",
            Self::Activate(_) => "activate",
            Self::Retire(_) => "retire",
            Self::Erase(_) => "erase",
            Self::CeremonyBegin(_) => "ceremony-begin",
            Self::CeremonyComponent(_) => "ceremony-component",
            Self::CeremonyFinish(_) => "ceremony-finish",
            Self::CeremonyAbandon(_) => "ceremony-abandon",
            Self::TranslatePin(_) => "translate-pin",
            Self::OpenAccount(_) => "open-account",
            Self::SealAccount(_) => "seal-account",
            Self::ReencryptAccount(_) => "reencrypt-account",
            Self::ErasePeriod(_) => "erase-period",
            Self::Mac(_) => "mac",
            Self::VerifyMac(_) => "verify-mac",
            Self::CheckCryptogram(_) => "check-cryptogram",
            Self::CheckCardValue(_) => "check-card-value",
            Self::CheckPin(_) => "check-pin",
            Self::TakeAudit(_) => "take-audit",
        }
    }

    /// Whether asking it twice does what asking once does: only such a request is sent again over a new connection.
    #[must_use]
    pub const fn may_repeat(&self) -> bool {
        !matches!(
            self,
            Self::Generate(_)
                | Self::Import(_)
                | Self::Activate(_)
                | Self::Retire(_)
                | Self::Erase(_)
                | Self::CeremonyBegin(_)
                | Self::CeremonyComponent(_)
                | Self::CeremonyFinish(_)
                | Self::CeremonyAbandon(_)
                | Self::ErasePeriod(_)
        )
    }
}
