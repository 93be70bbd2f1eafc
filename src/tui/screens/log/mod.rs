//! Logs: groups and their streams, one of them followed, and a search across all of them.

mod groups;
mod read;
mod reader;
mod search;
#[cfg(test)]
mod tests;

pub use groups::Groups;
pub use read::Read;
pub use reader::{KEYS as READER_KEYS, Reader};
pub use search::Search;

use crate::tui::keymap::Binding;
use crate::tui::layers::Prompt;
use crate::tui::view::{Outbox, Place, View};

/// Keys of the screen, whatever it shows.
pub static KEYS: &[Binding] = &[
    Binding::new("search-all", &["ctrl-g"], "Search across all groups").hint("search all"),
    Binding::new("next-pane", &["tab"], "To the streams, or back to the groups"),
    Binding::new("previous-pane", &["shift-tab"], "The other way round"),
    Binding::new("refresh", &["r"], "Ask for groups and streams anew"),
];

/// Keys of what a search found.
pub static SEARCH_KEYS: &[Binding] =
    &[Binding::new("search-all", &["ctrl-g"], "Search for something else").hint("search again")];

/// What a place of the screen is about. Neither groups nor streams may have a colon in their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub group: String,
    /// One stream alone.
    pub stream: Option<String>,
    /// A time to begin at, and what was searched for.
    pub found: Option<(i64, String)>,
}

impl Subject {
    /// From `group`, `group:stream` or `group:stream:millis:words`.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let group = part().unwrap_or_default();
        let stream = part();
        let at = part().and_then(|at| at.parse().ok());
        let words = part().unwrap_or_default();
        Self { group, stream, found: at.map(|at| (at, words)) }
    }

    pub fn place(&self) -> Place {
        let mut text = self.group.clone();
        if self.stream.is_some() || self.found.is_some() {
            text = format!("{text}:{}", self.stream.as_deref().unwrap_or_default());
        }
        if let Some((at, words)) = &self.found {
            text = format!("{text}:{at}:{words}");
        }
        Place::of("logs", text)
    }
}

/// The screen of that place.
pub fn open(subject: Option<&str>) -> Box<dyn View> {
    match subject {
        None => Box::new(Groups::default()),
        Some(text) => Box::new(Read::new(Subject::parse(text))),
    }
}

/// Asks for words, then looks for them everywhere.
fn ask(before: &str, out: &mut Outbox) {
    let prompt = Prompt::new("Search all log groups", |words, out| {
        out.open(Place::of("log-search", words));
    });
    let hint = "all words must occur; ?one ?or ?other, -without, \"a phrase\", %regex%";
    out.push(prompt.with(before).hint(hint));
}
