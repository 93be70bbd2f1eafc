//! Findings in plain words.

use super::{Arm, Finding, Question};

pub(super) fn of(
    question: Question,
    finding: Finding,
    observed: [Option<f64>; 2],
    names: [&str; 2],
) -> String {
    let subject = subject(question);
    match finding {
        Finding::NoData => format!("{subject}: no data yet"),
        Finding::TooFew { have, need_about } => {
            let counted = if question == Question::Accuracy { "rows" } else { "requests" };
            let need = match need_about {
                Some(need) => format!("about {} needed", grouped(need)),
                None => "far more needed".to_owned(),
            };
            let shown = shares(question, observed, names);
            format!("{subject}: {shown}too few {counted} to tell ({}, {need})", grouped(have))
        }
        Finding::NoDifferenceSeen { bound } => {
            let bound = digits(bound * 100.0);
            format!("{subject}: no difference seen, at most {bound} {}", unit(question))
        }
        Finding::Differs { better, estimate, interval } => {
            let (winner, loser) = match better {
                Arm::First => (0, 1),
                Arm::Second => (1, 0),
            };
            let what = match question {
                Question::P50 | Question::P99 => "is faster",
                Question::Errors => "fails less",
                Question::Accuracy => "is right more often",
            };
            let against = match (question, observed[winner], observed[loser]) {
                (Question::Errors | Question::Accuracy, Some(own), Some(other)) => {
                    format!("{} against {}, ", percent(own), percent(other))
                }
                _ => String::new(),
            };
            format!(
                "{} {what}: {subject} {against}{} {} ({} … {} {})",
                names[winner],
                signed(estimate),
                unit(question),
                signed(interval.low),
                signed(interval.high),
                unit(question),
            )
        }
    }
}

const fn subject(question: Question) -> &'static str {
    match question {
        Question::P50 => "p50",
        Question::P99 => "p99",
        Question::Errors => "errors",
        Question::Accuracy => "accuracy",
    }
}

/// `blue 95.6 %, green 97.4 %: `; nothing for latencies, which stand beside the verdict anyway.
fn shares(question: Question, observed: [Option<f64>; 2], names: [&str; 2]) -> String {
    match (question, observed) {
        (Question::Accuracy, [Some(first), Some(second)]) => {
            format!("{} {}, {} {}: ", names[0], percent(first), names[1], percent(second))
        }
        _ => String::new(),
    }
}

/// Relative changes of latency, differences of shares.
const fn unit(question: Question) -> &'static str {
    match question {
        Question::P50 | Question::P99 => "%",
        Question::Errors | Question::Accuracy => "points",
    }
}

/// In hundredths, with its sign.
fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", digits(value.abs() * 100.0))
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        hundredths if hundredths > 9.95 && share < 0.9995 => format!("{hundredths:.1} %"),
        hundredths => format!("{} %", digits(hundredths)),
    }
}

/// The digits that matter: two, or three for what is large.
fn digits(value: f64) -> String {
    match value {
        value if value >= 9.95 => format!("{value:.0}"),
        value if value >= 0.095 => format!("{value:.1}"),
        value if value > 0.0 => format!("{value:.2}"),
        _ => "0".to_owned(),
    }
}

/// Thousands apart: `11,400`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
