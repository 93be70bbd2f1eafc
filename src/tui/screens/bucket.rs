//! Buckets: the list.

use super::list::Listing;
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::format;
use crate::tui::keymap::Binding;
use crate::tui::layers::Prompt;
use crate::tui::mirror::BUCKET;
use crate::tui::mirror::lineage::uris;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Scene};
use crate::tui::widgets::table::{Cell, Column, Table};
use std::sync::Arc;

pub(super) static BINDINGS: &[Binding] = &[
    Binding::new("new", &["N"], "Create a bucket").hint("new").changes(),
    Binding::new("upload", &["u"], "Copy a file or folder into it").hint("upload").changes(),
    Binding::new("download", &["w"], "Copy all of it to the disk").hint("download"),
    Binding::new("copy-uri", &["U"], "Copy its S3 address"),
];

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("OBJECTS", 10, |row, scene| {
        let count = row.number("Objects");
        let text = count.map_or_else(|| "-".to_owned(), |count| format::count(count as u64));
        Cell::number(count, text, scene.theme.text)
    })
    .right(),
    Column::new("SIZE", 10, |row, scene| {
        let bytes = row.number("Bytes");
        let text = bytes.map_or_else(|| "-".to_owned(), |bytes| format::bytes(bytes as u64));
        Cell::number(bytes, text, scene.theme.text)
    })
    .right(),
    columns::MODIFIED,
    columns::CREATED,
];

pub static LIST: Listing = Listing {
    act,
    ..Listing::new(
        "buckets",
        "Buckets",
        BUCKET,
        COLUMNS,
        "No buckets yet. N creates one; `:upload data/ s3://BUCKET/` fills it",
    )
};

fn act(table: &Table, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
    let all = || table.subjects().iter().map(|row| format!("s3://{}/", row.name)).collect();
    match action {
        "new" => create(out),
        "upload" => {
            if let Some(row) = table.row() {
                upload(format!("s3://{}/", row.name), out);
            }
        }
        "download" => download(all(), out),
        "copy-uri" => copy(&all(), out),
        _ => return false,
    }
    true
}

/// Asks for a bucket's name and creates it.
pub(super) fn create(out: &mut Outbox) {
    let prompt = Prompt::new("New bucket", |name, out| {
        out.run(["bucket", "create", name]);
    });
    let hint = "lower case letters, digits, dots and dashes; 3 to 63 of them";
    out.push(prompt.hint(hint).check(bucket_name));
}

/// The rules of S3 that one breaks while typing; the region has the last word.
fn bucket_name(name: &str) -> Result<(), String> {
    let fits =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || ".-".contains(char);
    if let Some(char) = name.chars().find(|char| !fits(*char)) {
        return Err(format!("a bucket's name has no `{char}`"));
    }
    if name.len() > 63 {
        return Err("a bucket's name has at most 63 characters".into());
    }
    Ok(())
}

/// Asks for a local path and uploads it.
pub(super) fn upload(target: String, out: &mut Outbox) {
    let title = format!("Upload to {target}");
    let prompt = Prompt::new(title, move |path, out| {
        out.run(["upload", path, &target]);
    });
    out.push(prompt.hint("a file or a folder; a path from the workspace's folder"));
}

/// Asks where to, and downloads.
pub(super) fn download(uris: Vec<String>, out: &mut Outbox) {
    let (title, target) = match uris.as_slice() {
        [] => return,
        [one] => {
            let name = one.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            (format!("Download {one} to"), name.to_owned())
        }
        several => (format!("Download these {} to the folder", several.len()), ".".to_owned()),
    };
    let prompt = Prompt::new(title, move |path, out| {
        for uri in &uris {
            out.run(["download", uri, path]);
        }
    });
    out.push(prompt.with(target).hint("a path from the workspace's folder"));
}

pub(super) fn copy(uris: &[String], out: &mut Outbox) {
    if uris.is_empty() {
        return;
    }
    let told = if uris.len() == 1 { uris[0].clone() } else { format!("{} addresses", uris.len()) };
    out.effect(crate::tui::effect::Effect::Copy(uris.join("\n")));
    out.notice(crate::tui::view::Tone::Good, format!("Copied {told}"));
}

/// Jobs that read from or write below an address, for the line above a listing.
pub(super) fn jobs_at(scene: &Scene<'_>, uri: &str) -> Vec<String> {
    let jobs = scene.mirror.rows(kind::TRAINING_JOB).iter().map(|(_, job)| job);
    let touches = |job: &&Arc<Row>| uris(job).iter().any(|other| other.starts_with(uri));
    let mut names: Vec<String> = jobs.filter(touches).map(|job| job.name.clone()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_one_types() {
        assert!(bucket_name("iris").is_ok());
        assert_eq!(bucket_name("Iris").unwrap_err(), "a bucket's name has no `I`");
        assert!(bucket_name(&"a".repeat(64)).is_err());
    }
}
