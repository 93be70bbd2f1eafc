//! What the common keys do to what is marked or under the cursor.

use crate::domain::words::counted;
use crate::tui::consequence;
use crate::tui::effect::Effect;
use crate::tui::layers::{Code, Confirm, Document};
use crate::tui::mirror::noun;
use crate::tui::row::Row;
use crate::tui::screens;
use crate::tui::state::State;
use crate::tui::update::with_top;
use crate::tui::view::{Outbox, Tone, View};
use std::sync::Arc;

pub(super) fn act(state: &mut State, action: &str) -> Vec<Effect> {
    let subjects = state.top().map(View::subjects).unwrap_or_default();
    let Some(first) = subjects.first() else { return Vec::new() };
    let listed = |text: fn(&Row) -> &str| -> String {
        subjects.iter().map(|row| text(row)).collect::<Vec<_>>().join("\n")
    };
    match action {
        "describe" => {
            let at = under_cursor(state);
            state.put_over(Box::new(Document::of_row(at.as_ref().unwrap_or(first))));
        }
        "code" => state.put_over(Box::new(Code::of_rows(&subjects))),
        "copy-name" => return copied(state, listed(|row| &row.name)),
        "copy-row" => {
            let mut out = None;
            with_top(state, |view, scene, _| {
                out = view.table().map(|table| table.subjects_text(scene));
            });
            return out.map(|text| copied(state, text)).unwrap_or_default();
        }
        "copy-arn" => return copied(state, listed(|row| &row.arn)),
        "copy-json" => {
            let bodies: Vec<_> = subjects.iter().map(|row| &row.body).collect();
            let text = match bodies.as_slice() {
                [one] => serde_json::to_string_pretty(one),
                many => serde_json::to_string_pretty(many),
            };
            return copied(state, text.unwrap_or_default());
        }
        "edit" => {
            let at = under_cursor(state);
            let row = at.as_ref().unwrap_or(first);
            let text = serde_json::to_string_pretty(&row.body).unwrap_or_default();
            state.tickets += 1;
            let (ticket, suffix) = (state.tickets, ".json".to_owned());
            return vec![Effect::Edit { ticket, suffix, text }];
        }
        "delete" => match screens::deletion(&subjects) {
            Ok(words) => {
                let names = subjects.iter().map(|row| affected(row, state)).collect();
                let what = noun(&first.kind);
                let question = match subjects.len() as u64 {
                    1 => format!("Delete this {what}?"),
                    many => format!("Delete these {}?", counted(many, what)),
                };
                let mut out = Outbox::from(state.tickets);
                out.run(words);
                state.tickets = out.last_ticket();
                state.put_over(Box::new(Confirm::new(question, names, out.effects)));
            }
            Err(why) => state.say(Tone::Info, why),
        },
        _ => {}
    }
    Vec::new()
}

/// The name, and what it does at this moment.
fn affected(row: &Row, state: &State) -> String {
    match consequence::of(row, &state.mirror, state.now) {
        Some(what) => format!("{}: {what}", row.name),
        None => row.name.clone(),
    }
}

/// What is looked at alone, whatever is marked: as the region has it, without what a table derives.
fn under_cursor(state: &mut State) -> Option<Arc<Row>> {
    let mut at = None;
    with_top(state, |view, _, _| at = view.table().and_then(|table| table.row().cloned()));
    let at = at?;
    Some(state.mirror.row(&at.kind, &at.name).cloned().unwrap_or(at))
}

fn copied(state: &mut State, text: String) -> Vec<Effect> {
    let lines = text.lines().count();
    let what = if lines == 1 { text.clone() } else { counted(lines as u64, "line") };
    state.say(Tone::Good, format!("Copied {what}"));
    vec![Effect::Copy(text)]
}
