use super::*;
use crate::tui::keymap::Keymap;
use crate::tui::mirror::Mirror;
use crate::tui::theme::THEMES;
use proptest::prelude::*;
use ratatui::buffer::Buffer;

static COLUMNS: &[Column] = &[
    Column::new("NAME", 6, |row, scene| Cell::text(row.name.clone(), scene.theme.text)).grow(1),
    Column::new("SIZE", 5, |row, scene| {
        let size = row.number("Size");
        let text = size.map_or("-".to_owned(), |size| size.to_string());
        Cell::number(size, text, scene.theme.dim)
    })
    .right()
    .rank(1),
];

const AREA: Rect = Rect { x: 0, y: 0, width: 24, height: 7 };

fn row(name: &str, size: Option<u32>) -> Row {
    let body = serde_json::json!({"Size": size});
    Row { name: name.into(), body, ..Row::default() }
}

fn scene<'a>(mirror: &'a Mirror, keymap: &'a Keymap) -> Scene<'a> {
    static UTC: jiff::tz::TimeZone = jiff::tz::TimeZone::UTC;
    Scene {
        mirror,
        theme: &THEMES[0],
        keymap,
        now: 0,
        read_only: false,
        has_demo: false,
        mouse: true,
        zone: &UTC,
        log_lines: 100,
        config: None,
    }
}

fn with<T>(work: impl FnOnce(&Scene<'_>) -> T) -> T {
    work(&scene(&Mirror::default(), &Keymap::default()))
}

fn names(table: &Table) -> Vec<&str> {
    table.rows().map(|row| row.name.as_str()).collect()
}

fn drawn(table: &Table, area: Rect) -> String {
    let mut buffer = Buffer::empty(area);
    with(|scene| table.draw(&mut buffer, area, scene));
    let lines = (0..area.height).map(|y| {
        (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn rows_stand_sorted_and_the_cursor_stays_with_its_row() {
    let mut rows = Rows::default();
    for (name, size) in [("b", Some(3)), ("a", Some(20)), ("c", None)] {
        rows.put(row(name, size));
    }
    let mut table = Table::new(COLUMNS);
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(names(&table), ["a", "b", "c"]);
    table.act("down");
    assert_eq!(table.row().unwrap().name, "b");
    rows.put(row("aa", Some(1)));
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(table.row().unwrap().name, "b");
    table.act("sort-next");
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(names(&table), ["aa", "b", "a", "c"]);
    assert_eq!(table.row().unwrap().name, "b");
    table.act("sort-reverse");
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(names(&table), ["a", "b", "aa", "c"], "what has no value stays last");
    insta::assert_snapshot!(drawn(&table, AREA));
}

#[test]
fn marks_and_filters() {
    let mut rows = Rows::default();
    ["ant", "bee", "bat"].into_iter().for_each(|name| rows.put(row(name, None)));
    let mut table = Table::new(COLUMNS);
    with(|scene| table.settle(&rows, AREA, scene));
    table.act("mark");
    table.act("mark");
    let marked: Vec<String> = table.subjects().iter().map(|row| row.name.clone()).collect();
    assert_eq!(marked, ["ant", "bat"]);
    table.set_filter("b");
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(names(&table), ["bat", "bee"]);
    insta::assert_snapshot!(drawn(&table, AREA));
    assert!(table.act("clear") && table.act("clear"), "marks first, then the filter");
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(table.len(), 3);
}

#[test]
fn a_filter_looks_at_each_cell_for_itself() {
    let mut rows = Rows::default();
    for (name, size) in [("b-1", Some(7)), ("b-2", Some(1)), ("c-2", None)] {
        rows.put(row(name, size));
    }
    let mut table = Table::new(COLUMNS);
    let mut kept = |filter: &str| {
        table.set_filter(filter);
        with(|scene| table.settle(&rows, AREA, scene));
        table.rows().map(|row| row.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(kept("[12]$"), ["b-1", "b-2", "c-2"], "the end of any cell");
    assert_eq!(kept("^b-.$"), ["b-1", "b-2"]);
    assert_eq!(kept("2 1"), [""; 0], "no match goes across two cells");
    assert_eq!(kept("!^b"), ["c-2"]);
}

#[test]
fn names_are_whole_where_another_column_has_room() {
    static WIDE: &[Column] = &[
        Column::new("NAME", 6, |row, scene| Cell::text(row.name.clone(), scene.theme.text)).grow(1),
        Column::new("NOTE", 16, |_, scene| Cell::text("short", scene.theme.text)).grow(3),
    ];
    let mut rows = Rows::default();
    rows.put(row("endpoint-number-1", None));
    let mut table = Table::new(WIDE);
    let area = Rect { width: 30, ..AREA };
    with(|scene| table.settle(&rows, area, scene));
    let text = drawn(&table, area);
    assert!(text.contains("endpoint-number-1  short"), "{text}");
    // They keep their place when the long one goes.
    rows.remove(&crate::tui::row::key("endpoint-number-1"));
    rows.put(row("e", None));
    with(|scene| table.settle(&rows, area, scene));
    assert!(drawn(&table, area).contains("e                  short"), "{}", drawn(&table, area));
}

#[test]
fn a_click_on_a_header_sorts() {
    let mut rows = Rows::default();
    rows.put(row("a", Some(1)));
    let mut table = Table::new(COLUMNS);
    with(|scene| table.settle(&rows, AREA, scene));
    assert_eq!(table.hit(AREA, 20, 0), Some(Hit::Header(1)));
    assert_eq!(table.hit(AREA, 3, 1), Some(Hit::Row(0)));
    assert_eq!(table.hit(AREA, 3, 2), None);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    Act(&'static str),
    Settle,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let act = prop::sample::select(vec![
        "up",
        "down",
        "top",
        "bottom",
        "page-down",
        "mark",
        "mark-all",
        "sort-next",
        "sort-reverse",
    ]);
    let step = prop_oneof![
        4 => (0_u8..40, any::<u8>()).prop_map(|(name, size)| Step::Put(name, size)),
        1 => (0_u8..40).prop_map(Step::Remove),
        2 => act.prop_map(Step::Act),
        3 => Just(Step::Settle),
        1 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn mending_the_order_is_the_same_as_sorting_anew(steps in steps(), height in 0_u16..12) {
        let area = Rect { height, ..AREA };
        let mut rows = Rows::default();
        let mut table = Table::new(COLUMNS);
        for step in steps {
            match step {
                Step::Put(name, size) => rows.put(row(&format!("n{name}"), Some(size.into()))),
                Step::Remove(name) => drop(rows.remove(&format!("N{name}"))),
                Step::Act(action) => drop(table.act(action)),
                Step::Forget => rows.clear(),
                Step::Settle => with(|scene| table.settle(&rows, area, scene)),
            }
        }
        with(|scene| table.settle(&rows, area, scene));
        let mended: Vec<String> = table.rows().map(|row| row.name.clone()).collect();
        let cursor = table.row().map(|row| row.name.clone());
        with(|scene| table.rebuild(&rows, scene));
        let anew: Vec<String> = table.rows().map(|row| row.name.clone()).collect();
        prop_assert_eq!(&mended, &anew);
        prop_assert_eq!(mended.len(), rows.len());
        prop_assert_eq!(cursor.is_some(), !mended.is_empty());
        drawn(&table, area);
    }
}
