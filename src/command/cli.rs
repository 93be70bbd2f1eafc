//! The command line: the verbs, and what only a shell needs.

use super::grammar::{ShowArgs, Verb};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
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
    #[arg(long, short, global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub show: ShowArgs,
    #[command(flatten)]
    pub workbench: WorkbenchArgs,
}

/// Of the workbench, which opens where no command is named.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The workbench (without a command)")]
pub struct WorkbenchArgs {
    /// Look, change nothing
    #[arg(long)]
    pub read_only: bool,
    /// dark, light, high-contrast, colour-blind, sixteen or plain
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
    /// The screen to begin with, such as endpoints
    #[arg(long, value_name = "NAME")]
    pub screen: Option<String>,
    /// Keep the session's messages in a file that `replay` plays
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The configuration; `sagebrush config` prints one to start from
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// What `--record` has kept
    pub recording: PathBuf,
    /// Times as fast as it happened
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
}

#[derive(Clone, Debug, Args)]
pub struct RenderArgs {
    /// Which screen, such as overview or endpoint; the recording's own when left out
    #[arg(long)]
    pub screen: Option<String>,
    /// What the screen is about: an endpoint's name, a job's
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Columns and rows
    #[arg(long, default_value = "120x40", value_name = "COLUMNSxROWS")]
    pub size: String,
    #[arg(long, default_value = "txt", value_name = "svg|ansi|txt")]
    pub format: String,
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Draw from a recording instead of the workspace's region
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// At this second of the recording; its end when left out
    #[arg(long, value_name = "SECONDS")]
    pub at: Option<f64>,
    /// Keys pressed before the picture is taken, such as "j j enter"
    #[arg(long, default_value = "")]
    pub keys: String,
    /// Into a file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
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
    /// Run a program that finds the region where it looks for AWS
    ///
    /// The program, and what it starts, need not know of Sagebrush: its keys, its proxy and the
    /// certificates that it believes are the workspace's. Hosts of AWS never leave this machine;
    /// other hosts are reached as before. Programs that ignore HTTPS_PROXY are led by
    /// AWS_ENDPOINT_URL. Node looks at the proxy from 22.21 and 24.5 on.
    Exec(ExecArgs),
    /// Print what a shell needs so that the programs it starts use the region, as `exec` does
    Env(EnvArgs),
    /// Trust the workspace's folder, so that opening it starts its region
    Trust(TrustArgs),
    /// Check this machine and the workspace
    Doctor,
    /// Show which operations behave, which are recorded, which are not simulated
    Coverage(CoverageArgs),
    /// Play a recorded session of the workbench, forward and back
    Replay(ReplayArgs),
    /// Draw a screen of the workbench into a file
    Render(RenderArgs),
    /// Print a configuration of the workbench to start from
    Config,
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
    /// Leave the session of whoever started it: a verb or the workbench that needed a region
    #[arg(long, hide = true)]
    pub detached: bool,
}

#[derive(Clone, Debug, Args)]
pub struct TrustArgs {
    /// Trust it no longer
    #[arg(long)]
    pub revoke: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    /// Refuse every host that is not AWS's or this machine, by name
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub wiring: WiringArgs,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}

/// How a program is led to the region.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct WiringArgs {
    /// Leave AWS_ENDPOINT_URL unset: all calls go under AWS's own names, by the proxy
    #[arg(long)]
    pub aws_names: bool,
}

#[derive(Clone, Debug, Args)]
pub struct EnvArgs {
    #[command(flatten)]
    pub wiring: WiringArgs,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Every verb with every option it has: what the shell's own options share a name with would
    /// panic on being read.
    #[test]
    fn every_verb_can_be_read_by_the_shell_too() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        let global: Vec<_> = command
            .get_arguments()
            .filter(|arg| arg.is_global_set())
            .map(clap::Arg::get_id)
            .collect();
        assert!(global.iter().any(|id| *id == "output"));
        for verb in <Verb as clap::Subcommand>::augment_subcommands(clap::Command::new("verbs"))
            .get_subcommands()
        {
            for own in verb.get_arguments() {
                assert!(!global.contains(&own.get_id()), "{} {}", verb.get_name(), own.get_id());
            }
        }
    }

    #[test]
    fn train_is_read() {
        let words = ["sagebrush", "train", "green", "xgboost", "--to", "s3://b/m", "-o", "json"];
        let cli = Cli::try_parse_from(words).unwrap();
        assert_eq!(cli.output, OutputFormat::Json);
        assert!(matches!(cli.command, Some(Command::Verb(Verb::Train(_)))));
    }
}
