//! `symbolon serve`: the platform, until it is told to stop.
use crate::args::text;
use crate::node::{self, Settings, Started};
use crate::report::{Failure, finish};
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

/// How long requests under way may take once the platform is told to stop.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    data: Option<PathBuf>,
    listen: Option<String>,
    #[serde(default)]
    vault: VaultConfig,
    #[serde(skip)]
    danger_accept_lost_pointer: bool,
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
            Long(flag @ ("iso8583" | "log" | "follow")) => {
                return Err(Failure::Misuse(format!("--{flag} is not part of this version")));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Config {
        data: flags.data.or(file.data),
        listen: flags.listen.or(file.listen),
        vault: file.vault,
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
    let data = config.data.clone().unwrap_or_else(|| "symbolon-data".into());
    let passphrase = config.vault.passphrase_file.as_ref().map(|path| {
        std::fs::read_to_string(path)
            .map(|read| Secret::new(read.trim_end_matches('\n').to_owned()))
            .map_err(|error| misuse(path, &error))
    });
    let settings = Settings {
        passphrase: passphrase.transpose()?,
        danger_accept_lost_pointer: config.danger_accept_lost_pointer,
    };
    let started = node::open(&data, settings).map_err(|error| Failure::Misuse(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Misuse(error.to_string()))?;
    runtime.block_on(listen_until_stopped(started, address, json))
}

async fn listen_until_stopped(started: Started, address: SocketAddr, json: bool) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Misuse(format!("--listen {address}: {error}")))?;
    let local = listener.local_addr().map_err(|error| Failure::Misuse(error.to_string()))?;
    announce(&started, local, json);
    let node = Arc::new(started.node);
    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut told = stopped.clone();
    let serving = tokio::spawn(
        axum::serve(listener, symbolon_api::router(Arc::clone(&node)))
            .with_graceful_shutdown(async move {
                let _ = told.changed().await;
            })
            .into_future(),
    );
    until_stop(&node).await;
    let _ = stop.send(());
    let _ = tokio::time::timeout(GRACE, serving).await;
    let ended = node.writer.stop();
    ended.map_err(|error| Failure::Misuse(error.to_string()))
}

/// Until a signal, or until the writer has ended by itself.
async fn until_stop(node: &symbolon_api::Node) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupted) = signal(SignalKind::interrupt()) else { return };
    let halted = async {
        while node.writer.is_running() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
        () = halted => {}
    }
}

/// The first line, and what there is to tell the operator on standard error.
fn announce(started: &Started, local: SocketAddr, json: bool) {
    let http = format!("http://{local}");
    for note in &started.notes {
        eprintln!("note: {note}");
    }
    if let Some(path) = &started.first_key {
        eprintln!("the first administrator's one-time key is in {}", path.display());
    }
    if json {
        println!("{}", json!({ "http": http, "console": format!("{http}/"), "iso8583": null, "rpc": null }));
    } else {
        println!("listening on {http}");
    }
    let _ = std::io::stdout().flush();
}
