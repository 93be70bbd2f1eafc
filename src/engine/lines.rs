//! Splits a container's output into lines, as a log event can hold them.

use std::collections::VecDeque;
use std::io::Read;

/// CloudWatch Logs' bound of one event's message: 256 KiB less its 26 bytes of overhead.
const MAX_LINE: usize = 262_144 - 26;

/// How many last lines are kept as last words, and how many bytes of each.
const LAST_LINES: usize = 20;
const LAST_LINE_BYTES: usize = 1024;

/// Cuts bytes into lines: at newlines, and where a line grows too long (between characters).
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, rest) = bytes.split_at(end);
            if self.partial.is_empty() && head.len() <= MAX_LINE {
                emit(head, line);
            } else {
                self.extend(head, line);
                emit(&self.partial, line);
                self.partial.clear();
            }
            bytes = &rest[1..];
        }
        self.extend(bytes, line);
    }

    fn extend(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(&str)) {
        while self.partial.len() + bytes.len() > MAX_LINE {
            let (head, rest) = bytes.split_at(MAX_LINE - self.partial.len());
            self.partial.extend_from_slice(head);
            bytes = rest;
            let cut = boundary(&self.partial);
            emit(&self.partial[..cut], line);
            self.partial.drain(..cut);
        }
        self.partial.extend_from_slice(bytes);
    }

    fn finish(&mut self, line: &mut dyn FnMut(&str)) {
        if !self.partial.is_empty() {
            emit(&self.partial, line);
            self.partial.clear();
        }
    }
}

/// The end of the last whole character; the end itself when the bytes are no UTF-8 anyway.
fn boundary(bytes: &[u8]) -> usize {
    let continuation = bytes.iter().rev().take(4).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let Some(lead) = bytes.len().checked_sub(continuation + 1) else { return bytes.len() };
    let wanted = match bytes[lead] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return bytes.len(),
    };
    if continuation + 1 < wanted && lead > 0 { lead } else { bytes.len() }
}

fn emit(bytes: &[u8], line: &mut dyn FnMut(&str)) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    line(&String::from_utf8_lossy(bytes));
}

/// Reads `pipe` to its end, hands every line to `line` and returns the last ones.
pub(super) fn deliver(mut pipe: impl Read, mut line: impl FnMut(&str)) -> Vec<String> {
    let mut last = VecDeque::with_capacity(LAST_LINES);
    let mut each = |text: &str| {
        line(text);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        let end = text.floor_char_boundary(LAST_LINE_BYTES);
        last.push_back(text[..end].to_owned());
    };
    let mut lines = Lines::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => lines.push(&buffer[..count], &mut each),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // A pipe that fails has no more to give; what came before it counts.
            Err(_) => break,
        }
    }
    lines.finish(&mut each);
    last.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.push(chunk, &mut |line| found.push(line.to_owned()));
        }
        lines.finish(&mut |line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn delivers_a_partial_last_line() {
        assert_eq!(lines_of(&[b"one\r\ntwo", b" more\n\nlast"]), ["one", "two more", "", "last"]);
    }

    #[test]
    fn replaces_invalid_utf8() {
        assert_eq!(lines_of(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn cuts_long_lines_between_characters() {
        let text = format!("x{}", "ä".repeat(MAX_LINE));
        let found = lines_of(&[text.as_bytes(), b"\nnext"]);
        assert!(found.iter().all(|line| line.len() <= MAX_LINE));
        assert_eq!(found.len(), 4);
        assert_eq!(found[..3].concat(), text);
        assert_eq!(found[3], "next");
    }

    #[test]
    fn keeps_the_last_words_short_and_few() {
        let mut text = "x".repeat(5_000);
        for n in 0..30 {
            text.push_str(&format!("\nline {n}"));
        }
        let mut count = 0;
        let last = deliver(text.as_bytes(), |_| count += 1);
        assert_eq!(count, 31);
        assert_eq!(last.len(), LAST_LINES);
        assert_eq!((last[0].as_str(), last[19].as_str()), ("line 10", "line 29"));
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
            cuts in prop::collection::vec(0..400_usize, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> =
                cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(lines_of(&chunks), lines_of(&[&bytes]));
        }
    }
}
