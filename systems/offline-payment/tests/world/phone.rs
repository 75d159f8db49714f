//! A phone: the authenticator on its flash, the secure application with its wallet, the payment application.
use super::{Nature, World, pin};
use coset::cbor::value::Value;
use symbolon_keys::{Aead, Crypto, KemKey, SigningKey, VerifyingKey, derive32};
use symbolon_offline_payment::authenticator::{Authenticator, Credential, Env};
use symbolon_offline_payment::messages::{
    ApplicationId, AuthenticatorId, PayerId, Preview, RefusedReply, Reply, Request, SealedCredential,
    SecondNonceRequest, Status, TrustUpdate,
};
use symbolon_offline_payment::payment_application::{self as application, ApplicationState};
use symbolon_offline_payment::secure_application::{
    AwaitCredential, AwaitObject, LastCall, Offline, Payment, Wallet, first_credential, lost_network,
};
use symbolon_offline_payment::state::Outcome;
use symbolon_offline_payment::trust::Trust;
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_state::fake::{FakeCounter, FakeFlash, Power};
use symbolon_state::{Counter, Records};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::{Bytes, from_slice};
use symbolon_wire::cbor_map;

pub struct Phone {
    pub crypto: &'static dyn Crypto,
    pub nature: Nature,
    pub server: VerifyingKey,
    /// What the secure application believes of the server.
    pub known: Trust,
    pub power: Power,
    pub flash: FakeFlash,
    pub counter: FakeCounter,
    pub secret: Secret<[u8; 32]>,
    pub machine: Option<Authenticator<FakeFlash, FakeCounter>>,
    started_ms: u64,
    /// The secure application's key.
    pub sender: KemKey,
    pub wallet: Wallet,
    pub application: ApplicationState,
    /// Every reply that the authenticator gave, as its Debug shows it.
    pub heard: Vec<String>,
    /// The code and the enrolment that it was enrolled with first.
    pub enrolled_with: Option<([u8; 16], Bytes)>,
}

cbor_map! {
    /// One sealed state as it lies on the flash, read by one who has the device's secret.
    #[derive(Clone, Debug)]
    pub struct SealedState {
        1 => counter: u64,
        2 => nonce: [u8; 12],
        3 => ciphertext: Bytes,
    }
}

impl Phone {
    pub fn new(world: &World, number: u8) -> Self {
        let power = Power::default();
        let application = ApplicationState {
            application: ApplicationId([number; 16]),
            secret: world.nature.seed(),
            counter: 0,
        };
        let mut phone = Self {
            crypto: world.crypto,
            nature: world.nature.clone(),
            server: world.server(),
            known: Trust::pinned(world.server()),
            flash: FakeFlash::new(&power),
            counter: FakeCounter::new(&power),
            power,
            secret: Secret::new([number; 32]),
            machine: None,
            started_ms: 0,
            sender: KemKey::from_private(world.nature.seed()),
            wallet: Wallet::default(),
            application,
            heard: Vec::new(),
            enrolled_with: None,
        };
        phone.start().unwrap();
        phone
    }

    /// The same phone once more: flash, counter, secret, applications. What an attacker has who copies everything.
    pub fn copy(&self) -> Self {
        let power = Power::default();
        let (flash, mut counter) = (FakeFlash::new(&power), FakeCounter::new(&power));
        flash.put_back(&self.flash.image());
        counter.advance(self.counter.value().unwrap()).unwrap();
        let mut copy = Self {
            crypto: self.crypto,
            nature: self.nature.clone(),
            server: self.server,
            known: self.known.clone(),
            power,
            flash,
            counter,
            secret: self.secret.clone(),
            machine: None,
            started_ms: 0,
            sender: self.sender.clone(),
            wallet: self.wallet.clone(),
            application: self.application.clone(),
            heard: Vec::new(),
            enrolled_with: self.enrolled_with.clone(),
        };
        copy.start().unwrap();
        copy
    }

    pub fn env(&self) -> Env<'static> {
        let ticks_ms = self.nature.ms() - self.started_ms;
        Env { crypto: self.crypto, seed: self.nature.seed(), ticks_ms }
    }

    /// Starts the machine on what its flash and counter hold.
    pub fn start(&mut self) -> Result<(), Refusal> {
        self.machine = None;
        self.started_ms = self.nature.ms();
        let (flash, counter, env) = (self.flash.clone(), self.counter.clone(), self.env());
        self.machine = Some(Authenticator::start(flash, counter, &self.secret, self.server, &env)?);
        Ok(())
    }

    pub fn ask(&mut self, request: Request) -> Reply {
        let env = self.env();
        let reply = self.machine.as_mut().unwrap().handle(&env, request);
        self.heard.push(format!("{reply:?}"));
        reply
    }

    pub fn message(&mut self, request: Request) -> Result<Bytes, RefusedReply> {
        match self.ask(request) {
            Reply::Message(message) => Ok(message),
            Reply::Refused(refused) => Err(refused),
            other => panic!("{other:?}"),
        }
    }

    pub fn done(&mut self, request: Request) -> Result<(), Refusal> {
        match self.ask(request) {
            Reply::Done(()) => Ok(()),
            Reply::Refused(refused) => Err(refused.refusal),
            other => panic!("{other:?}"),
        }
    }

    pub fn status(&mut self) -> Status {
        match self.ask(Request::Status(())) {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The signing key, as one would have it who broke the machine open.
    pub fn signing(&self) -> SigningKey {
        SigningKey::from_seed(derive32(self.crypto, self.secret.reveal(), b"authenticator/sign", &[]))
    }

    pub fn id(&self) -> AuthenticatorId {
        AuthenticatorId::of(self.crypto, &self.signing().verifying(self.crypto))
    }

    /// Every state on the flash, opened with the device's secret, one after the other.
    pub fn memory(&self) -> Vec<u8> {
        self.states().concat()
    }

    fn states(&self) -> Vec<Vec<u8>> {
        let key = derive32(self.crypto, self.secret.reveal(), b"authenticator/seal", &[]);
        let (_, records) = Records::open(self.flash.clone()).unwrap();
        let open = |record: &Vec<u8>| {
            let sealed: SealedState = from_slice(record).unwrap();
            let aad = sealed.counter.to_be_bytes();
            let opened = self.crypto.aead_open(
                Aead::Aes256Gcm,
                key.reveal(),
                &sealed.nonce,
                &aad,
                &sealed.ciphertext.0,
            );
            opened.unwrap().reveal().clone()
        };
        records.iter().map(open).collect()
    }

    /// The private keys of the pool, as the newest state on the flash holds them: field 7, a list of {1, 2, 3: key, 4}.
    pub fn nonce_keys(&self) -> Vec<[u8; 32]> {
        let newest = self.states().pop().unwrap();
        let Value::Map(fields) = coset::cbor::de::from_reader(newest.as_slice()).unwrap() else {
            panic!("no map")
        };
        let field = |fields: &[(Value, Value)], key: i64| {
            fields.iter().find(|(at, _)| *at == Value::from(key)).unwrap().1.clone()
        };
        let pool = field(&fields, 7).into_array().unwrap();
        let key = |nonce: &Value| field(nonce.as_map().unwrap(), 3).into_bytes().unwrap().try_into().unwrap();
        pool.iter().map(key).collect()
    }

    pub fn pair(&mut self) {
        let key = self.sender.public(self.crypto);
        self.done(Request::PairSecureApplication(key)).unwrap();
    }

    /// What it believes of the server.
    pub fn trust(&self) -> Trust {
        self.known.clone()
    }

    /// Fetches the server's word on its keys, brings it to the authenticator, list after list, and takes it in. A rotation that is not for it is
    /// passed over, as a phone does.
    pub fn hear(&mut self, update: &TrustUpdate) -> Result<(), Refusal> {
        for rotation in &update.rotations {
            let _ = self.done(Request::Trust(rotation.clone()));
        }
        self.done(Request::Trust(update.list.clone()))?;
        (self.known, _) = self.known.clone().updated(self.crypto, update)?;
        Ok(())
    }

    /// The server's enrolment for a request with this code.
    pub fn enrolment(&mut self, world: &mut World, code: [u8; 16]) -> Result<Bytes, Refusal> {
        let request = self.message(Request::BeginEnrolment(code)).map_err(|refused| refused.refusal)?;
        let command = world.edge().open_enrolment(&request.0, world.nature.random())?;
        match world.apply(command) {
            Outcome::Enrolled(outcome) => world.edge().seal_enrolment(&outcome),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Hands an enrolment in, with this PIN as the first credential.
    pub fn complete(&mut self, enrolment: Bytes, digits: &str) -> Result<(), Refusal> {
        self.complete_with(enrolment, &pin(digits))
    }

    pub fn complete_with(&mut self, enrolment: Bytes, credential: &Credential) -> Result<(), Refusal> {
        let (kem, seed) = (self.status().kem, self.nature.seed());
        let message = first_credential(self.crypto, &kem, enrolment, credential, &self.sender, &seed)?;
        self.done(Request::CompleteEnrolment(message))
    }

    /// Pairs both applications and enrols, all of it online.
    pub fn enrol(&mut self, world: &mut World, payer: PayerId, digits: &str) {
        self.pair();
        let code = world.invite(payer);
        let enrolment = self.enrolment(world, code).unwrap();
        self.complete(enrolment.clone(), digits).unwrap();
        self.enrolled_with = Some((code, enrolment));
        self.pair_application();
    }

    pub fn pair_application(&mut self) {
        let kem = self.status().kem;
        let message =
            application::pairing(self.crypto, &self.application, &kem, &self.nature.seed()).unwrap();
        self.done(Request::PairPaymentApplication(message)).unwrap();
    }

    pub fn tokens(&mut self, count: u32) -> Result<Vec<Bytes>, Refusal> {
        match self.ask(Request::Nonces(count)) {
            Reply::Messages(tokens) => Ok(tokens),
            Reply::Refused(refused) => Err(refused.refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Takes `count` nonces from the authenticator, has them granted, and puts them into the wallet.
    pub fn prefetch(&mut self, world: &mut World, count: u32) {
        if count > 0 {
            let tokens = self.tokens(count).unwrap();
            let grants = world.grant(&tokens).unwrap();
            self.wallet = self.wallet.clone().add(self.crypto, &self.trust(), &tokens, &grants).unwrap();
        }
    }

    pub fn preview(&mut self, challenge: &Bytes) -> Result<Preview, Refusal> {
        match self.ask(Request::Preview(challenge.clone())) {
            Reply::Preview(preview) => Ok(preview),
            Reply::Refused(refused) => Err(refused.refusal),
            other => panic!("{other:?}"),
        }
    }

    /// A nonce for a challenge, out of the wallet.
    pub fn offer(&mut self, challenge: &Bytes) -> Result<AwaitCredential, Refusal> {
        let preview = self.preview(challenge)?;
        let (wallet, offer) = self.wallet.clone().offer(preview, challenge.clone())?;
        self.wallet = wallet;
        Ok(offer)
    }

    /// The payment application's password for this transaction; its counter rises.
    pub fn otp(&mut self, transaction: Hash) -> String {
        let launched = application::launch(self.application.clone(), offline());
        let password = launched.password(self.crypto, transaction).unwrap();
        self.application = password.state;
        password.otp
    }

    pub fn second_request(
        &mut self,
        offer: &AwaitCredential,
        challenge: &Bytes,
        otp: String,
    ) -> SecondNonceRequest {
        let token = offer.token(self.crypto);
        let (application, random) = (self.application.application, self.nature.random16());
        let (challenge, tip_minor) = (challenge.clone(), offer.tip_minor());
        SecondNonceRequest { token, challenge, application, random, otp, tip_minor }
    }

    /// The second nonce for an offer, with a password of the payment application.
    pub fn second(&mut self, offer: &AwaitCredential, challenge: &Bytes) -> Result<Bytes, Refusal> {
        let otp = self.otp(offer.agreed(self.crypto));
        let request = self.second_request(offer, challenge, otp);
        self.message(Request::SecondNonce(request)).map_err(|refused| refused.refusal)
    }

    pub fn seal(&self, offer: AwaitCredential, digits: &str) -> (AwaitObject, SealedCredential) {
        self.seal_with(offer, pin(digits))
    }

    pub fn seal_with(
        &self,
        offer: AwaitCredential,
        credential: Credential,
    ) -> (AwaitObject, SealedCredential) {
        offer.enter(self.crypto, credential, &self.sender, offline(), &self.nature.seed()).unwrap()
    }

    pub fn authorise(&mut self, sealed: &SealedCredential) -> Result<Bytes, RefusedReply> {
        self.message(Request::Authorise(sealed.clone()))
    }

    /// A sealed credential for a challenge, with a second nonce where the grant asks for one.
    pub fn sealed(
        &mut self,
        challenge: &Bytes,
        digits: &str,
    ) -> Result<(AwaitObject, SealedCredential), Refusal> {
        let mut offer = self.offer(challenge)?;
        if offer.needs_otp() {
            let second = self.second(&offer, challenge)?;
            offer = offer.with_second(second);
        }
        Ok(self.seal(offer, digits))
    }

    /// An offer with a tip, and with a second nonce where the grant asks for one.
    pub fn offer_tip(
        &mut self,
        challenge: &Bytes,
        tip_minor: Option<u64>,
    ) -> Result<AwaitCredential, Refusal> {
        let preview = self.preview(challenge)?;
        let (wallet, offer) = self.wallet.clone().offer_with_tip(preview, challenge.clone(), tip_minor)?;
        self.wallet = wallet;
        if !offer.needs_otp() {
            return Ok(offer);
        }
        let second = self.second(&offer, challenge)?;
        Ok(offer.with_second(second))
    }

    /// A payment with this tip and PIN.
    pub fn pay_tip(
        &mut self,
        challenge: &Bytes,
        tip_minor: Option<u64>,
        digits: &str,
    ) -> Result<Payment, Refusal> {
        let offer = self.offer_tip(challenge, tip_minor)?;
        let (waiting, sealed) = self.seal(offer, digits);
        let object = self.authorise(&sealed).map_err(|refused| refused.refusal)?;
        waiting.received(self.crypto, &self.trust(), object)
    }

    /// What is sealed for a payment without a credential.
    pub fn sealed_unverified(
        &mut self,
        challenge: &Bytes,
    ) -> Result<(AwaitObject, SealedCredential), Refusal> {
        let offer = self.offer_tip(challenge, None)?;
        offer.unverified(self.crypto, &self.sender, offline(), &self.nature.seed())
    }

    /// A payment without a credential.
    pub fn pay_unverified(&mut self, challenge: &Bytes) -> Result<Payment, Refusal> {
        let (waiting, sealed) = self.sealed_unverified(challenge)?;
        let object = self.authorise(&sealed).map_err(|refused| refused.refusal)?;
        waiting.received(self.crypto, &self.trust(), object)
    }

    /// From a challenge to a payment in hand.
    pub fn pay(&mut self, challenge: &Bytes, digits: &str) -> Result<Payment, Refusal> {
        let (waiting, sealed) = self.sealed(challenge, digits)?;
        let object = self.authorise(&sealed).map_err(|refused| refused.refusal)?;
        waiting.received(self.crypto, &self.trust(), object)
    }

    /// What a platform's key must sign for a credential that is set now.
    pub fn set_question(&mut self) -> Hash {
        let status = self.status();
        symbolon_offline_payment::secure_application::set_question(self.crypto, &status).unwrap()
    }

    /// The message that sets `new` under `shown`, by the status of now.
    pub fn setting(&mut self, shown: &Credential, new: &Credential) -> Request {
        let (status, seed) = (self.status(), self.nature.seed());
        let message = symbolon_offline_payment::secure_application::set_credential(
            self.crypto,
            &status,
            shown,
            new,
            &self.sender,
            &seed,
        );
        Request::SetCredential(message.unwrap())
    }

    pub fn set(&mut self, shown: &Credential, new: &Credential) -> Result<(), Refusal> {
        let setting = self.setting(shown, new);
        self.done(setting)
    }

    /// A payment with whatever credential this makes of the offer.
    pub fn pay_with(
        &mut self,
        challenge: &Bytes,
        credential: impl FnOnce(&AwaitCredential) -> Credential,
    ) -> Result<Payment, RefusedReply> {
        let offer = self.offer(challenge).unwrap();
        let credential = credential(&offer);
        let (waiting, sealed) = self.seal_with(offer, credential);
        let object = self.authorise(&sealed)?;
        Ok(waiting.received(self.crypto, &self.trust(), object).unwrap())
    }

    /// Reports, and hands the server's answer in.
    pub fn reconcile(&mut self, world: &mut World) -> Result<(), Refusal> {
        let report = self.message(Request::Report(())).map_err(|refused| refused.refusal)?;
        let answer = world.reconcile(&report.0)?;
        self.done(Request::Reconciled(answer))
    }

    /// Uses up attempts with a wrong PIN until the authenticator locks; the number it took.
    pub fn lock(&mut self, challenge: &Bytes) -> u32 {
        for tried in 1..=12 {
            self.nature.pass(3600);
            let (_, sealed) = self.sealed(challenge, "00000").unwrap();
            match self.authorise(&sealed).unwrap_err().refusal {
                Refusal::Own(Own::CredentialWrong) => {}
                Refusal::Own(Own::CredentialLocked) => return tried,
                other => panic!("{other:?}"),
            }
        }
        panic!("it never locked")
    }
}

pub fn offline() -> Offline {
    lost_network(LastCall::Failed).unwrap()
}
