//! A recorded session: who recorded it in which window, then every message with its time.
//!
//! One JSON document a line, packed by gzip or plain. The same messages make the same screens, so a
//! recording is also what pictures and tests are made from.

use super::msg::{Msg, Stamped};
use super::state::{Options, State};
use super::theme::Theme;
use super::update::{settle, update};
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};

/// What a recording begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the program that recorded it.
    pub sagebrush: String,
    pub workspace: String,
    pub theme: String,
    pub columns: u16,
    pub rows: u16,
    pub read_only: bool,
    pub demo: Option<String>,
    /// Epoch milliseconds of its beginning.
    pub began: i64,
}

impl Head {
    pub fn of(state: &State, now: i64) -> Self {
        Self {
            sagebrush: env!("CARGO_PKG_VERSION").into(),
            workspace: state.workspace.clone(),
            theme: state.theme.name.into(),
            columns: state.window.width,
            rows: state.window.height,
            read_only: state.read_only,
            demo: state.tour.demo().map(str::to_owned),
            began: now,
        }
    }

    fn options(&self) -> Options {
        Options {
            workspace: self.workspace.clone(),
            theme: Theme::named(&self.theme).unwrap_or(&super::theme::THEMES[0]),
            read_only: self.read_only,
            size: (self.columns, self.rows),
            demo: self.demo.clone(),
            ..Options::default()
        }
    }
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("this is no recording: its first line is not the head of one ({0})")]
    Head(String),
    #[error("line {line} is no message of this version ({problem})")]
    Message { line: usize, problem: String },
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    State(String),
}

/// What a packed recording begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub struct Recording {
    pub head: Head,
    pub messages: Vec<Stamped>,
}

impl Recording {
    /// Reads all of it, unpacked if it is packed. A last line that was cut off by a kill is left out.
    ///
    /// # Errors
    /// It cannot be read, or is no recording of this version.
    pub fn read(mut source: impl BufRead) -> Result<Self, RecordingError> {
        if source.fill_buf()?.starts_with(&GZIP) {
            return Self::plain(BufReader::new(MultiGzDecoder::new(source)));
        }
        Self::plain(source)
    }

    fn plain(source: impl BufRead) -> Result<Self, RecordingError> {
        let mut lines = source.lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let head = serde_json::from_str(&first)
            .map_err(|error| RecordingError::Head(error.to_string()))?;
        let mut messages = Vec::new();
        let mut broken: Option<RecordingError> = None;
        for (index, line) in lines.enumerate() {
            let line = line?;
            // Something follows, so that line was not merely cut off.
            if let Some(error) = broken {
                return Err(error);
            }
            match serde_json::from_str(&line) {
                Ok(stamped) => messages.push(stamped),
                Err(error) => {
                    let problem = error.to_string();
                    broken = Some(RecordingError::Message { line: index + 2, problem });
                }
            }
        }
        Ok(Self { head, messages })
    }

    /// Its length in milliseconds.
    pub fn length(&self) -> i64 {
        self.messages.last().map_or(0, |last| last.at - self.head.began)
    }
}

/// Plays a recording, forward and back.
pub struct Player {
    recording: Recording,
    pub state: State,
    /// Messages taken in so far.
    at: usize,
    /// Whether it tells when frames were drawn.
    framed: bool,
}

/// Milliseconds between two frames where a recording does not tell of them.
const FRAME_MILLIS: i64 = 16;

impl Player {
    pub fn new(recording: Recording) -> Result<Self, RecordingError> {
        let state = State::new(recording.head.options(), recording.head.began)
            .map_err(RecordingError::State)?;
        let framed = recording.messages.iter().any(|stamped| stamped.msg == Msg::Frame);
        Ok(Self { recording, state, at: 0, framed })
    }

    /// Milliseconds since the beginning.
    pub fn position(&self) -> i64 {
        let last = self.at.checked_sub(1).and_then(|at| self.recording.messages.get(at));
        last.map_or(0, |last| last.at - self.recording.head.began)
    }

    pub fn length(&self) -> i64 {
        self.recording.length()
    }

    pub fn ended(&self) -> bool {
        self.at >= self.recording.messages.len()
    }

    /// Goes to a moment, in milliseconds since the beginning; back by starting over, since a state
    /// is made of all messages before it.
    pub fn go(&mut self, to: i64) -> Result<(), RecordingError> {
        if to < self.position() {
            self.state = State::new(self.recording.head.options(), self.recording.head.began)
                .map_err(RecordingError::State)?;
            self.at = 0;
        }
        let until = self.recording.head.began.saturating_add(to);
        let mut settled = i64::MIN;
        while let Some(stamped) =
            self.recording.messages.get(self.at).filter(|next| next.at <= until)
        {
            self.at += 1;
            // What was asked for then was answered then; the answers are among the messages.
            if stamped.msg == Msg::Frame {
                settle(&mut self.state);
                continue;
            }
            if !self.framed && stamped.at.saturating_sub(settled) >= FRAME_MILLIS {
                settle(&mut self.state);
                settled = stamped.at;
            }
            update(&mut self.state, stamped.clone());
        }
        settle(&mut self.state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::view::View;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn key(at: i64, char: char) -> Stamped {
        let event = KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE);
        Stamped { at, msg: Msg::Key(event) }
    }

    fn text(messages: &[Stamped]) -> String {
        let state = State::new(Options::default(), 1000).unwrap();
        let mut text = serde_json::to_string(&Head::of(&state, 1000)).unwrap();
        for message in messages {
            text.push('\n');
            text.push_str(&serde_json::to_string(message).unwrap());
        }
        text
    }

    #[test]
    fn it_plays_forward_and_back() {
        let text = text(&[key(1100, '?'), key(1300, '?')]);
        let mut player = Player::new(Recording::read(text.as_bytes()).unwrap()).unwrap();
        let top = |player: &Player| player.state.top().map(View::name);
        let first = top(&player);
        player.go(200).unwrap();
        assert_eq!(top(&player), Some("help"));
        player.go(400).unwrap();
        assert_eq!(top(&player), first);
        assert!(player.ended());
        player.go(150).unwrap();
        assert_eq!(top(&player), Some("help"));
        assert_eq!(player.length(), 300);
    }

    #[test]
    fn a_packed_recording_is_the_same() {
        use std::io::Write;
        let text = text(&[key(1100, '?'), key(1300, 'x')]);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(text.as_bytes()).unwrap();
        let packed = packer.finish().unwrap();
        let (plain, read) = (Recording::read(text.as_bytes()), Recording::read(packed.as_slice()));
        let (plain, read) = (plain.unwrap(), read.unwrap());
        assert_eq!((plain.head, plain.messages), (read.head, read.messages));
        assert!(Recording::read(&packed[..packed.len() / 2]).is_err());
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_a_wrong_one_is_named() {
        let whole = text(&[key(1100, '?'), key(1300, 'x')]);
        let cut = &whole[..whole.len() - 5];
        assert_eq!(Recording::read(cut.as_bytes()).unwrap().messages.len(), 1);
        let wrong = whole.replacen("{\"at\":1100", "{\"when\":1100", 1);
        let Err(error) = Recording::read(wrong.as_bytes()) else { panic!("it is wrong") };
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(Recording::read("hello".as_bytes()).is_err());
    }
}
