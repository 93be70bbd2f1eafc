//! Finding the region of a workspace: its address and key lie in the workspace's folder.

use super::Client;
use crate::api::signing::Credentials;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;

/// What a running region leaves in its workspace for those who look for it (`region.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attached {
    pub pid: u32,
    pub address: SocketAddr,
    /// Where its forward proxy listens; a region of an older version has none.
    #[serde(default)]
    pub proxy: Option<SocketAddr>,
    /// Further ports of the same machine that it listens on.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// The AWS region that it imitates.
    pub region: String,
    pub account: String,
}

/// The file's name in the workspace's `.sagebrush` folder.
pub const FILE: &str = "region.json";

impl Attached {
    /// What the folder tells, whether or not that region still runs. The folder may have come with
    /// a repository: where it leads away from itself, or out of this machine, it is not followed.
    pub fn read(dir: &Path) -> Option<Self> {
        let own = std::fs::symlink_metadata(dir).ok()?.is_dir();
        let text = own.then(|| std::fs::read_to_string(dir.join(FILE)).ok())??;
        let attached: Self = serde_json::from_str(&text).ok()?;
        let stays = |address: &SocketAddr| address.ip().is_loopback();
        (stays(&attached.address) && attached.proxy.iter().all(stays)).then_some(attached)
    }

    /// Leaves word, atomically.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(dir.join(FILE)).map_err(|error| error.error)?;
        Ok(())
    }

    pub fn remove(dir: &Path) {
        std::fs::remove_file(dir.join(FILE)).ok();
    }
}

/// A client of the region that runs in the workspace whose `.sagebrush` folder is `dir`, and what
/// its health says; `None` when none runs.
pub async fn attach(dir: &Path, credentials: Credentials) -> Option<(Client, Attached, Value)> {
    let attached = Attached::read(dir)?;
    let client = Client::new(attached.address, credentials, &attached.region);
    match client.internal("health").await {
        Ok(health) if health.get("pid").and_then(Value::as_u64) == Some(attached.pid.into()) => {
            Some((client, attached, health))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(dir: &Path, address: &str) -> Attached {
        let attached = Attached {
            pid: 1,
            address: address.parse().unwrap(),
            proxy: Some(address.parse().unwrap()),
            ports: vec![4566],
            region: "us-east-1".into(),
            account: "123456789012".into(),
        };
        attached.write(dir).unwrap();
        attached
    }

    #[test]
    fn what_leads_elsewhere_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join(".sagebrush");
        std::fs::create_dir(&dir).unwrap();
        assert_eq!(Attached::read(&dir), None);
        let here = left(&dir, "127.0.0.1:7242");
        assert_eq!(Attached::read(&dir), Some(here));
        let link = parent.path().join("link");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert_eq!(Attached::read(&link), None);
        left(&dir, "192.0.2.1:80");
        assert_eq!(Attached::read(&dir), None);
    }
}
