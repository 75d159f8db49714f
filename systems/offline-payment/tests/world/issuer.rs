//! The issuer's vault in memory.
use symbolon_keys::{
    Crypto, CryptoError, HashAlgorithm, KemKey, KemPublic, LocalSigner, Signer, SigningKey, VerifyingKey,
    derive32,
};
use symbolon_offline_payment::messages::{AuthenticatorId, SealedBox};
use symbolon_offline_payment::server::IssuerKeys;
use symbolon_proof::hpke;
use symbolon_types::Secret;

pub struct Issuer {
    crypto: &'static dyn Crypto,
    /// The key that signs now.
    pub signing: SigningKey,
    /// All keys that ever signed, by generation.
    pub generations: Vec<SigningKey>,
    pub kem: KemKey,
    root: [u8; 32],
}

impl Issuer {
    pub fn new(crypto: &'static dyn Crypto) -> Self {
        let signing = SigningKey::from_seed(Secret::new([1; 32]));
        let generations = vec![signing.clone()];
        Self { crypto, signing, generations, kem: KemKey::from_private(Secret::new([2; 32])), root: [3; 32] }
    }

    /// The account key of an authenticator.
    pub fn account_key(&self, authenticator: &AuthenticatorId) -> Secret<[u8; 32]> {
        derive32(self.crypto, &self.root, b"test/account", &[&authenticator.0])
    }
}

impl Signer for Issuer {
    fn verifying_key(&self) -> VerifyingKey {
        self.signing.verifying(self.crypto)
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        Ok(self.signing.sign(self.crypto, message))
    }
}

impl IssuerKeys for Issuer {
    fn signer(&self) -> &dyn Signer {
        self
    }

    fn of_generation(&self, generation: u32) -> Option<Box<dyn Signer + '_>> {
        let known = self.generations.get(usize::try_from(generation).ok()?)?;
        Some(Box::new(LocalSigner { crypto: self.crypto, key: known }))
    }

    fn issuer(&self) -> KemPublic {
        self.kem.public(self.crypto)
    }

    fn seal_account_key(
        &self,
        authenticator: &AuthenticatorId,
        recipient: &KemPublic,
        info: &[u8],
        seed: &Secret<[u8; 32]>,
    ) -> Result<SealedBox, CryptoError> {
        let key = self.account_key(authenticator);
        let suite = hpke::Suite::Aes128Gcm;
        hpke::seal_base(self.crypto, suite, recipient, info, &authenticator.0, key.reveal(), seed)
            .map(Into::into)
    }

    fn proof_holds(&self, authenticator: &AuthenticatorId, parts: &[&[u8]], proof: &[u8; 32]) -> bool {
        let key = self.account_key(authenticator);
        self.crypto.hmac(HashAlgorithm::Sha256, key.reveal(), parts).equals(proof)
    }

    fn open_for_issuer(
        &self,
        sealed: &SealedBox,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        hpke::open_base(self.crypto, hpke::Suite::Aes128Gcm, &self.kem, info, aad, &sealed.clone().into())
    }
}
