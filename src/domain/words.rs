//! Counted nouns in sentences that people read: `1 line`, `2 lines`, `3 entries`. One place, so that no
//! sentence forms its plural by hand and forgets the one.

use std::borrow::Cow;

/// The noun in the form that goes with the number; the last word of a compound changes.
pub fn noun(count: u64, noun: &str) -> Cow<'_, str> {
    if count == 1 { Cow::Borrowed(noun) } else { Cow::Owned(plural(noun)) }
}

/// `1 line`, `2 lines`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {}", self::noun(count, noun))
}

/// By the spelling of the end: `entry` to `entries`, `box` to `boxes`, all others with an s.
fn plural(noun: &str) -> String {
    const VOWELS: &str = "aeiou";
    if let Some(stem) = noun.strip_suffix('y')
        && !stem.ends_with(|char| VOWELS.contains(char))
    {
        return format!("{stem}ies");
    }
    if ["s", "x", "z", "ch", "sh"].iter().any(|end| noun.ends_with(end)) {
        return format!("{noun}es");
    }
    format!("{noun}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_others_are_many() {
        assert_eq!(counted(1, "line"), "1 line");
        assert_eq!(counted(0, "endpoint"), "0 endpoints");
        assert_eq!(counted(2, "training job"), "2 training jobs");
        assert_eq!(counted(3, "entry"), "3 entries");
        assert_eq!(counted(4, "key"), "4 keys");
        assert_eq!(counted(5, "match"), "5 matches");
        assert_eq!(counted(6, "alias"), "6 aliases");
    }
}
