//! Which variant does better, and what else differs between them.

use super::variant::{self, Variant};
use crate::domain::distribution::Distribution;
use crate::domain::verdict::{Answer, Finding, Observed, Question, Rate, Rules, Verdict, compare};
use crate::tui::columns;
use crate::tui::format;
use crate::tui::mirror::live::{Counters, Watched};
use crate::tui::msg::Load;
use crate::tui::text::clean;
use crate::tui::view::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// What can be said about two variants.
pub(super) struct Judged {
    names: [String; 2],
    requests: [u64; 2],
    verdict: Verdict,
    differs: Vec<String>,
    /// Epoch seconds from which on all is counted; `None` for the endpoint's beginning.
    since: Option<f64>,
}

/// Compares every variant with the first one.
pub(super) fn judge(variants: &[Variant], watched: &Watched, load: Option<&Load>) -> Vec<Judged> {
    let Some((first, others)) = variants.split_first() else { return Vec::new() };
    let Some(base) = watched.variant(&first.name) else { return Vec::new() };
    let rules = Rules { comparisons: others.len().max(1) as u32, ..Rules::default() };
    let (base_counters, base_latency) = base.since_base();
    let judged = others.iter().filter_map(|other| {
        let live = watched.variant(&other.name)?;
        let (counters, latency) = live.since_base();
        let differs = variant::differences(first, other);
        let causes: Vec<&str> = differs.iter().map(String::as_str).collect();
        let verdict = compare(
            &observed(&first.name, &base_latency, base_counters, load),
            &observed(&other.name, &latency, counters, load),
            &rules,
            &causes,
        );
        let since = [base.base_at(), live.base_at()].into_iter().flatten().reduce(f64::max);
        Some(Judged {
            names: [first.name.clone(), other.name.clone()],
            requests: [base_counters.invocations, counters.invocations],
            verdict,
            differs,
            since,
        })
    });
    judged.collect()
}

fn observed<'a>(
    name: &'a str,
    latency: &'a Distribution,
    counters: Counters,
    load: Option<&Load>,
) -> Observed<'a> {
    let errors = Rate { hits: counters.errors(), all: counters.invocations };
    Observed { name, latency, errors, accuracy: accuracy(load, name) }
}

/// Of the rows that the workbench's own traffic has checked.
fn accuracy(load: Option<&Load>, name: &str) -> Rate {
    let found = load.and_then(|load| load.correct.iter().find(|(variant, ..)| variant == name));
    found.map_or(Rate::default(), |(_, right, checked)| Rate { hits: *right, all: *checked })
}

/// The pane.
pub(super) fn draw(
    judged: &[Judged],
    variants: &[Variant],
    frame: &mut Frame<'_>,
    area: Rect,
    scene: &Scene<'_>,
) {
    let theme = scene.theme;
    let mut lines: Vec<Line<'static>> = Vec::new();
    if judged.is_empty() {
        let words = match variants.len() {
            0 => "Nothing to compare yet",
            1 => {
                "One variant has nobody to be compared with. A second one, with its share of the \
                  traffic, shows here which does better"
            }
            _ => "Nothing is known of the variants yet",
        };
        lines.push(Line::styled(words, theme.dim));
    }
    for (index, one) in judged.iter().enumerate() {
        if index > 0 {
            lines.push(Line::default());
        }
        lines.extend(said(one, scene));
    }
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(paragraph, area);
}

fn said(one: &Judged, scene: &Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let [first, second] = one.names.each_ref().map(|name| clean(name).into_owned());
    let mut lines = Vec::new();
    lines.push(Line::from(vec![
        Span::styled(second, theme.accent),
        Span::styled(" against ", theme.dim),
        Span::styled(first, theme.accent),
    ]));
    for answer in &one.verdict.answers {
        lines.push(sentence(answer, scene));
        if answer.question == Question::Accuracy && answer.finding == Finding::NoData {
            lines.push(Line::styled("  t sends rows with known labels", theme.dim));
        }
    }
    let causes = match one.differs.as_slice() {
        [] => Line::styled("  same model, instance type and count", theme.dim),
        [cause] if cause.starts_with("model") => {
            Line::styled(format!("  differs: {}", clean(cause)), theme.dim)
        }
        causes => {
            let text = clean(&causes.join(", ")).into_owned();
            let many = if causes.len() > 1 { "; any of it may be the cause" } else { "" };
            Line::styled(format!("▲ differs: {text}{many}"), theme.warn)
        }
    };
    lines.push(causes);
    let [a, b] = one.requests.map(format::count);
    let since = match one.since {
        Some(at) => format!("of the last {}", columns::age(at, scene)),
        None => "since the endpoint began".to_owned(),
    };
    let words = format!("  {b} and {a} requests {since}; wrong at most 1 time in 20, ever");
    lines.push(Line::styled(words, theme.dim));
    lines
}

fn sentence(answer: &Answer, scene: &Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let (mark, style) = match answer.finding {
        Finding::Differs { .. } => ("✔", theme.good),
        Finding::NoDifferenceSeen { .. } => ("=", theme.text),
        Finding::TooFew { .. } => ("…", theme.dim),
        Finding::NoData => ("·", theme.dim),
    };
    let text = clean(&answer.sentence).into_owned();
    Line::from(vec![Span::styled(format!("{mark} "), style), Span::styled(text, style)])
}
