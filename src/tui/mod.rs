//! The workbench: a terminal UI that is a client of the region like any other.
//!
//! A message comes in ([`msg`]), [`update`] changes the [`state`] and asks for [`effect`]s, the
//! [`driver`] does them, and [`frame`] draws what there is to see. Update and drawing do no I/O and
//! take the time from the messages, so that a recording of messages plays back to the same screens.
//!
//! What stands on the screen are [`view`]s: [`screens`], one file a noun, and [`layers`] over them.
//! They read the [`mirror`], a copy of the region that the watch stream keeps current, and are made
//! of [`widgets`], which know no region. Keys lead to actions by the tables of [`keys`] and of each
//! view; looks are roles of a [`theme`].

pub mod chord;
pub mod colour;
pub mod columns;
pub mod config;
pub mod consequence;
pub mod cost;
pub mod driver;
pub mod effect;
pub mod format;
pub mod frame;
pub mod keymap;
pub mod keys;
pub mod layers;
pub mod mirror;
pub mod msg;
pub mod recording;
pub mod render;
pub mod row;
pub mod screens;
pub mod state;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod theme;
pub mod tour;
pub mod update;
pub mod view;
pub mod widgets;
