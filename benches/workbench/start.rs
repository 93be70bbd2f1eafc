//! From the start of the process to its first frame, and to the first one with data.

use super::Times;
use super::fill::fill;
use super::server::Server;
use super::terminal::Screen;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const RESOURCES: usize = 10_000;
const ROUNDS: usize = 15;
const COLD: usize = 5;
const SIZE: (u16, u16) = (120, 40);

/// A workspace of so many resources that its user trusts; the folders are the home and its own.
pub fn workspace(scratch: &Path, resources: usize) -> (PathBuf, PathBuf) {
    let (home, folder) = (scratch.join("home"), scratch.join("bench"));
    std::fs::create_dir_all(&home).expect("a home");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("workspace.toml"), "name = \"bench\"\n").expect("settings");
    fill(&folder, resources);
    let trusted = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
        .args(["trust", "--workspace"])
        .arg(&folder)
        .env("HOME", &home)
        .stdout(Stdio::null())
        .status();
    assert!(trusted.is_ok_and(|status| status.success()), "the folder is not trusted");
    (home, folder)
}

pub fn run() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (home, folder) = workspace(scratch.path(), RESOURCES);
    let mut cold = Times::default();
    for _ in 0..COLD {
        let (_, data) = once(&home, &folder, "models");
        cold.add(data);
        stop(&home, &folder);
    }
    let server = Server::start(&folder);
    let mut first = Times::default();
    let mut listed = Times::default();
    let mut pictured = Times::default();
    for _ in 0..ROUNDS {
        let (frame, data) = once(&home, &folder, "models");
        first.add(frame);
        listed.add(data);
        let (frame, data) = once(&home, &folder, "overview");
        first.add(frame);
        pictured.add(data);
    }
    drop(server);
    println!("start of the workbench, ms from its process's start:");
    println!("  first frame               {} (aim: 50 or less)", first.text());
    println!("  list of 10,000 resources  {} (aim: 150 or less)", listed.text());
    println!("  overview of them          {} (aim: 150 or less)", pictured.text());
    println!("  list, region started too  {}", cold.text());
}

/// To the first frame, to the first one with rows of the region.
fn once(home: &Path, folder: &Path, screen: &str) -> (f64, f64) {
    let mut terminal = Screen::open(home, folder, &["--screen", screen], SIZE);
    let spawned = terminal.spawned;
    let millis = |at: std::time::Instant| (at - spawned).as_secs_f64() * 1000.0;
    let frame = terminal.until("frame", |text| text.contains("sagebrush bench"));
    // Both may come at once.
    let data = if terminal.contents().contains("model-0") {
        frame
    } else {
        terminal.until("data", |text| text.contains("model-0"))
    };
    terminal.leave();
    (millis(frame), millis(data))
}

fn stop(home: &Path, folder: &Path) {
    let stopped = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
        .args(["stop", "--workspace"])
        .arg(folder)
        .env("HOME", home)
        .stdout(Stdio::null())
        .status();
    assert!(stopped.is_ok_and(|status| status.success()), "the region does not stop");
}
