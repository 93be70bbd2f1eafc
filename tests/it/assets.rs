//! The service models under `assets/api/` are what their script makes of the pinned botocore, which is
//! that of the tests' clients.

use crate::python;
use sagebrush::api::model::{self, SERVICES};
use sagebrush::region::{Behaviour, dispatch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kept() -> PathBuf {
    root().join("assets/api")
}

#[test]
fn the_models_are_what_their_script_makes() {
    let made = tempfile::tempdir().unwrap();
    let mut make = Command::new(python::venv());
    python::isolated(&mut make);
    python::succeed(make.arg(kept().join("make.py")).arg(made.path()));
    for service in SERVICES {
        let file = format!("{service}.json");
        let read = |folder: &Path| std::fs::read(folder.join(&file)).unwrap();
        // Not `assert_eq`: nobody wants to read both.
        assert!(
            read(&kept()) == read(made.path()),
            "{file} is not what make.py makes: run it and commit the result"
        );
    }
}

#[test]
fn the_directory_of_services_is_what_its_script_makes() {
    let kept = root().join("assets");
    let made = tempfile::tempdir().unwrap();
    let mut make = Command::new(python::venv());
    python::isolated(&mut make);
    python::succeed(make.arg(kept.join("services.py")).arg(made.path()));
    let read = |folder: &Path| std::fs::read(folder.join("services.json")).unwrap();
    assert!(read(&kept) == read(made.path()), "services.json is not what services.py makes");
}

#[test]
fn a_new_model_shows_its_changes_and_asks_for_entries() {
    python::succeed(&mut python::script("model_changes.py"));
}

#[test]
fn the_models_are_those_of_the_tests_clients() {
    let requirements = root().join("tests/clients/requirements.txt");
    let requirements = std::fs::read_to_string(requirements).unwrap();
    let pinned = requirements.lines().find_map(|line| line.strip_prefix("botocore==")).unwrap();
    let models = SERVICES.iter().map(|service| kept().join(format!("{service}.json")));
    for path in models.chain([root().join("assets/services.json")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let source = format!("\"source\":\"botocore {pinned}\"");
        assert!(text.contains(&source), "{} is not of botocore {pinned}", path.display());
    }
}

#[test]
fn every_member_of_what_behaves_has_an_entry() {
    type Entries = BTreeMap<String, BTreeMap<String, Vec<String>>>;
    let text = std::fs::read_to_string(kept().join("members.toml")).unwrap();
    let mut entries: Entries = toml::from_str(&text).unwrap();
    entries.remove("deeper");
    let mut found = Entries::new();
    for name in SERVICES {
        let service = model::service(name).unwrap();
        for operation in service.operations() {
            let route = dispatch::table().route(name, operation.name);
            if route.is_some_and(|route| route.behaviour == Behaviour::Behaves) {
                let members = service.input(operation).map(|input| input.members.iter());
                let members = members.into_iter().flatten().map(|member| member.name.to_owned());
                let operations = found.entry((*name).to_owned()).or_default();
                operations.insert(operation.name.to_owned(), members.collect());
            }
        }
    }
    for (service, operations) in &found {
        for (operation, members) in operations {
            let known = entries.get(service).and_then(|known| known.get(operation));
            assert_eq!(
                known.map(|known| sorted(known)),
                Some(sorted(members)),
                "{service} {operation}: write its members into assets/api/members.toml"
            );
        }
    }
    for (service, operations) in &entries {
        for operation in operations.keys() {
            let behaves = found.get(service).is_some_and(|found| found.contains_key(operation));
            assert!(behaves, "members.toml: {service} {operation} does not behave");
        }
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}
