//! Selectable inference: what `SAGEMAKER_INFERENCE_OUTPUT` names is answered, by its name.

use super::super::objective::{self, Kind};
use super::super::version::Version;
use super::text::{join, write_double};
use crate::algorithms::data::recordio;
use std::io::Write;

/// What the variable names, for a model of one objective.
pub struct Selection {
    keys: Vec<Key>,
    kind: Kind,
    groups: usize,
    /// Whether this container serves a batch transform.
    batch: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: String,
    /// `None` when nobody knows it, or this objective does not: it is answered with NaN.
    what: Option<What>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    PredictedLabel,
    Labels,
    Probability,
    Probabilities,
    RawScore,
    RawScores,
    PredictedScore,
}

const ALL: [(&str, What); 7] = [
    ("predicted_label", What::PredictedLabel),
    ("labels", What::Labels),
    ("probability", What::Probability),
    ("probabilities", What::Probabilities),
    ("raw_score", What::RawScore),
    ("raw_scores", What::RawScores),
    ("predicted_score", What::PredictedScore),
];

impl What {
    /// Whether a model of this objective has it.
    fn goes_with(self, kind: Kind) -> bool {
        match self {
            Self::PredictedLabel | Self::Labels | Self::RawScore | Self::RawScores => matches!(
                kind,
                Kind::BinaryLogistic
                    | Kind::LogitRaw
                    | Kind::Hinge
                    | Kind::Softmax
                    | Kind::Softprob
            ),
            Self::Probability | Self::Probabilities => {
                matches!(kind, Kind::BinaryLogistic | Kind::Softprob)
            }
            Self::PredictedScore => is_regression(kind),
        }
    }
}

fn is_regression(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SquaredError | Kind::RegLogistic | Kind::Gamma | Kind::AbsoluteError | Kind::Tweedie
    )
}

impl Selection {
    /// What the variable's text names; `None` in containers before 1.0, which did not read it.
    pub fn of(
        version: Version,
        keys: &str,
        kind: Kind,
        groups: usize,
        batch: bool,
    ) -> Option<Self> {
        let key = |name: &str| Key {
            name: name.to_owned(),
            what: ALL
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, what)| *what)
                .filter(|what| what.goes_with(kind)),
        };
        let keys = keys.replace(' ', "").to_lowercase();
        let keys = keys.split(',').map(key).collect();
        (version.library() >= (1, 0)).then_some(Self { keys, kind, groups, batch })
    }

    /// Why no request can be answered, when the container has no selection for the objective.
    pub fn unsupported(&self) -> Option<String> {
        let supported = is_regression(self.kind) || What::Labels.goes_with(self.kind);
        (!supported).then(|| {
            let name = self.kind.name();
            format!("Objective `{name}` unsupported for selectable inference predictions.")
        })
    }

    /// What the log says of keys that are answered with NaN.
    pub fn warning(&self) -> Option<String> {
        let list = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
        };
        let unknown = self.keys.iter().filter(|key| key.what.is_none());
        let unknown = list(&mut unknown.map(|key| key.name.as_str()));
        let known = ALL.iter().filter(|(_, what)| what.goes_with(self.kind));
        let known = list(&mut known.map(|(name, _)| *name));
        (!unknown.is_empty()).then(|| {
            format!(
                "Selected key(s) {{{unknown}}} incompatible for objective '{}'. Please use list of compatible \
                 selectable inference predictions: [{known}]",
                self.kind.name()
            )
        })
    }

    pub fn write<'a>(
        &self,
        rows: impl Iterator<Item = &'a [f32]>,
        accept: &str,
        out: &mut Vec<u8>,
    ) {
        let object = |row: &[f32], out: &mut Vec<u8>| {
            out.push(b'{');
            join(&self.keys, b", ", out, |key, out| {
                let _ = write!(out, "{}: ", serde_json::Value::from(key.name.as_str()));
                self.value(key, row).write(out, "NaN");
            });
            out.push(b'}');
        };
        match accept {
            "application/json" => {
                out.extend_from_slice(b"{\"predictions\": [");
                join(rows, b", ", out, object);
                out.extend_from_slice(b"]}");
            }
            "application/jsonlines" => {
                for row in rows {
                    object(row, out);
                    out.push(b'\n');
                }
            }
            "text/csv" => {
                join(rows, b"\n", out, |row, out| {
                    join(&self.keys, b",", out, |key, out| match self.value(key, row) {
                        list @ (Value::Floats(_) | Value::Ints(_)) => {
                            out.push(b'"');
                            list.write(out, "nan");
                            out.push(b'"');
                        }
                        one => one.write(out, "nan"),
                    });
                });
                if self.batch {
                    out.push(b'\n');
                }
            }
            _ => {
                for row in rows {
                    let values: Vec<Vec<f32>> =
                        self.keys.iter().map(|key| self.value(key, row).floats()).collect();
                    let named: Vec<(&str, &[f32])> = self
                        .keys
                        .iter()
                        .zip(&values)
                        .map(|(key, values)| (key.name.as_str(), values.as_slice()))
                        .collect();
                    recordio::write_labels(&named, out);
                }
            }
        }
    }

    /// What a key stands for in a row's prediction.
    fn value(&self, key: &Key, row: &[f32]) -> Value {
        let one = f64::from(row[0]);
        let best = f64::from(row[objective::argmax(row)]);
        let all = || {
            if self.kind == Kind::Softprob {
                row.iter().map(|value| f64::from(*value)).collect()
            } else {
                vec![1.0 - one, one]
            }
        };
        let Some(what) = key.what else { return Value::Float(f64::NAN) };
        match what {
            What::PredictedLabel => match self.kind {
                Kind::BinaryLogistic => Value::Int(usize::from(row[0] > 0.5)),
                Kind::LogitRaw => Value::Int(usize::from(row[0] > 0.0)),
                Kind::Softprob => Value::Int(objective::argmax(row)),
                _ => Value::Float(one),
            },
            What::Labels if self.groups > 1 => Value::Ints((0..self.groups).collect()),
            What::Labels => Value::Ints(vec![0, 1]),
            What::Probability | What::RawScore => Value::Float(best),
            What::Probabilities | What::RawScores => Value::Floats(all()),
            What::PredictedScore => Value::Float(one),
        }
    }
}

/// A selected value.
enum Value {
    Int(usize),
    Float(f64),
    Ints(Vec<usize>),
    Floats(Vec<f64>),
}

impl Value {
    fn write(&self, out: &mut Vec<u8>, nan: &str) {
        match self {
            Self::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Float(value) if value.is_nan() => out.extend_from_slice(nan.as_bytes()),
            Self::Float(value) => write_double(*value, out),
            Self::Ints(values) => {
                out.push(b'[');
                join(values, b", ", out, |value, out| {
                    let _ = write!(out, "{value}");
                });
                out.push(b']');
            }
            Self::Floats(values) => {
                out.push(b'[');
                join(values, b", ", out, |value, out| write_double(*value, out));
                out.push(b']');
            }
        }
    }

    fn floats(&self) -> Vec<f32> {
        match self {
            Self::Int(value) => vec![*value as f32],
            Self::Float(value) => vec![*value as f32],
            Self::Ints(values) => values.iter().map(|value| *value as f32).collect(),
            Self::Floats(values) => values.iter().map(|value| *value as f32).collect(),
        }
    }
}
