//! Parses the command line, calls the library, sets the exit code.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

mod shell;

use std::path::Path;
use std::process::ExitCode;

/// It gives pages back to the system soon after they are freed, whatever lies between them: after
/// thousands of half read heads the system's own allocator kept most of what they had taken.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // A container's start is the largest part of an endpoint's way to InService: it is decided here,
    // before the command line's grammar is built or anything else is started.
    let arguments: Vec<_> = std::env::args_os().skip(1).take(8).collect();
    if let [command, algorithm, mode, flag, root, release @ ..] = arguments.as_slice()
        && command == "container"
        && flag == "--root"
        && (release.is_empty() || (release.len() == 2 && release[0] == "--release"))
    {
        let release = release.last().map(|image| image.to_string_lossy());
        return sagebrush::algorithms::container::main(
            &algorithm.to_string_lossy(),
            &mode.to_string_lossy(),
            Path::new(root),
            release.as_deref().unwrap_or_default(),
        );
    }
    shell::main()
}
