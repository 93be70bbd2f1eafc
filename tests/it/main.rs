//! Every integration test, in one binary: each further one would link the whole crate again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends where something fails; its helpers are outside of #[test]"
)]

mod architecture;
mod assets;
mod clients;
mod code;
mod crash;
mod doors;
mod exec;
mod experiment;
mod gate;
mod instance;
mod jobs;
mod learning;
mod linear_learner;
mod live;
mod old_workspace;
mod pictures;
mod process_engine;
#[allow(dead_code)] // helpers: not every one is in use at all times
mod python;
mod region;
mod s3;
mod script;
mod sdks;
mod serving;
mod signing;
mod sweep;
mod terminal;
mod trust;
mod tty;
mod watch;
mod wire;
mod workbench;
mod xgboost;
