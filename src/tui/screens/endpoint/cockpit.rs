//! The cockpit of one endpoint: steer the split while seeing what it does.
//!
//! Nothing that moves traffic happens by moving about: shares are nudged in a preview, and a key of
//! its own asks for them, through `shift`, so that the AWS call can be shown as code afterwards.

mod draw;

use super::fleet;
use super::invoke::Invoke;
use super::latency::{Look, Picture};
use super::load::LoadPrompt;
use super::panes::{Layout, Pane, Wish};
use super::summary;
use super::variant::{self, Board, Split, Variant};
use super::weights::Weights;
use crate::client::encode;
use crate::domain::distribution::Distribution;
use crate::domain::kind;
use crate::domain::words::counted;
use crate::tui::effect::{Effect, Want};
use crate::tui::mirror::live::Watched;
use crate::tui::msg::{Load, Ticket};
use crate::tui::row::Row;
use crate::tui::screens;
use crate::tui::text::clean;
use crate::tui::view::{News, Outbox, Place, Request, Scene, Tone, View};
use crate::tui::widgets::axis::Scale;
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

/// Shares move in steps of so many hundredths.
const STEP: f64 = 5.0;
const FINE: f64 = 1.0;

pub struct Cockpit {
    name: String,
    pane: Pane,
    /// What is shown below the variants where there is room for one pane.
    below: Pane,
    look: Look,
    /// The variant and the instance under the cursors.
    selected: usize,
    instance: usize,
    split: Option<Split>,
    applying: Option<Ticket>,
    /// An instance that is being ended.
    ending: Option<Ticket>,
    invoke: Invoke,
    row: Option<Arc<Row>>,
    variants: Vec<Variant>,
    /// Latencies of the last minute, in the order of the variants, as of that version.
    latencies: Vec<Distribution>,
    version: Option<u64>,
    instances: usize,
}

impl Cockpit {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pane: Pane::Variants,
            below: Pane::Latency,
            look: Look::default(),
            selected: 0,
            instance: 0,
            split: None,
            applying: None,
            ending: None,
            invoke: Invoke::default(),
            row: None,
            variants: Vec::new(),
            latencies: Vec::new(),
            version: None,
            instances: 0,
        }
    }

    fn watched<'a>(&self, scene: &Scene<'a>) -> Option<&'a Watched> {
        scene.mirror.live.watched(&self.name)
    }

    fn load<'a>(&self, scene: &Scene<'a>) -> Option<&'a Load> {
        scene.mirror.loads.get(&self.name.to_lowercase())
    }

    fn board<'a>(&'a self, scene: &Scene<'a>) -> Board<'a> {
        Board {
            variants: &self.variants,
            latencies: &self.latencies,
            watched: self.watched(scene),
            selected: self.selected,
        }
    }

    fn weights<'a>(&'a self, scene: &Scene<'a>) -> Weights<'a> {
        Weights {
            board: self.board(scene),
            split: self.split.as_ref(),
            applying: self.applying.is_some(),
            focused: self.pane == Pane::Variants,
        }
    }

    /// Why it failed, if it did.
    fn failure(&self, scene: &Scene<'_>) -> Option<String> {
        let row = self.row.as_ref()?;
        let known = row.text("FailureReason");
        let live = self.watched(scene).and_then(|watched| watched.failure.as_deref());
        let why = if known.is_empty() { live.unwrap_or_default() } else { known };
        match (row.status.as_str(), why) {
            ("Failed", "") => Some("The region gave no reason".to_owned()),
            (_, "") => None,
            (_, why) => Some(why.to_owned()),
        }
    }

    fn layout(&self, area: Rect, scene: &Scene<'_>) -> Layout {
        let columns = usize::from(area.width);
        let load = self.load(scene).and_then(|load| summary::load(load, columns, scene));
        let failure = self.failure(scene).map_or(0, |why| {
            let wide = columns.saturating_sub(2).max(1);
            let lines: usize =
                why.lines().map(|line| crate::tui::text::width(line).div_ceil(wide).max(1)).sum();
            u16::try_from(lines + 2).unwrap_or(u16::MAX)
        });
        let wish = Wish {
            summary: 1 + u16::from(load.is_some()),
            failure,
            variants: self.weights(scene).height(),
            below: self.below,
        };
        Layout::of(area, wish)
    }

    fn select_pane(&mut self, pane: Pane) {
        self.pane = pane;
        if pane != Pane::Variants {
            self.below = pane;
        }
        if pane != Pane::Invoke {
            self.invoke.editing = false;
        }
    }

    /// Up and down.
    fn go(&mut self, by: i32) {
        let step = |at: usize, all: usize| {
            let to = if by < 0 { at.saturating_sub(1) } else { at + 1 };
            to.min(all.saturating_sub(1))
        };
        match self.pane {
            Pane::Fleet => self.instance = step(self.instance, self.instances),
            Pane::Invoke => self.invoke.step(by),
            _ => self.selected = step(self.selected, self.variants.len()),
        }
    }

    /// Left and right.
    fn turn(&mut self, by: f64) {
        match self.pane {
            Pane::Latency => {
                let step = if by > 0.0 { 1 } else { Picture::ALL.len() - 1 };
                self.look.picture = self.look.picture.next(step);
            }
            Pane::Fleet => self.go(if by > 0.0 { 1 } else { -1 }),
            Pane::Invoke => self.invoke.scroll(if by > 0.0 { 1 } else { -1 }),
            Pane::Variants | Pane::Verdict => self.nudge(by),
        }
    }

    fn nudge(&mut self, by: f64) {
        let Some(name) = self.variants.get(self.selected).map(|one| one.name.clone()) else {
            return;
        };
        if self.applying.is_some() {
            return;
        }
        let mut split = self.split.take().unwrap_or_else(|| Split::of(&self.variants));
        if let Some(at) = split.position(&name) {
            split.nudge(at, by);
        }
        self.split = (!split.is_of(&self.variants)).then_some(split);
    }

    fn even(&mut self) {
        if self.applying.is_none() {
            let mut split = Split::of(&self.variants);
            split.even();
            self.split = (!split.is_of(&self.variants)).then_some(split);
        }
    }

    fn apply(&mut self, out: &mut Outbox) {
        match &self.split {
            _ if self.applying.is_some() => {}
            Some(split) => self.applying = Some(out.run(split.words(&self.name))),
            None => {
                out.notice(Tone::Info, "Nothing to apply: ← and → change the selected share first");
            }
        }
    }

    fn traffic(&self, scene: &Scene<'_>, out: &mut Outbox) {
        if self.load(scene).is_some_and(|load| load.running) {
            let (endpoint, rows) = (self.name.clone(), String::new());
            out.effect(Effect::Load { endpoint, rows, label: None, users: 0, per_second: 0 });
        } else {
            out.push(LoadPrompt::new(&self.name, self.data(scene).as_deref()));
        }
    }

    /// Where rows with known labels are: what one of the models was evaluated on.
    fn data(&self, scene: &Scene<'_>) -> Option<String> {
        let packages = self.variants.iter().filter_map(|one| one.package.as_deref());
        packages
            .filter_map(|package| scene.mirror.row(kind::MODEL_PACKAGE, package))
            .map(|row| row.at("/CustomerMetadataProperties/evaluation.data").to_owned())
            .find(|data| !data.is_empty())
    }

    fn end_instance(&mut self, how: &str, scene: &Scene<'_>, out: &mut Outbox) {
        let listed = self.watched(scene).into_iter().flat_map(fleet::listed);
        let Some((variant, one)) = listed.into_iter().nth(self.instance) else {
            return out.notice(Tone::Info, "There is no instance to be ended");
        };
        if self.pane != Pane::Fleet {
            // What will be ended has to be seen first.
            self.select_pane(Pane::Fleet);
            return out.notice(Tone::Info, "Choose the instance, then press the key again");
        }
        let (endpoint, id) = (encode(&self.name), encode(&one.id));
        let path = format!("endpoints/{endpoint}/instances/{id}/stop?how={how}");
        let ticket = out.ticket();
        self.ending = Some(ticket);
        let question = match how {
            "kill" => "Kill this instance, as a crash would? What it has in flight fails",
            _ => "Stop this instance? Another one starts in its place",
        };
        out.requests.push(Request::Confirm {
            question: question.to_owned(),
            names: vec![format!(
                "{} of {variant}, {}, {} in flight",
                one.id,
                one.state,
                counted(one.in_flight, "request")
            )],
            then: vec![Effect::Post { ticket, path }],
        });
    }

    fn logs(&self, out: &mut Outbox) {
        let group = format!("/aws/sagemaker/Endpoints/{}", self.name);
        if screens::find("logs").is_some() {
            out.open(Place::of("logs", group));
        } else {
            out.notice(Tone::Info, format!("Its logs are in the group {group}"));
        }
    }

    fn drill_in(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        match self.pane {
            Pane::Invoke => self.edit(scene, out),
            Pane::Fleet => self.logs(out),
            _ => {
                let package = self.variants.get(self.selected).and_then(|one| one.package.clone());
                match package.filter(|_| screens::find("package").is_some()) {
                    Some(package) => out.open(Place::of("package", package)),
                    None => out.requests.push(Request::Act("describe")),
                }
            }
        }
    }

    fn edit(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        self.select_pane(Pane::Invoke);
        self.invoke.edit(self.data(scene).as_deref(), out);
    }

    fn bring_up_to_date(&mut self, scene: &Scene<'_>) {
        self.row = scene.mirror.row(kind::ENDPOINT, &self.name).cloned();
        let variants = variant::variants(self.row.as_deref(), &self.name, scene.mirror);
        let watched = self.watched(scene);
        let version = watched.map(|watched| watched.version);
        let renamed = variants.len() != self.variants.len()
            || variants.iter().zip(&self.variants).any(|(a, b)| a.name != b.name);
        self.variants = variants;
        if renamed {
            // A preview for other variants is of no use.
            self.split = None;
        }
        if renamed || version != self.version {
            let latency = |one: &Variant| {
                let live = watched.and_then(|watched| watched.variant(&one.name));
                live.map(crate::tui::mirror::live::Variant::latency).unwrap_or_default()
            };
            self.latencies = self.variants.iter().map(latency).collect();
            self.version = version;
        }
        self.instances = watched.map_or(0, |watched| fleet::listed(watched).count());
        self.selected = self.selected.min(self.variants.len().saturating_sub(1));
        self.instance = self.instance.min(self.instances.saturating_sub(1));
    }
}

impl View for Cockpit {
    fn name(&self) -> &'static str {
        "endpoint"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("endpoint", self.name.clone()))
    }

    fn title(&self) -> String {
        clean(&self.name).into_owned()
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let area = area.intersection(frame.area());
        let layout = self.layout(area, scene);
        let columns = usize::from(area.width);
        let row = self.row.as_deref();
        let state = summary::state(&self.name, row, self.watched(scene), columns, scene);
        let mut lines = vec![state];
        lines.extend(self.load(scene).and_then(|load| summary::load(load, columns, scene)));
        frame.render_widget(ratatui::widgets::Paragraph::new(lines), layout.summary);
        if let Some(why) = self.failure(scene).filter(|_| layout.failure.height > 0) {
            summary::failure(&why, frame, layout.failure, scene);
        }
        for (pane, area) in &layout.panes {
            if !area.is_empty() {
                self.draw_pane(*pane, *area, layout.tabbed, frame, scene);
            }
        }
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.bring_up_to_date(scene);
        let inner = self.layout(area, scene).inner(Pane::Invoke);
        self.invoke.settle(inner, scene);
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        vec![Want::Endpoint(self.name.clone()), Want::CostLines]
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.go(-1),
            "down" => self.go(1),
            "left" => self.turn(-STEP),
            "right" => self.turn(STEP),
            "fine-left" => self.nudge(-FINE),
            "fine-right" => self.nudge(FINE),
            "even" => self.even(),
            "apply" => self.apply(out),
            "undo" if self.applying.is_none() => self.split = None,
            "next-pane" => self.select_pane(self.pane.step(1)),
            "previous-pane" => self.select_pane(self.pane.step(Pane::ALL.len() - 1)),
            "invoke" => self.edit(scene, out),
            "traffic" => self.traffic(scene, out),
            "picture" => self.look.picture = self.look.picture.next(1),
            "histogram" => self.look.picture = Picture::Histogram,
            "percentiles" => self.look.picture = Picture::Percentiles,
            "over-time" => self.look.picture = Picture::OverTime,
            "scale" => {
                self.look.scale = match self.look.scale {
                    Scale::Linear => Scale::Logarithmic,
                    Scale::Logarithmic => Scale::Linear,
                };
            }
            "alone" => self.look.alone = !self.look.alone,
            "logs" => self.logs(out),
            "stop-instance" => self.end_instance("stop", scene, out),
            "kill-instance" => self.end_instance("kill", scene, out),
            "drill-in" => self.drill_in(scene, out),
            // Esc takes back the preview before it leaves.
            "back" if self.split.is_some() && self.applying.is_none() => self.split = None,
            _ => return false,
        }
        if matches!(
            action,
            "picture" | "histogram" | "percentiles" | "over-time" | "scale" | "alone"
        ) {
            self.below = Pane::Latency;
        }
        true
    }

    fn typing(&self) -> bool {
        self.invoke.editing
    }

    fn typed(&mut self, key: KeyEvent, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if matches!(key.code, KeyCode::Tab | KeyCode::BackTab) {
            return false;
        }
        let names: Vec<String> = self.variants.iter().map(|one| one.name.clone()).collect();
        self.invoke.typed(key, &self.name, &names, scene, out)
    }

    fn pasted(&mut self, text: &str, scene: &Scene<'_>, out: &mut Outbox) {
        if self.pane != Pane::Invoke {
            return;
        }
        if !self.invoke.editing {
            self.edit(scene, out);
        }
        self.invoke.pasted(text, out);
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        let layout = self.layout(area, scene);
        let Some(pane) = layout.at(event.column, event.row) else { return false };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.select_pane(pane);
                let inner = layout.inner(pane);
                let row = usize::from(event.row.saturating_sub(inner.y));
                if pane == Pane::Variants && row > 0 && row <= self.variants.len() {
                    self.selected = row - 1;
                }
            }
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                let by = if event.kind == MouseEventKind::ScrollUp { -1 } else { 1 };
                match pane {
                    Pane::Invoke => self.invoke.scroll(i64::from(by)),
                    _ if pane == self.pane => self.go(by),
                    _ => {}
                }
            }
            _ => return false,
        }
        true
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, out: &mut Outbox) {
        if let News::Answer(ticket, answer) = news {
            if self.applying == Some(ticket) {
                self.applying = None;
                if answer.outcome.is_ok() {
                    self.split = None;
                }
            }
            if self.ending == Some(ticket) {
                self.ending = None;
                let did = answer.outcome.as_ref().ok().and_then(|told| told.get("did")?.as_str());
                if let Some(did) = did {
                    out.notice(Tone::Good, did);
                }
            }
            self.invoke.answered(ticket, answer);
        }
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.row.iter().cloned().collect()
    }
}
