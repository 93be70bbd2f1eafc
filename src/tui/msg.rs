//! All that reaches the workbench from outside, in the order in which it came. A recording is a list
//! of these; the same list makes the same screens.

use super::row::Row;
use crate::command::RecordedCall;
use crossterm::event::{KeyEvent, MouseEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names an effect whose answer somebody waits for.
pub type Ticket = u64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Msg {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resize(u16, u16),
    /// The terminal's window has the user's attention, or lost it.
    Focus(bool),
    /// Nothing happened but time.
    Tick,
    /// A frame was drawn here. In recordings alone: what views ask for before a frame has its place
    /// among what else they ask for, and a recording that is played asks in the same order.
    Frame,
    Link(Link),
    /// Lines of the watch stream.
    Region(Vec<Line>),
    /// A line of `/_sagebrush/live`: the traffic of the whole region.
    Traffic(Value),
    /// A line of `/_sagebrush/endpoints/<name>/live`.
    Endpoint {
        name: String,
        line: Value,
    },
    /// A line of `/_sagebrush/training-jobs/<name>/live`.
    TrainingJob {
        name: String,
        line: Value,
    },
    /// What `/_sagebrush/cost` answers.
    Cost(Value),
    /// What `/_sagebrush/engine` answers.
    Engine(Value),
    Logs(Logs),
    Credentials(Credentials),
    Answer {
        ticket: Ticket,
        answer: Answer,
    },
    /// A step of long work under way.
    Progress {
        ticket: Ticket,
        done: u64,
        total: u64,
        what: String,
    },
    /// A line that a running command prints.
    Said {
        ticket: Ticket,
        line: String,
    },
    /// Live traffic that the workbench itself sends.
    Load(Load),
    /// What could not be kept, by what it was.
    Dropped {
        what: String,
        count: u64,
    },
}

/// How things stand with the region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Link {
    /// The folder is not trusted yet; what lies in it.
    Untrusted {
        folder: String,
        found: Vec<String>,
    },
    /// The region's process is being started.
    Starting,
    Connected {
        health: Value,
        address: String,
        started_here: bool,
    },
    Lost {
        why: String,
    },
    /// No region could be had.
    Failed {
        why: String,
    },
}

/// A line of the watch stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Line {
    /// About so many rows follow.
    Snapshot {
        revision: u64,
        rows: u64,
    },
    Row(Row),
    Ready(u64),
    Changed {
        revision: u64,
        at: f64,
        created: bool,
        row: Row,
    },
    Deleted {
        revision: u64,
        at: f64,
        kind: String,
        name: String,
    },
    Resync(String),
    Heartbeat,
}

/// Lines of a log that is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    pub group: String,
    pub lines: Vec<LogLine>,
    /// Batches that came faster than they could be read.
    pub missed: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub stream: String,
    /// Its place in the stream, counted from 0.
    #[serde(default)]
    pub position: u64,
    /// Epoch milliseconds.
    pub timestamp: i64,
    pub message: String,
}

/// The key with which other programs sign what they send to the region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    pub access_key: String,
    pub secret: Secret,
}

/// A text that is never written down: in a recording or a debug print, dots stand for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub const DOTS: &'static str = "••••••••";

    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that shows or copies it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::DOTS)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::DOTS)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// How an effect ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub outcome: Result<Value, Failure>,
    /// The AWS calls that it made, for the code that shows them.
    pub calls: Vec<RecordedCall>,
}

/// Why an effect came to nothing, in words for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// AWS's error code, or a word for what is not AWS's.
    pub code: String,
    pub message: String,
}

/// What the workbench's own traffic has seen so far of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    pub endpoint: String,
    pub running: bool,
    pub requests: u64,
    pub errors: u64,
    /// By variant: rows that it was right about, and how many different ones were checked.
    pub correct: Vec<(String, u64, u64)>,
    pub last_error: Option<String>,
}

/// A message and when it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Epoch milliseconds.
    pub at: i64,
    pub msg: Msg,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_holds_no_secret() {
        let secret = Secret::new("hunter2");
        let msg = Msg::Credentials(Credentials { access_key: "AKIA".into(), secret });
        let written = serde_json::to_string(&msg).unwrap();
        assert!(!written.contains("hunter2") && !format!("{msg:?}").contains("hunter2"));
        let Msg::Credentials(read) = serde_json::from_str(&written).unwrap() else {
            panic!("{written}")
        };
        assert_eq!(read.secret.reveal(), Secret::DOTS);
    }
}
