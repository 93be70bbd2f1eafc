//! A workspace: the folder that a region lives in, and what its `workspace.toml` says.

use crate::domain::arn::Place;
use crate::region::{HoldTimes, Quotas};
use serde::Deserialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the region keeps lies under this name in the workspace.
const KEPT: &str = ".sagebrush";
/// No file of settings is longer, in bytes.
const MOST: u64 = 1024 * 1024;
/// AWS's waiting times can be made this much shorter at most.
const PACE: f64 = 1e6;

/// Further ports at most.
const PORTS: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} cannot be read: {problem}")]
    Settings { path: PathBuf, problem: String },
}

/// `workspace.toml`. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    pub name: Option<String>,
    /// The AWS region, such as `us-east-1`.
    pub region: Option<String>,
    /// The account id, twelve digits.
    pub account: Option<String>,
    pub port: Option<u16>,
    /// Further ports, such as 4566, which other emulators use. Each has to be free.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Seeds the traffic split and every other random choice.
    pub seed: Option<u64>,
    /// By how much AWS's own waiting times (baking, shifting) are shortened: 60 makes a minute a
    /// second. What it shortened is stamped.
    pub pace: Option<f64>,
    /// `process` (the default) or `full`: commits survive a power cut too.
    pub durability: Option<DurabilitySetting>,
    /// How long DescribeEndpoint and DescribeTrainingJob wait for what is in transition.
    pub hold: Option<HoldSetting>,
    /// A table of instance types that replaces or adds to the catalog, as a path from here.
    pub instances: Option<PathBuf>,
    /// `lenient` (the default): a role that the region does not know may do everything. `strict`:
    /// it is refused, as AWS does.
    pub iam: Option<IamSetting>,
    /// AWS's adjustable quotas, raised or lowered.
    pub quotas: Option<Quotas>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IamSetting {
    Lenient,
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilitySetting {
    Process,
    Full,
}

/// How long an answer may wait for its resource to settle, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldSetting {
    pub endpoints: Option<u64>,
    pub jobs: Option<u64>,
}

impl HoldSetting {
    pub fn times(self) -> HoldTimes {
        let usual = HoldTimes::default();
        HoldTimes {
            endpoints: self.endpoints.map_or(usual.endpoints, Duration::from_millis),
            jobs: self.jobs.map_or(usual.jobs, Duration::from_millis),
        }
    }
}

/// A folder and its settings.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub folder: PathBuf,
    pub settings: Settings,
}

impl Workspace {
    /// Reads the folder's settings; the folder need not exist yet.
    pub fn read(folder: &Path) -> Result<Self, WorkspaceError> {
        let folder = std::path::absolute(folder)
            .map_err(|source| WorkspaceError::Io { path: folder.to_owned(), source })?;
        let path = folder.join("workspace.toml");
        let settings = match read_small(&path) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => Settings::default(),
            Err(source) => return Err(WorkspaceError::Io { path, source }),
            Ok(text) => Settings::parse(&text)
                .map_err(|problem| WorkspaceError::Settings { path, problem })?,
        };
        Ok(Self { folder, settings })
    }

    /// Makes the folder when it is missing.
    pub fn make(&self) -> Result<(), WorkspaceError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| WorkspaceError::Io { path: self.folder.clone(), source })
    }

    /// The region's own folder; the store makes and checks it.
    pub fn kept(&self) -> PathBuf {
        self.folder.join(KEPT)
    }

    pub fn name(&self) -> String {
        let folder = || self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        self.settings.name.clone().or_else(folder).unwrap_or_else(|| "workspace".into())
    }

    pub fn place(&self) -> Place {
        let usual = Place::default();
        Place {
            account: self.settings.account.clone().unwrap_or(usual.account),
            region: self.settings.region.clone().unwrap_or(usual.region),
        }
    }
}

/// The text of a regular file of at most [`MOST`] bytes. Anything else in its place (a pipe, a device)
/// is refused before it is read: the folder may be somebody else's.
///
/// # Errors
/// When it is not there, is no such file, or is no UTF-8.
pub fn read_small(path: &Path) -> io::Result<String> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe that nobody writes to would hold up the open.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.read(true).open(path)?;
    let found = file.metadata()?;
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !found.is_file() {
        return refuse("it is no regular file; move it away".into());
    }
    if found.len() > MOST {
        return refuse(format!("it has {} bytes, and at most {MOST} are read", found.len()));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

impl Settings {
    fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if let Some(account) = &settings.account
            && (account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(format!("account `{account}` is not twelve digits"));
        }
        if let Some(region) = &settings.region {
            let letters =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if region.is_empty() || region.len() > 32 || !region.bytes().all(letters) {
                return Err(format!("region `{region}` is no AWS region such as us-east-1"));
            }
        }
        if settings.ports.contains(&0) || settings.ports.len() > PORTS {
            return Err(format!("ports holds at most {PORTS} ports from 1 to 65535"));
        }
        if settings.pace.is_some_and(|pace| !(1.0..=PACE).contains(&pace)) {
            return Err(format!("pace must be from 1 to {PACE}"));
        }
        let HoldTimes { endpoints, jobs } = settings.hold.unwrap_or_default().times();
        if endpoints.max(jobs) > HoldTimes::LONGEST {
            return Err(format!(
                "hold must be at most {} milliseconds, for clients give up waiting for an answer",
                HoldTimes::LONGEST.as_millis()
            ));
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_optional_and_checked() {
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        let settings =
            Settings::parse("name = \"iris\"\npace = 60\ndurability = \"full\"").unwrap();
        assert_eq!(
            (settings.pace, settings.durability),
            (Some(60.0), Some(DurabilitySetting::Full))
        );
        let hold = Settings::parse("hold = { jobs = 2000 }").unwrap().hold.unwrap().times();
        assert_eq!(
            (hold.endpoints, hold.jobs),
            (Duration::from_millis(100), Duration::from_secs(2))
        );
        for bad in [
            "account = \"1\"",
            "region = \"US\"",
            "pace = 1e308",
            "pace = nan",
            "pace = 0.5",
            "colour = 1",
            "port = 99999",
            "ports = [0]",
            "hold = { jobs = 60000 }",
        ] {
            assert!(Settings::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_small_regular_file_is_refused_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(pipe.success());
        std::fs::write(at("long"), " ".repeat(MOST as usize + 1)).unwrap();
        for name in ["zero", "pipe", "long"] {
            let refused = read_small(&at(name)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name}: {refused}");
        }
        std::fs::write(at("well"), "name = \"x\"").unwrap();
        assert_eq!(read_small(&at("well")).unwrap(), "name = \"x\"");
        std::os::unix::fs::symlink(at("pipe"), at("workspace.toml")).unwrap();
        assert!(Workspace::read(folder.path()).is_err());
    }
}
