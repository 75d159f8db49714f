"""The foreign payee, walked: enrolled over HTTP, paid offline by this workspace's phone over QR and APDU, settled once, its book audited; then
the server changes its key and denies the phone, and the payee hears of both. And all that it, the phone and the platform must refuse."""

import time

import payee_trials as trials
import proofs
from links import CHALLENGE, OK, RECEIPT, WRONG_DATA, Screens, Terminal
from payee import Payee
from proofs import BODY, CNF, EUR, IAT, Signer, decoded
from world import API, Failed, status_of

# So large that the object does not fit one symbol.
LIMIT, BY_QR, BY_APDU = 100_000, 81_250, 320
# Paid after the change of key, on a grant by the former key and on one by the present.
BY_TIP, TIP, BY_NEW, FINAL = 400, 40, 600, 550
NONCES, DAY, HOUR = 3, 24 * 3600, 3600


def now():
    """Unix seconds."""
    return int(time.time())


def enrolled_payee(checks, world, api, server, name):
    """A payee that the operator invites and the platform enrols over HTTP."""
    asked = {"name": name, "mcc": 5462, "cap": {"minor": 5_000, "currency": "EUR"}}
    invited = api.post(f"{API}/payees", asked)
    payee = Payee(server, world.path / f"{name.replace(' ', '-')}.cbor")
    checks.that(payee.hear(api.fetch("trust")) and payee.trust.signing() == server, "the first list, under the key that was pinned")
    code = bytes.fromhex(invited["code"])
    request = payee.request(code)
    claims = payee.enrolled(api.device("payee-enrolments", request), now())
    body = claims[BODY]
    checks.that((body[1].hex().upper(), body[2], body[3]) == (invited["id"].upper(), name, 5462), "the certificate says who it is")
    checks.that(tuple(body[4]) == (5_000, EUR) and claims[IAT] < claims[proofs.EXP], "the certificate's cap and times")
    checks.that(payee.enrolled(api.device("payee-enrolments", request), now()) == claims, "the same request gets the same certificate")
    checks.refused("CODE_UNKNOWN", "a code that was given to nobody", lambda: api.device("payee-enrolments", payee.request(bytes(16))))
    stolen = Signer().sign(proofs.PAYEE_REQUEST, {BODY: {1: code, 2: proofs.okp(payee.signer.x)}})
    checks.refused("BAD_SIG", "a request under another key than it asks for", lambda: api.device("payee-enrolments", stolen))
    return payee


def phone_words(world, socket):
    """The words with which every run of the phone begins."""
    return ["--store", world.path / "phone", "--authenticator", socket]


def prepare(checks, world):
    """Online: an account, two payees, the phone with its authenticator and five nonces."""
    api = world.online()
    server = bytes.fromhex(api.get(f"{API}/keys")["server"])
    per_payment = {"minor": LIMIT, "currency": "EUR"}
    # Grants that end before a list is too old, so that each is refused for its own sake.
    limits = {"per_payment": per_payment, "pool": 6, "otp_from_minor": 70_000, "grant_seconds": DAY}
    payer = world.account(api, limits)
    payee = enrolled_payee(checks, world, api, server, "Foreign Bakery")
    other = enrolled_payee(checks, world, api, server, "Foreign Books")
    socket = world.authenticator(server)
    code = api.post(f"{API}/accounts/{payer}/invitations", {})["code"]
    words = phone_words(world, socket)
    world.held("device", "phone", "enrol", *words, "--server", api.address, "--code", code, "--pin", f"@{world.path / 'pin'}")
    world.held("device", "phone", "prefetch", *words, "--server", api.address, "--count", NONCES)
    return payee, other, words, payer, aged_lists(api)


def aged_lists(api):
    """The present list, the next that is good for an hour, and the next that is good for three days."""
    lists = [api.fetch("trust")]
    for age in (HOUR, 3 * DAY):
        api.post(f"{API}/trust-policy", {"age_seconds_max": age})
        lists.append(api.fetch("trust"))
    return lists


def start_paying(world, words, *via):
    """The phone, offline, with the right PIN."""
    return world.start("device", "phone", "pay", *words, *via, "--pin", f"@{world.path / 'pin'}", "--timeout", 30)


def paid_by_qr(checks, world, payee, other, words, lists):
    """One payment by QR, and around it everything that must be refused."""
    screens = Screens(world.path / "glass")
    challenge = payee.charge(BY_QR, now())
    screens.show("challenge", challenge, part=150)
    checks.that(len(screens.pictures("challenge")) == 3, "the challenge in three symbols, fewer bytes each than must be")
    phone = start_paying(world, words, "--via", "qr", "--dir", screens.folder)
    message = screens.see("object")
    checks.that(len(screens.pictures("object")) > 1, "the object took more than one symbol")
    body, grant, object_id, _ = payee.check(message, now())
    checks.that(body[4][1] == [BY_QR, EUR] and (body[6], body[7]) == (1, True), "the amount, by PIN and one-time password")
    trials.damaged_pictures(checks, screens.pictures("object"))
    trials.every_flipped_bit(checks, message, lambda bad: payee.check(bad, now()))
    trials.out_of_place(checks, payee, other, message, grant)
    trials.by_an_old_list(checks, payee, message, lists, now())
    receipt = payee.accept(message, now())
    checks.that(payee.accept(message, now()) == receipt, "the same object again gets the same receipt")
    checks.that(Payee(payee.server, payee.store).accept(message, now()) == receipt, "also after a restart")
    screens.show("receipt", receipt)
    code, said = world.finished(phone)
    checks.that(code == 0 and said["receipt"] is True, f"the phone took the foreign receipt: {said}")
    checks.that(said["object"].lower() == object_id.hex() and said["payee"] == "Foreign Bakery", "it paid this object to this payee")
    return message


def object_by_apdu(world, words, challenge, *more):
    """The phone pays a terminal that shows this challenge: phone, terminal, and the object before anybody has judged it."""
    field_socket = world.path / f"field-{len(world.started)}.socket"
    phone = start_paying(world, words, "--via", "apdu", "--socket", field_socket, *more)
    terminal = Terminal(field_socket)
    if (terminal.select(), terminal.put(CHALLENGE, challenge)) != (OK, OK):
        raise Failed("the phone does not take the challenge")
    return phone, terminal, terminal.fetch()


def given(checks, world, phone, terminal, receipt):
    """The phone takes the receipt; what it says at its end."""
    checks.that(terminal.put(RECEIPT, receipt) == OK, "the phone keeps the receipt")
    terminal.close()
    code, said = world.finished(phone)
    checks.that(code == 0 and said["receipt"] is True, f"the phone paid: {said}")
    return said


def paid_by_apdu(checks, world, payee, words):
    """One payment as a terminal; a receipt by another key is no receipt, and the right one is."""
    field_socket = world.path / "field.socket"
    phone = start_paying(world, words, "--via", "apdu", "--socket", field_socket)
    terminal = Terminal(field_socket)
    challenge = payee.charge(BY_APDU, now())
    checks.that(terminal.put(CHALLENGE, challenge) != OK, "nothing before SELECT")
    checks.that(terminal.select(bytes(7)) != OK and terminal.select() == OK, "SELECT by its name and no other")
    checks.that(terminal.put(CHALLENGE, challenge) == OK, "the challenge, chained")
    message = terminal.fetch()
    receipt = payee.accept(message, now())
    forged = Signer().sign(proofs.RECEIPT, proofs.opened(receipt, proofs.RECEIPT))
    checks.that(terminal.put(RECEIPT, forged) == WRONG_DATA, "the phone refuses a receipt by another key")
    given(checks, world, phone, terminal, receipt)


def phone_refuses(checks, world, payee, words):
    """Challenges that the phone refuses before it asks for the credential; the twin of each was paid above."""
    screens = Screens(world.path / "glass-2")
    good = payee.charge(500, now())
    claims = proofs.opened(good, proofs.CHALLENGE)
    mallory = Signer()
    own = mallory.sign(proofs.PAYEE_CERTIFICATE, {
        **proofs.opened(payee.certificate, proofs.PAYEE_CERTIFICATE), CNF: {1: proofs.okp(mallory.x)},
    })
    tried = {
        "PAYEE_UNKNOWN": mallory.sign(proofs.CHALLENGE, {**claims, BODY: {1: own, 2: [500, EUR]}}),
        "BAD_SIG": mallory.sign(proofs.CHALLENGE, claims),
        "NO_NONCE": payee.charge(LIMIT + 1, now()),
        "AMOUNT_INVALID": payee.signer.sign(proofs.CHALLENGE, {**claims, BODY: {**claims[BODY], 2: [0, EUR]}}),
    }
    for name, challenge in tried.items():
        screens.show("challenge", challenge)
        code, said = world.finished(start_paying(world, words, "--via", "qr", "--dir", screens.folder))
        checks.that(code == 1 and said["refusal"]["name"] == name, f"the phone refuses a challenge as {name}: {said}")


def settle(checks, world, payee, other, payer):
    """Online again: uploaded, paid once, and what was not accepted is not paid."""
    api = world.online()
    before = status_of(api, f"payees/{payee.id.hex()}")["credited"]["minor"]
    trials.late_upload(checks, api, payee)
    answers = [decoded(api.device("settlements", upload)) for upload in payee.settlements()]
    checks.that([answer[2] for answer in answers] == [[BY_QR, EUR], [BY_APDU, EUR]], f"both objects settle: {answers}")
    checks.that({answer[3] for answer in answers} == {0}, "from their reservations")
    checks.that([answer[1] for answer in answers] == list(payee.accepted), "by their ids")
    again = [decoded(api.device("settlements", upload)) for upload in payee.settlements()]
    after = status_of(api, f"payees/{payee.id.hex()}")["credited"]["minor"]
    checks.that(again == answers and (before, after) == (0, BY_QR + BY_APDU), f"paid once: {before}, then {after}")
    trials.changed_uploads(checks, api, payee, other)
    account = status_of(api, f"accounts/{payer}")
    held = account["reserved"]["minor"], account["debt"]["minor"]
    checks.that(held == ((NONCES - 2) * LIMIT, 0), f"the other nonces stay reserved: {account}")
    return api, account["authenticators"][0]["id"]


def book(checks, api, payee):
    """The server's statement against the payee's book, before and after money is given back."""
    objects = list(payee.accepted)
    differs, refunded = payee.audit(1, api.device("statements", payee.asks_statement(1, now())))
    checks.that(not differs and refunded == dict.fromkeys(objects, 0), "both books say the same")
    stale = payee.asks_statement(1, now() - proofs.SKEW_SECONDS - 60)
    checks.refused("EXPIRED", "a request for a statement of another time", lambda: api.device("statements", stale))
    trials.refunds(checks, api, payee, objects[1], BY_APDU, now())
    _, refunded = payee.audit(1, api.device("statements", payee.asks_statement(1, now())))
    checks.that(refunded == {objects[0]: 0, objects[1]: BY_APDU}, f"the statement says what was given back: {refunded}")
    differs, _ = payee.audit(2, api.device("statements", payee.asks_statement(2, now())))
    checks.that(differs == {objects[0]}, "from the second entry on the first is not there")


def key_changed(checks, world, api, payee, words):
    """The server rotates its key: the payee follows by the chain of lists, and takes what both keys granted."""
    deaf, before = payee.copy(world.path / "deaf.cbor"), api.fetch("trust")
    rotated = api.post(f"{API}/server-keys", {"overlap_seconds": 7 * DAY})
    checks.that(payee.hear(api.fetch("trust")) and payee.trust.signing().hex().upper() == rotated["server"], "heard by the chain")
    checks.that(not payee.hear(before) and payee.trust.signing().hex().upper() == rotated["server"], "an old list is not taken")
    fresh = Payee(payee.server, world.path / "fresh.cbor")
    checks.that(fresh.hear(api.fetch("trust")) and fresh.trust.keys == payee.trust.keys, "from the first key the chain leads there too")
    world.held("device", "phone", "prefetch", *words, "--server", api.address, "--count", 1)
    # Online: the server is asked before the receipt is given, on a grant by the former key.
    phone, terminal, message = object_by_apdu(world, words, payee.charge(BY_TIP, now(), tip_max=2 * TIP), "--tip", TIP)
    judged = payee.copy(world.path / "judged.cbor")
    body, _, object_id, _ = payee.check(message, now())
    checks.that((body[4][1], body[4][5]) == ([BY_TIP + TIP, EUR], TIP), "the tip is in the amount")
    forwarded, upload = payee.forward(message, now())
    checks.that(decoded(api.device("settlements", upload)) == {1: object_id, 2: [BY_TIP + TIP, EUR], 3: 0}, "settled at once")
    given(checks, world, phone, terminal, payee.settled(forwarded))
    # Offline, on a grant by the present key.
    challenge = payee.charge(BY_NEW, now())
    deaf.open = dict(payee.open)
    phone, terminal, granted_anew = object_by_apdu(world, words, challenge)
    barred = payee.copy(world.path / "barred.cbor")
    checks.refused("BAD_GRANT", "by who has not heard of the key", lambda: deaf.check(granted_anew, now()))
    receipt = payee.accept(granted_anew, now(), FINAL)
    checks.that(given(checks, world, phone, terminal, receipt)["payee"] == "Foreign Bakery", "paid")
    answer = decoded(api.device("settlements", payee.settlements()[-1]))
    checks.that(answer[2] == [FINAL, EUR], f"the final amount is credited: {answer}")
    return judged, message, barred, granted_anew


def revoked(checks, api, device, judged, message, barred, granted_anew):
    """The former key is revoked, then the phone is: whoever hears takes no more of what it took before."""
    judged.check(message, now())
    api.delete(f"server-keys/{proofs.kid_of(judged.server).hex()}")
    judged.check(message, now())
    checks.that(judged.hear(api.fetch("trust")), "a list that revokes the former key")
    checks.refused("GRANT_REVOKED", "a grant under it", lambda: judged.check(message, now()))
    checks.that(barred.hear(api.fetch("trust")), "heard here too")
    barred.check(granted_anew, now())
    api.delete(f"authenticators/{device}")
    barred.check(granted_anew, now())
    checks.that(barred.hear(api.fetch("trust")) and barred.trust.denied == [bytes.fromhex(device)], "a list that denies the phone")
    checks.refused("REVOKED", "an object of the phone", lambda: barred.check(granted_anew, now()))


def walk(checks, world):
    """All of it, in one private world."""
    payee, other, words, payer, lists = prepare(checks, world)
    world.offline()
    message = paid_by_qr(checks, world, payee, other, words, lists)
    trials.forged_chains(checks, world, payee.server, message)
    paid_by_apdu(checks, world, payee, words)
    phone_refuses(checks, world, payee, words)
    api, device = settle(checks, world, payee, other, payer)
    book(checks, api, payee)
    revoked(checks, api, device, *key_changed(checks, world, api, payee, words))
    world.offline()
    world.held("verify", "--data", world.path / "platform")
    checks.that(True, "the audit of the data folder holds")
