//! Learning to rank: LambdaMART's gradients, and how good an order is.
//!
//! Formulas, the order of sums and where they are rounded to float follow XGBoost from 2.0 on with its
//! defaults: pairs of the first 32 of each query with all below them, gains of 2 to the power of the
//! label, gradients normalised.

use super::metric::Scored;
use super::objective::{Gradient, Kind, sigmoid};
use crate::algorithms::Failure;
use crate::algorithms::data::Labelled;
use rayon::prelude::*;
use std::ops::Range;

/// How far down a query's order is looked at where no number is named.
const TOP: usize = 32;
/// The greatest label whose gain can be held.
const GREATEST_LABEL: f32 = 31.0;

/// The rows of each query; all rows are one where none names its query.
fn queries(starts: &[usize], rows: usize) -> Vec<Range<usize>> {
    if starts.is_empty() {
        return std::iter::once(0..rows).collect();
    }
    starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Refuses what cannot be ranked, in the library's words.
pub fn check(kind: Kind, set: &Labelled) -> Result<(), Failure> {
    let groups = queries(&set.queries, set.labels.len()).len();
    if !set.weights.is_empty() && set.weights.len() != groups {
        return Err(Failure::client(format!(
            "Size of weight must equal to the number of query groups when ranking group is used. (There are {} \
             weights, one for each row, and {groups} groups. Leave the weights out.)",
            set.weights.len()
        )));
    }
    match kind {
        Kind::RankNdcg => Order::Ndcg.check_labels(&set.labels),
        Kind::RankMap => Order::Map.check_labels(&set.labels),
        _ => Ok(()),
    }
}

/// Where all rows start from: a step from a margin of 0, where every query is in the order of its rows.
pub fn base_score(kind: Kind, set: &Labelled) -> f32 {
    let mut gradients = vec![[0.0; 2]; set.labels.len()];
    self::gradients(kind, set, &vec![0.0; set.labels.len()], &mut gradients);
    let sums = gradients.iter().fold([0.0_f64; 2], |sums, [gradient, hessian]| {
        [sums[0] + f64::from(*gradient), sums[1] + f64::from(*hessian)]
    });
    (-sums[0] / sums[1].max(1e-6)) as f32
}

/// Writes the gradients of all rows, query by query.
pub fn gradients(kind: Kind, set: &Labelled, margins: &[f32], out: &mut [Gradient]) {
    let queries = queries(&set.queries, set.labels.len());
    let total: f64 = set.weights.iter().map(|weight| f64::from(*weight)).sum();
    let scale = if set.weights.is_empty() { 1.0 } else { (queries.len() as f64 / total) as f32 };
    let mut rest = out;
    let mut parts = Vec::with_capacity(queries.len());
    for (number, rows) in queries.into_iter().enumerate() {
        let (part, tail) = std::mem::take(&mut rest).split_at_mut(rows.len());
        rest = tail;
        parts.push((set.weights.get(number).copied().unwrap_or(1.0), rows, part));
    }
    parts.into_par_iter().for_each(|(weight, rows, out)| {
        let query = Query::new(kind, &set.labels[rows.clone()], &margins[rows]);
        query.gradients(out);
        for [gradient, hessian] in out {
            *gradient = *gradient * weight * scale;
            *hessian = *hessian * weight * scale;
        }
    });
}

/// The rows of one query, in the order of their margins.
struct Query<'a> {
    labels: &'a [f32],
    margins: &'a [f32],
    /// The rows, the one with the highest margin first.
    order: Vec<usize>,
    change: Change,
}

/// How much an exchange of two places changes the measure that is trained for.
enum Change {
    /// Every pair counts the same.
    Pairs,
    /// One by the ideal gain, and the discount of each place.
    Ndcg(f64, Vec<f64>),
    /// Relevant rows down to each place, and the sum of their labels by place.
    Map(Vec<f64>, Vec<f64>),
}

impl<'a> Query<'a> {
    fn new(kind: Kind, labels: &'a [f32], margins: &'a [f32]) -> Self {
        let order = order(margins);
        let change = match kind {
            Kind::RankNdcg => {
                let discounts = (0..labels.len()).map(discount).collect();
                Change::Ndcg(inverse(ideal_gain(labels, TOP)), discounts)
            }
            Kind::RankMap => {
                let (mut relevant, mut sums) = (Vec::new(), Vec::new());
                let (mut count, mut sum) = (0.0, 0.0);
                for (place, row) in order.iter().enumerate() {
                    count += f64::from(labels[*row]);
                    sum += f64::from(labels[*row]) / (place + 1) as f64;
                    relevant.push(count);
                    sums.push(sum);
                }
                Change::Map(relevant, sums)
            }
            _ => Change::Pairs,
        };
        Self { labels, margins, order, change }
    }

    fn label(&self, place: usize) -> f32 {
        self.labels[self.order[place]]
    }

    fn gradients(&self, out: &mut [Gradient]) {
        out.fill([0.0; 2]);
        let count = self.order.len();
        let mut sum = 0.0;
        for upper in 0..count.min(TOP) {
            for lower in upper + 1..count {
                // The one with the higher label is to be the higher one.
                let (high, low) = if self.label(upper) > self.label(lower) {
                    (upper, lower)
                } else if self.label(upper) < self.label(lower) {
                    (lower, upper)
                } else {
                    continue;
                };
                let [gradient, hessian] = self.of_pair(high, low);
                let (high, low) = (self.order[high], self.order[low]);
                out[high] = [out[high][0] + gradient, out[high][1] + hessian];
                out[low] = [out[low][0] - gradient, out[low][1] + hessian];
                sum += -2.0 * f64::from(gradient);
            }
        }
        if sum > 0.0 {
            let norm = ((1.0 + sum).log2() / sum) as f32;
            for [gradient, hessian] in out {
                *gradient *= norm;
                *hessian *= norm;
            }
        }
    }

    fn of_pair(&self, high: usize, low: usize) -> Gradient {
        let margin = |place: usize| self.margins[self.order[place]];
        let apart = margin(high) - margin(low);
        let sigmoid = f64::from(sigmoid(apart));
        let mut change = self.change(high, low).abs();
        if margin(0) != margin(self.order.len() - 1) {
            change /= f64::from(apart.abs()) + 0.01;
        }
        let hessian = (sigmoid * (1.0 - sigmoid)).max(1e-16) * change * 2.0;
        [((sigmoid - 1.0) * change) as f32, hessian as f32]
    }

    fn change(&self, high: usize, low: usize) -> f64 {
        match &self.change {
            Change::Pairs => 1.0,
            Change::Ndcg(inverse, discounts) => {
                let (high_gain, low_gain) = (gain(self.label(high)), gain(self.label(low)));
                let now = high_gain * discounts[high] + low_gain * discounts[low];
                let then = low_gain * discounts[high] + high_gain * discounts[low];
                (now - then) * inverse
            }
            Change::Map(relevant, sums) => {
                let (upper, lower) = (high.min(low), high.max(low));
                let total = relevant.last().copied().unwrap_or(1.0);
                let of_upper = |more: f64| (relevant[upper] + more) / (upper + 1) as f64;
                let of_lower = relevant[lower] / (lower + 1) as f64;
                let between = sums[lower - 1] - sums[upper];
                if self.label(upper) < self.label(lower) {
                    (of_lower - of_upper(1.0) - between) / total
                } else {
                    (of_upper(0.0) - of_lower + between) / total
                }
            }
        }
    }
}

/// The places of the values, the greatest first, equal ones in their order.
fn order(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}

fn gain(label: f32) -> f64 {
    f64::from((1_u32 << (label as u32).min(GREATEST_LABEL as u32)) - 1)
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

fn inverse(gain: f64) -> f64 {
    if gain == 0.0 { 0.0 } else { 1.0 / gain }
}

/// The gain of the best order.
fn ideal_gain(labels: &[f32], top: usize) -> f64 {
    let best = order(labels).into_iter().take(top).enumerate();
    best.fold(0.0, |sum, (place, row)| sum + discount(place) * gain(labels[row]))
}

/// What an order of rows is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The discounted gain, of the best one.
    Ndcg,
    /// The mean precision at the places of relevant rows.
    Map,
}

/// A measure of the first rows of each query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranking {
    pub order: Order,
    top: usize,
}

impl Ranking {
    /// `ndcg`, `map`, and each with `@` and how many rows are looked at.
    pub fn named(name: &str) -> Option<Self> {
        let (base, top) = match name.split_once('@') {
            Some((base, top)) => (base, top.trim().split('.').next()?.parse().ok()?),
            None => (name, TOP),
        };
        let order = match base {
            "ndcg" => Order::Ndcg,
            "map" => Order::Map,
            _ => return None,
        };
        (top > 0).then_some(Self { order, top })
    }

    /// The weighted mean over the queries. Queries are summed in their order, whatever the threads.
    pub fn evaluate(self, scored: &Scored<'_>) -> f64 {
        let queries = queries(scored.queries, scored.labels.len());
        let values: Vec<f64> = queries
            .par_iter()
            .map(|rows| self.of_query(&scored.labels[rows.clone()], &scored.margins[rows.clone()]))
            .collect();
        let weight = |query: usize| f64::from(scored.weights.get(query).copied().unwrap_or(1.0));
        let sum: f64 = values.iter().enumerate().map(|(query, value)| value * weight(query)).sum();
        let total: f64 = (0..queries.len()).map(weight).sum();
        (sum / total).min(1.0)
    }

    fn of_query(self, labels: &[f32], margins: &[f32]) -> f64 {
        let order = order(margins);
        match self.order {
            Order::Ndcg => {
                let inverse = inverse(ideal_gain(labels, self.top));
                if inverse <= 0.0 {
                    return 1.0;
                }
                let seen = order.into_iter().take(self.top).enumerate();
                seen.fold(0.0, |sum, (place, row)| {
                    sum + discount(place) * gain(labels[row]) * inverse
                })
            }
            Order::Map => {
                let (mut hits, mut sum) = (0.0, 0.0);
                for (place, row) in order.into_iter().enumerate() {
                    let label = f64::from(labels[row]);
                    hits += label;
                    if place < self.top {
                        sum += hits / (place + 1) as f64 * label;
                    }
                }
                if hits > 0.0 { sum / hits.min(self.top as f64) } else { 1.0 }
            }
        }
    }

    /// The mean of a measure over those queries where it is a number.
    pub fn mean_of_queries(scored: &Scored<'_>, of: fn(&Scored<'_>) -> f64) -> f64 {
        let values: Vec<f64> = queries(scored.queries, scored.labels.len())
            .into_par_iter()
            .map(|rows| {
                of(&Scored {
                    margins: &scored.margins[rows.clone()],
                    labels: &scored.labels[rows],
                    weights: &[],
                    queries: &[],
                    ..*scored
                })
            })
            .filter(|value| !value.is_nan())
            .collect();
        if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
    }

    /// The mean area under the curve of the queries, which the library takes of all pairs of rows.
    pub fn auc(scored: &Scored<'_>) -> f64 {
        Self::mean_of_queries(scored, pairwise_auc)
    }
}

/// How many pairs are in the order of their labels; no number where there is one pair at most.
fn pairwise_auc(scored: &Scored<'_>) -> f64 {
    let order = order(scored.labels);
    if order.len() < 3 {
        return f64::NAN;
    }
    let of_pair = |a: usize, b: usize| match scored.margins[a].total_cmp(&scored.margins[b]) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let pairs = (0..order.len()).flat_map(|i| (i + 1..order.len()).map(move |j| (i, j)));
    let right: f64 = pairs.map(|(i, j)| of_pair(order[i], order[j])).sum();
    right / (order.len() * (order.len() - 1) / 2) as f64
}

impl Order {
    /// Refuses labels that it cannot weigh.
    pub fn check_labels(self, labels: &[f32]) -> Result<(), Failure> {
        let (fits, text): (fn(f32) -> bool, _) = match self {
            Self::Ndcg if labels.iter().any(|label| *label > GREATEST_LABEL) => (
                |label| label <= GREATEST_LABEL,
                "Relevance degress must be lesser than or equal to 31 when the exponential NDCG gain function is \
                 used.",
            ),
            Self::Ndcg => (
                |label| label >= 0.0 && label.fract() == 0.0,
                "When using relevance degree as target, label must be either 0 or positive integer.",
            ),
            Self::Map => {
                (|label| label == 0.0 || label == 1.0, "map can only be used with binary labels.")
            }
        };
        match labels.iter().find(|label| !fits(**label)) {
            None => Ok(()),
            Some(label) => Err(Failure::client(format!("{text} (a row has the label {label})"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::objective::Objective;
    use super::*;
    use crate::algorithms::Matrix;
    use proptest::prelude::*;

    fn set(labels: Vec<f32>, queries: Vec<usize>) -> Labelled {
        let features = Matrix::new(1, vec![0.0; labels.len()]).unwrap();
        Labelled { features, labels, queries, weights: Vec::new() }
    }

    fn measured(name: &str, set: &Labelled, margins: &[f32]) -> f64 {
        let objective = Objective::new(Kind::RankNdcg);
        let scored = Scored {
            objective: &objective,
            margins,
            labels: &set.labels,
            weights: &set.weights,
            queries: &set.queries,
        };
        Ranking::named(name).unwrap().evaluate(&scored)
    }

    #[test]
    fn measures_are_those_worked_out_by_hand() {
        let set = set(vec![0.0, 1.0, 1.0, 0.0, 0.0], vec![0, 3, 5]);
        // The first query is in the order 0, 1, 1; the second has nothing relevant, which counts as right.
        let margins = [3.0, 2.0, 1.0, 0.0, 0.0];
        let ideal = 1.0 + 1.0 / 3.0_f64.log2();
        let first = (1.0 / 3.0_f64.log2() + 0.5) / ideal;
        assert!((measured("ndcg", &set, &margins) - f64::midpoint(first, 1.0)).abs() < 1e-12);
        let first = (0.5 + 2.0 / 3.0) / 2.0;
        assert!((measured("map", &set, &margins) - f64::midpoint(first, 1.0)).abs() < 1e-12);
        assert_eq!(measured("map@1", &set, &margins), 0.5);
        assert_eq!(measured("ndcg@1", &set, &margins), 0.5);
    }

    #[test]
    fn names_are_those_of_the_library() {
        assert_eq!(Ranking::named("ndcg@5").unwrap().top, 5);
        assert_eq!(Ranking::named("map").unwrap().top, 32);
        assert_eq!(Ranking::named("ndcg@0"), None);
        assert_eq!(Ranking::named("ndcg@x"), None);
        assert_eq!(Ranking::named("error@5"), None);
    }

    #[test]
    fn labels_and_weights_that_cannot_be_ranked_are_refused() {
        let refused = |kind, labels: Vec<f32>, weights| {
            let set = Labelled { weights, ..set(labels, vec![0, 2]) };
            check(kind, &set).unwrap_err().to_string()
        };
        assert!(refused(Kind::RankMap, vec![0.0, 2.0], vec![]).contains("binary labels"));
        assert!(refused(Kind::RankNdcg, vec![0.5, 2.0], vec![]).contains("positive integer"));
        assert!(refused(Kind::RankNdcg, vec![0.0, 40.0], vec![]).contains("lesser than or equal"));
        assert!(refused(Kind::RankPairwise, vec![0.0, 1.0], vec![1.0; 2]).contains("query groups"));
        check(Kind::RankPairwise, &set(vec![0.5, 7.0], vec![])).unwrap();
    }

    proptest! {
        #[test]
        fn pairs_pull_apart_and_no_query_pulls_on_another(
            labels in prop::collection::vec(0_u8..4, 2..50),
            margins in prop::collection::vec(-2.0_f32..2.0, 50),
            split in 1_usize..49,
        ) {
            let rows = labels.len();
            let binary = labels.iter().map(|label| f32::from(*label % 2)).collect::<Vec<_>>();
            let graded = labels.iter().map(|label| f32::from(*label)).collect::<Vec<_>>();
            for (kind, labels) in
                [(Kind::RankPairwise, &graded), (Kind::RankNdcg, &graded), (Kind::RankMap, &binary)]
            {
                let split = split.min(rows - 1);
                let set = set(labels.clone(), vec![0, split, rows]);
                let mut out = vec![[0.0; 2]; rows];
                gradients(kind, &set, &margins[..rows], &mut out);
                for query in [0..split, split..rows] {
                    let sum: f32 = out[query.clone()].iter().map(|gradient| gradient[0]).sum();
                    prop_assert!(sum.abs() < 1e-4, "{kind:?} {sum}");
                    let best = query.clone().max_by(|a, b| labels[*a].total_cmp(&labels[*b])).unwrap();
                    prop_assert!(out[best][0] <= 0.0, "the best row is to rise");
                }
                prop_assert!(out.iter().all(|gradient| gradient[1] >= 0.0));
            }
        }
    }
}
