//! The real program in a pseudo-terminal of its own: what is typed, what is shown, and when.

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

pub struct Screen {
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    /// When it was started.
    pub spawned: Instant,
    parser: vt100::Parser,
    heard: Receiver<(Instant, Vec<u8>)>,
    writer: Box<dyn Write + Send>,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts the workbench on a workspace, whose folder `home` trusts.
    pub fn open(
        home: &Path,
        folder: &Path,
        arguments: &[&str],
        (columns, rows): (u16, u16),
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sagebrush"));
        command.arg("--workspace");
        command.arg(folder);
        command.args(arguments);
        command.cwd(folder);
        command.env_clear();
        command.env("HOME", home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let spawned = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the workbench starts");
        let (told, heard) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if told.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                    return;
                }
            }
        });
        let parser = vt100::Parser::new(
            rows.try_into().expect("rows"),
            columns.try_into().expect("columns"),
            0,
        );
        Self { child, spawned, parser, heard, writer, _master: pair.master }
    }

    /// When the screen first showed it; what was there before counts.
    pub fn until(&mut self, what: &str, shown: impl Fn(&str) -> bool) -> Instant {
        let end = Instant::now() + LIMIT;
        loop {
            match self.heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((at, bytes)) => {
                    self.parser.process(&bytes);
                    if shown(&self.parser.screen().contents()) {
                        return at;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no {what} on the screen:\n{}", self.parser.screen().contents())
                }
            }
        }
    }

    /// When some bytes of the screen's rows first said so: cheaper than reading all of it.
    pub fn until_row(&mut self, row: u16, shown: impl Fn(&str) -> bool) -> Instant {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((at, bytes)) = self.heard.recv_timeout(left) else {
                panic!("row {row} never said so:\n{}", self.parser.screen().contents())
            };
            self.parser.process(&bytes);
            let (_, columns) = self.parser.screen().size();
            let text = self.parser.screen().rows(0, columns.get()).nth(usize::from(row));
            if shown(&text.unwrap_or_default()) {
                return at;
            }
        }
    }

    /// Reads on for a while, so that nothing is left behind.
    pub fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok((_, bytes)) =
            self.heard.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.parser.process(&bytes);
        }
    }

    pub fn press(&mut self, bytes: &[u8]) -> Instant {
        let at = Instant::now();
        self.writer.write_all(bytes).expect("keys are taken");
        self.writer.flush().expect("keys are taken");
        at
    }

    pub fn contents(&self) -> String {
        self.parser.screen().contents()
    }

    /// Leaves, and lets the region go on.
    pub fn leave(mut self) {
        self.press(b"q");
        self.press(b"k");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            self.listen(Duration::from_millis(20));
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Seconds of a processor that a process has used.
pub fn used(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name may hold spaces; it ends at the last bracket.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| rest.split_whitespace().nth(at).and_then(|n| n.parse::<f64>().ok());
    // utime and stime, in hundredths.
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}
