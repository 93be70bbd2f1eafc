//! A region of this build in a folder of its own, as another process.

use sagebrush::client::{Attached, Client};
use sagebrush::command::host::signing_key;
use sagebrush::gateway::Credentials;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Server {
    child: Child,
    pub folder: PathBuf,
    pub address: SocketAddr,
    pub client: Client,
}

fn attached(folder: &Path) -> Attached {
    Attached::read(&folder.join(".sagebrush")).expect("the region has left word")
}

/// A client of the region that runs in the folder.
pub fn client(folder: &Path) -> Client {
    let credentials =
        Credentials::load_or_make(&folder.join(".sagebrush")).expect("the region has a key");
    let attached = attached(folder);
    Client::new(attached.address, signing_key(credentials), &attached.region)
}

impl Server {
    /// Starts `serve` in `folder` and returns when it has said that it is ready.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same in the background, as the workbench starts it.
    #[allow(dead_code, reason = "the workbench's benchmark asks for it")]
    pub fn start_detached(folder: &Path) -> Self {
        Self::start_with(folder, &["--detached"])
    }

    fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .args(["serve", "--port", "0", "--workspace"])
            .arg(folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the region starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the region says that it is ready");
        let attached = attached(folder);
        Self { child, folder: folder.to_owned(), address: attached.address, client: client(folder) }
    }

    /// The region's process.
    #[allow(dead_code, reason = "the workbench's benchmark asks for it")]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the region runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("KiB");
        kib / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .args(["stop", "--workspace"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}
