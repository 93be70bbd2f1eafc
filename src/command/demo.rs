//! The demo workspaces inside the binary, so that it shows what it is from any folder.

use std::io;
use std::path::{Path, PathBuf};

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../workspaces/", $path)) as &[u8])),+]
    };
}

/// Path below `workspaces/`, content.
const FILES: &[(&str, &[u8])] = files![
    "iris/workspace.toml",
    "iris/demo.brush",
    "iris/data/train.csv",
    "iris/data/test.csv",
    "cancer/workspace.toml",
    "cancer/demo.brush",
    "cancer/data/train.csv",
    "cancer/data/test.csv",
];

/// The demos by name.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        FILES.iter().filter_map(|(path, _)| path.split_once('/')).map(|(name, _)| name).collect();
    names.dedup();
    names
}

/// The demo whose data lie in the folder's `data/`, unchanged: what it trains fits them.
pub fn of_data(folder: &Path) -> Option<&'static str> {
    let is_there = |name: &str| {
        let mut data = FILES.iter().filter(|(path, _)| path.starts_with(&format!("{name}/data/")));
        data.all(|(path, content)| {
            let path = folder.join(&path[name.len() + 1..]);
            // Read only where the length fits: a folder's data may be large.
            std::fs::metadata(&path).is_ok_and(|meta| meta.len() == content.len() as u64)
                && std::fs::read(&path).is_ok_and(|read| read == *content)
        })
    };
    names().into_iter().find(|name| is_there(name))
}

/// Unpacks the demo that a path means (`iris`, `iris/demo.brush`, `workspaces/iris/demo.brush`)
/// into a folder that goes with the guard; `None` when it means none.
pub fn unpack(path: &Path) -> Option<io::Result<(tempfile::TempDir, PathBuf)>> {
    let wanted = path.strip_prefix("workspaces").unwrap_or(path);
    let wanted = without_script(wanted);
    let name = names().into_iter().find(|name| Path::new(name) == wanted)?;
    Some(write(name))
}

/// Writes the demo's files into a folder, leaving alone what is there already.
pub fn install(name: &str, folder: &Path) -> io::Result<()> {
    for (path, content) in FILES {
        let Some(rest) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let path = folder.join(rest);
        if path.exists() {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}

fn write(name: &str) -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("sagebrush-demo-").tempdir()?;
    for (path, content) in FILES.iter().filter(|(path, _)| path.starts_with(name)) {
        let path = folder.path().join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    let script = folder.path().join(name).join("demo.brush");
    Ok((folder, script))
}

/// `iris` of `iris/demo.brush`.
fn without_script(path: &Path) -> &Path {
    match (path.file_name(), path.parent()) {
        (Some(file), Some(folder)) if file == "demo.brush" => folder,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demos_are_found_by_name_and_by_path() {
        for path in ["iris", "iris/demo.brush", "workspaces/iris/demo.brush", "workspaces/iris"] {
            let (_guard, script) = unpack(Path::new(path)).unwrap().unwrap();
            assert!(script.exists() && script.with_file_name("data/test.csv").exists(), "{path}");
        }
        assert!(unpack(Path::new("other")).is_none());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_data(folder.path()), None);
        install("iris", folder.path()).unwrap();
        assert_eq!(of_data(folder.path()), Some("iris"));
        std::fs::write(folder.path().join("data/test.csv"), "1,2\n").unwrap();
        assert_eq!(of_data(folder.path()), None, "other data under the same name");
        assert_eq!(names(), ["iris", "cancer"]);
    }
}
