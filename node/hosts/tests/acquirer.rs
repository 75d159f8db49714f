//! The acquirer over real sockets, on a real log: answers, repeats over a restart, authentication codes, what is refused, and what is on the disk.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use symbolon_acquiring::TerminalId;
use symbolon_acquiring::state::{Command, OpenAccount, Outcome, Policy, SetCard, SetTerminal};
use symbolon_hosts::acquirer::{Acquirer, Link, Platform};
use symbolon_hosts::framing::Framing;
use symbolon_hosts::keys::{Keys, LinkMac};
use symbolon_hosts::server::{Listener, Settings};
use symbolon_journal::{AccountId, Limit, Transfer, TransferId, account};
use symbolon_log::{FileDisk, Log, Options};
use symbolon_machine::{AnyOutcome, Machine, Reader, Submission, Writer};
use symbolon_store::{DiskOptions, DiskTables};
use symbolon_types::{Amount, Currency, Hash, UnixMs};
use symbolon_vault::entropy;
use symbolon_vault::payment::{
    AccountForm, Activate, Algorithm, Clear, ClearAccount, Export, KeyName, KeyRef, MacAlgorithm, MacPadding,
    MacSpec, MakeMac, NewKey, PaymentVault, Role, SealAccount, SoftwareEngine, VerifyMac, ZoneOrDukpt,
};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::iso8583::{BuiltIn, Dialect, Mti, Places, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PAN: &str = "4012345678909";
const BANK: AccountId = AccountId([1; 16]);
const CARD: AccountId = AccountId([2; 16]);
const SHOP: AccountId = AccountId([3; 16]);
const NOW: UnixMs = UnixMs(1_800_000_000_000);
const PATIENCE: Duration = Duration::from_secs(20);

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn key(name: &str) -> KeyRef {
    KeyRef { name: KeyName::parse(name).unwrap(), generation: None }
}

fn vault() -> Arc<dyn PaymentVault> {
    let vault: Arc<dyn PaymentVault> = Arc::new(SoftwareEngine::in_memory());
    for (name, role, algorithm) in
        [("token", Role::Token, Algorithm::Hmac256), ("link.mac", Role::MacCmac, Algorithm::Aes128)]
    {
        let name = KeyName::parse(name).unwrap();
        let new = NewKey { name: name.clone(), role, algorithm, export: Export::NonExportable };
        vault.generate(new, NOW, &entropy().unwrap()).unwrap();
        let active = Activate { name, generation: 1, overlap_until: NOW };
        vault.activate(active, NOW, &entropy().unwrap()).unwrap();
    }
    vault
}

fn mac_spec() -> MacSpec {
    let key = ZoneOrDukpt::Zone(key("link.mac"));
    MacSpec { key, algorithm: MacAlgorithm::Cmac, padding: MacPadding::Zeros, len: 8 }
}

fn token(vault: &Arc<dyn PaymentVault>) -> Hash {
    let account = ClearAccount { form: AccountForm::Pan, bytes: Clear::new(PAN.as_bytes()) };
    let asked = SealAccount { account, token: key("token"), period: 1 };
    Hash(vault.seal_account(asked, NOW, &entropy().unwrap()).unwrap().token.0)
}

fn open(data: &Path) -> (Arc<Writer>, Reader<DiskTables>) {
    let (log, found) = Log::open(FileDisk::open(data.join("log")).unwrap(), Options::default()).unwrap();
    let tables = DiskTables::open(&data.join("tables"), DiskOptions::default()).unwrap();
    let (machine, _) = Machine::open(log, found, tables, symbolon_machine::Policy::default()).unwrap();
    let (writer, reader) = Writer::start(machine, || NOW);
    (Arc::new(writer), reader)
}

fn found(writer: &Writer, vault: &Arc<dyn PaymentVault>) {
    let kept = Limit::DebitsWithinCredits(());
    let opened = [(BANK, Limit::Unlimited(())), (CARD, kept), (SHOP, kept)].map(|(id, limit)| {
        Command::OpenAccount(OpenAccount { id, currency: Currency::EUR, limit, history: true })
    });
    let hour = 3_600_000;
    let policy = Policy { window_ms: hour, kept_ms: 24 * hour, hold_ms: 24 * hour, cover: BANK };
    let funds = Transfer::posted(TransferId([9; 16]), BANK, CARD, eur(10_000), Hash::ZERO);
    let terminal = SetTerminal { link: 1, terminal: TerminalId(*b"TERM0001"), merchant: SHOP };
    let others = [
        Command::SetPolicy(policy),
        Command::SetTerminal(terminal),
        Command::SetCard(SetCard { card: token(vault), account: CARD, blocked: false }),
        Command::Transfer(funds),
    ];
    for command in opened.into_iter().chain(others) {
        let (_, outcome) = writer.submit_and_wait(Submission::natural(command)).unwrap();
        assert_eq!(outcome, AnyOutcome::Acquiring(Outcome::Set(())));
    }
}

struct Host {
    stream: TcpStream,
    dialect: Dialect,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

fn framing() -> Framing {
    "be2".parse().unwrap()
}

async fn host(
    built_in: BuiltIn,
    mac: bool,
    (writer, reader): (&Arc<Writer>, &Reader<DiskTables>),
    vault: &Arc<dyn PaymentVault>,
) -> Host {
    let dialect = built_in.dialect().unwrap();
    let mac = mac.then(|| LinkMac {
        key: Some(key("link.mac")),
        algorithm: MacAlgorithm::Cmac,
        padding: MacPadding::Zeros,
        len: 8,
    });
    let link = Link {
        number: 1,
        dialect: built_in.dialect().unwrap(),
        partial: false,
        token: key("token"),
        mac,
        key_sets: Vec::new(),
        form: AccountForm::Pan,
    };
    let keys = Keys::new(Arc::clone(vault), || NOW);
    let service = Acquirer::new(link, keys, Platform::new(Arc::clone(writer), reader.clone()), None);
    let listener =
        Listener::bind("127.0.0.1:0".parse().unwrap(), Settings::new(framing()), service).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let served = tokio::spawn(listener.serve(async { drop(stopped.await) }));
    Host { stream, dialect, stop, served }
}

impl Host {
    /// The first answer that comes after this message.
    async fn sent(&mut self, message: &[u8]) -> Vec<u8> {
        self.stream.write_all(&framing().encode(&[], message).unwrap()).await.unwrap();
        let read = async {
            let length = self.stream.read_u16().await.unwrap();
            let mut answer = vec![0; usize::from(length)];
            self.stream.read_exact(&mut answer).await.unwrap();
            answer
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    fn encode(&self, mti: &str, fields: &[(u8, &str)]) -> Vec<u8> {
        let fields: Vec<(u8, Value<'_>)> =
            fields.iter().map(|(n, value)| (*n, Value::from(*value))).collect();
        let mut out = Vec::new();
        self.dialect
            .encode(Mti::parse(mti.as_bytes().try_into().unwrap()).unwrap(), &fields, &mut out)
            .unwrap();
        out
    }

    /// Type and field 39 of an answer.
    fn told(&self, answer: &[u8]) -> (String, String) {
        let mut places = Places::new();
        let answer = self.dialect.decode(answer, &mut places).unwrap();
        (answer.mti().to_string(), answer.field(39).unwrap().text())
    }

    async fn asked(&mut self, mti: &str, fields: &[(u8, &str)]) -> (String, String) {
        let answer = self.sent(&self.encode(mti, fields)).await;
        self.told(&answer)
    }

    async fn end(self) {
        drop(self.stream);
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
    }
}

fn payment<'a>(audit: &'a str, amount: &'a str) -> Vec<(u8, &'a str)> {
    vec![
        (2, PAN),
        (3, "000000"),
        (4, amount),
        (7, "1124120000"),
        (11, audit),
        (12, "120000"),
        (32, "12345"),
        (41, "TERM0001"),
        (49, "978"),
    ]
}

fn posted<T: symbolon_store::Tables>(reader: &Reader<T>, id: &AccountId) -> i64 {
    let (_, found) = reader.read(|rows| account(rows, id).unwrap().balance().posted).unwrap();
    found
}

fn answer(mti: &str, code: &str) -> (String, String) {
    (mti.to_owned(), code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let (writer, reader) = open(folder.path());
    found(&writer, &vault);
    let mut link = host(BuiltIn::Ascii1987, false, (&writer, &reader), &vault).await;
    assert_eq!(
        link.asked("0800", &[(7, "1124120000"), (11, "000001"), (70, "001")]).await,
        answer("0810", "00")
    );
    let first = link.sent(&link.encode("0200", &payment("000002", "000000002500"))).await;
    assert_eq!(link.told(&first), answer("0210", "00"));
    let again = link.sent(&link.encode("0201", &payment("000002", "000000002500"))).await;
    assert_eq!(again, first, "to the byte");
    assert_eq!(link.asked("0200", &payment("000003", "000000007501")).await, answer("0210", "51"));
    assert_eq!((posted(&reader, &CARD), posted(&reader, &SHOP)), (7_500, 2_500));
    link.end().await;
    writer.stop().unwrap();
    drop((writer, reader));

    let (writer, reader) = open(folder.path());
    let mut link = host(BuiltIn::Ascii1987, false, (&writer, &reader), &vault).await;
    assert_eq!(link.sent(&link.encode("0201", &payment("000002", "000000002500"))).await, first);
    assert_eq!(link.asked("0200", &payment("000002", "000000002600")).await, answer("0210", "94"));
    let original = format!("0200000002{:0>10}{:0>11}{:0>11}", "1124120000", "12345", "0");
    let mut reversal = payment("000004", "000000002500");
    reversal.push((90, &original));
    assert_eq!(link.asked("0400", &reversal).await, answer("0410", "00"));
    assert_eq!(link.asked("0401", &reversal).await, answer("0410", "00"));
    assert_eq!((posted(&reader, &CARD), posted(&reader, &SHOP)), (10_000, 0));
    link.end().await;
    writer.stop().unwrap();
    no_account_on_disk(folder.path());
}

/// The number is in no file of the folder: not as text, not packed, not in another half-byte.
fn no_account_on_disk(folder: &Path) {
    let packed = |digits: &str| -> Vec<u8> {
        digits.as_bytes().chunks_exact(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect()
    };
    let forms = [PAN.as_bytes().to_vec(), packed(&PAN[..12]), packed(&PAN[1..])];
    let (mut waiting, mut bytes) = (vec![folder.to_owned()], 0);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let read = std::fs::read(&path).unwrap();
        bytes += read.len();
        for form in &forms {
            assert!(!read.windows(form.len()).any(|window| window == form), "{}", path.display());
        }
    }
    assert!(bytes > 1000, "there was something to look through");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authentication_code_is_checked_and_made_where_it_is_agreed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let (writer, reader) = open(folder.path());
    found(&writer, &vault);
    let mut link = host(BuiltIn::Binary1987, true, (&writer, &reader), &vault).await;
    let signed = |link: &Host, audit: &str| {
        let mut fields: Vec<(u8, Value<'_>)> = Vec::new();
        let plain = payment(audit, "000000000700");
        fields.extend(plain.iter().map(|(n, value)| (*n, Value::from(*value))));
        fields.push((64, Value::Plain(&[0; 8])));
        let mut out = Vec::new();
        link.dialect.encode(Mti::from_number(200).unwrap(), &fields, &mut out).unwrap();
        let at = out.len() - 8;
        let asked = MakeMac { spec: mac_spec(), message: Bytes(out[..at].to_vec()) };
        let mac = vault.mac(asked, NOW, &entropy().unwrap()).unwrap();
        out[at..].copy_from_slice(&mac.0);
        out
    };
    let right = signed(&link, "000001");
    let told = link.sent(&right).await;
    assert_eq!(link.told(&told), answer("0210", "00"));
    let at = told.len() - 8;
    let check = |text: &[u8], mac: &[u8]| {
        let asked = VerifyMac { spec: mac_spec(), message: Clear::new(text), mac: Bytes(mac.to_vec()) };
        vault.verify_mac(asked, NOW, &entropy().unwrap())
    };
    check(&told[..at], &told[at..]).unwrap();
    assert!(check(&told[..at - 1], &told[at..]).is_err());
    for bit in [8 * 30, 8 * (right.len() - 1)] {
        let mut wrong = signed(&link, "000002");
        wrong[bit / 8] ^= 1;
        let told = link.sent(&wrong).await;
        assert_eq!(link.told(&told).1, "63", "bit {bit}");
    }
    assert_eq!(link.asked("0200", &payment("000003", "000000000700")).await, answer("0210", "63"));
    assert_eq!(posted(&reader, &SHOP), 700, "what is not authentic moves nothing");
    link.end().await;
    writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_does_not_check_is_refused_and_not_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let (writer, reader) = open(folder.path());
    found(&writer, &vault);
    let mut link = host(BuiltIn::Ascii1987, false, (&writer, &reader), &vault).await;
    for number in [52, 55, 64, 120, 128] {
        let mut fields: Vec<(u8, Value<'_>)> = Vec::new();
        let plain = payment("000001", "000000000100");
        fields.extend(plain.iter().map(|(n, value)| (*n, Value::from(*value))));
        fields.push((
            number,
            Value::Plain(if number == 120 { b"0123456789ABCDEF0123456789ABCDEF" } else { &[1; 8] }),
        ));
        let mut out = Vec::new();
        link.dialect.encode(Mti::from_number(200).unwrap(), &fields, &mut out).unwrap();
        let told = link.sent(&out).await;
        assert_eq!(link.told(&told), answer("0210", "40"), "field {number}");
    }
    let plain = payment("000001", "000000000100");
    let without: Vec<(u8, &str)> = plain.iter().filter(|(number, _)| *number != 2).copied().collect();
    assert_eq!(link.asked("0200", &without).await, answer("0210", "30"));
    assert_eq!(link.asked("0600", &plain).await, answer("0610", "40"));
    let unknown: Vec<(u8, &str)> =
        plain.iter().map(|(n, value)| (*n, if *n == 2 { "4111111111111111" } else { *value })).collect();
    assert_eq!(link.asked("0200", &unknown).await, answer("0210", "14"));
    assert_eq!(posted(&reader, &SHOP), 0);
    assert_eq!(link.asked("0200", &payment("000009", "000000000100")).await, answer("0210", "00"));
    link.end().await;
    writer.stop().unwrap();
}

/// Nothing that is no request is answered, and the link goes on: a garbled message, an answer, then a request.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let (writer, reader) = open(folder.path());
    found(&writer, &vault);
    let mut link = host(BuiltIn::Ascii1993, false, (&writer, &reader), &vault).await;
    for silent in [b"garbage".to_vec(), link.encode("1210", &[(11, "000001"), (39, "000")])] {
        link.stream.write_all(&framing().encode(&[], &silent).unwrap()).await.unwrap();
    }
    let echo = link.asked("1800", &[(11, "000002"), (12, "261124120000"), (24, "831")]).await;
    assert_eq!(echo, answer("1810", "800"), "the first answer is that of the echo");
    writer.stop().unwrap();
    let mut pay = payment("000003", "000000000100");
    pay.iter_mut().filter(|(number, _)| *number == 12).for_each(|field| field.1 = "261124120000");
    let asked = link.encode("1200", &pay);
    link.stream.write_all(&framing().encode(&[], &asked).unwrap()).await.unwrap();
    let echo = link.asked("1800", &[(11, "000004"), (12, "261124120000"), (24, "831")]).await;
    assert_eq!(echo, answer("1810", "800"), "what may or may not have been decided is not answered");
    link.end().await;
}
