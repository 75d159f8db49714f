"""PIN blocks beside psec: random PINs and account numbers, each format made by one side and read by the other, and changed blocks.

psec==1.3.0, cryptography==50.0.2 (what psec enciphers with)

    python pinblock.py SYMBOLON [SEED]

psec knows formats 0, 2, 3 and 4. Where it is not as ISO 9564-1 has it, the case is not compared:
- account numbers of more than 19 digits in formats 0 and 3 (ISO/IEC 7812-1: 19 at most), which psec takes.
"""

import json
import random
import subprocess
import sys
import warnings

# The cipher is what both sides are asked for; its library says at every use that it is old.
warnings.simplefilter("ignore")

from psec import des, pinblock

CASES = 100
DIGITS = "0123456789"


def main() -> None:
    symbolon = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f"pinblock: seed {seed}")
    chance = random.Random(seed)
    cases = 0

    def fail(case: object, ours: object, theirs: object) -> None:
        sys.exit(f"pinblock: {case}: we say {ours}, psec says {theirs}")

    def tool(*words: str) -> tuple[int, dict]:
        ran = subprocess.run([symbolon, "tool", "pinblock", *words, "--json"], capture_output=True, check=False)
        return ran.returncode, json.loads(ran.stdout)

    def text(alphabet: str, low: int, high: int) -> str:
        return "".join(chance.choice(alphabet) for _ in range(chance.randint(low, high)))

    def agree(case: object, ours: tuple[int, dict], field: str, theirs: str | None) -> None:
        nonlocal cases
        code, value = ours
        if theirs is None:
            right = code == 1 and value["refusal"]["name"] == "PIN_BLOCK"
        else:
            right = code == 0 and value[field] == theirs
        if not right:
            fail(case, value, theirs)
        cases += 1

    def theirs_or_none(compute):
        try:
            return compute()
        except ValueError:
            return None

    decoders = {
        "0": pinblock.decode_pinblock_iso_0,
        "2": lambda block, _: pinblock.decode_pinblock_iso_2(block),
        "3": pinblock.decode_pinblock_iso_3,
    }
    for _ in range(CASES):
        # Lengths on both sides of what is allowed.
        pin, pan = text(DIGITS, 3, 13), text(DIGITS, 11, 19)
        key = chance.randbytes(chance.choice([16, 24]))
        encoders = {
            "0": lambda: pinblock.encode_pinblock_iso_0(pin, pan),
            "2": lambda: pinblock.encode_pinblock_iso_2(pin),
        }
        for form, encoder in encoders.items():
            case = (form, pin, pan)
            clear = theirs_or_none(encoder)
            agree(case, tool("encode", "--format", form, "--pin", pin, "--pan", pan), "block", clear and clear.hex().upper())
            if clear is None:
                continue
            sealed = des.encrypt_tdes_ecb(key, clear).hex().upper()
            under = ["--format", form, "--pan", pan, "--key", key.hex()]
            agree(case, tool("encode", "--pin", pin, *under), "block", sealed)
            agree(case, tool("decode", "--block", sealed, *under), "pin", pin)

        # Format 3 is random: each side reads the other's.
        clear = theirs_or_none(lambda: pinblock.encode_pinblock_iso_3(pin, pan))
        ours = tool("encode", "--format", "3", "--pin", pin, "--pan", pan)
        if clear is None:
            agree(("3", pin, pan), ours, "block", None)
        else:
            agree(("3", pin, pan), tool("decode", "--format", "3", "--block", clear.hex(), "--pan", pan), "pin", pin)
            read = pinblock.decode_pinblock_iso_3(bytes.fromhex(ours[1]["block"]), pan)
            agree(("3 read by psec", pin, pan), (0, {"pin": pin}), "pin", read)

        # Blocks at random, changed ones among them: both read the same PIN, or both refuse.
        pin, pan = text(DIGITS, 4, 12), text(DIGITS, 13, 19)
        for form, decoder in decoders.items():
            block = bytearray(
                {
                    "0": lambda: pinblock.encode_pinblock_iso_0(pin, pan),
                    "2": lambda: pinblock.encode_pinblock_iso_2(pin),
                    "3": lambda: pinblock.encode_pinblock_iso_3(pin, pan),
                }[form]()
            )
            for _ in range(chance.randint(0, 2)):
                block[chance.randrange(8)] ^= 1 << chance.randrange(8)
            block = bytes(block[: chance.choice([8, 8, 8, 7])])
            theirs = theirs_or_none(lambda: decoder(block, pan))
            ours = tool("decode", "--format", form, "--block", block.hex(), "--pan", pan)
            agree((form, block.hex(), pan), ours, "pin", theirs)

        # Format 4 under AES.
        key = chance.randbytes(chance.choice([16, 24, 32]))
        pin, pan = text(DIGITS, 3, 13), text(DIGITS, 1, 20)
        under = ["--format", "4", "--pan", pan, "--key", key.hex()]
        case = ("4", pin, pan, key.hex())
        sealed = theirs_or_none(lambda: pinblock.encipher_pinblock_iso_4(key, pin, pan))
        ours = tool("encode", "--pin", pin, *under)
        if sealed is None:
            agree(case, ours, "block", None)
            continue
        agree(case, tool("decode", "--block", sealed.hex(), *under), "pin", pin)
        agree(case, (0, {"pin": pin}), "pin", pinblock.decipher_pinblock_iso_4(key, bytes.fromhex(ours[1]["block"]), pan))
        changed = bytearray(sealed)
        changed[chance.randrange(16)] ^= 1 << chance.randrange(8)
        theirs = theirs_or_none(lambda: pinblock.decipher_pinblock_iso_4(key, bytes(changed), pan))
        agree((case, changed.hex()), tool("decode", "--block", changed.hex(), *under), "pin", theirs)

    print(f"pinblock: {cases} cases agree")


main()
