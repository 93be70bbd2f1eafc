//! How a run is told: text for people on a terminal, JSON lines for programs, JUnit for CI.

use super::parse::{Action, Step};
use super::run::Ending;
use crate::command::render::{escape, text};
use crate::command::{CommandError, Outcome};
use crate::domain::words::counted;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With colours or without.
    Text { colour: bool },
    /// One JSON object a line.
    JsonLines,
}

/// Writes the report as the run goes on, and keeps what JUnit needs.
pub struct Report {
    out: Box<dyn Write + Send>,
    style: Style,
    name: String,
    started: Instant,
    cases: Vec<Case>,
}

struct Case {
    line: usize,
    name: String,
    took: Duration,
    end: End,
}

enum End {
    Passed,
    Failed(Failure),
    /// A failure or an interruption came before it.
    Skipped,
}

struct Failure {
    kind: &'static str,
    text: String,
}

impl Report {
    pub fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, style, name: String::new(), started: Instant::now(), cases: Vec::new() }
    }

    pub fn begin(&mut self, name: &str, steps: usize) {
        self.name = name.to_owned();
        self.started = Instant::now();
        self.write_json(|| json!({"event": "begin", "script": name, "steps": steps}));
    }

    /// People see the step before it runs, since it may take a while.
    pub fn start(&mut self, step: &Step) {
        let Style::Text { colour } = self.style else { return };
        if is_say(step) {
            return;
        }
        let source = escape(&step.source);
        let line = if colour {
            format!("\u{1b}[2m›\u{1b}[0m {source}\n")
        } else {
            format!("› {source}\n")
        };
        self.write(&line);
    }

    pub fn finish(&mut self, step: &Step, took: Duration, outcome: &Result<Outcome, CommandError>) {
        match self.style {
            Style::Text { colour } => {
                let line = told(step, took, outcome, colour);
                self.write(&line);
            }
            Style::JsonLines => self.write_json(|| event(step, took, outcome)),
        }
        let end = match outcome {
            Ok(_) => End::Passed,
            Err(error) => {
                let text = format!("line {}: {error}", step.line);
                End::Failed(Failure { kind: kind(error), text })
            }
        };
        self.case(step, took, end);
    }

    /// A step that does not run any more. JUnit names it; the others count it at the end.
    pub fn skip(&mut self, step: &Step) {
        self.case(step, Duration::ZERO, End::Skipped);
    }

    fn case(&mut self, step: &Step, took: Duration, end: End) {
        self.cases.push(Case { line: step.line, name: step.source.clone(), took, end });
    }

    pub fn end(&mut self, ending: &Ending) {
        let took = self.started.elapsed();
        let Ending { passed, failed, skipped, .. } = ending;
        match self.style {
            Style::Text { colour } => {
                let paint = |code: &str, text: String| match colour {
                    true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
                    false => text,
                };
                let verdict = match failed {
                    0 => paint("32", format!("✔ {}", counted(*passed as u64, "step"))),
                    _ => paint(
                        "31",
                        format!(
                            "✖ {failed} of {} failed",
                            counted((passed + failed) as u64, "step")
                        ),
                    ),
                };
                let rest =
                    if *skipped > 0 { format!(", {skipped} not run") } else { String::new() };
                self.write(&format!("\n{verdict}{rest} in {:.2} s\n", took.as_secs_f64()));
            }
            Style::JsonLines => self.write_json(|| {
                json!({"event": "end", "passed": passed, "failed": failed, "skipped": skipped,
                    "seconds": took.as_secs_f64()})
            }),
        }
    }

    /// The run as JUnit XML.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn junit(&self, out: impl Write) -> io::Result<()> {
        let mut writer = Writer::new_with_indent(out, b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let count = |is: fn(&End) -> bool| self.cases.iter().filter(|case| is(&case.end)).count();
        let failures = count(|end| matches!(end, End::Failed(_)));
        let skipped = count(|end| matches!(end, End::Skipped));
        let total: Duration = self.cases.iter().map(|case| case.took).sum();
        let suite = writer
            .create_element("testsuite")
            .with_attribute(("name", self.name.as_str()))
            .with_attribute(("tests", self.cases.len().to_string().as_str()))
            .with_attribute(("failures", failures.to_string().as_str()))
            .with_attribute(("skipped", skipped.to_string().as_str()))
            .with_attribute(("time", seconds(total).as_str()));
        suite.write_inner_content(|writer| {
            for case in &self.cases {
                let name = xml_safe(&format!("{}: {}", case.line, case.name));
                let element = writer
                    .create_element("testcase")
                    .with_attribute(("classname", self.name.as_str()))
                    .with_attribute(("name", name.as_str()))
                    .with_attribute(("time", seconds(case.took).as_str()));
                match &case.end {
                    End::Passed => element.write_empty()?,
                    End::Skipped => element.write_inner_content(|writer| {
                        writer.create_element("skipped").write_empty()?;
                        Ok(())
                    })?,
                    End::Failed(failure) => element.write_inner_content(|writer| {
                        let text = xml_safe(&failure.text);
                        writer
                            .create_element("failure")
                            .with_attribute(("type", failure.kind))
                            .write_text_content(BytesText::new(&text))?;
                        Ok(())
                    })?,
                };
            }
            Ok(())
        })?;
        Ok(())
    }

    fn write_json(&mut self, event: impl FnOnce() -> Value) {
        if self.style == Style::JsonLines {
            let line = format!("{}\n", event());
            self.write(&line);
        }
    }

    /// A reader that has gone away does not stop the run: its exit code still tells.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// XML 1.0 has no way to write most control characters.
fn xml_safe(text: &str) -> String {
    escape(text)
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

fn is_say(step: &Step) -> bool {
    matches!(&step.action, Action::Command { .. }) && step.source.starts_with("say ")
}

fn told(
    step: &Step,
    took: Duration,
    outcome: &Result<Outcome, CommandError>,
    colour: bool,
) -> String {
    let paint = |code: &str, text: &str| match colour {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    match outcome {
        Ok(outcome) if is_say(step) => format!("\n{}\n", paint("1", text(outcome).trim_end())),
        Ok(outcome) => {
            let shown = text(outcome);
            let (first, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
            let lone_table = outcome.summary.is_empty();
            let took = paint("2", &format!("({:.0} ms)", took.as_secs_f64() * 1000.0));
            match lone_table {
                true => format!("  {} {took}\n{}", paint("32", "✔"), indent(&shown)),
                false => format!("  {} {first} {took}\n{}", paint("32", "✔"), indent(rest)),
            }
        }
        Err(error) => {
            let message = escape(&error.to_string());
            format!("  {} {}\n", paint("31", "✖"), message.replace('\n', "\n    "))
        }
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn event(step: &Step, took: Duration, outcome: &Result<Outcome, CommandError>) -> Value {
    let mut event = json!({
        "event": "step", "line": step.line, "step": step.source, "seconds": took.as_secs_f64(),
    });
    match outcome {
        Ok(outcome) => {
            event["status"] = "passed".into();
            if !outcome.summary.is_empty() {
                event["summary"] = outcome.summary.as_str().into();
            }
            if !outcome.value.is_null() {
                event["value"] = outcome.value.clone();
            }
        }
        Err(error) => {
            event["status"] = "failed".into();
            event["error"] = json!({"kind": kind(error), "message": error.to_string()});
            if let CommandError::Expectation { expected, found } = error {
                event["error"]["expected"] = expected.as_str().into();
                event["error"]["found"] = found.as_str().into();
            }
        }
    }
    event
}

fn kind(error: &CommandError) -> &'static str {
    match error {
        CommandError::Usage(_) => "usage",
        CommandError::Call(_) => "call",
        CommandError::Failed(_) => "failed",
        CommandError::Expectation { .. } => "expectation",
        CommandError::Io { .. } => "file",
        CommandError::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse::parse;

    #[test]
    fn junit_counts_and_escapes() {
        let steps = parse("say hi\nexpect split e a=1%\nsay bye").unwrap();
        let mut report = Report::new(Box::new(io::sink()), Style::JsonLines);
        report.begin("demo", 2);
        report.finish(&steps[0], Duration::from_millis(5), &Ok(Outcome::said("hi")));
        let error = CommandError::Expectation { expected: "a<b".into(), found: "\u{1b}".into() };
        report.finish(&steps[1], Duration::ZERO, &Err(error));
        report.skip(&steps[2]);
        let mut xml = Vec::new();
        report.junit(&mut xml).unwrap();
        insta::assert_snapshot!(String::from_utf8(xml).unwrap());
    }
}
