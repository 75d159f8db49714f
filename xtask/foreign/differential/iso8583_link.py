# pyiso8583 as a terminal of `symbolon serve --iso8583`: answers, repeats, reversals and authentication codes over TCP; the host is killed under
# load and started again; then its log, its output and its memory are searched for what must not be there.
#
#   python iso8583_link.py SYMBOLON [SEED]
#
# pyiso8583==4.0.1, cryptography==50.0.2 (AES-CMAC), xmllint of Debian libxml2-utils
import json
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

# The folder has a script of the package's name: the package is looked for elsewhere, and our own world beside this folder.
FOLDER = Path(sys.path.pop(0))
import iso8583

sys.path.append(str(FOLDER.parent))
from authority import Authority
from terminals import SPEC, Terminal, framed, memory_holds
from world import Api, Checks, World

SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
RANDOM = random.Random("iso8583_link" + SEED)
CHECKS = Checks()
PAN = "40123456" + "78909"
TERMINALS = 8
PAYMENTS = 60

KEY = RANDOM.randbytes(16)


class Host:
    """The vault, the platform and its accounts."""

    def __init__(self, world):
        self.world, self.path, self.key = world, world.path, None
        at = ["--file", self.path / "vault", "--key-file", self.path / "vault.key"]
        world.held("vault", "create", *at)
        world.held("vault", "generate", *at, "--name", "token", "--role", "token", "--algorithm", "hmac256")
        first = RANDOM.randbytes(16)
        second = bytes(a ^ b for a, b in zip(first, KEY))
        name = ["--name", "link.mac"]
        world.held("vault", "ceremony", "begin", *at, *name, "--role", "mac-cmac", "--algorithm", "aes128", "--components", 2)
        for custodian, component in (("one", first), ("two", second)):
            file = self.path / custodian
            file.write_text(component.hex())
            world.held("vault", "ceremony", "component", *at, *name, "--custodian", custodian, "--component", f"@{file}")
        world.held("vault", "ceremony", "finish", *at, *name)
        for key in ("token", "link.mac"):
            world.held("vault", "activate", *at, "--name", key, "--generation", 1)
        self.socket = self.path / "vault.socket"
        self.guarded = ["vault", "serve", *at, "--socket", self.socket]
        self.vault, _ = world.ready(*self.guarded)

    def serve(self, mac, more=()):
        config = self.path / "symbolon.toml"
        lines = ["[iso8583]", 'dialect = "1987-ascii"', f'vault = "{self.socket}"', 'token = "token"', *more]
        config.write_text("\n".join(lines + ['mac = "link.mac"'] * mac))
        where = ["--data", self.path / "platform", "--config", config, "--listen", "127.0.0.1:0", "--iso8583", "127.0.0.1:0"]
        self.platform, line = self.world.ready("serve", *where)
        self.api = Api(line["http"])
        if self.key is None:
            self.api.key = (self.path / "platform" / "first-administrator.key").read_text().strip()
            self.key = self.api.post("/v1/keys/first", {})["key"]
        self.api.key = self.key
        return line["iso8583"]

    def opened(self, limit):
        return self.api.post("/v1/acquiring/accounts", {"currency": "EUR", "limit": limit})["account"]

    def founded(self):
        self.bank, self.shop, self.card = self.opened("unlimited"), self.opened("prepaid"), self.opened("prepaid")
        times = {"window_seconds": 3600, "kept_seconds": 86400, "hold_seconds": 86400}
        self.api.post("/v1/acquiring/policy", {**times, "cover": self.bank})
        for number in range(TERMINALS + 1):
            self.api.post("/v1/acquiring/terminals", {"link": 1, "terminal": f"TERM{number:04}", "merchant": self.shop})
        account = self.path / "account"
        account.write_text(PAN)
        token = self.world.held("vault", "token", "--socket", self.socket, "--name", "token", "--account", f"@{account}")
        account.unlink()
        self.api.post("/v1/acquiring/cards", {"token": token["token"], "account": self.card})
        funds = {"debit": self.bank, "credit": self.card, "amount": {"minor": 1_000_000, "currency": "EUR"}}
        self.api.post("/v1/acquiring/transfers", funds)

    def posted(self, account):
        return self.api.get(f"/v1/acquiring/accounts/{account}")["posted"]

    def kill(self):
        self.platform.kill()
        self.platform.wait()

    def verified(self):
        code, _ = self.world.run("verify", "--data", self.path / "platform")
        CHECKS.that(code == 0, "symbolon verify")


def answers(host, address):
    """One terminal, every kind of answer."""
    terminal = Terminal(CHECKS, address, 0, KEY)
    told = lambda mti, fields: (lambda answer: (answer[0], answer[1]["39"]))(terminal.asked(mti, fields))
    CHECKS.that(told("0800", {7: "1124120000", 11: "900000", 70: "001"}) == ("0810", "00"), "sign-on")
    CHECKS.that(told("0800", {7: "1124120000", 11: "900001", 70: "301"}) == ("0810", "00"), "echo")
    pay = terminal.payment(2500)
    mti, first = terminal.asked("0200", pay)
    CHECKS.that((mti, first["39"], first["4"]) == ("0210", "00", f"{2500:012}"), "a payment")
    CHECKS.that({first[str(n)] for n in (3, 7, 11, 32, 37, 41, 49)} == {pay[n] for n in (3, 7, 11, 32, 37, 41, 49)}, "its fields")
    CHECKS.that("2" not in first and len(first["38"]) == 6, "no account in an answer")
    repeat = {number: value for number, value in pay.items() if number not in (7, 37)}
    mti, again = terminal.asked("0201", repeat)
    CHECKS.that((mti, again["39"], again["38"]) == ("0210", "00", first["38"]), "a repeat without fields 7 and 37")
    CHECKS.that(told("0200", {**pay, 4: f"{2600:012}"}) == ("0210", "94"), "another payment under its audit number")
    CHECKS.that(host.posted(host.shop) == 2500, "moved once")
    CHECKS.that(told("0200", terminal.payment(1_000_001)) == ("0210", "51"), "more than there is")
    CHECKS.that(told("0200", {**terminal.payment(5), 41: "UNKNOWN1"}) == ("0210", "03"), "an unknown terminal")
    back = terminal.reversal(pay)
    CHECKS.that(told("0400", back) == ("0410", "00"), "a reversal")
    CHECKS.that(told("0401", back) == ("0410", "00"), "and again")
    CHECKS.that(host.posted(host.shop) == 0, "given back once")
    late = terminal.payment(700)
    CHECKS.that(told("0420", terminal.reversal(late)) == ("0430", "00"), "a reversal before its payment")
    CHECKS.that(told("0200", late) == ("0210", "12"), "which is then refused")
    held = terminal.payment(900)
    CHECKS.that(told("0100", held) == ("0110", "00"), "an authorisation")
    part = {**terminal.reversal(held, "0100"), 95: f"{600:012}{0:012}C00000000C00000000"}
    CHECKS.that(told("0400", part) == ("0410", "00"), "a reversal in part")
    advice = {**terminal.payment(600), 90: terminal.reversal(held, "0100")[90]}
    CHECKS.that(told("0220", advice) == ("0230", "00"), "its completion")
    CHECKS.that(host.posted(host.shop) == 600, "the part that stood")
    unsigned = Terminal(CHECKS, address, 0)
    CHECKS.that(unsigned.asked("0200", unsigned.payment(5, "800001"))[1]["39"] == "63", "no authentication code")
    wrong = Terminal(CHECKS, address, 0, KEY)
    body = bytearray(wrong.encoded("0200", wrong.payment(5, "800002")))
    body[60] ^= 1
    wrong.stream.sendall(framed(bytes(body)))
    CHECKS.that(iso8583.decode(wrong.raw_answer(), SPEC)[0]["39"] in ("63", "30"), "a changed message")
    CHECKS.that(host.posted(host.shop) == 600, "nothing moved")


def burst(address, number, known, ended):
    """Payments one after the other, some sent twice at once, until the host is gone; what was acknowledged is known."""
    terminal = Terminal(CHECKS, address, number, KEY)
    try:
        for _ in range(PAYMENTS):
            pay = terminal.payment(100 + number)
            twice = RANDOM.random() < 0.3
            terminal.send("0200", pay)
            if twice:
                terminal.send("0201", pay)
            found = [iso8583.decode(terminal.raw_answer(), SPEC)[0] for _ in range(1 + twice)]
            CHECKS.that(all(one["38"] == found[0]["38"] for one in found), "a repeat under way gets the same answer")
            known.append((number, pay, found[0]["39"], found[0]["38"]))
    except (ConnectionError, OSError):
        pass
    ended.append((number, terminal.audit))


def killed_under_load(host, address):
    """Every acknowledged payment stands and is answered as before; what was not acknowledged is reversed; money is conserved."""
    before, known, ended = host.posted(host.shop), [], []
    threads = [threading.Thread(target=burst, args=(address, number, known, ended)) for number in range(1, TERMINALS + 1)]
    for thread in threads:
        thread.start()
    while len(known) < TERMINALS * PAYMENTS // 3:
        threads[0].join(0.01)
    host.kill()
    for thread in threads:
        thread.join()
    CHECKS.that(len(known) < TERMINALS * PAYMENTS, "it was killed under way")
    address = host.serve(True)
    moved = 0
    terminals = {number: Terminal(CHECKS, address, number, KEY) for number in range(1, TERMINALS + 1)}
    for number, pay, code, approval in known:
        _, again = terminals[number].asked("0201", pay)
        CHECKS.that((again["39"], again["38"]) == (code, approval), "the first answer, after the kill")
        moved += int(pay[4])
    for number, audit in ended:
        terminal = terminals[number]
        terminal.audit = audit - 1
        last = terminal.payment(100 + number)
        if not any(pay == last and one == number for one, pay, *_ in known):
            _, gone = terminal.asked("0400", terminal.reversal(last))
            CHECKS.that(gone["39"] == "00", "the reversal of what was not acknowledged")
    CHECKS.that(host.posted(host.shop) - before == moved, "what was acknowledged, and no more")
    return address


def killed_vault(host, address):
    """Without its vault the host answers nothing that it would have to authenticate; then it goes on."""
    terminal, before = Terminal(CHECKS, address, 0, KEY), host.posted(host.shop)
    terminal.audit = 700000
    host.vault.kill()
    host.vault.wait()
    pay = terminal.payment(50)
    terminal.send("0200", pay)
    terminal.stream.settimeout(0.5)
    try:
        CHECKS.that(not terminal.raw_answer(), "an answer without a vault")
    except TimeoutError:
        CHECKS.that(host.posted(host.shop) == before, "nothing moved without a vault")
    terminal.stream.settimeout(30)
    host.vault, _ = host.world.ready(*host.guarded)
    CHECKS.that(terminal.asked("0201", pay)[1]["39"] == "00", "with a vault again")
    CHECKS.that(host.posted(host.shop) == before + 50, "moved once")


def stated(host):
    """The shop's statement is valid by the schema and adds up, by other people's XML."""
    xml = host.api._send("GET", f"/v1/acquiring/accounts/{host.shop}/statement?from=0&to={1 << 53}", None, {})
    (host.path / "statement.xml").write_bytes(xml)
    schema = FOLDER.parents[2] / "vectors" / "camt.053.001.08.xsd"
    lint = ["xmllint", "--nonet", "--noout", "--schema", schema]
    valid = subprocess.run([*lint, host.path / "statement.xml"], capture_output=True, text=True)
    CHECKS.that(valid.returncode == 0, f"xmllint: {valid.stderr}")
    (host.path / "wrong.xml").write_bytes(xml.replace(b"<Cd>OPBD</Cd>", b"<Cd>OPBDX</Cd>"))
    CHECKS.that(subprocess.run([*lint, host.path / "wrong.xml"], capture_output=True).returncode != 0, "xmllint refuses what is not")
    tree = ElementTree.fromstring(xml)
    space = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
    signed = lambda node: Decimal(node.find("c:Amt", space).text) * (1 if node.find("c:CdtDbtInd", space).text == "CRDT" else -1)
    opening, closing = (signed(node) for node in tree.iterfind(".//c:Bal", space))
    entries = [signed(node) for node in tree.iterfind(".//c:Ntry", space)]
    CHECKS.that(opening == 0 and opening + sum(entries) == closing, "the entries make the closing balance")
    CHECKS.that(closing * 100 == host.posted(host.shop) and len(entries) > 10, "which is what is posted")


def besieged(host, address):
    """Garbage, half messages, slow ones, floods and duplicates at once: the honest terminal is answered, and nothing acknowledged is lost."""
    ended, before, copies, attacks = threading.Event(), host.posted(host.shop), [], []
    where = (address.rsplit(":", 1)[0], int(address.rsplit(":", 1)[1]))

    def again_and_again(act):
        dice = random.Random(f"{SEED}{act.__name__}")
        while not ended.is_set():
            try:
                with socket.create_connection(where, timeout=2) as stream:
                    act(stream, dice)
                    attacks.append(act.__name__)
            except OSError:
                pass

    def garbage(stream, dice):
        stream.sendall(dice.randbytes(dice.randrange(1, 3000)))

    def framed_garbage(stream, dice):
        for _ in range(20):
            stream.sendall(framed(dice.choice([b"0200", b"0810", b""]) + dice.randbytes(dice.randrange(0, 400))))

    def half(stream, dice):
        whole = framed(Terminal(CHECKS, address, 8, KEY).encoded("0200", Terminal(CHECKS, address, 8, KEY).payment(1, "900000")))
        stream.sendall(whole[: dice.randrange(1, len(whole) - 1)])
        ended.wait(0.3)

    def slow(stream, _):
        for byte in framed(b"0800" + bytes(200)):
            stream.sendall(bytes([byte]))
            if ended.wait(0.05):
                return

    def flood(_, __):
        streams = [socket.create_connection(where, timeout=2) for _ in range(40)]
        for stream in streams:
            stream.close()

    def does_not_read(stream, _):
        terminal = Terminal(CHECKS, address, 8, KEY)
        for audit in range(910_000, 910_300):
            stream.sendall(framed(terminal.encoded("0800", {7: "1124120000", 11: f"{audit:06}", 70: "301"})))
        ended.wait(0.3)

    def duplicates(copy):
        terminal = Terminal(CHECKS, address, 7, KEY)
        found = set()
        for _ in range(10):
            terminal.stream.sendall(framed(copy))
            found.add(iso8583.decode(terminal.raw_answer(), SPEC)[0]["38"])
        copies.append(found)

    honest = Terminal(CHECKS, address, 6, KEY)
    honest.audit = 800_000
    duplicating = Terminal(CHECKS, address, 7, KEY)
    copy = duplicating.encoded("0200", duplicating.payment(9, "850000"))
    besiegers = [threading.Thread(target=again_and_again, args=(act,), daemon=True) for act in (garbage, framed_garbage, half, slow, flood, does_not_read)]
    twins = [threading.Thread(target=duplicates, args=(copy,)) for _ in range(6)]
    for thread in twins:
        thread.start()
    for thread in twins:
        thread.join()
    for thread in besiegers:
        thread.start()
    paid, begun = [], time.monotonic()
    while time.monotonic() - begun < 3:
        pay = honest.payment(2)
        paid.append((pay, honest.asked("0200", pay)[1]))
    ended.set()
    for thread in besiegers:
        thread.join(timeout=20)
    CHECKS.that(len(set(attacks)) > 3 and len(attacks) > 30, f"it was besieged: {attacks}")
    CHECKS.that(len(paid) > 20 and all(answer["39"] == "00" for _, answer in paid), "the honest terminal is answered")
    CHECKS.that(len(copies) == 6 and len(set().union(*copies)) == 1, "sixty copies get one answer")
    for pay, answer in paid[::10]:
        CHECKS.that(honest.asked("0201", pay)[1]["38"] == answer["38"], "and every repeat the first")
    CHECKS.that(host.posted(host.shop) - before == 9 + 2 * len(paid), "moved once each")


def under_tls(host):
    """Python's ssl, with and without a certificate that the host wants; other authorities, other ends and no TLS are turned away."""
    own, theirs, other = (Authority(host.path, name) for name in ("own-authority", "their-authority", "other-authority"))
    certificate, key = own.issued("host")
    mine, stranger = theirs.issued("terminal"), other.issued("stranger")
    host.platform.terminate()
    host.platform.wait(timeout=20)
    tls = [f'certificate = "{certificate}"', f'certificate_key = "{key}"', f'clients = "{theirs.file}"']
    address = host.serve(True, tls)
    where = (address.rsplit(":", 1)[0], int(address.rsplit(":", 1)[1]))

    def terminal(trusts, shows, version):
        context = ssl.create_default_context(cafile=trusts.file)
        context.minimum_version = context.maximum_version = version
        if shows:
            context.load_cert_chain(*shows)
        made = Terminal(CHECKS, address, 0, KEY)
        made.stream.close()
        made.stream = context.wrap_socket(socket.create_connection(where, timeout=10), server_hostname="localhost")
        return made

    def refused(what, *how):
        try:
            terminal(*how).asked("0800", {7: "1124120000", 11: "970000", 70: "301"})
        except (OSError, ConnectionError):
            CHECKS.that(True, what)
            return
        CHECKS.that(False, what)

    for count, version in enumerate((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        before, link = host.posted(host.shop), terminal(own, mine, version)
        link.audit = 960_000 + count
        CHECKS.that(link.asked("0200", link.payment(4))[1]["39"] == "00" and host.posted(host.shop) == before + 4, "a payment")
        refused("no certificate", own, None, version)
        refused("a stranger's certificate", own, stranger, version)
        refused("a host that is not trusted", other, mine, version)
    plain, came = Terminal(CHECKS, address, 0, KEY), b""
    plain.stream.settimeout(5)
    plain.send("0800", {7: "1124120000", 11: "970001", 70: "301"})
    try:
        while more := plain.stream.recv(4096):
            came += more
        CHECKS.that(b"0810" not in came, "no answer in clear")
    except ConnectionError:
        CHECKS.that(b"0810" not in came, "no answer in clear")


def loaded(host, world):
    """Under load of `symbolon device pos` the host is killed: what was acknowledged stands, and no more than was asked is moved."""
    host.platform.terminate()
    host.platform.wait(timeout=20)
    address, store, card = host.serve(False), host.path / "pos", host.path / "card"
    card.write_text(PAN + "=30121200000")
    told = lambda *words: world.run("device", "pos", "--store", store, *words)
    CHECKS.that(told("setup", "--host", address, "--terminal", "TERM0000", "--currency", "EUR")[0] == 0, "set up")
    before, load = host.posted(host.shop), ["load", "--amount", 3, "--card", f"@{card}", "--terminals", TERMINALS, "--first-audit", 300_000]
    code, value = told(*load, "--payments", 20)
    CHECKS.that(code == 0 and value["approvals"] == value["asked"] == 20 * TERMINALS, f"{value}")
    CHECKS.that(host.posted(host.shop) - before == 3 * 20 * TERMINALS and 0 < value["p50_us"] <= value["p99_us"], "moved")
    other = [*load[:2], 4, *load[3:]]
    CHECKS.that(told(*other, "--payments", 20)[1]["approvals"] == 0, "other payments under audit numbers that were used")
    before, load[-1] = host.posted(host.shop), 400_000
    process = world.start("device", "pos", "--store", store, *load, "--payments", 4000, "--timeout", 1)
    while host.posted(host.shop) == before:
        pass
    host.kill()
    code, value = world.finished(process)
    host.serve(False)
    moved = host.posted(host.shop) - before
    CHECKS.that(code == 1 and 0 < value["approvals"] < value["asked"], f"it was killed under way: {value}")
    CHECKS.that(0 <= moved - 3 * value["approvals"] <= 3 * TERMINALS, f"{moved} moved, {value}")
    card.unlink()


def searched(host, wiped=True):
    """The account number and the key are in no memory of the platform and in no file of its folder. What TLS held in clear is not wiped by its library (SECURITY.md):
    then only keys are looked for in memory."""
    secrets = [PAN.encode(), bytes.fromhex("0" + PAN), bytes.fromhex(PAN + "F"), KEY, KEY.hex().encode(), KEY.hex().upper().encode()]
    files = [path for path in (host.path / "platform").rglob("*") if path.is_file()]
    for path in files:
        read = path.read_bytes()
        CHECKS.that(not any(secret in read for secret in secrets), f"{path.name} holds what it must not")
    CHECKS.that(len(files) > 1, "files were searched")
    found = memory_holds(host.platform.pid, secrets + [b"symbolon-sequence"])
    CHECKS.that(found[-1], "the memory was searched")
    CHECKS.that(not any(found[0 if wiped else 3 : -1]), f"the platform's memory holds what it must not: {found[:-1]}")


print("seed", SEED)
with World(sys.argv[1]) as world:
    host = Host(world)
    address = host.serve(True)
    host.founded()
    answers(host, address)
    address = killed_under_load(host, address)
    killed_vault(host, address)
    stated(host)
    besieged(host, address)
    searched(host)
    under_tls(host)
    searched(host, wiped=False)
    loaded(host, world)
    searched(host)
    host.platform.terminate()
    CHECKS.that(host.platform.wait(timeout=20) == 0, "the platform ends well")
    host.verified()
print(f"iso8583_link: {CHECKS.passed} checks held")
