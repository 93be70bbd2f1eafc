//! What the workbench wants done. `update` returns these; the driver does them and answers with
//! messages.

use super::msg::Ticket;
use crate::command::{operation_changes, words_change};
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Leave; the region stays or stops.
    Quit {
        stop: bool,
    },
    /// To the terminal's clipboard.
    Copy(String),
    /// An AWS call; its answer is the output document.
    Call {
        ticket: Ticket,
        service: String,
        operation: String,
        input: Value,
    },
    /// Words of the command language; the answer is `{"summary", "tables", "value"}`.
    Run {
        ticket: Ticket,
        words: Vec<String>,
    },
    /// A POST below `/_sagebrush/`.
    Post {
        ticket: Ticket,
        path: String,
    },
    /// Ends the effect of that ticket, if it still runs.
    Cancel(Ticket),
    /// One request to an endpoint.
    Invoke {
        ticket: Ticket,
        endpoint: String,
        variant: Option<String>,
        content_type: String,
        accept: Option<String>,
        body: String,
    },
    /// Starts live traffic of one's own, or changes it; 0 users end it.
    Load {
        endpoint: String,
        rows: String,
        label: Option<usize>,
        users: usize,
        per_second: u32,
    },
    /// Objects below a prefix, one level; the answer is `{"rows": […], "more"}`.
    Objects {
        ticket: Ticket,
        bucket: String,
        prefix: String,
    },
    /// The beginning of an object; the answer is `{"text"|"base64"|"entries", "size", "more"}`, with
    /// `entries` (`{"name", "size"}`) of an archive.
    Preview {
        ticket: Ticket,
        bucket: String,
        key: String,
    },
    /// All log groups with what they hold; the answer is a list of rows.
    LogGroups {
        ticket: Ticket,
    },
    /// A group's streams, the last written first; the answer is a list of rows.
    LogStreams {
        ticket: Ticket,
        group: String,
    },
    /// The key with which other programs reach the region; it comes as `Msg::Credentials`.
    Credentials,
    /// Events of all streams of a group that match; the answer is a list of events.
    SearchLogs {
        ticket: Ticket,
        group: String,
        pattern: String,
    },
    /// Opens the text in `$EDITOR`; the answer is the text as it was left.
    Edit {
        ticket: Ticket,
        suffix: String,
        text: String,
    },
    Save {
        ticket: Ticket,
        path: String,
        text: String,
    },
    /// The streams that somebody looks at now; all others end.
    Follow(BTreeSet<Want>),
    /// Whether the mouse is the workbench's or the terminal's.
    Mouse(bool),
    /// Trust the folder and go on.
    Trust,
    /// Start the workspace's region, which has gone.
    Start,
    Suspend,
    /// Everything anew: the screen may have been written over.
    Redraw,
}

impl Effect {
    /// Whether it may change the region, or ends it. The read-only workbench refuses these in one place;
    /// a new effect has to say here what it does. To start a region, or to trust its folder, changes
    /// nothing that it holds.
    pub fn changes(&self) -> bool {
        match self {
            Self::Call { operation, .. } => operation_changes(operation),
            Self::Run { words, .. } => words_change(words),
            Self::Quit { stop } => *stop,
            // No users end the traffic that there is.
            Self::Load { users, .. } => *users > 0,
            Self::Post { .. } | Self::Invoke { .. } => true,
            Self::Copy(_)
            | Self::Cancel(_)
            | Self::Objects { .. }
            | Self::Preview { .. }
            | Self::LogGroups { .. }
            | Self::LogStreams { .. }
            | Self::Credentials
            | Self::SearchLogs { .. }
            | Self::Edit { .. }
            | Self::Save { .. }
            | Self::Follow(_)
            | Self::Mouse(_)
            | Self::Trust
            | Self::Start
            | Self::Suspend
            | Self::Redraw => false,
        }
    }

    /// Whose answer is waited for.
    pub fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Call { ticket, .. }
            | Self::Run { ticket, .. }
            | Self::Post { ticket, .. }
            | Self::Invoke { ticket, .. }
            | Self::Objects { ticket, .. }
            | Self::Preview { ticket, .. }
            | Self::LogGroups { ticket }
            | Self::LogStreams { ticket, .. }
            | Self::SearchLogs { ticket, .. }
            | Self::Edit { ticket, .. }
            | Self::Save { ticket, .. } => Some(*ticket),
            Self::Quit { .. }
            | Self::Copy(_)
            | Self::Cancel(_)
            | Self::Load { .. }
            | Self::Credentials
            | Self::Follow(_)
            | Self::Mouse(_)
            | Self::Trust
            | Self::Start
            | Self::Suspend
            | Self::Redraw => None,
        }
    }
}

/// A stream of the region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    Traffic,
    /// The totals of the bill.
    Cost,
    /// The bill of every job and endpoint.
    CostLines,
    Engine,
    Endpoint(String),
    TrainingJob(String),
    /// A log group's lines, with up to `tail` of those already there.
    Logs {
        group: String,
        prefix: String,
        tail: usize,
    },
}
