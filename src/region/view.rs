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

#[cfg(test)]
mod tests {
    use crate::api::model::{self, Kind};
    use regex::Regex;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    /// Members of rows' private documents, which no model knows.
    const PRIVATE: &[&str] = &[
        "Attached",
        "Inline",
        // Of an IAM role, which STS reads.
        "MaxSessionDuration",
    ];

    fn sources(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
        found
    }

    /// The members of all structures of a service.
    fn members(service: &str) -> BTreeSet<&'static str> {
        let service = model::service(service).unwrap();
        let structures = service.shapes().filter_map(|shape| match &shape.kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        });
        structures.flat_map(|structure| structure.members.iter().map(|it| it.name)).collect()
    }

    #[test]
    fn every_member_that_a_rule_reads_is_the_models() {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/region");
        let read = Regex::new(
            r#"\.(?:text|name|list|integer|number|flag|time|part|has)\(\s*"([A-Za-z0-9]+)",?\s*\)"#,
        )
        .unwrap();
        let mut count = 0;
        for path in sources(&room) {
            let name = path.strip_prefix(&room).unwrap().to_string_lossy().into_owned();
            let first = name.split(['/', '.']).next().unwrap_or_default();
            let service = ["iam", "sts", "logs"].into_iter().find(|known| *known == first);
            let mut known = members(service.unwrap_or("sagemaker"));
            if first == "sts" {
                // A role that is assumed is IAM's.
                known.extend(members("iam"));
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let rules = text.split("#[cfg(test)]").next().unwrap_or_default();
            for found in read.captures_iter(rules) {
                let member = &found[1];
                count += 1;
                assert!(
                    known.contains(member) || PRIVATE.contains(&member),
                    "{name} reads {member}, which no shape of the service has"
                );
            }
        }
        assert!(count > 100, "only {count} reads found: does the pattern still fit?");
    }
}
