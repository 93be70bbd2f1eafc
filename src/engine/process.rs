//! Containers as plain child processes: the engine of the built-in algorithms.
//!
//! A container is this binary run again, with only the environment it was given and, when it
//! serves, its listening socket as stdin. The socket is bound before the process exists, so nobody
//! polls for it: a first request waits in its backlog until the container accepts.
//!
//! Each container leads a process group of its own, which ends as one. It also watches its stdout:
//! when the region is gone, even by SIGKILL, nobody reads there any more and it ends itself.

use super::lines::deliver;
use super::{
    Address, Container, ContainerSpec, Engine, EngineError, Exit, Image, Mode, Usage, image,
    runtime_dir,
};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, kill_process_group, waitid,
};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

pub use runtime_dir::for_this_process as runtime_dir_for_this_process;

pub struct Options {
    /// This binary, which runs `container <algorithm> train|serve --root DIR --release IMAGE`.
    pub binary: PathBuf,
    /// Holds the listening sockets; made with mode 0700 and removed with the engine. Its path must
    /// be short, for a Unix socket's path ends at 107 bytes: see [`runtime_dir_for_this_process`].
    pub runtime_dir: PathBuf,
}

pub struct ProcessEngine {
    options: Options,
    sockets: AtomicU64,
}

impl ProcessEngine {
    pub fn new(options: Options) -> io::Result<Self> {
        runtime_dir::make(&options.runtime_dir)?;
        Ok(Self { options, sockets: AtomicU64::new(0) })
    }

    fn socket(&self) -> PathBuf {
        let n = self.sockets.fetch_add(1, Ordering::Relaxed);
        self.options.runtime_dir.join(format!("{n}.sock"))
    }
}

impl Drop for ProcessEngine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.options.runtime_dir);
    }
}

#[async_trait::async_trait]
impl Engine for ProcessEngine {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn start(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, EngineError> {
        let (algorithm, release) = runnable(&spec)?;
        let program = [algorithm, release].map(str::to_owned);
        let binary = self.options.binary.clone();
        let socket = (spec.mode == Mode::Serve).then(|| self.socket());
        let id = spec.id.clone();
        let started =
            tokio::task::spawn_blocking(move || Process::start(&binary, program, spec, socket));
        let started = started.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let process = started.map_err(|source| EngineError::Start { id, source })?;
        Ok(Arc::new(process))
    }
}

/// The algorithm to run and its release, or what else would run the image.
fn runnable(spec: &ContainerSpec) -> Result<(&str, &str), EngineError> {
    let (algorithm, release) = match &spec.image {
        Image::BuiltIn { algorithm, release } => (algorithm, release),
        Image::Foreign(uri) => {
            return Err(EngineError::Image(format!(
                "The image {uri} is not one of the built-in algorithms ({}). Running it takes the \
                 sandbox or the Docker engine, which are not part of this version of Sagebrush.",
                image::BUILT_IN.join(", ")
            )));
        }
    };
    if let Some(code) = &spec.own_code {
        return Err(EngineError::Image(format!(
            "This version of Sagebrush does not run {code}: that takes the sandbox or the Docker \
             engine. Nothing was run in its place; without it, the image's built-in {algorithm} \
             algorithm runs."
        )));
    }
    Ok((algorithm, release))
}

/// One running child.
struct Process {
    id: String,
    leader: Arc<Leader>,
    socket: Option<PathBuf>,
    exit: watch::Receiver<Option<Exit>>,
}

/// The head of the process group, until it has been reaped. After that its number may be
/// somebody else's, so whoever signals holds the lock.
struct Leader(Mutex<Option<Pid>>);

impl Leader {
    /// SIGTERM goes to the leader alone, as container runtimes do it: it may have its children
    /// finish in its own order.
    fn terminate(&self) {
        if let Some(pid) = *self.lock() {
            // Fails only when it is gone, which is what signals are for.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn kill_group(&self) {
        if let Some(pid) = *self.lock() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pid(&self) -> Option<Pid> {
        *self.lock()
    }
}

impl Process {
    fn start(
        binary: &Path,
        [algorithm, release]: [String; 2],
        spec: ContainerSpec,
        socket: Option<PathBuf>,
    ) -> io::Result<Self> {
        let stdin = match &socket {
            Some(path) => Stdio::from(OwnedFd::from(UnixListener::bind(path)?)),
            None => Stdio::null(),
        };
        // One pipe for both, so that lines keep the order in which they were written.
        let (reader, writer) = io::pipe()?;
        let mode = match spec.mode {
            Mode::Train => "train",
            Mode::Serve => "serve",
        };
        let child = Command::new(binary)
            .args(["container", &algorithm, mode, "--root"])
            .arg(&spec.root)
            .args(["--release", &release])
            .env_clear()
            .envs(&spec.environment)
            .process_group(0)
            .stdin(stdin)
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .inspect_err(|_| remove(socket.as_deref()))?;
        // `Command` is gone by now, and with it our copies of socket and pipe: a dead container
        // refuses connections, and its output ends.
        let pid = Pid::from_child(&child);
        let leader = Arc::new(Leader(Mutex::new(Some(pid))));
        let (tell, exit) = watch::channel(None);
        let process = Self { id: spec.id, leader, socket: socket.clone(), exit };
        let (leader, output) = (Arc::clone(&process.leader), spec.output);
        // From here on `process` kills the child when anything below fails.
        let reading = thread::Builder::new()
            .name(format!("lines of {}", process.id))
            .spawn(move || deliver(reader, |line| output.line(line)))?;
        thread::Builder::new().name(format!("exit of {}", process.id)).spawn(move || {
            let exit = watch_exit(child, &leader, reading);
            remove(socket.as_deref());
            tell.send_replace(Some(exit));
        })?;
        Ok(process)
    }
}

/// Waits for the leader, ends what it left behind, and collects its last words.
fn watch_exit(mut child: Child, leader: &Leader, reading: thread::JoinHandle<Vec<String>>) -> Exit {
    let pid = Pid::from_child(&child);
    // Wait without reaping: while the zombie holds the number, the group can be killed safely.
    let ended = loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other.ok().flatten(),
        }
    };
    leader.kill_group();
    leader.lock().take();
    let _ = child.wait();
    let last_words = reading.join().unwrap_or_default();
    Exit {
        code: ended.as_ref().and_then(WaitIdStatus::exit_status),
        signal: ended.as_ref().and_then(WaitIdStatus::terminating_signal),
        last_words,
    }
}

fn remove(socket: Option<&Path>) {
    if let Some(path) = socket {
        let _ = std::fs::remove_file(path);
    }
}

#[async_trait::async_trait]
impl Container for Process {
    fn id(&self) -> &str {
        &self.id
    }

    fn address(&self) -> Option<Address> {
        self.socket.clone().map(Address::Unix)
    }

    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    async fn stop(&self, grace: Duration) {
        let mut exit = self.exit.clone();
        self.leader.terminate();
        if tokio::time::timeout(grace, exit.wait_for(Option::is_some)).await.is_err() {
            self.leader.kill_group();
            // Fails only when the watching thread is gone, and the container with it.
            let _ = exit.wait_for(Option::is_some).await;
        }
    }

    fn kill(&self) {
        self.leader.kill_group();
    }

    fn pid(&self) -> Option<u32> {
        u32::try_from(self.leader.pid()?.as_raw_nonzero().get()).ok()
    }

    fn usage(&self) -> Option<Usage> {
        usage(self.leader.pid()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.leader.kill_group();
    }
}

/// CPU time and resident memory of one process, from `/proc`.
#[cfg(target_os = "linux")]
fn usage(pid: Pid) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second field is the program's name in parentheses and may hold anything, even those.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    let pages = field(24)?;
    Some(Usage {
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        resident_bytes: pages * rustix::param::page_size() as u64,
    })
}

#[cfg(not(target_os = "linux"))]
fn usage(_pid: Pid) -> Option<Usage> {
    None
}
