//! The workbench as people use it: the built binary in a pseudo-terminal, keys in, a screen out.
//!
//! Nothing here waits for a guess: every step waits for what it should bring on the screen.

mod faults;

use super::region::{Region, processes_of, sagebrush};
use super::tty::Tty;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portable_pty::CommandBuilder;
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

const LEFT: &str = "\x1b[D";
const WIDE: (u16, u16) = (170, 50);

/// Somebody with a home of their own, in which no region outlives the test.
struct Person {
    home: tempfile::TempDir,
    more: Vec<(&'static str, &'static str)>,
}

impl Person {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("sagebrush-home-").tempdir().unwrap();
        Self { home, more: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.more.push((name, value));
        self
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let below = |folder: &str| self.home.path().join(folder).display().to_string();
        let mut all = vec![
            ("HOME", below("")),
            ("XDG_DATA_HOME", below("data")),
            ("XDG_STATE_HOME", below("state")),
            ("XDG_CONFIG_HOME", below("config")),
            ("XDG_CACHE_HOME", below("cache")),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        all.extend(self.more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all
    }

    /// The demo's folder, once it was opened.
    fn demo(&self) -> PathBuf {
        self.home.path().join("data/sagebrush/cancer")
    }

    /// In a terminal.
    fn opens(&self, words: &[&str], (columns, rows): (u16, u16)) -> Tty {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sagebrush"));
        command.args(words);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.cwd(self.home.path());
        Tty::start(command, columns, rows)
    }

    /// Without one.
    fn runs(&self, words: &[&str]) -> Output {
        let mut command = sagebrush();
        command.args(words).env_clear().envs(self.environment()).current_dir(self.home.path());
        command.output().unwrap()
    }

    fn prints(&self, words: &[&str]) -> String {
        let output = self.runs(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if self.demo().exists() {
            self.runs(&["-w", self.demo().to_str().unwrap(), "stop"]);
        }
    }
}

/// What was asked to be put on the clipboard last.
fn copied(tty: &Tty) -> String {
    let raw = String::from_utf8_lossy(&tty.raw);
    let (_, last) = raw.rsplit_once("\x1b]52;c;").expect("nothing was copied");
    let end = last.find(['\x07', '\x1b']).unwrap();
    String::from_utf8(STANDARD.decode(&last[..end]).unwrap()).unwrap()
}

fn on_its_screen(tty: &Tty) {
    let screen = tty.parser.screen();
    assert!(screen.alternate_screen() && screen.bracketed_paste());
    assert_ne!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
}

/// The line on which all of these stand.
fn line_with(screen: &vt100::Screen, words: &[&str]) -> bool {
    screen.contents().lines().any(|line| words.iter().all(|word| line.contains(word)))
}

/// `Esc` alone: what follows must not come with it.
fn escape(tty: &mut Tty, gone: &str) {
    tty.type_in("\x1b");
    tty.until_gone(gone);
}

#[test]
fn the_demo_from_its_first_key_to_the_end() {
    let person = Person::new();
    let recording = person.home.path().join("session.jsonl");
    let recording = recording.to_str().unwrap();
    let mut tty = person.opens(&["--record", recording], WIDE);
    tty.until_shown("A demo, one minute");
    on_its_screen(&tty);
    tty.type_in(".");
    tty.until("the curve of a training", |screen| {
        let shown = screen.contents();
        shown.contains("Jobs ▸ green") && shown.contains("logloss")
    });
    tty.until_shown("Your turn: shift the split");
    judge(&mut tty);
    deploy(&mut tty);
    steer(&mut tty, &person);
    invoke(&mut tty);
    read(&mut tty);
    copy(&mut tty);
    tty.type_in("q");
    tty.until_shown("The region runs: 2 endpoints in service");
    tty.type_in("s");
    let status = tty.end();
    assert!(status.success(), "{status:?}\n{}", tty.contents());
    ended(person.home.path());
    recorded(&person, recording);
}

/// Nothing runs on. The region is gone for others once it has let go of its lock; its process may take
/// a moment more to end.
fn ended(folder: &Path) {
    let until = Instant::now() + Duration::from_secs(20);
    while !processes_of(folder).is_empty() {
        assert!(Instant::now() < until, "{:?} run on", processes_of(folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Compares the two versions, rejects one, approves it again, each with a comment.
fn judge(tty: &mut Tty) {
    tty.type_in("4");
    tty.until("the group", |screen| line_with(screen, &["tumors", "2", "accuracy"]));
    tty.type_in("\r");
    tty.until("both versions", |screen| {
        line_with(screen, &["xgboost", "green"]) && line_with(screen, &["linear-learner", "blue"])
    });
    tty.type_in("=");
    tty.until_shown("tumors/1 beside tumors/2");
    tty.until_shown("They differ in the algorithm");
    tty.type_in("R");
    tty.until_shown("Reject tumors/2");
    tty.type_in("too slow\r");
    tty.until_shown("✖ Rejected");
    tty.type_in("A");
    tty.until_shown("Approve tumors/2");
    tty.type_in("fast enough after all\r");
    tty.until_gone("✖ Rejected");
    escape(tty, "beside");
    tty.until_shown("Approved: fast enough after all");
}

fn deploy(tty: &mut Tty) {
    tty.type_in(":");
    tty.until_shown("tab completes");
    tty.type_in("deploy second both=tumors/2\r");
    tty.until_shown("endpoint second: InService");
}

/// Nudges the split in a preview, then asks for it.
fn steer(tty: &mut Tty, person: &Person) {
    tty.type_in("2");
    tty.until("both endpoints", |screen| {
        line_with(screen, &["second", "✔ InService"])
            && line_with(screen, &["tumor-live", "✔ InService"])
    });
    tty.type_in("G\r");
    tty.until_shown("Endpoints ▸ tumor-live");
    tty.until("the demo's own traffic", |screen| line_with(screen, &["own traffic", "requests"]));
    tty.type_in(LEFT);
    tty.until_shown("blue 85 %");
    tty.type_in(LEFT);
    tty.until("the preview", |screen| {
        line_with(screen, &["asked next", "blue 80 %", "green 20 %"])
    });
    let folder = person.demo();
    let folder = folder.to_str().unwrap();
    let share = || {
        let told =
            person.prints(&["-w", folder, "-o", "json", "describe", "endpoint", "tumor-live"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let weight = |at: usize| {
            let place = format!("/ProductionVariants/{at}/CurrentWeight");
            told.pointer(&place).and_then(Value::as_f64).unwrap_or_else(|| panic!("{told}"))
        };
        weight(0) / (weight(0) + weight(1))
    };
    assert!((share() - 0.9).abs() < 1e-6, "a preview changes nothing");
    tty.type_in("a");
    tty.until_gone("asked next");
    tty.until_gone("asking for the new split");
    tty.until("the new split", |screen| line_with(screen, &["blue", "tumors/1", "80 %"]));
    assert!((share() - 0.8).abs() < 1e-6, "{}", share());
}

/// One request of one's own, while the demo's traffic goes on.
fn invoke(tty: &mut Tty) {
    tty.type_in("i");
    tty.until_shown("⏎ send");
    tty.until_shown("18.05,16.15,120.2");
    tty.type_in("\r");
    tty.until("an answer", |screen| line_with(screen, &["✔ 200"]));
    escape(tty, "⏎ send");
}

/// The histograms, the percentiles, the last minutes.
fn read(tty: &mut Tty) {
    tty.type_in("H");
    tty.until("histograms", |screen| {
        let shown = screen.contents();
        shown.contains("blue p50") && shown.contains("green p50") && shown.contains("▁")
    });
    tty.type_in("P");
    tty.until_shown("percentiles, last 60 s");
    tty.until("the spectrum", |screen| line_with(screen, &["50 %", "99 %"]));
    tty.type_in("O");
    tty.until_shown("last 5 min");
}

/// What was done last, as code, on the clipboard.
fn copy(tty: &mut Tty) {
    tty.type_in("C");
    tty.until_shown("invoke_endpoint(");
    tty.type_in("y");
    tty.until_shown("lines of boto3");
    let code = copied(tty);
    assert!(code.contains("invoke_endpoint(") && code.contains("tumor-live"), "{code}");
    escape(tty, "CloudFormation");
    tty.type_in("c");
    tty.until_shown("create_endpoint(");
    tty.type_in("2");
    tty.until_shown("aws sagemaker create-endpoint");
    escape(tty, "CloudFormation");
}

/// The session's recording draws the same pictures each time, and plays.
fn recorded(person: &Person, recording: &str) {
    for format in ["txt", "svg"] {
        let render = |more: &[&str]| {
            let words =
                ["render", "--recording", recording, "--format", format, "--size", "100x30"];
            person.prints(&[&words[..], more].concat())
        };
        let first = render(&["--screen", "endpoint", "--subject", "tumor-live"]);
        assert!(first.contains("tumor-live"), "{first}");
        assert_eq!(first, render(&["--screen", "endpoint", "--subject", "tumor-live"]));
        let early = render(&["--at", "0.5"]);
        assert_eq!(early, render(&["--at", "0.5"]));
        assert_ne!(early, render(&[]));
    }
    let mut tty = person.opens(&["replay", recording, "--speed", "16"], (120, 30));
    tty.until_shown("REPLAY");
    tty.type_in("G");
    tty.until_shown("tumor-live");
    tty.type_in("g");
    tty.until_shown(" 0:00 /");
    tty.type_in("q");
    assert!(tty.end().success());
}

/// A folder as it may come out of an archive, with a region in it.
fn strangers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::DirBuilder::new().mode(0o700).create(folder.path().join(".sagebrush")).unwrap();
    std::fs::write(folder.path().join("demo.brush"), "say hello\n").unwrap();
    folder
}

fn left_alone(folder: &Path) {
    assert_eq!(std::fs::read_dir(folder.join(".sagebrush")).unwrap().count(), 0);
}

#[test]
fn a_strangers_folder_is_shown_and_not_run_at_any_size() {
    let (person, folder) = (Person::new(), strangers());
    let mut tty = person.opens(&["-w", folder.path().to_str().unwrap()], (100, 30));
    tty.until_shown("is new to you");
    tty.until_shown("not trusted: nothing runs");
    tty.until_shown("demo.brush");
    on_its_screen(&tty);
    let (columns, rows) = (100, 30);
    for (columns, rows) in [(1, 1), (59, 15), (1, 200), (300, 1), (2, 2), (columns, rows)] {
        tty.resize(columns, rows);
    }
    tty.until_shown("not trusted: nothing runs");
    tty.resize(40, 12);
    tty.until_shown("sagebrush needs 60×16");
    tty.resize(columns, rows);
    tty.until_shown("is new to you");
    tty.type_in("q");
    assert!(tty.end().success());
    left_alone(folder.path());
    assert!(processes_of(folder.path()).is_empty());
}

#[test]
fn without_colour_no_colour_is_sent_and_a_signal_restores_the_terminal() {
    let (person, folder) = (Person::new().with("NO_COLOR", "1"), strangers());
    let mut tty = person.opens(&["-w", folder.path().to_str().unwrap()], (100, 30));
    tty.until_shown("is new to you");
    tty.type_in("?");
    tty.until_shown("Run any command");
    let coloured = colours(&tty.raw);
    assert!(coloured.is_empty(), "{coloured:?}");
    tty.signal(Signal::TERM);
    assert_eq!(tty.end().exit_code(), 143);
    left_alone(folder.path());
    let person = Person::new();
    let mut tty = person.opens(&["-w", folder.path().to_str().unwrap()], (100, 30));
    tty.until_shown("is new to you");
    assert!(!colours(&tty.raw).is_empty(), "otherwise there are colours");
    tty.signal(Signal::HUP);
    tty.end();
}

/// Sequences that set a colour.
fn colours(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|char: char| char.is_ascii_alphabetic())?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    let colour =
        |part: &str| matches!(part.parse(), Ok(30_u8..=38 | 40..=48 | 90..=97 | 100..=107));
    sequences.filter(|sequence| sequence.split([';', ':']).any(colour)).collect()
}

#[test]
fn a_region_that_goes_and_comes_back_is_told_and_attached_to_again() {
    let (person, mut region) = (Person::new(), Region::start());
    assert!(region.command(&["bucket", "create", "first-bucket"]).status.success());
    let folder = region.folder().to_str().unwrap().to_owned();
    let mut tty = person.opens(&["-w", &folder, "--read-only", "--screen", "buckets"], (120, 30));
    tty.until_shown("first-bucket");
    tty.until_shown("SIMULATED us-east-1");
    tty.until_shown("READ-ONLY");
    tty.type_in(":");
    tty.until_shown("tab completes");
    tty.type_in("bucket create refused\r");
    tty.until_shown("read-only: this would change the region");
    escape(&mut tty, "tab completes");
    tty.type_in("D");
    tty.until_shown("Read-only: nothing is changed");
    region.kill();
    tty.until_shown("no region: reconnecting");
    region.restart();
    tty.until_shown("SIMULATED us-east-1");
    assert!(region.command(&["bucket", "create", "second-bucket"]).status.success());
    tty.until_shown("second-bucket");
    assert!(!tty.contents().contains("refused"));
    let drawn = person.prints(&["-w", &folder, "render", "--screen", "buckets", "--format", "txt"]);
    assert!(drawn.contains("first-bucket") && drawn.contains("second-bucket"), "{drawn}");
    tty.type_in("q");
    tty.until_shown("The region runs");
    tty.type_in("k");
    assert!(tty.end().success());
    let status = region.command(&["-o", "json", "status"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["Running"], true, "it was to be kept");
}
