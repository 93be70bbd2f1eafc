//! An input channel: which objects it has, under which names, on which host and in which order.

use super::objects::{ObjectEntry, Objects, nothing_at, open};
use super::{Host, LayoutError};
use crate::domain::s3_uri::S3Uri;
use serde_json::Value;
use std::io::Read;

/// A manifest has to fit into memory; AWS's own bound of one is no larger.
const MAX_MANIFEST: u64 = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    FastFile,
    Pipe,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Prefix,
    Manifest,
    /// With the names of the attributes to feed.
    Augmented(Vec<String>),
}

/// A member of `InputDataConfig`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    pub name: String,
    pub mode: Mode,
    pub content_type: Option<String>,
    pub gzip: bool,
    pub record_io: bool,
    /// The seed to shuffle by, each epoch anew.
    pub shuffle: Option<u64>,
    pub sharded: bool,
    pub uri: S3Uri,
    pub source: Source,
    /// Only hosts of these groups get it; empty: all do.
    pub groups: Vec<String>,
}

/// One object of a channel and its path below the channel's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub bucket: String,
    pub key: String,
    pub path: String,
    /// When a listing told.
    pub bytes: Option<u64>,
}

fn text<'a>(document: &'a Value, member: &str) -> &'a str {
    document[member].as_str().unwrap_or_default()
}

fn texts(document: &Value, member: &str) -> Vec<String> {
    let members = document[member].as_array().into_iter().flatten();
    members.filter_map(|member| member.as_str().map(str::to_owned)).collect()
}

impl Channel {
    /// `job_mode` is the mode of channels that name none.
    pub fn of(document: &Value, job_mode: &str) -> Result<Self, LayoutError> {
        let name = text(document, "ChannelName").to_owned();
        let s3 = &document["DataSource"]["S3DataSource"];
        if !s3.is_object() {
            return Err(LayoutError::Client(format!(
                "Channel {name} has a data source other than S3; this region has no EFS and FSx."
            )));
        }
        let mode = match document["InputMode"].as_str().unwrap_or(job_mode) {
            "Pipe" => Mode::Pipe,
            "FastFile" => Mode::FastFile,
            _ => Mode::File,
        };
        let source = match text(s3, "S3DataType") {
            "ManifestFile" => Source::Manifest,
            "AugmentedManifestFile" => Source::Augmented(texts(s3, "AttributeNames")),
            _ => Source::Prefix,
        };
        if matches!(source, Source::Augmented(_)) && mode != Mode::Pipe {
            return Err(LayoutError::Client(format!(
                "Channel {name}: AugmentedManifestFile can only be used if the channel's input \
                 mode is Pipe."
            )));
        }
        Ok(Self {
            mode,
            content_type: document["ContentType"].as_str().map(str::to_owned),
            gzip: text(document, "CompressionType") == "Gzip",
            record_io: text(document, "RecordWrapperType") == "RecordIO",
            shuffle: document["ShuffleConfig"]["Seed"].as_u64(),
            sharded: text(s3, "S3DataDistributionType") == "ShardedByS3Key",
            uri: S3Uri::parse(text(s3, "S3Uri"))?,
            source,
            groups: texts(s3, "InstanceGroupNames"),
            name,
        })
    }

    /// Whether the host's group gets this channel at all.
    pub fn is_for(&self, host: &Host) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| group == host.group())
    }

    /// All objects, in the order of their keys or of the manifest.
    pub fn items(&self, objects: &dyn Objects) -> Result<Vec<Item>, LayoutError> {
        let items = match self.source {
            Source::Prefix => self.prefix_items(objects)?,
            Source::Manifest => self.manifest_items(objects)?,
            Source::Augmented(_) => Vec::new(),
        };
        if items.is_empty() {
            return Err(nothing_at(&self.uri));
        }
        Ok(items)
    }

    fn prefix_items(&self, objects: &dyn Objects) -> Result<Vec<Item>, LayoutError> {
        let S3Uri { bucket, key: prefix } = &self.uri;
        let listed = objects.list(bucket, prefix).map_err(LayoutError::io(self.uri.to_string()))?;
        let listed = listed.ok_or_else(|| nothing_at(&self.uri))?;
        Ok(listed
            .into_iter()
            // Consoles make such empty objects to show a folder.
            .filter(|entry| !(entry.key.ends_with('/') && entry.bytes == 0))
            .map(|ObjectEntry { key, bytes }| Item {
                bucket: bucket.clone(),
                path: path_below(prefix, &key).to_owned(),
                key,
                bytes: Some(bytes),
            })
            .collect())
    }

    fn manifest_items(&self, objects: &dyn Objects) -> Result<Vec<Item>, LayoutError> {
        let wrong = |why: &str| {
            LayoutError::Client(format!(
                "The manifest {} {why}. A manifest is a JSON array of {{\"prefix\": \"s3://…\"}} \
                 and of names below it.",
                self.uri
            ))
        };
        let bytes = self.manifest(objects)?;
        let document: Value =
            serde_json::from_slice(&bytes).map_err(|_| wrong("is not valid JSON"))?;
        let mut members = document.as_array().ok_or_else(|| wrong("is not an array"))?.iter();
        let prefix = members.next().and_then(|first| first["prefix"].as_str());
        let prefix = prefix.ok_or_else(|| wrong("does not begin with a prefix"))?;
        // The documentation joins prefix and name as they are: a folder's prefix ends in a slash.
        let S3Uri { bucket, key: prefix } = S3Uri::parse(prefix)?;
        members
            .map(|member| {
                let name = member.as_str().ok_or_else(|| wrong("holds more than names"))?;
                Ok(Item {
                    bucket: bucket.clone(),
                    key: format!("{prefix}{name}"),
                    path: name.to_owned(),
                    bytes: None,
                })
            })
            .collect()
    }

    /// The manifest's bytes.
    pub fn manifest(&self, objects: &dyn Objects) -> Result<Vec<u8>, LayoutError> {
        let mut bytes = Vec::new();
        open(objects, &self.uri)?
            .take(MAX_MANIFEST + 1)
            .read_to_end(&mut bytes)
            .map_err(LayoutError::io(self.uri.to_string()))?;
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(LayoutError::Client(format!("The manifest {} is too large.", self.uri)));
        }
        Ok(bytes)
    }

    /// What of `items` is the host's in an epoch: shuffled where asked for, then dealt out to the
    /// hosts that get the channel. The deal shifts with the shuffle, so that over the epochs every
    /// host sees every shard.
    pub fn share<T>(&self, mut items: Vec<T>, host: &Host, epoch: u32) -> Vec<T> {
        if let Some(seed) = self.shuffle {
            let seed = crate::domain::seed::Seed(seed).bits(u64::from(epoch));
            fastrand::Rng::with_seed(seed).shuffle(&mut items);
        }
        if !self.sharded {
            return items;
        }
        let (position, count) = host.among(&self.groups);
        let dealt = items.into_iter().enumerate();
        dealt.filter(|(index, _)| index % count == position).map(|(_, item)| item).collect()
    }
}

/// The path of a key below a prefix, as SageMaker lays it out: what follows the prefix when that
/// names a folder, the file's own name when it names one object, and what follows the prefix's last
/// slash when the prefix ends within a name.
fn path_below<'a>(prefix: &str, key: &'a str) -> &'a str {
    let rest = &key[prefix.len()..];
    if !rest.is_empty() && (prefix.is_empty() || prefix.ends_with('/') || rest.starts_with('/')) {
        return rest.trim_start_matches('/');
    }
    let folder = prefix.rfind('/').map_or(0, |slash| slash + 1);
    &key[folder..]
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::Memory;
    use super::*;
    use crate::engine::opt_ml::InstanceGroup;
    use serde_json::json;

    pub(in super::super) fn host(count: u32, current: u32) -> Host {
        let group = InstanceGroup {
            name: "homogeneousCluster".into(),
            instance_type: "ml.m5.large".into(),
            count,
        };
        Host { groups: vec![group], current }
    }

    fn channel(kind: &str, uri: &str, extra: &Value) -> Channel {
        let mut document = json!({
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}},
        });
        let merged = document.as_object_mut().unwrap();
        merged.extend(extra.as_object().unwrap().clone());
        Channel::of(&document, "File").unwrap()
    }

    fn paths(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.path.as_str()).collect()
    }

    #[test]
    fn paths_follow_the_prefix() {
        let cases = [
            ("", "a/b.csv", "a/b.csv"),
            ("data/", "data/a/b.csv", "a/b.csv"),
            ("data", "data/a/b.csv", "a/b.csv"),
            ("data/b.csv", "data/b.csv", "b.csv"),
            ("data/tr", "data/train-1.csv", "train-1.csv"),
            ("tr", "train/1.csv", "train/1.csv"),
        ];
        for (prefix, key, path) in cases {
            assert_eq!(path_below(prefix, key), path, "{prefix} {key}");
        }
    }

    #[test]
    fn a_prefix_brings_its_objects_and_no_folder_markers() {
        let memory = Memory::with(&[("d/", b""), ("d/a", b"1"), ("d/e/b", b"22"), ("dd", b"3")]);
        let items = channel("S3Prefix", "s3://b/d/", &json!({})).items(&memory).unwrap();
        assert_eq!(paths(&items), ["a", "e/b"]);
        assert_eq!(items[1].bytes, Some(2));
    }

    #[test]
    fn a_manifest_brings_what_it_names_in_its_order() {
        let manifest = br#"[{"prefix": "s3://other/p/"}, "z/1", "a"]"#;
        let memory = Memory::with(&[("m.json", manifest)]);
        let items = channel("ManifestFile", "s3://b/m.json", &json!({})).items(&memory).unwrap();
        assert_eq!(paths(&items), ["z/1", "a"]);
        assert_eq!((items[0].bucket.as_str(), items[0].key.as_str()), ("other", "p/z/1"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let memory = Memory::with(&[("x", b"{}"), ("y", b"[\"a\"]"), ("z", b"[")]);
        for (kind, uri, said) in [
            ("S3Prefix", "s3://b/nothing", "No S3 objects found"),
            ("S3Prefix", "s3://missing/x", "No S3 objects found"),
            ("ManifestFile", "s3://b/missing", "No S3 objects found"),
            ("ManifestFile", "s3://b/x", "is not an array"),
            ("ManifestFile", "s3://b/y", "does not begin with a prefix"),
            ("ManifestFile", "s3://b/z", "is not valid JSON"),
        ] {
            let error = channel(kind, uri, &json!({})).items(&memory).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn shards_are_disjoint_and_whole() {
        let sharded = Channel { sharded: true, ..channel("S3Prefix", "s3://b/", &json!({})) };
        let all: Vec<u32> = (0..10).collect();
        let mut dealt: Vec<u32> =
            (0..3).flat_map(|current| sharded.share(all.clone(), &host(3, current), 0)).collect();
        assert_eq!(dealt.len(), 10);
        dealt.sort_unstable();
        assert_eq!(dealt, all);
        let whole = Channel { sharded: false, ..sharded };
        assert_eq!(whole.share(all.clone(), &host(3, 1), 0), all);
    }

    #[test]
    fn a_seed_shuffles_each_epoch_anew_and_always_alike() {
        let seed = json!({"ShuffleConfig": {"Seed": 7}});
        let channel = channel("S3Prefix", "s3://b/", &seed);
        let order = |epoch| channel.share((0..50).collect::<Vec<u32>>(), &host(1, 0), epoch);
        assert_ne!(order(0), order(1));
        assert_eq!(order(1), order(1));
    }

    #[test]
    fn groups_decide_who_gets_a_channel() {
        let mut both = host(1, 0);
        both.groups.push(InstanceGroup {
            name: "gpu".into(),
            instance_type: "ml.g5.xlarge".into(),
            count: 2,
        });
        let only =
            Channel { groups: vec!["gpu".into()], ..channel("S3Prefix", "s3://b/", &json!({})) };
        let gets: Vec<bool> =
            (0..3).map(|current| only.is_for(&Host { current, ..both.clone() })).collect();
        assert_eq!(gets, [false, true, true]);
        let sharded = Channel { sharded: true, ..only };
        let share = |current| sharded.share(vec![1, 2, 3], &Host { current, ..both.clone() }, 0);
        assert_eq!((share(1), share(2)), (vec![1, 3], vec![2]));
    }

    #[test]
    fn augmented_manifests_want_pipe_mode() {
        let document = json!({
            "ChannelName": "train",
            "DataSource": {"S3DataSource":
                {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/m", "AttributeNames": ["a"]}},
        });
        assert!(Channel::of(&document, "File").is_err());
        assert!(Channel::of(&document, "Pipe").is_ok());
    }
}
