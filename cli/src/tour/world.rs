//! The tour's private world: a folder with a throwaway platform whose keys the tour itself made, and the operator who runs it.
use super::process::{Process, word};
use super::steps::Fault;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use symbolon_keys::{RustCrypto, derive32};
use symbolon_transport::entropy::seed;
use symbolon_transport::http::HttpClient;
use symbolon_types::{Secret, hex_lower, hex_parse};
use symbolon_vault::{ACCOUNT_LABEL, SoftwareVault, Unlock, VaultKeys};

/// A folder, a platform, an operator.
pub struct World {
    path: PathBuf,
    evidence: PathBuf,
    platform: Option<Process>,
    http: String,
    operator: Option<Secret<String>>,
    requests: u64,
    network: String,
    kept: bool,
    account_master: Option<Secret<[u8; 32]>>,
}

impl World {
    /// Makes the folder, and a vault whose throwaway keys are also written into the evidence, so that others can open what was sealed.
    pub fn make(evidence: Option<PathBuf>) -> Result<Self, Fault> {
        let random = seed().map_err(|error| error.to_string())?;
        let name = format!("symbolon-tour-{}", hex_lower(&random.reveal()[..4]));
        let path = std::env::temp_dir().join(name);
        let evidence = evidence.unwrap_or_else(|| path.join("evidence"));
        let mut world = Self {
            path,
            evidence,
            platform: None,
            http: String::new(),
            operator: None,
            requests: 0,
            network: "a platform that was stopped".into(),
            kept: false,
            account_master: None,
        };
        for folder in
            [world.path.clone(), world.platform_folder(), world.evidence.clone(), world.path.join("glass")]
        {
            std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        if std::fs::read_dir(&world.evidence).is_ok_and(|mut found| found.next().is_some()) {
            return Err(format!("--evidence: {} is not empty", world.evidence.display()));
        }
        world.make_vault()?;
        Ok(world)
    }

    fn make_vault(&mut self) -> Result<(), Fault> {
        let entropy = seed().map_err(|error| error.to_string())?;
        let key = seed().map_err(|error| error.to_string())?;
        let keys = VaultKeys::from_entropy(&entropy);
        self.write("throwaway-issuer-kem-private", keys.issuer_kem.private().reveal())?;
        self.account_master = Some(keys.account_master.clone());
        let key_file = self.platform_folder().join("vault.key");
        symbolon_vault::create_key_file(&key_file, &key).map_err(|error| format!("vault: {error}"))?;
        SoftwareVault::create(&self.platform_folder().join("vault"), &Unlock::KeyFile(key_file), &entropy)
            .map_err(|error| format!("vault: {error}"))?;
        Ok(())
    }

    /// Puts the throwaway account key of an authenticator into the evidence, so that others can make credential proofs anew.
    pub fn write_account_key(&self, authenticator: &str) -> Result<(), Fault> {
        let id = hex_parse(authenticator).ok_or_else(|| format!("{authenticator} is no id"))?;
        let master = self.account_master.as_ref().ok_or("the vault was not made")?;
        let key = derive32(&RustCrypto, master.reveal(), ACCOUNT_LABEL.as_bytes(), &[&id]);
        self.write("throwaway-account-key", key.reveal())
    }

    /// The tour's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the tour's folder, as a word of a command.
    pub fn at(&self, name: &str) -> String {
        word(&self.path.join(name))
    }

    /// Where the exchanged bytes of one run go, as a word of a command.
    pub fn evidence(&self, run: &str) -> String {
        word(&self.evidence.join(run))
    }

    /// The exchanged bytes of one run.
    pub fn exchanged(&self, run: &str, name: &str) -> Result<Vec<u8>, Fault> {
        let path = self.evidence.join(run).join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes bytes into the evidence.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.evidence.join(name);
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What kept the offline part offline, in words.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Notes what kept the offline part offline.
    pub fn set_network(&mut self, network: impl Into<String>) {
        self.network = network.into();
    }

    fn platform_folder(&self) -> PathBuf {
        self.path.join("platform")
    }

    /// The platform's data folder, as a word of a command.
    pub fn data(&self) -> String {
        word(&self.platform_folder())
    }

    /// Starts the platform; its number.
    pub fn start_platform(&mut self) -> Result<u32, Fault> {
        let data = self.data();
        let (platform, line) = Process::ready(&["serve", "--data", &data, "--listen", "127.0.0.1:0"])?;
        self.http = line["http"].as_str().ok_or("the platform did not say where it listens")?.to_owned();
        let id = platform.id();
        self.platform = Some(platform);
        Ok(id)
    }

    /// Stops the platform.
    pub fn stop_platform(&mut self) -> Result<(), Fault> {
        self.platform.take().map_or(Ok(()), Process::stop)
    }

    /// Leaves the platform running, and its folder in place; its address.
    pub fn keep(&mut self) -> Result<String, Fault> {
        if self.platform.is_none() {
            self.start_platform()?;
        }
        if let Some(platform) = self.platform.take() {
            platform.leave();
        }
        self.kept = true;
        Ok(self.http.clone())
    }

    /// Where the platform listens.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// Exchanges the one-time key for the operator's.
    pub fn become_operator(&mut self) -> Result<(), Fault> {
        let path = self.platform_folder().join("first-administrator.key");
        let one_time =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        self.operator = Some(Secret::new(one_time));
        let made = self.post("/v1/keys/first", &json!({}))?;
        self.operator = made["key"].as_str().map(|key| Secret::new(key.to_owned()));
        Ok(())
    }

    fn client(&self) -> Result<HttpClient, Fault> {
        let client = HttpClient::new(&self.http).map_err(|error| error.to_string())?;
        Ok(match &self.operator {
            Some(key) => client.with_bearer(key.clone()),
            None => client,
        })
    }

    /// A change by the operator, under a request id of its own.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value, Fault> {
        self.requests += 1;
        let id = request_id(self.requests)?;
        let client = self.client()?.with_request_id(&id);
        let reply = client
            .post_json(path, body.to_string().as_bytes())
            .map_err(|error| format!("{path}: {error}"))?;
        let value: Value = serde_json::from_slice(&reply.body).map_err(|error| format!("{path}: {error}"))?;
        if reply.is_success() { Ok(value) } else { Err(format!("{path}: {value}")) }
    }

    /// What the operator sees.
    pub fn get(&self, path: &str) -> Result<Value, Fault> {
        let reply = self.client()?.get(path).map_err(|error| format!("{path}: {error}"))?;
        let value: Value = serde_json::from_slice(&reply.body).map_err(|error| format!("{path}: {error}"))?;
        if reply.is_success() { Ok(value) } else { Err(format!("{path}: {value}")) }
    }
}

/// A UUID of version 7: the time in milliseconds, then random bytes.
fn request_id(count: u64) -> Result<String, Fault> {
    let ms = symbolon_transport::clock::wall().0;
    let random = seed().map_err(|error| error.to_string())?;
    let tail = hex_lower(&random.reveal()[..8]);
    Ok(format!(
        "{:08x}-{:04x}-7{:03x}-8{}-{}",
        ms >> 16,
        ms & 0xFFFF,
        count & 0xFFF,
        &tail[1..4],
        &tail[4..16]
    ))
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.kept {
            drop(self.platform.take());
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
