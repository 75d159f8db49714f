# A processor made with pyiso8583, psec and pyemv behind `symbolon serve --iso8583`, and terminals that encipher with pydukpt's keys in front of it: it opens what was
# translated, re-encrypted and authenticated for it, loses and delays messages, goes away; the platform is killed; in the end both have the same books.
#
#   python iso8583_processor.py SYMBOLON [SEED]
#
# pyiso8583==4.0.1, psec==1.3.0, pyemv==1.5.0, pydukpt==0.1.0, cryptography==50.0.2
import random
import socket
import sys
import threading
import time
import warnings
from pathlib import Path

# The folder has a script of the package's name: the package is looked for elsewhere, and our own world beside this folder.
FOLDER = Path(sys.path.pop(0))
warnings.simplefilter("ignore")
import iso8583
import pydukpt
import pyemv.ac
import pyemv.kd
from psec import des, mac, pinblock

sys.path.append(str(FOLDER.parent))
from terminals import PAN, SPEC, Terminal, framed, memory_holds
from world import Api, Checks, World

SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
RANDOM = random.Random("iso8583_processor" + SEED)
CHECKS = Checks()
# Bytes as they are: so has the dialect 1987-ascii it.
SPEC["55"] |= {"data_enc": "b", "max_len": 255}
PIN = f"{RANDOM.randrange(10_000, 10**6)}"
TRACK = PAN + "=30122010000012300000"
TERMINALS = 6
PAYMENTS = 25
ANSWER_SECONDS = 2


def tdes():
    return des.adjust_key_parity(RANDOM.randbytes(16))


BDK, ZPK, ZDK, ZAK, IMK = tdes(), tdes(), tdes(), tdes(), tdes()


def retail(key, text):
    return mac.generate_retail_mac(key[:8], key[8:], text, 1)


class Processor(threading.Thread):
    """What it approved stands until it is reversed; a reversal that comes first is remembered."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.lock, self.links = threading.Lock(), []
        self.stands, self.reversed, self.seen, self.faults = {}, {}, [], []
        self.act = lambda message: ("00", 0.0)
        self.away = False
        self.start()

    def run(self):
        while True:
            link, _ = self.socket.accept()
            if self.away:
                link.close()
                continue
            self.links.append(link)
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def leave(self):
        self.away = True
        for link in self.links:
            link.close()
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.links = []

    def serve(self, link):
        stream = link.makefile("rb")
        try:
            while head := stream.read(2):
                body = stream.read(int.from_bytes(head, "big"))
                threading.Thread(target=self.answer, args=(link, body), daemon=True).start()
        except (OSError, ValueError):
            pass

    def answer(self, link, body):
        try:
            document, _ = iso8583.decode(body, SPEC)
            last = "128" if "128" in document else "64"
            if document[last].upper() != retail(ZAK, body[:-16]).hex().upper():
                raise ValueError("the authentication code")
            code, delay = "00", 0.0
            if document["t"] not in ("0800",):
                code, delay = self.taken(document)
            if code is None:
                return
            time.sleep(delay)
            reply = {"t": document["t"][:2] + {"0": "1", "2": "3"}[document["t"][2]] + "0", "39": code}
            reply |= {number: document[number] for number in ("3", "4", "7", "11", "32", "41", "49", "70", "90") if number in document}
            if code == "00" and document["t"] == "0200":
                reply["38"] = "A" + document["11"][1:]
            if "55" in document:
                reply["55"] = Chip.answer().hex().upper()
            last = "128" if any(number.isdigit() and int(number) > 64 for number in reply) else "64"
            text = bytes(iso8583.encode({**reply, last: "0" * 16}, SPEC)[0])[:-16]
            link.sendall(framed(bytes(iso8583.encode({**reply, last: retail(ZAK, text).hex().upper()}, SPEC)[0])))
        except OSError:
            pass
        except Exception as fault:
            self.faults.append(f"{type(fault).__name__}: {fault}")

    def taken(self, document):
        """What becomes of a message, and what it carries opened with the zone's keys."""
        account = des.decrypt_tdes_cbc(ZDK, bytes(8), bytes.fromhex(document["123"])).rstrip(b"\0").decode()
        if account != PAN:
            raise ValueError("the account")
        if "2" in document or "35" in document:
            raise ValueError("an account in clear")
        pin = None
        if "52" in document:
            block = des.decrypt_tdes_ecb(ZPK, bytes.fromhex(document["52"]))
            pin = pinblock.decode_pinblock_iso_0(block, account)
            if pin != PIN:
                raise ValueError("the PIN")
        if "55" in document:
            chip = bytes.fromhex(document["55"])
            if chip != Chip.data(chip[3:11]) or chip[3:11] != Chip.cryptogram():
                raise ValueError("the cryptogram")
        audit, minor = document["11"], int(document["4"])
        with self.lock:
            self.seen.append({**document, "pin": pin})
            kind = document["t"]
            if kind[1] == "4":
                of = document["90"][4:10]
                self.reversed[of] = int(document["95"][:12]) if "95" in document else 0
                if of in self.stands:
                    self.stands[of] = self.reversed[of]
                return "00", 0.0
            if kind[2] == "2":
                if audit not in self.stands:
                    self.stands[audit] = self.reversed.get(audit, minor)
                return "00", 0.0
            code, delay = self.act(document)
            if code == "00" or (code is None and delay):
                self.stands[audit] = self.reversed.get(audit, minor)
            return code, delay

    def owed(self):
        with self.lock:
            return sum(self.stands.values())


class Chip:
    """What a card says in field 55: its cryptogram over fixed data, by pyemv."""

    DATA = bytes.fromhex("0000000012340000000000000978000000000009782611240012345678")
    ATC = bytes.fromhex("0017")

    @staticmethod
    def cryptogram():
        card = pyemv.kd.derive_icc_mk_a(IMK, PAN, "01")
        session = pyemv.kd.derive_common_sk(card, Chip.ATC + bytes(6))
        return pyemv.ac.generate_ac(session, Chip.DATA)

    @staticmethod
    def answer():
        card = pyemv.kd.derive_icc_mk_a(IMK, PAN, "01")
        session = pyemv.kd.derive_common_sk(card, Chip.ATC + bytes(6))
        return bytes.fromhex("910A") + pyemv.ac.generate_arpc_1(session, Chip.cryptogram(), b"00") + b"00"

    @staticmethod
    def data(cryptogram):
        return bytes.fromhex("9F2608") + cryptogram + bytes.fromhex("9F360200179F2701809F100706010A03A00000")


class Pos(Terminal):
    """A terminal with a base key of its own kind: each payment under the keys of one transaction."""

    def __init__(self, address, number):
        super().__init__(CHECKS, address, number)
        self.count = 0
        self.ik = pydukpt.derive_ipek(BDK, self.serial(1))

    def serial(self, count):
        return pydukpt.ksn_with_counter(bytes.fromhex("FFFF987654") + self.number.to_bytes(2, "big") + bytes(3), count)

    def next(self):
        self.count += 1
        while not 1 <= self.count.bit_count() <= 10:
            self.count += 1
        serial = self.serial(self.count)
        return serial, pydukpt.derive_key(self.ik, serial)

    def payment(self, minor, audit=None, pin=PIN, chip=True, pan=PAN):
        fields = super().payment(minor, audit)
        del fields[2]
        serial, key = self.next()
        track = TRACK.encode()
        track += bytes(-len(track) % 8)
        fields |= {121: serial.hex().upper(), 123: des.encrypt_tdes_cbc(pydukpt.data_request_key(key), bytes(8), track).hex().upper()}
        if pin:
            block = pinblock.encode_pinblock_iso_0(pin, pan)
            fields[52] = des.encrypt_tdes_ecb(pydukpt.pin_key(key), block).hex().upper()
        if chip:
            fields[55] = Chip.data(Chip.cryptogram()).hex().upper()
        return fields

    def encoded(self, mti, fields):
        """Authenticated under the transaction's key: that of the message, or a new one."""
        if 121 not in fields:
            fields[121] = self.next()[0].hex().upper()
        self.transaction = pydukpt.derive_key(self.ik, bytes.fromhex(fields[121]))
        document = {"t": mti, **{str(number): value for number, value in fields.items()}, "128": "0" * 16}
        text = bytes(iso8583.encode(document, SPEC)[0])[:-16]
        document["128"] = retail(pydukpt.mac_request_key(self.transaction), text).hex().upper()
        return bytes(iso8583.encode(document, SPEC)[0])

    def asked(self, mti, fields):
        self.send(mti, fields)
        answer = self.raw_answer()
        document, _ = iso8583.decode(answer, SPEC)
        last = "128" if "128" in document else "64"
        made = retail(pydukpt.mac_response_key(self.transaction), answer[:-16]).hex().upper()
        CHECKS.that(document[last].upper() == made, "the answer's code, under the transaction's other key")
        return document["t"], document

    def code(self, mti, fields):
        return self.asked(mti, fields)[1]["39"]


class Host:
    """The vault, the platform and its accounts."""

    def __init__(self, world, processor):
        self.world, self.path, self.key, self.processor = world, world.path, None, processor
        self.at = ["--file", self.path / "vault", "--key-file", self.path / "vault.key"]
        world.held("vault", "create", *self.at)
        world.held("vault", "generate", *self.at, "--name", "token", "--role", "token", "--algorithm", "hmac256")
        world.held("vault", "activate", *self.at, "--name", "token", "--generation", 1)
        for name, role, key in (("terminals", "base", BDK), ("acme.pin", "pin", ZPK), ("acme.data", "data", ZDK), ("acme.mac", "mac-retail", ZAK)):
            self.bring(name, role, key)
        self.socket = self.path / "vault.socket"
        self.vault, _ = world.ready("vault", "serve", *self.at, "--socket", self.socket)

    def bring(self, name, role, key):
        """By three custodians."""
        first, second = tdes(), tdes()
        third = bytes(a ^ b ^ c for a, b, c in zip(first, second, key))
        self.world.held("vault", "ceremony", "begin", *self.at, "--name", name, "--role", role, "--algorithm", "tdes2", "--components", 3)
        for custodian, component in (("one", first), ("two", second), ("three", third)):
            file = self.path / custodian
            file.write_text(component.hex())
            self.world.held("vault", "ceremony", "component", *self.at, "--name", name, "--custodian", custodian, "--component", f"@{file}")
            file.unlink()
        self.world.held("vault", "ceremony", "finish", *self.at, "--name", name)
        self.world.held("vault", "activate", *self.at, "--name", name, "--generation", 1)

    def serve(self):
        config = self.path / "symbolon.toml"
        config.write_text(f"""
[iso8583]
dialect = "1987-ascii"
vault = "{self.socket}"
token = "token"
mac = "dukpt"
mac_algorithm = "retail"
account_form = "track2"
[[iso8583.key_sets]]
prefix = "FFFF987654"
base = "terminals"
scheme = "tdes"
[iso8583.processor]
number = 1
address = "{self.processor.address}"
dialect = "1987-ascii"
institution = 12345
mac = "acme.mac"
mac_algorithm = "retail"
data = "acme.data"
pin = "acme.pin"
echo_seconds = 1
""")
        where = ["--data", self.path / "platform", "--config", config, "--listen", "127.0.0.1:0", "--iso8583", "127.0.0.1:0"]
        self.platform, line = self.world.ready("serve", *where)
        self.api = Api(line["http"])
        if self.key is None:
            self.api.key = (self.path / "platform" / "first-administrator.key").read_text().strip()
            self.key = self.api.post("/v1/keys/first", {})["key"]
        self.api.key = self.key
        self.address = line["iso8583"]
        return self.address

    def opened(self, limit):
        return self.api.post("/v1/acquiring/accounts", {"currency": "EUR", "limit": limit})["account"]

    def founded(self):
        self.bank, self.shop = self.opened("unlimited"), self.opened("prepaid")
        times = {"window_seconds": 3600, "kept_seconds": 86400, "hold_seconds": 86400}
        self.api.post("/v1/acquiring/policy", {**times, "cover": self.bank})
        self.acme = self.opened("unlimited")
        set_to = {"number": 1, "account": self.acme, "answer_seconds": ANSWER_SECONDS, "stand_in": 2000}
        self.api.post("/v1/acquiring/processors", set_to)
        for number in range(TERMINALS + 1):
            self.api.post("/v1/acquiring/terminals", {"link": 1, "terminal": f"TERM{number:04}", "merchant": self.shop})

    def owed(self):
        return -self.api.get(f"/v1/acquiring/accounts/{self.acme}")["posted"]

    def agreed(self, what):
        """Within some seconds the processor's books are ours, and stay so."""
        for _ in range(100):
            if self.owed() == self.processor.owed():
                time.sleep(0.2)
                if self.owed() == self.processor.owed():
                    break
            time.sleep(0.1)
        CHECKS.that(self.owed() == self.processor.owed(), f"{what}: {self.owed()} here, {self.processor.owed()} there")
        CHECKS.that(not self.processor.faults, f"what the processor could not open: {self.processor.faults}")

    def reaches(self, pos):
        """Signed on: a payment goes through."""
        for _ in range(100):
            if pos.code("0200", pos.payment(3000, pin=None, chip=False)) == "00":
                return
            time.sleep(0.1)
        CHECKS.that(False, "the processor is not reached")


def answers(host, processor, pos):
    """Every way in which a payment there may end."""
    pay = pos.payment(2500)
    mti, first = pos.asked("0200", pay)
    CHECKS.that(first["39"] == "00", f"approved: {first['39']}, {processor.faults}")
    CHECKS.that((mti, first["39"], first["4"], first["38"][0]) == ("0210", "00", f"{2500:012}", "A"), "approved, with the processor's code")
    CHECKS.that(bytes.fromhex(first["55"]) == Chip.answer(), "what the issuer tells the chip")
    there = processor.seen[-1]
    CHECKS.that(there["pin"] == PIN and "55" in there and there["41"] == "TERM0000" and int(there["4"]) == 2500, "what it saw")
    CHECKS.that("121" not in there and there["52"] != pay[52] and there["123"] != pay[123], "nothing of the terminal's keys goes on")
    count = len(processor.seen)
    again = pos.asked("0201", pay)[1]
    CHECKS.that((again["38"], again["55"]) == (first["38"], first["55"]) and len(processor.seen) == count, "a repeat is answered here")
    processor.act = lambda _: ("51", 0.0)
    CHECKS.that(pos.code("0200", pos.payment(2500)) == "51", "declined there")
    processor.act = lambda _: ("00", 0.0)
    host.agreed("payments")
    back = {**pos.reversal(pay), 90: pos.reversal(pay)[90]}
    CHECKS.that(pos.code("0400", back) == "00", "a reversal")
    host.agreed("a reversal goes on")
    wrong = pos.payment(100, pan="41111111" + "11111111")
    CHECKS.that(pos.code("0200", wrong) != "00" and len([s for s in processor.seen if s["11"] == wrong[11]]) == 0, "a PIN block of another account")
    stranger, before = Pos(host.address, 0), len(processor.seen)
    stranger.audit = 15000
    unknown = stranger.payment(100)
    unknown[121] = "EE" + unknown[121][2:]
    stranger.send("0200", unknown)
    stranger.stream.settimeout(0.5)
    try:
        CHECKS.that(not stranger.raw_answer(), "an answer under no key")
    except TimeoutError:
        CHECKS.that(len(processor.seen) == before, "no base key for it")


def lost_and_late(host, processor, address):
    """What is not answered in time is reversed there, whether it arrived, was approved, or is answered late."""
    for act in ((None, 0.0), (None, 0.01), ("00", ANSWER_SECONDS + 0.7)):
        pos = Pos(address, 0)
        pos.audit, pos.count = 100 + int(act[1] * 1000), 100
        processor.act = lambda _, act=act: act
        pay = pos.payment(1700)
        begun = time.monotonic()
        code = pos.code("0200", pay)
        CHECKS.that(code == "68" and time.monotonic() - begun < ANSWER_SECONDS + 2, f"timed out: {code}")
        processor.act = lambda _: ("00", 0.0)
        host.agreed("what timed out")
        CHECKS.that(pos.code("0201", pay) == "68", "and stays so")
    time.sleep(1)
    host.agreed("after the late answer")
    CHECKS.that(any(seen["t"] in ("0420", "0421") for seen in processor.seen), "reversals came")


def gone(host, processor, pos):
    """Without the processor a small amount is approved, a PIN never; it learns of it when it is there again."""
    processor.leave()
    for _ in range(100):
        code = pos.code("0200", pos.payment(1500, pin=None, chip=False))
        if code == "00" and processor.owed() != host.owed():
            break
        time.sleep(0.05)
    CHECKS.that(code == "00", "stood in for")
    CHECKS.that(pos.code("0200", pos.payment(2001, pin=None, chip=False)) == "91", "not for more")
    CHECKS.that(pos.code("0200", pos.payment(100)) == "91", "not for what only it can check")
    CHECKS.that(host.owed() > processor.owed(), "it does not know yet")
    processor.away = False
    host.reaches(pos)
    host.agreed("the advices")
    CHECKS.that(any(seen["t"] in ("0220", "0221") for seen in processor.seen), "advices came")


def our_own(host, processor, world):
    """`symbolon device pos` with a key by pydukpt: the processor opens what it sends, and what is not answered is reversed, also after a kill."""
    store, serial = host.path / "pos", bytes.fromhex("FFFF9876540077000000")
    for name, text in (("card", TRACK), ("pin", PIN), ("key", pydukpt.derive_ipek(BDK, serial).hex()), ("chip", Chip.data(Chip.cryptogram()).hex())):
        (host.path / name).write_text(text)
    told = lambda *words: world.run("device", "pos", "--store", store, *words)
    where = ["--host", host.address, "--terminal", "TERM0000", "--currency", "EUR", "--institution", 12345]
    code, value = told("setup", *where, "--initial-key", f"@{host.path / 'key'}", "--ksn", serial.hex())
    CHECKS.that(code == 0 and value["keys"], f"set up: {value}")
    paying = ["--card", f"@{host.path / 'card'}", "--pin", f"@{host.path / 'pin'}", "--chip", f"@{host.path / 'chip'}"]
    CHECKS.that(told("echo")[1]["approved"], "the host is there")
    code, value = told("pay", "--amount", 2600, *paying)
    CHECKS.that(code == 0 and value["approved"] and value["approval"].startswith("A"), f"paid: {value}")
    CHECKS.that(processor.seen[-1]["pin"] == PIN and "55" in processor.seen[-1], "with its PIN and its chip")
    CHECKS.that(told("reverse")[1]["approved"], "reversed")
    host.agreed("a reversal of our own terminal")
    processor.act = lambda _: (None, 0.01)
    code, value = told("pay", "--amount", 2700, *paying, "--timeout", 1)
    CHECKS.that(code == 1 and value["action"] is None and value["reversed"], f"not answered: {value}")
    process = world.start("device", "pos", "--store", store, "pay", "--amount", 2800, *paying)
    count = len(processor.seen)
    while len(processor.seen) == count:
        time.sleep(0.01)
    process.kill()
    process.wait()
    CHECKS.that(told("status")[1]["open"]["minor"] == 2800, "what it asked is kept as open")
    processor.act = lambda _: ("00", 0.0)
    code, value = told("pay", "--amount", 2900, *paying)
    CHECKS.that(code == 0 and value["reversed_before"] and value["approved"], f"reversed first: {value}")
    CHECKS.that(told("pay", "--amount", 1, *paying[:2], "--pin", "@" + str(host.path / "card"))[0] == 2, "no PIN")
    host.agreed("after the terminal was killed")
    kept = (store / "terminal.json").read_bytes()
    CHECKS.that(not any(secret in kept for secret in (PAN.encode(), TRACK.encode(), PIN.encode() + b"\"")), "its store holds no card")
    CHECKS.that((store / "terminal.json").stat().st_mode & 0o777 == 0o600, "and is its own")
    for name in ("card", "pin", "key", "chip"):
        (host.path / name).unlink()


def burst(address, number, known):
    pos = Pos(address, number)
    try:
        for _ in range(PAYMENTS):
            pay = pos.payment(100 + number, chip=False)
            pos.send("0200", pay)
            answer, _ = iso8583.decode(pos.raw_answer(), SPEC)
            known.append((number, pay, answer["39"], answer.get("38")))
    except (ConnectionError, OSError):
        pass


def killed_under_load(host, processor, address):
    """The platform is killed while the processor loses, delays and declines; then both have the same books, and first answers stand."""
    dice = random.Random(SEED)
    choices = [("00", 0.0)] * 12 + [("51", 0.0), (None, 0.01), (None, 0.0), ("00", 0.05), ("00", 0.3)]
    processor.act = lambda _: dice.choice(choices)
    known = []
    threads = [threading.Thread(target=burst, args=(address, number, known)) for number in range(1, TERMINALS + 1)]
    for thread in threads:
        thread.start()
    while len(known) < TERMINALS * 6:
        threads[0].join(0.01)
    host.platform.kill()
    host.platform.wait()
    for thread in threads:
        thread.join()
    processor.act = lambda _: ("00", 0.0)
    address = host.serve()
    pos = Pos(address, 0)
    pos.audit, pos.count = 20000, 5000
    host.reaches(pos)
    time.sleep(ANSWER_SECONDS)
    host.agreed("after the kill")
    again = {number: Pos(address, number) for number in range(1, TERMINALS + 1)}
    for number, pay, code, approval in known:
        answer = again[number].asked("0201", pay)[1]
        CHECKS.that((answer["39"], answer.get("38")) == (code, approval), "the first answer, after the kill")
    host.agreed("after the repeats")
    CHECKS.that(len({code for *_, code, _ in known}) > 1, "several answers were met")


def searched(host):
    """No account, PIN block or key in the platform's memory and files."""
    secrets = [PAN.encode(), TRACK.encode(), bytes.fromhex("0" + PAN), bytes.fromhex(PAN + "F"), pinblock.encode_pinblock_iso_0(PIN, PAN)]
    secrets += [BDK, ZPK, ZDK, ZAK] + [key.hex().upper().encode() for key in (BDK, ZPK, ZDK, ZAK)]
    found = memory_holds(host.platform.pid, [*secrets, b"symbolon-sequence"])
    CHECKS.that(found[-1] and not any(found[:-1]), f"the platform's memory: {found}")
    for path in (host.path / "platform").rglob("*"):
        if path.is_file():
            read = path.read_bytes()
            CHECKS.that(not any(secret in read for secret in secrets), f"{path.name} holds what it must not")


print("seed", SEED)
processor = Processor()
with World(sys.argv[1]) as world:
    host = Host(world, processor)
    address = host.serve()
    host.founded()
    pos = Pos(address, 0)
    pos.audit, pos.count = 10000, 2000
    host.reaches(pos)
    answers(host, processor, pos)
    lost_and_late(host, processor, address)
    gone(host, processor, pos)
    our_own(host, processor, world)
    killed_under_load(host, processor, address)
    searched(host)
    host.platform.terminate()
    CHECKS.that(host.platform.wait(timeout=20) == 0, "the platform ends well")
    code, _ = world.run("verify", "--data", host.path / "platform")
    CHECKS.that(code == 0, "symbolon verify")
print(f"iso8583_processor: {CHECKS.passed} checks held")
