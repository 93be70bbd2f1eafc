//! The service models under `assets/api/` are what their script makes of the pinned botocore.

use crate::python;
use sagebrush::api::model::SERVICES;
use std::path::Path;
use std::process::Command;

#[test]
fn the_models_are_what_their_script_makes() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/api");
    let made = tempfile::tempdir().unwrap();
    let mut make = Command::new(python::venv());
    python::isolated(&mut make);
    python::succeed(make.arg(kept.join("make.py")).arg(made.path()));
    for service in SERVICES {
        let file = format!("{service}.json");
        let read = |folder: &Path| std::fs::read(folder.join(&file)).unwrap();
        // Not `assert_eq`: nobody wants to read both.
        assert!(
            read(&kept) == read(made.path()),
            "{file} is not what make.py makes: run it and commit the result"
        );
    }
}

#[test]
fn the_directory_of_services_is_what_its_script_makes() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let made = tempfile::tempdir().unwrap();
    let mut make = Command::new(python::venv());
    python::isolated(&mut make);
    python::succeed(make.arg(kept.join("services.py")).arg(made.path()));
    let read = |folder: &Path| std::fs::read(folder.join("services.json")).unwrap();
    assert!(read(&kept) == read(made.path()), "services.json is not what services.py makes");
}
