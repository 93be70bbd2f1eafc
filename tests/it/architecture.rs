//! Rooms import downwards only. The list is the one of `ARCHITECTURE.md`; a path from one room to
//! another that is not below it, in a `use` or in the middle of code, fails here with its place.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down.
const ROOMS: [&str; 13] = [
    "tui",
    "script",
    "command",
    "gateway",
    "region",
    "load",
    "client",
    "serving",
    "engine",
    "algorithms",
    "store",
    "api",
    "domain",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room of `src/region/model.rs` is `region`.
fn room(path: &Path) -> Option<usize> {
    let first = path.strip_prefix(source_folder()).ok()?.components().next()?;
    let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
    ROOMS.iter().position(|room| *room == name)
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The rooms that a line of code names after `crate::`, also in a list: `use crate::{api, store}`.
fn named(line: &str) -> Vec<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split(['{', '}', ',']).map(str::trim).collect(),
            None => vec![rest],
        };
        for name in names {
            let end =
                name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
            found.extend(ROOMS.iter().copied().filter(|room| *room == &name[..end]));
        }
    }
    found
}

#[test]
fn imports_go_down_only() {
    let mut files = Vec::new();
    sources(&source_folder(), &mut files);
    let mut breaches = Vec::new();
    let mut seen = 0;
    for path in files {
        let Some(own) = room(&path) else { continue };
        for (index, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for target in named(line) {
                seen += 1;
                let place = ROOMS.iter().position(|room| *room == target).unwrap();
                if place < own {
                    breaches.push(format!("{}:{}: {line}", path.display(), index + 1));
                }
            }
        }
    }
    assert!(seen > 50, "the test has lost sight of the imports: it saw {seen}");
    assert!(breaches.is_empty(), "imports that go up:\n{}", breaches.join("\n"));
}

#[test]
fn the_test_sees_imports_in_every_form() {
    assert_eq!(named("use crate::store::Row;"), ["store"]);
    assert_eq!(named("use crate::{api::error, domain};"), ["api", "domain"]);
    assert_eq!(named("let x = crate::region::open(); // crate::tui"), ["region"]);
    assert!(named("use std::fs;").is_empty());
}

#[test]
fn every_room_is_in_the_crate_map() {
    let map = fs::read_to_string(source_folder().join("lib.rs")).unwrap();
    let declared: Vec<&str> =
        map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    for room in &declared {
        assert!(ROOMS.contains(room), "{room} has no place in the order of the rooms");
    }
    let order: Vec<usize> =
        declared.iter().map(|room| ROOMS.iter().position(|known| known == room).unwrap()).collect();
    assert!(order.is_sorted(), "lib.rs lists the rooms out of order: {declared:?}");
}
