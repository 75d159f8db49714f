"""Checks the evidence of a tour with other people's code: PyPI `cwt` for COSE and CWT, `pyhpke` for HPKE, `cbor2` for CBOR.

Nothing of Symbolon's is used. What is written out here (claim numbers, the strings that sealings are bound to) is from the specification of
system 01 and docs/adr/0002. Usage: python3 check.py DIR. Exit 0: everything holds.
"""

import hashlib
import hmac
import sys
from pathlib import Path

import cbor2
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
from pyhpke.exceptions import OpenError

EXP, IAT, CTI, CNF, BODY = 4, 6, 7, 8, -65537
SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)
TYPES = {
    "enrolment-request": 65101,
    "enrolment": 65102,
    "nonce-token": 65103,
    "grant": 65104,
    "payee-request": 65105,
    "payee-certificate": 65106,
    "challenge": 65107,
    "secure-object": 65109,
    "receipt": 65110,
    "report": 65111,
    "reconciled": 65112,
    "trust-list": 65113,
}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def cose_key(raw):
    return {1: 1, -1: 6, -2: raw}


def kid_of(key):
    """The first 8 bytes of the COSE key thumbprint (RFC 9679)."""
    return sha256(cbor2.dumps({1: key[1], -1: key[-1], -2: key[-2]}, canonical=True))[:8]


class Checks:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.passed = 0
        self.failed = 0

    def that(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}")

    def read(self, name):
        return (self.folder / name).read_bytes()

    def opens(self, message, key):
        """The payload, if `cwt` accepts the signature under this key."""
        return COSE.new(verify_kid=True).decode(message, COSEKey.new({**key, 2: kid_of(key), 3: -8}))

    def signed(self, name, message, key):
        """Claims of a message whose signature holds; one flipped bit anywhere in payload or signature must not."""
        kind = next(kind for kind in sorted(TYPES, key=len, reverse=True) if Path(name).name.startswith(kind))
        payload = self.opens(message, key)
        claims = cbor2.loads(payload)
        outer = cbor2.loads(message)
        header = cbor2.loads(outer.value[0])
        self.that(header == {1: -8, 4: kid_of(key), 16: TYPES[kind]} and outer.value[1] == {}, f"{name}: the header")
        self.that(cbor2.dumps(claims, canonical=True) == payload, f"{name}: the payload is deterministic")
        start = message.index(payload)
        for at in (start, start + len(payload) // 2, len(message) - 1):
            bad = bytearray(message)
            bad[at] ^= 1
            try:
                self.opens(bytes(bad), key)
                self.that(False, f"{name}: accepted with a flipped bit at {at}")
            except (CWTError, ValueError):
                self.that(True, name)
        return claims

    def grants(self, server):
        found = {}
        for path in sorted((self.folder / "prefetch").glob("grant-*.cbor")):
            grant = self.signed(path.name, path.read_bytes(), server)
            token = self.read(f"prefetch/{path.name.replace('grant', 'nonce-token')}")
            device = grant[CNF][1]
            claims = self.signed("nonce-token", token, device)
            self.that(grant[BODY][1] == sha256(token), f"{path.name}: is on its token")
            self.that(len(claims[CTI]) == 16 and claims[IAT] < claims[EXP], f"{path.name}: the token's nonce and times")
            found[sha256(token)] = grant
        self.that(len(found) > 0, "there are grants")
        return found

    def payment(self, run, server, grants):
        """One payment: challenge, object and receipt, and how they hang together. The object's id and body."""
        challenge_bytes = self.read(f"{run}/challenge.cbor")
        certificate_bytes = cbor2.loads(cbor2.loads(challenge_bytes).value[2])[BODY][1]
        certificate = self.signed("payee-certificate", certificate_bytes, server)
        payee_key = certificate[CNF][1]
        challenge = self.signed(f"{run}/challenge", challenge_bytes, payee_key)
        transaction = sha256(cbor2.loads(challenge_bytes).value[2])
        message = self.read(f"{run}/secure-object.cbor")
        body = cbor2.loads(cbor2.loads(message).value[2])[BODY]
        grant = self.signed(f"{run}/grant", body[2], server)
        self.that(grants.get(body[1]) == grant, f"{run}: the grant is one that the phone was given")
        self.signed(f"{run}/secure-object", message, grant[CNF][1])
        paid = body[4]
        self.that(paid[4] == transaction and paid[3] == challenge[CTI], f"{run}: the object pays this challenge")
        self.that(paid[1] == challenge[BODY][2] and paid[2] == certificate[BODY][1], f"{run}: amount and payee")
        self.that(paid[1][0] <= grant[BODY][3][0] and paid[1][1] == grant[BODY][3][1], f"{run}: inside the grant's limit")
        self.that(body[6] == 1 and body[7] is True, f"{run}: PIN and one-time password are attested")
        object_id = sha256(cbor2.loads(message).value[2])
        receipt = self.signed(f"{run}/receipt", self.read(f"{run}/receipt.cbor"), payee_key)
        said = (receipt[BODY][1], receipt[BODY][2])
        self.that(said == (object_id, certificate[BODY][1]), f"{run}: the receipt is for this object")
        self.that(receipt[BODY] == {1: said[0], 2: said[1], 4: False}, f"{run}: for all of it, and given offline")
        self.that(5 not in paid and 3 not in challenge[BODY], f"{run}: no tip was asked for, and none given")
        self.that(self.read(f"{run}-shop/secure-object.cbor") == message, f"{run}: the shop has the same bytes")
        self.bound(run, transaction)
        return object_id, body

    def bound(self, run, transaction):
        """The credential travels with its token, its grant and the second nonce, in 272 bytes whatever it is."""
        sealed = cbor2.loads(self.read(f"{run}/sealed-credential.cbor"))
        self.that(sealed[3] == self.read(f"{run}/second-nonce.cbor"), f"{run}: the second nonce is used")
        second = cbor2.loads(cbor2.loads(sealed[3]).value[2])[BODY]
        self.that(second[2] == sha256(sealed[1]) and second[4] == transaction, f"{run}: the second nonce is for this payment")
        self.that(len(sealed[4][2]) == 272, f"{run}: the sealed credential's length says nothing")

    def trust(self, run, server):
        """The list that a shop heard before it uploaded: by the server's one key, which it names, with the hash of the devices it denies."""
        update = cbor2.loads(self.read(f"{run}/trust-update.cbor"))
        said = self.signed("trust-list", update[2], server)
        self.that(update[1] == [] and said[BODY][2] == [{1: server, 3: False}], f"{run}: one key, never rotated")
        self.that(len(update[3]) % 16 == 0 and sha256(update[3]) == said[BODY][3], f"{run}: the devices beside the list are the list's")
        return said[BODY][1], update[3]

    def audit(self, run, body, previous, spent):
        """What the object says to the issuer alone, opened by `pyhpke` with the throwaway issuer's key."""
        issuer = KEMKey.from_jwk(okp(self.read("throwaway-issuer-kem-private")))
        aad = body[1] + body[3]
        context = SUITE.create_recipient_context(body[8][1], issuer, info=b"sop/audit/v1")
        said = cbor2.loads(context.open(body[8][2], aad=aad))
        self.that(said[1] == spent and said[3] == previous, f"{run}: the audit's sum and chain")
        try:
            SUITE.create_recipient_context(body[8][1], issuer, info=b"sop/audit/v1").open(body[8][2], aad=aad[::-1])
            self.that(False, f"{run}: the audit opened under other data")
        except OpenError:
            self.that(True, run)

    def first_credential(self, server):
        """HPKE auth mode, opened by `pyhpke`: from the secure application's key to the throwaway authenticator's."""
        enrolment_bytes = self.read("enrol/enrolment.cbor")
        enrolment = self.signed("enrolment", enrolment_bytes, server)
        request = cbor2.loads(cbor2.loads(self.read("enrol/enrolment-request.cbor")).value[2])[BODY]
        self.signed("enrolment-request", self.read("enrol/enrolment-request.cbor"), request[2])
        machine = KEMKey.from_jwk(okp(self.read("throwaway-authenticator-kem-private")))
        sender_raw = cbor2.loads(self.read("enrol/secure-application-key.cbor"))[-2]
        sender = KEMKey.from_jwk({"kty": "OKP", "crv": "X25519", "x": b64(sender_raw)})
        sealed = cbor2.loads(self.read("enrol/complete-enrolment.cbor"))
        info = b"sop/enrol/v1" + sha256(enrolment_bytes)
        box = sealed[2]
        padded = SUITE.create_recipient_context(box[1], machine, info=info, pks=sender).open(box[2])
        digits = padded[2 : 2 + padded[1]]
        self.that(len(padded) == 256 and padded[0] == 1 and digits.isdigit(), "the first credential is a PIN, padded")
        self.that(not any(padded[2 + padded[1] :]), "the padding is zeros")
        try:
            SUITE.create_recipient_context(box[1], machine, info=info).open(box[2])
            self.that(False, "the first credential opened without its sender's key")
        except OpenError:
            self.that(True, "auth mode")

    def credential_proof(self, run, body, account_key):
        """HMAC(K_acct, "so/v1" || token || R || H(txn)), made anew by Python's own HMAC."""
        made = hmac.new(account_key, b"so/v1" + body[1] + body[3] + body[4][4], hashlib.sha256).digest()
        self.that(made == body[5], f"{run}: the credential proof")

    def all(self):
        server = cose_key(self.read("server-key"))
        self.first_credential(server)
        account_key = self.read("throwaway-account-key")
        grants = self.grants(server)
        first, by_qr = self.payment("qr", server, grants)
        second, by_apdu = self.payment("apdu", server, grants)
        copied, by_copy = self.payment("copy", server, grants)
        for run, body in (("qr", by_qr), ("apdu", by_apdu), ("copy", by_copy)):
            self.credential_proof(run, body, account_key)
        amounts = [body[4][1][0] for body in (by_qr, by_apdu, by_copy)]
        self.audit("qr", by_qr, bytes(32), amounts[0])
        self.audit("apdu", by_apdu, first, amounts[0] + amounts[1])
        self.audit("copy", by_copy, bytes(32), amounts[2])
        self.that(by_qr[1] == by_copy[1] and first != copied, "one nonce, two objects: a double spend")
        self.that(by_qr[1] != by_apdu[1], "two payments, two nonces")
        self.that(self.trust("upload", server) == (0, b""), "at first nobody is denied")
        self.that(self.trust("upload-copy", server) == (0, b""), "nor before the copy's object is there")
        device = grants[by_qr[1]][CNF][1]
        report = self.signed("report", self.read("reconcile/report.cbor"), device)
        self.that({1: by_qr[1], 2: first} in report[BODY][2] and len(report[BODY][2]) == 2, "the report names both objects")
        reconciled = self.signed("reconciled", self.read("reconcile/reconciled.cbor"), server)
        payload = cbor2.loads(self.read("reconcile/report.cbor")).value[2]
        self.that(reconciled[BODY][2] == sha256(payload), "the answer is to this report")


def b64(raw):
    import base64

    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def okp(private):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "X25519", "d": b64(private), "x": b64(public)}


def main():
    checks = Checks(sys.argv[1])
    checks.all()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
