// `symbolon tool iso8583` beside npm iso_8583 on random messages, both ways.
//
//   node iso8583.mjs SYMBOLON [SEED]
//
// iso_8583 2.6.7
//
// The package always sends two bitmaps, of bytes (ISO 8583 4.2: the second is there if bit 1 is set, so it may be empty); the calculator is told
// so by "bitmap". It looks at dates and times, so that these are ones; its fields of type b are lower-case hexadecimal when read; an empty field
// it calls missing, so that none is.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const Iso = createRequire(import.meta.url)("iso_8583");
const symbolon = process.argv[2];
const seed = process.argv[3] ?? "1";
const CASES = 150;

// A small generator with a text as its seed: FNV-1a (32 bits), then mulberry32.
let state = [...seed].reduce((sum, character) => Math.imul(sum ^ character.charCodeAt(0), 16777619) >>> 0, 2166136261);
const draw = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
const below = (end) => Math.floor(draw() * end);
const some = (alphabet, length) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
const two = (from, to) => String(from + below(to - from + 1)).padStart(2, "0");
const day = () => two(1, 12) + two(1, 28);
const time = () => two(0, 23) + two(0, 59) + two(0, 59);

const DIGITS = "0123456789";
const PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const between = (least, most) => least + below(most - least + 1);
// Field: digits of its length (0: fixed), most, type, a value.
const FIELDS = {
  2: [2, 19, "n", () => some(DIGITS, between(13, 19))],
  3: [0, 6, "n", () => some(DIGITS, 6)],
  4: [0, 12, "n", () => some(DIGITS, 12)],
  7: [0, 10, "n", () => day() + time()],
  11: [0, 6, "n", () => some(DIGITS, 6)],
  12: [0, 6, "n", time],
  13: [0, 4, "n", day],
  14: [0, 4, "n", () => two(26, 40) + two(1, 12)],
  18: [0, 4, "n", () => some(DIGITS, 4)],
  22: [0, 3, "n", () => some(DIGITS, 3)],
  23: [0, 3, "n", () => some(DIGITS, 3)],
  25: [0, 2, "n", () => some(DIGITS, 2)],
  32: [2, 11, "n", () => some(DIGITS, between(1, 11))],
  35: [2, 37, "z", () => some(DIGITS, 16) + "=" + some(DIGITS, between(4, 20))],
  37: [0, 12, "ans", () => some(PLAIN, 12)],
  38: [0, 6, "ans", () => some(PLAIN, 6)],
  39: [0, 2, "ans", () => some(PLAIN, 2)],
  41: [0, 8, "ans", () => some(PLAIN, 8)],
  42: [0, 15, "ans", () => some(PLAIN, 15)],
  43: [0, 40, "ans", () => some(PLAIN, 40)],
  48: [3, 999, "ans", () => some(PLAIN + " -/", between(1, 60))],
  49: [0, 3, "ans", () => some(DIGITS, 3)],
  52: [0, 8, "b", () => some("0123456789ABCDEF", 16)],
  54: [3, 120, "ans", () => some(PLAIN, between(1, 120))],
  90: [0, 42, "n", () => some(DIGITS, 42)],
  95: [0, 42, "ans", () => some(PLAIN, 42)],
  102: [2, 28, "ans", () => some(PLAIN, between(1, 28))],
};

const dialect = {
  0: { len: 0, max: 4, type: "n", enc: "ascii" },
  1: { kind: "bitmap", max: 16, enc: "binary" },
};
for (const [number, [len, max, type]] of Object.entries(FIELDS)) {
  dialect[number] = { len, max, type, enc: type === "b" ? "raw" : "ascii", ...(len ? { len_enc: "ascii" } : {}) };
}

const folder = mkdtempSync(join(tmpdir(), "iso8583-"));
const [dialectFile, fieldsFile] = ["dialect.json", "fields.json"].map((name) => join(folder, name));
writeFileSync(dialectFile, JSON.stringify(dialect));
const tool = (...words) => JSON.parse(execFileSync(symbolon, ["tool", "iso8583", ...words, "--json"], { encoding: "utf8" }));
const sorted = (fields) => JSON.stringify(Object.entries(fields).sort(([left], [right]) => left - right));
const differ = (...what) => {
  console.log("iso8583 differs:", ...what);
  rmSync(folder, { recursive: true });
  process.exit(1);
};

console.log("seed", seed);
const TYPES = ["0100", "0110", "0200", "0210", "0400", "0420", "0430", "0800"];
for (let number = 0; number < CASES; number += 1) {
  const mti = TYPES[below(TYPES.length)];
  const chosen = Object.keys(FIELDS).filter(() => draw() < 0.5);
  const fields = Object.fromEntries(chosen.map((field) => [field, FIELDS[field][3]()]));
  const words = [1n << 63n, 0n];
  for (const field of chosen.map(Number)) words[field > 64 ? 1 : 0] |= 1n << BigInt((128 - field) % 64);
  const bitmap = words.map((word) => word.toString(16).padStart(16, "0")).join("");
  writeFileSync(fieldsFile, JSON.stringify({ mti, bitmap, fields }));
  const { hex } = tool("encode", "--dialect", dialectFile, fieldsFile);
  const theirs = new Iso({ 0: mti, ...fields }).getRawMessage();
  if (!Buffer.isBuffer(theirs) || theirs.toString("hex").toUpperCase() !== hex) differ("encoded", mti, sorted(fields), hex, theirs);
  const read = new Iso().getIsoJSON(Buffer.from(hex, "hex"), { lenHeader: false });
  const { 0: type, ...found } = read;
  if (found[52]) found[52] = found[52].toUpperCase();
  if (type !== mti || sorted(found) !== sorted(fields)) differ("decoded by iso_8583", mti, sorted(fields), JSON.stringify(read));
  const ours = tool("decode", "--dialect", dialectFile, "--hex", theirs.toString("hex"), "--reveal");
  if (ours.mti !== mti || sorted(ours.fields) !== sorted(fields)) differ("decoded", mti, sorted(fields), JSON.stringify(ours));
}
rmSync(folder, { recursive: true });
console.log(`iso8583: ${CASES} cases agree`);
