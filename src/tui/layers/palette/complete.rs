//! What may come next: verbs, options and values by the grammar itself, names by what exists in the
//! region, operations and members by the service models.

use super::{screens, split};
use crate::api::model::{self, SERVICES};
use crate::command::admin::coverage;
use crate::command::grammar;
use crate::domain::instance::Catalog;
use crate::domain::kind;
use crate::script::parse;
use crate::tui::keymap::{Action, Binding};
use crate::tui::mirror::{BUCKET, Mirror};
use crate::tui::row::Row;
use crate::tui::status::mood;
use crate::tui::view::Scene;
use clap::{Arg, Command, CommandFactory, Parser};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Candidates offered at most.
const MOST: usize = 200;

static GRAMMAR: LazyLock<Command> = LazyLock::new(|| {
    let mut grammar = grammar::Line::command();
    grammar.build();
    grammar
});

/// What a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    History,
    Screen(&'static str),
    Action(Action),
    Verb,
    Option,
    Value,
}

#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) kind: Kind,
    pub(super) show: String,
    pub(super) about: String,
    /// The line once it is taken; `None` where taking is doing.
    pub(super) line: Option<String>,
}

pub(super) struct Asked<'a> {
    pub(super) line: &'a str,
    pub(super) history: &'a [String],
    pub(super) actions: &'a [(&'static str, &'static Binding)],
}

#[derive(Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) hint: String,
}

/// A line that can be run.
pub(super) struct Runnable {
    pub(super) words: Vec<String>,
    pub(super) capture: Option<String>,
}

/// Reads a line as a script does, `as $name` included.
pub(super) fn command(
    line: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Runnable, String> {
    let steps = parse::parse(line).map_err(|error| error.problem)?;
    let Some(parse::Action::Command { words, capture }) =
        steps.into_iter().next().map(|step| step.action)
    else {
        return Err("the palette runs commands; variables are set with `as $name`".into());
    };
    let words: Result<Vec<String>, String> =
        words.iter().map(|word| word.expand(variables)).collect();
    let words = words?;
    grammar::Line::try_parse_from(&words).map_err(|error| {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" · ")
    })?;
    Ok(Runnable { words, capture })
}

/// Whether the first word is a verb.
pub(super) fn is_verb(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    GRAMMAR.find_subcommand(first).is_some()
}

pub(super) fn complete(asked: &Asked<'_>, scene: &Scene<'_>) -> Found {
    let line = asked.line.trim_start();
    let mut words: Vec<String> = match split(line) {
        Ok(words) => words
            .iter()
            .map(|word| word.expand(&BTreeMap::new()).unwrap_or_else(|_| "$".into()))
            .collect(),
        Err(_) => line.split_whitespace().map(str::to_owned).collect(),
    };
    let open = line.ends_with(char::is_whitespace) || line.is_empty();
    let part = if open { String::new() } else { words.pop().unwrap_or_default() };
    let head = &line[..line.len() - last_word(line).len()];
    match words.first() {
        None => first_word(asked, &part),
        Some(verb) => match GRAMMAR.find_subcommand(verb) {
            Some(verb) => next_word(verb, &words[1..], &part, head, scene.mirror),
            // Several words that begin with no verb are a search.
            None => first_word(asked, line),
        },
    }
}

/// The last word as it stands in the line; empty where a new one begins.
fn last_word(line: &str) -> &str {
    line.rsplit(char::is_whitespace).next().unwrap_or_default()
}

fn first_word(asked: &Asked<'_>, part: &str) -> Found {
    let mut all = Vec::new();
    for line in asked.history {
        let (show, line) = (line.clone(), Some(line.clone()));
        all.push(Candidate { kind: Kind::History, show, about: String::new(), line });
    }
    for verb in GRAMMAR.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let name = verb.get_name();
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let line = Some(format!("{name} "));
        all.push(Candidate { kind: Kind::Verb, show: name.into(), about, line });
    }
    for (name, about) in screens() {
        let kind = Kind::Screen(name);
        all.push(Candidate { kind, show: name.into(), about: about.into(), line: None });
    }
    for (_, binding) in asked.actions {
        let kind = Kind::Action(binding.action);
        let (show, about) = (binding.action.replace('-', " "), binding.help.to_owned());
        all.push(Candidate { kind, show, about, line: None });
    }
    let hint = "a verb of the command language, a screen, or something this view can do".into();
    Found { candidates: ranked(all, part), hint }
}

fn next_word(verb: &Command, words: &[String], part: &str, head: &str, mirror: &Mirror) -> Found {
    if let Some(word) = words.first()
        && let Some(inner) = verb.find_subcommand(word)
    {
        return next_word(inner, &words[1..], part, head, mirror);
    }
    let named = |kind: Kind, value: &str, about: String| Candidate {
        kind,
        show: value.to_owned(),
        about,
        line: Some(format!("{head}{value} ")),
    };
    if verb.has_subcommands() {
        let inner = verb.get_subcommands().filter(|inner| inner.get_name() != "help");
        let all = inner.map(|inner| {
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            named(Kind::Verb, inner.get_name(), about)
        });
        let hint = verb.get_about().map(ToString::to_string).unwrap_or_default();
        return Found { candidates: ranked(all.collect(), part), hint };
    }
    if verb.get_name() == "call" {
        return call(words, part, head);
    }
    let options = |verb: &Command| -> Vec<Candidate> {
        verb.get_arguments()
            .filter_map(|arg| Some((arg.get_long()?, arg)))
            .filter(|(long, _)| *long != "help")
            .map(|(long, arg)| {
                let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
                named(Kind::Option, &format!("--{long}"), about)
            })
            .collect()
    };
    if part.starts_with('-') {
        return Found { candidates: ranked(options(verb), part), hint: about(verb) };
    }
    let (arg, position) = argument(verb, words);
    let Some(arg) = arg else {
        return Found { candidates: ranked(options(verb), part), hint: about(verb) };
    };
    let values = values(verb.get_name(), arg, words, part, mirror);
    let values = values.into_iter().map(|(value, about)| named(Kind::Value, &value, about));
    let mut candidates = ranked(values.collect(), part);
    if position {
        candidates.extend(ranked(options(verb), part));
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let hint = format!("{} — {help}", name.unwrap_or_else(|| arg.get_id().to_string()));
    Found { candidates, hint: hint.trim_end_matches(" — ").to_owned() }
}

fn about(verb: &Command) -> String {
    verb.get_about().map(ToString::to_string).unwrap_or_default()
}

/// Which argument the next word is, and whether that is so by its position.
fn argument<'a>(verb: &'a Command, words: &[String]) -> (Option<&'a Arg>, bool) {
    let named = |word: &str| {
        let long = word.strip_prefix("--")?;
        verb.get_arguments().find(|arg| arg.get_long() == Some(long))
    };
    let takes = |arg: &Arg| arg.get_action().takes_values();
    if let Some(arg) = words.last().and_then(|word| named(word))
        && takes(arg)
    {
        return (Some(arg), false);
    }
    let mut position = 0;
    let mut skip = false;
    for word in words {
        if std::mem::take(&mut skip) {
            continue;
        }
        match named(word) {
            Some(arg) => skip = takes(arg),
            None if word.starts_with('-') => {}
            None => position += 1,
        }
    }
    let positionals: Vec<&Arg> = verb.get_positionals().collect();
    let last = positionals.last().filter(|arg| {
        arg.get_num_args().is_some_and(|range| range.max_values() > 1)
            || matches!(arg.get_action(), clap::ArgAction::Append)
    });
    (positionals.get(position).or(last).copied(), true)
}

/// Names that fit, each with a word about it.
fn values(
    verb: &str,
    arg: &Arg,
    words: &[String],
    part: &str,
    mirror: &Mirror,
) -> Vec<(String, String)> {
    let fixed: Vec<(String, String)> = arg
        .get_possible_values()
        .iter()
        .map(|value| {
            let about = value.get_help().map(ToString::to_string).unwrap_or_default();
            (value.get_name().to_owned(), about)
        })
        .collect();
    if !fixed.is_empty() {
        return fixed;
    }
    let of = |kind: &str| names(mirror, kind);
    match (verb, arg.get_id().as_str()) {
        (_, "endpoint") => of(kind::ENDPOINT),
        ("expect", "name") => of(kind::ENDPOINT),
        ("wait", "names") | ("logs", "of") => {
            let mut all = of(kind::TRAINING_JOB);
            all.extend(of(kind::ENDPOINT));
            all
        }
        (_, "packages") => of(kind::MODEL_PACKAGE),
        (_, "group") => of(kind::MODEL_PACKAGE_GROUP),
        (_, "from") => of(kind::TRAINING_JOB),
        ("deploy", "variants") => variants(part, mirror),
        ("shift", "weights") => weights(words, mirror),
        (_, "instance_type" | "instance_types") => instance_types(),
        ("train", "algorithm") => vec![
            ("xgboost".into(), "Gradient-boosted trees".into()),
            ("linear-learner".into(), "Linear and logistic models".into()),
        ],
        ("train", "inputs") => of(BUCKET)
            .into_iter()
            .map(|(name, about)| (format!("train=s3://{name}/"), about))
            .collect(),
        ("describe" | "delete", "name" | "names") => {
            of(words.first().map_or("", |word| row_kind(word)))
        }
        ("bucket" | "delete" | "list", "bucket" | "names") => of(BUCKET),
        ("upload", "target") | ("download", "source") | (_, "data" | "rows") => {
            of(BUCKET).into_iter().map(|(name, about)| (format!("s3://{name}/"), about)).collect()
        }
        _ => Vec::new(),
    }
}

fn names(mirror: &Mirror, kind: &str) -> Vec<(String, String)> {
    let rows = mirror.rows(kind);
    let mut rows: Vec<_> = rows.iter().map(|(_, row)| row).collect();
    // The newest are meant most often.
    rows.sort_unstable_by(|a, b| b.created.total_cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    let standing = |row: &Row| match row.standing() {
        "" => String::new(),
        standing => format!("{} {standing}", mood(standing).mark()),
    };
    rows.into_iter().take(2000).map(|row| (row.name.clone(), standing(row))).collect()
}

/// `name=package` for every package and model, with the variant's name as typed.
fn variants(part: &str, mirror: &Mirror) -> Vec<(String, String)> {
    let variant = part.split_once('=').map_or(part, |(variant, _)| variant);
    let variant = if variant.is_empty() { "main" } else { variant };
    let mut all = Vec::new();
    for kind in [kind::MODEL_PACKAGE, kind::MODEL, kind::TRAINING_JOB] {
        let named = names(mirror, kind).into_iter();
        all.extend(named.map(|(name, about)| (format!("{variant}={name}"), about)));
    }
    all
}

fn weights(words: &[String], mirror: &Mirror) -> Vec<(String, String)> {
    let endpoint = words.first().and_then(|name| mirror.row(kind::ENDPOINT, name));
    let variants = endpoint.map_or(0, |row| row.list("ProductionVariants").len());
    match variants {
        2 => ["90/10", "75/25", "50/50", "25/75", "10/90", "0/100", "100/0"]
            .map(|split| (split.to_owned(), String::new()))
            .to_vec(),
        _ => Vec::new(),
    }
}

fn instance_types() -> Vec<(String, String)> {
    let about = |kind: &crate::domain::instance::InstanceType| {
        format!("{} vCPUs, {} GiB", kind.vcpus, kind.memory_mib / 1024)
    };
    Catalog::builtin().iter().map(|kind| (kind.name.clone(), about(kind))).collect()
}

/// The row kind of a grammar kind's word.
fn row_kind(word: &str) -> &'static str {
    match word {
        "endpoint" => kind::ENDPOINT,
        "endpoint-config" => kind::ENDPOINT_CONFIG,
        "model" => kind::MODEL,
        "package" => kind::MODEL_PACKAGE,
        "group" => kind::MODEL_PACKAGE_GROUP,
        "training-job" => kind::TRAINING_JOB,
        "bucket" => BUCKET,
        _ => kind::ROLE,
    }
}

/// `call SERVICE OPERATION --member …`, out of the service models.
fn call(words: &[String], part: &str, head: &str) -> Found {
    let candidate = |kind: Kind, value: &str, about: &str| Candidate {
        kind,
        show: value.to_owned(),
        about: about.to_owned(),
        line: Some(format!("{head}{value} ")),
    };
    let service = words.first().and_then(|name| model::service(name));
    match (service, words.get(1)) {
        (None, _) => {
            let all = SERVICES.iter().map(|name| candidate(Kind::Value, name, "")).collect();
            Found { candidates: ranked(all, part), hint: "an AWS service".into() }
        }
        (Some(service), None) => {
            // What the region answers comes first; the others are there to be found, and marked.
            let mut all: Vec<Candidate> = service
                .operations()
                .map(|operation| {
                    let about = coverage::word(service.name, operation.name).unwrap_or_default();
                    candidate(Kind::Value, operation.name, about)
                })
                .collect();
            all.sort_by_key(|one| one.about == coverage::NOT_SIMULATED);
            let hint = format!("an operation of {}", service.name);
            Found { candidates: ranked(all, part), hint }
        }
        (Some(service), Some(operation)) => {
            let input = service.operation(operation).and_then(|operation| service.input(operation));
            let members = input.map(|input| input.members.as_slice()).unwrap_or_default();
            let all = members.iter().map(|member| {
                let about = if member.required { "required" } else { "" };
                candidate(Kind::Option, &format!("--{}", kebab(member.name)), about)
            });
            let hint = match coverage::word(service.name, operation) {
                Some(coverage::NOT_SIMULATED) => {
                    format!("▲ {operation} is not simulated: the region refuses it")
                }
                Some("recorded") => {
                    format!("a member of {operation}, which is recorded: nothing comes of it")
                }
                _ => format!("a member of {operation}"),
            };
            Found { candidates: ranked(all.collect(), part), hint }
        }
    }
}

fn kebab(name: &str) -> String {
    crate::command::kebab(name)
}

/// Those that match, the best first; all in their order where nothing is typed yet.
fn ranked(all: Vec<Candidate>, part: &str) -> Vec<Candidate> {
    if part.is_empty() {
        return all.into_iter().take(MOST).collect();
    }
    let pattern = Pattern::parse(part, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(bool, u32, Candidate)> = all
        .into_iter()
        .filter_map(|candidate| {
            let words = match candidate.kind {
                Kind::Action(_) | Kind::Screen(_) => {
                    format!("{} {}", candidate.show, candidate.about)
                }
                _ => candidate.show.clone(),
            };
            let score = pattern.score(Utf32Str::new(&words, &mut buffer), &mut matcher)?;
            Some((candidate.show.starts_with(part), score, candidate))
        })
        .collect();
    scored.sort_by_key(|(begins, score, _)| std::cmp::Reverse((*begins, *score)));
    scored.into_iter().map(|(_, _, candidate)| candidate).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing;
    use crate::tui::view::Place;

    fn completed(line: &str) -> Found {
        let state = testing::with_region((120, 40), Place::new("overview"));
        complete(&Asked { line, history: &[], actions: &[] }, &state.scene())
    }

    #[test]
    fn operations_are_marked_as_coverage_has_them() {
        let found = completed("call sagemaker ");
        assert!(found.candidates.len() > 100);
        for one in &found.candidates {
            assert_eq!(Some(one.about.as_str()), coverage::word("sagemaker", &one.show), "{one:?}");
        }
        // What the region answers comes first.
        let marked = |one: &Candidate| one.about == coverage::NOT_SIMULATED;
        assert!(found.candidates.is_sorted_by_key(marked), "{:?}", found.candidates);
        let found = completed("call sagemaker CreateInference");
        assert!(!found.candidates.is_empty());
        let hint = completed("call sagemaker CreateCluster ").hint;
        assert!(hint.contains("is not simulated"), "{hint}");
    }
}
