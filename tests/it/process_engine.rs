//! The process engine, with shell scripts in the place of the binary: what a container sees, what
//! of it is seen, and how it ends.

use sagebrush::engine::own_code::OwnCode;
use sagebrush::engine::process::{Options, ProcessEngine};
use sagebrush::engine::{
    Address, Container, ContainerSpec, Engine, EngineError, Exit, Image, Limits, Mode, Output,
};
use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::watch;

#[derive(Default)]
struct Lines(watch::Sender<Vec<String>>);

impl Output for Lines {
    fn line(&self, line: &str) {
        self.0.send_modify(|lines| lines.push(line.to_owned()));
    }
}

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Waits for the first line.
    async fn first(&self) -> String {
        let mut lines = self.0.subscribe();
        lines.wait_for(|lines| !lines.is_empty()).await.unwrap()[0].clone()
    }
}

struct Bench {
    dir: tempfile::TempDir,
    engine: ProcessEngine,
    lines: Arc<Lines>,
}

impl Bench {
    /// An engine whose binary is a shell script.
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("binary");
        // Written by a child: a file that this process had open for writing could be inherited
        // by another test's child between fork and exec, and then not be run ("text file busy").
        let text = format!("#!/bin/sh\n{script}\n");
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 700 \"$2\"", "sh", &text])
            .arg(&binary)
            .status()
            .unwrap();
        assert!(status.success());
        let runtime_dir = dir.path().join("run");
        let engine = ProcessEngine::new(Options { binary, runtime_dir }).unwrap();
        Self { dir, engine, lines: Arc::default() }
    }

    fn spec(&self, mode: Mode) -> ContainerSpec {
        ContainerSpec {
            id: "job-1-algo-1".into(),
            image: Image::BuiltIn {
                algorithm: "xgboost".into(),
                release: "sagemaker-xgboost:1.7-1".into(),
            },
            own_code: None,
            mode,
            root: self.dir.path().join("root"),
            environment: BTreeMap::from([("SM_NUM_CPUS".into(), "2".into())]),
            limits: Limits { vcpus: 2.0, memory_mib: 1024 },
            output: Arc::clone(&self.lines) as Arc<dyn Output>,
        }
    }

    async fn start(&self, mode: Mode) -> Arc<dyn Container> {
        self.engine.start(self.spec(mode)).await.unwrap()
    }

    async fn run(&self, mode: Mode) -> Exit {
        let container = self.start(mode).await;
        ended(container.as_ref()).await
    }
}

async fn ended(container: &dyn Container) -> Exit {
    let mut exit = container.exit();
    let exit = exit.wait_for(Option::is_some).await.unwrap();
    exit.clone().unwrap()
}

/// Waits for the end of a process that is not our child. SIGKILL is sure, and not instant.
fn await_end(pid: &str) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&minute)).unwrap();
    assert_eq!(ended, 1, "process {pid:?} lives on");
}

#[tokio::test]
async fn a_container_sees_its_arguments_and_its_own_environment_alone() {
    let bench = Bench::new("echo \"$@\"\nexport -p | grep -v -e PWD -e OLDPWD -e SHLVL");
    let exit = bench.run(Mode::Train).await;
    let root = bench.dir.path().join("root");
    let lines = bench.lines.all();
    let root = root.display();
    let expected =
        format!("container xgboost train --root {root} --release sagemaker-xgboost:1.7-1");
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1..], ["export SM_NUM_CPUS='2'"]);
    assert_eq!((exit.code, exit.signal), (Some(0), None));
}

#[tokio::test]
async fn lines_of_both_streams_arrive_in_order_and_the_last_are_kept() {
    let bench =
        Bench::new("for i in 1 2 3; do echo out $i; echo err $i >&2; done\nprintf end; exit 3");
    let exit = bench.run(Mode::Train).await;
    let expected = ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3", "end"];
    assert_eq!(bench.lines.all(), expected);
    assert_eq!(exit.last_words, expected);
    assert_eq!(exit.code, Some(3));
}

#[tokio::test]
async fn a_slow_sink_loses_nothing() {
    /// Takes one line each time the test allows it.
    struct Gate(Mutex<mpsc::Receiver<()>>, Lines);
    impl Output for Gate {
        fn line(&self, line: &str) {
            // Once the test has dropped its end, everything passes.
            let _ = self.0.lock().unwrap().recv();
            self.1.line(line);
        }
    }
    // More than a pipe holds, so that the container itself has to wait.
    let bench = Bench::new("i=0; while [ $i -lt 20000 ]; do echo line number $i; i=$((i+1)); done");
    let (open, gate) = mpsc::channel();
    let gate = Arc::new(Gate(Mutex::new(gate), Lines::default()));
    let spec =
        ContainerSpec { output: Arc::clone(&gate) as Arc<dyn Output>, ..bench.spec(Mode::Train) };
    let container = bench.engine.start(spec).await.unwrap();
    assert_eq!(container.exit().borrow().clone(), None);
    drop(open);
    assert_eq!(ended(container.as_ref()).await.code, Some(0));
    let lines = gate.1.all();
    assert_eq!(lines.len(), 20_000);
    assert_eq!(lines[19_999], "line number 19999");
}

#[tokio::test]
async fn a_serving_container_inherits_a_bound_socket_as_stdin() {
    let bench = Bench::new("readlink /proc/self/fd/0\nexec sleep 600");
    let container = bench.start(Mode::Serve).await;
    let Some(Address::Unix(path)) = container.address() else { panic!("no Unix address") };
    assert!(path.metadata().unwrap().file_type().is_socket());
    let dir = path.parent().unwrap();
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // It listens already, whatever the container does so far.
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    bench.lines.first().await;
    container.stop(Duration::from_secs(30)).await;
    assert!(bench.lines.all()[0].starts_with("socket:"));
    assert!(!path.exists());
    assert_eq!(ended(container.as_ref()).await.signal, Some(15));
}

#[tokio::test]
async fn stopping_lets_a_container_finish_within_its_grace() {
    let bench =
        Bench::new("trap 'echo saved; exit 0' TERM\necho ready\nwhile :; do sleep 0.01; done");
    let container = bench.start(Mode::Train).await;
    bench.lines.first().await;
    container.stop(Duration::from_secs(60)).await;
    let exit = ended(container.as_ref()).await;
    assert_eq!((exit.code, exit.last_words), (Some(0), vec!["ready".into(), "saved".into()]));
}

#[tokio::test]
async fn a_container_that_ignores_sigterm_is_killed_with_all_its_children() {
    let bench = Bench::new("trap '' TERM\nsleep 600 &\necho $!\nwait");
    let container = bench.start(Mode::Train).await;
    bench.lines.first().await;
    container.stop(Duration::from_millis(50)).await;
    assert_eq!(ended(container.as_ref()).await.signal, Some(9));
    await_end(&bench.lines.all()[0]);
}

#[tokio::test]
async fn what_a_container_leaves_behind_ends_with_it() {
    let bench = Bench::new("sleep 600 &\necho $!");
    let exit = bench.run(Mode::Train).await;
    assert_eq!(exit.code, Some(0));
    await_end(&bench.lines.all()[0]);
}

#[tokio::test]
async fn dropping_the_handle_kills_it() {
    let bench = Bench::new("echo $$\nexec sleep 600");
    let container = bench.start(Mode::Train).await;
    let mut exit = container.exit();
    drop(container);
    let exit = exit.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!(exit.signal, Some(9));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn usage_is_read_while_it_runs() {
    let bench = Bench::new(
        "x=$(head -c 9000000 /dev/zero | tr '\\0' x)\necho done\nread line </dev/null; while :; do :; done",
    );
    let container = bench.start(Mode::Train).await;
    bench.lines.first().await;
    let usage = container.usage().unwrap();
    assert!(usage.cpu_seconds > 0.0 && usage.cpu_seconds < 60.0, "{usage:?}");
    assert!(usage.resident_bytes > 4_000_000, "{usage:?}");
    container.stop(Duration::ZERO).await;
    assert_eq!(container.usage(), None);
}

#[tokio::test]
async fn foreign_images_and_script_mode_are_refused_with_words() {
    let bench = Bench::new("exit 0");
    let foreign = ContainerSpec {
        image: Image::Foreign("123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1".into()),
        ..bench.spec(Mode::Serve)
    };
    let mut script = bench.spec(Mode::Serve);
    script.own_code = Some(OwnCode::Script { asked: "SAGEMAKER_PROGRAM=serve.py".into() });
    for (spec, named) in [(foreign, "mine:1"), (script, "serve.py")] {
        let Err(EngineError::Image(text)) = bench.engine.start(spec).await else {
            panic!("not refused")
        };
        assert!(text.contains(named) && text.contains("Docker"), "{text}");
    }
}

#[tokio::test]
async fn a_binary_that_does_not_start_is_an_error_and_leaves_no_socket() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new("exit 0");
    let runtime_dir = dir.path().join("run");
    let options = Options { binary: dir.path().join("missing"), runtime_dir: runtime_dir.clone() };
    let engine = ProcessEngine::new(options).unwrap();
    let refused = engine.start(bench.spec(Mode::Serve)).await;
    assert!(matches!(refused, Err(EngineError::Start { .. })));
    assert_eq!(std::fs::read_dir(&runtime_dir).unwrap().count(), 0);
    drop(engine);
    assert!(!runtime_dir.exists());
}
