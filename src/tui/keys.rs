//! The keys that every view shares. Each view declares its own beside itself.

use super::keymap::{BadKeymap, Binding, Context, Keymap, Keys};
use super::{layers, screens};
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub const GLOBAL: &str = "global";
pub const GO: &str = "go";
pub const TABLE: &str = "table";
pub const SCROLL: &str = "scroll";
pub const LOG: &str = "log";

static GLOBAL_KEYS: &[Binding] = &[
    Binding::new("help", &["?", "f1"], "Every key of this view").hint("help"),
    Binding::new("palette", &[":", "ctrl-p"], "Run any command; completes as you type")
        .hint("command"),
    Binding::new("back", &["esc", "alt-left", "["], "Back to where you were"),
    Binding::new("forward", &["alt-right", "]"], "Forward again"),
    Binding::new("drill-in", &["enter"], "Open what is under the cursor"),
    Binding::new("describe", &["d"], "All of it, as JSON or YAML").hint("describe"),
    Binding::new("code", &["c"], "The same as boto3, AWS CLI, CloudFormation and .brush")
        .hint("code"),
    Binding::new("code-last", &["C"], "The last action as code"),
    Binding::new("edit", &["e"], "Its description in $EDITOR"),
    Binding::new("copy-name", &["y"], "Copy its name"),
    Binding::new("copy-arn", &["Y"], "Copy its ARN"),
    Binding::new("copy-row", &["alt-y"], "Copy its row, or all that are marked"),
    Binding::new("copy-json", &["ctrl-y"], "Copy its description as JSON"),
    Binding::new("new", &["N"], "Create one: a form from the API's shape").changes(),
    Binding::new("delete", &["D", "delete"], "Delete it, or all that are marked; asks first")
        .changes(),
    Binding::new("messages", &["ctrl-e"], "What was said lately, whole"),
    Binding::new("freeze", &["z"], "Freeze the screen; again to go on"),
    Binding::new(
        "mouse",
        &["M"],
        "Give the mouse to the terminal, to select text; again to take it back",
    ),
    Binding::new("theme", &["T"], "Next theme"),
    Binding::new("tour", &["ctrl-t"], "Start the demo, or end it"),
    Binding::new("suspend", &["ctrl-z"], "To the shell; `fg` comes back"),
    Binding::new("redraw", &["ctrl-l"], "Draw everything anew"),
    Binding::new("quit", &["q", "ctrl-c"], "Leave; asks whether the region stays"),
];

static TABLE_KEYS: &[Binding] = &[
    Binding::new("up", &["k", "up"], "Up"),
    Binding::new("down", &["j", "down"], "Down"),
    Binding::new("page-up", &["pageup", "ctrl-b"], "A page up"),
    Binding::new("page-down", &["pagedown", "ctrl-f"], "A page down"),
    Binding::new("half-page-up", &["ctrl-u"], "Half a page up"),
    Binding::new("half-page-down", &["ctrl-d"], "Half a page down"),
    Binding::new("top", &["g", "home"], "To the first"),
    Binding::new("bottom", &["G", "end"], "To the last"),
    Binding::new("filter", &["/"], "Filter: text or regex, !inverse, -f fuzzy").hint("filter"),
    Binding::new("mark", &["space"], "Mark or unmark, for an action on several"),
    Binding::new("mark-all", &["*"], "Mark all, or none"),
    Binding::new("sort-next", &["s"], "Sort by the next column"),
    Binding::new("sort-reverse", &["S"], "The other way round"),
];

static SCROLL_KEYS: &[Binding] = &[
    Binding::new("up", &["k", "up"], "Up"),
    Binding::new("down", &["j", "down"], "Down"),
    Binding::new("left", &["h", "left"], "Left"),
    Binding::new("right", &["l", "right"], "Right"),
    Binding::new("page-up", &["pageup", "ctrl-b"], "A page up"),
    Binding::new("page-down", &["pagedown", "ctrl-f"], "A page down"),
    Binding::new("top", &["g", "home"], "To the beginning"),
    Binding::new("bottom", &["G", "end"], "To the end"),
];

/// A key for each screen, out of the table of screens.
static GO_KEYS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    screens::SCREENS
        .iter()
        .filter(|screen| !screen.keys.is_empty())
        .map(|screen| Binding::new(screen.name, screen.keys, screen.about))
        .collect()
});

/// All contexts, in the order of help.
pub fn contexts() -> Vec<Context> {
    let mut contexts: Vec<Context> = vec![
        (GLOBAL, GLOBAL_KEYS),
        (GO, GO_KEYS.as_slice()),
        (TABLE, TABLE_KEYS),
        (SCROLL, SCROLL_KEYS),
        (LOG, screens::LOG_KEYS),
    ];
    let screens = screens::SCREENS.iter().map(|screen| (screen.name, screen.bindings));
    contexts.extend(screens.filter(|(_, bindings)| !bindings.is_empty()));
    contexts.extend(layers::CONTEXTS);
    contexts
}

/// The table of a context.
pub fn table(context: &str) -> &'static [Binding] {
    contexts().into_iter().find(|(name, _)| *name == context).map_or(&[], |(_, table)| table)
}

/// Every action's name as the configuration writes it: `global.palette`.
pub fn names() -> Vec<String> {
    let of = |(context, table): &Context| -> Vec<String> {
        table.iter().map(|binding| format!("{context}.{}", binding.action)).collect()
    };
    contexts().iter().flat_map(of).collect()
}

/// The usual keys, with what the configuration changes.
///
/// # Errors
/// What the configuration names and does not exist.
pub fn keymap(remapped: &BTreeMap<String, Vec<Keys>>) -> Result<Keymap, BadKeymap> {
    Keymap::new(&contexts(), remapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things_in_one_context() {
        keymap(&BTreeMap::new()).unwrap();
    }

    #[test]
    fn every_action_says_what_it_does() {
        for (context, table) in contexts() {
            for binding in table {
                assert!(binding.help.len() > 1, "{context}.{}", binding.action);
                assert!(!binding.keys.is_empty(), "{context}.{} has no key", binding.action);
            }
        }
    }
}
