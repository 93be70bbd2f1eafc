//! Scripts and commands as people and CI run them: the demos, expectations, exit codes, reports.

use super::region::{Region, processes_of, sagebrush};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

/// Runs a script with a temporary folder of its own and checks that nothing is left in it.
fn run(script: &Path, more: &[&str]) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let output = sagebrush()
        .arg("run")
        .arg(script)
        .args(["--report", "json"])
        .args(more)
        .env("TMPDIR", scratch.path())
        .output()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(processes_of(scratch.path()).is_empty());
    output
}

fn script(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.brush");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn events(output: &Output) -> Vec<Value> {
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn workspace(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workspaces").join(name).join("demo.brush")
}

/// What must be the same each time: every variant's requests, errors and figures.
fn observations(output: &Output) -> Vec<Value> {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut seen: Vec<Value> = events(output)
        .into_iter()
        .filter_map(|event| event.pointer("/value/Variants").cloned())
        .collect();
    for variants in &mut seen {
        for variant in variants.as_object_mut().unwrap().values_mut() {
            variant.as_object_mut().unwrap().remove("LatencyMicroseconds");
        }
    }
    seen
}

fn twice_the_same(name: &str) {
    let first = observations(&run(&workspace(name), &[]));
    assert_eq!(first.len(), 2, "two runs of requests: 90/10 and 50/50");
    for (variants, share) in first.iter().zip([0.1, 0.5]) {
        let green = &variants["green"];
        assert_eq!(green["AskedShare"], share);
        let observed = green["ObservedShare"].as_f64().unwrap();
        assert!((observed - share).abs() < 0.02, "{observed} of {share}");
    }
    assert_eq!(first, observations(&run(&workspace(name), &[])));
}

#[test]
fn the_iris_demo_runs_twice_the_same() {
    twice_the_same("iris");
}

#[test]
fn the_cancer_demo_runs_twice_the_same() {
    twice_the_same("cancer");
}

#[test]
fn a_failed_expectation_ends_the_script_and_is_told() {
    let (folder, path) = script("bucket create here\nexpect bucket here Objects=1\nsay never\n");
    let junit = folder.path().join("report.xml");
    let output = run(&path, &["--junit", junit.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let events = events(&output);
    let failed = events.iter().find(|event| event["status"] == "failed").unwrap();
    assert_eq!(failed["error"]["expected"], "Objects = 1");
    assert_eq!(failed["error"]["found"], "0");
    let end = events.last().unwrap();
    assert_eq!(
        (&end["passed"], &end["failed"], &end["skipped"]),
        (&1.into(), &1.into(), &1.into())
    );
    let xml = std::fs::read_to_string(junit).unwrap();
    let counts = r#"tests="3" failures="1" skipped="1""#;
    assert!(xml.contains(counts) && xml.contains("expectation"), "{xml}");
}

/// Ctrl-C in the middle of a step: the reports are whole, and nothing is left.
#[test]
fn an_interrupted_script_tells_where() {
    let data = workspace("iris").with_file_name("data").join("train.csv");
    // The exit code is the interruption's, whatever failed before.
    let (folder, path) = script(&format!(
        "on error continue\nexpect bucket none Objects=1\nbucket create here\nupload {} s3://here/\ntrain slow xgboost --input train=s3://here/train.csv \
         --set objective=multi:softprob --set num_class=3 --set num_round=1000000 --wait\nsay never\n",
        data.display()
    ));
    let junit = folder.path().join("report.xml");
    let mut child = sagebrush()
        .arg("run")
        .arg(&path)
        .args(["--report", "json"])
        .arg("--junit")
        .arg(&junit)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next()?.unwrap()).ok();
    // What begins, and three steps that end: the fourth runs.
    for event in ["begin", "step", "step", "step"] {
        assert_eq!(next().unwrap()["event"], event);
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let step = next().unwrap();
    assert_eq!((&step["line"], &step["error"]["kind"]), (&5.into(), &"interrupted".into()));
    let end = next().unwrap();
    assert_eq!(
        (&end["event"], &end["passed"], &end["failed"], &end["skipped"]),
        (&"end".into(), &2.into(), &2.into(), &1.into())
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains(r#"type="interrupted""#) && xml.contains("<skipped/>"), "{xml}");
    assert!(processes_of(folder.path()).is_empty());
    let left = std::fs::read_dir(folder.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(left.len(), 2, "the script and its report, and nothing else: {left:?}");
}

#[test]
fn a_script_of_this_folder_is_named_without_one() {
    let (folder, path) = script("say hello\n");
    let name = path.file_name().unwrap();
    let run = || {
        let mut command = sagebrush();
        command.arg("run").arg(name).current_dir(folder.path());
        command
    };
    // Without a terminal, people still read it: plain text, and JSON lines for those who ask.
    let output = run().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("hello"), "{text}");
    assert!(!text.starts_with('{') && !text.contains('\u{1b}'), "{text}");
    let output = run().args(["--report", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(events(&output)[1]["summary"], "hello");
}

/// A script that leaves an endpoint fails where it asks; one that takes it away passes.
#[test]
fn what_a_script_leaves_is_named() {
    let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let text = format!(
        r#"call sagemaker CreateModel --model-name m --primary-container '{{"Image": "{image}"}}' --execution-role-arn arn:aws:iam::123456789012:role/x
call sagemaker CreateEndpointConfig --endpoint-config-name c --production-variants '[{{"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}}]'
call sagemaker CreateEndpoint --endpoint-name left --endpoint-config-name c
check --no-leftovers
"#
    );
    let (_folder, path) = script(&text);
    let output = run(&path, &[]);
    let end = events(&output);
    assert_eq!(output.status.code(), Some(3), "{end:?}");
    assert!(end.iter().any(|event| event.to_string().contains("endpoint left")), "{end:?}");
    let (_folder, path) = script("check --no-leftovers\n");
    assert!(run(&path, &[]).status.success());
}

/// A script of somebody else's writes nothing outside its folder.
#[test]
fn downloads_stay_below_the_scripts_folder() {
    let (folder, path) = script("");
    std::fs::write(folder.path().join("x.csv"), "1,2\n").unwrap();
    let outside = folder.path().parent().unwrap().join("sagebrush-outside.csv");
    for target in ["../sagebrush-outside.csv", outside.to_str().unwrap()] {
        std::fs::write(
            &path,
            format!(
                "bucket create data\nupload x.csv s3://data/\ndownload s3://data/x.csv {target}\n"
            ),
        )
        .unwrap();
        let output = run(&path, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stdout).contains("below the script's folder"));
        assert!(!outside.exists());
    }
    // A variable that doubles itself is bounded.
    std::fs::write(
        &path,
        format!("set $a xxxxxxxxxxxxxxxx\n{}say $a\n", "set $a $a$a\n".repeat(35)),
    )
    .unwrap();
    let output = run(&path, &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("at most 65536 bytes"));
}

/// Nobody reads what a region says that a command started, and nobody may need to.
#[test]
fn a_region_that_a_command_started_outlives_its_warnings() {
    let folder = tempfile::Builder::new().prefix("sagebrush-test-").tempdir().unwrap();
    let run = |words: &[&str]| {
        let output =
            sagebrush().arg("--workspace").arg(folder.path()).args(words).output().unwrap();
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), talk, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let status = || {
        let (_, _, told) = run(&["-o", "json", "status"]);
        serde_json::from_str::<Value>(&told).unwrap()["Health"]["pid"].clone()
    };
    let data = workspace("iris").with_file_name("data");
    let train = "train good xgboost --input train=s3://iris/train.csv --set objective=multi:softprob \
                 --set num_class=3 --set num_round=2 --wait";
    assert!(run(&["bucket", "create", "iris"]).0);
    assert!(run(&["upload", data.to_str().unwrap(), "s3://iris/"]).0);
    assert!(run(&train.split_whitespace().collect::<Vec<_>>()).0);
    assert!(run(&["deploy", "e", "v=good"]).0);
    let started = status();
    let serving = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).into_owned();
        let ours = words.contains("xgboost\0serve") && words.contains(folder.path().to_str()?);
        ours.then(|| entry.file_name().into_string().ok()?.parse::<i32>().ok())?
    });
    let serving = Pid::from_raw(serving.unwrap()).unwrap();
    kill_process(serving, Signal::KILL).unwrap();
    // The region warns of the loss and replaces it.
    while !run(&["invoke", "e", "--body", "1,2,3,4"]).0 {
        assert_eq!(status(), started, "the region is another one, or gone");
    }
    assert_eq!(status(), started);
    assert!(run(&["stop"]).0);
}

#[test]
fn on_error_continue_goes_on_and_still_fails() {
    let (_folder, path) = script("on error continue\ndescribe model none\nsay \"still here\"\n");
    let output = run(&path, &[]);
    assert_eq!(output.status.code(), Some(1));
    let events = events(&output);
    assert!(events.iter().any(|event| event["summary"] == "still here"));
    let failed = events.iter().find(|event| event["status"] == "failed").unwrap();
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("Could not find model"), "{message}");
}

#[test]
fn a_script_that_does_not_parse_does_nothing() {
    let (_folder, path) = script("bucket create b\nsay \"open\n");
    let output = run(&path, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(talk.contains("line 2") && talk.contains("not closed"), "{talk}");
}

#[test]
fn a_line_that_is_no_command_is_a_usage_error() {
    for (line, named) in [
        ("trian blue xgboost", "train"),
        ("trian $blue xgboost", "train"),
        ("invoke e --rowz data.csv", "--rows"),
        ("invoke e --requests many", "many"),
    ] {
        let (_folder, path) = script(&format!("bucket create b as $blue\n{line}\n"));
        let output = run(&path, &[]);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(output.stdout.is_empty(), "nothing is run before the whole script is read");
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(talk.contains("line 2") && talk.contains(named), "{talk}");
    }
}

/// A region with a trained model, a model that is none, and an endpoint of the former.
fn served() -> Region {
    let region = Region::start();
    let data = workspace("iris").with_file_name("data");
    let upload = ["upload", data.to_str().unwrap(), "s3://iris/"];
    let train = "train good xgboost --input train=s3://iris/train.csv --set objective=multi:softprob \
                 --set num_class=3 --set num_round=2 --wait";
    let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let container = format!(r#"{{"Image":"{image}","ModelDataUrl":"s3://iris/train.csv"}}"#);
    let broken = [
        "call",
        "sagemaker",
        "create-model",
        "--model-name",
        "broken",
        "--execution-role-arn",
        "arn:aws:iam::123456789012:role/r",
        "--primary-container",
        &container,
    ];
    let words = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
    for command in [
        &words("bucket create iris"),
        &upload[..],
        &words(train),
        &broken,
        &words("deploy e v=good"),
    ] {
        let output = region.command(command);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    region
}

#[test]
fn commands_on_a_served_model() {
    let region = served();
    let output = region.command(&["deploy", "e", "v=broken"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(talk.contains("serves on") && talk.contains("archive"), "{talk}");
    assert!(region.command(&["invoke", "e", "--body", "1,2,3,4"]).status.success());
    let call = "-o json call sagemaker-runtime invoke-endpoint --endpoint-name e --body 1,2,3,4 \
                --content-type text/csv";
    let call = region.command(&call.split_whitespace().collect::<Vec<_>>());
    let answer: Value = serde_json::from_slice(&call.stdout).unwrap();
    assert_eq!(answer["Body"].as_str().unwrap().split(',').count(), 3, "{answer}");
    assert!(region.command(&["register", "iris", "--from", "good"]).status.success());
    let packages = region.command(&["-o", "json", "list", "package"]);
    let packages: Value = serde_json::from_slice(&packages.stdout).unwrap();
    assert_eq!(packages[0]["ModelPackageVersion"], 1);
    assert_eq!(
        region.command(&["train", "x", "xgbost", "--to", "s3://iris/m"]).status.code(),
        Some(2)
    );
    assert!(region.command(&["deploy", "e", "v=good"]).status.success(), "the way is free again");
}

#[test]
fn the_shell_attaches_shows_code_and_speaks_json() {
    let region = Region::start();
    let created = region.command(&["bucket", "create", "data"]);
    assert!(created.status.success());
    let listed = region.command(&["-o", "json", "bucket", "list"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed, serde_json::json!(["data"]));
    let code = region.command(&["--show", "boto3", "list", "model"]);
    let code = String::from_utf8(code.stdout).unwrap();
    assert!(code.contains("sagemaker.list_models("), "{code}");
    let status = region.command(&["-o", "json", "status"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["Running"], true);
    let environment = region.command(&["env"]);
    let environment = String::from_utf8(environment.stdout).unwrap();
    assert!(environment.contains(&format!("export AWS_ENDPOINT_URL='{}'", region.url())));
    let call = region.command(&["call", "sagemaker", "list-models", "--max-results", "1000"]);
    assert_eq!(call.status.code(), Some(1));
    let talk = String::from_utf8(call.stderr).unwrap();
    assert!(talk.contains("ValidationException") && talk.contains("maxResults"), "{talk}");
}

#[test]
fn code_that_is_shown_runs() {
    let region = Region::start();
    let shown = region.command(&["--show", "boto3", "bucket", "create", "first"]);
    let code = String::from_utf8(shown.stdout).unwrap().replace("first", "second");
    let mut python = std::process::Command::new(super::python::venv());
    super::python::isolated(&mut python);
    region.lead(&mut python);
    super::python::succeed(python.args(["-c", &code]));
    let shown = region.command(&["--show", "cli", "bucket", "create", "third"]);
    let code = String::from_utf8(shown.stdout).unwrap().replace("third", "fourth");
    let mut shell = std::process::Command::new("sh");
    super::python::isolated(&mut shell);
    region.lead(&mut shell);
    let path = super::python::program("aws").parent().unwrap().display().to_string();
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    super::python::succeed(shell.env("PATH", path).args(["-c", &code]));
    let listed = region.command(&["-o", "json", "bucket", "list"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed, serde_json::json!(["first", "fourth", "second", "third"]));
}
