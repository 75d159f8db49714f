//! A further credential, or a new value of one, under one that is set.
//!
//! ```text
//!   SetCredential ─► opened, under the counter of now ─► forms, strength ─► attempt counted (durable) ─► compared ─► new record (durable)
//!                       │ no change, slowed                no change           attempts - 1              CRED_WRONG    attempts restored
//! ```
//! **Invariant:** whoever knows a credential sets none that counts for more than it, unless it is the strongest there is: else a PIN that was
//! looked over the shoulder would become a passphrase. Every try that is counted raises the counter, and so does every one that succeeds: the
//! same message never counts twice.
use super::credential::PADDED_LEN;
use super::{Authenticator, Credential, Denied, Env, credential, setting_info, setting_question};
use crate::messages::{Reply, SetCredential};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::KemKey;
use symbolon_state::{Counter, Flash};
use symbolon_types::CoreRefusal;

impl<F: Flash, C: Counter> Authenticator<F, C> {
    pub(super) fn set_credential(&mut self, env: &Env<'_>, message: &SetCredential) -> Result<Reply, Denied> {
        self.unlocked()?;
        let info = setting_info(&self.enrolled()?.authenticator, self.store.counter());
        let question = setting_question(env.crypto, &info);
        let key = KemKey::from_private(self.keys.kem.private().clone());
        let opened = self.open_sealed(env, &key, &info, &[], message.credentials.clone().into())?;
        let both = opened.reveal().split_at_checked(PADDED_LEN).ok_or(CoreRefusal::Malformed)?;
        let (shown, new) = (Credential::opened(both.0)?, Credential::opened(both.1)?);
        let record = self.enrolled()?.credential(shown.kind()).cloned().ok_or(Own::CredentialKindUnknown)?;
        self.may_set(&shown, &new)?;
        let platform = new.settable(env.crypto, question)?;
        self.count_attempt(env)?;
        let disclosed = match credential::disclose(env, &self.keys, &record, &shown, question) {
            Ok(disclosed) => disclosed,
            Err(refusal) => return Err(self.wrong_credential(env, refusal)),
        };
        let fresh = credential::enclose(env, &self.keys, &new, platform, &disclosed.account_key)?;
        let mut next = self.state.clone();
        if let Some(enrolled) = &mut next.enrolled {
            enrolled.right(disclosed.kind, disclosed.sign_count);
            enrolled.credentials.retain(|record| record.kind != fresh.kind);
            enrolled.credentials.push(fresh);
            enrolled.credentials.sort_by_key(|record| record.kind);
        }
        self.commit(env, next, true)?;
        Ok(Reply::Done(()))
    }

    fn may_set(&self, shown: &Credential, new: &Credential) -> Result<(), Refusal> {
        let strong = shown.kind() >= new.kind() || shown.kind() == self.enrolled()?.strongest();
        if strong { Ok(()) } else { Err(Own::VerificationWeak.into()) }
    }
}
