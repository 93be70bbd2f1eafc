//! The training job's states and the ways between them, as one table.
//!
//! A job has a primary status and a finer secondary one; the secondary decides the primary, save
//! that whatever happens after a stop was asked for stays `Stopping` until it has ended. The history
//! (`SecondaryStatusTransitions`) is part of the state: each entry begins when the former ends.

use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};

/// `SecondaryStatus`, as far as the region produces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secondary {
    Starting,
    Pending,
    Downloading,
    Training,
    Uploading,
    Completed,
    Failed,
    Stopping,
    Stopped,
    MaxRuntimeExceeded,
    MaxWaitTimeExceeded,
    Interrupted,
    Restarting,
}

/// `TrainingJobStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    InProgress,
    Stopping,
    Stopped,
    Completed,
    Failed,
}

impl Secondary {
    pub const ALL: [Self; 13] = [
        Self::Starting,
        Self::Pending,
        Self::Downloading,
        Self::Training,
        Self::Uploading,
        Self::Completed,
        Self::Failed,
        Self::Stopping,
        Self::Stopped,
        Self::MaxRuntimeExceeded,
        Self::MaxWaitTimeExceeded,
        Self::Interrupted,
        Self::Restarting,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Pending => "Pending",
            Self::Downloading => "Downloading",
            Self::Training => "Training",
            Self::Uploading => "Uploading",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::MaxRuntimeExceeded => "MaxRuntimeExceeded",
            Self::MaxWaitTimeExceeded => "MaxWaitTimeExceeded",
            Self::Interrupted => "Interrupted",
            Self::Restarting => "Restarting",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Failed
                | Self::Stopped
                | Self::MaxRuntimeExceeded
                | Self::MaxWaitTimeExceeded
        )
    }

    /// What the service says when a job gets here and nothing more particular is known.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Starting => "Starting the training job",
            Self::Pending => "Training job waiting for capacity",
            Self::Downloading => "Downloading input data",
            Self::Training => "Training image download completed. Training in progress.",
            Self::Uploading => "Uploading generated training model",
            Self::Completed => "Training job completed",
            Self::Failed => "Training job failed",
            Self::Stopping => "Stopping the training job",
            Self::Stopped => "Training job stopped",
            Self::MaxRuntimeExceeded => {
                "Training job runtime exceeded MaxRuntimeInSeconds provided"
            }
            Self::MaxWaitTimeExceeded => {
                "Training job wait time exceeded MaxWaitTimeInSeconds provided"
            }
            Self::Interrupted => "Training job was interrupted",
            Self::Restarting => "Restarting the training job",
        }
    }

    /// The table: where a job may go from here.
    pub const fn successors(self) -> &'static [Self] {
        use Secondary as S;
        match self {
            S::Starting => {
                &[S::Pending, S::Downloading, S::Training, S::Stopping, S::Failed, S::Interrupted]
            }
            S::Pending => {
                &[S::Starting, S::Downloading, S::Training, S::Stopping, S::Failed, S::Interrupted]
            }
            S::Downloading => &[S::Training, S::Stopping, S::Failed, S::Interrupted],
            S::Training => &[S::Uploading, S::Stopping, S::Failed, S::Interrupted],
            S::Uploading => &[
                S::Completed,
                S::Failed,
                S::Stopped,
                S::MaxRuntimeExceeded,
                S::MaxWaitTimeExceeded,
                S::Stopping,
                S::Interrupted,
            ],
            S::Stopping => &[
                S::Uploading,
                S::Stopped,
                S::MaxRuntimeExceeded,
                S::MaxWaitTimeExceeded,
                S::Failed,
            ],
            S::Interrupted => &[S::Restarting, S::Starting, S::Stopping, S::Failed],
            S::Restarting => {
                &[S::Starting, S::Pending, S::Downloading, S::Training, S::Stopping, S::Failed]
            }
            S::Completed
            | S::Failed
            | S::Stopped
            | S::MaxRuntimeExceeded
            | S::MaxWaitTimeExceeded => &[],
        }
    }

    fn primary(self, stopping: bool) -> Status {
        match self {
            Self::Completed => Status::Completed,
            Self::Failed => Status::Failed,
            Self::Stopped | Self::MaxRuntimeExceeded | Self::MaxWaitTimeExceeded => Status::Stopped,
            Self::Stopping => Status::Stopping,
            _ if stopping => Status::Stopping,
            _ => Status::InProgress,
        }
    }
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::InProgress, Self::Stopping, Self::Stopped, Self::Completed, Self::Failed]
            .into_iter()
            .find(|status| status.name() == name)
    }

    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Stopped | Self::Completed | Self::Failed)
    }
}

/// A way that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a training job does not go from {} to {}", from.name(), to.name())]
pub struct NoWay {
    pub from: Secondary,
    pub to: Secondary,
}

/// What the service says once it has taken a job up.
const PREPARING: &str = "Preparing the instances for training";

/// One entry of `SecondaryStatusTransitions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub status: Secondary,
    pub message: String,
    pub start: Timestamp,
    pub end: Option<Timestamp>,
}

/// Where a job is and how it got there.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    transitions: Vec<Transition>,
    stopping: bool,
}

impl Progress {
    /// A job that was just created.
    pub fn created(now: Timestamp) -> Self {
        let first = Transition {
            status: Secondary::Starting,
            message: Secondary::Starting.message().into(),
            start: now,
            end: None,
        };
        Self { transitions: vec![first], stopping: false }
    }

    pub fn secondary(&self) -> Secondary {
        self.transitions.last().map_or(Secondary::Starting, |last| last.status)
    }

    pub fn status(&self) -> Status {
        self.secondary().primary(self.stopping)
    }

    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// Since when the job is where it is.
    pub fn since(&self) -> Timestamp {
        self.transitions.last().map_or(Timestamp::default(), |last| last.start)
    }

    /// The job has been taken up: its first entry says so, as the service's does from then on.
    pub fn taken_up(&mut self) {
        if let [only] = self.transitions.as_mut_slice()
            && only.status == Secondary::Starting
        {
            only.message = PREPARING.to_owned();
        }
    }

    /// Moves to `to` with its usual message.
    pub fn enter(&mut self, to: Secondary, now: Timestamp) -> Result<(), NoWay> {
        self.enter_saying(to, to.message(), now)
    }

    /// Moves to `to`. Entering where the job already is changes the message alone, as the service's
    /// own messages within `Starting` and `Pending` do. Time never runs backwards in the history.
    pub fn enter_saying(
        &mut self,
        to: Secondary,
        message: &str,
        now: Timestamp,
    ) -> Result<(), NoWay> {
        let from = self.secondary();
        let now = now.max(self.since());
        if from == to && !from.is_terminal() {
            if let Some(last) = self.transitions.last_mut() {
                last.message = message.into();
            }
            return Ok(());
        }
        // What was asked to stop has stopped, even when it was just about to complete.
        let completes_stopped = self.stopping && to == Secondary::Completed;
        if completes_stopped || !from.successors().contains(&to) {
            return Err(NoWay { from, to });
        }
        if let Some(last) = self.transitions.last_mut() {
            last.end = Some(now);
        }
        self.stopping |= to == Secondary::Stopping;
        let end = to.is_terminal().then_some(now);
        self.transitions.push(Transition { status: to, message: message.into(), start: now, end });
        Ok(())
    }

    /// Writes the members of `DescribeTrainingJob` that this state decides.
    pub fn write(&self, body: &mut Map<String, Value>) {
        let history = self.transitions.iter().map(|transition| {
            let mut entry = json!({
                "Status": transition.status.name(),
                "StartTime": transition.start.to_document(),
                "StatusMessage": transition.message,
            });
            if let Some(end) = transition.end {
                entry["EndTime"] = end.to_document();
            }
            entry
        });
        body.insert("SecondaryStatusTransitions".into(), history.collect());
        body.insert("TrainingJobStatus".into(), self.status().name().into());
        body.insert("SecondaryStatus".into(), self.secondary().name().into());
    }

    /// Reads back what `write` wrote; `None` when the document holds no history.
    pub fn read(body: &Value) -> Option<Self> {
        let history = body.get("SecondaryStatusTransitions")?.as_array()?;
        let transitions = history
            .iter()
            .map(|entry| {
                Some(Transition {
                    status: Secondary::parse(entry.get("Status")?.as_str()?)?,
                    message: entry
                        .get("StatusMessage")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .into(),
                    start: Timestamp::from_document(entry.get("StartTime")?)?,
                    end: entry.get("EndTime").and_then(Timestamp::from_document),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        if transitions.is_empty() {
            return None;
        }
        let stopping = transitions.iter().any(|entry| entry.status == Secondary::Stopping);
        Some(Self { transitions, stopping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn walk(path: &[Secondary]) -> Progress {
        let mut progress = Progress::created(at(0));
        for (step, status) in path.iter().enumerate() {
            progress.enter(*status, at(step as i64 + 1)).unwrap();
        }
        progress
    }

    #[test]
    fn the_usual_walks() {
        use Secondary as S;
        let table: &[(&[S], Status)] = &[
            (&[S::Downloading, S::Training, S::Uploading, S::Completed], Status::Completed),
            (&[S::Pending, S::Training], Status::InProgress),
            (&[S::Pending, S::Stopping, S::Stopped], Status::Stopped),
            (&[S::Downloading, S::Training, S::Stopping], Status::Stopping),
            (&[S::Training, S::Stopping, S::Uploading], Status::Stopping),
            (&[S::Training, S::Stopping, S::Uploading, S::MaxRuntimeExceeded], Status::Stopped),
            (&[S::Training, S::Interrupted], Status::InProgress),
            (&[S::Training, S::Interrupted, S::Restarting, S::Downloading], Status::InProgress),
            (&[S::Downloading, S::Failed], Status::Failed),
        ];
        for (path, status) in table {
            assert_eq!(walk(path).status(), *status, "{path:?}");
        }
    }

    #[test]
    fn what_has_ended_stays_as_it_ended() {
        for from in Secondary::ALL.into_iter().filter(|status| status.is_terminal()) {
            assert!(from.successors().is_empty());
            let mut progress = Progress {
                transitions: vec![Transition {
                    status: from,
                    message: String::new(),
                    start: at(1),
                    end: Some(at(1)),
                }],
                stopping: false,
            };
            for to in Secondary::ALL {
                assert_eq!(progress.enter(to, at(2)), Err(NoWay { from, to }));
            }
        }
    }

    #[test]
    fn a_new_message_in_the_same_state_is_no_new_state() {
        let mut progress = Progress::created(at(5));
        progress.enter_saying(Secondary::Starting, "Still starting", at(9)).unwrap();
        assert_eq!(progress.transitions().len(), 1);
        assert_eq!(progress.transitions()[0].start, at(5));
        assert_eq!(progress.transitions()[0].message, "Still starting");
    }

    #[test]
    fn a_job_that_was_taken_up_says_so_in_its_first_entry() {
        let mut progress = Progress::created(at(5));
        assert_eq!(progress.transitions()[0].message, "Starting the training job");
        progress.taken_up();
        progress.enter(Secondary::Pending, at(6)).unwrap();
        progress.taken_up();
        let messages: Vec<&str> =
            progress.transitions().iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(messages, [PREPARING, "Training job waiting for capacity"]);
    }

    #[test]
    fn every_name_is_read_back() {
        for status in Secondary::ALL {
            assert_eq!(Secondary::parse(status.name()), Some(status));
        }
        assert_eq!(Secondary::parse("LaunchingMLInstances"), None);
    }

    proptest! {
        /// Whatever is asked of a job: its history has no gaps, time runs forward, a stop that was
        /// asked for never turns back into progress, and the document keeps all of it.
        #[test]
        fn a_history_holds_together(steps in prop::collection::vec((0_usize..13, -50_i64..500), 0..40)) {
            let mut progress = Progress::created(at(1_000));
            let mut now = at(1_000);
            let mut stopped = false;
            for (index, millis) in steps {
                now = if millis < 0 { at(now.as_millis() + millis) } else {
                    now.plus(Duration::from_millis(millis as u64))
                };
                let before = progress.clone();
                let to = Secondary::ALL[index];
                if progress.enter(to, now).is_err() {
                    prop_assert_eq!(&before, &progress);
                }
                stopped |= progress.secondary() == Secondary::Stopping;
                if stopped {
                    prop_assert!(progress.status() != Status::InProgress);
                    prop_assert!(progress.status() != Status::Completed);
                }
            }
            for pair in progress.transitions().windows(2) {
                prop_assert_eq!(pair[0].end, Some(pair[1].start));
                prop_assert!(pair[0].start <= pair[1].start);
                prop_assert!(pair[0].status.successors().contains(&pair[1].status));
            }
            let last = progress.transitions().last().unwrap();
            prop_assert_eq!(last.end.is_some(), last.status.is_terminal());
            let mut body = Map::new();
            progress.write(&mut body);
            prop_assert_eq!(Progress::read(&Value::Object(body)), Some(progress));
        }

        /// From anywhere a job can still end.
        #[test]
        fn every_state_can_end(index in 0_usize..13) {
            let mut seen = std::collections::HashSet::from([Secondary::ALL[index]]);
            let mut open = vec![Secondary::ALL[index]];
            while let Some(state) = open.pop() {
                for next in state.successors() {
                    if seen.insert(*next) {
                        open.push(*next);
                    }
                }
            }
            prop_assert!(seen.contains(&Secondary::Failed) || Secondary::ALL[index].is_terminal());
        }
    }
}
