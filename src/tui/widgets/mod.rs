//! Parts that screens are made of. Each draws plain data into a rectangle.

pub mod document;
pub mod filter;
pub mod form;
pub mod log;
pub mod table;
mod typing;
