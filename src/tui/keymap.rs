//! Which key does what, where. One table per context, declared beside the view that acts on it;
//! help, hints, the palette's list of actions and the configuration's remapping all read it.

use super::chord::{Chord, ChordError, sequence};
use std::collections::{BTreeMap, HashMap, HashSet};

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
    actions: HashMap<(&'static str, Keys), &'static Binding>,
    /// Beginnings of sequences.
    begun: HashSet<(&'static str, Keys)>,
    keys: HashMap<(&'static str, Action), Vec<Keys>>,
}

/// One chord, or several one after the other, such as `g g`.
pub type Keys = Vec<Chord>;

/// What the keys so far mean.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    Action(&'static Binding),
    /// A sequence that needs more keys.
    Begun,
    Nothing,
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
        remapped: &BTreeMap<String, Vec<Keys>>,
    ) -> Result<Self, BadKeymap> {
        let mut keymap = Self::default();
        let mut left: Vec<&String> = remapped.keys().collect();
        for (context, table) in contexts {
            for binding in *table {
                let name = format!("{context}.{}", binding.action);
                left.retain(|other| **other != name);
                let keys = match remapped.get(&name) {
                    Some(keys) => keys.clone(),
                    None => {
                        let usual = binding.keys.iter().map(|keys| sequence(keys));
                        usual.collect::<Result<_, ChordError>>()?
                    }
                };
                keymap.bind(context, binding, keys)?;
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
        all: Vec<Keys>,
    ) -> Result<(), BadKeymap> {
        for keys in &all {
            if let Some(other) = self.actions.insert((context, keys.clone()), binding)
                && other.action != binding.action
            {
                return Err(BadKeymap::Twice {
                    chord: written(keys),
                    context,
                    first: other.action,
                    second: binding.action,
                });
            }
            self.begun.extend((1..keys.len()).map(|end| (context, keys[..end].to_vec())));
        }
        self.keys.insert((context, binding.action), all);
        Ok(())
    }

    /// What the keys do in the first of the contexts that knows them.
    pub fn find(&self, contexts: &[&'static str], keys: &[Chord]) -> Meaning {
        for context in contexts {
            let wanted = (*context, keys.to_vec());
            if let Some(binding) = self.actions.get(&wanted) {
                return Meaning::Action(binding);
            }
            if self.begun.contains(&wanted) {
                return Meaning::Begun;
            }
        }
        Meaning::Nothing
    }

    /// The context whose table has the keys.
    pub fn context(&self, contexts: &[&'static str], keys: &[Chord]) -> Option<&'static str> {
        contexts
            .iter()
            .copied()
            .find(|context| self.actions.contains_key(&(*context, keys.to_vec())))
    }

    /// The keys of an action as people write them, the first to be shown.
    pub fn keys(&self, context: &'static str, action: Action) -> Vec<String> {
        let all = self.keys.get(&(context, action)).map_or(&[][..], Vec::as_slice);
        all.iter().map(|keys| written(keys)).collect()
    }

    /// The first keys of an action, short, for hints.
    pub fn hint(&self, context: &'static str, action: Action) -> Option<String> {
        let keys = self.keys.get(&(context, action))?.first()?;
        Some(keys.iter().map(|chord| short(*chord)).collect::<Vec<_>>().join(" "))
    }
}

fn written(keys: &[Chord]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Short, with arrows for arrows.
fn short(chord: Chord) -> String {
    let text = chord.to_string();
    let rest = text.trim_start_matches("ctrl-");
    let short = match rest {
        "left" => "←",
        "right" => "→",
        "up" => "↑",
        "down" => "↓",
        "enter" => "⏎",
        other => other,
    };
    if rest.len() < text.len() { format!("^{short}") } else { short.to_owned() }
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

    fn remapped(name: &str, keys: &[&str]) -> BTreeMap<String, Vec<Keys>> {
        BTreeMap::from([(name.into(), keys.iter().map(|key| sequence(key).unwrap()).collect())])
    }

    fn find(keymap: &Keymap, keys: &str) -> Option<Action> {
        match keymap.find(&["list"], &sequence(keys).unwrap()) {
            Meaning::Action(binding) => Some(binding.action),
            Meaning::Begun => Some("…"),
            Meaning::Nothing => None,
        }
    }

    #[test]
    fn the_configuration_replaces_an_actions_keys() {
        let keymap = Keymap::new(&[("list", TABLE)], &remapped("list.quit", &["ctrl-q"])).unwrap();
        assert_eq!(find(&keymap, "k"), Some("up"));
        assert_eq!(find(&keymap, "q"), None);
        assert_eq!(find(&keymap, "ctrl-q"), Some("quit"));
        assert_eq!(keymap.keys("list", "quit"), ["ctrl-q"]);
    }

    #[test]
    fn sequences_wait_for_their_end() {
        let keymap = Keymap::new(&[("list", TABLE)], &remapped("list.up", &["g g"])).unwrap();
        assert_eq!(find(&keymap, "g"), Some("…"));
        assert_eq!(find(&keymap, "g g"), Some("up"));
        assert_eq!(find(&keymap, "g x"), None);
    }

    #[test]
    fn mistakes_are_named() {
        let make = |name: &str, key: &str| Keymap::new(&[("list", TABLE)], &remapped(name, &[key]));
        let text = |result: Result<Keymap, BadKeymap>| result.unwrap_err().to_string();
        assert!(text(make("lst.quit", "x")).contains("list.quit"));
        assert!(text(make("list.quit", "k")).contains("both"));
    }
}
