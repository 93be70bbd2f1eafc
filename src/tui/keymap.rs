//! Which key does what, where. One table per context, declared beside the view that acts on it;
//! help, hints, the palette's list of actions and the configuration's remapping all read it.

use super::chord::{Chord, ChordError};
use std::collections::{BTreeMap, HashMap};

/// What a key does, by name: `drill-in`, `weight-up`. The view of its context acts on it.
pub type Action = &'static str;

/// A line of a context's table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub action: Action,
    /// The usual keys, as `Chord` reads them.
    pub keys: &'static [&'static str],
    /// What it does, as help says it.
    pub help: &'static str,
    /// A word for the hints at the bottom; empty for what everybody knows.
    pub hint: &'static str,
    /// Refused in read-only mode.
    pub changes: bool,
}

impl Binding {
    pub const fn new(action: Action, keys: &'static [&'static str], help: &'static str) -> Self {
        Self { action, keys, help, hint: "", changes: false }
    }

    /// Shown among the hints under this word.
    #[must_use]
    pub const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// Changes the region or what it costs.
    #[must_use]
    pub const fn changes(self) -> Self {
        Self { changes: true, ..self }
    }
}

/// A view's name and its table.
pub type Context = (&'static str, &'static [Binding]);

/// Keys to actions, by context.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    actions: HashMap<(&'static str, Chord), &'static Binding>,
    keys: HashMap<(&'static str, Action), Vec<Chord>>,
}

/// Why a keymap cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeymap {
    #[error("{0}")]
    Chord(#[from] ChordError),
    #[error("there is no action `{name}`; `sagebrush --help keys` lists them{hint}")]
    Action { name: String, hint: String },
    #[error("{chord} is both {context}.{first} and {context}.{second}")]
    Twice { chord: String, context: &'static str, first: Action, second: Action },
}

impl Keymap {
    /// The tables' keys with `remapped` (`context.action` to keys) in place of them.
    ///
    /// # Errors
    /// A key or action that does not exist, or a key that does two things in one context.
    pub fn new(
        contexts: &[Context],
        remapped: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, BadKeymap> {
        let mut keymap = Self::default();
        let mut left: Vec<&String> = remapped.keys().collect();
        for (context, table) in contexts {
            for binding in *table {
                let name = format!("{context}.{}", binding.action);
                left.retain(|other| **other != name);
                let chords: Result<Vec<Chord>, ChordError> = match remapped.get(&name) {
                    Some(keys) => keys.iter().map(|key| key.parse()).collect(),
                    None => binding.keys.iter().map(|key| key.parse()).collect(),
                };
                keymap.bind(context, binding, chords?)?;
            }
        }
        match left.first() {
            Some(name) => Err(unknown(contexts, name)),
            None => Ok(keymap),
        }
    }

    fn bind(
        &mut self,
        context: &'static str,
        binding: &'static Binding,
        chords: Vec<Chord>,
    ) -> Result<(), BadKeymap> {
        for chord in &chords {
            if let Some(other) = self.actions.insert((context, *chord), binding)
                && other.action != binding.action
            {
                return Err(BadKeymap::Twice {
                    chord: chord.to_string(),
                    context,
                    first: other.action,
                    second: binding.action,
                });
            }
        }
        self.keys.insert((context, binding.action), chords);
        Ok(())
    }

    /// What the key does in the context.
    pub fn find(&self, context: &'static str, chord: Chord) -> Option<&'static Binding> {
        self.actions.get(&(context, chord)).copied()
    }

    /// The keys of an action, the first to be shown.
    pub fn keys(&self, context: &'static str, action: Action) -> &[Chord] {
        self.keys.get(&(context, action)).map_or(&[], Vec::as_slice)
    }
}

fn unknown(contexts: &[Context], name: &str) -> BadKeymap {
    let all = contexts.iter().flat_map(|(context, table)| {
        table.iter().map(move |binding| format!("{context}.{}", binding.action))
    });
    let tail = name.rsplit('.').next().unwrap_or(name);
    let near = all.into_iter().find(|known| known.ends_with(tail) || known.starts_with(name));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    BadKeymap::Action { name: name.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: &[Binding] = &[
        Binding::new("up", &["k", "up"], "Up"),
        Binding::new("quit", &["q"], "Quit").hint("quit"),
    ];

    fn remapped(name: &str, keys: &[&str]) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(name.into(), keys.iter().map(|&key| key.into()).collect())])
    }

    fn find(keymap: &Keymap, key: &str) -> Option<Action> {
        keymap.find("list", key.parse().unwrap()).map(|binding| binding.action)
    }

    #[test]
    fn the_configuration_replaces_an_actions_keys() {
        let keymap = Keymap::new(&[("list", TABLE)], &remapped("list.quit", &["ctrl-q"])).unwrap();
        assert_eq!(find(&keymap, "k"), Some("up"));
        assert_eq!(find(&keymap, "q"), None);
        assert_eq!(find(&keymap, "ctrl-q"), Some("quit"));
        assert_eq!(keymap.keys("list", "quit")[0].to_string(), "ctrl-q");
    }

    #[test]
    fn mistakes_are_named() {
        let make = |name: &str, key: &str| Keymap::new(&[("list", TABLE)], &remapped(name, &[key]));
        let text = |result: Result<Keymap, BadKeymap>| result.unwrap_err().to_string();
        assert!(text(make("lst.quit", "x")).contains("list.quit"));
        assert!(text(make("list.quit", "hyper-x")).contains("hyper-x"));
        assert!(text(make("list.quit", "k")).contains("both"));
    }
}
