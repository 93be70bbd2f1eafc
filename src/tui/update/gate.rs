//! The one gate through which all effects leave. In read-only mode those that change the region are
//! refused here, whatever view has asked for them.

use super::tell;
use crate::tui::effect::Effect;
use crate::tui::msg::{Answer, Failure};
use crate::tui::state::State;
use crate::tui::view::{News, Tone};
use std::collections::VecDeque;

/// What is said to whatever would change the region in read-only mode.
pub(super) const READ_ONLY: &str =
    "Read-only: nothing is changed. Start without --read-only to do this";

/// Lets out what may be done; who waits for the answer to what is refused gets the refusal.
pub(super) fn admit(state: &mut State, effects: Vec<Effect>) -> Vec<Effect> {
    let mut admitted = Vec::with_capacity(effects.len());
    let mut waiting = VecDeque::from(effects);
    while let Some(effect) = waiting.pop_front() {
        if !(state.read_only && effect.changes()) {
            state.leaving |= matches!(effect, Effect::Quit { .. });
            admitted.push(effect);
            continue;
        }
        state.say(Tone::Warn, READ_ONLY);
        if let Some(ticket) = effect.ticket() {
            state.ran.remove(&ticket);
            let failure = Failure { code: "ReadOnly".into(), message: READ_ONLY.into() };
            let answer = Answer { outcome: Err(failure), calls: Vec::new() };
            waiting.extend(tell(state, News::Answer(ticket, &answer)));
        }
    }
    admitted
}
