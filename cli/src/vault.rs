//! `symbolon vault`: the payment vault's process, its keys, and the key ceremony.
//!
//! **Invariant:** a component and a passphrase come from a file or from standard input, never as a word; no output holds one, nor a key.
use crate::args::{file_of, number, text};
use crate::report::{Failure, Outcome, Report};
use lexopt::Arg::{Long, Value as Word};
use lexopt::Parser;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use symbolon_transport::clock;
use symbolon_types::{CoreRefusal, Pan, Secret, UnixMs, hex_parse, hex_upper};
use symbolon_vault::payment::{
    AccountForm, Activate, Algorithm, BlockVersion, CeremonyBegin, CeremonyComponent, Clear, ClearAccount,
    Export, ExportKey, Import, KeyInfo, KeyName, KeyRef, NewKey, PaymentError, PaymentVault, RemoteVault,
    Role, SealAccount, SoftwareEngine, period, server,
};
use symbolon_vault::{Unlock, VaultError, create_key_file, entropy};

/// `symbolon vault --help`.
pub const HELP: &str = "\
symbolon vault VERB WHERE ...     the payment vault. Not a PCI-listed HSM: see docs/key-ceremony.md

WHERE is a file that no process is using, or the socket of the process that is:
  --file F --key-file K | --passphrase-file P        or        --socket PATH

  create    --file F --key-file K               a new, empty vault; K is made if it is not there
  serve     --file F --key-file K --socket PATH the vault's process; it hears this user only
  keys      WHERE                               every key: name, generation, role, algorithm, check value, state
  generate  WHERE --name N --role R --algorithm A [--export E]
  ceremony begin     WHERE --name N --role R --algorithm A --components 2|3 [--export E]
  ceremony component WHERE --name N --custodian WHO --component @FILE|-     hexadecimal; its check value
  ceremony finish    WHERE --name N
  ceremony abandon   WHERE --name N
  import    WHERE --name N --under KBPK --block @FILE|TEXT                  X9.143 key block
  export    WHERE --name N --generation G --under KBPK --version b|d|e
  activate  WHERE --name N --generation G [--overlap-seconds S]             the former one opens and checks for S more seconds (0)
  retire    WHERE --name N --generation G
  erase     WHERE --name N --generation G
  token     WHERE --name N --account @FILE|-                                the token of an account number, under the token key N

  N, WHO  1 to 32 of a-z 0-9 . -           E  exportable, sensitive, non-exportable (the default)
  R  key-protection base pin mac-algorithm-1 mac-retail mac-cmac data issuer-cryptogram card-verification pin-verification token
  A  tdes2 tdes3 aes128 aes192 aes256 hmac256

A worked example: a zone PIN key of two components, each brought by another custodian
  symbolon vault create --file v --key-file k
  symbolon vault ceremony begin --file v --key-file k --name zone.acquirer --role pin --algorithm aes256 --components 2
  symbolon vault ceremony component --file v --key-file k --name zone.acquirer --custodian first --component @first.hex
  symbolon vault ceremony component --file v --key-file k --name zone.acquirer --custodian second --component @second.hex
  symbolon vault ceremony finish --file v --key-file k --name zone.acquirer
  symbolon vault activate --file v --key-file k --name zone.acquirer --generation 1
";

/// The flags that there are; each has a value and stands once.
const FLAGS: [&str; 17] = [
    "account",
    "file",
    "key-file",
    "passphrase-file",
    "socket",
    "name",
    "role",
    "algorithm",
    "export",
    "components",
    "component",
    "custodian",
    "under",
    "block",
    "version",
    "generation",
    "overlap-seconds",
];

/// A call's words and flags; what is left when it ran was not understood.
struct Call {
    verb: String,
    flags: BTreeMap<&'static str, String>,
}

impl Call {
    fn read(mut parser: Parser) -> Result<Self, Failure> {
        let (mut words, mut flags) = (Vec::new(), BTreeMap::new());
        while let Some(arg) = parser.next()? {
            match arg {
                Word(word) => words.push(text(word)?),
                Long(long) => {
                    let flag = FLAGS.iter().find(|flag| **flag == long);
                    let flag = *flag.ok_or_else(|| Failure::Misuse(format!("there is no --{long}")))?;
                    if flags.insert(flag, text(parser.value()?)?).is_some() {
                        return Err(Failure::Misuse(format!("--{flag} stands twice")));
                    }
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Self { verb: words.join(" "), flags })
    }

    fn take(&mut self, flag: &'static str) -> Result<String, Failure> {
        self.flags.remove(flag).ok_or_else(|| Failure::Misuse(format!("--{flag} is missing")))
    }

    fn number<N: std::str::FromStr>(&mut self, flag: &'static str) -> Result<N, Failure> {
        let value = self.take(flag)?;
        number(&format!("--{flag}"), value.into())
    }

    fn name(&mut self, flag: &'static str) -> Result<KeyName, Failure> {
        let value = self.take(flag)?;
        KeyName::parse(&value)
            .map_err(|_| Failure::Misuse(format!("--{flag}: 1 to 32 characters of a-z, 0-9, . and -")))
    }

    fn word<T>(&mut self, flag: &'static str, of: fn(&str) -> Option<T>) -> Result<T, Failure> {
        let value = self.take(flag)?;
        of(&value).ok_or_else(|| Failure::Misuse(format!("--{flag}: there is no such one")))
    }

    /// `@FILE` or `-`: a secret never stands among the words, where every process sees it.
    fn secret(&mut self, flag: &'static str) -> Result<Clear, Failure> {
        let bytes = self.secret_bytes(flag)?;
        let digits = std::str::from_utf8(bytes.reveal()).ok().map(str::trim);
        let parsed = digits.and_then(hex_parse).map(Secret::new);
        let parsed = parsed.ok_or_else(|| Failure::Misuse(format!("--{flag}: not hexadecimal")))?;
        Ok(Clear::new(parsed.reveal()))
    }

    fn secret_bytes(&mut self, flag: &'static str) -> Result<Secret<Vec<u8>>, Failure> {
        let value = self.take(flag)?;
        let path = value.strip_prefix('@').or(Some("-").filter(|_| value == "-"));
        let path = path.ok_or_else(|| Failure::Misuse(format!("--{flag}: @FILE or - for standard input")))?;
        Ok(Secret::new(file_of(flag, path)?))
    }

    fn unlock(&mut self) -> Result<Unlock, Failure> {
        match (self.flags.remove("key-file"), self.flags.remove("passphrase-file")) {
            (Some(key), None) => Ok(Unlock::KeyFile(key.into())),
            (None, Some(path)) => {
                let bytes = Secret::new(file_of("passphrase-file", &path)?);
                let read = std::str::from_utf8(bytes.reveal());
                let read = read.map_err(|_| Failure::Misuse("--passphrase-file: not UTF-8".into()))?;
                Ok(Unlock::Passphrase(Secret::new(read.trim_end_matches(['\r', '\n']).into())))
            }
            _ => Err(Failure::Misuse("one of --key-file and --passphrase-file".into())),
        }
    }

    fn vault(&mut self) -> Result<Box<dyn PaymentVault>, Failure> {
        if let Some(socket) = self.flags.remove("socket") {
            return Ok(Box::new(RemoteVault::connect(&PathBuf::from(socket)).map_err(refused)?));
        }
        let file = PathBuf::from(self.take("file")?);
        Ok(Box::new(SoftwareEngine::open(&file, &self.unlock()?).map_err(unopened)?))
    }

    fn new_key(&mut self) -> Result<NewKey, Failure> {
        let export = if self.flags.contains_key("export") {
            self.word("export", Export::of_word)?
        } else {
            Export::NonExportable
        };
        Ok(NewKey {
            name: self.name("name")?,
            role: self.word("role", Role::of_word)?,
            algorithm: self.word("algorithm", Algorithm::of_word)?,
            export,
        })
    }

    fn generation(&mut self) -> Result<KeyRef, Failure> {
        Ok(KeyRef::generation(&self.name("name")?, self.number("generation")?))
    }

    /// Nothing is done before all of the call is understood.
    fn done(&self) -> Result<(), Failure> {
        match self.flags.keys().next() {
            Some(flag) => Err(Failure::Misuse(format!("`vault {}` takes no --{flag}", self.verb))),
            None => Ok(()),
        }
    }
}

fn refused(error: PaymentError) -> Failure {
    error.refused().into()
}

fn unopened(error: VaultError) -> Failure {
    match error {
        VaultError::NotOpened => CoreRefusal::OpenFailed.refused().into(),
        VaultError::Damaged => CoreRefusal::Damaged.refused().into(),
        VaultError::Io(std::io::ErrorKind::ResourceBusy) => Failure::Misuse(
            "the vault's file is in use by another process: ask that one, with --socket".into(),
        ),
        other => Failure::Misuse(other.to_string()),
    }
}

/// Runs the command.
pub fn run(parser: Parser, json: bool) -> Outcome {
    // Before a component, a passphrase or a key is read.
    server::harden().map_err(unopened)?;
    let mut call = Call::read(parser)?;
    match call.verb.as_str() {
        "create" => create(&mut call),
        "serve" => serve(&mut call, json),
        "keys" => keys(&mut call),
        "generate" | "import" | "activate" | "retire" | "erase" | "ceremony finish" => changed(&mut call),
        "export" => export(&mut call),
        "token" => token(&mut call),
        "ceremony begin" | "ceremony abandon" | "ceremony component" => ceremony(&mut call),
        other => {
            Err(Failure::Misuse(format!("there is no `vault {other}`; `symbolon vault --help` lists them")))
        }
    }
}

fn fresh() -> Result<Secret<[u8; 32]>, Failure> {
    entropy().map_err(unopened)
}

fn create(call: &mut Call) -> Outcome {
    let file = PathBuf::from(call.take("file")?);
    let unlock = call.unlock()?;
    call.done()?;
    let made = match &unlock {
        Unlock::KeyFile(path) if !path.exists() => {
            create_key_file(path, &fresh()?).map_err(unopened)?;
            Some(path.display().to_string())
        }
        _ => None,
    };
    SoftwareEngine::create(&file, &unlock, &fresh()?).map_err(unopened)?;
    let json = json!({ "vault": file.display().to_string(), "key_file_made": made });
    let mut text = format!("made {}, empty, mode 0600", file.display());
    if let Some(key) = made {
        let _ = write!(text, "\nmade {key}, mode 0600: keep it on another medium than the vault");
    }
    Ok(Report { json, text })
}

fn serve(call: &mut Call, json: bool) -> Outcome {
    let socket = PathBuf::from(call.take("socket")?);
    let file = PathBuf::from(call.take("file")?);
    let unlock = call.unlock()?;
    call.done()?;
    let engine: Arc<dyn PaymentVault> = Arc::new(SoftwareEngine::open(&file, &unlock).map_err(unopened)?);
    let listener = server::bind(&socket).map_err(unopened)?;
    if json {
        println!("{}", json!({ "listening": socket.display().to_string() }));
    } else {
        println!("the payment vault listens on {}", socket.display());
    }
    server::serve(&engine, &listener).map_err(unopened)?;
    Err(Failure::Misuse("the listener ended".into()))
}

fn shown(info: &KeyInfo) -> Value {
    json!({
        "name": info.name.as_str(), "generation": info.generation, "role": info.role.word(),
        "algorithm": info.algorithm.word(), "check_value": info.check_value_hex(), "state": info.state.word(),
        "until": info.until.map(|until| until.0), "export": info.export.word(),
    })
}

fn line(info: &KeyInfo) -> String {
    let until = info.until.map_or(String::new(), |until| format!(" until {}", until.0));
    format!(
        "{}/{}  {}  {}  check value {}  {}{until}  {}",
        info.name,
        info.generation,
        info.role.word(),
        info.algorithm.word(),
        info.check_value_hex(),
        info.state.word(),
        info.export.word(),
    )
}

fn keys(call: &mut Call) -> Outcome {
    let vault = call.vault()?;
    call.done()?;
    let keys = vault.list((), clock::wall(), &fresh()?).map_err(refused)?;
    let lines: Vec<String> = keys.iter().map(line).collect();
    let text = if lines.is_empty() { "no keys".into() } else { lines.join("\n") };
    Ok(Report { json: json!({ "keys": keys.iter().map(shown).collect::<Vec<_>>() }), text })
}

/// The token of an account, by which everything but the vault knows a card.
fn token(call: &mut Call) -> Outcome {
    let (vault, name) = (call.vault()?, call.name("name")?);
    let read = call.secret_bytes("account")?;
    call.done()?;
    let number = std::str::from_utf8(read.reveal()).ok().map(str::trim).and_then(Pan::parse);
    let number = number
        .ok_or_else(|| Failure::Misuse("--account: no account number, or a wrong check digit".into()))?;
    let account = ClearAccount { form: AccountForm::Pan, bytes: Clear::new(number.reveal().as_bytes()) };
    let now = clock::wall();
    let asked = SealAccount { account, token: KeyRef::active(&name), period: period(now) };
    let view = vault.seal_account(asked, now, &fresh()?).map_err(refused)?;
    let token = hex_upper(&view.token.0);
    Ok(Report {
        json: json!({ "token": token, "masked": view.masked }),
        text: format!("{token}  {}", view.masked),
    })
}

/// The verbs whose answer is the key that they changed.
fn changed(call: &mut Call) -> Outcome {
    let (vault, now, random) = (call.vault()?, clock::wall(), fresh()?);
    let info = match call.verb.as_str() {
        "generate" => {
            let new = call.new_key()?;
            call.done()?;
            vault.generate(new, now, &random)
        }
        "import" => {
            let (name, under) = (call.name("name")?, call.name("under")?);
            let block = call.take("block")?;
            let block = match block.strip_prefix('@') {
                Some(path) => String::from_utf8(file_of("block", path)?)
                    .map_err(|_| Failure::Misuse("--block: not text".into()))?,
                None => block,
            };
            call.done()?;
            let protection = KeyRef::active(&under);
            vault.import(Import { name, protection, block: block.trim().into() }, now, &random)
        }
        "activate" => {
            let (name, generation) = (call.name("name")?, call.number("generation")?);
            let seconds: u32 = match call.flags.contains_key("overlap-seconds") {
                true => call.number("overlap-seconds")?,
                false => 0,
            };
            call.done()?;
            let overlap_until: UnixMs = now.plus_ms(u64::from(seconds).saturating_mul(1000));
            vault.activate(Activate { name, generation, overlap_until }, now, &random)
        }
        "retire" | "erase" => {
            let key = call.generation()?;
            call.done()?;
            match call.verb.as_str() {
                "retire" => vault.retire(key, now, &random),
                _ => vault.erase(key, now, &random),
            }
        }
        _ => {
            let name = call.name("name")?;
            call.done()?;
            vault.ceremony_finish(name, now, &random)
        }
    };
    let info = info.map_err(refused)?;
    Ok(Report { json: json!({ "key": shown(&info) }), text: line(&info) })
}

fn export(call: &mut Call) -> Outcome {
    let vault = call.vault()?;
    let key = call.generation()?;
    let protection = KeyRef::active(&call.name("under")?);
    let version = call.word("version", BlockVersion::of_word)?;
    call.done()?;
    let asked = ExportKey { key, protection, version };
    let block = vault.export(asked, clock::wall(), &fresh()?).map_err(refused)?;
    Ok(Report { json: json!({ "block": block }), text: block })
}

fn ceremony(call: &mut Call) -> Outcome {
    let (vault, now, random) = (call.vault()?, clock::wall(), fresh()?);
    match call.verb.as_str() {
        "ceremony begin" => {
            let key = call.new_key()?;
            let components = call.number("components")?;
            call.done()?;
            let name = key.name.clone();
            vault.ceremony_begin(CeremonyBegin { key, components }, now, &random).map_err(refused)?;
            let text = format!("{name}: waiting for {components} components");
            Ok(Report { json: json!({ "name": name.as_str(), "components": components }), text })
        }
        "ceremony component" => {
            let (name, custodian) = (call.name("name")?, call.name("custodian")?);
            let component = call.secret("component")?;
            call.done()?;
            let brought = CeremonyComponent { name, custodian: custodian.clone(), component };
            let value = vault.ceremony_component(brought, now, &random).map_err(refused)?;
            let value = hex_upper(&value.0);
            let text = format!("component of {custodian}: check value {value}");
            Ok(Report { json: json!({ "custodian": custodian.as_str(), "check_value": value }), text })
        }
        _ => {
            let name = call.name("name")?;
            call.done()?;
            vault.ceremony_abandon(name.clone(), now, &random).map_err(refused)?;
            let text = format!("{name}: the components are forgotten");
            Ok(Report { json: json!({ "name": name.as_str() }), text })
        }
    }
}
