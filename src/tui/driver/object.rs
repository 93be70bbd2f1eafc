//! What buckets hold, for looking at: one level at a time, the beginning of an object, the table of
//! contents of an archive.

use crate::client::{CallError, Client};
use crate::domain::time::Timestamp;
use crate::tui::row::Row;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::io::Read;

/// Bytes of an object that a preview reads.
const PREVIEW: u64 = 256 * 1024;
/// Bytes of an archive that are read for its table of contents.
const ARCHIVE: u64 = 32 * 1024 * 1024;
/// Bytes that an archive may unfold to while its contents are listed.
const UNFOLDED: u64 = 1 << 30;
/// Entries of an archive that are listed.
const ENTRIES: usize = 1000;
/// Folders and objects of one level.
const LEVEL: usize = 20_000;

/// One level below the prefix: what stands deeper shows as the folder it is in.
pub(super) async fn level(client: &Client, bucket: &str, prefix: &str) -> Result<Value, CallError> {
    let level = client.list_level(bucket, prefix, LEVEL).await?;
    let row = |kind: &str, name: String, body: Value, modified: f64| Row {
        kind: kind.into(),
        arn: format!("arn:aws:s3:::{bucket}/{name}"),
        parent: bucket.to_owned(),
        name,
        created: modified,
        modified,
        body,
        ..Row::default()
    };
    let label = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
    let mut rows = Vec::with_capacity(level.folders.len() + level.objects.len());
    for folder in level.folders {
        let body = json!({"Bucket": bucket, "Prefix": folder, "Label": label(&folder)});
        rows.push(row("folder", folder, body, 0.0));
    }
    for object in level.objects {
        let modified = object.modified.parse::<jiff::Timestamp>().ok();
        let modified = modified.map_or(0.0, |at| at.as_millisecond() as f64 / 1000.0);
        let body = json!({
            "Bucket": bucket, "Key": object.key, "Label": label(&object.key), "Size": object.size,
            "ETag": object.etag, "LastModified": object.modified,
        });
        rows.push(row("object", object.key, body, modified));
    }
    Ok(json!({"rows": rows, "more": level.more}))
}

pub(super) async fn preview(client: &Client, bucket: &str, key: &str) -> Result<Value, CallError> {
    if key.ends_with(".tar.gz") || key.ends_with(".tgz") {
        let (bytes, size) = client.get_beginning(bucket, key, ARCHIVE).await?;
        let more = size > bytes.len() as u64;
        // Unfolding keeps a core busy: not on a thread that others wait for.
        let listed = tokio::task::spawn_blocking(move || contents(&bytes)).await;
        if let Ok(Some((entries, whole))) = listed {
            return Ok(json!({"entries": entries, "size": size, "more": more || !whole}));
        }
    }
    let (bytes, size) = client.get_beginning(bucket, key, PREVIEW).await?;
    Ok(shown(&bytes, size))
}

fn shown(bytes: &Bytes, size: u64) -> Value {
    let more = size > bytes.len() as u64;
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"text": text, "size": size, "more": more}),
        // Cut in the middle of a character.
        Err(error) if more && error.error_len().is_none() => {
            let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            json!({"text": text, "size": size, "more": more})
        }
        Err(_) => json!({"base64": STANDARD.encode(bytes), "size": size, "more": more}),
    }
}

/// Names and sizes of an archive's entries, and whether that is all of them; `None` where it is no
/// archive.
fn contents(bytes: &[u8]) -> Option<(Vec<Value>, bool)> {
    let unfolded = GzDecoder::new(bytes).take(UNFOLDED);
    let mut archive = tar::Archive::new(unfolded);
    let mut entries = Vec::new();
    for entry in archive.entries().ok()? {
        // It was cut off, or is damaged from here on.
        let Ok(entry) = entry else { return (!entries.is_empty()).then_some((entries, false)) };
        if entries.len() >= ENTRIES {
            return Some((entries, false));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let modified = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
        let modified = modified
            .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)).to_rfc3339());
        entries.push(json!({"name": name, "size": entry.size(), "modified": modified}));
    }
    Some((entries, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(1_795_854_414);
            header.set_cksum();
            builder.append_data(&mut header, name, *content).unwrap();
        }
        let mut encoder = builder.into_inner().unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn an_archive_tells_what_it_holds_also_when_it_is_cut_off() {
        let noise: Vec<u8> =
            (0..200_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let whole = archive(&[("model.json", b"{}"), ("weights/a.bin", &noise), ("b", b"1")]);
        let (entries, all) = contents(&whole).unwrap();
        assert!(all);
        assert_eq!(entries[1]["name"], "weights/a.bin");
        assert_eq!(entries[1]["size"], 200_000);
        let (entries, all) = contents(&whole[..whole.len() / 2]).unwrap();
        assert!(!all && entries[0]["name"] == "model.json");
        assert!(contents(b"no archive").is_none());
    }

    #[test]
    fn a_text_that_was_cut_in_a_character_is_still_a_text() {
        let bytes = Bytes::from_static("abcü".as_bytes());
        let cut = shown(&bytes.slice(..4), 5);
        assert_eq!((&cut["text"], &cut["more"]), (&json!("abc"), &json!(true)));
        assert_eq!(shown(&bytes, 5)["text"], "abcü");
        assert_eq!(shown(&Bytes::from_static(&[0xff, 0xfe]), 2)["base64"], "//4=");
    }
}
