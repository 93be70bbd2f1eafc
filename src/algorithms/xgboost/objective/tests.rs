//! Objectives against the losses whose slopes they are.

use super::*;
use proptest::prelude::*;

/// The loss whose derivatives the objective claims to give.
fn loss(kind: Kind, margin: f64, label: f64) -> f64 {
    match kind {
        Kind::SquaredError => (margin - label).powi(2) / 2.0,
        Kind::BinaryLogistic => (1.0 + margin.exp()).ln() - label * margin,
        Kind::Poisson => margin.exp() - label * margin,
        Kind::Gamma => label / margin.exp() + margin,
        Kind::Tweedie => -label * (-0.5 * margin).exp() / -0.5 + (0.5 * margin).exp() / 0.5,
        Kind::PseudoHuber => (1.0 + (margin - label).powi(2)).sqrt() - 1.0,
        Kind::SquaredLogError => (margin.ln_1p() - label.ln_1p()).powi(2) / 2.0,
        _ => unreachable!("no loss written down"),
    }
}

proptest! {
    #[test]
    fn gradients_are_the_slopes_of_the_loss(margin in 0.1_f64..2.0, label in 0.05_f64..1.0) {
        for kind in [
            Kind::SquaredError, Kind::BinaryLogistic, Kind::Poisson, Kind::Gamma,
            Kind::Tweedie, Kind::PseudoHuber, Kind::SquaredLogError,
        ] {
            let step = 1e-5;
            let slope = (loss(kind, margin + step, label) - loss(kind, margin - step, label)) / (2.0 * step);
            let [gradient, hessian] = Objective::new(kind).gradient(margin as f32, label as f32, 1.0);
            prop_assert!((f64::from(gradient) - slope).abs() < 1e-3, "{kind:?}: {gradient} is not {slope}");
            prop_assert!(hessian > 0.0);
        }
    }

    #[test]
    fn a_margin_survives_the_link_and_back(score in 0.01_f32..0.99) {
        for kind in [Kind::BinaryLogistic, Kind::Poisson, Kind::SquaredError] {
            let objective = Objective::new(kind);
            let mut value = [objective.margin_of(score)];
            objective.transform(&mut value);
            prop_assert!((value[0] - score).abs() < 1e-5);
        }
    }

    #[test]
    fn softmax_gradients_of_a_row_sum_to_nothing(margins in prop::collection::vec(-4.0_f32..4.0, 3)) {
        let objective = Objective { num_class: 3, ..Objective::new(Kind::Softprob) };
        let mut out = vec![[0.0; 2]; 3];
        objective.gradients(&margins, &[2.0], &[], &mut out);
        prop_assert!(out.iter().map(|gradient| gradient[0]).sum::<f32>().abs() < 1e-5);
        prop_assert!(out[2][0] < 0.0);
    }
}

#[test]
fn the_base_score_is_the_weighted_mean_and_half_for_classes() {
    let logistic = Objective { scale_pos_weight: 3.0, ..Objective::new(Kind::BinaryLogistic) };
    // One Newton step: the gradients 0.5, 0.5, 0.5 and -1.5 cancel.
    assert_eq!(logistic.estimate_base_score(&[0.0, 0.0, 0.0, 1.0], &[]), 0.5);
    let plain = Objective::new(Kind::BinaryLogistic);
    assert_eq!(plain.estimate_base_score(&[0.0, 0.0, 0.0, 1.0], &[]), 0.25);
    let squared = Objective::new(Kind::SquaredError);
    assert_eq!(squared.estimate_base_score(&[1.0, 4.0], &[1.0, 2.0]), 3.0);
    let classes = Objective { num_class: 3, ..Objective::new(Kind::Softmax) };
    assert_eq!(classes.estimate_base_score(&[0.0, 2.0], &[]), 0.5);
}

#[test]
fn labels_outside_the_objective_are_refused_in_the_librarys_words() {
    let failure = Objective::new(Kind::BinaryLogistic).check_labels(&[0.0, 2.0]).unwrap_err();
    assert!(failure.to_string().contains("label must be in [0,1] for logistic regression"));
    let classes = Objective { num_class: 3, ..Objective::new(Kind::Softmax) };
    assert!(
        classes
            .check_labels(&[3.0])
            .unwrap_err()
            .to_string()
            .contains("label must be in [0, num_class)")
    );
    assert!(classes.check_labels(&[0.0, 1.0, 2.0]).is_ok());
    assert!(classes.check_labels(&[f32::NAN]).is_err());
}

#[test]
fn every_objective_goes_by_its_name() {
    for (kind, name) in NAMES {
        assert_eq!(Kind::named(name), Some(*kind));
    }
    assert_eq!(Kind::SquaredError.name(), "reg:squarederror");
}
