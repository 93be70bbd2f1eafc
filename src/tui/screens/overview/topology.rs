//! How the region's things hang together: data → jobs → packages → models → endpoints with their
//! variants, as rows in columns and edges between them. Pure: from the mirror to places.
//!
//! Ten thousand endpoints do not fit a window. The ones with most traffic come first, then those that
//! change or fail, then the newest, and what leads to them comes with them. Failures with the same reason
//! share one line; how many are left out is said.

use crate::domain::arn::Arn;
use crate::domain::kind;
use crate::domain::s3_uri::S3Uri;
use crate::tui::mirror::{BUCKET, Mirror};
use crate::tui::row::{Key, Row};
use crate::tui::status::{Mood, mood};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns of the picture, from the data to the traffic.
pub(super) const COLUMNS: usize = 5;
pub(super) const BUCKETS: usize = 0;
pub(super) const JOBS: usize = 1;
pub(super) const PACKAGES: usize = 2;
pub(super) const MODELS: usize = 3;
pub(super) const ENDPOINTS: usize = 4;

/// Rows of each kind looked at when choosing what to show.
const LOOKED_AT: usize = 400;
/// From so many failures with the same reason on, they share a line.
const ALIKE: usize = 3;
/// Characters of a reason that tell it from another.
const REASON: usize = 48;

/// Something in the picture.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) row: Arc<Row>,
    pub(super) column: usize,
    /// Lines below the first: an endpoint's variants.
    pub(super) variants: Vec<Variant>,
    /// The line of the picture it stands on, from 0.
    pub(super) line: usize,
    /// How many rows it stands for: itself, and others that failed for the same reason.
    pub(super) count: usize,
}

/// A production variant: where its traffic goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variant {
    pub(super) name: String,
    /// Its part of the traffic, 0 to 1.
    pub(super) share: f64,
    pub(super) model: String,
}

/// From one node's line to another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The line of a variant at the right end, else the node's own.
    pub(super) line: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// How many of each column there are in all.
    pub(super) totals: [usize; COLUMNS],
    pub(super) lines: usize,
}

impl Node {
    pub(super) fn height(&self) -> usize {
        1 + self.variants.len()
    }
}

/// Links found so far, by what is looked up.
struct Builder<'a> {
    mirror: &'a Mirror,
    nodes: Vec<Node>,
    edges: Vec<(usize, usize, Option<usize>)>,
    known: HashMap<(usize, String), usize>,
    room: usize,
    /// Jobs by the artifact they made.
    artifacts: HashMap<&'a str, &'a Arc<Row>>,
}

impl Topology {
    /// What fits `room` lines; `busy` are the endpoints with traffic, the busiest first.
    pub(super) fn of(mirror: &Mirror, room: usize, busy: &[Key]) -> Self {
        let jobs = mirror.rows(kind::TRAINING_JOB);
        let artifacts = jobs
            .iter()
            .map(|(_, job)| (job.at("/ModelArtifacts/S3ModelArtifacts"), job))
            .filter(|(artifact, _)| !artifact.is_empty())
            .collect();
        let (nodes, edges, known) = Default::default();
        let mut builder = Builder { mirror, nodes, edges, known, room, artifacts };
        for (row, count) in ranked(mirror, kind::ENDPOINT, busy) {
            match count {
                1 => builder.endpoint(&row),
                _ => builder.alike(ENDPOINTS, &row, count),
            };
        }
        for (column, kind) in [
            (MODELS, kind::MODEL),
            (PACKAGES, kind::MODEL_PACKAGE),
            (JOBS, kind::TRAINING_JOB),
            (BUCKETS, BUCKET),
        ] {
            for (row, count) in ranked(mirror, kind, &[]) {
                match column {
                    _ if count > 1 => builder.alike(column, &row, count),
                    MODELS => builder.model(&row),
                    PACKAGES => builder.package(&row),
                    JOBS => builder.job(&row),
                    _ => builder.node(BUCKETS, &row, Vec::new()),
                };
            }
        }
        let totals = [BUCKET, kind::TRAINING_JOB, kind::MODEL_PACKAGE, kind::MODEL, kind::ENDPOINT]
            .map(|kind| mirror.rows(kind).len());
        let mut topology = Self { nodes: builder.nodes, edges: Vec::new(), totals, lines: 0 };
        topology.place(&builder.edges);
        topology
    }

    /// Gives every node its line: the right column top down, each further left beside what it leads
    /// to, so that arrows are short and seldom cross.
    fn place(&mut self, links: &[(usize, usize, Option<usize>)]) {
        for column in (0..COLUMNS).rev() {
            let mut members: Vec<(f64, usize)> = (0..self.nodes.len())
                .filter(|index| self.nodes[*index].column == column)
                .enumerate()
                .map(|(order, index)| {
                    let lines: Vec<f64> = links
                        .iter()
                        .filter(|(from, _, _)| *from == index)
                        .map(|(_, to, variant)| {
                            (self.nodes[*to].line + variant.map_or(0, |at| at + 1)) as f64
                        })
                        .collect();
                    // What leads nowhere comes below, in its order.
                    let wanted = match lines.len() {
                        0 => 10_000.0 + order as f64,
                        count => lines.iter().sum::<f64>() / count as f64,
                    };
                    (wanted, index)
                })
                .collect();
            members.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut free = 0;
            for (wanted, index) in members {
                let wanted = if wanted < 10_000.0 { wanted as usize } else { free };
                let line = free.max(wanted);
                self.nodes[index].line = line;
                // Endpoints stand apart from each other.
                free = line + self.nodes[index].height() + usize::from(column == ENDPOINTS);
            }
        }
        self.edges = links
            .iter()
            .map(|(from, to, variant)| {
                let line = self.nodes[*to].line + variant.map_or(0, |at| at + 1);
                Edge { from: *from, to: *to, line }
            })
            .collect();
        self.lines = self.nodes.iter().map(|node| node.line + node.height()).max().unwrap_or(0);
    }
}

/// The rows worth showing first: those with traffic, then what is under way, then trouble, then the
/// newest. Each with how many it stands for.
fn ranked(mirror: &Mirror, kind: &str, busy: &[Key]) -> Vec<(Arc<Row>, usize)> {
    let places: HashMap<&str, usize> =
        busy.iter().enumerate().map(|(place, name)| (&**name, place)).collect();
    let traffic = |row: &Row| match places.is_empty() {
        true => usize::MAX,
        false => places.get(row.name.to_lowercase().as_str()).copied().unwrap_or(usize::MAX),
    };
    let urgency = |row: &Row| match mood(&row.status) {
        Mood::Busy => 0,
        Mood::Bad => 1,
        _ => 2,
    };
    let rows = mirror.rows(kind);
    let mut rows: Vec<(usize, &Arc<Row>, usize)> = folded(rows.iter().map(|(_, row)| row))
        .into_iter()
        .map(|(row, count)| (traffic(row), row, count))
        .collect();
    let by = |(traffic_a, a, _): &(usize, &Arc<Row>, usize),
              (traffic_b, b, _): &(usize, &Arc<Row>, usize)| {
        let order = traffic_a.cmp(traffic_b).then(urgency(a).cmp(&urgency(b)));
        order.then(b.created.total_cmp(&a.created)).then_with(|| a.name.cmp(&b.name))
    };
    if rows.len() > LOOKED_AT {
        rows.select_nth_unstable_by(LOOKED_AT, by);
        rows.truncate(LOOKED_AT);
    }
    rows.sort_unstable_by(by);
    rows.into_iter().map(|(_, row, count)| (Arc::clone(row), count)).collect()
}

/// The rows, of those that failed for the same reason only the newest.
fn folded<'a>(rows: impl Iterator<Item = &'a Arc<Row>>) -> Vec<(&'a Arc<Row>, usize)> {
    let mut alone = Vec::new();
    let mut alike: HashMap<String, Vec<&'a Arc<Row>>> = HashMap::new();
    for row in rows {
        match row.status.as_str() {
            "Failed" => alike.entry(reason(row)).or_default().push(row),
            _ => alone.push((row, 1)),
        }
    }
    for failed in alike.into_values() {
        let newest = failed
            .iter()
            .copied()
            .max_by(|a, b| a.created.total_cmp(&b.created).then_with(|| b.name.cmp(&a.name)));
        match newest {
            Some(newest) if failed.len() >= ALIKE => alone.push((newest, failed.len())),
            _ => alone.extend(failed.into_iter().map(|row| (row, 1))),
        }
    }
    alone
}

/// Why it failed, without its own name and without numbers, so that the same reasons are the same.
pub(super) fn reason(row: &Row) -> String {
    let text = row.text("FailureReason").replace(&row.name, "…");
    let mut reason = String::new();
    for char in text.chars().take(REASON) {
        match char {
            _ if !char.is_ascii_digit() => reason.push(char),
            _ if reason.ends_with('#') => {}
            _ => reason.push('#'),
        }
    }
    reason
}

impl Builder<'_> {
    fn used(&self, column: usize) -> usize {
        let gap = usize::from(column == ENDPOINTS);
        let members = self.nodes.iter().filter(|node| node.column == column);
        members.map(|node| node.height() + gap).sum()
    }

    /// The node of a row, made when there is room for it.
    fn node(&mut self, column: usize, row: &Arc<Row>, variants: Vec<Variant>) -> Option<usize> {
        let key = (column, row.name.to_lowercase());
        if let Some(index) = self.known.get(&key) {
            return Some(*index);
        }
        if self.used(column) + 1 + variants.len() > self.room {
            return None;
        }
        let index = self.nodes.len();
        self.nodes.push(Node { row: Arc::clone(row), column, variants, line: 0, count: 1 });
        self.known.insert(key, index);
        Some(index)
    }

    /// One line for several; what leads to them is not drawn.
    fn alike(&mut self, column: usize, row: &Arc<Row>, count: usize) -> Option<usize> {
        let index = self.node(column, row, Vec::new())?;
        self.nodes[index].count = count;
        Some(index)
    }

    fn link(&mut self, from: Option<usize>, to: usize, variant: Option<usize>) {
        if let Some(from) = from
            && !self.edges.contains(&(from, to, variant))
        {
            self.edges.push((from, to, variant));
        }
    }

    fn endpoint(&mut self, row: &Arc<Row>) -> Option<usize> {
        let variants = variants(row, self.mirror);
        let models: Vec<String> = variants.iter().map(|variant| variant.model.clone()).collect();
        let index = self.node(ENDPOINTS, row, variants)?;
        for (at, model) in models.iter().enumerate() {
            if let Some(model) = self.mirror.row(kind::MODEL, model).cloned() {
                let from = self.model(&model);
                self.link(from, index, Some(at));
            }
        }
        Some(index)
    }

    fn model(&mut self, row: &Arc<Row>) -> Option<usize> {
        let index = self.node(MODELS, row, Vec::new())?;
        let containers = containers(row);
        for container in containers {
            let text =
                |member: &str| container.get(member).and_then(Value::as_str).unwrap_or_default();
            if let Some(package) = named(text("ModelPackageName"))
                && let Some(package) = self.mirror.row(kind::MODEL_PACKAGE, &package).cloned()
            {
                let from = self.package(&package);
                self.link(from, index, None);
            } else if let Some(job) =
                self.artifacts.get(text("ModelDataUrl")).map(|job| Arc::clone(job))
            {
                let from = self.job(&job);
                self.link(from, index, None);
            }
        }
        Some(index)
    }

    fn package(&mut self, row: &Arc<Row>) -> Option<usize> {
        let index = self.node(PACKAGES, row, Vec::new())?;
        let containers = row.body.pointer("/InferenceSpecification/Containers");
        for container in containers.and_then(Value::as_array).into_iter().flatten() {
            let data = container.get("ModelDataUrl").and_then(Value::as_str).unwrap_or_default();
            if let Some(job) = self.artifacts.get(data).map(|job| Arc::clone(job)) {
                let from = self.job(&job);
                self.link(from, index, None);
            }
        }
        Some(index)
    }

    fn job(&mut self, row: &Arc<Row>) -> Option<usize> {
        let index = self.node(JOBS, row, Vec::new())?;
        for channel in row.list("InputDataConfig") {
            let uri = channel.pointer("/DataSource/S3DataSource/S3Uri").and_then(Value::as_str);
            let bucket = uri.and_then(|uri| S3Uri::parse(uri).ok()).map(|uri| uri.bucket);
            if let Some(bucket) = bucket.and_then(|name| self.mirror.row(BUCKET, &name)).cloned() {
                let from = self.node(BUCKETS, &bucket, Vec::new());
                self.link(from, index, None);
            }
        }
        Some(index)
    }
}

fn containers(model: &Row) -> Vec<&Value> {
    let primary = model.body.get("PrimaryContainer");
    primary.into_iter().chain(model.list("Containers")).collect()
}

/// The name in an ARN, or the name itself.
fn named(text: &str) -> Option<String> {
    match Arn::parse(text) {
        Some(arn) => arn.kind_and_name().map(|(_, name)| name.to_owned()),
        None => (!text.is_empty()).then(|| text.to_owned()),
    }
}

/// An endpoint's variants with their models, which the configuration names.
fn variants(row: &Row, mirror: &Mirror) -> Vec<Variant> {
    let config = mirror.row(kind::ENDPOINT_CONFIG, row.text("EndpointConfigName"));
    let configured = config.map(|config| config.list("ProductionVariants")).unwrap_or_default();
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let model = |name: &str| {
        let found = configured.iter().find(|variant| text(variant, "VariantName") == name);
        found.map(|variant| text(variant, "ModelName")).unwrap_or_default()
    };
    let live = row.list("ProductionVariants");
    let from = if live.is_empty() { configured } else { live };
    let weight = |variant: &Value| {
        let weight = variant.get("CurrentWeight").or_else(|| variant.get("InitialVariantWeight"));
        weight.and_then(Value::as_f64).unwrap_or(1.0)
    };
    let sum: f64 = from.iter().map(weight).sum();
    from.iter()
        .map(|variant| {
            let name = text(variant, "VariantName");
            let share = if sum > 0.0 { weight(variant) / sum } else { 0.0 };
            Variant { model: model(&name), name, share }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::msg::{Line, Msg};
    use serde_json::json;

    fn mirror(rows: Vec<Row>) -> Mirror {
        let mut mirror = Mirror::default();
        mirror.take(&Msg::Region(rows.into_iter().map(Line::Row).collect()));
        mirror
    }

    fn row(kind: &str, name: &str, body: Value) -> Row {
        Row { kind: kind.into(), name: name.into(), body, ..Row::default() }
    }

    fn chain() -> Vec<Row> {
        let data = "s3://b/models/green/output/model.tar.gz";
        vec![
            row(BUCKET, "b", json!({})),
            row(
                kind::TRAINING_JOB,
                "green",
                json!({
                "ModelArtifacts": {"S3ModelArtifacts": data},
                "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}}]}),
            ),
            row(
                kind::MODEL_PACKAGE,
                "g/1",
                json!({
                "InferenceSpecification": {"Containers": [{"ModelDataUrl": data}]}}),
            ),
            row(
                kind::MODEL,
                "g-1",
                json!({"PrimaryContainer": {"ModelPackageName":
                "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"}}),
            ),
            row(
                kind::ENDPOINT_CONFIG,
                "c",
                json!({"ProductionVariants": [
                {"VariantName": "blue", "ModelName": "none"},
                {"VariantName": "green", "ModelName": "g-1"}]}),
            ),
            row(
                kind::ENDPOINT,
                "live",
                json!({"EndpointConfigName": "c", "ProductionVariants": [
                {"VariantName": "blue", "CurrentWeight": 9.0},
                {"VariantName": "green", "CurrentWeight": 1.0}]}),
            ),
        ]
    }

    #[test]
    fn the_whole_chain_is_found() {
        let topology = Topology::of(&mirror(chain()), 20, &[]);
        let name = |index: usize| topology.nodes[index].row.name.as_str();
        let mut edges: Vec<(&str, &str)> =
            topology.edges.iter().map(|edge| (name(edge.from), name(edge.to))).collect();
        edges.sort_unstable();
        assert_eq!(edges, [("b", "green"), ("g-1", "live"), ("g/1", "g-1"), ("green", "g/1")]);
        let endpoint = topology.nodes.iter().find(|node| node.column == ENDPOINTS).unwrap();
        assert!((endpoint.variants[1].share - 0.1).abs() < 1e-9);
        let into = topology.edges.iter().find(|edge| name(edge.to) == "live").unwrap();
        assert_eq!(into.line, endpoint.line + 2, "green's own line");
    }

    #[test]
    fn no_two_nodes_of_a_column_share_a_line_and_the_room_is_kept() {
        let mut rows = chain();
        for number in 0..200 {
            let body = json!({"EndpointConfigName": "c"});
            rows.push(row(kind::ENDPOINT, &format!("e{number}"), body));
            rows.push(row(kind::MODEL, &format!("m{number}"), json!({})));
        }
        let topology = Topology::of(&mirror(rows), 12, &[]);
        for column in 0..COLUMNS {
            let mut lines: Vec<usize> = topology
                .nodes
                .iter()
                .filter(|node| node.column == column)
                .flat_map(|node| node.line..node.line + node.height())
                .collect();
            let count = lines.len();
            assert!(count <= 12);
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), count);
        }
        assert_eq!(topology.totals[ENDPOINTS], 201);
    }

    #[test]
    fn the_busiest_is_in_the_picture_and_failures_alike_share_a_line() {
        let mut rows = Vec::new();
        for number in 0..300 {
            let name = format!("red-{number}");
            let body =
                json!({"FailureReason": format!("image of {name} is not built in (7{number})")});
            let created = 100.0 + f64::from(number);
            let status = "Failed".into();
            rows.push(Row { created, status, ..row(kind::ENDPOINT, &name, body) });
        }
        for number in 0..20 {
            let created = 50.0 + f64::from(number);
            let status = "InService".into();
            let name = format!("idle-{number}");
            rows.push(Row { created, status, ..row(kind::ENDPOINT, &name, json!({})) });
        }
        let status = "InService".into();
        rows.push(Row { status, ..row(kind::ENDPOINT, "Busy", json!({})) });
        let topology = Topology::of(&mirror(rows), 12, &[crate::tui::row::key("busy")]);
        let shown: Vec<(&str, usize)> =
            topology.nodes.iter().map(|node| (node.row.name.as_str(), node.count)).collect();
        assert_eq!(shown[..3], [("Busy", 1), ("red-299", 300), ("idle-19", 1)], "{shown:?}");
        assert_eq!(topology.totals[ENDPOINTS], 321);
    }
}
