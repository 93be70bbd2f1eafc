//! The pictures under `assets/pictures/` are what the workbench shows of the recorded demo.
//!
//! After a screen has changed, `assets/pictures/make.sh` draws them anew; look at them, then commit
//! them with the change. The recording itself is made by `assets/recordings/make.py`.

use sagebrush::tui::chord;
use sagebrush::tui::driver::still::{Still, picture};
use sagebrush::tui::recording::{Player, Recording};
use sagebrush::tui::render::{self, Format};
use sagebrush::tui::screens;
use sagebrush::tui::theme::Theme;
use sagebrush::tui::view::Place;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Set, it has the pictures written instead of compared.
const RENEW: &str = "SAGEBRUSH_PICTURES";

const WIDE: (u16, u16) = (120, 40);

/// A picture: when in the recording, and what is done before it is taken.
struct Picture {
    file: &'static str,
    about: &'static str,
    /// A moment of `assets/recordings/demo.toml`.
    moment: &'static str,
    /// A screen and its subject; where the session was when left out.
    place: Option<(&'static str, &'static str)>,
    keys: &'static str,
    size: (u16, u16),
    theme: &'static str,
}

const fn at(file: &'static str, moment: &'static str, about: &'static str) -> Picture {
    Picture { file, about, moment, place: None, keys: "", size: WIDE, theme: "dark" }
}

impl Picture {
    const fn keys(self, keys: &'static str) -> Self {
        Self { keys, ..self }
    }

    const fn on(self, screen: &'static str, subject: &'static str) -> Self {
        Self { place: Some((screen, subject)), ..self }
    }

    const fn size(self, columns: u16, rows: u16) -> Self {
        Self { size: (columns, rows), ..self }
    }

    const fn theme(self, theme: &'static str) -> Self {
        Self { theme, ..self }
    }
}

/// Ends the demo's strip, so that a screen has all the room.
const ALONE: &str = "ctrl-t";

static PICTURES: &[(&str, &[Picture])] = &[
    (
        "The region",
        &[
            at(
                "overview",
                "overview",
                "Overview: what exists, how it hangs together, what moves, what it costs",
            ),
            at("overview-large", "overview", "The same in a large window")
                .keys(ALONE)
                .size(200, 60),
            at("overview-small", "overview", "And in a small one").keys(ALONE).size(80, 24),
            at("demo", "offered", "The demo is offered"),
        ],
    ),
    (
        "Training",
        &[
            at(
                "training",
                "training",
                "A job at work: stages, curves from its log, utilisation, cost",
            ),
            at("job", "job", "The same job, done").keys(ALONE),
            at("job-small", "job", "In a small window").keys(ALONE).size(80, 24),
            at("jobs", "jobs", "All jobs").keys(ALONE),
        ],
    ),
    (
        "Endpoints",
        &[
            at(
                "endpoint",
                "live",
                "The cockpit of an endpoint: shares asked for and observed, latencies of the variants over each other, a verdict that is valid whenever one looks",
            ),
            at("endpoint-large", "live", "In a large window").keys(ALONE).size(200, 60),
            at("endpoint-small", "live", "In a small one").keys(ALONE).size(80, 24),
            at("weights", "preview", "A shift of the split, previewed; nothing has happened yet"),
            at("percentiles", "shifted", "Half and half; latencies by percentile").keys("P"),
            at(
                "over-time",
                "stopped",
                "A container was stopped: the fleet heals, no request failed",
            )
            .keys("O"),
            at("invoke", "invoked", "A request of one's own, and its answer").keys(ALONE),
            at("endpoints", "describe", "All endpoints").keys(ALONE).on("endpoints", ""),
            at("endpoint-logs", "endpoint-logs", "The logs of its instances").keys(ALONE),
        ],
    ),
    (
        "Registry",
        &[
            at(
                "compare",
                "compare",
                "Two versions beside each other: what differs, and what cannot be told apart",
            )
            .keys(ALONE),
            at("compare-small", "compare", "In a small window").keys(ALONE).size(80, 24),
            at("group", "group", "The versions of a group").keys(ALONE),
            at("registry", "group", "All groups").keys(ALONE).on("registry", ""),
            at("deploy", "group", "Deploying a version: the command is written as one chooses")
                .keys("ctrl-t p"),
            at("models", "group", "Models").keys(ALONE).on("models", ""),
            at("configurations", "group", "Endpoint configurations")
                .keys(ALONE)
                .on("configurations", ""),
        ],
    ),
    (
        "Data and logs",
        &[
            at("bucket", "bucket", "A bucket, and an object read in place").keys(ALONE),
            at("buckets", "buckets", "All buckets").keys(ALONE),
            at("logs", "logs", "Log groups and their streams").keys(ALONE),
            at("log-search", "log-search", "A search across all groups").keys(ALONE),
        ],
    ),
    (
        "Everywhere",
        &[
            at("code", "code", "What was just done, as boto3"),
            at("code-cli", "code", "The same for the AWS CLI").keys("2"),
            at("palette", "palette", "The palette over the whole command language").keys(ALONE),
            at("describe", "describe", "All of a resource, folded and searched").keys(ALONE),
            at("help", "live", "Help, made from the keys of the very view").keys("?"),
            at("new", "group", "Create anything").keys("ctrl-t N"),
            at(
                "settings",
                "settings",
                "Settings: engine, bounds, credentials, themes, keys, coverage",
            )
            .keys(ALONE),
            at("leave", "end", "Leaving asks whether the region goes on").keys("q"),
        ],
    ),
    (
        "Themes",
        &[
            at("endpoint-light", "live", "light").theme("light").keys(ALONE),
            at("endpoint-high-contrast", "live", "high-contrast")
                .theme("high-contrast")
                .keys(ALONE),
            at("endpoint-colour-blind", "live", "colour-blind").theme("colour-blind").keys(ALONE),
            at("endpoint-sixteen", "live", "sixteen: the terminal's own colours")
                .theme("sixteen")
                .keys(ALONE),
            at("endpoint-plain", "live", "plain: what NO_COLOR asks for")
                .theme("plain")
                .keys(ALONE),
            at("overview-light", "overview", "light").theme("light").keys(ALONE),
        ],
    ),
];

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn moments() -> BTreeMap<String, f64> {
    toml::from_str(&std::fs::read_to_string(assets().join("recordings/demo.toml")).unwrap())
        .unwrap()
}

fn recording() -> Recording {
    let packed = std::fs::read(assets().join("recordings/demo.jsonl.gz")).unwrap();
    Recording::read(packed.as_slice()).unwrap()
}

fn drawn(picture_of: &Picture, moments: &BTreeMap<String, f64>) -> String {
    let seconds = moments
        .get(picture_of.moment)
        .unwrap_or_else(|| panic!("demo.toml has no moment `{}`", picture_of.moment));
    let mut player = Player::new(recording()).unwrap();
    player.go((seconds * 1000.0) as i64).unwrap();
    let place = picture_of.place.map(|(screen, subject)| Place {
        screen: screens::find(screen).unwrap().name,
        subject: (!subject.is_empty()).then(|| subject.to_owned()),
    });
    let theme = Theme::named(picture_of.theme).unwrap();
    let keys = chord::sequences(picture_of.keys).unwrap();
    let still = Still { size: picture_of.size, theme: Some(theme), place, keys };
    let state = still.of_recording(player);
    let title = format!("sagebrush · {}", state.workspace);
    render::draw(&picture(&state), Format::Svg, state.theme, &title)
}

/// The page that shows all of them.
fn page() -> String {
    let mut page = String::from(
        "# The workbench in pictures\n\nAll are drawn by the workbench itself from one recorded session \
         (`assets/recordings/demo.jsonl.gz`;\n`sagebrush replay` plays it). `make.sh` draws them anew; a \
         test fails when one is stale.\n",
    );
    for (part, pictures) in PICTURES {
        write!(page, "\n## {part}\n").unwrap();
        for one in *pictures {
            let (columns, rows) = one.size;
            let size =
                if one.size == WIDE { String::new() } else { format!(" ({columns}×{rows})") };
            write!(page, "\n{}{size}\n\n![{}]({}.svg)\n", one.about, one.about, one.file).unwrap();
        }
    }
    page
}

#[test]
fn pictures_are_what_the_workbench_shows() {
    let renew = std::env::var_os(RENEW).is_some();
    let folder = assets().join("pictures");
    let moments = moments();
    let all: Vec<&Picture> = PICTURES.iter().flat_map(|(_, pictures)| *pictures).collect();
    // Each plays the recording from its beginning; they do not wait for each other.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let made: Vec<(String, String)> = std::thread::scope(|scope| {
        let moments = &moments;
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let mine = all.iter().skip(first).step_by(threads);
                let draw = |one: &&Picture| (format!("{}.svg", one.file), drawn(one, moments));
                scope.spawn(move || mine.map(draw).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let made: BTreeMap<String, String> =
        made.into_iter().chain([("README.md".to_owned(), page())]).collect();
    let mut stale = Vec::new();
    for (name, text) in &made {
        let file = folder.join(name);
        if std::fs::read_to_string(&file).is_ok_and(|kept| kept == *text) {
            continue;
        }
        if renew {
            std::fs::write(&file, text).unwrap();
        } else {
            stale.push(name.as_str());
        }
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".svg") && !made.contains_key(&name) {
            if renew {
                std::fs::remove_file(folder.join(&name)).unwrap();
            } else {
                stale.push("one that is not in the table");
            }
        }
    }
    assert!(
        stale.is_empty(),
        "stale: {}; run assets/pictures/make.sh, look at what has changed, and commit it",
        stale.join(", ")
    );
}

#[test]
fn the_recording_holds_nothing_of_the_machine_that_made_it() {
    let recording = recording();
    assert!(recording.length() > 60_000, "a minute at least");
    for stamped in &recording.messages {
        let text = serde_json::to_string(stamped).unwrap();
        for forbidden in ["/tmp/tmp", "/root", "/home/"] {
            let found = text.replace("/home/ada/cancer", "").contains(forbidden);
            assert!(!found, "{forbidden} in {text:.200}");
        }
    }
}
