//! `deploy` and `shift`: models behind one endpoint, and the weights between them.

use super::grammar::{DeployArgs, ShiftArgs};
use super::outcome::{CommandError, Outcome, Table};
use super::package;
use super::session::{Session, pair, text};
use crate::client::CallError;
use serde_json::{Value, json};

pub async fn deploy(session: &mut Session, args: &DeployArgs) -> Result<Outcome, CommandError> {
    let weights = match &args.split {
        Some(split) => split_weights(split, args.variants.len())?,
        None => vec![1.0; args.variants.len()],
    };
    let mut variants = Vec::new();
    for (variant, weight) in args.variants.iter().zip(weights) {
        let (name, source) = pair(variant, "VARIANT=MODEL")?;
        let model = model(session, &args.endpoint, name, source).await?;
        variants.push(json!({
            "VariantName": name,
            "ModelName": model,
            "InstanceType": instance_type(&args.instance_types, name),
            "InitialInstanceCount": args.count,
            "InitialVariantWeight": weight
        }));
    }
    let config =
        fresh_name(session, "DescribeEndpointConfig", "EndpointConfigName", &args.endpoint).await?;
    let input = json!({"EndpointConfigName": config, "ProductionVariants": variants});
    session.sagemaker("CreateEndpointConfig", input).await?;
    let input = json!({"EndpointName": args.endpoint, "EndpointConfigName": config});
    let existing = json!({"EndpointName": args.endpoint});
    let verb = match session.client.call("sagemaker", "DescribeEndpoint", &existing).await {
        Ok(_) => "UpdateEndpoint",
        Err(CallError::Aws(_)) => "CreateEndpoint",
        Err(other) => return Err(other.into()),
    };
    let answer = session.sagemaker(verb, input).await?;
    if args.no_wait {
        let summary = format!("endpoint {}: {verb} accepted", args.endpoint);
        return Ok(Outcome::said(summary)
            .capturing(text(&answer, "/EndpointArn"))
            .with_value(answer));
    }
    arrived(session, &args.endpoint).await
}

/// Waits for what was asked for. An update that fails leaves the endpoint InService, with what
/// served before: that is AWS's way, and no success of the command.
async fn arrived(session: &mut Session, endpoint: &str) -> Result<Outcome, CommandError> {
    let outcome = super::wait::endpoint(session, endpoint).await?;
    match text(&outcome.value, "/FailureReason") {
        "" => {
            let table = variant_table(&outcome.value);
            Ok(outcome.with_table(table))
        }
        reason => Err(CommandError::Failed(format!(
            "the update of endpoint {endpoint} failed, and what served before serves on: {reason}\n\
             its log: logs {endpoint}"
        ))),
    }
}

fn instance_type<'a>(types: &'a [String], variant: &str) -> &'a str {
    let mut last_first = types.iter().rev();
    let own = last_first.clone().filter_map(|choice| choice.split_once('='));
    let own = own.filter(|(name, _)| *name == variant).map(|(_, kind)| kind).next();
    let common = || last_first.find(|choice| !choice.contains('=')).map(String::as_str);
    own.or_else(common).unwrap_or("ml.m5.large")
}

/// The model that a variant serves: an existing model, or one made from a model package or from a
/// training job's artifact.
async fn model(
    session: &mut Session,
    endpoint: &str,
    variant: &str,
    source: &str,
) -> Result<String, CommandError> {
    let is_package = source.contains("model-package/") || source.contains('/');
    if !is_package {
        let input = json!({"ModelName": source});
        match session.client.call("sagemaker", "DescribeModel", &input).await {
            Ok(_) => return Ok(source.to_owned()),
            Err(CallError::Aws(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let container = if is_package {
        json!({"ModelPackageName": package::package_name(session, source).await?})
    } else {
        from_training_job(session, source).await?
    };
    let stem = format!("{endpoint}-{variant}");
    let name = fresh_name(session, "DescribeModel", "ModelName", &stem).await?;
    let input = json!({
        "ModelName": name,
        "ExecutionRoleArn": session.role().await?,
        "PrimaryContainer": container
    });
    session.sagemaker("CreateModel", input).await?;
    Ok(name)
}

async fn from_training_job(session: &mut Session, job: &str) -> Result<Value, CommandError> {
    let input = json!({"TrainingJobName": job});
    match session.client.call("sagemaker", "DescribeTrainingJob", &input).await {
        Ok(found) => Ok(json!({
            "Image": text(&found, "/AlgorithmSpecification/TrainingImage"),
            "ModelDataUrl": text(&found, "/ModelArtifacts/S3ModelArtifacts")
        })),
        Err(CallError::Aws(_)) => Err(CommandError::Failed(format!(
            "`{job}` is neither a model, a model package (group/version) nor a training job"
        ))),
        Err(other) => Err(other.into()),
    }
}

/// The stem itself when free, else `stem-2`, `stem-3` ….
pub async fn fresh_name(
    session: &Session,
    describe: &str,
    member: &str,
    stem: &str,
) -> Result<String, CommandError> {
    for number in 1u32.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let room = 63 - suffix.len();
        let stem: String = stem.chars().take(room).collect();
        let name = format!("{}{suffix}", stem.trim_end_matches('-'));
        match session.client.call("sagemaker", describe, &json!({member: name})).await {
            Ok(_) => {}
            Err(CallError::Aws(_)) => return Ok(name),
            Err(other) => return Err(other.into()),
        }
    }
    Err(CommandError::Failed(format!("no name is free after {stem}")))
}

/// `90/10` for two variants.
fn split_weights(split: &str, variants: usize) -> Result<Vec<f64>, CommandError> {
    let weights: Option<Vec<f64>> = split
        .split('/')
        .map(|part| part.trim().trim_end_matches('%').parse::<f64>().ok())
        .map(|weight| weight.filter(|weight| weight.is_finite() && *weight >= 0.0))
        .collect();
    let weights = weights.ok_or_else(|| {
        CommandError::Usage(format!("`{split}` is no split; write weights as 90/10"))
    })?;
    if weights.len() != variants {
        return Err(CommandError::Usage(format!(
            "the split {split} has {} weights for {variants} variants",
            weights.len()
        )));
    }
    Ok(weights)
}

pub async fn shift(session: &mut Session, args: &ShiftArgs) -> Result<Outcome, CommandError> {
    let input = json!({"EndpointName": args.endpoint});
    let found = session.client.call("sagemaker", "DescribeEndpoint", &input).await?;
    let names: Vec<String> = found
        .pointer("/ProductionVariants")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|variant| text(variant, "/VariantName").to_owned())
        .collect();
    let weights = match args.weights.as_slice() {
        [split] if !split.contains('=') => {
            names.iter().cloned().zip(split_weights(split, names.len())?).collect()
        }
        named => named
            .iter()
            .map(|weight| {
                let (name, weight) = pair(weight, "VARIANT=WEIGHT")?;
                Ok((name.to_owned(), split_weights(weight, 1)?[0]))
            })
            .collect::<Result<Vec<_>, CommandError>>()?,
    };
    let desired: Vec<Value> = weights
        .iter()
        .map(|(name, weight)| json!({"VariantName": name, "DesiredWeight": weight}))
        .collect();
    let input = json!({
        "EndpointName": args.endpoint,
        "DesiredWeightsAndCapacities": desired
    });
    session.sagemaker("UpdateEndpointWeightsAndCapacities", input).await?;
    arrived(session, &args.endpoint).await
}

/// What DescribeEndpoint tells of the variants.
pub fn variant_table(endpoint: &Value) -> Table {
    let mut table = Table::new("", &["variant", "weight", "share", "instances"]);
    let variants = endpoint.pointer("/ProductionVariants").and_then(Value::as_array);
    let weight =
        |variant: &Value| variant.pointer("/CurrentWeight").and_then(Value::as_f64).unwrap_or(0.0);
    let sum: f64 = variants.into_iter().flatten().map(weight).sum();
    for variant in variants.into_iter().flatten() {
        let share = if sum > 0.0 { weight(variant) / sum * 100.0 } else { 0.0 };
        let instances = variant.pointer("/CurrentInstanceCount").and_then(Value::as_u64);
        table.push([
            text(variant, "/VariantName").to_owned(),
            format!("{}", weight(variant)),
            format!("{share:.1} %"),
            instances.unwrap_or(0).to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_name_every_variant() {
        assert_eq!(split_weights("90/10", 2).unwrap(), [90.0, 10.0]);
        assert_eq!(split_weights("50%/50%", 2).unwrap(), [50.0, 50.0]);
        for bad in ["90", "90/10/0", "a/b", "-1/2", "inf/1"] {
            assert!(split_weights(bad, 2).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variants_own_type_comes_before_the_common_one() {
        let types = ["ml.m5.large", "green=ml.c5.xlarge"].map(str::to_owned);
        assert_eq!(instance_type(&types, "blue"), "ml.m5.large");
        assert_eq!(instance_type(&types, "green"), "ml.c5.xlarge");
    }
}
