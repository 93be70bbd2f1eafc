//! The hyperparameters by their real names, with their defaults, ranges and refusals.
//!
//! One table states what each may be; all of them are checked before any is used, and one
//! that is not in the table is refused, as the real container does.

use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// What a hyperparameter may be.
#[derive(Clone, Copy, Debug)]
enum Domain {
    Choice(&'static [&'static str]),
    /// From the least value on.
    Integer(u64, u64),
    /// Between the two; the flags say whether the ends count.
    Number {
        least: f64,
        least_counts: bool,
        most: f64,
        most_counts: bool,
    },
    /// A number as above, or one of these words.
    NumberOr(&'static [&'static str], f64),
    Any,
}

struct Field {
    name: &'static str,
    default: &'static str,
    auto: bool,
    domain: Domain,
}

const fn field(name: &'static str, default: &'static str, domain: Domain) -> Field {
    Field { name, default, auto: false, domain }
}

const fn auto(name: &'static str, domain: Domain) -> Field {
    Field { name, default: "auto", auto: true, domain }
}

const BOOLEAN: Domain = Domain::Choice(&["true", "false"]);
const COUNT: Domain = Domain::Integer(1, u64::MAX);
const POSITIVE: Domain =
    Domain::Number { least: 0.0, least_counts: false, most: f64::INFINITY, most_counts: false };
const NOT_NEGATIVE: Domain =
    Domain::Number { least: 0.0, least_counts: true, most: f64::INFINITY, most_counts: false };
const FINITE: Domain = Domain::Number {
    least: f64::NEG_INFINITY,
    least_counts: false,
    most: f64::INFINITY,
    most_counts: false,
};
const SHARE: Domain =
    Domain::Number { least: 0.0, least_counts: false, most: 1.0, most_counts: false };
const SHARE_CLOSED: Domain =
    Domain::Number { least: 0.0, least_counts: true, most: 1.0, most_counts: true };
const BELOW_ONE: Domain =
    Domain::Number { least: 0.0, least_counts: true, most: 1.0, most_counts: false };

const FIELDS: &[Field] = &[
    field("accuracy_top_k", "3", COUNT),
    field("balance_multiclass_weights", "false", BOOLEAN),
    auto("beta_1", BELOW_ONE),
    auto("beta_2", BELOW_ONE),
    auto("bias_lr_mult", POSITIVE),
    auto("bias_wd_mult", NOT_NEGATIVE),
    field(
        "binary_classifier_model_selection_criteria",
        "accuracy",
        Domain::Choice(&[
            "accuracy",
            "f_beta",
            "precision_at_target_recall",
            "recall_at_target_precision",
            "loss_function",
        ]),
    ),
    field("early_stopping_patience", "3", COUNT),
    field("early_stopping_tolerance", "0.001", POSITIVE),
    field("epochs", "15", COUNT),
    field("f_beta", "1.0", POSITIVE),
    auto("feature_dim", COUNT),
    field("huber_delta", "1.0", POSITIVE),
    field("init_bias", "0.0", FINITE),
    field("init_method", "uniform", Domain::Choice(&["uniform", "normal"])),
    field("init_scale", "0.07", POSITIVE),
    field("init_sigma", "0.01", POSITIVE),
    auto("l1", NOT_NEGATIVE),
    auto("learning_rate", POSITIVE),
    auto(
        "loss",
        Domain::Choice(&[
            "logistic",
            "hinge_loss",
            "softmax_loss",
            "squared_loss",
            "absolute_loss",
            "eps_insensitive_squared_loss",
            "eps_insensitive_absolute_loss",
            "quantile_loss",
            "huber_loss",
        ]),
    ),
    field("loss_insensitivity", "0.01", POSITIVE),
    auto("lr_scheduler_factor", SHARE),
    auto("lr_scheduler_minimum_lr", POSITIVE),
    auto("lr_scheduler_step", COUNT),
    field("margin", "1.0", POSITIVE),
    field("mini_batch_size", "1000", COUNT),
    auto("momentum", BELOW_ONE),
    Field { name: "normalize_data", default: "true", auto: true, domain: BOOLEAN },
    auto("normalize_label", BOOLEAN),
    Field { name: "num_calibration_samples", default: "10000000", auto: true, domain: COUNT },
    field("num_classes", "1", Domain::Integer(1, 1_000_000)),
    auto("num_models", Domain::Integer(1, 1024)),
    field("num_point_for_scaler", "10000", COUNT),
    auto("optimizer", Domain::Choice(&["sgd", "adam", "rmsprop"])),
    field("positive_example_weight_mult", "1.0", Domain::NumberOr(&["balanced", "auto"], 0.0)),
    field(
        "predictor_type",
        "",
        Domain::Choice(&["binary_classifier", "multiclass_classifier", "regressor"]),
    ),
    field("quantile", "0.5", SHARE),
    field("target_precision", "0.8", SHARE_CLOSED),
    field("target_recall", "0.8", SHARE_CLOSED),
    auto("unbias_data", BOOLEAN),
    auto("unbias_label", BOOLEAN),
    field("use_bias", "true", BOOLEAN),
    field("use_lr_scheduler", "true", BOOLEAN),
    auto("wd", NOT_NEGATIVE),
    field("_enable_profiler", "false", Domain::Any),
    field("_kvstore", "auto", Domain::Any),
    field("_log_level", "info", Domain::Any),
    field("_num_gpus", "auto", Domain::Any),
    field("_num_kv_servers", "auto", Domain::Any),
    field("_tuning_objective_metric", "", Domain::Any),
];

/// All hyperparameters, checked, with the defaults of those not given.
pub struct Hyperparameters {
    values: BTreeMap<&'static str, String>,
    given: Vec<&'static str>,
}

impl Hyperparameters {
    /// Checks what was given; the refusal names the hyperparameter and what it may be.
    pub fn check(given: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut values: BTreeMap<_, _> =
            FIELDS.iter().map(|field| (field.name, field.default.to_owned())).collect();
        let mut names = Vec::new();
        for (name, value) in given {
            let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
                return Err(unknown(name));
            };
            let value = value.trim().trim_matches('"');
            if !field.takes(value) {
                return Err(Failure::client(format!(
                    "The value '{value}' is not valid for the '{name}' hyperparameter which expects {}. \
                     (caused by ValidationError)",
                    field.expectation()
                )));
            }
            values.insert(field.name, value.to_owned());
            names.push(field.name);
        }
        if values["predictor_type"].is_empty() {
            return Err(Failure::client(
                "Failed to validate hyperparameters. (caused by ValidationError)\n\nCaused by: \
                 'predictor_type' is a required property. Set it to 'binary_classifier', \
                 'multiclass_classifier' or 'regressor'.",
            ));
        }
        Ok(Self { values, given: names })
    }

    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether the job named it, even with its default.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.text(name).parse().ok()
    }

    pub fn count(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// `None` for `auto`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).to_ascii_lowercase().parse().ok()
    }

    /// Those the job named, for the log.
    pub fn given(&self) -> BTreeMap<&'static str, &str> {
        self.given.iter().map(|name| (*name, self.text(name))).collect()
    }

    /// All of them, for the log.
    pub fn all(&self) -> &BTreeMap<&'static str, String> {
        &self.values
    }
}

impl Field {
    fn takes(&self, value: &str) -> bool {
        if self.auto && value == "auto" {
            return true;
        }
        match self.domain {
            // SDKs write Python's True and False.
            Domain::Choice(choices) => choices.iter().any(|choice| {
                *choice == value || (self.is_boolean() && choice.eq_ignore_ascii_case(value))
            }),
            Domain::Integer(least, most) => {
                value.parse::<u64>().is_ok_and(|number| (least..=most).contains(&number))
            }
            Domain::Number { least, least_counts, most, most_counts } => {
                number(value).is_some_and(|number| {
                    (number > least || (least_counts && number == least))
                        && (number < most || (most_counts && number == most))
                })
            }
            Domain::NumberOr(words, above) => {
                words.contains(&value) || number(value).is_some_and(|number| number > above)
            }
            Domain::Any => true,
        }
    }

    fn is_boolean(&self) -> bool {
        matches!(self.domain, Domain::Choice(["true", "false"]))
    }

    fn expectation(&self) -> String {
        let auto = if self.auto { "'auto' or " } else { "" };
        let what = match self.domain {
            Domain::Choice(choices) => format!("one of the following: '{}'", choices.join("', '")),
            Domain::Integer(least, u64::MAX) => format!("an integer of at least {least}"),
            Domain::Integer(least, most) => format!("an integer from {least} to {most}"),
            Domain::Number { least, least_counts, most, most_counts } => {
                let from = match (least.is_finite(), least_counts) {
                    (false, _) => String::new(),
                    (true, true) => format!(" of at least {least}"),
                    (true, false) => format!(" greater than {least}"),
                };
                let to = match (most.is_finite(), most_counts) {
                    (false, _) => String::new(),
                    (true, true) => format!(" and at most {most}"),
                    (true, false) => format!(" and less than {most}"),
                };
                format!("a number{from}{to}")
            }
            Domain::NumberOr(words, above) => {
                format!("one of '{}' or a number greater than {above}", words.join("', '"))
            }
            Domain::Any => "any text".to_owned(),
        };
        format!("{auto}{what}")
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn unknown(name: &str) -> Failure {
    if name == "sagemaker_program" || name == "sagemaker_submit_directory" {
        return Failure::client("linear-learner has no script mode: leave the program out.");
    }
    let near = FIELDS.iter().map(|field| (distance(name, field.name), field.name)).min();
    let hint = match near {
        // A short name is soon near to every other.
        Some((distance, near)) if distance <= 3 && distance * 3 <= name.chars().count() => {
            format!(" Did you mean '{near}'?")
        }
        _ => String::new(),
    };
    Failure::client(format!(
        "Additional hyperparameters are not allowed ('{name}' was unexpected) (caused by \
         ValidationError)\n\nCaused by: Additional properties are not allowed ('{name}' was \
         unexpected).{hint}"
    ))
}

/// How many letters to insert, remove or change, to make one name of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, candidate) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *candidate);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Result<Hyperparameters, Failure> {
        let mut given: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        given.entry("predictor_type".into()).or_insert_with(|| "regressor".into());
        Hyperparameters::check(&given)
    }

    #[test]
    fn every_default_is_a_value_its_field_takes() {
        for field in FIELDS {
            assert!(field.takes(field.default) || field.name == "predictor_type", "{}", field.name);
        }
    }

    #[test]
    fn what_was_not_given_has_its_default() {
        let checked =
            check(&[("epochs", " 20 "), ("use_bias", "False")]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(checked.count("epochs"), Some(20));
        assert_eq!(checked.flag("use_bias"), Some(false));
        assert_eq!(checked.flag("unbias_data"), None);
        assert_eq!(checked.number("wd"), None);
        assert!(checked.is_given("epochs") && !checked.is_given("wd"));
    }

    #[test]
    fn refusals_name_the_hyperparameter_and_what_it_may_be() {
        let refusal =
            |pairs: &[(&str, &str)]| check(pairs).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refusal(&[("epoch", "3")]).contains("('epoch' was unexpected)"));
        assert!(refusal(&[("epoch", "3")]).contains("Did you mean 'epochs'?"));
        assert!(!refusal(&[("foo", "3")]).contains("Did you mean"));
        assert!(
            refusal(&[("epochs", "0")])
                .contains("'epochs' hyperparameter which expects an integer of at least 1")
        );
        assert!(refusal(&[("quantile", "1.0")]).contains("greater than 0 and less than 1"));
        assert!(refusal(&[("wd", "-1")]).contains("'auto' or a number of at least 0"));
        assert!(refusal(&[("learning_rate", "nan")]).contains("learning_rate"));
        assert!(refusal(&[("optimizer", "lbfgs")]).contains("'sgd', 'adam', 'rmsprop'"));
        let missing = Hyperparameters::check(&BTreeMap::new())
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(missing.contains("'predictor_type' is a required property"));
    }
}
