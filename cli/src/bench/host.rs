//! `host.authorise*`: card payments from the terminal's message to its answer, durable, against the bare cryptography and one sync of the same bytes.
//!
//! **Invariant:** our result counts approvals whose codes of authentication hold; the limit's counts messages that it opened.
use super::log::Bare;
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, NOW, random16, random32};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symbolon_acquiring::TerminalId;
use symbolon_acquiring::state::{Command, OpenAccount, Outcome, Policy, SetCard, SetTerminal};
use symbolon_hosts::acquirer::{Acquirer, Link, Platform};
use symbolon_hosts::framing::Framing;
use symbolon_hosts::keys::{KeySet, Keys, LinkMac};
use symbolon_hosts::server::{LinkInfo, Listener, Service, Settings};
use symbolon_journal::{AccountId, Limit};
use symbolon_keys::cipher::{Padding, cbc_decrypt, cbc_encrypt, retail_mac, set_odd_parity};
use symbolon_keys::dukpt::tdes::{Ksn, initial_key, transaction_key, working_key};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_keys::{Aead, Crypto, HashAlgorithm};
use symbolon_log::{FileDisk, Log, Options};
use symbolon_machine::{AnyOutcome, Machine, Submission, Writer};
use symbolon_store::MemoryTables;
use symbolon_types::{CoreRefusal, Currency, Hash, hex_upper};
use symbolon_vault::payment::{
    AccountForm, Activate, Algorithm, CeremonyBegin, CeremonyComponent, Clear, ClearAccount, DukptScheme,
    Entropy, Export, KeyName, KeyRef, MacAlgorithm, MacPadding, NewKey, PaymentError, PaymentVault, Role,
    SealAccount, SoftwareEngine,
};
use symbolon_wire::iso8583::{BuiltIn, Dialect, Mti, Places, Value};
use tokio::runtime::Runtime;

const TERMINALS: u32 = 64;
const TRACK: &str = "4761739001010010=30121200000";
const PAN: &str = "4761739001010010";
const SHOP: AccountId = AccountId([1; 16]);
const CARD: AccountId = AccountId([2; 16]);
/// A platform with more is put away, off the clock: its rows are in memory.
const PAYMENTS_MAX: u32 = 50_000;
const AHEAD_BYTES: u64 = 64 << 20;

impl From<PaymentError> for Trouble {
    fn from(_: PaymentError) -> Self {
        Self::Unmeasurable
    }
}

/// So many payments at once, in process.
pub fn sides(folder: &Path, batch: u32) -> Result<Sides, Trouble> {
    both(folder, batch, false)
}

/// One payment after the other over loopback.
pub fn tcp(folder: &Path) -> Result<Sides, Trouble> {
    both(folder, 1, true)
}

fn both(folder: &Path, batch: u32, tcp: bool) -> Result<Sides, Trouble> {
    let terminals = Terminals::new()?;
    let bytes = terminals.clone().next(batch)?.concat();
    let bare = Bare::create(&folder.join("bare"), AHEAD_BYTES, bytes.into(), batch)?;
    let ours = Ours {
        folder: folder.join("log"),
        runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        terminals: terminals.clone(),
        batch,
        tcp,
        made: 0,
        host: None,
        next: Vec::new(),
        last: Vec::new(),
    };
    let limit = Opened { terminals, bare, batch, next: Vec::new(), opened: 0 };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(limit) })
}

fn base() -> [u8; 16] {
    let mut key = random16("base key", 0);
    set_odd_parity(&mut key);
    key
}

fn unfit<E>(_: E) -> Trouble {
    Trouble::Unmeasurable
}

/// Terminals, and how far each has come.
#[derive(Clone)]
struct Terminals {
    serials: Vec<Ksn>,
    number: u32,
    dialect: Arc<Dialect>,
}

impl Terminals {
    fn new() -> Result<Self, Trouble> {
        let first = |number: u32| {
            let [.., a, b] = number.to_be_bytes();
            Ksn::new(&[0xFF, 0xFF, 0x98, 0x76, 0x54, a, b, 0, 0, 0]).and_then(|ksn| ksn.with_counter(1))
        };
        let serials = (0..TERMINALS).map(|n| first(n << 1)).collect::<Result<_, _>>().map_err(unfit)?;
        let dialect = BuiltIn::Binary1987.dialect().map_err(unfit)?;
        Ok(Self { serials, number: 0, dialect: Arc::new(dialect) })
    }

    /// The next messages, enciphered and authenticated as terminals do.
    fn next(&mut self, count: u32) -> Result<Vec<Vec<u8>>, Trouble> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Result<Vec<u8>, Trouble> {
        let at = usize::try_from(self.number % TERMINALS).map_err(unfit)?;
        let serial = self.serials.get(at).cloned().ok_or(Trouble::Unmeasurable)?;
        self.serials[at] = serial.next().ok_or(Trouble::Unmeasurable)?;
        let audit = format!("{:06}", self.number % 999_999 + 1);
        self.number += 1;
        let key = transaction(&serial)?;
        let mut track = TRACK.as_bytes().to_vec();
        track.resize(track.len().next_multiple_of(8), 0);
        let data: Key<usage::DataRequest> = working_key(&key).map_err(unfit)?;
        cbc_encrypt(&data.tdes()?, &[0; 8], &mut track)?;
        let (track, ksn) = (hex_upper(&track), hex_upper(serial.as_bytes()));
        let terminal = format!("TERM{at:04}");
        let fields: [(u8, Value<'_>); 10] = [
            (3, "000000".into()),
            (4, "000000000100".into()),
            (7, "1124120000".into()),
            (11, audit.as_str().into()),
            (32, "12345".into()),
            (41, terminal.as_str().into()),
            (49, "978".into()),
            (121, ksn.as_str().into()),
            (123, track.as_str().into()),
            (128, (&[0; 8]).into()),
        ];
        let mut out = Vec::new();
        self.dialect
            .encode(Mti::from_number(200).ok_or(Trouble::Unmeasurable)?, &fields, &mut out)
            .map_err(unfit)?;
        let mac: Key<usage::MacRequest> = working_key(&key).map_err(unfit)?;
        let end = out.len() - 8;
        let code = retail_mac(&mac.tdes()?, &out[..end], Padding::Zeros);
        out[end..].copy_from_slice(code.reveal());
        Ok(out)
    }
}

fn transaction(serial: &Ksn) -> Result<Key<usage::Derivation>, Trouble> {
    let base = Key::<usage::Base>::new(KeyAlgorithm::Tdes2, &base())?;
    let initial = initial_key(&base, serial).map_err(unfit)?;
    transaction_key(&initial, serial).map_err(unfit)
}

/// The platform, the vault in this process, and the way to them.
struct Host {
    writer: Arc<Writer>,
    service: Option<Arc<Acquirer<Platform<MemoryTables>>>>,
    stream: Option<TcpStream>,
}

/// The writer writes no more once it is gone: its folder is removed next.
impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.writer.stop();
    }
}

struct Ours {
    folder: PathBuf,
    runtime: Runtime,
    terminals: Terminals,
    batch: u32,
    tcp: bool,
    made: u32,
    host: Option<Host>,
    next: Vec<Vec<u8>>,
    last: Vec<Vec<u8>>,
}

fn name(text: &str) -> Result<KeyName, Trouble> {
    Ok(KeyName::parse(text)?)
}

fn entropy() -> Entropy {
    Entropy::new(random32("entropy", 0))
}

fn vault() -> Result<Arc<dyn PaymentVault>, Trouble> {
    let vault: Arc<dyn PaymentVault> = Arc::new(SoftwareEngine::in_memory());
    let token = name("token")?;
    let new = |name: &KeyName, role, algorithm| NewKey {
        name: name.clone(),
        role,
        algorithm,
        export: Export::NonExportable,
    };
    vault.generate(new(&token, Role::Token, Algorithm::Hmac256), NOW, &entropy())?;
    let terminals = name("terminals")?;
    let key = new(&terminals, Role::Base, Algorithm::Tdes2);
    vault.ceremony_begin(CeremonyBegin { key, components: 3 }, NOW, &entropy())?;
    let [mut first, mut second] = [random16("component", 1), random16("component", 2)];
    set_odd_parity(&mut first);
    set_odd_parity(&mut second);
    let mut third = base();
    for (place, (a, b)) in third.iter_mut().zip(first.iter().zip(second)) {
        *place ^= a ^ b;
    }
    for (custodian, component) in [("one", first), ("two", second), ("three", third)] {
        let asked = CeremonyComponent {
            name: terminals.clone(),
            custodian: name(custodian)?,
            component: Clear::new(&component),
        };
        vault.ceremony_component(asked, NOW, &entropy())?;
    }
    vault.ceremony_finish(terminals.clone(), NOW, &entropy())?;
    for name in [token, terminals] {
        vault.activate(Activate { name, generation: 1, overlap_until: NOW }, NOW, &entropy())?;
    }
    Ok(vault)
}

impl Ours {
    fn opened(&self) -> Result<Host, Trouble> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        let vault = vault()?;
        let token = KeyRef::active(&name("token")?);
        let account = ClearAccount { form: AccountForm::Pan, bytes: Clear::new(PAN.as_bytes()) };
        let asked = SealAccount { account, token: token.clone(), period: 1 };
        let card = Hash(vault.seal_account(asked, NOW, &entropy())?.token.0);
        let disk = FileDisk::open(self.folder.clone()).map_err(symbolon_log::LogError::from)?;
        let (log, found) = Log::open(disk, Options { segment_bytes: AHEAD_BYTES, ..Options::default() })?;
        let (machine, _) =
            Machine::open(log, found, MemoryTables::default(), symbolon_machine::Policy::default())?;
        let (writer, reader) = Writer::start(machine, || NOW);
        let open = |id, limit| {
            Command::OpenAccount(OpenAccount { id, currency: Currency::EUR, limit, history: false })
        };
        let hour = 3_600_000;
        let policy = Policy { window_ms: hour, kept_ms: hour, hold_ms: hour, cover: CARD };
        let founding = [
            open(SHOP, Limit::DebitsWithinCredits(())),
            open(CARD, Limit::Unlimited(())),
            Command::SetPolicy(policy),
            Command::SetCard(SetCard { card, account: CARD, blocked: false }),
        ];
        let terminals = (0..TERMINALS).map(|number| {
            let mut terminal = *b"TERM0000";
            terminal[4..].copy_from_slice(format!("{number:04}").as_bytes());
            Command::SetTerminal(SetTerminal { link: 1, terminal: TerminalId(terminal), merchant: SHOP })
        });
        for command in founding.into_iter().chain(terminals) {
            let (_, outcome) = writer
                .submit_and_wait(Submission::natural(command))
                .map_err(|refusal: CoreRefusal| Trouble::Refused(refusal.into()))?;
            if outcome != AnyOutcome::Acquiring(Outcome::Set(())) {
                return Err(Trouble::Differ);
            }
        }
        let mac = LinkMac { key: None, algorithm: MacAlgorithm::Retail, padding: MacPadding::Zeros, len: 8 };
        let base = KeyRef::active(&name("terminals")?);
        let set = KeySet { prefix: "FFFF987654".into(), base, scheme: DukptScheme::Tdes };
        let link = Link {
            number: 1,
            dialect: BuiltIn::Binary1987.dialect().map_err(unfit)?,
            partial: false,
            token,
            mac: Some(mac),
            key_sets: vec![set],
            form: AccountForm::Track2,
        };
        let writer = Arc::new(writer);
        let platform = Platform::new(Arc::clone(&writer), reader);
        let service = Acquirer::new(link, Keys::new(vault, || NOW), platform, None);
        if !self.tcp {
            return Ok(Host { writer, service: Some(Arc::new(service)), stream: None });
        }
        let framing: Framing = "be2".parse().map_err(unfit)?;
        let address = "127.0.0.1:0".parse().map_err(unfit)?;
        let listener = self.runtime.block_on(Listener::bind(address, Settings::new(framing), service))?;
        let stream = TcpStream::connect(listener.local_addr()?)?;
        stream.set_nodelay(true)?;
        self.runtime.spawn(listener.serve(std::future::pending()));
        Ok(Host { writer, service: None, stream: Some(stream) })
    }
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        if self.host.is_none() || self.made + self.batch > PAYMENTS_MAX {
            self.host = None;
            self.host = Some(self.opened()?);
            self.made = 0;
        }
        self.next = self.terminals.next(self.batch)?;
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let host = self.host.as_mut().ok_or(Trouble::Unmeasurable)?;
        self.last.clear();
        if let Some(stream) = &mut host.stream {
            for message in &self.next {
                let length = u16::try_from(message.len()).map_err(unfit)?.to_be_bytes();
                stream.write_all(&[&length, message.as_slice()].concat())?;
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut answer)?;
                self.last.push(answer);
            }
        } else if let Some(service) = &host.service {
            let info = LinkInfo { link: 1, peer: "127.0.0.1:1".parse().map_err(unfit)? };
            let asked = std::mem::take(&mut self.next);
            self.last = self.runtime.block_on(async {
                let mut under_way = tokio::task::JoinSet::new();
                for message in asked {
                    let service = Arc::clone(service);
                    under_way.spawn(async move { service.answer(&info, &message).await });
                }
                let answers = under_way.join_all().await;
                answers.into_iter().flatten().map(|answer| answer.to_vec()).collect()
            });
        }
        self.made += self.batch;
        Ok(self.batch)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let mut approved = 0;
        for answer in &self.last {
            let mut places = Places::new();
            let message = self.terminals.dialect.decode(answer, &mut places).map_err(unfit)?;
            approved += u32::from(message.field(39).is_some_and(|code| code.text() == "00"));
        }
        Ok(counted(approved))
    }
}

fn counted(count: u32) -> Hash {
    CRYPTO.sha256(&[&count.to_be_bytes()])
}

/// The bare work: each working key once from the base key, the code checked, the track opened, its token, its sealing, the code of an answer; and one
/// write and sync of the messages' bytes.
struct Opened {
    terminals: Terminals,
    bare: Bare,
    batch: u32,
    next: Vec<Vec<u8>>,
    opened: u32,
}

impl Opened {
    fn open(&self, message: &[u8]) -> Result<bool, Trouble> {
        let mut places = Places::new();
        let read = self.terminals.dialect.decode(message, &mut places).map_err(unfit)?;
        let bytes = |number: u8| {
            let field = read.field(number).ok_or(Trouble::Unmeasurable)?;
            symbolon_types::hex_parse(&field.text()).ok_or(Trouble::Unmeasurable)
        };
        let key = transaction(&Ksn::new(&bytes(121)?).map_err(unfit)?)?;
        let mac: Key<usage::MacRequest> = working_key(&key).map_err(unfit)?;
        let (text, code) = message.split_at(message.len() - 8);
        let holds = retail_mac(&mac.tdes()?, text, Padding::Zeros).equals(code);
        let mut track = bytes(123)?;
        let data: Key<usage::DataRequest> = working_key(&key).map_err(unfit)?;
        cbc_decrypt(&data.tdes()?, &[0; 8], &mut track)?;
        let token = CRYPTO.hmac(HashAlgorithm::Sha256, &[9; 32], &[PAN.as_bytes()]);
        let sealed = CRYPTO.aead_seal(Aead::Aes256Gcm, &[7; 32], &[0; 12], token.reveal(), &track)?;
        let answer: Key<usage::MacResponse> = working_key(&key).map_err(unfit)?;
        let made = retail_mac(&answer.tdes()?, text, Padding::Zeros);
        std::hint::black_box((&sealed, made.reveal()));
        Ok(holds && track.starts_with(TRACK.as_bytes()))
    }
}

impl Side for Opened {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.next = self.terminals.next(self.batch)?;
        self.bare.ready()
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        self.opened = 0;
        for message in &self.next {
            self.opened += u32::from(self.open(message)?);
        }
        self.bare.run()
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(counted(self.opened))
    }
}
