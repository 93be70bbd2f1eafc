//! `doctor`: what of this machine and workspace would keep a region from running well.

use super::region::attach;
use crate::command::exec;
use crate::command::workspace::Workspace;
use crate::command::{CommandError, Outcome, Table};
use crate::store;
use serde_json::json;
use std::process::Stdio;

/// One thing looked at.
struct Finding {
    subject: &'static str,
    good: bool,
    found: String,
}

fn finding(subject: &'static str, good: bool, found: impl Into<String>) -> Finding {
    Finding { subject, good, found: found.into() }
}

/// What was found, and whether all of it is well.
pub async fn doctor(workspace: &Workspace) -> Result<(Outcome, bool), CommandError> {
    let mut findings = vec![cores(), files(), folder(workspace), region(workspace).await];
    findings.push(finding(
        "engine",
        true,
        "process: runs the built-in algorithms (xgboost, linear-learner); limits of instance types are not imitated",
    ));
    findings.extend(stored(workspace).await);
    findings.push(certificates());
    findings.push(tool("docker", &["version", "--format", "{{.Server.Version}}"]).await);
    findings.push(tool("python3", &["--version"]).await);
    let mut table = Table::new("", &["", "subject", "found"]);
    for Finding { subject, good, found } in &findings {
        table.push([if *good { "✔" } else { "▲" }, subject, found]);
    }
    let value = findings
        .iter()
        .map(|Finding { subject, good, found }| {
            json!({"Subject": subject, "Good": good, "Found": found})
        })
        .collect();
    let well = findings.iter().all(|finding| finding.good);
    Ok((Outcome::default().with_table(table).with_value(value), well))
}

fn cores() -> Finding {
    match std::thread::available_parallelism() {
        Ok(cores) => finding("cores", true, format!("{cores} stand in for all instances")),
        Err(error) => finding("cores", false, error.to_string()),
    }
}

/// Whether what the workspace holds is whole: database, objects, logs.
async fn stored(workspace: &Workspace) -> Vec<Finding> {
    let kept = workspace.kept();
    if !kept.join("region.db").exists() {
        return Vec::new();
    }
    let checked = tokio::task::spawn_blocking(move || store::check(&kept)).await;
    let damage = match checked {
        Ok(Ok(damage)) => damage,
        Ok(Err(error)) => return vec![finding("data", false, error.to_string())],
        Err(error) => return vec![finding("data", false, error.to_string())],
    };
    if damage.is_none() {
        let (objects, segments) = damage.looked_at;
        let whole = format!("whole: database, {objects} files of objects, {segments} log segments");
        return vec![finding("data", true, whole)];
    }
    let all = [("database", damage.database), ("object", damage.objects), ("log", damage.logs)];
    all.into_iter()
        .flat_map(|(subject, found)| {
            found.into_iter().map(move |text| finding(subject, false, text))
        })
        .collect()
}

/// What `exec` adds the region's authority to.
fn certificates() -> Finding {
    match exec::system_bundle() {
        Some(path) => finding("certificates", true, path.display().to_string()),
        None => finding(
            "certificates",
            false,
            "this system has no bundle of certificates, so programs under `sagebrush exec` believe \
             no host but AWS's; install ca-certificates",
        ),
    }
}

#[cfg(unix)]
fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let advice =
        if most < 16_384 { "; 10,000 connections need 16384: raise `ulimit -Hn`" } else { "" };
    finding("open files", most >= 16_384, format!("up to {most}{advice}"))
}

#[cfg(not(unix))]
fn files() -> Finding {
    finding("open files", true, "no limit known")
}

fn folder(workspace: &Workspace) -> Finding {
    let folder = workspace.folder.display();
    let kept = workspace.kept();
    match std::fs::symlink_metadata(&kept) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            finding("workspace", true, format!("{folder}: no region has run here yet"))
        }
        Err(error) => finding("workspace", false, format!("{folder}: {error}")),
        Ok(facts) if facts.is_symlink() => finding(
            "workspace",
            false,
            format!("{} is a symbolic link, which no region uses; remove it", kept.display()),
        ),
        Ok(_) => finding("workspace", true, format!("{folder} ({})", workspace.name())),
    }
}

async fn region(workspace: &Workspace) -> Finding {
    match attach(workspace).await {
        Ok(Some((_, attached, _))) => {
            let mut found =
                format!("runs at http://{} (process {})", attached.address, attached.pid);
            for port in &attached.ports {
                found.push_str(&format!(", port {port}"));
            }
            match attached.proxy {
                Some(proxy) => found.push_str(&format!(", proxy at {proxy}")),
                None => found.push_str(", of a version without a proxy"),
            }
            finding("region", true, found)
        }
        Ok(None) => finding("region", true, "does not run; `sagebrush serve` starts it"),
        Err(error) => finding("region", false, error.to_string()),
    }
}

/// An optional tool: its absence is told, and is no fault.
async fn tool(name: &'static str, arguments: &[&str]) -> Finding {
    let run = tokio::process::Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(std::time::Duration::from_secs(5), run).await {
        Ok(Ok(output)) if output.status.success() => {
            finding(name, true, String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(Err(_)) => finding(name, true, "not installed (optional)"),
        _ => finding(name, true, "installed, does not answer (optional)"),
    }
}
