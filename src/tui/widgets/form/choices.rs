//! Choices under a field: an enum's values, a union's members, names that exist. They narrow down as
//! one types, the likeliest first.

use super::Form;
use super::field::{Field, GroupKind};
use super::rows::Part;
use crate::tui::widgets::filter::Filter;
use tui_input::Input;

/// The open list of choices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Popup {
    /// What Enter takes. Of names that exist nothing at first, since another may be meant.
    pub(super) at: Option<usize>,
    /// Opened to see all choices whatever is typed.
    pub(super) all: bool,
}

impl Popup {
    pub(super) fn step(&mut self, by: i64, count: usize) {
        let Some(last) = count.checked_sub(1) else { return };
        let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        self.at = Some(match self.at {
            None if by > 0 => 0,
            None => last,
            // Round, as a list is that one looks through.
            Some(at) if by == 1 && at >= last => 0,
            Some(0) if by == -1 => last,
            Some(at) if by > 0 => at.saturating_add(step).min(last),
            Some(at) => at.saturating_sub(step).min(last),
        });
    }
}

impl Form {
    /// All that the field under the cursor can be.
    fn every_choice(&self) -> Vec<&str> {
        if self.focus.part != Part::Value {
            return Vec::new();
        }
        let Some(field) = self.field() else { return Vec::new() };
        if let Some(group) = field.group() {
            let union = group.kind == GroupKind::Union && group.set;
            let shape = field.shape.filter(|_| union);
            let structure = shape.and_then(|shape| self.service.structure(shape));
            return structure
                .map(|structure| structure.members.iter().map(|member| member.name).collect())
                .unwrap_or_default();
        }
        match self.text() {
            Some(text) if !text.values.is_empty() => text.values.clone(),
            Some(_) if !self.names_new(field) => {
                let offered = self.offers.get(field.name.as_ref());
                offered.into_iter().flatten().map(String::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The name of what is created is no reference: `ModelName` of `CreateModel`.
    fn names_new(&self, field: &Field) -> bool {
        let created = self.operation.name.strip_prefix("Create");
        self.focus.path.len() == 1
            && created.is_some_and(|noun| field.name.strip_suffix("Name") == Some(noun))
    }

    fn typed_text(&self) -> &str {
        let Some(field) = self.field() else { return "" };
        match &field.body {
            super::Body::Text { input, .. } => input.value(),
            super::Body::Group(group) => group.keys.first().map_or("", Input::value),
            _ => "",
        }
    }

    /// What is listed for what is typed: beginnings first, then parts, then letters in their order.
    pub(super) fn choices(&self) -> Vec<&str> {
        let Some(popup) = self.popup else { return Vec::new() };
        let every = self.every_choice();
        let typed = self.typed_text();
        if popup.all || typed.is_empty() {
            return every;
        }
        let sought = typed.to_lowercase();
        let fuzzy = Filter::parse(&format!("-f {typed}")).ok();
        let rank = |choice: &str| {
            let lower = choice.to_lowercase();
            if lower.starts_with(&sought) {
                Some((0, 0))
            } else if lower.contains(&sought) {
                Some((1, 0))
            } else {
                let score = fuzzy.as_ref().and_then(|filter| filter.score(choice))?;
                Some((2, u32::MAX - score))
            }
        };
        let mut ranked: Vec<_> =
            every.into_iter().filter_map(|choice| Some((rank(choice)?, choice))).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        // Letters in their order are for when nothing has the text itself.
        if ranked.first().is_some_and(|((rank, _), _)| *rank < 2) {
            ranked.retain(|((rank, _), _)| *rank < 2);
        }
        ranked.into_iter().map(|(_, choice)| choice).collect()
    }

    pub(super) fn open_popup(&mut self, all: bool) {
        self.popup = Some(Popup { at: None, all });
        let choices = self.choices();
        let typed = self.typed_text();
        // What is typed out needs no list any more.
        if choices.is_empty() || (!all && choices == [typed]) {
            self.popup = None;
            return;
        }
        let typed_at = choices.iter().position(|choice| *choice == typed);
        let first = (all || self.is_enum()).then_some(0);
        if let Some(popup) = &mut self.popup {
            popup.at = typed_at.or(first);
        }
    }

    pub(super) fn highlighted(&self) -> Option<String> {
        let at = self.popup?.at?;
        self.choices().get(at).map(|choice| (*choice).to_owned())
    }

    /// Puts a choice into the field.
    pub(super) fn take(&mut self, choice: &str) {
        if let Some(input) = self.input() {
            *input = Input::new(choice.to_owned());
        }
        self.chosen();
        self.popup = None;
    }

    /// On leaving by Tab, the choice that the typed text points to.
    pub(super) fn take_typed(&mut self) {
        if !self.typed_text().is_empty()
            && let Some(choice) = self.highlighted()
        {
            self.take(&choice);
        }
        self.popup = None;
    }

    /// A union grows the member that is named now.
    pub(super) fn chosen(&mut self) {
        let (service, path) = (self.service, self.focus.path.clone());
        if self.focus.part != Part::Value {
            return;
        }
        if let Some(field) = self.root.at_mut(&path)
            && let Some(shape) = field.shape
            && let Some(group) = field.group_mut()
            && group.kind == GroupKind::Union
        {
            group.choose(service, shape, None, path.len());
        }
    }
}
