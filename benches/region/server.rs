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

impl Server {
    /// Starts `serve` in `folder` and returns when it has said that it is ready.
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .args(["serve", "--port", "0", "--workspace"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the region starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the region says that it is ready");
        let kept = folder.join(".sagebrush");
        let attached = Attached::read(&kept).expect("the region has left word");
        let credentials = Credentials::load_or_make(&kept).expect("the region has a key");
        let client = Client::new(attached.address, signing_key(credentials), &attached.region);
        Self { child, folder: folder.to_owned(), address: attached.address, client }
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
