//! `invoke`: one request, or every row of a file as a request of its own, with what came back:
//! the split as observed, the accuracy and the latency of each variant.

use super::grammar::{InvokeArgs, Problem};
use super::outcome::{CommandError, Outcome, Table};
use super::rows::{self, LabelledRow, Prediction};
use super::session::{Observed, Session, text};
use crate::client::{CallError, Invocation, InvocationAnswer};
use crate::domain::words::counted;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Latencies are kept from a microsecond to ten minutes at three digits.
const LONGEST: u64 = 600_000_000;

pub async fn run(session: &mut Session, args: &InvokeArgs) -> Result<Outcome, CommandError> {
    match &args.rows {
        Some(rows) => all_rows(session, args, rows).await,
        None => single(session, args).await,
    }
}

async fn single(session: &mut Session, args: &InvokeArgs) -> Result<Outcome, CommandError> {
    let body = match (&args.body, &args.file) {
        (Some(body), _) => body.clone().into_bytes(),
        (None, Some(path)) if path.as_os_str() == "-" => std::io::read_to_string(std::io::stdin())
            .map_err(|error| CommandError::io("standard input", error))?
            .into_bytes(),
        (None, Some(path)) => {
            let path = session.path(path);
            std::fs::read(&path)
                .map_err(|error| CommandError::io(path.display().to_string(), error))?
        }
        (None, None) => {
            return Err(CommandError::Usage(
                "nothing to send: give --body TEXT, --file FILE or --rows FILE".into(),
            ));
        }
    };
    let invocation = invocation(args, body, args.accept.as_deref());
    note(session, args, &invocation);
    let answer = session.client.invoke(invocation).await?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let mut value = json!({
        "InvokedProductionVariant": answer.variant,
        "ContentType": answer.content_type,
        "Body": body,
        "Milliseconds": answer.elapsed.as_secs_f64() * 1000.0
    });
    if let Some(attributes) = &answer.custom_attributes {
        value["CustomAttributes"] = attributes.as_str().into();
    }
    let milliseconds = answer.elapsed.as_secs_f64() * 1000.0;
    let summary = format!("{} ({milliseconds:.2} ms): {}", answer.variant, body.trim_end());
    Ok(Outcome::said(summary).with_value(value).capturing(body.trim_end()))
}

fn invocation(args: &InvokeArgs, body: Vec<u8>, accept: Option<&str>) -> Invocation {
    Invocation {
        endpoint: args.endpoint.clone(),
        variant: args.variant.clone(),
        content_type: args.content_type.clone(),
        accept: accept.map(str::to_owned),
        body: body.into(),
    }
}

fn note(session: &mut Session, args: &InvokeArgs, invocation: &Invocation) {
    let mut input = json!({
        "EndpointName": args.endpoint,
        "ContentType": args.content_type,
        "Body": String::from_utf8_lossy(&invocation.body)
    });
    if let Some(accept) = &invocation.accept {
        input["Accept"] = accept.as_str().into();
    }
    if let Some(variant) = &args.variant {
        input["TargetVariant"] = variant.as_str().into();
    }
    session.note("sagemaker-runtime", "InvokeEndpoint", input);
}

/// What the requests of a run saw, variant by variant.
#[derive(Default)]
struct Tally {
    variants: BTreeMap<String, VariantTally>,
    /// The error that was seen most recently, for the message when nothing succeeded.
    last_error: Option<String>,
}

struct VariantTally {
    requests: u64,
    errors: u64,
    latency: Histogram<u64>,
    pairs: Vec<(Prediction, f64)>,
}

impl Default for VariantTally {
    fn default() -> Self {
        let mut latency = Histogram::new_with_bounds(1, LONGEST, 3)
            .unwrap_or_else(|_| Histogram::new(3).unwrap_or_else(|_| unreachable!()));
        latency.auto(true);
        Self { requests: 0, errors: 0, latency, pairs: Vec::new() }
    }
}

async fn all_rows(
    session: &mut Session,
    args: &InvokeArgs,
    location: &str,
) -> Result<Outcome, CommandError> {
    let content = session.read(location).await?;
    let rows = rows::parse(&String::from_utf8_lossy(&content), args.label)?;
    let total = args.requests.unwrap_or(rows.len());
    let accept = args.accept.clone().unwrap_or_else(|| "application/json".into());
    let first = invocation(args, rows[0].features.clone().into_bytes(), Some(&accept));
    note(session, args, &first);
    let problem = rows::guess_problem(&rows);
    let tally = send(session, args, Arc::new(rows), total, &accept).await?;
    if tally.variants.values().all(|variant| variant.requests == variant.errors) {
        return Err(CommandError::Failed(format!(
            "every one of {total} requests failed: {}",
            tally.last_error.unwrap_or_default()
        )));
    }
    let input = json!({"EndpointName": args.endpoint});
    let asked = session.client.call("sagemaker", "DescribeEndpoint", &input).await?;
    Ok(report(session, args, problem, &tally, &asked, total))
}

/// Sends `total` requests, `users` at a time, the rows in turn. One user makes it sequential, and
/// then the seeded split is the same each time.
async fn send(
    session: &Session,
    args: &InvokeArgs,
    rows: Arc<Vec<LabelledRow>>,
    total: usize,
    accept: &str,
) -> Result<Tally, CommandError> {
    let next = AtomicUsize::new(0);
    let tally = std::sync::Mutex::new(Tally::default());
    let user = || async {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= total {
                return Ok::<_, CallError>(());
            }
            let row = &rows[index % rows.len()];
            let invocation = invocation(args, row.features.clone().into_bytes(), Some(accept));
            let answer = session.client.invoke(invocation).await;
            let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            tally.record(answer, row)?;
            if index % 256 == 255 {
                session.progress.step(index as u64 + 1, total as u64, "requests");
            }
        }
    };
    let users = (0..args.users.clamp(1, total.max(1))).map(|_| user());
    futures::future::try_join_all(users).await?;
    Ok(tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Tally {
    /// An unreachable region ends the run; an error of the endpoint is counted.
    fn record(
        &mut self,
        answer: Result<InvocationAnswer, CallError>,
        row: &LabelledRow,
    ) -> Result<(), CallError> {
        match answer {
            Ok(answer) => {
                let variant = self.variants.entry(answer.variant.clone()).or_default();
                variant.requests += 1;
                variant.latency.saturating_record(answer.elapsed.as_micros() as u64);
                if let Some(label) = row.label {
                    match rows::predictions(&answer.body).map(|mut all| all.pop()) {
                        Ok(Some(prediction)) => variant.pairs.push((prediction, label)),
                        Ok(None) => self.last_error = Some("an answer held no prediction".into()),
                        Err(problem) => self.last_error = Some(problem),
                    }
                }
                Ok(())
            }
            Err(CallError::Aws(error)) => {
                let name = error.members.get("InvokedProductionVariant").and_then(Value::as_str);
                let variant = self.variants.entry(name.unwrap_or("(none)").to_owned()).or_default();
                variant.requests += 1;
                variant.errors += 1;
                self.last_error = Some(error.to_string());
                Ok(())
            }
            Err(other) => Err(other),
        }
    }
}

fn report(
    session: &mut Session,
    args: &InvokeArgs,
    problem: Problem,
    tally: &Tally,
    endpoint: &Value,
    total: usize,
) -> Outcome {
    let asked = asked_shares(endpoint);
    let labelled = tally.variants.values().any(|variant| !variant.pairs.is_empty());
    let figure = match problem {
        Problem::Classification => "accuracy",
        Problem::Regression => "rmse",
    };
    let mut columns = vec!["variant", "asked", "observed", "requests", "errors"];
    if labelled {
        columns.push(figure);
    }
    columns.extend(["p50", "p90", "p99", "max"]);
    let mut table = Table::new("", &columns);
    let mut values = serde_json::Map::new();
    let observed = session.observed.entry(args.endpoint.clone()).or_default();
    observed.clear();
    for (name, share) in &asked {
        if !tally.variants.contains_key(name) {
            let unseen =
                Observed { share_asked: *share, total: total as u64, ..Observed::default() };
            observed.insert(name.clone(), unseen);
        }
    }
    for (name, variant) in &tally.variants {
        let share = variant.requests as f64 / total.max(1) as f64;
        let share_asked = asked.get(name).copied().unwrap_or(0.0);
        let figures = match variant.pairs.is_empty() {
            true => Vec::new(),
            false => rows::figures(problem, &variant.pairs),
        };
        let at = |quantile: f64| variant.latency.value_at_quantile(quantile);
        let mut row = vec![
            name.clone(),
            format!("{:.1} %", share_asked * 100.0),
            format!("{:.2} %", share * 100.0),
            variant.requests.to_string(),
            variant.errors.to_string(),
        ];
        if labelled {
            row.push(figures.first().map_or("-".into(), |(_, value)| format!("{value:.4}")));
        }
        row.extend([0.5, 0.9, 0.99, 1.0].map(|quantile| milliseconds(at(quantile))));
        table.push(row);
        let right = variant.pairs.iter().filter(|(seen, label)| seen.class() == *label).count();
        let checked = variant.pairs.len() as u64;
        observed.insert(
            name.clone(),
            Observed {
                requests: variant.requests,
                errors: variant.errors,
                total: total as u64,
                correct: (checked > 0).then_some((right as u64, checked)),
                latency: [at(0.5), at(0.9), at(0.99)],
                share_asked,
            },
        );
        let named: serde_json::Map<String, Value> =
            figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        values.insert(name.clone(), json!({
            "Requests": variant.requests, "Errors": variant.errors,
            "AskedShare": share_asked, "ObservedShare": share, "Figures": named,
            "LatencyMicroseconds": {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)}
        }));
    }
    let status = text(endpoint, "/EndpointStatus");
    let summary = format!(
        "{} to {} ({status}), seen from the client",
        counted(total as u64, "request"),
        args.endpoint
    );
    Outcome::said(summary).with_table(table).with_value(json!({
        "Endpoint": args.endpoint, "Requests": total, "Variants": values
    }))
}

/// Each variant's weight over the sum of weights.
fn asked_shares(endpoint: &Value) -> BTreeMap<String, f64> {
    let variants = endpoint.pointer("/ProductionVariants").and_then(Value::as_array);
    let weights: Vec<(String, f64)> = variants
        .into_iter()
        .flatten()
        .map(|variant| {
            let weight = variant.pointer("/CurrentWeight").and_then(Value::as_f64);
            (text(variant, "/VariantName").to_owned(), weight.unwrap_or(0.0))
        })
        .collect();
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let share = |weight: f64| if sum > 0.0 { weight / sum } else { 0.0 };
    weights.into_iter().map(|(name, weight)| (name, share(weight))).collect()
}

fn milliseconds(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1000.0)
}
