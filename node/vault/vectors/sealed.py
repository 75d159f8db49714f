"""Writes sealed.json: sealed vaults by another implementation (pyca/cryptography over OpenSSL; CBOR by hand).

    python3 sealed.py > sealed.json
"""
import hmac, json
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for info, width in ((24, 1), (25, 2), (26, 4)):
        if value < 1 << 8 * width:
            return bytes([major << 5 | info]) + value.to_bytes(width, "big")


def cbor(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def derive(secret, label, context):
    info = (32).to_bytes(2, "big") + b"".join(len(part).to_bytes(4, "big") + part for part in (label, context))
    return HKDF(SHA256(), 32, None, info).derive(secret)


def sealed(header, file_key, contents, version=1):
    envelope = {1: "symbolon-vault", 2: version, 3: cbor(header), 4: b""}
    envelope[4] = AESGCM(file_key).encrypt(bytes(12), cbor(contents), cbor(envelope))
    return cbor(envelope).hex().upper()


signing, kem, master = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
contents = {1: signing, 2: kem, 3: master}
salt, key, passphrase = bytes(range(96, 128)), bytes(range(128, 160)), "correct horse battery staple"
by_key = sealed({1: salt}, derive(key, b"symbolon/vault/file-key", salt), contents)
stretched = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=64).derive(passphrase.encode())
by_passphrase = sealed({1: salt, 2: {1: 64, 2: 2}}, stretched, contents)
drawn = [{1: bytes([0xA0 + n]) * 16, 2: bytes(range(160 + 32 * n, 192 + 32 * n))} for n in range(2)]
by_key_2 = sealed({1: salt}, derive(key, b"symbolon/vault/file-key", salt), contents | {4: drawn}, 2)
later = [Ed25519PrivateKey.from_private_bytes(one[2]) for one in drawn]
authenticator, message = bytes(range(16)), b"a proof's parts"
account = derive(master, b"symbolon/offline-payment/account", authenticator)
print(json.dumps({
    "key_file": key.hex().upper(),
    "sealed_by_key_file": by_key,
    "passphrase": passphrase,
    "sealed_by_passphrase": by_passphrase,
    "server_public": Ed25519PrivateKey.from_private_bytes(signing).public_key().public_bytes_raw().hex().upper(),
    "issuer_public": X25519PrivateKey.from_private_bytes(kem).public_key().public_bytes_raw().hex().upper(),
    "message": message.hex().upper(),
    "signature": Ed25519PrivateKey.from_private_bytes(signing).sign(message).hex().upper(),
    "authenticator": authenticator.hex().upper(),
    "sealed_by_key_file_2": by_key_2,
    "drawn_public": [one.public_key().public_bytes_raw().hex().upper() for one in later],
    "drawn_signature": [one.sign(message).hex().upper() for one in later],
    "account_proof": hmac.digest(account, message, "sha256").hex().upper(),
}, indent=1))
