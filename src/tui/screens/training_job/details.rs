//! What went into a job and what came out of it, as lines.

use super::curves::Curves;
use super::facts;
use crate::tui::format;
use crate::tui::row::Row;
use crate::tui::text::{clean, fit, pad, width};
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;
use std::time::Duration;

/// A line of the details.
enum Entry {
    Heading(&'static str),
    /// A name and its value.
    Pair(String, String),
    Gap,
}

/// The lines, laid out for a width.
#[derive(Default)]
pub struct Details {
    lines: Vec<(Kind, String, String)>,
    /// Columns of the names.
    name: usize,
    scroll: usize,
    height: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Pair,
}

/// The name's part of the width.
const NAME: usize = 22;

impl Details {
    /// Reads the lines anew; long values go on over several.
    pub fn settle(&mut self, row: &Row, curves: &Curves, artifact: Option<u64>, area: Rect) {
        let columns = usize::from(area.width);
        let entries = entries(row, curves, artifact);
        let longest = entries.iter().map(|entry| match entry {
            Entry::Pair(name, _) => width(&clean(name)),
            _ => 0,
        });
        let name = longest.max().unwrap_or(0).min(NAME).min(columns / 2);
        let room = columns.saturating_sub(name + 1).max(8);
        self.name = name;
        self.lines.clear();
        for entry in entries {
            match entry {
                Entry::Heading(text) => {
                    self.lines.push((Kind::Heading, text.to_owned(), String::new()));
                }
                Entry::Gap => self.lines.push((Kind::Pair, String::new(), String::new())),
                Entry::Pair(name, value) => {
                    let mut name = clean(&name).into_owned();
                    for part in chunks(&clean(&value), room) {
                        self.lines.push((Kind::Pair, std::mem::take(&mut name), part));
                    }
                }
            }
        }
        self.height = usize::from(area.height);
        self.scroll = self.scroll.min(self.most());
    }

    fn most(&self) -> usize {
        self.lines.len().saturating_sub(self.height)
    }

    pub fn act(&mut self, action: &str) -> bool {
        let page = self.height.max(2) - 1;
        self.scroll = match action {
            "up" => self.scroll.saturating_sub(1),
            "down" => self.scroll + 1,
            "page-up" => self.scroll.saturating_sub(page),
            "page-down" => self.scroll + page,
            "top" => 0,
            "bottom" => self.most(),
            _ => return false,
        };
        self.scroll = self.scroll.min(self.most());
        true
    }

    /// Whether there is more than is seen: `12–30 of 41`.
    pub fn position(&self) -> Option<String> {
        (self.most() > 0).then(|| {
            let to = (self.scroll + self.height).min(self.lines.len());
            format!("{}–{to} of {}", self.scroll + 1, self.lines.len())
        })
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buffer.area);
        let columns = usize::from(area.width);
        let name_room = self.name.min(columns);
        for ((kind, name, value), y) in
            self.lines.iter().skip(self.scroll).zip(area.y..area.bottom())
        {
            if *kind == Kind::Heading {
                buffer.set_stringn(area.x, y, name, columns, theme.title);
                continue;
            }
            let shown = pad(&fit(name, name_room), name_room);
            buffer.set_stringn(area.x, y, shown, columns, theme.dim);
            let x = area.x.saturating_add(name_room as u16 + 1);
            let room = usize::from(area.right().saturating_sub(x));
            buffer.set_stringn(x, y, value, room, theme.text);
        }
    }
}

/// The text in pieces of at most so many columns; at least one. A piece ends after a space or what
/// parts a path, if there is one in its second half, or at the last space.
fn chunks(text: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for char in text.chars() {
        let wide = width(char.encode_utf8(&mut [0; 4]));
        let Some(last) = pieces.last_mut() else { break };
        if !last.is_empty() && width(last) + wide > columns {
            let cut = last.rfind([' ', '/', ',', ':', '-']).map_or(0, |at| at + 1);
            // A word is not torn where it has a line to itself.
            let space = last.rfind(' ').map(|at| at + 1);
            let cut = if width(&last[..cut]) * 2 > columns { Some(cut) } else { space };
            let rest = cut.map_or_else(String::new, |cut| last.split_off(cut));
            last.truncate(last.trim_end().len());
            pieces.push(rest);
        }
        if let Some(last) = pieces.last_mut() {
            last.push(char);
        }
    }
    pieces
}

fn entries(row: &Row, curves: &Curves, artifact: Option<u64>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = |title: &'static str, pairs: Vec<(String, String)>| {
        let pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        if !pairs.is_empty() {
            if !entries.is_empty() {
                entries.push(Entry::Gap);
            }
            entries.push(Entry::Heading(title));
            entries.extend(pairs.into_iter().map(|(name, value)| Entry::Pair(name, value)));
        }
    };
    section("Result", results(row, curves));
    section("Hyperparameters", text_map(row, "HyperParameters"));
    section("Data", channels(row));
    section("Artifacts", artifacts(row, artifact));
    section("Machine", machine(row, curves));
    section("Environment", text_map(row, "Environment"));
    section("Identity", identity(row));
    entries
}

fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// The final metrics, or while it runs the last values.
fn results(row: &Row, curves: &Curves) -> Vec<(String, String)> {
    let finals = row.list("FinalMetricDataList");
    if finals.is_empty() {
        return curves
            .last_values()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, value)| pair(name, format::compact(value)))
            .collect();
    }
    let metric = |metric: &Value| {
        let name = metric.get("MetricName").and_then(Value::as_str)?;
        // All its digits: this is what one copies into a report.
        let value = metric.get("Value").and_then(Value::as_f64)?;
        Some(pair(name, value.to_string()))
    };
    finals.iter().filter_map(metric).collect()
}

fn text_map(row: &Row, member: &str) -> Vec<(String, String)> {
    let map = row.body.get(member).and_then(Value::as_object);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.into_iter().flatten().map(|(name, value)| pair(name, text(value))).collect()
}

fn channels(row: &Row) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for channel in row.list("InputDataConfig") {
        let text = |pointer: &str| channel.pointer(pointer).and_then(Value::as_str);
        let name = text("/ChannelName").unwrap_or_default();
        let from = text("/DataSource/S3DataSource/S3Uri")
            .or_else(|| text("/DataSource/FileSystemDataSource/DirectoryPath"))
            .unwrap_or_default();
        pairs.push(pair(name, from));
        let how = [text("/ContentType"), text("/DataSource/S3DataSource/S3DataDistributionType")];
        let how: Vec<&str> = how.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        pairs.push(pair("", how.join(", ")));
    }
    pairs
}

fn artifacts(row: &Row, artifact: Option<u64>) -> Vec<(String, String)> {
    let model = row.at("/ModelArtifacts/S3ModelArtifacts");
    let size = artifact.map(format::bytes).unwrap_or_default();
    let output = row.at("/OutputDataConfig/S3OutputPath");
    let mut pairs = vec![pair("model", model), pair("size", size)];
    if model.is_empty() {
        pairs.push(pair("will go to", output));
    }
    pairs.push(pair("checkpoints", row.at("/CheckpointConfig/S3Uri")));
    pairs
}

fn machine(row: &Row, curves: &Curves) -> Vec<(String, String)> {
    let mut pairs = vec![pair("stands in for", facts::machines_line(row))];
    for machines in facts::machines(row) {
        let price = match facts::price(&machines.instance_type) {
            Some(price) => format!(
                "{}/h each, list price of {}",
                format::money(Some(price.per_hour)),
                price.source.date
            ),
            None => format!("{} has no published price", machines.instance_type),
        };
        pairs.push(pair("price", price));
    }
    let limit = |pointer: &str| {
        let seconds = row.body.pointer(pointer).and_then(Value::as_u64);
        seconds.map(|seconds| format::duration(Duration::from_secs(seconds))).unwrap_or_default()
    };
    pairs.push(pair("longest run", limit("/StoppingCondition/MaxRuntimeInSeconds")));
    pairs.push(pair("longest wait", limit("/StoppingCondition/MaxWaitTimeInSeconds")));
    if row.body.get("EnableManagedSpotTraining").and_then(Value::as_bool) == Some(true) {
        pairs.push(pair("spot", "asked for; its discount is not known here"));
    }
    pairs.extend(curves.usage_lines());
    pairs
}

fn identity(row: &Row) -> Vec<(String, String)> {
    vec![
        pair("image", row.at("/AlgorithmSpecification/TrainingImage")),
        pair("ARN", row.arn.clone()),
        pair("role", row.text("RoleArn")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_is_not_torn() {
        assert_eq!(chunks("text/csv · FullyReplicated", 25), ["text/csv ·", "FullyReplicated"]);
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "\\PC{0,60}", columns in 2_usize..20) {
            let pieces = chunks(&text, columns);
            // Spaces where lines end are not drawn.
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
            prop_assert!(pieces.iter().all(|piece| width(piece) <= columns + 1));
        }
    }
}
