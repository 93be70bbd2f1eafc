//! The measures that training jobs report, from labels and predictions.

/// What a binary classifier got right and wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    pub true_positives: usize,
    pub false_positives: usize,
    pub true_negatives: usize,
    pub false_negatives: usize,
}

impl Confusion {
    /// Counts pairs of (label, prediction).
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for pair in pairs {
            match pair {
                (true, true) => counts.true_positives += 1,
                (false, true) => counts.false_positives += 1,
                (false, false) => counts.true_negatives += 1,
                (true, false) => counts.false_negatives += 1,
            }
        }
        counts
    }

    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }

    /// 0 when nothing was predicted positive.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// 0 when nothing is positive.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    pub fn f_beta(&self, beta: f64) -> f64 {
        f_beta(self.precision(), self.recall(), beta)
    }
}

/// The weighted harmonic mean of precision and recall; 0 when both are.
pub fn f_beta(precision: f64, recall: f64, beta: f64) -> f64 {
    let square = beta * beta;
    let below = square * precision + recall;
    if below > 0.0 { (1.0 + square) * precision * recall / below } else { 0.0 }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The probability that a positive row scores higher than a negative one, ties counting half; `None`
/// unless both kinds are there.
pub fn roc_auc(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = order.iter().filter(|row| positive[**row]).count();
    let negatives = order.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    // Sum of the positives' ranks, each tie taking the mean of its ranks.
    let mut ranks = 0.0;
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..]
            .iter()
            .take_while(|row| scores[**row] == scores[order[start]])
            .count()
            .max(1);
        let mean = start as f64 + (tied as f64 + 1.0) / 2.0;
        ranks +=
            mean * order[start..start + tied].iter().filter(|row| positive[**row]).count() as f64;
        start += tied;
    }
    let least = positives as f64 * (positives as f64 + 1.0) / 2.0;
    Some((ranks - least) / (positives as f64 * negatives as f64))
}

/// Precision and recall of each class, for macro averages over the classes that occur.
#[derive(Clone, Debug, PartialEq)]
pub struct PerClass {
    /// Rows of the class, rows predicted as the class, rows that are both; one entry a class.
    counts: Vec<[usize; 3]>,
}

impl PerClass {
    /// Counts pairs of (label, prediction); both are below `classes`.
    pub fn of(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![[0; 3]; classes];
        for (label, prediction) in pairs {
            if let Some(class) = counts.get_mut(label) {
                class[0] += 1;
                class[2] += usize::from(label == prediction);
            }
            if let Some(class) = counts.get_mut(prediction) {
                class[1] += 1;
            }
        }
        Self { counts }
    }

    pub fn accuracy(&self) -> f64 {
        let sum = |of: usize| self.counts.iter().map(|class| class[of]).sum();
        ratio(sum(2), sum(0))
    }

    pub fn macro_precision(&self) -> f64 {
        self.mean(|class| ratio(class[2], class[1]))
    }

    pub fn macro_recall(&self) -> f64 {
        self.mean(|class| ratio(class[2], class[0]))
    }

    pub fn macro_f_beta(&self, beta: f64) -> f64 {
        self.mean(|class| f_beta(ratio(class[2], class[1]), ratio(class[2], class[0]), beta))
    }

    fn mean(&self, of: impl Fn(&[usize; 3]) -> f64) -> f64 {
        let there = self.counts.iter().filter(|class| class[0] > 0);
        let (sum, count) = there.fold((0.0, 0), |(sum, count), class| (sum + of(class), count + 1));
        if count == 0 { 0.0 } else { sum / f64::from(count) }
    }
}

/// How many classes score higher than the label's, ties counting against it: 0 is a hit.
pub fn rank(scores: &[f32], label: usize) -> usize {
    let own = scores.get(label).copied().unwrap_or(f32::NEG_INFINITY);
    scores.iter().enumerate().filter(|(class, score)| *class != label && **score >= own).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_ties_half() {
        let positive = [false, false, true, true];
        assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &positive), Some(0.75));
        assert_eq!(roc_auc(&[0.5; 4], &positive), Some(0.5));
        assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(roc_auc(&[f32::NAN, 0.2], &[true, false]), Some(1.0));
    }

    #[test]
    fn binary_measures_are_the_textbooks() {
        let pairs = [(true, true), (true, false), (false, true), (false, false), (true, true)];
        let counts = Confusion::of(pairs);
        assert_eq!(counts.accuracy(), 0.6);
        assert_eq!((counts.precision(), counts.recall()), (2.0 / 3.0, 2.0 / 3.0));
        assert!((counts.f_beta(1.0) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Confusion::default().f_beta(1.0), 0.0);
    }

    #[test]
    fn macro_measures_average_the_classes_that_occur() {
        let counts = PerClass::of(4, [(0, 0), (0, 1), (1, 1), (2, 2)]);
        assert_eq!(counts.accuracy(), 0.75);
        assert!((counts.macro_recall() - (0.5 + 1.0 + 1.0) / 3.0).abs() < 1e-12);
        assert!((counts.macro_precision() - (1.0 + 0.5 + 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(rank(&[0.2, 0.5, 0.3], 2), 1);
    }
}
