// TDES DUKPT: the calculator beside the npm package dukpt (3.0.0), on random inputs.
//
// node dukpt_tdes.mjs SYMBOLON [SEED]
//
// The package knows no response keys, and takes any counter; where X9.24-1:2009 annex A.3 has no key, the calculator must refuse.
import { spawnSync } from "node:child_process";
import Dukpt from "dukpt";

const CASES = 300;
const [symbolon, given] = process.argv.slice(2);
const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
const USAGES = { datakey: "data-request", pinkey: "pin", mackey: "mac-request" };

// Mulberry32.
let state = seed >>> 0;
function draw() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

const bytes = (count) => Buffer.from(Array.from({ length: count }, () => draw() & 0xff));
const ones = (number) => number.toString(2).replaceAll("0", "").length;

function counter() {
  const shapes = [draw(), draw() & draw(), 1 << draw() % 21, [0, 1, 0x3ff, 0x7ff, 0x800, 0xffc00, 0x100000, 0x1ff800, 0x1fffff][draw() % 9]];
  return shapes[draw() % shapes.length] & 0x1fffff;
}

console.log(`dukpt_tdes (npm): seed ${seed}`);
for (let at = 0; at < CASES; at += 1) {
  const [bdk, serial, number] = [bytes(16), bytes(10), counter()];
  serial.writeUIntBE((serial.readUIntBE(7, 3) & ~0x1fffff) | number, 7, 3);
  const ksn = serial.toString("hex").toUpperCase();
  const mode = Object.keys(USAGES)[draw() % 3];
  const words = ["tool", "dukpt", "derive", "--scheme", "tdes", "--bdk", bdk.toString("hex"), "--ksn", ksn, "--usage", USAGES[mode], "--json"];
  const said = spawnSync(symbolon, words, { encoding: "utf8" });
  const answer = JSON.parse(said.stdout);
  const usable = number !== 0 && ones(number) <= 10;
  const want = usable ? new Dukpt(bdk.toString("hex"), ksn, mode)._sessionKey.toUpperCase() : "KSN_INVALID";
  const found = usable ? answer.working_key : answer.refusal?.name;
  if (found !== want || said.status !== (usable ? 0 : 1)) {
    console.log(`dukpt_tdes (npm): ${words.join(" ")}\n  symbolon ${said.status} ${found}\n  dukpt    ${want}`);
    process.exit(1);
  }
}
console.log(`dukpt_tdes (npm): ${CASES} cases agree`);
