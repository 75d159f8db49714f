"""TDES DUKPT: the calculator beside the package pydukpt, on random inputs.

python dukpt_tdes.py SYMBOLON [SEED]

pydukpt==0.1.0
pycryptodome==4.4.0
"""

import json
import random
import subprocess
import sys

import pydukpt

CASES = 400

USAGES = {
    "derivation": bytes,
    "pin": pydukpt.pin_key,
    "mac-request": pydukpt.mac_request_key,
    "mac-response": pydukpt.mac_response_key,
    "data-request": pydukpt.data_request_key,
    "data-response": pydukpt.data_response_key,
}


def counter(rng):
    shape = rng.randrange(5)
    if shape == 0:
        return rng.getrandbits(21)
    if shape == 1:
        return rng.getrandbits(21) & rng.getrandbits(21)
    if shape == 2:
        return sum(1 << place for place in rng.sample(range(21), rng.choice([1, 10])))
    if shape == 3:
        return sum(1 << place for place in rng.sample(range(21), 11))
    return rng.choice([0, 1, 0x3FF, 0x7FF, 0x800, 0xFFC00, 0x100000, 0x1FF800, 0x1FF801, 0x1FFFFF])


def case(rng, symbolon):
    bdk, usage = rng.randbytes(16), rng.choice(list(USAGES))
    # Of 8 or 9 bytes, a KSN is filled up on the left.
    length = rng.choice([8, 9, 10, 10])
    ksn = pydukpt.ksn_with_counter(bytes([0xFF] * (10 - length)) + rng.randbytes(length), counter(rng))
    ik = pydukpt.derive_ipek(bdk, ksn)
    base = ["--ik", ik.hex()] if rng.random() < 0.5 else ["--bdk", bdk.hex()]
    words = ["tool", "dukpt", "derive", "--scheme", "tdes", *base, "--ksn", ksn[10 - length :].hex(), "--usage", usage, "--json"]
    said = subprocess.run([symbolon, *words], capture_output=True, check=False)
    number = pydukpt.ksn_counter(ksn)
    if 1 <= number.bit_count() <= 10:
        key = USAGES[usage](pydukpt.derive_key(ik, ksn)).hex().upper()
        want, status = {"initial_key": ik.hex().upper(), "working_key": key, "ksn": ksn.hex().upper(), "counter": number}, 0
        found = json.loads(said.stdout)
    else:
        want, status = "KSN_INVALID", 1
        found = json.loads(said.stdout).get("refusal", {}).get("name")
    if (said.returncode, found) != (status, want):
        print(f"dukpt_tdes: {words}\n  symbolon {said.returncode} {found}\n  pydukpt  {status} {want}")
        sys.exit(1)


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    print(f"dukpt_tdes: seed {seed}")
    rng = random.Random(seed)
    for _ in range(CASES):
        case(rng, sys.argv[1])
    print(f"dukpt_tdes: {CASES} cases agree")


if __name__ == "__main__":
    main()
