//! A region of the built binary for tests: started on a folder of its own, stopped or killed at the
//! end, with nothing left behind.

use sagebrush::api::signing::Credentials;
use sagebrush::client::Client;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The built binary, cut off from the environment's own AWS settings.
pub fn sagebrush() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sagebrush"));
    super::python::isolated(&mut command);
    command.env_remove("SAGEBRUSH_WORKSPACE");
    command
}

/// A running `sagebrush serve`.
pub struct Region {
    child: Child,
    folder: TempDir,
    url: String,
}

impl Region {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With a `workspace.toml` of this content.
    pub fn start_with(settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sagebrush-test-").tempdir().unwrap();
        if !settings.is_empty() {
            std::fs::write(folder.path().join("workspace.toml"), settings).unwrap();
        }
        Self::start_on(folder)
    }

    /// On a workspace that is there already.
    pub fn start_on(folder: TempDir) -> Self {
        let (child, url) = serve(folder.path());
        Self { child, folder, url }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client with the region's own key.
    pub fn client(&self) -> Client {
        let text = std::fs::read_to_string(self.folder().join(".sagebrush/credentials")).unwrap();
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap()
        };
        let credentials = Credentials {
            access_key: field("aws_access_key_id"),
            secret_key: field("aws_secret_access_key"),
            session_token: None,
        };
        let address = self.url().trim_start_matches("http://").parse().unwrap();
        Client::new(address, credentials, "us-east-1")
    }

    /// A command of this workspace: `region.command(&["list", "model"])`.
    pub fn command(&self, words: &[&str]) -> Output {
        sagebrush().arg("--workspace").arg(self.folder()).args(words).output().unwrap()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again on the same folder after [`Region::kill`].
    pub fn restart(&mut self) {
        let (child, url) = serve(self.folder.path());
        self.child = child;
        self.url = url;
    }

    /// The environment that leads boto3 and the AWS CLI here.
    pub fn lead(&self, command: &mut Command) {
        let credentials =
            std::fs::read_to_string(self.folder().join(".sagebrush/credentials")).unwrap();
        for line in credentials.lines() {
            if let Some((name, value)) = line.split_once('=') {
                command.env(name.trim().to_ascii_uppercase(), value.trim());
            }
        }
        command.env("AWS_ENDPOINT_URL", &self.url);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let stopped = self.command(&["stop"]);
            if !stopped.status.success() {
                self.child.kill().ok();
            }
        }
        self.child.wait().ok();
    }
}

fn serve(folder: &Path) -> (Child, String) {
    let mut child = sagebrush()
        .args(["serve", "--port", "0", "--workspace"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url.unwrap_or_else(|| panic!("no address in the ready line: {line:?}")).to_owned();
    (child, url)
}

/// Processes whose command line names the folder.
pub fn processes_of(folder: &Path) -> Vec<String> {
    let named = |entry: PathBuf| {
        let words = std::fs::read(entry.join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        words.contains(folder.to_str().unwrap()).then_some(words)
    };
    std::fs::read_dir("/proc")
        .map(|entries| entries.flatten().filter_map(|entry| named(entry.path())).collect())
        .unwrap_or_default()
}
