//! Quantities as text: short, with their unit, three digits that matter, never wider than [`WIDEST`].
//! Tables stay aligned because nothing here grows with what it shows.

use crate::domain::money::{Money, Total};
use crate::domain::time::Timestamp;
use crate::domain::words;
use jiff::tz::TimeZone;
use std::time::Duration;

/// No quantity takes more columns ([`total`] aside, which may add what it leaves out).
pub const WIDEST: usize = 12;

/// `850 µs`, `1.82 ms`, `12.3 s`, `3 m 05 s`, `2 h 14 m`, `3 d 4 h`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    // Half a unit of the last digit shown, so that 59.96 s is a minute and not 60.0 s.
    if span < Duration::from_millis(59_950) {
        return micros(span.as_secs_f64() * 1e6);
    }
    let seconds = seconds + u64::from(seconds < 86_400 && span.subsec_millis() >= 500);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match days {
        0 if hours == 0 => format!("{minutes} m {:02} s", seconds % 60),
        0 => format!("{hours} h {:02} m", minutes % 60),
        1..1_000 => format!("{days} d {} h", hours % 24),
        _ => format!("{} d", compact(days as f64)),
    }
}

/// A span of so many microseconds, below a minute in its own unit: `850 µs`, `1.82 ms`, `12.3 s`.
pub fn micros(micros: f64) -> String {
    match micros {
        span if !span.is_finite() => "—".to_owned(),
        span if span < 0.0 => format!("-{}", self::micros(-span)),
        span if span < 999.5 => format!("{} µs", digits(span)),
        span if span < 999_500.0 => format!("{} ms", digits(span / 1e3)),
        span if span < 59_950_000.0 => format!("{} s", digits(span / 1e6)),
        span => duration(Duration::from_secs((span / 1e6).min(1e15) as u64)),
    }
}

/// Events a second: `0.5/s`, `208/s`, `1.8k/s`.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", compact(per_second))
}

/// A number in about three digits: `0.021`, `34`, `1.8k`, `2.1M`, `1.5e-7`.
pub fn compact(number: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let size = number.abs();
    if !number.is_finite() {
        return if number.is_nan() { "—" } else { "∞" }.to_owned();
    }
    if size >= 999.5e12 || (size > 0.0 && size < 0.000_095) {
        return format!("{number:.1e}");
    }
    let sign = if number < 0.0 { "-" } else { "" };
    for (unit, suffix) in UNITS {
        if size >= unit * 0.9995 {
            return format!("{sign}{}{suffix}", digits(size / unit));
        }
    }
    format!("{sign}{}", digits(size))
}

/// A count with its thousands apart up to a million (`1,812`), in short beyond (`2.1M`).
pub fn count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{},{:03}", number / 1_000, number % 1_000),
        _ => compact(number as f64),
    }
}

/// `1 request`, `1,812 requests`: a count and what is counted.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {}", count(number), words::noun(number, noun))
}

/// `512 B`, `1.4 KiB`, `3.2 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", digits(size), UNITS[unit])
}

/// Dollars: `$0.0412`, `$3.00`, `$12.4k`; `unknown` when there is no price.
pub fn money(amount: Option<Money>) -> String {
    let Some(amount) = amount else { return "unknown".to_owned() };
    let dollars = amount.as_dollars();
    let (sign, size) = (if dollars < 0.0 { "-" } else { "" }, dollars.abs());
    match size {
        size if size <= 0.0 => "$0".to_owned(),
        size if size < 0.000_095 => format!("{sign}<$0.0001"),
        size if size < 0.095 => format!("{sign}${size:.4}"),
        size if size < 0.995 => format!("{sign}${size:.3}"),
        size if size < 9_999.5 => format!("{sign}${size:.2}"),
        size => format!("{sign}${}", compact(size)),
    }
}

/// A total, and how much of it has no known price: `$1.20`, `$1.20 + 2 unknown`, or `no known price`.
pub fn total(total: Total) -> String {
    match total.unpriced {
        0 => money(Some(total.known)),
        _ if total.known == Money::ZERO => "no known price".to_owned(),
        unpriced => format!("{} + {unpriced} unknown", money(Some(total.known))),
    }
}

/// A share of 0 to 1: `0 %`, `<0.1 %`, `9.7 %`, `89.7 %`, `99.96 %`, `100 %`.
pub fn percent(share: f64) -> String {
    let hundredths = share * 100.0;
    match hundredths {
        part if !part.is_finite() => "—".to_owned(),
        part if part < 0.0 => format!("-{}", percent(-share)),
        part if part <= 0.0 => "0 %".to_owned(),
        part if part < 0.095 => "<0.1 %".to_owned(),
        // What is not all never reads as all.
        part if (99.995..100.0).contains(&part) => ">99.99 %".to_owned(),
        part if (99.9..100.0).contains(&part) => format!("{part:.2} %"),
        part if (part - part.round()).abs() < 0.005 && part < 999.5 => format!("{part:.0} %"),
        part if part < 999.5 => format!("{part:.1} %"),
        part => format!("{} %", compact(part)),
    }
}

/// How long ago: `just now`, `42 s ago`, `3 m ago`, `2 h ago`, `5 d ago`; `in 3 m` for what is ahead.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_millis().saturating_sub(at.as_millis()) / 1_000;
    let size = seconds.unsigned_abs();
    let age = match size {
        0..2 => return "just now".to_owned(),
        2..60 => format!("{size} s"),
        60..3_600 => format!("{} m", size / 60),
        3_600..86_400 => format!("{} h", size / 3_600),
        86_400..34_560_000 => format!("{} d", size / 86_400),
        _ => format!("{} y", (size / 31_557_600).min(9_999)),
    };
    if seconds < 0 { format!("in {age}") } else { format!("{age} ago") }
}

/// The time of day: `12:04:31`; `--:--:--` for what no clock shows.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(
        |_| "--:--:--".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
    )
}

/// `2026-01-02 12:04:31`.
pub fn date_and_time(at: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(
        |_| "-".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// What a time zone is called and how far it is from UTC at a moment: `Europe/Berlin, +01:00`.
pub fn zone(at: Timestamp, zone: &TimeZone) -> String {
    let offset = jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| String::new(), |at| at.to_zoned(zone.clone()).strftime("%:z").to_string());
    match zone.iana_name() {
        _ if *zone == TimeZone::UTC => "UTC".to_owned(),
        Some(name) => format!("{name}, {offset}"),
        None => offset,
    }
}

/// Three digits that matter of a number from 0 to 999, without zeros that say nothing.
fn digits(number: f64) -> String {
    let places = match number {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.095 => 3,
        _ => 4,
    };
    let text = format!("{number:.places$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text::width;
    use proptest::prelude::*;

    fn millis(millis: u64) -> String {
        duration(Duration::from_millis(millis))
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        assert_eq!(duration(Duration::ZERO), "0 µs");
        assert_eq!(duration(Duration::from_nanos(850_400)), "850 µs");
        assert_eq!(micros(1_820.0), "1.82 ms");
        assert_eq!(micros(999.7), "1 ms");
        assert_eq!(millis(12_345), "12.3 s");
        assert_eq!(millis(59_949), "59.9 s");
        assert_eq!(millis(59_950), "1 m 00 s");
        assert_eq!(millis(185_000), "3 m 05 s");
        assert_eq!(millis(8_040_000), "2 h 14 m");
        assert_eq!(millis(273_600_000), "3 d 4 h");
        assert_eq!(duration(Duration::MAX), "214T d");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(rate(1_812.0), "1.81k/s");
        assert_eq!(rate(208.0), "208/s");
        assert_eq!(rate(0.5), "0.5/s");
        assert_eq!(compact(0.021), "0.021");
        assert_eq!(compact(999_700.0), "1M");
        assert_eq!(compact(1.5e-7), "1.5e-7");
        assert_eq!(compact(-34.0), "-34");
        assert_eq!(count(1_812), "1,812");
        assert_eq!(count(2_140_000), "2.14M");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_434), "1.4 KiB");
        assert_eq!(bytes(u64::MAX), "16 EiB");
    }

    #[test]
    fn money_is_exact_enough_and_never_free_by_rounding() {
        let dollars = |text| money(Money::parse(text));
        assert_eq!(dollars("0.0412"), "$0.0412");
        assert_eq!(dollars("0.61"), "$0.610");
        assert_eq!(dollars("2.14"), "$2.14");
        assert_eq!(dollars("0.000001"), "<$0.0001");
        assert_eq!(dollars("12400"), "$12.4k");
        assert_eq!(money(None), "unknown");
        let some = Total { known: Money::parse("1.2").unwrap_or_default(), unpriced: 2 };
        assert_eq!(total(some), "$1.20 + 2 unknown");
    }

    #[test]
    fn shares_neither_vanish_nor_fill_by_rounding() {
        assert_eq!(percent(0.897), "89.7 %");
        assert_eq!(percent(0.9), "90 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.0004), "<0.1 %");
        assert_eq!(percent(0.9996), "99.96 %");
        assert_eq!(percent(0.999_999), ">99.99 %");
        assert_eq!(percent(1.0), "100 %");
    }

    #[test]
    fn ages_and_clocks() {
        let now = Timestamp::from_millis(1_795_867_471_000);
        let before = |seconds: i64| Timestamp::from_millis(now.as_millis() - seconds * 1_000);
        assert_eq!(ago(before(1), now), "just now");
        assert_eq!(ago(before(200), now), "3 m ago");
        assert_eq!(ago(before(-200), now), "in 3 m");
        assert_eq!(clock(now, &TimeZone::UTC), "12:04:31");
        let zone_of = |hours| TimeZone::fixed(jiff::tz::offset(hours));
        assert_eq!(clock(now, &zone_of(2)), "14:04:31");
        assert_eq!(date_and_time(now, &zone_of(-13)).get(11..), Some("23:04:31"));
        assert_eq!(zone(now, &zone_of(-5)), "-05:00");
        assert_eq!(zone(now, &TimeZone::UTC), "UTC");
        assert_eq!(clock(Timestamp::from_millis(i64::MAX), &TimeZone::UTC), "--:--:--");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_promised(
            number in prop_oneof![any::<f64>(), -1e6..1e6_f64, 0.0..2.0_f64, Just(f64::NAN)],
            whole in prop_oneof![any::<u64>(), 0..5_000_000_u64],
            nanos in any::<i128>(),
            at in any::<i64>(),
            now in any::<i64>(),
        ) {
            let (at, now) = (Timestamp::from_millis(at), Timestamp::from_millis(now));
            for text in [
                duration(Duration::from_nanos(whole)),
                duration(Duration::from_secs(whole)),
                micros(number),
                rate(number),
                compact(number),
                count(whole),
                bytes(whole),
                money(Some(Money::from_nanos(nanos))),
                percent(number),
                ago(at, now),
                clock(at, &TimeZone::UTC),
            ] {
                prop_assert!(width(&text) <= WIDEST && !text.is_empty(), "{text:?}");
            }
        }

        #[test]
        fn longer_spans_never_read_as_shorter(a in 0..50_000_000_u64, b in 0..50_000_000_u64) {
            let read = |micros: u64| {
                let text = duration(Duration::from_micros(micros));
                let (number, unit) = text.split_once(' ').unwrap();
                let factor = match unit { "µs" => 1.0, "ms" => 1e3, _ => 1e6 };
                number.parse::<f64>().unwrap() * factor
            };
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(read(less) <= read(more));
            prop_assert!((read(less) - less as f64).abs() <= less as f64 * 0.006 + 0.5);
        }
    }
}
