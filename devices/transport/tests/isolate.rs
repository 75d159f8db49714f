//! A process of one thread leaves the network, as the user who runs the test and, where that is root, as one without rights too. Where the
//! kernel gives no namespace, nothing may have changed.
use std::{
    env, fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
    time::Duration,
};
use symbolon_transport::{
    frames::{Client, Listener},
    isolate::{Isolation, Proof, enter_empty_network, interfaces_up, proof, try_connect},
};

const NOBODY: u32 = 65_534;

fn main() {
    if nix::unistd::geteuid().is_root() {
        as_nobody();
    }
    leave();
}

/// Runs this program again without rights, from a copy that such a user can reach.
fn as_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("isolate");
    fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    for path in [dir.path(), &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let status = Command::new(&copy).uid(NOBODY).gid(NOBODY).env_remove("TMPDIR").status().unwrap();
    assert!(status.success(), "as nobody: {status}");
}

fn leave() {
    let before = proof().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(try_connect(address, Duration::from_secs(5)), Ok(()), "the accepted twin");
    assert!(interfaces_up().unwrap().contains(&"lo".to_owned()), "{before}");
    match enter_empty_network() {
        Isolation::Namespace => isolated(&before, address),
        Isolation::NotPermitted(reason) => {
            println!("not permitted here: {reason}");
            assert_eq!(proof().unwrap().namespace, before.namespace);
            assert_eq!(try_connect(address, Duration::from_secs(5)), Ok(()));
        }
    }
}

fn isolated(before: &Proof, address: SocketAddr) {
    let after = proof().unwrap();
    println!("before: {before}\nafter:  {after}");
    assert_ne!(after.namespace, before.namespace);
    assert!(after.has_no_network() && !before.has_no_network());
    assert_eq!(interfaces_up().unwrap(), Vec::<String>::new());
    for far in [address, "192.0.2.1:80".parse().unwrap()] {
        assert_eq!(try_connect(far, Duration::from_secs(5)), Err(ErrorKind::NetworkUnreachable), "{far}");
    }
    // With IPv6 the kernel misses the source address before it misses the route.
    let far = try_connect("[2001:db8::1]:80".parse().unwrap(), Duration::from_secs(5));
    assert!(matches!(far, Err(ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable)), "{far:?}");
    files_and_path_sockets_still_work();
    // A child has what its parent has. `/proc` is the second opinion.
    let table = Command::new("cat").arg("/proc/self/net/dev").output().unwrap().stdout;
    assert_eq!(String::from_utf8(table).unwrap().lines().count(), 2 + after.interfaces.len());
}

fn files_and_path_sockets_still_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = Listener::bind(&path).unwrap();
    let stop = listener.stopper();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| listener.serve(<[u8]>::to_vec));
        assert_eq!(Client::connect(&path).unwrap().call(b"offline").unwrap(), b"offline");
        stop.stop();
        server.join().unwrap().unwrap();
    });
}
