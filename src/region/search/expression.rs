//! The search expression: filters on typed properties of JSON documents, joined by And or Or.
//!
//! Pure: it knows the resource's shape and nothing of stores, so that any kind that has a shape can be
//! searched by it.

use super::property::{Kind, Property};
use crate::api::model::{Service, ShapeId};
use crate::domain::time::Timestamp;
use crate::region::View;
use serde_json::Value;
use std::cmp::Ordering;

/// An expression that no search can answer; the text goes to the caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(String);

fn wrong<T>(text: String) -> Result<T, Wrong> {
    Err(Wrong(text))
}

/// A `SearchExpression`, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    filters: Vec<Filter>,
    any: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    property: Property,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    NotExists,
    Equals(Operand),
    NotEquals(Operand),
    Order(&'static [Ordering], Operand),
    Contains(String),
    In(Vec<String>),
}

/// A filter's value, of its property's kind.
#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Text(String),
    Number(f64),
    Boolean(bool),
    /// Whole seconds.
    Time(i64),
    Parameter {
        text: String,
        number: Option<f64>,
        /// The value is an integer, so the documents' values count as integers.
        whole: bool,
    },
}

impl Expression {
    /// From the call's `SearchExpression`; without one every resource matches.
    pub fn read(
        service: &Service,
        shape: ShapeId,
        document: Option<&Value>,
    ) -> Result<Self, Wrong> {
        let Some(document) = document else { return Ok(Self { filters: Vec::new(), any: false }) };
        let filters = document.list("Filters");
        if filters.is_empty() {
            return wrong(
                "SearchExpression must have at least one subexpression, filter, or nested filter."
                    .to_owned(),
            );
        }
        let filters = filters
            .iter()
            .map(|filter| Filter::read(service, shape, filter))
            .collect::<Result<Vec<_>, _>>()?;
        let contains = filters.iter().filter(|filter| matches!(filter.test, Test::Contains(_)));
        if contains.count() > 1 {
            return wrong("'CONTAINS' operator usage limit of 1 exceeded.".to_owned());
        }
        Ok(Self { filters, any: document.text("Operator") == Some("Or") })
    }

    pub fn matches(&self, document: &Value) -> bool {
        let mut filters = self.filters.iter();
        if self.any {
            filters.any(|filter| filter.matches(document))
        } else {
            filters.all(|filter| filter.matches(document))
        }
    }

    /// Whether documents must carry their tags to be judged.
    pub fn reads_tags(&self) -> bool {
        self.filters.iter().any(|filter| filter.property.is_tag())
    }
}

impl Filter {
    fn read(service: &Service, shape: ShapeId, filter: &Value) -> Result<Self, Wrong> {
        let name = filter.name("Name");
        let Some(property) = Property::find(service, shape, name) else {
            return wrong(unknown(service, shape, name));
        };
        let test = Test::read(&property, filter.text("Operator"), filter.text("Value"))?;
        Ok(Self { property, test })
    }

    fn matches(&self, document: &Value) -> bool {
        let values = self.property.values(document);
        let mut any = values.iter();
        match &self.test {
            Test::Exists => !values.is_empty(),
            Test::NotExists => values.is_empty(),
            Test::Equals(operand) => any.any(|value| operand.equals(value)),
            Test::NotEquals(operand) => !any.any(|value| operand.equals(value)),
            Test::Order(wanted, operand) => any.any(|value| {
                operand.compare(value).is_some_and(|ordering| wanted.contains(&ordering))
            }),
            Test::Contains(part) => {
                any.any(|value| value.as_str().is_some_and(|text| text.contains(part.as_str())))
            }
            Test::In(several) => any.any(|value| {
                value.as_str().is_some_and(|text| several.iter().any(|each| each == text))
            }),
        }
    }
}

/// What is said of a name that the resource does not have.
pub fn unknown(service: &Service, shape: ShapeId, name: &str) -> String {
    format!("Unknown property name: {name}. {} has no such property.", service.get(shape).name)
}

impl Test {
    fn read(
        property: &Property,
        operator: Option<&str>,
        value: Option<&str>,
    ) -> Result<Self, Wrong> {
        let (name, kind) = (&property.name, property.kind);
        let operator = operator.unwrap_or("Equals");
        if matches!(operator, "Exists" | "NotExists") {
            if value.is_some() {
                return wrong(format!("Operator {operator} on {name} takes no Value."));
            }
            return Ok(if operator == "Exists" { Self::Exists } else { Self::NotExists });
        }
        let Some(value) = value else {
            return wrong(format!("Operator {operator} on {name} needs a Value."));
        };
        let takes = match (operator, kind) {
            (_, Kind::Whole) => false,
            ("Equals" | "NotEquals", _) => true,
            ("Contains" | "In", kind) => matches!(kind, Kind::Text | Kind::Parameter),
            (_, kind) => matches!(kind, Kind::Number | Kind::Time | Kind::Parameter),
        };
        if !takes {
            return wrong(format!(
                "Operator {operator} is not supported for {name}, which is {}.",
                kind.words()
            ));
        }
        let order = |wanted| Ok(Self::Order(wanted, Operand::read(property, value)?));
        match operator {
            "Equals" => Ok(Self::Equals(Operand::read(property, value)?)),
            "NotEquals" => Ok(Self::NotEquals(Operand::read(property, value)?)),
            "GreaterThan" => order(&[Ordering::Greater]),
            "GreaterThanOrEqualTo" => order(&[Ordering::Greater, Ordering::Equal]),
            "LessThan" => order(&[Ordering::Less]),
            "LessThanOrEqualTo" => order(&[Ordering::Less, Ordering::Equal]),
            "Contains" => Ok(Self::Contains(value.to_owned())),
            "In" => Ok(Self::In(value.split(',').map(|each| each.trim().to_owned()).collect())),
            other => wrong(format!("Operator {other} is not simulated by Sagebrush.")),
        }
    }
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Text => "a text property",
            Self::Number => "a numeric property",
            Self::Boolean => "a Boolean property",
            Self::Time => "a timestamp property",
            Self::Parameter => "a hyperparameter",
            Self::Whole => "a structure or a list: only Exists and NotExists apply",
        }
    }
}

impl Operand {
    fn read(property: &Property, value: &str) -> Result<Self, Wrong> {
        let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let must =
            |what: &str| wrong(format!("Value \"{value}\" of {} must be {what}.", property.name));
        match property.kind {
            Kind::Text | Kind::Whole => Ok(Self::Text(value.to_owned())),
            Kind::Number => number
                .map_or_else(|| must("an integer or a decimal number"), |it| Ok(Self::Number(it))),
            Kind::Boolean => match value.to_ascii_lowercase().as_str() {
                "true" => Ok(Self::Boolean(true)),
                "false" => Ok(Self::Boolean(false)),
                _ => must("true or false"),
            },
            Kind::Time => seconds(value).map_or_else(
                || must("an ISO 8601 date-time of the form YYYY-mm-dd'T'HH:MM:SS"),
                |it| Ok(Self::Time(it)),
            ),
            Kind::Parameter => Ok(Self::Parameter {
                text: value.to_owned(),
                number,
                whole: value.trim().parse::<i64>().is_ok(),
            }),
        }
    }

    fn equals(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Boolean(flag) => value.as_bool() == Some(*flag),
            Self::Parameter { text, .. } if value.as_str() == Some(text) => true,
            _ => self.compare(value) == Some(Ordering::Equal),
        }
    }

    /// How the document's value lies to this one.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::Number(number) => value.as_f64()?.partial_cmp(number),
            Self::Time(at) => {
                Some(Timestamp::from_document(value)?.as_millis().div_euclid(1000).cmp(at))
            }
            Self::Parameter { number, whole, .. } => {
                // The SDK writes numbers as JSON, at times in quotes.
                let given = value.as_str()?.trim().trim_matches('"').parse::<f64>().ok()?;
                let given = if *whole { given.trunc() } else { given };
                given.partial_cmp(number.as_ref()?)
            }
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }
}

/// Epoch seconds of an ISO 8601 time; one without a zone is in UTC.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_second());
    }
    let at = text.parse::<jiff::civil::DateTime>().ok()?;
    at.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;
    use rstest::rstest;
    use serde_json::json;

    fn read(expression: Value) -> Result<Expression, Wrong> {
        let service = model::service("sagemaker").unwrap();
        Expression::read(service, service.shape_id("TrainingJob").unwrap(), Some(&expression))
    }

    fn filter(name: &str, operator: &str, value: &str) -> Value {
        match value {
            "" => json!({"Name": name, "Operator": operator}),
            value => json!({"Name": name, "Operator": operator, "Value": value}),
        }
    }

    fn document() -> Value {
        json!({
            "TrainingJobName": "spring-1", "TrainingJobStatus": "Completed",
            "TrainingTimeInSeconds": 90, "CreationTime": 1_700_000_000.25,
            "EnableManagedSpotTraining": true,
            "HyperParameters": {"eta": "0.3", "max_depth": "6", "objective": "binary:logistic"},
            "InputDataConfig": [{"ChannelName": "train"}, {"ChannelName": "test"}],
            "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.9}],
            "Tags": [{"Key": "team", "Value": "blue"}],
        })
    }

    #[rstest]
    #[case("TrainingJobName", "Equals", "spring-1", true)]
    #[case("TrainingJobName", "Equals", "Spring-1", false)]
    #[case("TrainingJobName", "NotEquals", "spring-1", false)]
    #[case("FailureReason", "NotEquals", "x", true)]
    #[case("TrainingJobName", "Contains", "ring", true)]
    #[case("TrainingJobName", "Contains", "rung", false)]
    #[case("TrainingJobStatus", "In", "Failed, Completed", true)]
    #[case("TrainingJobStatus", "In", "Failed,Stopped", false)]
    #[case("TrainingTimeInSeconds", "GreaterThan", "89.5", true)]
    #[case("TrainingTimeInSeconds", "GreaterThan", "90", false)]
    #[case("TrainingTimeInSeconds", "GreaterThanOrEqualTo", "90", true)]
    #[case("TrainingTimeInSeconds", "LessThan", "90", false)]
    #[case("TrainingTimeInSeconds", "LessThanOrEqualTo", "90", true)]
    #[case("TrainingTimeInSeconds", "Equals", "90.0", true)]
    #[case("BillableTimeInSeconds", "LessThan", "1000", false)]
    #[case("EnableManagedSpotTraining", "Equals", "true", true)]
    #[case("EnableManagedSpotTraining", "NotEquals", "TRUE", false)]
    #[case("CreationTime", "Equals", "2023-11-14T22:13:20", true)]
    #[case("CreationTime", "GreaterThan", "2023-11-14T22:13:19Z", true)]
    #[case("CreationTime", "LessThan", "2023-11-14T23:13:20+01:00", false)]
    #[case("HyperParameters.eta", "LessThan", "0.5", true)]
    #[case("HyperParameters.eta", "LessThan", "0.2", false)]
    // Against an integer a decimal counts as one.
    #[case("HyperParameters.eta", "Equals", "0", true)]
    #[case("HyperParameters.max_depth", "Equals", "6.0", true)]
    #[case("HyperParameters.objective", "Contains", "logistic", true)]
    #[case("HyperParameters.objective", "GreaterThan", "1", false)]
    #[case("HyperParameters.gamma", "NotExists", "", true)]
    #[case("HyperParameters.eta", "Exists", "", true)]
    #[case("InputDataConfig", "Exists", "", true)]
    #[case("InputDataConfig.ChannelName", "Equals", "test", true)]
    #[case("InputDataConfig.ChannelName", "Equals", "other", false)]
    #[case("Metrics.auc", "GreaterThan", "0.8", true)]
    #[case("Metrics.auc", "GreaterThan", "0.9", false)]
    #[case("Metrics.loss", "Exists", "", false)]
    #[case("Tags.team", "Equals", "blue", true)]
    #[case("Tags.none", "NotExists", "", true)]
    fn filters_by_kind(
        #[case] name: &str,
        #[case] operator: &str,
        #[case] value: &str,
        #[case] holds: bool,
    ) {
        let expression = read(json!({"Filters": [filter(name, operator, value)]})).unwrap();
        assert_eq!(expression.matches(&document()), holds);
    }

    #[test]
    fn filters_are_joined() {
        let both = |operator: Value| {
            let right = filter("TrainingJobName", "Equals", "spring-1");
            let false_one = filter("TrainingJobStatus", "Equals", "Failed");
            read(json!({"Filters": [right, false_one], "Operator": operator})).unwrap()
        };
        assert!(!both(Value::Null).matches(&document()));
        assert!(!both(json!("And")).matches(&document()));
        assert!(both(json!("Or")).matches(&document()));
        let service = model::service("sagemaker").unwrap();
        let all = Expression::read(service, service.shape_id("TrainingJob").unwrap(), None);
        assert!(all.unwrap().matches(&document()));
    }

    #[test]
    fn an_absent_operator_is_equals() {
        let expression = json!({"Filters": [{"Name": "TrainingJobName", "Value": "spring-1"}]});
        assert!(read(expression).unwrap().matches(&document()));
    }

    #[rstest]
    #[case(json!({}), "at least one")]
    #[case(json!({"Filters": [filter("Colour", "Equals", "red")]}), "Unknown property name: Colour")]
    #[case(json!({"Filters": [filter("TrainingJobName", "GreaterThan", "a")]}), "text property")]
    #[case(json!({"Filters": [filter("TrainingTimeInSeconds", "Contains", "1")]}), "numeric property")]
    #[case(json!({"Filters": [filter("TrainingTimeInSeconds", "Equals", "soon")]}), "decimal number")]
    #[case(json!({"Filters": [filter("CreationTime", "Equals", "yesterday")]}), "ISO 8601")]
    #[case(json!({"Filters": [filter("EnableNetworkIsolation", "Equals", "maybe")]}), "true or false")]
    #[case(json!({"Filters": [filter("InputDataConfig", "Equals", "x")]}), "only Exists")]
    #[case(json!({"Filters": [filter("TrainingJobName", "Equals", "")]}), "needs a Value")]
    #[case(json!({"Filters": [filter("TrainingJobName", "Exists", "x")]}), "no Value")]
    #[case(json!({"Filters": [filter("TrainingJobName", "Contains", "a"), filter("RoleArn", "Contains", "b")]}),
        "limit of 1")]
    fn what_makes_no_search_is_refused(#[case] expression: Value, #[case] why: &str) {
        let said = read(expression).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
