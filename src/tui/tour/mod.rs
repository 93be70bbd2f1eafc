//! The demo: a strip above the hints that leads through the first minute.
//!
//! It does nothing that its user could not: its deeds are lines of the command language, keys and
//! screens. The first steps follow each other by themselves; then each waits for one key, and each can
//! be skipped. What fails says so and can be tried again.

mod steps;
#[cfg(test)]
mod tests;

use super::effect::{Effect, Want};
use super::keymap::Binding;
use super::mirror::Mirror;
use super::msg::{Link, Ticket};
use super::screens;
use super::text::{clean, fit, wrapped};
use super::view::{News, Outbox, Place, Request, Scene, Tone};
use crate::command::show::shell_word;
use crate::domain::kind;
use crate::script::parse;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};
use serde_json::Value;
use std::collections::BTreeMap;
use steps::{Deed, Demo, Pace, STEPS, Step};

pub const CONTEXT: &str = "tour";

pub static KEYS: &[Binding] = &[
    Binding::new("go-on", &["."], "The demo's next step").hint("go on").changes(),
    Binding::new("skip", &[","], "Skip the demo's next step").hint("skip"),
];

/// Rows of the strip above its words: a rule, and the step with its keys.
const HEAD: u16 = 2;
/// Rows that its words take at most.
const WORDS: u16 = 3;
/// Columns left of them, and as many to the right.
const MARGIN: u16 = 2;

#[derive(Debug, Default)]
enum Stage {
    /// Nothing is shown.
    #[default]
    Hidden,
    /// The demo is offered.
    Offered,
    /// The step's deeds are done one after the other.
    Doing {
        step: usize,
        deed: usize,
        /// The command under way.
        ticket: Option<Ticket>,
        since: i64,
    },
    /// The step is next, and waits for its key.
    Waiting { step: usize },
    /// The deed has failed.
    Failed { step: usize, deed: usize, why: String },
}

#[derive(Default)]
pub struct Tour {
    demo: Option<&'static Demo>,
    stage: Stage,
    /// What lines captured, and the demo's own: `n`, `folder`.
    variables: BTreeMap<String, String>,
}

impl Tour {
    /// A demo that may be played, such as `cancer`; one that is not known is none.
    pub fn offered(demo: Option<&str>) -> Self {
        Self { demo: demo.and_then(Demo::named), ..Self::default() }
    }

    pub fn demo(&self) -> Option<&str> {
        self.demo.map(|demo| demo.name)
    }

    /// Whether the command is the demo's: what becomes of it is said in its strip.
    pub fn waits_for(&self, ticket: Ticket) -> bool {
        matches!(self.stage, Stage::Doing { ticket: Some(own), .. } if own == ticket)
    }

    fn steps(&self) -> &'static [Step] {
        STEPS
    }

    pub fn height(&self, window: Rect) -> u16 {
        if matches!(self.stage, Stage::Hidden) || window.height < 20 {
            return 0;
        }
        let lines = wrapped(&self.words(), usize::from(window.width.saturating_sub(2 * MARGIN)));
        HEAD + u16::try_from(lines.len()).map_or(WORDS, |lines| lines.min(WORDS))
    }

    /// What is said of the step.
    fn words(&self) -> String {
        let words = match &self.stage {
            Stage::Hidden => "",
            Stage::Offered => {
                "Data, two trainings, a registry, an endpoint under live traffic; then it is your turn"
            }
            Stage::Failed { why, .. } => why,
            Stage::Doing { step, .. } | Stage::Waiting { step } => {
                self.steps().get(*step).map_or("", |step| step.words)
            }
        };
        clean(&self.expand(words)).into_owned()
    }

    pub fn has_keys(&self) -> bool {
        !matches!(self.stage, Stage::Hidden)
    }

    pub fn wants(&self) -> Vec<Want> {
        match &self.stage {
            // To find a container to stop.
            Stage::Doing { .. } | Stage::Waiting { .. } | Stage::Failed { .. } => {
                vec![Want::Traffic]
            }
            Stage::Hidden | Stage::Offered => Vec::new(),
        }
    }

    /// Learns which folder a second terminal has to name.
    pub fn linked(&mut self, link: &Link, _scene: &Scene<'_>, _out: &mut Outbox) {
        if let Link::Connected { health, .. } = link {
            let folder = health.get("workspace").and_then(Value::as_str).unwrap_or_default();
            self.variables.insert("folder".into(), shell_word(folder));
        }
    }

    /// Time has passed or the region has changed.
    pub fn advance(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        match self.stage {
            Stage::Hidden
                if self.demo.is_some() && scene.mirror.ready && is_empty(scene.mirror) =>
            {
                self.stage = Stage::Offered;
            }
            Stage::Doing { step, deed, ticket: None, since } => {
                self.go(step, deed, since, scene, out);
            }
            _ => {}
        }
    }

    /// Starts it, or puts it away.
    pub fn toggle(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        match self.stage {
            _ if self.demo.is_none() => {
                let words =
                    "This workspace has no demo. `sagebrush` in a folder that is no workspace has";
                out.notice(Tone::Info, words);
            }
            Stage::Hidden => self.start(scene, out),
            _ => {
                self.stage = Stage::Hidden;
                out.notice(Tone::Info, "The demo is put away; Ctrl-T plays it again");
            }
        }
    }

    fn start(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        if scene.read_only {
            out.notice(Tone::Warn, "Read-only: the demo would change the region");
            return;
        }
        self.variables.insert("n".into(), suffix(scene.mirror, &self.fill("{live}")));
        out.open(steps::first_place());
        self.go(0, 0, scene.now, scene, out);
    }

    pub fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) {
        let forward = action == "go-on";
        match &self.stage {
            Stage::Offered if forward => self.start(scene, out),
            Stage::Offered => self.stage = Stage::Hidden,
            Stage::Waiting { step } if forward => {
                let step = *step;
                self.go(step, 0, scene.now, scene, out);
            }
            Stage::Waiting { step } => {
                let step = *step + 1;
                self.wait_for(step);
            }
            Stage::Failed { step, deed, .. } => {
                let (step, deed) = (*step, *deed + usize::from(!forward));
                self.go(step, deed, scene.now, scene, out);
            }
            // What is under way is waited for; a step that only dwells may be cut short.
            Stage::Doing { step, deed, ticket: None, .. } => {
                let (step, deed) = (*step, *deed);
                self.go(step, deed, 0, scene, out);
            }
            _ => {}
        }
    }

    /// Does deeds until one has to be waited for.
    fn go(&mut self, step: usize, deed: usize, since: i64, scene: &Scene<'_>, out: &mut Outbox) {
        let Some(now) = self.steps().get(step) else {
            self.stage = Stage::Hidden;
            return;
        };
        let mut deed = deed;
        while let Some(what) = now.deeds.get(deed) {
            match self.perform(*what, scene, out) {
                Ok(None) => deed += 1,
                Ok(ticket) => {
                    self.stage = Stage::Doing { step, deed, ticket, since };
                    return;
                }
                Err(why) => {
                    self.stage = Stage::Failed { step, deed, why };
                    return;
                }
            }
        }
        if scene.now - since < now.dwell {
            self.stage = Stage::Doing { step, deed, ticket: None, since };
            return;
        }
        match self.steps().get(step + 1) {
            Some(next) if next.pace == Pace::Flows => self.go(step + 1, 0, scene.now, scene, out),
            _ => self.wait_for(step + 1),
        }
    }

    fn wait_for(&mut self, step: usize) {
        self.stage =
            if step < self.steps().len() { Stage::Waiting { step } } else { Stage::Hidden };
    }

    /// Begins a deed; a ticket says what to wait for.
    fn perform(
        &mut self,
        deed: Deed,
        scene: &Scene<'_>,
        out: &mut Outbox,
    ) -> Result<Option<Ticket>, String> {
        match deed {
            Deed::Line(line) | Deed::Keep(_, line) | Deed::Try(line) => {
                let line = self.fill(line);
                let words: Result<Vec<String>, String> =
                    parse::split(&line)?.iter().map(|word| word.expand(&self.variables)).collect();
                Ok(Some(out.run(words?)))
            }
            Deed::Show(screen, subject) => {
                let subject = self.expand(subject);
                if let Some(screen) = screens::find(screen) {
                    let subject = (!subject.is_empty()).then_some(subject);
                    out.open(Place { screen: screen.name, subject });
                }
                Ok(None)
            }
            Deed::Traffic(users, per_second) => {
                let endpoint = self.expand("{live}$n");
                let rows = "data/test.csv".to_owned();
                out.effect(Effect::Load { endpoint, rows, label: Some(0), users, per_second });
                Ok(None)
            }
            Deed::StopContainer => {
                let endpoint = self.expand("{live}$n");
                let id = instance(scene.mirror, &endpoint)
                    .ok_or("no instance of the endpoint is known yet; try again in a second")?;
                let ticket = out.ticket();
                let path = format!("endpoints/{endpoint}/instances/{id}/stop");
                out.effect(Effect::Post { ticket, path });
                Ok(Some(ticket))
            }
            Deed::Code => {
                out.requests.push(Request::Act("code-last"));
                Ok(None)
            }
        }
    }

    /// The text with the demo's own words in it.
    fn fill(&self, text: &str) -> String {
        self.demo.map_or_else(|| text.to_owned(), |demo| demo.fill(text))
    }

    fn expand(&self, text: &str) -> String {
        let mut expanded = self.fill(text);
        for (name, value) in &self.variables {
            expanded = expanded.replace(&format!("${name}"), value);
        }
        expanded
    }

    pub fn news(&mut self, news: News<'_>, scene: &Scene<'_>, out: &mut Outbox) {
        let News::Answer(ticket, answer) = news else { return };
        let Stage::Doing { step, deed, ticket: Some(mine), since } = self.stage else { return };
        if ticket != mine {
            return;
        }
        let doing = self.steps().get(step).and_then(|step| step.deeds.get(deed)).copied();
        match (&answer.outcome, doing) {
            (Ok(value), _) => {
                if let Some(Deed::Keep(name, _)) = doing {
                    let made = value.get("capture").and_then(Value::as_str).unwrap_or_default();
                    self.variables.insert(name.to_owned(), made.to_owned());
                }
            }
            (Err(_), Some(Deed::Try(_))) => {}
            (Err(failure), _) => {
                let why = failure.message.clone();
                self.stage = Stage::Failed { step, deed, why };
                return;
            }
        }
        self.go(step, deed + 1, since, scene, out);
    }

    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        if area.height <= HEAD {
            return;
        }
        let theme = scene.theme;
        let row = |at: u16| Rect { y: area.y + at, height: 1, ..area };
        let key = |action: &str| scene.keymap.hint(CONTEXT, known(action)).unwrap_or_default();
        let (go, skip) = (key("go-on"), key("skip"));
        let count = self.steps().len();
        let at = |step: usize| self.steps().get(step);
        let (mark, title, keys) = match &self.stage {
            Stage::Hidden => return,
            Stage::Offered => (
                "▶".to_owned(),
                "A demo, one minute".to_owned(),
                format!("{go} play   {skip} no, thanks"),
            ),
            Stage::Doing { step, .. } => (
                format!("{}/{count}", step + 1),
                at(*step).map_or("", |step| step.title).to_owned(),
                "under way…".to_owned(),
            ),
            Stage::Waiting { step } => (
                format!("{}/{count}", step + 1),
                at(*step).map_or("", |step| step.title).to_owned(),
                format!("{go} do it   {skip} skip"),
            ),
            Stage::Failed { step, .. } => (
                format!("{}/{count}", step + 1),
                format!("{}: failed", at(*step).map_or("", |step| step.title)),
                format!("{go} try again   {skip} skip"),
            ),
        };
        // What has not begun cannot be ended.
        let end = if matches!(self.stage, Stage::Offered) { "" } else { "   ^t end" };
        let rule = "─".repeat(usize::from(area.width));
        frame.render_widget(Line::styled(rule, theme.border), row(0));
        let head = Line::from(vec![
            Span::styled(format!("  demo {mark}  "), theme.key),
            Span::styled(title, theme.accent),
            Span::styled(format!("    {keys}{end}"), theme.key),
        ]);
        frame.render_widget(head, row(1));
        let style = if matches!(self.stage, Stage::Failed { .. }) { theme.bad } else { theme.text };
        let rows = area.height - HEAD;
        let words = Rect { x: area.x + MARGIN, y: area.y + HEAD, height: rows, ..area };
        let room = usize::from(area.width.saturating_sub(2 * MARGIN));
        let mut lines = wrapped(&self.words(), room);
        let cut = lines.len() > usize::from(rows);
        lines.truncate(usize::from(rows));
        if let Some(last) = lines.last_mut().filter(|_| cut) {
            *last = fit(&format!("{last}…"), room).into_owned();
        }
        let lines: Vec<_> = lines.into_iter().map(|line| Line::styled(line, style)).collect();
        let words = Rect { width: area.width.saturating_sub(MARGIN), ..words };
        frame.render_widget(Text::from(lines), words);
    }
}

/// The action's name as the table has it.
fn known(action: &str) -> &'static str {
    KEYS.iter().find(|binding| binding.action == action).map_or("", |binding| binding.action)
}

fn is_empty(mirror: &Mirror) -> bool {
    [kind::TRAINING_JOB, kind::ENDPOINT, kind::MODEL_PACKAGE_GROUP]
        .iter()
        .all(|kind| mirror.rows(kind).is_empty())
}

/// Nothing, or the first `-2`, `-3` … that no job or endpoint of the demo has.
fn suffix(mirror: &Mirror, live: &str) -> String {
    let taken = |suffix: &str| {
        let job = |name: &str| mirror.row(kind::TRAINING_JOB, &format!("{name}{suffix}")).is_some();
        let endpoint = format!("{live}{suffix}");
        job("blue") || job("green") || mirror.row(kind::ENDPOINT, &endpoint).is_some()
    };
    if !taken("") {
        return String::new();
    }
    (2..).map(|number| format!("-{number}")).find(|suffix| !taken(suffix)).unwrap_or_default()
}

/// An instance in service of the endpoint's first variant.
fn instance(mirror: &Mirror, endpoint: &str) -> Option<String> {
    let watched = mirror.live.watched(endpoint)?;
    let variant = watched.variants.first()?;
    let serving = |state: &str| state == "in service";
    variant.instances.iter().find(|one| serving(&one.state)).map(|one| one.id.clone())
}
