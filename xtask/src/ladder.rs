//! The ladder: a crate uses lower rungs only.
//!
//! ```text
//! core/*  <  systems/*  <  node/*, devices/*  <  sim  <  cli          xtask beside them, on core alone
//! core:     types < wire < keys < proof;   types < wire < state < journal < acquiring;   chain on wire, keys, state
//! systems:  never one another
//! node:     log, crypto < store < vault < machine < evm < hosts, api < console
//! devices:  transport < every other; never node
//! ```
//! Tests may lean sideways: a dev-dependency may go, beyond what the code itself may use, to any crate of the same
//! group, never upwards and never from devices to node or back. In systems not even that. The feature `testing` brings
//! fakes: only a dev-dependency may turn it on, and `sim`, whose world is made of them.
//!
//! **Invariant:** a crate that the order does not name is refused: its place is a decision, not a guess.
use crate::workspace::{Crate, Workspace, group, system_number};

/// Core's inside order: each crate with all that it may use.
const CORE: [(&str, &[&str]); 8] = [
    ("core/types", &[]),
    ("core/wire", &["core/types"]),
    ("core/keys", &["core/types", "core/wire"]),
    ("core/proof", &["core/types", "core/wire", "core/keys"]),
    ("core/state", &["core/types", "core/wire"]),
    ("core/journal", &["core/types", "core/wire", "core/state"]),
    ("core/acquiring", &["core/types", "core/wire", "core/state", "core/journal"]),
    ("core/chain", &["core/types", "core/wire", "core/keys", "core/state"]),
];

/// Node's inside order: a crate uses crates of lower numbers.
const NODE: [(&str, u8); 9] = [
    ("node/log", 0),
    ("node/crypto", 0),
    ("node/store", 1),
    ("node/vault", 2),
    ("node/machine", 3),
    ("node/evm", 4),
    ("node/hosts", 5),
    ("node/api", 5),
    ("node/console", 6),
];

/// The crates that stand above all groups and are used by nothing, but for `sim`, which `cli` runs.
const TOPS: [&str; 3] = ["cli", "sim", "xtask"];

/// Every break of the ladder, as sentences.
#[must_use]
pub fn check(workspace: &Workspace) -> Vec<String> {
    workspace.crates.iter().flat_map(check_crate).collect()
}

fn check_crate(one: &Crate) -> Vec<String> {
    let mut faults = Vec::new();
    let wanted = format!("symbolon-{}", one.folder());
    if one.name != wanted {
        faults.push(format!("{}: the package is named {}, it must be {wanted}", one.path, one.name));
    }
    if !has_place(&one.path) {
        faults.push(format!("{}: has no place on the ladder; give it one in xtask/src/ladder.rs", one.path));
        return faults;
    }
    for used in &one.uses {
        let allowed = may_use(&one.path, &used.path) || (used.dev && tests_may_use(&one.path, &used.path));
        if !allowed {
            let how = if used.dev { "tests must not use" } else { "must not use" };
            faults.push(format!("{}: {how} {}", one.path, used.path));
        }
        if used.testing && !used.dev && one.path != "sim" {
            faults.push(format!("{}: turns on `testing` of {}, which only tests may", one.path, used.path));
        }
    }
    faults
}

fn has_place(path: &str) -> bool {
    match path.split_once('/') {
        Some(("core", _)) => CORE.iter().any(|(name, _)| *name == path),
        Some(("systems", name)) => system_number(name).is_some(),
        Some(("node", _)) => node_rung(path).is_some(),
        Some(("devices", name)) => !name.contains('/'),
        Some(_) => false,
        None => TOPS.contains(&path),
    }
}

fn node_rung(path: &str) -> Option<u8> {
    NODE.iter().find(|(name, _)| *name == path).map(|(_, rung)| *rung)
}

fn may_use(user: &str, used: &str) -> bool {
    if !has_place(used) || TOPS.contains(&used) {
        return (user, used) == ("cli", "sim");
    }
    match (group(user), group(used)) {
        ("core", "core") => CORE.iter().any(|(name, lower)| *name == user && lower.contains(&used)),
        ("systems" | "xtask", to) => to == "core",
        ("node", "node") => node_rung(used) < node_rung(user),
        ("devices", "devices") => used == "devices/transport" && user != used,
        ("node" | "devices", to) => matches!(to, "core" | "systems"),
        ("cli" | "sim", _) => true,
        _ => false,
    }
}

fn tests_may_use(user: &str, used: &str) -> bool {
    let smoke = user == "xtask" && used == "fuzz";
    smoke
        || has_place(used) && group(user) == group(used) && matches!(group(user), "core" | "node" | "devices")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Use;
    use std::path::PathBuf;

    fn faults(path: &str, name: &str, used: &[(&str, bool)]) -> Vec<String> {
        let uses = used
            .iter()
            .map(|(path, dev)| Use { path: (*path).to_owned(), dev: *dev, testing: false })
            .collect();
        let crates = vec![Crate { name: name.to_owned(), path: path.to_owned(), uses }];
        check(&Workspace { root: PathBuf::new(), target: PathBuf::new(), crates })
    }

    fn holds(path: &str, used: &str) {
        let name = format!("symbolon-{}", path.rsplit('/').next().unwrap_or(path));
        assert_eq!(faults(path, &name, &[(used, false)]), [""; 0], "{path} -> {used}");
    }

    fn breaks(path: &str, used: &str) {
        let name = format!("symbolon-{}", path.rsplit('/').next().unwrap_or(path));
        assert_eq!(faults(path, &name, &[(used, false)]), [format!("{path}: must not use {used}")]);
    }

    #[test]
    fn core_keeps_its_inside_order() {
        holds("core/proof", "core/keys");
        breaks("core/keys", "core/proof");
        holds("core/state", "core/wire");
        breaks("core/state", "core/keys");
        holds("core/journal", "core/state");
        breaks("core/journal", "core/proof");
        holds("core/chain", "core/state");
        breaks("core/types", "core/types");
    }

    #[test]
    fn systems_use_core_and_never_one_another() {
        holds("systems/offline-payment", "core/journal");
        breaks("systems/offline-payment", "systems/enabling-card");
        breaks("systems/offline-payment", "node/store");
        breaks("core/proof", "systems/offline-payment");
    }

    #[test]
    fn node_keeps_its_inside_order() {
        holds("node/store", "node/log");
        breaks("node/log", "node/store");
        breaks("node/log", "node/crypto");
        holds("node/machine", "node/vault");
        breaks("node/vault", "node/machine");
        holds("node/console", "node/api");
        breaks("node/hosts", "node/api");
        holds("node/api", "systems/offline-payment");
        breaks("node/api", "devices/transport");
    }

    #[test]
    fn devices_share_their_transports_only() {
        holds("devices/phone", "devices/transport");
        breaks("devices/transport", "devices/phone");
        breaks("devices/phone", "devices/reader");
        breaks("devices/phone", "node/log");
        holds("devices/phone", "systems/offline-payment");
    }

    #[test]
    fn nothing_uses_the_tops() {
        holds("cli", "node/api");
        holds("sim", "devices/phone");
        holds("xtask", "core/types");
        breaks("xtask", "node/log");
        for top in TOPS {
            breaks("node/api", top);
            breaks("sim", top);
        }
        holds("cli", "sim");
        breaks("cli", "xtask");
    }

    #[test]
    fn tests_lean_sideways_but_never_up() {
        let dev = |path: &str, used| {
            faults(path, &format!("symbolon-{}", path.rsplit('/').next().unwrap()), &[(used, true)])
        };
        assert_eq!(dev("core/wire", "core/state"), [""; 0]);
        assert_eq!(
            dev("core/wire", "systems/offline-payment"),
            ["core/wire: tests must not use systems/offline-payment"]
        );
        assert_eq!(dev("node/log", "node/store"), [""; 0]);
        assert_eq!(dev("xtask", "fuzz"), [""; 0]);
        assert_eq!(dev("node/log", "fuzz"), ["node/log: tests must not use fuzz"]);
        assert_eq!(dev("node/log", "cli"), ["node/log: tests must not use cli"]);
        assert_eq!(dev("devices/phone", "devices/reader"), [""; 0]);
        assert_eq!(dev("devices/phone", "node/api"), ["devices/phone: tests must not use node/api"]);
        let pair = ("systems/offline-payment", "systems/enabling-card");
        assert_eq!(dev(pair.0, pair.1), [format!("{}: tests must not use {}", pair.0, pair.1)]);
    }

    #[test]
    fn only_tests_and_the_simulated_world_turn_fakes_on() {
        let by = |name: &str, path: &str, dev| {
            let uses = vec![Use { path: "core/state".into(), dev, testing: true }];
            check_crate(&Crate { name: name.into(), path: path.into(), uses })
        };
        let with = |dev| by("symbolon-journal", "core/journal", dev);
        assert_eq!(with(true), [""; 0]);
        assert_eq!(by("symbolon-sim", "sim", false), [""; 0]);
        assert_eq!(by("symbolon-cli", "cli", false).len(), 1);
        assert_eq!(with(false), ["core/journal: turns on `testing` of core/state, which only tests may"]);
    }

    #[test]
    fn a_crate_needs_its_name_and_its_place() {
        assert_eq!(faults("core/types", "symbolon-types", &[]), [""; 0]);
        assert_eq!(faults("core/types", "types", &[]).len(), 1);
        assert_eq!(faults("core/misc", "symbolon-misc", &[]).len(), 1);
        assert_eq!(faults("systems/eleventh", "symbolon-eleventh", &[]).len(), 1);
        assert_eq!(faults("tools/x", "symbolon-x", &[]).len(), 1);
    }
}
