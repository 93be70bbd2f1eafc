//! The nouns everybody shares: names and ARNs, time and clocks, instance types, money, statistics.
//!
//! Nothing here does I/O, reads a real clock of its own accord or knows HTTP; what needs the time or
//! a seed takes it as an argument, so that every rule built on it can be tested in virtual time.

pub mod arn;
pub mod distribution;
pub mod histogram;
pub mod host;
pub mod instance;
pub mod kind;
pub mod money;
pub mod pick;
pub mod policy;
pub mod s3_uri;
pub mod seed;
pub mod time;
pub mod verdict;
pub mod words;
