//! A training job's row: what Describe shows, what the region keeps for itself, and the one way in
//! which both are changed together.

use super::super::{Region, View};
use super::machine::{NoWay, Progress, Secondary};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Row, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// What the region keeps of a job and never shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that ended because the region's process did.
    pub interruptions: u32,
    /// Attempts that failed by the region's own fault and were begun anew (`RetryStrategy`).
    pub retries: u32,
    /// Milliseconds on instances of attempts that have ended.
    pub ran_ms: u64,
    /// When the attempt under way came onto its instances, by the steady clock.
    pub began: Option<Timestamp>,
    /// When the job was created, by the steady clock of that life of the region.
    pub created: Option<Timestamp>,
    /// Why the job is being stopped.
    pub stop: Option<Stop>,
    /// How the containers ended; set when they have, before anything is uploaded.
    pub outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    Requested,
    MaxRuntime,
    MaxWait,
}

impl Stop {
    /// Where a job ends that was stopped for this reason.
    pub fn terminal(self) -> Secondary {
        match self {
            Self::Requested => Secondary::Stopped,
            Self::MaxRuntime => Secondary::MaxRuntimeExceeded,
            Self::MaxWait => Secondary::MaxWaitTimeExceeded,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Succeeded,
    /// It was stopped, whatever it then did.
    Stopped,
    /// With the FailureReason.
    Failed(String),
}

impl Private {
    /// Time on instances up to `steady`, over all attempts.
    pub fn ran(&self, steady: Timestamp) -> Duration {
        let open = self.began.map_or(Duration::ZERO, |began| steady.since(began));
        Duration::from_millis(self.ran_ms) + open
    }

    /// Closes the attempt under way.
    pub fn leave_instances(&mut self, steady: Timestamp) {
        self.ran_ms = u64::try_from(self.ran(steady).as_millis()).unwrap_or(u64::MAX);
        self.began = None;
    }
}

/// A job's row, taken apart for a change.
#[derive(Clone, Debug)]
pub struct Record {
    pub row: Row,
    pub progress: Progress,
    pub private: Private,
    /// For stamps.
    pub now: Timestamp,
    /// For spans.
    pub steady: Timestamp,
}

impl Record {
    pub fn of(row: Row, now: Timestamp, steady: Timestamp) -> Option<Self> {
        let progress = Progress::read(&row.body)?;
        let private = serde_json::from_value(row.private.clone()).unwrap_or_default();
        Some(Self { row, progress, private, now, steady })
    }

    pub fn enter(&mut self, to: Secondary) -> Result<(), NoWay> {
        self.progress.enter(to, self.now)
    }

    pub fn set(&mut self, member: &str, value: impl Into<Value>) {
        if let Some(body) = self.row.body.as_object_mut() {
            body.insert(member.to_owned(), value.into());
        }
    }

    /// The row with all that was changed.
    pub fn into_row(mut self) -> Result<Row, StoreError> {
        let now = self.now;
        if let Some(body) = self.row.body.as_object_mut() {
            self.progress.write(body);
            body.insert("LastModifiedTime".into(), now.to_document());
        }
        self.row.status = self.progress.status().name().to_owned();
        self.row.private = serde_json::to_value(&self.private)?;
        Ok(self.row)
    }

    /// Ends the job: the members that only an ended job has.
    pub fn finish(&mut self, to: Secondary, failure: Option<String>) -> Result<(), NoWay> {
        self.enter(to)?;
        self.private.leave_instances(self.steady);
        if self.row.body.has("TrainingStartTime") {
            let seconds = whole_seconds(self.private.ran(self.steady));
            self.set("TrainingEndTime", self.now.to_document());
            self.set("TrainingTimeInSeconds", seconds);
            self.set("BillableTimeInSeconds", seconds);
        }
        if let Some(reason) = failure {
            self.set("FailureReason", clip(&reason, FAILURE_REASON_CHARS));
        }
        Ok(())
    }
}

/// How long a FailureReason may be.
pub const FAILURE_REASON_CHARS: usize = 1024;

/// The first `most` characters.
pub fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The service bills and shows whole seconds, at least one.
pub fn whole_seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// The FailureReason of a container that ended badly: what it left in `/opt/ml/output/failure`
/// (or else its last line), between the service's prefix and its exit code.
pub fn failure_reason(
    failure: Option<&str>,
    last_words: &[String],
    code: Option<i32>,
    signal: Option<i32>,
) -> String {
    let text = failure
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .or_else(|| last_words.last().map(|line| line.trim()))
        .unwrap_or_default();
    let prefix = ["ClientError: ", "AlgorithmError: ", "InternalServerError: "]
        .into_iter()
        .find(|prefix| text.starts_with(prefix));
    let (prefix, text) =
        prefix.map_or(("AlgorithmError: ", text), |prefix| (prefix, &text[prefix.len()..]));
    let code = code.unwrap_or_else(|| signal.map_or(1, |signal| 128 + signal));
    let suffix = format!(", exit code: {code}");
    let room = FAILURE_REASON_CHARS - prefix.len() - suffix.len();
    format!("{prefix}{}{suffix}", clip(text, room))
}

/// Reads a job; `None` when there is none (any more).
pub fn load(region: &Region, name: &str) -> Result<Option<Record>, StoreError> {
    let row = region.store().read(|snapshot| snapshot.get(kind::TRAINING_JOB, name))?;
    Ok(row.and_then(|row| Record::of(row, region.now(), region.steady())))
}

/// Changes a job in one transaction: `edit` sees it as it is at that moment, and what it returns
/// with `Ok` is written. `NoWay` leaves the job as it was and is handed back; `None` means that the
/// job is gone.
pub async fn change<T: Send + 'static>(
    region: &Region,
    name: &str,
    edit: impl FnOnce(&mut Record) -> Result<T, NoWay> + Send + 'static,
) -> Result<Option<Result<T, NoWay>>, StoreError> {
    let (name, steady) = (name.to_owned(), region.steady());
    region
        .store()
        .write(move |change| {
            let Some(row) = change.get(kind::TRAINING_JOB, &name)? else { return Ok(None) };
            let Some(mut record) = Record::of(row, change.now(), steady) else {
                return Ok(None);
            };
            match edit(&mut record) {
                Ok(answer) => {
                    change.update(&record.into_row()?)?;
                    Ok(Some(Ok(answer)))
                }
                Err(no_way) => Ok(Some(Err(no_way))),
            }
        })
        .await
}

/// The environment or hyperparameters of a document, as text by name.
pub fn text_map(document: &Value, member: &str) -> std::collections::BTreeMap<String, String> {
    let empty = Map::new();
    document
        .part(member)
        .and_then(Value::as_object)
        .unwrap_or(&empty)
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some("bad rows"), &[], Some(1), None, "AlgorithmError: bad rows, exit code: 1")]
    #[case(Some("ClientError: no label"), &[], Some(1), None, "ClientError: no label, exit code: 1")]
    #[case(None, &["first", "last line "], Some(3), None, "AlgorithmError: last line, exit code: 3")]
    #[case(Some("  "), &[], None, Some(9), "AlgorithmError: , exit code: 137")]
    fn reasons(
        #[case] failure: Option<&str>,
        #[case] words: &[&str],
        #[case] code: Option<i32>,
        #[case] signal: Option<i32>,
        #[case] reason: &str,
    ) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(failure_reason(failure, &words, code, signal), reason);
    }

    #[test]
    fn a_long_failure_keeps_its_exit_code() {
        let reason = failure_reason(Some(&"é".repeat(3000)), &[], Some(1), None);
        assert_eq!(reason.chars().count(), FAILURE_REASON_CHARS);
        assert!(reason.ends_with("é, exit code: 1"));
    }

    #[test]
    fn time_counts_over_attempts_and_is_billed_in_whole_seconds() {
        let at = Timestamp::from_millis;
        let mut private = Private { ran_ms: 1_500, began: Some(at(10_000)), ..Private::default() };
        assert_eq!(private.ran(at(12_000)), Duration::from_millis(3_500));
        private.leave_instances(at(12_000));
        assert_eq!(private.ran(at(99_000)), Duration::from_millis(3_500));
        assert_eq!(whole_seconds(private.ran(at(0))), 4);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }
}
