//! The picture: nodes in columns, arrows routed between them, traffic moving along.

use super::topology::{
    BUCKETS, COLUMNS, ENDPOINTS, JOBS, MODELS, Node, PACKAGES, Topology, Variant,
};
use crate::domain::words::counted;
use crate::tui::status::mood;
use crate::tui::text::{clean, fit, fit_middle, width};
use crate::tui::view::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const TITLES: [&str; COLUMNS] = ["DATA", "JOBS", "PACKAGES", "MODELS", "ENDPOINTS"];
/// Columns of the terminal for the arrows between two columns of nodes.
const GUTTER: u16 = 6;
/// How wide columns want to be, in relation to each other.
const WEIGHTS: [u16; COLUMNS] = [3, 6, 5, 5, 9];

const NORTH: u8 = 1;
const EAST: u8 = 2;
const SOUTH: u8 = 4;
const WEST: u8 = 8;

/// Where each column stands; `None` where the window is too narrow for it.
pub(super) fn columns(area: Rect) -> [Option<Rect>; COLUMNS] {
    let shown: Vec<usize> = match area.width {
        // Models say least: they stand between packages and endpoints of the same names.
        0..70 => vec![JOBS, PACKAGES, ENDPOINTS],
        70..110 => vec![BUCKETS, JOBS, PACKAGES, ENDPOINTS],
        _ => (0..COLUMNS).collect(),
    };
    let gutters = GUTTER * (shown.len() as u16 - 1);
    let room = area.width.saturating_sub(gutters);
    let weights: u16 = shown.iter().map(|column| WEIGHTS[*column]).sum();
    let mut columns = [None; COLUMNS];
    let mut x = area.x;
    for (index, column) in shown.iter().enumerate() {
        let mut wide = room * WEIGHTS[*column] / weights;
        if index + 1 == shown.len() {
            wide = area.right().saturating_sub(x);
        }
        columns[*column] = Some(Rect { x, width: wide, ..area });
        x = x.saturating_add(wide + GUTTER);
    }
    columns
}

/// Draws all; `selected` is the node under the cursor.
pub(super) fn draw(
    topology: &Topology,
    selected: Option<usize>,
    buffer: &mut Buffer,
    area: Rect,
    scene: &Scene<'_>,
) {
    let columns = columns(area);
    for (column, place) in columns.iter().enumerate() {
        let Some(place) = place else { continue };
        let shown: usize =
            topology.nodes.iter().filter(|node| node.column == column).map(|node| node.count).sum();
        let more = topology.totals[column].saturating_sub(shown);
        let title = match more {
            0 => TITLES[column].to_owned(),
            more => format!("{} +{more}", TITLES[column]),
        };
        buffer.set_stringn(place.x, area.y, title, usize::from(place.width), scene.theme.dim);
    }
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    arrows(topology, &columns, body, buffer, scene);
    for (index, node) in topology.nodes.iter().enumerate() {
        let Some(place) = columns[node.column] else { continue };
        let y = usize::from(body.y) + node.line;
        if y >= usize::from(body.bottom()) {
            continue;
        }
        let line = Rect { y: y as u16, height: 1, ..place };
        draw_node(node, line, selected == Some(index), buffer, scene);
        for (at, variant) in node.variants.iter().enumerate() {
            let y = y + at + 1;
            if y < usize::from(body.bottom()) {
                let line = Rect { y: y as u16, height: 1, ..place };
                draw_variant(node, variant, at, line, buffer, scene);
            }
        }
    }
}

fn draw_node(node: &Node, line: Rect, selected: bool, buffer: &mut Buffer, scene: &Scene<'_>) {
    let theme = scene.theme;
    let status = node.row.standing();
    let mood = mood(status);
    let room = usize::from(line.width);
    let about = about(node, scene);
    buffer.set_stringn(line.x, line.y, mood.mark(), room, mood.style(theme));
    let name = clean(&label(node)).into_owned();
    let name_room = room.saturating_sub(2);
    let about_room = name_room.saturating_sub(width(&name) + 2);
    let name = match node.count {
        1 => fit_middle(&name, name_room),
        _ => fit(&name, name_room).into_owned(),
    };
    let style = if selected { theme.accent.patch(theme.selected) } else { theme.accent };
    buffer.set_stringn(line.x + 2, line.y, &name, name_room, style);
    if about_room > 3 {
        let x = line.x + 2 + width(&name) as u16 + 2;
        let about = fit(&about, about_room).into_owned();
        buffer.set_stringn(x, line.y, about, about_room, theme.dim);
    }
    if selected {
        buffer.set_style(line, theme.selected);
    }
}

/// The name, or of several alike how many there are and why.
fn label(node: &Node) -> String {
    match node.count {
        1 => node.row.name.clone(),
        count => {
            let why = node.row.text("FailureReason").replace(&node.row.name, "…");
            format!("{} failed: {why}", crate::tui::format::count(count as u64))
        }
    }
}

/// What one wants to know beside the name.
fn about(node: &Node, scene: &Scene<'_>) -> String {
    let row = &node.row;
    if node.count > 1 {
        return String::new();
    }
    match node.column {
        JOBS => {
            let algorithm = crate::tui::screens::training_job::algorithm(row);
            let state = match row.status.as_str() {
                "InProgress" => row.text("SecondaryStatus").to_owned(),
                _ => row
                    .number("TrainingTimeInSeconds")
                    .map(|seconds| format!("{seconds} s"))
                    .unwrap_or_default(),
            };
            format!("{algorithm} {state}")
        }
        PACKAGES => row.text("ModelApprovalStatus").to_owned(),
        BUCKETS => match row.number("Objects") {
            Some(count) => counted(count as u64, "object"),
            None => String::new(),
        },
        ENDPOINTS => {
            let rate = endpoint_rate(scene, &row.name);
            let rate = rate.map(|rate| format!(" {}", crate::tui::format::rate(rate)));
            format!("{}{}", row.status, rate.unwrap_or_default())
        }
        _ => String::new(),
    }
}

fn draw_variant(
    node: &Node,
    variant: &Variant,
    at: usize,
    line: Rect,
    buffer: &mut Buffer,
    scene: &Scene<'_>,
) {
    let theme = scene.theme;
    let room = usize::from(line.width);
    let rate = variant_rate(scene, &node.row.name, &variant.name);
    let named = if room < 28 { 6 } else { 10 };
    let name = fit(&clean(&variant.name), named.min(room)).into_owned();
    let x = line.x + 2;
    buffer.set_stringn(x, line.y, &name, room.saturating_sub(2), theme.series(at));
    let left = room.saturating_sub(2 + named + 1);
    let bar = 10.min(left.saturating_sub(14));
    let full = (variant.share * bar as f64).round() as usize;
    let bar: String = (0..bar).map(|cell| if cell < full { '▰' } else { '▱' }).collect();
    let mut x = x + named as u16 + 1;
    let put = |x: u16, text: &str, style: Style, buffer: &mut Buffer| -> u16 {
        let room = line.right().saturating_sub(x);
        buffer.set_stringn(x, line.y, text, usize::from(room), style);
        x.saturating_add(width(text) as u16)
    };
    x = put(x, &bar, theme.series(at), buffer);
    x = put(x, &format!(" {:>3.0}%", variant.share * 100.0), theme.text, buffer);
    let rate = rate.map(|rate| format!(" {}", crate::tui::format::rate(rate)));
    // Half a number would be another one.
    if let Some(rate) = rate.filter(|rate| usize::from(x) + width(rate) <= line.right().into()) {
        put(x, &rate, theme.dim, buffer);
    }
}

/// Arrows as a grid of directions, so that lines which meet become one crossing.
fn arrows(
    topology: &Topology,
    columns: &[Option<Rect>; COLUMNS],
    body: Rect,
    buffer: &mut Buffer,
    scene: &Scene<'_>,
) {
    let mut grid = Grid::new(body);
    let mut heads = Vec::new();
    for edge in &topology.edges {
        let (from, to) = (&topology.nodes[edge.from], &topology.nodes[edge.to]);
        let Some(right) = columns[to.column] else { continue };
        // A column that is not shown is passed over: its nodes hang on what leads to them.
        let Some(left) = columns[from.column] else { continue };
        let start = left.x + node_width(from, left, scene) + 1;
        let end = right.x.saturating_sub(2);
        let (y0, y1) = (from.line, edge.line);
        let bend = right.x.saturating_sub(GUTTER / 2 + 1 + (edge.from % 2) as u16);
        grid.route(start, bend, end, y0, y1);
        heads.push((end, y1, to, edge.line.checked_sub(to.line + 1)));
    }
    for (from, to, line) in skipped(topology, columns) {
        let (from, to) = (&topology.nodes[from], &topology.nodes[to]);
        if let (Some(left), Some(right)) = (columns[from.column], columns[to.column]) {
            let start = left.x + node_width(from, left, scene) + 1;
            let end = right.x.saturating_sub(2);
            grid.route(start, right.x.saturating_sub(GUTTER / 2 + 1), end, from.line, line);
            heads.push((end, line, to, line.checked_sub(to.line + 1)));
        }
    }
    grid.draw(buffer, scene);
    let step = usize::try_from(scene.now / 250).unwrap_or(0);
    for (x, line, to, variant) in heads {
        let y = usize::from(body.y) + line;
        if y >= usize::from(body.bottom()) || !body.contains((x, y as u16).into()) {
            continue;
        }
        buffer.set_stringn(x, y as u16, "▶", 1, scene.theme.dim);
        let flowing = variant.and_then(|at| to.variants.get(at)).is_some_and(|variant| {
            variant_rate(scene, &to.row.name, &variant.name).is_some_and(|rate| rate > 0.0)
        });
        if flowing {
            // Two beads that move towards the endpoint.
            let room = GUTTER as usize / 2;
            let at = x.saturating_sub((room - step % (room + 1)) as u16);
            if at < x {
                buffer.set_stringn(at, y as u16, "●", 1, scene.theme.series(variant.unwrap_or(0)));
            }
        }
    }
}

/// Edges over a column that is not shown.
fn skipped(topology: &Topology, columns: &[Option<Rect>; COLUMNS]) -> Vec<(usize, usize, usize)> {
    if columns[MODELS].is_some() {
        return Vec::new();
    }
    let hidden = |index: usize| topology.nodes[index].column == MODELS;
    let mut found = Vec::new();
    for into in topology.edges.iter().filter(|edge| hidden(edge.to)) {
        for out in topology.edges.iter().filter(|edge| edge.from == into.to) {
            found.push((into.from, out.to, out.line));
        }
    }
    found
}

fn node_width(node: &Node, place: Rect, scene: &Scene<'_>) -> u16 {
    let name = width(&clean(&label(node))) + 2;
    let room = usize::from(place.width);
    let about = width(&about(node, scene));
    let with = if room.saturating_sub(name + 2) > 3 && about > 0 { name + 2 + about } else { name };
    with.min(room) as u16
}

struct Grid {
    area: Rect,
    cells: Vec<u8>,
}

impl Grid {
    fn new(area: Rect) -> Self {
        Self { area, cells: vec![0; usize::from(area.width) * usize::from(area.height)] }
    }

    fn mark(&mut self, x: u16, line: usize, directions: u8) {
        let inside =
            x >= self.area.x && x < self.area.right() && line < usize::from(self.area.height);
        if inside {
            let at = line * usize::from(self.area.width) + usize::from(x - self.area.x);
            self.cells[at] |= directions;
        }
    }

    /// From `start` along line `y0` to `bend`, up or down to `y1`, and on to `end`.
    fn route(&mut self, start: u16, bend: u16, end: u16, y0: usize, y1: usize) {
        let bend = bend.max(start);
        for x in start..bend {
            self.mark(x, y0, EAST | WEST);
        }
        let (up, down) = (y0.min(y1), y0.max(y1));
        if y0 == y1 {
            self.mark(bend, y0, EAST | WEST);
        } else {
            let (leave, arrive) = if y1 > y0 { (SOUTH, NORTH) } else { (NORTH, SOUTH) };
            self.mark(bend, y0, WEST | leave);
            for line in up + 1..down {
                self.mark(bend, line, NORTH | SOUTH);
            }
            self.mark(bend, y1, arrive | EAST);
        }
        for x in bend.saturating_add(1)..end {
            self.mark(x, y1, EAST | WEST);
        }
    }

    fn draw(&self, buffer: &mut Buffer, scene: &Scene<'_>) {
        for (at, directions) in self.cells.iter().enumerate() {
            let symbol = symbol(*directions);
            if symbol != " " {
                let x = self.area.x + (at % usize::from(self.area.width)) as u16;
                let y = self.area.y + (at / usize::from(self.area.width)) as u16;
                buffer.set_stringn(x, y, symbol, 1, scene.theme.faint);
            }
        }
    }
}

const fn symbol(directions: u8) -> &'static str {
    const N: u8 = NORTH;
    const E: u8 = EAST;
    const S: u8 = SOUTH;
    const W: u8 = WEST;
    const NS: u8 = N | S;
    const EW: u8 = E | W;
    match directions {
        0 => " ",
        N | S | NS => "│",
        E | W | EW => "─",
        d if d == S | E => "╭",
        d if d == S | W => "╮",
        d if d == N | E => "╰",
        d if d == N | W => "╯",
        d if d == NS | E => "├",
        d if d == NS | W => "┤",
        d if d == EW | S => "┬",
        d if d == EW | N => "┴",
        _ => "┼",
    }
}

/// Requests a second, where there are any.
fn endpoint_rate(scene: &Scene<'_>, endpoint: &str) -> Option<f64> {
    let rates = scene.mirror.live.rates(endpoint, scene.now)?;
    (rates.requests > 0.0).then_some(rates.requests)
}

fn variant_rate(scene: &Scene<'_>, endpoint: &str, variant: &str) -> Option<f64> {
    let beats = scene.mirror.live.traffic.variants(endpoint);
    let beat = beats.iter().find(|beat| beat.variant == variant)?;
    let rate = beat.pace.rates(scene.now as f64 / 1000.0).requests;
    (rate > 0.0).then_some(rate)
}
