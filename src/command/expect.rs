//! `expect`: checks for scripts. What was expected and what was there are both said.

use super::condition::{Operator, number};
use super::grammar::{ExpectArgs, Kind};
use super::outcome::{CommandError, Outcome, Table};
use super::resource;
use super::session::{Observed, Session};
use clap::ValueEnum;
use serde_json::Value;

/// Two-sided normal quantile for one false alarm in 10,000 runs.
const QUANTILE: f64 = 3.891;

pub async fn run(session: &mut Session, args: &ExpectArgs) -> Result<Outcome, CommandError> {
    match args.what.as_str() {
        "split" => observed(session, args, split),
        "accuracy" => observed(session, args, accuracy),
        "errors" => observed(session, args, |_, seen, check| {
            compare("errors", seen.errors as f64, check, |value| format!("{value}"))
        }),
        "latency" => observed(session, args, latency),
        kind => {
            let kind = Kind::from_str(kind, true).map_err(|_| {
                let kinds = Kind::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                let kinds: Vec<String> = kinds.map(|kind| kind.get_name().to_owned()).collect();
                CommandError::Usage(format!(
                    "`{kind}` is nothing to expect; there are split, accuracy, latency, errors and \
                     the kinds {}",
                    kinds.join(", ")
                ))
            })?;
            members(session, kind, args).await
        }
    }
}

struct Check<'a> {
    subject: &'a str,
    operator: Operator,
    bound: &'a str,
}

fn parse(check: &str) -> Result<Check<'_>, CommandError> {
    match Operator::find(check) {
        Some((subject, operator, bound)) if !subject.is_empty() && !bound.is_empty() => {
            Ok(Check { subject, operator, bound })
        }
        _ => Err(CommandError::Usage(format!(
            "`{check}` is no check; write NAME, a comparison and a value, such as green=10% or \
             EndpointStatus=InService"
        ))),
    }
}

type Judge = fn(&ExpectArgs, &Observed, &Check<'_>) -> Result<String, CommandError>;

fn observed(session: &Session, args: &ExpectArgs, judge: Judge) -> Result<Outcome, CommandError> {
    let seen = session.observed.get(&args.name).ok_or_else(|| {
        CommandError::Failed(format!(
            "nothing has been observed of {} yet; `invoke {} --rows FILE` first",
            args.name, args.name
        ))
    })?;
    let mut found = Vec::new();
    for check in &args.checks {
        let check = parse(check)?;
        let variant = seen.get(check.subject).ok_or_else(|| {
            let names = seen.keys().cloned().collect::<Vec<_>>().join(", ");
            CommandError::Expectation {
                expected: format!("a variant {}", check.subject),
                found: format!("requests to {names}"),
            }
        })?;
        let text = judge(args, variant, &check)?;
        found.push(format!("{} {text}", check.subject));
    }
    Ok(Outcome::said(format!("{} {}: {}", args.what, args.name, found.join(", "))))
}

fn split(args: &ExpectArgs, seen: &Observed, check: &Check<'_>) -> Result<String, CommandError> {
    let share = number(check.bound)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| CommandError::Usage(format!("`{}` is no share", check.bound)))?;
    let total = seen.total as f64;
    let found = seen.requests as f64 / total.max(1.0);
    // Chance alone scatters a share by its binomial deviation; half a request is its grain.
    let slack = match args.within {
        Some(points) => points / 100.0,
        None => QUANTILE * (share * (1.0 - share) / total.max(1.0)).sqrt() + 0.5 / total.max(1.0),
    };
    let holds = match check.operator {
        Operator::Equal => (found - share).abs() <= slack,
        operator => operator.holds(found, share),
    };
    let text = format!("{:.2} % of {} requests", found * 100.0, seen.total);
    let expected = match check.operator {
        Operator::Equal => {
            format!("{} at {:.2} % ± {:.2} points", check.subject, share * 100.0, slack * 100.0)
        }
        operator => format!("{} {} {:.2} %", check.subject, operator.spelling(), share * 100.0),
    };
    verdict(holds, text, expected)
}

fn accuracy(_: &ExpectArgs, seen: &Observed, check: &Check<'_>) -> Result<String, CommandError> {
    let (right, checked) = seen.correct.ok_or_else(|| {
        CommandError::Failed("the rows had no labels; `invoke … --rows FILE --label COLUMN`".into())
    })?;
    let found = right as f64 / checked.max(1) as f64;
    compare("accuracy", found, check, |value| format!("{value:.4}"))
}

/// `green.p99<5` in milliseconds; the median when no percentile is named.
fn latency(_: &ExpectArgs, seen: &Observed, check: &Check<'_>) -> Result<String, CommandError> {
    let found = seen.latency[0] as f64 / 1000.0;
    compare("p50 ms", found, check, |value| format!("{value:.3}"))
}

fn compare(
    what: &str,
    found: f64,
    check: &Check<'_>,
    show: impl Fn(f64) -> String,
) -> Result<String, CommandError> {
    let bound = number(check.bound)
        .ok_or_else(|| CommandError::Usage(format!("`{}` is no number", check.bound)))?;
    let expected =
        format!("{} {what} {} {}", check.subject, check.operator.spelling(), check.bound);
    verdict(check.operator.holds(found, bound), format!("{what} {}", show(found)), expected)
}

fn verdict(holds: bool, found: String, expected: String) -> Result<String, CommandError> {
    if holds { Ok(found) } else { Err(CommandError::Expectation { expected, found }) }
}

/// Members of what Describe answers, by dotted path: `EndpointStatus`, `ProductionVariants.0.CurrentWeight`.
async fn members(
    session: &mut Session,
    kind: Kind,
    args: &ExpectArgs,
) -> Result<Outcome, CommandError> {
    let found = resource::fetch(session, kind, &args.name).await?;
    let mut table = Table::new("", &["member", "value"]);
    for check in &args.checks {
        let check = parse(check)?;
        let pointer = format!("/{}", check.subject.replace('.', "/"));
        let value = found.pointer(&pointer);
        let shown = match value {
            None => "nothing".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let numbers = value.and_then(Value::as_f64).zip(number(check.bound));
        let holds = match (check.operator, numbers) {
            (operator, Some((found, bound))) => operator.holds(found, bound),
            (Operator::Equal, None) => shown == check.bound,
            (Operator::Unequal, None) => shown != check.bound,
            (_, None) => false,
        };
        if !holds {
            let expected =
                format!("{} {} {}", check.subject, check.operator.spelling(), check.bound);
            return Err(CommandError::Expectation { expected, found: shown });
        }
        table.push([check.subject.to_owned(), shown]);
    }
    Ok(Outcome::said(format!("{} as expected", args.name)).with_table(table))
}
