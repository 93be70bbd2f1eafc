//! Every integration test, in one binary: each further one would link the whole crate again.

mod instance;
mod process_engine;
