"""The page for integrators, held to the foreign parties that stand on it: its tables and every value of its example."""

import hashlib
import hmac
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pyhpke import KEMKey

import links
import proofs
import secure_application as sa
from payee import check_object
from proofs import BODY, Signer, sha256
from trust import Trust
from world import WRONG_PIN

PAGE = Path(__file__).parents[2] / "docs" / "offline-payment-integration.md"
KINDS = {
    "enrolment request": proofs.ENROLMENT_REQUEST,
    "enrolment": proofs.ENROLMENT,
    "nonce token": proofs.NONCE_TOKEN,
    "grant": proofs.GRANT,
    "payee request": proofs.PAYEE_REQUEST,
    "payee certificate": proofs.PAYEE_CERTIFICATE,
    "challenge": proofs.CHALLENGE,
    "secure object": proofs.SECURE_OBJECT,
    "receipt": proofs.RECEIPT,
    "report": proofs.REPORT,
    "reconciled": proofs.RECONCILED,
    "trust list": proofs.TRUST_LIST,
    "refund": proofs.REFUND,
    "statement request": proofs.STATEMENT_REQUEST,
    "statement": proofs.STATEMENT,
}
REQUESTS = {
    "status": sa.STATUS,
    "pair the secure application": sa.PAIR,
    "begin enrolment": sa.BEGIN,
    "complete enrolment": sa.COMPLETE,
    "pair the payment application": sa.PAIR_APPLICATION,
    "nonces": sa.NONCES,
    "preview": sa.PREVIEW,
    "second nonce": sa.SECOND_NONCE,
    "authorise": sa.AUTHORISE,
    "once more": sa.REEMIT,
    "report": sa.REPORT,
    "reconciled": sa.RECONCILED,
    "trust list": sa.TRUST,
    "set a credential": sa.SET_CREDENTIAL,
}


def rows(text):
    """The cells of every table row."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]


def tables(checks, text):
    """The numbers of messages, requests and commands, as the page says them."""
    numbered = [(cells[1], int(cells[0])) for cells in rows(text) if cells[0].isdigit()]
    kinds = {name: number for name, number in numbered if number > 65_000}
    checks.that(kinds.pop("second nonce") == 65108 and kinds == KINDS, f"message types: {kinds}")
    requests = {name: number for name, number in numbered if number < 100}
    checks.that(requests == REQUESTS, f"requests to the authenticator: {requests}")
    commands = [f"80 {ins:02X} 00 00" for ins in (links.CHALLENGE, links.OBJECT, links.RECEIPT)]
    checks.that(all(f"`{command}`" in text for command in commands), "the commands of a card")
    checks.that(f"`{links.AID.hex(' ').upper()}`" in text, "its name")
    labels = ("sop/enrol/v1", "sop/cred/v1", "sop/pair/v1", "sop/set/v1", "sop/tip/v1", sa.OTP_SUITE.decode())
    checks.that(all(label in text for label in labels), "what sealings are bound to")


def signatures(checks, given):
    """Keys, kid, ids, and who signed what."""
    raw = {name: bytes.fromhex(value) for name, value in given.items() if isinstance(value, str)}
    signers = {name: Signer(bytes.fromhex(given[name]["private"])) for name in ("server", "payee", "authenticator")}
    for name, signer in signers.items():
        checks.that(signer.x.hex() == given[name]["public"], f"the public key of {name}")
    checks.that(proofs.kid_of(signers["server"].x).hex() == given["server"]["kid"], "the kid")
    id_of = sha256(b"symbolon/authenticator", signers["authenticator"].x)[:16].hex()
    checks.that(id_of == given["authenticator"]["id"], "the authenticator's id")
    signed = {
        "payee_certificate": ("server", proofs.PAYEE_CERTIFICATE),
        "grant": ("server", proofs.GRANT),
        "challenge": ("payee", proofs.CHALLENGE),
        "receipt": ("payee", proofs.RECEIPT),
        "nonce_token": ("authenticator", proofs.NONCE_TOKEN),
        "secure_object": ("authenticator", proofs.SECURE_OBJECT),
    }
    for name, (signer, kind) in signed.items():
        claims = proofs.verified(raw[name], kind, signers[signer].x)
        checks.that(signers[signer].sign(kind, claims) == raw[name], f"{name}: made again to the last bit (RFC 8032)")
        other = Signer(bytes(32)).x
        checks.refused("BAD_SIG", f"{name} under another key", lambda raw=raw[name], kind=kind: proofs.verified(raw, kind, other))
    checks.that(proofs.payload_hash(raw["challenge"]) == raw["transaction"], "H(txn)")
    checks.that(proofs.payload_hash(raw["secure_object"]) == raw["object_id"], "the object's id")
    trust = listed(checks, signers["server"], raw["trust_update"])
    body, _, _ = check_object(trust, raw["secure_object"], trust.heard)
    said = proofs.opened(raw["receipt"], proofs.RECEIPT)[BODY]
    checks.that(said == {1: raw["object_id"], 2: body[4][2], 4: False}, "the receipt, offline and for all of it")
    tip = given["agreed_with_a_tip"]
    checks.that(proofs.agreed(raw["transaction"], tip["tip"]).hex() == tip["agreed"], "what is agreed to with a tip")
    parts = b"so/v1" + sha256(raw["nonce_token"]) + body[3] + raw["transaction"]
    proof = hmac.new(raw["account_key"], parts, hashlib.sha256).digest()
    checks.that(proof == raw["credential_proof"] == body[5], "the credential proof")
    return raw


def listed(checks, server, update):
    """The trust that the example's update leads to from the server's key, as the page says that it does."""
    pinned = Trust.pinned(server.x)
    trust = pinned.heard_update(update)
    checks.that(trust.keys == [[server.x, None, False]] and (trust.epoch, trust.age) == (2, 3 * 24 * 3600), "the trust list")
    checks.that(trust.denied == [bytes([0xD0] * 16), bytes([0xD1] * 16)], "the devices that it denies")
    signed = proofs.decoded(update)[2]
    checks.that(server.sign(proofs.TRUST_LIST, proofs.opened(signed, proofs.TRUST_LIST)) == signed, "made again to the last bit")
    checks.refused("BAD_SIG", "by who pinned another key", lambda: Trust.pinned(Signer().x).heard_update(update))
    bare = proofs.encoded({**proofs.decoded(update), 3: bytes([0xD0] * 16)})
    checks.refused("MALFORMED", "without one of the devices", lambda: pinned.heard_update(bare))
    return trust


def sealing(checks, given, raw):
    """The credential, opened with the token's key under what it is bound to."""
    box = {name: bytes.fromhex(value) for name, value in given["sealing"].items() if name != "pin"}
    info = b"sop/cred/v1" + sha256(raw["nonce_token"]) + sha256(raw["grant"])
    aad = raw["transaction"] + sha256(b"")
    checks.that((info, aad) == (box["info"], box["aad"]), "info and aad")
    private = X25519PrivateKey.from_private_bytes(box["token_private"])
    said = proofs.opened(raw["nonce_token"], proofs.NONCE_TOKEN)[BODY][3]
    checks.that(proofs.okp_x(said, curve=4) == sa.x25519(private), "the token's key")
    sender = X25519PrivateKey.from_private_bytes(box["sender_private"]).public_key()
    key, pks = KEMKey.from_pyca_cryptography_key(private), KEMKey.from_pyca_cryptography_key(sender)
    once = X25519PrivateKey.from_private_bytes(bytes([9] * 32))
    checks.that(sa.x25519(once) == box["enc"], "the enc")
    opened = sa.SUITE.create_recipient_context(box["enc"], key, info=info, pks=pks).open(box["ciphertext"], aad=aad)
    body = proofs.opened(raw["secure_object"], proofs.SECURE_OBJECT)[BODY]
    issuer = KEMKey.from_pyca_cryptography_key(X25519PrivateKey.from_private_bytes(bytes([7] * 32)))
    audit = sa.SUITE.create_recipient_context(body[8][1], issuer, info=b"sop/audit/v1").open(body[8][2], aad=body[1] + body[3])
    checks.that(proofs.decoded(audit) == {1: body[4][1][0], 2: 9, 3: bytes(32)}, "the audit")
    checks.that(opened == sa.padded(given["sealing"]["pin"]) != sa.padded(WRONG_PIN), "the PIN, padded")


def carried(checks, given, raw):
    """Frames and one-time password."""
    frames = given["frames_of_payee_certificate"]
    checks.that(links.frames(raw["payee_certificate"], part=150) == frames, "the frames")
    checks.that(links.joined(frames[::-1]) == raw["payee_certificate"], "joined in any order")
    checks.that(links.joined(frames[1:]) is None, "not while one is missing")
    application = sa.PaymentApplication()
    application.secret, application.counter = bytes.fromhex(given["otp"]["secret"]), given["otp"]["counter"]
    checks.that(application.password(raw["transaction"]) == given["otp"]["code"], "the one-time password")


def inspected(checks, world, given):
    """This workspace's own inspector says the same of the example."""
    for name in ("payee_certificate", "grant", "challenge", "secure_object"):
        path = world.path / name
        path.write_text(given[name])
        said = world.held("proof", "inspect", path, "--server-key", given["server"]["public"])
        checks.that(said["ok"] is True and said["kind"] == name.replace("_", "-"), f"inspected: {name}")
        code, said = world.run("proof", "inspect", path, "--server-key", given["payee"]["public"])
        checks.that(code == 1 and said["ok"] is False, f"{name} under another server's key")


def walk(checks, world):
    """The whole page."""
    text = PAGE.read_text()
    tables(checks, text)
    given = json.loads(text.split("```json\n")[1].split("```")[0])
    raw = signatures(checks, given)
    sealing(checks, given, raw)
    carried(checks, given, raw)
    inspected(checks, world, given)
