//! A region inside this process: what `serve` runs and what `run` makes for the time of a script.

use super::workspace::{
    self, DurabilitySetting, HoldSetting, IamSetting, Workspace, WorkspaceError,
};
use crate::api::signing;
use crate::client::{Attached, Client};
use crate::domain::instance::{Catalog, CatalogError};
use crate::domain::time::SystemClock;
use crate::engine::process::{self, ProcessEngine};
use crate::gateway::proxy::{self, Authority, AuthorityError, ProxyOptions};
use crate::gateway::{
    Credentials, CredentialsError, Gateway, GatewayOptions, Limits, PortChoice, Running, StartError,
};
use crate::region::{IamOptions, OpenError, Region, RegionOptions};
use crate::store::Durability;
use std::sync::Arc;

/// Why a region did not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("instance catalog: {0}")]
    Catalog(#[from] CatalogError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
}

/// The seed of every random choice where the workspace names none.
const SEED: u64 = 7242;

/// A running region, its gateway and a client of it.
pub struct Host {
    region: Arc<Region>,
    gateway: Running,
    pub client: Client,
    pub workspace: Workspace,
}

impl Host {
    /// Starts the workspace's region. Must be called inside a multi-threaded tokio runtime.
    pub async fn start(workspace: Workspace, port: PortChoice) -> Result<Self, HostError> {
        workspace.make()?;
        let runtime_dir = process::runtime_dir_for_this_process();
        let binary = std::env::current_exe()
            .map_err(|source| HostError::Io { what: "finding this binary".into(), source })?;
        let engine =
            ProcessEngine::new(process::Options { binary, runtime_dir }).map_err(|source| {
                HostError::Io { what: "starting the process engine".into(), source }
            })?;
        let settings = &workspace.settings;
        let region = Region::open(RegionOptions {
            dir: workspace.kept(),
            place: workspace.place(),
            clock: Arc::new(SystemClock),
            durability: match settings.durability {
                Some(DurabilitySetting::Full) => Durability::Full,
                Some(DurabilitySetting::Process) | None => Durability::Process,
            },
            engine: Arc::new(engine),
            instances: catalog(&workspace)?,
            seed: settings.seed.unwrap_or(SEED),
            pace: settings.pace.unwrap_or(1.0),
            iam: IamOptions {
                strict: settings.iam == Some(IamSetting::Strict),
                quotas: settings.quotas.unwrap_or_default(),
            },
            hold: settings.hold.map(HoldSetting::times).unwrap_or_default(),
            seeds: Some(workspace.folder.join("buckets")),
        })
        .await?;
        // The store has made and checked the folder by now; the key goes into it.
        let credentials = Credentials::load_or_make(&workspace.kept())?;
        let proxy = ProxyOptions {
            // A region of any port has a proxy of any port.
            port: match port {
                PortChoice::Exactly(0) => port,
                _ => PortChoice::From(proxy::DEFAULT_PORT),
            },
            authority: Authority::load_or_make(&workspace.kept())?,
            upstream: proxy::Settings::inherited(|name| std::env::var(name).ok()),
        };
        let gateway = Gateway::start(GatewayOptions {
            region: Arc::clone(&region),
            port,
            ports: workspace.settings.ports.clone(),
            proxy: Some(proxy),
            credentials: credentials.clone(),
            limits: Limits::default(),
            workspace: workspace.folder.clone(),
            workers: None,
        })?;
        let place = workspace.place();
        let client = Client::new(gateway.address, signing_key(credentials), &place.region);
        Ok(Self { region, gateway, client, workspace })
    }

    pub fn gateway(&self) -> &Running {
        &self.gateway
    }

    /// Leaves word in the workspace of where the region is.
    pub fn announce(&self) -> std::io::Result<()> {
        let place = self.workspace.place();
        let attached = Attached {
            pid: std::process::id(),
            address: self.gateway.address,
            proxy: self.gateway.proxy,
            ports: self.workspace.settings.ports.clone(),
            region: place.region,
            account: place.account,
        };
        attached.write(&self.workspace.kept())
    }

    /// Finishes what is under way, stops the containers, takes back the word left.
    pub async fn shutdown(self) {
        self.gateway.shutdown().await;
        self.region.shutdown().await;
        let kept = self.workspace.kept();
        if Attached::read(&kept).is_some_and(|left| left.pid == std::process::id()) {
            Attached::remove(&kept);
        }
    }
}

/// The region's own key as the signer takes it.
pub fn signing_key(credentials: Credentials) -> signing::Credentials {
    signing::Credentials {
        access_key: credentials.access_key,
        secret_key: credentials.secret_key,
        session_token: None,
    }
}

/// The built-in catalog, with the workspace's own table over it.
fn catalog(workspace: &Workspace) -> Result<Catalog, HostError> {
    let mut catalog = Catalog::builtin().clone();
    if let Some(path) = &workspace.settings.instances {
        let failed = |source| HostError::Io { what: path.display().to_string(), source };
        let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let whole = workspace.folder.join(path);
        // What a cloned folder names stays inside it, also by way of links.
        let inside = || -> std::io::Result<bool> {
            Ok(plain && whole.canonicalize()?.starts_with(workspace.folder.canonicalize()?))
        };
        if !inside().map_err(failed)? {
            let why = "the table of instance types is not below the workspace's folder";
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, why)));
        }
        let text = workspace::read_small(&whole).map_err(failed)?;
        catalog.overlay(&text, &path.display().to_string())?;
    }
    Ok(catalog)
}
