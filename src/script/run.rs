//! Runs a parsed script step by step against a region.

use super::parse::{Action, OnError, ParseError, Step, Word, parse};
use super::report::Report;
use crate::command::{self, CommandError, Outcome, Session};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Instant;

/// A script that parses.
#[derive(Debug)]
pub struct Script {
    pub name: String,
    steps: Vec<Step>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Ending {
    pub passed: usize,
    pub failed: usize,
    /// Steps after the one that ended the script.
    pub skipped: usize,
    /// The exit code: 0, or that of the first failure, or that of the interruption.
    pub exit_code: u8,
    pub interrupted: bool,
}

impl Script {
    /// # Errors
    /// The first line that does not parse.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        let steps = parse(text)?;
        for step in &steps {
            if let Action::Command { words, .. } = &step.action {
                let known: Vec<_> = words.iter().map(Word::known).collect();
                command::check_words(&known)
                    .map_err(|error| ParseError { line: step.line, problem: error.to_string() })?;
            }
        }
        Ok(Self { name: name.to_owned(), steps })
    }
}

/// Runs all steps, or up to the first failure or to an interruption, telling `report` of each.
pub async fn run(
    session: &mut Session,
    script: &Script,
    report: &mut Report,
    interrupted: impl Future<Output = ()>,
) -> Ending {
    let mut interrupted = pin!(interrupted);
    let mut variables = BTreeMap::new();
    let mut on_error = OnError::default();
    let mut ending = Ending::default();
    report.begin(&script.name, script.steps.len());
    for (index, step) in script.steps.iter().enumerate() {
        let (words, capture) = match &step.action {
            Action::OnError(choice) => {
                on_error = *choice;
                continue;
            }
            Action::Set { name, value } => match value.expand(&variables) {
                Ok(value) => {
                    variables.insert(name.clone(), value);
                    continue;
                }
                Err(problem) => (Err(problem), None),
            },
            Action::Command { words, capture } => (expand(words, &variables), capture.as_ref()),
        };
        report.start(step);
        let start = Instant::now();
        let outcome = match words {
            // No step begins any more; one that is done counts, though the end was asked for meanwhile.
            Ok(_) if (&mut interrupted).now_or_never().is_some() => Err(CommandError::Interrupted),
            Ok(words) => tokio::select! {
                biased;
                outcome = command::run_words(session, &words) => outcome,
                () = &mut interrupted => Err(CommandError::Interrupted),
            },
            Err(problem) => Err(CommandError::Usage(problem)),
        };
        let outcome = outcome.and_then(|outcome| bind(outcome, capture, &mut variables));
        report.finish(step, start.elapsed(), &outcome);
        match outcome {
            Ok(_) => ending.passed += 1,
            Err(error) => {
                ending.failed += 1;
                ending.interrupted = matches!(error, CommandError::Interrupted);
                if ending.exit_code == 0 || ending.interrupted {
                    ending.exit_code = error.exit_code();
                }
                if ending.interrupted || on_error == OnError::Stop {
                    for step in commands(&script.steps[index + 1..]) {
                        report.skip(step);
                        ending.skipped += 1;
                    }
                    break;
                }
            }
        }
    }
    report.end(&ending);
    ending
}

fn expand(words: &[Word], variables: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    words.iter().map(|word| word.expand(variables)).collect()
}

fn bind(
    outcome: Outcome,
    name: Option<&String>,
    variables: &mut BTreeMap<String, String>,
) -> Result<Outcome, CommandError> {
    if let Some(name) = name {
        let value = outcome.capture.clone().ok_or_else(|| {
            CommandError::Usage(format!("this command has no value for `as ${name}` to take"))
        })?;
        variables.insert(name.clone(), value);
    }
    Ok(outcome)
}

fn commands(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| matches!(step.action, Action::Command { .. }))
}
