//! How fast the workbench is, each figure against its aim.
//!
//!     cargo bench --bench workbench                  all of it
//!     cargo bench --bench workbench -- frame keys    some of it
//!
//! Sections: `frame` (update and draw with 10,000 endpoints and 100,000 log lines), `start` (from the
//! start of the process to its first frame and to the first one with data), `keys` (from a key to
//! what it shows, under load), `idle` (what it takes when nothing happens), `memory` (an hour of a
//! busy region, as fast as it goes).

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and ends where something fails"
)]

mod busy;
#[path = "../region/fill.rs"]
mod fill;
mod frame;
mod idle;
mod keys;
mod memory;
#[allow(dead_code)] // shared with the other benchmark, which asks it for more
#[path = "../region/server.rs"]
mod server;
mod start;
mod terminal;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let [what, folder] = arguments.as_slice()
        && what == "load"
    {
        return keys::load(folder.as_ref());
    }
    let wanted = |section: &str| arguments.is_empty() || arguments.iter().any(|a| a == section);
    println!("cores: {}", std::thread::available_parallelism().map_or(0, usize::from));
    if wanted("frame") {
        frame::run();
    }
    if wanted("start") {
        start::run();
    }
    if wanted("keys") {
        keys::run();
    }
    if wanted("idle") {
        idle::run();
    }
    if wanted("memory") {
        memory::run();
    }
}

/// Milliseconds, sorted by asking.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, millis: f64) {
        self.0.push(millis);
    }

    fn at(&mut self, quantile: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * quantile).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// `p50 0.42  p99 1.03  max 2.20`.
    fn text(&mut self) -> String {
        let (half, most, max) = (self.at(0.5), self.at(0.99), self.at(1.0));
        format!("p50 {half:.2}  p99 {most:.2}  max {max:.2}  ({} times)", self.0.len())
    }
}
