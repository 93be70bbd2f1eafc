//! A JSON value as rows that fold. Nodes lie in the order of reading, each knowing where its subtree
//! ends, so that skipping a folded one is a jump and a megabyte of document is rebuilt in a
//! millisecond or two.

use super::scalar;
use super::spans::{Role, Span};
use crate::domain::words::counted;
use serde_json::Value;
use std::collections::HashSet;

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
    Yaml,
}

#[derive(Debug)]
struct Node {
    parent: usize,
    depth: usize,
    key: Key,
    leaf: Leaf,
    /// One past the last node below it.
    end: usize,
}

#[derive(Debug, PartialEq)]
enum Key {
    Root,
    Member(Box<str>),
    Item(usize),
}

#[derive(Debug)]
enum Leaf {
    Text(Box<str>),
    Number(Box<str>),
    Word(&'static str),
    Object(usize),
    List(usize),
}

/// One row on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    node: usize,
    part: Part,
    /// List items that begin on this row (YAML's `- - `).
    dashes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Open,
    Close,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    folded: Vec<bool>,
    rows: Vec<Row>,
    format: Format,
}

impl Tree {
    pub(super) fn new(value: &Value, format: Format) -> Self {
        let mut nodes = Vec::new();
        grow(&mut nodes, value, Key::Root, 0, 0);
        let folded = vec![false; nodes.len()];
        let mut tree = Self { nodes, folded, rows: Vec::new(), format };
        tree.lay();
        tree
    }

    /// The same view of a newer value: what is folded stays so as far as it still exists.
    pub(super) fn update(&mut self, value: &Value) {
        let folded: HashSet<String> =
            (0..self.nodes.len()).filter(|at| self.folded[*at]).map(|at| self.path(at)).collect();
        let mut next = Self::new(value, self.format);
        if !folded.is_empty() {
            for at in 0..next.nodes.len() {
                next.folded[at] = next.is_container(at) && folded.contains(&next.path(at));
            }
            next.lay();
        }
        *self = next;
    }

    pub(super) fn set_format(&mut self, format: Format) {
        self.format = format;
        self.lay();
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn node_at(&self, row: usize) -> usize {
        self.rows.get(row).map_or(0, |row| row.node)
    }

    /// The first row of a node, or of what hides it.
    pub(super) fn row_of(&self, node: usize) -> usize {
        let shown = self.rows.iter().position(|row| row.node == node);
        // YAML shows an opened item by its first member alone.
        shown.or_else(|| self.rows.iter().position(|row| row.node > node)).unwrap_or(0)
    }

    fn lay(&mut self) {
        self.rows = self.laid(0, &self.folded);
    }

    fn laid(&self, from: usize, folded: &[bool]) -> Vec<Row> {
        match self.format {
            Format::Json => self.lay_json(from, folded),
            Format::Yaml => self.lay_yaml(from, folded),
        }
    }

    fn lay_json(&self, from: usize, folded: &[bool]) -> Vec<Row> {
        let end = self.nodes[from].end;
        let mut rows = Vec::with_capacity(end - from);
        let mut open: Vec<usize> = Vec::new();
        let mut at = from;
        while at < end {
            while let Some(done) = open.pop_if(|node| self.nodes[*node].end <= at) {
                rows.push(Row { node: done, part: Part::Close, dashes: 0 });
            }
            if self.opens(at, folded) {
                rows.push(Row { node: at, part: Part::Open, dashes: 0 });
                open.push(at);
                at += 1;
            } else {
                rows.push(Row { node: at, part: Part::Whole, dashes: 0 });
                at = self.nodes[at].end;
            }
        }
        let closed = open.into_iter().rev();
        rows.extend(closed.map(|node| Row { node, part: Part::Close, dashes: 0 }));
        rows
    }

    fn lay_yaml(&self, from: usize, folded: &[bool]) -> Vec<Row> {
        let end = self.nodes[from].end;
        let mut rows = Vec::with_capacity(end - from);
        let mut dashes = 0;
        let mut at = from;
        while at < end {
            let node = &self.nodes[at];
            let top = at == from;
            if matches!(node.key, Key::Item(_)) && !top {
                dashes += 1;
            }
            let opens = self.opens(at, folded);
            if !(opens && (top || matches!(node.key, Key::Item(_)))) {
                let part = if opens { Part::Open } else { Part::Whole };
                rows.push(Row { node: at, part, dashes });
                dashes = 0;
            }
            at = if opens { at + 1 } else { node.end };
        }
        rows
    }

    fn is_container(&self, at: usize) -> bool {
        matches!(self.nodes[at].leaf, Leaf::Object(_) | Leaf::List(_))
    }

    /// Whether rows of its own follow for what is inside.
    fn opens(&self, at: usize, folded: &[bool]) -> bool {
        !folded.get(at).copied().unwrap_or(false)
            && matches!(self.nodes[at].leaf, Leaf::Object(1..) | Leaf::List(1..))
    }
}

fn grow(nodes: &mut Vec<Node>, value: &Value, key: Key, parent: usize, depth: usize) {
    let at = nodes.len();
    let leaf = match value {
        Value::Null => Leaf::Word("null"),
        Value::Bool(true) => Leaf::Word("true"),
        Value::Bool(false) => Leaf::Word("false"),
        Value::Number(number) => Leaf::Number(number.to_string().into()),
        Value::String(text) => Leaf::Text(text.as_str().into()),
        Value::Array(items) => Leaf::List(items.len()),
        Value::Object(object) => Leaf::Object(object.len()),
    };
    nodes.push(Node { parent, depth, key, leaf, end: at + 1 });
    match value {
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                grow(nodes, item, Key::Item(place), at, depth + 1);
            }
        }
        Value::Object(object) => {
            for (name, member) in object {
                grow(nodes, member, Key::Member(name.as_str().into()), at, depth + 1);
            }
        }
        _ => {}
    }
    nodes[at].end = nodes.len();
}

/// Folding and finding.
impl Tree {
    /// Folds or unfolds what the row shows, or folds what the row is in; returns the row to be at.
    pub(super) fn toggle(&mut self, row: usize) -> usize {
        let mut node = self.node_at(row);
        let empty = self.nodes[node].end == node + 1;
        if !self.is_container(node) || (empty && !self.folded[node]) {
            node = self.nodes[node].parent;
        }
        if self.is_container(node) {
            self.folded[node] = !self.folded[node];
            self.lay();
        }
        self.row_of(node)
    }

    /// Folds everything but the outermost value.
    pub(super) fn fold_all(&mut self) {
        for at in 1..self.nodes.len() {
            self.folded[at] = matches!(self.nodes[at].leaf, Leaf::Object(1..) | Leaf::List(1..));
        }
        self.lay();
    }

    pub(super) fn unfold_all(&mut self) {
        self.folded.fill(false);
        self.lay();
    }

    /// Opens all folds around a node and returns its row.
    pub(super) fn reveal(&mut self, node: usize) -> usize {
        let mut at = node;
        let mut changed = false;
        while at != 0 {
            at = self.nodes[at].parent;
            changed |= std::mem::take(&mut self.folded[at]);
        }
        if changed {
            self.lay();
        }
        self.row_of(node)
    }

    /// Nodes whose name or scalar is found.
    pub(super) fn find(&self, found: impl Fn(&str) -> bool) -> Vec<usize> {
        let hit = |node: &Node| {
            let key = matches!(&node.key, Key::Member(name) if found(name));
            key || match &node.leaf {
                Leaf::Text(text) | Leaf::Number(text) => found(text),
                Leaf::Word(word) => found(word),
                Leaf::Object(_) | Leaf::List(_) => false,
            }
        };
        (0..self.nodes.len()).filter(|at| hit(&self.nodes[*at])).collect()
    }

    /// The node's JSON path: `$.ProductionVariants[0].ModelName`.
    pub(super) fn path(&self, node: usize) -> String {
        let mut keys = Vec::new();
        let mut at = node;
        while at != 0 {
            keys.push(&self.nodes[at].key);
            at = self.nodes[at].parent;
        }
        let mut path = "$".to_owned();
        for key in keys.into_iter().rev() {
            match key {
                Key::Member(name) if is_identifier(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Key::Member(name) => {
                    let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
                    path.push_str("['");
                    path.push_str(&quoted);
                    path.push_str("']");
                }
                Key::Item(place) => path.push_str(&format!("[{place}]")),
                Key::Root => {}
            }
        }
        path
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Rows as text.
impl Tree {
    /// The row in styled pieces. Strings are cut after `limit` characters, which are then out of
    /// sight anyhow.
    pub(super) fn spans(&self, row: usize, limit: usize) -> Vec<Span> {
        let Some(row) = self.rows.get(row) else { return Vec::new() };
        self.written(*row, 0, &self.folded, limit)
    }

    /// `Some(true)` for a folded row, `Some(false)` for one that could be folded.
    pub(super) fn fold_mark(&self, row: usize) -> Option<bool> {
        let row = self.rows.get(row)?;
        match row.part {
            Part::Open => Some(false),
            Part::Whole if self.folded[row.node] && self.nodes[row.node].end > row.node + 1 => {
                Some(true)
            }
            _ => None,
        }
    }

    /// The node's subtree as text in the format shown, without folds; a scalar string just as it is.
    pub(super) fn text_of(&self, node: usize) -> String {
        if let Leaf::Text(text) = &self.nodes[node].leaf {
            return text.to_string();
        }
        let mut out = String::new();
        for row in self.laid(node, &[]) {
            for span in self.written(row, node, &[], usize::MAX) {
                out.push_str(&span.text);
            }
            out.push('\n');
        }
        out
    }

    /// A row of the subtree under `top`, which itself is written without its key.
    fn written(&self, row: Row, top: usize, folded: &[bool], limit: usize) -> Vec<Span> {
        let mut spans = Vec::with_capacity(6);
        match self.format {
            Format::Json => self.write_json(row, top, folded, limit, &mut spans),
            Format::Yaml => self.write_yaml(row, top, folded, limit, &mut spans),
        }
        spans
    }

    fn write_json(&self, row: Row, top: usize, folded: &[bool], limit: usize, out: &mut Vec<Span>) {
        let node = &self.nodes[row.node];
        out.push(Span::new("  ".repeat(node.depth - self.nodes[top].depth), Role::Text));
        if let (Key::Member(name), true) = (&node.key, row.part != Part::Close && row.node != top) {
            out.push(Span::new(scalar::json(name), Role::Member));
            out.push(Span::new(": ", Role::Faint));
        }
        let braces = if matches!(node.leaf, Leaf::Object(_)) { ("{", "}") } else { ("[", "]") };
        match (row.part, &node.leaf) {
            (Part::Open, _) => out.push(Span::new(braces.0, Role::Faint)),
            (Part::Close, _) => out.push(Span::new(braces.1, Role::Faint)),
            (_, Leaf::Object(0) | Leaf::List(0)) => {
                out.push(Span::new(format!("{}{}", braces.0, braces.1), Role::Faint));
            }
            (_, Leaf::Object(_) | Leaf::List(_)) => {
                out.push(Span::new(format!("{} ", braces.0), Role::Faint));
                out.push(Span::new(self.summary(row.node), Role::Comment));
                out.push(Span::new(format!(" {}", braces.1), Role::Faint));
            }
            (_, Leaf::Text(text)) => {
                out.push(Span::new(scalar::json(cut(text, limit)), Role::String));
            }
            (_, Leaf::Number(number)) => out.push(Span::new(&**number, Role::Number)),
            (_, Leaf::Word(word)) => out.push(Span::new(*word, Role::Keyword)),
        }
        let closes = row.part == Part::Close || !self.opens(row.node, folded);
        if closes && row.node != top && node.end != self.nodes[node.parent].end {
            out.push(Span::new(",", Role::Faint));
        }
    }

    fn write_yaml(&self, row: Row, top: usize, folded: &[bool], limit: usize, out: &mut Vec<Span>) {
        let node = &self.nodes[row.node];
        let levels = (node.depth - self.nodes[top].depth).saturating_sub(1);
        // A dash takes the place of the indentation of what follows it.
        let item = usize::from(matches!(node.key, Key::Item(_)) && row.node != top);
        let outer = (levels + item).saturating_sub(row.dashes);
        out.push(Span::new("  ".repeat(outer), Role::Text));
        if row.dashes > 0 {
            out.push(Span::new("- ".repeat(row.dashes), Role::Faint));
        }
        if let (Key::Member(name), true) = (&node.key, row.node != top) {
            let key = scalar::yaml(name);
            // A key that stands before its colon may have 1,024 characters.
            if key.len() > 1000 {
                out.push(Span::new("? ", Role::Faint));
                out.push(Span::new(key, Role::Member));
                out.push(Span::new(format!("\n{}", "  ".repeat(levels)), Role::Text));
            } else {
                out.push(Span::new(key, Role::Member));
            }
            out.push(Span::new(if row.part == Part::Open { ":" } else { ": " }, Role::Faint));
        }
        let open = self.opens(row.node, folded);
        out.extend(match &node.leaf {
            Leaf::Object(0) => Some(Span::new("{}", Role::Faint)),
            Leaf::List(0) => Some(Span::new("[]", Role::Faint)),
            Leaf::Object(_) | Leaf::List(_) if open => None,
            Leaf::Object(_) | Leaf::List(_) => {
                Some(Span::new(self.summary(row.node), Role::Comment))
            }
            Leaf::Text(text) => Some(Span::new(scalar::yaml(cut(text, limit)), Role::String)),
            Leaf::Number(number) => Some(Span::new(scalar::yaml_number(number), Role::Number)),
            Leaf::Word(word) => Some(Span::new(*word, Role::Keyword)),
        });
    }

    /// What a fold hides.
    fn summary(&self, at: usize) -> String {
        match self.nodes[at].leaf {
            Leaf::Object(count) => format!("… {}", counted(count as u64, "member")),
            Leaf::List(count) => format!("… {}", counted(count as u64, "item")),
            _ => String::new(),
        }
    }
}

/// Only what is very long is cut, since how a string is quoted depends on all of it.
fn cut(text: &str, limit: usize) -> &str {
    let limit = limit.max(4096);
    if text.len() <= limit {
        return text;
    }
    text.char_indices().nth(limit).map_or(text, |(at, _)| &text[..at])
}
