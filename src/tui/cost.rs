//! What the header says of money, machine and time.

use crate::domain::time::Timestamp;
use serde_json::Value;

/// The totals of `/_sagebrush/cost`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Dollars an hour of what runs now and has a known price.
    pub hourly: f64,
    /// Dollars so far.
    pub total: f64,
    /// Resources whose price has no public source; they are left out.
    pub unknown: u64,
}

impl Cost {
    pub fn of(document: &Value) -> Option<Self> {
        let dollars = |pointer: &str| document.pointer(pointer)?.as_str()?.parse::<f64>().ok();
        let unpriced = document.pointer("/Total/unpriced").and_then(Value::as_u64);
        Some(Self {
            total: dollars("/Total/known")?,
            hourly: dollars("/RunningPerHour/known").unwrap_or(0.0),
            unknown: unpriced.unwrap_or(0),
        })
    }

    /// `$0.61/h $2.14 so far`, with a `+` where prices are unknown.
    pub fn line(self) -> String {
        let more = if self.unknown > 0 { "+?" } else { "" };
        format!("${:.2}/h ${:.2}{more}", self.hourly, self.total)
    }
}

/// What stands in for instances.
pub fn engine_line(engine: &Value) -> Option<String> {
    let kind = engine.pointer("/engine/name").and_then(Value::as_str)?;
    let cores = engine.pointer("/machine/cores").and_then(Value::as_f64).unwrap_or(0.0);
    Some(format!("{kind} · {cores} cores"))
}

/// `12:04:31`, UTC.
pub fn clock(now: i64) -> String {
    let text = Timestamp::from_millis(now).to_rfc3339();
    text.get(11..19).unwrap_or_default().to_owned()
}
