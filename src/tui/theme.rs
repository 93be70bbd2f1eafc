//! What things look like. Screens and widgets name roles; a theme says which style a role has.
//!
//! Nothing is told by colour alone: statuses have shapes, selections have marks, so that `plain`
//! (what `NO_COLOR` asks for) loses nothing but pleasure.

use ratatui::style::{Color, Modifier, Style};

/// A theme: one style for each role.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    pub name: &'static str,
    /// One sentence for the settings screen.
    pub about: &'static str,
    /// Whether it is meant for a light background.
    pub light: bool,
    pub text: Style,
    /// Less important text: units, times, labels.
    pub dim: Style,
    /// Barely there: rules, empty bars, placeholders.
    pub faint: Style,
    /// What one's eye should find first: names, the current value.
    pub accent: Style,
    pub title: Style,
    pub border: Style,
    /// The border of the pane that has the keys.
    pub focus: Style,
    pub header: Style,
    /// A key's name in hints and help.
    pub key: Style,
    /// The row under the cursor.
    pub selected: Style,
    /// Rows marked for an action on several.
    pub marked: Style,
    /// What a search or filter found.
    pub found: Style,
    pub good: Style,
    pub busy: Style,
    pub warn: Style,
    pub bad: Style,
    /// Ended on purpose, or of no more interest.
    pub off: Style,
    /// Syntax of documents and code.
    pub member: Style,
    pub string: Style,
    pub number: Style,
    pub keyword: Style,
    pub comment: Style,
    /// Colours of curves, variants, histograms; told apart by marks and labels as well.
    pub series: [Style; 6],
}

const fn fg(color: Color) -> Style {
    Style::new().fg(color)
}

const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Theme = Theme {
    name: "dark",
    about: "Muted greens and greys of the high desert, for dark terminals",
    light: false,
    text: fg(rgb(0xd6_dad3)),
    dim: fg(rgb(0x93_9d92)),
    faint: fg(rgb(0x4d_5650)),
    accent: fg(rgb(0xe6_ead9)).add_modifier(Modifier::BOLD),
    title: fg(rgb(0xa9_c29a)).add_modifier(Modifier::BOLD),
    border: fg(rgb(0x4d_5650)),
    focus: fg(rgb(0xa9_c29a)),
    header: Style::new().fg(rgb(0xe6_ead9)).bg(rgb(0x2c_342d)),
    key: fg(rgb(0xd9_b36c)).add_modifier(Modifier::BOLD),
    selected: Style::new().bg(rgb(0x3a_463c)).add_modifier(Modifier::BOLD),
    marked: fg(rgb(0xd9_b36c)),
    found: Style::new().fg(rgb(0x1b_1f1b)).bg(rgb(0xd9_b36c)),
    good: fg(rgb(0x8f_c97f)),
    busy: fg(rgb(0x7f_b6c9)),
    warn: fg(rgb(0xe0_b25b)),
    bad: fg(rgb(0xe2_7d6d)),
    off: fg(rgb(0x78_8078)),
    member: fg(rgb(0x8f_b8d0)),
    string: fg(rgb(0xa9_c29a)),
    number: fg(rgb(0xd9_b36c)),
    keyword: fg(rgb(0xc7_9fc9)),
    comment: fg(rgb(0x78_8078)).add_modifier(Modifier::ITALIC),
    series: [
        fg(rgb(0x6f_b1d8)),
        fg(rgb(0x8f_c97f)),
        fg(rgb(0xe0_9d6a)),
        fg(rgb(0xc7_9fc9)),
        fg(rgb(0xe2_ce6d)),
        fg(rgb(0xe2_7d8d)),
    ],
};

const LIGHT: Theme = Theme {
    name: "light",
    about: "The same landscape at noon, for light terminals",
    light: true,
    text: fg(rgb(0x2b_322c)),
    dim: fg(rgb(0x5d_675e)),
    faint: fg(rgb(0xb4_bcb2)),
    accent: fg(rgb(0x10_1610)).add_modifier(Modifier::BOLD),
    title: fg(rgb(0x3f_6b35)).add_modifier(Modifier::BOLD),
    border: fg(rgb(0xb4_bcb2)),
    focus: fg(rgb(0x3f_6b35)),
    header: Style::new().fg(rgb(0x10_1610)).bg(rgb(0xdc_e4d8)),
    key: fg(rgb(0x8a_5a00)).add_modifier(Modifier::BOLD),
    selected: Style::new().bg(rgb(0xd3_dfce)).add_modifier(Modifier::BOLD),
    marked: fg(rgb(0x8a_5a00)),
    found: Style::new().fg(rgb(0x10_1610)).bg(rgb(0xf2_cf7a)),
    good: fg(rgb(0x2b_7a2b)),
    busy: fg(rgb(0x0f_6a86)),
    warn: fg(rgb(0x9a_6200)),
    bad: fg(rgb(0xb0_2a1c)),
    off: fg(rgb(0x7f_877e)),
    member: fg(rgb(0x1f_5c86)),
    string: fg(rgb(0x3f_6b35)),
    number: fg(rgb(0x8a_5a00)),
    keyword: fg(rgb(0x7a_3d86)),
    comment: fg(rgb(0x7f_877e)).add_modifier(Modifier::ITALIC),
    series: [
        fg(rgb(0x1c_6ea4)),
        fg(rgb(0x2b_7a2b)),
        fg(rgb(0xb8_5a12)),
        fg(rgb(0x7a_3d86)),
        fg(rgb(0x8a_7300)),
        fg(rgb(0xb0_2a5c)),
    ],
};

const HIGH_CONTRAST: Theme = Theme {
    name: "high-contrast",
    about: "Pure colours on black, for projectors and tired eyes",
    light: false,
    text: Style::new().fg(rgb(0xff_ffff)).bg(rgb(0)),
    dim: Style::new().fg(rgb(0xd0_d0d0)).bg(rgb(0)),
    faint: Style::new().fg(rgb(0x9a_9a9a)).bg(rgb(0)),
    accent: Style::new().fg(rgb(0xff_ff00)).bg(rgb(0)).add_modifier(Modifier::BOLD),
    title: Style::new().fg(rgb(0xff_ffff)).bg(rgb(0)).add_modifier(Modifier::BOLD),
    border: Style::new().fg(rgb(0xd0_d0d0)).bg(rgb(0)),
    focus: Style::new().fg(rgb(0xff_ff00)).bg(rgb(0)),
    header: Style::new().fg(rgb(0)).bg(rgb(0xff_ffff)).add_modifier(Modifier::BOLD),
    key: Style::new().fg(rgb(0xff_ff00)).bg(rgb(0)).add_modifier(Modifier::BOLD),
    selected: Style::new().fg(rgb(0)).bg(rgb(0xff_ff00)).add_modifier(Modifier::BOLD),
    marked: Style::new().fg(rgb(0x00_ffff)).bg(rgb(0)).add_modifier(Modifier::BOLD),
    found: Style::new().fg(rgb(0)).bg(rgb(0x00_ffff)),
    good: Style::new().fg(rgb(0x00_ff00)).bg(rgb(0)),
    busy: Style::new().fg(rgb(0x00_ffff)).bg(rgb(0)),
    warn: Style::new().fg(rgb(0xff_d700)).bg(rgb(0)),
    bad: Style::new().fg(rgb(0xff_6060)).bg(rgb(0)).add_modifier(Modifier::BOLD),
    off: Style::new().fg(rgb(0xb0_b0b0)).bg(rgb(0)),
    member: Style::new().fg(rgb(0x00_ffff)).bg(rgb(0)),
    string: Style::new().fg(rgb(0x80_ff80)).bg(rgb(0)),
    number: Style::new().fg(rgb(0xff_d700)).bg(rgb(0)),
    keyword: Style::new().fg(rgb(0xff_80ff)).bg(rgb(0)),
    comment: Style::new().fg(rgb(0xd0_d0d0)).bg(rgb(0)),
    series: [
        Style::new().fg(rgb(0x00_ffff)).bg(rgb(0)),
        Style::new().fg(rgb(0xff_ff00)).bg(rgb(0)),
        Style::new().fg(rgb(0xff_80ff)).bg(rgb(0)),
        Style::new().fg(rgb(0x00_ff00)).bg(rgb(0)),
        Style::new().fg(rgb(0xff_ffff)).bg(rgb(0)),
        Style::new().fg(rgb(0xff_9050)).bg(rgb(0)),
    ],
};

/// The palette of Okabe and Ito, whose colours differ for every common kind of colour vision.
const COLOUR_BLIND: Theme = Theme {
    name: "colour-blind",
    about: "Okabe and Ito's palette: good is blue, bad is vermilion",
    good: fg(rgb(0x56_b4e9)),
    busy: fg(rgb(0xf0_e442)),
    warn: fg(rgb(0xe6_9f00)),
    bad: fg(rgb(0xd5_5e00)).add_modifier(Modifier::BOLD),
    title: fg(rgb(0x56_b4e9)).add_modifier(Modifier::BOLD),
    focus: fg(rgb(0x56_b4e9)),
    key: fg(rgb(0xe6_9f00)).add_modifier(Modifier::BOLD),
    string: fg(rgb(0x56_b4e9)),
    number: fg(rgb(0xe6_9f00)),
    keyword: fg(rgb(0xcc_79a7)),
    series: [
        fg(rgb(0x56_b4e9)),
        fg(rgb(0xe6_9f00)),
        fg(rgb(0x00_9e73)),
        fg(rgb(0xf0_e442)),
        fg(rgb(0xcc_79a7)),
        fg(rgb(0xd5_5e00)),
    ],
    ..DARK
};

const SIXTEEN: Theme = Theme {
    name: "sixteen",
    about: "The terminal's own sixteen colours",
    light: false,
    text: Style::new(),
    dim: fg(Color::DarkGray),
    faint: fg(Color::DarkGray),
    accent: Style::new().add_modifier(Modifier::BOLD),
    title: fg(Color::Green).add_modifier(Modifier::BOLD),
    border: fg(Color::DarkGray),
    focus: fg(Color::Green),
    // Not reversed: the colours of what stands on it would become patches of background.
    header: Style::new().fg(Color::Black).bg(Color::Gray),
    key: fg(Color::Yellow).add_modifier(Modifier::BOLD),
    selected: Style::new().fg(Color::Black).bg(Color::Gray).add_modifier(Modifier::BOLD),
    marked: fg(Color::Yellow).add_modifier(Modifier::BOLD),
    found: Style::new().fg(Color::Black).bg(Color::Yellow),
    good: fg(Color::Green),
    busy: fg(Color::Cyan),
    warn: fg(Color::Yellow),
    bad: fg(Color::Red).add_modifier(Modifier::BOLD),
    off: fg(Color::DarkGray),
    member: fg(Color::Cyan),
    string: fg(Color::Green),
    number: fg(Color::Yellow),
    keyword: fg(Color::Magenta),
    comment: fg(Color::DarkGray),
    series: [
        fg(Color::Cyan),
        fg(Color::Green),
        fg(Color::Yellow),
        fg(Color::Magenta),
        fg(Color::Blue),
        fg(Color::Red),
    ],
};

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIMMED: Style = Style::new().add_modifier(Modifier::DIM);
/// Dimmed text would hardly be read on it.
const REVERSED: Style =
    Style::new().add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM);

const PLAIN: Theme = Theme {
    name: "plain",
    about: "No colour at all; NO_COLOR chooses it",
    light: false,
    text: Style::new(),
    dim: DIMMED,
    faint: DIMMED,
    accent: BOLD,
    title: BOLD,
    border: DIMMED,
    focus: BOLD,
    header: REVERSED,
    key: BOLD,
    selected: REVERSED,
    marked: BOLD,
    found: Style::new().add_modifier(Modifier::REVERSED),
    good: Style::new(),
    busy: Style::new(),
    warn: BOLD,
    bad: BOLD,
    off: DIMMED,
    member: BOLD,
    string: Style::new(),
    number: Style::new(),
    keyword: Style::new(),
    comment: DIMMED,
    series: [Style::new(), BOLD, DIMMED, Style::new(), BOLD, DIMMED],
};

/// All themes; the first is used where nobody chose one.
pub static THEMES: [Theme; 6] = [DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND, SIXTEEN, PLAIN];

impl Theme {
    pub fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name.eq_ignore_ascii_case(name))
    }

    /// The style of the nth curve, variant or histogram; they repeat after six.
    pub fn series(&self, index: usize) -> Style {
        self.series[index % self.series.len()]
    }
}
