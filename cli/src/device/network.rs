//! Leaving the network: what an offline role does first, and how it says so.
use super::Flags;
use symbolon_transport::isolate::{Isolation, enter_empty_network, proof};

/// Leaves the network unless `--allow-network` is there; what the answer says of it: `none` is the kernel's word, not a wish.
pub fn leave(flags: &mut Flags) -> &'static str {
    if flags.switch("allow-network") {
        return "allowed";
    }
    match enter_empty_network() {
        Isolation::Namespace if proof().is_ok_and(|proof| proof.has_no_network()) => "none",
        Isolation::Namespace => "not-permitted",
        Isolation::NotPermitted(reason) => {
            eprintln!("no empty network namespace: {reason}");
            "not-permitted"
        }
    }
}
