//! What the mouse does: to the dialog or screen under it, to the breadcrumbs and to the key bar.

use super::{act, with_top};
use crate::tui::effect::Effect;
use crate::tui::frame;
use crate::tui::screens::SCREENS;
use crate::tui::state::State;
use crate::tui::view::Place;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

pub(super) fn mouse(state: &mut State, event: MouseEvent) -> Vec<Effect> {
    let layered = state.layers.last().map(|view| view.area(state.stage()));
    let area = layered.unwrap_or_else(|| state.body());
    let inside = area.contains((event.column, event.row).into());
    if !inside {
        return match event.kind {
            MouseEventKind::Down(MouseButton::Left) => around(state, event),
            _ => Vec::new(),
        };
    }
    let mut drill = false;
    let effects = with_top(state, |view, scene, out| {
        if !view.mouse(event, area, scene, out) && layered.is_none() {
            drill = view.table().is_some_and(|table| table.mouse(event, area));
        }
    });
    if drill {
        let mut effects = effects;
        effects.extend(with_top(state, |view, scene, out| {
            view.act("drill-in", scene, out);
        }));
        return effects;
    }
    effects
}

/// A click beside the view: a key of the bar is pressed, a breadcrumb is gone to.
fn around(state: &mut State, event: MouseEvent) -> Vec<Effect> {
    if event.row.checked_add(1) == Some(state.window.bottom()) {
        return match frame::hint_at(state, event.column) {
            Some((context, binding)) => act(state, context, binding),
            None => Vec::new(),
        };
    }
    // A dialog is left by its own keys.
    if event.row == state.window.y && state.layers.is_empty() {
        let crumbs = state.breadcrumbs();
        let place = match frame::crumb_at(state, event.column) {
            Some(0) => Some(Place::new(SCREENS[0].name)),
            Some(at) if at + 1 < crumbs.len() => SCREENS
                .iter()
                .find(|screen| screen.parent == crumbs[at] && !screen.keys.is_empty())
                .map(|screen| Place::new(screen.name)),
            _ => None,
        };
        if let Some(place) = place {
            state.open(&place);
        }
    }
    Vec::new()
}
