//! The region as a picture: what exists, how it hangs together, what moves, what it costs, what needs
//! attention, what just happened.

mod draw;
mod panes;
mod topology;

use crate::command::show::shell_word;
use crate::tui::effect::{Effect, Want};
use crate::tui::format;
use crate::tui::keymap::Binding;
use crate::tui::mirror::Item;
use crate::tui::msg::Link;
use crate::tui::row::{Key, Row};
use crate::tui::screens;
use crate::tui::text::{clean, width};
use crate::tui::view::{Outbox, Place, Scene, View};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Wrap};
use serde_json::Value;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use topology::{COLUMNS, Topology};

pub static KEYS: &[Binding] = &[
    Binding::new("up", &["k", "up"], "Up"),
    Binding::new("down", &["j", "down"], "Down"),
    Binding::new("left", &["h", "left"], "To what it comes from"),
    Binding::new("right", &["l", "right"], "To what it leads to"),
    Binding::new("next-pane", &["tab"], "To the next pane").hint("pane"),
    Binding::new("previous-pane", &["shift-tab"], "To the pane before"),
    Binding::new("trust", &["t"], "Trust the folder and start its region"),
    Binding::new("start", &["o"], "Start the region again after it has gone"),
    Binding::new("top", &["g", "home"], "To the first"),
    Binding::new("bottom", &["G", "end"], "To the last"),
];

/// Things listed that need attention; further ones are listed as one goes down.
const ATTENTION: usize = 100;
/// Which endpoints are the busiest is looked up this often, in milliseconds.
const BUSY: i64 = 2000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pane {
    #[default]
    Region,
    Attention,
    Events,
}

#[derive(Default)]
pub struct Overview {
    topology: Topology,
    /// Of what the topology was made: the revision, the room, and which endpoints have traffic.
    made: Option<(u64, usize, bool, Vec<Key>)>,
    /// The endpoints with traffic, and when that was looked up.
    busy: (i64, Vec<Key>),
    pane: Pane,
    /// The name and kind of the node under the cursor.
    at: Option<(String, String)>,
    attention: Vec<Item>,
    /// How many there are in all, and whether there may be more.
    needing: (usize, bool),
    /// When, and of which revision and link.
    looked: Option<(i64, u64, Option<Discriminant<Link>>)>,
    attention_at: usize,
    /// From the newest.
    event_at: usize,
}

/// Where the panes stand.
struct Layout {
    region: Rect,
    attention: Rect,
    events: Rect,
}

fn layout(area: Rect, lines: usize) -> Layout {
    // The lower panes have a third, more when the picture needs less.
    let wanted = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(3);
    let least = (area.height / 3).max(5).min(area.height);
    let most = area.height - least;
    let region = wanted.clamp((area.height / 2).min(most), most);
    let below = Rect { y: area.y + region, height: area.height - region, ..area };
    let left = below.width / 2;
    Layout {
        region: Rect { height: region, ..area },
        attention: Rect { width: left, ..below },
        events: Rect { x: below.x + left, width: below.width - left, ..below },
    }
}

impl Overview {
    fn selected(&self) -> Option<usize> {
        let (kind, name) = self.at.as_ref()?;
        self.topology.nodes.iter().position(|node| node.row.kind == *kind && node.row.name == *name)
    }

    fn select(&mut self, index: usize) {
        if let Some(node) = self.topology.nodes.get(index) {
            self.at = Some((node.row.kind.clone(), node.row.name.clone()));
        }
    }

    /// The next node of the same column.
    fn along(&mut self, down: bool) {
        let Some(now) = self.selected() else { return self.select_first() };
        let (column, line) = (self.topology.nodes[now].column, self.topology.nodes[now].line);
        let in_column = self.topology.nodes.iter().enumerate();
        let in_column = in_column.filter(|(_, node)| node.column == column);
        let next = if down {
            in_column.filter(|(_, node)| node.line > line).min_by_key(|(_, node)| node.line)
        } else {
            in_column.filter(|(_, node)| node.line < line).max_by_key(|(_, node)| node.line)
        };
        if let Some((index, _)) = next {
            self.select(index);
        }
    }

    /// Along an arrow if there is one, else to the nearest of the next column.
    fn across(&mut self, right: bool) {
        let Some(now) = self.selected() else { return self.select_first() };
        let edges = self.topology.edges.iter();
        let by_edge =
            edges.clone().find(|edge| if right { edge.from == now } else { edge.to == now });
        if let Some(edge) = by_edge {
            return self.select(if right { edge.to } else { edge.from });
        }
        let (column, line) = (self.topology.nodes[now].column, self.topology.nodes[now].line);
        let columns: Vec<usize> =
            if right { (column + 1..COLUMNS).collect() } else { (0..column).rev().collect() };
        for column in columns {
            let members = self.topology.nodes.iter().enumerate();
            let members = members.filter(|(_, node)| node.column == column);
            if let Some((index, _)) = members.min_by_key(|(_, node)| node.line.abs_diff(line)) {
                return self.select(index);
            }
        }
    }

    /// What needs attention does so by the passing of time and by traffic too: once a second is soon.
    fn look_after(&mut self, scene: &Scene<'_>) {
        let link = scene.mirror.link.as_ref().map(discriminant);
        let now = (scene.now / 1000, scene.mirror.revision, link);
        if self.looked != Some(now) {
            self.looked = Some(now);
            let most = self.attention_at + ATTENTION;
            self.attention = scene.mirror.attention(scene.now, most);
            self.needing = scene.mirror.attention_count(scene.now);
            self.attention_at = self.attention_at.min(self.attention.len().saturating_sub(1));
        }
    }

    fn select_first(&mut self) {
        // What serves is what one comes for.
        let order = |node: &topology::Node| (COLUMNS - node.column, node.line);
        let nodes = self.topology.nodes.iter().enumerate();
        if let Some((index, _)) = nodes.min_by_key(|(_, node)| order(node)) {
            self.select(index);
        }
    }

    fn vertical(&mut self, by: i64, scene: &Scene<'_>) {
        let go = |at: usize, count: usize| {
            (at as i64).saturating_add(by).clamp(0, count.saturating_sub(1) as i64) as usize
        };
        match self.pane {
            Pane::Region => (0..by.unsigned_abs().min(200)).for_each(|_| self.along(by > 0)),
            Pane::Attention => self.attention_at = go(self.attention_at, self.attention.len()),
            Pane::Events => self.event_at = go(self.event_at, scene.mirror.notes.len()),
        }
    }

    fn row(&self, scene: &Scene<'_>) -> Option<Arc<Row>> {
        match self.pane {
            Pane::Region => {
                self.selected().map(|index| Arc::clone(&self.topology.nodes[index].row))
            }
            Pane::Attention => None,
            Pane::Events => {
                let note = scene.mirror.notes.iter().rev().nth(self.event_at)?;
                scene.mirror.row(&note.kind, &note.name).cloned()
            }
        }
    }

    fn drill_in(&self, scene: &Scene<'_>, out: &mut Outbox) {
        let alike = self.selected().and_then(|index| self.topology.nodes.get(index));
        let list = alike.filter(|node| node.count > 1).and_then(|node| screens::list_of(&node.row));
        let place = match self.pane {
            // Of several alike there is no one to go to.
            Pane::Region if list.is_some() => list,
            Pane::Attention => self.attention.get(self.attention_at).map(|item| item.place.clone()),
            _ => self.row(scene).and_then(|row| screens::place_of(&row)),
        };
        match place {
            Some(place) => out.open(place),
            None => out.requests.push(crate::tui::view::Request::Act("describe")),
        }
    }

    fn pane(&self, pane: Pane, title: String, scene: &Scene<'_>) -> Block<'static> {
        let theme = scene.theme;
        let style = if self.pane == pane { theme.focus } else { theme.border };
        Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(style)
            .title(Span::styled(title, theme.title))
    }

    fn draw_region(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let block = self.pane(Pane::Region, " Region ".into(), scene);
        let summary = summary(scene, usize::from(area.width).saturating_sub(14));
        let summary = Line::styled(format!(" {summary} "), scene.theme.dim);
        let inner = block.inner(area);
        frame.render_widget(block.title_bottom(summary.right_aligned()), area);
        if self.topology.nodes.is_empty() {
            let words = nothing(scene).lines().map(clean).collect::<Vec<_>>().join("\n");
            let paragraph = Paragraph::new(words).style(scene.theme.dim).wrap(Wrap { trim: true });
            let inside = Rect { x: inner.x + 2, width: inner.width.saturating_sub(4), ..inner };
            frame.render_widget(paragraph, inside);
            return;
        }
        let selected = self.selected().filter(|_| self.pane == Pane::Region);
        let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
        draw::draw(&self.topology, selected, frame.buffer_mut(), inner, scene);
    }
}

/// What all of it does and costs, in a line; what does not fit is left out.
fn summary(scene: &Scene<'_>, room: usize) -> String {
    let rates = scene.mirror.live.traffic.total(scene.now as f64 / 1000.0);
    let mut parts = vec![format!("{} requests", format::rate(rates.requests))];
    if rates.errors() > 0.0 {
        parts.push(format!("{} errors", format::rate(rates.errors())));
    }
    if let Some(cost) = crate::tui::cost::Cost::of(&scene.mirror.cost) {
        parts.push(format!("list price ${:.2}/h now, ${:.4} so far", cost.hourly, cost.total));
        if cost.unknown > 0 {
            parts.push(format!("{} without a known price", cost.unknown));
        }
    }
    while parts.len() > 1 && width(&parts.join(" · ")) > room {
        parts.pop();
    }
    parts.join(" · ")
}

/// What to say where there is nothing to draw.
fn nothing(scene: &Scene<'_>) -> String {
    match &scene.mirror.link {
        Some(Link::Untrusted { folder, found }) => format!(
            "{folder} is new to you. Nothing in it has been run. It contains:\n\n  {}\n\n\
             t trusts the folder and starts its region; q leaves.",
            found.join("\n  ")
        ),
        Some(Link::Failed { why }) => format!("{why}\n\no tries again; q leaves."),
        Some(Link::Lost { why }) => {
            format!("The region is gone ({why}). It is looked for; o starts it again.")
        }
        Some(Link::Starting) | None => "The region is starting…".into(),
        Some(Link::Connected { .. }) if !scene.mirror.ready => "Loading…".into(),
        Some(Link::Connected { health, .. }) => format!(
            "An empty region. {}`:` runs any command, such as `bucket create data`; boto3 and the AWS \
             CLI reach it from another terminal: `eval \"$(sagebrush env -w {})\"` there.",
            if scene.has_demo { "Ctrl-T plays the demo; " } else { "" },
            shell_word(health.get("workspace").and_then(Value::as_str).unwrap_or("DIR"))
        ),
    }
}

impl View for Overview {
    fn name(&self) -> &'static str {
        "overview"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("overview"))
    }

    fn title(&self) -> String {
        "Overview".into()
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let layout = layout(area, self.topology.lines + 1);
        self.draw_region(frame, layout.region, scene);
        self.draw_attention(frame, layout.attention, scene);
        self.draw_events(frame, layout.events, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let most = usize::from((area.height - area.height / 3).saturating_sub(3));
        let beat = scene.now / BUSY;
        if self.busy.0 != beat {
            self.busy = (beat, scene.mirror.live.traffic.busiest(scene.now as f64 / 1000.0));
        }
        let made = Some((scene.mirror.revision, most, scene.mirror.ready, self.busy.1.clone()));
        if self.made != made {
            self.topology = Topology::of(scene.mirror, most, &self.busy.1);
            self.made = made;
            if self.selected().is_none() {
                self.select_first();
            }
        }
        self.look_after(scene);
        self.event_at = self.event_at.min(scene.mirror.notes.len().saturating_sub(1));
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        const PANES: [Pane; 3] = [Pane::Region, Pane::Attention, Pane::Events];
        let at = PANES.iter().position(|pane| *pane == self.pane).unwrap_or(0);
        match action {
            "up" => self.vertical(-1, scene),
            "down" => self.vertical(1, scene),
            "top" => self.vertical(-100_000, scene),
            "bottom" => self.vertical(100_000, scene),
            "left" if self.pane == Pane::Region => self.across(false),
            "right" if self.pane == Pane::Region => self.across(true),
            "next-pane" => self.pane = PANES[(at + 1) % 3],
            "previous-pane" => self.pane = PANES[(at + 2) % 3],
            "drill-in" => self.drill_in(scene, out),
            "trust" if matches!(scene.mirror.link, Some(Link::Untrusted { .. })) => {
                out.effect(Effect::Trust);
            }
            "start"
                if matches!(scene.mirror.link, Some(Link::Lost { .. } | Link::Failed { .. })) =>
            {
                out.effect(Effect::Start);
            }
            _ => return false,
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        scene: &Scene<'_>,
        out: &mut Outbox,
    ) -> bool {
        let layout = layout(area, self.topology.lines + 1);
        let at = (event.column, event.row).into();
        let panes = [
            (Pane::Region, layout.region),
            (Pane::Attention, layout.attention),
            (Pane::Events, layout.events),
        ];
        let Some((pane, place)) = panes.into_iter().find(|(_, place)| place.contains(at)) else {
            return false;
        };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let line = usize::from(event.row.saturating_sub(place.y + 1));
                let before = (self.pane, self.at.clone(), self.attention_at, self.event_at);
                self.pane = pane;
                match pane {
                    Pane::Region => self.click(event, place),
                    Pane::Attention => {
                        let inner = Rect { x: place.x + 1, y: place.y + 1, ..place };
                        let inner = Rect {
                            width: place.width.saturating_sub(2),
                            height: place.height.saturating_sub(2),
                            ..inner
                        };
                        if let Some((index, _)) = self.attention_lines(inner).get(line) {
                            self.attention_at = *index;
                        }
                    }
                    Pane::Events => {
                        self.event_at = line.min(scene.mirror.notes.len().saturating_sub(1));
                    }
                }
                if before == (self.pane, self.at.clone(), self.attention_at, self.event_at) {
                    self.drill_in(scene, out);
                }
            }
            MouseEventKind::ScrollDown => self.vertical(1, scene),
            MouseEventKind::ScrollUp => self.vertical(-1, scene),
            _ => {}
        }
        true
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        vec![Want::Traffic, Want::Engine]
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        match self.pane {
            Pane::Region => {
                let node = self.selected().map(|index| &self.topology.nodes[index]);
                node.map(|node| Arc::clone(&node.row)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Overview {
    fn click(&mut self, event: MouseEvent, place: Rect) {
        let inner = Rect { x: place.x + 2, width: place.width.saturating_sub(4), ..place };
        let line = usize::from(event.row.saturating_sub(place.y + 2));
        let columns = draw::columns(inner);
        let hit = self.topology.nodes.iter().position(|node| {
            let inside = columns[node.column]
                .is_some_and(|column| (column.x..column.right()).contains(&event.column));
            inside && (node.line..node.line + node.height()).contains(&line)
        });
        if let Some(index) = hit {
            self.select(index);
        }
    }
}
