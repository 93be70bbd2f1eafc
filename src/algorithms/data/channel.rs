//! A channel's rows: from the files below its folder, or from the FIFO of an epoch in Pipe mode.

use super::{Block, DataError, Format, Labelled, Layout, Problem, csv, json, libsvm, recordio};
use crate::algorithms::{Channel, Compression, InputMode};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How much of a text file is read at once.
const CHUNK: usize = 1 << 20;
/// A line longer than this is refused: it is no line of numbers.
const LONGEST_LINE: usize = 1 << 28;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// All rows of a channel. In Pipe mode those that the FIFO of `epoch` delivers; in File and FastFile mode
/// every epoch has the same rows.
pub fn read_channel(
    channel: &Channel,
    format: Format,
    layout: Layout,
    epoch: u32,
) -> Result<Labelled, DataError> {
    let sources =
        if channel.mode == InputMode::Pipe { vec![pipe(channel, epoch)] } else { files(channel)? };
    let mut block = Block::new(layout);
    for path in &sources {
        let name = path.strip_prefix(&channel.path).unwrap_or(path);
        let name = if name.as_os_str().is_empty() { path.as_path() } else { name };
        read_file(path, channel.compression, format, layout, &mut block)
            .map_err(|error| error.in_file(&name.to_string_lossy()))?;
    }
    block.finish().map_err(|error| error.in_file(&format!("channel {}", channel.name)))
}

fn pipe(channel: &Channel, epoch: u32) -> PathBuf {
    let mut name = channel.path.clone().into_os_string();
    name.push(format!("_{epoch}"));
    name.into()
}

/// The regular files below the channel's folder, in the order of their paths. Hidden ones and those
/// that Hadoop and Spark leave behind (`_SUCCESS`) hold no rows.
pub fn files(channel: &Channel) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    let mut folders = vec![channel.path.clone()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(io(&error).in_file(&folder.to_string_lossy())),
        };
        for entry in entries {
            let path = entry.map_err(|error| io(&error))?.path();
            let hidden = path
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().starts_with(b".") || name == "_SUCCESS");
            if hidden {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let place = format!("channel {}", channel.name);
        return Err(DataError::new(Problem::NoFiles { place }));
    }
    found.sort_unstable();
    Ok(found)
}

/// The delimiter that the channel's first csv file seems to have; `None` where it cannot be told without taking
/// rows from a pipe.
pub fn delimiter(channel: &Channel) -> Option<char> {
    if channel.mode == InputMode::Pipe {
        return None;
    }
    let file = File::open(files(channel).ok()?.first()?).ok()?;
    let mut plain = BufReader::new(file);
    let packed = plain.fill_buf().ok()?.starts_with(&GZIP);
    let mut line = Vec::new();
    // A header of names is no longer than this, and neither is what tells a delimiter.
    let most = 1 << 16;
    if packed {
        BufReader::new(MultiGzDecoder::new(plain)).take(most).read_until(b'\n', &mut line).ok()?;
    } else {
        plain.take(most).read_until(b'\n', &mut line).ok()?;
    }
    Some(char::from(csv::detect(&String::from_utf8_lossy(&line))))
}

fn io(error: &std::io::Error) -> DataError {
    DataError::new(Problem::Io(error.to_string()))
}

fn read_file(
    path: &Path,
    compression: Compression,
    format: Format,
    layout: Layout,
    block: &mut Block,
) -> Result<(), DataError> {
    let file = File::open(path).map_err(|error| io(&error))?;
    let mut plain = BufReader::with_capacity(CHUNK, file);
    // Asked of the content: what the engine has already unpacked for a channel declared Gzip is read as it is.
    let packed = plain.fill_buf().map_err(|error| io(&error))?.starts_with(&GZIP);
    match (packed, compression) {
        (true, Compression::Gzip) => read_rows(
            BufReader::with_capacity(CHUNK, MultiGzDecoder::new(plain)),
            format,
            layout,
            block,
        ),
        (true, Compression::None) => Err(DataError::new(Problem::UnexpectedGzip)),
        (false, _) => read_rows(plain, format, layout, block),
    }
}

fn read_rows(
    mut source: impl BufRead,
    format: Format,
    layout: Layout,
    block: &mut Block,
) -> Result<(), DataError> {
    match format {
        Format::Csv => {
            let mut reader = csv::Reader::new(layout);
            by_lines(source, |lines| reader.read(lines, block))
        }
        Format::LibSvm => {
            let mut reader = libsvm::Reader::new(layout);
            by_lines(source, |lines| reader.read(lines, block))
        }
        Format::RecordIo => recordio::read_from(source, block),
        Format::Json | Format::JsonLines => {
            let mut body = Vec::new();
            source.read_to_end(&mut body).map_err(|error| io(&error))?;
            if format == Format::Json {
                json::read(&body, block)
            } else {
                json::read_lines(&body, block)
            }
        }
    }
}

/// Hands on whole lines, about [`CHUNK`] bytes at a time.
fn by_lines(
    mut source: impl Read,
    mut each: impl FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut held = Vec::with_capacity(2 * CHUNK);
    loop {
        let before = held.len();
        let read = source
            .by_ref()
            .take(CHUNK as u64)
            .read_to_end(&mut held)
            .map_err(|error| io(&error))?;
        if read == 0 {
            return if held.is_empty() { Ok(()) } else { each(&held) };
        }
        if let Some(end) = held[before..].iter().rposition(|byte| *byte == b'\n') {
            let end = before + end + 1;
            each(&held[..end])?;
            held.drain(..end);
        } else if held.len() > LONGEST_LINE {
            let what = format!("a line of more than {LONGEST_LINE} bytes");
            return Err(DataError::new(DataError::malformed("lines of numbers", what)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::RecordWrapper;
    use std::io::Write;

    fn channel(path: PathBuf) -> Channel {
        Channel {
            name: "train".into(),
            content_type: None,
            mode: InputMode::File,
            compression: Compression::None,
            wrapper: RecordWrapper::None,
            sharded: false,
            path,
        }
    }

    #[test]
    fn files_are_read_in_order_and_errors_name_theirs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("b/part-1.csv"), "3,30\n").unwrap();
        std::fs::write(folder.path().join("a.csv"), "1,10\n2,20").unwrap();
        std::fs::write(folder.path().join(".hidden"), "x").unwrap();
        std::fs::write(folder.path().join("_SUCCESS"), "").unwrap();
        let train = channel(folder.path().to_owned());
        let rows = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap();
        assert_eq!(rows.labels, [1.0, 2.0, 3.0]);
        std::fs::write(folder.path().join("b/part-2.csv"), "4,40\n5,old\n").unwrap();
        let error = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap_err();
        assert!(
            error.to_string().starts_with("b/part-2.csv, line 2: 'old' in column 2"),
            "{error}"
        );
    }

    #[test]
    fn gzip_is_unpacked_where_it_is_declared() {
        let folder = tempfile::tempdir().unwrap();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"1,10\n").unwrap();
        std::fs::write(folder.path().join("a.csv.gz"), packer.finish().unwrap()).unwrap();
        let mut train = channel(folder.path().to_owned());
        let error = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap_err();
        assert_eq!(error.problem, Problem::UnexpectedGzip);
        train.compression = Compression::Gzip;
        let rows = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap();
        assert_eq!(rows.features.values(), [10.0]);
    }

    #[test]
    fn each_epoch_has_its_own_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let mut train = channel(folder.path().join("train"));
        train.mode = InputMode::Pipe;
        let writers: Vec<_> = (0..2)
            .map(|epoch| {
                let path = folder.path().join(format!("train_{epoch}"));
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
                    .unwrap();
                std::thread::spawn(move || std::fs::write(path, format!("{epoch},7\n")).unwrap())
            })
            .collect();
        for epoch in 0..2 {
            let rows = read_channel(&train, Format::Csv, Layout::TRAINING, epoch).unwrap();
            assert_eq!(rows.labels, [epoch as f32]);
        }
        for writer in writers {
            writer.join().unwrap();
        }
    }

    #[test]
    fn lines_that_straddle_chunks_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..200_000).map(|row| format!("{row},{}\n", row % 97)).collect();
        std::fs::write(folder.path().join("a.csv"), &text).unwrap();
        let rows =
            read_channel(&channel(folder.path().to_owned()), Format::Csv, Layout::TRAINING, 0)
                .unwrap();
        assert!(text.len() > CHUNK);
        assert_eq!(rows.labels.len(), 200_000);
        assert!(rows.labels.iter().enumerate().all(|(row, label)| *label == row as f32));
    }

    #[test]
    fn an_empty_channel_is_told_from_one_without_rows() {
        let folder = tempfile::tempdir().unwrap();
        let train = channel(folder.path().to_owned());
        let error = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap_err();
        assert!(matches!(error.problem, Problem::NoFiles { .. }));
        std::fs::write(folder.path().join("a.csv"), "\n").unwrap();
        let error = read_channel(&train, Format::Csv, Layout::TRAINING, 0).unwrap_err();
        assert_eq!(error.problem, Problem::NoRows);
    }
}
