//! What the demos do, step by step. Every line is a command that anybody could type. The story is the
//! same on any data; what a demo calls things, and how its models are trained, is its own.

use crate::tui::view::Place;

/// Something a step does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// A line of the command language; `$name` is what an earlier one captured, `{name}` the demo's own.
    Line(&'static str),
    /// The same, and what it made is kept under the name.
    Keep(&'static str, &'static str),
    /// A line whose failure does no harm: what it makes may be there already.
    Try(&'static str),
    /// Goes to a screen, about the thing if it is about one.
    Show(&'static str, &'static str),
    /// Sends the test rows to the endpoint from now on: users, requests a second.
    Traffic(usize, u32),
    /// Stops the container of the first instance of the first variant.
    StopContainer,
    /// Opens the code of the last action.
    Code,
}

/// How a step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// By itself, after the one before.
    Flows,
    /// When the user says so.
    Asks,
}

pub(super) struct Step {
    pub(super) title: &'static str,
    /// What there is to see while it happens, or what the key does.
    pub(super) words: &'static str,
    pub(super) pace: Pace,
    pub(super) deeds: &'static [Deed],
    /// Milliseconds it stays at least, so that it can be seen.
    pub(super) dwell: i64,
}

/// A demo's data, names and settings, by the placeholder that stands for each in a step.
pub(super) struct Demo {
    pub(super) name: &'static str,
    pub(super) words: &'static [(&'static str, &'static str)],
}

pub(super) static DEMOS: &[Demo] = &[
    Demo {
        name: "cancer",
        words: &[
            ("bucket", "cancer"),
            ("group", "tumors"),
            ("live", "tumor-live"),
            ("data", "569 tumours, thirty measurements each,"),
            ("rows", "cells"),
            ("blue", "--set predictor_type=binary_classifier --set epochs=30"),
            (
                "green",
                "--set objective=binary:logistic --set num_round=120 --set max_depth=4 --set eta=0.1",
            ),
        ],
    },
    Demo {
        name: "iris",
        words: &[
            ("bucket", "iris"),
            ("group", "iris"),
            ("live", "iris-live"),
            ("data", "150 iris flowers of three species, four measurements each,"),
            ("rows", "flowers"),
            ("blue", "--set predictor_type=multiclass_classifier --set num_classes=3"),
            (
                "green",
                "--set objective=multi:softprob --set num_class=3 --set num_round=120 --set max_depth=4 --set eta=0.1",
            ),
        ],
    },
];

impl Demo {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        DEMOS.iter().find(|demo| demo.name == name)
    }

    /// The text with the demo's own words in it.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (placeholder, word) in self.words {
            filled = filled.replace(&format!("{{{placeholder}}}"), word);
        }
        filled
    }
}

/// Where a demo begins.
pub(super) fn first_place() -> Place {
    Place::new("overview")
}

use Deed::{Code, Keep, Line, Show, StopContainer, Traffic, Try};
use Pace::{Asks, Flows};

const fn step(
    title: &'static str,
    pace: Pace,
    dwell: i64,
    deeds: &'static [Deed],
    words: &'static str,
) -> Step {
    Step { title, words, pace, deeds, dwell }
}

pub(super) static STEPS: &[Step] = &[
    step(
        "Real data",
        Flows,
        700,
        &[Show("overview", ""), Try("bucket create {bucket}"), Line("upload data/ s3://{bucket}/")],
        "{data} go into a bucket of this machine's own S3",
    ),
    step(
        "Two trainings",
        Flows,
        2500,
        &[
            Line("train blue$n linear-learner --input train=s3://{bucket}/train.csv {blue}"),
            Line(
                "train green$n xgboost --on ml.m5.xlarge --input train=s3://{bucket}/train.csv --input validation=s3://{bucket}/test.csv {green}",
            ),
            Show("job", "green$n"),
            Line("wait blue$n green$n"),
        ],
        "A linear model and boosted trees train in real containers; the curve is their own log",
    ),
    step(
        "Scored and approved",
        Flows,
        1500,
        &[
            Show("registry", ""),
            Keep("blue", "register {group} --from blue$n"),
            Keep("green", "register {group} --from green$n"),
            Line("evaluate $blue $green --data s3://{bucket}/test.csv --label 0"),
            Line("approve $blue $green --if \"accuracy >= 0.90\""),
        ],
        "Both land in the registry as versions, are measured on held-out {rows}, and pass",
    ),
    step(
        "Live",
        Flows,
        1500,
        &[
            Show("overview", ""),
            Line(
                "deploy {live}$n blue=$blue green=$green --split 90/10 --on green=ml.m5.xlarge --on ml.m5.large --count 2",
            ),
            Traffic(4, 400),
            Show("endpoint", "{live}$n"),
        ],
        "One endpoint, two variants, nine requests in ten to blue; the test {rows} are sent for real",
    ),
    step(
        "Your turn: shift the split",
        Asks,
        1000,
        &[Show("endpoint", "{live}$n"), Line("shift {live}$n 50/50")],
        "→ and ← nudge a weight, a applies it. Or the key here: half and half, while traffic runs",
    ),
    step(
        "Stop a container",
        Asks,
        1000,
        &[Show("endpoint", "{live}$n"), StopContainer],
        "One of blue's containers is stopped under load. Watch Fleet, and the errors",
    ),
    step(
        "The same on AWS",
        Asks,
        0,
        &[Code],
        "What was just done, as boto3, AWS CLI, CloudFormation and .brush, ready to copy",
    ),
    step(
        "From another terminal",
        Asks,
        0,
        &[Show("endpoint", "{live}$n")],
        "In a second terminal:  sagebrush -w $folder invoke {live}$n --rows data/test.csv --label 0",
    ),
    step(
        "That was it",
        Asks,
        0,
        &[Traffic(0, 0), Show("overview", "")],
        "The key ends the demo's traffic. All of it stays; `:delete endpoint {live}$n` takes it down",
    ),
];
