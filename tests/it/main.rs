//! Every integration test, in one binary: each further one would link the whole crate again.

mod architecture;
mod instance;
mod process_engine;
#[allow(dead_code)] // helpers: not every one is in use at all times
mod python;
