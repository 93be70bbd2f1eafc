//! The built-in xgboost as a container of its own, beside the XGBoost library: each loads the
//! other's models, and ours are as good.

use crate::python;

fn interop(part: &str) -> String {
    let mut script = python::script("xgboost_interop.py");
    let output = python::succeed(script.arg(env!("CARGO_BIN_EXE_sagebrush")).arg(part));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_library_predicts_with_our_models_what_we_serve() {
    interop("to_library");
}

#[test]
fn we_serve_the_librarys_models_of_every_version_as_it_predicts() {
    println!("{}", interop("from_library"));
}

#[test]
fn models_that_cannot_be_served_are_refused_with_the_reason() {
    interop("refused");
}

#[test]
fn a_container_is_the_release_that_its_image_names() {
    println!("{}", interop("releases"));
}

#[test]
fn both_grow_the_same_trees_where_bins_are_exact() {
    println!("{}", interop("agree"));
}

#[test]
fn both_order_the_rows_of_queries_alike() {
    println!("{}", interop("ranks"));
}

#[test]
fn every_fold_leaves_a_model_that_scores_as_printed() {
    println!("{}", interop("folds"));
}

#[test]
fn our_models_are_as_good_as_the_librarys_over_repeated_cross_validation() {
    println!("{}", interop("quality"));
}
