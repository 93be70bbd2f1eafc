//! What was meant, when a word is almost one that is known.

/// The known word that is nearest, if it is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // Words that long are nobody's slip, and comparing them costs the square of it.
    if word.chars().count() > 64 {
        return None;
    }
    let limit = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|other| (distance(&word, &other.to_lowercase()), other))
        .filter(|(away, _)| *away <= limit)
        .min_by_key(|(away, _)| *away)
        .map(|(_, other)| other)
}

/// Insertions, deletions, replacements and exchanges of neighbours between the two.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (at, &from) in one.iter().enumerate() {
        let mut row = vec![at + 1];
        for (to_at, &to) in other.iter().enumerate() {
            let mut best = (last[to_at] + usize::from(from != to))
                .min(last[to_at + 1] + 1)
                .min(row[to_at] + 1);
            if at > 0 && to_at > 0 && from == other[to_at - 1] && one[at - 1] == to {
                best = best.min(before[to_at - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_words_are_not() {
        let known = ["theme", "mouse", "read_only", "log_lines"];
        assert_eq!(nearest("tehme", known), Some("theme"));
        assert_eq!(nearest("Mouse", known), Some("mouse"));
        assert_eq!(nearest("readonly", known), Some("read_only"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(distance("abcd", "acbd"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
