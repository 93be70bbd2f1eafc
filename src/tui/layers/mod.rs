//! Dialogs: views that stand over a screen until they are closed.

mod code;
mod confirm;
mod deploy;
mod document;
mod help;
mod leave;
mod messages;
mod new;
mod outcome;
mod palette;
mod prompt;

pub use code::Code;
pub use confirm::Confirm;
pub use deploy::Deploy;
pub use document::Document;
pub use help::Help;
pub use leave::Leave;
pub use messages::Messages;
pub(crate) use messages::look;
pub use new::New;
pub use outcome::Outcome;
pub use palette::Palette;
pub use prompt::Prompt;

use super::keymap::Context;

/// The contexts of dialogs that have keys of their own.
pub static CONTEXTS: [Context; 6] = [
    ("confirm", confirm::KEYS),
    ("leave", leave::KEYS),
    ("document", document::KEYS),
    ("code", code::KEYS),
    ("new", new::KEYS),
    (super::tour::CONTEXT, super::tour::KEYS),
];
