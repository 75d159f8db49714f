"""A payee that shares no code with this workspace: it enrols, asks, accepts, gives receipts and is paid.

`Payee` is the whole of it: an Ed25519 key of its own, `cwt` for every signature, the server's public key and nothing else to trust.
What an object must fulfil stands in docs/offline-payment-integration.md, "What a payee checks". It is walked in walk_payee.py.
"""

import os
from pathlib import Path

import proofs
from proofs import BODY, CNF, CTI, EUR, EXP, IAT, Refused, Signer, amount, decoded, encoded, field

GRANT_CLAIMS, GRANT_FIELDS = {EXP, IAT, CNF, BODY}, {1, 2, 3, 4, 5, 6}


def verification_of(grant, minor):
    """What the grant asks for at this amount, as (user, otp): the last rule that it reaches; no rule asks for the strongest."""
    reached = [rule for rule in field(grant[BODY], 6, list) if field(rule, 1, int) <= minor]
    return (field(reached[-1], 2, int), field(reached[-1], 3, bool)) if reached else (255, True)


def check_object(server, message):
    """What an object proves to whoever has the server's key: object -> grant -> `cnf` -> signature (RFC 8747 §3). Claims, grant, id."""
    claimed = proofs.opened(message, proofs.SECURE_OBJECT)
    grant = proofs.verified(field(field(claimed, BODY, dict), 2, bytes), proofs.GRANT, server, "BAD_GRANT")
    if set(grant) != GRANT_CLAIMS or set(grant[BODY]) != GRANT_FIELDS:
        # A claim that is not known may be a restriction: on docs/offline-payment-integration.md it must stand, and be checked here.
        raise Refused("MALFORMED", f"claims of the grant: {sorted(grant)}, {sorted(grant[BODY])}")
    device = proofs.okp_x(field(field(grant, CNF, dict), 1, dict))
    body = proofs.verified(message, proofs.SECURE_OBJECT, device)[BODY]
    if field(body, 1, bytes, 32) != field(grant[BODY], 1, bytes, 32):
        raise Refused("BAD_GRANT")
    minor, currency = amount(field(field(body, 4, dict), 1, list))
    limit, in_currency = amount(field(grant[BODY], 3, list))
    if not 0 < minor <= limit or currency != in_currency:
        raise Refused("LIMIT_TX")
    user, otp = verification_of(grant, minor)
    if field(body, 6, int) < user or otp and not field(body, 7, bool):
        raise Refused("UV_TOO_WEAK")
    return body, grant, proofs.payload_hash(message)


class Payee:
    """A payee with its key, what it asked, and what it accepted."""

    def __init__(self, server, store):
        self.server, self.store = server, Path(store)
        if self.store.exists():
            seed, self.certificate, self.open, self.accepted = decoded(self.store.read_bytes())
            self.signer = Signer(seed)
        else:
            self.signer, self.certificate, self.open, self.accepted = Signer(), None, {}, {}

    def keep(self):
        """Makes the state durable: whole, or as it was."""
        fresh = self.store.with_suffix(".new")
        with open(fresh, "wb") as file:
            file.write(encoded([self.signer.seed(), self.certificate, self.open, self.accepted]))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.store)

    def request(self, code):
        """Asks for a certificate with the operator's code; signed with the key that it asks for."""
        return self.signer.sign(proofs.PAYEE_REQUEST, {BODY: {1: code, 2: proofs.okp(self.signer.x)}})

    def enrolled(self, certificate):
        """Takes the certificate: the server's, and for this key. Its claims."""
        claims = proofs.verified(certificate, proofs.PAYEE_CERTIFICATE, self.server)
        if proofs.okp_x(field(field(claims, CNF, dict), 1, dict)) != self.signer.x:
            raise Refused("PAYEE_UNKNOWN")
        self.certificate = certificate
        self.keep()
        return claims

    @property
    def id(self):
        """The payee's id, as its certificate says it."""
        return proofs.opened(self.certificate, proofs.PAYEE_CERTIFICATE)[BODY][1]

    def charge(self, minor, now, currency=EUR):
        """Asks for an amount: a signed challenge, open from now on."""
        nonce = os.urandom(16)
        body = {1: self.certificate, 2: [minor, currency]}
        challenge = self.signer.sign(proofs.CHALLENGE, {IAT: now, CTI: nonce, BODY: body})
        self.open[nonce] = challenge
        self.keep()
        return challenge

    def check(self, message, now):
        """Checks an object for an open challenge; changes nothing. Its body, grant, id and challenge."""
        body, grant, object_id = check_object(self.server, message)
        paid = body[4]
        if field(paid, 2, bytes, 16) != self.id:
            raise Refused("WRONG_PAYEE")
        challenge = self.open.get(field(paid, 3, bytes, 16))
        if challenge is None:
            raise Refused("CHALLENGE_UNKNOWN")
        asked = proofs.opened(challenge, proofs.CHALLENGE)
        if field(paid, 4, bytes, 32) != proofs.payload_hash(challenge) or paid[1] != asked[BODY][2]:
            raise Refused("WRONG_PAYEE")
        proofs.in_time(grant, now)
        if body[1] in {known[1] for known in self.accepted.values()}:
            raise Refused("NONCE_SPENT")
        return body, grant, object_id, challenge

    def accept(self, message, now):
        """Accepts an object, durably before the receipt leaves; the same object again gets the same receipt."""
        _, _, object_id = check_object(self.server, message)
        if object_id in self.accepted:
            return decoded(self.accepted[object_id][0])[3]
        body, grant, object_id, challenge = self.check(message, now)
        at = max(now, grant[IAT])
        receipt = self.signer.sign(proofs.RECEIPT, {IAT: at, BODY: {1: object_id, 2: self.id}})
        self.accepted[object_id] = [encoded({1: message, 2: challenge, 3: receipt}), body[1]]
        del self.open[body[4][3]]
        self.keep()
        return receipt

    def settlements(self):
        """What is uploaded, an object each."""
        return [settlement for settlement, _ in self.accepted.values()]
