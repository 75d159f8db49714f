# `symbolon tool emv` beside pyemv and psec on random inputs: keys, cryptograms, answers, scripts, card values, PIN values, MACs.
#
#   python emv.py SYMBOLON [SEED]
#
# pyemv==1.5.0, psec==1.3.0, cryptography==50.0.2
#
# Where they differ from the standards, the inputs are kept away from it or their answer is completed here:
# - pyemv.cvv.generate_cvc3 drops leading zeros; the code has five digits (PayPass Mag Stripe: the track takes them from the right, zeros too).
# - psec.cvv.generate_cvv gives a shorter value where ciphertext has fewer than three decimal digits; letters less ten follow (Visa PTSM).
# - pyemv derives the tree of EMV2000 for branch ** height = 65535 leaves too, one too few for all ATCs (EMV 4.1 Book 2 A1.3.1); not tried.
# - the AES rows (option C, AES session keys, CMAC) are put together from single blocks of `cryptography`: neither package has them.
import json
import random
import string
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
import psec
import pyemv
from pyemv import ac, cvn, cvv, kd, sm

SYMBOLON = sys.argv[1]
SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
RANDOM = random.Random("emv" + SEED)
CASES = 40
count = 0


def bytes_of(length):
    return RANDOM.randbytes(length)


def digits(least, most=None):
    return "".join(RANDOM.choice(string.digits) for _ in range(RANDOM.randint(least, most or least)))


def say(verb, **flags):
    words = [SYMBOLON, "tool", "emv", verb, "--json"]
    for name, value in flags.items():
        if value is not None:
            words += ["--" + name.replace("_", "-"), value.hex() if isinstance(value, bytes) else str(value)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    return words, run.returncode, json.loads(run.stdout)


def same(verb, wanted, **flags):
    """The answer has these fields with these values."""
    global count
    words, code, answer = say(verb, **flags)
    upper = {name: value.hex().upper() if isinstance(value, bytes) else value for name, value in wanted.items()}
    if code != 0 or any(answer.get(name) != value for name, value in upper.items()):
        print(f"emv: {' '.join(words)}\n  answers {answer}, wanted {upper}")
        sys.exit(1)
    count += 1


def refused(verb, name, **flags):
    global count
    words, code, answer = say(verb, **flags)
    if code != 1 or answer["refusal"]["name"] != name:
        print(f"emv: {' '.join(words)}\n  answers {answer}, wanted {name}")
        sys.exit(1)
    count += 1


def flipped(value):
    bit = RANDOM.randrange(len(value) * 8)
    return bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(value))


def keys():
    imk, pan, psn = bytes_of(16), digits(8, 19), digits(2)
    option = RANDOM.choice("ab")
    derive = kd.derive_icc_mk_a if option == "a" else kd.derive_icc_mk_b
    icc = derive(imk, pan, psn)
    same("icc-key", {"key": icc}, imk=imk, pan=pan, psn=psn, option=option)
    atc, un, r = bytes_of(2), bytes_of(4), bytes_of(8)
    same("session-key", {"key": kd.derive_common_sk(icc, r)}, icc_mk=icc, method="csk", r=r)
    same("session-key", {"key": kd.derive_visa_sm_sk(icc, atc)}, icc_mk=icc, method="visa-sm", atc=atc)
    branch, height = RANDOM.choice([(2, 16), (4, 8), (3, 11), (16, 4)])
    tree = kd.derive_emv2000_tree_sk(icc, atc, height, branch, r + r)
    same("session-key", {"key": tree}, icc_mk=icc, method="tree", atc=atc, branch=branch, height=height, iv=r + r)
    data, padding = bytes_of(RANDOM.randint(0, 80)), RANDOM.choice(["emv", "zero"])
    kind = {"emv": ac.PaddingType.EMV, "zero": ac.PaddingType.VISA}[padding]
    for scheme, session in [
        ("csk", kd.derive_common_sk(icc, atc + bytes(6))),
        ("mchip", kd.derive_common_sk(icc, atc + bytes(2) + un)),
        ("cvn10", icc),
    ]:
        arqc = ac.generate_ac(session, data, kind)
        common = dict(scheme=scheme, imk=imk, pan=pan, psn=psn, option=option, atc=atc, un=un, data=data, padding=padding)
        same("cryptogram", {"cryptogram": arqc, "session_key": session}, **common)
        same("verify", {"ok": True}, cryptogram=arqc, **common)
        refused("verify", "BAD_SIG", cryptogram=flipped(arqc), **common)
    arc, csu, prop = bytes_of(2), bytes_of(4), bytes_of(RANDOM.randint(0, 8))
    common = dict(session_key=session, arqc=arqc)
    same("arpc", {"arpc": ac.generate_arpc_1(session, arqc, arc)}, method=1, arc=arc, **common)
    same("arpc", {"arpc": ac.generate_arpc_2(session, arqc, csu, prop)}, method=2, csu=csu, prop=prop, **common)


FIELDS = {"tag_9f02": 6, "tag_9f03": 6, "tag_9f1a": 2, "tag_95": 5, "tag_5f2a": 2, "tag_9a": 3, "tag_9c": 1}
FIELDS |= {"tag_9f37": 4, "tag_82": 2, "tag_9f36": 2}
# name of ours, of theirs, the last fields of the cryptogram's data, option of a card's key, ARPC method
SCHEMES = [
    ("cvn10", cvn.VisaCVN10, {"cvr": 4}, "a", 1),
    ("cvn18", cvn.VisaCVN18, {"tag_9f10": 7}, "b", 2),
    ("cvn22", cvn.VisaCVN22, {"tag_9f10": 7}, "b", 2),
    ("cvn133", cvn.InteracCVN133, {"tag_9f10": 22}, "a", 1),
    ("mchip", cvn.MasterCardCVN16, {"cvr": 6}, "a", 1),
    ("mchip", cvn.MasterCardCVN17, {"cvr": 6, "counters": 8}, "a", 1),
    ("mchip-csk", cvn.MasterCardCVN20, {"cvr": 6}, "a", 1),
    ("mchip-csk", cvn.MasterCardCVN21, {"cvr": 6, "counters": 16}, "a", 1),
]
TRANSACTION = {"cvn18": ["tag_9f36"], "cvn22": ["tag_9f36"], "cvn133": ["tag_9f37", "tag_9f36"]}
TRANSACTION |= {"mchip-csk": ["tag_9f36"]}


def schemes(ours, theirs, last, option, method):
    imks, pan, psn = [bytes_of(16) for _ in range(3)], digits(13, 19), digits(2)
    card = theirs(*imks, pan, psn)
    fields = {name: bytes_of(length) for name, length in (FIELDS | last).items()}
    arqc = card.generate_ac(**fields)
    atc = fields["tag_9f36"]
    common = dict(scheme=ours, pan=pan, psn=psn, option=option, atc=atc)
    un, data = fields["tag_9f37"], b"".join(fields.values())
    words, code, answer = say("cryptogram", imk=imks[0], un=un, data=data, **common)
    same("cryptogram", {"cryptogram": arqc}, imk=imks[0], un=un, data=data, **common)
    more = {name: fields[name] for name in TRANSACTION.get(ours, [])}
    # M/Chip answers under the card's key, the others under the key of the cryptogram.
    key = card.icc_mk_ac if ours == "mchip" else bytes.fromhex(answer["session_key"])
    if method == 1:
        arc = bytes_of(2)
        wanted = card.generate_arpc(tag_9f26=arqc, arpc_rc=arc, **more)
        same("arpc", {"arpc": wanted}, method=1, session_key=key, arqc=arqc, arc=arc)
    else:
        csu, prop = bytes_of(4), bytes_of(RANDOM.randint(0, 8))
        wanted = card.generate_arpc(tag_9f26=arqc, csu=csu, proprietary_auth_data=prop, **more)
        same("arpc", {"arpc": wanted}, method=2, session_key=key, arqc=arqc, csu=csu, prop=prop)
    imk_flags = dict(zip(["imk_ac", "imk_smi", "imk_smc"], imks))
    more = {} if ours == "cvn133" else {"tag_9f36": atc}
    pin = digits(4, 12)
    command = card.generate_pin_change_command(pin=pin, tag_9f26=arqc, **more)
    same("pin-change", {"command": command}, arqc=arqc, pin=pin, **imk_flags, **common)
    current = digits(4, 12)
    if ours in ("cvn10", "cvn18", "cvn22"):
        command = card.generate_pin_change_command(pin=pin, tag_9f26=arqc, current_pin=current, **more)
        same("pin-change", {"command": command}, arqc=arqc, pin=pin, current_pin=current, **imk_flags, **common)
    else:
        refused("pin-change", "FIELD_INVALID", arqc=arqc, pin=pin, current_pin=current, **imk_flags, **common)


def scripts():
    key, data = bytes_of(16), bytes_of(RANDOM.randint(1, 231))
    same("script-mac", {"mac": sm.generate_command_mac(key, data)}, session_key=key, data=data)
    for form, kind in [("visa", "VISA"), ("emv", "EMV"), ("mchip", "MASTERCARD")]:
        wanted = sm.encrypt_command_data(key, data, sm.EncryptionType[kind])
        same("encipher", {"data": wanted}, session_key=key, data=data, form=form)
    padding = RANDOM.choice([(1, "zero"), (2, "emv")])
    wanted = psec.mac.generate_retail_mac(key[:8], key[8:], data, padding[0])
    same("mac", {"mac": wanted}, key=key, data=data, padding=padding[1])


def values():
    key, pan, expiry, service = bytes_of(16), digits(8, 19), digits(4), digits(3)
    wanted = psec.cvv.generate_cvv(key, pan, expiry, service)
    if len(wanted) == 3:
        same("cvv", {"cvv": wanted}, cvk=key, pan=pan, expiry=expiry, service=service)
    psn, atc_digits = digits(2), digits(4)
    icc = kd.derive_icc_mk_a(key, pan, psn)
    wanted = psec.cvv.generate_cvv(icc, atc_digits + pan[4:], expiry, service)
    if len(wanted) == 3:
        same("dcvv", {"dcvv": wanted}, imk=key, pan=pan, psn=psn, atc=atc_digits, expiry=expiry, service=service)
    track, atc, un = bytes_of(RANDOM.randint(1, 76)), bytes_of(2), bytes_of(4)
    wanted = cvv.generate_cvc3(icc, track, atc, un).zfill(5)
    same("cvc3", {"cvc3": wanted}, imk=key, pan=pan, psn=psn, track=track, atc=atc, un=un)
    pan, pvki, pin = digits(12, 19), digits(1), digits(4)
    pvk = bytes_of(RANDOM.choice([8, 16, 24]))
    same("pvv", {"pvv": psec.pin.generate_visa_pvv(pvk, pvki, pin, pan)}, pvk=pvk, pvki=pvki, pin=pin, pan=pan)
    start = RANDOM.randint(0, len(pan) - 1)
    length = RANDOM.randint(1, min(16, len(pan) - start))
    table, pad, pin = digits(16), RANDOM.choice(string.hexdigits), digits(4, 16)
    common = dict(pvk=pvk, table=table, pan=pan, start=start, length=length, pad=pad)
    wanted = psec.pin.generate_ibm3624_offset(pvk, table, pin, pan, start, length, pad)
    same("offset", {"offset": wanted}, pin=pin, **common)
    wanted = psec.pin.generate_ibm3624_pin(pvk, table, pin, pan, start, length, pad)
    same("pin", {"pin": wanted}, offset=pin, **common)


def aes():
    def encipher(key, block):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def cmac(key, data):
        mac = CMAC(algorithms.AES(key))
        mac.update(data)
        return mac.finalize()

    length = RANDOM.choice([16, 24, 32])
    imk, pan, psn = bytes_of(length), digits(8, 19), digits(2)
    y = bytes.fromhex((pan + psn).zfill(32))
    icc = encipher(imk, y + bytes(byte ^ 0xFF for byte in y))[:length]
    same("icc-key", {"key": icc}, imk=imk, pan=pan, psn=psn, option="c")
    r = bytes_of(8)
    marked = [r[:2] + mark + r[3:] + bytes(8) for mark in (b"\xf0", b"\x0f")]
    session = encipher(icc, r + bytes(8)) if length == 16 else encipher(icc, b"".join(marked))[:length]
    same("session-key", {"key": session}, icc_mk=icc, method="csk", r=r, algorithm="aes")
    data = bytes_of(RANDOM.randint(0, 80))
    arqc = cmac(session, data)[:8]
    same("cryptogram", {"cryptogram": arqc}, session_key=session, data=data, algorithm="aes")
    csu = bytes_of(4)
    same("arpc", {"arpc": cmac(session, arqc + csu)[:4]}, method=2, session_key=session, arqc=arqc, csu=csu, algorithm="aes")
    same("script-mac", {"mac": cmac(session, data)[:8]}, session_key=session, data=data, algorithm="aes")


print(f"emv: seed {SEED}, pyemv {pyemv.__version__ if hasattr(pyemv, '__version__') else ''}")
for _ in range(CASES):
    keys()
    scripts()
    values()
    aes()
for row in SCHEMES:
    for _ in range(CASES // 4):
        schemes(*row)
print(f"emv: {count} cases agree")
