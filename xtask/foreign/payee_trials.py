"""What a payee must refuse, and what damage a picture may take: each beside the twin that is accepted."""

import os

from PIL import Image, ImageChops

import proofs
from links import read_symbol
from payee import Payee
from proofs import BODY, CNF, EUR, EXP, IAT, Signer, encoded, sha256


def every_flipped_bit(checks, message, check):
    """Every single bit of the decoded object, flipped: refused (RFC 9052 §4.4; the one form of docs/adr/0002)."""
    check(message)
    for place in range(8 * len(message)):
        bad = bytearray(message)
        bad[place // 8] ^= 1 << place % 8
        checks.refused(("MALFORMED", "BAD_SIG", "BAD_GRANT"), f"bit {place} flipped", lambda bad=bytes(bad): check(bad))


def damaged_pictures(checks, pictures, module=4, quiet=4):
    """Regions of modules inverted, all over each symbol: read as the same text (level M repairs 15 %), or not at all."""
    read, unread = 0, 0
    for path in pictures:
        with Image.open(path) as opened:
            image = opened.convert("L")
        text, modules = read_symbol(image), image.width // module - 2 * quiet
        checks.that(text is not None, "the undamaged symbol is read")
        for side in (1, 7, 24, modules * 2 // 3):
            for at in range(0, modules - side, max(side, modules // 6)):
                left, top = (quiet + at) * module, (quiet + (at * 5) % (modules - side)) * module
                box = (left, top, left + side * module, top + side * module)
                bad = image.copy()
                bad.paste(ImageChops.invert(image.crop(box)), box)
                seen = read_symbol(bad)
                checks.that(seen in (text, None), f"a damaged symbol is read as something else: {side} modules at {at}")
                read, unread = read + (seen is not None), unread + (seen is None)
    checks.that(read > 0 and unread > 0, f"some damage is repaired ({read}) and some is not ({unread})")


def out_of_place(checks, payee, other, message, grant):
    """The accepted object at another payee, at another time, for another challenge."""
    at = grant[IAT]
    payee.check(message, at)
    checks.refused("WRONG_PAYEE", "another payee", lambda: other.check(message, at))
    checks.refused("CLOCK_BACK", "a payee that does not know the time", lambda: payee.check(message, None))
    last = grant[EXP] + proofs.SKEW_SECONDS
    payee.check(message, last - 1)
    checks.refused("EXPIRED", "the grant's end and the skew have passed", lambda: payee.check(message, last))
    checks.refused("EXPIRED", "long before the grant", lambda: payee.check(message, at - proofs.SKEW_SECONDS - 1))
    asked = dict(payee.open)
    payee.open.clear()
    checks.refused("CHALLENGE_UNKNOWN", "a challenge that is not open", lambda: payee.check(message, at))
    nonce, challenge = next(iter(asked.items()))
    claims = proofs.opened(challenge, proofs.CHALLENGE)
    payee.open[nonce] = payee.signer.sign(proofs.CHALLENGE, {**claims, IAT: claims[IAT] - 1})
    checks.refused("WRONG_PAYEE", "another challenge under the same nonce", lambda: payee.check(message, at))
    payee.open = asked
    payee.check(message, at)


def by_an_old_list(checks, payee, message, lists, at):
    """The accepted object by the server's list of a shorter age: to its last second, and no longer. Then by a longer one again."""
    long, short, longer = lists
    payee.check(message, at)
    checks.that(payee.hear(short) and not payee.hear(long), "a list of a later epoch is taken, one of an earlier is not")
    last = payee.trust.heard + payee.trust.age
    payee.check(message, last)
    checks.refused("DENY_LIST_OLD", "the list is older than its age", lambda: payee.check(message, last + 1))
    checks.that(payee.hear(longer), "a fresh list")
    payee.check(message, last + 1)
    other = payee.copy(payee.store.with_suffix(".other"))
    other.trust.heard = at + proofs.SKEW_SECONDS
    other.check(message, at)
    other.trust.heard += 1
    checks.refused("CLOCK_BACK", "before the list, so that its age cannot be told", lambda: other.check(message, at))
    other.trust.heard = 0
    checks.refused("DENY_LIST_OLD", "no list was ever heard", lambda: other.check(message, at))


class Issuer:
    """An issuer and a device that somebody else made: their chains differ from the platform's in their keys alone."""

    def __init__(self, message):
        self.server, self.device = Signer(), Signer()
        claims = proofs.opened(message, proofs.SECURE_OBJECT)
        self.claims = claims
        self.grant = proofs.opened(claims[BODY][2], proofs.GRANT)

    def list(self, signer=None, epoch=1, keys=None, denied=b"", late=0, shown=None, lead=()):
        """An update with a list, so many seconds after the grant; `shown` are the denied devices beside it, `lead` the updates whose lists lead on."""
        keys = keys or [{1: proofs.okp(self.server.x), 3: False}]
        body = {1: epoch, 2: keys, 3: sha256(denied), 4: 1_000_000}
        signed = (signer or self.server).sign(proofs.TRUST_LIST, {IAT: self.grant[IAT] + late, BODY: body})
        rotations = [proofs.decoded(update)[2] for update in lead]
        return encoded({1: rotations, 2: signed, 3: denied if shown is None else shown})

    def certificate(self, payee):
        """A certificate for a payee's key."""
        now = self.grant[IAT]
        body = {1: bytes(16), 2: "Forged", 3: 5462, 4: [5_000, EUR]}
        return self.server.sign(proofs.PAYEE_CERTIFICATE, {EXP: now + 1_000, IAT: now, CNF: {1: proofs.okp(payee.signer.x)}, BODY: body})

    def made(self, challenge, payee, change=None):
        """An object for a challenge; `change` alters grant claims, object body, or the signers, before they sign."""
        asked = proofs.opened(challenge, proofs.CHALLENGE)
        grant = {**self.grant, CNF: {1: proofs.okp(self.device.x)}, BODY: dict(self.grant[BODY])}
        paid = {1: list(asked[BODY][2]), 2: payee.id, 3: asked[proofs.CTI], 4: proofs.payload_hash(challenge)}
        body = {**self.claims[BODY], 4: paid}
        parts = {"grant": grant, "body": body, "server": self.server, "device": self.device}
        if change:
            change(parts)
        body[2] = parts["server"].sign(proofs.GRANT, grant)
        return parts["device"].sign(proofs.SECURE_OBJECT, {IAT: self.claims[IAT], BODY: body})


def over_limit(parts):
    parts["grant"][BODY][3] = [parts["body"][4][1][0] - 1, EUR]


def other_currency(parts):
    parts["grant"][BODY][3] = [100_000, 840]


def no_user(parts):
    parts["body"][6] = 0


def no_password(parts):
    parts["body"][7] = False
    parts["grant"][BODY][6] = [{1: 0, 2: 1, 3: True}]


def no_rule(parts):
    parts["grant"][BODY][6] = []


def unknown_claim(parts):
    parts["grant"][BODY][99] = 1


def another_token(parts):
    parts["body"][1] = os.urandom(32)


def another_server(parts):
    parts["server"] = Signer()


def another_device(parts):
    parts["device"] = Signer()


def another_amount(parts):
    parts["body"][4][1] = [parts["body"][4][1][0] - 1, EUR]


def another_payee(parts):
    parts["body"][4][2] = os.urandom(16)


def unproved(parts):
    del parts["body"][5]


def proved_nobody(parts):
    nobody(parts)
    parts["body"][5] = bytes(32)


def nobody(parts):
    """No credential, where the grant asks for none: no proof either."""
    parts["grant"][BODY][6] = [{1: 0, 2: 0, 3: False}]
    del parts["body"][5]
    parts["body"][6] = 0


def unknown_field(parts):
    parts["body"][99] = 1


def another_hash(parts):
    parts["body"][4][4] = os.urandom(32)


FORGED = [
    (over_limit, "LIMIT_TX"),
    (other_currency, "LIMIT_TX"),
    (no_user, "UV_TOO_WEAK"),
    (no_password, "UV_TOO_WEAK"),
    (no_rule, "UV_TOO_WEAK"),
    (unproved, "UV_TOO_WEAK"),
    (proved_nobody, "UV_TOO_WEAK"),
    (unknown_claim, "MALFORMED"),
    (unknown_field, "MALFORMED"),
    (another_token, "BAD_GRANT"),
    (another_server, "BAD_GRANT"),
    (another_device, "BAD_SIG"),
    (another_amount, "WRONG_PAYEE"),
    (another_payee, "WRONG_PAYEE"),
    (another_hash, "WRONG_PAYEE"),
]


def forged_chains(checks, world, server, message):
    """Chains that are right to whoever trusts their issuer: that payee accepts the one, and refuses each that differs by one thing."""
    issuer = Issuer(message)
    at = issuer.grant[IAT]
    trusting = Payee(issuer.server.x, world.path / "trusting.cbor")
    trusting.hear(issuer.list())
    trusting.enrolled(issuer.certificate(trusting), at)
    challenge = trusting.charge(1_000, at)
    checks.refused("AMOUNT_INVALID", "another currency than the cap's", lambda: trusting.charge(1_000, at, currency=840))
    good = issuer.made(challenge, trusting)
    trusting.check(good, at)
    checks.that(True, "the twin is accepted by who trusts its issuer")
    for change, name in FORGED:
        bad = issuer.made(challenge, trusting, change)
        checks.refused(name, f"a chain with {change.__name__}", lambda bad=bad: trusting.check(bad, at))
    body, _, _, _ = trusting.check(issuer.made(challenge, trusting, nobody), at)
    checks.that((5 in body, body[6]) == (False, 0), "no credential where none is asked for, and no proof")
    tips(checks, issuer, trusting, at)
    finals(checks, issuer, trusting, at)
    trusting.accept(good, at)
    second = trusting.charge(1_000, at)
    checks.refused("NONCE_SPENT", "a second object of one nonce", lambda: trusting.accept(issuer.made(second, trusting), at))
    not_trusting = Payee(server, world.path / "not-trusting.cbor")
    checks.refused("BAD_SIG", "a certificate of another server", lambda: not_trusting.enrolled(issuer.certificate(not_trusting), at))
    trust_lists(checks, issuer, trusting.copy(world.path / "hearing.cbor"), at)


def tipped(tip, more):
    """A change that adds `more` to the amount and says that `tip` of it is a tip."""
    def change(parts):
        paid = parts["body"][4]
        paid[1], paid[5] = [paid[1][0] + more, EUR], tip
    return change


def tips(checks, issuer, payee, at):
    """A tip to the most that the challenge allows, included in the amount."""
    challenge, without = payee.charge(1_000, at, tip_max=50), payee.charge(1_000, at)
    for tip in (0, 50):
        body, _, _, _ = payee.check(issuer.made(challenge, payee, tipped(tip, tip)), at)
        checks.that((body[4][1], body[4][5]) == ([1_000 + tip, EUR], tip), f"a tip of {tip}")
    payee.check(issuer.made(without, payee), at)
    for name, asked, change, what in [
        ("TIP_TOO_HIGH", challenge, tipped(51, 51), "one more than is allowed"),
        ("TIP_TOO_HIGH", challenge, tipped(-1, -1), "a tip below nothing"),
        ("TIP_TOO_HIGH", without, tipped(1, 1), "a tip where none is asked for"),
        ("WRONG_PAYEE", challenge, tipped(50, 0), "a tip that is not in the amount"),
        ("WRONG_PAYEE", challenge, tipped(0, 50), "an amount that its tip does not make"),
    ]:
        bad = issuer.made(asked, payee, change)
        checks.refused(name, what, lambda bad=bad: payee.check(bad, at))


def finals(checks, issuer, payee, at):
    """Less is taken than is paid; never nothing, and never more."""
    grants = iter(range(1, 4))

    def another(parts):
        parts["grant"][BODY][1] = parts["body"][1] = bytes([next(grants)] * 32)

    for final, said in ((999, 999), (1_000, None), (1, 1)):
        good = issuer.made(payee.charge(1_000, at), payee, another)
        for wrong in (0, -1, 1_001):
            checks.refused("FINAL_TOO_HIGH", f"{wrong} of 1000", lambda good=good, wrong=wrong: payee.accept(good, at, wrong))
        receipt = proofs.opened(payee.accept(good, at, final), proofs.RECEIPT)[BODY]
        checks.that((receipt.get(3), receipt[4]) == (said, False), f"{final} of 1000 is taken, offline")


def trust_lists(checks, issuer, payee, at):
    """Lists by whoever this payee trusts: what moves it, what does not; each beside its twin that does."""
    old, new, denied = issuer.server, Signer(), sorted([sha256(b"symbolon/authenticator", issuer.device.x)[:16], b"\xee" * 16])
    challenge = payee.charge(1_000, at)
    other = payee.charge(1_000, at)

    def fresh(parts):
        parts["grant"][BODY][1] = parts["body"][1] = b"\x77" * 32

    def of_new(parts):
        fresh(parts)
        parts["server"] = new

    good, under_new = issuer.made(challenge, payee, fresh), issuer.made(other, payee, of_new)
    payee.check(good, at)
    barred, ids = payee.copy(payee.store.with_suffix(".barred")), b"".join(denied)
    for what, shown in {"one id fewer": ids[:16], "out of order": ids[16:] + ids[:16], "cut": ids[:-1]}.items():
        bad = issuer.list(epoch=2, denied=ids if what != "out of order" else ids[16:] + ids[:16], shown=shown)
        checks.refused("MALFORMED", f"denied devices: {what}", lambda bad=bad: barred.hear(bad))
    barred.check(good, at)
    checks.that(barred.hear(issuer.list(epoch=2, denied=ids)) and not barred.hear(issuer.list()), "a list that denies the device")
    checks.refused("REVOKED", "a device that is denied", lambda: barred.check(good, at))
    until = at + 100
    keys = [{1: proofs.okp(new.x), 3: False}, {1: proofs.okp(old.x), 2: until, 3: False}]
    rotation = {"epoch": 2, "keys": keys}
    by_old, by_new = issuer.list(old, **rotation), issuer.list(new, **rotation, late=1)
    checks.refused("BAD_SIG", "a list by the key that comes", lambda: payee.hear(by_new))
    checks.refused("BAD_SIG", "led by itself", lambda: payee.hear(issuer.list(new, **rotation, late=1, lead=[by_new])))
    checks.refused("GRANT_REVOKED", "a rotation that no list follows", lambda: payee.hear(by_old))
    checks.refused("BAD_GRANT", "a grant under a key that is in no list", lambda: payee.check(under_new, at))
    checks.refused("MALFORMED", "a list whose first key has an end", lambda: payee.hear(issuer.list(old, epoch=2, keys=keys[::-1])))
    checks.refused("MALFORMED", "nine keys", lambda: payee.hear(issuer.list(old, epoch=2, keys=keys + keys[1:] * 7)))
    checks.refused("BAD_SIG", "a list that does not name its signer", lambda: payee.hear(issuer.list(old, epoch=2, keys=keys[:1])))
    led = issuer.list(new, **rotation, late=1, lead=[by_old])
    checks.that(payee.hear(led) and payee.trust.signing() == new.x, "a rotation by the key that goes, and the list of the key that comes")
    payee.check(under_new, at)
    payee.check(good, until)
    checks.refused("GRANT_REVOKED", "a grant under a key that has ended", lambda: payee.check(good, until + 1))
    checks.refused("GRANT_REVOKED", "a list by the key that went", lambda: payee.hear(issuer.list(old, epoch=3, keys=keys, late=2)))
    checks.that(not payee.hear(issuer.list(old)), "an older list changes nothing")
    gone = [keys[0], {**keys[1], 3: True}]
    checks.that(payee.hear(issuer.list(new, epoch=3, keys=gone, late=2)), "a list that revokes it")
    checks.refused("GRANT_REVOKED", "a grant under a revoked key", lambda: payee.check(good, at))
    checks.that(payee.hear(issuer.list(new, epoch=4, keys=keys, late=3)), "a list that takes that back")
    checks.refused("GRANT_REVOKED", "once revoked, always revoked", lambda: payee.check(good, at))
    payee.check(under_new, at)


def refunds(checks, api, payee, object_id, credited, at):
    """Money given back in parts, each once; never more than was credited."""
    first = payee.refund(object_id, 100, at, bytes(16))
    answer = proofs.decoded(api.device("refunds", first))
    checks.that(answer == {1: object_id, 2: [100, EUR], 3: 100}, f"given back: {answer}")
    checks.that(proofs.decoded(api.device("refunds", first)) == answer, "the same refund again changes nothing")
    other = payee.refund(object_id, 101, at, bytes(16))
    checks.refused("CONFLICT", "another refund under its nonce", lambda: api.device("refunds", other))
    more = payee.refund(object_id, credited - 99, at)
    checks.refused("REFUND_TOO_HIGH", "one more than is left", lambda: api.device("refunds", more))
    forged = Signer().sign(proofs.REFUND, proofs.opened(first, proofs.REFUND))
    checks.refused("BAD_SIG", "a refund by another key", lambda: api.device("refunds", forged))
    rest = proofs.decoded(api.device("refunds", payee.refund(object_id, credited - 100, at)))
    checks.that(rest[3] == credited, "all of it, and no more")


def late_upload(checks, api, payee):
    """An object that its receipt says was accepted after its grant; the same object with its true receipt is paid afterwards."""
    upload = proofs.decoded(payee.settlements()[0])
    grant = proofs.opened(proofs.opened(upload[1], proofs.SECURE_OBJECT)[BODY][2], proofs.GRANT)
    said = {**proofs.opened(upload[3], proofs.RECEIPT), IAT: grant[EXP] + proofs.SKEW_SECONDS + 1}
    late = encoded({**upload, 3: payee.signer.sign(proofs.RECEIPT, said)})
    checks.refused("SETTLED_LATE", "accepted after the grant's end", lambda: api.device("settlements", late))


def changed_uploads(checks, api, payee, other):
    """Uploads that the platform refuses: each is an accepted one with one part changed."""
    first, second = [proofs.decoded(upload) for upload in payee.settlements()]
    for place in (1, 2, 3):
        mixed = encoded({**first, place: second[place]})
        what = f"an upload with part {place} of another"
        checks.refused(("WRONG_PAYEE", "BAD_SIG"), what, lambda mixed=mixed: api.device("settlements", mixed))
    claims = proofs.opened(first[3], proofs.RECEIPT)
    forged = encoded({**first, 3: other.signer.sign(proofs.RECEIPT, claims)})
    checks.refused("BAD_SIG", "an upload with another payee's receipt", lambda: api.device("settlements", forged))
    twin = api.device("settlements", encoded(first))
    again = encoded({**first, 3: payee.signer.sign(proofs.RECEIPT, {**claims, IAT: claims[IAT] + 1})})
    checks.that(api.device("settlements", again) == twin, "a settled object is answered as before, whatever its receipt says now")
