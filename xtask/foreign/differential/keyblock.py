"""Key blocks beside psec: random keys and headers in versions A to D, made by one side and opened by the other, and changed blocks;
key pairs in every form that cryptography writes.

psec==1.3.0, cryptography==50.0.2 (what psec enciphers with, and what makes key pairs)

    python keyblock.py SYMBOLON [SEED]

psec does not know version E. Where it is not as X9.143 has it, the case is not compared:
- optional blocks of more than 251 characters: psec counts the bytes of the extended length, the standard its characters (X9.143:2021 6.2 table 1, 8.5);
- what psec does not check, so that we alone refuse: usage with algorithm and mode, a protection key weaker than the key, keys of single DES, the
  letters of exportability and of the key context, lower-case hexadecimal digits, a padding block that is not the last block.
"""

import json
import random
import subprocess
import sys
import warnings

# The cipher is what both sides are asked for; its library says at every use that it is old.
warnings.simplefilter("ignore")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from psec import tr31

CASES = 60
# Usage, algorithm, modes, lengths of the key.
KEYS = [
    ("P0", "T", "BDEN", (16, 24)),
    ("P0", "A", "BDEN", (16, 24, 32)),
    ("B0", "T", "XN", (16, 24)),
    ("B1", "A", "XN", (16, 24, 32)),
    ("K1", "A", "BDEN", (16, 24, 32)),
    ("M3", "T", "CGVN", (16, 24)),
    ("M6", "A", "CGVN", (16, 24, 32)),
    ("M7", "H", "CGVN", (16, 20, 32)),
    ("E0", "T", "XN", (16, 24)),
    ("V2", "T", "CGVN", (16, 24)),
    ("74", "1", "5", (7, 16, 33)),
]
LABEL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;-_/+*'()[]{}<>=!?@#$%&|~^`\"\\"
STRENGTH = {("T", 16): 80, ("T", 24): 112, ("A", 16): 128, ("A", 24): 192, ("A", 32): 256}


def pairs():
    """Key pairs in every form that `cryptography` writes: (algorithm, form, bits of strength, bytes); a public key has none to lose."""
    encoding, private, public = serialization.Encoding, serialization.PrivateFormat, serialization.PublicFormat
    clear = serialization.NoEncryption()
    for algorithm, bits, key in [
        ("R", 112, rsa.generate_private_key(65537, 2048)),
        ("R", 192, rsa.generate_private_key(65537, 3328)),
        ("E", 128, ec.generate_private_key(ec.SECP256R1())),
        ("E", 192, ec.generate_private_key(ec.SECP384R1())),
    ]:
        for name, form in (("alone", private.TraditionalOpenSSL), ("PKCS8", private.PKCS8)):
            yield algorithm, name, bits, key.private_bytes(encoding.DER, form, clear)
        yield algorithm, "SPKI", 0, key.public_key().public_bytes(encoding.DER, public.SubjectPublicKeyInfo)
        if algorithm == "R":
            yield algorithm, "PKCS1", 0, key.public_key().public_bytes(encoding.DER, public.PKCS1)


def main() -> None:
    symbolon = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f"keyblock: seed {seed}")
    chance = random.Random(seed)
    cases = 0

    def tool(*words: str) -> tuple[int, dict]:
        ran = subprocess.run([symbolon, "tool", "keyblock", *words, "--json"], capture_output=True, check=False)
        return ran.returncode, json.loads(ran.stdout)

    def agree(case: object, ours: object, theirs: object) -> None:
        nonlocal cases
        if ours != theirs:
            sys.exit(f"keyblock: {case}: we say {ours}, psec says {theirs}")
        cases += 1

    def hexadecimal(low: int, high: int) -> str:
        return chance.randbytes(chance.randint(low, high)).hex().upper()

    def optional() -> list[tuple[str, str]]:
        blocks = {
            "KS": lambda: hexadecimal(10, 10),
            "IK": lambda: hexadecimal(8, 8),
            "KC": lambda: "01" + hexadecimal(5, 5),
            "KP": lambda: "00" + hexadecimal(3, 3),
            "TS": lambda: f"20{chance.randint(10, 99)}0229235959Z",
            "LB": lambda: "x" + "".join(chance.choice(LABEL) for _ in range(chance.randint(0, 246))) + "x",
            "42": lambda: "".join(chance.choice(LABEL) for _ in range(chance.randint(0, 20))) + "x",
        }
        names = chance.sample(sorted(blocks), chance.randint(0, 4))
        return [(name, blocks[name]()) for name in names]

    def shown(header: tr31.Header, key: bytes) -> dict:
        return {
            "version": header.version_id,
            "usage": header.key_usage,
            "algorithm": header.algorithm,
            "mode": header.mode_of_use,
            "key_version": header.version_num,
            "exportability": header.exportability,
            "optional": [[name, header.blocks[name]] for name in header.blocks],
            "key": key.hex().upper(),
        }

    def opened(block: str, kbpk: bytes) -> tuple[int, dict]:
        code, value = tool("unwrap", "--kbpk", kbpk.hex(), "--block", block)
        if code == 0:
            # psec does not show the padding block.
            value["optional"] = [pair for pair in value["optional"] if pair[0] != "PB"]
        return code, value

    def theirs(block: str, kbpk: bytes) -> dict | None:
        try:
            return shown(*tr31.unwrap(kbpk, block))
        except (tr31.KeyBlockError, tr31.HeaderError):
            return None

    for version in "ABCD" * CASES:
        usage, algorithm, modes, lengths = chance.choice(KEYS)
        kind = "A" if version == "D" else "T"
        kbpk = chance.randbytes(chance.choice([16, 24, 32] if kind == "A" else [16, 24]))
        key = chance.randbytes(chance.choice(lengths))
        header = tr31.Header(version, usage, algorithm, chance.choice(modes), chance.choice(["00", "12", "c3"]), chance.choice("ENS"))
        for name, data in optional():
            header.blocks[name] = data
        case = (version, kbpk.hex(), str(header), key.hex())

        # Made by psec, with its own padding.
        block = tr31.wrap(kbpk, header, key, chance.choice([None, 0, 40]))
        agree(case, opened(block, kbpk), (0, shown(header, key)))

        # One character changed: both refuse, or both still open it.
        at = chance.randrange(len(block))
        changed = block[:at] + chance.choice("0123456789ABCDEFKPST") + block[at + 1 :]
        code, value = opened(changed, kbpk)
        agree((case, changed), value if code == 0 else None, theirs(changed, kbpk))

        # Made by us: the same header, made anew.
        bits = STRENGTH.get((algorithm, len(key)), min(8 * len(key), 256))
        words = ["wrap", "--legacy", "--kbpk", kbpk.hex(), "--header", str(header), "--key", key.hex()]
        code, value = tool(*words)
        if bits > STRENGTH[(kind, len(kbpk))]:
            agree(case, (code, value["refusal"]["name"]), (1, "KEY_WEAK"))
            continue
        agree(case, code, 0)
        agree((case, value["block"]), shown(header, key), theirs(value["block"], kbpk))

    for algorithm, form, bits, key in pairs():
        mode = "V" if bits == 0 else "S"
        for kbpk in (16, 24, 32):
            code, value = tool("wrap", "--kbpk", "5A" * kbpk, "--header", f"D0000S0{algorithm}{mode}00E0000", "--key", key.hex())
            name = value["refusal"]["name"] if code else "wrapped"
            agree((algorithm, form, kbpk), name, "wrapped" if bits <= 8 * kbpk else "KEY_WEAK")

    print(f"keyblock: {cases} cases agree")


main()
