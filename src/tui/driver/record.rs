//! Keeps the ordered messages of a session, so that it can be played again.

use crate::tui::msg::Stamped;
use crate::tui::recording::Head;
use crate::tui::state::State;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is lost at most when the process is killed.
const FLUSH: Duration = Duration::from_secs(1);

pub(super) struct Recorder {
    file: BufWriter<File>,
    flushed: Instant,
}

impl Recorder {
    /// A new file; one that is there already is left alone.
    pub(super) fn create(path: &Path, state: &State, now: i64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut recorder = Self { file: BufWriter::new(file), flushed: Instant::now() };
        serde_json::to_writer(&mut recorder.file, &Head::of(state, now))?;
        recorder.file.write_all(b"\n")?;
        Ok(recorder)
    }

    pub(super) fn keep(&mut self, stamped: &Stamped) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, stamped)?;
        self.file.write_all(b"\n")?;
        if self.flushed.elapsed() > FLUSH {
            self.file.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.file.flush();
    }
}
