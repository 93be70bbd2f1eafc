//! The versions of a group, newest first, with what is known of the one under the cursor: figures,
//! where it comes from, who serves it. Two of them stand beside each other on `compare`.

mod compare;
mod comparison;
mod facts;
mod versions;

pub use compare::{BINDINGS as COMPARE_BINDINGS, Compare};
pub(super) use versions::Versions;

use crate::domain::kind;
use crate::domain::words::counted;
use crate::tui::columns;
use crate::tui::keymap::Binding;
use crate::tui::layers::{Deploy, Prompt};
use crate::tui::mirror::lineage::Fresh;
use crate::tui::row::Row;
use crate::tui::status::mood;
use crate::tui::text::{clean, fit, pad};
use crate::tui::view::{Outbox, Place, Request, Scene, Tone, View};
use crate::tui::widgets::table::{Cell, Column, Table};
use facts::Figure;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use std::sync::Arc;

pub(super) static BINDINGS: &[Binding] = &[
    Binding::new("compare", &["="], "Compare the two marked, or this one with the one before")
        .hint("compare"),
    Binding::new("approve", &["A"], "Approve it, with a comment").hint("approve").changes(),
    Binding::new("reject", &["R"], "Reject it, with a comment").hint("reject").changes(),
    Binding::new("deploy", &["p"], "Put it behind an endpoint").hint("deploy").changes(),
    Binding::new("job", &["J"], "The training job that made it"),
];

/// Rows of the pane below the table.
const DETAIL: u16 = 11;

static COLUMNS: &[Column] = &[
    Column::new("VERSION", 9, |row, scene| {
        let text = match row.number("ModelPackageVersion") {
            Some(version) => format!("{version}"),
            None => row.name.clone(),
        };
        Cell::number(row.number("ModelPackageVersion"), text, scene.theme.accent)
    }),
    Column::new("APPROVAL", 23, |row, scene| {
        let status = row.standing();
        let mood = mood(status);
        Cell::text(format!("{} {status}", mood.mark()), mood.style(scene.theme))
    }),
    Column::new("METRICS", 18, metrics).grow(2),
    Column::new("ALGORITHM", 14, |row, scene| {
        Cell::text(facts::algorithm(row).to_owned(), scene.theme.text)
    })
    .rank(2),
    Column::new("JOB", 10, |row, scene| {
        let job = facts::property(row, "training-job").to_owned();
        Cell::text(job, scene.theme.dim)
    })
    .grow(1)
    .rank(3),
    columns::CREATED,
];

/// `0.9778 accuracy · 0.0225 train:mlogloss`, sorted by the first.
fn metrics(row: &Row, scene: &Scene<'_>) -> Cell {
    let job = scene.mirror.row(kind::TRAINING_JOB, facts::property(row, "training-job"));
    let figures = facts::figures(row, job.map(|job| &**job));
    let text: Vec<String> = figures.iter().take(3).map(worded).collect();
    let first = figures.first().map(|figure| match facts::more_is_better(&figure.name) {
        Some(false) => -figure.value,
        _ => figure.value,
    });
    let text = if text.is_empty() { "-".to_owned() } else { text.join(" · ") };
    Cell::number(first, text, scene.theme.text)
}

fn worded(figure: &Figure) -> String {
    format!("{} {}", facts::shown(figure.value), figure.name)
}

/// The versions of one group.
pub struct Group {
    name: String,
    table: Table,
    /// What is said of the version under the cursor; made when something changed.
    detail: Detail,
    fresh: Fresh,
}

#[derive(Default)]
struct Detail {
    package: Option<Arc<Row>>,
    figures: Vec<Figure>,
    lineage: Vec<Arc<Row>>,
    served: Vec<String>,
}

impl Group {
    pub fn new(name: &str) -> Self {
        let empty = "No versions yet. `:register GROUP --from JOB` makes one";
        let table = Table::new(COLUMNS).sorted_by(0, false).within(name).empty(empty);
        Self { name: name.to_owned(), table, detail: Detail::default(), fresh: Fresh::default() }
    }

    /// Opens with the cursor on a version, `group/3`.
    pub fn at(package: &str) -> Self {
        let group = package.split('/').next().unwrap_or(package);
        let mut view = Self::new(group);
        view.table.select(package);
        view
    }

    fn subject_names(&self) -> Vec<String> {
        self.table.subjects().iter().map(|row| row.name.clone()).collect()
    }

    /// Two marked versions, else the one under the cursor beside the one below it.
    fn pair(&self) -> Option<(String, String)> {
        let marked = self.table.subjects();
        if let [a, b] = marked.as_slice() {
            let (a, b) = if facts::version(a) <= facts::version(b) { (a, b) } else { (b, a) };
            return Some((a.name.clone(), b.name.clone()));
        }
        let here = self.table.row().filter(|_| marked.len() < 2)?;
        let mut versions: Vec<_> = self.table.rows().collect();
        versions.sort_by_key(|row| facts::version(row));
        let at = versions.iter().position(|row| row.name == here.name)?;
        let other = if at > 0 { at - 1 } else { 1 };
        let (first, second) = (at.min(other), at.max(other));
        Some((versions.get(first)?.name.clone(), versions.get(second)?.name.clone()))
    }

    fn compare(&self, out: &mut Outbox) {
        match self.pair() {
            Some((a, b)) => out.open(Place::of("compare", format!("{a} {b}"))),
            None => out.notice(Tone::Info, "Mark two versions with space to compare them"),
        }
    }
}

/// Asks for a comment, then approves or rejects.
fn judge(verb: &'static str, names: Vec<String>, out: &mut Outbox) {
    let what = match names.as_slice() {
        [] => return,
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    let title = if verb == "approve" { "Approve" } else { "Reject" };
    let prompt = Prompt::new(format!("{title} {what}"), move |comment, out| {
        let mut words = vec![verb.to_owned()];
        words.extend(names);
        if !comment.is_empty() {
            words.extend(["--comment".to_owned(), comment.to_owned()]);
        }
        out.run(words);
    });
    out.push(prompt.hint("a comment, kept with the version; or nothing").may_be_empty());
}

impl View for Group {
    fn name(&self) -> &'static str {
        "group"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("group", &*self.name))
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let (table, detail) = split(area);
        self.table.draw(frame.buffer_mut(), table, scene);
        self.detail.draw(frame, detail, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let (table, _) = split(area);
        self.table.settle(scene.mirror.rows(kind::MODEL_PACKAGE), table, scene);
        let of = self.table.row().map_or("", |row| &row.name);
        if self.fresh.due(of, scene.mirror, scene.now) {
            self.detail = Detail::of(self.table.row(), scene);
        }
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "drill-in" if self.table.subjects().len() == 2 => self.compare(out),
            "drill-in" => out.requests.push(Request::Act("describe")),
            "compare" => self.compare(out),
            "approve" => judge("approve", self.subject_names(), out),
            "reject" => judge("reject", self.subject_names(), out),
            "deploy" => out.push(Deploy::of(&self.table.subjects(), scene.mirror)),
            "job" => match self.detail.lineage.iter().find(|row| row.kind == kind::TRAINING_JOB) {
                Some(job) => out.requests.extend(super::place_of(job).map(Request::Open)),
                None => out.notice(Tone::Info, "Which job made it is not known"),
            },
            _ => return false,
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.table.subjects()
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }
}

/// The table above, the detail below where there is room for both.
fn split(area: Rect) -> (Rect, Rect) {
    let below = if area.height >= DETAIL + 8 { DETAIL } else { 0 };
    let table = Rect { height: area.height - below, ..area };
    (table, Rect { y: table.bottom(), height: below, ..area })
}

impl Detail {
    fn of(package: Option<&Arc<Row>>, scene: &Scene<'_>) -> Self {
        let Some(package) = package else { return Self::default() };
        let job = scene.mirror.job_behind(package);
        let served = facts::served_by(scene.mirror, package);
        Self {
            package: Some(Arc::clone(package)),
            figures: facts::figures(package, job.as_deref()),
            lineage: facts::lineage(scene.mirror, package),
            served: served
                .into_iter()
                .map(|(row, name)| format!("{} as {name}", row.name))
                .collect(),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let Some(package) = self.package.as_ref().filter(|_| area.height > 2) else { return };
        let theme = scene.theme;
        let title = format!(" {} ", clean(&package.name));
        let block = Block::new()
            .borders(Borders::TOP)
            .border_style(theme.border)
            .title(Span::styled(title, theme.title));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let room = usize::from(inner.width).saturating_sub(16);
        let line = |label: &str, text: String| {
            let text = fit(&clean(&text), room).into_owned();
            Line::from(vec![
                Span::styled(format!("  {}", pad(label, 12)), theme.dim),
                Span::styled(text, theme.text),
            ])
        };
        let approval = package.text("ModelApprovalStatus");
        let judged = match package.text("ApprovalDescription") {
            "" => crate::tui::status::labelled(approval),
            why => format!("{}: {why}", crate::tui::status::labelled(approval)),
        };
        let way: Vec<String> = self.lineage.iter().map(|row| facts::named(row)).collect();
        let mut lines =
            vec![line("description", package.text("ModelPackageDescription").to_owned())];
        if !approval.is_empty() {
            lines.push(line("approval", judged));
        }
        let rows = facts::evaluated_rows(package);
        if let Some(rows) = rows {
            let on = facts::evaluated_on(package);
            lines.push(line("evaluated", format!("on {} of {on}", counted(rows as u64, "row"))));
        }
        lines.push(line("image", facts::image(package).to_owned()));
        lines.push(line("lineage", if way.is_empty() { "-".into() } else { way.join(" → ") }));
        let served = if self.served.is_empty() { "nobody".into() } else { self.served.join(", ") };
        lines.push(line("served by", served));
        let mut last = None;
        for figure in &self.figures {
            let label = if last == Some(figure.source) { "" } else { figure.source.word() };
            last = Some(figure.source);
            lines.push(line(
                label,
                format!("{} {}", pad(&figure.name, 24), facts::shown(figure.value)),
            ));
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

#[cfg(test)]
mod tests;
