"""The platform that the foreign parties meet: `symbolon` as processes, its HTTP API, and the count of what was checked."""

import json
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from proofs import Refused, decoded

PIN, WRONG_PIN = "482915", "111111"
API = "/v1/offline-payment"


class Failed(Exception):
    """A check that did not hold."""


class Checks:
    """Counts checks; the first that fails ends the run."""

    def __init__(self):
        self.passed = 0

    def that(self, holds, what):
        """A check."""
        if not holds:
            raise Failed(what)
        self.passed += 1

    def refused(self, names, what, act):
        """`act` must be refused by one of these names, or numbers where the wire has no more."""
        names = {names} if isinstance(names, (str, int)) else set(names)
        try:
            act()
        except Refused as refusal:
            self.that(refusal.name in names, f"{what}: refused as {refusal.name}, not as {sorted(names)}")
            return refusal
        raise Failed(f"{what}: not refused")


def request_id():
    """A UUID of version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random ones (docs/adr/0005)."""
    number = int(time.time() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))


class Api:
    """The platform's HTTP API."""

    def __init__(self, address):
        self.address, self.key = address, None

    def _send(self, method, path, body, headers):
        request = urllib.request.Request(self.address + path, data=body, headers=headers, method=method)
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            refusal = error.read()
            if error.headers["Content-Type"] == "application/cbor":
                raise Refused(decoded(refusal)[2]) from error
            raise Refused(json.loads(refusal)["refusal"]["name"]) from error

    def get(self, path):
        """What the operator sees, in JSON."""
        return json.loads(self._send("GET", path, None, {}))

    def fetch(self, route):
        """What anybody may ask, in CBOR."""
        return self._send("GET", f"{API}/{route}", None, {})

    def delete(self, path):
        """A revocation by the operator."""
        return json.loads(self._send("DELETE", f"{API}/{path}", None, {"Idempotency-Key": request_id()}))

    def post(self, path, body, request=None):
        """A change by the operator, in JSON, under a request id; the same id again gets the same answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": request or request_id()}
        return json.loads(self._send("POST", path, json.dumps(body).encode(), headers))

    def device(self, route, message):
        """A device's message: it is known by its own signature, so it needs neither key nor request id."""
        return self._send("POST", f"{API}/{route}", message, {"Content-Type": "application/cbor"})


class World:
    """A private platform in a folder, its devices, all ended with it."""

    def __init__(self, symbolon):
        self.symbolon = str(Path(symbolon).resolve())
        self.path = Path(tempfile.mkdtemp(prefix="symbolon-foreign-"))
        self.platform, self.key, self.started = None, None, []
        (self.path / "pin").write_text(PIN)
        (self.path / "wrong-pin").write_text(WRONG_PIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def start(self, *words):
        """Starts a command; its one answer comes at its end."""
        process = subprocess.Popen([self.symbolon, *map(str, words), "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def ready(self, *words):
        """Starts a command that says one line when it is ready, and goes on; the line comes with it."""
        process = self.start(*words)
        line = json.loads(process.stdout.readline() or "{}")
        if not line or "error" in line or "refusal" in line:
            raise Failed(f"symbolon {' '.join(map(str, words))}: {line}")
        return process, line

    @staticmethod
    def finished(process):
        """The exit code and the one JSON value."""
        out, _ = process.communicate(timeout=60)
        return process.returncode, json.loads(out)

    def run(self, *words):
        """Runs a command to its end."""
        return self.finished(self.start(*words))

    def held(self, *words):
        """Runs a command that must hold."""
        code, value = self.run(*words)
        if code != 0:
            raise Failed(f"symbolon {' '.join(map(str, words))} ended with {code}: {value}")
        return value

    def online(self):
        """Starts the platform; its API with the operator's key, which the first start hands out."""
        self.platform, line = self.ready("serve", "--data", self.path / "platform", "--listen", "127.0.0.1:0")
        api = Api(line["http"])
        if self.key is None:
            api.key = (self.path / "platform" / "first-administrator.key").read_text().strip()
            self.key = api.post("/v1/keys/first", {})["key"]
        api.key = self.key
        return api

    def offline(self):
        """Stops the platform: the network is gone for everyone."""
        self.platform.terminate()
        if self.platform.wait(timeout=20) != 0:
            raise Failed("the platform did not end well")

    def account(self, api, limits):
        """A payer's account with money; its id."""
        payer = api.post(f"{API}/accounts", {"limits": limits})["payer"]
        api.post(f"{API}/accounts/{payer}/funds", {"amount": {"minor": 1_000_000, "currency": "EUR"}})
        return payer

    def authenticator(self, server):
        """The authenticator as a process of its own; its socket."""
        path = self.path / "authenticator.socket"
        self.ready("device", "authenticator", "--store", self.path / "authenticator", "--socket", path, "--server-key", server.hex())
        return path


def status_of(api, path):
    """A part of the operator's view of the system."""
    return api.get(f"{API}/{path}")
