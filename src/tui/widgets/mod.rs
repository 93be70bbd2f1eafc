//! Parts that screens are made of. Each draws plain data into a rectangle and knows no region.

pub mod document;
pub mod filter;
pub mod form;
pub mod log;
pub mod typing;
