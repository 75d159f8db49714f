//! `symbolon serve`: the platform, until it is told to stop.
use crate::args::text;
use crate::iso8583_link::{LinkConfig, Ready};
use crate::node::{self, Settings, Started};
use crate::report::{Failure, finish};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lexopt::Arg::Long;
use serde::Deserialize;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use symbolon_types::Secret;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long requests under way may take once the platform is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Connections that are open at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 1024;

/// How long the head of a request may take to arrive, and a connection may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    data: Option<PathBuf>,
    listen: Option<String>,
    #[serde(default)]
    vault: VaultConfig,
    #[serde(default)]
    log: LogConfig,
    #[serde(default)]
    iso8583: LinkConfig,
    #[serde(skip)]
    danger_accept_lost_pointer: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogConfig {
    segment_kib: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultConfig {
    passphrase_file: Option<PathBuf>,
}

/// Runs the command.
pub fn run(parser: lexopt::Parser, json: bool) -> ExitCode {
    match configured(parser).and_then(|config| serve(&config, json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => finish(json, Err(failure)),
    }
}

fn configured(mut parser: lexopt::Parser) -> Result<Config, Failure> {
    let mut flags = Config::default();
    let mut file = Config::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("data") => flags.data = Some(parser.value()?.into()),
            Long("listen") => flags.listen = Some(text(parser.value()?)?),
            Long("danger-accept-lost-pointer") => flags.danger_accept_lost_pointer = true,
            Long("config") => {
                let path: PathBuf = parser.value()?.into();
                let read = std::fs::read_to_string(&path).map_err(|error| misuse(&path, &error))?;
                file = toml::from_str(&read).map_err(|error| misuse(&path, &error))?;
            }
            Long("iso8583") => flags.iso8583.listen = Some(text(parser.value()?)?),
            Long(flag @ ("log" | "follow")) => {
                return Err(Failure::Misuse(format!("--{flag} is not part of this version")));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let mut iso8583 = file.iso8583;
    iso8583.listen = flags.iso8583.listen.or(iso8583.listen);
    Ok(Config {
        iso8583,
        data: flags.data.or(file.data),
        listen: flags.listen.or(file.listen),
        vault: file.vault,
        log: file.log,
        danger_accept_lost_pointer: flags.danger_accept_lost_pointer,
    })
}

fn misuse(path: &std::path::Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Misuse(format!("{}: {error}", path.display()))
}

fn serve(config: &Config, json: bool) -> Result<(), Failure> {
    let listen = config.listen.as_deref().unwrap_or("127.0.0.1:8080");
    let address: SocketAddr = listen
        .parse()
        .map_err(|_| Failure::Misuse(format!("--listen: `{listen}` is not an address and port")))?;
    if !address.ip().is_loopback() {
        return Err(Failure::Misuse(format!(
            "--listen: {address} is not loopback, and there is no TLS to listen elsewhere with"
        )));
    }
    let link = config.iso8583.ready()?;
    let data = config.data.clone().unwrap_or_else(|| "symbolon-data".into());
    let passphrase = config.vault.passphrase_file.as_ref().map(|path| {
        std::fs::read_to_string(path)
            .map(|read| Secret::new(read.trim_end_matches('\n').to_owned()))
            .map_err(|error| misuse(path, &error))
    });
    let settings = Settings {
        passphrase: passphrase.transpose()?,
        segment_bytes: segment_bytes(&config.log)?,
        danger_accept_lost_pointer: config.danger_accept_lost_pointer,
    };
    let started = node::open(&data, settings).map_err(|error| Failure::Misuse(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Misuse(error.to_string()))?;
    runtime.block_on(listen_until_stopped(started, address, link, json))
}

/// 64 KiB to 1 GiB, so that a command fits and a small disk is not taken by one segment.
fn segment_bytes(log: &LogConfig) -> Result<Option<u64>, Failure> {
    match log.segment_kib {
        Some(kib) if !(64..=1 << 20).contains(&kib) => {
            Err(Failure::Misuse("[log] segment_kib: 64 to 1048576".into()))
        }
        kib => Ok(kib.map(|kib| kib << 10)),
    }
}

async fn listen_until_stopped(
    started: Started,
    address: SocketAddr,
    link: Option<Ready>,
    json: bool,
) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Misuse(format!("--listen {address}: {error}")))?;
    let local = listener.local_addr().map_err(|error| Failure::Misuse(error.to_string()))?;
    // Before the first line: whoever has read it may stop us as promised.
    let mut told = Told::listening().map_err(|error| Failure::Misuse(error.to_string()))?;
    let link = match link {
        Some(ready) => Some(ready.bind(Arc::clone(&started.node.writer), started.node.reader.clone()).await?),
        None => None,
    };
    let iso8583 = link.as_ref().and_then(|link| link.local_addr().ok());
    announce(&started, local, iso8583, json);
    let (stop_link, link_stopped) = tokio::sync::oneshot::channel::<()>();
    let link = link.map(|link| tokio::spawn(link.serve(async { drop(link_stopped.await) })));
    let node = Arc::new(started.node);
    let open = answer(listener, symbolon_api::router(Arc::clone(&node)), until_stop(&node, &mut told)).await;
    let _ = stop_link.send(());
    let _ = tokio::time::timeout(GRACE, open.shutdown()).await;
    if let Some(link) = link {
        let _ = tokio::time::timeout(GRACE, link).await;
    }
    let ended = node.writer.stop();
    ended.map_err(|error| Failure::Misuse(error.to_string()))
}

/// Answers connections until `stop`; those that are open then.
async fn answer(
    listener: tokio::net::TcpListener,
    router: axum::Router,
    stop: impl Future<Output = ()>,
) -> GracefulShutdown {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let open = GracefulShutdown::new();
    let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let room = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, room)
        };
        let (accepted, room) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => return open,
        };
        let Ok((stream, _)) = accepted else {
            // No file descriptor is left, or the peer has gone: others may end meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _ = connection.await;
            drop(room);
        });
    }
}

/// The signals that stop the platform.
struct Told {
    terminated: Signal,
    interrupted: Signal,
}

impl Told {
    fn listening() -> std::io::Result<Self> {
        Ok(Self {
            terminated: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
        })
    }
}

/// Until a signal, or until the writer has ended by itself.
async fn until_stop(node: &symbolon_api::Node, told: &mut Told) {
    let halted = async {
        while node.writer.is_running() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        _ = told.terminated.recv() => {}
        _ = told.interrupted.recv() => {}
        () = halted => {}
    }
}

/// The first line, and what there is to tell the operator on standard error.
fn announce(started: &Started, local: SocketAddr, iso8583: Option<SocketAddr>, json: bool) {
    let http = format!("http://{local}");
    for note in &started.notes {
        eprintln!("note: {note}");
    }
    if let Some(path) = &started.first_key {
        eprintln!("the first administrator's one-time key is in {}", path.display());
    }
    if json {
        println!(
            "{}",
            json!({ "http": http, "console": format!("{http}/"), "iso8583": iso8583, "rpc": null })
        );
    } else {
        println!("listening on {http}");
        if let Some(address) = iso8583 {
            println!("ISO 8583 on {address}");
        }
    }
    let _ = std::io::stdout().flush();
}
