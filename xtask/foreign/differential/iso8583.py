# `symbolon tool iso8583` beside pyiso8583 on random messages of all built-in dialects, both ways; and on changed copies of them.
#
#   python iso8583.py SYMBOLON [SEED]
#
# pyiso8583==4.0.1
#
# pyiso8583 looks at lengths, at hexadecimal and at code pages, not at the type of a field, so that of a changed message only this is asked:
# what the calculator takes, pyiso8583 decodes to the same fields. What it has no words for is put into its own here:
# - x+n in binary dialects (sign in ASCII, digits in BCD): bytes, with the sign as two hexadecimal digits before the digits.
# - the separator of track 2 in BCD: the hexadecimal digit D.
import json
import random
import subprocess
import sys
import tempfile

# This script has the package's name: the package is looked for elsewhere.
sys.path.pop(0)
import iso8583

SYMBOLON = sys.argv[1]
SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
RANDOM = random.Random("iso8583" + SEED)
CASES = 300
CHANGED = 200

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

# Field: type, digits of the length before it (0: fixed), most; ISO 8583:1987 table 5 and ISO 8583:1993 table 7. The rest follows below.
N, A, B, X, Z = "n", "ans", "b", "x+n", "z"


def table(lines):
    found = {}
    for numbers, kind, prefix, most in lines:
        for number in numbers:
            assert number not in found
            found[number] = (kind, prefix, most)
    assert sorted(found) == [number for number in range(2, 129) if number != 65]
    return found


FIELDS = {
    1987: table([
        ([2], N, 2, 19), ([3, 11, 12, 73], N, 0, 6), ([4, 5, 6, 82, 83, 84, 85], N, 0, 12),
        ([7, 74, 75, 76, 77, 78, 79, 80, 81], N, 0, 10), ([8, 9, 10], N, 0, 8),
        ([13, 14, 15, 16, 17, 18, 71, 72], N, 0, 4), ([19, 20, 21, 22, 23, 24, 68, 69, 70], N, 0, 3),
        ([25, 26, 67], N, 0, 2), ([27, 66], N, 0, 1), ([28, 29, 30, 31], X, 0, 9), ([97], X, 0, 17),
        ([32, 33, 99, 100], N, 2, 11), ([34, 102, 103], A, 2, 28), ([35], Z, 2, 37), ([36], Z, 3, 104), ([37], A, 0, 12),
        ([38, 93], A, 0, 6), ([39, 92], A, 0, 2), ([40, 49, 50, 51], A, 0, 3), ([41], A, 0, 8), ([42], A, 0, 15),
        ([43], A, 0, 40), ([44], A, 2, 25), ([45], A, 2, 76), ([46, 47, 48, *range(56, 64), *range(105, 128)], A, 3, 999),
        ([52, 64, 96, 128], B, 0, 8), ([53, 86, 87, 88, 89], N, 0, 16), ([54], A, 3, 120), ([55], B, 3, 255),
        ([90], N, 0, 42), ([91], A, 0, 1), ([94], A, 0, 7), ([95], A, 0, 42), ([98], A, 0, 25), ([101], A, 2, 17),
        ([104], A, 3, 100),
    ]),
    1993: table([
        ([2], N, 2, 19), ([3, 11, 15, 28, 73], N, 0, 6), ([4, 5, 6, 12], N, 0, 12),
        ([7, 90, 107, 108, *range(74, 86)], N, 0, 10), ([8, 9, 10, 71], N, 0, 8), ([13, 14, 16, 17, 18, 25, 26], N, 0, 4),
        ([19, 20, 21, 23, 24, 29, 39, 40, 57, 68, 69, 70, 91, 92], N, 0, 3), ([22, 37], A, 0, 12), ([27], N, 0, 1),
        ([30], N, 0, 24), ([31, 43, 44, 95], A, 2, 99), ([32, 33, 58, 93, 94, 100], N, 2, 11), ([99], A, 2, 11),
        ([34, 102, 103], A, 2, 28), ([35], Z, 2, 37), ([36], Z, 3, 104), ([38], A, 0, 6), ([41], A, 0, 8), ([42], A, 0, 15),
        ([45], A, 2, 76), ([46, 66], A, 3, 204), ([47, 48, 59, 60, 61, 62, 63, 72, *range(111, 128)], A, 3, 999),
        ([49, 50, 51], A, 0, 3), ([52, 64, 128], B, 0, 8), ([53], B, 2, 48), ([54], A, 3, 120), ([55], B, 3, 255),
        ([56], N, 2, 35), ([67], N, 0, 2), ([86, 87, 88, 89, 105, 106], N, 0, 16), ([96], B, 3, 999), ([97], X, 0, 17),
        ([98], A, 0, 25), ([101], A, 2, 17), ([104], A, 3, 100), ([109, 110], A, 2, 84),
    ]),
}

DIALECTS = ["1987-ascii", "1987-binary", "1987-ebcdic", "1993-ascii", "1993-binary"]


def packed(dialect, number, kind):
    """Whether digits lie two a byte there, and on which side an odd number of them is filled up."""
    if not dialect.endswith("binary") or kind not in (N, Z) or (kind == Z and (dialect != "1987-binary" or number != 35)):
        return None
    fixed = FIELDS[int(dialect[:4])][number][1] == 0
    return "left_pad" if dialect == "1987-binary" and fixed else "right_pad"


def foreign(dialect):
    """The dialect in pyiso8583's words."""
    text = {"ascii": "ascii", "binary": "ascii", "ebcdic": "cp037"}[dialect[5:]]
    length = {"ascii": "ascii", "binary": "bcd", "ebcdic": "cp037"}[dialect[5:]]

    def entry(data, prefix, most, **more):
        return {"data_enc": data, "len_enc": length, "len_type": prefix, "max_len": most, "desc": "", **more}

    ascii_hex = dialect.endswith("ascii")
    bitmap = entry("ascii", 0, 16) if ascii_hex else entry("b", 0, 8)
    binary = dialect.endswith("binary")
    spec = {"h": entry("ascii", 0, 0), "t": entry("b", 0, 2) if binary else entry(text, 0, 4), "p": bitmap, "1": bitmap}
    for number, (kind, prefix, most) in FIELDS[int(dialect[:4])].items():
        side = packed(dialect, number, kind)
        # A length in BCD has so many bytes, not digits.
        prefix = (prefix + 1) // 2 if binary else prefix
        if side:
            spec[str(number)] = entry("b", prefix, most, len_count="nibbles", **{side: "0"})
        elif kind == X and binary:
            spec[str(number)] = entry("b", 0, 1 + (most - 1) // 2)
        elif kind == B:
            spec[str(number)] = entry("ascii", 0, most * 2) if ascii_hex and prefix == 0 else entry("b", prefix, most)
        else:
            spec[str(number)] = entry(text, prefix, most)
    spec["65"] = entry("b", 0, 8)
    return spec


SPECS = {dialect: foreign(dialect) for dialect in DIALECTS}


def to_foreign(dialect, number, value):
    kind = FIELDS[int(dialect[:4])][number][0]
    if packed(dialect, number, kind):
        return value.replace("=", "D")
    if kind == X and dialect.endswith("binary"):
        return value[:1].encode().hex().upper() + value[1:]
    return value


def random_value(kind, prefix, most):
    short = RANDOM.random() < 0.8
    length = most if prefix == 0 else RANDOM.randint(0, min(most, 40) if short else most)
    if kind == B:
        return RANDOM.randbytes(length).hex().upper()
    if kind == X:
        return RANDOM.choice("CD") + "".join(RANDOM.choices("0123456789", k=length - 1))
    alphabet = {N: "0123456789", Z: "0123456789=", A: PRINTABLE}[kind]
    return "".join(RANDOM.choices(alphabet, k=length))


def tool(*words):
    done = subprocess.run([SYMBOLON, "tool", "iso8583", *words, "--json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def differ(what, *of):
    print("iso8583 differs:", what, *of)
    sys.exit(1)


def read_foreign(dialect, message):
    document, _ = iso8583.decode(message, SPECS[dialect])
    return {key: value for key, value in document.items() if key not in ("h", "t", "p", "1")}, document["t"]


print("seed", SEED)
accepted = refused = 0
with tempfile.NamedTemporaryFile("w+") as file:
    for case in range(CASES):
        dialect = RANDOM.choice(DIALECTS)
        fields = FIELDS[int(dialect[:4])]
        numbers = sorted(RANDOM.sample(sorted(fields), RANDOM.randint(0, 25)))
        values = {str(number): random_value(*fields[number]) for number in numbers}
        mti = f"{RANDOM.randint(0, 9999):04}"
        file.seek(0)
        file.truncate()
        json.dump({"mti": mti, "fields": values}, file)
        file.flush()
        code, made = tool("encode", "--dialect", dialect, file.name)
        if code:
            differ("not encoded", dialect, mti, values, made)
        theirs = {key: to_foreign(dialect, int(key), value) for key, value in values.items()}
        message, _ = iso8583.encode({"h": "", "t": mti, **theirs}, SPECS[dialect])
        if made["hex"] != bytes(message).hex().upper():
            differ("encoded", dialect, mti, values, made, bytes(message).hex())
        if read_foreign(dialect, bytes.fromhex(made["hex"])) != (theirs, mti):
            differ("decoded by pyiso8583", dialect, mti, values)
        code, found = tool("decode", "--dialect", dialect, "--hex", bytes(message).hex(), "--reveal")
        if code or found["fields"] != values or found["mti"] != mti:
            differ("decoded", dialect, mti, values, found)
        if case >= CHANGED or not message:
            continue
        # A changed copy: a byte, or a cut.
        changed = bytearray(message)
        if RANDOM.random() < 0.2:
            del changed[RANDOM.randrange(len(changed)):]
        else:
            changed[RANDOM.randrange(len(changed))] = RANDOM.randrange(256)
        code, found = tool("decode", "--dialect", dialect, "--hex", changed.hex() or "00", "--reveal")
        if code == 1:
            refused += 1
            continue
        accepted += 1
        theirs = {key: to_foreign(dialect, int(key), value) for key, value in found["fields"].items()}
        if read_foreign(dialect, bytes(changed)) != (theirs, found["mti"]):
            differ("a changed message", dialect, changed.hex(), found)
if not accepted or not refused:
    differ("no changed message was", "taken" if refused else "refused")
print(f"iso8583: {CASES + CHANGED} cases agree")
