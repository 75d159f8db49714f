"""A secure application that shares no code with this workspace: it enrols its authenticator, seals credentials for it with `pyhpke`, and
hands payees the objects that it makes.

The credential is sealed in HPKE auth mode (RFC 9180 §5.1.3) to the key of one nonce token, with token and grant in `info` and the
what was agreed to in `aad`; docs/offline-payment-integration.md, "What is sealed, and to what". The payment application with its one-time
password (RFC 6287) is here too, as a class of its own.
"""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

import proofs
from links import ask
from proofs import BODY, CNF, CTI, EXP, IAT, Refused, decoded, encoded, field, fields, sha256
from trust import Trust

# Requests to the authenticator.
STATUS, PAIR, BEGIN, COMPLETE, PAIR_APPLICATION, NONCES = 1, 2, 3, 4, 5, 6
PREVIEW, SECOND_NONCE, AUTHORISE, REEMIT, REPORT, RECONCILED = 7, 8, 9, 10, 11, 12
TRUST, SET_CREDENTIAL = 13, 14

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)
PADDED_BYTES, NOTHING, PIN, PASSPHRASE = 256, 0, 1, 2
OTP_SUITE = b"OCRA-1:HOTP-SHA256-8:C-QH64"


def seal(recipient, plaintext, info, aad=b"", sender=None):
    """`{1: enc, 2: ciphertext}`: HPKE to an X25519 key, in auth mode where there is a sender (RFC 9180 §5.1)."""
    key = KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(recipient))
    sks = KEMKey.from_pyca_cryptography_key(sender) if sender else None
    enc, context = SUITE.create_sender_context(key, info=info, sks=sks) if sks else SUITE.create_sender_context(key, info=info)
    return {1: enc, 2: context.seal(plaintext, aad=aad)}


def padded(value, kind=PIN):
    """Kind, length, value, zeros up to 256 bytes: the length of the ciphertext says nothing, not even that nothing was typed."""
    return (bytes([kind, len(value)]) + value.encode()).ljust(PADDED_BYTES, b"\0")


def x25519(key):
    """The public half of an X25519 key, raw."""
    return key.public_key().public_bytes_raw()


class PaymentApplication:
    """Another application on the same phone: it shares a secret with the authenticator and lends one password to one payment."""

    def __init__(self):
        self.id, self.secret, self.counter = os.urandom(16), os.urandom(32), 0

    def pairing(self, authenticator_kem):
        """Its secret, sealed in HPKE base mode to the authenticator, its id as associated data."""
        return {1: self.id, 2: seal(authenticator_kem, self.secret, b"sop/pair/v1", aad=self.id)}

    def password(self, agreed):
        """OCRA (RFC 6287 §5.1) over its counter and what was agreed to as a question of 64 hexadecimal digits."""
        question = agreed.hex().ljust(256, "0")
        data = OTP_SUITE + b"\0" + self.counter.to_bytes(8, "big") + bytes.fromhex(question)
        self.counter += 1
        mac = hmac.new(self.secret, data, hashlib.sha256).digest()
        at = mac[-1] & 15
        return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 10**8:08}"


class SecureApplication:
    """The application that the user types the credential into. Its one key is known to one authenticator."""

    def __init__(self, socket, server):
        self.socket, self.trust = socket, Trust.pinned(server)
        self.key, self.wallet, self.device = X25519PrivateKey.generate(), [], None

    def ask(self, kind, body=None):
        """One request to the authenticator."""
        return ask(self.socket, kind, body)

    def kem(self):
        """The authenticator's key for what is sealed to it at enrolment and pairing."""
        return proofs.okp_x(self.ask(STATUS)[2], curve=4)

    def pair(self):
        """Makes its key known to the authenticator, once."""
        self.ask(PAIR, proofs.okp(x25519(self.key), curve=4))

    def begin(self, code):
        """The authenticator's enrolment request for the issuer's code; signed with the key that it asks for."""
        request = self.ask(BEGIN, code)
        asked = proofs.opened(request, proofs.ENROLMENT_REQUEST)[BODY]
        self.device = proofs.okp_x(asked[2])
        proofs.verified(request, proofs.ENROLMENT_REQUEST, self.device)
        return request

    def first_credential(self, enrolment, pin, sender=None):
        """The user's first credential, sealed to the authenticator and bound to the server's enrolment."""
        info = b"sop/enrol/v1" + sha256(enrolment)
        return {1: enrolment, 2: seal(self.kem(), padded(pin), info, sender=sender or self.key)}

    def complete(self, enrolment, pin):
        """Checks the server's enrolment, and brings it to the authenticator with the first credential."""
        claims = self.trust.verified(enrolment, proofs.ENROLMENT, None)
        self.ask(COMPLETE, self.first_credential(enrolment, pin))
        return claims

    def hear(self, update):
        """Takes the server's lists, one after the other, and hands each on to the authenticator."""
        self.trust = self.trust.heard_update(update)
        lists = decoded(update)
        for message in [*lists[1], lists[2]]:
            self.ask(TRUST, message)

    def sealed_setting(self, shown, new):
        """A new credential under one that is set, each as (kind, value), bound to the authenticator's counter: it counts once."""
        status = self.ask(STATUS)
        info = b"sop/set/v1" + status[1] + status[10].to_bytes(8, "big")
        both = b"".join(padded(value, kind) for kind, value in (shown, new))
        return {1: seal(proofs.okp_x(status[2], curve=4), both, info, sender=self.key)}

    def nonces(self, count):
        """Fresh nonce tokens, each verified under the authenticator's key (1.2)."""
        tokens = self.ask(NONCES, count)
        for token in tokens:
            proofs.verified(token, proofs.NONCE_TOKEN, self.device)
        return tokens

    def add(self, tokens, grants):
        """Takes tokens and their grants in, in pairs, all of them or none (1.3)."""
        for token, grant in zip(tokens, grants, strict=True):
            claims = self.trust.verified(grant, proofs.GRANT, None, "BAD_GRANT")
            if claims[BODY][1] != sha256(token) or proofs.okp_x(claims[CNF][1]) != self.device:
                raise Refused("BAD_GRANT")
        self.wallet += zip(tokens, grants)

    def offer(self, minor):
        """The oldest nonce whose grant covers the amount; it leaves the wallet."""
        for pair in self.wallet:
            if proofs.amount(proofs.opened(pair[1], proofs.GRANT)[BODY][3])[0] >= minor:
                self.wallet.remove(pair)
                return pair
        raise Refused("NO_NONCE")

    def sealed(self, pair, challenge, value, second=None, kind=PIN, tip=None, **changed):
        """The message to the authenticator: the credential sealed under token AND grant, for what was agreed to (1.4)."""
        token, grant = pair
        recipient = proofs.okp_x(proofs.opened(token, proofs.NONCE_TOKEN)[BODY][3], curve=4)
        bound = {
            "info": b"sop/cred/v1" + sha256(token) + sha256(grant),
            "aad": proofs.agreed(proofs.payload_hash(challenge), tip) + sha256(second or b""),
            "sender": self.key,
            **changed,
        }
        message = {1: token, 2: grant, 3: second, 4: seal(recipient, padded(value, kind), **bound), 5: challenge, 6: tip}
        return {key: part for key, part in message.items() if part is not None}

    def second_nonce(self, pair, challenge, application, password, tip=None):
        """The second nonce that the payment application's password buys."""
        body = {1: sha256(pair[0]), 2: challenge, 3: application.id, 4: os.urandom(16), 5: password}
        return self.ask(SECOND_NONCE, body if tip is None else {**body, 6: tip})

    def authorise(self, sealed):
        """The secure object, from the authenticator."""
        return self.ask(AUTHORISE, sealed)

    def takes_receipt(self, message, challenge, receipt):
        """Whether the challenge's payee took this object, or a part of what it pays."""
        certificate = self.trust.verified(proofs.opened(challenge, proofs.CHALLENGE)[BODY][1], proofs.PAYEE_CERTIFICATE, None)
        paid = proofs.opened(message, proofs.SECURE_OBJECT)[BODY][4][1][0]
        key = proofs.okp_x(certificate[CNF][1])
        try:
            said = fields(proofs.verified(receipt, proofs.RECEIPT, key)[BODY], {1, 2, 4}, {3})
        except Refused:
            return False
        return (said[1], said[2]) == (proofs.payload_hash(message), certificate[BODY][1]) and 0 < said.get(3, paid) <= paid

    def reconcile(self, api):
        """Online again: the report to the server, its answer to the authenticator. The answer's claims."""
        report = self.ask(REPORT)
        claims = proofs.verified(report, proofs.REPORT, self.device)
        answer = api.device("reports", report)
        reconciled = self.trust.verified(answer, proofs.RECONCILED, None)
        if reconciled[BODY][2] != proofs.payload_hash(report):
            raise Refused("EXPIRED")
        self.ask(RECONCILED, answer)
        return claims, reconciled


def grants_of(api, tokens):
    """The server's grants on these tokens: an array of messages for an array of messages."""
    return decoded(api.device("grants", encoded(tokens)))


def token_says(token):
    """Nonce, sequence number and lifetime of a token."""
    claims = proofs.opened(token, proofs.NONCE_TOKEN)
    return field(claims, CTI, bytes, 16), field(claims[BODY], 2, int), claims[EXP] - claims[IAT]
