"""What a payee must refuse, and what damage a picture may take: each beside the twin that is accepted."""

import os

from PIL import Image, ImageChops

import proofs
from links import read_symbol
from payee import Payee
from proofs import BODY, CNF, EUR, EXP, IAT, Signer, encoded


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


class Issuer:
    """An issuer and a device that somebody else made: their chains differ from the platform's in their keys alone."""

    def __init__(self, message):
        self.server, self.device = Signer(), Signer()
        claims = proofs.opened(message, proofs.SECURE_OBJECT)
        self.claims = claims
        self.grant = proofs.opened(claims[BODY][2], proofs.GRANT)

    def certificate(self, payee):
        """A certificate for a payee's key."""
        now = self.grant[IAT]
        body = {1: bytes(16), 2: "Forged", 3: 5462, 4: [5_000, EUR]}
        return self.server.sign(proofs.PAYEE_CERTIFICATE, {EXP: now + 1_000, IAT: now, CNF: {1: proofs.okp(payee.signer.x)}, BODY: body})

    def made(self, challenge, payee, change=None):
        """An object for a challenge; `change` alters grant claims, object body, or the signers, before they sign."""
        asked = proofs.opened(challenge, proofs.CHALLENGE)
        grant = {**self.grant, CNF: {1: proofs.okp(self.device.x)}, BODY: dict(self.grant[BODY])}
        paid = {1: asked[BODY][2], 2: payee.id, 3: asked[proofs.CTI], 4: proofs.payload_hash(challenge)}
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


def another_hash(parts):
    parts["body"][4][4] = os.urandom(32)


FORGED = [
    (over_limit, "LIMIT_TX"),
    (other_currency, "LIMIT_TX"),
    (no_user, "UV_TOO_WEAK"),
    (no_password, "UV_TOO_WEAK"),
    (no_rule, "UV_TOO_WEAK"),
    (unknown_claim, "MALFORMED"),
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
    trusting.enrolled(issuer.certificate(trusting))
    challenge = trusting.charge(1_000, at)
    good = issuer.made(challenge, trusting)
    trusting.check(good, at)
    checks.that(True, "the twin is accepted by who trusts its issuer")
    for change, name in FORGED:
        bad = issuer.made(challenge, trusting, change)
        checks.refused(name, f"a chain with {change.__name__}", lambda bad=bad: trusting.check(bad, at))
    trusting.accept(good, at)
    second = trusting.charge(1_000, at)
    checks.refused("NONCE_SPENT", "a second object of one nonce", lambda: trusting.accept(issuer.made(second, trusting), at))
    not_trusting = Payee(server, world.path / "not-trusting.cbor")
    checks.refused("BAD_SIG", "a certificate of another server", lambda: not_trusting.enrolled(issuer.certificate(not_trusting)))


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
