//! The workbench: a terminal UI that is a client of the region like any other.

pub mod format;
pub mod text;
pub mod theme;
pub mod widgets;
