//! IAM policies: their grammar as IAM checks it when one is stored, and what they allow.
//!
//! Pure: a policy is text, a request is an action, a resource and a context, and the decision follows
//! from them alone. The source of the rules is the IAM User Guide ("Policy evaluation logic",
//! "JSON policy element reference"); the texts of [`Malformed`] are IAM's own.

mod condition;
mod evaluate;
mod grammar;
mod pattern;
mod position;
mod resource;
mod statement;

pub use evaluate::{Context, Decision, Matched, Request, Verdict, decide};
pub use grammar::{Malformed, Use, check};
pub use position::{Position, Span, statements as statement_spans};
pub use statement::{Effect, Policy, Statement};
