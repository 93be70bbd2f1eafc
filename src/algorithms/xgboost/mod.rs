//! SageMaker's built-in XGBoost: histogram gradient-boosted trees of our own, which read and write the
//! model format of the XGBoost library.

mod bins;
mod booster;
mod fit;
mod grow;
mod histogram;
mod metric;
mod model;
mod objective;
mod split;
mod tree;
mod ubjson;
