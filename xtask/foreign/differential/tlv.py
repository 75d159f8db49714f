# BER-TLV and EMVCo QR against somebody else's: `python tlv.py PATH_TO_SYMBOLON [SEED]`.
#   pyemv==1.5.0                    decodes and encodes BER-TLV; it keeps a dictionary, so no tag is there twice on a level
#   binascii.crc_hqx of Python      CRC-16, polynomial 1021, over what is joined here by the specification's own rule
# Where pyemv differs from the standard, an input is not compared:
#   00 before an object is padding (EMV Book 3 Annex B); pyemv reads a tag 00
#   a length byte 80 is the indefinite form (ISO/IEC 8825-1 8.1.3.6), which EMV does not have; pyemv reads it as 0
#   a tag's number does not begin with 80 (ISO/IEC 8825-1 8.1.2.4.2 c), and is read here up to four bytes; a length up to four
import base64
import binascii
import json
import random
import subprocess
import sys

from pyemv import tlv

CASES = 200


def symbolon(binary, *words, given=None):
    done = subprocess.run([binary, "tool", *words, "--json"], input=given, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def differ(what, given, ours, theirs):
    print(f"tlv: {what} differs for {given}: ours {ours}, theirs {theirs}")
    sys.exit(1)


def tag(chance, constructed):
    first = chance.choice([0x20, 0x60, 0xA0, 0xE0] if constructed else [0x00, 0x40, 0x80, 0xC0])
    form = chance.randrange(4)
    if form == 0:
        return f"{first | chance.randrange(1, 31):02X}"
    more = [0x80 | chance.randrange(1, 128)] + [0x80 | chance.randrange(128)] * (form - 2) if form > 1 else []
    return bytes([first | 0x1F, *more, chance.randrange(128)]).hex().upper()


def tree(chance, depth):
    level = {}
    for _ in range(chance.randrange(1, 5)):
        constructed = depth > 0 and chance.random() < 0.4
        length = chance.choice([0, 1, 2, 6, 8, 20, 127, 128, 255, 256, 700])
        level[tag(chance, constructed)] = tree(chance, depth - 1) if constructed else chance.randbytes(length).hex().upper()
    return level


def listed(level):
    return [[name, listed(value) if isinstance(value, dict) else value] for name, value in level.items()]


def shown(nodes):
    return [[node["tag"], shown(node["children"]) if node["children"] is not None else node["value"]] for node in nodes]


def good(binary, chance):
    level = tree(chance, 4)
    theirs = tlv.encode(level).hex().upper()
    code, ours = symbolon(binary, "tlv", "decode", "--hex", theirs)
    if code != 0 or shown(ours) != listed(level):
        differ("decode", theirs, ours, level)
    code, ours = symbolon(binary, "tlv", "encode", "-", given=json.dumps(listed(level)))
    if (code, ours) != (0, {"hex": theirs}):
        differ("encode", level, ours, theirs)
    return bytes.fromhex(theirs)


def peculiar(data):
    """Whether reading comes upon what is named at the top; what cannot be read is not."""
    while data:
        if data[0] == 0:
            return True
        at = 1
        if data[0] & 0x1F == 0x1F:
            if data[1:2] == b"\x80":
                return True
            while at < len(data) and data[at] & 0x80:
                at += 1
            at += 1
            if at > 4:
                return True
        if at >= len(data):
            return False
        length, at = data[at], at + 1
        if length == 0x80 or length > 0x84:
            return True
        if length > 0x80:
            end = at + length - 0x80
            length, at = int.from_bytes(data[at:end], "big"), end
        if data[0] & 0x20 and peculiar(data[at : at + length]):
            return True
        data = data[at + length :]
    return False


def repeated(rows):
    names = [row[0] for row in rows]
    return len(set(names)) < len(names) or any(repeated(row[1]) for row in rows if isinstance(row[1], list))


def changed(binary, chance, data):
    """One byte changed, or an end cut off: both read the same, or both refuse. Whether it was compared."""
    data = bytearray(data)
    at = chance.randrange(len(data))
    if chance.random() < 0.5:
        data[at] = chance.choice([0x01, 0x7F, 0x81, 0x82, 0x1F, 0x9F, 0xFF, chance.randrange(256)])
    else:
        del data[at:]
    if peculiar(bytes(data)):
        return 0
    given = data.hex().upper()
    try:
        theirs = listed(tlv.decode(bytes(data), convert=lambda _, value: value.hex().upper()))
    except tlv.DecodeError:
        theirs = None
    code, ours = symbolon(binary, "tlv", "decode", "--hex", given)
    if code == 0 and repeated(shown(ours)) and theirs is not None:
        return 0
    if (code == 0) != (theirs is not None) or (code == 0 and shown(ours) != theirs):
        differ("a changed input", given, ours, theirs)
    return 1


def merchant(binary, chance):
    def objects(fields):
        return "".join(f"{name}{len(value):02}{value}" for name, value in fields)

    def text(most):
        return "".join(chance.choice("ABCabc019 .-äß北京é") for _ in range(chance.randrange(1, most + 1)))

    fields = [["00", "01"], ["26", objects([["00", "fi.example"], ["01", text(20)]])]]
    fields += [["52", f"{chance.randrange(10000):04}"], ["53", "978"], ["54", f"{chance.randrange(10**8) / 100:.2f}"]]
    fields += [["58", "FI"], ["59", text(25)], ["60", text(15)], ["62", objects([["05", text(25)], ["07", text(25)]])]]
    header = objects(fields) + "6304"
    crc = f"{binascii.crc_hqx(header.encode(), 0xFFFF):04X}"
    code, ours = symbolon(binary, "qr", "encode", "-", given=json.dumps(fields))
    if (code, ours) != (0, {"payload": header + crc}):
        differ("a merchant's code", fields, ours, header + crc)
    code, ours = symbolon(binary, "qr", "decode", header + crc)
    found = [[field["id"], field["value"]] for field in ours.get("fields", [])]
    if code != 0 or found != fields + [["63", crc]] or ours["crc"] != crc:
        differ("a merchant's code", header + crc, ours, fields)


def consumer(binary, chance):
    level = {"85": b"CPV01".hex().upper(), "61": {"4F": chance.randbytes(7).hex().upper(), "50": "44454D4F"}}
    level["62"] = {"5A": f"{chance.randrange(10**16):016}", "5F34": "01", "64": {"9F37": chance.randbytes(4).hex().upper()}}
    theirs = base64.b64encode(tlv.encode(level)).decode()
    code, ours = symbolon(binary, "qr", "encode", "-", given=json.dumps(listed(level)))
    if (code, ours) != (0, {"payload": theirs}):
        differ("a consumer's code", level, ours, theirs)
    code, ours = symbolon(binary, "qr", "decode", theirs)
    if code != 0 or ours["tlv"] != tlv.encode(level).hex().upper():
        differ("a consumer's code", theirs, ours, level)


def main():
    binary = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cases = 0
    for _ in range(CASES):
        data = good(binary, chance)
        cases += 1 + changed(binary, chance, data) + changed(binary, chance, data)
        merchant(binary, chance)
        consumer(binary, chance)
        cases += 2
    print(f"tlv: {cases} cases agree")


main()
