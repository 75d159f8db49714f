"""Magnetic tracks beside msrx, the codec of a card writer's library: python3 track.py SYMBOLON [SEED].

Needs msrx==0.3. Its codecs iso7811_t1, _t2 and _t3 turn characters into bits with parity, and bits into characters; it knows nothing of an
LRC and does not look at parity, so the LRC is computed here, by the columns of the standard's figure, and parity errors are no cases.
Its bits are packed eight to a byte, the first one lowest. A character of zeros ends its reading, as clocking zeros do.
No cases had to be left out.
"""

import codecs
import json
import random
import subprocess
import sys

import msrx

assert msrx.__version__ == "0.3"

CASES = 300
TRACKS = {1: ("%", "?", 0x20, 6, 79), 2: (";", "?", 0x30, 4, 40), 3: (";", "?", 0x30, 4, 107)}


def tool(symbolon, *words):
    """The answer of `symbolon tool track`."""
    run = subprocess.run([symbolon, "tool", "track", *words, "--json"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ValueError(f"{words}: exit {run.returncode}: {run.stdout}")
    return json.loads(run.stdout)


def random_text(chance, track):
    """Any text that the track can hold."""
    start, end, first, bits, most = TRACKS[track]
    codes = [chr(first + code) for code in range(1 << bits)]
    inner = [code for code in codes if code not in (start, end)]
    return start + "".join(chance.choices(inner, k=chance.randint(1, most - 3))) + end


def lrc_of(track, text):
    """Each column of data bits made even, the LRC among them."""
    first, bits = TRACKS[track][2:4]
    columns = [sum((ord(one) - first) >> column & 1 for one in text) % 2 for column in range(bits)]
    return sum(odd << column for column, odd in enumerate(columns))


def bits_of(track, text):
    """msrx: characters to bits."""
    packed = codecs.decode(text, f"iso7811_t{track}")
    width = TRACKS[track][3] + 1
    return "".join(str(byte >> place & 1) for byte in packed for place in range(8))[: len(text) * width]


def text_of(track, bits):
    """msrx: bits to characters, up to a character of zeros."""
    padded = bits + "0" * (-len(bits) % 8 + 8)
    packed = bytes(int(padded[at : at + 8][::-1], 2) for at in range(0, len(padded), 8))
    return codecs.encode(packed, f"iso7811_t{track}")


def compare(symbolon, chance):
    """One text: our bits read by msrx, its bits read by us, from either end and of either polarity."""
    track = chance.choice([1, 2, 3])
    text = random_text(chance, track)
    lrc = lrc_of(track, text)
    whole = text + chr(TRACKS[track][2] + lrc)
    leading, trailing = chance.randint(8, 70), chance.randint(8, 70)
    ours = tool(symbolon, "encode", "--track", str(track), "--leading", str(leading), "--trailing", str(trailing), text)
    theirs = bits_of(track, whole)
    expect = {"bits": "0" * leading + theirs + "0" * trailing, "lrc": lrc}
    if ours != expect:
        raise ValueError(f"track {track} {text!r}: {ours} is not {expect}")
    if text_of(track, ours["bits"][leading:]) != whole:
        raise ValueError(f"track {track} {text!r}: msrx reads {text_of(track, ours['bits'][leading:])!r}")
    captured = expect["bits"]
    direction, inverted = chance.choice(["forward", "reverse"]), chance.choice([False, True])
    captured = captured[::-1] if direction == "reverse" else captured
    captured = captured.translate(str.maketrans("01", "10")) if inverted else captured
    read = tool(symbolon, "decode", "--track", str(track), "--bits", captured)
    if [read[name] for name in ("text", "lrc", "direction", "inverted")] != [text, lrc, direction, inverted]:
        raise ValueError(f"track {track} {text!r} {direction} inverted {inverted}: {read}")


def main():
    """The cases of one seed; the first difference ends the run."""
    symbolon, *more = sys.argv[1:]
    seed = more[0] if more else str(random.randrange(1 << 32))
    print(f"track: seed {seed}", flush=True)
    chance = random.Random(seed)
    for _ in range(CASES):
        try:
            compare(symbolon, chance)
        except ValueError as difference:
            print(f"track: {difference}")
            return 1
    print(f"track: {CASES} cases agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
