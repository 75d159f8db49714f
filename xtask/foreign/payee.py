"""A payee that shares no code with this workspace: it enrols, asks, accepts, gives receipts, is paid, gives back and audits its book.

`Payee` is the whole of it: an Ed25519 key of its own, `cwt` for every signature, and one key of the server's, from which trust.py goes on.
What an object must fulfil stands in docs/offline-payment-integration.md, "What a payee checks". It is walked in walk_payee.py.
"""

import os
from pathlib import Path

import proofs
from proofs import BODY, CNF, CTI, EUR, EXP, IAT, Refused, Signer, amount, decoded, encoded, field, fields, sha256
from trust import Trust

GRANT_CLAIMS, GRANT_FIELDS = {EXP, IAT, CNF, BODY}, {1, 2, 3, 4, 5, 6}
ENTRIES_MAX = 100


def verification_of(grant, minor):
    """What the grant asks for at this amount, as (user, otp): the last rule that it reaches; no rule asks for the strongest."""
    reached = [rule for rule in field(grant[BODY], 6, list) if field(rule, 1, int) <= minor]
    return (field(reached[-1], 2, int), field(reached[-1], 3, bool)) if reached else (255, True)


def check_object(trust, message, now):
    """What an object proves to whoever has the server's keys: object -> grant -> `cnf` -> signature (RFC 8747 §3). Claims, grant, id."""
    claimed = fields(proofs.opened(message, proofs.SECURE_OBJECT), {IAT, BODY})
    body = fields(claimed[BODY], {1, 2, 3, 4, 6, 7, 8}, {5})
    paid = fields(field(body, 4, dict), {1, 2, 3, 4}, {5})
    grant = trust.verified(field(body, 2, bytes), proofs.GRANT, now, "BAD_GRANT")
    # A claim that is not known may be a restriction: on docs/offline-payment-integration.md it must stand, and be checked here.
    fields(fields(grant, GRANT_CLAIMS)[BODY], GRANT_FIELDS)
    device = proofs.okp_x(field(field(grant, CNF, dict), 1, dict))
    proofs.verified(message, proofs.SECURE_OBJECT, device)
    if field(body, 1, bytes, 32) != field(grant[BODY], 1, bytes, 32):
        raise Refused("BAD_GRANT")
    minor, currency = amount(field(paid, 1, list))
    limit, in_currency = amount(field(grant[BODY], 3, list))
    if not 0 < minor <= limit or currency != in_currency:
        raise Refused("LIMIT_TX")
    user, otp = verification_of(grant, minor)
    proved = 5 in body and bool(field(body, 5, bytes, 32))
    if proved != (field(body, 6, int) > 0) or body[6] < user or otp and not field(body, 7, bool):
        raise Refused("UV_TOO_WEAK")
    return body, grant, proofs.payload_hash(message)


def with_tip(asked, paid):
    """What is paid for a challenge when the payer adds what the object says."""
    minor, currency = asked[2]
    if 5 not in paid:
        return [minor, currency]
    if not 0 <= field(paid, 5, int) <= asked.get(3, -1):
        raise Refused("TIP_TOO_HIGH")
    return [minor + paid[5], currency]


class Payee:
    """A payee with its key, what it believes of the server, what it asked, and what it accepted."""

    def __init__(self, server, store):
        self.server, self.store = server, Path(store)
        self.signer, self.certificate, self.trust = Signer(), None, Trust.pinned(server)
        self.open, self.forwarded, self.accepted = {}, {}, {}
        if self.store.exists():
            seed, self.certificate, trust, self.open, self.forwarded, self.accepted = decoded(self.store.read_bytes())
            self.signer, self.trust = Signer(seed), Trust(*trust)

    def keep(self):
        """Makes the state durable: whole, or as it was."""
        kept = [self.signer.seed(), self.certificate, self.trust.parts(), self.open, self.forwarded, self.accepted]
        fresh = self.store.with_suffix(".new")
        with open(fresh, "wb") as file:
            file.write(encoded(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.store)

    def copy(self, store):
        """The same payee as it is now, from its store."""
        self.keep()
        Path(store).write_bytes(self.store.read_bytes())
        return Payee(self.server, store)

    def request(self, code):
        """Asks for a certificate with the operator's code; signed with the key that it asks for."""
        return self.signer.sign(proofs.PAYEE_REQUEST, {BODY: {1: code, 2: proofs.okp(self.signer.x)}})

    def hear(self, update):
        """Takes the server's word on its keys and the devices that are denied; whether it was news."""
        before, self.trust = self.trust, self.trust.heard_update(update)
        self.keep()
        return self.trust is not before

    def enrolled(self, certificate, now):
        """Takes the certificate: the server's, and for this key. Its claims."""
        claims = self.trust.verified(certificate, proofs.PAYEE_CERTIFICATE, now)
        if proofs.okp_x(field(field(claims, CNF, dict), 1, dict)) != self.signer.x:
            raise Refused("PAYEE_UNKNOWN")
        self.certificate = certificate
        self.keep()
        return claims

    @property
    def id(self):
        """The payee's id, as its certificate says it."""
        return proofs.opened(self.certificate, proofs.PAYEE_CERTIFICATE)[BODY][1]

    def charge(self, minor, now, currency=EUR, tip_max=None, bill=None):
        """Asks for an amount, perhaps with a tip, perhaps as a part of a bill `{1: id, 2: total}`: a signed challenge, open from now on."""
        if currency != proofs.opened(self.certificate, proofs.PAYEE_CERTIFICATE)[BODY][4][1]:
            raise Refused("AMOUNT_INVALID")
        nonce = os.urandom(16)
        perhaps = {3: tip_max, 4: bill}
        body = {1: self.certificate, 2: [minor, currency], **{key: value for key, value in perhaps.items() if value is not None}}
        challenge = self.signer.sign(proofs.CHALLENGE, {IAT: now, CTI: nonce, BODY: body})
        self.open[nonce] = challenge
        self.keep()
        return challenge

    def check(self, message, now, online=False):
        """Checks an object for an open challenge; changes nothing. Its body, grant, id and challenge. Online, `now` is the server's time."""
        if now is None:
            raise Refused("CLOCK_BACK")
        body, grant, object_id = check_object(self.trust, message, now)
        paid = body[4]
        if field(paid, 2, bytes, 16) != self.id:
            raise Refused("WRONG_PAYEE")
        challenge = self.open.get(field(paid, 3, bytes, 16))
        if challenge is None:
            raise Refused("CHALLENGE_UNKNOWN")
        if field(paid, 4, bytes, 32) != proofs.payload_hash(challenge):
            raise Refused("WRONG_PAYEE")
        if paid[1] != with_tip(proofs.opened(challenge, proofs.CHALLENGE)[BODY], paid):
            raise Refused("WRONG_PAYEE")
        proofs.in_time(grant, now)
        if not online:
            self.trust.fresh(now)
        if sha256(b"symbolon/authenticator", grant[CNF][1][-2])[:16] in self.trust.denied:
            raise Refused("REVOKED")
        if body[1] in {known[1] for known in [*self.accepted.values(), *self.forwarded.values()]}:
            raise Refused("NONCE_SPENT")
        return body, grant, object_id, challenge

    def take(self, message, now, final, online):
        """Checks an object and makes its receipt, for all that it pays or for less; its challenge is open no more."""
        body, grant, object_id, challenge = self.check(message, now, online)
        (paid, currency), nonce = body[4][1], body[4][3]
        final = paid if final is None else final
        if not 0 < final <= paid:
            raise Refused("FINAL_TOO_HIGH")
        said = {1: object_id, 2: self.id, 4: online, **({3: final} if final < paid else {})}
        # A payee whose clock is a little slow learns from the grant that it is at least this late.
        receipt = self.signer.sign(proofs.RECEIPT, {IAT: max(now, grant[IAT]), BODY: said})
        del self.open[nonce]
        return object_id, [encoded({1: message, 2: challenge, 3: receipt}), body[1], [final, currency]]

    def accept(self, message, now, final=None):
        """Accepts an object offline, durably before the receipt leaves; the same object again gets the same receipt."""
        for settlement in map(decoded, self.settlements()):
            if settlement[1] == message:
                return settlement[3]
        object_id, accepted = self.take(message, now, final, online=False)
        self.accepted[object_id] = accepted
        self.keep()
        return decoded(accepted[0])[3]

    def forward(self, message, server_time):
        """Takes an object online: what is uploaded at once, kept before it is. Its receipt waits for the server's word."""
        object_id, forwarded = self.take(message, server_time, None, online=True)
        self.forwarded[object_id] = forwarded
        self.keep()
        return object_id, forwarded[0]

    def settled(self, object_id):
        """The server has settled a forwarded object: its receipt may leave."""
        self.accepted[object_id] = self.forwarded.pop(object_id)
        self.keep()
        return decoded(self.accepted[object_id][0])[3]

    def settlements(self):
        """What is uploaded, an object each."""
        return [settlement for settlement, _, _ in self.accepted.values()]

    def refund(self, object_id, minor, now, nonce=None):
        """Gives back a part of what an object brought; the same nonce and body again are the same refund."""
        _, token, (_, currency) = self.accepted[object_id]
        body = {1: self.id, 2: token, 3: object_id, 4: [minor, currency]}
        return self.signer.sign(proofs.REFUND, {IAT: now, CTI: nonce or os.urandom(16), BODY: body})

    def asks_statement(self, first, now):
        """Asks what the server credited, from this entry on."""
        return self.signer.sign(proofs.STATEMENT_REQUEST, {IAT: now, BODY: {1: self.id, 2: first}})

    def audit(self, first, message):
        """A statement from this entry on, held against the book: what differs, by object; and how much was given back."""
        claims = fields(self.trust.verified(message, proofs.STATEMENT, None), {IAT, BODY})
        body = fields(claims[BODY], {1, 2, 3, 4})
        entries = field(body, 3, list)
        if field(body, 1, bytes, 16) != self.id:
            raise Refused("WRONG_PAYEE")
        if field(body, 2, int) != first or len(entries) > ENTRIES_MAX or first - 1 + len(entries) > field(body, 4, int):
            raise Refused("MALFORMED")
        credited = {field(entry, 1, bytes, 32): field(entry, 2, list) for entry in entries}
        taken = {object_id: known[2] for object_id, known in self.accepted.items()}
        differs = {one for one in {*credited, *taken} if credited.get(one) != taken.get(one)}
        return differs, {entry[1]: field(entry, 4, int) for entry in entries}
