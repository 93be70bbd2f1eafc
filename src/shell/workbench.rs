//! Starts the workbench, plays its recordings, draws its screens.

use super::read_workspace;
use jiff::tz::TimeZone;
use sagebrush::command::cli::{RenderArgs, ReplayArgs, WorkbenchArgs};
use sagebrush::command::{CommandError, demo, trust};
use sagebrush::tui::colour::Depth;
use sagebrush::tui::config::{Clock, Config, Preferences};
use sagebrush::tui::driver::{self, DriverError, Launch, terminal};
use sagebrush::tui::keys;
use sagebrush::tui::recording::{Player, Recording};
use sagebrush::tui::render::{self, Format};
use sagebrush::tui::screens;
use sagebrush::tui::state::Options;
use sagebrush::tui::theme::{THEMES, Theme};
use sagebrush::tui::view::Place;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The demo that is offered where nobody has a workspace yet.
const DEMO: &str = "cancer";

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn usage(text: impl Into<String>) -> CommandError {
    CommandError::Usage(text.into())
}

pub(super) async fn open(
    folder: Option<&Path>,
    args: &WorkbenchArgs,
) -> Result<ExitCode, CommandError> {
    let (folder, demo) = place(folder)?;
    let workspace = read_workspace(&folder)?;
    let depth = Depth::detect(env);
    let (preferences, config) = preferences(args, depth)?;
    let options = Options {
        workspace: workspace.name(),
        theme: preferences.theme,
        keys: preferences.keys,
        read_only: preferences.read_only,
        mouse: preferences.mouse,
        demo,
        zone: match preferences.clock {
            Clock::Local => TimeZone::system(),
            Clock::Utc => TimeZone::UTC,
        },
        log_lines: preferences.log_lines,
        config: config.map(|path| path.display().to_string()),
        place: start(args.screen.as_deref(), None)?,
        ..Options::default()
    };
    let editor = terminal::editor_command(preferences.editor.as_deref(), env);
    let launch = Launch { workspace, options, depth, editor, record: args.record.clone() };
    match driver::run(launch).await {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: DriverError) -> CommandError {
    match error {
        DriverError::Options(problem) => usage(problem),
        DriverError::Record { path, source } => {
            CommandError::io(path.display().to_string(), source)
        }
        other => CommandError::Failed(other.to_string()),
    }
}

/// The folder to open, and the demo to offer there. A folder that is no workspace is not made one by
/// looking at it: the demo's own folder is opened instead.
fn place(folder: Option<&Path>) -> Result<(PathBuf, Option<String>), CommandError> {
    if let Some(folder) = folder {
        return Ok((folder.to_owned(), demo_of(folder)));
    }
    let here = Path::new(".");
    if here.join("workspace.toml").exists() || here.join(".sagebrush").exists() {
        return Ok((here.to_owned(), demo_of(here)));
    }
    let data = env("XDG_DATA_HOME").filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env("HOME")?).join(".local/share")));
    let folder = data.ok_or_else(|| usage("name a workspace's folder with --workspace DIR"))?;
    let folder = folder.join("sagebrush").join(DEMO);
    demo::install(DEMO, &folder)
        .map_err(|error| CommandError::io(folder.display().to_string(), error))?;
    // It came out of this binary. A list that cannot be written only means to be asked.
    let _ = trust::trust(&folder);
    Ok((folder, Some(DEMO.to_owned())))
}

/// A workspace that has a built-in demo's data can play it, whatever it is called.
fn demo_of(folder: &Path) -> Option<String> {
    demo::of_data(folder).map(str::to_owned)
}

fn preferences(
    args: &WorkbenchArgs,
    depth: Depth,
) -> Result<(Preferences, Option<PathBuf>), CommandError> {
    let actions = keys::names();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let (file, path) = Config::load(args.config.as_deref(), env, &actions)
        .map_err(|error| usage(error.to_string()))?;
    let line = Config {
        theme: args.theme.as_deref().map(theme).transpose()?,
        mouse: args.no_mouse.then_some(false),
        read_only: args.read_only.then_some(true),
        ..Config::default()
    };
    Ok((Preferences::resolve(line, file, depth, env), path))
}

fn theme(name: &str) -> Result<&'static Theme, CommandError> {
    Theme::named(name).ok_or_else(|| {
        let known: Vec<&str> = THEMES.iter().map(|theme| theme.name).collect();
        usage(format!("there is no theme `{name}`; there are {}", known.join(", ")))
    })
}

fn start(screen: Option<&str>, subject: Option<&str>) -> Result<Place, CommandError> {
    let Some(name) = screen else { return Ok(Options::default().place) };
    let screen = screens::find(name).ok_or_else(|| {
        let known: Vec<&str> = screens::SCREENS.iter().map(|screen| screen.name).collect();
        usage(format!("there is no screen `{name}`; there are {}", known.join(", ")))
    })?;
    Ok(Place { screen: screen.name, subject: subject.map(str::to_owned) })
}

fn recording(path: &Path) -> Result<Player, CommandError> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| CommandError::io(&*shown, error))?;
    Recording::read(BufReader::new(file))
        .and_then(Player::new)
        .map_err(|error| CommandError::Failed(format!("{shown}: {error}")))
}

pub(super) fn replay(args: &ReplayArgs) -> Result<ExitCode, CommandError> {
    if !args.speed.is_finite() || args.speed <= 0.0 {
        return Err(usage("--speed is a number above 0, such as 0.5 or 4"));
    }
    let player = recording(&args.recording)?;
    driver::replay::play(player, args.speed, Depth::detect(env)).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn render(
    folder: Option<&Path>,
    args: &RenderArgs,
) -> Result<ExitCode, CommandError> {
    let format = Format::named(&args.format).ok_or_else(|| {
        usage(format!("`{}` is no format; there are svg, ansi, txt", args.format))
    })?;
    let size = size(&args.size)?;
    let chosen = args.theme.as_deref().map(theme).transpose()?;
    let place = args.screen.as_deref().map(|name| start(Some(name), args.subject.as_deref()));
    let still = driver::still::Still {
        size,
        theme: chosen,
        place: place.transpose()?,
        keys: sagebrush::tui::chord::sequences(&args.keys)
            .map_err(|error| usage(error.to_string()))?,
    };
    let state = match &args.recording {
        Some(path) => {
            let mut player = recording(path)?;
            let at = args.at.map_or(i64::MAX, |seconds| (seconds * 1000.0) as i64);
            player.go(at).map_err(|error| CommandError::Failed(error.to_string()))?;
            still.of_recording(player)
        }
        None => {
            let (folder, _) = self::place(folder)?;
            still.of_workspace(read_workspace(&folder)?).await.map_err(failed)?
        }
    };
    let title = format!("sagebrush · {}", state.workspace);
    let text = render::draw(&driver::still::picture(&state), format, state.theme, &title);
    match &args.to {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| CommandError::io(path.display().to_string(), error))?,
        None => drop(std::io::stdout().lock().write_all(text.as_bytes())),
    }
    Ok(ExitCode::SUCCESS)
}

fn size(text: &str) -> Result<(u16, u16), CommandError> {
    let parsed = text.split_once(['x', '×']).and_then(|(columns, rows)| {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=1000).contains(side));
        Some((side(columns)?, side(rows)?))
    });
    parsed.ok_or_else(|| usage(format!("`{text}` is no size; write it like 120x40")))
}
