//! `sagebrush exec` and `env`: programs that know nothing of Sagebrush find the region where they
//! look for AWS, whatever their environment was, and nothing of theirs leaves the machine.

use crate::python;
use crate::region::{Region, sagebrush};
use crate::tty::Tty;
use portable_pty::CommandBuilder;
use rstest::rstest;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `sagebrush exec` in an environment that would lead an AWS client to somebody's account.
fn exec(region: &Region, options: &[&str]) -> Command {
    let home = region.folder().join("home");
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let config = "[default]\nregion = eu-west-1\nendpoint_url = http://10.0.0.1\n\
                  [profile production]\nrole_arn = arn:aws:iam::999999999999:role/admin\n\
                  source_profile = default\n";
    std::fs::write(home.join(".aws/config"), config).unwrap();
    let mut command = sagebrush();
    command.arg("exec").arg("-w").arg(region.folder()).args(options).arg("--");
    command
        .env("HOME", home)
        .env_remove("AWS_CONFIG_FILE")
        .env_remove("AWS_SHARED_CREDENTIALS_FILE")
        .env("AWS_PROFILE", "production")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "somebody's")
        .env("AWS_SESSION_TOKEN", "somebody's")
        .env("AWS_ENDPOINT_URL", "http://10.0.0.1:9")
        .env("AWS_ENDPOINT_URL_S3", "http://10.0.0.1:9")
        .env("AWS_ENDPOINT_URL_STS", "http://10.0.0.1:9")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1:9/credentials")
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
        .env("AWS_ROLE_ARN", "arn:aws:iam::999999999999:role/admin")
        .env("AWS_CA_BUNDLE", "/nowhere/bundle.pem")
        .env("NO_PROXY", ".amazonaws.com,169.254.169.254");
    command
}

fn client(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[rstest]
#[case(&[])]
#[case(&["--aws-names"])]
fn boto3_finds_the_region_where_it_looks_for_aws(#[case] options: &[&str]) {
    let region = Region::start();
    let mut command = exec(&region, options);
    command.arg(python::venv()).arg(client("exec.py")).args(options);
    let output = python::succeed(&mut command);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
}

#[rstest]
#[case(&[])]
#[case(&["--aws-names"])]
fn the_aws_cli_finds_it_too(#[case] options: &[&str]) {
    let region = Region::start();
    let aws = |words: &[&str]| {
        let mut command = exec(&region, options);
        command.arg(python::venv()).arg(python::program("aws")).args(words);
        String::from_utf8(python::succeed(&mut command).stdout).unwrap()
    };
    let file = region.folder().join("data.csv");
    std::fs::write(&file, "1,2\n").unwrap();
    aws(&["s3", "mb", "s3://made-by-cli"]);
    aws(&["s3", "cp", file.to_str().unwrap(), "s3://made-by-cli/data.csv"]);
    assert_eq!(aws(&["s3", "cp", "s3://made-by-cli/data.csv", "-"]), "1,2\n");
    let account = ["sts", "get-caller-identity", "--query", "Account", "--output", "text"];
    assert_eq!(aws(&account).trim(), "123456789012");
    let named = [&account[..], &["--profile", "production"]].concat();
    assert_eq!(aws(&named).trim(), "123456789012");
}

#[test]
fn the_programs_end_is_execs() {
    let region = Region::start();
    let run = |words: &[&str]| exec(&region, &[]).args(words).output().unwrap();
    assert_eq!(run(&["sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).status.code(), Some(143));
    let missing = run(&["no-such-program"]);
    assert_eq!(missing.status.code(), Some(127), "{}", said(&missing));
    assert!(said(&missing).contains("no-such-program"), "{}", said(&missing));
    let input = exec(&region, &[])
        .args(["cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            child.stdin.take().unwrap().write_all(b"through")?;
            child.wait_with_output()
        });
    assert_eq!(input.unwrap().stdout, b"through");
}

#[test]
fn signals_reach_the_program() {
    let region = Region::start();
    let script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.2; done";
    let mut child =
        exec(&region, &[]).args(["bash", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got it");
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_key_of_the_terminal_reaches_the_program_once() {
    let region = Region::start();
    let script = "import signal\n\
                  caught = 0\n\
                  def key(*_):\n    global caught; caught += 1; print('caught', caught, flush=True)\n\
                  def end(*_):\n    print(caught, 'times', flush=True); raise SystemExit(4)\n\
                  signal.signal(signal.SIGINT, key); signal.signal(signal.SIGUSR1, end)\n\
                  print('ready', flush=True)\n\
                  while True: signal.pause()\n";
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sagebrush"));
    command.args(["exec", "-w", region.folder().to_str().unwrap(), "--", "python3", "-c", script]);
    let mut tty = Tty::start(command, 80, 24);
    tty.until_shown("ready");
    tty.type_in("\u{3}");
    tty.until_shown("caught 1");
    // `exec` had the key before this, so it would have passed it on by now.
    tty.signal(Signal::USR1);
    tty.until_shown("1 times");
    assert_eq!(tty.end().exit_code(), 4);
}

#[test]
fn offline_refuses_other_hosts_by_name() {
    let region = Region::start();
    let script = "import urllib.request, urllib.error\n\
                  for url in ['https://pypi.example/simple', 'http://plain.example/']:\n    \
                      try:\n        urllib.request.urlopen(url)\n    \
                      except urllib.error.HTTPError as error: print(error.read().decode())\n    \
                      except urllib.error.URLError as error: print(error.reason)\n";
    let output = exec(&region, &["--offline"]).args(["python3", "-c", script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("sagebrush exec --offline refuses pypi.example"), "{text}");
    assert!(text.contains("sagebrush exec --offline refuses plain.example"), "{text}");
    let end = "--offline has refused pypi.example (1), plain.example (1)\n";
    let other = "--offline has refused plain.example (1), pypi.example (1)\n";
    assert!(said(&output).ends_with(end) || said(&output).ends_with(other), "{}", said(&output));
}

/// A host and a proxy of the test's own, which tell what they were asked.
struct Listener(TcpListener);

impl Listener {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// The next client's head; `answer` is sent to it.
    fn answer(&self, answer: &str) -> (String, TcpStream) {
        let mut stream = self.0.accept().unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        (String::from_utf8(head).unwrap(), stream)
    }
}

/// Asks who is asking, unsigned.
const IDENTITY: [&str; 4] =
    ["-f", "https://sts.amazonaws.com/", "-d", "Action=GetCallerIdentity&Version=2011-06-15"];

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// curl, asked of a shell: it shows what it got, or why not.
fn curl(command: &mut Command, words: &[&str]) -> Output {
    command.args(["curl", "-sS", "--max-time", "30"]).args(words).output().unwrap()
}

#[test]
fn other_hosts_are_reached_as_before() {
    let region = Region::start();
    let host = Listener::new();
    let url = format!("http://127.0.0.1:{}/x", host.port());
    // curl is told to use the proxy for this machine, too.
    for tunnel in [&["--noproxy", ""][..], &["--noproxy", "", "--proxytunnel"]] {
        let heard = std::thread::scope(|scope| {
            let heard = scope.spawn(|| host.answer(HELLO).0);
            let words = [tunnel, &[url.as_str()]].concat();
            let output = curl(&mut exec(&region, &[]), &words);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "hello", "{}", said(&output));
            heard.join().unwrap()
        });
        assert!(heard.starts_with("GET /x HTTP/1.1\r\n"), "{heard}");
        assert!(!heard.to_lowercase().contains("proxy"), "{heard}");
    }
}

#[test]
fn the_users_own_proxy_is_used_for_other_hosts() {
    let region = Region::start();
    let proxy = Listener::new();
    let address = format!("http://ada:secret@127.0.0.1:{}", proxy.port());
    let through = |name: &str, value: &str, words: &[&str], answer: &str| {
        std::thread::scope(|scope| {
            let heard = scope.spawn(|| proxy.answer(answer).0);
            let output = curl(exec(&region, &[]).env(name, value).env("NO_PROXY", ""), words);
            (heard.join().unwrap(), output)
        })
    };
    let (heard, output) = through("http_proxy", &address, &["http://plain.example/x"], HELLO);
    assert!(heard.starts_with("GET http://plain.example/x HTTP/1.1\r\n"), "{heard}");
    assert!(heard.to_lowercase().contains("proxy-authorization: basic ywrh"), "{heard}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello");
    let refusal = "HTTP/1.1 403 Blocked by policy\r\nContent-Length: 0\r\n\r\n";
    let (heard, output) = through("HTTPS_PROXY", &address, &["https://secure.example/"], refusal);
    assert!(heard.starts_with("CONNECT secure.example:443 HTTP/1.1\r\n"), "{heard}");
    assert!(said(&output).contains("403"), "{}", said(&output));
    // AWS's own hosts are answered here all the same.
    let output = curl(exec(&region, &[]).env("HTTPS_PROXY", &address), &IDENTITY);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_shell_is_wired_by_env() {
    let region = Region::start();
    let script = format!(
        "eval \"$({} env -w {})\" && {} -c \"import boto3; \
         boto3.client('s3', endpoint_url='https://s3.us-east-1.amazonaws.com').list_buckets(); \
         print(boto3.client('sts').get_caller_identity()['Account'])\"",
        env!("CARGO_BIN_EXE_sagebrush"),
        region.folder().display(),
        python::venv().display()
    );
    let mut command = Command::new("bash");
    python::isolated(&mut command);
    let command =
        command.args(["-c", &script]).env("AWS_PROFILE", "x").env("AWS_ENDPOINT_URL", "x");
    assert_eq!(String::from_utf8_lossy(&python::succeed(command).stdout).trim(), "123456789012");
}

#[test]
fn further_ports_lead_to_the_same_region() {
    let free = Listener::new().port();
    let region = Region::start_with(&format!("ports = [{free}]"));
    let output = Command::new("curl")
        .args(["-sS", "--noproxy", "*", &format!("http://localhost:{free}/_sagebrush/health")])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("sagebrush"), "{}", said(&output));
    // The name that another emulator's users have in their programs.
    assert!(region.command(&["bucket", "create", "made-here"]).status.success());
    let name = "made-here.s3.us-east-1.localhost.localstack.cloud";
    let resolve = format!("{name}:{free}:127.0.0.1");
    let url = format!("http://{name}:{free}/?list-type=2");
    let words = ["-sS", "--noproxy", "*", "--resolve", &resolve, &url];
    let output = Command::new("curl").args(words).output().unwrap();
    let listing = String::from_utf8_lossy(&output.stdout);
    assert!(listing.contains("<Name>made-here</Name>"), "{listing}{}", said(&output));
    let status = region.command(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains(&format!("also on port {free}\n")), "{status}");
    assert!(status.contains("by the proxy at 127.0.0.1:"), "{status}");
}

#[test]
fn a_further_port_that_is_taken_is_named() {
    let taken = Listener::new();
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("ports = [{}]", taken.port());
    std::fs::write(folder.path().join("workspace.toml"), settings).unwrap();
    let output =
        sagebrush().args(["serve", "--port", "0", "-w"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("port {} of 127.0.0.1 is taken", taken.port());
    assert!(said(&output).contains(&expected), "{}", said(&output));
}

/// Whether a command works here at all; says so when it does not.
fn works(words: &[&str]) -> bool {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let works = output.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: `{}` does not work here: {output:?}", words.join(" "));
    }
    works
}

#[test]
fn another_local_user_cannot_use_the_proxy() {
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !works(&[&nobody[..], &["curl", "--version"]].concat()) {
        return;
    }
    let region = Region::start();
    let left = std::fs::read_to_string(region.folder().join(".sagebrush/region.json")).unwrap();
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    let proxy = format!("http://{}", left["proxy"].as_str().unwrap());
    let ask = |user: &[&str], words: &[&str]| {
        let words = [user, &["curl", "-sS", "-v", "-k", "-x", &proxy], words].concat();
        said(&Command::new(words[0]).args(&words[1..]).current_dir("/").output().unwrap())
    };
    let plain = ["http://sts.amazonaws.com/", "-d", IDENTITY[3]];
    for words in [&IDENTITY[..], &plain] {
        let refused = ask(&nobody, words);
        assert!(refused.contains("HTTP/1.1 407"), "{refused}");
        let own = ask(&[], words);
        assert!(own.contains("HTTP/1.1 200 OK"), "{own}");
    }
}

#[test]
fn nothing_leaves_the_machine() {
    let unshare: &[&str] = if geteuid().is_root() {
        &["unshare", "--net"]
    } else {
        &["unshare", "--net", "--map-root-user"]
    };
    let route = ["ip", "route", "list"];
    if !works(&[unshare, &route].concat()) {
        return;
    }
    let folder = tempfile::Builder::new().prefix("sagebrush-test-").tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_sagebrush");
    // All of it is in the namespace: the region, its containers, the program.
    let script = "trap '\"$0\" stop >&2' EXIT; \
                  \"$0\" exec --aws-names -- \"$1\" \"$2\" --aws-names";
    let mut command = Command::new(unshare[0]);
    python::isolated(&mut command);
    command.args(&unshare[1..]).arg(python::venv()).arg(client("sink.py"));
    command.args(["bash", "-c", script, binary]).arg(python::venv());
    command.arg(client("exec.py"));
    command.env("SAGEBRUSH_WORKSPACE", folder.path()).env("AWS_PROFILE", "production");
    let output = python::succeed(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().last(), Some("nothing"), "{text}\n{}", said(&output));
}
