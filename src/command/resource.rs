//! `describe`, `list` and `delete` for the kinds with a short name.

use super::grammar::{DeleteArgs, DescribeArgs, Kind, ListArgs};
use super::outcome::{CommandError, Outcome, Table};
use super::package::package_name;
use super::session::Session;
use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};

/// How the API speaks of a kind.
struct Family {
    service: &'static str,
    describe: &'static str,
    list: &'static str,
    delete: &'static str,
    /// The member that names one.
    name: &'static str,
    /// The list's own member, and what its rows show: heading and member.
    rows: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const fn family(kind: Kind) -> Option<Family> {
    Some(match kind {
        Kind::Endpoint => Family {
            service: "sagemaker",
            describe: "DescribeEndpoint",
            list: "ListEndpoints",
            delete: "DeleteEndpoint",
            name: "EndpointName",
            rows: "Endpoints",
            columns: &[
                ("endpoint", "EndpointName"),
                ("status", "EndpointStatus"),
                ("created", "CreationTime"),
            ],
        },
        Kind::EndpointConfig => Family {
            service: "sagemaker",
            describe: "DescribeEndpointConfig",
            list: "ListEndpointConfigs",
            delete: "DeleteEndpointConfig",
            name: "EndpointConfigName",
            rows: "EndpointConfigs",
            columns: &[("configuration", "EndpointConfigName"), ("created", "CreationTime")],
        },
        Kind::Model => Family {
            service: "sagemaker",
            describe: "DescribeModel",
            list: "ListModels",
            delete: "DeleteModel",
            name: "ModelName",
            rows: "Models",
            columns: &[("model", "ModelName"), ("created", "CreationTime")],
        },
        Kind::Package => Family {
            service: "sagemaker",
            describe: "DescribeModelPackage",
            list: "ListModelPackages",
            delete: "DeleteModelPackage",
            name: "ModelPackageName",
            rows: "ModelPackageSummaryList",
            columns: &[
                ("group", "ModelPackageGroupName"),
                ("version", "ModelPackageVersion"),
                ("approval", "ModelApprovalStatus"),
                ("created", "CreationTime"),
            ],
        },
        Kind::Group => Family {
            service: "sagemaker",
            describe: "DescribeModelPackageGroup",
            list: "ListModelPackageGroups",
            delete: "DeleteModelPackageGroup",
            name: "ModelPackageGroupName",
            rows: "ModelPackageGroupSummaryList",
            columns: &[
                ("group", "ModelPackageGroupName"),
                ("status", "ModelPackageGroupStatus"),
                ("created", "CreationTime"),
            ],
        },
        Kind::TrainingJob => Family {
            service: "sagemaker",
            describe: "DescribeTrainingJob",
            list: "ListTrainingJobs",
            delete: "DeleteTrainingJob",
            name: "TrainingJobName",
            rows: "TrainingJobSummaries",
            columns: &[
                ("training job", "TrainingJobName"),
                ("status", "TrainingJobStatus"),
                ("created", "CreationTime"),
                ("ended", "TrainingEndTime"),
            ],
        },
        Kind::Role => Family {
            service: "iam",
            describe: "GetRole",
            list: "ListRoles",
            delete: "DeleteRole",
            name: "RoleName",
            rows: "Roles",
            columns: &[("role", "RoleName"), ("arn", "Arn"), ("created", "CreateDate")],
        },
        Kind::Bucket | Kind::Object => return None,
    })
}

/// What Describe answers.
pub async fn fetch(session: &mut Session, kind: Kind, name: &str) -> Result<Value, CommandError> {
    if kind == Kind::Object {
        return super::bucket::describe(session, name).await;
    }
    let Some(family) = family(kind) else {
        session.note("s3", "HeadBucket", json!({"Bucket": name}));
        let objects = session.client.list_objects(name, "").await?;
        let bytes: u64 = objects.iter().map(|object| object.size).sum();
        return Ok(json!({"Name": name, "Objects": objects.len(), "Bytes": bytes}));
    };
    let name = match kind {
        Kind::Package => package_name(session, name).await?,
        _ => name.to_owned(),
    };
    Ok(session.call(family.service, family.describe, json!({family.name: name})).await?)
}

pub async fn describe(session: &mut Session, args: &DescribeArgs) -> Result<Outcome, CommandError> {
    let found = fetch(session, args.kind, &args.name).await?;
    let shown = serde_json::to_string_pretty(&found).unwrap_or_default();
    Ok(Outcome::said(shown).with_value(found))
}

pub async fn list(session: &mut Session, args: &ListArgs) -> Result<Outcome, CommandError> {
    let Some(family) = family(args.kind) else {
        if args.kind == Kind::Object {
            let words = "objects are listed by their bucket: `bucket list s3://bucket/prefix`";
            return Err(CommandError::Usage(words.into()));
        }
        return super::bucket::list(session, None).await;
    };
    let mut table =
        Table::new("", &family.columns.iter().map(|(title, _)| *title).collect::<Vec<_>>());
    let mut values = Vec::new();
    let mut token = None;
    while values.len() < args.limit {
        let input = page(args, &family, token.take(), args.limit - values.len());
        let answer = session.call(family.service, family.list, input).await?;
        let rows = answer.get(family.rows).and_then(Value::as_array).cloned().unwrap_or_default();
        for row in rows.into_iter().take(args.limit - values.len()) {
            table.push(family.columns.iter().map(|(_, member)| cell(&row, member)));
            values.push(row);
        }
        match answer.get("NextToken").or_else(|| answer.get("Marker")).and_then(Value::as_str) {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    if values.is_empty() {
        return Ok(Outcome::said("there are none").with_value(values.into()));
    }
    Ok(Outcome::default().with_table(table).with_value(values.into()))
}

fn page(args: &ListArgs, family: &Family, token: Option<String>, wanted: usize) -> Value {
    let mut input = Map::new();
    if family.service == "iam" {
        if let Some(token) = token {
            input.insert("Marker".into(), token.into());
        }
        return input.into();
    }
    input.insert("MaxResults".into(), wanted.min(100).into());
    if let Some(token) = token {
        input.insert("NextToken".into(), token.into());
    }
    if let Some(name) = &args.name {
        input.insert("NameContains".into(), name.as_str().into());
    }
    match (args.kind, &args.group) {
        (Kind::Package, Some(group)) => {
            input.insert("ModelPackageGroupName".into(), group.as_str().into());
        }
        // Left out, it means those without a version.
        (Kind::Package, None) => {
            input.insert("ModelPackageType".into(), "Both".into());
        }
        _ => {}
    }
    input.into()
}

fn cell(row: &Value, member: &str) -> String {
    match row.get(member) {
        None => "-".into(),
        Some(value) if member.ends_with("Time") || member.ends_with("Date") => {
            Timestamp::from_document(value).map_or("-".into(), Timestamp::to_rfc3339)
        }
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub async fn delete(session: &mut Session, args: &DeleteArgs) -> Result<Outcome, CommandError> {
    for name in &args.names {
        let Some(family) = family(args.kind) else {
            match args.kind {
                Kind::Object => super::bucket::delete_objects(session, name).await?,
                _ => super::bucket::delete(session, name, false).await?,
            }
            continue;
        };
        let name = match args.kind {
            Kind::Package => package_name(session, name).await?,
            _ => name.clone(),
        };
        session.call(family.service, family.delete, json!({family.name: name})).await?;
    }
    Ok(Outcome::said(format!("deleted {}", args.names.join(", "))))
}
