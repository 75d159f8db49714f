//! Two sides over real sockets.
use super::*;
use std::os::unix::fs::MetadataExt;

/// Runs `client` against a server that answers with the request reversed.
fn with_server(client: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = Listener::bind(&path).unwrap();
    let stop = listener.stopper();
    thread::scope(|scope| {
        let server = scope.spawn(|| listener.serve(|request| request.iter().rev().copied().collect()));
        client(&path);
        stop.stop();
        assert_eq!(server.join().unwrap(), Ok(()));
    });
    drop(listener);
    assert!(!path.exists(), "removed at the end");
}

#[test]
fn calls_are_answered() {
    with_server(|path| {
        let client = Client::connect(path).unwrap();
        assert_eq!(client.call(b"abc").unwrap(), b"cba");
        assert_eq!(client.call(b"").unwrap(), b"");
        let long = (0..FRAME_BYTES_MAX).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>();
        let answer = client.call(&long).unwrap();
        assert!(answer.iter().rev().eq(long.iter()));
        assert_eq!(client.call(&vec![0; FRAME_BYTES_MAX + 1]), Err(TransportError::TooLong));
        assert_eq!(client.call(b"still there").unwrap(), b"ereht llits");
    });
}

#[test]
fn many_callers_are_handled_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut count = 0u32;
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            listener.serve(|_| {
                count += 1;
                count.to_be_bytes().into()
            })
        });
        let callers = (0..8).map(|_| {
            scope.spawn(|| {
                let client = Client::connect(&path).unwrap();
                (0..10).map(|_| client.call(b"next").unwrap()).collect::<Vec<_>>()
            })
        });
        let callers = callers.collect::<Vec<_>>();
        let mut answers = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>();
        answers.sort();
        assert!(
            answers
                .iter()
                .map(Vec::as_slice)
                .eq((1..=80u32).map(u32::to_be_bytes).collect::<Vec<_>>().iter())
        );
        listener.stopper().stop();
        server.join().unwrap().unwrap();
    });
}

#[test]
fn a_peer_that_misbehaves_ends_only_its_own_connection() {
    with_server(|path| {
        let mut stalled = connect(path).unwrap();
        stalled.write_all(&[0, 0]).unwrap();
        let mut cut = connect(path).unwrap();
        cut.write_all(&[0, 0, 0, 9, 1, 2]).unwrap();
        drop(cut);
        let mut long = connect(path).unwrap();
        long.write_all(&[0, 1, 0, 1]).unwrap();
        assert_eq!(
            read_frame(&mut long, Width::U32, Deadline::after(CALL_TIMEOUT)),
            Ok(None),
            "closed unread"
        );
        assert_eq!(Client::connect(path).unwrap().call(b"ok").unwrap(), b"ko");
        drop(stalled);
    });
}

#[test]
fn a_slow_answer_times_out_and_is_not_taken_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = Listener::bind(&path).unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            listener.serve(|request| {
                thread::sleep(Duration::from_millis(if request == b"slow" { 300 } else { 0 }));
                request.into()
            })
        });
        let client = Client::connect(&path).unwrap();
        let hasty = client.clone().with_timeout(Duration::from_millis(50));
        assert_eq!(hasty.call(b"slow"), Err(TransportError::Timeout));
        assert_eq!(client.call(b"fast").unwrap(), b"fast");
        listener.stopper().stop();
        server.join().unwrap().unwrap();
    });
}

#[test]
fn a_path_has_one_listener_its_mode_and_no_stale_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    assert_eq!(Client::connect(&path).unwrap_err(), TransportError::Unreachable);
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(Client::connect(&path).unwrap_err(), TransportError::Unreachable, "a dead process left it");
    let listener = Listener::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(Listener::bind(&path).unwrap_err(), TransportError::InUse);
    assert!(Client::connect(&path).is_ok());
    drop(listener);
    assert!(Listener::bind(&path).is_ok());
}

#[test]
fn a_handler_that_panics_ends_the_serving() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = Listener::bind(&path).unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let serving = std::panic::AssertUnwindSafe(|| listener.serve(|_| panic!("on purpose")));
            std::panic::catch_unwind(serving).is_err()
        });
        assert_eq!(Client::connect(&path).unwrap().call(b"x"), Err(TransportError::Closed));
        assert!(server.join().unwrap(), "the panic reached the caller of serve");
    });
}

#[test]
fn a_listener_is_awaited() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    assert_eq!(await_listener(&path, Duration::from_millis(30)), Err(TransportError::Timeout));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| await_listener(&path, Duration::from_secs(20)));
        thread::sleep(Duration::from_millis(30));
        let _listener = Listener::bind(&path).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn frames_have_both_widths() {
    let (mut left, mut right) = UnixStream::pair().unwrap();
    let deadline = Deadline::after(CALL_TIMEOUT);
    write_frame(&mut left, Width::U16, b"apdu", deadline).unwrap();
    write_frame(&mut left, Width::U32, b"cbor", deadline).unwrap();
    let mut bytes = [0; 14];
    right.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\x00\x04apdu\x00\x00\x00\x04cbor");
    assert_eq!(write_frame(&mut left, Width::U16, &vec![0; 65_536], deadline), Err(TransportError::TooLong));
    left.write_all(&[0]).unwrap();
    drop(left);
    assert_eq!(read_frame(&mut right, Width::U16, deadline), Err(TransportError::Closed));
}
