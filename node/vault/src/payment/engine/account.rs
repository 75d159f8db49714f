//! Accounts: opened from enciphered data or taken in clear, told as a view, sealed under the key of a period, enciphered for another zone.
//!
//! ```text
//!   ciphertext ─decipher─► account bytes ─► CardAccount ─► AccountView {token, mask, expiry, service code, SealedAccount}
//!   SealedAccount ─open (key of its period)─► CardAccount ─► a PIN, cryptogram or value check, or ciphertext for a zone
//! ```
//! **Invariant:** an account number in clear never leaves this process; a period that was erased opens nothing and is never made again.
use super::super::contents::{Contents, Period};
use super::super::key::{KeyRef, Role};
use super::super::message::{
    Account, AccountForm, AccountToken, AccountView, Answer, Clear, ClearAccount, OpenAccount,
    ReencryptAccount, SealAccount, SealedAccount, ZoneOrDukpt,
};
use super::pin::working_key;
use super::{Call, Entropy, PERIODS_MAX, PaymentError, Purpose, SoftwareEngine};
use symbolon_keys::cipher::{cbc_decrypt, cbc_encrypt};
use symbolon_keys::emv::AccountNumber;
use symbolon_keys::keyblock::Operation;
use symbolon_keys::usage::{DataBoth, DataRequest, Key, MacBoth, Usage};
use symbolon_keys::{Aead, Crypto, HashAlgorithm, RustCrypto, derive32};
use symbolon_types::{CoreRefusal, Pan};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use symbolon_wire::cbor_map;
use symbolon_wire::track::{Field, Track, TrackData};
use zeroize::Zeroizing;

cbor_map! {
    /// What is sealed of an account: the text of track 2 without sentinels, or the number alone.
    #[derive(Clone, Debug)]
    struct SealedContents {
        /// Whether it is a track.
        1 => is_track: bool,
        /// The text.
        2 => text: Clear,
    }
}

/// The longest data that hold an account, in bytes.
const DATA_LEN_MAX: usize = 128;

/// An account in clear, inside.
pub(super) enum CardAccount {
    Track(TrackData),
    Number(Zeroizing<String>),
}

impl CardAccount {
    fn track(text: &str) -> Result<Self, PaymentError> {
        let track = TrackData::from_element(Track::Two, text).map_err(|_| CoreRefusal::TrackInvalid)?;
        track.fields().map_err(|_| CoreRefusal::TrackInvalid)?;
        Ok(Self::Track(track))
    }

    fn number_of(text: &str) -> Result<Self, PaymentError> {
        AccountNumber::parse(text)?;
        Ok(Self::Number(Zeroizing::new(text.into())))
    }

    fn field(&self, field: Field) -> Option<&str> {
        match self {
            Self::Track(track) => track.fields().ok().and_then(|fields| fields.field(field)),
            Self::Number(number) => (field == Field::Pan).then_some(number.as_str()),
        }
    }

    /// The account number's digits.
    pub(super) fn pan(&self) -> &str {
        self.field(Field::Pan).unwrap_or_default()
    }

    /// The account number, as `core/keys` takes it.
    pub(super) fn number(&self) -> Result<AccountNumber, PaymentError> {
        Ok(AccountNumber::parse(self.pan())?)
    }

    /// YYMM.
    pub(super) fn expiry(&self) -> Option<&str> {
        self.field(Field::Expiry)
    }

    /// Three digits.
    pub(super) fn service_code(&self) -> Option<&str> {
        self.field(Field::ServiceCode)
    }

    fn text(&self) -> &str {
        match self {
            Self::Track(track) => track.element(),
            Self::Number(number) => number,
        }
    }
}

/// An account as it stands in bytes.
fn parsed(form: AccountForm, bytes: &[u8]) -> Result<CardAccount, PaymentError> {
    if bytes.len() > DATA_LEN_MAX {
        return Err(CoreRefusal::TooLarge.into());
    }
    match form {
        AccountForm::Track2 => CardAccount::track(text(bytes)?),
        AccountForm::Pan => CardAccount::number_of(text(bytes)?),
        AccountForm::Track2Packed => CardAccount::track(&unpacked(bytes)?),
        AccountForm::PanPacked => CardAccount::number_of(&unpacked(bytes)?),
    }
}

/// Text without the zero bytes that fill it up.
fn text(bytes: &[u8]) -> Result<&str, PaymentError> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let text = bytes.get(..end).and_then(|text| std::str::from_utf8(text).ok());
    text.ok_or_else(|| CoreRefusal::TrackInvalid.into())
}

/// Digits of four bits up to the first `F`, behind which only `F` and zero may stand. Without an `F` all of them count.
fn unpacked(bytes: &[u8]) -> Result<Zeroizing<String>, PaymentError> {
    let mut nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    let mut text = Zeroizing::new(String::with_capacity(2 * DATA_LEN_MAX));
    for nibble in nibbles.by_ref() {
        match nibble {
            0..=9 => text.push(char::from(b'0' | nibble)),
            0xD => text.push('='),
            0xF => break,
            _ => return Err(CoreRefusal::TrackInvalid.into()),
        }
    }
    if nibbles.all(|nibble| matches!(nibble, 0 | 0xF)) {
        Ok(text)
    } else {
        Err(CoreRefusal::TrackInvalid.into())
    }
}

/// The inverse of [`parsed`], filled up to whole blocks; packed digits get at least one `F`, so that no zero counts as a digit.
fn written(
    account: &CardAccount,
    form: AccountForm,
    block: usize,
) -> Result<Zeroizing<Vec<u8>>, PaymentError> {
    let text = match (form, account) {
        (AccountForm::Pan | AccountForm::PanPacked, account) => account.pan(),
        (_, CardAccount::Track(track)) => track.element(),
        _ => return Err(CoreRefusal::TrackInvalid.into()),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * DATA_LEN_MAX));
    if matches!(form, AccountForm::Track2 | AccountForm::Pan) {
        bytes.extend_from_slice(text.as_bytes());
    } else {
        let nibble = |byte: u8| if byte.is_ascii_digit() { byte & 0xF } else { 0xD };
        let whole = text.len() % 2 == 0;
        for pair in text.as_bytes().chunks(2) {
            let [high, low] = [0, 1].map(|at| pair.get(at).map_or(0xF, |byte| nibble(*byte)));
            bytes.push((high << 4) | low);
        }
        if whole && !bytes.len().is_multiple_of(block) {
            bytes.push(0xFF);
        }
    }
    let len = bytes.len().next_multiple_of(block);
    bytes.resize(len, 0);
    Ok(bytes)
}

/// The account that a request names.
pub(super) fn opened(
    contents: &Contents,
    account: &Account,
    call: &mut Call<'_>,
) -> Result<CardAccount, PaymentError> {
    match account {
        Account::Clear(ClearAccount { form, bytes }) => parsed(*form, bytes.reveal()),
        Account::Sealed(sealed) => unsealed(contents, sealed, call),
    }
}

fn aad(period: u32) -> Vec<u8> {
    [b"symbolon/payment-vault/account".as_slice(), &period.to_be_bytes()].concat()
}

fn unsealed(
    contents: &Contents,
    sealed: &SealedAccount,
    call: &mut Call<'_>,
) -> Result<CardAccount, PaymentError> {
    call.used.push(format!("period/{}", sealed.period));
    let key = contents.periods.iter().find(|period| period.number == sealed.period);
    let key = key.filter(|period| !period.key.reveal().is_empty()).ok_or(CoreRefusal::OpenFailed)?;
    let plaintext = RustCrypto
        .aead_open(
            Aead::Aes256Gcm,
            key.key.reveal(),
            &sealed.nonce,
            &aad(sealed.period),
            &sealed.ciphertext.0,
        )
        .map_err(|_| CoreRefusal::OpenFailed)?;
    let SealedContents { is_track, text } = from_slice(plaintext.reveal())?;
    let text = std::str::from_utf8(text.reveal()).map_err(|_| CoreRefusal::Damaged)?;
    if is_track { CardAccount::track(text) } else { CardAccount::number_of(text) }
}

/// Seals under a period's key. The nonce follows from fresh entropy and from what is sealed, so no two texts share one.
fn sealed(account: &CardAccount, period: &Period, entropy: &Entropy) -> Result<SealedAccount, PaymentError> {
    let contents = SealedContents {
        is_track: matches!(account, CardAccount::Track(_)),
        text: Clear::new(account.text().as_bytes()),
    };
    let plaintext = Zeroizing::new(to_vec(&contents));
    let number = period.number.to_be_bytes();
    let random =
        derive32(&RustCrypto, entropy.reveal(), b"symbolon/payment-vault/nonce", &[&number, &plaintext]);
    let nonce = *random.reveal().first_chunk::<12>().ok_or(CoreRefusal::Damaged)?;
    let key = period.key.reveal();
    let ciphertext = RustCrypto.aead_seal(Aead::Aes256Gcm, key, &nonce, &aad(period.number), &plaintext)?;
    Ok(SealedAccount { period: period.number, nonce, ciphertext: Bytes(ciphertext) })
}

impl SoftwareEngine {
    /// The key of a period, made when it is wanted first.
    fn period(&self, number: u32, call: &mut Call<'_>) -> Result<Period, PaymentError> {
        call.used.push(format!("period/{number}"));
        let find = |contents: &Contents| -> Result<Option<Period>, PaymentError> {
            let found = contents.periods.iter().find(|period| period.number == number).cloned();
            match found {
                Some(period) if period.key.reveal().is_empty() => Err(PaymentError::KeyState),
                found => Ok(found),
            }
        };
        if let Some(period) = self.read(find)? {
            return Ok(period);
        }
        self.change(call.entropy, |contents| {
            if let Some(period) = find(contents)? {
                return Ok(period);
            }
            if contents.periods.len() >= PERIODS_MAX {
                return Err(PaymentError::Full);
            }
            let label = b"symbolon/payment-vault/period";
            let key = derive32(&RustCrypto, call.entropy.reveal(), label, &[&number.to_be_bytes()]);
            let period = Period { number, key: Clear::new(key.reveal()) };
            contents.periods.push(period.clone());
            Ok(period)
        })
    }

    fn view(
        &self,
        account: &CardAccount,
        token: &KeyRef,
        period: u32,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        let pan = Pan::parse(account.pan()).ok_or(CoreRefusal::PanInvalid)?;
        let token: Key<MacBoth> =
            self.read(|contents| call.key(contents, token, Role::Token, Purpose::Make, Operation::Generate))?;
        let token = RustCrypto.hmac(HashAlgorithm::Sha256, token.reveal(), &[pan.reveal().as_bytes()]);
        let token = token.reveal().as_slice().try_into().map_err(|_| CoreRefusal::Damaged)?;
        let period = self.period(period, call)?;
        let last4 = pan.reveal().len().checked_sub(4).and_then(|at| pan.reveal().get(at..));
        Ok(Answer::View(AccountView {
            token: AccountToken(token),
            masked: pan.to_string(),
            last4: last4.unwrap_or_default().into(),
            expiry: account.expiry().map(Into::into),
            service_code: account.service_code().map(Into::into),
            sealed: sealed(account, &period, call.entropy)?,
        }))
    }

    pub(super) fn open_account(
        &self,
        asked: &OpenAccount,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        let clear = self.read(|contents| match &asked.from {
            ZoneOrDukpt::Zone(key) => {
                let key: Key<DataBoth> =
                    call.key(contents, key, Role::Data, Purpose::Open, Operation::Decipher)?;
                deciphered(&key, &asked.ciphertext.0)
            }
            ZoneOrDukpt::Dukpt(key) => {
                deciphered::<DataRequest>(&working_key(contents, key, call)?, &asked.ciphertext.0)
            }
        })?;
        self.view(&parsed(asked.form, &clear)?, &asked.token, asked.period, call)
    }

    pub(super) fn seal_account(
        &self,
        asked: &SealAccount,
        call: &mut Call<'_>,
    ) -> Result<Answer, PaymentError> {
        let account = parsed(asked.account.form, asked.account.bytes.reveal())?;
        self.view(&account, &asked.token, asked.period, call)
    }

    pub(super) fn erase_period(&self, number: u32, call: &mut Call<'_>) -> Result<Answer, PaymentError> {
        call.used.push(format!("period/{number}"));
        self.change(call.entropy, |contents| {
            let found = contents.periods.iter_mut().find(|period| period.number == number);
            let period = found.ok_or(CoreRefusal::NotFound)?;
            period.key = Clear::new(&[]);
            Ok(Answer::Done(()))
        })
    }
}

fn deciphered<U: Usage>(key: &Key<U>, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, PaymentError> {
    if ciphertext.len() > DATA_LEN_MAX {
        return Err(CoreRefusal::TooLarge.into());
    }
    let mut clear = Zeroizing::new(ciphertext.to_vec());
    let done = match key.aes() {
        Ok(cipher) => cbc_decrypt(&cipher, &[0; 16], &mut clear),
        Err(_) => cbc_decrypt(&key.tdes()?, &[0; 8], &mut clear),
    };
    done.map_err(|_| CoreRefusal::FieldInvalid)?;
    Ok(clear)
}

pub(super) fn reencrypt(
    contents: &Contents,
    asked: &ReencryptAccount,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let key: Key<DataBoth> = call.key(contents, &asked.to, Role::Data, Purpose::Make, Operation::Encipher)?;
    let account = unsealed(contents, &asked.account, call)?;
    let ciphertext = match key.aes() {
        Ok(cipher) => {
            let mut bytes = written(&account, asked.form, 16)?;
            cbc_encrypt(&cipher, &[0; 16], &mut bytes)?;
            bytes.to_vec()
        }
        Err(_) => {
            let mut bytes = written(&account, asked.form, 8)?;
            cbc_encrypt(&key.tdes()?, &[0; 8], &mut bytes)?;
            bytes.to_vec()
        }
    };
    Ok(Answer::Bytes(Bytes(ciphertext)))
}
