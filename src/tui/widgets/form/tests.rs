use super::*;
use crate::api::model::{Kind, SERVICES, ShapeId};
use crate::api::sample::Chooser;
use crate::tui::theme::{THEMES, Theme};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use ratatui::buffer::Buffer;
use serde_json::json;
use std::collections::BTreeSet;
use tui_input::Input;

fn form(operation: &str) -> Form {
    Form::new("sagemaker", operation, &json!({})).unwrap()
}

fn press(form: &mut Form, code: KeyCode) -> FormEvent {
    form.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn control(form: &mut Form, char: char) -> FormEvent {
    form.key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::CONTROL))
}

fn type_in(form: &mut Form, text: &str) {
    for char in text.chars() {
        press(form, KeyCode::Char(char));
    }
}

/// Goes to the field with this name, the first one that is shown.
fn go_to(form: &mut Form, name: &str) {
    let row = form
        .rows()
        .into_iter()
        .find(|row| !row.adds && form.root.at(&row.path).is_some_and(|field| field.name == name));
    let stop = row.unwrap_or_else(|| panic!("no {name}")).stop();
    form.go(stop);
    form.settle();
}

fn problem(form: &Form) -> &str {
    form.field().and_then(|field| field.problem.as_deref()).unwrap_or_default()
}

fn drawn(form: &Form, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    form.draw(&mut buf, area, Theme::named("dark").unwrap());
    buf
}

fn screen(form: &Form, width: u16, height: u16) -> String {
    let buf = drawn(form, width, height);
    let rows = buf.content.chunks(usize::from(width));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Half filled: a name that breaks its pattern, a variant, a type-ahead under way.
fn configuration() -> Form {
    let mut form = form("CreateEndpointConfig");
    form.offer("ModelName", vec!["tumors-1".to_owned(), "tumors-2".to_owned()]);
    type_in(&mut form, "tumor live");
    go_to(&mut form, "VariantName");
    type_in(&mut form, "blue");
    go_to(&mut form, "InitialInstanceCount");
    type_in(&mut form, "-1");
    go_to(&mut form, "InstanceType");
    type_in(&mut form, "m5.xl");
    form
}

#[test]
fn forms_of_three_sizes() {
    for (width, height) in [(40, 10), (80, 24), (120, 40)] {
        let mut form = configuration();
        form.resize(width, height);
        insta::assert_snapshot!(format!("form_{width}x{height}"), screen(&form, width, height));
    }
}

#[test]
fn problems_choices_and_marks_have_styles() {
    let mut form = configuration();
    form.resize(80, 14);
    insta::assert_debug_snapshot!(drawn(&form, 80, 14));
}

#[test]
fn what_breaks_a_constraint_is_told_in_awss_words_while_typing() {
    let mut form = form("CreateEndpointConfig");
    assert_eq!(problem(&form), "Member must not be null");
    type_in(&mut form, "a b");
    assert!(problem(&form).starts_with("Member must satisfy regular expression pattern: "));
    press(&mut form, KeyCode::Backspace);
    press(&mut form, KeyCode::Backspace);
    assert_eq!(problem(&form), "");
    go_to(&mut form, "InitialInstanceCount");
    type_in(&mut form, "x");
    assert_eq!(problem(&form), "STRING_VALUE cannot be converted to Integer");
    press(&mut form, KeyCode::Backspace);
    type_in(&mut form, "-1");
    assert_eq!(problem(&form), "Member must have value greater than or equal to 1");
}

#[test]
fn a_submit_with_problems_goes_to_the_first_and_says_how_many() {
    let mut form = form("CreateEndpointConfig");
    let left = form.problems();
    assert!(left >= 2);
    assert_eq!(control(&mut form, 's'), FormEvent::Stay);
    assert!(screen(&form, 80, 24).contains(&format!("{left} problems left")));
    type_in(&mut form, "live");
    go_to(&mut form, "ProductionVariants");
    press(&mut form, KeyCode::Enter);
    assert_eq!(control(&mut form, 's'), FormEvent::Stay);
    assert_eq!(form.field().unwrap().name, "VariantName", "its fold was opened");
    type_in(&mut form, "blue");
    let expected = json!({
        "EndpointConfigName": "live",
        "ProductionVariants": [{"VariantName": "blue"}],
    });
    assert_eq!(control(&mut form, 's'), FormEvent::Submit(expected));
}

#[test]
fn enums_are_typed_ahead() {
    let mut form = configuration();
    let choices = form.choices();
    assert!(choices.iter().all(|choice| choice.contains("m5")), "{choices:?}");
    assert_eq!(choices[0], "ml.m5.xlarge");
    press(&mut form, KeyCode::Tab);
    assert_eq!(
        form.value()["ProductionVariants"][0]["InstanceType"],
        "ml.m5.xlarge",
        "Tab takes what the text points to"
    );
    go_to(&mut form, "InstanceType");
    press(&mut form, KeyCode::Esc);
    control(&mut form, 'u');
    press(&mut form, KeyCode::Enter);
    press(&mut form, KeyCode::Down);
    press(&mut form, KeyCode::Enter);
    let chosen = form.value()["ProductionVariants"][0]["InstanceType"].clone();
    assert!(chosen.as_str().is_some_and(|chosen| chosen.starts_with("ml.")), "{chosen}");
}

#[test]
fn references_are_offered_but_other_names_may_be_typed() {
    let mut form = configuration();
    go_to(&mut form, "ModelName");
    type_in(&mut form, "tum");
    assert_eq!(form.choices(), ["tumors-1", "tumors-2"]);
    press(&mut form, KeyCode::Tab);
    assert_eq!(form.value()["ProductionVariants"][0]["ModelName"], "tum", "nothing was chosen");
    go_to(&mut form, "ModelName");
    type_in(&mut form, "o");
    press(&mut form, KeyCode::Down);
    press(&mut form, KeyCode::Down);
    press(&mut form, KeyCode::Enter);
    assert_eq!(form.value()["ProductionVariants"][0]["ModelName"], "tumors-2");
    let mut model = Form::new("sagemaker", "CreateModel", &json!({})).unwrap();
    model.offer("ModelName", vec!["tumors-1".to_owned()]);
    type_in(&mut model, "tum");
    assert!(model.choices().is_empty(), "what is created has a new name");
}

#[test]
fn lists_and_maps_grow_and_shrink() {
    let mut form = form("CreateTrainingJob");
    go_to(&mut form, "HyperParameters");
    press(&mut form, KeyCode::Enter);
    type_in(&mut form, "max_depth");
    press(&mut form, KeyCode::Tab);
    type_in(&mut form, "5");
    control(&mut form, 'n');
    type_in(&mut form, "max_depth");
    go_to(&mut form, "HyperParameters");
    assert_eq!(problem(&form), "the key 'max_depth' is there twice");
    control(&mut form, 's');
    press(&mut form, KeyCode::Esc);
    let path = form.rows().into_iter().rfind(|row| row.keyed).unwrap().stop();
    form.go(path);
    control(&mut form, 'd');
    assert_eq!(form.value()["HyperParameters"], json!({"max_depth": "5"}));
    control(&mut form, 'd');
    go_to(&mut form, "HyperParameters");
    press(&mut form, KeyCode::Left);
    assert!(form.value().get("HyperParameters").is_none(), "folded with nothing in it: not set");
}

#[test]
fn switches_have_three_states_unless_required() {
    let mut form = form("CreateTrainingJob");
    go_to(&mut form, "EnableNetworkIsolation");
    let states: Vec<Value> = (0..3)
        .map(|_| {
            press(&mut form, KeyCode::Char(' '));
            form.value()["EnableNetworkIsolation"].clone()
        })
        .collect();
    assert_eq!(states, [json!(true), json!(false), Value::Null]);
}

#[test]
fn optional_structures_come_and_go() {
    let mut form = form("CreateModel");
    let before = form.problems();
    go_to(&mut form, "VpcConfig");
    press(&mut form, KeyCode::Enter);
    assert!(form.problems() > before, "what it needs is asked for");
    press(&mut form, KeyCode::Enter);
    assert_eq!(form.problems(), before);
    assert!(form.value().get("VpcConfig").is_none());
}

#[test]
fn unions_grow_the_member_that_is_chosen() {
    let sagemaker = model::service("sagemaker").unwrap();
    let union =
        |shape: ShapeId| sagemaker.structure(shape).is_some_and(|structure| structure.union);
    let (operation, name) = sagemaker
        .operations()
        .find_map(|operation| {
            let input = sagemaker.input(operation)?;
            Some((operation.name, input.members.iter().find(|member| union(member.shape))?.name))
        })
        .unwrap();
    let mut form = form(operation);
    go_to(&mut form, name);
    press(&mut form, KeyCode::Enter);
    if form.highlighted().is_none() {
        press(&mut form, KeyCode::Enter);
    }
    assert!(problem(&form).ends_with("must have exactly one member set, found 0"));
    let chosen = form.highlighted().unwrap();
    press(&mut form, KeyCode::Enter);
    assert_eq!(form.root.at(&form.focus.path).unwrap().name, chosen);
}

#[test]
fn anything_can_be_edited_as_json() {
    let mut form = form("CreateEndpointConfig");
    go_to(&mut form, "ProductionVariants");
    control(&mut form, 't');
    control(&mut form, 'u');
    type_in(&mut form, "[{\"VariantName\":\"v\"");
    assert!(problem(&form).starts_with("not JSON: "));
    control(&mut form, 't');
    type_in(&mut form, "}]");
    assert_eq!(problem(&form), "");
    control(&mut form, 't');
    assert_eq!(form.value()["ProductionVariants"], json!([{"VariantName": "v"}]));
    assert!(form.field().unwrap().group().is_some());
}

#[test]
fn times_and_blobs_are_typed_as_one_would() {
    let mut form = form("ListEndpoints");
    go_to(&mut form, "CreationTimeAfter");
    type_in(&mut form, "2026-11-28T07:45:00Z");
    assert_eq!(form.value()["CreationTimeAfter"], json!(1_795_851_900));
    control(&mut form, 'u');
    type_in(&mut form, "2026-11-28");
    assert_eq!(form.value()["CreationTimeAfter"], json!(1_795_824_000));
    control(&mut form, 'u');
    type_in(&mut form, "yesterday");
    assert_eq!(problem(&form), "STRING_VALUE cannot be converted to Timestamp");
    let mut runtime = Form::new("sagemaker-runtime", "InvokeEndpoint", &json!({})).unwrap();
    go_to(&mut runtime, "Body");
    type_in(&mut runtime, "1,2");
    assert_eq!(runtime.value()["Body"], "MSwy");
}

#[test]
fn what_the_model_does_not_know_is_kept() {
    let preset = json!({"ModelName": 7, "Novelty": {"a": [1]}, "Tags": [{"Key": "k", "X": 1}]});
    let mut form = Form::new("sagemaker", "CreateModel", &preset).unwrap();
    assert!(contains(&form.value(), &preset), "{}", form.value());
    go_to(&mut form, "Novelty");
    assert!(screen(&form, 80, 60).contains("{\"a\":[1]}"));
    assert!(form.help().contains("not in the model"));
    assert!(Form::new("sagemaker", "NoSuchThing", &json!({})).is_none());
    assert!(Form::new("ec2", "ListBuckets", &json!({})).is_none());
}

#[test]
fn a_click_goes_to_the_field_and_opens_what_opens() {
    let mut form = form("CreateEndpointConfig");
    let area = Rect::new(3, 2, 80, 30);
    form.resize(80, 30);
    let rows = form.rows();
    let at = rows.iter().position(|row| form.root.at(&row.path).unwrap().name == "Tags").unwrap();
    let y = 2 + 1 + u16::try_from(at).unwrap();
    form.click(area, Position::new(50, y));
    assert_eq!(form.value()["Tags"].as_array().map(Vec::len), Some(1));
    form.click(area, Position::new(50, 3));
    assert_eq!(form.field().unwrap().name, "EndpointConfigName");
}

#[test]
fn every_operation_of_every_service_opens() {
    for name in SERVICES {
        for operation in model::service(name).unwrap().operations() {
            let mut form = Form::new(name, operation.name, &json!({})).unwrap();
            form.resize(80, 24);
            assert!(screen(&form, 80, 24).contains(operation.name), "{}", operation.name);
            form.step(i64::MAX);
            screen(&form, 80, 24);
        }
    }
}

/// Text that the shape's constraints allow, tried out from what AWS's patterns ask for.
fn valid_text(service: &Service, shape: ShapeId, runner: &mut TestRunner) -> Option<String> {
    const TRIED: &[&str] = &[
        "a",
        "1",
        "name",
        "arn:aws:iam::123456789012:role/Service",
        "s3://bucket/key",
        "https://example.com/a",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/name",
        "subnet-0123456789abcdef0",
        "2026-11-28T07:45:00Z",
        "us-east-1",
        "10.0.0.0/16",
        "{}",
        "1.0.0",
        "arn:aws:sagemaker:us-east-1:aws:hub-content/Hub/Model/name",
    ];
    let Kind::String(text) = &service.get(shape).kind else {
        let number = ["1", "0.5", "30", "100", "3600", "86400"].into_iter();
        return number.map(str::to_owned).find(|text| fits(service, shape, text));
    };
    if let Some(first) = text.values.first() {
        return Some((*first).to_owned());
    }
    let shortest = usize::try_from(text.length.min.unwrap_or(0)).unwrap();
    let padded = |text: &&str| text.repeat(shortest.div_ceil(text.len()).max(1));
    if let Some(found) = TRIED.iter().map(padded).find(|text| fits(service, shape, text)) {
        return Some(found);
    }
    let pattern =
        service.pattern(text)?.source.trim_start_matches('^').trim_end_matches('$').to_owned();
    let strategy = proptest::string::string_regex(&pattern).ok()?;
    (0..200)
        .map(|_| strategy.new_tree(runner).unwrap().current())
        .find(|text| fits(service, shape, text))
}

fn fits(service: &Service, shape: ShapeId, text: &str) -> bool {
    let field = Field {
        name: "x".into(),
        shape: Some(shape),
        required: true,
        sensitive: false,
        touched: false,
        problem: None,
        body: Body::Text { input: Input::new(text.to_owned()), blank: false },
    };
    let value = field.value(service).unwrap();
    !text.is_empty() && validation::broken(service, shape, &value).is_empty()
}

/// Fills what is required, as a patient user would.
fn fill(
    service: &Service,
    field: &mut Field,
    runner: &mut TestRunner,
    failed: &mut BTreeSet<String>,
) {
    let (required, shape) = (field.required, field.shape);
    match &mut field.body {
        Body::Text { input, .. } if required => match valid_text(service, shape.unwrap(), runner) {
            Some(text) => *input = Input::new(text),
            None => drop(failed.insert(service.get(shape.unwrap()).name.to_owned())),
        },
        Body::Switch(state) if required => *state = Some(true),
        Body::Group(group) if group.set => {
            let shape = shape.unwrap();
            if group.kind == GroupKind::Union && group.fields.is_empty() {
                let first = service.structure(shape).unwrap().members[0].name;
                group.keys = vec![Input::new(first.to_owned())];
                group.choose(service, shape, None, 3);
            }
            if let Kind::Map { key, .. } = &service.get(shape).kind {
                for input in &mut group.keys {
                    *input = Input::new(valid_text(service, key.shape, runner).unwrap_or_default());
                }
            }
            for inner in &mut group.fields {
                fill(service, inner, runner, failed);
            }
        }
        _ => {}
    }
}

#[test]
fn every_operation_is_valid_once_the_required_fields_are_filled() {
    let mut runner = TestRunner::deterministic();
    let mut failed = BTreeSet::new();
    let service = model::service("sagemaker").unwrap();
    let mut submitted = 0;
    for operation in service.operations() {
        let mut form = form(operation.name);
        let mut missing = BTreeSet::new();
        fill(service, &mut form.root, &mut runner, &mut missing);
        form.settle();
        if missing.is_empty() {
            match control(&mut form, 's') {
                FormEvent::Submit(_) => submitted += 1,
                _ => panic!("{}: {:?} {}", operation.name, form.message, problem(&form)),
            }
        }
        failed.append(&mut missing);
    }
    assert!(failed.is_empty(), "no example was found for {failed:?}");
    assert_eq!(submitted, service.operations().len());
}

/// Whether all of the document is in the value, which may have more.
fn contains(value: &Value, document: &Value) -> bool {
    match (value, document) {
        (Value::Object(value), Value::Object(document)) => document
            .iter()
            .all(|(name, part)| value.get(name).is_some_and(|value| contains(value, part))),
        (Value::Array(value), Value::Array(document)) => {
            value.len() == document.len()
                && value.iter().zip(document).all(|(value, part)| contains(value, part))
        }
        (value, document) => value == document,
    }
}

#[test]
fn a_preset_document_comes_back_whole() {
    let service = model::service("sagemaker").unwrap();
    for (seed, operation) in (0..).zip(service.operations()) {
        let Some(input) = operation.input else { continue };
        for round in 0..4 {
            let document = Chooser::new(seed * 10 + round).document(service, input, 4);
            let form = Form::new("sagemaker", operation.name, &document).unwrap();
            assert!(
                contains(&form.value(), &document),
                "{}\n{document}\n{}",
                operation.name,
                form.value()
            );
        }
    }
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        8 => any::<char>().prop_map(KeyCode::Char),
        12 => proptest::sample::select("aml.15/ {}\"[]:y nt".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        30 => proptest::sample::select(vec![
            KeyCode::Tab, KeyCode::BackTab, KeyCode::Enter, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageDown, KeyCode::PageUp,
            KeyCode::Backspace, KeyCode::Delete, KeyCode::Esc,
        ]),
    ];
    let plain = code.prop_map(KeyEvent::from);
    let held = proptest::sample::select("sndtuwake ".chars().collect::<Vec<_>>())
        .prop_map(|char| KeyEvent::new(KeyCode::Char(char), KeyModifiers::CONTROL));
    prop_oneof![3 => plain, 2 => held]
}

const TRIED: [&str; 6] = [
    "CreateEndpointConfig",
    "CreateTrainingJob",
    "CreateModelPackage",
    "CreateAutoMLJobV2",
    "CreatePipeline",
    "Search",
];

proptest! {
    #[test]
    fn no_sequence_of_keys_panics(
        operation in proptest::sample::select(TRIED.to_vec()),
        keys in proptest::collection::vec(any_key(), 0..60),
        clicks in proptest::collection::vec((0_u16..90, 0_u16..40), 0..4),
        (width, height) in (0_u16..90, 0_u16..30),
        theme in 0_usize..6,
    ) {
        let mut form = form(operation);
        form.offer("ModelName", vec!["a".to_owned()]);
        form.resize(width, height);
        let area = Rect::new(0, 0, width, height);
        for (at, key) in keys.into_iter().enumerate() {
            if let FormEvent::Submit(document) = form.key(key) {
                prop_assert!(validation::check(form.service, form.operation, &document).is_ok());
            }
            if let Some((x, y)) = clicks.get(at) {
                form.click(area, Position::new(*x, *y));
            }
            let mut buf = Buffer::empty(area);
            form.draw(&mut buf, Rect::new(0, 0, 100, 40), &THEMES[theme]);
            let steering = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
            prop_assert!(!buf.content.iter().any(steering));
            prop_assert!(rows::stops(&form.rows()).contains(&form.focus));
        }
    }
}
