//! `monotone_constraints` and `interaction_constraints`, which are written as Python writes tuples
//! and lists, read as the container reads them.

use super::declared::Checked;
use crate::algorithms::Failure;
use serde_json::Value;

/// By feature whether predictions may only rise (1) or only fall (-1) with it; empty for no constraint.
pub fn monotone(checked: &Checked) -> Result<Vec<i8>, Failure> {
    const NAME: &str = "monotone_constraints";
    let Some(text) = checked.text(NAME) else { return Ok(Vec::new()) };
    if !matches!(checked.text("tree_method"), Some("exact" | "hist")) {
        return Err(Failure::client(format!(
            "{NAME} can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )));
    }
    let directions: Vec<i64> = tuple(text)
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(|| unreadable(NAME, text, "a tuple of 1, 0 and -1 such as (1,0,-1)"))?;
    if directions.iter().any(|direction| !(-1..=1).contains(direction)) {
        return Err(outside(NAME, text, "[-1, 0, 1]"));
    }
    Ok(directions.into_iter().map(|direction| direction as i8).collect())
}

/// Sets of features, counted from 0, that may meet on a path of a tree; empty for no constraint.
pub fn interactions(checked: &Checked) -> Result<Vec<Vec<usize>>, Failure> {
    const NAME: &str = "interaction_constraints";
    let Some(text) = checked.text(NAME) else { return Ok(Vec::new()) };
    if !matches!(checked.text("tree_method"), Some("exact" | "hist" | "approx")) {
        return Err(Failure::client(format!(
            "{NAME} can be used only when the tree_method parameter is set to either 'exact', 'hist' or \
             'approx'."
        )));
    }
    let sets: Vec<Vec<i64>> = literal(text)
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(|| unreadable(NAME, text, "lists of column numbers such as [[1,2],[3,4]]"))?;
    let number = |feature: i64| usize::try_from(feature).ok().filter(|feature| *feature > 0);
    let sets = sets.into_iter().map(|set| set.into_iter().map(number).collect());
    sets.collect::<Option<_>>().ok_or_else(|| outside(NAME, text, "[1, +inf)"))
}

fn unreadable(name: &str, text: &str, form: &str) -> Failure {
    Failure::client(format!("Hyperparameter {name}: {text} could not be read. Write {form}."))
}

fn outside(name: &str, text: &str, range: &str) -> Failure {
    Failure::client(format!("Hyperparameter {name}: value {text} not in range {range}"))
}

/// A Python tuple: with or without parentheses, but not `(1)`, which is a number, and not a list,
/// which the library takes for names of features.
fn tuple(text: &str) -> Option<Value> {
    let inner = match text.trim().strip_prefix('(') {
        Some(rest) => rest.strip_suffix(')')?,
        None => text,
    };
    let is_tuple = inner.trim().is_empty() || inner.contains(',');
    (is_tuple && !inner.contains(['[', '(', '{'])).then(|| literal(&format!("[{inner}]")))?
}

/// Numbers in nested Python lists or tuples.
fn literal(text: &str) -> Option<Value> {
    let mut json: String = text
        .chars()
        .filter(|char| !char.is_whitespace())
        .map(|char| match char {
            '(' => '[',
            ')' => ']',
            other => other,
        })
        .collect();
    // Python allows a comma behind the last element.
    json = json.replace(",]", "]");
    serde_json::from_str(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::super::declared::check;
    use super::super::version::Version;
    use super::*;
    use rstest::rstest;

    fn checked(name: &str, value: &str) -> Checked {
        let given = [("num_round", "1"), ("tree_method", "hist"), (name, value)];
        check(
            Version::NEWEST,
            &given.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        )
        .unwrap()
    }

    #[rstest]
    #[case("(1, 0, -1)", &[1, 0, -1])]
    #[case("(1,)", &[1])]
    #[case("-1, 0", &[-1, 0])]
    #[case("()", &[])]
    fn tuples_are_read_as_python_reads_them(#[case] text: &str, #[case] expected: &[i8]) {
        assert_eq!(monotone(&checked("monotone_constraints", text)).unwrap(), expected);
    }

    #[rstest]
    #[case("(1)", "such as (1,0,-1)")]
    #[case("[1,0]", "such as (1,0,-1)")]
    #[case("{'f0': 1}", "such as (1,0,-1)")]
    #[case("(1,0.5)", "such as (1,0,-1)")]
    #[case("(1,2)", "value (1,2) not in range [-1, 0, 1]")]
    fn what_is_no_tuple_of_directions_is_refused(#[case] text: &str, #[case] why: &str) {
        let failure = monotone(&checked("monotone_constraints", text)).unwrap_err().to_string();
        assert!(failure.contains(why), "{failure}");
    }

    #[test]
    fn sets_are_lists_of_columns() {
        let read = |text| interactions(&checked("interaction_constraints", text));
        assert_eq!(read("[[1, 2], [3,4,]]").unwrap(), [[1, 2], [3, 4]]);
        assert_eq!(read("[]").unwrap(), Vec::<Vec<usize>>::new());
        assert!(read("[[0, 1]]").unwrap_err().to_string().contains("not in range [1, +inf)"));
        assert!(read("[1, 2]").unwrap_err().to_string().contains("such as [[1,2],[3,4]]"));
    }

    #[test]
    fn the_tree_method_must_be_named() {
        let given = [("num_round", "1"), ("monotone_constraints", "(1,)")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let failure =
            monotone(&check(Version::NEWEST, &given.into()).unwrap()).unwrap_err().to_string();
        assert!(failure.contains("set to either 'exact' or 'hist'"), "{failure}");
    }
}
