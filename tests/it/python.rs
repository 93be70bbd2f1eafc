//! The Python that tests run real clients in: virtual environments with the pinned packages of
//! `tests/clients/*.txt`, each made once under `target/` and shared by all tests.
//!
//! `SAGEBRUSH_TEST_VENV=DIR` uses an environment that is already there for `requirements.txt`, and
//! `SAGEBRUSH_TEST_VENV_SDK_V2` and `_SDK_V3` for those of the SDKs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The interpreter of the environment that most tests use, which is made first when it is not there.
pub fn venv() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        given("SAGEBRUSH_TEST_VENV").unwrap_or_else(|| make("clients-venv", "requirements.txt"))
    })
}

/// The interpreter of the environment of `NAME.txt`, for clients that cannot share one.
pub fn venv_of(name: &str) -> PathBuf {
    given(&format!("SAGEBRUSH_TEST_VENV_{}", name.to_ascii_uppercase()))
        .unwrap_or_else(|| make(&format!("{name}-venv"), &format!("{name}.txt")))
}

fn given(variable: &str) -> Option<PathBuf> {
    let interpreter = Path::new(&std::env::var_os(variable)?).join("bin/python");
    assert!(interpreter.exists(), "{variable}: {} is not there", interpreter.display());
    Some(interpreter)
}

/// A program that the environment installed, such as `aws`.
pub fn program(name: &str) -> PathBuf {
    venv().with_file_name(name)
}

/// A script of `tests/clients/`, ready for arguments and environment. Nothing of this machine's AWS
/// configuration reaches it: a test must never talk to a real account.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(venv());
    command.arg(clients().join(name));
    isolated(&mut command);
    command
}

/// Takes away whatever would lead an AWS client elsewhere.
pub fn isolated(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*")
        .stdin(Stdio::null());
}

/// Runs to the end; a failure shows all that was printed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Several test processes may want it at once: one makes it, the others wait for its lock. A mark is
/// written last, and holds the requirements, so that half an environment or an old one is made again.
fn make(name: &str, requirements: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(target).unwrap();
    let (folder, mark) = (target.join(name), target.join(format!("{name}.done")));
    let lock = File::create(target.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let interpreter = folder.join("bin/python");
    let requirements = clients().join(requirements);
    let wanted = fs::read_to_string(&requirements).unwrap();
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) && interpreter.exists() {
        return interpreter;
    }
    let _ = fs::remove_file(&mark);
    let _ = fs::remove_dir_all(&folder);
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    let mut pip = Command::new(&interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    succeed(pip.arg(requirements));
    fs::write(&mark, wanted).unwrap();
    interpreter
}
