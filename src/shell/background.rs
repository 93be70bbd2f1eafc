//! A region that a verb or the workbench started for itself steps back behind whoever looks at it.

/// How far: on two cores that an outside load keeps busy, a key of the workbench then shows in a few
/// milliseconds instead of in thirty, and as many requests are answered as before, since those who
/// wait for answers make room for those who give them (`cargo bench --bench workbench -- keys`).
#[cfg(unix)]
const NICE: i32 = 10;

/// Leaves the session of the starter, so that no key and no hang-up of its terminal ends the region,
/// and takes the lower priority. To be called before any thread is started: they inherit it.
#[cfg(unix)]
pub fn step_back() {
    rustix::process::nice(NICE).ok();
    // One that leads a group already, as a shell's job does, stays where it is, with its starter's
    // share of the cores.
    if rustix::process::setsid().is_err() {
        return;
    }
    // Linux shares the cores out among sessions first, where it groups by them (sched(7)): within
    // its group alone, no niceness would tell.
    #[cfg(target_os = "linux")]
    std::fs::write("/proc/self/autogroup", NICE.to_string()).ok();
}

#[cfg(not(unix))]
pub fn step_back() {}
