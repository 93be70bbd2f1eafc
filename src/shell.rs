//! The shell's side of the command line: runtimes, signals, what is printed where.
//!
//! stdout is data and stderr is talk, so that `sagebrush … -o json | jq` works while long work
//! shows its progress.

mod background;
mod exec;
mod workbench;

use clap::{CommandFactory, Parser};
use indicatif::{ProgressBar, ProgressStyle};
use sagebrush::command::cli::{
    Cli, Command, OutputFormat, ReportFormat, RunArgs, ServeArgs, WorkbenchArgs,
};
use sagebrush::command::exec as command_exec;
use sagebrush::command::grammar::{Language, Verb};
use sagebrush::command::host::Host;
use sagebrush::command::show::shell_word;
use sagebrush::command::workspace::Workspace;
use sagebrush::command::{
    CommandError, Outcome, Progress, Quiet, Session, admin, clean_up, demo, render, run, shown,
    trust,
};
use sagebrush::gateway::PortChoice;
use sagebrush::script::report::{Report, Style};
use sagebrush::script::run::{Ending, Script};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub fn main() -> ExitCode {
    let mut cli = Cli::parse();
    cli.workspace = cli.workspace.or_else(named_workspace);
    if matches!(&cli.command, Some(Command::Serve(args)) if args.detached) {
        background::step_back();
    }
    let quiet = cli.command.is_none() && std::io::stdout().is_terminal();
    install_tracing(quiet);
    if let Err(error) = color_eyre::install() {
        eprintln!("warning: {error}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&CommandError::io("starting the runtime", error)),
    };
    let code = runtime.block_on(dispatch(cli));
    // What still runs (a read of standard input, say) does not hold up the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Warnings go to stderr; under the workbench, whose screen that would be, they go nowhere unless
/// `SAGEBRUSH_LOG_FILE` names a file.
fn install_tracing(quiet: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SAGEBRUSH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A warning that cannot be written is lost; to complain of that would be to panic.
    let paint = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_ansi(paint)
        .with_env_filter(filter);
    let file = std::env::var_os("SAGEBRUSH_LOG_FILE").map(std::fs::File::create);
    match file {
        Some(Ok(file)) => log.with_ansi(false).with_writer(std::sync::Mutex::new(file)).init(),
        _ if quiet => log.with_writer(std::io::sink).init(),
        _ => log.with_writer(std::io::stderr).init(),
    }
}

/// The workspace that the environment names; an empty variable names none.
fn named_workspace() -> Option<PathBuf> {
    let named = std::env::var_os("SAGEBRUSH_WORKSPACE").filter(|value| !value.is_empty());
    named.map(PathBuf::from)
}

fn fail(error: &CommandError) -> ExitCode {
    let paint = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let label = if paint { "\u{1b}[31merror:\u{1b}[0m" } else { "error:" };
    eprintln!("{label} {}", render::escape(&error.to_string()));
    ExitCode::from(error.exit_code())
}

async fn dispatch(cli: Cli) -> ExitCode {
    let folder = cli.workspace.clone().unwrap_or_else(|| PathBuf::from("."));
    let (output, show) = (cli.output, cli.show.show);
    let result = match cli.command {
        None => start_here(cli.workspace.as_deref(), &cli.workbench).await,
        Some(Command::Replay(args)) => workbench::replay(&args),
        Some(Command::Render(args)) => workbench::render(cli.workspace.as_deref(), &args).await,
        Some(Command::Config) => {
            print!("{}", sagebrush::tui::config::sample());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Run(args)) => script(&args, cli.workspace.as_deref()).await,
        Some(Command::Serve(args)) => serve(&folder, &args).await,
        Some(Command::Completions { shell }) => {
            // Made first and written then: it panics over a reader that has seen enough.
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sagebrush", &mut text);
            let _ = std::io::stdout().lock().write_all(&text);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Coverage(args)) => {
            admin::coverage(args.service.as_deref()).map(|outcome| print(&outcome, output))
        }
        Some(Command::Trust(args)) => {
            trust::command(&folder, args.revoke).map(|outcome| print(&outcome, output))
        }
        Some(Command::Exec(args)) => exec::run(&folder, &args).await,
        Some(Command::Verb(verb)) => one_verb(&folder, &verb, output, show).await,
        Some(other) => in_workspace(&folder, other, output).await,
    };
    result.unwrap_or_else(|error| fail(&error))
}

/// Prints an outcome to stdout, in one write.
fn print(outcome: &Outcome, output: OutputFormat) -> ExitCode {
    let text = match output {
        OutputFormat::Table => render::text(outcome),
        OutputFormat::Json => render::json(outcome),
    };
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // A reader that has seen enough (`| head`) is no failure, a full disk is.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(&CommandError::io("standard output", error))
        }
        _ => ExitCode::SUCCESS,
    }
}

async fn in_workspace(
    folder: &Path,
    command: Command,
    output: OutputFormat,
) -> Result<ExitCode, CommandError> {
    let workspace = read_workspace(folder)?;
    let outcome = match command {
        Command::Stop => admin::stop(&workspace).await?,
        Command::Status => admin::status(&workspace).await?,
        Command::Env(args) => {
            let (outcome, started) =
                admin::environment(&workspace, &command_exec::inherited(), &args).await?;
            if let Some(pid) = started {
                say_started(&workspace, pid);
            }
            outcome
        }
        _ => {
            let (outcome, well) = admin::doctor(&workspace).await?;
            let printed = print(&outcome, output);
            return Ok(if well { printed } else { ExitCode::FAILURE });
        }
    };
    Ok(print(&outcome, output))
}

fn say_started(workspace: &Workspace, pid: u32) {
    let folder = shell_word(&workspace.folder.display().to_string());
    eprintln!(
        "started the region of {folder} (process {pid}); `sagebrush stop -w {folder}` ends it"
    );
}

fn read_workspace(folder: &Path) -> Result<Workspace, CommandError> {
    Workspace::read(folder).map_err(|error| CommandError::Failed(error.to_string()))
}

/// Without a subcommand: the workbench on a terminal, else the demo, headless, so that
/// `cargo run --release` shows what this is.
async fn start_here(
    workspace: Option<&Path>,
    args: &WorkbenchArgs,
) -> Result<ExitCode, CommandError> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return workbench::open(workspace, args).await;
    }
    let args = RunArgs {
        script: PathBuf::from("iris"),
        keep: false,
        stay: false,
        junit: None,
        report: None,
    };
    script(&args, workspace).await
}

async fn one_verb(
    folder: &Path,
    verb: &Verb,
    output: OutputFormat,
    show: Option<Language>,
) -> Result<ExitCode, CommandError> {
    let workspace = read_workspace(folder)?;
    let (client, started) = admin::attach_or_start(&workspace).await?;
    if let Some(pid) = started {
        say_started(&workspace, pid);
    }
    let progress: Arc<dyn Progress> = Arc::new(Spinner::new());
    let base = std::env::current_dir().map_err(|error| CommandError::io("this folder", error))?;
    let mut session = Session::new(client, base, Arc::clone(&progress));
    let outcome = interruptible(run(&mut session, verb)).await;
    tidy(&mut session, matches!(outcome, Err(CommandError::Interrupted))).await;
    progress.step(0, 0, "");
    let outcome = outcome?;
    Ok(print(
        &match show {
            Some(language) => shown(&mut session, language, outcome),
            None => outcome,
        },
        output,
    ))
}

/// Runs until done, or until Ctrl-C, SIGTERM or SIGHUP asks for the end.
async fn interruptible<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        done = work => done,
        () = asked_to_end() => Err(CommandError::Interrupted),
    }
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn host_failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}

async fn serve(folder: &Path, args: &ServeArgs) -> Result<ExitCode, CommandError> {
    let workspace = read_workspace(folder)?;
    let port = match (args.port, workspace.settings.port) {
        (Some(port), _) => PortChoice::Exactly(port),
        (None, Some(port)) => PortChoice::From(port),
        (None, None) => PortChoice::default(),
    };
    trust::on_first_start(&workspace)?;
    let host = Host::start(workspace, port).await.map_err(host_failed)?;
    if let Some(taken) = host.gateway().taken {
        eprintln!("port {taken} is taken; using {}", host.gateway().address.port());
    }
    host.announce().map_err(|error| CommandError::io("leaving word in the workspace", error))?;
    let place = host.workspace.place();
    println!(
        "sagebrush: SIMULATED region {} of account {} at {} ({})",
        place.region,
        place.account,
        host.gateway().url(),
        host.workspace.folder.display()
    );
    std::io::stdout().flush().ok();
    tokio::select! {
        () = host.gateway().stop_requested() => {}
        () = asked_to_end() => {}
    }
    host.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// A script's text, its name, and the folder that its paths start from (which goes with the guard).
struct Source {
    name: String,
    text: String,
    base: PathBuf,
    _unpacked: Option<tempfile::TempDir>,
}

fn source(path: &Path) -> Result<Source, CommandError> {
    let unpacked = match demo::unpack(path) {
        Some(unpacked) if !path.exists() => {
            Some(unpacked.map_err(|error| CommandError::io("unpacking the demo", error))?)
        }
        _ => None,
    };
    let path = unpacked.as_ref().map_or(path.to_owned(), |(_, script)| script.clone());
    let path = if path.is_dir() { path.join("demo.brush") } else { path };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let known = demo::names().join(", ");
        CommandError::io(format!("{} (built-in demos: {known})", path.display()), error)
    })?;
    // A script in this very folder is named without one.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let base = parent.unwrap_or(Path::new(".")).to_owned();
    let folder = base.file_name().map(|name| format!("{}/", name.to_string_lossy()));
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = format!("{}{}", folder.unwrap_or_default(), file.unwrap_or_default());
    Ok(Source { name, text, base, _unpacked: unpacked.map(|(guard, _)| guard) })
}

async fn script(args: &RunArgs, workspace: Option<&Path>) -> Result<ExitCode, CommandError> {
    let source = source(&args.script)?;
    let script = Script::parse(&source.name, &source.text)
        .map_err(|error| CommandError::Usage(format!("{}: {error}", source.name)))?;
    let terminal = std::io::stdout().is_terminal();
    let style = match args.report {
        Some(ReportFormat::Json) => Style::JsonLines,
        _ => Style::Text { colour: terminal && std::env::var_os("NO_COLOR").is_none() },
    };
    let mut report = Report::new(Box::new(std::io::stdout()), style);
    let progress: Arc<dyn Progress> =
        if terminal { Arc::new(Spinner::new()) } else { Arc::new(Quiet) };
    let ending = match workspace {
        Some(folder) => {
            let (client, _) = admin::attach_or_start(&read_workspace(folder)?).await?;
            let mut session =
                Session::new(client, source.base.clone(), Arc::clone(&progress)).confined();
            Ok(steps(&mut session, &script, &mut report).await)
        }
        None => scratch(args, &source, &script, &mut report, Arc::clone(&progress)).await,
    };
    progress.step(0, 0, "");
    if let Some(path) = &args.junit {
        let failed = |error| CommandError::io(path.display().to_string(), error);
        let file = std::fs::File::create(path).map_err(failed)?;
        report.junit(std::io::BufWriter::new(file)).map_err(failed)?;
    }
    Ok(ExitCode::from(ending?.exit_code))
}

async fn steps(session: &mut Session, script: &Script, report: &mut Report) -> Ending {
    let ending = sagebrush::script::run::run(session, script, report, asked_to_end()).await;
    tidy(session, ending.interrupted).await;
    ending
}

/// After an interruption: what the command set up for its own use goes, and whoever is asked to end
/// twice ends at once.
async fn tidy(session: &mut Session, interrupted: bool) {
    if interrupted && let Err(error) = interruptible(clean_up(session)).await {
        eprintln!("warning: not all is cleaned up: {}", render::escape(&error.to_string()));
    }
}

/// Runs the script on a region of its own in this process, in a folder that goes with it.
async fn scratch(
    args: &RunArgs,
    source: &Source,
    script: &Script,
    report: &mut Report,
    progress: Arc<dyn Progress>,
) -> Result<Ending, CommandError> {
    let folder = tempfile::Builder::new()
        .prefix("sagebrush-run-")
        .tempdir()
        .map_err(|error| CommandError::io("making a scratch folder", error))?;
    let mut workspace = read_workspace(&source.base)?;
    workspace.folder = folder.path().to_owned();
    // They are those of the workspace's own region, which may be running.
    workspace.settings.ports.clear();
    let host = Host::start(workspace, PortChoice::Exactly(0)).await.map_err(host_failed)?;
    let mut session = Session::new(host.client.clone(), source.base.clone(), progress).confined();
    let ending = steps(&mut session, script, report).await;
    if args.stay && !ending.interrupted {
        host.announce()
            .map_err(|error| CommandError::io("leaving word in the workspace", error))?;
        let folder = folder.path().display();
        eprintln!("the region stays at {} until Ctrl-C; in another shell:", host.gateway().url());
        eprintln!("  eval \"$(sagebrush env --workspace {folder})\"");
        asked_to_end().await;
    }
    host.shutdown().await;
    if args.keep {
        eprintln!("kept: sagebrush serve --workspace {}", folder.keep().display());
    }
    Ok(ending)
}

/// One line on stderr of how far long work has come; nothing when stderr is no terminal.
struct Spinner(ProgressBar);

impl Spinner {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Progress for Spinner {
    fn step(&self, done: u64, total: u64, what: &str) {
        if what.is_empty() {
            self.0.finish_and_clear();
            return;
        }
        let what = render::escape(what);
        let text = if total > 0 { format!("{what} {done}/{total}") } else { what };
        self.0.set_message(text);
        self.0.enable_steady_tick(Duration::from_millis(120));
    }

    fn line(&self, text: &str) {
        let text = render::escape(text);
        self.0.suspend(|| {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        });
    }
}
