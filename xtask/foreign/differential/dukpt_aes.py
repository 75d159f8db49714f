"""AES DUKPT: the calculator beside X9.24-3:2017 clause 6 written a second time, over the AES of `cryptography`, on random inputs.

python dukpt_aes.py SYMBOLON [SEED]
python dukpt_aes.py --vectors FILE.json     writes rows for base keys of 192 and 256 bits

cryptography==50.0.2
"""

import json
import random
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CASES = 400

# Table 2: key usage indicators. Table 3: algorithm indicator, length in bits, strength in bits.
USAGES = {
    "PIN": 0x1000, "MAC_GEN": 0x2000, "MAC_VER": 0x2001, "MAC_BOTH": 0x2002, "DATA_ENC": 0x3000, "DATA_DEC": 0x3001,
    "DATA_BOTH": 0x3002, "KEY_ENCRYPTION": 0x0002, "KEY_DERIVATION": 0x8000,
}
ALGORITHMS = {
    "TDES2": (0, 128, 80), "TDES3": (1, 192, 112), "AES128": (2, 128, 128), "AES192": (3, 192, 192), "AES256": (4, 256, 256),
    "HMAC128": (5, 128, 128), "HMAC192": (5, 192, 192), "HMAC256": (5, 256, 256),
}
SHORT = {
    "PIN": "pin", "MAC_GEN": "mac-gen", "MAC_VER": "mac-ver", "MAC_BOTH": "mac-both", "DATA_ENC": "data-enc", "DATA_DEC": "data-dec",
    "DATA_BOTH": "data-both", "KEY_ENCRYPTION": "key-enc", "KEY_DERIVATION": "derivation",
}


def derive(key, usage, algorithm, tail):
    """6.3.1 and 6.3.2: one block of derivation data for each 128 bits, enciphered under the key."""
    code, bits, _ = ALGORITHMS[algorithm]
    out = b""
    for number in range(1, (bits + 127) // 128 + 1):
        data = bytes([1, number]) + usage.to_bytes(2) + code.to_bytes(2) + bits.to_bytes(2) + tail
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        out += encryptor.update(data) + encryptor.finalize()
    return out[: bits // 8]


def aes_name(key):
    return f"AES{len(key) * 8}"


def initial_key(bdk, ikid):
    return derive(bdk, 0x8001, aes_name(bdk), ikid)


def transaction_key(ik, ikid, counter):
    key, seen = ik, 0
    for place in range(31, -1, -1):
        if counter >> place & 1:
            seen |= 1 << place
            key = derive(key, 0x8000, aes_name(ik), ikid[4:] + seen.to_bytes(4))
    return key


def working_key(ik, ikid, counter, usage, algorithm):
    return derive(transaction_key(ik, ikid, counter), USAGES[usage], algorithm, ikid[4:] + counter.to_bytes(4))


def usable(counter):
    return 1 <= counter.bit_count() <= 16


def refusal(base, counter, usage, algorithm):
    """What must be said of a call that is no derivation of the standard."""
    if not usable(counter) and not (counter == 0xFFFFFFFF and usage == "KEY_ENCRYPTION"):
        return "KSN_INVALID"
    if algorithm and ALGORITHMS[algorithm][2] > len(base) * 8:
        return "KEY_WEAK"
    return None


def counters(rng):
    shape = rng.randrange(5)
    if shape == 0:
        return rng.getrandbits(32)
    if shape == 1:
        return rng.getrandbits(32) & rng.getrandbits(32)
    if shape == 2:
        return sum(1 << place for place in rng.sample(range(32), 16))
    if shape == 3:
        return sum(1 << place for place in rng.sample(range(32), 17))
    return rng.choice([0, 1, 0xFFFF, 0x1FFFE, 0x1FFFF, 0x20000, 0x7FFF8000, 0x80000000, 0xFFFE8000, 0xFFFF0000, 0xFFFF0001, 0xFFFFFFFF])


def case(rng, symbolon):
    base, ikid, counter = rng.randbytes(rng.choice([16, 24, 32])), rng.randbytes(8), counters(rng)
    usage, algorithm = rng.choice(list(USAGES)), rng.choice([None, *ALGORITHMS])
    from_initial = rng.random() < 0.5
    name = rng.choice([usage, usage.lower(), SHORT[usage], SHORT[usage].replace("-", "_").upper()])
    words = ["tool", "dukpt", "derive", "--scheme", "aes", "--ik" if from_initial else "--bdk", base.hex(), "--usage", name, "--json"]
    words += ["--ksn", (ikid + counter.to_bytes(4)).hex()] + (["--algorithm", algorithm.lower()] if algorithm else [])
    said = subprocess.run([symbolon, *words], capture_output=True, check=False)
    refused = refusal(base, counter, usage, algorithm)
    if refused:
        want, status = refused, 1
        found = json.loads(said.stdout).get("refusal", {}).get("name")
    else:
        ik = base if from_initial else initial_key(base, ikid)
        key = working_key(ik, ikid, counter, usage, algorithm or aes_name(base))
        ksn = (ikid + counter.to_bytes(4)).hex().upper()
        want, status = {"initial_key": ik.hex().upper(), "working_key": key.hex().upper(), "ksn": ksn, "counter": counter}, 0
        found = json.loads(said.stdout)
    if (said.returncode, found) != (status, want):
        print(f"dukpt_aes: {words}\n  symbolon {said.returncode} {found}\n  here     {status} {want}")
        sys.exit(1)


def published():
    """Values of X9.24-3:2017 itself, before anything is compared with what is written here."""
    bdk, ikid = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1"), bytes.fromhex("1234567890123456")
    ik = initial_key(bdk, ikid)
    assert ik.hex().upper() == "1273671EA26AC29AFA4D1084127652A1"
    assert transaction_key(ik, ikid, 1).hex().upper() == "4F21B565BAD9835E112B6465635EAE44"
    assert working_key(ik, ikid, 1, "PIN", "AES128").hex().upper() == "AF8CB133A78F8DC2D1359F18527593FB"
    assert working_key(ik, ikid, 0xFFFFFFFF, "KEY_ENCRYPTION", "AES128").hex().upper() == "9A9770AEE1ACD1B13473D0463A1883B9"
    long = initial_key(bdk + bdk, ikid).hex().upper()
    assert long == "CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F"


def row(identity, kind, clause, **fields):
    return {"id": identity, "kind": kind, **fields, "origin": "computed", "clause": f"X9.24-3:2017 clause {clause}", "checked": True}


def vectors():
    """Initial, transaction, working and update keys of base keys of 192 and 256 bits."""
    rng, rows = random.Random(924), []
    bdk = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
    sources = [
        ("aes192-published-base", (bdk + bdk)[:24], bytes.fromhex("1234567890123456")),
        ("aes256-published-base", bdk + bdk, bytes.fromhex("1234567890123456")),
    ]
    sources += [(f"aes{bits}-{at}", rng.randbytes(bits // 8), rng.randbytes(8)) for bits in (192, 256) for at in (1,)]
    for name, base, ikid in sources:
        ik = initial_key(base, ikid)
        common = {"ik": ik.hex().upper(), "ikid": ikid.hex().upper()}
        rows.append(row(f"{name}-ik", "ik", "6.3.3", bdk=base.hex().upper(), ikid=common["ikid"], ik=common["ik"]))
        for counter in [1, 2, 3, 0xFFFF, 0x1FFFE, 0x7FFF8000, 0xAAAAAAAA, 0xFFFF0000]:
            at, key = f"{counter:08X}", transaction_key(ik, ikid, counter)
            rows.append(row(f"{name}-txn-{at}", "txn", "6.3.4", **common, counter=at, key=key.hex().upper()))
        for usage, code in USAGES.items():
            for algorithm in ALGORITHMS:
                if ALGORITHMS[algorithm][2] <= len(base) * 8:
                    counter = rng.choice([1, 2, 0x7FFF8000, sum(1 << place for place in rng.sample(range(32), 16))])
                    key = working_key(ik, ikid, counter, usage, algorithm).hex().upper()
                    fields = {"usage": usage, "usage_code": f"{code:04X}", "algorithm": algorithm, "key": key}
                    identity = f"{name}-{usage}-{algorithm}-{counter:08X}"
                    rows.append(row(identity, "working", "6.3.4", **common, counter=f"{counter:08X}", **fields))
        own = aes_name(base)
        key = working_key(ik, ikid, 0xFFFFFFFF, "KEY_ENCRYPTION", own).hex().upper()
        fields = {"usage": "KEY_ENCRYPTION", "usage_code": "0002", "algorithm": own, "key": key}
        rows.append(row(f"{name}-update", "update", "6.5", **common, counter="FFFFFFFF", **fields))
    for algorithm in ["AES256", "HMAC256"]:
        fields = {"counter": "00000001", "usage": "MAC_BOTH", "algorithm": algorithm, "reason": "working key stronger than the base key"}
        base = sources[0][1].hex().upper()
        rows.append(row(f"aes192-neg-{algorithm}", "refuse", "6.1", bdk=base, ikid="1234567890123456", **fields))
    return rows


def write(path):
    file = {
        "topic": "dukpt_aes_long",
        "source": [
            "computed from ANSI X9.24-3:2017 clause 6 by xtask/foreign/differential/dukpt_aes.py, over the AES of the package cryptography",
            "openemv/dukpt at 1d01dda over openemv/crypto at b04aa34 (OpenSSL), run on every row: it gives each initial, transaction, working and update key",
        ],
        "licence_of_source": "the project's own",
        "notes": "Base keys of 192 and 256 bits. Kinds and fields as in dukpt_aes.json. The initial key of aes256-published-base is one that the "
        "standard's supplement prints; the script reproduces the values that the standard prints for AES-128, and the rows of dukpt_aes.json.",
        "vectors": vectors(),
    }
    with open(path, "w", encoding="utf-8") as out:
        out.write(json.dumps(file, indent=0) + "\n")


def main():
    published()
    if sys.argv[1] == "--vectors":
        return write(sys.argv[2])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    print(f"dukpt_aes: seed {seed}")
    rng = random.Random(seed)
    for _ in range(CASES):
        case(rng, sys.argv[1])
    print(f"dukpt_aes: {CASES} cases agree")


if __name__ == "__main__":
    main()
