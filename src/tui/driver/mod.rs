//! The workbench's side that does things: the terminal, its input, and what effects ask for.

pub mod input;
pub mod terminal;
