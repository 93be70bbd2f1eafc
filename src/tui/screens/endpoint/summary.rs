//! The lines at the top: what state the endpoint is in, what it does in all, what traffic of one's
//! own runs, and large why it failed.

use crate::tui::columns;
use crate::tui::format;
use crate::tui::mirror::live::Watched;
use crate::tui::msg::Load;
use crate::tui::row::Row;
use crate::tui::status::mood;
use crate::tui::text::{clean, fit, width};
use crate::tui::view::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Wrap};

/// Seconds after which numbers are called old.
const OLD: f64 = 3.0;

/// What state it is in.
pub(super) fn state(
    name: &str,
    row: Option<&Row>,
    watched: Option<&Watched>,
    columns: usize,
    scene: &Scene<'_>,
) -> Line<'static> {
    let theme = scene.theme;
    let mut spans = vec![Span::styled(format!(" {}", clean(name)), theme.accent)];
    let Some(row) = row else {
        let (words, style) = if scene.mirror.ready {
            ("  ✖ there is no such endpoint", theme.bad)
        } else {
            ("  ◐ looking for it", theme.busy)
        };
        spans.push(Span::styled(words, style));
        return Line::from(spans);
    };
    let mood = mood(&row.status);
    spans
        .push(Span::styled(format!("  {} {}", mood.mark(), clean(&row.status)), mood.style(theme)));
    let mut facts: Vec<(String, Style)> = Vec::new();
    let now = scene.now as f64 / 1000.0;
    match watched {
        Some(watched) if watched.ended.is_none() => {
            let rates = watched.rates(now);
            facts.push((format::rate(rates.requests), theme.accent));
            if rates.errors() > 0.0 {
                facts.push((format!("✖ {} errors", format::rate(rates.errors())), theme.bad));
            }
            if now - watched.at > OLD {
                let ago = columns::age(watched.at, scene);
                facts.push((format!("▲ numbers of {ago} ago"), theme.warn));
            }
        }
        _ => facts.push(("no live numbers yet".into(), theme.dim)),
    }
    facts.push((format!("config {}", clean(row.text("EndpointConfigName"))), theme.dim));
    if let Some(account) = scene.mirror.bill.endpoint(&row.name) {
        let more = if account.hourly.unpriced > 0 { " and more" } else { "" };
        facts.push((format!("{}/h{more}", format::money(Some(account.hourly.known))), theme.dim));
    }
    facts.push((format!("changed {} ago", columns::age(row.modified, scene)), theme.dim));
    let mut used: usize = spans.iter().map(Span::width).sum();
    for (text, style) in facts {
        used += width(&text) + 3;
        if used > columns {
            break;
        }
        spans.push(Span::styled(" · ", theme.faint));
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// What traffic of one's own runs or has run; `None` without any.
pub(super) fn load(of: &Load, columns: usize, scene: &Scene<'_>) -> Option<Line<'static>> {
    let theme = scene.theme;
    if !of.running && of.requests == 0 && of.last_error.is_none() {
        return None;
    }
    let mut spans = vec![match of.running {
        true => Span::styled(" ▶ own traffic ", theme.busy),
        false => Span::styled(" ■ own traffic, ended ", theme.off),
    }];
    spans.push(Span::styled(format::counted(of.requests, "request"), theme.text));
    if of.errors > 0 {
        spans.push(Span::styled(format!("  ✖ {} failed", format::count(of.errors)), theme.bad));
    }
    for (index, (variant, right, checked)) in of.correct.iter().enumerate() {
        let share = *right as f64 / (*checked).max(1) as f64;
        let before = if index == 0 { "  right: " } else { ", " };
        spans.push(Span::styled(before, theme.dim));
        let text = format!("{} {}", clean(variant), format::percent(share));
        spans.push(Span::styled(text, theme.accent));
        spans.push(Span::styled(format!(" of {}", format::counted(*checked, "row")), theme.dim));
    }
    if let Some(error) = &of.last_error {
        spans.push(Span::styled(format!("  {}", clean(error)), theme.bad));
    }
    let mut used = 0;
    spans.retain_mut(|span| {
        let room = columns.saturating_sub(used);
        if span.width() > room {
            span.content = fit(&span.content, room).into_owned().into();
        }
        used += span.width();
        room > 0
    });
    Some(Line::from(spans))
}

/// Why it failed, so that nobody overlooks it.
pub(super) fn failure(why: &str, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    let block = Block::bordered()
        .border_type(BorderType::Thick)
        .border_style(theme.bad)
        .title(Span::styled(" ✖ Failed ", theme.bad));
    let words: Vec<Line<'_>> =
        why.lines().map(|line| Line::styled(clean(line).into_owned(), theme.bad)).collect();
    let paragraph = Paragraph::new(words).wrap(Wrap { trim: true }).block(block);
    frame.render_widget(paragraph, area);
}
