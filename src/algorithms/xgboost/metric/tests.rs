//! Metrics against values worked out by hand and the library's names.

use super::*;
use rstest::rstest;

fn binary(metric: &str, margins: &[f32], labels: &[f32], weights: &[f32]) -> f64 {
    let objective = Objective::new(Kind::SquaredError);
    let scored = Scored { objective: &objective, margins, labels, weights, queries: &[] };
    Metric::named(metric).unwrap().evaluate(&scored)
}

#[rstest]
#[case("rmse", 0.353_553)]
#[case("mse", 0.125)]
#[case("mae", 0.3)]
#[case("logloss", 0.375_206)]
#[case("error", 0.25)]
#[case("error@0.3", 0.0)]
#[case("auc", 1.0)]
#[case("aucpr", 1.0)]
#[case("r2", 0.5)]
#[case("accuracy", 0.75)]
#[case("balanced_accuracy", 0.75)]
#[case("f1_binary", 0.666_667)]
fn values_are_those_worked_out_by_hand(#[case] metric: &str, #[case] expected: f64) {
    // Squares 0.01, 0.01, 0.36 and 0.12: the mean is 0.125.
    let fourth = 1.0 - 0.12_f32.sqrt();
    let margins = [0.1, 0.1, 0.4, fourth];
    let value = binary(metric, &margins, &[0.0, 0.0, 1.0, 1.0], &[]);
    let expected = match metric {
        "mae" => (0.1 + 0.1 + 0.6 + 0.12_f64.sqrt()) / 4.0,
        "logloss" => -(2.0 * 0.9_f64.ln() + 0.4_f64.ln() + f64::from(fourth).ln()) / 4.0,
        _ => expected,
    };
    assert!((value - expected).abs() < 1e-5, "{metric}: {value} is not {expected}");
}

#[test]
fn a_weight_counts_a_row_that_often() {
    let weighted = binary("auc", &[0.1, 0.6, 0.5], &[0.0, 0.0, 1.0], &[1.0, 2.0, 1.0]);
    let repeated = binary("auc", &[0.1, 0.6, 0.6, 0.5], &[0.0, 0.0, 0.0, 1.0], &[]);
    assert_eq!(weighted, repeated);
    assert!((weighted - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn equal_predictions_say_nothing_of_the_order() {
    assert_eq!(binary("auc", &[0.5; 4], &[0.0, 1.0, 0.0, 1.0], &[]), 0.5);
}

#[test]
fn classes_are_measured_by_their_probabilities() {
    let objective = Objective { num_class: 2, ..Objective::new(Kind::Softmax) };
    let scored = Scored {
        objective: &objective,
        margins: &[1.0, 0.0, 0.0, 1.0],
        labels: &[0.0, 0.0],
        weights: &[],
        queries: &[],
    };
    assert_eq!(Metric::Merror.evaluate(&scored), 0.5);
    let p = 1.0_f64.exp() / (1.0 + 1.0_f64.exp());
    let expected = -(p.ln() + (1.0 - p).ln()) / 2.0;
    assert!((Metric::Mlogloss.evaluate(&scored) - expected).abs() < 1e-6);
}

#[test]
fn metrics_that_do_not_go_with_an_objective_say_why() {
    let classes = Objective { num_class: 3, ..Objective::new(Kind::Softmax) };
    assert!(Metric::Rmse.mismatch(&classes).is_some());
    assert!(Metric::Mlogloss.mismatch(&Objective::new(Kind::SquaredError)).is_some());
    assert!(Metric::Accuracy.mismatch(&classes).is_none());
    assert_eq!(Metric::named("ndcg@"), None);
}
