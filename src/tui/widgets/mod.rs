//! Parts that screens are made of. Each draws plain data into a rectangle and knows no region; the
//! table alone knows rows.

pub mod axis;
pub mod canvas;
pub mod chart;
pub mod code;
pub mod document;
pub mod filter;
pub mod form;
pub mod latency;
pub mod legend;
pub mod log;
pub mod pane;
pub mod spark;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod timeline;
pub mod trace;
pub mod typing;
