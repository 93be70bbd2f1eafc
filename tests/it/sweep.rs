//! Every constraint of every operation's input, broken one at a time: the right 4xx each time.
//!
//! `tests/clients/sweep.py` makes the cases from botocore's own model, with code that shares nothing
//! with Sagebrush's. They go through the validator in this process, and over the wire to a region.

use crate::python;
use crate::region::Region;
use sagebrush::api::model;
use sagebrush::api::validation;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Why the validator's answer to a case is wrong.
fn judge(case: &Value) -> Result<(), String> {
    let text = |name: &str| case[name].as_str().unwrap();
    let service = model::service(text("service")).ok_or("no such service")?;
    let operation = service.operation(text("operation")).ok_or("no such operation")?;
    let Err(error) = validation::check(service, operation, &case["document"]) else {
        return Err("accepted".to_owned());
    };
    if error.status != 400 || error.code != text("code") {
        return Err(format!("{} {}", error.status, error));
    }
    for expected in case["texts"].as_array().unwrap() {
        let expected = expected.as_str().unwrap();
        if !error.message.contains(expected) {
            return Err(format!("does not say {expected:?}, but: {}", error.message));
        }
        // The rest of the request is valid: every failure told is of the member that was broken.
        let path = expected.split('\'').nth(1).unwrap();
        let count: usize = error.message.split(' ').next().unwrap().parse().unwrap();
        let of_path = error.message.matches(&format!("at '{path}' failed")).count();
        if of_path != count {
            return Err(format!("complains of more than was broken: {}", error.message));
        }
    }
    Ok(())
}

#[test]
fn the_validator_refuses_every_broken_constraint_and_nothing_more() {
    let mut sweep =
        python::script("sweep.py").arg("--list").stdout(Stdio::piped()).spawn().unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in BufReader::new(sweep.stdout.take().unwrap()).lines() {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        *counts.entry(case["service"].as_str().unwrap().to_owned()).or_default() += 1;
        if let Err(problem) = judge(&case) {
            let (service, operation) = (&case["service"], &case["operation"]);
            let problem: String = problem.chars().take(600).collect();
            wrong.push(format!("{service}.{operation}, {}: {problem}", case["kind"]));
        }
    }
    assert!(sweep.wait().unwrap().success());
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(counts["sagemaker"] > 13_000, "{counts:?}");
    // S3 complains in words of its own, which its own tests look at.
    assert_eq!(counts.len(), model::SERVICES.len() - 1, "{counts:?}");
}

#[test]
fn a_region_refuses_them_over_the_wire_and_never_with_a_5xx() {
    let region = Region::start();
    let mut sweep = python::script("sweep.py");
    region.lead(&mut sweep);
    let report = python::succeed(&mut sweep).stdout;
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((&report["wrong"], &report["skipped"]), (&Value::from(0), &Value::from(0)));
    assert!(report["cases"]["sagemaker"].as_u64() > Some(13_000), "{report}");
    // Of operations that are there, whose input is looked at.
    assert!(report["simulated"].as_u64() > Some(3_000), "{report}");
}
