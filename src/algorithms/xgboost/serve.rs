//! Answers to invocations, in the content types and forms of SageMaker's XGBoost container.

use super::booster::Forest;
use super::objective::{self, Kind};
use super::{MODEL_FILE, model};
use crate::algorithms::data::{self, Delimiter, Format, Labelled, Labels, Layout, recordio};
use crate::algorithms::{Failure, Invocation, Predictor, Refusal};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the container answers, in its words.
const ACCEPTS: &str =
    "['application/json', 'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv']";
/// What the container reads, in its words.
const READS: &str = "csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, \
                     application/x-parquet, application/x-recordio-protobuf";

/// Loads the model of a folder.
pub(super) fn load(folder: &Path) -> Result<Served, Failure> {
    let path = model_file(folder)?;
    let bytes = std::fs::read(&path)
        .map_err(|error| Failure::internal(format!("cannot read {}: {error}", path.display())))?;
    let booster = model::read(&bytes)?;
    let environment = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    Ok(Served {
        forest: booster.forest(),
        kind: booster.objective.kind,
        groups: booster.objective.groups(),
        features: booster.features,
        selected: environment("SAGEMAKER_INFERENCE_OUTPUT")
            .map(|keys| select(&keys, booster.objective.kind))
            .transpose()?,
        default_accept: environment("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
        batch: environment("SAGEMAKER_BATCH").is_some(),
    })
}

/// The container's own artifact, or the only file there is.
fn model_file(folder: &Path) -> Result<PathBuf, Failure> {
    let usual = folder.join(MODEL_FILE);
    if usual.is_file() {
        return Ok(usual);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::client(format!("no model: cannot read {}: {error}", folder.display()))
    })?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| {
            path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
        })
        .collect();
    match (files.pop(), files.is_empty()) {
        (Some(file), true) => Ok(file),
        (None, _) => Err(Failure::client(format!(
            "the model archive holds no file. It must hold the model as {MODEL_FILE}"
        ))),
        (Some(_), false) => Err(Failure::client(format!(
            "the model archive holds several files and none is named {MODEL_FILE}. Several models are not \
             averaged by Sagebrush's own xgboost; name the one to serve so"
        ))),
    }
}

/// A model that answers invocations.
pub(super) struct Served {
    forest: Forest,
    kind: Kind,
    groups: usize,
    features: usize,
    selected: Option<Vec<Key>>,
    default_accept: Option<String>,
    /// Whether this container serves a batch transform.
    batch: bool,
}

/// What `SAGEMAKER_INFERENCE_OUTPUT` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    PredictedLabel,
    Labels,
    Probability,
    Probabilities,
    RawScore,
    RawScores,
    PredictedScore,
    /// Named, but not known to this objective: answered with NaN.
    Unknown(&'static str),
}

const KEYS: [(&str, Key); 7] = [
    ("predicted_label", Key::PredictedLabel),
    ("labels", Key::Labels),
    ("probability", Key::Probability),
    ("probabilities", Key::Probabilities),
    ("raw_score", Key::RawScore),
    ("raw_scores", Key::RawScores),
    ("predicted_score", Key::PredictedScore),
];

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown(name) => name,
            known => KEYS.iter().find(|(_, key)| *key == known).map_or("", |(name, _)| name),
        }
    }

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
            Self::PredictedScore => {
                matches!(kind, Kind::SquaredError | Kind::RegLogistic | Kind::Gamma | Kind::Tweedie)
            }
            Self::Unknown(_) => false,
        }
    }
}

fn select(keys: &str, kind: Kind) -> Result<Vec<Key>, Failure> {
    let keys = keys.replace(' ', "").to_lowercase();
    keys.split(',')
        .map(|name| {
            let Some((name, key)) = KEYS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
                return Err(Failure::client(format!(
                    "SAGEMAKER_INFERENCE_OUTPUT names {name:?}; it may name {}",
                    known.join(", ")
                )));
            };
            Ok(if key.goes_with(kind) { *key } else { Key::Unknown(name) })
        })
        .collect()
}

impl Predictor for Served {
    fn invoke(
        &self,
        invocation: &Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<&'static str, Refusal> {
        let rows = self.parse(invocation)?;
        let predictions = self.forest.predict(&rows.features);
        let accept = self.accept(invocation.accept)?;
        let rows = predictions.chunks_exact(self.forest.outputs());
        match &self.selected {
            Some(keys) => self.write_selected(rows, keys, accept, answer),
            None => self.write(rows, accept, answer),
        }
        Ok(accept)
    }
}

impl Served {
    fn parse(&self, invocation: &Invocation<'_>) -> Result<Labelled, Refusal> {
        let (format, name) = read_format(invocation.content_type)?;
        let layout = Layout {
            labels: if format == Format::LibSvm { Labels::Optional } else { Labels::None },
            csv_weights: false,
            absent: f32::NAN,
            columns: None,
            delimiter: Delimiter::Detect,
        };
        let rows = data::parse(format, invocation.body, layout).map_err(|error| {
            Refusal::unsupported(format!(
                "Loading {name} data failed with Exception, please ensure data is in {name} format:\n {error}"
            ))
        })?;
        let found = rows.features.columns();
        let problem = match format {
            Format::LibSvm if found > self.features + 1 => "is larger than",
            Format::Csv | Format::RecordIo
                if found > self.features || found + 1 < self.features =>
            {
                "is not consistent with"
            }
            _ => return Ok(rows),
        };
        Err(Refusal::bad_request(format!(
            "Unable to evaluate payload provided: Feature size of {name} inference data {found} {problem} \
             feature size of trained model {}.",
            self.features
        )))
    }

    fn accept(&self, accept: Option<&str>) -> Result<&'static str, Refusal> {
        let asked = accept.map(data::media_type).filter(|accept| !matches!(*accept, "" | "*/*"));
        let wanted = asked.or(self.default_accept.as_deref()).unwrap_or("text/csv");
        let known = [
            "application/json",
            "application/jsonlines",
            "application/x-recordio-protobuf",
            "text/csv",
        ];
        known.into_iter().find(|known| known.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
            Refusal::new(
                406,
                format!("Accept type {wanted} is not supported. Please use supported accept types: {ACCEPTS}."),
            )
        })
    }

    fn write<'a>(&self, rows: impl Iterator<Item = &'a [f32]>, accept: &str, out: &mut Vec<u8>) {
        let score = |row: &[f32], out: &mut Vec<u8>| {
            if self.kind == Kind::Softprob {
                write_list(row, out);
            } else {
                write_float(row[0], out);
            }
        };
        match accept {
            "text/csv" if self.batch => {
                for row in rows {
                    score(row, out);
                    out.push(b'\n');
                }
            }
            "text/csv" => {
                for row in rows {
                    join(row, b",", out, |value, out| write_float(*value, out));
                    out.push(b'\n');
                }
            }
            "application/json" => {
                out.extend_from_slice(b"{\"predictions\": [");
                join(rows, b", ", out, |row, out| {
                    out.extend_from_slice(b"{\"score\": ");
                    score(row, out);
                    out.push(b'}');
                });
                out.extend_from_slice(b"]}");
            }
            "application/jsonlines" => {
                for row in rows {
                    out.extend_from_slice(b"{\"score\": ");
                    score(row, out);
                    out.extend_from_slice(b"}\n");
                }
            }
            _ => {
                for row in rows {
                    recordio::write_labels(&[("score", row)], out);
                }
            }
        }
    }

    fn write_selected<'a>(
        &self,
        rows: impl Iterator<Item = &'a [f32]>,
        keys: &[Key],
        accept: &str,
        out: &mut Vec<u8>,
    ) {
        let object = |row: &[f32], out: &mut Vec<u8>| {
            out.push(b'{');
            join(keys, b", ", out, |key, out| {
                let _ = write!(out, "\"{}\": ", key.name());
                self.value(*key, row).write(out, "NaN");
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
                    join(keys, b",", out, |key, out| match self.value(*key, row) {
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
                        keys.iter().map(|key| self.value(*key, row).floats()).collect();
                    let named: Vec<(&str, &[f32])> = keys
                        .iter()
                        .zip(&values)
                        .map(|(key, values)| (key.name(), values.as_slice()))
                        .collect();
                    recordio::write_labels(&named, out);
                }
            }
        }
    }

    /// What a key stands for in a row's prediction.
    fn value(&self, key: Key, row: &[f32]) -> Value {
        let one = f64::from(row[0]);
        let best = f64::from(row[objective::argmax(row)]);
        let all = || {
            if self.kind == Kind::Softprob {
                row.iter().map(|value| f64::from(*value)).collect()
            } else {
                vec![1.0 - one, one]
            }
        };
        match key {
            Key::PredictedLabel => match self.kind {
                Kind::BinaryLogistic => Value::Int(usize::from(row[0] > 0.5)),
                Kind::LogitRaw => Value::Int(usize::from(row[0] > 0.0)),
                Kind::Softprob => Value::Int(objective::argmax(row)),
                _ => Value::Float(one),
            },
            Key::Labels if self.groups > 1 => Value::Ints((0..self.groups).collect()),
            Key::Labels => Value::Ints(vec![0, 1]),
            Key::Probability | Key::RawScore => Value::Float(best),
            Key::Probabilities | Key::RawScores => Value::Floats(all()),
            Key::PredictedScore => Value::Float(one),
            Key::Unknown(_) => Value::Float(f64::NAN),
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

/// The format of a request's body and its name in the container's messages; libsvm when not given.
fn read_format(content_type: Option<&str>) -> Result<(Format, &'static str), Refusal> {
    let Some(content_type) = content_type else { return Ok((Format::LibSvm, "libsvm")) };
    match data::media_type(content_type).to_ascii_lowercase().as_str() {
        "csv" | "text/csv" => Ok((Format::Csv, "csv")),
        "libsvm" | "text/libsvm" | "text/x-libsvm" => Ok((Format::LibSvm, "libsvm")),
        "recordio-protobuf" | "application/x-recordio-protobuf" => {
            Ok((Format::RecordIo, "recordio-protobuf"))
        }
        _ => Err(Refusal::unsupported(format!(
            "{content_type} is not an accepted ContentType: {READS}."
        ))),
    }
}

fn join<T>(
    items: impl IntoIterator<Item = T>,
    separator: &[u8],
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(separator);
        }
        write(item, out);
    }
}

fn write_list(values: &[f32], out: &mut Vec<u8>) {
    out.push(b'[');
    join(values, b", ", out, |value, out| write_float(*value, out));
    out.push(b']');
}

/// A float as Python prints it after numpy has made a double of it.
fn write_float(value: f32, out: &mut Vec<u8>) {
    write_double(f64::from(value), out);
}

/// A double as Python prints it: the shortest form, with an exponent where Python has one.
fn write_double(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if size == 0.0 || (1e-4..1e16).contains(&size) {
        let _ = write!(out, "{value:?}");
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) =
            exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::booster::Booster;
    use super::super::objective::Objective;
    use super::super::tree::Tree;
    use super::*;
    use rstest::rstest;

    /// A model whose margins do not hang on the row: one per group.
    fn served(kind: Kind, margins: &[f32], selected: Option<&str>) -> Served {
        let objective = Objective { num_class: margins.len(), ..Objective::new(kind) };
        let neutral = if kind == Kind::BinaryLogistic { 0.5 } else { 0.0 };
        let mut booster = Booster::new(objective, neutral, 2);
        for (group, margin) in margins.iter().enumerate() {
            booster.trees.push(Tree::stump(*margin, 1.0));
            booster.tree_groups.push(group);
        }
        Served {
            forest: booster.forest(),
            kind,
            groups: objective.groups(),
            features: 2,
            selected: selected.map(|keys| select(keys, kind).unwrap()),
            default_accept: None,
            batch: false,
        }
    }

    fn ask(
        served: &Served,
        content_type: &str,
        accept: &str,
        body: &str,
    ) -> Result<String, Refusal> {
        let mut answer = Vec::new();
        let invocation = Invocation {
            content_type: Some(content_type),
            accept: Some(accept),
            body: body.as_bytes(),
        };
        served.invoke(&invocation, &mut answer)?;
        Ok(String::from_utf8(answer).unwrap())
    }

    #[rstest]
    #[case("text/csv", "0.5\n0.5\n")]
    #[case("*/*", "0.5\n0.5\n")]
    #[case("application/json", "{\"predictions\": [{\"score\": 0.5}, {\"score\": 0.5}]}")]
    #[case("application/jsonlines", "{\"score\": 0.5}\n{\"score\": 0.5}\n")]
    fn answers_have_the_containers_form(#[case] accept: &str, #[case] expected: &str) {
        let served = served(Kind::BinaryLogistic, &[0.0], None);
        assert_eq!(ask(&served, "text/csv", accept, "1,2\n3,4\n").unwrap(), expected);
    }

    #[test]
    fn probabilities_of_classes_are_a_row_and_a_list_in_batches() {
        let mut served = served(Kind::Softprob, &[0.0, 0.0], None);
        assert_eq!(ask(&served, "text/csv", "text/csv", "1,2").unwrap(), "0.5,0.5\n");
        assert_eq!(
            ask(&served, "text/csv", "application/json", "1,2").unwrap(),
            "{\"predictions\": [{\"score\": [0.5, 0.5]}]}"
        );
        served.batch = true;
        assert_eq!(ask(&served, "text/csv", "text/csv", "1,2").unwrap(), "[0.5, 0.5]\n");
    }

    #[rstest]
    #[case(Kind::BinaryLogistic, &[0.0], "predicted_label,probabilities", "{\"predicted_label\": 0, \"probabilities\": [0.5, 0.5]}")]
    #[case(Kind::Softprob, &[0.0, 0.0], "labels, Probability", "{\"labels\": [0, 1], \"probability\": 0.5}")]
    #[case(Kind::Softmax, &[0.0, 3.0], "predicted_label,probability", "{\"predicted_label\": 1.0, \"probability\": NaN}")]
    #[case(Kind::SquaredError, &[2.5], "predicted_score,labels", "{\"predicted_score\": 2.5, \"labels\": NaN}")]
    #[case(Kind::LogitRaw, &[0.25], "predicted_label,raw_scores", "{\"predicted_label\": 1, \"raw_scores\": [0.75, 0.25]}")]
    fn selected_content_is_answered_by_key(
        #[case] kind: Kind,
        #[case] margins: &[f32],
        #[case] keys: &str,
        #[case] expected: &str,
    ) {
        let served = served(kind, margins, Some(keys));
        let lines = ask(&served, "text/csv", "application/jsonlines", "1,2").unwrap();
        assert_eq!(lines, format!("{expected}\n"));
        let json = ask(&served, "text/csv", "application/json", "1,2").unwrap();
        assert_eq!(json, format!("{{\"predictions\": [{expected}]}}"));
    }

    #[test]
    fn selected_lists_are_quoted_in_csv() {
        let served = served(Kind::BinaryLogistic, &[0.0], Some("predicted_label,probabilities"));
        let answer = ask(&served, "text/csv", "text/csv", "1,2\n3,4").unwrap();
        assert_eq!(answer, "0,\"[0.5, 0.5]\"\n0,\"[0.5, 0.5]\"");
    }

    #[test]
    fn recordio_carries_the_score_as_a_label() {
        let served = served(Kind::SquaredError, &[2.5], None);
        let mut answer = Vec::new();
        let invocation = Invocation {
            content_type: Some("text/csv"),
            accept: Some("application/x-recordio-protobuf"),
            body: b"1,2",
        };
        assert_eq!(
            served.invoke(&invocation, &mut answer).unwrap(),
            "application/x-recordio-protobuf"
        );
        assert!(answer.windows(5).any(|window| window == b"score"));
        assert!(answer.windows(4).any(|window| window == 2.5_f32.to_le_bytes()));
    }

    #[rstest]
    #[case(
        "application/json",
        "text/csv",
        "{}",
        415,
        "application/json is not an accepted ContentType: csv,"
    )]
    #[case("text/csv", "text/html", "1,2", 406, "Accept type text/html is not supported.")]
    #[case("text/csv", "text/csv", "a,b", 415, "Loading csv data failed with Exception")]
    #[case(
        "text/csv",
        "text/csv",
        "1,2,3",
        400,
        "Feature size of csv inference data 3 is not consistent with feature size of trained model 2."
    )]
    #[case(
        "text/libsvm",
        "text/csv",
        "1 0:1 7:1",
        400,
        "Feature size of libsvm inference data 8 is larger than"
    )]
    fn refusals_have_the_containers_status_and_words(
        #[case] content_type: &str,
        #[case] accept: &str,
        #[case] body: &str,
        #[case] status: u16,
        #[case] text: &str,
    ) {
        let served = served(Kind::SquaredError, &[2.5], None);
        let refusal = ask(&served, content_type, accept, body).unwrap_err();
        assert_eq!(refusal.status, status, "{refusal}");
        assert!(refusal.text.contains(text), "{refusal}");
    }

    #[test]
    fn a_row_may_lack_its_last_feature_and_any_value() {
        let served = served(Kind::SquaredError, &[2.5], None);
        assert_eq!(ask(&served, "text/csv", "text/csv", "1").unwrap(), "2.5\n");
        assert_eq!(ask(&served, "text/csv", "text/csv", ",").unwrap(), "2.5\n");
        assert_eq!(ask(&served, "text/x-libsvm", "text/csv", "0:1\n1:2").unwrap(), "2.5\n2.5\n");
    }

    #[rstest]
    #[case(0.1_f32, "0.10000000149011612")]
    #[case(1.0, "1.0")]
    #[case(-0.0, "-0.0")]
    #[case(1e-4, "9.999999747378752e-05")]
    #[case(2.0_f32.powi(-17), "7.62939453125e-06")]
    #[case(2.0_f32.powi(60), "1.152921504606847e+18")]
    #[case(f32::NAN, "nan")]
    fn floats_are_printed_as_python_prints_them(#[case] value: f32, #[case] expected: &str) {
        let mut out = Vec::new();
        write_float(value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_model_is_found_by_its_name_or_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(model_file(folder.path()).unwrap_err().to_string().contains("holds no file"));
        std::fs::write(folder.path().join("model.ubj"), "").unwrap();
        assert!(model_file(folder.path()).unwrap().ends_with("model.ubj"));
        std::fs::write(folder.path().join("other"), "").unwrap();
        assert!(model_file(folder.path()).unwrap_err().to_string().contains("several files"));
        std::fs::write(folder.path().join(MODEL_FILE), "").unwrap();
        assert!(model_file(folder.path()).unwrap().ends_with(MODEL_FILE));
    }
}
