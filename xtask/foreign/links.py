"""The ways to the other party: QR symbols in a folder, APDUs over a path Unix socket, framed requests to an authenticator.

By docs/offline-payment-integration.md; ISO/IEC 18004 by `zxing-cpp`, base45 by RFC 9285, APDUs by ISO/IEC 7816-4 §5.
"""

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import zxingcpp
from PIL import Image

from proofs import Refused, decoded, encoded

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PART_BYTES_MAX = 630
FRAMES_MAX = 32
AID = bytes.fromhex("F053594D423031")
CHALLENGE, OBJECT, RECEIPT = 0xD0, 0xD2, 0xD4
OK, NOT_YET, WRONG_DATA, NOT_FOUND = 0x9000, 0x6985, 0x6A80, 0x6A82


def base45(data):
    """RFC 9285 §4.2: two bytes are three characters, a last odd byte is two; the least significant comes first."""
    out = []
    for at in range(0, len(data), 2):
        value, digits = int.from_bytes(data[at : at + 2], "big"), 3 if at + 1 < len(data) else 2
        for _ in range(digits):
            value, rest = divmod(value, 45)
            out.append(ALPHABET[rest])
    return "".join(out)


def unbase45(text):
    """RFC 9285 §4.3; refuses what `base45` does not write."""
    out = bytearray()
    for at in range(0, len(text), 3):
        group = text[at : at + 3]
        value = sum(ALPHABET.find(character) * 45**place for place, character in enumerate(group))
        length = len(group) - 1
        if length == 0 or any(character not in ALPHABET for character in group) or value >= 256**length:
            raise Refused("MALFORMED")
        out += value.to_bytes(length, "big")
    return bytes(out)


def frames(message, part=PART_BYTES_MAX):
    """The texts of a message: `SYM1:<CRC-32>:<index>/<count>:<base45>`, every share but the last of the same even length."""
    count = max(1, -(-len(message) // part))
    share = -(-len(message) // count)
    share += share % 2
    shares = [message[at * share : (at + 1) * share] for at in range(count)]
    crc = zlib.crc32(message)
    return [f"SYM1:{crc:08X}:{at:02}/{count:02}:{base45(share)}" for at, share in enumerate(shares, 1)]


def joined(texts):
    """The message of these texts, in any order; None while frames are missing."""
    found, header = {}, None
    for text in texts:
        magic, crc, place, body = text.split(":", 3)
        index, count = place.split("/")
        if magic != "SYM1" or header not in (None, (crc, count)) or not 1 <= int(index) <= int(count) <= FRAMES_MAX:
            raise Refused("MALFORMED")
        header, found[int(index)] = (crc, count), unbase45(body)
    if header is None or len(found) < int(header[1]):
        return None
    message = b"".join(found[index] for index in sorted(found))
    if f"{zlib.crc32(message):08X}" != header[0]:
        raise Refused("MALFORMED")
    return message


def read_symbol(image):
    """The text of the one QR symbol in a picture; None when zxing-cpp reads none."""
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return found[0].text if len(found) == 1 else None


class Screens:
    """Two screens and two cameras, as PNG files `<name>.<index>-<count>.png` in one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)

    def pictures(self, name):
        """The files that show a message, in order."""
        return sorted(self.folder.glob(f"{name}.*.png"))

    def hide(self, name):
        """Takes a message off the screen."""
        for path in self.pictures(name):
            path.unlink(missing_ok=True)

    def show(self, name, message, part=PART_BYTES_MAX):
        """Shows a message in place of what was shown under its name: level M (ISO/IEC 18004 §8.5), made by zxing-cpp."""
        self.hide(name)
        texts = frames(message, part)
        for index, text in enumerate(texts, 1):
            symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
            drawn = symbol.to_image(scale=4)
            height, width = drawn.shape
            path = self.folder / f"{name}.{index:02}-{len(texts):02}.png"
            # It has its name when it is whole.
            fresh = path.with_suffix(".png~")
            Image.frombytes("L", (width, height), bytes(memoryview(drawn))).save(fresh, format="PNG")
            fresh.rename(path)

    def look(self, name):
        """The message that is shown, as far as it can be read now."""
        try:
            texts = [read_symbol(Image.open(path)) for path in self.pictures(name)]
        except (FileNotFoundError, OSError):
            return None
        return None if None in texts else joined(texts)

    def see(self, name, other_than=None, seconds=30):
        """Waits for a message that is not `other_than`, which the screen may still show."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.look(name)
            if message not in (None, other_than):
                return message
            time.sleep(0.02)
        raise Refused("TIMEOUT", name)


def _exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError("the other side ended the connection")
        data += more
    return data


def write_frame(stream, data, width):
    """One frame: its length in `width` bytes, big-endian, then its bytes."""
    stream.sendall(len(data).to_bytes(width, "big") + data)


def read_frame(stream, width):
    """The next frame."""
    return _exactly(stream, int.from_bytes(_exactly(stream, width), "big"))


def connect(path, seconds=30):
    """Connects to a path Unix socket, as soon as somebody listens there."""
    end = time.monotonic() + seconds
    while True:
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(seconds)
        try:
            stream.connect(str(path))
            return stream
        except (FileNotFoundError, ConnectionRefusedError):
            stream.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def ask(path, kind, body):
    """One request to an authenticator, `[kind, body]`, one connection each, lengths of 4 bytes; its reply, or its refusal."""
    with connect(path) as stream:
        write_frame(stream, encoded([kind, body]), 4)
        kind, body = decoded(read_frame(stream, 4))
    if kind == 0:
        raise Refused(body[1], body.get(2))
    return body


class Terminal:
    """A payee's terminal: what listens at the socket is the card. Short APDUs in frames with lengths of 2 bytes."""

    def __init__(self, path):
        self.stream = connect(path)

    def _exchange(self, command):
        write_frame(self.stream, command, 2)
        response = read_frame(self.stream, 2)
        return response[:-2], struct.unpack(">H", response[-2:])[0]

    def send(self, cla, ins, p1, data, answered):
        """A command, chained where it is long (ISO/IEC 7816-4 §5.3.3), and its response, fetched where it is (§5.3.4)."""
        links = [data[at : at + 255] for at in range(0, len(data), 255)] or [b""]
        for link in links[:-1]:
            _, status = self._exchange(bytes([cla | 0x10, ins, p1, 0, len(link)]) + link)
            if status != OK:
                return b"", status
        body = bytes([len(links[-1])]) + links[-1] if links[-1] else b""
        response, status = self._exchange(bytes([cla, ins, p1, 0]) + body + (b"\0" if answered else b""))
        while status >> 8 == 0x61:
            more, status = self._exchange(bytes([0, 0xC0, 0, 0, status & 0xFF]))
            response += more
        return response, status

    def put(self, ins, data):
        """Puts a message; the status word."""
        return self.send(0x80, ins, 0, data, False)[1]

    def select(self, aid=AID):
        """SELECT by name (ISO/IEC 7816-4 §11.2.2); the status word."""
        return self.send(0, 0xA4, 4, aid, True)[1]

    def fetch(self, seconds=30):
        """Fetches the object, again while the user has not agreed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data, status = self.send(0x80, OBJECT, 0, b"", True)
            if status == OK:
                return data
            if status != NOT_YET:
                break
            time.sleep(0.05)
        raise Refused("TIMEOUT", "object")

    def close(self):
        """Takes the card out of the field."""
        self.stream.close()


class Card:
    """A phone as a card, for one payment: `pay` makes the object of a challenge, `taken` judges the receipt."""

    def __init__(self, path, pay, taken):
        self.pay, self.taken = pay, taken
        self.chained, self.waiting, self.object, self.selected = b"", b"", None, False
        Path(path).unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, 0o600)
        self.listener.listen(1)
        self.listener.settimeout(30)

    def serve(self):
        """Answers one terminal until it goes away."""
        stream, _ = self.listener.accept()
        with stream:
            try:
                while True:
                    write_frame(stream, self.answer(read_frame(stream, 2)), 2)
            except ConnectionError:
                self.listener.close()

    def answer(self, command):
        """The response to one short command."""
        cla, ins, p1 = command[0], command[1], command[2]
        data = command[5 : 5 + command[4]] if len(command) > 5 else b""
        if cla & 0x10:
            self.chained += data
            return struct.pack(">H", OK)
        data, self.chained = self.chained + data, b""
        if (cla, ins) == (0, 0xC0):
            return self.more()
        if (cla, ins, p1) == (0, 0xA4, 4):
            self.selected = data == AID
            return struct.pack(">H", OK if self.selected else NOT_FOUND)
        if not self.selected:
            return struct.pack(">H", NOT_YET)
        return self.message(ins, data)

    def message(self, ins, data):
        """Challenge in, object out, receipt in."""
        if ins == CHALLENGE:
            self.object = self.object or self.pay(data)
            return struct.pack(">H", OK)
        if ins == OBJECT:
            self.waiting = self.object
            return self.more()
        return struct.pack(">H", OK if self.taken(data) else WRONG_DATA)

    def more(self):
        """The next 256 bytes of what waits; 61xx says how many wait after them (ISO/IEC 7816-4 §5.3.4)."""
        part, self.waiting = self.waiting[:256], self.waiting[256:]
        left = len(self.waiting)
        return part + struct.pack(">H", 0x6100 | min(left, 256) % 256 if left else OK)
