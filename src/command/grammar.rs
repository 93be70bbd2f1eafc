//! The grammar of the command language. The doc comments below are the help that people read.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A line of a script or of the palette: the verbs, without a program name.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_version_flag = true, name = "")]
pub struct Line {
    #[command(subcommand)]
    pub verb: Verb,
    #[command(flatten)]
    pub show: ShowArgs,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ShowArgs {
    /// Show the AWS calls that the command makes, as code to copy
    #[arg(long, global = true, value_enum, value_name = "LANGUAGE")]
    pub show: Option<Language>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python with boto3
    Boto3,
    /// The AWS CLI
    Cli,
    /// A CloudFormation template
    Cfn,
    /// Lines of a script
    Brush,
}

/// The verbs of the daily work. Each is a thin recipe over AWS calls.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Print a line
    Say(SayArgs),
    /// Create, list or delete buckets
    Bucket(BucketArgs),
    /// Copy a file or a folder into a bucket
    Upload(UploadArgs),
    /// Copy an object, or all objects below a prefix, to the disk
    Download(DownloadArgs),
    /// Start a training job
    Train(TrainArgs),
    /// Wait until jobs are done and endpoints in service
    Wait(WaitArgs),
    /// Register a training job's model as the next version of a model package group
    Register(RegisterArgs),
    /// Measure model packages on labelled data, each on an endpoint of its own
    Evaluate(EvaluateArgs),
    /// Approve model packages, if a condition on their evaluation holds
    Approve(ApproveArgs),
    /// Reject model packages
    Reject(RejectArgs),
    /// Deploy models behind one endpoint, and wait until it is in service
    Deploy(DeployArgs),
    /// Set the weights of an endpoint's variants
    Shift(ShiftArgs),
    /// Send one request, or the rows of a file, to an endpoint
    Invoke(InvokeArgs),
    /// Show what containers print
    Logs(LogsArgs),
    /// Show one resource whole
    Describe(DescribeArgs),
    /// List resources of a kind
    List(ListArgs),
    /// Delete resources
    Delete(DeleteArgs),
    /// Call any AWS operation
    #[command(disable_help_flag = true)]
    Call(CallArgs),
    /// Check something and fail when it is not so
    Expect(ExpectArgs),
    /// Check that what a script started has ended
    #[command(after_help = "example: check --no-leftovers")]
    Check(CheckArgs),
}

#[derive(Clone, Debug, Args)]
pub struct SayArgs {
    /// What to print
    #[arg(required = true)]
    pub words: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct BucketArgs {
    #[command(subcommand)]
    pub action: BucketAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum BucketAction {
    /// Create buckets
    Create {
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// List all buckets, or the objects of one
    List {
        /// A bucket, or s3://bucket/prefix
        bucket: Option<String>,
    },
    /// Delete buckets
    Delete {
        #[arg(required = true)]
        names: Vec<String>,
        /// Delete their objects too
        #[arg(long)]
        force: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub struct UploadArgs {
    /// A file or a folder
    pub source: PathBuf,
    /// s3://bucket/key, or s3://bucket/prefix/ for a folder
    pub target: String,
}

#[derive(Clone, Debug, Args)]
pub struct DownloadArgs {
    /// s3://bucket/key, or s3://bucket/prefix/ for all below it
    pub source: String,
    /// A file or a folder; the object's name in the current folder when left out
    pub target: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The job's name
    pub name: String,
    /// A built-in algorithm (xgboost, linear-learner) or an image's URI
    pub algorithm: String,
    /// Instance type
    #[arg(long = "on", value_name = "TYPE", default_value = "ml.m5.large")]
    pub instance_type: String,
    /// Number of instances
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// A channel and its data: train=s3://bucket/key
    #[arg(long = "input", value_name = "CHANNEL=URI")]
    pub inputs: Vec<String>,
    /// Content type of the channels
    #[arg(long, default_value = "text/csv")]
    pub content_type: String,
    /// A hyperparameter
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub hyperparameters: Vec<String>,
    /// Where the artifact goes; the first channel's bucket under models/ when left out
    #[arg(long, value_name = "URI")]
    pub to: Option<String>,
    /// Longest run in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub max_runtime: u32,
    /// A metric and the pattern that finds it in the log (images of your own)
    #[arg(long = "metric", value_name = "NAME=REGEX")]
    pub metrics: Vec<String>,
    /// Wait until the job is done
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// Training jobs and endpoints
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 3600)]
    pub timeout: u64,
}

#[derive(Clone, Debug, Args)]
pub struct RegisterArgs {
    /// The model package group; it is created when missing
    pub group: String,
    /// The training job whose model it is
    #[arg(long)]
    pub from: String,
    #[arg(long)]
    pub description: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct EvaluateArgs {
    /// Model packages: ARNs, or group/version
    #[arg(required = true)]
    pub packages: Vec<String>,
    /// Labelled rows (CSV): a file or s3://bucket/key
    #[arg(long)]
    pub data: String,
    /// The label's column, counted from 0
    #[arg(long, default_value_t = 0)]
    pub label: usize,
    /// What the labels are; found from the data when left out
    #[arg(long, value_enum)]
    pub problem: Option<Problem>,
    #[arg(long = "on", value_name = "TYPE", default_value = "ml.m5.large")]
    pub instance_type: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Problem {
    Classification,
    Regression,
}

#[derive(Clone, Debug, Args)]
pub struct ApproveArgs {
    /// Model packages: ARNs, or group/version
    #[arg(required = true)]
    pub packages: Vec<String>,
    /// Approve only if this holds of the evaluation, such as "accuracy >= 0.9"; what fails it is rejected
    #[arg(long = "if", value_name = "CONDITION")]
    pub condition: Option<String>,
    #[arg(long)]
    pub comment: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct RejectArgs {
    /// Model packages: ARNs, or group/version
    #[arg(required = true)]
    pub packages: Vec<String>,
    #[arg(long)]
    pub comment: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct DeployArgs {
    /// The endpoint; an existing one is updated
    pub endpoint: String,
    /// A variant and its model: name=package, name=model or name=training-job
    #[arg(required = true, value_name = "VARIANT=MODEL")]
    pub variants: Vec<String>,
    /// Weights, in the variants' order
    #[arg(long, value_name = "90/10")]
    pub split: Option<String>,
    /// Instance type, of all variants or VARIANT=TYPE
    #[arg(long = "on", value_name = "TYPE", default_value = "ml.m5.large")]
    pub instance_types: Vec<String>,
    /// Instances of each variant
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// Return at once
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ShiftArgs {
    pub endpoint: String,
    /// Weights in the variants' order (50/50), or by name (blue=50 green=50)
    #[arg(required = true)]
    pub weights: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct InvokeArgs {
    pub endpoint: String,
    /// The body itself
    #[arg(long, conflicts_with_all = ["file", "rows"])]
    pub body: Option<String>,
    /// A file that holds the body; `-` reads standard input
    #[arg(long, conflicts_with = "rows")]
    pub file: Option<PathBuf>,
    /// Rows (CSV), each a request of its own: a file or s3://bucket/key
    #[arg(long)]
    pub rows: Option<String>,
    /// The label's column, counted from 0; it is not sent
    #[arg(long)]
    pub label: Option<usize>,
    /// Requests to send; each row once when left out
    #[arg(long, value_parser = at_least_one)]
    pub requests: Option<usize>,
    /// Requests under way at a time
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    pub users: usize,
    /// Only this variant
    #[arg(long)]
    pub variant: Option<String>,
    #[arg(long, default_value = "text/csv")]
    pub content_type: String,
    /// What the answer should be; `application/json` with --rows
    #[arg(long)]
    pub accept: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// A training job, an endpoint, or a log group
    pub of: String,
    /// Keep following
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines that match the filter pattern
    #[arg(long)]
    pub filter: Option<String>,
    /// Only this stream
    #[arg(long)]
    pub stream: Option<String>,
    /// At most so many of the last lines
    #[arg(short = 'n', long, default_value_t = 1000)]
    pub lines: usize,
    /// Show each line's time
    #[arg(short, long)]
    pub timestamps: bool,
}

/// The kinds that `describe`, `list` and `delete` know by a short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Endpoint,
    EndpointConfig,
    Model,
    Package,
    Group,
    TrainingJob,
    Bucket,
    /// s3://bucket/key, or s3://bucket/prefix/ for all below it
    Object,
    Role,
}

#[derive(Clone, Debug, Args)]
pub struct DescribeArgs {
    pub kind: Kind,
    pub name: String,
}

#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    pub kind: Kind,
    /// Only names that contain this
    #[arg(long)]
    pub name: Option<String>,
    /// Only of this group (packages)
    #[arg(long)]
    pub group: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 100)]
    pub limit: usize,
}

#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    pub kind: Kind,
    #[arg(required = true)]
    pub names: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct CallArgs {
    /// The service, such as sagemaker
    pub service: String,
    /// The operation, as DescribeEndpoint or describe-endpoint
    pub operation: String,
    /// Members as --kebab-case VALUE (text, JSON, or @file), or the whole input as JSON
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub members: Vec<String>,
}

/// A number of which none would mean nothing.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("it is no whole number".into()),
    }
}

#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Fail while endpoints are there or jobs run: what costs money on AWS
    #[arg(long, required = true)]
    pub no_leftovers: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ExpectArgs {
    /// split, accuracy, latency, errors, or a kind of resource
    pub what: String,
    /// The endpoint or resource
    pub name: String,
    /// What must hold: green=10%, green>=0.9, EndpointStatus=InService
    #[arg(required = true)]
    pub checks: Vec<String>,
    /// How far an observed share may lie from the expected one, in percentage points; when left out,
    /// as far as chance allows once in 10,000 runs
    #[arg(long, value_name = "POINTS")]
    pub within: Option<f64>,
}
