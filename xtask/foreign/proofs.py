"""Symbolon's proofs as a foreign party reads and writes them: COSE_Sign1 over CWT claims, by `cwt` and `cbor2`.

By docs/offline-payment-integration.md, RFC 9052 (COSE), RFC 8392 (CWT), RFC 8747 (`cnf`), RFC 9679 (thumbprints) and
docs/adr/0002. Nothing of Symbolon's code is used.
"""

import hashlib

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError

# CWT claims (RFC 8392 §3.1, RFC 8747 §3.1); Symbolon's own fields are one map under a private claim.
EXP, IAT, CTI, CNF, BODY = 4, 6, 7, 8, -65537
# COSE header parameters (RFC 9052 §3.1, RFC 9596 §2), the one algorithm and the one tag.
ALG, KID, TYP, EDDSA, SIGN1 = 1, 4, 16, -8, 18

ENROLMENT_REQUEST, ENROLMENT, NONCE_TOKEN, GRANT = 65101, 65102, 65103, 65104
PAYEE_REQUEST, PAYEE_CERTIFICATE, CHALLENGE = 65105, 65106, 65107
SECURE_OBJECT, RECEIPT, REPORT, RECONCILED = 65109, 65110, 65111, 65112
TRUST_LIST, REFUND, STATEMENT_REQUEST, STATEMENT = 65113, 65114, 65115, 65116

MESSAGE_BYTES_MAX = 16 * 1024
SKEW_SECONDS = 300
# ISO 4217 numeric codes, as amounts carry them.
EUR = 978


class Refused(Exception):
    """A refusal, by Symbolon's name for it."""

    def __init__(self, name, detail=None):
        super().__init__(name, detail)
        self.name = name
        self.detail = detail


def sha256(*parts):
    """SHA-256 of the parts, one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def encoded(value):
    """Deterministic CBOR (RFC 8949 §4.2.1)."""
    return cbor2.dumps(value, canonical=True)


def decoded(data):
    """One value in deterministic CBOR that is all of `data`: whatever would be written otherwise is MALFORMED."""
    try:
        value = cbor2.loads(data)
        if encoded(value) == data:
            return value
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, ValueError, TypeError, OverflowError, MemoryError, RecursionError):
        pass
    raise Refused("MALFORMED")


def typed(value, kind):
    """`value` if it is of exactly this Python type: True is no 1, and 1.0 is none either."""
    if type(value) is not kind:
        raise Refused("MALFORMED")
    return value


def field(of, key, kind, length=None):
    """A field of a map, of this type and, for byte strings, of this length."""
    value = typed(typed(of, dict).get(key), kind)
    if length is not None and len(value) != length:
        raise Refused("MALFORMED")
    return value


def fields(of, needed, perhaps=()):
    """A map with all of these keys, perhaps some of those, and no other: what is not known is refused."""
    keys = set(typed(of, dict))
    if not set(needed) <= keys <= {*needed, *perhaps}:
        raise Refused("MALFORMED", f"fields {keys}")
    return of


def amount(value):
    """An amount: `[minor units, ISO 4217 numeric code]`."""
    if len(typed(value, list)) != 2 or min(typed(part, int) for part in value) < 0:
        raise Refused("MALFORMED")
    return tuple(value)


def okp(x, curve=6):
    """A public COSE_Key of key type OKP (RFC 9053 §7.2): curve 6 is Ed25519, curve 4 is X25519."""
    return {1: 1, -1: curve, -2: x}


def okp_x(key, curve=6):
    """The 32 bytes of a public key that has exactly the three members of `okp`."""
    x = field(key, -2, bytes, 32)
    if key != okp(x, curve):
        raise Refused("MALFORMED")
    return x


def kid_of(x):
    """The first 8 bytes of the key's COSE thumbprint (RFC 9679 §4.1)."""
    return sha256(encoded(okp(x)))[:8]


def opened(message, kind):
    """The claims of a signed message in its one form, its signature not looked at yet: only for finding the key (docs/adr/0002)."""
    outer = decoded(message) if len(message) <= MESSAGE_BYTES_MAX else None
    parts = getattr(outer, "value", None)
    if getattr(outer, "tag", None) != SIGN1 or type(parts) is not list or len(parts) != 4:
        raise Refused("MALFORMED")
    header = decoded(typed(parts[0], bytes))
    if header != {ALG: EDDSA, KID: field(header, KID, bytes, 8), TYP: kind} or parts[1] != {}:
        raise Refused("MALFORMED")
    return typed(decoded(typed(parts[2], bytes)), dict)


def payload_hash(message):
    """SHA-256 of the payload: the id of an object, H(txn) of a challenge (docs/adr/0002, Identity)."""
    return sha256(decoded(message).value[2])


def kid_in(message):
    """Whose signature a message says that it bears; `opened` has looked at its form."""
    return decoded(decoded(message).value[0])[KID]


def agreed(transaction, tip=None):
    """What the payer agrees to: H(txn), or with a tip a hash of both."""
    return transaction if tip is None else sha256(b"sop/tip/v1", transaction, tip.to_bytes(8, "big"))


def verified(message, kind, x, refusal="BAD_SIG"):
    """The claims of a message that `cwt` verifies under this Ed25519 key."""
    claims = opened(message, kind)
    key = COSEKey.new({**okp(x), 2: kid_of(x), 3: EDDSA})
    try:
        COSE.new(verify_kid=True).decode(message, key)
    except (CWTError, ValueError) as error:
        raise Refused(refusal, str(error)) from error
    return claims


class Signer:
    """An Ed25519 key pair of a foreign party's own (RFC 8032), by `cryptography`."""

    def __init__(self, seed=None):
        fresh = Ed25519PrivateKey.generate()
        self.private = Ed25519PrivateKey.from_private_bytes(seed) if seed else fresh
        self.x = self.private.public_key().public_bytes_raw()

    def seed(self):
        """The private key's 32 bytes."""
        return self.private.private_bytes_raw()

    def sign(self, kind, claims):
        """A signed message of this kind, made by `cwt`."""
        key = COSEKey.new({**okp(self.x), -4: self.seed(), 2: kid_of(self.x), 3: EDDSA})
        header = {ALG: EDDSA, KID: kid_of(self.x), TYP: kind}
        return COSE.new().encode(encoded(claims), key=key, protected=header, unprotected={})


def in_time(claims, now, skew=SKEW_SECONDS):
    """Refuses outside [iat - skew, exp + skew) (RFC 8392 §3.1.4, §3.1.6); without a clock nothing is judged (CLOCK_BACK)."""
    if now is None:
        raise Refused("CLOCK_BACK")
    iat, exp = field(claims, IAT, int), field(claims, EXP, int)
    if now + skew < iat or now >= exp + skew or iat >= exp:
        raise Refused("EXPIRED")
