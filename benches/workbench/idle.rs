//! What the workbench takes of a core when nothing happens.

use super::server::Server;
use super::start::workspace;
use super::terminal::{Screen, used};
use std::time::Duration;

const TIME: Duration = Duration::from_secs(10);

pub fn run() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (home, folder) = workspace(scratch.path(), 10_000);
    let server = Server::start(&folder);
    println!(
        "idle for 10 s, attached to a region of 10,000 resources (aim: 1 % or less of a core):"
    );
    for screen in ["overview", "models", "endpoints", "settings"] {
        let mut terminal = Screen::open(&home, &folder, &["--screen", screen], (200, 60));
        terminal.until("frame", |text| text.contains("SIMULATED us-east-1"));
        terminal.listen(Duration::from_secs(2));
        let process = terminal.child.process_id().expect("it runs");
        let (before, region) = (used(process), used(server.process()));
        terminal.listen(TIME);
        let share = |used: f64| used / TIME.as_secs_f64() * 100.0;
        let (own, region) = (used(process) - before, used(server.process()) - region);
        println!(
            "  {screen:<10} {:.1} %   the region meanwhile {:.1} %",
            share(own),
            share(region)
        );
        terminal.leave();
    }
}
