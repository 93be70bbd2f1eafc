//! What the header says of money, machine and time.

use serde_json::Value;

/// The totals of `/_sagebrush/cost`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Dollars an hour of what runs now and has a known price.
    pub hourly: f64,
    /// Dollars so far.
    pub total: f64,
    /// Resources whose price has no public source; they are left out.
    pub unknown: u64,
    /// When the newest of the list prices was looked up, such as `2026-11-20`.
    pub date: Option<String>,
}

impl Cost {
    pub fn of(document: &Value) -> Option<Self> {
        let dollars = |pointer: &str| document.pointer(pointer)?.as_str()?.parse::<f64>().ok();
        let unpriced = document.pointer("/Total/unpriced").and_then(Value::as_u64);
        Some(Self {
            total: dollars("/Total/known")?,
            hourly: dollars("/RunningPerHour/known").unwrap_or(0.0),
            unknown: unpriced.unwrap_or(0),
            date: newest(document),
        })
    }

    /// `$0.61/h $2.14+?`: now, so far, and more where a price is unknown.
    pub fn line(&self) -> String {
        let more = if self.unknown > 0 { "+?" } else { "" };
        format!("${:.2}/h ${:.2}{more}", self.hourly, self.total)
    }
}

fn newest(document: &Value) -> Option<String> {
    let prices = document.get("Prices")?.as_array()?.iter();
    let date = prices.filter_map(|price| price.get("Date")?.as_str()).max()?;
    Some(date.to_owned())
}

/// What stands in for instances.
pub fn engine_line(engine: &Value) -> Option<String> {
    let kind = engine.pointer("/engine/name").and_then(Value::as_str)?;
    let cores = engine.pointer("/machine/cores").and_then(Value::as_f64).unwrap_or(0.0);
    Some(format!("{kind} · {cores} cores"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_header_says_what_it_costs_by_which_list() {
        let bill = json!({
            "Total": {"known": "2.14", "unpriced": 1}, "RunningPerHour": {"known": "0.61", "unpriced": 0},
            "Prices": [{"Source": "a", "Date": "2026-10-02"}, {"Source": "b", "Date": "2026-11-20"}],
        });
        let cost = Cost::of(&bill).unwrap();
        assert_eq!(cost.line(), "$0.61/h $2.14+?");
        assert_eq!(cost.date.as_deref(), Some("2026-11-20"));
        assert_eq!(Cost::of(&json!({})), None);
    }

    #[test]
    fn cores_are_cores() {
        let engine = json!({"engine": {"name": "process"}, "machine": {"cores": 2.0}});
        assert_eq!(engine_line(&engine).unwrap(), "process · 2 cores");
    }
}
