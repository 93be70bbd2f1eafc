//! The terminal's keeper on a real pseudo-terminal: whatever ends the workbench, the terminal is given
//! back as it was, once.
//!
//! The program in the terminal is this test binary again, running the ignored test `child` in a
//! scenario named by the environment.

use super::tty::{LIMIT, Tty};
use portable_pty::CommandBuilder;
use sagebrush::tui::driver::input::Input;
use sagebrush::tui::driver::terminal::{Notice, Options, Screen, Suspended};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SCENARIO: &str = "SAGEBRUSH_TERMINAL_SCENARIO";
const REPORTS: &str = "SAGEBRUSH_TERMINAL_REPORTS";

// ------------------------------------------------------------------------------ in the terminal

fn screen() -> (Screen, Receiver<Notice>) {
    let (sender, notices) = channel();
    let mut options = Options::new(Arc::new(move |notice| {
        sender.send(notice).ok();
    }));
    options.title = "iris".into();
    options.grace = Duration::from_millis(50);
    options.reports = std::env::var_os(REPORTS).map(PathBuf::from);
    (Screen::enter(options).unwrap(), notices)
}

fn show(screen: &mut Screen, text: &str) {
    screen.draw(|frame| frame.render_widget(text, frame.area())).unwrap();
}

#[test]
#[ignore = "the program that the other tests run in a terminal"]
fn child() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    let (mut screen, notices) = screen();
    show(&mut screen, "on the screen");
    match scenario.as_str() {
        "end" => {}
        "error" => std::process::exit(failing(screen)),
        "panic" => panic!("the scenario says so"),
        "thread" => {
            std::thread::spawn(|| panic!("a thread says so")).join().unwrap_err();
            let notice = notices.recv_timeout(LIMIT).unwrap();
            // What is drawn now must not reach the terminal.
            show(&mut screen, "drawn too late");
            drop(screen);
            println!("told: {}", matches!(notice, Notice::Broken { report: Some(_) }));
        }
        "signal" => {
            let notice = notices.recv_timeout(LIMIT).unwrap();
            show(&mut screen, "drawn too late");
            std::process::exit(notice.exit_code().unwrap().into());
        }
        "stuck" => loop {
            std::thread::park();
        },
        "stop" => {
            assert_eq!(notices.recv_timeout(LIMIT).unwrap(), Notice::Resumed);
            screen.redraw().unwrap();
            show(&mut screen, "drawn again");
            notices.recv_timeout(LIMIT).unwrap();
        }
        "suspend" => {
            // No shell stands behind this terminal, so the kernel does not stop the job.
            assert_eq!(screen.suspend().unwrap(), Suspended::Back);
            show(&mut screen, "back on the screen");
            wait_for_key(&Input::start().unwrap());
        }
        "edit" => edit(&mut screen),
        "keys" => keys(&mut screen),
        other => panic!("no scenario {other}"),
    }
}

fn failing(screen: Screen) -> i32 {
    let _screen = screen;
    7
}

fn edit(screen: &mut Screen) {
    let input = Input::start().unwrap();
    assert!(input.pause());
    // This editor reads a line from the terminal: it must get all of it.
    let editor = "sh -c 'printf \"EDITOR\\n\"; read line; echo \"$line\" > \"$1\"' editor";
    let edited = screen.edit("before", ".txt", editor).unwrap();
    input.resume();
    show(screen, &format!("edited: {}", edited.text.trim()));
    wait_for_key(&input);
}

fn keys(screen: &mut Screen) {
    let input = Input::start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut seen = Vec::new();
    show(screen, "waiting");
    while let Some(event) = runtime.block_on(input.next()) {
        match event {
            crossterm::event::Event::Key(key) => {
                let chord = sagebrush::tui::chord::Chord::of(&key).unwrap().to_string();
                if chord == "q" {
                    break;
                }
                seen.push(chord);
            }
            crossterm::event::Event::Resize(columns, rows) => {
                seen.push(format!("{columns}x{rows}"));
            }
            crossterm::event::Event::Paste(text) => seen.push(format!("paste:{text}")),
            crossterm::event::Event::Mouse(mouse) => {
                seen.push(format!("mouse:{},{}", mouse.column, mouse.row));
            }
            other => seen.push(format!("{other:?}")),
        }
        show(screen, &seen.join(" "));
    }
}

fn wait_for_key(input: &Input) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(input.next());
}

// ------------------------------------------------------------------------------ at the terminal

fn start(scenario: &str) -> Tty {
    start_with(scenario, std::env::temp_dir())
}

fn start_with(scenario: &str, reports: PathBuf) -> Tty {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["terminal::child", "--exact", "--ignored", "--nocapture", "--quiet"]);
    command.env(SCENARIO, scenario);
    command.env(REPORTS, reports);
    command.env("TERM", "xterm-256color");
    Tty::start(command, 60, 10)
}

/// Waits for the end; nothing that was drawn after it was said may have come.
fn end(tty: &mut Tty) -> portable_pty::ExitStatus {
    let status = tty.end();
    assert!(!tty.contents().contains("drawn too late"));
    status
}

const LEAVES: &str = "\x1b[?1049l";

#[test]
fn a_normal_end_gives_the_terminal_back_once() {
    let mut tty = start("end");
    let status = end(&mut tty);
    assert!(status.success(), "{status:?} {}", tty.contents());
    assert_eq!(tty.times(LEAVES), 1);
    assert_eq!((tty.times("\x1b[22;0t"), tty.times("\x1b[23;0t")), (1, 1), "the title too");
    assert_eq!(tty.times("\x1b]2;iris\x07"), 1);
}

#[test]
fn an_error_gives_the_terminal_back() {
    let mut tty = start("error");
    assert_eq!(end(&mut tty).exit_code(), 7);
    assert_eq!(tty.times(LEAVES), 1);
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_where_the_report_lies() {
    let reports = tempfile::tempdir().unwrap();
    let mut tty = start_with("panic", reports.path().to_owned());
    let status = end(&mut tty);
    assert!(!status.success());
    assert_eq!(tty.times(LEAVES), 1);
    let reports: Vec<PathBuf> =
        std::fs::read_dir(reports.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    let told = String::from_utf8_lossy(&tty.raw);
    assert!(told.contains("sagebrush broke"), "{told}");
    assert!(told.contains(report.file_name().unwrap().to_str().unwrap()), "{told}");
    let text = std::fs::read_to_string(report).unwrap();
    assert!(text.contains("the scenario says so") && text.contains("terminal.rs"), "{text}");
}

#[test]
fn a_panic_of_a_thread_ends_the_screen_too() {
    let reports = tempfile::tempdir().unwrap();
    let mut tty = start_with("thread", reports.path().to_owned());
    end(&mut tty);
    assert_eq!(tty.times(LEAVES), 1);
    assert!(String::from_utf8_lossy(&tty.raw).contains("told: true"), "{}", tty.contents());
}

#[test]
fn signals_give_the_terminal_back_and_let_the_workbench_end() {
    for (signal, code) in
        [(rustix::process::Signal::TERM, 143), (rustix::process::Signal::INT, 130)]
    {
        let mut tty = start("signal");
        tty.until_shown("on the screen");
        tty.signal(signal);
        assert_eq!(end(&mut tty).exit_code(), code);
        assert_eq!(tty.times(LEAVES), 1);
    }
}

#[test]
fn a_workbench_that_does_not_end_is_ended_by_the_signal() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let mut tty = start("stuck");
        tty.until_shown("on the screen");
        tty.signal(signal);
        let status = end(&mut tty);
        assert!(status.signal().is_some(), "{status:?}");
        assert_eq!(tty.times(LEAVES), 1);
    }
}

#[test]
fn after_a_stop_everything_is_taken_and_drawn_again() {
    let mut tty = start("stop");
    tty.until_shown("on the screen");
    tty.signal(rustix::process::Signal::STOP);
    // What a shell would do meanwhile.
    tty.take(b"\x1b[?1049l\x1b[?25h$ fg");
    tty.signal(rustix::process::Signal::CONT);
    tty.until_shown("drawn again");
    assert!(tty.parser.screen().alternate_screen());
    tty.signal(rustix::process::Signal::TERM);
    end(&mut tty);
}

#[test]
fn suspending_where_no_shell_waits_comes_back() {
    let mut tty = start("suspend");
    tty.until_shown("back on the screen");
    tty.type_in("q");
    assert!(end(&mut tty).success());
    assert_eq!(tty.times(LEAVES), 2);
}

#[test]
fn an_editor_has_the_terminal_and_all_keys() {
    let mut tty = start("edit");
    tty.until("the editor", |screen| {
        screen.contents().contains("EDITOR") && !screen.alternate_screen()
    });
    tty.type_in("all of this line\r");
    tty.until_shown("edited: all of this line");
    assert!(tty.parser.screen().alternate_screen());
    tty.type_in("q");
    assert!(end(&mut tty).success());
}

#[test]
fn keys_pastes_the_mouse_and_sizes_arrive() {
    let mut tty = start("keys");
    tty.until_shown("waiting");
    tty.type_in("a");
    tty.until_shown("a");
    tty.type_in("\x10");
    tty.until_shown("ctrl-p");
    tty.type_in("\x1b[Z");
    tty.until_shown("shift-tab");
    tty.type_in("\x1b[200~two words\x1b[201~");
    tty.until_shown("paste:two words");
    tty.type_in("\x1b[<0;5;6M");
    tty.until_shown("mouse:4,5");
    tty.type_in("\x1b");
    tty.until_shown("esc");
    tty.resize(58, 9);
    tty.until_shown("58x9");
    tty.type_in("q");
    assert!(end(&mut tty).success());
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["terminal::child", "--exact", "--ignored", "--nocapture"])
        .env(SCENARIO, "end")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("NoTerminal"), "{told}");
}
