//! The sections of the settings, as lines that can be moved over and copied.

use crate::command::admin;
use crate::command::show::shell_word;
use crate::domain::time::Timestamp;
use crate::tui::format;
use crate::tui::keys;
use crate::tui::msg::{Link, Secret};
use crate::tui::text::wrapped;
use crate::tui::theme::{THEMES, Theme};
use crate::tui::view::{Scene, Tone};
use ratatui::style::Style;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

/// A line of a section.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub value: String,
    pub role: Role,
    pub tone: Feel,
    /// What copying it gives.
    pub copy: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    Heading,
    /// A sentence.
    Words,
    Value,
    Secret,
    Theme(&'static Theme),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feel {
    Plain,
    Strong,
    Tone(Tone),
}

impl Feel {
    pub const fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Plain => theme.text,
            Self::Strong => theme.accent,
            Self::Tone(Tone::Good) => theme.good,
            Self::Tone(Tone::Warn) => theme.warn,
            Self::Tone(Tone::Bad) => theme.bad,
            Self::Tone(Tone::Info) => theme.dim,
        }
    }
}

impl Entry {
    /// Whether the cursor rests on it.
    pub fn rests(&self) -> bool {
        !matches!(self.role, Role::Heading | Role::Words)
    }

    fn feel(mut self, tone: Feel) -> Self {
        self.tone = tone;
        self
    }
}

fn heading(name: &str) -> Entry {
    let (value, copy) = (String::new(), None);
    Entry { name: name.to_owned(), value, role: Role::Heading, tone: Feel::Plain, copy }
}

fn gap() -> Entry {
    Entry { role: Role::Words, ..heading("") }
}

fn words(text: &str, columns: usize) -> Vec<Entry> {
    let line = |name: String| Entry { name, role: Role::Words, ..heading("") };
    wrapped(text, columns.saturating_sub(3)).into_iter().map(line).collect()
}

fn value(name: &str, value: impl Into<String>) -> Entry {
    let value = value.into();
    let copy = Some(value.clone());
    Entry { name: name.to_owned(), value, role: Role::Value, tone: Feel::Plain, copy }
}

/// A section: its name in the list, its title, and what makes its lines.
pub struct Section {
    pub name: &'static str,
    pub title: &'static str,
    pub entries: fn(&Scene<'_>, revealed: bool, columns: usize) -> Vec<Entry>,
}

pub static SECTIONS: [Section; 8] = [
    Section { name: "Region", title: "This region", entries: region },
    Section { name: "Reach it", title: "How other programs reach it", entries: reach },
    Section { name: "Engine", title: "What runs the containers", entries: engine },
    Section { name: "Bounds", title: "Bounds, and what was dropped at them", entries: bounds },
    Section { name: "Themes", title: "Looks", entries: themes },
    Section { name: "Keys", title: "Keys", entries: keymap },
    Section { name: "Simulated", title: "What of AWS is simulated", entries: coverage },
    Section { name: "Workbench", title: "This workbench", entries: workbench },
];

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn whole(document: &Value, pointer: &str) -> Option<u64> {
    document.pointer(pointer).and_then(Value::as_u64)
}

fn number(document: &Value, pointer: &str) -> Option<f64> {
    document.pointer(pointer).and_then(Value::as_f64)
}

fn link_line(scene: &Scene<'_>) -> Entry {
    let (told, tone) = match &scene.mirror.link {
        Some(Link::Connected { started_here: true, .. }) => {
            ("connected; started by this workbench".to_owned(), Tone::Good)
        }
        Some(Link::Connected { .. }) => ("connected".to_owned(), Tone::Good),
        Some(Link::Lost { why }) => (format!("lost, and looked for: {why}"), Tone::Bad),
        Some(Link::Failed { why }) => (why.clone(), Tone::Bad),
        Some(Link::Untrusted { folder, .. }) => {
            (format!("{folder} is not trusted: nothing runs"), Tone::Warn)
        }
        Some(Link::Starting) | None => ("starting …".to_owned(), Tone::Info),
    };
    value("state", told).feel(Feel::Tone(tone))
}

fn region(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let (health, engine) = (&scene.mirror.health, &scene.mirror.engine);
    let mut entries = words(
        "SIMULATED: everything here runs on this machine. No account is used, nothing leaves it, \
         and money is what the time would cost at AWS's list prices.",
        columns,
    );
    entries.push(gap());
    entries.push(link_line(scene));
    entries.push(value("workspace", text(health, "/workspace")).feel(Feel::Strong));
    entries.push(value("AWS region", text(health, "/region")));
    entries.push(value("account", text(health, "/account")));
    entries.push(value("address", scene.mirror.address.clone()));
    entries.push(value("revision", format::count(scene.mirror.revision)));
    let pid = whole(health, "/pid").map(|pid| pid.to_string()).unwrap_or_default();
    entries.push(value("process", pid));
    if let Some(seconds) = number(engine, "/uptime_seconds") {
        let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        entries.push(value("up for", format::duration(span)));
    }
    let theirs = text(health, "/version");
    let mine = env!("CARGO_PKG_VERSION");
    entries.push(value("version", theirs));
    if !theirs.is_empty() && theirs != mine {
        let told = format!("this workbench is {mine}: `sagebrush stop`, then start again");
        entries.push(value("", told).feel(Feel::Tone(Tone::Warn)));
    }
    if engine.is_object() {
        entries.push(gap());
        entries.push(heading("How it was started"));
        if let Some(seed) = whole(engine, "/seed") {
            entries.push(value("seed", seed.to_string()));
        }
        if let Some(pace) = number(engine, "/pace") {
            let told = if (pace - 1.0).abs() < 1e-9 {
                "1, real time".to_owned()
            } else {
                format!("{pace}: waits are shortened, and say so")
            };
            entries.push(value("pace", told));
        }
        entries.push(value("durability", durability(text(engine, "/store/durability"))));
        entries.extend(disk(engine));
    }
    entries
}

fn durability(kept: &str) -> String {
    match kept {
        "process" => "process: outlives a crash of the region, not of the machine".to_owned(),
        "full" => "full: outlives a loss of power".to_owned(),
        other => other.to_owned(),
    }
}

fn disk(engine: &Value) -> Vec<Entry> {
    if engine.pointer("/store/bytes").is_none() {
        return Vec::new();
    }
    let mut entries = vec![gap(), heading("On disk")];
    let parts = [
        ("all", "bytes"),
        ("rows", "database_bytes"),
        ("objects", "objects_bytes"),
        ("logs", "logs_bytes"),
        ("containers", "work_bytes"),
    ];
    for (name, member) in parts {
        if let Some(bytes) = whole(engine, &format!("/store/{member}")) {
            entries.push(value(name, format::bytes(bytes)));
        }
    }
    entries
}

fn reach(scene: &Scene<'_>, revealed: bool, columns: usize) -> Vec<Entry> {
    let folder = text(&scene.mirror.health, "/workspace");
    let line = format!("eval \"$(sagebrush env -w {})\"", shell_word(folder));
    let mut entries = words(
        "In a second terminal this line leads boto3, the AWS CLI and the SDKs to this region, and \
         away from any real account:",
        columns,
    );
    entries.push(value("run there", line).feel(Feel::Strong));
    entries.push(gap());
    entries.push(heading("Or by hand"));
    entries.push(value("endpoint URL", scene.mirror.address.clone()));
    entries.push(value("AWS region", text(&scene.mirror.health, "/region")));
    match &scene.mirror.credentials {
        Some(known) => {
            entries.push(value("access key id", known.access_key.clone()));
            let shown = if revealed { known.secret.reveal() } else { Secret::DOTS };
            let mut secret = value("secret access key", shown);
            secret.role = Role::Secret;
            entries.push(secret);
        }
        None => entries.push(value("access key id", "asked for …").feel(Feel::Tone(Tone::Info))),
    }
    entries.push(gap());
    entries.extend(words(
        "The key opens this region only; AWS knows nothing of it. y copies the line under the \
         cursor, v shows the secret, K copies it unseen. A recording never holds it. Programs of \
         your own user on this machine may also call unsigned.",
        columns,
    ));
    entries
}

fn engine(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let engine = &scene.mirror.engine;
    if !engine.is_object() {
        return words("The region is being asked …", columns);
    }
    let mut entries = vec![
        value("engine", text(engine, "/engine/name")).feel(Feel::Strong),
        value("limits in force", text(engine, "/engine/limits")),
    ];
    entries.push(gap());
    entries.push(heading("The machine that stands in for instances"));
    if let Some(cores) = whole(engine, "/machine/cores") {
        entries.push(value("cores", cores.to_string()));
    }
    if let Some(memory) = whole(engine, "/machine/memory_mib") {
        entries.push(value("memory", format::bytes(memory.saturating_mul(1 << 20))));
    }
    entries.push(gap());
    entries.push(heading("Training jobs before it"));
    for (name, member) in [("running", "running"), ("waiting", "waiting")] {
        if let Some(count) = whole(engine, &format!("/admission/{member}")) {
            entries.push(value(name, count.to_string()));
        }
    }
    let taken = |taken: &str, all: &str| {
        let part = |member: &str| number(engine, &format!("/admission/{member}"));
        part(taken).zip(part(all))
    };
    if let Some((used, all)) = taken("vcpus_taken", "vcpus") {
        entries.push(value("vCPUs asked for", format!("{used} of {all}")));
    }
    if let Some((used, all)) = taken("memory_mib_taken", "memory_mib") {
        let bytes = |mib: f64| format::bytes((mib.max(0.0) * 1_048_576.0) as u64);
        let told = format!("{} of {}", bytes(used), bytes(all));
        entries.push(value("memory asked for", told));
    }
    entries.push(gap());
    entries.extend(words(
        "An instance type says how much a job may ask for and what its time costs; it is an \
         imitation, and only what stands under limits is enforced.",
        columns,
    ));
    entries
}

fn bounds(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let mut entries = vec![heading("Here, in the workbench")];
    if scene.mirror.dropped.is_empty() {
        entries.push(value("dropped", "nothing").feel(Feel::Tone(Tone::Good)));
    }
    for (what, count) in &scene.mirror.dropped {
        entries.push(value(what, format::count(*count)).feel(Feel::Tone(Tone::Warn)));
    }
    entries.push(gap());
    entries.push(heading("In the region"));
    let list = scene.mirror.engine.get("bounds").and_then(Value::as_array);
    for bound in list.into_iter().flatten() {
        let level = match (whole(bound, "/now"), whole(bound, "/most")) {
            (Some(now), Some(most)) => {
                format!("{} of {}, ", format::count(now), format::count(most))
            }
            _ => String::new(),
        };
        let dropped = whole(bound, "/dropped").unwrap_or(0);
        let how = text(bound, "/dropped_what");
        let told = format!("{level}{} {how}", format::count(dropped));
        let tone = if dropped > 0 { Feel::Tone(Tone::Warn) } else { Feel::Plain };
        entries.push(value(text(bound, "/what"), told).feel(tone));
    }
    if list.is_none() {
        entries.extend(words("The region is being asked …", columns));
    }
    entries
}

fn themes(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let mut entries =
        words("Enter takes the theme under the cursor; below is how it looks.", columns);
    entries.push(gap());
    let theme = |theme: &'static Theme| {
        let mut entry = value(theme.name, theme.about);
        entry.role = Role::Theme(theme);
        entry.copy = Some(theme.name.to_owned());
        entry
    };
    entries.extend(THEMES.iter().map(theme));
    entries.push(gap());
    let now = format!("theme = \"{}\" in the configuration keeps this one.", scene.theme.name);
    entries.extend(words(&now, columns));
    entries
}

fn keymap(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let mut entries = words(
        "Every key can be another: in the configuration, [keys] with lines such as \
         \"job.stop\" = [\"ctrl-x\"]. y copies such a line for the action under the cursor.",
        columns,
    );
    for (context, table) in keys::contexts() {
        if table.is_empty() {
            continue;
        }
        entries.push(gap());
        entries.push(heading(context));
        for binding in table {
            let chords = scene.keymap.keys(context, binding.action);
            let chords: Vec<String> = chords.iter().map(ToString::to_string).collect();
            let told = format!("{:<16} {}", chords.join(" "), binding.help);
            let quoted: Vec<String> = chords.iter().map(|chord| format!("{chord:?}")).collect();
            let line = format!("\"{context}.{}\" = [{}]", binding.action, quoted.join(", "));
            let mut entry = value(binding.action, told);
            entry.copy = Some(line);
            if binding.changes && scene.read_only {
                entry.tone = Feel::Tone(Tone::Info);
            }
            entries.push(entry);
        }
    }
    entries
}

/// A service, and how many of its operations behave, are recorded, are not simulated.
type Counts = (String, [u64; 3]);

static COVERAGE: LazyLock<Vec<Counts>> = LazyLock::new(|| {
    let known = admin::coverage(None).ok().map(|outcome| outcome.value).unwrap_or_default();
    let count = |counts: &Value, member: &str| counts.get(member).and_then(Value::as_u64);
    let service = |(name, counts): (&String, &Value)| {
        let of = |member| count(counts, member).unwrap_or(0);
        (name.clone(), [of("Behaves"), of("Recorded"), of("NotSimulated")])
    };
    known.as_object().into_iter().flatten().map(service).collect()
});

fn coverage(_scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let mut entries = words(
        "An operation behaves as AWS's does, is recorded (kept and told again, without an effect), \
         or is not simulated: then it answers a clear AWS error. `sagebrush coverage SERVICE` \
         lists each.",
        columns,
    );
    entries.push(gap());
    let titles = format!("{:>6}  {:>8}  {:>13}", "behave", "recorded", "not simulated");
    entries.push(value("operations that", titles).feel(Feel::Tone(Tone::Info)));
    let mut sums = [0; 3];
    for (name, counts) in COVERAGE.iter() {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let [behave, recorded, none] = counts;
        let tone = if *behave > 0 { Feel::Plain } else { Feel::Tone(Tone::Info) };
        entries.push(value(name, counted([*behave, *recorded, *none])).feel(tone));
    }
    entries.push(value("all", counted(sums)).feel(Feel::Strong));
    entries
}

fn counted([behave, recorded, none]: [u64; 3]) -> String {
    format!("{behave:>6}  {recorded:>8}  {none:>13}")
}

fn workbench(scene: &Scene<'_>, _revealed: bool, columns: usize) -> Vec<Entry> {
    let yes_no = |on: bool, yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
    let mode = yes_no(
        scene.read_only,
        "read-only: keys that change the region do nothing",
        "keys may change the region; --read-only forbids it",
    );
    let mouse = yes_no(
        scene.mouse,
        "the workbench's; M gives it to the terminal, to select text",
        "the terminal's; M takes it back",
    );
    let now = Timestamp::from_millis(scene.now);
    let time =
        format!("{} ({})", format::date_and_time(now, scene.zone), format::zone(now, scene.zone));
    let mut entries = vec![
        value("version", env!("CARGO_PKG_VERSION")),
        value("mode", mode),
        value("mouse", mouse),
        value("theme", format!("{}: {}", scene.theme.name, scene.theme.about)),
        value("time", time),
        value("log lines kept", format::count(scene.log_lines as u64)),
        value("notes kept", scene.mirror.notes.len().to_string()),
        gap(),
        heading("Configuration"),
    ];
    match scene.config {
        Some(path) => entries.push(value("file", path)),
        None => entries.extend([
            value("file", "none was found; it is looked for as"),
            value("", "$XDG_CONFIG_HOME/sagebrush/config.toml"),
            value("or", "~/.config/sagebrush/config.toml"),
        ]),
    }
    entries.extend(words(
        "What the command line says goes before the file, the file before what is usual.",
        columns,
    ));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_counted() {
        assert!(COVERAGE.len() > 5);
        let sagemaker = COVERAGE.iter().find(|(name, _)| name == "sagemaker").unwrap();
        assert!(sagemaker.1[0] > 20, "{sagemaker:?}");
    }
}
