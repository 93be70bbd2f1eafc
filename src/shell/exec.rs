//! `exec`: the program as a child that has the terminal, the signals and the last word.

use super::{read_workspace, say_started};
use sagebrush::command::cli::ExecArgs;
use sagebrush::command::exec::{self, Wired};
use sagebrush::command::{CommandError, render};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use tokio::process::{Child, Command};

/// As shells put it: there is no such program; it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

/// Hosts named at the end.
const NAMED: usize = 20;

pub(super) async fn run(folder: &Path, args: &ExecArgs) -> Result<ExitCode, CommandError> {
    let workspace = read_workspace(folder)?;
    let inherited = exec::inherited();
    let (wired, started) =
        exec::wire_program(&workspace, &inherited, &args.wiring, args.offline).await?;
    if let Some(pid) = started {
        say_started(&workspace, pid);
    }
    let signals = signals::Signals::listen();
    let status = match start(args, &wired) {
        Ok(mut child) => {
            let status = accompany(&mut child, signals).await;
            Some(status.map_err(|error| CommandError::io("waiting for the program", error))?)
        }
        Err(code) => {
            wired.end().await;
            return Ok(code);
        }
    };
    let refused = wired.end().await;
    if !refused.is_empty() {
        let mut named: Vec<String> =
            refused.iter().take(NAMED).map(|(host, times)| format!("{host} ({times})")).collect();
        if refused.len() > NAMED {
            named.push(format!("{} more", refused.len() - NAMED));
        }
        eprintln!("sagebrush: --offline has refused {}", render::escape(&named.join(", ")));
    }
    Ok(status.map_or(ExitCode::FAILURE, exit_code))
}

fn start(args: &ExecArgs, wired: &Wired) -> Result<Child, ExitCode> {
    let (program, arguments) = args.command.split_first().ok_or(ExitCode::FAILURE)?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in &wired.changes.removed {
        command.env_remove(name);
    }
    command.envs(wired.changes.set.iter().map(|(name, value)| (name, value)));
    command.spawn().map_err(|error| {
        let name = program.to_string_lossy();
        eprintln!("error: {}: {error}", render::escape(&name));
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        ExitCode::from(if missing { NOT_FOUND } else { NOT_RUNNABLE })
    })
}

/// Waits for the program; signals that are meant for it reach it.
async fn accompany(
    child: &mut Child,
    mut signals: signals::Signals,
) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => signals::pass_on(signal, child.id()),
        }
    }
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(unix)]
mod signals {
    use rustix::process::{Pid, Signal, getpgrp, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::mpsc;

    /// Signals that somebody may send to `exec` and mean the program.
    const PASSED: [Signal; 6] =
        [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP, Signal::USR1, Signal::USR2];

    pub(super) struct Signals(mpsc::UnboundedReceiver<Signal>);

    impl Signals {
        /// From now on these signals do not end this process. One that is ignored stays so, for
        /// the program too (`nohup`).
        pub(super) fn listen() -> Self {
            let (sender, receiver) = mpsc::unbounded_channel();
            let ignored = ignored();
            for passed in PASSED {
                let number = passed.as_raw();
                if ignored >> (number - 1) & 1 == 1 {
                    continue;
                }
                if let Ok(mut stream) = signal(SignalKind::from_raw(number)) {
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        while stream.recv().await.is_some() && sender.send(passed).is_ok() {}
                    });
                }
            }
            Self(receiver)
        }

        pub(super) async fn next(&mut self) -> Signal {
            match self.0.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            }
        }
    }

    /// The mask of ignored signals, where the system tells it.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    pub(super) fn pass_on(signal: Signal, child: Option<u32>) {
        // A key of the terminal has reached the program already, which is of the same group.
        let by_key = matches!(signal, Signal::INT | Signal::QUIT) && has_terminal();
        let pid = child.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let (false, Some(pid)) = (by_key, pid) {
            kill_process(pid, signal).ok();
        }
    }

    /// Whether keys of the terminal reach this process's group.
    fn has_terminal() -> bool {
        std::fs::File::open("/dev/tty")
            .is_ok_and(|tty| rustix::termios::tcgetpgrp(&tty).is_ok_and(|group| group == getpgrp()))
    }
}

#[cfg(not(unix))]
mod signals {
    pub(super) struct Signals;

    impl Signals {
        pub(super) fn listen() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) {
            // Ctrl-C reaches every process of the console: this one only waits.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn pass_on((): (), _child: Option<u32>) {}
}
