//! A property that a search names: found in the resource's shape, read from its documents.

use crate::api::model::{Kind as ShapeKind, Service, ShapeId};
use serde_json::Value;

/// What kind of value a property has, which decides the operators that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Boolean,
    Time,
    /// A hyperparameter: text, compared as a number where both sides are one.
    Parameter,
    /// A structure or a list: it can be there or not.
    Whole,
}

/// Where a property lies in a document.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Member(String),
    /// Every element of a list.
    Each,
}

/// A named property of a kind of resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    pub name: String,
    pub kind: Kind,
    place: Place,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Path(Vec<Step>),
    /// `Tags.<key>`
    Tag(String),
    /// `Metrics.<name>`, of `FinalMetricDataList`.
    Metric(String),
}

impl Property {
    /// Looks the name up in the resource's shape; `None` when it has no such property.
    pub fn find(service: &Service, shape: ShapeId, name: &str) -> Option<Self> {
        let found = |kind, place| Self { name: name.to_owned(), kind, place };
        let members = service.structure(shape)?;
        if let Some(key) = name.strip_prefix("Tags.").filter(|key| !key.is_empty()) {
            members.member("Tags")?;
            return Some(found(Kind::Text, Place::Tag(key.to_owned())));
        }
        if let Some(metric) = name.strip_prefix("Metrics.").filter(|metric| !metric.is_empty()) {
            members.member("FinalMetricDataList")?;
            return Some(found(Kind::Number, Place::Metric(metric.to_owned())));
        }
        let (kind, path) = walk(service, shape, name)?;
        Some(found(kind, Place::Path(path)))
    }

    /// Whether documents must carry their tags for it.
    pub fn is_tag(&self) -> bool {
        matches!(&self.place, Place::Tag(_)) || self.name == "Tags"
    }

    /// Its values in a document: none where it is absent, several where it lies in a list.
    pub fn values<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        match &self.place {
            Place::Path(path) => read(document, path),
            Place::Tag(key) => named(document, "Tags", ("Key", key), "Value"),
            Place::Metric(name) => {
                named(document, "FinalMetricDataList", ("MetricName", name), "Value")
            }
        }
    }
}

/// The members `value` of those elements of a list whose member `by.0` is `by.1`.
fn named<'a>(document: &'a Value, list: &str, by: (&str, &str), value: &str) -> Vec<&'a Value> {
    let elements = document.get(list).and_then(Value::as_array).into_iter().flatten();
    elements
        .filter(|element| element.get(by.0).and_then(Value::as_str) == Some(by.1))
        .filter_map(|element| element.get(value))
        .collect()
}

fn walk(service: &Service, shape: ShapeId, name: &str) -> Option<(Kind, Vec<Step>)> {
    let (mut at, mut rest, mut path) = (shape, Some(name), Vec::new());
    let mut parameter = false;
    loop {
        let kind = &service.get(at).kind;
        if let ShapeKind::List { member, .. } = kind {
            if rest.is_none() {
                return Some((Kind::Whole, path));
            }
            path.push(Step::Each);
            at = member.shape;
            continue;
        }
        let Some(name) = rest else { return Some((leaf(kind, parameter), path)) };
        match kind {
            ShapeKind::Structure(structure) => {
                let (first, more) = split(name);
                let member = structure.member(first)?;
                path.push(Step::Member(first.to_owned()));
                parameter = first == "HyperParameters";
                (at, rest) = (member.shape, more);
            }
            // A key may hold dots of its own.
            ShapeKind::Map { value, .. } if !name.is_empty() => {
                path.push(Step::Member(name.to_owned()));
                (at, rest) = (value.shape, None);
            }
            _ => return None,
        }
    }
}

fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)))
}

fn leaf(kind: &ShapeKind, parameter: bool) -> Kind {
    match kind {
        ShapeKind::String(_) if parameter => Kind::Parameter,
        ShapeKind::String(_) | ShapeKind::Blob { .. } => Kind::Text,
        ShapeKind::Integer { .. }
        | ShapeKind::Long { .. }
        | ShapeKind::Float { .. }
        | ShapeKind::Double { .. } => Kind::Number,
        ShapeKind::Boolean => Kind::Boolean,
        ShapeKind::Timestamp { .. } => Kind::Time,
        ShapeKind::Structure(_) | ShapeKind::List { .. } | ShapeKind::Map { .. } => Kind::Whole,
    }
}

fn read<'a>(document: &'a Value, path: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![document];
    for step in path {
        found = found
            .into_iter()
            .flat_map(|value| match step {
                Step::Member(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                Step::Each => value.as_array().into_iter().flatten().collect(),
            })
            .filter(|value| !value.is_null())
            .collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;
    use rstest::rstest;
    use serde_json::json;

    fn property(name: &str) -> Option<Property> {
        let service = model::service("sagemaker").unwrap();
        Property::find(service, service.shape_id("TrainingJob").unwrap(), name)
    }

    #[rstest]
    #[case("TrainingJobName", Kind::Text, json!(["j"]))]
    #[case("ModelArtifacts.S3ModelArtifacts", Kind::Text, json!(["s3://b/m"]))]
    #[case("TrainingTimeInSeconds", Kind::Number, json!([7]))]
    #[case("CreationTime", Kind::Time, json!([1.5]))]
    #[case("EnableNetworkIsolation", Kind::Boolean, json!([false]))]
    #[case("HyperParameters.a.b", Kind::Parameter, json!(["0.5"]))]
    #[case("HyperParameters", Kind::Whole, json!([{"a.b": "0.5"}]))]
    #[case("InputDataConfig.ChannelName", Kind::Text, json!(["train", "test"]))]
    #[case("Tags.team", Kind::Text, json!(["blue"]))]
    #[case("Metrics.auc", Kind::Number, json!([0.75]))]
    #[case("FailureReason", Kind::Text, json!([]))]
    fn properties_are_found_and_read(
        #[case] name: &str,
        #[case] kind: Kind,
        #[case] values: Value,
    ) {
        let document = json!({
            "TrainingJobName": "j", "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
            "TrainingTimeInSeconds": 7, "CreationTime": 1.5, "EnableNetworkIsolation": false,
            "HyperParameters": {"a.b": "0.5"}, "FailureReason": null,
            "InputDataConfig": [{"ChannelName": "train"}, {"ChannelName": "test"}],
            "Tags": [{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": "y"}],
            "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.75}],
        });
        let property = property(name).unwrap();
        assert_eq!((property.kind, json!(property.values(&document))), (kind, values));
    }

    #[rstest]
    #[case("Nothing")]
    #[case("TrainingJobName.Part")]
    #[case("ModelArtifacts.Nothing")]
    #[case("HyperParameters.")]
    #[case("Tags.")]
    #[case("")]
    fn what_the_shape_does_not_have_is_none(#[case] name: &str) {
        assert_eq!(property(name), None, "{name}");
    }
}
