//! A storm: any message in any order, from a seed. Keys that are bound come more often than others,
//! questions are answered (well, badly, or with nonsense), rows come and go, and much of the text is
//! hostile. Names are drawn from a small pool, so that what grows is the workbench's own doing.

use super::{Traffic, connected, region, rows};
use crate::command::RecordedCall;
use crate::domain::seed::Seed;
use crate::tui::chord;
use crate::tui::effect::Effect;
use crate::tui::keys;
use crate::tui::msg::{
    Answer, Credentials, Failure, Line, Link, Load, LogLine, Logs, Msg, Secret, Stamped, Ticket,
};
use crate::tui::row::Row;
use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

const HOSTILE: &[&str] = &[
    "",
    " ",
    "plain",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31mred\u{9c}",
    "\u{1b}[31mred \u{1b}[1;44mloud\u{1b}[0m",
    "\u{1b}]52;c;aGFoYQ==\u{7}",
    "日本語のログ行",
    "ｆｕｌｌ　ｗｉｄｔｈ",
    "مرحبا بالعالم",
    "abc\u{202e}gpj.exe",
    "\u{2066}isolated\u{2069}",
    "tab\tand\rreturn\nand line\u{b}\u{c}",
    "👩‍👩‍👧‍👦 🇪🇺 ❤️",
    "e\u{301}\u{301}\u{301}\u{327}\u{489}",
    "\u{301}begins with a mark",
    "\0\0\0",
    "\u{feff}\u{200b}\u{ad}",
    "a/very/long/path/of/a/key/that/does/not/end/soon/and/goes/on/for/much/longer/than/any/column",
    "$(reboot); `reboot`; 'quotes\" \\",
    "[1]#011train-mlogloss:0.5#011validation-mlogloss:NaN",
    "{\"json\": [1, 2, {\"deep\": null}], \"wide\": \"日本\"}",
    "5.1,3.5,1.4,0.2",
    "\u{2028}\u{2029}\u{85}",
    "\u{e0041}\u{e0042}\u{115f}\u{3164}",
];

const STATUSES: &[&str] = &[
    "InService",
    "Creating",
    "Updating",
    "Failed",
    "Completed",
    "InProgress",
    "Stopped",
    "Stopping",
    "Approved",
    "Rejected",
    "PendingManualApproval",
    "Deleting",
    "",
    "\u{1b}[31mNew",
    "日本",
];

const LINES: &[&str] = &[
    "list model",
    "list endpoint as $x",
    "describe endpoint iris-live",
    "bucket create data",
    "deploy e v=iris/1",
    "approve iris/1 --comment \"looks good\"",
    "shift iris-live 50/50",
    "say \"日本 $x\"",
    "train red xgboost --input train=s3://iris/train.csv",
    "delete endpoint iris-live",
    "call sagemaker list-models",
    "invoke iris-live --body 1,2,3,4",
    "nonsense \u{202e} --x",
    "theme",
    "go",
];

const FILTERS: &[&str] =
    &["iris", "!iris", "~^i.*s$", "~(", "-f irs", "日", "", "-f", "!", "~[", "\u{e9}"];

/// The messages that follow from a seed.
pub(crate) struct Storm {
    seed: Seed,
    drawn: u64,
    at: i64,
    traffic: Traffic,
    fixture: Vec<Row>,
    bound: Vec<Vec<KeyEvent>>,
    /// Effects that wait for their answer.
    pub(crate) asked: BTreeMap<Ticket, Effect>,
    /// What is being typed, or comes in one piece.
    queue: VecDeque<Msg>,
}

impl Storm {
    pub(crate) fn new(seed: u64) -> Self {
        let bindings = keys::contexts().into_iter().flat_map(|(_, table)| table);
        let chords = bindings.flat_map(|binding| binding.keys).map(|keys| {
            let keys = chord::sequence(keys).unwrap();
            keys.into_iter().map(chord::Chord::event).collect()
        });
        let mut queue = VecDeque::new();
        if !seed.is_multiple_of(8) {
            queue.extend(region());
        }
        Self {
            seed: Seed(seed).named("storm"),
            drawn: 0,
            at: super::START,
            traffic: Traffic::iris(),
            fixture: rows(),
            bound: chords.collect(),
            asked: BTreeMap::new(),
            queue,
        }
    }

    fn bits(&mut self) -> u64 {
        self.drawn += 1;
        self.seed.bits(self.drawn)
    }

    /// Less than so many.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.bits() % most.max(1) as u64) as usize
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn text(&mut self) -> String {
        match self.below(12) {
            0 => self.pick(HOSTILE).repeat(60),
            1 => format!("{}{}", self.pick(HOSTILE), self.pick(HOSTILE)),
            2 => {
                char::from_u32(self.bits() as u32 % 0x0011_0000).map_or(String::new(), String::from)
            }
            _ => self.pick(HOSTILE).to_owned(),
        }
    }

    /// A name that is likely to be there.
    fn name(&mut self) -> String {
        if self.one_in(3) {
            return self.pick(HOSTILE).to_owned();
        }
        let at = self.below(self.fixture.len());
        self.fixture[at].name.clone()
    }

    fn number(&mut self) -> f64 {
        let start = super::START as f64 / 1000.0;
        let near = start + self.below(100_000) as f64 / 10.0 - 5000.0;
        self.pick(&[near, near, near, 0.0, -1.0, 0.5, 1e18, -1e18, f64::MAX, 1e-300, 4e9, 1e13])
    }

    /// The next message and its time.
    pub(crate) fn next(&mut self) -> Stamped {
        let msg = match self.queue.pop_front() {
            Some(msg) => msg,
            None => self.any(),
        };
        let step = match self.below(200) {
            0 => 3_600_000,
            1 => -60_000,
            2..20 => 1000,
            _ => self.below(40) as i64,
        };
        self.at = self.at.saturating_add(step);
        Stamped { at: self.at, msg }
    }

    fn any(&mut self) -> Msg {
        match self.below(100) {
            0..42 => self.key(),
            42..50 => self.mouse(),
            50..52 => Msg::Paste(self.text()),
            52..55 => self.resize(),
            55 => Msg::Focus(self.one_in(2)),
            56..62 => Msg::Tick,
            62 => Msg::Link(self.link()),
            63..73 => self.region(),
            73..76 => self.live(),
            76..78 => self.job(),
            78..80 => self.told(),
            80..84 => self.logs(),
            84..96 => self.answer(),
            96 => self.load(),
            97 => Msg::Dropped { what: self.pick(HOSTILE).to_owned(), count: self.bits() % 1000 },
            98 => self.said(),
            _ => self.line_typed(),
        }
    }

    fn key(&mut self) -> Msg {
        let modifiers = self.pick(&[
            KeyModifiers::NONE,
            KeyModifiers::NONE,
            KeyModifiers::NONE,
            KeyModifiers::SHIFT,
            KeyModifiers::CONTROL,
            KeyModifiers::ALT,
            KeyModifiers::all(),
        ]);
        let code = match self.below(10) {
            0..6 => {
                let at = self.below(self.bound.len());
                let mut keys = self.bound[at].clone().into_iter().map(Msg::Key);
                let first = keys.next().unwrap();
                self.queue.extend(keys);
                return first;
            }
            6 | 7 => self.pick(&[
                KeyCode::Enter,
                KeyCode::Enter,
                KeyCode::Esc,
                KeyCode::Esc,
                KeyCode::Tab,
                KeyCode::BackTab,
                KeyCode::Backspace,
                KeyCode::Delete,
                KeyCode::Up,
                KeyCode::Down,
                KeyCode::Left,
                KeyCode::Right,
                KeyCode::Home,
                KeyCode::End,
                KeyCode::PageUp,
                KeyCode::PageDown,
                KeyCode::F(5),
                KeyCode::Null,
                KeyCode::Insert,
                KeyCode::CapsLock,
            ]),
            8 => KeyCode::Char((b'!' + self.below(94) as u8) as char),
            _ => KeyCode::Char(self.text().chars().next().unwrap_or('\u{1f600}')),
        };
        let kind = self.pick(&[
            KeyEventKind::Press,
            KeyEventKind::Press,
            KeyEventKind::Press,
            KeyEventKind::Repeat,
            KeyEventKind::Release,
        ]);
        Msg::Key(KeyEvent::new_with_kind(code, modifiers, kind))
    }

    /// A command line or a filter, letter by letter.
    fn line_typed(&mut self) -> Msg {
        let (begin, line) = match self.below(2) {
            0 => (':', self.pick(LINES)),
            _ => ('/', self.pick(FILTERS)),
        };
        let key = |code| Msg::Key(KeyEvent::new(code, KeyModifiers::NONE));
        self.queue.extend(line.chars().map(|char| key(KeyCode::Char(char))));
        let end = self.pick(&[KeyCode::Enter, KeyCode::Enter, KeyCode::Tab, KeyCode::Esc]);
        self.queue.push_back(key(end));
        key(KeyCode::Char(begin))
    }

    fn mouse(&mut self) -> Msg {
        let kind = self.pick(&[
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Down(MouseButton::Right),
            MouseEventKind::Drag(MouseButton::Left),
            MouseEventKind::Up(MouseButton::Left),
            MouseEventKind::Moved,
            MouseEventKind::ScrollUp,
            MouseEventKind::ScrollDown,
            MouseEventKind::ScrollLeft,
            MouseEventKind::ScrollRight,
        ]);
        let (column, row) = match self.below(20) {
            0 => (u16::MAX, u16::MAX),
            1 => (0, 0),
            _ => (self.below(210) as u16, self.below(62) as u16),
        };
        Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    }

    fn resize(&mut self) -> Msg {
        let (columns, rows) = match self.below(8) {
            0 => (self.below(70), self.below(20)),
            1 => (self.below(301), self.below(101)),
            2 => (300, 100),
            3 => (self.below(2), self.below(2)),
            4 => (60, 16),
            5 => (120, 40),
            _ => (80, 24),
        };
        Msg::Resize(columns as u16, rows as u16)
    }

    fn link(&mut self) -> Link {
        let why = self.text();
        match self.below(8) {
            0 => Link::Untrusted { folder: self.text(), found: vec![why; 3] },
            1 => Link::Starting,
            2 => Link::Lost { why },
            3 => Link::Failed { why },
            4 => Link::Connected {
                health: self.spoiled(json!({"region": "us-east-1", "workspace": why})),
                address: self.text(),
                started_here: self.one_in(2),
            },
            _ => {
                let Msg::Link(link) = connected() else { unreachable!() };
                link
            }
        }
    }

    fn row(&mut self) -> Row {
        let at = self.below(self.fixture.len());
        let mut row = self.fixture[at].clone();
        if self.one_in(2) {
            row.name = self.name();
        }
        if self.one_in(8) {
            row.kind = self.pick(&["bucket", "model", "endpoint", "none-of-these"]).to_owned();
        }
        if self.one_in(8) {
            row.parent = self.name();
        }
        if self.one_in(2) {
            row.status = self.pick(STATUSES).to_owned();
        }
        if self.one_in(4) {
            (row.created, row.modified) = (self.number(), self.number());
        }
        for _ in 0..self.below(4) {
            row.body = self.spoiled(row.body);
        }
        row
    }

    fn region(&mut self) -> Msg {
        let revision = 43 + self.drawn;
        let lines = (0..=self.below(4)).map(|_| match self.below(40) {
            0 => Line::Resync(self.text()),
            1 => Line::Heartbeat,
            2 => Line::Ready(revision),
            3 => Line::Snapshot { revision, rows: self.bits() },
            4 => Line::Row(self.row()),
            5..12 => {
                let at = self.below(self.fixture.len());
                let kind = self.fixture[at].kind.clone();
                Line::Deleted { revision, at: self.number(), kind, name: self.name() }
            }
            _ => {
                let (at, created, row) = (self.number(), self.one_in(4), self.row());
                Line::Changed { revision, at, created, row }
            }
        });
        let mut lines: Vec<Line> = lines.collect();
        if self.one_in(20) {
            // Everything anew, cut anywhere.
            lines.push(Line::Snapshot { revision, rows: self.fixture.len() as u64 });
            lines.extend(self.fixture.iter().cloned().map(Line::Row));
            lines.push(Line::Ready(revision));
            let rest = lines.split_off(self.below(lines.len()));
            self.queue.push_front(Msg::Region(rest));
        }
        Msg::Region(lines)
    }

    fn live(&mut self) -> Msg {
        let seconds = self.pick(&[0.1, 0.1, 0.1, 1.0, 0.0]);
        if self.one_in(2) {
            let Msg::Traffic(line) = self.traffic.beat(seconds) else { unreachable!() };
            return Msg::Traffic(self.often_whole(line));
        }
        let Msg::Endpoint { name, line } = self.traffic.live(seconds) else { unreachable!() };
        let name = if self.one_in(8) { self.name() } else { name };
        Msg::Endpoint { name, line: self.often_whole(line) }
    }

    fn job(&mut self) -> Msg {
        let jobs = region().into_iter().filter(|msg| matches!(msg, Msg::TrainingJob { .. }));
        let jobs: Vec<Msg> = jobs.collect();
        let Msg::TrainingJob { name, line } = jobs[self.below(jobs.len())].clone() else {
            unreachable!()
        };
        let name = if self.one_in(8) { self.name() } else { name };
        Msg::TrainingJob { name, line: self.often_whole(line) }
    }

    /// Cost, engine, credentials.
    fn told(&mut self) -> Msg {
        if self.one_in(4) {
            let (access_key, secret) = (self.text(), Secret::new(self.text()));
            return Msg::Credentials(Credentials { access_key, secret });
        }
        let told: Vec<Msg> = region()
            .into_iter()
            .filter(|msg| matches!(msg, Msg::Cost(_) | Msg::Engine(_)))
            .collect();
        match told[self.below(told.len())].clone() {
            Msg::Cost(value) => Msg::Cost(self.often_whole(value)),
            Msg::Engine(value) => Msg::Engine(self.often_whole(value)),
            other => other,
        }
    }

    fn group(&mut self) -> String {
        let name = self.name();
        let groups = ["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints/iris-live"];
        self.pick(&[groups[0], groups[0], groups[1], name.as_str()]).to_owned()
    }

    fn logs(&mut self) -> Msg {
        let count = self.pick(&[0, 1, 3, 10, 200]);
        let lines = (0..count).map(|_| LogLine {
            stream: format!("{}/algo-1-1", self.name()),
            position: self.bits() % 10_000,
            timestamp: (self.number() * 1000.0) as i64,
            message: self.text(),
        });
        let lines = lines.collect();
        let missed = if self.one_in(10) { 7 } else { 0 };
        Msg::Logs(Logs { group: self.group(), lines, missed })
    }

    fn load(&mut self) -> Msg {
        let endpoint = self.name();
        let correct = vec![("blue".to_owned(), 90, 100), (self.name(), 3, 2)];
        let last_error = self.one_in(3).then(|| self.text());
        let (requests, errors) = (self.bits() % 100_000, self.bits() % 100);
        let running = self.one_in(2);
        Msg::Load(Load { endpoint, running, requests, errors, correct, last_error })
    }

    fn said(&mut self) -> Msg {
        let ticket = self.ticket();
        if self.one_in(2) {
            return Msg::Said { ticket, line: self.text() };
        }
        let (done, total) = (self.bits() % 100, self.bits() % 100);
        Msg::Progress { ticket, done, total, what: self.text() }
    }

    /// One that waits for an answer, or one that nobody asked for.
    fn ticket(&mut self) -> Ticket {
        let waiting: Vec<Ticket> = self.asked.keys().copied().collect();
        if waiting.is_empty() || self.one_in(20) {
            return self.bits() % 50 + 1_000_000_000;
        }
        waiting[self.below(waiting.len())]
    }

    fn answer(&mut self) -> Msg {
        let ticket = self.ticket();
        self.answer_to(ticket)
    }

    pub(crate) fn answer_to(&mut self, ticket: Ticket) -> Msg {
        let effect = self.asked.remove(&ticket);
        let outcome = match self.below(6) {
            0 => Err(Failure { code: self.text(), message: self.text() }),
            1 => {
                let value = self.document(effect.as_ref());
                Ok(self.spoiled(value))
            }
            _ => Ok(self.document(effect.as_ref())),
        };
        let input = json!({"ModelName": self.text(), "Tags": [{"Key": "a", "Value": "b"}]});
        let operation = self.pick(&["CreateModel", "DescribeModel", "None"]).to_owned();
        let call = RecordedCall { service: "sagemaker".into(), operation, input };
        Msg::Answer { ticket, answer: Answer { outcome, calls: vec![call; self.below(3)] } }
    }

    /// What the driver would answer.
    fn document(&mut self, effect: Option<&Effect>) -> Value {
        match effect {
            Some(Effect::Run { .. }) => {
                let row = |storm: &mut Self| vec![storm.text(), storm.text()];
                let rows: Vec<_> = (0..self.below(5)).map(|_| row(self)).collect();
                let tables = match self.below(2) {
                    0 => json!([]),
                    _ => json!([{"title": self.text(), "columns": ["a", "b"], "rows": rows}]),
                };
                json!({"summary": self.text(), "tables": tables, "capture": self.name(),
                    "value": {"capture": 1}})
            }
            Some(Effect::Objects { bucket, prefix, .. }) => {
                let (bucket, prefix) = (bucket.clone(), prefix.clone());
                let rows = (0..self.below(30)).map(|_| self.object(&bucket, &prefix));
                let rows: Vec<Row> = rows.collect();
                json!({"rows": rows, "more": self.one_in(2)})
            }
            Some(Effect::Preview { .. }) => match self.below(4) {
                0 => json!({"base64": "AAECA/9/", "size": self.bits(), "more": true}),
                1 => {
                    json!({"entries": [{"name": self.text(), "size": 12}], "size": 3, "more": false})
                }
                2 => json!({"text": "a,b\n1,2\n\"3,\n4\",日本\n", "size": 12, "more": true}),
                _ => json!({"text": self.text(), "size": 12, "more": false}),
            },
            Some(Effect::LogGroups { .. }) => self.listed("log-group"),
            Some(Effect::LogStreams { .. }) => self.listed("log-stream"),
            Some(Effect::SearchLogs { .. }) => {
                let events = (0..self.below(20)).map(|at| {
                    json!({"logStreamName": self.name(), "timestamp": self.number() as i64,
                        "message": self.text(), "eventId": at.to_string()})
                });
                events.collect()
            }
            Some(Effect::Edit { .. }) => json!({"text": self.text(), "changed": self.one_in(2)}),
            Some(Effect::Invoke { .. }) => json!({"variant": self.name(), "body": self.text(),
                "content_type": "text/csv", "micros": self.bits(), "bytes": self.bits() % 9999}),
            Some(Effect::Post { .. }) => json!({"did": self.text()}),
            Some(Effect::Save { .. }) => json!({"summary": self.text()}),
            _ => json!({"ModelArn": self.text()}),
        }
    }

    fn object(&mut self, bucket: &str, prefix: &str) -> Row {
        let label = self.name();
        let name = format!("{prefix}{label}");
        let kind = self.pick(&["folder", "object", "object"]);
        let body = json!({"Bucket": bucket, "Key": name, "Prefix": name, "Label": label,
            "Size": self.number(), "LastModified": "2026-11-28T08:27:26Z"});
        let modified = self.number();
        Row { kind: kind.into(), name, parent: bucket.into(), modified, body, ..Row::default() }
    }

    fn listed(&mut self, kind: &str) -> Value {
        let rows = (0..self.below(12)).map(|_| Row {
            kind: kind.into(),
            name: self.group(),
            created: self.number(),
            body: json!({"storedBytes": self.bits(), "Streams": self.below(60),
                "LastEvent": self.number(), "lastEventTimestamp": self.number()}),
            ..Row::default()
        });
        let rows: Vec<Row> = rows.collect();
        json!(rows)
    }

    fn often_whole(&mut self, value: Value) -> Value {
        if self.one_in(4) { self.spoiled(value) } else { value }
    }

    /// The document with something else in one place of it.
    fn spoiled(&mut self, mut value: Value) -> Value {
        let mut place = &mut value;
        loop {
            let deeper = !self.one_in(5);
            let members = match &*place {
                Value::Object(members) => members.len(),
                Value::Array(items) => items.len(),
                _ => 0,
            };
            if members == 0 || !deeper {
                break;
            }
            let at = self.below(members);
            place = match place {
                Value::Object(members) => members.values_mut().nth(at).unwrap(),
                Value::Array(items) => &mut items[at],
                _ => unreachable!(),
            };
        }
        *place = match self.below(9) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({}),
            3 => json!(self.number()),
            4 => json!(self.bits()),
            5 => json!(-1),
            6 => json!([null, "a", 1, {"b": []}]),
            7 => json!(self.one_in(2)),
            _ => json!(self.text()),
        };
        value
    }
}
