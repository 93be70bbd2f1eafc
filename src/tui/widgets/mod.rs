//! Parts that screens are made of. Each draws plain data into a rectangle.

pub mod filter;
pub mod table;
