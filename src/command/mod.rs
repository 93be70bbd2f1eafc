//! The one command language: shell subcommand = script line = palette line.
//!
//! [`grammar`] says what can be said; one file per verb says what it does, as a thin recipe over
//! AWS calls; [`outcome`] is what comes back. Nothing here prints: the shell ([`cli`]) and scripts
//! decide how an outcome looks.

pub mod admin;
mod bucket;
mod call;
mod changes;
mod check;
pub mod cli;
mod condition;
pub mod demo;
mod deploy;
mod evaluate;
pub mod exec;
mod expect;
pub mod grammar;
pub mod host;
mod invoke;
mod logs;
mod outcome;
mod package;
pub mod recreate;
pub mod render;
mod resource;
pub mod rows;
mod session;
pub mod show;
mod train;
pub mod trust;
mod wait;
pub mod workspace;

pub use call::kebab;
pub use changes::{operation_changes, words_change};
pub use outcome::{CommandError, Outcome, Table};
pub use session::{Progress, Quiet, RecordedCall, Session};

use clap::{CommandFactory, Parser};
use grammar::{Line, Verb};

/// Runs the words of a script line or palette line.
pub async fn run_words(session: &mut Session, words: &[String]) -> Result<Outcome, CommandError> {
    let line = Line::try_parse_from(words).map_err(|error| usage(&error))?;
    let outcome = run(session, &line.verb).await?;
    Ok(match line.show.show {
        Some(language) => shown(session, language, outcome),
        None => {
            session.take_calls();
            outcome
        }
    })
}

/// Runs the words of a palette line; the calls that it made come back whatever became of it.
pub async fn run_noting(
    session: &mut Session,
    words: &[String],
) -> (Result<Outcome, CommandError>, Vec<RecordedCall>) {
    session.take_calls();
    let outcome = match Line::try_parse_from(words) {
        Ok(line) => match line.show.show {
            None => run(session, &line.verb).await,
            Some(language) => {
                let outcome = run(session, &line.verb).await;
                let calls = session.take_calls();
                return (outcome.map(|outcome| coded(language, &calls, outcome)), calls);
            }
        },
        Err(error) => Err(usage(&error)),
    };
    (outcome, session.take_calls())
}

/// Whether the words make a command, before any is run. Words that are not known yet are `None`:
/// then only the verb is looked at.
pub fn check_words(words: &[Option<String>]) -> Result<(), CommandError> {
    let known: Option<Vec<&String>> = words.iter().map(Option::as_ref).collect();
    match (known, words.first()) {
        (Some(known), _) => match Line::try_parse_from(known) {
            Err(error) => Err(usage(&error)),
            Ok(_) => Ok(()),
        },
        (None, Some(Some(verb))) if Line::command().find_subcommand(verb).is_none() => {
            match Line::try_parse_from([verb]) {
                Err(error) => Err(usage(&error)),
                Ok(_) => Ok(()),
            }
        }
        (None, _) => Ok(()),
    }
}

/// The outcome with the calls that made it, as code.
pub fn shown(session: &mut Session, language: grammar::Language, outcome: Outcome) -> Outcome {
    coded(language, &session.take_calls(), outcome)
}

fn coded(language: grammar::Language, calls: &[RecordedCall], outcome: Outcome) -> Outcome {
    Outcome { summary: show::code(language, calls), tables: Vec::new(), ..outcome }
}

/// Takes back what an interrupted command has left half done.
pub async fn clean_up(session: &mut Session) -> Result<(), CommandError> {
    evaluate::clean_up(session).await
}

fn usage(error: &clap::Error) -> CommandError {
    let text = error.render().to_string();
    CommandError::Usage(text.trim().trim_start_matches("error: ").to_owned())
}

/// Runs one verb.
pub async fn run(session: &mut Session, verb: &Verb) -> Result<Outcome, CommandError> {
    match verb {
        Verb::Say(args) => Ok(Outcome::said(args.words.join(" "))),
        Verb::Bucket(args) => bucket::run(session, &args.action).await,
        Verb::Upload(args) => bucket::upload(session, args).await,
        Verb::Download(args) => bucket::download(session, args).await,
        Verb::Train(args) => train::run(session, args).await,
        Verb::Wait(args) => wait::run(session, args).await,
        Verb::Register(args) => package::register(session, args).await,
        Verb::Evaluate(args) => evaluate::run(session, args).await,
        Verb::Approve(args) => package::approve(session, args).await,
        Verb::Reject(args) => package::reject(session, args).await,
        Verb::Deploy(args) => deploy::deploy(session, args).await,
        Verb::Shift(args) => deploy::shift(session, args).await,
        Verb::Invoke(args) => invoke::run(session, args).await,
        Verb::Logs(args) => logs::run(session, args).await,
        Verb::Describe(args) => resource::describe(session, args).await,
        Verb::List(args) => resource::list(session, args).await,
        Verb::Delete(args) => resource::delete(session, args).await,
        Verb::Call(args) => call::run(session, args).await,
        Verb::Expect(args) => expect::run(session, args).await,
        Verb::Check(_) => check::run(session).await,
    }
}
