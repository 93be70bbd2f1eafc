//! Which variant does better, and what else differs between them.

use super::variant::{self, Variant};
use crate::domain::verdict::{Answer, Finding, Question};
use crate::tui::format;
use crate::tui::mirror::live::Judged;
use crate::tui::text::clean;
use crate::tui::view::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use std::time::Duration;

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
        lines.extend(said(one, variants, scene));
    }
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(paragraph, area);
}

fn said(one: &Judged, variants: &[Variant], scene: &Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let differs = differences(one, variants);
    let span = one.since.map(|since| (scene.now as f64 / 1000.0 - since).max(0.0));
    let [first, second] = one.names.each_ref().map(|name| clean(name).into_owned());
    let mut lines = Vec::new();
    lines.push(Line::from(vec![
        Span::styled(second, theme.accent),
        Span::styled(" against ", theme.dim),
        Span::styled(first, theme.accent),
    ]));
    for answer in &one.verdict.answers {
        lines.push(sentence(answer, span, scene));
        if answer.question == Question::Accuracy && answer.finding == Finding::NoData {
            lines.push(Line::styled("  t sends rows with known labels", theme.dim));
        }
    }
    let causes = match differs.as_slice() {
        [] => Line::styled("  same model and instance count", theme.dim),
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
    let since = match span {
        Some(span) => {
            let span = Duration::try_from_secs_f64(span).unwrap_or_default();
            format!("in {}, the present split and models", format::duration(span))
        }
        None => "since the endpoint began".to_owned(),
    };
    let span = format!("  {b} and {a} requests {since}; the table: the last minute");
    lines.push(Line::styled(span, theme.dim));
    let words = "  95 % confidence at every look: what is found stays";
    lines.push(Line::styled(words, theme.dim));
    lines
}

/// What else differs between the two, as far as the variants are known.
fn differences(one: &Judged, variants: &[Variant]) -> Vec<String> {
    let named = |name: &String| variants.iter().find(|variant| variant.name == *name);
    match (named(&one.names[0]), named(&one.names[1])) {
        (Some(first), Some(second)) => variant::differences(first, second),
        _ => Vec::new(),
    }
}

/// How long it takes until a finding may be had, when requests come as they did over the span.
fn wait(finding: Finding, span: Option<f64>) -> Option<String> {
    let Finding::TooFew { have, need_about: Some(need) } = finding else { return None };
    let span = span.filter(|span| *span >= 1.0)?;
    let seconds = need.saturating_sub(have) as f64 * span / (have as f64).max(1.0);
    let left = Duration::try_from_secs_f64(seconds).ok()?;
    Some(format!(", in about {} at this rate", format::duration(left)))
}

fn sentence(answer: &Answer, span: Option<f64>, scene: &Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let (mark, style) = match answer.finding {
        Finding::Differs { .. } => ("✔", theme.good),
        Finding::NoDifferenceSeen { .. } => ("=", theme.text),
        Finding::TooFew { .. } => ("…", theme.dim),
        Finding::NoData => ("·", theme.dim),
    };
    let mut text = clean(&answer.sentence).into_owned();
    if let Some(wait) = wait(answer.finding, span).filter(|_| answer.question != Question::Accuracy)
    {
        text.push_str(&wait);
    }
    Line::from(vec![Span::styled(format!("{mark} "), style), Span::styled(text, style)])
}
