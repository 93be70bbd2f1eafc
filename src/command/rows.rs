//! Labelled rows and what models answer to them: splitting CSV lines, reading predictions of any
//! built-in algorithm, and the figures that compare predictions with labels.

use super::grammar::Problem;
use super::outcome::CommandError;
use serde_json::Value;

/// A row to send, and the label that was taken off it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledRow {
    /// The features as one CSV line without a line end.
    pub features: String,
    pub label: Option<f64>,
}

/// Splits CSV text into rows; a first line that is not numbers is a header and is left out.
pub fn parse(text: &str, label: Option<usize>) -> Result<Vec<LabelledRow>, CommandError> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let numeric = |cell: &&str| cell.is_empty() || cell.parse::<f64>().is_ok();
        if index == 0 && !cells.iter().all(numeric) {
            continue;
        }
        rows.push(
            row(&cells, label)
                .map_err(|problem| CommandError::Failed(format!("row {}: {problem}", index + 1)))?,
        );
    }
    if rows.is_empty() {
        return Err(CommandError::Failed("there are no rows to send".into()));
    }
    Ok(rows)
}

fn row(cells: &[&str], label: Option<usize>) -> Result<LabelledRow, String> {
    let Some(column) = label else {
        return Ok(LabelledRow { features: cells.join(","), label: None });
    };
    let cell = cells.get(column).ok_or_else(|| {
        format!("it has {} columns and --label names column {column} (counted from 0)", cells.len())
    })?;
    let label = cell.parse().map_err(|_| format!("the label `{cell}` is not a number"))?;
    let features: Vec<&str> = cells
        .iter()
        .enumerate()
        .filter_map(|(index, cell)| (index != column).then_some(*cell))
        .collect();
    Ok(LabelledRow { features: features.join(","), label: Some(label) })
}

/// What the labels are when nobody says: a few distinct whole numbers are classes.
pub fn guess_problem(rows: &[LabelledRow]) -> Problem {
    let mut distinct: Vec<f64> = rows.iter().filter_map(|row| row.label).collect();
    let whole = distinct.iter().all(|label| label.fract() == 0.0 && *label >= 0.0);
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if whole && distinct.len() <= 100.max(rows.len() / 20) && distinct.len() < rows.len() {
        Problem::Classification
    } else {
        Problem::Regression
    }
}

/// One prediction of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// The class itself.
    Label(f64),
    /// One number: a probability of class 1, a class, or a regression's value.
    Score(f64),
    /// A score for each class.
    Scores(Vec<f64>),
}

impl Prediction {
    /// The class that the prediction names. A lone score is a class unless it is a fraction, which
    /// is the probability of class 1.
    pub fn class(&self) -> f64 {
        match self {
            Self::Label(label) => *label,
            Self::Score(score) if score.fract() == 0.0 => *score,
            Self::Score(score) => f64::from(u8::from(*score >= 0.5)),
            Self::Scores(scores) => {
                let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(f64::NAN, |(class, _)| class as f64)
            }
        }
    }

    pub fn number(&self) -> f64 {
        match self {
            Self::Label(number) | Self::Score(number) => *number,
            Self::Scores(_) => self.class(),
        }
    }
}

/// Reads an answer's predictions, JSON as the built-in algorithms write it or CSV lines.
pub fn predictions(body: &[u8]) -> Result<Vec<Prediction>, String> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let list = value.get("predictions").and_then(Value::as_array).cloned();
        let list = list.unwrap_or_else(|| vec![value]);
        return list.iter().map(from_json).collect();
    }
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not text".to_owned())?;
    text.lines().filter(|line| !line.trim().is_empty()).map(from_csv).collect()
}

fn from_json(value: &Value) -> Result<Prediction, String> {
    let unreadable = || format!("no prediction can be read from {value}");
    if let Some(label) = value.get("predicted_label").and_then(Value::as_f64) {
        return Ok(Prediction::Label(label));
    }
    match value.get("score").unwrap_or(value) {
        Value::Number(score) => score.as_f64().map(Prediction::Score).ok_or_else(unreadable),
        Value::Array(scores) => {
            let scores: Option<Vec<f64>> = scores.iter().map(Value::as_f64).collect();
            scores
                .filter(|scores| !scores.is_empty())
                .map(Prediction::Scores)
                .ok_or_else(unreadable)
        }
        _ => Err(unreadable()),
    }
}

fn from_csv(line: &str) -> Result<Prediction, String> {
    let line = line.trim().trim_matches(['[', ']', '"']);
    let numbers: Result<Vec<f64>, _> = line.split(',').map(|cell| cell.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([score]) => Ok(Prediction::Score(*score)),
        Ok(scores) => Ok(Prediction::Scores(scores.to_vec())),
        Err(_) => Err(format!("no prediction can be read from `{line}`")),
    }
}

/// The figures of predictions against labels, by the names that SageMaker's own reports use.
pub fn figures(problem: Problem, pairs: &[(Prediction, f64)]) -> Vec<(&'static str, f64)> {
    let count = pairs.len() as f64;
    match problem {
        Problem::Classification => {
            let right = pairs.iter().filter(|(seen, label)| seen.class() == *label).count() as f64;
            let mut figures = vec![("accuracy", right / count)];
            let binary = pairs.iter().all(|(_, label)| *label == 0.0 || *label == 1.0);
            if binary {
                figures.extend(binary_figures(pairs));
            }
            figures
        }
        Problem::Regression => {
            let errors = pairs.iter().map(|(seen, label)| seen.number() - label);
            let (mut squares, mut absolutes) = (0.0, 0.0);
            for error in errors {
                squares += error * error;
                absolutes += error.abs();
            }
            let mean = pairs.iter().map(|(_, label)| label).sum::<f64>() / count;
            let spread: f64 = pairs.iter().map(|(_, label)| (label - mean).powi(2)).sum();
            let mut figures = vec![("rmse", (squares / count).sqrt()), ("mae", absolutes / count)];
            if spread > 0.0 {
                figures.push(("r2", 1.0 - squares / spread));
            }
            figures
        }
    }
}

fn binary_figures(pairs: &[(Prediction, f64)]) -> Vec<(&'static str, f64)> {
    let count = |seen: f64, real: f64| {
        let hit =
            |(prediction, label): &&(Prediction, f64)| prediction.class() == seen && *label == real;
        pairs.iter().filter(hit).count() as f64
    };
    let (hits, false_alarms, misses) = (count(1.0, 1.0), count(1.0, 0.0), count(0.0, 1.0));
    let mut figures = Vec::new();
    if hits + false_alarms > 0.0 {
        figures.push(("precision", hits / (hits + false_alarms)));
    }
    if hits + misses > 0.0 {
        figures.push(("recall", hits / (hits + misses)));
    }
    if 2.0 * hits + false_alarms + misses > 0.0 {
        figures.push(("f1", 2.0 * hits / (2.0 * hits + false_alarms + misses)));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lose_their_label_and_their_header() {
        let rows = parse("label,a,b\n1,2,3\n0,,5\n", Some(0)).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].features.as_str(), rows[0].label), ("2,3", Some(1.0)));
        assert_eq!(rows[1].features, ",5");
        assert!(parse("1,2\n3\n", Some(1)).unwrap_err().to_string().contains("row 2"));
        assert!(parse("\n", None).is_err());
    }

    #[test]
    fn answers_of_every_built_in_are_read() {
        let read = |text: &str| predictions(text.as_bytes()).unwrap();
        let label = read(r#"{"predictions":[{"score":[0.1,0.9],"predicted_label":1}]}"#);
        assert_eq!(label, [Prediction::Label(1.0)]);
        assert_eq!(read(r#"{"predictions":[{"score":[0.1,0.7,0.2]}]}"#)[0].class(), 1.0);
        assert_eq!(
            read("0.7\n0.2\n").iter().map(Prediction::class).collect::<Vec<_>>(),
            [1.0, 0.0]
        );
        assert_eq!(read("0.1,0.2,0.7\n")[0].class(), 2.0);
        assert_eq!(read("2.0")[0].class(), 2.0);
        assert!(predictions(b"<html>").is_err());
    }

    #[test]
    fn figures_are_the_textbook_ones() {
        let pairs: Vec<_> = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
            .map(|(seen, real)| (Prediction::Label(seen), real))
            .to_vec();
        for (name, value) in figures(Problem::Classification, &pairs) {
            assert_eq!(value, 0.5, "{name}");
        }
        let pairs = [(Prediction::Score(1.0), 2.0), (Prediction::Score(3.0), 4.0)];
        let found = figures(Problem::Regression, &pairs);
        assert_eq!(found, [("rmse", 1.0), ("mae", 1.0), ("r2", 0.0)]);
    }
}
