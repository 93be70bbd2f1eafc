//! The `/` filter.

use std::ops::Range;

#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    inverse: bool,
}

impl Filter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (inverse, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        Ok(Self { text: text.to_lowercase(), inverse })
    }

    pub fn matches(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let found = text.to_lowercase().find(&self.text).map(|at| vec![at..at + self.text.len()]);
        if self.inverse { found.is_none().then(Vec::new) } else { found }
    }
}
