//! What the demo does, step by step. Every line is a command that anybody could type.

use crate::tui::view::Place;

/// Something a step does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// A line of the command language; `$name` is what an earlier one captured.
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

/// Where the demo begins.
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

pub(super) static CANCER: &[Step] = &[
    step(
        "Real data",
        Flows,
        700,
        &[Show("overview", ""), Try("bucket create cancer"), Line("upload data/ s3://cancer/")],
        "569 tumours, thirty measurements each, go into a bucket of this machine's own S3",
    ),
    step(
        "Two trainings",
        Flows,
        2500,
        &[
            Line(
                "train blue$n linear-learner --input train=s3://cancer/train.csv --set predictor_type=binary_classifier --set epochs=30",
            ),
            Line(
                "train green$n xgboost --on ml.m5.xlarge --input train=s3://cancer/train.csv --input validation=s3://cancer/test.csv --set objective=binary:logistic --set num_round=120 --set max_depth=4 --set eta=0.1",
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
            Keep("blue", "register tumors --from blue$n"),
            Keep("green", "register tumors --from green$n"),
            Line("evaluate $blue $green --data s3://cancer/test.csv --label 0"),
            Line("approve $blue $green --if \"accuracy >= 0.90\""),
        ],
        "Both land in the registry as versions, are measured on held-out cells, and pass",
    ),
    step(
        "Live",
        Flows,
        1500,
        &[
            Show("overview", ""),
            Line(
                "deploy tumor-live$n blue=$blue green=$green --split 90/10 --on green=ml.m5.xlarge --on ml.m5.large --count 2",
            ),
            Traffic(4, 400),
            Show("endpoint", "tumor-live$n"),
        ],
        "One endpoint, two variants, nine requests in ten to blue; the test cells are sent for real",
    ),
    step(
        "Your turn: shift the split",
        Asks,
        1000,
        &[Show("endpoint", "tumor-live$n"), Line("shift tumor-live$n 50/50")],
        "→ and ← nudge a weight, a applies it. Or the key here: half and half, while traffic runs",
    ),
    step(
        "Stop a container",
        Asks,
        1000,
        &[Show("endpoint", "tumor-live$n"), StopContainer],
        "One of blue's containers is stopped under load. Watch the errors: there are none",
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
        &[Show("endpoint", "tumor-live$n")],
        "In a second terminal:  sagebrush -w $folder invoke tumor-live$n --rows data/test.csv --label 0",
    ),
    step(
        "That was it",
        Asks,
        0,
        &[Traffic(0, 0), Show("overview", "")],
        "The key ends the demo's traffic. All of it stays; `:delete endpoint tumor-live$n` takes it down",
    ),
];
