//! The screens. A new one is a file here and a line in the table: its key, its help, its entry in the
//! palette, its snapshots and its picture follow from that.

mod bucket;
mod endpoint;
mod endpoint_config;
mod list;
mod log;
mod model;
mod model_package;
mod model_package_group;
mod object;
mod overview;
mod related;
mod setting;
mod training_job;

pub use log::READER_KEYS as LOG_KEYS;

use super::keymap::Binding;
use super::row::Row;
use super::view::{Place, View};
use crate::domain::kind;
use std::sync::Arc;

/// A line of the table.
pub struct Screen {
    /// Its name in `--screen`, in configuration and in the palette.
    pub name: &'static str,
    /// The breadcrumb before the subject.
    pub parent: &'static str,
    pub about: &'static str,
    /// Keys that go there from anywhere.
    pub keys: &'static [&'static str],
    pub bindings: &'static [Binding],
    /// Makes it; the subject is the one thing that it is about, if it is about one.
    pub open: fn(subject: Option<&str>) -> Box<dyn View>,
}

pub static SCREENS: &[Screen] = &[
    Screen {
        name: "overview",
        parent: "Overview",
        about: "The region as a picture: what exists, what moves, what it costs",
        keys: &["1"],
        bindings: overview::KEYS,
        open: |_| Box::new(overview::Overview::default()),
    },
    Screen {
        name: "endpoints",
        parent: "Endpoints",
        about: "Endpoints, their traffic and their cost",
        keys: &["2"],
        bindings: &[],
        open: |_| Box::new(list::List::new(&endpoint::LIST)),
    },
    Screen {
        name: "endpoint",
        parent: "Endpoints",
        about: "One endpoint: steer its traffic while seeing what it does",
        keys: &[],
        bindings: endpoint::KEYS,
        open: |name| Box::new(endpoint::Cockpit::new(name.unwrap_or_default())),
    },
    Screen {
        name: "registry",
        parent: "Registry",
        about: "Model package groups, their versions and approvals",
        keys: &["4"],
        bindings: &[],
        open: |_| Box::new(model_package_group::List::default()),
    },
    Screen {
        name: "group",
        parent: "Registry",
        about: "The versions of one group",
        keys: &[],
        bindings: model_package::BINDINGS,
        open: |subject| Box::new(model_package::Group::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "package",
        parent: "Registry",
        about: "The versions of one group, at one of them",
        keys: &[],
        bindings: &[],
        open: |subject| Box::new(model_package::Group::at(subject.unwrap_or_default())),
    },
    Screen {
        name: "compare",
        parent: "Registry",
        about: "Two versions beside each other",
        keys: &[],
        bindings: model_package::COMPARE_BINDINGS,
        open: |subject| Box::new(model_package::Compare::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "buckets",
        parent: "Buckets",
        about: "Buckets and their objects",
        keys: &["6"],
        bindings: bucket::BINDINGS,
        open: |_| Box::new(list::List::new(&bucket::LIST)),
    },
    Screen {
        name: "bucket",
        parent: "Buckets",
        about: "The objects of one bucket, level by level",
        keys: &[],
        bindings: object::BINDINGS,
        open: |subject| Box::new(object::Browser::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "model",
        parent: "Models",
        about: "One model: containers, where it comes from, who serves it",
        keys: &[],
        bindings: model::BINDINGS,
        open: |subject| Box::new(model::Detail::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "configuration",
        parent: "Configurations",
        about: "One endpoint configuration: variants, models, who uses it",
        keys: &[],
        bindings: &[],
        open: |subject| Box::new(endpoint_config::Detail::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "models",
        parent: "Models",
        about: "Models: containers and their data",
        keys: &["8"],
        bindings: model::BINDINGS,
        open: |_| Box::new(list::List::new(&model::LIST)),
    },
    Screen {
        name: "configurations",
        parent: "Configurations",
        about: "Endpoint configurations and who uses them",
        keys: &["9"],
        bindings: &[],
        open: |_| Box::new(list::List::new(&endpoint_config::LIST)),
    },
    Screen {
        name: "jobs",
        parent: "Jobs",
        about: "Training jobs, those under way first",
        keys: &["3"],
        bindings: training_job::LIST_KEYS,
        open: |_| Box::new(list::List::new(&training_job::LIST)),
    },
    Screen {
        name: "job",
        parent: "Jobs",
        about: "One training job: its curves, its log, what went in and what came out",
        keys: &[],
        bindings: training_job::JOB_KEYS,
        open: |subject| Box::new(training_job::Job::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "logs",
        parent: "Logs",
        about: "Log groups and their streams, followed",
        keys: &["7"],
        bindings: log::KEYS,
        open: log::open,
    },
    Screen {
        name: "log-search",
        parent: "Logs",
        about: "A search across all log groups",
        keys: &[],
        bindings: log::SEARCH_KEYS,
        open: |subject| Box::new(log::Search::new(subject.unwrap_or_default())),
    },
    Screen {
        name: "settings",
        parent: "Settings",
        about: "Engine, limits, credentials, what was dropped, themes, keys",
        keys: &["0"],
        bindings: setting::KEYS,
        open: |_| Box::new(setting::Settings::default()),
    },
];

pub fn find(name: &str) -> Option<&'static Screen> {
    SCREENS.iter().find(|screen| screen.name == name)
}

pub fn open(place: &Place) -> Option<Box<dyn View>> {
    find(place.screen).map(|screen| (screen.open)(place.subject.as_deref()))
}

/// Where one sees a resource of that kind; `None` for kinds without a screen of their own.
pub fn place_of(row: &Row) -> Option<Place> {
    let screen = match row.kind.as_str() {
        kind::ENDPOINT => "endpoint",
        kind::TRAINING_JOB => "job",
        kind::MODEL_PACKAGE_GROUP => "group",
        kind::MODEL_PACKAGE => "package",
        kind::MODEL => "model",
        kind::ENDPOINT_CONFIG => "configuration",
        super::mirror::BUCKET => "bucket",
        _ => return None,
    };
    // A level of a bucket ends with a slash, and so does the uppermost one.
    let slash = if screen == "bucket" { "/" } else { "" };
    find(screen).map(|screen| Place::of(screen.name, format!("{}{slash}", row.name)))
}

/// The list of all of its kind.
pub fn list_of(row: &Row) -> Option<Place> {
    let one = find(place_of(row)?.screen)?;
    let list = SCREENS.iter().find(|screen| screen.parent == one.parent && !screen.keys.is_empty());
    list.map(|screen| Place::new(screen.name))
}

/// The command that deletes the rows, or why none does.
pub fn deletion(rows: &[Arc<Row>]) -> Result<Vec<String>, String> {
    let Some(first) = rows.first() else { return Err("Nothing is selected".into()) };
    let names = rows.iter().map(|row| row.name.clone());
    let kind = match first.kind.as_str() {
        kind::ENDPOINT => "endpoint",
        kind::ENDPOINT_CONFIG => "endpoint-config",
        kind::MODEL => "model",
        kind::MODEL_PACKAGE => "package",
        kind::MODEL_PACKAGE_GROUP => "group",
        kind::TRAINING_JOB => "training-job",
        super::mirror::BUCKET => {
            let words = ["bucket", "delete", "--force"].map(str::to_owned);
            return Ok(words.into_iter().chain(names).collect());
        }
        "object" | "folder" => {
            let words = ["delete", "object"].map(str::to_owned);
            let uris = rows.iter().map(|row| format!("s3://{}/{}", row.parent, row.name));
            return Ok(words.into_iter().chain(uris).collect());
        }
        other => {
            return Err(format!("A {} cannot be deleted from here", super::mirror::noun(other)));
        }
    };
    Ok(["delete", kind].map(str::to_owned).into_iter().chain(names).collect())
}
