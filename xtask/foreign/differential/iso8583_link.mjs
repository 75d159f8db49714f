// npm iso_8583 as a terminal of `symbolon serve --iso8583`, in a dialect of its own: two bitmaps of bytes, everything else in ASCII.
//
//   node iso8583_link.mjs SYMBOLON [SEED]
//
// iso_8583 2.6.7
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const Iso = createRequire(import.meta.url)("iso_8583");
const symbolon = process.argv[2];
const ACCOUNT = "40123456" + "78909";
const PAYMENTS = 40;

// Field: digits of its length (0: fixed), most, type.
const FIELDS = {
  2: [2, 19, "n"], 3: [0, 6, "n"], 4: [0, 12, "n"], 7: [0, 10, "n"], 11: [0, 6, "n"], 12: [0, 6, "n"], 13: [0, 4, "n"], 24: [0, 3, "n"],
  32: [2, 11, "n"], 33: [2, 11, "n"], 37: [0, 12, "ans"], 38: [0, 6, "ans"], 39: [0, 2, "ans"], 41: [0, 8, "ans"], 42: [0, 15, "ans"],
  49: [0, 3, "ans"], 70: [0, 3, "n"], 90: [0, 42, "n"], 95: [0, 42, "ans"],
};
const dialect = { 0: { len: 0, max: 4, type: "n", enc: "ascii" }, 1: { kind: "bitmap", max: 16, enc: "binary" } };
for (const [number, [len, max, type]] of Object.entries(FIELDS)) {
  dialect[number] = { len, max, type, enc: "ascii", ...(len ? { len_enc: "ascii" } : {}) };
}

const folder = mkdtempSync(join(tmpdir(), "iso8583-link-"));
const at = (name) => join(folder, name);
const started = [];
let passed = 0;
const end = (code, ...what) => {
  started.forEach((process) => process.kill("SIGKILL"));
  rmSync(folder, { recursive: true, force: true });
  console.log(...what);
  process.exit(code);
};
const check = (holds, ...what) => (holds ? (passed += 1) : end(1, "iso8583_link:", ...what));
const run = (...words) => JSON.parse(execFileSync(symbolon, [...words, "--json"], { encoding: "utf8" }));
// Starts a command that says one line when it is ready, and goes on.
const ready = (...words) =>
  new Promise((resolve) => {
    const process = spawn(symbolon, [...words, "--json"], { stdio: ["ignore", "pipe", "ignore"] });
    started.push(process);
    process.stdout.once("data", (line) => resolve(JSON.parse(line.toString().split("\n")[0])));
  });
// A UUID of version 7.
const requestId = () => {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

class Terminal {
  constructor(address) {
    const [host, port] = address.split(":");
    this.waiting = [];
    this.read = Buffer.alloc(0);
    this.stream = connect(Number(port), host);
    this.stream.on("data", (more) => {
      this.read = Buffer.concat([this.read, more]);
      while (this.read.length >= 2 && this.read.length >= 2 + this.read.readUInt16BE(0)) {
        const length = this.read.readUInt16BE(0);
        const answer = new Iso().getIsoJSON(this.read.subarray(2, 2 + length), { lenHeader: false });
        this.read = this.read.subarray(2 + length);
        const found = this.waiting.findIndex(({ audit }) => audit === answer[11]);
        check(found >= 0, "an answer that nobody asked for", JSON.stringify(answer));
        this.waiting.splice(found, 1)[0].resolve(answer);
      }
    });
  }
  asked(mti, fields) {
    const message = new Iso({ 0: mti, ...fields }).getRawMessage();
    check(Buffer.isBuffer(message), "iso_8583 did not make the message", message);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    this.stream.write(Buffer.concat([length, message]));
    return new Promise((resolve) => this.waiting.push({ audit: fields[11], resolve }));
  }
}

const six = (number) => String(number).padStart(6, "0");
const twelve = (number) => String(number).padStart(12, "0");
const payment = (audit, minor) => ({
  2: ACCOUNT, 3: "000000", 4: twelve(minor), 7: "1124120000", 11: six(audit), 12: "120000", 13: "1124", 32: "12345",
  37: twelve(audit), 41: "TERM0001", 49: "978",
});

const vault = ["--file", at("vault"), "--key-file", at("vault.key")];
run("vault", "create", ...vault);
run("vault", "generate", ...vault, "--name", "token", "--role", "token", "--algorithm", "hmac256");
run("vault", "activate", ...vault, "--name", "token", "--generation", "1");
const guard = () => ready("vault", "serve", ...vault, "--socket", at("socket"));
await guard();
writeFileSync(at("dialect.json"), JSON.stringify(dialect));
writeFileSync(at("config"), `[iso8583]\ndialect = "${at("dialect.json")}"\nvault = "${at("socket")}"\ntoken = "token"\npartial = true\n`);
const line = await ready("serve", "--data", at("data"), "--config", at("config"), "--listen", "127.0.0.1:0", "--iso8583", "127.0.0.1:0");
let key = readFileSync(at("data/first-administrator.key"), "utf8").trim();
const call = async (method, path, body) => {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": requestId() };
  const answer = await fetch(line.http + path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  check(answer.ok, path, JSON.stringify(json));
  return json;
};
key = (await call("POST", "/v1/keys/first", {})).key;
const opened = async (limit) => (await call("POST", "/v1/acquiring/accounts", { currency: "EUR", limit })).account;
const [bank, shop, card] = [await opened("unlimited"), await opened("prepaid"), await opened({ credit_line: 10_000 })];
await call("POST", "/v1/acquiring/policy", { window_seconds: 3600, kept_seconds: 7200, hold_seconds: 7200, cover: bank });
await call("POST", "/v1/acquiring/terminals", { link: 1, terminal: "TERM0001", merchant: shop });
writeFileSync(at("account"), ACCOUNT);
const { token } = run("vault", "token", "--socket", at("socket"), "--name", "token", "--account", `@${at("account")}`);
await call("POST", "/v1/acquiring/cards", { token, account: card });
const posted = async (id) => (await call("GET", `/v1/acquiring/accounts/${id}`)).posted;

const terminal = new Terminal(line.iso8583);
const echo = await terminal.asked("0800", { 7: "1124120000", 11: six(1), 70: "301" });
check(echo[0] === "0810" && echo[39] === "00", "echo", JSON.stringify(echo));
// All at once on one connection: each gets its own answer.
const asked = Array.from({ length: PAYMENTS }, (_, at) => terminal.asked("0200", payment(100 + at, 100 + at)));
const answers = await Promise.all(asked);
answers.forEach((answer, at) => {
  check(answer[0] === "0210" && answer[39] === "00" && answer[4] === twelve(100 + at), "a payment", JSON.stringify(answer));
  check(answer[37] === twelve(100 + at) && answer[41] === "TERM0001" && answer[2] === undefined, "its fields");
});
const sum = answers.reduce((sum, answer) => sum + Number(answer[4]), 0);
check((await posted(shop)) === sum, "moved once");
const repeated = await terminal.asked("0201", payment(100, 100));
check(repeated[39] === "00" && repeated[38] === answers[0][38], "a repeat", JSON.stringify(repeated));
const part = await terminal.asked("0100", payment(500, 20_000));
check(part[39] === "10" && Number(part[4]) === 10_000 - sum, "a part is approved where the link takes it", JSON.stringify(part));
const original = (mti, audit) => `${mti}${six(audit)}1124120000${"12345".padStart(11, "0")}${"0".repeat(11)}`;
const { 2: _, 37: __, ...reversal } = payment(501, 20_000);
const reversed = await terminal.asked("0420", { ...reversal, 90: original("0100", 500) });
check(reversed[0] === "0430" && reversed[39] === "00", "its reversal", JSON.stringify(reversed));
const declined = await terminal.asked("0200", payment(502, 1));
check(declined[39] === "00", "there is money again", JSON.stringify(declined));
check((await posted(shop)) === sum + 1, "and no more moved");
const killed = new Promise((resolve) => started[0].once("exit", resolve));
started[0].kill("SIGKILL");
await killed;
const unheard = await terminal.asked("0200", payment(503, 1));
check(unheard[39] === "96", "without the vault nothing is done", JSON.stringify(unheard));
await guard();
const heard = await terminal.asked("0201", payment(503, 1));
check(heard[39] === "00", "and then it is", JSON.stringify(heard));
check((await posted(shop)) === sum + 2, "once");
terminal.stream.destroy();
end(0, `iso8583_link: ${passed} checks held`);
