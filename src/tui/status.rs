//! AWS's status words in colour and shape.

use super::theme::Theme;
use ratatui::style::Style;

/// What a status means to somebody who looks for trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    Bad,
    Warn,
    Busy,
    Good,
    Off,
    None,
}

pub fn mood(status: &str) -> Mood {
    match status {
        "Failed" | "UpdateRollbackFailed" | "OutOfService" | "Rejected" => Mood::Bad,
        "RollingBack" | "PendingManualApproval" | "Interrupted" => Mood::Warn,
        "Creating" | "Updating" | "SystemUpdating" | "Deleting" | "InProgress" | "Stopping"
        | "Pending" | "Starting" | "Downloading" | "Training" | "Uploading" | "Restarting" => {
            Mood::Busy
        }
        "InService" | "Completed" | "Approved" => Mood::Good,
        "Stopped" | "Deleted" => Mood::Off,
        _ => Mood::None,
    }
}

impl Mood {
    /// A shape that tells it without colour.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Bad => "✖",
            Self::Warn => "▲",
            Self::Busy => "◐",
            Self::Good => "✔",
            Self::Off => "■",
            Self::None => "·",
        }
    }

    pub const fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Bad => theme.bad,
            Self::Warn => theme.warn,
            Self::Busy => theme.busy,
            Self::Good => theme.good,
            Self::Off => theme.off,
            Self::None => theme.dim,
        }
    }
}

/// `✔ InService`.
pub fn labelled(status: &str) -> String {
    format!("{} {status}", mood(status).mark())
}
