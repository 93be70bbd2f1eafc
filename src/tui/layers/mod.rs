//! Dialogs: views that stand over a screen until they are closed.

mod code;
mod confirm;
mod document;
mod help;
mod leave;
mod palette;
mod prompt;

pub use code::Code;
pub use confirm::Confirm;
pub use document::Document;
pub use help::Help;
pub use leave::Leave;
pub use palette::Palette;
pub use prompt::Prompt;

use super::keymap::Context;

/// The contexts of dialogs that have keys of their own.
pub static CONTEXTS: [Context; 5] = [
    ("confirm", confirm::KEYS),
    ("leave", leave::KEYS),
    ("document", document::KEYS),
    ("code", code::KEYS),
    (super::tour::CONTEXT, super::tour::KEYS),
];
