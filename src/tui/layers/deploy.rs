//! Asks how models go behind an endpoint: which endpoint, under which names, with what share, on
//! what. What it will run stands below as the command line that it is.

use crate::command::show::brush_line;
use crate::domain::kind;
use crate::tui::frame::{centred, dialog};
use crate::tui::mirror::Mirror;
use crate::tui::mirror::lineage::{text, variants};
use crate::tui::row::Row;
use crate::tui::text::{clean, fit, pad};
use crate::tui::view::{Outbox, Request, Scene, Tone, View};
use crate::tui::widgets::typing;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use serde_json::Value;
use std::sync::Arc;
use tui_input::Input;

/// Names for variants, in the order in which people use them.
const NAMES: [&str; 6] = ["blue", "green", "amber", "violet", "slate", "rose"];
/// What is suggested where a variant joins others.
const SMALL_SHARE: &str = "10";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Endpoint,
    /// Of the source at that place.
    Variant(usize),
    Weight(usize),
    InstanceType,
    /// Whether what the endpoint has now stays.
    Keep,
    Run,
}

/// What is to be served.
struct Source {
    /// `group/version`, or a model's name.
    name: String,
    /// Why the region would refuse it.
    refusal: Option<String>,
    variant: Input,
    weight: Input,
}

/// A variant that the endpoint has now.
#[derive(Clone, Debug, PartialEq)]
struct Present {
    variant: String,
    model: String,
    instance_type: String,
    weight: f64,
    count: u64,
}

pub struct Deploy {
    sources: Vec<Source>,
    endpoint: Input,
    instance_type: Input,
    keep: bool,
    focus: usize,
    /// Endpoints there are, sorted.
    endpoints: Vec<String>,
    /// What the endpoint of that name has now.
    present: Vec<Present>,
    /// The words that it began with.
    begun: Vec<String>,
}

impl Deploy {
    /// Packages or models, several for one endpoint.
    pub fn of(rows: &[Arc<Row>], mirror: &Mirror) -> Self {
        let endpoints: Vec<String> =
            mirror.rows(kind::ENDPOINT).sorted().iter().map(|row| row.name.clone()).collect();
        let stem = rows
            .first()
            .map_or("endpoint", |row| if row.parent.is_empty() { &row.name } else { &row.parent });
        let wanted = format!("{stem}-live");
        let mut deploy = Self {
            sources: rows.iter().map(|row| source(row)).collect(),
            endpoint: Input::new(wanted),
            instance_type: Input::new("ml.m5.large".into()),
            keep: true,
            focus: 0,
            endpoints,
            present: Vec::new(),
            begun: Vec::new(),
        };
        deploy.present = present(mirror, deploy.endpoint.value());
        deploy.suggest();
        deploy.begun = deploy.words();
        deploy
    }

    /// Names that are free, and weights: a small share beside others, equal ones among new ones.
    fn suggest(&mut self) {
        let kept = if self.keep { self.present.len() } else { 0 };
        let taken: Vec<&str> = self.present.iter().map(|one| one.variant.as_str()).collect();
        let mut free = NAMES.iter().filter(|name| kept == 0 || !taken.contains(name));
        let share = if kept > 0 { SMALL_SHARE } else { "1" };
        let single = self.sources.len() == 1;
        for source in &mut self.sources {
            let name = free.next().map_or("variant", |name| name);
            source.variant = Input::new(name.to_owned());
            let weight = if single || kept > 0 { share } else { "50" };
            source.weight = Input::new(weight.to_owned());
        }
    }

    fn asks(&self) -> Vec<Ask> {
        let mut asks = vec![Ask::Endpoint];
        for at in 0..self.sources.len() {
            asks.extend([Ask::Variant(at), Ask::Weight(at)]);
        }
        asks.push(Ask::InstanceType);
        if !self.present.is_empty() {
            asks.push(Ask::Keep);
        }
        asks.push(Ask::Run);
        asks
    }

    fn input(&mut self, ask: Ask) -> Option<&mut Input> {
        match ask {
            Ask::Endpoint => Some(&mut self.endpoint),
            Ask::Variant(at) => self.sources.get_mut(at).map(|source| &mut source.variant),
            Ask::Weight(at) => self.sources.get_mut(at).map(|source| &mut source.weight),
            Ask::InstanceType => Some(&mut self.instance_type),
            Ask::Keep | Ask::Run => None,
        }
    }

    fn ask(&self) -> Ask {
        self.asks().get(self.focus).copied().unwrap_or(Ask::Run)
    }

    /// The words that it runs.
    fn words(&self) -> Vec<String> {
        let endpoint = self.endpoint.value().trim();
        let kind = self.instance_type.value().trim();
        let mut words = vec!["deploy".to_owned(), endpoint.to_owned()];
        let (mut weights, mut types) = (Vec::new(), vec![kind.to_owned()]);
        for one in self.present.iter().filter(|_| self.keep) {
            words.push(format!("{}={}", one.variant, one.model));
            weights.push(one.weight.to_string());
            if one.instance_type != kind && !one.instance_type.is_empty() {
                types.push(format!("{}={}", one.variant, one.instance_type));
            }
        }
        for source in &self.sources {
            words.push(format!("{}={}", source.variant.value().trim(), source.name));
            weights.push(source.weight.value().trim().to_owned());
        }
        if weights.len() > 1 {
            words.extend(["--split".to_owned(), weights.join("/")]);
        }
        for kind in types {
            words.extend(["--on".to_owned(), kind]);
        }
        words
    }

    fn problem(&self) -> Option<String> {
        if self.endpoint.value().trim().is_empty() {
            return Some("The endpoint needs a name".into());
        }
        let kept = self.present.iter().filter(|_| self.keep).map(|one| one.variant.as_str());
        let mut names: Vec<&str> =
            kept.chain(self.sources.iter().map(|source| source.variant.value().trim())).collect();
        if names.iter().any(|name| name.is_empty()) {
            return Some("Every variant needs a name".into());
        }
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("Two variants are called {}", twice[0]));
        }
        let wrong = self.sources.iter().map(|source| source.weight.value().trim()).find(|weight| {
            weight.parse::<f64>().map_or(true, |weight| !weight.is_finite() || weight < 0.0)
        });
        wrong.map(|weight| format!("`{weight}` is no weight"))
    }

    /// What one should know before it runs.
    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> =
            self.sources.iter().filter_map(|source| source.refusal.clone()).collect();
        if self.present.is_empty() {
            return warnings;
        }
        if self.keep {
            let many: Vec<&str> = self
                .present
                .iter()
                .filter(|one| one.count != 1)
                .map(|one| one.variant.as_str())
                .collect();
            if !many.is_empty() {
                warnings.push(format!("{} will have one instance each", many.join(", ")));
            }
        } else {
            let gone: Vec<&str> = self.present.iter().map(|one| one.variant.as_str()).collect();
            warnings.push(format!("{} will serve no more", gone.join(", ")));
        }
        warnings
    }

    fn run(&self, out: &mut Outbox) {
        if self.sources.is_empty() || self.problem().is_some() {
            return;
        }
        let words = self.words();
        out.close();
        let line = brush_line(&words);
        out.notice(Tone::Info, format!("Deploying to {}", self.endpoint.value().trim()));
        let ticket = out.run(words);
        out.requests.push(Request::Ran { line, ticket, capture: None });
    }

    /// The endpoint that begins with what is typed.
    fn completion(&self) -> Option<&String> {
        let typed = self.endpoint.value();
        let mut longer =
            self.endpoints.iter().filter(|name| name.len() > typed.len() && !typed.is_empty());
        longer.find(|name| name.starts_with(typed))
    }

    fn step(&mut self, by: i64) {
        let count = self.asks().len();
        let here = self.focus.min(count.saturating_sub(1));
        self.focus = if by < 0 {
            here.checked_sub(1).unwrap_or(count.saturating_sub(1))
        } else {
            (here + 1) % count.max(1)
        };
    }

    fn label(&self, ask: Ask) -> String {
        match ask {
            Ask::Endpoint => "endpoint".into(),
            Ask::Variant(at) => {
                format!("{} as variant", self.sources.get(at).map_or("", |source| &source.name))
            }
            Ask::Weight(_) => "with weight".into(),
            Ask::InstanceType => "on".into(),
            Ask::Keep => "beside".into(),
            Ask::Run => String::new(),
        }
    }

    fn line(&self, ask: Ask, focused: bool, columns: usize, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let mark = if focused { "▸ " } else { "  " };
        let style = if focused { theme.selected } else { theme.text };
        let mut spans = vec![Span::styled(mark, theme.key)];
        let label = pad(&clean(&self.label(ask)), 26.min(columns / 2));
        let value = match ask {
            Ask::Endpoint => self.endpoint.value().to_owned(),
            Ask::Variant(at) => self.sources[at].variant.value().to_owned(),
            Ask::Weight(at) => self.sources[at].weight.value().to_owned(),
            Ask::InstanceType => self.instance_type.value().to_owned(),
            Ask::Keep => {
                let names: Vec<String> = self
                    .present
                    .iter()
                    .map(|one| format!("{} {}", one.variant, one.weight))
                    .collect();
                let mark = if self.keep { "[x] keep" } else { "[ ] keep" };
                format!("{mark} {} (space)", names.join(", "))
            }
            Ask::Run => {
                spans.push(Span::styled(
                    "[ Deploy ]",
                    if focused { theme.selected } else { theme.good },
                ));
                return Line::from(spans);
            }
        };
        spans.push(Span::styled(label, theme.dim));
        spans.push(Span::styled(fit(&clean(&value), columns / 2).into_owned(), style));
        if focused && ask != Ask::Keep {
            spans.push(Span::styled(" ", theme.selected));
        }
        if ask == Ask::Endpoint {
            let typed = self.endpoint.value();
            let there = self.endpoints.iter().any(|name| name.eq_ignore_ascii_case(typed));
            let more = match self.completion() {
                Some(name) if focused => format!("{} (→)", &name[typed.len()..]),
                _ if there => " (is there: it is updated)".to_owned(),
                _ => " (new)".to_owned(),
            };
            spans.push(Span::styled(clean(&more).into_owned(), theme.faint));
        }
        Line::from(spans)
    }
}

fn source(row: &Row) -> Source {
    let refusal = match row.text("ModelApprovalStatus") {
        "" | "Approved" => None,
        status => Some(format!("{} is {status}: the region deploys Approved ones only", row.name)),
    };
    let (variant, weight) = Default::default();
    Source { name: row.name.clone(), refusal, variant, weight }
}

/// The variants of an endpoint, their models from its configuration.
fn present(mirror: &Mirror, endpoint: &str) -> Vec<Present> {
    let Some(endpoint) = mirror.row(kind::ENDPOINT, endpoint.trim()) else { return Vec::new() };
    let config = mirror.row(kind::ENDPOINT_CONFIG, endpoint.text("EndpointConfigName"));
    let Some(config) = config else { return Vec::new() };
    let now = |name: &str, member: &str| {
        let variants = endpoint.list("ProductionVariants").iter();
        let mut own = variants.filter(|variant| text(variant, "VariantName") == name);
        own.next().and_then(|variant| variant.get(member)).and_then(Value::as_f64)
    };
    variants(config)
        .map(|variant| {
            let name = text(variant, "VariantName");
            let initial = variant.get("InitialVariantWeight").and_then(Value::as_f64);
            Present {
                variant: name.to_owned(),
                model: text(variant, "ModelName").to_owned(),
                instance_type: text(variant, "InstanceType").to_owned(),
                weight: now(name, "CurrentWeight").or(initial).unwrap_or(1.0),
                count: now(name, "CurrentInstanceCount").unwrap_or(1.0) as u64,
            }
        })
        .collect()
}

impl View for Deploy {
    fn name(&self) -> &'static str {
        "deploy"
    }

    fn title(&self) -> String {
        "Deploy".into()
    }

    fn area(&self, window: Rect) -> Rect {
        let rows = self.asks().len() + 8;
        centred(window, 84, u16::try_from(rows).unwrap_or(u16::MAX))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let hint = "tab next · ctrl-s deploys · esc closes";
        let inner = dialog(frame, area, "Deploy", hint, scene.theme);
        let columns = usize::from(inner.width);
        let focus = self.ask();
        let mut lines: Vec<Line<'_>> = self
            .asks()
            .into_iter()
            .map(|ask| self.line(ask, ask == focus, columns, scene))
            .collect();
        lines.push(Line::default());
        match self.problem() {
            Some(problem) => {
                lines.push(Line::styled(format!("  ✖ {}", clean(&problem)), scene.theme.bad));
            }
            None => {
                let command = brush_line(&self.words());
                lines.push(Line::styled(format!("  {}", clean(&command)), scene.theme.comment));
            }
        }
        for warning in self.warnings() {
            lines.push(Line::styled(format!("  ▲ {}", clean(&warning)), scene.theme.warn));
        }
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
    }

    fn typing(&self) -> bool {
        true
    }

    fn unsaved(&self) -> bool {
        self.words() != self.begun
    }

    fn typed(&mut self, key: KeyEvent, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let ask = self.ask();
        match key.code {
            KeyCode::Esc => out.close(),
            KeyCode::Char('c') if control => out.close(),
            KeyCode::Char('s') if control => self.run(out),
            KeyCode::Enter if ask == Ask::Run => self.run(out),
            KeyCode::Tab | KeyCode::Down | KeyCode::Enter => self.step(1),
            KeyCode::BackTab | KeyCode::Up => self.step(-1),
            KeyCode::Char(' ') if ask == Ask::Keep => {
                self.keep = !self.keep;
                self.suggest();
            }
            KeyCode::Right if ask == Ask::Endpoint && self.completion().is_some() => {
                if let Some(name) = self.completion().cloned() {
                    self.endpoint = Input::new(name);
                    self.renamed(scene.mirror);
                }
            }
            _ => {
                if let Some(input) = self.input(ask) {
                    typing::edit(input, key);
                }
                if ask == Ask::Endpoint {
                    self.renamed(scene.mirror);
                }
            }
        }
        true
    }

    fn pasted(&mut self, text: &str, scene: &Scene<'_>, _out: &mut Outbox) {
        let ask = self.ask();
        if let Some(input) = self.input(ask) {
            typing::paste(input, text);
        }
        self.renamed(scene.mirror);
    }
}

impl Deploy {
    /// The endpoint is another one: so are the variants beside the new ones.
    fn renamed(&mut self, mirror: &Mirror) {
        let now = present(mirror, self.endpoint.value());
        if now != self.present {
            self.present = now;
            self.suggest();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::effect::Effect;
    use crate::tui::testing;
    use crate::tui::view::Place;

    fn run_of(effects: &[Effect]) -> Vec<String> {
        let found = effects.iter().find_map(|effect| match effect {
            Effect::Run { words, .. } => Some(words.clone()),
            _ => None,
        });
        found.unwrap()
    }

    #[test]
    fn a_version_joins_what_the_endpoint_has_now() {
        let mut state = testing::with_region((100, 40), Place::of("group", "iris"));
        testing::press(&mut state, "p");
        insta::assert_snapshot!(testing::text(&state));
        let words = run_of(&testing::press(&mut state, "ctrl-s"));
        assert_eq!(
            words.join(" "),
            "deploy iris-live blue=iris-live-blue green=iris-live-green amber=iris/2 \
             --split 90/10/10 --on ml.m5.large"
        );
    }

    #[test]
    fn a_new_endpoint_has_the_new_variants_alone() {
        let mut state = testing::with_region((100, 40), Place::of("compare", "iris/1 iris/2"));
        testing::press(&mut state, "P \"x\"");
        let words = run_of(&testing::press(&mut state, "ctrl-s"));
        assert_eq!(
            words.join(" "),
            "deploy iris-livex blue=iris/1 green=iris/2 --split 50/50 --on ml.m5.large"
        );
    }

    #[test]
    fn two_variants_of_one_name_are_not_deployed() {
        let mut state = testing::with_region((100, 40), Place::of("compare", "iris/1 iris/2"));
        let effects = testing::press(
            &mut state,
            "P \"x\" tab backspace backspace backspace backspace \"green\" ctrl-s",
        );
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Run { .. })));
    }
}
