//! Serving: from a request's rows to scores, in the four formats that linear learner answers.

use super::loss::{probabilities, sigmoid};
use super::model::LinearModel;
use super::report::greatest;
use super::settings::PredictorType;
use crate::algorithms::data::{Format, Layout, Matrix, media_type, parse, recordio};
use crate::algorithms::{Invocation, Predictor, Refusal};

const READS: &str =
    "text/csv, application/json, application/jsonlines, application/x-recordio-protobuf";

pub struct LinearPredictor {
    kind: PredictorType,
    logistic: bool,
    columns: usize,
    /// Output after output.
    weights: Vec<f64>,
    biases: Vec<f64>,
    threshold: f32,
    /// `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`: what to answer in when a request does not say.
    default_accept: Option<String>,
}

/// What the answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Json,
    JsonLines,
    Csv,
    RecordIo,
}

impl Writes {
    const ALL: [(&'static str, Writes); 4] = [
        ("application/json", Writes::Json),
        ("application/jsonlines", Writes::JsonLines),
        ("text/csv", Writes::Csv),
        ("application/x-recordio-protobuf", Writes::RecordIo),
    ];

    /// The first of the accepted types that is written here; JSON for whoever takes anything.
    fn of(accept: Option<&str>) -> Result<(&'static str, Self), Refusal> {
        let accept = accept.map(str::trim).filter(|accept| !accept.is_empty()).unwrap_or("*/*");
        for wanted in accept.split(',').map(media_type) {
            if matches!(wanted, "*/*" | "application/*") {
                return Ok(Self::ALL[0]);
            }
            if let Some(known) =
                Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            {
                return Ok(*known);
            }
        }
        let known: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
        Err(Refusal::new(
            406,
            format!(
                "linear-learner does not answer in {accept}. Accept one of: {}",
                known.join(", ")
            ),
        ))
    }
}

impl LinearPredictor {
    pub fn new(model: LinearModel) -> Self {
        Self {
            kind: model.predictor_type,
            logistic: model.loss == super::loss::Loss::Logistic.objective(),
            columns: model.feature_dim,
            weights: model.weights.concat(),
            biases: model.biases,
            threshold: model.threshold as f32,
            default_accept: std::env::var("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT").ok(),
        }
    }

    fn rows(&self, invocation: &Invocation<'_>) -> Result<Matrix, Refusal> {
        let Some(content_type) = invocation.content_type else {
            return Err(Refusal::unsupported(format!(
                "The request has no ContentType. Send one of: {READS}"
            )));
        };
        let format = Format::of(content_type)
            .filter(|format| *format != Format::LibSvm)
            .ok_or_else(|| {
                let name = media_type(content_type);
                Refusal::unsupported(format!(
                    "Content type {name} is not supported by linear-learner. Send one of: {READS}"
                ))
            })?;
        let rows = parse(format, invocation.body, Layout::inference(Some(self.columns))).map_err(
            |error| Refusal::bad_request(format!("unable to evaluate payload provided: {error}")),
        )?;
        let bad =
            rows.features.iter_rows().position(|row| row.iter().any(|value| !value.is_finite()));
        match bad {
            Some(row) => Err(Refusal::bad_request(format!(
                "unable to evaluate payload provided: row {}: a value is missing or not finite. \
                 linear-learner needs every feature; fill in missing ones before",
                row + 1
            ))),
            None => Ok(rows.features),
        }
    }

    /// A row's scores into `scores`, and the label they stand for.
    fn score(&self, row: &[f32], scores: &mut [f32]) -> usize {
        let outputs = self.weights.chunks_exact(self.columns).zip(&self.biases);
        for ((weights, bias), score) in outputs.zip(scores.iter_mut()) {
            let sum: f64 =
                weights.iter().zip(row).map(|(weight, value)| weight * f64::from(*value)).sum();
            *score = (sum + bias) as f32;
        }
        match self.kind {
            PredictorType::Regressor => 0,
            PredictorType::BinaryClassifier => {
                if self.logistic {
                    scores[0] = sigmoid(scores[0]);
                }
                usize::from(scores[0] >= self.threshold)
            }
            PredictorType::MulticlassClassifier => {
                probabilities(scores);
                greatest(scores)
            }
        }
    }

    fn write_row(&self, writes: Writes, scores: &[f32], label: usize, answer: &mut Vec<u8>) {
        let labelled = self.kind != PredictorType::Regressor;
        match writes {
            Writes::Json | Writes::JsonLines => {
                answer.extend_from_slice(b"{\"score\": ");
                if self.kind == PredictorType::MulticlassClassifier {
                    answer.push(b'[');
                    numbers(scores, b", ", answer);
                    answer.push(b']');
                } else {
                    number(scores[0], answer);
                }
                if labelled {
                    answer.extend_from_slice(b", \"predicted_label\": ");
                    integer(label, answer);
                }
                answer.push(b'}');
            }
            Writes::Csv => {
                if labelled {
                    integer(label, answer);
                    answer.push(b',');
                }
                numbers(scores, b",", answer);
            }
            Writes::RecordIo => {
                let own = [label as f32];
                let labels: [(&str, &[f32]); 2] = [("score", scores), ("predicted_label", &own)];
                recordio::write_labels(&labels[..1 + usize::from(labelled)], answer);
            }
        }
    }
}

impl Predictor for LinearPredictor {
    fn invoke(
        &self,
        invocation: &Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<&'static str, Refusal> {
        let (content_type, writes) =
            Writes::of(invocation.accept.or(self.default_accept.as_deref()))?;
        let rows = self.rows(invocation)?;
        let mut scores = vec![0.0; self.biases.len()];
        let (before, between, after): (&[u8], &[u8], &[u8]) = match writes {
            Writes::Json => (b"{\"predictions\": [", b", ", b"]}"),
            Writes::JsonLines | Writes::Csv => (b"", b"\n", b"\n"),
            Writes::RecordIo => (b"", b"", b""),
        };
        answer.extend_from_slice(before);
        for (index, row) in rows.iter_rows().enumerate() {
            if index > 0 {
                answer.extend_from_slice(between);
            }
            let label = self.score(row, &mut scores);
            self.write_row(writes, &scores, label, answer);
        }
        answer.extend_from_slice(after);
        Ok(content_type)
    }
}

fn numbers(values: &[f32], between: &[u8], answer: &mut Vec<u8>) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            answer.extend_from_slice(between);
        }
        number(*value, answer);
    }
}

/// As the real container prints its 32-bit scores: all the digits of a 64-bit number.
fn number(value: f32, answer: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(answer, &f64::from(value));
}

fn integer(value: usize, answer: &mut Vec<u8>) {
    let _ = serde_json::to_writer(answer, &value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn predictor(kind: PredictorType, outputs: usize) -> LinearPredictor {
        LinearPredictor::new(LinearModel {
            format: super::super::model::FORMAT.into(),
            predictor_type: kind,
            loss: "binary_classification_cross_entropy_objective".into(),
            feature_dim: 2,
            weights: (0..outputs).map(|output| vec![output as f64 + 0.5, 0.0]).collect(),
            biases: vec![0.0; outputs],
            threshold: 0.5,
            rows: 1,
            host: "algo-1".into(),
            hosts: vec!["algo-1".into()],
            hyperparameters: BTreeMap::new(),
        })
    }

    fn ask(
        predictor: &LinearPredictor,
        content_type: &str,
        accept: Option<&str>,
        body: &[u8],
    ) -> Result<(String, Vec<u8>), Refusal> {
        let mut answer = Vec::new();
        let invocation = Invocation { content_type: Some(content_type), accept, body };
        predictor.invoke(&invocation, &mut answer).map(|name| (name.to_owned(), answer))
    }

    fn text(predictor: &LinearPredictor, accept: Option<&str>) -> String {
        let (_, answer) = ask(predictor, "text/csv", accept, b"1,2\n-1,2\n").unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn answers_have_the_real_shapes() {
        let regressor = predictor(PredictorType::Regressor, 1);
        assert_eq!(text(&regressor, None), r#"{"predictions": [{"score": 0.5}, {"score": -0.5}]}"#);
        assert_eq!(text(&regressor, Some("text/csv")), "0.5\n-0.5\n");
        let binary = predictor(PredictorType::BinaryClassifier, 1);
        assert_eq!(
            text(&binary, Some("application/jsonlines")),
            "{\"score\": 0.622459352016449, \"predicted_label\": 1}\n{\"score\": 0.3775406777858734, \"predicted_label\": 0}\n"
        );
        let multiclass = predictor(PredictorType::MulticlassClassifier, 3);
        let json: serde_json::Value =
            serde_json::from_str(&text(&multiclass, Some("*/*"))).unwrap();
        assert_eq!(json["predictions"][0]["predicted_label"], 2);
        assert_eq!(json["predictions"][1]["predicted_label"], 0);
        let scores = json["predictions"][0]["score"].as_array().unwrap();
        let sum: f64 = scores.iter().map(|score| score.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6 && scores.len() == 3);
        assert!(text(&multiclass, Some("text/csv")).starts_with("2,"));
    }

    #[test]
    fn recordio_answers_are_records_that_can_be_read() {
        let binary = predictor(PredictorType::BinaryClassifier, 1);
        let (name, answer) =
            ask(&binary, "text/csv", Some("application/x-recordio-protobuf"), b"1,2").unwrap();
        assert_eq!(name, "application/x-recordio-protobuf");
        assert_eq!(answer[..4], [0x0a, 0x23, 0xd7, 0xce]);
        assert!(answer.windows(15).any(|part| part == b"predicted_label"));
    }

    #[test]
    fn refusals_have_their_status_and_say_what_to_send() {
        let regressor = predictor(PredictorType::Regressor, 1);
        let status = |content_type, accept, body: &[u8]| {
            ask(&regressor, content_type, accept, body)
                .map_err(|refusal| (refusal.status, refusal.text))
        };
        let unsupported = status("text/plain", None, b"1,2").unwrap_err();
        assert!(unsupported.0 == 415 && unsupported.1.contains("text/csv"), "{unsupported:?}");
        assert_eq!(status("text/csv", Some("image/png"), b"1,2").unwrap_err().0, 406);
        let width = status("text/csv", None, b"1,2,3").unwrap_err();
        assert!(width.0 == 400 && width.1.contains("row 1: 3 features"), "{width:?}");
        assert_eq!(status("text/csv", None, b"1,\n").unwrap_err().0, 400);
        assert_eq!(status("text/csv", None, b"").unwrap_err().0, 400);
    }
}
