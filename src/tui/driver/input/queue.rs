//! Events on their way to the workbench, never more than it can use.

use crossterm::event::{Event, KeyEventKind, MouseEvent, MouseEventKind};
use std::collections::VecDeque;

/// Events that may wait at once: more than anybody types while a frame is drawn.
pub const CAPACITY: usize = 1024;

/// Pasted bytes that may wait at once.
const PASTED: usize = 4 << 20;

/// What happened to events that did not arrive as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// A size or a place of the mouse that a later one has replaced.
    pub folded: u64,
    /// Lost because the workbench did not keep up.
    pub dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<Event>,
    pasted: usize,
    counts: Counts,
}

impl Queue {
    pub(super) fn push(&mut self, event: Event) {
        match &event {
            // Keys let go are nobody's business here.
            Event::Key(key) if key.kind == KeyEventKind::Release => return,
            // Of sizes only the last is true, wherever in the queue the one before it waits.
            Event::Resize(..) => {
                let before = self.events.len();
                self.events.retain(|waiting| !matches!(waiting, Event::Resize(..)));
                self.counts.folded += (before - self.events.len()) as u64;
            }
            Event::Mouse(mouse) if is_motion(*mouse) => {
                // A size in between has nothing to do with it.
                let sized = |waiting: &&mut Event| matches!(waiting, Event::Resize(..));
                if let Some(Event::Mouse(last)) =
                    self.events.iter_mut().rev().find(|waiting| !sized(waiting))
                    && (last.kind, last.modifiers) == (mouse.kind, mouse.modifiers)
                {
                    *last = *mouse;
                    self.counts.folded += 1;
                    return;
                }
            }
            Event::Paste(text) if self.pasted + text.len() > PASTED => {
                self.counts.dropped += 1;
                return;
            }
            _ => {}
        }
        if self.events.len() >= CAPACITY && !self.make_room(&event) {
            self.counts.dropped += 1;
            return;
        }
        if let Event::Paste(text) = &event {
            self.pasted += text.len();
        }
        self.events.push_back(event);
    }

    /// Where something must go, motion and wheel go before keys, and a new size always finds room.
    fn make_room(&mut self, event: &Event) -> bool {
        let lesser = |waiting: &Event| matches!(waiting, Event::Mouse(mouse) if is_lesser(*mouse));
        let victim = match self.events.iter().position(lesser) {
            Some(at) => at,
            None if matches!(event, Event::Resize(..)) => 0,
            None => return false,
        };
        if let Some(Event::Paste(text)) = self.events.remove(victim) {
            self.pasted -= text.len();
        }
        self.counts.dropped += 1;
        true
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Paste(text) = &event {
            self.pasted -= text.len();
        }
        Some(event)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

/// Only the place counts, and a later one makes an earlier one worthless.
fn is_motion(mouse: MouseEvent) -> bool {
    matches!(mouse.kind, MouseEventKind::Moved | MouseEventKind::Drag(_))
}

fn is_lesser(mouse: MouseEvent) -> bool {
    !matches!(mouse.kind, MouseEventKind::Down(_) | MouseEventKind::Up(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton};
    use proptest::prelude::*;

    fn key(char: char) -> Event {
        Event::Key(KeyEvent::from(KeyCode::Char(char)))
    }

    fn mouse(kind: MouseEventKind, column: u16) -> Event {
        Event::Mouse(MouseEvent { kind, column, row: 0, modifiers: KeyModifiers::NONE })
    }

    fn all(queue: &mut Queue) -> Vec<Event> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn storms_fold_up() {
        let mut queue = Queue::default();
        queue.push(key('a'));
        for column in 0..500 {
            queue.push(Event::Resize(column, 10));
            queue.push(mouse(MouseEventKind::Moved, column));
        }
        let events = all(&mut queue);
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(events.contains(&Event::Resize(499, 10)));
        assert!(events.contains(&mouse(MouseEventKind::Moved, 499)));
        assert_eq!(queue.counts(), Counts { folded: 998, dropped: 0 });
    }

    #[test]
    fn a_drag_keeps_its_ends() {
        let mut queue = Queue::default();
        let left = MouseButton::Left;
        queue.push(mouse(MouseEventKind::Down(left), 1));
        for column in 1..50 {
            queue.push(mouse(MouseEventKind::Drag(left), column));
        }
        queue.push(mouse(MouseEventKind::Up(left), 50));
        assert_eq!(
            all(&mut queue),
            [
                mouse(MouseEventKind::Down(left), 1),
                mouse(MouseEventKind::Drag(left), 49),
                mouse(MouseEventKind::Up(left), 50)
            ]
        );
    }

    #[test]
    fn what_is_lost_is_counted_and_keys_go_last() {
        let mut queue = Queue::default();
        queue.push(mouse(MouseEventKind::ScrollDown, 0));
        for _ in 0..CAPACITY {
            queue.push(key('x'));
        }
        assert_eq!(queue.counts().dropped, 1, "the wheel made room");
        queue.push(key('y'));
        assert_eq!(queue.counts().dropped, 2);
        queue.push(Event::Resize(1, 2));
        let events = all(&mut queue);
        assert_eq!(events.len(), CAPACITY);
        assert_eq!(events.last(), Some(&Event::Resize(1, 2)));
    }

    #[test]
    fn pastes_have_a_bound_of_their_own() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.push(Event::Paste("x".repeat(PASTED / 2)));
        }
        assert_eq!((queue.counts().dropped, queue.events.len()), (1, 2));
        queue.pop();
        queue.push(Event::Paste("y".into()));
        assert_eq!(queue.events.len(), 2);
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            any::<char>().prop_map(key),
            (0_u16..9).prop_map(|size| Event::Resize(size, size)),
            (0_u16..9).prop_map(|at| mouse(MouseEventKind::Moved, at)),
            (0_u16..9).prop_map(|at| mouse(MouseEventKind::ScrollUp, at)),
            "[a-z]{0,4}".prop_map(Event::Paste),
            Just(Event::FocusGained),
        ]
    }

    proptest! {
        #[test]
        fn nothing_goes_missing_uncounted(events in proptest::collection::vec(events(), 0..3000), every in 1_usize..9) {
            let mut queue = Queue::default();
            let mut taken = 0;
            let pushed = events.len();
            let last = events.iter().rev().find(|event| matches!(event, Event::Resize(..))).cloned();
            let mut size = None;
            for (at, event) in events.into_iter().enumerate() {
                queue.push(event);
                prop_assert!(queue.events.len() <= CAPACITY);
                if at % every == 0 && let Some(event) = queue.pop() {
                    taken += 1;
                    if matches!(event, Event::Resize(..)) { size = Some(event); }
                }
            }
            for event in all(&mut queue) {
                taken += 1;
                if matches!(event, Event::Resize(..)) { size = Some(event); }
            }
            let Counts { folded, dropped } = queue.counts();
            prop_assert_eq!(taken + folded + dropped, pushed as u64);
            prop_assert_eq!(size, last, "the last size is the one that arrives last");
            prop_assert_eq!(queue.pasted, 0);
        }
    }
}
