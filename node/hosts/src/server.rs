//! The side that listens: many links at once, several requests under way on each.
//!
//! ```text
//! accept ─► bounds ─► reader ─► permit ─► Service (a task each) ─► queue ─► writer
//! ```
//! Answers are written as they come, or in the requests' order where the link asks for it. A link whose requests under way are as
//! many as may be is not read until one is answered; one that does not read its answers is closed, and no other link waits for it.
//!
//! **Invariant:** connections, requests under way, queues and waits are bounded; an answer goes to the link that asked.
use crate::framing::{Decoder, Frame, Framing, MESSAGE_BYTES_MAX};
use crate::metrics::Metrics;
use crate::tls::{Input, Output, accepted};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
pub use tokio_rustls::rustls::ServerConfig;
use zeroize::{Zeroize, Zeroizing};

type Bytes = Zeroizing<Vec<u8>>;

const READ_BYTES: usize = 4096;

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The connection's number since the listener began.
    pub link: u64,
    /// The other side.
    pub peer: SocketAddr,
}

/// What answers messages.
pub trait Service: Send + Sync + 'static {
    /// The answer to `message`, `None` where there is none. Called for several messages of a link at once.
    fn answer(&self, link: &LinkInfo, message: &[u8]) -> impl Future<Output = Option<Bytes>> + Send;
}

/// Bounds and choices of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the stream is cut.
    pub framing: Framing,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<ServerConfig>>,
    /// The largest message, in bytes.
    pub message_bytes_max: usize,
    /// Connections open at once.
    pub connections_max: usize,
    /// New connections within one second.
    pub new_per_second_max: u32,
    /// New connections within one second of one address.
    pub new_per_second_address_max: u32,
    /// Requests of one connection that are under way at once, 1 at least.
    pub under_way_max: u32,
    /// Whether answers are written in the order of their requests.
    pub in_order: bool,
    /// Whether a frame of length 0 is answered with one.
    pub answer_keep_alive: bool,
    /// How long a message may take from its first byte to its last.
    pub read_patience: Duration,
    /// How long nothing may come while nothing is under way.
    pub idle_patience: Duration,
    /// How long requests under way may take, together, once the other side has ended its sending.
    pub answer_patience: Duration,
    /// How long one answer may take to be written.
    pub write_patience: Duration,
    /// How long requests under way may take once the listener is told to stop.
    pub grace: Duration,
}

impl Settings {
    /// Bounds that suit terminals.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            tls: None,
            message_bytes_max: MESSAGE_BYTES_MAX,
            connections_max: 4096,
            new_per_second_max: 500,
            new_per_second_address_max: 50,
            under_way_max: 64,
            in_order: false,
            answer_keep_alive: false,
            read_patience: Duration::from_secs(10),
            idle_patience: Duration::from_secs(300),
            answer_patience: Duration::from_secs(60),
            write_patience: Duration::from_secs(5),
            grace: Duration::from_secs(5),
        }
    }
}

/// A bound socket.
pub struct Listener<S> {
    socket: TcpListener,
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    settings: Settings,
    service: S,
    metrics: Arc<Metrics>,
}

/// New connections of the second that runs.
struct Arrivals {
    since: Instant,
    all: u32,
    of: HashMap<IpAddr, u32>,
}

impl Arrivals {
    /// Whether one more may be. The map has at most as many rows as there may be connections a second.
    fn admit(&mut self, address: IpAddr, settings: &Settings) -> bool {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self { since: Instant::now(), all: 0, of: HashMap::new() };
        }
        if self.all >= settings.new_per_second_max {
            return false;
        }
        let of = self.of.entry(address).or_default();
        if *of >= settings.new_per_second_address_max {
            return false;
        }
        *of += 1;
        self.all += 1;
        true
    }
}

impl<S: Service> Listener<S> {
    /// Binds `address`.
    ///
    /// # Errors
    /// The system's, for an address that cannot be bound.
    pub async fn bind(address: SocketAddr, settings: Settings, service: S) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self { socket, shared: Arc::new(Shared { settings, service, metrics: Arc::default() }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// Serves until `stop`; then reads no more, sends the answers under way and closes.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { socket, shared } = self;
        let (stopping, stopped) = watch::channel(false);
        let mut links = JoinSet::new();
        let mut arrivals = Arrivals { since: Instant::now(), all: 0, of: HashMap::new() };
        let mut number = 0_u64;
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(_) = links.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                // out of descriptors, mostly: ask again, but not at once
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            if !arrivals.admit(peer.ip(), &shared.settings) {
                shared.metrics.refused_flood.count();
                continue;
            }
            if links.len() >= shared.settings.connections_max {
                shared.metrics.refused_full.count();
                continue;
            }
            shared.metrics.accepted.count();
            number += 1;
            let info = LinkInfo { link: number, peer };
            links.spawn(link(Arc::clone(&shared), info, stream, stopped.clone()));
        }
        drop(socket);
        let _ = stopping.send(true);
        let _ = timeout(shared.settings.grace, async { while links.join_next().await.is_some() {} }).await;
    }
}

enum Out {
    Now(Bytes),
    Later(oneshot::Receiver<Bytes>),
}

async fn link<S: Service>(
    shared: Arc<Shared<S>>,
    info: LinkInfo,
    stream: TcpStream,
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let (tls, patience) = (shared.settings.tls.as_ref(), shared.settings.read_patience);
    let Ok((input, output)) = accepted(stream, tls, patience).await else {
        shared.metrics.refused_tls.count();
        return;
    };
    let under_way = shared.settings.under_way_max.max(1);
    let (queue, outs) = mpsc::channel(usize::try_from(under_way).unwrap_or(1));
    let permits = Arc::new(Semaphore::new(usize::try_from(under_way).unwrap_or(1)));
    let mut reader = Reader { shared: Arc::clone(&shared), info, queue, permits, answers: JoinSet::new() };
    let writer = write(output, outs, &shared);
    tokio::pin!(writer);
    tokio::select! {
        () = reader.read(input, stopped) => {}
        // the other side does not read: what is under way has nobody to go to
        () = &mut writer => return,
    }
    let Reader { queue, mut answers, .. } = reader;
    drop(queue);
    let finish = async { while answers.join_next().await.is_some() {} };
    let ended = timeout(shared.settings.answer_patience, async { tokio::join!(finish, writer) }).await;
    if ended.is_err() {
        shared.metrics.timeouts_answer.count();
    }
}

struct Reader<S> {
    shared: Arc<Shared<S>>,
    info: LinkInfo,
    queue: mpsc::Sender<Out>,
    permits: Arc<Semaphore>,
    answers: JoinSet<()>,
}

impl<S: Service> Reader<S> {
    async fn read(&mut self, mut input: Input, mut stopped: watch::Receiver<bool>) {
        let shared = Arc::clone(&self.shared);
        let (settings, metrics) = (&shared.settings, &shared.metrics);
        let mut decoder = Decoder::new(settings.framing, settings.message_bytes_max);
        let mut buffer = Zeroizing::new([0_u8; READ_BYTES]);
        let mut deadline = Instant::now() + settings.idle_patience;
        loop {
            let got = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return,
                got = input.read(&mut buffer[..]) => got,
                () = sleep_until(deadline) => {
                    if decoder.is_partial() {
                        metrics.timeouts_read.count();
                        return;
                    }
                    while self.answers.try_join_next().is_some() {}
                    if self.answers.is_empty() {
                        metrics.timeouts_idle.count();
                        return;
                    }
                    deadline = Instant::now() + settings.idle_patience;
                    continue;
                }
            };
            let Ok(got @ 1..) = got else {
                if decoder.is_partial() {
                    metrics.cut_short.count();
                }
                return;
            };
            let was_partial = decoder.is_partial();
            let Some(any) = self.frames(&mut decoder, &buffer[..got], &mut stopped).await else { return };
            buffer[..got].zeroize();
            while self.answers.try_join_next().is_some() {}
            if !decoder.is_partial() {
                deadline = Instant::now() + settings.idle_patience;
            } else if any || !was_partial {
                deadline = Instant::now() + settings.read_patience;
            }
        }
    }

    /// Starts what the bytes complete, and says whether that was anything. `None` ends the link.
    async fn frames(
        &mut self,
        decoder: &mut Decoder,
        mut rest: &[u8],
        stopped: &mut watch::Receiver<bool>,
    ) -> Option<bool> {
        let mut any = false;
        loop {
            rest = rest.get(decoder.take(rest)..)?;
            let frame = match decoder.frame() {
                Ok(Some(frame)) => frame,
                Ok(None) if rest.is_empty() => return Some(any),
                Ok(None) => continue,
                Err(fault) => {
                    self.shared.metrics.fault(fault);
                    return None;
                }
            };
            any = true;
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return None,
                started = self.start(frame) => started?,
            }
        }
    }

    async fn start(&mut self, frame: Frame) -> Option<()> {
        let settings = &self.shared.settings;
        let Frame::Message { header, message } = frame else {
            self.shared.metrics.keep_alives.count();
            if settings.answer_keep_alive {
                self.queue.send(Out::Now(settings.framing.keep_alive())).await.ok()?;
            }
            return Some(());
        };
        self.shared.metrics.messages.count();
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let (done, later) = oneshot::channel();
        let queue = if settings.in_order {
            self.queue.send(Out::Later(later)).await.ok()?;
            None
        } else {
            Some(self.queue.clone())
        };
        let (shared, info) = (Arc::clone(&self.shared), self.info);
        self.answers.spawn(async move {
            let answer = shared.service.answer(&info, &message).await;
            let framing = shared.settings.framing;
            let framed =
                answer.and_then(|answer| framing.encode(&framing.answer_header(&header), &answer).ok());
            match (framed, queue) {
                (None, _) => shared.metrics.unanswered.count(),
                (Some(framed), None) => drop(done.send(framed)),
                (Some(framed), Some(queue)) => drop(queue.send(Out::Now(framed)).await),
            }
            drop(permit);
        });
        Some(())
    }
}

/// Writes what the queue brings until it ends, or until the other side does not take it.
async fn write<S>(mut output: Output, mut outs: mpsc::Receiver<Out>, shared: &Shared<S>) {
    while let Some(out) = outs.recv().await {
        let bytes = match out {
            Out::Now(bytes) => bytes,
            Out::Later(later) => match later.await {
                Ok(bytes) => bytes,
                Err(_) => continue,
            },
        };
        match timeout(shared.settings.write_patience, output.write_all(&bytes)).await {
            Ok(Ok(())) => shared.metrics.written.count(),
            Ok(Err(_)) => return,
            Err(_) => {
                shared.metrics.timeouts_write.count();
                return;
            }
        }
    }
    let _ = timeout(shared.settings.write_patience, output.shutdown()).await;
}
