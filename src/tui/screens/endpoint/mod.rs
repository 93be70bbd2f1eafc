//! Endpoints: the list, and the cockpit of one.

mod cockpit;
mod fleet;
mod invoke;
mod latency;
mod list;
mod load;
mod panes;
mod summary;
#[cfg(test)]
mod tests;
mod variant;
mod verdict;
mod weights;

pub use cockpit::Cockpit;
pub use list::LIST;

use crate::tui::keymap::Binding;

/// The keys of the cockpit. `h j k l` move, from pane to pane and within; the arrows left and right
/// move the selected variant's share, which is a preview until it is applied.
pub static KEYS: &[Binding] = &[
    Binding::new("up", &["k", "up"], "Up: the variant, instance or request before"),
    Binding::new("down", &["j", "down"], "Down: the variant, instance or request after"),
    Binding::new("left", &["left"], "Less traffic for the variant, in steps of 5 % (a preview)")
        .hint("less"),
    Binding::new("right", &["right"], "More traffic for the variant (a preview)").hint("more"),
    Binding::new("fine-left", &["shift-left", "<"], "Less traffic, in steps of 1 %"),
    Binding::new("fine-right", &["shift-right", ">"], "More traffic, in steps of 1 %"),
    Binding::new("even", &["="], "The same share for all (a preview)"),
    Binding::new("apply", &["a"], "Ask for the split that is previewed").hint("apply").changes(),
    Binding::new("undo", &["u"], "Forget the preview"),
    Binding::new("next-pane", &["tab", "l"], "To the next pane").hint("pane"),
    Binding::new("previous-pane", &["shift-tab", "h"], "To the pane before"),
    Binding::new("invoke", &["i"], "Write a payload and send it").hint("invoke").changes(),
    Binding::new("traffic", &["t"], "Send labelled rows all the time; again to end it")
        .hint("traffic")
        .changes(),
    Binding::new("picture", &["p"], "Latencies as histogram, as percentiles, over time")
        .hint("picture"),
    Binding::new("histogram", &["H"], "Latencies as histograms, laid over each other"),
    Binding::new("percentiles", &["P"], "Latencies by percentile"),
    Binding::new("over-time", &["O"], "Percentiles over the last five minutes"),
    Binding::new("scale", &["o"], "Latencies on a logarithmic or linear scale"),
    Binding::new("alone", &["v"], "Only the selected variant's latencies, or all"),
    Binding::new("logs", &["L"], "The logs of its instances").hint("logs"),
    Binding::new("stop-instance", &["x"], "Stop the selected instance in order; asks first")
        .changes(),
    Binding::new("kill-instance", &["X"], "Kill the selected instance, as a crash; asks first")
        .changes(),
];
