//! The workspace as `cargo metadata` tells it: its crates, where they lie, and what they use of one another.
use crate::process;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};

/// The ten systems in their order: the place of a name gives its number, from 1.
pub const SYSTEMS: [&str; 10] = [
    "offline-payment",
    "enabling-card",
    "fuel-dispensing",
    "intermediary-payment",
    "portable-payment",
    "certificates",
    "device-control",
    "media-redistribution",
    "self-certification",
    "reservation-access",
];

/// All crates of the workspace.
#[derive(Debug)]
pub struct Workspace {
    /// The folder with the workspace's manifest.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// The crates, sorted by path.
    pub crates: Vec<Crate>,
}

/// One crate.
#[derive(Debug)]
pub struct Crate {
    /// The package's name.
    pub name: String,
    /// Its folder below the root, such as `core/types`.
    pub path: String,
    /// What it uses of the same repository.
    pub uses: Vec<Use>,
}

/// One crate's use of another.
#[derive(Debug)]
pub struct Use {
    /// The folder of what is used, below the root.
    pub path: String,
    /// Whether only tests use it.
    pub dev: bool,
    /// Whether its feature `testing` is turned on, which brings fakes.
    pub testing: bool,
}

impl Crate {
    /// `core`, `systems`, `node`, `devices`; or the whole path of a crate that stands alone.
    #[must_use]
    pub fn group(&self) -> &str {
        group(&self.path)
    }

    /// The last part of its path.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it is held to the rules of pure crates.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        matches!(self.group(), "core" | "systems")
    }
}

/// The group of the crate at `path`.
#[must_use]
pub fn group(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// The number of a system by its name, from 1.
#[must_use]
pub fn system_number(name: &str) -> Option<u16> {
    (1..).zip(SYSTEMS).find(|(_, system)| *system == name).map(|(number, _)| number)
}

impl Workspace {
    /// The workspace around the current folder, as cargo tells it. Needs no network and no lock file.
    ///
    /// # Errors
    /// When cargo fails, or answers something that is no metadata.
    pub fn load() -> Result<Self, String> {
        let root = find_root()?;
        let text = process::output(process::cargo(&root).args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ]))?;
        let metadata: Value =
            serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        Self::from_metadata(&metadata)
    }

    /// The workspace that this metadata describes.
    ///
    /// # Errors
    /// When a field that is needed is missing.
    pub fn from_metadata(metadata: &Value) -> Result<Self, String> {
        let root = PathBuf::from(text(metadata, "workspace_root")?);
        let target = PathBuf::from(text(metadata, "target_directory")?);
        let packages = list(metadata, "packages")?;
        let mut crates =
            packages.iter().map(|package| one_crate(&root, package)).collect::<Result<Vec<_>, _>>()?;
        crates.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, target, crates })
    }
}

fn find_root() -> Result<PathBuf, String> {
    let here = env::current_dir().map_err(|error| format!("no current folder: {error}"))?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").exists());
    root.map(Path::to_path_buf)
        .ok_or_else(|| format!("{} lies in no workspace with an xtask", here.display()))
}

fn one_crate(root: &Path, package: &Value) -> Result<Crate, String> {
    let manifest = PathBuf::from(text(package, "manifest_path")?);
    let folder = manifest.parent().unwrap_or(&manifest);
    let dependencies = list(package, "dependencies")?;
    let uses = dependencies.iter().filter_map(|dependency| {
        let folder = dependency.get("path")?.as_str()?;
        let dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
        let features = dependency.get("features").and_then(Value::as_array);
        let testing = features.is_some_and(|all| all.iter().any(|feature| feature == "testing"));
        Some(Use { path: below(root, Path::new(folder)), dev, testing })
    });
    Ok(Crate { name: text(package, "name")?.to_owned(), path: below(root, folder), uses: uses.collect() })
}

fn below(root: &Path, folder: &Path) -> String {
    let folder = folder.strip_prefix(root).unwrap_or(folder);
    folder.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata has no `{field}`"))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value.get(field).and_then(Value::as_array).ok_or_else(|| format!("cargo metadata has no `{field}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_becomes_crates_sorted_by_path() -> Result<(), String> {
        let workspace = Workspace::from_metadata(&json!({
            "workspace_root": "/w", "target_directory": "/w/target",
            "packages": [
                { "name": "symbolon-wire", "manifest_path": "/w/core/wire/Cargo.toml", "dependencies": [
                    { "name": "symbolon-types", "kind": null, "path": "/w/core/types" },
                    { "name": "symbolon-state", "kind": "dev", "path": "/w/core/state", "features": ["testing"] },
                    { "name": "subtle", "kind": null },
                ]},
                { "name": "symbolon-cli", "manifest_path": "/w/cli/Cargo.toml", "dependencies": [] },
            ],
        }))?;
        let paths: Vec<_> =
            workspace.crates.iter().map(|one| (one.path.as_str(), one.group(), one.folder())).collect();
        assert_eq!(paths, [("cli", "cli", "cli"), ("core/wire", "core", "wire")]);
        let uses: Vec<_> = workspace.crates[1]
            .uses
            .iter()
            .map(|used| (used.path.as_str(), used.dev, used.testing))
            .collect();
        assert_eq!(uses, [("core/types", false, false), ("core/state", true, true)]);
        Ok(())
    }

    #[test]
    fn metadata_without_a_root_is_refused() {
        assert!(Workspace::from_metadata(&json!({ "target_directory": "/w", "packages": [] })).is_err());
    }

    #[test]
    fn systems_are_numbered_from_one() {
        assert_eq!(system_number("offline-payment"), Some(1));
        assert_eq!(system_number("reservation-access"), Some(10));
        assert_eq!(system_number("online-payment"), None);
    }
}
