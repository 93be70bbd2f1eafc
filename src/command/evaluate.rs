//! `evaluate`: what model packages answer to labelled rows.
//!
//! Each package is deployed for the time of the evaluation on an endpoint of its own, so that the
//! figures come from the very container and path that will serve. They are filed with the package
//! (`CustomerMetadataProperties`), where `approve --if`, other tools and people find them.

use super::grammar::{EvaluateArgs, Problem};
use super::outcome::{CommandError, Outcome, Table};
use super::package::{EVALUATION, package_name, short};
use super::rows::{self, LabelledRow, Prediction};
use super::session::{Session, text};
use crate::client::{CallError, Invocation};
use serde_json::{Map, Value, json};

/// Rows sent in one request; small enough for any row width under the body limit.
const BATCH_BYTES: usize = 1 << 20;

pub async fn run(session: &mut Session, args: &EvaluateArgs) -> Result<Outcome, CommandError> {
    let content = session.read(&args.data).await?;
    let rows = rows::parse(&String::from_utf8_lossy(&content), Some(args.label))?;
    let problem = args.problem.unwrap_or_else(|| rows::guess_problem(&rows));
    let mut evaluations = Vec::new();
    for package in &args.packages {
        session.progress.step(0, 0, &format!("evaluating {package}"));
        evaluations.push(one(session, args, package, &rows, problem).await?);
    }
    let mut columns = vec!["package", "rows"];
    if let Some((_, figures)) = evaluations.first() {
        columns.extend(figures.iter().map(|(name, _)| *name));
    }
    let mut table = Table::new("", &columns);
    let mut values = Map::new();
    for (arn, figures) in &evaluations {
        let mut row = vec![short(arn), rows.len().to_string()];
        row.extend(figures.iter().map(|(_, value)| format!("{value:.4}")));
        table.push(row);
        let named: Map<String, Value> =
            figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        values.insert(short(arn), named.into());
    }
    Ok(Outcome::said(format!("evaluated on {}", args.data))
        .with_table(table)
        .with_value(values.into()))
}

type Figures = Vec<(&'static str, f64)>;

async fn one(
    session: &mut Session,
    args: &EvaluateArgs,
    package: &str,
    rows: &[LabelledRow],
    problem: Problem,
) -> Result<(String, Figures), CommandError> {
    let name = package_name(session, package).await?;
    let found =
        session.sagemaker("DescribeModelPackage", json!({"ModelPackageName": name})).await?;
    let arn = text(&found, "/ModelPackageArn").to_owned();
    let container = found.pointer("/InferenceSpecification/Containers/0").ok_or_else(|| {
        CommandError::Failed(format!("{} has no InferenceSpecification to run", short(&arn)))
    })?;
    let stem = format!("evaluate-{}", short(&arn).replace('/', "-"));
    let stage = Stage::open(session, &stem, container, &args.instance_type).await?;
    let answers = match stage.ready(session).await {
        Ok(()) => predict(session, &stage.name, rows).await,
        Err(error) => Err(error),
    };
    // The stage goes whether or not the rows went through; the first failure is the one to tell.
    let closed = stage.close(session).await;
    let pairs = answers?;
    closed?;
    let figures = rows::figures(problem, &pairs);
    let mut properties = Map::new();
    for (name, value) in &figures {
        properties.insert(format!("{EVALUATION}{name}"), format!("{value:.6}").into());
    }
    properties.insert(format!("{EVALUATION}data"), args.data.clone().into());
    properties.insert(format!("{EVALUATION}rows"), rows.len().to_string().into());
    let input = json!({"ModelPackageArn": arn, "CustomerMetadataProperties": properties});
    session.sagemaker("UpdateModelPackage", input).await?;
    Ok((arn, figures))
}

/// An endpoint that stands only while a package is evaluated.
struct Stage {
    name: String,
}

impl Stage {
    async fn open(
        session: &mut Session,
        stem: &str,
        container: &Value,
        instance_type: &str,
    ) -> Result<Self, CommandError> {
        let name = super::deploy::fresh_name(session, "DescribeModel", "ModelName", stem).await?;
        let mut primary = json!({"Image": text(container, "/Image")});
        for member in ["ModelDataUrl", "ModelDataSource", "Environment"] {
            if let Some(value) = container.get(member) {
                primary[member] = value.clone();
            }
        }
        let role = session.role().await?;
        let model =
            json!({"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": primary});
        session.stages.push(name.clone());
        let stage = Self { name };
        session.sagemaker("CreateModel", model).await?;
        if let Err(error) = stage.launch(session, instance_type).await {
            stage.close(session).await.ok();
            return Err(error);
        }
        Ok(stage)
    }

    async fn launch(&self, session: &mut Session, instance_type: &str) -> Result<(), CommandError> {
        let variant = json!({
            "VariantName": "candidate", "ModelName": self.name,
            "InstanceType": instance_type, "InitialInstanceCount": 1
        });
        let config = json!({"EndpointConfigName": self.name, "ProductionVariants": [variant]});
        session.sagemaker("CreateEndpointConfig", config).await?;
        let endpoint = json!({"EndpointName": self.name, "EndpointConfigName": self.name});
        session.sagemaker("CreateEndpoint", endpoint).await?;
        Ok(())
    }

    async fn ready(&self, session: &mut Session) -> Result<(), CommandError> {
        super::wait::endpoint(session, &self.name).await.map(|_| ())
    }

    /// Deletes what exists of the stage.
    async fn close(&self, session: &mut Session) -> Result<(), CommandError> {
        for (operation, member) in [
            ("DeleteEndpoint", "EndpointName"),
            ("DeleteEndpointConfig", "EndpointConfigName"),
            ("DeleteModel", "ModelName"),
        ] {
            match session.sagemaker(operation, json!({member: self.name})).await {
                Ok(_) | Err(CallError::Aws(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        session.stages.retain(|stage| *stage != self.name);
        Ok(())
    }
}

/// Takes down what an interrupted evaluation has left standing.
pub async fn clean_up(session: &mut Session) -> Result<(), CommandError> {
    for name in std::mem::take(&mut session.stages) {
        Stage { name }.close(session).await?;
    }
    Ok(())
}

async fn predict(
    session: &mut Session,
    endpoint: &str,
    rows: &[LabelledRow],
) -> Result<Vec<(Prediction, f64)>, CommandError> {
    let mut pairs = Vec::with_capacity(rows.len());
    let mut rest = rows;
    while !rest.is_empty() {
        let mut body = String::new();
        let mut count = 0;
        while let Some(row) = rest.get(count).filter(|_| body.len() < BATCH_BYTES) {
            body.push_str(&row.features);
            body.push('\n');
            count += 1;
        }
        let (batch, later) = rest.split_at(count);
        rest = later;
        let input = json!({"EndpointName": endpoint, "ContentType": "text/csv",
            "Accept": "application/json", "Body": body});
        session.note("sagemaker-runtime", "InvokeEndpoint", input);
        let invocation = Invocation {
            endpoint: endpoint.to_owned(),
            variant: None,
            content_type: "text/csv".into(),
            accept: Some("application/json".into()),
            body: body.into(),
        };
        let answer = session.client.invoke(invocation).await?;
        let predictions = rows::predictions(&answer.body).map_err(CommandError::Failed)?;
        if predictions.len() != batch.len() {
            return Err(CommandError::Failed(format!(
                "the model answered {} predictions to {} rows",
                predictions.len(),
                batch.len()
            )));
        }
        let labels = batch.iter().map(|row| row.label.unwrap_or(f64::NAN));
        pairs.extend(predictions.into_iter().zip(labels));
    }
    Ok(pairs)
}
