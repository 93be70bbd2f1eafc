//! What only a shell needs: finding, starting, stopping and examining a workspace's region.

pub mod coverage;
mod doctor;
mod environment;
mod region;

pub use coverage::coverage;
pub use doctor::doctor;
pub use environment::environment;
pub use region::{attach, attach_or_start, status, stop};
