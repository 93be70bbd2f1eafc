//! `bucket`, `upload` and `download`: S3 as the daily work needs it.

use super::grammar::{BucketAction, DownloadArgs, UploadArgs};
use super::outcome::{CommandError, Outcome, Table};
use super::recreate::create_bucket;
use super::session::{Session, s3_uri};
use crate::domain::words::counted;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};

pub async fn run(session: &mut Session, action: &BucketAction) -> Result<Outcome, CommandError> {
    match action {
        BucketAction::Create { names } => {
            for name in names {
                let call = create_bucket(name, session.client.region());
                session.note(&call.service, &call.operation, call.input);
                session.client.create_bucket(name).await?;
            }
            Ok(Outcome::said(format!("bucket {} created", names.join(", "))))
        }
        BucketAction::List { bucket } => list(session, bucket.as_deref()).await,
        BucketAction::Delete { names, force } => {
            for name in names {
                delete(session, name, *force).await?;
            }
            Ok(Outcome::said(format!("bucket {} deleted", names.join(", "))))
        }
    }
}

pub async fn list(session: &mut Session, bucket: Option<&str>) -> Result<Outcome, CommandError> {
    let Some(location) = bucket else {
        session.note("s3", "ListBuckets", json!({}));
        let buckets = session.client.buckets().await?;
        let mut table = Table::new("", &["bucket"]);
        buckets.iter().for_each(|name| table.push([name.as_str()]));
        return Ok(Outcome::default().with_table(table).with_value(buckets.into()));
    };
    let (bucket, prefix) = s3_uri(location).unwrap_or((location, ""));
    session.note("s3", "ListObjectsV2", json!({"Bucket": bucket, "Prefix": prefix}));
    let objects = session.client.list_objects(bucket, prefix).await?;
    let mut table = Table::new("", &["key", "bytes"]);
    for object in &objects {
        table.push([object.key.clone(), object.size.to_string()]);
    }
    let value = objects
        .iter()
        .map(|object| json!({"Key": object.key, "Size": object.size, "ETag": object.etag}))
        .collect();
    Ok(Outcome::default().with_table(table).with_value(value))
}

pub async fn delete(session: &mut Session, name: &str, force: bool) -> Result<(), CommandError> {
    if force {
        for object in session.client.list_objects(name, "").await? {
            session.note("s3", "DeleteObject", json!({"Bucket": name, "Key": object.key}));
            session.client.delete_object(name, &object.key).await?;
        }
    }
    session.note("s3", "DeleteBucket", json!({"Bucket": name}));
    Ok(session.client.delete_bucket(name).await?)
}

/// An object as its listing tells of it.
pub async fn describe(session: &mut Session, name: &str) -> Result<Value, CommandError> {
    let (bucket, key) = uri(name)?;
    session.note("s3", "HeadObject", json!({"Bucket": bucket, "Key": key}));
    let objects = session.client.list_objects(bucket, key).await?;
    let found = objects
        .into_iter()
        .find(|object| object.key == key)
        .ok_or_else(|| CommandError::Failed(format!("there is no object s3://{bucket}/{key}")))?;
    Ok(json!({
        "Bucket": bucket, "Key": found.key, "Size": found.size, "ETag": found.etag,
        "LastModified": found.modified,
    }))
}

/// The object, or all objects below a prefix that ends in a slash.
pub async fn delete_objects(session: &mut Session, name: &str) -> Result<(), CommandError> {
    let (bucket, key) = uri(name)?;
    if key.is_empty() {
        return Err(CommandError::Usage(format!(
            "`{name}` names a bucket; `bucket delete {bucket} --force` deletes it with its objects"
        )));
    }
    let keys = match key.ends_with('/') {
        true => {
            let objects = session.client.list_objects(bucket, key).await?;
            objects.into_iter().map(|object| object.key).collect()
        }
        false => vec![key.to_owned()],
    };
    let total = keys.len() as u64;
    for (at, key) in keys.iter().enumerate() {
        session.progress.step(at as u64, total, key);
        session.note("s3", "DeleteObject", json!({"Bucket": bucket, "Key": key}));
        session.client.delete_object(bucket, key).await?;
    }
    Ok(())
}

pub async fn upload(session: &mut Session, args: &UploadArgs) -> Result<Outcome, CommandError> {
    let (bucket, prefix) = uri(&args.target)?;
    let source = session.path(&args.source);
    let mut files = Vec::new();
    if source.is_dir() {
        walk(&source, &mut files)?;
        files.sort();
    } else {
        files.push(source.clone());
    }
    let mut bytes = 0;
    for (index, file) in files.iter().enumerate() {
        let key = key_of(&source, file, prefix)?;
        session.progress.step(index as u64, files.len() as u64, &key);
        let shown = match file.strip_prefix(&source) {
            Ok(below) if !below.as_os_str().is_empty() => args.source.join(below),
            _ => args.source.clone(),
        };
        let body = format!("fileb://{}", shown.display());
        let input = json!({"Bucket": bucket, "Key": key, "Body": body});
        session.note("s3", "PutObject", input);
        bytes += session.client.put_file(bucket, &key, file).await?;
    }
    Ok(Outcome::said(format!(
        "{} to {} ({})",
        count(files.len()),
        args.target,
        counted(bytes, "byte")
    ))
    .with_value(json!({"Objects": files.len(), "Bytes": bytes})))
}

fn count(files: usize) -> String {
    counted(files as u64, "file")
}

fn uri(text: &str) -> Result<(&str, &str), CommandError> {
    s3_uri(text)
        .ok_or_else(|| CommandError::Usage(format!("`{text}` is no S3 URI (s3://bucket/key)")))
}

/// A folder's files go below the prefix; a lone file takes the key as it stands, or its own name
/// below a prefix that ends in a slash or is empty.
fn key_of(source: &Path, file: &Path, prefix: &str) -> Result<String, CommandError> {
    let below = match file.strip_prefix(source) {
        Ok(rest) if rest.as_os_str().is_empty() => None,
        Ok(rest) => Some(rest.to_path_buf()),
        Err(_) => None,
    };
    let lone = below.is_none();
    if lone && !prefix.is_empty() && !prefix.ends_with('/') {
        return Ok(prefix.to_owned());
    }
    let relative = below.or_else(|| file.file_name().map(PathBuf::from)).unwrap_or_default();
    let parts: Option<Vec<&str>> = relative
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let relative = parts.map(|parts| parts.join("/")).ok_or_else(|| {
        CommandError::Usage(format!("{} has a name that is no UTF-8", file.display()))
    })?;
    let separator = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
    Ok(format!("{prefix}{separator}{relative}"))
}

/// Regular files below a folder. Links are not followed: a folder uploads what it holds.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |error| CommandError::io(folder.display().to_string(), error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

pub async fn download(session: &mut Session, args: &DownloadArgs) -> Result<Outcome, CommandError> {
    let (bucket, key) = uri(&args.source)?;
    let target = args.target.clone();
    let whole = key.is_empty() || key.ends_with('/');
    if !whole {
        let name = key.rsplit('/').next().unwrap_or(key);
        let mut path = session.path(&target.unwrap_or_else(|| PathBuf::from(name)));
        if path.is_dir() {
            path.push(safe(name)?);
        }
        session.may_write(&path)?;
        session.note("s3", "GetObject", json!({"Bucket": bucket, "Key": key}));
        let bytes = session.client.get_file(bucket, key, &path).await?;
        return Ok(Outcome::said(format!("{} ({})", path.display(), counted(bytes, "byte"))));
    }
    let folder = session.path(&target.unwrap_or_else(|| PathBuf::from(".")));
    let mut objects = session.client.list_objects(bucket, key).await?;
    // Consoles make such empty objects to show a folder.
    objects.retain(|object| !(object.key.ends_with('/') && object.size == 0));
    let mut bytes = 0;
    let mut refused = Vec::new();
    for object in &objects {
        let path = match safe(&object.key[key.len()..]) {
            Ok(relative) => folder.join(relative),
            Err(why) => {
                refused.push(why.to_string());
                continue;
            }
        };
        session.may_write(&path)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| CommandError::io(parent.display().to_string(), error))?;
        }
        session.note("s3", "GetObject", json!({"Bucket": bucket, "Key": object.key}));
        bytes += session.client.get_file(bucket, &object.key, &path).await?;
    }
    if !refused.is_empty() {
        return Err(CommandError::Failed(format!(
            "{} of {} were not written, all others were: {}",
            refused.len(),
            count(objects.len()),
            refused.join("; ")
        )));
    }
    Ok(Outcome::said(format!(
        "{} to {} ({})",
        count(objects.len()),
        folder.display(),
        counted(bytes, "byte")
    )))
}

/// A key may be any text; a path that leaves the target folder is refused, not followed.
fn safe(key: &str) -> Result<PathBuf, CommandError> {
    let path = Path::new(key);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if key.contains('\0') {
        return Err(CommandError::Failed(format!(
            "the key `{}` holds a NUL, which no file's name can",
            key.escape_default()
        )));
    }
    if inside && !key.is_empty() {
        return Ok(path.to_path_buf());
    }
    Err(CommandError::Failed(format!(
        "the key `{key}` would be written outside the folder; download it by itself with a target"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_target() {
        let key = |source: &str, file: &str, prefix: &str| {
            key_of(Path::new(source), Path::new(file), prefix).unwrap()
        };
        assert_eq!(key("data", "data/a/b.csv", ""), "a/b.csv");
        assert_eq!(key("data", "data/b.csv", "p"), "p/b.csv");
        assert_eq!(key("b.csv", "b.csv", "p/"), "p/b.csv");
        assert_eq!(key("b.csv", "b.csv", "x.csv"), "x.csv");
    }

    #[test]
    fn a_key_never_leaves_the_folder() {
        assert!(safe("../x").is_err() && safe("/etc/x").is_err() && safe("").is_err());
        assert_eq!(safe("a/b").unwrap(), Path::new("a/b"));
    }
}
