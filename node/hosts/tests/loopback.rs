//! The listener on real sockets.
//!
//! **Invariant:** every wait of a test is bounded.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use symbolon_hosts::framing::Framing;
use symbolon_hosts::metrics::{Counter, Metrics};
use symbolon_hosts::server::{LinkInfo, Listener, Service, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends back what it got, after as many times 100 ms as the first byte says.
struct Echo;

impl Service for Echo {
    async fn answer(&self, _: &LinkInfo, message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        sleep(Duration::from_millis(100) * u32::from(message[0])).await;
        Some(Zeroizing::new(message.to_vec()))
    }
}

struct Running {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

fn framing() -> Framing {
    "be2".parse().unwrap()
}

async fn run(change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings::new(framing());
    change(&mut settings);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), settings, Echo).await.unwrap();
    let (address, metrics) = (listener.local_addr().unwrap(), listener.metrics());
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(listener.serve(async { drop(stopped.await) }));
    Running { address, metrics, stop, served }
}

async fn connect(to: &Running) -> TcpStream {
    TcpStream::connect(to.address).await.unwrap()
}

async fn send(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&framing().encode(&[], message).unwrap()).await.unwrap();
}

async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let length = stream.read_u16().await.unwrap();
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.unwrap();
        message
    };
    timeout(PATIENCE, read).await.unwrap()
}

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // an end or a reset: either way the other side is gone
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

async fn reaches(counter: &Counter, total: u64) {
    let wait = async {
        while counter.total() < total {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
    assert_eq!(counter.total(), total);
}

#[tokio::test]
async fn answers_as_they_come_or_in_order() {
    for (in_order, expect) in [(false, [b"\0b", b"\x03a"]), (true, [b"\x03a", b"\0b"])] {
        let host = run(|settings| settings.in_order = in_order).await;
        let mut stream = connect(&host).await;
        send(&mut stream, b"\x03a").await;
        send(&mut stream, b"\0b").await;
        assert_eq!([receive(&mut stream).await, receive(&mut stream).await], expect, "in order: {in_order}");
    }
}

#[tokio::test]
async fn byte_by_byte() {
    let host = run(|_| {}).await;
    let mut stream = connect(&host).await;
    stream.set_nodelay(true).unwrap();
    for byte in framing().encode(&[], b"\0slow").unwrap().iter() {
        stream.write_all(&[*byte]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(receive(&mut stream).await, b"\0slow");
}

#[tokio::test]
async fn garbage_and_half_messages_end_the_link_alone() {
    let host = run(|settings| settings.read_patience = Duration::from_millis(100)).await;
    let (mut good, mut garbage) = (connect(&host).await, connect(&host).await);
    let (mut half, mut killed) = (connect(&host).await, connect(&host).await);
    garbage.write_all(&[0xFF; 64]).await.unwrap();
    closed(&mut garbage).await;
    reaches(&host.metrics.length_long, 1).await;
    half.write_all(&[0, 9, 1]).await.unwrap();
    closed(&mut half).await;
    reaches(&host.metrics.timeouts_read, 1).await;
    killed.write_all(&[0, 9, 1]).await.unwrap();
    drop(killed);
    reaches(&host.metrics.cut_short, 1).await;
    send(&mut good, b"\0still").await;
    assert_eq!(receive(&mut good).await, b"\0still");
}

#[tokio::test]
async fn idle_links_end_but_not_while_an_answer_is_due() {
    let host = run(|settings| settings.idle_patience = Duration::from_millis(100)).await;
    let mut stream = connect(&host).await;
    send(&mut stream, b"\x04due").await;
    assert_eq!(receive(&mut stream).await, b"\x04due");
    closed(&mut stream).await;
    reaches(&host.metrics.timeouts_idle, 1).await;
}

#[tokio::test]
async fn one_that_does_not_read_is_closed_and_nobody_waits() {
    let host = run(|settings| settings.write_patience = Duration::from_millis(200)).await;
    let (mut deaf, mut good) = (connect(&host).await, connect(&host).await);
    let flood = tokio::spawn(async move {
        let message = vec![0; 8000];
        let frame = framing().encode(&[], &message).unwrap();
        while deaf.write_all(&frame).await.is_ok() {}
    });
    for _ in 0..20 {
        send(&mut good, b"\0quick").await;
        assert_eq!(receive(&mut good).await, b"\0quick");
    }
    timeout(PATIENCE, flood).await.unwrap().unwrap();
    reaches(&host.metrics.timeouts_write, 1).await;
}

/// Who has ended its sending still gets its answers, and keeps its place no longer than they may take.
#[tokio::test]
async fn an_answer_that_does_not_come_frees_its_place() {
    let bounds = |settings: &mut Settings| {
        (settings.connections_max, settings.answer_patience) = (1, Duration::from_millis(500));
    };
    let host = run(bounds).await;
    let mut stream = connect(&host).await;
    send(&mut stream, b"\x01soon").await;
    stream.shutdown().await.unwrap();
    assert_eq!(receive(&mut stream).await, b"\x01soon");
    closed(&mut stream).await;
    assert_eq!(host.metrics.timeouts_answer.total(), 0);

    let host = run(bounds).await;
    let mut stream = connect(&host).await;
    send(&mut stream, b"\xFFnever").await;
    stream.shutdown().await.unwrap();
    closed(&mut stream).await;
    reaches(&host.metrics.timeouts_answer, 1).await;
    // the place is free as soon as the listener has seen the link's end
    let freed = async {
        loop {
            let mut next = connect(&host).await;
            send(&mut next, b"\0next").await;
            let mut answer = Vec::new();
            drop(next.shutdown().await);
            if next.read_to_end(&mut answer).await.is_ok() && !answer.is_empty() {
                return answer;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, freed).await.unwrap(), b"\0\x05\0next");
}

#[tokio::test]
async fn bounds_on_connections() {
    let host = run(|settings| settings.connections_max = 2).await;
    let (mut first, _second) = (connect(&host).await, connect(&host).await);
    closed(&mut connect(&host).await).await;
    reaches(&host.metrics.refused_full, 1).await;
    send(&mut first, b"\0oldest").await;
    assert_eq!(receive(&mut first).await, b"\0oldest");
    let host = run(|settings| settings.new_per_second_address_max = 1).await;
    let _first = connect(&host).await;
    closed(&mut connect(&host).await).await;
    reaches(&host.metrics.refused_flood, 1).await;
}

#[tokio::test]
async fn a_stop_sends_what_is_under_way() {
    let host = run(|_| {}).await;
    let mut stream = connect(&host).await;
    send(&mut stream, b"\x03last").await;
    reaches(&host.metrics.messages, 1).await;
    host.stop.send(()).unwrap();
    assert_eq!(receive(&mut stream).await, b"\x03last");
    closed(&mut stream).await;
    timeout(PATIENCE, host.served).await.unwrap().unwrap();
}
