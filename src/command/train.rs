//! `train`: a training job from a built-in algorithm or an image, data channels and settings.

use super::grammar::TrainArgs;
use super::outcome::{CommandError, Outcome};
use super::session::{Session, pair, s3_uri, text};
use crate::engine::image;
use serde_json::{Map, Value, json};

pub async fn run(session: &mut Session, args: &TrainArgs) -> Result<Outcome, CommandError> {
    let mut channels = Vec::new();
    for input in &args.inputs {
        let (channel, uri) = pair(input, "CHANNEL=s3://bucket/key")?;
        if s3_uri(uri).is_none() {
            return Err(CommandError::Usage(format!(
                "channel {channel}: `{uri}` is no S3 URI; upload the data first and name it as \
                 s3://bucket/key"
            )));
        }
        channels.push(json!({
            "ChannelName": channel,
            "ContentType": args.content_type,
            "DataSource": {"S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated"
            }}
        }));
    }
    let mut settings = Map::new();
    for setting in &args.hyperparameters {
        let (name, value) = pair(setting, "NAME=VALUE")?;
        settings.insert(name.into(), value.into());
    }
    let input = request(session, args, channels, settings).await?;
    let answer = session.sagemaker("CreateTrainingJob", input).await?;
    let summary = format!("training job {} started on {}", args.name, args.instance_type);
    if args.wait {
        return super::wait::training_job(session, &args.name).await;
    }
    Ok(Outcome::said(summary).capturing(text(&answer, "/TrainingJobArn")).with_value(answer))
}

async fn request(
    session: &mut Session,
    args: &TrainArgs,
    channels: Vec<Value>,
    settings: Map<String, Value>,
) -> Result<Value, CommandError> {
    let output = match (&args.to, args.inputs.first()) {
        (Some(output), _) => output.clone(),
        (None, Some(first)) => {
            let bucket = first.split_once('=').and_then(|(_, uri)| s3_uri(uri));
            format!("s3://{}/models", bucket.map_or("", |(bucket, _)| bucket))
        }
        (None, None) => {
            return Err(CommandError::Usage(
                "without --input, --to s3://bucket/prefix must say where the model goes".into(),
            ));
        }
    };
    let image = match image::uri(&args.algorithm, session.client.region()) {
        Some(image) => image,
        None if args.algorithm.contains(['/', ':', '.']) => args.algorithm.clone(),
        None => {
            return Err(CommandError::Usage(format!(
                "`{}` is neither a built-in algorithm ({}) nor an image's URI",
                args.algorithm,
                image::BUILT_IN.join(", ")
            )));
        }
    };
    let mut algorithm = json!({"TrainingImage": image, "TrainingInputMode": "File"});
    if !args.metrics.is_empty() {
        let metrics = args.metrics.iter().map(|metric| {
            let (name, regex) = pair(metric, "NAME=REGEX")?;
            Ok(json!({"Name": name, "Regex": regex}))
        });
        algorithm["MetricDefinitions"] = metrics.collect::<Result<Value, CommandError>>()?;
    }
    let mut input = json!({
        "TrainingJobName": args.name,
        "RoleArn": session.role().await?,
        "AlgorithmSpecification": algorithm,
        "HyperParameters": settings,
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {
            "InstanceType": args.instance_type,
            "InstanceCount": args.count,
            "VolumeSizeInGB": 30
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": args.max_runtime}
    });
    if !channels.is_empty() {
        input["InputDataConfig"] = channels.into();
    }
    Ok(input)
}
