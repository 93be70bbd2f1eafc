//! Trust at the command line: what a stranger's folder brings along does not come to life by itself.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Output};

/// A home of its own for each test: the list of the person who runs the tests stays as it is.
struct Person(tempfile::TempDir);

impl Person {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn runs(&self, folder: &Path, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .args(words)
            .arg("--workspace")
            .arg(folder)
            .env("XDG_STATE_HOME", self.0.path())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder as it may come out of an archive, with a region in it.
fn strangers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::DirBuilder::new().mode(0o700).create(folder.path().join(".sagebrush")).unwrap();
    fs::write(folder.path().join("demo.brush"), "say hello\n").unwrap();
    folder
}

#[test]
fn a_verb_does_not_start_a_region_that_came_with_the_folder() {
    let (person, folder) = (Person::new(), strangers());
    let output = person.runs(folder.path(), &["list", "model"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("`sagebrush trust`"), "{}", said(&output));
    assert_eq!(fs::read_dir(folder.path().join(".sagebrush")).unwrap().count(), 0);
}

#[test]
fn trusting_tells_what_lies_there_and_can_be_taken_back() {
    let (person, folder) = (Person::new(), strangers());
    let output = person.runs(folder.path(), &["trust"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("is trusted") && said(&output).contains("demo.brush"));
    let output = person.runs(folder.path(), &["list", "model"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(person.runs(folder.path(), &["stop"]).status.success());
    let output = person.runs(folder.path(), &["trust", "--revoke"]);
    assert!(said(&output).contains("is trusted no longer"), "{}", said(&output));
    let output = person.runs(folder.path(), &["list", "model"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn a_region_that_a_verb_has_started_is_trusted_from_then_on() {
    let (person, parent) = (Person::new(), tempfile::tempdir().unwrap());
    let folder = parent.path().join("new");
    for _ in 0..2 {
        let output = person.runs(&folder, &["list", "model"]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(person.runs(&folder, &["stop"]).status.success());
    }
}

#[test]
fn a_region_elsewhere_is_not_attached_to() {
    let (person, folder) = (Person::new(), strangers());
    let word =
        r#"{"pid":1,"address":"192.0.2.1:7242","region":"us-east-1","account":"123456789012"}"#;
    fs::write(folder.path().join(".sagebrush/region.json"), word).unwrap();
    let output = person.runs(folder.path(), &["status"]);
    assert!(said(&output).contains("no region runs"), "{}", said(&output));
}
