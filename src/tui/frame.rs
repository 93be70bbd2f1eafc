//! What stands around every screen: the header that says what this is, the hints, the notice.

use super::keymap::Binding;
use super::keys::{self, GLOBAL};
use super::layers::look;
use super::msg::Link;
use super::state::State;
use super::text::{clean, fit, width, wrapped};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

/// Lines of a notice; the rest of a longer one is among the messages.
const NOTICE_LINES: usize = 4;

/// The smallest window that shows anything of use.
pub const LEAST: (u16, u16) = (60, 16);

/// Draws the whole window.
pub fn draw(state: &State, frame: &mut Frame<'_>) {
    paint(state, frame);
    guard(frame.buffer_mut());
}

/// Whatever a view has drawn: no cell steers the terminal, hides its neighbours or takes no place.
fn guard(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.len() == 1 && symbol.as_bytes()[0].is_ascii_graphic() || symbol == " " {
            continue;
        }
        if !(1..=2).contains(&width(symbol)) || clean(symbol) != symbol {
            cell.set_symbol("·");
        }
    }
}

fn paint(state: &State, frame: &mut Frame<'_>) {
    let window = frame.area();
    let buffer = frame.buffer_mut();
    buffer.set_style(window, state.theme.text);
    if window.width < LEAST.0 || window.height < LEAST.1 {
        let (columns, rows) = LEAST;
        let words =
            format!("sagebrush needs {columns}×{rows}; this is {}×{}", window.width, window.height);
        Paragraph::new(words).wrap(Wrap { trim: true }).render(window, buffer);
        return;
    }
    // The terminal has another size already than the one that was settled for; word of it is on its way.
    if window != state.window {
        return;
    }
    header(state, Rect { height: 1, ..window }).render(Rect { height: 1, ..window }, buffer);
    buffer.set_style(Rect { height: 1, ..window }, state.theme.header);
    let scene = state.scene();
    if let Some(screen) = state.screen() {
        screen.draw(frame, state.body(), &scene);
    }
    let body = state.body();
    let strip = Rect {
        y: body.bottom(),
        height: state.tour.height(window).min(window.bottom().saturating_sub(body.bottom())),
        ..window
    };
    state.tour.draw(frame, strip, &scene);
    let last = Rect { y: window.bottom() - 1, height: 1, ..window };
    hints(state, last, frame);
    for layer in &state.layers {
        let area = layer.area(state.stage()).intersection(window);
        frame.render_widget(Clear, area);
        frame.buffer_mut().set_style(area, state.theme.text);
        layer.draw(frame, area, &scene);
    }
    notice(state, frame);
}

/// A dialog's frame; what it returns is the inside.
pub fn dialog(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    hint: &str,
    theme: &super::theme::Theme,
) -> Rect {
    let block = Block::bordered()
        .border_style(theme.focus)
        .border_type(ratatui::widgets::BorderType::Rounded)
        .title(Span::styled(format!(" {} ", clean(title)), theme.title))
        .title_bottom(Line::styled(format!(" {hint} "), theme.dim).right_aligned());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A part of the window in the middle of it: at most so many columns and rows.
pub fn centred(window: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(window.width), rows.min(window.height));
    Rect {
        x: window.x + (window.width - width) / 2,
        y: window.y + (window.height - height) / 2,
        width,
        height,
    }
}

fn header(state: &State, area: Rect) -> Line<'static> {
    let mut right = flags(state);
    right.extend(facts(state));
    right.sort_by_key(|(rank, ..)| *rank);
    let columns = |text: &str| width(text) + 2;
    let all = usize::from(area.width).saturating_sub(1);
    // Where one is makes room for what must be said: what this is, and that it is held.
    let must: usize =
        right.iter().filter(|(rank, ..)| *rank <= MUST).map(|(_, text, _)| columns(text)).sum();
    let left = place(state, all.saturating_sub(must));
    let used: usize = left.iter().map(Span::width).sum();
    let mut room = all.saturating_sub(used);
    // What does not fit goes, the least important first.
    let mut shown: Vec<(u8, String, Style)> = Vec::new();
    for (rank, text, style) in right {
        let text = clean(&text).into_owned();
        if columns(&text) <= room {
            room -= columns(&text);
            shown.push((rank, text, style));
        }
    }
    shown.sort_by_key(|(rank, ..)| POSITION[usize::from(*rank).min(POSITION.len() - 1)]);
    let mut line = left;
    line.push(Span::raw(" ".repeat(room)));
    line.extend(shown.into_iter().map(|(_, text, style)| Span::styled(format!("  {text}"), style)));
    Line::from(line)
}

/// The breadcrumb in that column of the window.
pub fn crumb_at(state: &State, column: u16) -> Option<usize> {
    let mut right = flags(state);
    right.extend(facts(state));
    let must: usize =
        right.iter().filter(|(rank, ..)| *rank <= MUST).map(|(_, text, _)| width(text) + 2).sum();
    let all = usize::from(state.window.width).saturating_sub(1);
    let mut x = usize::from(state.window.x);
    for (at, span) in place(state, all.saturating_sub(must)).iter().enumerate() {
        let here = x..x + span.width();
        x = here.end;
        // After the title, crumbs and arrows by turns.
        if at % 2 == 1 && here.contains(&usize::from(column)) {
            return Some(at / 2);
        }
    }
    None
}

/// The program and where one is, in so many columns: the longest names are cut first.
fn place(state: &State, room: usize) -> Vec<Span<'static>> {
    const TITLE: &str = " sagebrush ";
    const ARROW: &str = " ▸ ";
    let crumbs: Vec<_> = state.breadcrumbs().iter().map(|one| clean(one).into_owned()).collect();
    let mut columns: Vec<usize> = crumbs.iter().map(|crumb| width(crumb).min(40)).collect();
    let arrows = width(ARROW) * crumbs.len().saturating_sub(1);
    let room = room.saturating_sub(width(TITLE) + arrows);
    while columns.iter().sum::<usize>() > room {
        match columns.iter_mut().max() {
            Some(longest) if *longest > LEAST_CRUMB => *longest -= 1,
            _ => break,
        }
    }
    let mut spans = vec![Span::styled(TITLE, state.theme.title)];
    for (index, (crumb, columns)) in crumbs.iter().zip(columns).enumerate() {
        if index > 0 {
            spans.push(Span::raw(ARROW));
        }
        spans.push(Span::raw(fit(crumb, columns).into_owned()));
    }
    spans
}

/// Columns that a name keeps.
const LEAST_CRUMB: usize = 4;

/// Facts up to this rank are always there.
const MUST: u8 = 1;

/// Where a fact stands, by its rank: what it is, what it holds, what it costs, what goes on.
const POSITION: [u8; 8] = [1, 0, 4, 3, 2, 5, 6, 7];

fn flags(state: &State) -> Vec<(u8, String, Style)> {
    let theme = state.theme;
    let mut flags = Vec::new();
    if state.is_frozen() {
        flags.push((1, format!("FROZEN +{}", state.held()), theme.warn));
    } else if state.read_only {
        flags.push((1, "READ-ONLY".to_owned(), theme.warn));
    }
    if state.mirror.dropped() > 0 {
        flags.push((3, format!("dropped {}", state.mirror.dropped()), theme.warn));
    }
    flags
}

fn facts(state: &State) -> Vec<(u8, String, Style)> {
    let theme = state.theme;
    let mirror = &state.mirror;
    let mut facts = Vec::new();
    match &mirror.link {
        Some(Link::Connected { .. }) => {
            let region = mirror.health.get("region").and_then(serde_json::Value::as_str);
            facts.push((0, format!("SIMULATED {}", region.unwrap_or("region")), theme.warn));
        }
        Some(Link::Lost { .. }) => facts.push((0, "no region: reconnecting".into(), theme.bad)),
        Some(Link::Failed { .. }) => facts.push((0, "no region".into(), theme.bad)),
        Some(Link::Untrusted { .. }) => {
            facts.push((0, "not trusted: nothing runs".into(), theme.warn));
        }
        Some(Link::Starting) | None => facts.push((0, "SIMULATED starting…".into(), theme.busy)),
    }
    if let Some(cost) = super::cost::Cost::of(&mirror.cost) {
        facts.push((2, cost.line(), theme.accent));
        if let Some(date) = cost.date {
            facts.push((5, format!("list {date}"), theme.accent));
        }
    }
    if let Some(engine) = super::cost::engine_line(&mirror.engine) {
        facts.push((4, engine, theme.dim));
    }
    facts.push((7, state.scene().clock(state.now), theme.dim));
    if !state.work.is_empty() {
        let dots = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"];
        let turn = usize::try_from(state.now / 150).unwrap_or(0) % dots.len();
        facts.push((6, format!("{} {}", dots[turn], state.work.len()), theme.busy));
    }
    facts
}

/// The notice, in as many lines as it needs, above the key bar: neither hides the other.
fn notice(state: &State, frame: &mut Frame<'_>) {
    let Some(notice) = &state.notice else { return };
    let window = state.window;
    let (mark, style) = look(notice.tone, &state.scene());
    let room = usize::from(window.width.saturating_sub(4));
    let mut lines = wrapped(&clean(&notice.text), room);
    if lines.len() > NOTICE_LINES {
        lines.truncate(NOTICE_LINES);
        let key = state.keymap.hint(GLOBAL, "messages").unwrap_or_default();
        let more = format!(" {key} shows all of it");
        if let Some(last) = lines.last_mut() {
            let room = room.saturating_sub(width(&more) + 1);
            *last = format!("{}…{more}", fit(last, room).trim_end_matches('…'));
        }
    }
    let height = u16::try_from(lines.len()).unwrap_or(1);
    // Above the demo's strip too, which says what to do.
    let bottom = state.body().bottom();
    let area = Rect { y: bottom.saturating_sub(height), height: height.min(bottom), ..window };
    frame.render_widget(Clear, area);
    frame.buffer_mut().set_style(area, state.theme.header);
    for (at, line) in lines.iter().enumerate().take(usize::from(area.height)) {
        let mark = if at == 0 { mark } else { " " };
        let line = Line::styled(format!(" {mark} {line}"), style);
        frame.render_widget(line, Rect { y: area.y + at as u16, height: 1, ..area });
    }
}

/// A key of the bar: where it stands, its context, what it does, how it is written.
struct Hint {
    x: u16,
    columns: u16,
    context: &'static str,
    binding: &'static Binding,
    key: String,
}

fn hints_of(state: &State) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    let mut used = 1;
    let contexts = super::update::contexts(state);
    for context in contexts.into_iter().filter(|context| *context != keys::GO) {
        for binding in keys::table(context).iter().filter(|binding| !binding.hint.is_empty()) {
            let Some(key) = state.keymap.hint(context, binding.action) else { continue };
            let said = hints.iter().any(|hint| hint.binding.hint == binding.hint);
            if said || (context == GLOBAL && !state.layers.is_empty()) {
                continue;
            }
            let columns = width(&key) + width(binding.hint) + 3;
            if used + columns > usize::from(state.window.width) {
                break;
            }
            let (x, columns) = (used as u16, columns as u16);
            hints.push(Hint { x, columns, context, binding, key });
            used += usize::from(columns);
        }
    }
    hints
}

/// The key of the bar in that column of the window.
pub fn hint_at(state: &State, column: u16) -> Option<(&'static str, &'static Binding)> {
    let column = column.saturating_sub(state.window.x);
    let hints = hints_of(state);
    let hit = hints.iter().find(|hint| (hint.x..hint.x + hint.columns - 2).contains(&column));
    hit.map(|hint| (hint.context, hint.binding))
}

fn hints(state: &State, area: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let mut spans = vec![Span::raw(" ")];
    for hint in hints_of(state) {
        // In read-only mode keys that change something are there, but dead.
        let dead = hint.binding.changes && state.read_only;
        spans.push(Span::styled(hint.key, if dead { theme.off } else { theme.key }));
        let words = format!(" {}  ", hint.binding.hint);
        spans.push(Span::styled(words, if dead { theme.off } else { theme.dim }));
    }
    frame.render_widget(Line::from(spans), area);
}

#[cfg(test)]
mod tests;
