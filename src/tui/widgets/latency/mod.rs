//! Latencies of an endpoint's variants, three ways: as histograms laid over each other, as a spectrum
//! of percentiles, and over time.

mod histograms;
mod over_time;
mod spectrum;
#[cfg(test)]
mod tests;

pub use histograms::Histograms;
pub use over_time::{OverTime, Recent};
pub use spectrum::Spectrum;

use super::legend::Entry;
use crate::domain::distribution::Distribution;
use crate::tui::format::micros;

/// One variant's latencies, in microseconds. Its place in the list is its colour and mark.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    pub name: &'a str,
    pub latency: &'a Distribution,
    /// Whether it is drawn; its colour and mark stay the same when others are not.
    pub shown: bool,
}

/// The shown ones with anything in them, with their places.
fn shown<'a>(
    variants: &'a [Variant<'a>],
) -> impl Iterator<Item = (usize, &'a Variant<'a>)> + Clone {
    variants.iter().enumerate().filter(|(_, variant)| variant.shown && !variant.latency.is_empty())
}

fn entries<'a>(variants: &'a [Variant<'a>]) -> Vec<Entry<'a>> {
    let quantile = |variant: &Variant<'_>, name: &str, quantile: f64| {
        let value = variant.latency.quantile(quantile);
        value.map(|value| format!("{name} {}", micros(value as f64)))
    };
    let entry = |(series, variant): (usize, &'a Variant<'a>)| {
        let details = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
        let details = details.iter().filter_map(|(name, part)| quantile(variant, name, *part));
        Entry { series, name: variant.name, details: details.collect() }
    };
    variants.iter().enumerate().filter(|(_, variant)| variant.shown).map(entry).collect()
}
