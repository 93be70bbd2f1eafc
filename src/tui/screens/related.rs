//! What a resource stands on and what stands on it, as a list that one can walk: Enter goes there.

use crate::tui::mirror::{Mirror, noun};
use crate::tui::row::Row;
use crate::tui::status::mood;
use crate::tui::text::{clean, fit, pad};
use crate::tui::view::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use std::sync::Arc;

/// Steps that are followed in either direction.
const STEPS: usize = 4;
/// Relations that are listed; a model that a thousand configurations name says so.
const MOST: usize = 200;

/// A relation: how far away, which way, and what.
#[derive(Clone, Debug)]
struct Relation {
    depth: usize,
    row: Arc<Row>,
}

#[derive(Default)]
pub(super) struct Related {
    below: Vec<Relation>,
    above: Vec<Relation>,
    cursor: usize,
}

impl Related {
    pub(super) fn settle(&mut self, row: &Row, mirror: &Mirror) {
        self.below.clear();
        self.above.clear();
        walk(row, 0, &mut self.below, &|row| mirror.needs(row));
        walk(row, 0, &mut self.above, &|row| mirror.users(row));
        self.cursor = self.cursor.min(self.len().saturating_sub(1));
    }

    fn len(&self) -> usize {
        self.below.len() + self.above.len()
    }

    pub(super) fn step(&mut self, by: i64) {
        let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        let last = self.len().saturating_sub(1);
        self.cursor = if by < 0 {
            self.cursor.saturating_sub(step)
        } else {
            self.cursor.saturating_add(step).min(last)
        };
    }

    /// What is under the cursor.
    pub(super) fn chosen(&self) -> Option<&Arc<Row>> {
        self.above.iter().chain(&self.below).nth(self.cursor).map(|relation| &relation.row)
    }

    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let mut lines: Vec<(Option<usize>, Line<'static>)> = Vec::new();
        let columns = usize::from(area.width);
        for (title, relations, first, empty) in [
            (" Used by", &self.above, 0, "nobody"),
            (" Stands on", &self.below, self.above.len(), "nothing that is here"),
        ] {
            lines.push((None, Line::styled(title, scene.theme.title)));
            if relations.is_empty() {
                lines.push((None, Line::styled(format!("   {empty}"), scene.theme.dim)));
            }
            for (at, relation) in relations.iter().enumerate() {
                let index = first + at;
                lines
                    .push((Some(index), self.line(relation, index == self.cursor, columns, scene)));
            }
            lines.push((None, Line::default()));
        }
        // The cursor is always among what is seen.
        let height = usize::from(area.height);
        let here = lines.iter().position(|(index, _)| *index == Some(self.cursor)).unwrap_or(0);
        let top = (here + 2).saturating_sub(height).min(lines.len().saturating_sub(height));
        for (line, y) in lines.into_iter().skip(top).zip(area.top()..area.bottom()) {
            line.1.render(Rect { y, height: 1, ..area }, buffer);
        }
    }

    fn line(
        &self,
        relation: &Relation,
        here: bool,
        columns: usize,
        scene: &Scene<'_>,
    ) -> Line<'static> {
        let theme = scene.theme;
        let row = &relation.row;
        let status = match row.kind.as_str() {
            crate::domain::kind::MODEL_PACKAGE => row.text("ModelApprovalStatus"),
            _ => &row.status,
        };
        let mark = if here { "▌ " } else { "  " };
        let indent = "  ".repeat(relation.depth);
        let style = if here { theme.selected } else { theme.accent };
        let name = fit(&clean(&row.name), columns / 2).into_owned();
        let mut spans = vec![
            Span::styled(mark, theme.focus),
            Span::raw(format!("{indent}{}", if relation.depth == 0 { "" } else { "└ " })),
            Span::styled(pad(noun(&row.kind), 14), theme.dim),
            Span::styled(name, style),
        ];
        if !status.is_empty() {
            let mood = mood(status);
            spans.push(Span::styled(format!("  {} {status}", mood.mark()), mood.style(theme)));
        }
        Line::from(spans)
    }
}

fn walk(row: &Row, depth: usize, found: &mut Vec<Relation>, next: &dyn Fn(&Row) -> Vec<Arc<Row>>) {
    if depth >= STEPS {
        return;
    }
    for row in next(row) {
        let known =
            found.iter().any(|known| known.row.kind == row.kind && known.row.name == row.name);
        if known || found.len() >= MOST {
            continue;
        }
        found.push(Relation { depth, row: Arc::clone(&row) });
        walk(&row, depth + 1, found, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind;
    use crate::tui::testing;
    use crate::tui::view::Place;

    #[test]
    fn the_whole_way_stands_there_in_both_directions() {
        let state = testing::with_region((80, 24), Place::new("models"));
        let mut related = Related::default();
        related.settle(&testing::row(kind::MODEL, "iris-live-blue"), &state.mirror);
        let kinds: Vec<&str> = related.above.iter().map(|one| one.row.kind.as_str()).collect();
        assert_eq!(kinds, [kind::ENDPOINT_CONFIG, kind::ENDPOINT]);
        let names: Vec<&str> = related.below.iter().map(|one| one.row.name.as_str()).collect();
        assert_eq!(names, ["iris/1", "blue", "iris"]);
        related.step(100);
        assert_eq!(related.chosen().unwrap().name, "iris");
        related.step(-100);
        assert_eq!(related.chosen().unwrap().kind, kind::ENDPOINT_CONFIG);
    }
}
