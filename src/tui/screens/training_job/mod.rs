//! Training jobs: the list, and one of them with its curves, its log and all that went into it.

mod curves;
mod details;
mod facts;
mod job;
mod list;
#[cfg(test)]
mod tests;

pub use facts::algorithm;
pub use job::Job;
pub use list::LIST;

use crate::domain::kind;
use crate::domain::words::counted;
use crate::tui::consequence;
use crate::tui::effect::Effect;
use crate::tui::keymap::Binding;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Request, Scene, Tone};
use serde_json::json;
use std::sync::Arc;

/// Keys of the list.
pub static LIST_KEYS: &[Binding] = &[
    Binding::new("stop", &["X"], "Stop it, or all that are marked; asks first")
        .hint("stop")
        .changes(),
    Binding::new("clone", &["a"], "Train the same again: the command, to be changed and run")
        .hint("again")
        .changes(),
    Binding::new("register", &["R"], "Register its model as a package").hint("register").changes(),
    Binding::new("deploy", &["E"], "Deploy its model to an endpoint").changes(),
];

/// Keys of one job.
pub static JOB_KEYS: &[Binding] = &[
    Binding::new("next-pane", &["tab"], "To the next pane").hint("pane"),
    Binding::new("previous-pane", &["shift-tab"], "To the pane before"),
    Binding::new("metric-next", &["m"], "Next metric alone, then all again").hint("metric"),
    Binding::new("metric-previous", &["b"], "The metric before"),
    Binding::new("log-scale", &["L"], "Logarithmic scale, or linear").hint("log scale"),
    Binding::new("across", &["H"], "Curves over steps, or over time"),
    Binding::new("stop", &["X"], "Stop the job; asks first").hint("stop").changes(),
    Binding::new("clone", &["a"], "Train the same again: the command, to be changed and run")
        .hint("again")
        .changes(),
    Binding::new("register", &["R"], "Register its model as a package").hint("register").changes(),
    Binding::new("deploy", &["E"], "Deploy its model to an endpoint").hint("deploy").changes(),
];

/// Asks whether to stop those that run.
fn stop(rows: &[Arc<Row>], scene: &Scene<'_>, out: &mut Outbox) {
    let running: Vec<&Arc<Row>> =
        rows.iter().filter(|row| matches!(row.status.as_str(), "InProgress")).collect();
    if running.is_empty() {
        let words = if rows.len() == 1 { "It does not run" } else { "None of them runs" };
        out.notice(Tone::Info, words);
        return;
    }
    let question = match running.len() as u64 {
        1 => "Stop this training job?".to_owned(),
        many => format!("Stop these {}?", counted(many, "training job")),
    };
    let affected = |row: &Row| match consequence::of(row, scene.mirror, scene.now) {
        Some(what) => format!("{}: {what}", row.name),
        None => row.name.clone(),
    };
    let names = running.iter().map(|row| affected(row)).collect();
    let call = |row: &Arc<Row>| Effect::Call {
        ticket: out.ticket(),
        service: "sagemaker".into(),
        operation: "StopTrainingJob".into(),
        input: json!({"TrainingJobName": row.name}),
    };
    let then = running.into_iter().map(call).collect();
    out.confirm(question, names, then);
}

/// Opens the palette with a command that goes on from this job.
fn command(action: &str, row: &Row, scene: &Scene<'_>, out: &mut Outbox) {
    if action != "clone" && row.status != "Completed" {
        out.notice(Tone::Info, "There is no model yet: the job has not completed");
        return;
    }
    let line = match action {
        "clone" => {
            let jobs = scene.mirror.rows(kind::TRAINING_JOB);
            let name = facts::next_name(&row.name, |name| jobs.get(name).is_some());
            facts::train_line(row, &name)
        }
        "register" => {
            // Where there is one group only, it is the one.
            let groups = scene.mirror.rows(kind::MODEL_PACKAGE_GROUP).sorted();
            let group = match groups.as_slice() {
                [only] => only.name.as_str(),
                _ => row.name.as_str(),
            };
            format!("register {group} --from {}", row.name)
        }
        _ => {
            let machines = facts::machines(row);
            let on = machines.first().map_or("ml.m5.large", |one| one.instance_type.as_str());
            format!("deploy {0}-live {0}={0} --on {on}", row.name)
        }
    };
    out.requests.push(Request::Command(line));
}
