//! The workspace's region as another process: attach to it, start it, stop it, ask how it is.

use crate::client::{self, Attached, Client};
use crate::command::host::signing_key;
use crate::command::trust;
use crate::command::workspace::Workspace;
use crate::command::{CommandError, Outcome, Table};
use crate::gateway::Credentials;
use serde_json::{Value, json};
use std::io::{Read, Seek};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long a region may take to start before it is called stuck.
const START: Duration = Duration::from_secs(30);

/// How long a stopping region may take to let its containers go.
const STOP: Duration = Duration::from_secs(60);

/// The region of the workspace, if one runs.
pub async fn attach(
    workspace: &Workspace,
) -> Result<Option<(Client, Attached, Value)>, CommandError> {
    let kept = workspace.kept();
    if Attached::read(&kept).is_none() {
        return Ok(None);
    }
    Ok(client::attach(&kept, credentials(&kept)?).await)
}

fn credentials(kept: &Path) -> Result<crate::api::signing::Credentials, CommandError> {
    Credentials::load_or_make(kept)
        .map(signing_key)
        .map_err(|error| CommandError::Failed(error.to_string()))
}

/// The region of the workspace; started as a process of its own when none runs.
pub async fn attach_or_start(workspace: &Workspace) -> Result<(Client, Option<u32>), CommandError> {
    if let Some((client, _, _)) = attach(workspace).await? {
        return Ok((client, None));
    }
    trust::before_start(workspace)?;
    start(workspace).await?;
    match attach(workspace).await? {
        Some((client, attached, _)) => Ok((client, Some(attached.pid))),
        None => Err(CommandError::Failed(
            "the region started and went away again; `sagebrush serve` shows why".into(),
        )),
    }
}

/// Starts `serve` in the background and waits for its line. Once it has
/// begun it has a session of its own: no key and no hang-up of this terminal reaches it.
async fn start(workspace: &Workspace) -> Result<(), CommandError> {
    let binary =
        std::env::current_exe().map_err(|error| CommandError::io("finding this binary", error))?;
    // A file and no pipe: nobody reads once this command has ended, and the region must not fall
    // over its own warnings.
    let failed = |error| CommandError::io("a file for the region's talk", error);
    let mut talk = tempfile::tempfile().map_err(failed)?;
    let mut command = tokio::process::Command::new(binary);
    command
        .args(["serve", "--detached", "--workspace"])
        .arg(&workspace.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(talk.try_clone().map_err(failed)?);
    let mut child =
        command.spawn().map_err(|error| CommandError::io("starting the region", error))?;
    let Some(stdout) = child.stdout.take() else {
        return Err(CommandError::Failed("the region has no output".into()));
    };
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    let read = tokio::time::timeout(START, reader.read_line(&mut line)).await;
    if matches!(read, Ok(Ok(bytes)) if bytes > 0) {
        return Ok(());
    }
    child.start_kill().ok();
    child.wait().await.ok();
    let mut why = Vec::new();
    talk.rewind().and_then(|()| talk.read_to_end(&mut why)).map_err(failed)?;
    Err(CommandError::Failed(format!(
        "the region did not start: {}",
        String::from_utf8_lossy(&why).trim().trim_start_matches("error: ")
    )))
}

pub async fn stop(workspace: &Workspace) -> Result<Outcome, CommandError> {
    let Some((client, attached, _)) = attach(workspace).await? else {
        return Ok(Outcome::said("no region runs in this workspace"));
    };
    client.internal_post("stop").await?;
    let kept = workspace.kept();
    // The watch stream ends when the region does; that it has taken back its word tells the same.
    let gone = async {
        // Its folder is another's to use only when the lock is free as well.
        while (Attached::read(&kept).is_some_and(|left| left.pid == attached.pid)
            || is_locked(&kept))
            && alive(attached.pid)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STOP, gone).await.map_err(|_| {
        CommandError::Failed(format!("the region (process {}) does not end", attached.pid))
    })?;
    Ok(Outcome::said(format!("stopped the region of {}", workspace.folder.display())))
}

#[cfg(unix)]
fn is_locked(kept: &Path) -> bool {
    use rustix::fs::{FlockOperation, flock};
    std::fs::File::open(kept.join("lock"))
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

#[cfg(not(unix))]
fn is_locked(_kept: &Path) -> bool {
    false
}

#[cfg(unix)]
fn alive(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(not(unix))]
fn alive(_pid: u32) -> bool {
    true
}

pub async fn status(workspace: &Workspace) -> Result<Outcome, CommandError> {
    let Some((client, attached, health)) = attach(workspace).await? else {
        let folder = workspace.folder.display();
        return Ok(Outcome::said(format!(
            "no region runs in {folder}; `sagebrush serve --workspace {folder}` starts it"
        ))
        .with_value(json!({"Running": false})));
    };
    let mut table = Table::new("", &["kind", "count"]);
    let mut counts = serde_json::Map::new();
    for (title, operation, member) in [
        ("endpoints", "ListEndpoints", "Endpoints"),
        ("training jobs", "ListTrainingJobs", "TrainingJobSummaries"),
        ("models", "ListModels", "Models"),
        ("model package groups", "ListModelPackageGroups", "ModelPackageGroupSummaryList"),
    ] {
        let answer = client.call("sagemaker", operation, &json!({"MaxResults": 100})).await?;
        let count = answer.get(member).and_then(Value::as_array).map_or(0, Vec::len);
        let more = if answer.get("NextToken").is_some() { "+" } else { "" };
        table.push([title.to_owned(), format!("{count}{more}")]);
        counts.insert(title.into(), count.into());
    }
    let bill = client.internal("cost").await?;
    let cost = bill.get("Total").cloned().unwrap_or_default();
    let summary = format!(
        "SIMULATED region {} of account {} at http://{} (process {})\n\
         {}would have cost {} at AWS's list prices",
        attached.region,
        attached.account,
        attached.address,
        attached.pid,
        further(&attached),
        priced(&cost)
    );
    Ok(Outcome::said(summary).with_table(table).with_value(
        json!({"Running": true, "Health": health, "Address": attached.address, "Counts": counts,
            "Cost": cost, "Ports": attached.ports, "Proxy": attached.proxy}),
    ))
}

/// Where else it listens, as lines.
fn further(attached: &Attached) -> String {
    let mut lines = String::new();
    if !attached.ports.is_empty() {
        let ports: Vec<String> = attached.ports.iter().map(ToString::to_string).collect();
        lines.push_str(&format!("also on port {}\n", ports.join(", ")));
    }
    if let Some(proxy) = attached.proxy {
        lines.push_str(&format!("AWS's own names by the proxy at {proxy} (`sagebrush exec`)\n"));
    }
    lines
}

/// `$0.02`, or `$0.02 (2 of unknown price left out)`.
fn priced(total: &Value) -> String {
    let known = match total.get("known") {
        Some(Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => "?".to_owned(),
    };
    match total.get("unpriced").and_then(Value::as_u64).unwrap_or(0) {
        0 => format!("${known}"),
        count => format!("${known} ({count} of unknown price left out)"),
    }
}
