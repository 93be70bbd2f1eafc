//! Headless mode: runs a `.brush` script, checks its expectations, reports.
//!
//! A script is the command language with variables, comments and `on error`, and nothing more. The
//! parser turns text into steps and knows no command; the runner hands each step's words to
//! `command`, so a script line can do exactly what a shell line can.

pub mod parse;
pub mod report;
pub mod run;
