//! Sagebrush: a SageMaker region that lives in a terminal.
//!
//! The crate is a stack of rooms. Imports go down this list only, never up or in a circle; the test
//! `tests/it/architecture.rs` reads the `use crate::` lines and fails on a breach. `ARCHITECTURE.md`
//! says why each room exists and which walks through them must stay short.

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "a test's table reads better with values")
)]

pub mod tui;

pub mod script;

pub mod command;

pub mod gateway;

pub mod region;

pub mod client;

pub mod serving;

pub mod engine;

pub mod algorithms;

pub mod store;

pub mod api;

pub mod domain;
