//! How fast the region is, each figure against its aim and, where one exists, against a peer in the
//! same run.
//!
//!     cargo bench --bench region                 all of it
//!     cargo bench --bench region -- calls list   some of it
//!
//! Sections: `lifecycle` (CreateEndpoint to InService, CreateTrainingJob to Completed), `calls`
//! (CreateModel and DescribeModel a second against moto's server), `list` (ListModels' first page
//! with 1,000 and 1,000,000 rows), `start` (a region of 100,000 resources up to its first answer),
//! `memory` (an idle region).

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and ends where something fails"
)]

mod calls;
mod fill;
mod lifecycle;
mod server;
mod size;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |section: &str| arguments.is_empty() || arguments.iter().any(|a| a == section);
    println!(
        "cores: {}; medians, with the lowest and highest round in brackets",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    if wanted("lifecycle") {
        lifecycle::run();
    }
    if wanted("calls") {
        calls::run();
    }
    if wanted("list") {
        size::list();
    }
    if wanted("start") {
        size::start();
    }
    if wanted("memory") {
        size::memory();
    }
}

/// `median [lowest … highest]`.
fn spread(values: &mut [f64]) -> (f64, String) {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    (median, format!("{median:.2} [{:.2} … {:.2}]", values[0], values[values.len() - 1]))
}
