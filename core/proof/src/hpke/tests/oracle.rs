//! Both ways against the `hpke` crate: every mode, both KEMs, every AEAD, with inputs of any content.
use super::*;
use ::hpke::{
    self as oracle, Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable, aead, setup_receiver,
    setup_sender,
};
use proptest::prelude::*;

type OracleKdf = oracle::kdf::HkdfSha256;

/// The oracle's name of a KEM.
trait Peer: TestKey {
    type Oracle: oracle::Kem;
}
impl Peer for KemKey {
    type Oracle = oracle::kem::X25519HkdfSha256;
}
impl Peer for P256KemKey {
    type Oracle = oracle::kem::DhP256HkdfSha256;
}

/// What one context needs.
#[derive(Clone, Debug)]
struct Case {
    suite: Suite,
    auth: bool,
    psk: Option<([u8; 32], Vec<u8>)>,
    /// Recipient, sender, ephemeral.
    seeds: [[u8; 32]; 3],
    info: Vec<u8>,
    aad: Vec<u8>,
    plaintext: Vec<u8>,
}

fn case() -> impl Strategy<Value = Case> {
    let suite = prop_oneof![Just(Suite::Aes128Gcm), Just(Suite::Aes256Gcm), Just(Suite::ChaCha20Poly1305)];
    let text = |len_min| proptest::collection::vec(any::<u8>(), len_min..80);
    let psk = proptest::option::of((any::<[u8; 32]>(), text(1)));
    (suite, any::<bool>(), psk, any::<[[u8; 32]; 3]>(), [text(0), text(0), text(0)]).prop_map(
        |(suite, auth, psk, seeds, [info, aad, plaintext])| Case {
            suite,
            auth,
            psk,
            seeds,
            info,
            aad,
            plaintext,
        },
    )
}

/// Two messages and an exported secret, as both sides must see them.
type Sent = (Vec<u8>, [Vec<u8>; 2], Vec<u8>);

impl Case {
    fn key<S: TestKey>(&self, seed: usize) -> S {
        S::derive(&RustCrypto, &self.seeds[seed]).unwrap()
    }

    fn psk(&self) -> Option<Psk<'_>> {
        self.psk.as_ref().map(|(secret, id)| Psk::new(secret, id).unwrap())
    }

    fn bundle(&self) -> Option<PskBundle<'_>> {
        self.psk.as_ref().map(|(secret, id)| PskBundle::new(secret, id).unwrap())
    }

    fn sender<S: TestKey>(&self) -> (EncTo<S>, Sender<'static>) {
        let (to, from) = (self.key::<S>(0).public_key(&RustCrypto), self.key::<S>(1));
        let (suite, info, ephemeral) = (self.suite, &self.info, Secret::new(self.seeds[2]));
        match (self.auth, self.psk()) {
            (false, None) => Sender::base(&RustCrypto, suite, &to, info, &ephemeral),
            (false, Some(psk)) => Sender::psk(&RustCrypto, suite, &to, info, &psk, &ephemeral),
            (true, None) => Sender::auth::<S::Public>(&RustCrypto, suite, &to, info, &from, &ephemeral),
            (true, Some(psk)) => {
                Sender::auth_psk::<S::Public>(&RustCrypto, suite, &to, info, (&psk, &from), &ephemeral)
            }
        }
        .unwrap()
    }

    fn receiver<S: TestKey>(&self, enc: &EncTo<S>) -> Option<Receiver<'static>> {
        let (key, from) = (self.key::<S>(0), self.key::<S>(1).public_key(&RustCrypto));
        let (suite, info) = (self.suite, &self.info);
        match (self.auth, self.psk()) {
            (false, None) => Receiver::base(&RustCrypto, suite, enc, &key, info),
            (false, Some(psk)) => Receiver::psk(&RustCrypto, suite, enc, &key, info, &psk),
            (true, None) => Receiver::auth(&RustCrypto, suite, enc, &key, info, &from),
            (true, Some(psk)) => Receiver::auth_psk(&RustCrypto, suite, enc, &key, info, (&psk, &from)),
        }
        .ok()
    }

    fn sent<S: TestKey>(&self) -> Sent {
        let (enc, mut sender) = self.sender::<S>();
        let messages = [(); 2].map(|()| sender.seal(&self.aad, &self.plaintext).unwrap());
        (enc.as_ref().to_vec(), messages, sender.export(b"export", 40).unwrap().reveal().clone())
    }

    /// Whether both messages open to the plaintext, and the exported secret is the same.
    fn takes<S: TestKey>(&self, (enc, messages, exported): &Sent) -> bool
    where
        EncTo<S>: TryFrom<Vec<u8>>,
    {
        let Some(mut receiver) = enc.clone().try_into().ok().and_then(|enc| self.receiver::<S>(&enc)) else {
            return false;
        };
        let opened = messages.iter().all(|message| {
            receiver.open(&self.aad, message).is_ok_and(|plaintext| plaintext.reveal() == &self.plaintext)
        });
        opened && receiver.export(b"export", 40).unwrap().equals(exported)
    }

    fn oracle_sent<S: Peer, A: aead::Aead>(&self) -> Sent {
        let ((_, to), from) =
            (S::Oracle::derive_keypair(&self.seeds[0]), S::Oracle::derive_keypair(&self.seeds[1]));
        let mode = match (self.auth, self.bundle()) {
            (false, None) => OpModeS::Base,
            (false, Some(psk)) => OpModeS::Psk(psk),
            (true, None) => OpModeS::Auth(from),
            (true, Some(psk)) => OpModeS::AuthPsk(from, psk),
        };
        let (enc, mut context) = setup_sender::<A, OracleKdf, S::Oracle>(&mode, &to, &self.info).unwrap();
        let messages = [(); 2].map(|()| context.seal(&self.plaintext, &self.aad).unwrap());
        let mut exported = [0; 40];
        context.export(b"export", &mut exported).unwrap();
        (enc.to_bytes().to_vec(), messages, exported.to_vec())
    }

    fn oracle_takes<S: Peer, A: aead::Aead>(&self, (enc, messages, exported): &Sent) -> bool {
        let ((key, _), (_, from)) =
            (S::Oracle::derive_keypair(&self.seeds[0]), S::Oracle::derive_keypair(&self.seeds[1]));
        let mode = match (self.auth, self.bundle()) {
            (false, None) => OpModeR::Base,
            (false, Some(psk)) => OpModeR::Psk(psk),
            (true, None) => OpModeR::Auth(from),
            (true, Some(psk)) => OpModeR::AuthPsk(from, psk),
        };
        let enc = <S::Oracle as Kem>::EncappedKey::from_bytes(enc).unwrap();
        let mut context = setup_receiver::<A, OracleKdf, S::Oracle>(&mode, &key, &enc, &self.info).unwrap();
        let mut out = [0; 40];
        context.export(b"export", &mut out).unwrap();
        messages.iter().all(|message| context.open(message, &self.aad).as_ref() == Ok(&self.plaintext))
            && out == exported.as_slice()
    }

    fn both_ways<S: Peer>(&self) -> Result<(), TestCaseError>
    where
        EncTo<S>: TryFrom<Vec<u8>>,
    {
        let ours = self.sent::<S>();
        let (oracle_takes, theirs) = match self.suite {
            Suite::Aes128Gcm => {
                (self.oracle_takes::<S, aead::AesGcm128>(&ours), self.oracle_sent::<S, aead::AesGcm128>())
            }
            Suite::Aes256Gcm => {
                (self.oracle_takes::<S, aead::AesGcm256>(&ours), self.oracle_sent::<S, aead::AesGcm256>())
            }
            _ => (
                self.oracle_takes::<S, aead::ChaCha20Poly1305>(&ours),
                self.oracle_sent::<S, aead::ChaCha20Poly1305>(),
            ),
        };
        prop_assert!(oracle_takes);
        prop_assert!(self.takes::<S>(&theirs));
        prop_assert!(self.takes::<S>(&ours));
        Ok(())
    }

    /// Another input of the context, each of which must be refused.
    fn others(&self) -> Vec<Self> {
        let longer = |bytes: &[u8]| [bytes, b"."].concat();
        let mut others = std::vec![
            Self { info: longer(&self.info), ..self.clone() },
            Self { aad: longer(&self.aad), ..self.clone() },
            Self { auth: !self.auth, ..self.clone() },
            Self { seeds: [[0; 32], self.seeds[1], self.seeds[2]], ..self.clone() },
            Self {
                psk: if self.psk.is_some() { None } else { Some(([0; 32], b"id".to_vec())) },
                ..self.clone()
            },
        ];
        if self.auth {
            others.push(Self { seeds: [self.seeds[0], [0; 32], self.seeds[2]], ..self.clone() });
        }
        if let Some((secret, id)) = &self.psk {
            others.push(Self { psk: Some((*secret, longer(id))), ..self.clone() });
            let mut secret = *secret;
            secret[31] ^= 1;
            others.push(Self { psk: Some((secret, id.clone())), ..self.clone() });
        }
        others
    }

    fn refuses_changes<S: TestKey>(&self, at: prop::sample::Index) -> Result<(), TestCaseError>
    where
        EncTo<S>: TryFrom<Vec<u8>>,
    {
        let sent = self.sent::<S>();
        prop_assert!(self.takes::<S>(&sent));
        let mut changed = sent.clone();
        let at = at.index(sent.0.len() + sent.1[0].len());
        // Bit 0, because X25519 ignores the top bit of enc where it enters the agreement; HPKE's context holds all of enc.
        match at.checked_sub(sent.0.len()) {
            None => changed.0[at] ^= 1,
            Some(at) => changed.1[0][at] ^= 1,
        }
        prop_assert!(!self.takes::<S>(&changed));
        let mut top_bit = sent.clone();
        *top_bit.0.last_mut().unwrap() ^= 0x80;
        prop_assert!(!self.takes::<S>(&top_bit));
        for other in self.others() {
            prop_assert!(!other.takes::<S>(&sent), "{:?}", other);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_one_implementation_seals_the_other_opens(case in case()) {
        case.both_ways::<KemKey>()?;
        case.both_ways::<P256KemKey>()?;
    }

    #[test]
    fn a_change_anywhere_is_refused(case in case(), at in any::<prop::sample::Index>()) {
        case.refuses_changes::<KemKey>(at)?;
        case.refuses_changes::<P256KemKey>(at)?;
    }

    /// Export-only contexts, which seal nothing.
    #[test]
    fn export_only_contexts_export_the_same(case in case()) {
        let case = Case { suite: Suite::ExportOnly, psk: None, auth: false, ..case };
        let (enc, sender) = case.sender::<P256KemKey>();
        let (key, _) = <P256KemKey as Peer>::Oracle::derive_keypair(&case.seeds[0]);
        let enc = <<P256KemKey as Peer>::Oracle as Kem>::EncappedKey::from_bytes(&enc).unwrap();
        let context = setup_receiver::<aead::ExportOnlyAead, OracleKdf, <P256KemKey as Peer>::Oracle>(
            &OpModeR::Base, &key, &enc, &case.info).unwrap();
        let mut exported = [0; 40];
        context.export(b"export", &mut exported).unwrap();
        prop_assert!(sender.export(b"export", 40).unwrap().equals(&exported));
    }

    /// The single calls do what a context of one message does.
    #[test]
    fn single_calls_are_contexts_of_one_message(case in case()) {
        let (to, from, ephemeral) = (case.key::<P256KemKey>(0), case.key::<P256KemKey>(1), Secret::new(case.seeds[2]));
        let (suite, info, aad, text) = (case.suite, &case.info, &case.aad, &case.plaintext);
        let sealed = seal_base(&RustCrypto, suite, &to.public(), info, aad, text, &ephemeral).unwrap();
        let (enc, messages, _) = Case { auth: false, psk: None, ..case.clone() }.sent::<P256KemKey>();
        prop_assert_eq!((sealed.enc.as_slice(), &sealed.ciphertext), (enc.as_slice(), &messages[0]));
        prop_assert!(open_base(&RustCrypto, suite, &to, info, aad, &sealed).unwrap().equals(text));
        let sealed =
            seal_auth(&RustCrypto, suite, &to.public(), info, aad, text, &from, &ephemeral).unwrap();
        let (enc, messages, _) = Case { auth: true, psk: None, ..case.clone() }.sent::<P256KemKey>();
        prop_assert_eq!((sealed.enc.as_slice(), &sealed.ciphertext), (enc.as_slice(), &messages[0]));
        let opened = open_auth(&RustCrypto, suite, &to, info, aad, &from.public(), &sealed).unwrap();
        prop_assert!(opened.equals(text));
    }
}
