//! What is known of an endpoint's variants: out of its row, its configuration, their models, and
//! what its live stream tells. And the weights that somebody is about to ask for.

use crate::domain::distribution::Distribution;
use crate::domain::kind;
use crate::tui::mirror::Mirror;
use crate::tui::mirror::live::Watched;
use crate::tui::row::Row;
use serde_json::Value;

/// One variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Variant {
    pub name: String,
    /// `None` until the region has given it one.
    pub weight: Option<f64>,
    /// The share that its weight asks for, 0 to 1.
    pub asked: f64,
    pub model: String,
    /// The model package's name, such as `iris/2`, where the model comes of one.
    pub package: Option<String>,
    /// Empty for a serverless variant.
    pub instance_type: String,
    pub current: u64,
    pub desired: u64,
}

impl Variant {
    /// What people call its model: the package where there is one.
    pub(super) fn what(&self) -> &str {
        self.package.as_deref().unwrap_or(&self.model)
    }

    pub(super) fn on(&self) -> &str {
        if self.instance_type.is_empty() { "serverless" } else { &self.instance_type }
    }
}

/// All that is drawn of them; the distributions stand in the order of the variants.
#[derive(Clone, Copy)]
pub(super) struct Board<'a> {
    pub variants: &'a [Variant],
    pub latencies: &'a [Distribution],
    pub watched: Option<&'a Watched>,
    /// The one under the cursor.
    pub selected: usize,
}

/// The variants of an endpoint, in the order of its configuration.
pub(super) fn variants(row: Option<&Row>, name: &str, mirror: &Mirror) -> Vec<Variant> {
    let mut variants = row.map(|row| known(row, mirror)).unwrap_or_default();
    // Those that a deployment brings or takes away only the live stream knows.
    for live in mirror.live.watched(name).into_iter().flat_map(|watched| &watched.variants) {
        if !variants.iter().any(|one| one.name == live.name) {
            variants.push(Variant { name: live.name.clone(), ..Variant::default() });
        }
    }
    variants
}

fn known(row: &Row, mirror: &Mirror) -> Vec<Variant> {
    let config = mirror.row(kind::ENDPOINT_CONFIG, row.text("EndpointConfigName"));
    let configured = config.map_or(&[][..], |config| config.list("ProductionVariants"));
    let running = row.list("ProductionVariants");
    // While it is being created, only the configuration knows.
    let listed = if running.is_empty() { configured } else { running };
    let mut variants: Vec<Variant> = listed
        .iter()
        .map(|one| {
            let name = text(one, "VariantName").to_owned();
            let planned = configured.iter().find(|other| text(other, "VariantName") == name);
            let model = planned.map_or("", |planned| text(planned, "ModelName")).to_owned();
            Variant {
                weight: number(one, "CurrentWeight")
                    .or_else(|| number(one, "InitialVariantWeight")),
                asked: 0.0,
                package: package(mirror, &model),
                instance_type: planned
                    .map_or("", |planned| text(planned, "InstanceType"))
                    .to_owned(),
                current: number(one, "CurrentInstanceCount").unwrap_or(0.0) as u64,
                desired: number(one, "DesiredInstanceCount")
                    .or_else(|| number(one, "InitialInstanceCount"))
                    .unwrap_or(0.0) as u64,
                model,
                name,
            }
        })
        .collect();
    let sum: f64 = variants.iter().filter_map(|one| one.weight).sum();
    for one in &mut variants {
        one.asked = if sum > 0.0 { one.weight.unwrap_or(0.0) / sum } else { 0.0 };
    }
    variants
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn number(of: &Value, member: &str) -> Option<f64> {
    of.get(member).and_then(Value::as_f64)
}

/// `iris/2`, of a model that was made from that package.
fn package(mirror: &Mirror, model: &str) -> Option<String> {
    let row = mirror.row(kind::MODEL, model)?;
    let container = row.body.get("PrimaryContainer").or_else(|| row.list("Containers").first())?;
    let package = text(container, "ModelPackageName");
    // An ARN or a name.
    let name = package.split_once(":model-package/").map_or(package, |(_, name)| name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The place of a variant among all, which is its colour and mark.
pub(super) fn series(variants: &[Variant], name: &str) -> usize {
    variants.iter().position(|one| one.name == name).unwrap_or(variants.len())
}

/// What differs between two variants: the model, and what else may be the cause of a difference. The
/// instance type is not: all types run on the same cores here.
pub(super) fn differences(first: &Variant, second: &Variant) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, a: &str, b: &str| {
        if a != b {
            found.push(format!("{what} ({a}, {b})"));
        }
    };
    compare("model", first.what(), second.what());
    compare("instance count", &first.current.to_string(), &second.current.to_string());
    found
}

/// Shares that somebody is about to ask for, in hundredths of the traffic.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    pub parts: Vec<(String, f64)>,
}

impl Split {
    /// As it is now; of those that a deployment brings or takes away nothing can be asked.
    pub(super) fn of(variants: &[Variant]) -> Self {
        let weighted = variants.iter().filter(|one| one.weight.is_some());
        let parts = weighted.map(|one| (one.name.clone(), one.asked * 100.0));
        Self { parts: parts.collect() }
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.parts.iter().position(|(other, _)| other == name)
    }

    pub(super) fn part(&self, name: &str) -> Option<f64> {
        self.parts.iter().find(|(other, _)| other == name).map(|(_, part)| *part)
    }

    /// Gives the nth variant more or less, to the next multiple of the step; the others share what is
    /// left as they did before.
    pub(super) fn nudge(&mut self, index: usize, step: f64) {
        let Some((_, part)) = self.parts.get(index) else { return };
        if self.parts.len() < 2 || step == 0.0 {
            return;
        }
        let turns = part / step.abs();
        // Close to a multiple is on it.
        let next =
            if step > 0.0 { (turns + 1e-6).floor() + 1.0 } else { (turns - 1e-6).ceil() - 1.0 };
        self.give(index, (next * step.abs()).clamp(0.0, 100.0));
    }

    fn give(&mut self, index: usize, part: f64) {
        let others = self.parts.len() - 1;
        let before: f64 = self.rest(index);
        for (at, (_, other)) in self.parts.iter_mut().enumerate() {
            if at == index {
                *other = part;
            } else if before > 0.0 {
                *other *= (100.0 - part) / before;
            } else {
                *other = (100.0 - part) / others as f64;
            }
        }
    }

    fn rest(&self, index: usize) -> f64 {
        let others = self.parts.iter().enumerate().filter(|(at, _)| *at != index);
        others.map(|(_, (_, part))| *part).sum()
    }

    /// The same for all.
    pub(super) fn even(&mut self) {
        let part = 100.0 / self.parts.len().max(1) as f64;
        self.parts.iter_mut().for_each(|(_, other)| *other = part);
    }

    /// The words of `shift`.
    pub(super) fn words(&self, endpoint: &str) -> Vec<String> {
        let weights = self.parts.iter().map(|(name, part)| format!("{name}={}", rounded(*part)));
        ["shift".to_owned(), endpoint.to_owned()].into_iter().chain(weights).collect()
    }

    /// Whether that is what is asked for already.
    pub(super) fn is_of(&self, variants: &[Variant]) -> bool {
        let now = Self::of(variants);
        self.parts.len() == now.parts.len()
            && self
                .parts
                .iter()
                .all(|(name, part)| now.part(name).is_some_and(|other| (other - part).abs() < 0.05))
    }
}

/// To a tenth, without a zero that says nothing.
pub(super) fn rounded(part: f64) -> f64 {
    (part * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(parts: &[f64]) -> Split {
        let parts = parts.iter().enumerate().map(|(n, part)| (format!("v{n}"), *part));
        Split { parts: parts.collect() }
    }

    fn parts(split: &Split) -> Vec<f64> {
        split.parts.iter().map(|(_, part)| rounded(*part)).collect()
    }

    #[test]
    fn a_nudge_takes_from_the_others_what_it_gives() {
        let mut two = split(&[90.0, 10.0]);
        two.nudge(0, -5.0);
        assert_eq!(parts(&two), [85.0, 15.0]);
        two.nudge(1, 5.0);
        assert_eq!(parts(&two), [80.0, 20.0]);
        assert_eq!(two.words("e"), ["shift", "e", "v0=80", "v1=20"]);
        let mut three = split(&[33.0, 44.0, 23.0]);
        three.nudge(0, 5.0);
        assert_eq!(parts(&three), [35.0, 42.7, 22.3]);
        let mut all = split(&[100.0, 0.0, 0.0]);
        all.nudge(0, -5.0);
        assert_eq!(parts(&all), [95.0, 2.5, 2.5]);
        let mut one = split(&[100.0]);
        one.nudge(0, -5.0);
        assert_eq!(parts(&one), [100.0]);
    }

    proptest! {
        #[test]
        fn whatever_is_nudged_it_stays_a_split(
            start in prop::collection::vec(0.0..100.0_f64, 1..6),
            nudges in prop::collection::vec((0_usize..7, prop_oneof![Just(5.0), Just(-5.0), Just(1.0), Just(-1.0)]), 0..60),
        ) {
            let sum: f64 = start.iter().sum::<f64>().max(1e-9);
            let mut split = split(&start.iter().map(|part| part / sum * 100.0).collect::<Vec<_>>());
            for (index, step) in nudges {
                split.nudge(index, step);
                let sum: f64 = split.parts.iter().map(|(_, part)| part).sum();
                prop_assert!((sum - 100.0).abs() < 1e-6, "{split:?}");
                prop_assert!(split.parts.iter().all(|(_, part)| (-1e-9..=100.0 + 1e-9).contains(part)));
            }
        }
    }
}
