//! Memory that one tree leaves to the next: rows, and the histograms of its nodes.

use crate::algorithms::xgboost::bins::Binned;
use crate::algorithms::xgboost::histogram::{Histogram, Sums};
use std::sync::{Mutex, PoisonError};

/// Histograms may hold this many bytes at once; beyond it children are counted, not subtracted.
const HISTOGRAM_BYTES: usize = 512 << 20;

/// The buffers of one tree at a time.
pub struct Workspace {
    pub rows: Vec<u32>,
    pub scratch: Vec<u32>,
    pub pool: Pool,
}

impl Workspace {
    pub fn new(data: &Binned) -> Self {
        Self { rows: Vec::new(), scratch: Vec::new(), pool: Pool::new(data) }
    }

    /// Takes every row of the data.
    pub fn take_all(&mut self, rows: usize) {
        self.rows.clear();
        self.rows.extend(0..u32::try_from(rows).unwrap_or(u32::MAX));
    }

    /// Takes each row with probability `share`, and at least one.
    pub fn sample(&mut self, rows: usize, share: f32, random: &mut fastrand::Rng) {
        self.rows.clear();
        let all = 0..u32::try_from(rows).unwrap_or(u32::MAX);
        self.rows.extend(all.filter(|_| random.f32() < share));
        if self.rows.is_empty() {
            self.take_all(rows.min(1));
        }
    }
}

/// Histograms to be used again, and a bound on how many are kept.
pub struct Pool {
    free: Mutex<(Vec<Histogram>, usize)>,
    most: usize,
}

impl Pool {
    fn new(data: &Binned) -> Self {
        let bytes = data.features() * data.stride * size_of::<Sums>();
        Self { free: Mutex::default(), most: (HISTOGRAM_BYTES / bytes.max(1)).max(4) }
    }

    pub fn take(&self) -> Histogram {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.1 += 1;
        free.0.pop().unwrap_or_default()
    }

    pub fn give_back(&self, histogram: Option<Histogram>) {
        if let Some(histogram) = histogram {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.1 -= 1;
            free.0.push(histogram);
        }
    }

    pub fn may_keep(&self) -> bool {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).1 <= self.most
    }
}
