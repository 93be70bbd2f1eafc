//! The command line: the verbs, and what only a shell needs.

use super::grammar::{ShowArgs, Verb};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A SageMaker region that lives in a terminal
///
/// Everything is SIMULATED on this machine: no account, no network, no cost.
#[derive(Debug, Parser)]
#[command(name = "sagebrush", version, propagate_version = false, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The workspace's folder
    #[arg(long, short, global = true, value_name = "DIR", env = "SAGEBRUSH_WORKSPACE")]
    pub workspace: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub show: ShowArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a script from an empty region, headless
    Run(RunArgs),
    /// Start the workspace's region and stay with it
    Serve(ServeArgs),
    /// Stop the workspace's region
    Stop,
    /// Show whether the workspace's region runs, where, and what it holds
    Status,
    /// Print what a shell needs so that boto3 and the AWS CLI use the region
    Env(EnvArgs),
    /// Trust the workspace's folder, so that opening it starts its region
    Trust(TrustArgs),
    /// Check this machine and the workspace
    Doctor,
    /// Show which operations behave, which are recorded, which are not simulated
    Coverage(CoverageArgs),
    /// Print a shell's completions
    Completions { shell: clap_complete::Shell },
    #[command(flatten)]
    Verb(Verb),
}

#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The script, or the name of a built-in demo (iris, cancer)
    pub script: PathBuf,
    /// Keep the scratch region's folder and say where it is
    #[arg(long)]
    pub keep: bool,
    /// Leave the region running for a look when the script is done; Ctrl-C ends it
    #[arg(long)]
    pub stay: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// How progress is reported; text on a terminal and JSON lines otherwise
    #[arg(long, value_enum)]
    pub report: Option<ReportFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// The port on 127.0.0.1; 7242 or the next free one when left out, 0 for any
    #[arg(long)]
    pub port: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub struct TrustArgs {
    /// Trust it no longer
    #[arg(long)]
    pub revoke: bool,
}

#[derive(Clone, Debug, Args)]
pub struct EnvArgs {
    /// For which shell
    #[arg(long, value_enum, default_value_t)]
    pub shell: ShellKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShellKind {
    #[default]
    Sh,
    Fish,
    Powershell,
}

#[derive(Clone, Debug, Args)]
pub struct CoverageArgs {
    /// Only this service, operation by operation
    pub service: Option<String>,
}
