//! Parses the command line, calls the library, sets the exit code.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

mod shell;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A container's start is the largest part of an endpoint's way to InService: it is decided here,
    // before the command line's grammar is built or anything else is started.
    let arguments: Vec<_> = std::env::args_os().skip(1).take(6).collect();
    if let [command, algorithm, mode, flag, root] = arguments.as_slice()
        && command == "container"
        && flag == "--root"
    {
        return sagebrush::algorithms::container::main(
            &algorithm.to_string_lossy(),
            &mode.to_string_lossy(),
            Path::new(root),
        );
    }
    shell::main()
}
