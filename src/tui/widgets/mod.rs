//! Parts that screens are made of. Each draws plain data into a rectangle and knows no region.

pub mod chart;
pub mod document;
pub mod filter;
pub mod form;
pub mod latency;
pub mod log;
pub mod spark;
pub mod table;
pub mod timeline;
pub mod typing;
