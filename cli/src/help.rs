//! What `symbolon` says of itself.

/// `symbolon` alone.
pub const OVERVIEW: &str = "\
symbolon issues, carries, presents, checks and settles proofs of rights.

Three first things to try
  symbolon tour                      a phone and a shop, both offline: a payment, settled once, with every device a process of its own
  symbolon serve                     the platform, on 127.0.0.1:8080, its data in ./symbolon-data
  symbolon bench                     what this machine does, beside what it could do

Commands
  serve     runs the platform                     tour      walks the systems end to end
  device    runs one device role                  bench     measures against the machine's limits
  verify    audits a data folder, offline         proof     inspects proofs; judges a double spend
  sim       the whole world on one seed: faults, crashes, attackers, and every invariant after every step
  vault     the payment vault: its process, its keys, the key ceremony
  tool      the calculator: DUKPT, key blocks, PIN blocks, EMV, ISO 8583, tracks, QR, COSE …; needs no server

The ten systems                                   in this version
  offline-payment         to pay with no network  yes: `symbolon tour`
  enabling-card           to pay at a magnetic reader with one-time data        not yet there
  fuel-dispensing         to draw fuel through a remote controller              not yet there
  intermediary-payment    to pay a web merchant card-present                    not yet there
  portable-payment        to pay by tap and see the true amount                 not yet there
  certificates            certificates issued in bulk by a contract             not yet there
  device-control          to control a device, granted on a chain               not yet there
  media-redistribution    to own and pass on a media asset                      not yet there
  self-certification      to enter a production payment network                 not yet there
  reservation-access      to enter a door while one's reservation holds         not yet there

Every command takes --json and --help. Exit 0: held; 1: refused; 2: not understood.
";

/// `symbolon COMMAND --help`.
pub fn of(command: &str) -> &'static str {
    match command {
        "serve" => SERVE,
        "tour" => TOUR,
        "bench" => BENCH,
        "verify" => VERIFY,
        "proof" => PROOF,
        "sim" => SIM,
        "device" => crate::device::HELP,
        "vault" => crate::vault::HELP,
        _ => OVERVIEW,
    }
}

const SERVE: &str = "\
symbolon serve [--data DIR] [--config FILE] [--listen ADDR] [--iso8583 ADDR]

Runs the platform until it is told to stop (Ctrl-C, SIGTERM). The first line says where it listens.
  --data DIR      where everything is kept (./symbolon-data); made with mode 0700
  --listen ADDR   loopback address and port (127.0.0.1:8080); port 0 picks one. Other addresses are refused: there is no TLS yet
  --iso8583 ADDR  loopback address and port for card terminals; needs [iso8583] in --config: docs/terminal-integration.md
  --config FILE   TOML: data, listen, [vault] passphrase_file, [log] segment_kib (65536), [iso8583]. Flags win over it
  --danger-accept-lost-pointer
                  opens a log whose pointer file is lost and whose end is bad, by cutting that end: it may have been acknowledged

At its first start it writes a one-time key to DIR/first-administrator.key. Exchange it for a lasting one:
  curl -X POST -H \"Authorization: Bearer $(cat symbolon-data/first-administrator.key)\" http://127.0.0.1:8080/v1/keys/first
";

const TOUR: &str = "\
symbolon tour [--only SYSTEM] [--evidence DIR] [--keep]

Starts a private platform on a free loopback port and every device as a process of its own, and walks the systems over their real transports.
  --only SYSTEM    one system, by its name
  --evidence DIR   writes every message that was exchanged as bytes, for others to check
  --keep           leaves the platform running and prints its address
";

const BENCH: &str = "\
symbolon bench [--only NAME] [--seconds N]

Each row runs ours and the machine's limit in alternating slices; the ratio is the median of the pairs' ratios.
  --only NAME      NAME, NAME.*, NAME@*
  --seconds N      seconds a row (4)
  --data DIR       where the disk rows write (here): the file system that is measured
";

const VERIFY: &str = "\
symbolon verify [--data DIR]

Audits a data folder that no platform is using: the log's hash chain, the tables made anew from the log and compared row by row,
the conservation of money, each system's invariants. Changes nothing.
";

const SIM: &str = "\
symbolon sim --seed N [--steps M] [--count K]

Runs the platform's and the devices' own code in a simulated world: one seed, one history. Disks fail and fill, power is cut at any write, packets
are lost, doubled and late, clocks jump, stores are put back, phones are copied, a payee colludes. After every step every invariant is checked; at
the end faults stop, and everything must come to rest: reservations released, uploads answered, money where it belongs.
  --seed N     the first seed
  --steps M    actions of each seed (200)
  --count K    so many seeds, from N on (1)
A seed that fails is named with its step and its invariant, and cut down to the actions that it needs.
";

const PROOF: &str = "\
symbolon proof inspect FILE [--server-key HEX] [--signer-key HEX] [--payee HEX] [--at MS]
    what a proof of offline payment says, and which checks hold, for the proofs inside of it too
      --server-key   the server's Ed25519 key: for what it must have signed
      --signer-key   the key of a signer that the proof does not name: of an authenticator (nonce-token, report), of a payee (receipt)
      --payee        whom it must be for
      --at           when it must hold, in Unix milliseconds
    a check for which something is missing is listed under \"unchecked\"
symbolon proof double-spend A B --server-key HEX [--server-key HEX]...
    whether two secure objects are one nonce spent twice: a verdict from the server's keys alone; more than one where it rotated in between

FILE, A and B hold the bytes of a proof, or its hexadecimal; - is standard input. A key may come from @FILE.
";
