//! Creates anything: which kind, then a form drawn from the shape of its Create operation, with
//! references chosen from what exists. What the region refuses stands in the form, in AWS's words.

use super::Prompt;
use crate::command::admin::coverage;
use crate::domain::kind;
use crate::engine::image;
use crate::tui::effect::Effect;
use crate::tui::frame::{centred, dialog};
use crate::tui::keymap::Binding;
use crate::tui::mirror::lineage::{containers, text, uris};
use crate::tui::mirror::{BUCKET, Mirror};
use crate::tui::msg::Ticket;
use crate::tui::row::Row;
use crate::tui::text::{clean, pad};
use crate::tui::view::{News, Outbox, Scene, Tone, View};
use crate::tui::widgets::form::{Form, FormEvent};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use serde_json::{Value, json};

pub(super) static KEYS: &[Binding] = &[
    Binding::new("up", &["k", "up"], "Up"),
    Binding::new("down", &["j", "down"], "Down"),
    Binding::new("drill-in", &["enter", "l"], "Its form").hint("its form"),
    Binding::new("back", &["esc", "q"], "Nothing new"),
];

/// What can be created.
struct Kind {
    noun: &'static str,
    about: &'static str,
    /// Screens whose kind it is.
    screens: &'static [&'static str],
    /// Service and operation; none for a bucket, which only needs a name.
    call: Option<(&'static str, &'static str)>,
    /// The member that names the new one, which nothing is offered for.
    own: &'static str,
}

static KINDS: &[Kind] = &[
    Kind {
        noun: "endpoint",
        about: "serves a configuration that exists; `:deploy` makes all of it at once",
        screens: &["endpoints", "endpoint"],
        call: Some(("sagemaker", "CreateEndpoint")),
        own: "EndpointName",
    },
    Kind {
        noun: "configuration",
        about: "which models, on what, in which shares",
        screens: &["configurations", "configuration"],
        call: Some(("sagemaker", "CreateEndpointConfig")),
        own: "EndpointConfigName",
    },
    Kind {
        noun: "model",
        about: "a container and its data, or a model package",
        screens: &["models", "model"],
        call: Some(("sagemaker", "CreateModel")),
        own: "ModelName",
    },
    Kind {
        noun: "training job",
        about: "an algorithm, its data and its settings",
        screens: &["jobs", "job"],
        call: Some(("sagemaker", "CreateTrainingJob")),
        own: "TrainingJobName",
    },
    Kind {
        noun: "group",
        about: "where versions of a model are registered",
        screens: &["registry"],
        call: Some(("sagemaker", "CreateModelPackageGroup")),
        own: "ModelPackageGroupName",
    },
    Kind {
        noun: "model package",
        about: "a version in a group, or a package by itself",
        screens: &["group", "package", "compare"],
        call: Some(("sagemaker", "CreateModelPackage")),
        own: "ModelPackageName",
    },
    Kind {
        noun: "bucket",
        about: "where data and models lie",
        screens: &["buckets", "bucket"],
        call: None,
        own: "",
    },
    Kind {
        noun: "role",
        about: "what jobs and models work as",
        screens: &[],
        call: Some(("iam", "CreateRole")),
        own: "RoleName",
    },
];

/// The chooser of kinds.
pub struct New {
    cursor: usize,
}

impl New {
    /// The form of the screen's kind, or the chooser where it has none.
    pub fn begin(screen: &str, mirror: &Mirror) -> Box<dyn View> {
        match KINDS.iter().position(|kind| kind.screens.contains(&screen)) {
            Some(at) => view(&KINDS[at], mirror),
            None => Box::new(Self { cursor: 0 }),
        }
    }
}

fn view(kind: &'static Kind, mirror: &Mirror) -> Box<dyn View> {
    let form = kind.call.and_then(|call| Creation::new(kind, call, mirror));
    match form {
        Some(form) => Box::new(form),
        None => {
            let prompt = Prompt::new("New bucket", |name, out| {
                out.run(["bucket", "create", name]);
            });
            Box::new(prompt.hint("lower case letters, digits, dots and dashes"))
        }
    }
}

impl View for New {
    fn name(&self) -> &'static str {
        "new"
    }

    fn title(&self) -> String {
        "New".into()
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 78, u16::try_from(KINDS.len()).unwrap_or(u16::MAX).saturating_add(2))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner = dialog(frame, area, "New", "enter its form · esc nothing", scene.theme);
        let lines: Vec<Line<'_>> = KINDS
            .iter()
            .enumerate()
            .map(|(at, kind)| {
                let here = at == self.cursor;
                let style = if here { scene.theme.selected } else { scene.theme.accent };
                Line::from(vec![
                    Span::styled(if here { "▌ " } else { "  " }, scene.theme.focus),
                    Span::styled(pad(kind.noun, 16), style),
                    Span::styled(kind.about, scene.theme.dim),
                ])
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.cursor = self.cursor.saturating_sub(1),
            "down" => self.cursor = (self.cursor + 1).min(KINDS.len() - 1),
            "drill-in" => {
                out.close();
                if let Some(kind) = KINDS.get(self.cursor) {
                    let view = view(kind, scene.mirror);
                    out.requests.push(crate::tui::view::Request::Push(view));
                }
            }
            _ => return false,
        }
        true
    }
}

/// A form under way.
struct Creation {
    noun: &'static str,
    service: &'static str,
    operation: &'static str,
    form: Form,
    /// What it began with: what is other than this somebody has typed.
    begun: Value,
    sent: Option<Ticket>,
    /// What the region said to the last attempt.
    refusal: Option<String>,
}

impl Creation {
    fn new(
        kind: &Kind,
        (service, operation): (&'static str, &'static str),
        mirror: &Mirror,
    ) -> Option<Self> {
        let mut form = Form::new(service, operation, &presets(operation, mirror))?;
        for (member, names) in offers(mirror) {
            if member != kind.own && !names.is_empty() {
                form.offer(member, names);
            }
        }
        let begun = form.value();
        Some(Self { noun: kind.noun, service, operation, form, begun, sent: None, refusal: None })
    }

    fn took(&mut self, event: FormEvent, scene: &Scene<'_>, out: &mut Outbox) {
        match event {
            FormEvent::Stay => {}
            FormEvent::Cancel => out.close(),
            FormEvent::Submit(_) if scene.read_only => {
                self.refusal = Some("Read-only: nothing is created".into());
            }
            FormEvent::Submit(_) if self.sent.is_some() => {}
            FormEvent::Submit(input) => {
                let ticket = out.ticket();
                self.sent = Some(ticket);
                self.refusal = None;
                let (service, operation) = (self.service.to_owned(), self.operation.to_owned());
                out.effect(Effect::Call { ticket, service, operation, input });
            }
        }
    }
}

/// What nearly everybody says, so that a form begins near its end.
fn presets(operation: &str, mirror: &Mirror) -> Value {
    let role = mirror.rows(kind::ROLE).sorted().first().map(|row| row.arn.clone());
    let role = role.unwrap_or_default();
    let newest = |kind: &str| {
        let rows = mirror.rows(kind).iter().map(|(_, row)| row);
        rows.max_by(|a, b| a.created.total_cmp(&b.created)).map_or("", |row| &row.name)
    };
    match operation {
        "CreateEndpoint" => json!({"EndpointConfigName": newest(kind::ENDPOINT_CONFIG)}),
        "CreateEndpointConfig" => json!({"ProductionVariants": [{
            "VariantName": "blue", "ModelName": newest(kind::MODEL),
            "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0}]}),
        "CreateModel" => json!({"ExecutionRoleArn": role, "PrimaryContainer": {}}),
        "CreateTrainingJob" => json!({
            "RoleArn": role,
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400}}),
        "CreateModelPackage" => json!({
            "ModelPackageGroupName": newest(kind::MODEL_PACKAGE_GROUP),
            "ModelApprovalStatus": "PendingManualApproval"}),
        "CreateRole" => json!({"AssumeRolePolicyDocument": TRUST}),
        _ => json!({}),
    }
}

/// Whom SageMaker's roles trust.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Names that exist, by the member that refers to them.
fn offers(mirror: &Mirror) -> Vec<(&'static str, Vec<String>)> {
    let listed = |kind: &str, text: fn(&Row) -> &String| -> Vec<String> {
        mirror.rows(kind).sorted().iter().map(|row| text(row).clone()).collect()
    };
    let names = |kind: &str| listed(kind, |row| &row.name);
    let arns = |kind: &str| listed(kind, |row| &row.arn);
    let mut places: Vec<String> =
        names(BUCKET).iter().map(|bucket| format!("s3://{bucket}/")).collect();
    let (mut artifacts, mut images) = (Vec::new(), Vec::new());
    for job in mirror.rows(kind::TRAINING_JOB).sorted() {
        places.extend(uris(job).into_iter().map(str::to_owned));
        artifacts.push(job.at("/ModelArtifacts/S3ModelArtifacts").to_owned());
        images.push(job.at("/AlgorithmSpecification/TrainingImage").to_owned());
    }
    for package in mirror.rows(kind::MODEL_PACKAGE).sorted() {
        images.extend(containers(package).iter().map(|one| text(one, "Image").to_owned()));
    }
    let region = mirror.health.get("region").and_then(Value::as_str).unwrap_or("us-east-1");
    images.extend(image::BUILT_IN.iter().filter_map(|name| image::uri(name, region)));
    for list in [&mut places, &mut artifacts, &mut images] {
        list.retain(|text| !text.is_empty());
        list.sort_unstable();
        list.dedup();
    }
    vec![
        ("ModelName", names(kind::MODEL)),
        ("EndpointConfigName", names(kind::ENDPOINT_CONFIG)),
        ("ModelPackageGroupName", names(kind::MODEL_PACKAGE_GROUP)),
        ("ModelPackageName", arns(kind::MODEL_PACKAGE)),
        ("ExecutionRoleArn", arns(kind::ROLE)),
        ("RoleArn", arns(kind::ROLE)),
        ("S3Uri", places.clone()),
        ("S3OutputPath", places),
        ("ModelDataUrl", artifacts),
        ("TrainingImage", images.clone()),
        ("Image", images),
    ]
}

impl View for Creation {
    fn name(&self) -> &'static str {
        "create"
    }

    fn title(&self) -> String {
        format!("New {}", self.noun)
    }

    fn area(&self, window: Rect) -> Rect {
        let height = window.height.saturating_sub(2);
        let area = centred(window, 110, height);
        Rect { y: window.y + u16::from(window.height > 2), ..area }
    }

    fn settle(&mut self, area: Rect, _scene: &Scene<'_>, _out: &mut Outbox) {
        let inner = within(area, self.refusal.is_some());
        self.form.resize(inner.width, inner.height);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let hint = if self.sent.is_some() { "creating…" } else { "ctrl-s creates · esc closes" };
        let recorded = match coverage::word(self.service, self.operation) {
            Some("behaves") | None => String::new(),
            Some(word) => format!(" · {word}"),
        };
        let title = format!("New {} · {}{recorded}", self.noun, self.operation);
        let inner = dialog(frame, area, &title, hint, scene.theme);
        let form = within(area, self.refusal.is_some());
        self.form.draw(frame.buffer_mut(), form, scene.theme);
        if let Some(refusal) = &self.refusal {
            let at = Rect {
                y: form.bottom(),
                height: inner.bottom().saturating_sub(form.bottom()),
                ..inner
            };
            let words = Paragraph::new(format!("✖ {}", clean(refusal)))
                .style(scene.theme.bad)
                .wrap(Wrap { trim: true });
            frame.render_widget(words, at);
        }
    }

    fn typing(&self) -> bool {
        true
    }

    fn unsaved(&self) -> bool {
        self.form.value() != self.begun
    }

    fn typed(&mut self, key: KeyEvent, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let event = self.form.key(key);
        self.took(event, scene, out);
        true
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        self.form.paste(text);
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        match event.kind {
            MouseEventKind::ScrollDown => self.form.scroll(3),
            MouseEventKind::ScrollUp => self.form.scroll(-3),
            MouseEventKind::Down(MouseButton::Left) => {
                let inner = within(area, self.refusal.is_some());
                self.form.click(inner, Position::new(event.column, event.row));
            }
            _ => {}
        }
        true
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, out: &mut Outbox) {
        let News::Answer(ticket, answer) = news else { return };
        if self.sent != Some(ticket) {
            return;
        }
        self.sent = None;
        match &answer.outcome {
            Ok(value) => {
                out.close();
                let arn = arn(value).unwrap_or(self.noun);
                out.notice(Tone::Good, format!("Created {arn}; C shows it as code"));
            }
            Err(failure) => self.refusal = Some(failure.message.clone()),
        }
    }
}

/// The first ARN of an answer, also one level deep (`Role`).
fn arn(answer: &Value) -> Option<&str> {
    let members = answer.as_object()?;
    let own = members.values().filter_map(Value::as_str).find(|text| text.starts_with("arn:"));
    own.or_else(|| members.values().filter(|value| value.is_object()).find_map(arn))
}

/// Where the form is drawn: within the frame, above what the region refused.
fn within(area: Rect, refused: bool) -> Rect {
    let below = if refused { 3 } else { 0 };
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2 + below),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::msg::{Answer, Failure, Msg};
    use crate::tui::testing::{self, SIZES};
    use crate::tui::view::Place;

    #[test]
    fn every_kind_has_a_form_that_begins_with_what_exists() {
        let state = testing::with_region((80, 24), Place::new("models"));
        for kind in KINDS {
            let Some(call) = kind.call else { continue };
            let creation = Creation::new(kind, call, &state.mirror).unwrap();
            assert_eq!(creation.form.operation(), call.1);
        }
        let offers = offers(&state.mirror);
        assert!(offers.iter().all(|(_, names)| !names.is_empty()), "{offers:?}");
    }

    #[test]
    fn a_list_s_own_kind_comes_at_once() {
        for (columns, rows) in SIZES {
            let mut state = testing::with_region((columns, rows), Place::new("models"));
            testing::press(&mut state, "N");
            insta::assert_snapshot!(format!("model_{columns}x{rows}"), testing::text(&state));
        }
    }

    #[test]
    fn what_the_region_refuses_stands_in_the_form_and_what_it_takes_closes_it() {
        let mut state = testing::with_region((100, 30), Place::new("registry"));
        let effects = testing::press(&mut state, "N \"wine\" ctrl-s");
        let called = |effects: &[Effect]| {
            effects.iter().find_map(|effect| match effect {
                Effect::Call { ticket, operation, input, .. } => {
                    Some((*ticket, operation.clone(), input.clone()))
                }
                _ => None,
            })
        };
        let (ticket, operation, input) = called(&effects).unwrap();
        assert_eq!(operation, "CreateModelPackageGroup");
        assert_eq!(input, json!({"ModelPackageGroupName": "wine"}));
        let message = "ValidationException: Model Package Group already exists".to_owned();
        let code = "ValidationException".to_owned();
        let outcome = Err(Failure { code, message });
        let answer = Answer { outcome, calls: Vec::new() };
        testing::feed(&mut state, [Msg::Answer { ticket, answer }]);
        assert!(testing::text(&state).contains("✖ ValidationException: Model Package Group"));
        let (ticket, ..) = called(&testing::press(&mut state, "ctrl-s")).unwrap();
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/wine";
        let outcome = Ok(json!({"ModelPackageGroupArn": arn}));
        let answer = Answer { outcome, calls: Vec::new() };
        testing::feed(&mut state, [Msg::Answer { ticket, answer }]);
        let shown = testing::text(&state);
        assert!(
            shown.contains(&format!("Created {arn}")) && !shown.contains("CreateModelPackageGroup")
        );
    }

    #[test]
    fn no_form_is_offered_for_what_is_not_simulated() {
        for kind in KINDS {
            let Some((service, operation)) = kind.call else { continue };
            assert_eq!(coverage::word(service, operation), Some("behaves"), "{operation}");
        }
    }

    #[test]
    fn a_filled_form_is_not_thrown_away_by_a_key() {
        let mut state = testing::with_region((120, 40), Place::new("registry"));
        testing::press(&mut state, "N esc");
        assert!(state.layers.is_empty(), "an untouched form closes at once");
        testing::press(&mut state, "N \"wine\" esc");
        let shown = testing::text(&state);
        assert!(shown.contains("Discard what you have typed?"), "{shown}");
        testing::press(&mut state, "enter");
        assert!(testing::text(&state).contains("wine"), "{}", testing::text(&state));
        testing::press(&mut state, "esc y");
        assert!(state.layers.is_empty());
    }
}
