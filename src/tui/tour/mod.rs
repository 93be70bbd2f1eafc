//! The demo: a strip above the hints that leads through the first minute, one key a step.

use super::effect::Want;
use super::msg::Link;
use super::view::{News, Outbox, Scene};
use ratatui::Frame;
use ratatui::layout::Rect;

pub const CONTEXT: &str = "tour";

pub static KEYS: &[super::keymap::Binding] = &[];

#[derive(Debug, Default)]
pub struct Tour {
    demo: Option<String>,
}

impl Tour {
    pub fn offered(demo: Option<String>) -> Self {
        Self { demo }
    }

    pub fn demo(&self) -> Option<&str> {
        self.demo.as_deref()
    }

    pub fn height(&self, _window: Rect) -> u16 {
        0
    }

    pub fn has_keys(&self) -> bool {
        false
    }

    pub fn wants(&self) -> Vec<Want> {
        Vec::new()
    }

    pub fn toggle(&mut self, _scene: &Scene<'_>, _out: &mut Outbox) {}

    pub fn act(&mut self, _action: &str, _scene: &Scene<'_>, _out: &mut Outbox) {}

    pub fn linked(&mut self, _link: &Link, _scene: &Scene<'_>, _out: &mut Outbox) {}

    pub fn news(&mut self, _news: News<'_>, _scene: &Scene<'_>, _out: &mut Outbox) {}

    pub fn draw(&self, _frame: &mut Frame<'_>, _area: Rect, _scene: &Scene<'_>) {}
}
