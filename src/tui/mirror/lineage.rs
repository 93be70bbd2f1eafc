//! How resources hang together: what each one names, and who names it. The region has no table of
//! this; it is read out of what Describe answers.

use super::{BUCKET, Mirror};
use crate::domain::kind;
use crate::domain::s3_uri::S3Uri;
use crate::tui::row::Row;
use serde_json::Value;
use std::sync::Arc;

/// `iris/1` of a package's ARN or name.
pub fn short(name: &str) -> &str {
    name.split_once("model-package/").map_or(name, |(_, name)| name)
}

/// Container definitions of a model or of a package.
pub fn containers(row: &Row) -> Vec<&Value> {
    let specification = row.body.pointer("/InferenceSpecification/Containers");
    let packaged = specification.and_then(Value::as_array).into_iter().flatten();
    let own = row.body.get("PrimaryContainer").into_iter();
    own.chain(row.list("Containers")).chain(packaged).collect()
}

/// Variants of a configuration, shadows last.
pub fn variants(row: &Row) -> impl Iterator<Item = &Value> {
    row.list("ProductionVariants").iter().chain(row.list("ShadowProductionVariants"))
}

/// A text member of a document.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The bucket of an S3 URI.
fn bucket(uri: &str) -> Option<String> {
    S3Uri::parse(uri).ok().map(|uri| uri.bucket)
}

/// How often what is read out of everything is read anew at most, in milliseconds.
const ANEW: i64 = 500;

/// Whether what was read out of everything still holds: lineage looks at every row of several kinds,
/// which no frame has time for.
#[derive(Debug, Default)]
pub struct Fresh {
    of: String,
    marks: [(u64, u64); 5],
    at: Option<i64>,
}

impl Fresh {
    /// Whether it is time to look again, of that name at that time.
    pub fn due(&mut self, of: &str, mirror: &Mirror, now: i64) -> bool {
        let kinds = [
            kind::ENDPOINT,
            kind::ENDPOINT_CONFIG,
            kind::MODEL,
            kind::MODEL_PACKAGE,
            kind::TRAINING_JOB,
        ];
        let marks = kinds.map(|kind| mirror.rows(kind).mark());
        let rested = self.at.is_none_or(|at| now - at >= ANEW);
        if self.of == of && self.at.is_some() && (marks == self.marks || !rested) {
            return false;
        }
        *self = Self { of: of.to_owned(), marks, at: Some(now) };
        true
    }
}

/// `training-job` of a package's metadata, as `register` files it.
const JOB: &str = "training-job";

impl Mirror {
    /// What the row names, as far as it is there, nearest first: an endpoint its configuration, a
    /// configuration its models, a model its packages, a package its job, a job its buckets.
    pub fn needs(&self, row: &Row) -> Vec<Arc<Row>> {
        match row.kind.as_str() {
            kind::ENDPOINT => self
                .row(kind::ENDPOINT_CONFIG, row.text("EndpointConfigName"))
                .cloned()
                .into_iter()
                .collect(),
            kind::ENDPOINT_CONFIG => {
                let models = variants(row).map(|variant| text(variant, "ModelName"));
                self.named(kind::MODEL, models)
            }
            kind::MODEL => {
                let found = containers(row);
                let packages = found.iter().map(|one| short(text(one, "ModelPackageName")));
                let mut needs = self.named(kind::MODEL_PACKAGE, packages);
                needs.extend(found.iter().filter_map(|one| self.job_of(text(one, "ModelDataUrl"))));
                needs
            }
            kind::MODEL_PACKAGE => self.job_behind(row).into_iter().collect(),
            kind::TRAINING_JOB => {
                self.named(BUCKET, uris(row).iter().filter_map(|uri| bucket(uri)))
            }
            _ => Vec::new(),
        }
    }

    /// Who names the row, sorted by name: the other way round.
    pub fn users(&self, row: &Row) -> Vec<Arc<Row>> {
        let kinds: &[&str] = match row.kind.as_str() {
            kind::ENDPOINT_CONFIG => &[kind::ENDPOINT],
            kind::MODEL => &[kind::ENDPOINT_CONFIG],
            kind::MODEL_PACKAGE => &[kind::MODEL],
            kind::TRAINING_JOB => &[kind::MODEL_PACKAGE, kind::MODEL],
            _ => &[],
        };
        let mut users: Vec<Arc<Row>> = Vec::new();
        for kind in kinds {
            let rows = self.rows(kind).iter().map(|(_, other)| other);
            users.extend(rows.filter(|other| self.names(other, row)).cloned());
        }
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users
    }

    fn names(&self, user: &Row, row: &Row) -> bool {
        let same = |name: &str| name.eq_ignore_ascii_case(&row.name);
        match row.kind.as_str() {
            kind::ENDPOINT_CONFIG => same(user.text("EndpointConfigName")),
            kind::MODEL => variants(user).any(|variant| same(text(variant, "ModelName"))),
            kind::MODEL_PACKAGE => {
                containers(user).iter().any(|one| same(short(text(one, "ModelPackageName"))))
            }
            _ => {
                let artifact = row.at("/ModelArtifacts/S3ModelArtifacts");
                same(user.at(&format!("/CustomerMetadataProperties/{JOB}")))
                    || (!artifact.is_empty()
                        && containers(user).iter().any(|one| text(one, "ModelDataUrl") == artifact))
            }
        }
    }

    /// The job that a package says it comes from, or whose artifact it holds.
    pub fn job_behind(&self, package: &Row) -> Option<Arc<Row>> {
        let named = package.at(&format!("/CustomerMetadataProperties/{JOB}"));
        if let Some(job) = self.row(kind::TRAINING_JOB, named) {
            return Some(Arc::clone(job));
        }
        containers(package).iter().find_map(|one| self.job_of(text(one, "ModelDataUrl")))
    }

    /// The job that wrote an artifact.
    fn job_of(&self, artifact: &str) -> Option<Arc<Row>> {
        if artifact.is_empty() {
            return None;
        }
        // An artifact lies below its job's name.
        let parts = artifact.rsplit('/');
        let named = parts.filter_map(|part| self.row(kind::TRAINING_JOB, part));
        let mut wrote = named.filter(|job| job.at("/ModelArtifacts/S3ModelArtifacts") == artifact);
        wrote.next().cloned()
    }

    fn named(&self, kind: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Vec<Arc<Row>> {
        let mut found: Vec<Arc<Row>> = Vec::new();
        for row in names.filter_map(|name| self.row(kind, name.as_ref())) {
            if !found.iter().any(|known| known.name == row.name) {
                found.push(Arc::clone(row));
            }
        }
        found
    }
}

/// Every S3 URI of a job: inputs first, then the artifact or where it will lie.
pub fn uris(job: &Row) -> Vec<&str> {
    let channels = job.list("InputDataConfig").iter();
    let inputs = channels.filter_map(|channel| {
        channel.pointer("/DataSource/S3DataSource/S3Uri").and_then(Value::as_str)
    });
    let output = match job.at("/ModelArtifacts/S3ModelArtifacts") {
        "" => job.at("/OutputDataConfig/S3OutputPath"),
        artifact => artifact,
    };
    inputs.chain(Some(output).filter(|uri| !uri.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing;
    use crate::tui::view::Place;

    fn names(rows: &[Arc<Row>]) -> Vec<&str> {
        rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn the_way_from_endpoint_to_bucket_and_back() {
        let state = testing::with_region((80, 24), Place::new("endpoints"));
        let mirror = &state.mirror;
        let endpoint = testing::row(kind::ENDPOINT, "iris-live");
        let config = mirror.needs(&endpoint);
        assert_eq!(names(&config), ["iris-live"]);
        let models = mirror.needs(&config[0]);
        assert_eq!(names(&models), ["iris-live-blue", "iris-live-green"]);
        let packages = mirror.needs(&models[0]);
        assert_eq!(names(&packages), ["iris/1"]);
        let jobs = mirror.needs(&packages[0]);
        assert_eq!(names(&jobs), ["blue"]);
        assert_eq!(names(&mirror.needs(&jobs[0])), ["iris"]);
        assert_eq!(names(&mirror.users(&jobs[0])), ["iris/1"]);
        assert_eq!(names(&mirror.users(&packages[0])), ["iris-live-blue"]);
        assert_eq!(names(&mirror.users(&models[0])), ["iris-live"]);
        assert_eq!(mirror.users(&config[0])[0].kind, kind::ENDPOINT);
    }
}
