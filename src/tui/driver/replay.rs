//! Plays a recording in the terminal: any speed, forward and back.

use super::DriverError;
use super::still::picture;
use super::terminal::{self, Notice, Screen};
use crate::tui::chord::Chord;
use crate::tui::colour::Depth;
use crate::tui::recording::Player;
use crate::tui::text::fit;
use crossterm::event::{self, Event};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);
const STEP: i64 = 5_000;
const SPEEDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0];

struct Replay {
    player: Player,
    speed: f64,
    paused: bool,
    /// Milliseconds of the recording that are to be seen now.
    at: f64,
}

/// Plays until the user leaves.
pub fn play(player: Player, speed: f64, depth: Depth) -> Result<(), DriverError> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    let listener: terminal::Listener = Arc::new(move |notice: Notice| {
        if notice.exit_code().is_some() {
            told.store(true, Ordering::SeqCst);
        }
    });
    let mut screen = Screen::enter(terminal::Options {
        mouse: false,
        depth,
        title: "sagebrush replay".into(),
        ..terminal::Options::new(listener)
    })?;
    let mut replay = Replay { player, speed, paused: false, at: 0.0 };
    let mut last = Instant::now();
    while !ended.load(Ordering::SeqCst) {
        if !replay.paused {
            replay.at += last.elapsed().as_secs_f64() * 1000.0 * replay.speed;
            replay.at = replay.at.min(replay.player.length() as f64);
        }
        last = Instant::now();
        replay
            .player
            .go(replay.at as i64)
            .map_err(|error| DriverError::Options(error.to_string()))?;
        let buffer = picture(&replay.player.state);
        screen.draw(|frame| replay.draw(&buffer, frame))?;
        // At rest it waits for keys alone.
        let wait = if replay.resting() { Duration::from_secs(3600) } else { FRAME };
        while event::poll(wait)? {
            if let Event::Key(key) = event::read()?
                && let Some(chord) = Chord::of(&key)
                && !replay.key(&chord.to_string())
            {
                return Ok(());
            }
            if !event::poll(Duration::ZERO)? {
                break;
            }
        }
        if replay.resting() {
            last = Instant::now();
        }
    }
    Ok(())
}

impl Replay {
    fn resting(&self) -> bool {
        self.paused || self.player.ended()
    }

    /// False when it is time to leave.
    fn key(&mut self, key: &str) -> bool {
        let length = self.player.length() as f64;
        let faster = |speed: f64| SPEEDS.iter().copied().find(|next| *next > speed);
        let slower = |speed: f64| SPEEDS.iter().rev().copied().find(|next| *next < speed);
        match key {
            "q" | "esc" | "ctrl-c" => return false,
            "space" => self.paused = !self.paused,
            "right" | "l" => self.at = (self.at + STEP as f64).min(length),
            "left" | "h" => self.at = (self.at - STEP as f64).max(0.0),
            "." => (self.at, self.paused) = ((self.at + 100.0).min(length), true),
            "," => (self.at, self.paused) = ((self.at - 100.0).max(0.0), true),
            "+" | "=" | "up" => self.speed = faster(self.speed).unwrap_or(self.speed),
            "-" | "down" => self.speed = slower(self.speed).unwrap_or(self.speed),
            "g" | "home" | "0" => self.at = 0.0,
            "G" | "end" => self.at = length,
            _ => {}
        }
        true
    }

    fn draw(&self, recorded: &Buffer, frame: &mut Frame<'_>) {
        let window = frame.area();
        let shown = Rect { height: window.height.saturating_sub(1), ..window };
        let buffer = frame.buffer_mut();
        let area = recorded.area.intersection(shown);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                buffer[(x, y)] = recorded[(x, y)].clone();
            }
        }
        let theme = self.player.state.theme;
        let clock = |millis: i64| format!("{}:{:02}", millis / 60_000, millis / 1000 % 60);
        let mark = if self.paused { "▮▮" } else { "▶" };
        let cut = recorded.area.width > shown.width || recorded.area.height > shown.height;
        let wanted = if cut {
            format!(" · recorded at {}×{}", recorded.area.width, recorded.area.height)
        } else {
            String::new()
        };
        let text = format!(
            " REPLAY {mark} {} / {} ×{}{wanted}   space pause · ←→ 5 s · , . step · +- speed · g G ends · q leave",
            clock(self.player.position()),
            clock(self.player.length()),
            self.speed,
        );
        if window.height > 0 {
            let last = Rect { y: window.bottom() - 1, height: 1, ..window };
            let text = fit(&text, usize::from(window.width)).into_owned();
            frame.render_widget(Line::styled(text, theme.header), last);
            frame.buffer_mut().set_style(last, theme.header);
        }
    }
}
