//! One of the models trained in parallel: its weights, its optimizer's memory, its best epoch.

use super::loss::softmax;
use super::settings::{Optimizer, Recipe, Start, Task};

/// Rows as training sees them: scaled features, targets, and each row's weight in the loss.
pub struct Rows {
    pub columns: usize,
    pub features: Vec<f32>,
    /// Scaled labels; the class's number for a classifier.
    pub targets: Vec<f32>,
    /// Labels as they came.
    pub labels: Vec<f32>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.features[index * self.columns..(index + 1) * self.columns]
    }
}

/// What rows count in the loss.
#[derive(Clone, Debug, PartialEq)]
pub enum Weighting {
    Equal,
    /// By class number.
    Classes(Vec<f32>),
}

pub struct Candidate {
    pub recipe: Recipe,
    /// Output after output, then one bias for each.
    pub weights: Vec<f32>,
    pub best: Option<Best>,
    /// Mean loss over the epoch's batches, as they were seen.
    pub epoch_loss: f64,
    task: Task,
    columns: usize,
    gradient: Vec<f32>,
    /// First and second moments (momentum's velocity is the first).
    moments: [Vec<f32>; 2],
    scores: Vec<f32>,
    steps: u64,
    learning_rate: f32,
}

/// The weights after the best epoch.
#[derive(Clone)]
pub struct Best {
    pub rank: Rank,
    pub weights: Vec<f32>,
    pub epoch: usize,
}

/// What decides between models and epochs: the criterion, and the loss where that ties. Smaller is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    pub criterion: f64,
    pub loss: f64,
}

impl Rank {
    pub fn is_better_than(&self, other: &Self) -> bool {
        let (one, two) = ((self.criterion, self.loss), (other.criterion, other.loss));
        one.0.total_cmp(&two.0).then(one.1.total_cmp(&two.1)).is_lt()
    }
}

impl Candidate {
    pub fn new(recipe: Recipe, task: Task, columns: usize, start: Start, init_bias: f32) -> Self {
        let count = task.outputs * columns;
        let mut random = fastrand::Rng::with_seed(recipe.seed);
        let mut weights: Vec<f32> = (0..count)
            .map(|_| match start {
                Start::Uniform(scale) => scale * (2.0 * random.f32() - 1.0),
                Start::Normal(sigma) => sigma * normal(&mut random),
            })
            .collect();
        weights.resize(count + task.outputs, if task.use_bias { init_bias } else { 0.0 });
        let zeros = vec![0.0; weights.len()];
        Self {
            recipe,
            best: None,
            epoch_loss: 0.0,
            task,
            columns,
            gradient: zeros.clone(),
            moments: [zeros.clone(), zeros],
            scores: vec![0.0; task.outputs],
            steps: 0,
            learning_rate: recipe.learning_rate,
            weights,
        }
    }

    /// Whether training it further makes sense: a model that ran away does not come back.
    pub fn is_sound(&self) -> bool {
        self.epoch_loss.is_finite() && self.weights.iter().all(|weight| weight.is_finite())
    }

    /// What weights cost by `wd` and `l1`: training makes the sum of this and the loss small.
    pub fn penalty(&self, weights: &[f32]) -> f64 {
        let (features, biases) = weights.split_at(self.task.outputs * self.columns);
        let squares = |of: &[f32]| of.iter().map(|weight| f64::from(weight * weight)).sum::<f64>();
        let Recipe { l1, wd, bias_wd_mult, .. } = self.recipe;
        let sizes: f64 = features.iter().map(|weight| f64::from(weight.abs())).sum();
        0.5 * f64::from(wd) * (squares(features) + f64::from(bias_wd_mult) * squares(biases))
            + f64::from(l1) * sizes
    }

    /// One step on the rows of a batch; returns the batch's mean loss.
    pub fn step(&mut self, features: &[f32], targets: &[f32], weighting: &Weighting) -> f64 {
        self.gradient.fill(0.0);
        let share = 1.0 / targets.len() as f32;
        let mut loss = 0.0;
        for (row, target) in features.chunks_exact(self.columns).zip(targets) {
            let weight = self.row_weight(*target, weighting);
            score(&self.weights, row, &mut self.scores);
            loss += f64::from(weight * derive(self.task, &mut self.scores, *target));
            let biases = self.task.outputs * self.columns;
            for (output, derivative) in self.scores.iter().enumerate() {
                let slope = derivative * weight * share;
                if slope != 0.0 {
                    let place = output * self.columns;
                    add_scaled(&mut self.gradient[place..place + self.columns], slope, row);
                    self.gradient[biases + output] += slope;
                }
            }
        }
        self.update();
        loss / targets.len() as f64
    }

    fn row_weight(&self, target: f32, weighting: &Weighting) -> f32 {
        match weighting {
            Weighting::Classes(weights) => weights.get(target as usize).copied().unwrap_or(1.0),
            Weighting::Equal if target == 1.0 => self.recipe.positive_weight,
            Weighting::Equal => 1.0,
        }
    }

    fn update(&mut self) {
        self.steps += 1;
        if let Some(scheduler) = self.recipe.scheduler
            && self.steps.is_multiple_of(scheduler.step.max(1))
        {
            let floor = scheduler.minimum.min(self.learning_rate);
            self.learning_rate = (self.learning_rate * scheduler.factor).max(floor);
        }
        let biases = self.task.outputs * self.columns;
        let Recipe { l1, wd, bias_lr_mult, bias_wd_mult, .. } = self.recipe;
        self.apply(0..biases, self.learning_rate, wd, l1);
        if self.task.use_bias {
            let end = self.weights.len();
            self.apply(biases..end, self.learning_rate * bias_lr_mult, wd * bias_wd_mult, 0.0);
        }
    }

    fn apply(&mut self, range: std::ops::Range<usize>, rate: f32, wd: f32, l1: f32) {
        let Recipe { optimizer, momentum, beta_1, beta_2, .. } = self.recipe;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let rate = match optimizer {
            Optimizer::Adam => {
                rate * (1.0 - beta_2.powi(steps)).sqrt() / (1.0 - beta_1.powi(steps))
            }
            _ => rate,
        };
        let [first, second] = &mut self.moments;
        let moments = first[range.clone()].iter_mut().zip(&mut second[range.clone()]);
        let weights = self.weights[range.clone()].iter_mut().zip(&self.gradient[range]);
        for ((weight, gradient), (first, second)) in weights.zip(moments) {
            let old = *weight;
            let gradient = lasso(old, gradient + wd * old, l1);
            match optimizer {
                Optimizer::Sgd => {
                    *first = momentum * *first - rate * gradient;
                    *weight += *first;
                }
                Optimizer::Adam => {
                    *first = beta_1 * *first + (1.0 - beta_1) * gradient;
                    *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
                    *weight -= rate * *first / (second.sqrt() + 1e-8);
                }
                Optimizer::Rmsprop => {
                    *second = 0.9 * *second + 0.1 * gradient * gradient;
                    *weight -= rate * gradient / (second.sqrt() + 1e-8);
                }
            }
            // The penalty's kink holds what would cross it, speed and all.
            if l1 > 0.0 && old * *weight < 0.0 {
                *weight = 0.0;
                *first = 0.0;
            }
        }
    }
}

/// The slope with the L1 penalty's added; at 0 it is the one of the steepest descent.
fn lasso(weight: f32, slope: f32, l1: f32) -> f32 {
    if l1 == 0.0 {
        slope
    } else if weight == 0.0 {
        slope.signum() * (slope.abs() - l1).max(0.0)
    } else {
        slope + l1 * weight.signum()
    }
}

/// A row's scores: one for each output.
#[inline]
pub fn score(weights: &[f32], row: &[f32], scores: &mut [f32]) {
    let biases = scores.len() * row.len();
    for (output, score) in scores.iter_mut().enumerate() {
        let place = output * row.len();
        *score = dot(&weights[place..place + row.len()], row) + weights[biases + output];
    }
}

/// The row's loss; its scores become the derivatives.
#[inline]
pub fn derive(task: Task, scores: &mut [f32], target: f32) -> f32 {
    if task.outputs > 1 {
        return softmax(scores, target as usize);
    }
    let (loss, derivative) = task.loss.of(scores[0], target);
    scores[0] = derivative;
    loss
}

/// Eight sums side by side, which the compiler turns into vector instructions.
#[inline]
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let (ones, rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in ones.iter().zip(others) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let tail: f32 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}

#[inline]
fn add_scaled(sums: &mut [f32], factor: f32, values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// Box and Muller's way to a normal deviate.
fn normal(random: &mut fastrand::Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.f32()).ln()).sqrt();
    radius * (std::f32::consts::TAU * random.f32()).cos()
}

#[cfg(test)]
mod tests {
    use super::super::loss::Loss;
    use super::super::settings::PredictorType;
    use super::*;
    use rstest::rstest;

    fn recipe(optimizer: Optimizer) -> Recipe {
        Recipe {
            optimizer,
            learning_rate: 0.02,
            l1: 0.0,
            wd: 0.0,
            bias_lr_mult: 1.0,
            bias_wd_mult: 0.0,
            momentum: 0.9,
            beta_1: 0.9,
            beta_2: 0.999,
            scheduler: Some(super::super::settings::Scheduler {
                step: 20,
                factor: 0.95,
                minimum: 1e-5,
            }),
            positive_weight: 1.0,
            seed: 1,
        }
    }

    const TASK: Task =
        Task { kind: PredictorType::Regressor, loss: Loss::Squared, outputs: 1, use_bias: true };

    /// y = 2 a - b + 0.5, and a column of noise that has nothing to say.
    fn data() -> (Vec<f32>, Vec<f32>) {
        let mut random = fastrand::Rng::with_seed(7);
        let rows: Vec<[f32; 3]> = (0..64)
            .map(|_| [normal(&mut random), normal(&mut random), normal(&mut random)])
            .collect();
        let targets = rows.iter().map(|row| 2.0 * row[0] - row[1] + 0.5).collect();
        (rows.concat(), targets)
    }

    #[rstest]
    #[case(Optimizer::Sgd)]
    #[case(Optimizer::Adam)]
    #[case(Optimizer::Rmsprop)]
    fn every_optimizer_finds_a_line(#[case] optimizer: Optimizer) {
        let (features, targets) = data();
        let mut candidate = Candidate::new(recipe(optimizer), TASK, 3, Start::Uniform(0.07), 0.0);
        for _ in 0..1500 {
            candidate.step(&features, &targets, &Weighting::Equal);
        }
        for (weight, expected) in candidate.weights.iter().zip([2.0, -1.0, 0.0, 0.5]) {
            assert!((weight - expected).abs() < 0.02, "{:?}", candidate.weights);
        }
    }

    #[test]
    fn the_lasso_leaves_exact_zeros_and_no_bias_stays_none() {
        let (features, targets) = data();
        let task = Task { use_bias: false, ..TASK };
        let sparse = Recipe { l1: 0.4, ..recipe(Optimizer::Sgd) };
        let mut candidate = Candidate::new(sparse, task, 3, Start::Normal(0.01), 0.3);
        for _ in 0..1500 {
            candidate.step(&features, &targets, &Weighting::Equal);
        }
        assert_eq!(candidate.weights[2..], [0.0, 0.0]);
        assert!(
            candidate.weights[0] > 1.0 && candidate.weights[1] < -0.3,
            "{:?}",
            candidate.weights
        );
    }
}
