//! Pipe mode: a channel as a FIFO for each epoch, `<channel>_0`, `<channel>_1`, …, fed by a thread.
//!
//! The next epoch's FIFO stands before the current one ends, so that a container that opens it at
//! once finds it. A container that stops reading early simply goes on to the next epoch.

use super::channel::{Channel, Item, Source};
use super::objects::{Objects, open};
use super::{Host, LayoutError, opt_ml};
use crate::domain::s3_uri::S3Uri;
use crate::engine::beneath::{Beneath, Relative};
use flate2::read::MultiGzDecoder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode as FileMode, OFlags};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// RecordIO's magic number, and the most bytes that one part of a record can have.
const MAGIC: u32 = 0xced7_230a;
const MAX_PART: usize = (1 << 29) - 1;
/// A record has to be measured before it is sent, so it has to fit into memory.
const MAX_RECORD: u64 = 1 << 30;

/// The Pipe channels' writers. Dropping it ends them, whether or not anyone still reads; do so
/// before removing the container's folder.
#[derive(Default)]
pub struct Feeds(Vec<Feed>);

impl Feeds {
    pub(super) fn push(&mut self, feed: Feed) {
        self.0.push(feed);
    }

    /// Why a channel could not be fed to its end, if so: the container saw it end too early.
    pub fn failure(&self) -> Option<String> {
        self.0.iter().find_map(|feed| {
            feed.state.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}

/// One channel's writer.
pub(super) struct Feed {
    state: Arc<State>,
    /// Where the FIFOs are, without `_<epoch>`.
    stem: PathBuf,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    epoch: AtomicU32,
    failure: Mutex<Option<String>>,
}

impl Feed {
    pub fn start(
        objects: &Arc<dyn Objects>,
        root: &Path,
        channel: Channel,
        host: &Host,
    ) -> Result<Self, LayoutError> {
        let state = Arc::new(State::default());
        let stem = root.join("opt/ml/input/data").join(&channel.name);
        let writer = Writer {
            items: match &channel.source {
                Source::Augmented(_) => Vec::new(),
                _ => channel.items(&**objects)?,
            },
            lines: match &channel.source {
                Source::Augmented(_) => augmented(&channel, &**objects)?,
                _ => Vec::new(),
            },
            ml: opt_ml(root)?,
            stem: stem.clone(),
            objects: Arc::clone(objects),
            channel,
            host: host.clone(),
            state: Arc::clone(&state),
        };
        writer.make_fifo(0)?;
        let thread = thread::Builder::new()
            .name(format!("feed of {}", writer.channel.name))
            .spawn(move || writer.run())
            .map_err(LayoutError::io(stem.clone()))?;
        Ok(Self { state, stem, thread: Some(thread) })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.state.cancelled.store(true, Ordering::SeqCst);
        let Some(thread) = self.thread.take() else { return };
        // The writer may wait for a reader or for room. With this handle, which is both ends at
        // once, the FIFO has a reader, and what it takes out makes room.
        let path = fifo_path(&self.stem, self.state.epoch.load(Ordering::SeqCst));
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(fifo) = rustix::fs::open(&path, flags, FileMode::empty()) else {
            // Somebody removed the folder first; a thread that waits for a reader cannot be
            // reached any more, and must not be waited for.
            return;
        };
        let mut fifo = File::from(fifo);
        let mut discarded = vec![0; 64 * 1024];
        let moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        while !thread.is_finished() {
            let _ = poll(&mut [PollFd::new(&fifo, PollFlags::IN)], Some(&moment));
            let _ = fifo.read(&mut discarded);
        }
        let _ = thread.join();
    }
}

fn fifo_path(stem: &Path, epoch: u32) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(format!("_{epoch}"));
    path.into()
}

/// The lines of an augmented manifest.
fn augmented(channel: &Channel, objects: &dyn Objects) -> Result<Vec<Value>, LayoutError> {
    let bytes = channel.manifest(objects)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| {
                LayoutError::Client(format!(
                    "Line {} of the manifest {} is not valid JSON: {error}.",
                    number + 1,
                    channel.uri
                ))
            })
        })
        .collect()
}

/// What the thread owns.
struct Writer {
    ml: Beneath,
    stem: PathBuf,
    objects: Arc<dyn Objects>,
    channel: Channel,
    host: Host,
    items: Vec<Item>,
    lines: Vec<Value>,
    state: Arc<State>,
}

impl Writer {
    fn make_fifo(&self, epoch: u32) -> Result<(), LayoutError> {
        let name = format!("input/data/{}_{epoch}", self.channel.name);
        let path = Relative::parse(Path::new(&name))
            .map_err(|why| LayoutError::Client(format!("The channel {name} {why}.")))?;
        self.ml.fifo(&path).map_err(LayoutError::io(name))
    }

    fn cancelled(&self) -> bool {
        self.state.cancelled.load(Ordering::SeqCst)
    }

    fn run(self) {
        for epoch in 0.. {
            self.state.epoch.store(epoch, Ordering::SeqCst);
            if self.cancelled() {
                return;
            }
            // Blocks until the container opens its end.
            let fed = OpenOptions::new()
                .write(true)
                .open(fifo_path(&self.stem, epoch))
                .map_err(LayoutError::io(self.stem.clone()))
                .and_then(|fifo| {
                    self.make_fifo(epoch + 1)?;
                    self.feed(fifo, epoch)
                });
            match fed {
                Ok(()) => {}
                Err(LayoutError::Io { source, .. }) if source.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => {
                    tracing::error!(channel = self.channel.name, %error, "a channel broke off");
                    let mut failure =
                        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    *failure = Some(error.to_string());
                    return;
                }
            }
        }
    }

    fn feed(&self, fifo: File, epoch: u32) -> Result<(), LayoutError> {
        let mut to = BufWriter::with_capacity(64 * 1024, fifo);
        if let Source::Augmented(attributes) = &self.channel.source {
            for line in self.channel.share(self.lines.iter().collect(), &self.host, epoch) {
                for attribute in attributes {
                    self.attribute(line, attribute, &mut to)?;
                }
            }
        } else {
            for item in self.channel.share(self.items.iter().collect(), &self.host, epoch) {
                let uri = S3Uri { bucket: item.bucket.clone(), key: item.key.clone() };
                self.object(&uri, item.bytes, &mut to)?;
            }
        }
        to.flush().map_err(LayoutError::io(self.stem.clone()))
    }

    /// One attribute of an augmented manifest's line: what a `-ref` points to, or the value itself.
    fn attribute(&self, line: &Value, name: &str, to: &mut dyn Write) -> Result<(), LayoutError> {
        let value = line.get(name).ok_or_else(|| {
            let uri = &self.channel.uri;
            LayoutError::Client(format!("A line of the manifest {uri} has no attribute {name}."))
        })?;
        match value.as_str() {
            Some(uri) if name.ends_with("-ref") => self.object(&S3Uri::parse(uri)?, None, to),
            Some(text) => self.record(text.as_bytes(), to),
            None => self.record(value.to_string().as_bytes(), to),
        }
    }

    fn object(
        &self,
        uri: &S3Uri,
        bytes: Option<u64>,
        to: &mut dyn Write,
    ) -> Result<(), LayoutError> {
        let stored = open(&*self.objects, uri)?;
        let mut content: Box<dyn Read> =
            if self.channel.gzip { Box::new(MultiGzDecoder::new(stored)) } else { stored };
        let failed = LayoutError::io(uri.to_string());
        if !self.channel.record_io {
            return copy(&mut *content, to, &self.state.cancelled).map_err(failed);
        }
        let mut record = Vec::with_capacity(bytes.unwrap_or(0).min(MAX_RECORD) as usize);
        content.take(MAX_RECORD + 1).read_to_end(&mut record).map_err(failed)?;
        if record.len() as u64 > MAX_RECORD {
            return Err(LayoutError::Client(format!(
                "{uri} is larger than {MAX_RECORD} bytes, which is too much for one RecordIO \
                 record."
            )));
        }
        self.record(&record, to)
    }

    fn record(&self, bytes: &[u8], to: &mut dyn Write) -> Result<(), LayoutError> {
        let written = if self.channel.record_io { wrap(bytes, to) } else { to.write_all(bytes) };
        written.map_err(LayoutError::io(self.stem.clone()))?;
        if self.cancelled() {
            return Err(LayoutError::io(self.stem.clone())(ErrorKind::BrokenPipe.into()));
        }
        Ok(())
    }
}

/// Copies until the end, or until nobody wants more.
fn copy(from: &mut dyn Read, to: &mut dyn Write, cancelled: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if cancelled.load(Ordering::SeqCst) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// One RecordIO record, in parts when it is longer than a part can be: flag 1 begins, 2 continues,
/// 3 ends; 0 is whole.
fn wrap(bytes: &[u8], to: &mut dyn Write) -> io::Result<()> {
    wrap_in_parts(bytes, MAX_PART, to)
}

fn wrap_in_parts(bytes: &[u8], max: usize, to: &mut dyn Write) -> io::Result<()> {
    let count = bytes.len().div_ceil(max).max(1);
    for part in 0..count {
        let flag: u32 = match (count, part) {
            (1, _) => 0,
            (_, 0) => 1,
            (_, part) if part + 1 == count => 3,
            _ => 2,
        };
        let bytes = &bytes[part * max..((part + 1) * max).min(bytes.len())];
        to.write_all(&MAGIC.to_le_bytes())?;
        to.write_all(&((flag << 29) | bytes.len() as u32).to_le_bytes())?;
        to.write_all(bytes)?;
        to.write_all(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::Memory;
    use super::*;
    use crate::engine::archive::Caps;
    use crate::engine::opt_ml::{InstanceGroup, LaidOut, Training, training};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn lay_out(memory: Memory, channel: &Value) -> (tempfile::TempDir, LaidOut) {
        let root = tempfile::tempdir().unwrap();
        let group =
            InstanceGroup { name: "g".into(), instance_type: "ml.m5.large".into(), count: 1 };
        let objects: Arc<dyn Objects> = Arc::new(memory);
        let job = Training {
            root: root.path(),
            hyperparameters: &BTreeMap::from([("eta".to_owned(), "0.1".to_owned())]),
            channels: std::slice::from_ref(channel),
            input_mode: "File",
            checkpoints: None,
            host: &Host { groups: vec![group], current: 0 },
            caps: Caps::default(),
        };
        let laid_out = training(&objects, &job).unwrap();
        (root, laid_out)
    }

    fn channel(kind: &str, uri: &str, extra: &Value) -> Value {
        let mut channel = json!({
            "ChannelName": "train",
            "InputMode": "Pipe",
            "DataSource": {"S3DataSource":
                {"S3DataType": kind, "S3Uri": uri, "AttributeNames": ["id", "image-ref"]}},
        });
        channel.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        channel
    }

    fn epoch(root: &Path, epoch: u32) -> Vec<u8> {
        std::fs::read(root.join(format!("opt/ml/input/data/train_{epoch}"))).unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn every_epoch_is_a_fifo_of_all_objects() {
        let big = vec![b'x'; 300_000];
        let memory = Memory::with(&[("d/1", b"one\n"), ("d/2", &big)]);
        let (root, laid_out) = lay_out(memory, &channel("S3Prefix", "s3://b/d/", &json!({})));
        let whole = [&b"one\n"[..], &big].concat();
        for n in 0..3 {
            assert!(epoch(root.path(), n) == whole);
        }
        assert_eq!(laid_out.feeds.failure(), None);
        let config = root.path().join("opt/ml/input/config/hyperparameters.json");
        assert_eq!(std::fs::read_to_string(config).unwrap(), r#"{"eta":"0.1"}"#);
    }

    #[test]
    fn gzip_is_taken_off_and_records_are_wrapped() {
        let memory = Memory::with(&[("d/1", &gzip(b"hello")), ("d/2", &gzip(b"four"))]);
        let extra = json!({"CompressionType": "Gzip", "RecordWrapperType": "RecordIO"});
        let (root, _laid_out) = lay_out(memory, &channel("S3Prefix", "s3://b/d/", &extra));
        let magic = MAGIC.to_le_bytes();
        let expected =
            [&magic[..], &[5, 0, 0, 0], b"hello\0\0\0", &magic, &[4, 0, 0, 0], b"four"].concat();
        assert_eq!(epoch(root.path(), 0), expected);
    }

    #[test]
    fn augmented_manifests_feed_values_and_references() {
        let lines = b"{\"id\": 7, \"image-ref\": \"s3://b/i/1\"}\n\n{\"image-ref\": \"s3://b/i/2\", \"id\": \"x\"}\n";
        let memory = Memory::with(&[("m", lines), ("i/1", b"<1>"), ("i/2", b"<2>")]);
        let (root, _laid_out) =
            lay_out(memory, &channel("AugmentedManifestFile", "s3://b/m", &json!({})));
        assert_eq!(epoch(root.path(), 0), b"7<1>x<2>");
    }

    #[test]
    fn a_reader_that_stops_early_gets_the_next_epoch_whole() {
        let memory = Memory::with(&[("d/1", &vec![b'x'; 500_000])]);
        let (root, laid_out) = lay_out(memory, &channel("S3Prefix", "s3://b/d/", &json!({})));
        let mut first = File::open(root.path().join("opt/ml/input/data/train_0")).unwrap();
        first.read_exact(&mut [0; 10]).unwrap();
        drop(first);
        assert_eq!(epoch(root.path(), 1).len(), 500_000);
        assert_eq!(laid_out.feeds.failure(), None);
    }

    #[test]
    fn a_channel_that_breaks_off_says_why() {
        let memory = Memory::with(&[("d/1", b"this is no gzip")]);
        let extra = json!({"CompressionType": "Gzip"});
        let (root, laid_out) = lay_out(memory, &channel("S3Prefix", "s3://b/d/", &extra));
        assert_eq!(epoch(root.path(), 0), b"");
        // The FIFO has ended before the thread has said why.
        let LaidOut { mut feeds, .. } = laid_out;
        feeds.0[0].thread.take().unwrap().join().unwrap();
        assert!(feeds.failure().unwrap().contains("s3://b/d/1"));
    }

    #[test]
    fn dropping_the_feeds_ends_them_whatever_the_reader_does() {
        let content = vec![b'x'; 500_000];
        let channel = channel("S3Prefix", "s3://b/d/", &json!({}));
        // Nobody opened it.
        let (nobody, laid_out) = lay_out(Memory::with(&[("d/1", &content)]), &channel);
        drop(laid_out);
        drop(nobody);
        // Somebody holds it open and does not read.
        let (root, laid_out) = lay_out(Memory::with(&[("d/1", &content)]), &channel);
        let reader = File::open(root.path().join("opt/ml/input/data/train_0")).unwrap();
        drop(laid_out);
        drop(reader);
    }

    #[test]
    fn long_records_are_cut_into_parts() {
        let mut bytes = Vec::new();
        wrap_in_parts(b"0123456789", 4, &mut bytes).unwrap();
        let part = |flag: u32, length: u32| {
            [MAGIC.to_le_bytes(), ((flag << 29) | length).to_le_bytes()].concat()
        };
        let expected = [
            part(1, 4),
            b"0123".to_vec(),
            part(2, 4),
            b"4567".to_vec(),
            part(3, 2),
            b"89\0\0".to_vec(),
        ];
        assert_eq!(bytes, expected.concat());
    }
}
