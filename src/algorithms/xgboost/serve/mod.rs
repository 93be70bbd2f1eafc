//! Answers to invocations, in the content types and forms of SageMaker's XGBoost container.

mod models;
mod selectable;
mod text;

use super::log::Log;
use super::objective::Kind;
use super::version::Version;
use crate::algorithms::data::{self, Delimiter, Format, Labelled, Labels, Layout, recordio};
use crate::algorithms::{Failure, Invocation, Predictor, Refusal};
use models::Models;
use selectable::Selection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use text::{join, write_float, write_list};

/// What the container answers, in its words.
const ACCEPTS: &str =
    "['application/json', 'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv']";
/// What the container reads, in its words.
const READS: &str = "csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, \
                     application/x-parquet, application/x-recordio-protobuf";

/// Loads the model of a folder, and says in the log what the container says of it.
pub(super) fn load(version: Version, folder: &Path) -> Result<Served, Failure> {
    let models = Models::load(version, folder)?;
    let environment = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let batch = environment("SAGEMAKER_BATCH").is_some();
    let selected = environment("SAGEMAKER_INFERENCE_OUTPUT")
        .and_then(|keys| Selection::of(version, &keys, models.kind, models.groups, batch));
    let mut out = std::io::stdout();
    let mut log = Log(&mut out);
    for note in &models.notes {
        log.info(note)?;
    }
    log.info(&format!("Model objective : {}", models.kind.name()))?;
    if let Some(warning) = selected.as_ref().and_then(Selection::warning) {
        log.warning(&warning)?;
    }
    Ok(Served {
        models,
        selected,
        default_accept: environment("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
        batch,
        warned: AtomicBool::new(false),
    })
}

/// A model that answers invocations.
pub(super) struct Served {
    models: Models,
    selected: Option<Selection>,
    default_accept: Option<String>,
    /// Whether this container serves a batch transform.
    batch: bool,
    /// Whether the log has said what rows counted from one look like.
    warned: AtomicBool,
}

impl Predictor for Served {
    fn invoke(
        &self,
        invocation: &Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<&'static str, Refusal> {
        if invocation.body.is_empty() {
            // The container answers nothing with nothing.
            return Err(Refusal::new(204, ""));
        }
        let rows = self.parse(invocation)?;
        let predictions = self.models.predict(&rows.features);
        let accept = self.accept(invocation.accept)?;
        let rows = predictions.chunks_exact(self.models.outputs());
        match &self.selected {
            Some(selection) => {
                if let Some(why) = selection.unsupported() {
                    return Err(Refusal::new(500, why));
                }
                selection.write(rows, accept, answer);
            }
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
            let undeclared = if invocation.content_type.is_none() {
                ". The request has no ContentType, for which libsvm is the default: say what it holds, for \
                 instance text/csv"
            } else {
                ""
            };
            Refusal::unsupported(format!(
                "Loading {name} data failed with Exception, please ensure data is in {name} format:\n \
                 {error}{undeclared}"
            ))
        })?;
        let found = rows.features.columns();
        if format == Format::LibSvm && found == self.models.features + 1 {
            self.warn_of_counting();
        }
        let problem = match format {
            Format::LibSvm if found > self.models.features + 1 => "is larger than",
            Format::Csv | Format::RecordIo
                if found > self.models.features || found + 1 < self.models.features =>
            {
                "is not consistent with"
            }
            _ => return Ok(rows),
        };
        Err(Refusal::bad_request(format!(
            "Unable to evaluate payload provided: Feature size of {name} inference data {found} {problem} \
             feature size of trained model {}.",
            self.models.features
        )))
    }

    /// Rows whose last feature is one more than the model's were probably counted from one.
    fn warn_of_counting(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let _ = Log(&mut std::io::stdout()).warning(&format!(
                "A libsvm row names feature {0}, but the model's are 0 to {1}. Are they counted from 1? The \
                 container takes them as they are, and the last is not read",
                self.models.features,
                self.models.features.saturating_sub(1)
            ));
        }
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
            if self.models.kind == Kind::Softprob {
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
}

/// The format of a request's body and its name in the container's messages; libsvm when not given.
fn read_format(content_type: Option<&str>) -> Result<(Format, &'static str), Refusal> {
    let Some(content_type) = content_type else { return Ok((Format::LibSvm, "libsvm")) };
    match data::media_type(content_type).to_ascii_lowercase().as_str() {
        "csv" | "text/csv"
            if data::media_parameter(content_type, "label_size")
                .is_some_and(|size| size != "1") =>
        {
            Err(Refusal::unsupported(format!(
                "{} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1",
                content_type.to_ascii_lowercase()
            )))
        }
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
        let models = Models::of(&[booster], Vec::new()).unwrap();
        let selected = selected
            .and_then(|keys| Selection::of(Version::NEWEST, keys, kind, models.groups, false));
        Served {
            models,
            selected,
            default_accept: None,
            batch: false,
            warned: AtomicBool::new(false),
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
    #[case(Kind::SquaredError, &[2.5], "Speed,predicted_score", "{\"speed\": NaN, \"predicted_score\": 2.5}")]
    #[case(Kind::AbsoluteError, &[2.5], "predicted_score", "{\"predicted_score\": 2.5}")]
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
    fn keys_that_nobody_knows_are_named_in_a_warning() {
        let selection =
            Selection::of(Version::NEWEST, "speed, labels", Kind::SquaredError, 1, false).unwrap();
        assert_eq!(
            selection.warning().unwrap(),
            "Selected key(s) {'speed', 'labels'} incompatible for objective 'reg:squarederror'. Please use \
             list of compatible selectable inference predictions: ['predicted_score']"
        );
        let old = Version::of_image("sagemaker-xgboost:0.90-2");
        assert!(Selection::of(old, "labels", Kind::Softprob, 3, false).is_none());
    }

    #[test]
    fn an_objective_without_a_selection_answers_nothing() {
        let served = served(Kind::Poisson, &[2.5], Some("predicted_score"));
        let refusal = ask(&served, "text/csv", "text/csv", "1,2").unwrap_err();
        assert_eq!(refusal.status, 500);
        assert_eq!(
            refusal.text,
            "Objective `count:poisson` unsupported for selectable inference predictions."
        );
    }

    #[test]
    fn nothing_is_answered_with_nothing() {
        let served = served(Kind::SquaredError, &[2.5], None);
        assert_eq!(ask(&served, "text/csv", "text/csv", "").unwrap_err(), Refusal::new(204, ""));
    }

    #[test]
    fn a_request_without_a_content_type_is_told_of_the_default() {
        let served = served(Kind::SquaredError, &[2.5], None);
        let invocation = Invocation { content_type: None, accept: None, body: b"a,b,c" };
        let refusal = served.invoke(&invocation, &mut Vec::new()).unwrap_err();
        assert_eq!(refusal.status, 415);
        assert!(
            refusal.text.contains("has no ContentType, for which libsvm is the default"),
            "{refusal}"
        );
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
    #[case(
        "text/csv; label_size=0",
        "text/csv",
        "1,2",
        415,
        "text/csv; label_size=0 is not an accepted csv ContentType. Optional parameter label_size must be"
    )]
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
}
