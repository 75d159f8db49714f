"""The foreign secure application, walked: it enrols, gets its grants, goes offline, pays the foreign payee by PIN, with a tip by PIN and
one-time password, without a credential and by a passphrase that it sets, and this workspace's reader as a card; and what the authenticator
must refuse, each beside its accepted twin."""

import threading
import time

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import proofs
import secure_application as sa
from links import Card
from proofs import BODY, EUR, decoded, sha256
from walk_payee import enrolled_payee, now
from world import API, PIN, WRONG_PIN, status_of

LIMIT, OTP_FROM, PIN_FROM = 2_000, 1_500, 100
BY_PIN, BY_OTP, TIP, BY_CARD, BY_NOBODY, BY_PHRASE = 750, 1_800, 60, 430, 99, 510
PHRASE = "correct horse battery"
# Refusals by their numbers (docs/refusals.md): from the authenticator's socket comes no more.
BAD_SIG, OPEN_FAILED, BAD_GRANT, NONCE_SPENT, CRED_WRONG, OTP_USED = 2, 10, 101, 102, 104, 106
LIMIT_TX, ALREADY_ENROLLED, NOT_PAIRED, PAYEE_UNKNOWN, UV_TOO_WEAK, CHALLENGE_UNKNOWN = 107, 113, 114, 115, 118, 119
CRED_FORM, TIP_TOO_HIGH, CRED_KIND = 131, 135, 139
ATTEMPTS, POOL = 5, 6


def enrol(checks, world, api, server):
    """The whole enrolment by the foreign application itself, over HTTP; refused around it what is not the server's or not its own."""
    app = sa.SecureApplication(world.authenticator(server), server)
    limits = {"per_payment": {"minor": LIMIT, "currency": "EUR"}, "otp_from_minor": OTP_FROM, "attempts": ATTEMPTS, "pool": POOL}
    limits["no_credential_below_minor"] = PIN_FROM
    payer = world.account(api, limits)
    code = bytes.fromhex(api.post(f"{API}/accounts/{payer}/invitations", {})["code"])
    checks.refused(NOT_PAIRED, "an enrolment before pairing", lambda: app.begin(code))
    app.pair()
    app.pair()
    stranger = proofs.okp(sa.x25519(X25519PrivateKey.generate()), curve=4)
    checks.refused(ALREADY_ENROLLED, "another application's key", lambda: app.ask(sa.PAIR, stranger))
    enrolment = api.device("enrolments", app.begin(code))
    foreign = proofs.Signer().sign(proofs.ENROLMENT, proofs.opened(enrolment, proofs.ENROLMENT))
    checks.refused(BAD_SIG, "an enrolment by another server", lambda: app.ask(sa.COMPLETE, app.first_credential(foreign, PIN)))
    unknown = app.first_credential(enrolment, PIN, sender=X25519PrivateKey.generate())
    checks.refused(OPEN_FAILED, "a first credential from another key", lambda: app.ask(sa.COMPLETE, unknown))
    mixed = {**app.first_credential(enrolment + b"\0", PIN), 1: enrolment}
    checks.refused(OPEN_FAILED, "a first credential bound to another enrolment", lambda: app.ask(sa.COMPLETE, mixed))
    claims = app.complete(enrolment, PIN)
    status = app.ask(sa.STATUS)
    checks.that(status[1] == claims[BODY][1] == sha256(b"symbolon/authenticator", app.device)[:16], "enrolled under the id of its key")
    checks.that(status[3] == ATTEMPTS and status[8] is True and status[7] is False, f"all attempts left, paired, not locked: {status}")
    return app, payer


def prefetch(checks, app, api):
    """Tokens and grants (1.2, 1.3); a grant on another token, or by another server, is not taken."""
    tokens = app.nonces(POOL)
    said = [sa.token_says(token) for token in tokens]
    places, nonces = [place for _, place, _ in said], {nonce for nonce, _, _ in said}
    checks.that(places == list(range(1, POOL + 1)) and len(nonces) == POOL, "tokens rise, nonces differ")
    grants = sa.grants_of(api, tokens)
    checks.that(sa.grants_of(api, tokens) == grants, "the same tokens get the same grants")
    checks.refused("BAD_GRANT", "grants in another order", lambda: app.add(tokens, grants[::-1]))
    forged = [proofs.Signer().sign(proofs.GRANT, proofs.opened(grant, proofs.GRANT)) for grant in grants]
    checks.refused("BAD_GRANT", "grants by another server", lambda: app.add(tokens, forged))
    app.add(tokens, grants)
    return grants


def pair_application(checks, app):
    """A payment application becomes known, once."""
    application = sa.PaymentApplication()
    app.ask(sa.PAIR_APPLICATION, application.pairing(app.kem()))
    other = sa.PaymentApplication()
    checks.refused(ALREADY_ENROLLED, "another payment application", lambda: app.ask(sa.PAIR_APPLICATION, other.pairing(app.kem())))
    return application


def attempts(app):
    """Attempts left, as the authenticator says it."""
    return app.ask(sa.STATUS)[3]


def unopened(checks, app, what, message):
    """A message that cannot be opened: refused by its number, and it costs no attempt. The next must wait a quarter of a second."""
    before = attempts(app)
    checks.refused(OPEN_FAILED, what, lambda: app.authorise(message))
    checks.that(attempts(app) == before, f"{what}: costs no attempt")
    time.sleep(0.3)


def refused_sealings(checks, app, pair, other, challenge):
    """Sealings that differ from the one that pays by one thing each."""
    good = app.sealed(pair, challenge, PIN)
    garbage = {**good, 4: {1: good[4][1], 2: bytes(len(good[4][2]))}}
    unopened(checks, app, "garbage for a ciphertext", garbage)
    flipped = bytearray(good[4][2])
    flipped[0] ^= 1
    unopened(checks, app, "one flipped bit", {**good, 4: {**good[4], 2: bytes(flipped)}})
    token, grant = pair
    changes = {
        "base mode: no sender": {"sender": None},
        "another sender": {"sender": X25519PrivateKey.generate()},
        "info without the grant": {"info": b"sop/cred/v1" + sha256(token)},
        "info with another label": {"info": b"sop/cred/v2" + sha256(token) + sha256(grant)},
        "aad of another transaction": {"aad": sha256(b"another") + sha256(b"")},
        "aad without the second nonce's place": {"aad": proofs.payload_hash(challenge)},
    }
    for what, change in changes.items():
        unopened(checks, app, what, app.sealed(pair, challenge, PIN, **change))
    swapped = app.sealed((token, other[1]), challenge, PIN)
    checks.refused(BAD_GRANT, "another token's grant", lambda: app.authorise(swapped))
    unopened(checks, app, "sealed to another token's key", {**good, 4: app.sealed(other, challenge, PIN)[4]})


def wrong_pin(checks, app, pair, challenge):
    """A wrong PIN is refused by its number and counted; it buys nothing."""
    before = attempts(app)
    wrong = checks.refused(CRED_WRONG, "a wrong PIN", lambda: app.authorise(app.sealed(pair, challenge, WRONG_PIN)))
    checks.that(wrong.detail == before - 1 == attempts(app), "one attempt fewer, told and kept")
    # After a wrong credential the authenticator compares the next one a second later.
    time.sleep(1.1)


def paid_by_pin(checks, app, payee):
    """The foreign application seals, the authenticator pays, the foreign payee accepts; around it what is refused."""
    challenge = payee.charge(BY_PIN, now())
    preview = app.ask(sa.PREVIEW, challenge)
    shown = [preview.get(place) for place in (1, 2, 3)]
    checks.that(shown == ["Foreign Bakery", [BY_PIN, EUR], proofs.payload_hash(challenge)], f"the user is shown {preview}")
    pair, other = app.offer(BY_PIN), app.wallet[0]
    wrong_pin(checks, app, pair, challenge)
    refused_sealings(checks, app, pair, other, challenge)
    sealed = app.sealed(pair, challenge, PIN)
    message = app.authorise(sealed)
    checks.that(attempts(app) == ATTEMPTS, "the right PIN gives the attempts back")
    body, _, _, _ = payee.check(message, now())
    checks.that((body[6], body[7]) == (1, False), "a PIN is attested, and no one-time password")
    receipt = payee.accept(message, now())
    checks.that(app.takes_receipt(message, challenge, receipt), "the application takes the receipt")
    forged = proofs.Signer().sign(proofs.RECEIPT, proofs.opened(receipt, proofs.RECEIPT))
    checks.that(not app.takes_receipt(message, challenge, forged), "and none by another key")
    checks.refused(NONCE_SPENT, "the sealed credential once more", lambda: app.authorise(sealed))
    checks.refused(CHALLENGE_UNKNOWN, "the challenge with another nonce", lambda: app.authorise(app.sealed(other, challenge, PIN)))
    checks.that(app.ask(sa.REEMIT, sha256(pair[0])) == message, "the object once more has the same bytes")
    return message


def paid_by_otp(checks, app, application, payee):
    """Above the rule's amount the PIN alone is too weak; with a second nonce the authenticator pays (1.3b, 1.3c)."""
    challenge = payee.charge(BY_OTP, now(), tip_max=TIP)
    checks.that(app.ask(sa.PREVIEW, challenge)[4] == TIP, "the user is shown how much may be added")
    pair, transaction = app.offer(BY_OTP + TIP), proofs.payload_hash(challenge)

    def second_nonce(password, tip=TIP):
        return app.second_nonce(pair, challenge, application, password, tip)

    checks.refused(UV_TOO_WEAK, "a PIN alone", lambda: app.authorise(app.sealed(pair, challenge, PIN, tip=TIP)))
    checks.refused(OTP_USED, "a wrong password", lambda: second_nonce("00000000"))
    checks.refused(OTP_USED, "a password without the tip", lambda: second_nonce(application.password(transaction)))
    checks.refused(TIP_TOO_HIGH, "a tip above what is asked for", lambda: second_nonce("00000000", TIP + 1))
    password = application.password(proofs.agreed(transaction, TIP))
    second = second_nonce(password)
    checks.refused(OTP_USED, "the password again", lambda: second_nonce(password))
    not_bound = {**app.sealed(pair, challenge, PIN, tip=TIP), 3: second}
    unopened(checks, app, "a credential that is not bound to its second nonce", not_bound)
    over = app.sealed(pair, challenge, PIN, second, tip=TIP + 1)
    checks.refused(TIP_TOO_HIGH, "a credential for more", lambda: app.authorise(over))
    good = app.sealed(pair, challenge, PIN, second, tip=TIP)
    checks.refused(BAD_SIG, "a second nonce for another tip", lambda: app.authorise({**good, 6: TIP - 1}))
    message = app.authorise(good)
    body, _, _, _ = payee.check(message, now())
    checks.that((body[6], body[7]) == (1, True), "PIN and one-time password are attested")
    checks.that((body[4][1], body[4][5]) == ([BY_OTP + TIP, EUR], TIP), "the tip is in the amount")
    payee.accept(message, now())
    return message


def paid_by_nobody(checks, app, payee):
    """Below the amount at which a PIN is asked for: an empty credential, from the paired application all the same."""
    challenge, more = payee.charge(BY_NOBODY, now()), payee.charge(PIN_FROM, now())
    pair = app.offer(PIN_FROM)
    good = app.sealed(pair, challenge, "", kind=sa.NOTHING)
    unopened(checks, app, "no sealing at all", {key: part for key, part in good.items() if key != 4})
    unopened(checks, app, "an empty credential from nobody", app.sealed(pair, challenge, "", kind=sa.NOTHING, sender=None))
    weak = app.sealed(pair, more, "", kind=sa.NOTHING)
    checks.refused(UV_TOO_WEAK, "an empty credential where a PIN is asked for", lambda: app.authorise(weak))
    message = app.authorise(good)
    body, _, _, _ = payee.check(message, now())
    checks.that((5 in body, body[6], body[7]) == (False, 0, False), "nothing is attested, and nothing proved")
    payee.accept(message, now())
    return message


def paid_by_phrase(checks, app, payee):
    """A passphrase, set under the PIN and paid with; what sets nothing, beside it."""
    challenge = payee.charge(BY_PHRASE, now())
    pair = app.offer(BY_PHRASE)
    unset = app.sealed(pair, challenge, PHRASE, kind=sa.PASSPHRASE)
    checks.refused(CRED_KIND, "a passphrase that is not set", lambda: app.authorise(unset))
    short = app.sealed_setting((sa.PIN, PIN), (sa.PASSPHRASE, "seven b"))
    checks.refused(CRED_FORM, "a passphrase that is too short", lambda: app.ask(sa.SET_CREDENTIAL, short))
    wrong = app.sealed_setting((sa.PIN, WRONG_PIN), (sa.PASSPHRASE, PHRASE))
    checks.refused(CRED_WRONG, "set under a wrong PIN", lambda: app.ask(sa.SET_CREDENTIAL, wrong))
    time.sleep(1.1)
    setting = app.sealed_setting((sa.PIN, PIN), (sa.PASSPHRASE, PHRASE))
    app.ask(sa.SET_CREDENTIAL, setting)
    status = app.ask(sa.STATUS)
    checks.that((status[3], status[11]) == (ATTEMPTS, [sa.PIN, sa.PASSPHRASE]), f"both are set, all attempts left: {status}")
    checks.refused(OPEN_FAILED, "the same message once more", lambda: app.ask(sa.SET_CREDENTIAL, setting))
    time.sleep(0.3)
    under = app.sealed_setting((sa.PIN, PIN), (sa.PASSPHRASE, PHRASE * 2))
    checks.refused(UV_TOO_WEAK, "a passphrase under the weaker PIN", lambda: app.ask(sa.SET_CREDENTIAL, under))
    message = app.authorise(app.sealed(pair, challenge, PHRASE, kind=sa.PASSPHRASE))
    body, _, _, _ = payee.check(message, now())
    checks.that((body[6], body[7]) == (2, False), "a passphrase is attested")
    receipt = payee.accept(message, now(), BY_PHRASE - 10)
    checks.that(app.takes_receipt(message, challenge, receipt), "a receipt for less")
    said = proofs.opened(receipt, proofs.RECEIPT)
    for final in (0, BY_PHRASE + 1):
        bad = payee.signer.sign(proofs.RECEIPT, {**said, BODY: {**said[BODY], 3: final}})
        checks.that(not app.takes_receipt(message, challenge, bad), f"none for {final}")
    return message


def heard(checks, app, api):
    """The server's list reaches the authenticator; an older one changes nothing, and one by another key is refused."""
    old = api.fetch("trust")
    api.post(f"{API}/trust-policy", {"age_seconds_max": 100_000})
    app.hear(api.fetch("trust"))
    epoch = app.trust.epoch
    checks.that(app.ask(sa.STATUS)[12] == epoch > 0, "the authenticator has the list's epoch")
    app.ask(sa.TRUST, decoded(old)[2])
    checks.that(app.ask(sa.STATUS)[12] == epoch, "an older list changes nothing")
    later = proofs.opened(decoded(api.fetch("trust"))[2], proofs.TRUST_LIST)
    foreign = proofs.Signer().sign(proofs.TRUST_LIST, {**later, BODY: {**later[BODY], 1: epoch + 1}})
    checks.refused(BAD_SIG, "a list by another key", lambda: app.ask(sa.TRUST, foreign))


def refused_challenges(checks, app, payee):
    """Challenges that the authenticator refuses before any credential."""
    over = payee.charge(LIMIT + 1, now())
    checks.refused("NO_NONCE", "no grant covers it", lambda: app.offer(LIMIT + 1))
    pair = app.wallet[0]
    checks.refused(LIMIT_TX, "more than the grant pays", lambda: app.authorise(app.sealed(pair, over, PIN)))
    claims = proofs.opened(over, proofs.CHALLENGE)
    other = proofs.Signer().sign(proofs.CHALLENGE, claims)
    checks.refused(BAD_SIG, "a challenge by another key than its certificate's", lambda: app.ask(sa.PREVIEW, other))
    certificate = proofs.Signer().sign(proofs.PAYEE_CERTIFICATE, proofs.opened(payee.certificate, proofs.PAYEE_CERTIFICATE))
    false = payee.signer.sign(proofs.CHALLENGE, {**claims, BODY: {**claims[BODY], 1: certificate}})
    checks.refused(PAYEE_UNKNOWN, "a certificate of another server", lambda: app.ask(sa.PREVIEW, false))


def paid_as_a_card(checks, world, app):
    """This workspace's reader charges; the foreign phone is the card in its field (ISO/IEC 7816-4)."""
    paid, receipts = {}, []

    def pay(challenge):
        amount = app.ask(sa.PREVIEW, challenge)[2]
        paid["challenge"], paid["object"] = challenge, app.authorise(app.sealed(app.offer(amount[0]), challenge, PIN))
        return paid["object"]

    def taken(receipt):
        receipts.append(app.takes_receipt(paid["object"], paid["challenge"], receipt))
        return receipts[-1]

    socket = world.path / "card.socket"
    card = Card(socket, pay, taken)
    thread = threading.Thread(target=card.serve, daemon=True)
    thread.start()
    charge = ["--amount", BY_CARD, "--currency", "EUR", "--via", "apdu", "--socket", socket, "--timeout", 30]
    said = world.held("device", "reader", "charge", "--store", world.path / "shop", *charge)
    thread.join(timeout=10)
    checks.that(said["receipt"] is True and receipts == [True], f"the reader took the object, the card the receipt: {said}")
    checks.that(said["object"].lower() == proofs.payload_hash(paid["object"]).hex(), "by its id")
    return paid["object"]


def settle(checks, world, app, payee, payer, made):
    """Online again: the report names every object, both payees are paid, the account says what it cost, and the books hold."""
    api = world.online()
    for upload in payee.settlements():
        checks.that(decoded(api.device("settlements", upload))[3] == 0, "paid from its reservation")
    said = world.held("device", "reader", "upload", "--store", world.path / "shop", "--server", api.address)
    checks.that(said["ok"] is True and len(said["objects"]) == 1, f"the reader is paid too: {said}")
    reported, answer = app.reconcile(api)
    named = [(one[1], one[2]) for one in reported[BODY][2]]
    emitted = [(proofs.opened(one, proofs.SECURE_OBJECT)[BODY][1], proofs.payload_hash(one)) for one in made]
    checks.that(named == emitted, "all objects are reported, in their order")
    checks.that(set(answer[BODY][3]) == {token for token, _ in named}, "the server has them on record")
    checks.that(app.ask(sa.STATUS)[5] == 0, "the authenticator forgets what is on record")
    account = status_of(api, f"accounts/{payer}")
    cost = 1_000_000 - BY_PIN - BY_OTP - TIP - BY_CARD - BY_NOBODY - (BY_PHRASE - 10)
    left = account["available"]["minor"] + account["reserved"]["minor"]
    checks.that((left, account["reserved"]["minor"], account["debt"]["minor"]) == (cost, LIMIT, 0), f"the account: {account}")
    checks.that([release["amount"]["minor"] for release in account["releases"]] == [LIMIT], f"what comes free, and when: {account}")
    world.offline()
    world.held("verify", "--data", world.path / "platform")
    checks.that(True, "the audit of the data folder holds")


def shop(world, api, server):
    """A shop with this workspace's reader."""
    asked = {"name": "Corner Bakery", "mcc": 5462, "cap": {"minor": 5_000, "currency": "EUR"}}
    words = ["--store", world.path / "shop", "--server", api.address, "--server-key", server.hex()]
    world.held("device", "reader", "enrol", *words, "--code", api.post(f"{API}/payees", asked)["code"])


def walk(checks, world):
    """All of it, in one private world."""
    api = world.online()
    server = bytes.fromhex(api.get(f"{API}/keys")["server"])
    payee = enrolled_payee(checks, world, api, server, "Foreign Bakery")
    shop(world, api, server)
    app, payer = enrol(checks, world, api, server)
    application = pair_application(checks, app)
    prefetch(checks, app, api)
    heard(checks, app, api)
    world.offline()
    made = [paid_by_pin(checks, app, payee), paid_by_otp(checks, app, application, payee)]
    made += [paid_by_nobody(checks, app, payee), paid_by_phrase(checks, app, payee)]
    refused_challenges(checks, app, payee)
    made.append(paid_as_a_card(checks, world, app))
    settle(checks, world, app, payee, payer, made)
