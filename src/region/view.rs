//! Typed views of the few members that a handler's rules read.
//!
//! A document has been checked against its shape before a handler sees it, so a member that is there
//! has its type. Member names are string literals; a test of this module looks every literal up in
//! the service models.

use crate::domain::time::Timestamp;
use serde_json::Value;

/// Reading members of a document by name. Absent members and members of another type read as
/// nothing.
pub trait View {
    fn text(&self, member: &str) -> Option<&str>;
    /// A required member's text; empty when absent, which validation has ruled out.
    fn name(&self, member: &str) -> &str;
    fn list(&self, member: &str) -> &[Value];
    fn integer(&self, member: &str) -> Option<i64>;
    fn number(&self, member: &str) -> Option<f64>;
    fn flag(&self, member: &str) -> bool;
    fn time(&self, member: &str) -> Option<Timestamp>;
    fn part(&self, member: &str) -> Option<&Value>;
    fn has(&self, member: &str) -> bool;
}

impl View for Value {
    fn text(&self, member: &str) -> Option<&str> {
        self.part(member).and_then(Value::as_str)
    }

    fn name(&self, member: &str) -> &str {
        self.text(member).unwrap_or_default()
    }

    fn list(&self, member: &str) -> &[Value] {
        self.part(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn integer(&self, member: &str) -> Option<i64> {
        self.part(member).and_then(Value::as_i64)
    }

    fn number(&self, member: &str) -> Option<f64> {
        self.part(member).and_then(Value::as_f64)
    }

    fn flag(&self, member: &str) -> bool {
        self.part(member).and_then(Value::as_bool).unwrap_or(false)
    }

    fn time(&self, member: &str) -> Option<Timestamp> {
        self.part(member).and_then(Timestamp::from_document)
    }

    fn part(&self, member: &str) -> Option<&Value> {
        self.get(member).filter(|value| !value.is_null())
    }

    fn has(&self, member: &str) -> bool {
        self.part(member).is_some()
    }
}
