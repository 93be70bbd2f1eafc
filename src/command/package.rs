//! `register`, `approve` and `reject`: versions of a model package group.

use super::condition::Condition;
use super::grammar::{ApproveArgs, RegisterArgs, RejectArgs};
use super::outcome::{CommandError, Outcome, Table};
use super::session::{Session, text};
use crate::client::CallError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How `evaluate` files its figures among a package's metadata, and `approve --if` finds them.
pub const EVALUATION: &str = "evaluation.";

pub async fn register(session: &mut Session, args: &RegisterArgs) -> Result<Outcome, CommandError> {
    let input = json!({"TrainingJobName": args.from});
    let job = session.sagemaker("DescribeTrainingJob", input).await?;
    let artifact = text(&job, "/ModelArtifacts/S3ModelArtifacts");
    if artifact.is_empty() {
        return Err(CommandError::Failed(format!(
            "training job {} has no model yet (it is {}); `wait {}` first",
            args.from,
            text(&job, "/TrainingJobStatus"),
            args.from
        )));
    }
    ensure_group(session, &args.group).await?;
    let image = text(&job, "/AlgorithmSpecification/TrainingImage");
    let input = json!({
        "ModelPackageGroupName": args.group,
        "ModelPackageDescription": args.description.clone()
            .unwrap_or_else(|| format!("trained by {}", args.from)),
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": artifact}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv", "application/json"]
        },
        "CustomerMetadataProperties": {"training-job": args.from}
    });
    let answer = session.sagemaker("CreateModelPackage", input).await?;
    let arn = text(&answer, "/ModelPackageArn").to_owned();
    Ok(Outcome::said(format!("{} from {}", short(&arn), args.from))
        .capturing(arn)
        .with_value(answer))
}

async fn ensure_group(session: &mut Session, group: &str) -> Result<(), CommandError> {
    let input = json!({"ModelPackageGroupName": group});
    match session.client.call("sagemaker", "DescribeModelPackageGroup", &input).await {
        Ok(_) => Ok(()),
        Err(CallError::Aws(_)) => {
            session.sagemaker("CreateModelPackageGroup", input).await?;
            Ok(())
        }
        Err(other) => Err(other.into()),
    }
}

pub async fn approve(session: &mut Session, args: &ApproveArgs) -> Result<Outcome, CommandError> {
    let condition = args.condition.as_deref().map(Condition::parse).transpose()?;
    let mut table = Table::new("", &["package", "status", "because"]);
    let mut refused = Vec::new();
    let mut answers = Vec::new();
    for package in &args.packages {
        let input = json!({"ModelPackageName": package_name(session, package).await?});
        let found = session.sagemaker("DescribeModelPackage", input).await?;
        let arn = text(&found, "/ModelPackageArn").to_owned();
        let (approved, because) = match &condition {
            None => (true, args.comment.clone().unwrap_or_default()),
            Some(condition) => condition.judge(&evaluation(&found)).map_err(|problem| {
                CommandError::Failed(format!("{}: {problem}; `evaluate` it first", short(&arn)))
            })?,
        };
        let status = if approved { "Approved" } else { "Rejected" };
        set_status(session, &arn, status, Some(&because)).await?;
        table.push([short(&arn), status.into(), because.clone()]);
        answers.push(json!({"ModelPackageArn": arn, "ModelApprovalStatus": status, "ApprovalDescription": because}));
        if !approved {
            refused.push(format!("{} ({because})", short(&arn)));
        }
    }
    if !refused.is_empty() {
        return Err(CommandError::Failed(format!("rejected: {}", refused.join(", "))));
    }
    Ok(Outcome::said("").with_table(table).with_value(answers.into()))
}

pub async fn reject(session: &mut Session, args: &RejectArgs) -> Result<Outcome, CommandError> {
    let mut table = Table::new("", &["package", "status"]);
    for package in &args.packages {
        let name = package_name(session, package).await?;
        let found =
            session.sagemaker("DescribeModelPackage", json!({"ModelPackageName": name})).await?;
        let arn = text(&found, "/ModelPackageArn").to_owned();
        set_status(session, &arn, "Rejected", args.comment.as_deref()).await?;
        table.push([short(&arn), "Rejected".into()]);
    }
    Ok(Outcome::said("").with_table(table))
}

async fn set_status(
    session: &mut Session,
    arn: &str,
    status: &str,
    comment: Option<&str>,
) -> Result<(), CommandError> {
    let mut input = json!({"ModelPackageArn": arn, "ModelApprovalStatus": status});
    if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
        input["ApprovalDescription"] = comment.into();
    }
    session.sagemaker("UpdateModelPackage", input).await?;
    Ok(())
}

/// The figures that `evaluate` left with a package.
pub fn evaluation(package: &Value) -> BTreeMap<String, f64> {
    let properties = package.pointer("/CustomerMetadataProperties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let metric = name.strip_prefix(EVALUATION)?;
            Some((metric.to_owned(), value.as_str()?.parse().ok()?))
        })
        .collect()
}

/// A package's ARN from the ARN itself, `group/version`, or an unversioned package's name.
pub async fn package_name(session: &mut Session, package: &str) -> Result<String, CommandError> {
    if package.starts_with("arn:") || !package.contains('/') {
        return Ok(package.to_owned());
    }
    let identity = session.client.call("sts", "GetCallerIdentity", &json!({})).await?;
    let region = session.client.region();
    Ok(format!(
        "arn:aws:sagemaker:{region}:{}:model-package/{package}",
        text(&identity, "/Account")
    ))
}

/// `iris/1` of a package's ARN.
pub fn short(arn: &str) -> String {
    arn.split_once("model-package/").map_or(arn, |(_, name)| name).to_owned()
}
