//! Whose turn it is: jobs past the machine's CPU and memory wait, first come, first served.
//!
//! Nobody overtakes: a small job behind a large one waits with it, so that a large one is never
//! starved. A job that asks for more than the whole machine has runs alone, on all of it.

use std::collections::{HashMap, VecDeque};

/// CPU and memory, of a machine or of a job's instances together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resources {
    pub vcpus: f64,
    pub memory_mib: u64,
}

impl Resources {
    pub fn new(vcpus: f64, memory_mib: u64) -> Self {
        Self { vcpus, memory_mib }
    }

    /// `count` times as much.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self {
            vcpus: self.vcpus * f64::from(count),
            memory_mib: self.memory_mib.saturating_mul(u64::from(count)),
        }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            vcpus: self.vcpus + other.vcpus,
            memory_mib: self.memory_mib.saturating_add(other.memory_mib),
        }
    }

    fn at_most(self, cap: Self) -> Self {
        Self { vcpus: self.vcpus.min(cap.vcpus), memory_mib: self.memory_mib.min(cap.memory_mib) }
    }

    fn fits(self, cap: Self) -> bool {
        // Sums of instance sizes are exact in binary; the slack forgives a scaled size.
        self.vcpus <= cap.vcpus + 1e-9 && self.memory_mib <= cap.memory_mib
    }
}

/// The queue at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Turns {
    pub capacity: Resources,
    /// By jobs that run, as they asked for it.
    pub taken: Resources,
    pub running: usize,
    pub waiting: usize,
}

/// What this machine has.
pub fn machine() -> Resources {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Resources::new(cores as f64, memory_mib().unwrap_or(4096))
}

fn memory_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// The queue before the machine. Pure: it says who may start, the caller starts them.
#[derive(Debug)]
pub struct Admission {
    capacity: Resources,
    running: HashMap<String, Resources>,
    waiting: VecDeque<(String, Resources)>,
}

impl Admission {
    pub fn new(capacity: Resources) -> Self {
        Self { capacity, running: HashMap::new(), waiting: VecDeque::new() }
    }

    /// Queues `id`; true when it may start at once. Asking again changes nothing.
    pub fn request(&mut self, id: &str, demand: Resources) -> bool {
        if self.running.contains_key(id) {
            return true;
        }
        if !self.waiting.iter().any(|(waiting, _)| waiting == id) {
            self.waiting.push_back((id.to_owned(), demand.at_most(self.capacity)));
        }
        self.admit().iter().any(|admitted| admitted == id)
    }

    /// `id` has ended or no longer wants to start. Returns those whose turn it is now, in order.
    pub fn release(&mut self, id: &str) -> Vec<String> {
        self.running.remove(id);
        self.waiting.retain(|(waiting, _)| waiting != id);
        self.admit()
    }

    pub fn is_running(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// What is taken and who waits.
    pub fn turns(&self) -> Turns {
        Turns {
            capacity: self.capacity,
            taken: self.used(),
            running: self.running.len(),
            waiting: self.waiting.len(),
        }
    }

    fn used(&self) -> Resources {
        self.running.values().fold(Resources::default(), |sum, demand| sum.plus(*demand))
    }

    fn admit(&mut self) -> Vec<String> {
        let mut admitted = Vec::new();
        while let Some((_, demand)) = self.waiting.front() {
            if !self.used().plus(*demand).fits(self.capacity) {
                break;
            }
            if let Some((id, demand)) = self.waiting.pop_front() {
                self.running.insert(id.clone(), demand);
                admitted.push(id);
            }
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_come_first_served() {
        let mut admission = Admission::new(Resources::new(4.0, 16_384));
        let large = Resources::new(2.0, 8_192);
        assert!(admission.request("a", large));
        assert!(admission.request("b", large));
        assert!(!admission.request("c", large.times(2)));
        assert!(!admission.request("d", Resources::new(0.5, 1)), "nobody overtakes");
        assert!(admission.release("a").is_empty());
        assert_eq!(admission.release("b"), ["c"]);
        assert_eq!(admission.release("c"), ["d"]);
    }

    #[test]
    fn what_is_larger_than_the_machine_runs_alone() {
        let mut admission = Admission::new(Resources::new(2.0, 4_096));
        assert!(admission.request("huge", Resources::new(96.0, 400_000)));
        assert!(!admission.request("small", Resources::new(0.1, 1)));
        assert_eq!(admission.release("huge"), ["small"]);
    }

    #[test]
    fn who_gives_up_waiting_makes_room_behind() {
        let mut admission = Admission::new(Resources::new(2.0, 4_096));
        assert!(admission.request("a", Resources::new(1.0, 1)));
        assert!(!admission.request("b", Resources::new(2.0, 1)));
        assert!(!admission.request("c", Resources::new(1.0, 1)));
        assert_eq!(admission.release("b"), ["c"]);
    }

    proptest! {
        /// The machine is never overbooked, turns come in the order of asking, and everybody
        /// gets one in the end.
        #[test]
        fn everyone_gets_a_turn(
            demands in prop::collection::vec((1_u32..40, 1_u64..40_000), 1..40),
            ends in prop::collection::vec(0_usize..40, 0..120),
        ) {
            let capacity = Resources::new(8.0, 16_384);
            let mut admission = Admission::new(capacity);
            let mut started = Vec::new();
            for (index, (quarters, memory)) in demands.iter().enumerate() {
                let demand = Resources::new(f64::from(*quarters) / 4.0, *memory);
                if admission.request(&index.to_string(), demand) {
                    started.push(index);
                }
                prop_assert!(admission.used().fits(capacity));
            }
            let ended = ends.into_iter().chain(0..demands.len());
            for index in ended {
                if admission.is_running(&index.to_string()) {
                    started.extend(
                        admission.release(&index.to_string()).iter().map(|id| id.parse::<usize>().unwrap()),
                    );
                }
                prop_assert!(admission.used().fits(capacity));
            }
            for index in 0..demands.len() {
                started.extend(
                    admission.release(&index.to_string()).iter().map(|id| id.parse::<usize>().unwrap()),
                );
            }
            let expected: Vec<usize> = (0..demands.len()).collect();
            prop_assert_eq!(started, expected);
        }
    }
}
