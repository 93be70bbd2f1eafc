//! What a command runs in: the client of a region, the folder that relative paths start from, and
//! what earlier commands left for later ones.

use super::outcome::CommandError;
use crate::client::{CallError, Client};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The role that recipes name where the API requires one. The region makes it on first use.
const ROLE: &str = "SagebrushExecutionRole";

/// One AWS call as it was made; `--show` prints these as code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    pub service: String,
    pub operation: String,
    pub input: Value,
}

/// Told how far long work has come. The shell draws a line of it, a script's report may ignore it.
pub trait Progress: Send + Sync {
    /// `done` of `total` (0 when unknown), and what is under way.
    fn step(&self, done: u64, total: u64, what: &str);
    /// One line that people should see while the work goes on, such as a log line.
    fn line(&self, text: &str);
}

/// Says nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _done: u64, _total: u64, _what: &str) {}
    fn line(&self, _text: &str) {}
}

/// What the latest `invoke --rows` saw of one variant.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub requests: u64,
    pub errors: u64,
    /// Requests of the run, to all variants.
    pub total: u64,
    /// Correct predictions and how many could be checked; `None` without labels.
    pub correct: Option<(u64, u64)>,
    /// Microseconds at p50, p90, p99.
    pub latency: [u64; 3],
    pub share_asked: f64,
}

pub struct Session {
    pub client: Client,
    base: PathBuf,
    calls: Vec<RecordedCall>,
    /// By endpoint, then variant.
    pub observed: BTreeMap<String, BTreeMap<String, Observed>>,
    pub progress: Arc<dyn Progress>,
    /// What stands only while a command runs, and goes too when it is interrupted.
    pub(super) stages: Vec<String>,
    role: Option<String>,
    /// Files are written below `base` alone.
    confined: bool,
}

impl Session {
    /// `base` is where relative paths start: the script's folder, or the current one.
    pub fn new(client: Client, base: PathBuf, progress: Arc<dyn Progress>) -> Self {
        Self {
            client,
            base,
            calls: Vec::new(),
            observed: BTreeMap::new(),
            progress,
            stages: Vec::new(),
            role: None,
            confined: false,
        }
    }

    pub fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// Has files written below `base` alone: what a script of somebody else's may do.
    #[must_use]
    pub fn confined(mut self) -> Self {
        self.confined = true;
        self
    }

    /// Whether a command may write the file at `path`, which [`Session::path`] gave.
    ///
    /// # Errors
    /// In a script, when it is not below the script's folder, also by way of a link.
    pub fn may_write(&self, path: &Path) -> Result<(), CommandError> {
        if !self.confined {
            return Ok(());
        }
        let refuse = || {
            Err(CommandError::Failed(format!(
                "{} is not below the script's folder, where a script's files stay; run the command \
                 by itself to write elsewhere",
                path.display()
            )))
        };
        let io = |error| CommandError::io(path.display().to_string(), error);
        let base = std::path::absolute(&self.base).map_err(io)?;
        let whole = std::path::absolute(path).map_err(io)?;
        let below = whole.strip_prefix(&base).ok();
        let plain = |path: &&Path| {
            path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        let Some(below) = below.filter(plain) else { return refuse() };
        // Nothing on the way is a link.
        let mut at = base;
        for part in below.components() {
            at.push(part);
            if at.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
                return refuse();
            }
        }
        Ok(())
    }

    /// Calls an operation and remembers that it did.
    pub async fn call(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, CallError> {
        let answer = self.client.call(service, operation, &input).await;
        self.note(service, operation, input);
        answer
    }

    pub async fn sagemaker(&mut self, operation: &str, input: Value) -> Result<Value, CallError> {
        self.call("sagemaker", operation, input).await
    }

    /// Remembers a call that went another way (S3, the runtime).
    pub fn note(&mut self, service: &str, operation: &str, input: Value) {
        self.calls.push(RecordedCall {
            service: service.into(),
            operation: operation.into(),
            input,
        });
    }

    /// The calls since the last time this was asked.
    pub fn take_calls(&mut self) -> Vec<RecordedCall> {
        std::mem::take(&mut self.calls)
    }

    /// The ARN of the execution role that recipes use, made when missing.
    pub async fn role(&mut self) -> Result<String, CommandError> {
        if let Some(arn) = &self.role {
            return Ok(arn.clone());
        }
        let found = self.client.call("iam", "GetRole", &json!({"RoleName": ROLE})).await;
        let answer = match found {
            Err(CallError::Aws(error)) if error.code == "NoSuchEntity" => {
                let policy = json!({
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": {"Service": "sagemaker.amazonaws.com"},
                        "Action": "sts:AssumeRole"
                    }]
                });
                let input = json!({
                    "RoleName": ROLE,
                    "AssumeRolePolicyDocument": policy.to_string()
                });
                self.call("iam", "CreateRole", input).await?
            }
            other => other?,
        };
        let arn = text(&answer, "/Role/Arn").to_owned();
        self.role = Some(arn.clone());
        Ok(arn)
    }

    /// Reads a local file or an object, whichever the text names.
    pub async fn read(&mut self, location: &str) -> Result<Vec<u8>, CommandError> {
        if let Some((bucket, key)) = s3_uri(location) {
            self.note("s3", "GetObject", json!({"Bucket": bucket, "Key": key}));
            return Ok(self.client.get_object(bucket, key).await?.to_vec());
        }
        let path = self.path(Path::new(location));
        std::fs::read(&path).map_err(|error| CommandError::io(path.display().to_string(), error))
    }
}

/// `("bucket", "key/with/slashes")` of `s3://bucket/key/with/slashes`; the key may be empty.
pub fn s3_uri(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("s3://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

/// A text member by JSON pointer, or nothing at all as an empty text.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `NAME=VALUE`, or a usage error that says what was meant.
pub fn pair<'a>(text: &'a str, meaning: &str) -> Result<(&'a str, &'a str), CommandError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(CommandError::Usage(format!("`{text}` should be {meaning}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::signing::Credentials;
    use crate::command::Quiet;

    #[test]
    fn a_script_writes_below_its_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("scripts");
        std::fs::create_dir_all(base.join("out")).unwrap();
        std::os::unix::fs::symlink("/tmp", base.join("link")).unwrap();
        let credentials = Credentials {
            access_key: String::new(),
            secret_key: String::new(),
            session_token: None,
        };
        let client = Client::new("127.0.0.1:1".parse().unwrap(), credentials, "us-east-1");
        let session = Session::new(client, base, Arc::new(Quiet));
        let may = |session: &Session, path: &str| {
            session.may_write(&session.path(Path::new(path))).is_ok()
        };
        for path in ["../x", "/etc/x", "out/../../x", "link/x", "link"] {
            assert!(may(&session, path), "a command by itself writes anywhere: {path}");
        }
        let session = session.confined();
        for path in ["../x", "/etc/x", "out/../../x", "link/x", "link"] {
            assert!(!may(&session, path), "{path}");
        }
        for path in ["x", "out/x", "new/deep/x"] {
            assert!(may(&session, path), "{path}");
        }
    }
}
