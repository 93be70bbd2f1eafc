//! The workbench: a terminal UI that is a client of the region like any other.

pub mod chord;
pub mod colour;
pub mod config;
pub mod driver;
pub mod render;
pub mod text;
pub mod theme;
pub mod widgets;
