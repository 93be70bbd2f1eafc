//! `exec` and `env`: a program's environment, so that it finds the region where it looks for AWS.
//!
//! Two ways lead there. `AWS_ENDPOINT_URL` is the fast one: it needs neither TLS nor a proxy, and
//! every AWS SDK honours it, in languages too whose HTTP knows no proxies. The forward proxy is the
//! complete one: it answers for the names that a program or an SDK builds itself.

mod bundle;
mod environment;
mod profile;
mod truststore;

pub use bundle::system_bundle;
pub use environment::{Changes, OFFLINE};

use super::cli::WiringArgs;
use super::workspace::Workspace;
use super::{CommandError, admin};
use crate::client::Attached;
use crate::gateway::proxy::{self, Listening, Proxy, Secret, Settings};
use environment::{Files, Wiring};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// An environment as it is: what is not text is left alone.
pub type Inherited = BTreeMap<String, String>;

/// This process's environment.
pub fn inherited() -> Inherited {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// A program's wiring: hold it while the program runs.
pub struct Wired {
    pub changes: Changes,
    proxy: Arc<Proxy>,
    listening: Listening,
}

impl Wired {
    /// Ends the program's proxy; tells the hosts that `--offline` has refused, and how often.
    pub async fn end(self) -> BTreeMap<String, u64> {
        self.listening.shutdown().await;
        self.proxy.refused()
    }
}

/// Wires the workspace's region into an environment, with a proxy for one program in this process.
/// Also tells the process of the region, if one had to be started.
///
/// # Errors
/// No region runs and none can be started, or it is of a version without a proxy.
pub async fn wire_program(
    workspace: &Workspace,
    inherited: &Inherited,
    args: &WiringArgs,
    offline: bool,
) -> Result<(Wired, Option<u32>), CommandError> {
    let (region, started) = Region::find(workspace).await?;
    let upstream = settings(inherited);
    let offline = offline || inherited.contains_key(OFFLINE);
    let (proxy, listening) =
        Proxy::of_program(region.proxy, region.secret.clone(), &upstream, offline)
            .map_err(|error| CommandError::Failed(error.to_string()))?;
    let changes = region.changes(workspace, inherited, listening.address, offline, args)?;
    Ok((Wired { changes, proxy, listening }, started))
}

/// The changes that wire the workspace's region into a shell, by the region's own proxy.
///
/// # Errors
/// As [`wire_program`].
pub async fn wire_shell(
    workspace: &Workspace,
    inherited: &Inherited,
    args: &WiringArgs,
) -> Result<(Changes, Option<u32>), CommandError> {
    let (region, started) = Region::find(workspace).await?;
    let changes = region.changes(workspace, inherited, region.proxy, false, args)?;
    Ok((changes, started))
}

fn settings(inherited: &Inherited) -> Settings {
    Settings::inherited(|name| inherited.get(name).cloned())
}

/// What wiring needs of a running region.
struct Region {
    proxy: SocketAddr,
    secret: Secret,
    client: crate::client::Client,
    account: String,
}

impl Region {
    async fn find(workspace: &Workspace) -> Result<(Self, Option<u32>), CommandError> {
        let (client, started) = admin::attach_or_start(workspace).await?;
        let left = Attached::read(&workspace.kept());
        let proxy = left.as_ref().and_then(|left| left.proxy).ok_or_else(|| {
            CommandError::Failed(
                "the region that runs is of an older version, without a proxy; `sagebrush stop` \
                 it and try again"
                    .into(),
            )
        })?;
        let secret = Secret::of(&client.credentials().secret_key);
        let account = left.map(|left| left.account).unwrap_or_default();
        Ok((Self { proxy, secret, client, account }, started))
    }

    fn changes(
        &self,
        workspace: &Workspace,
        inherited: &Inherited,
        proxy: SocketAddr,
        offline: bool,
        args: &WiringArgs,
    ) -> Result<Changes, CommandError> {
        let key = self.client.credentials();
        let files = files(&workspace.kept(), inherited, key, self.client.region())?;
        let wiring = Wiring {
            endpoint: (!args.aws_names).then(|| format!("http://{}", self.client.address())),
            proxy,
            user_info: self.secret.user_info(),
            access_key: &key.access_key,
            secret_key: &key.secret_key,
            region: self.client.region(),
            account: &self.account,
            files,
            upstream: settings(inherited),
            offline,
        };
        Ok(environment::changes(inherited, &wiring))
    }
}

/// Writes what the environment points to: bundles of certificates, profiles.
fn files(
    kept: &Path,
    inherited: &Inherited,
    key: &crate::api::signing::Credentials,
    region: &str,
) -> Result<Files, CommandError> {
    let authority = proxy::authority::certificate(kept)
        .map_err(|error| CommandError::Failed(error.to_string()))?;
    let folder = kept.join("exec");
    let written = || {
        std::fs::create_dir_all(&folder)?;
        let bundles = bundle::write(&folder, inherited, &authority)?;
        let (config, credentials) = profile::write(&folder, inherited, key, region)?;
        std::io::Result::Ok(Files { bundles, config, credentials })
    };
    written().map_err(|error| CommandError::io(folder.display().to_string(), error))
}
