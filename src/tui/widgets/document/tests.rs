use super::*;
use proptest::prelude::*;
use serde_json::json;
use yaml_rust2::Yaml;

fn endpoint() -> Value {
    json!({
        "EndpointName": "tumor-live",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/tumor-live",
        "EndpointStatus": "InService",
        "CreationTime": 1_795_851_900.25,
        "Tags": [],
        "AsyncInferenceConfig": null,
        "DataCaptureConfigSummary": {"EnableCapture": false, "Note": "yes"},
        "ProductionVariants": [
            {"VariantName": "blue", "CurrentWeight": 9.0, "DeployedImages": [{"SpecifiedImage": "linear-learner:1"}]},
            {"VariantName": "green", "CurrentWeight": 1.0, "DeployedImages": []},
        ],
    })
}

fn theme() -> &'static Theme {
    Theme::named("dark").unwrap()
}

fn drawn(document: &Document, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buf.area;
    document.draw(&mut buf, area, theme());
    buf
}

fn screen(document: &Document, width: u16, height: u16) -> String {
    let buf = drawn(document, width, height);
    let rows = buf.content.chunks(usize::from(width));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn filter(text: &str) -> Option<Filter> {
    Some(Filter::parse(text).unwrap())
}

#[test]
fn documents_of_three_sizes_in_both_formats() {
    for (width, height) in [(40, 10), (80, 24), (120, 40)] {
        let mut document = Document::json(&endpoint());
        document.resize(width, height);
        insta::assert_snapshot!(format!("json_{width}x{height}"), screen(&document, width, height));
        document.set_format(Format::Yaml);
        insta::assert_snapshot!(format!("yaml_{width}x{height}"), screen(&document, width, height));
    }
}

#[test]
fn syntax_folds_and_hits_have_styles() {
    let mut document = Document::json(&endpoint());
    document.resize(60, 16);
    document.fold_all();
    document.set_search(filter("green"));
    insta::assert_debug_snapshot!(drawn(&document, 60, 16));
}

#[test]
fn tables_and_text() {
    let csv = "name,radius,note\nM,17.99,\"large, \"\"red\"\"\"\nB,8.1,\nB,120.25,ok\n";
    let mut table = Document::csv(csv);
    table.scroll(1);
    assert_eq!(table.copy(), "B,8.1,");
    insta::assert_snapshot!("csv", screen(&table, 60, 8));
    let bare = Document::csv("1,17.99\n0,8.1\n").with_note("first 64 KiB of 3.2 GiB");
    insta::assert_snapshot!("csv_without_names", screen(&bare, 60, 6));
    let mut text = Document::text("one\r\ntwo\u{1b}[2J\n\nfour");
    text.set_search(filter("four"));
    assert_eq!((text.copy().as_str(), text.hits()), ("four", Some((1, 1))));
    insta::assert_snapshot!("text", screen(&text, 40, 6));
}

#[test]
fn what_is_shown_unfolded_is_serde_jsons_pretty_text() {
    let document = Document::json(&endpoint());
    let pretty = serde_json::to_string_pretty(&endpoint()).unwrap();
    assert_eq!(document.copy_all(), format!("{pretty}\n"));
}

#[test]
fn the_subtree_under_the_cursor_is_copied_with_its_path() {
    let mut document = Document::json(&endpoint());
    document.set_search(filter("VariantName"));
    assert_eq!(document.path().unwrap(), "$.ProductionVariants[0].VariantName");
    assert_eq!(document.copy(), "blue");
    document.toggle_fold();
    assert_eq!(document.path().unwrap(), "$.ProductionVariants[0]");
    let copied: Value = serde_json::from_str(&document.copy()).unwrap();
    assert_eq!(copied, endpoint()["ProductionVariants"][0]);
    let odd = Document::json(&json!({"it's": {"a-b": 1}}));
    let mut odd = odd;
    odd.scroll(2);
    assert_eq!(odd.path().unwrap(), r"$['it\'s']['a-b']");
}

#[test]
fn a_hit_in_a_fold_opens_it_and_n_goes_round() {
    let mut document = Document::json(&endpoint());
    document.fold_all();
    let folded = document.len();
    document.set_search(filter("green"));
    assert!(document.len() > folded);
    assert_eq!(document.path().unwrap(), "$.ProductionVariants[1].VariantName");
    document.set_search(filter("CurrentWeight"));
    assert_eq!(document.hits(), Some((1, 2)), "none is below, so the first");
    document.next_hit();
    assert_eq!(document.hits(), Some((2, 2)));
    document.next_hit();
    assert_eq!(document.hits(), Some((1, 2)));
    document.previous_hit();
    assert_eq!(document.hits(), Some((2, 2)));
    document.set_search(filter("nowhere"));
    document.next_hit();
    assert_eq!(document.hits(), Some((0, 0)));
}

#[test]
fn folds_hide_and_stay_when_the_document_is_updated() {
    let mut document = Document::json(&endpoint());
    let all = document.len();
    document.set_search(filter("VariantName"));
    document.toggle_fold();
    let folded = document.len();
    assert!(folded < all);
    let mut newer = endpoint();
    newer["EndpointStatus"] = json!("Updating");
    document.update(&newer);
    assert_eq!(document.len(), folded);
    assert!(document.copy_all().contains("Updating"));
    document.unfold_all();
    assert_eq!(document.len(), all);
}

#[test]
fn a_click_on_the_mark_folds() {
    let mut document = Document::json(&endpoint());
    let area = Rect::new(5, 5, 60, 40);
    document.resize(60, 40);
    let all = document.len();
    document.click(area, Position::new(6, 5));
    assert_eq!(document.len(), 1);
    document.click(area, Position::new(6, 5));
    assert_eq!(document.len(), all);
    document.click(area, Position::new(20, 8));
    assert_eq!((document.cursor, document.len()), (3, all));
}

#[test]
fn a_megabyte_in_one_string_is_only_drawn_as_far_as_it_is_seen() {
    let document = Document::json(&json!({"Policy": "é".repeat(1 << 20)}));
    let Body::Tree(tree) = &document.body else { panic!("a tree") };
    let drawn: usize = tree.spans(1, 100).iter().map(|span| span.text.len()).sum();
    assert!(drawn < 10_000, "{drawn}");
    assert_eq!(document.copy_all().len(), 2 * (1 << 20) + "{\n  \"Policy\": \"\"\n}\n".len());
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,12}",
        any::<String>(),
        "[-+.0-9eEx_:]{0,8}",
        prop_oneof![
            Just("yes"),
            Just("Null"),
            Just("~"),
            Just(""),
            Just(" a"),
            Just("a "),
            Just("- a"),
            Just("a: b"),
            Just("a #b"),
            Just("'"),
            Just("2026-11-28"),
            Just("1e3"),
            Just("0x1f"),
            Just("---"),
            Just("a:"),
            Just("!x"),
            Just("&a"),
            Just("*a"),
            Just("="),
            Just("<<"),
            Just("1:20"),
            Just(".inf"),
            Just("a\nb"),
            Just("\u{85}"),
            Just("\u{feff}a"),
            Just("\u{2028}"),
        ]
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", serde_json::Number::from_f64)
            .prop_map(Value::Number),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What a YAML reader of another's making sees.
fn read_back(text: &str) -> Value {
    let read = yaml_rust2::YamlLoader::load_from_str(text);
    let read = read.unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(read.len(), 1, "{text}");
    from_yaml(&read[0])
}

fn from_yaml(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(word) => (*word).into(),
        Yaml::Integer(number) => (*number).into(),
        Yaml::Real(number) => number.parse::<f64>().unwrap().into(),
        Yaml::String(text) => text.as_str().into(),
        Yaml::Array(items) => items.iter().map(from_yaml).collect(),
        Yaml::Hash(entries) => {
            let entry = |(key, value): (&Yaml, &Yaml)| {
                (key.as_str().expect("a string as key").to_owned(), from_yaml(value))
            };
            Value::Object(entries.iter().map(entry).collect())
        }
        Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?}"),
    }
}

#[test]
fn a_key_of_any_length_is_valid_yaml() {
    let value = json!([{"k".repeat(3000): [1, {"a": "b"}], "n": {}}]);
    let mut document = Document::json(&value);
    document.set_format(Format::Yaml);
    assert_eq!(read_back(&document.copy_all()), value);
}

proptest! {
    #[test]
    fn yaml_reads_back_as_the_same_value(value in value()) {
        let mut document = Document::json(&value);
        document.set_format(Format::Yaml);
        let text = match &value {
            // A string alone is copied bare.
            Value::String(text) => scalar::yaml(text),
            _ => document.copy_all(),
        };
        prop_assert_eq!(read_back(&text), value);
    }

    #[test]
    fn json_reads_back_from_every_row(value in value(), row in 0_usize..30) {
        let mut document = Document::json(&value);
        document.scroll(i64::try_from(row).unwrap());
        let copied = document.copy();
        let Body::Tree(tree) = &document.body else { panic!("a tree") };
        let node = tree.node_at(document.cursor);
        if tree.find(|_| true).contains(&node) && serde_json::from_str::<Value>(&copied).is_err() {
            // Only strings are copied bare.
            let whole = value.to_string();
            prop_assert!(whole.contains(&scalar::json(&copied)));
        }
    }

    #[test]
    fn no_sequence_of_acts_panics(
        value in value(),
        text in "[ab,\"\n;\t1.]{0,60}",
        kind in 0_u8..3,
        acts in proptest::collection::vec((0_u8..15, -20_i64..20), 0..30),
        (width, height) in (0_u16..60, 0_u16..20),
    ) {
        let mut document = match kind {
            0 => Document::json(&value),
            1 => Document::csv(text.clone()),
            _ => Document::text(text.clone()),
        };
        for (act, by) in acts {
            match act {
                0 => document.scroll(by),
                1 => document.page(by),
                2 => document.pan(by * 3),
                3 => document.toggle_fold(),
                4 => document.fold_all(),
                5 => document.unfold_all(),
                6 => document.set_search(filter("[a-e1]")),
                7 => document.next_hit(),
                8 => document.previous_hit(),
                9 => document.toggle_format(),
                10 => document.update(&json!({"a": [by]})),
                11 => document.end(),
                12 => document.home(),
                13 => document.click(
                    Rect::new(1, 1, width, height),
                    Position::new(by.unsigned_abs() as u16, by.unsigned_abs() as u16),
                ),
                _ => document.resize(width, by.unsigned_abs() as u16),
            }
            prop_assert!(document.cursor <= document.len());
            let buf = drawn(&document, width, height);
            let steering = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
            prop_assert!(!buf.content.iter().any(steering));
            document.copy();
            document.path();
        }
    }
}
