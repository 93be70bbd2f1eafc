//! What a walk through the workbench once found wrong, walked again.

use super::*;

/// A copy of a workspace that comes with Sagebrush, as somebody makes one.
fn copy_of(name: &str, to: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("workspaces").join(name);
    let folder = to.join("copied");
    std::fs::create_dir_all(folder.join("data")).unwrap();
    for file in ["workspace.toml", "demo.brush", "data/train.csv", "data/test.csv"] {
        std::fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    folder
}

/// Ends the folder's region whatever becomes of the test.
struct Ends<'a>(&'a Person, String);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.runs(&["-w", &self.1, "stop"]);
    }
}

#[test]
fn the_demo_plays_in_a_copy_of_the_other_workspace_and_every_step_is_seen() {
    let person = Person::new();
    let folder = copy_of("iris", person.home.path());
    let folder = folder.to_str().unwrap();
    let _ends = Ends(&person, folder.to_owned());
    let mut tty = person.opens(&["-w", folder], WIDE);
    tty.until_shown("is new to you");
    tty.type_in("t");
    tty.until_shown("A demo, one minute");
    tty.type_in(".");
    tty.until_shown("5/9");
    tty.until_shown("Your turn: shift the split");
    tty.until("traffic of the demo's own", |screen| line_with(screen, &["own traffic", "right"]));
    assert!(line_with(tty.parser.screen(), &["iris-live"]), "{}", tty.contents());
    tty.type_in(".");
    tty.until_shown("6/9");
    // Seen is counted from the shift on: half and half at once, not after a minute.
    tty.until("the new split is seen", |screen| {
        screen.contents().lines().any(|line| {
            let share = |text: &str| text.trim_end_matches('%').trim().parse::<f64>().ok();
            line.contains("iris/1") && line.contains("50 %") && {
                let parts: Vec<&str> = line.split("  ").filter(|part| part.contains('%')).collect();
                parts
                    .iter()
                    .filter_map(|part| share(part.trim()))
                    .any(|seen| (40.0..60.0).contains(&seen))
            }
        })
    });
    tty.type_in(".");
    tty.until_shown("7/9");
    tty.type_in(".");
    tty.until_shown("CloudFormation");
    tty.until_shown("8/9");
    tty.until_shown("In a second terminal");
    tty.type_in(".");
    tty.until_shown("9/9");
    tty.type_in("1");
    tty.until_shown("split blue 50, green 50");
    tty.until_shown("blue loses i-");
    tty.type_in("q");
    tty.until_shown("1 endpoint in service");
    tty.until_shown("Your own traffic to 1 endpoint ends");
    tty.type_in("s");
    assert!(tty.end().success());
}

#[test]
fn read_only_does_not_stop_the_region_and_enter_deletes_nothing() {
    let (person, region) = (Person::new(), Region::start());
    assert!(region.command(&["bucket", "create", "kept-bucket"]).status.success());
    let folder = region.folder().to_str().unwrap().to_owned();
    let mut tty = person.opens(&["-w", &folder, "--read-only", "--screen", "buckets"], (120, 30));
    tty.until_shown("kept-bucket");
    tty.type_in("q");
    tty.until_shown("not in read-only mode");
    tty.type_in("s");
    tty.until_shown("Read-only: nothing is changed");
    tty.type_in("k");
    assert!(tty.end().success());
    assert!(region.command(&["bucket", "list"]).status.success(), "it runs on");
    let mut tty = person.opens(&["-w", &folder, "--screen", "buckets"], (120, 30));
    tty.until_shown("kept-bucket");
    tty.type_in("D");
    tty.until_shown("Delete this");
    tty.type_in("\r");
    tty.until_gone("Delete this");
    let listed = region.command(&["bucket", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("kept-bucket"));
    tty.type_in("qk");
    assert!(tty.end().success());
}

#[test]
fn a_refused_search_is_no_empty_one_and_pictures_wait_for_their_data() {
    let (person, region) = (Person::new(), Region::start());
    let group = ["call", "logs", "CreateLogGroup", "--log-group-name", "/mine"];
    assert!(region.command(&group).status.success());
    assert!(region.command(&["bucket", "create", "seen-bucket"]).status.success());
    let folder = region.folder().to_str().unwrap().to_owned();
    let draw = |words: &[&str]| {
        let all = [&["-w", folder.as_str(), "render", "--format", "txt"], words].concat();
        person.prints(&all)
    };
    let drawn = draw(&["--screen", "logs"]);
    assert!(drawn.contains("/mine") && !drawn.contains("No log groups yet"), "{drawn}");
    let drawn = draw(&["--screen", "bucket", "--subject", "seen-bucket/"]);
    assert!(drawn.contains("Nothing lies here") && !drawn.contains("Loading"), "{drawn}");
    let mut tty = person.opens(&["-w", &folder, "--screen", "logs"], (120, 30));
    tty.until_shown("/mine");
    assert!(!tty.contents().contains("No log groups yet"));
    // Ctrl-G.
    tty.type_in("\x07");
    tty.until_shown("Search all log groups");
    tty.type_in("logloss:0.1\r");
    tty.until_shown("The region refused the search");
    tty.until_shown("\"logloss:0.1\"");
    tty.type_in("qk");
    assert!(tty.end().success());
}
