//! Leaving the network for good: a process that pays offline can be given a network namespace with nothing in it, and show that it has.
//!
//! ```text
//!   with networks ── enter_empty_network ──► Namespace: only interfaces that are down, no way back for an unprivileged process
//!                                       └──► NotPermitted: nothing has changed, and the caller says so
//! ```
//! A connection that was open before stays open, so this comes first, before anything connects. Path Unix sockets are files and go on
//! working.
//!
//! **Invariant:** [`Isolation::Namespace`] is only answered when the whole process, not one thread of it, is in the new namespace.
use crate::TransportError;
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    net::if_::InterfaceFlags,
    sched::{CloneFlags, unshare},
    unistd::{getgid, getuid},
};
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What became of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// The process has a network namespace of its own, with no interface up.
    Namespace,
    /// It has the networks it had.
    NotPermitted(Reason),
}

/// Why the operating system gives no namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The process has more than one thread; the others would keep the network.
    Threads,
    /// Neither alone nor with a user namespace: the kernel's answer to the latter.
    Kernel(Errno),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads => f.write_str("the process has more than one thread"),
            Self::Kernel(errno) => write!(f, "the kernel says: {}", errno.desc()),
        }
    }
}

/// Puts the process into an empty network namespace: alone where it may (root), else together with a user namespace in which it keeps its
/// user and group. Call it before any thread starts and before anything connects.
#[must_use]
pub fn enter_empty_network() -> Isolation {
    if !has_one_thread() {
        return Isolation::NotPermitted(Reason::Threads);
    }
    if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Isolation::Namespace;
    }
    let (user, group) = (getuid(), getgid());
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
        Err(errno) => Isolation::NotPermitted(Reason::Kernel(errno)),
        Ok(()) => {
            // user_namespaces(7): an unprivileged process maps itself only, after it has given up setgroups. Without the maps files could
            // be read and not made, which the caller would meet as an error of its own; the network is gone in either case.
            let _ = fs::write("/proc/self/setgroups", "deny");
            let _ = fs::write("/proc/self/uid_map", format!("{user} {user} 1"));
            let _ = fs::write("/proc/self/gid_map", format!("{group} {group} 1"));
            Isolation::Namespace
        }
    }
}

/// `Threads:` of proc_pid_status(5). What cannot be read counts as many.
fn has_one_thread() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.is_some_and(|count| count.trim() == "1")
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `lo`.
    pub name: String,
    /// Whether it is up (IFF_UP).
    pub up: bool,
    /// Bytes received since it exists.
    pub received_bytes: u64,
    /// Bytes sent since it exists.
    pub sent_bytes: u64,
}

/// What the calling thread's network namespace holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The namespace's identity, `net:[4026531840]`: equal for processes that share it.
    pub namespace: String,
    /// All its interfaces.
    pub interfaces: Vec<Interface>,
}

impl Proof {
    /// Whether no interface is up, so that no packet can leave, not even to the machine itself.
    #[must_use]
    pub fn has_no_network(&self) -> bool {
        self.interfaces.iter().all(|interface| !interface.up)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.namespace)?;
        self.interfaces.iter().try_for_each(|interface| {
            let state = if interface.up { "up" } else { "down" };
            write!(
                f,
                ", {} {state} ({} B in, {} B out)",
                interface.name, interface.received_bytes, interface.sent_bytes
            )
        })
    }
}

/// Reads what the kernel says of the calling thread's network.
///
/// # Errors
/// [`TransportError::Io`]; [`TransportError::Protocol`] when the kernel's table has another form than proc_pid_net(5) says.
pub fn proof() -> Result<Proof, TransportError> {
    let namespace = fs::read_link("/proc/thread-self/ns/net")?.to_string_lossy().into_owned();
    let up = interfaces_up()?;
    let table = fs::read_to_string("/proc/thread-self/net/dev")?;
    let interfaces = table.lines().skip(2).map(|line| interface(line, &up).ok_or(TransportError::Protocol));
    Ok(Proof { namespace, interfaces: interfaces.collect::<Result<_, _>>()? })
}

/// One line of `/proc/net/dev`: the name, a colon, 8 receive and 8 transmit columns.
fn interface(line: &str, up: &[String]) -> Option<Interface> {
    let (name, columns) = line.split_once(':')?;
    let columns =
        columns.split_whitespace().map(|column| column.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let name = name.trim().to_owned();
    let (received_bytes, sent_bytes) = (*columns.first()?, *columns.get(8)?);
    Some(Interface { up: up.contains(&name), name, received_bytes, sent_bytes })
}

/// The names of the interfaces that are up, sorted.
///
/// # Errors
/// [`TransportError::Io`] when the kernel does not tell.
pub fn interfaces_up() -> Result<Vec<String>, TransportError> {
    let all = getifaddrs().map_err(|errno| TransportError::from(io::Error::from(errno)))?;
    let up =
        all.filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP)).map(|entry| entry.interface_name);
    Ok(up.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Tries to open a TCP connection, and closes it at once: to show what a process without a network is told.
///
/// # Errors
/// The operating system's answer; `NetworkUnreachable` where there is no network.
pub fn try_connect(address: SocketAddr, timeout: Duration) -> Result<(), io::ErrorKind> {
    TcpStream::connect_timeout(&address, timeout).map(drop).map_err(|error| error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness runs tests in threads of their own.
        assert!(!has_one_thread());
        let before = proof().unwrap();
        assert_eq!(enter_empty_network(), Isolation::NotPermitted(Reason::Threads));
        assert_eq!(proof().unwrap().namespace, before.namespace);
    }

    #[test]
    fn the_kernel_table_is_read() {
        let up = ["lo".to_owned()];
        let line = "    lo:    1250      10    0    0    0     0          0         0     2500      20    0    0    0     0       0          0";
        let lo = Interface { name: "lo".into(), up: true, received_bytes: 1250, sent_bytes: 2500 };
        assert_eq!(interface(line, &up), Some(lo));
        assert_eq!(interface("eth0: 1 2 3", &up), None);
        assert_eq!(interface("no colon", &up), None);
        let here = proof().unwrap();
        assert!(here.namespace.starts_with("net:[") && here.namespace.ends_with(']'), "{here}");
        assert!(here.interfaces.iter().any(|interface| interface.name == "lo"), "{here}");
    }
}
