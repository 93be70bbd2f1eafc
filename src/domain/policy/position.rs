//! Where in a policy's text its statements are, for those who are shown which one decided.

/// A place in a text; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// From the first character of a statement to behind its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: Position,
    pub end: Position,
}

/// The places of a policy's statements, in their order. The text is JSON that has been parsed before.
pub fn statements(document: &str) -> Vec<Span> {
    let mut scan = Scan { spans: Vec::new(), depth: 0, start: None, several: None };
    let mut position = Position { line: 1, column: 1 };
    let (mut text, mut escaped, mut word, mut key) = (false, false, String::new(), String::new());
    for one in document.chars() {
        let next = match one {
            '\n' => Position { line: position.line + 1, column: 1 },
            _ => Position { column: position.column + 1, ..position },
        };
        if text {
            match one {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => text = false,
                _ => word.push(one),
            }
        } else {
            match one {
                '"' => {
                    text = true;
                    word.clear();
                }
                ':' if scan.depth == 1 => key.clone_from(&word),
                '{' | '[' => scan.open(one, &key, position),
                '}' | ']' => scan.close(next),
                _ => {}
            }
        }
        position = next;
    }
    scan.spans
}

struct Scan {
    spans: Vec<Span>,
    depth: usize,
    start: Option<Position>,
    /// Once `Statement` has been reached: whether it is a list.
    several: Option<bool>,
}

impl Scan {
    fn open(&mut self, one: char, key: &str, at: Position) {
        if self.depth == 1 && key == "Statement" {
            self.several = Some(one == '[');
        }
        let level = if self.several == Some(true) { 2 } else { 1 };
        if self.several.is_some() && one == '{' && self.depth == level {
            self.start = Some(at);
        }
        self.depth += 1;
    }

    fn close(&mut self, behind: Position) {
        self.depth = self.depth.saturating_sub(1);
        let Some(several) = self.several else { return };
        if self.depth == if several { 2 } else { 1 }
            && let Some(start) = self.start.take()
        {
            self.spans.push(Span { start, end: behind });
        }
        if self.depth == 1 {
            self.several = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_where_they_are() {
        let document = "{\"Version\":\"2012-10-17\",\n \"Statement\": [{\"Sid\":\"a\\\"}{\"},\n  {\"Condition\":{}}]}";
        let at = |line, column| Position { line, column };
        assert_eq!(
            statements(document),
            [Span { start: at(2, 16), end: at(2, 31) }, Span { start: at(3, 3), end: at(3, 19) }]
        );
    }

    #[test]
    fn one_statement_needs_no_list() {
        let found =
            statements(r#"{"Id":"x","Statement":{"Effect":"Allow"},"Version":"2012-10-17"}"#);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start.column, found[0].end.column), (23, 41));
    }
}
