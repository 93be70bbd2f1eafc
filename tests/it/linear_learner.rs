//! The linear learner as a container: the binary itself, with folders of its own and a listener as stdin.

use crate::python;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_sagebrush");

/// The root of a container: `opt/ml` and all below it.
struct Root(tempfile::TempDir);

impl Root {
    fn new(hyperparameters: &str, channels: &str) -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        let config = root.path("opt/ml/input/config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("hyperparameters.json"), hyperparameters).unwrap();
        std::fs::write(config.join("inputdataconfig.json"), channels).unwrap();
        let resources = r#"{"current_host": "algo-1", "hosts": ["algo-1"]}"#;
        std::fs::write(config.join("resourceconfig.json"), resources).unwrap();
        root
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn data(&self, channel: &str, name: &str, content: &[u8]) {
        let folder = self.path("opt/ml/input/data").join(channel);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), content).unwrap();
    }

    fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["container", "linear-learner", mode, "--root"]).arg(self.0.path());
        command.env_clear().stdout(Stdio::piped());
        command
    }

    fn train(&self) -> Output {
        self.command("train").stdin(Stdio::null()).output().unwrap()
    }

    fn failure(&self) -> String {
        std::fs::read_to_string(self.path("opt/ml/output/failure")).unwrap()
    }

    fn model(&self) -> serde_json::Value {
        let bytes = std::fs::read(self.path("opt/ml/model/model_algo-1.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// A serving container and the address it listens on.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(root: &Root) -> Self {
        Self::start_with(root, &[])
    }

    fn start_with(root: &Root, environment: &[(&str, &str)]) -> Self {
        let socket = root.path("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut command = root.command("serve");
        command.stdin(Stdio::from(OwnedFd::from(listener))).envs(environment.iter().copied());
        let child = command.spawn().unwrap();
        Self { child, socket }
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).unwrap()
    }

    fn term(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status, head and body of the answer to one request.
fn ask(stream: &mut UnixStream, request: &str) -> (u16, String, Vec<u8>) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).unwrap() > 0, "the connection ended after {head:?}");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), head, body)
}

fn invoke(stream: &mut UnixStream, kind: &str, accept: &str, body: &str) -> (u16, String, Vec<u8>) {
    let length = body.len();
    ask(
        stream,
        &format!(
            "POST /invocations HTTP/1.1\r\nContent-Type: {kind}\r\nAccept: {accept}\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

const CSV_TRAIN: &str = r#"{"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}}"#;
const REGRESSOR: &str = r#"{"predictor_type": "regressor"}"#;

/// y = 2 a - 3 b + 1, exactly.
fn line(rows: usize) -> String {
    (0..rows)
        .map(|row| {
            let (a, b) = ((row * 7 % 11) as f64, (row * 5 % 13) as f64 / 2.0);
            format!("{},{a},{b}\n", 2.0 * a - 3.0 * b + 1.0)
        })
        .collect()
}

/// Three heaps that lie well apart.
fn heaps(rows: usize) -> String {
    (0..rows)
        .map(|row| {
            let (class, spread) = (row % 3, (row * 7 % 10) as f64 / 10.0);
            let centre = [(0.0, 0.0), (8.0, 0.0), (0.0, 8.0)][class];
            format!("{class},{},{}\n", centre.0 + spread, centre.1 + 1.0 - spread)
        })
        .collect()
}

#[test]
fn a_trained_model_serves_every_format() {
    let channels = r#"{"train": {"ContentType": "text/csv"}, "validation": {"ContentType": "text/csv"},
        "test": {"ContentType": "text/csv"}}"#;
    let root =
        Root::new(r#"{"predictor_type": "multiclass_classifier", "num_classes": "3"}"#, channels);
    for (channel, rows) in [("train", 90), ("validation", 30), ("test", 30)] {
        root.data(channel, "part-0.csv", heaps(rows).as_bytes());
    }
    let trained = root.train();
    let log = String::from_utf8(trained.stdout).unwrap();
    assert!(trained.status.success(), "{log}");
    assert!(log.lines().next().unwrap().contains("Sagebrush's own implementation"), "{log}");
    has_metrics(&log);

    let server = Server::start(&root);
    let mut stream = server.connect();
    let (status, _, body) = ask(&mut stream, "GET /ping HTTP/1.1\r\n\r\n");
    assert_eq!((status, body.len()), (200, 0));
    let rows = "0.5,0.5\n8.5,0.5\n0.5,8.5";
    let (status, head, body) = invoke(&mut stream, "text/csv", "*/*", rows);
    assert!(status == 200 && head.contains("Content-Type: application/json"), "{head}");
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let labels: Vec<_> =
        json["predictions"].as_array().unwrap().iter().map(|one| &one["predicted_label"]).collect();
    assert_eq!(labels, [0, 1, 2]);
    let instances = r#"{"instances": [{"features": [0.5, 0.5]}, {"features": [8.5, 0.5]}, {"features": [0.5, 8.5]}]}"#;
    let (_, _, same) = invoke(&mut stream, "application/json", "application/json", instances);
    assert_eq!(body, same);
    let (_, head, lines) =
        invoke(&mut stream, "text/csv; charset=utf-8", "application/jsonlines", rows);
    assert!(head.contains("Content-Type: application/jsonlines"), "{head}");
    assert_eq!(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 3);
    let (_, _, csv) = invoke(&mut stream, "text/csv", "text/csv", "8.5,0.5");
    assert!(csv.starts_with(b"1,") && csv.iter().filter(|byte| **byte == b',').count() == 3);
    let (_, _, records) =
        invoke(&mut stream, "text/csv", "application/x-recordio-protobuf", "8.5,0.5");
    assert_eq!(records[..4], 0xced7_230a_u32.to_le_bytes());
    let (status, _, body) = ask(&mut stream, "GET /execution-parameters HTTP/1.1\r\n\r\n");
    let parameters: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &parameters["BatchStrategy"]), (200, &"MULTI_RECORD".into()));
}

/// Every metric definition that AWS attaches to a linear-learner job must find its lines.
fn has_metrics(log: &str) {
    for definition in [
        r"#progress_metric: host=\S+, completed (\S+) %",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        r"#quality_metric: host=\S+, epoch=\S+, train \S+_objective <loss>=(\S+)",
        r"#quality_metric: host=\S+, epoch=\S+, validation \S+_objective <loss>=(\S+)",
        r"#quality_metric: host=\S+, validation \S+_objective <loss>=(\S+)",
        r"#quality_metric: host=\S+, validation multiclass_accuracy <score>=(\S+)",
        r"#quality_metric: host=\S+, validation multiclass_top_k_accuracy_\S+ <score>=(\S+)",
        r"#quality_metric: host=\S+, validation macro_f_\S+ <score>=(\S+)",
        r"#quality_metric: host=\S+, test dcg <score>=(\S+)",
        r"#quality_metric: host=\S+, test macro_recall <score>=(\S+)",
        r"#quality_metric: host=\S+, test multiclass_accuracy <score>=(\S+)",
    ] {
        let found = regex::Regex::new(definition).unwrap();
        let captures = found.captures(log).unwrap_or_else(|| panic!("no {definition} in\n{log}"));
        assert!(captures[1].parse::<f64>().unwrap().is_finite(), "{definition}");
    }
}

#[test]
fn a_regression_finds_the_line() {
    let root = Root::new(
        r#"{"predictor_type": "regressor", "epochs": "100", "wd": "0", "l1": "0", "early_stopping_patience": "101"}"#,
        CSV_TRAIN,
    );
    root.data("train", "line.csv", line(143).as_bytes());
    assert!(root.train().status.success());
    let model = root.model();
    let close = |value: &serde_json::Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 0.01, "{model}");
    };
    close(&model["weights"][0][0], 2.0);
    close(&model["weights"][0][1], -3.0);
    close(&model["biases"][0], 1.0);
}

#[test]
fn refusals_are_told_in_the_failure_file() {
    let with = |hyperparameters: &str, rows: &str| {
        let root = Root::new(hyperparameters, CSV_TRAIN);
        root.data("train", "a.csv", rows.as_bytes());
        let trained = root.train();
        assert_eq!(trained.status.code(), Some(1));
        let failure = root.failure();
        let log = String::from_utf8(trained.stdout).unwrap();
        assert!(log.trim_end().ends_with(failure.trim_end()), "{log}");
        failure
    };
    let unknown = with(r#"{"predictor_type": "regressor", "epoch": "3"}"#, "1,2\n");
    assert!(
        unknown.starts_with("ClientError: Additional hyperparameters are not allowed ('epoch'"),
        "{unknown}"
    );
    let header = with(REGRESSOR, "price,size\n1,2\n");
    assert!(
        header
            .contains("Unable to read data channel 'train'. Requested content-type is 'text/csv'"),
        "{header}"
    );
    assert!(
        header.contains("a.csv, line 1: non-numeric value 'price' found in the header line"),
        "{header}"
    );
    let label = with(r#"{"predictor_type": "binary_classifier"}"#, "1,2\n2,3\n");
    assert!(
        label.contains("row 2: the label 2 is outside of the expected range [0, 1]"),
        "{label}"
    );
    let batch = with(r#"{"predictor_type": "regressor", "mini_batch_size": "200"}"#, "1,2\n2,3\n");
    assert!(batch.contains("the mini-batch size is too high"), "{batch}");
    let wide = with(r#"{"predictor_type": "regressor", "feature_dim": "3"}"#, "1,2\n");
    assert!(wide.contains("feature_dim is 3"), "{wide}");
    let script =
        with(r#"{"predictor_type": "regressor", "sagemaker_program": "train.py"}"#, "1,2\n");
    assert!(script.contains("script mode is not in this engine"), "{script}");
}

#[test]
fn bad_requests_are_refused_and_the_connection_goes_on() {
    let root = Root::new(REGRESSOR, CSV_TRAIN);
    root.data("train", "line.csv", line(64).as_bytes());
    assert!(root.train().status.success());
    let server = Server::start(&root);
    let mut stream = server.connect();
    let (status, _, text) = invoke(&mut stream, "image/png", "*/*", "1,2");
    assert!(status == 415 && String::from_utf8_lossy(&text).contains("text/csv"));
    let (status, _, text) = invoke(&mut stream, "text/csv", "*/*", "1,2\n3,4,5\n");
    assert_eq!(status, 400);
    assert!(
        String::from_utf8_lossy(&text)
            .contains("row 2: 3 features, but the model was trained with 2")
    );
    let (status, _, text) = invoke(&mut stream, "application/json", "*/*", "{\"instances\": [");
    assert!(status == 400 && String::from_utf8_lossy(&text).contains("JSON"));
    assert_eq!(invoke(&mut stream, "text/csv", "image/png", "1,2").0, 406);
    assert_eq!(ask(&mut stream, "GET /invocations HTTP/1.1\r\n\r\n").0, 405);
    assert_eq!(ask(&mut stream, "GET /models HTTP/1.1\r\n\r\n").0, 404);
    assert_eq!(invoke(&mut stream, "text/csv", "*/*", "1,2").0, 200);
    let many = "1,2\n".repeat(500_000);
    let (status, _, body) = invoke(&mut stream, "text/csv", "text/csv", &many);
    assert_eq!((status, body.iter().filter(|byte| **byte == b'\n').count()), (200, 500_000));
}

/// Waits for a line of the container's log.
fn wait_for(log: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without {text:?}");
    }
}

#[test]
fn a_stopped_training_keeps_the_model_so_far() {
    let root = Root::new(
        r#"{"predictor_type": "regressor", "epochs": "100000000", "early_stopping_patience": "100000000"}"#,
        CSV_TRAIN,
    );
    root.data("train", "line.csv", line(500).as_bytes());
    let mut child = root.command("train").stdin(Stdio::null()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut log, "epoch=2,");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    wait_for(&mut log, "Told to stop (SIGTERM)");
    std::io::copy(&mut log, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(root.model()["feature_dim"], 2);
}

#[test]
fn a_server_ends_at_sigterm_and_when_nobody_reads_its_log() {
    let root = Root::new(REGRESSOR, CSV_TRAIN);
    root.data("train", "line.csv", line(64).as_bytes());
    assert!(root.train().status.success());
    let mut server = Server::start(&root);
    assert_eq!(ask(&mut server.connect(), "GET /ping HTTP/1.1\r\n\r\n").0, 200);
    server.term();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    std::fs::remove_file(&server.socket).unwrap();

    let mut orphan = Server::start(&root);
    assert_eq!(ask(&mut orphan.connect(), "GET /ping HTTP/1.1\r\n\r\n").0, 200);
    let log: ChildStdout = orphan.child.stdout.take().unwrap();
    drop(log);
    assert_eq!(orphan.child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_environment_may_choose_the_answers_format() {
    let root = Root::new(REGRESSOR, CSV_TRAIN);
    root.data("train", "line.csv", line(64).as_bytes());
    assert!(root.train().status.success());
    let server = Server::start_with(&root, &[("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")]);
    let mut stream = server.connect();
    let request =
        "POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\n1,2";
    let (status, head, _) = ask(&mut stream, request);
    assert!(status == 200 && head.contains("Content-Type: text/csv"), "{head}");
    let (_, head, _) = invoke(&mut stream, "text/csv", "application/json", "1,2");
    assert!(head.contains("Content-Type: application/json"), "{head}");
}

#[test]
fn a_model_of_another_make_is_refused() {
    let root = Root::new(REGRESSOR, CSV_TRAIN);
    std::fs::create_dir_all(root.path("opt/ml/model")).unwrap();
    std::fs::write(root.path("opt/ml/model/model_algo-1"), b"PK\x03\x04").unwrap();
    let served = root.command("serve").stdin(Stdio::null()).output().unwrap();
    assert_eq!(served.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&served.stdout).contains("trained by AWS's own container (MXNet)")
    );
}

#[test]
fn pipe_mode_trains_from_fifos() {
    let root = Root::new(
        REGRESSOR,
        r#"{"train": {"ContentType": "text/csv", "TrainingInputMode": "Pipe"}}"#,
    );
    std::fs::create_dir_all(root.path("opt/ml/input/data")).unwrap();
    let fifo = root.path("opt/ml/input/data/train_0");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let writer = std::thread::spawn(move || std::fs::write(fifo, line(64)).unwrap());
    assert!(root.train().status.success());
    writer.join().unwrap();
    assert_eq!(root.model()["rows"], 64);
}

/// The same rows as csv and as RecordIO, written by Python as the SageMaker SDK writes them, dense
/// and sparse, make the same model to the last bit.
#[test]
fn records_written_by_python_train_the_same_model() {
    let trained = |kind: &str, content: &[u8]| {
        let channels =
            format!(r#"{{"train": {{"ContentType": "{kind}", "TrainingInputMode": "File"}}}}"#);
        let root = Root::new(REGRESSOR, &channels);
        root.data("train", "part-0", content);
        let output = root.train();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        root.model()
    };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("rows.csv");
    std::fs::write(&csv, line(100)).unwrap();
    let expected = trained("text/csv", line(100).as_bytes());
    for form in ["dense", "sparse", "float64"] {
        let records = folder.path().join(form);
        python::succeed(python::script("recordio_records.py").arg(form).args([&csv, &records]));
        let content = std::fs::read(&records).unwrap();
        assert_eq!(trained("application/x-recordio-protobuf", &content), expected, "{form}");
    }
}

/// Repeated cross-validation against scikit-learn, paired by split; the script says what it demands.
#[test]
fn it_predicts_as_well_as_scikit_learn() {
    let output =
        python::succeed(python::script("linear_learner_quality.py").arg(Path::new(BINARY)));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Every metric that a job declares arrives, for each type of predictor.
#[rstest::rstest]
#[case::regressor("regressor", 1)]
#[case::binary("binary_classifier", 2)]
#[case::multiclass("multiclass_classifier", 3)]
#[tokio::test]
async fn every_declared_metric_arrives(#[case] predictor: &str, #[case] classes: usize) {
    use std::collections::BTreeSet;
    let region = crate::region::Region::start();
    let client = region.client();
    client.create_bucket("data").await.unwrap();
    let mut rows = String::new();
    for n in 0..240 {
        let label = if classes == 1 { n % 7 } else { n % classes };
        rows.push_str(&format!("{label},{}.5,{}\n", label * 2 + n % 3, n % 11));
    }
    let file = region.folder().join("rows.csv");
    std::fs::write(&file, rows).unwrap();
    client.put_file("data", "rows.csv", &file).await.unwrap();
    let mut parameters = serde_json::json!({"predictor_type": predictor, "epochs": "3"});
    if classes > 2 {
        parameters["num_classes"] = serde_json::json!("3");
    }
    let channel = |name: &str| {
        serde_json::json!({"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://data/rows.csv"}}})
    };
    let channels = ["train", "validation", "test"].map(channel).to_vec();
    let input = serde_json::json!({
        "TrainingJobName": "declared",
        "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
        "AlgorithmSpecification": {
            "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
            "TrainingInputMode": "File",
        },
        "HyperParameters": parameters,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    });
    client.call("sagemaker", "CreateTrainingJob", &input).await.unwrap();
    let waited = region.command(&["wait", "declared"]);
    assert!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
    let name = serde_json::json!({"TrainingJobName": "declared"});
    let job = client.call("sagemaker", "DescribeTrainingJob", &name).await.unwrap();
    let names = |list: &serde_json::Value, member: &str| -> BTreeSet<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|one| one[member].as_str().unwrap().to_owned())
            .collect()
    };
    let declared = names(&job["AlgorithmSpecification"]["MetricDefinitions"], "Name");
    assert!(declared.contains("validation:objective_loss:final"), "{declared:?}");
    assert_eq!(names(&job["FinalMetricDataList"], "MetricName"), declared);
}

/// On noise a model that learns its rows by heart gets worse on others: the curve shows it.
#[test]
fn each_epoch_prints_its_own_validation_loss() {
    let root = Root::new(
        r#"{"predictor_type": "binary_classifier", "epochs": "30", "early_stopping_patience": "30",
            "wd": "0", "l1": "0", "learning_rate": "0.1", "num_models": "1"}"#,
        r#"{"train": {"ContentType": "text/csv", "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"},
            "validation": {"ContentType": "text/csv", "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}}"#,
    );
    let mut random = fastrand::Rng::with_seed(7);
    for set in ["train", "validation"] {
        let mut rows = String::new();
        for _ in 0..120 {
            rows.push_str(if random.bool() { "1" } else { "0" });
            for _ in 0..60 {
                rows.push_str(&format!(",{:.4}", random.f64() * 2.0 - 1.0));
            }
            rows.push('\n');
        }
        root.data(set, "rows.csv", rows.as_bytes());
    }
    let log = String::from_utf8(root.train().stdout).unwrap();
    let line = regex::Regex::new(r"epoch=\d+, validation \S+_objective <loss>=(\S+)").unwrap();
    let losses: Vec<f64> =
        line.captures_iter(&log).map(|found| found[1].parse().unwrap()).collect();
    assert_eq!(losses.len(), 30, "{log}");
    assert!(losses.windows(2).any(|pair| pair[1] > pair[0]), "{losses:?}");
    let json = log.lines().filter_map(|line| line.strip_prefix("#metrics "));
    let validation =
        json.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).filter(|one| {
            one["Metrics"]["validation_binary_classification_cross_entropy_objective"].is_object()
        });
    assert_eq!(validation.count(), 30);
}
