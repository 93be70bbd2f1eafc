//! IAM's wildcards and variables: `*` for any text, `?` for any one character, `${aws:username}` for
//! what the request's context has.

use super::evaluate::Context;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
}

/// A pattern whose variables have been filled in. What a variable held is taken literally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

impl Pattern {
    /// Of a text in which `${` means nothing.
    pub fn literal_wildcards(text: &str) -> Self {
        Self(text.chars().map(wildcard).collect())
    }

    /// Of a text whose `${…}` are filled from the context. `None` when the context lacks one: such a
    /// pattern fits nothing.
    pub fn filled(text: &str, context: &Context) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            // Without its end it is no variable.
            let Some(end) = rest[at..].find('}') else { break };
            parts.extend(rest[..at].chars().map(wildcard));
            parts.extend(variable(&rest[at + 2..at + end], context)?.chars().map(Part::Char));
            rest = &rest[at + end + 1..];
        }
        parts.extend(rest.chars().map(wildcard));
        Some(Self(parts))
    }

    /// Whether all of `text` fits. Takes time in proportion to the product of the lengths at worst:
    /// an earlier star is never tried again once a later one has been reached.
    pub fn fits(&self, text: &str) -> bool {
        let (parts, text) = (&self.0, text.chars().collect::<Vec<_>>());
        let (mut at, mut read) = (0, 0);
        // Where to go on after a mismatch: behind the last star, which then takes one character more.
        let mut back: Option<(usize, usize)> = None;
        while read < text.len() {
            match parts.get(at) {
                Some(Part::Many) => {
                    at += 1;
                    back = Some((at, read));
                }
                Some(part) if *part == Part::One || *part == Part::Char(text[read]) => {
                    at += 1;
                    read += 1;
                }
                _ => {
                    let Some((star, taken)) = back else { return false };
                    back = Some((star, taken + 1));
                    at = star;
                    read = taken + 1;
                }
            }
        }
        parts[at..].iter().all(|part| *part == Part::Many)
    }

    /// Whether it is the very text, wildcards taken as characters.
    pub fn is(&self, text: &str) -> bool {
        let plain = |part: &Part| match part {
            Part::Char(one) => *one,
            Part::One => '?',
            Part::Many => '*',
        };
        self.0.iter().map(plain).eq(text.chars())
    }

    /// The text with variables filled in and wildcards as written.
    pub fn text(&self) -> String {
        let plain = |part: &Part| match part {
            Part::Char(one) => *one,
            Part::One => '?',
            Part::Many => '*',
        };
        self.0.iter().map(plain).collect()
    }
}

fn wildcard(one: char) -> Part {
    match one {
        '*' => Part::Many,
        '?' => Part::One,
        one => Part::Char(one),
    }
}

/// What `${inside}` is: a character that would be a wildcard, a key's only value, or a default.
fn variable(inside: &str, context: &Context) -> Option<String> {
    if ["*", "?", "$"].contains(&inside) {
        return Some(inside.to_owned());
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (inside, None),
    };
    match context.values(key) {
        Some([only]) => Some(only.clone()),
        _ => default.map(str::to_owned),
    }
}

/// The keys of a text's variables.
pub(super) fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).filter_map(|(inside, _)| {
        let key = inside.split(',').next().unwrap_or(inside).trim();
        key.contains(':').then_some(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn fits(pattern: &str, text: &str) -> bool {
        Pattern::literal_wildcards(pattern).fits(text)
    }

    #[rstest]
    #[case("*", "", true)]
    #[case("s3:Get*", "s3:GetObject", true)]
    #[case("s3:Get*", "s3:PutObject", false)]
    #[case("s3:?etObject", "s3:GetObject", true)]
    #[case("s3:*Object", "s3:GetObjectTagging", false)]
    #[case("*a*b*", "xxaxxbxx", true)]
    #[case("a*a", "a", false)]
    #[case("é?", "éü", true)]
    fn wildcards(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(fits(pattern, text), expected);
    }

    #[rstest]
    #[case("home/${aws:username}/*", "home/ada/x", true)]
    #[case("home/${aws:username}/*", "home/bob/x", false)]
    #[case("home/${AWS:UserName}/*", "home/ada/x", true)]
    #[case("${aws:PrincipalTag/team, 'none'}", "none", true)]
    // What a variable holds is no wildcard.
    #[case("${aws:star}", "anything", false)]
    #[case("a${*}b", "a*b", true)]
    #[case("a${*}b", "axb", false)]
    #[case("an open ${", "an open ${", true)]
    fn variables_are_filled(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        let context = Context::default().with("aws:username", ["ada"]).with("aws:star", ["*"]);
        assert_eq!(Pattern::filled(pattern, &context).unwrap().fits(text), expected);
    }

    #[test]
    fn a_variable_without_a_value_fits_nothing() {
        assert_eq!(Pattern::filled("home/${aws:username}", &Context::default()), None);
    }

    proptest! {
        #[test]
        fn as_a_regular_expression_would(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let regex = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
            let expected = regex::Regex::new(&regex).unwrap().is_match(&text);
            prop_assert_eq!(fits(&pattern, &text), expected);
        }
    }
}
