//! T-10: after enrolment, right and wrong tries, and a lock, no PIN is in any Debug, message, reply, refusal or stored byte.
mod world;

use symbolon_offline_payment::messages::Request;
use symbolon_offline_payment::secure_application::first_credential;
use symbolon_state::{Bank, Flash};
use symbolon_wire::cbor::to_vec;
use world::*;

/// A PIN that no number in the world happens to show.
const SECRET_PIN: &str = "490271865390";
const WRONG_PIN: &str = "490271865391";

struct Seen(Vec<(&'static str, Vec<u8>)>);

impl Seen {
    fn debug(&mut self, what: &'static str, value: &dyn core::fmt::Debug) {
        self.0.push((what, format!("{value:?} {value:#?}").into_bytes()));
    }

    fn holding(&self, pin: &str) -> Vec<&'static str> {
        let hexadecimal: String = pin.bytes().map(|byte| format!("{byte:02X}")).collect();
        let decimal = pin.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        let forms = [pin.to_owned(), hexadecimal.clone(), hexadecimal.to_lowercase(), decimal];
        let holds =
            |bytes: &[u8], form: &str| bytes.windows(form.len()).any(|window| window == form.as_bytes());
        self.0
            .iter()
            .filter(|(_, bytes)| forms.iter().any(|form| holds(bytes, form)))
            .map(|(what, _)| *what)
            .collect()
    }
}

#[test]
fn threat_t10_the_pin_is_nowhere_but_in_the_users_head() {
    let mut world = World::funded(&REAL);
    let mut phone = Phone::new(&world, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut seen = Seen(Vec::new());
    seen.debug("credential", &pin(SECRET_PIN));
    phone.pair();
    let code = world.invite(PAYER);
    let enrolment = phone.enrolment(&mut world, code).unwrap();
    let first = first_credential(
        &REAL,
        &phone.status().kem,
        enrolment.clone(),
        &pin(SECRET_PIN),
        &phone.sender,
        &phone.nature.seed(),
    );
    let first = first.unwrap();
    seen.debug("first credential", &first);
    seen.0.push(("first credential on the wire", to_vec(&Request::CompleteEnrolment(first.clone()))));
    phone.done(Request::CompleteEnrolment(first)).unwrap();
    phone.pair_application();
    phone.prefetch(&mut world, 8);
    for digits in [SECRET_PIN, WRONG_PIN, SECRET_PIN, WRONG_PIN, WRONG_PIN, WRONG_PIN, WRONG_PIN, WRONG_PIN] {
        phone.nature.pass(60);
        let challenge = shop.charge(eur(100));
        let (waiting, sealed) = phone.sealed(&challenge, digits).unwrap();
        seen.debug("sealed", &(&waiting, &sealed));
        seen.0.push(("sealed on the wire", to_vec(&Request::Authorise(sealed.clone()))));
        match phone.authorise(&sealed) {
            Ok(object) => {
                shop.accept(&object.0).unwrap();
                seen.0.push(("object", object.0.clone()));
                seen.debug("payment", &waiting.received(&REAL, &phone.trust(), object).unwrap());
                seen.debug("settled", &world.settle(&shop.upload()));
            }
            Err(refused) => seen.debug("refused", &(refused.refusal, refused.refusal.refused(), refused)),
        }
        for bank in [Bank::A, Bank::B] {
            seen.0.push(("flash", phone.flash.read(bank).unwrap()));
        }
        // Even to one who opens the store with the device's own secret.
        seen.0.push(("opened state", phone.memory()));
    }
    assert!(phone.status().locked);
    seen.debug("replies", &phone.heard);
    seen.debug("application", &phone.application);
    seen.debug("wallet", &phone.wallet);
    seen.debug("shop", &shop.state);
    seen.0.extend(world.rows.iter().map(|(_, _, value)| ("row", value.to_vec())));
    assert!(seen.0.len() > 60);
    for pin in [SECRET_PIN, WRONG_PIN] {
        assert_eq!(seen.holding(pin), Vec::<&str>::new());
    }
    // The search finds what is there.
    seen.debug("told", &SECRET_PIN);
    seen.debug("as bytes", &SECRET_PIN.as_bytes());
    assert_eq!(seen.holding(SECRET_PIN), ["told", "as bytes"]);
}

/// The secrets of the programs are no more shown than the user's.
#[test]
fn threat_t10_neither_are_keys() {
    let (_, mut phone) = World::ready(&QUICK, 2);
    let mut seen = Seen(Vec::new());
    seen.debug("application", &phone.application);
    seen.debug("sender", &phone.sender);
    seen.debug("secret", &phone.secret);
    phone.status();
    seen.debug("replies", &phone.heard);
    let secret = phone.application.secret.reveal().to_vec();
    let shown: Vec<String> = [&secret, &phone.secret.reveal().to_vec(), &phone.nonce_keys()[0].to_vec()]
        .map(|key| format!("{key:?}").trim_matches(['[', ']']).to_owned())
        .to_vec();
    for (what, text) in &seen.0 {
        let text = String::from_utf8_lossy(text);
        assert!(shown.iter().all(|key| !text.contains(key)), "{what}");
    }
    assert!(format!("{secret:?}").contains(&shown[0]));
}
