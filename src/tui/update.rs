//! One message in, a changed state and the effects it asks for out. No I/O, no clock of its own:
//! the same messages make the same state.

mod gate;
mod mouse;
mod subject;

use super::chord::Chord;
use super::effect::{Effect, Want};
use super::keymap::{Binding, Meaning};
use super::keys::{GLOBAL, GO};
use super::layers::{Code, Confirm, Help, Leave, Messages, New, Outcome, Palette};
use super::msg::{Answer, Link, Msg, Stamped, Ticket};
use super::state::{Action, State};
use super::theme::THEMES;
use super::tour::Tour;
use super::view::{News, Outbox, Place, Request, Scene, Tone, View};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

/// Messages held while frozen; more end the freeze, so that nothing is lost.
const HELD: usize = 50_000;

/// Takes in one message.
pub fn update(state: &mut State, stamped: Stamped) -> Vec<Effect> {
    // Clocks may be set back; time on the screen is not.
    let at = stamped.at.max(state.now);
    let mut effects = Vec::new();
    let input = matches!(
        stamped.msg,
        Msg::Key(_) | Msg::Mouse(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Focus(_)
    );
    if !input && let Some(held) = &mut state.frozen {
        if matches!(stamped.msg, Msg::Tick) {
            return effects;
        }
        hold(held, stamped);
        if held.len() > HELD {
            effects.extend(thaw(state));
            state.say(Tone::Warn, "The freeze ended: too much has happened meanwhile");
        }
        return effects;
    }
    if !state.is_frozen() {
        state.now = at;
    }
    effects.extend(take(state, stamped.msg));
    let effects = gate::admit(state, effects);
    state.effects_of(&effects);
    effects
}

/// Live lines tell what has come to be so far: of one stream the last of each second is enough.
fn hold(held: &mut Vec<Stamped>, stamped: Stamped) {
    let second = stamped.at / 1000;
    let earlier = held
        .iter()
        .rposition(|one| one.at / 1000 != second || is_superseded(&one.msg, &stamped.msg))
        .filter(|at| held.get(*at).is_some_and(|one| one.at / 1000 == second));
    if let Some(at) = earlier {
        held.remove(at);
    }
    held.push(stamped);
}

fn is_superseded(earlier: &Msg, later: &Msg) -> bool {
    match (earlier, later) {
        (Msg::Endpoint { name, .. }, Msg::Endpoint { name: same, .. }) => name == same,
        (Msg::Load(load), Msg::Load(same)) => load.endpoint == same.endpoint,
        (Msg::Traffic(_), Msg::Traffic(_))
        | (Msg::Cost(_), Msg::Cost(_))
        | (Msg::Engine(_), Msg::Engine(_)) => true,
        _ => false,
    }
}

fn thaw(state: &mut State) -> Vec<Effect> {
    let held = state.frozen.take().unwrap_or_default();
    held.into_iter().flat_map(|stamped| update(state, stamped)).collect()
}

fn take(state: &mut State, msg: Msg) -> Vec<Effect> {
    state.mirror.take(&msg);
    let moves = matches!(msg, Msg::Tick | Msg::Region(_));
    let mut effects = handle(state, msg);
    if moves {
        effects.extend(with_tour(state, Tour::advance));
    }
    effects
}

fn with_tour(
    state: &mut State,
    act: impl FnOnce(&mut Tour, &Scene<'_>, &mut Outbox),
) -> Vec<Effect> {
    let mut out = Outbox::from(state.tickets);
    let mut tour = std::mem::take(&mut state.tour);
    act(&mut tour, &state.scene(), &mut out);
    state.tour = tour;
    carry_out(state, out)
}

fn handle(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) if event.kind != KeyEventKind::Release => key(state, event),
        Msg::Mouse(event) => mouse::mouse(state, event),
        Msg::Paste(text) => paste(state, &text),
        Msg::Resize(columns, rows) => {
            state.window = Rect::new(0, 0, columns, rows);
            Vec::new()
        }
        Msg::Tick => {
            state.mirror.passes(state.now);
            if state.notice.as_ref().is_some_and(|notice| notice.until < state.now) {
                state.notice = None;
            }
            Vec::new()
        }
        Msg::Link(link) => linked(state, &link),
        Msg::Answer { ticket, answer } => answered(state, ticket, &answer),
        Msg::Progress { ticket, done, total, what } => {
            if let Some(work) = state.work.get_mut(&ticket) {
                (work.done, work.total) = (done, total);
                work.what.clone_from(&what);
            }
            tell(state, News::Progress { ticket, done, total, what: &what })
        }
        Msg::Said { ticket, line } => tell(state, News::Said(ticket, &line)),
        Msg::Logs(logs) => tell(state, News::Logs(&logs)),
        Msg::Endpoint { name, line } => tell(state, News::Endpoint(&name, &line)),
        Msg::TrainingJob { name, line } => tell(state, News::TrainingJob(&name, &line)),
        _ => Vec::new(),
    }
}

fn linked(state: &mut State, link: &Link) -> Vec<Effect> {
    match link {
        Link::Lost { why } => state.say(Tone::Bad, format!("The region is gone: {why}")),
        Link::Failed { why } => state.say(Tone::Bad, why.clone()),
        Link::Connected { address, started_here: true, .. } => {
            state.say(Tone::Good, format!("Started the workspace's region at {address}"));
        }
        _ => {}
    }
    with_tour(state, |tour, scene, out| tour.linked(link, scene, out))
}

fn answered(state: &mut State, ticket: Ticket, answer: &Answer) -> Vec<Effect> {
    if let Some(work) = state.work.remove(&ticket) {
        if !answer.calls.is_empty() {
            let (title, words) = (work.title.clone(), work.words);
            state.remember(Action { title, calls: answer.calls.clone(), words });
        }
        conclude(state, &work.title, ticket, answer);
    }
    tell(state, News::Answer(ticket, answer))
}

/// Says how it ended; what a line of the palette has to show at length gets a dialog.
fn conclude(state: &mut State, title: &str, ticket: Ticket, answer: &Answer) {
    let ran = state.ran.remove(&ticket);
    let value = match &answer.outcome {
        Ok(value) => value,
        Err(failure) => {
            // The demo says in its own strip what has failed.
            if state.tour.waits_for(ticket) {
                return;
            }
            let lines = failure.message.lines().count();
            if ran.is_some() && lines > 1 {
                state.put_over(Box::new(Outcome::failed(title, &failure.message)));
            }
            state.say(Tone::Bad, format!("{title}: {}", failure.message));
            return;
        }
    };
    let text = |member: &str| value.get(member).and_then(serde_json::Value::as_str);
    if let Some(Some(name)) = &ran
        && let Some(captured) = text("capture")
    {
        state.variables.insert(name.clone(), captured.to_owned());
    }
    if let Some(summary) = text("summary") {
        match summary.lines().next().unwrap_or_default() {
            // A document is no sentence.
            "" | "{" | "[" => state.say(Tone::Good, format!("Done: {title}")),
            line => state.say(Tone::Good, line.to_owned()),
        }
    }
    if ran.is_some()
        && let Some(outcome) = Outcome::of(title, value)
    {
        state.put_over(Box::new(outcome));
    }
}

/// Tells all views, the tour included.
fn tell(state: &mut State, news: News<'_>) -> Vec<Effect> {
    let mut out = Outbox::from(state.tickets);
    let (mut screens, mut layers) =
        (std::mem::take(&mut state.screens), std::mem::take(&mut state.layers));
    let mut tour = std::mem::take(&mut state.tour);
    let scene = state.scene();
    for view in screens.iter_mut().chain(&mut layers) {
        view.news(news, &scene, &mut out);
    }
    tour.news(news, &scene, &mut out);
    (state.screens, state.layers, state.tour) = (screens, layers, tour);
    carry_out(state, out)
}

/// Lets the topmost view do something.
fn with_top(
    state: &mut State,
    act: impl FnOnce(&mut dyn View, &Scene<'_>, &mut Outbox),
) -> Vec<Effect> {
    let mut out = Outbox::from(state.tickets);
    let layered = !state.layers.is_empty();
    let taken = if layered { state.layers.pop() } else { state.screens.pop() };
    let Some(mut view) = taken else { return Vec::new() };
    act(&mut *view, &state.scene(), &mut out);
    if layered {
        state.layers.push(view);
    } else {
        state.screens.push(view);
    }
    carry_out(state, out)
}

fn key(state: &mut State, event: KeyEvent) -> Vec<Effect> {
    let Some(top) = state.top() else { return Vec::new() };
    if top.typing() {
        let asks = event.code == KeyCode::Esc && top.unsaved();
        let mut taken = false;
        let effects = with_top(state, |view, scene, out| {
            taken = view.typed(event, scene, out);
            if asks {
                discard(view, out);
            }
        });
        if taken {
            return effects;
        }
    } else if state.layers.is_empty()
        && state
            .screens
            .last_mut()
            .and_then(|view| view.table())
            .is_some_and(|table| table.typing())
    {
        let table = state.screens.last_mut().and_then(|view| view.table());
        if table.is_some_and(|table| table.typed(event)) {
            state.keep_filter();
            return Vec::new();
        }
    }
    let Some(chord) = Chord::of(&event) else { return Vec::new() };
    let contexts = contexts(state);
    let mut pressed = std::mem::take(&mut state.pressed);
    pressed.push(chord);
    // A key that does not go on with a sequence begins anew.
    for keys in [pressed.clone(), vec![chord]] {
        match state.keymap.find(&contexts, &keys) {
            Meaning::Action(binding) => {
                let context = state.keymap.context(&contexts, &keys).unwrap_or(GLOBAL);
                return act(state, context, binding);
            }
            Meaning::Begun => {
                state.pressed = keys;
                return Vec::new();
            }
            Meaning::Nothing => {}
        }
    }
    Vec::new()
}

/// Where Esc would close a view that holds what somebody has typed, it asks instead.
fn discard(view: &dyn View, out: &mut Outbox) {
    for request in &mut out.requests {
        if matches!(request, Request::Close) {
            *request = Request::Push(Box::new(Confirm::discard(&view.title())));
        }
    }
}

fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    if state.layers.is_empty()
        && let Some(table) = state.screens.last_mut().and_then(|view| view.table())
        && table.typing()
    {
        table.pasted(text);
        state.keep_filter();
        return Vec::new();
    }
    with_top(state, |view, scene, out| view.pasted(text, scene, out))
}

/// The contexts whose keys count now, the most particular first.
pub fn contexts(state: &State) -> Vec<&'static str> {
    let mut contexts = Vec::new();
    if let Some(top) = state.top() {
        contexts.push(top.name());
        contexts.extend(top.shares());
    }
    if state.tour.has_keys() {
        contexts.push(super::tour::CONTEXT);
    }
    contexts.extend([GO, GLOBAL]);
    contexts
}

fn act(state: &mut State, context: &'static str, binding: &'static Binding) -> Vec<Effect> {
    if binding.changes && state.read_only {
        state.say(Tone::Warn, gate::READ_ONLY);
        return Vec::new();
    }
    if context == GO {
        state.open(&Place::new(binding.action));
        return Vec::new();
    }
    if context == super::tour::CONTEXT {
        return with_tour(state, |tour, scene, out| tour.act(binding.action, scene, out));
    }
    let action = binding.action;
    let mut taken = false;
    let mut effects = with_top(state, |view, scene, out| taken = view.act(action, scene, out));
    if !taken {
        effects.extend(common(state, action));
    }
    effects
}

/// What the common keys do where the view has no meaning of its own for them.
fn common(state: &mut State, action: &str) -> Vec<Effect> {
    if state.layers.is_empty()
        && let Some(table) = state.screens.last_mut().and_then(|view| view.table())
        && (table.act(action) || (action == "back" && table.act("clear")))
    {
        state.keep_filter();
        return Vec::new();
    }
    match action {
        "help" => {
            let contexts = contexts(state);
            state.put_over(Box::new(Help::of(&contexts)));
        }
        "palette" => {
            let palette = Palette::new(state);
            state.put_over(Box::new(palette));
        }
        "back" if state.layers.pop().is_some() || state.back() => {}
        "back" => state.say(Tone::Info, "This is where you began; q leaves"),
        "forward" if state.ahead() => {}
        "forward" => state.say(Tone::Info, "There is nothing further"),
        "freeze" if state.is_frozen() => return thaw(state),
        "freeze" => state.frozen = Some(Vec::new()),
        "mouse" => {
            state.mouse = !state.mouse;
            let whose = if state.mouse {
                "The mouse is the workbench's"
            } else {
                "The mouse is the terminal's: select as you like"
            };
            state.say(Tone::Info, whose);
            return vec![Effect::Mouse(state.mouse)];
        }
        "theme" => {
            let at = THEMES.iter().position(|theme| theme.name == state.theme.name).unwrap_or(0);
            state.theme = &THEMES[(at + 1) % THEMES.len()];
            state.say(Tone::Info, format!("Theme {}: {}", state.theme.name, state.theme.about));
        }
        "tour" => {
            return with_tour(state, Tour::toggle);
        }
        "new" => {
            let screen = state.screen().map_or("", View::name);
            state.put_over(New::begin(screen, &state.mirror));
        }
        "messages" => {
            let messages = Messages::of(state.messages.iter());
            state.put_over(Box::new(messages));
        }
        "suspend" => return vec![Effect::Suspend],
        "redraw" => return vec![Effect::Redraw],
        "quit" => return leave(state),
        "code-last" => match state.actions.back() {
            Some(action) => {
                let code = Code::of_action(action);
                state.put_over(Box::new(code));
            }
            None => state.say(Tone::Info, "Nothing has been done yet whose code could be shown"),
        },
        _ => return subject::act(state, action),
    }
    Vec::new()
}

fn leave(state: &mut State) -> Vec<Effect> {
    if !state.mirror.connected() {
        return vec![Effect::Quit { stop: false }];
    }
    state.put_over(Box::new(Leave::new(&state.mirror, state.read_only)));
    Vec::new()
}

/// Does what views asked of the frame; hands on what they asked of the world.
fn carry_out(state: &mut State, out: Outbox) -> Vec<Effect> {
    state.tickets = out.last_ticket();
    let mut effects = out.effects;
    for request in out.requests {
        match request {
            Request::Open(place) => state.open(&place),
            Request::Push(view) => state.put_over(view),
            Request::Close => {
                if state.layers.pop().is_none() {
                    state.back();
                }
            }
            Request::Notice(tone, text) => state.say(tone, text),
            Request::Act(action) => effects.extend(common(state, action)),
            Request::Confirm { question, names, then } => {
                state.put_over(Box::new(Confirm::new(question, names, then)));
            }
            Request::Command(line) => {
                let palette = Palette::new(state).with(&line, &state.scene());
                state.put_over(Box::new(palette));
            }
            Request::Theme(theme) => state.theme = theme,
            Request::Ran { line, ticket, capture } => {
                state.ran.insert(ticket, capture);
                state.history.retain(|known| *known != line);
                state.history.push_front(line);
                state.history.truncate(200);
            }
        }
    }
    effects
}

/// Brings views up to date before a frame; asks for other streams when other things are looked at.
pub fn settle(state: &mut State) -> Vec<Effect> {
    let mut out = Outbox::from(state.tickets);
    let (body, stage) = (state.body(), state.stage());
    let (mut screens, mut layers) =
        (std::mem::take(&mut state.screens), std::mem::take(&mut state.layers));
    let scene = state.scene();
    let mut wants = std::collections::BTreeSet::new();
    if let Some(view) = screens.last_mut() {
        view.settle(body, &scene, &mut out);
        wants.extend(view.wants(&scene));
    }
    for view in &mut layers {
        let area = view.area(stage);
        view.settle(area, &scene, &mut out);
        wants.extend(view.wants(&scene));
    }
    wants.extend(state.tour.wants());
    // Whatever one looks at, what it costs is told and what happens is noted.
    wants.extend([Want::Cost, Want::Traffic]);
    (state.screens, state.layers) = (screens, layers);
    let mut effects = carry_out(state, out);
    if wants != state.following {
        state.following.clone_from(&wants);
        effects.push(Effect::Follow(wants));
    }
    let effects = gate::admit(state, effects);
    state.effects_of(&effects);
    effects
}

#[cfg(test)]
mod tests;
