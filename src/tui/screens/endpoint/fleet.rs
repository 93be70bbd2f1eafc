//! The instances with their health checks, and the deployment that replaces one fleet by another.

use super::variant::{self, Variant};
use crate::domain::words::counted;
use crate::tui::columns;
use crate::tui::format;
use crate::tui::mirror::live::{Deployment, Instance, Ping, Watched};
use crate::tui::text::{clean, fit, pad};
use crate::tui::theme::Theme;
use crate::tui::view::Scene;
use crate::tui::widgets::legend;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Pings shown at most.
const PINGS: usize = 20;
/// Ended instances shown at most.
const ENDED: usize = 6;

/// An instance's mark by its state; none is told by colour alone.
fn state(of: &Instance, theme: &Theme) -> (&'static str, Style) {
    match of.state.as_str() {
        "in service" => ("●", theme.good),
        "starting" => ("◌", theme.busy),
        "unhealthy" => ("▲", theme.warn),
        "stopping" => ("◐", theme.busy),
        "ended" => ("✖", theme.off),
        _ => ("·", theme.dim),
    }
}

/// `●●◌`: a mark for each, as many as fit.
pub(super) fn marks(instances: &[Instance], columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let shown = if instances.len() > columns { columns.saturating_sub(2) } else { columns };
    let mark = |one| {
        let (mark, style) = state(one, theme);
        Span::styled(mark, style)
    };
    let mut spans: Vec<_> = instances.iter().take(shown).map(mark).collect();
    if instances.len() > shown {
        spans.push(Span::styled(format!("+{}", instances.len() - shown), theme.dim));
    }
    spans
}

/// All that live, in the order in which they are listed, with the name of their variant.
pub(super) fn listed(watched: &Watched) -> impl Iterator<Item = (&str, &Instance)> {
    let variants = watched.variants.iter();
    variants.flat_map(|one| one.instances.iter().map(|instance| (one.name.as_str(), instance)))
}

/// The pane.
pub(super) fn draw(
    watched: Option<&Watched>,
    variants: &[Variant],
    selected: Option<usize>,
    frame: &mut Frame<'_>,
    area: Rect,
    scene: &Scene<'_>,
) {
    let theme = scene.theme;
    let Some(watched) = watched else {
        let words = "No instance is known yet; they show here as soon as they start";
        return frame.render_widget(Line::styled(words, theme.dim), area);
    };
    let columns = usize::from(area.width);
    let mut lines = Vec::new();
    match (&watched.deployment, &watched.last_deployment) {
        (Some(deployment), _) => lines.extend(deploying(deployment, watched, columns, scene)),
        (None, Some(last)) => lines.push(deployed(last, columns, scene)),
        _ => {}
    }
    let before = lines.len();
    for (number, (variant, one)) in listed(watched).enumerate() {
        let series = variant::series(variants, variant);
        let deploying = watched.deployment.is_some();
        let selected = selected == Some(number);
        lines.push(line((series, variant), one, (selected, deploying), columns, scene));
    }
    if lines.len() == before {
        lines.push(Line::styled("no instance runs", theme.dim));
    }
    let ended = watched.variants.iter();
    let ended = ended.flat_map(|one| one.ended.iter().map(|gone| (one.name.as_str(), gone)));
    for (variant, one) in ended.take(ENDED) {
        lines.push(gone(variant, one, columns, scene));
    }
    // What is selected stays in sight.
    let at = selected.map_or(0, |selected| before + selected + 1);
    let scroll = at.saturating_sub(usize::from(area.height.max(1)));
    let scroll = u16::try_from(scroll).unwrap_or(u16::MAX);
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), area);
}

fn line(
    (series, name): (usize, &str),
    one: &Instance,
    (selected, deploying): (bool, bool),
    columns: usize,
    scene: &Scene<'_>,
) -> Line<'static> {
    let theme = scene.theme;
    let (mark, style) = state(one, theme);
    let mut spans = vec![
        Span::styled(if selected { "▌" } else { " " }, theme.focus),
        Span::styled(format!("{mark} "), style),
        Span::styled(pad(&clean(&one.id), 12), theme.text),
        Span::styled(
            format!(" {} {}", legend::mark(series), pad(&clean(name), 8)),
            theme.series(series),
        ),
        Span::styled(format!(" {}", pad(&clean(&one.state), 11)), style),
    ];
    if deploying {
        let style = if one.fleet == "new" { theme.accent } else { theme.dim };
        spans.push(Span::styled(pad(&clean(&one.fleet), 5), style));
    }
    if columns >= 58 {
        spans.push(Span::styled(pad(&columns::age(one.since, scene), 7), theme.dim));
    }
    if columns >= 74 {
        let text = format!("{} in flight", one.in_flight);
        spans.push(Span::styled(pad(&text, 13), theme.dim));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let took = one.pings.last().filter(|ping| ping.outcome == "ok").map(|ping| ping.took_us);
    // Both are as wide whatever they say, so that they stand below each other.
    let took = took.map(|took| format::micros(took as f64)).unwrap_or_default();
    let took = format!(" {took:>7}");
    let room = columns.saturating_sub(used + took.chars().count()).min(PINGS);
    spans.extend(pings(&one.pings, room, theme));
    spans.push(Span::styled(took, theme.dim));
    if one.restarts > 0 && columns >= 96 {
        spans.push(Span::styled(format!("  restarted {}×", one.restarts), theme.warn));
    }
    let line = Line::from(spans);
    if selected { line.style(theme.selected) } else { line }
}

/// The last health checks: how long each took by height, what failed by shape.
fn pings(all: &[Ping], room: usize, theme: &Theme) -> Vec<Span<'static>> {
    const EIGHTHS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let shown = &all[all.len().saturating_sub(room)..];
    let one = |ping: &Ping| match ping.outcome.as_str() {
        "ok" => {
            // A tenth of a millisecond is low, two seconds (AWS's patience) is full.
            let level = ((ping.took_us.max(1) as f64).log10() - 2.0) / 4.3 * 8.0;
            Span::styled(EIGHTHS[(level.max(0.0) as usize).min(7)], theme.good)
        }
        "silent" => Span::styled("○", theme.bad),
        _ => Span::styled("✖", theme.bad),
    };
    let before = Span::raw(" ".repeat(room.saturating_sub(shown.len())));
    std::iter::once(before).chain(shown.iter().map(one)).collect()
}

fn gone(name: &str, one: &Instance, columns: usize, scene: &Scene<'_>) -> Line<'static> {
    let why = one.why.as_deref().unwrap_or("it was stopped");
    let ago = columns::age(one.since, scene);
    let text =
        format!(" ✖ {} {} ended {ago} ago: {}", pad(&clean(&one.id), 12), clean(name), clean(why));
    Line::styled(fit(&text, columns).into_owned(), scene.theme.off)
}

fn deployed(last: &Deployment, columns: usize, scene: &Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let ago = columns::age(last.ended.unwrap_or(last.since), scene);
    let to = clean(last.new_config.as_deref().unwrap_or("?")).into_owned();
    match &last.rollback_reason {
        Some(why) => {
            let text = format!("▲ rolled back from {to} {ago} ago: {}", clean(why));
            Line::styled(fit(&text, columns).into_owned(), theme.warn)
        }
        None => {
            let text = format!("✔ {} to {to} {ago} ago", clean(&last.stage));
            Line::styled(fit(&text, columns).into_owned(), theme.dim)
        }
    }
}

/// The stages that a deployment goes through, in order.
const STAGES: [(&str, &str); 5] = [
    ("Creating", "create"),
    ("ActivatingTraffic", "shift"),
    ("Baking", "bake"),
    ("WaitingForTermination", "wait"),
    ("Completed", "done"),
];

fn deploying(
    of: &Deployment,
    watched: &Watched,
    columns: usize,
    scene: &Scene<'_>,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let fleet = |side: &str| listed(watched).filter(|(_, one)| one.fleet == side).count();
    let config = |name: &Option<String>| clean(name.as_deref().unwrap_or("?")).into_owned();
    let mut head = vec![Span::styled("◐ ", theme.busy)];
    let policy = [of.policy.as_deref(), of.routing.as_deref()];
    let policy: Vec<&str> = policy.into_iter().flatten().collect();
    head.push(Span::styled(
        clean(&policy.join(" ")).to_lowercase().replace('_', "/"),
        theme.accent,
    ));
    head.push(Span::styled(
        format!("  {} → {}", config(&of.old_config), config(&of.new_config)),
        theme.text,
    ));
    if of.shifts > 1 {
        head.push(Span::styled(format!("  shift {} of {}", of.shift, of.shifts), theme.dim));
    }
    let cells = columns.saturating_sub(40).clamp(6, 40);
    let filled = ((of.traffic.clamp(0.0, 1.0) * cells as f64).round() as usize).min(cells);
    let traffic = Line::from(vec![
        Span::styled(format!("  old {} ", instances(fleet("old"))), theme.dim),
        Span::styled("▱".repeat(cells - filled), theme.dim),
        Span::styled("▰".repeat(filled), theme.busy),
        Span::styled(format!(" new {}", instances(fleet("new"))), theme.accent),
        Span::styled(format!("  {}", format::percent(of.traffic)), theme.text),
    ]);
    let mut lines = vec![Line::from(head), traffic, stages(of, scene)];
    if let Some(why) = &of.rollback_reason {
        let text = format!("  ▲ rolling back: {}", clean(why));
        lines.push(Line::styled(fit(&text, columns).into_owned(), theme.warn));
    }
    lines
}

fn instances(count: usize) -> String {
    counted(count as u64, "instance")
}

fn stages(of: &Deployment, scene: &Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let left = of.until.map_or(String::new(), |until| {
        let left = (until - scene.now as f64 / 1000.0).clamp(0.0, 1e9);
        format!(" {} left", format::duration(std::time::Duration::from_secs(left as u64)))
    });
    let at = STAGES.iter().position(|(stage, _)| *stage == of.stage);
    let mut spans = vec![Span::raw("  ")];
    let Some(at) = at else {
        spans.push(Span::styled(format!("▲ {}{left}", clean(&of.stage)), theme.warn));
        return Line::from(spans);
    };
    for (index, (_, word)) in STAGES.iter().enumerate() {
        let (mark, style) = match index {
            done if done < at => ("✔", theme.good),
            now if now == at => ("◐", theme.busy),
            _ => ("·", theme.faint),
        };
        let join = if index > 0 { " ─ " } else { "" };
        spans.push(Span::styled(join, theme.faint));
        let left = if index == at { left.as_str() } else { "" };
        spans.push(Span::styled(format!("{mark} {word}{left}"), style));
    }
    Line::from(spans)
}
