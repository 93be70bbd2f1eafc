//! Scalars as text: in headers, queries, labels and XML, where JSON's types do not exist.

use crate::api::model::{Kind, Member, Service, TimestampFormat};
use crate::domain::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A member's timestamp format where the model gives one, else the place's own.
fn format(service: &Service, member: &Member, default: TimestampFormat) -> TimestampFormat {
    match &service.get(member.shape).kind {
        Kind::Timestamp { format } => member.timestamp_format.or(*format).unwrap_or(default),
        _ => default,
    }
}

/// The text of a scalar; `None` for lists, structures and what does not fit the member.
pub(super) fn to_text(
    service: &Service,
    member: &Member,
    value: &Value,
    timestamps: TimestampFormat,
) -> Option<String> {
    Some(match (&service.get(member.shape).kind, value) {
        (Kind::Timestamp { .. }, value) => {
            let at = Timestamp::from_document(value)?;
            match format(service, member, timestamps) {
                TimestampFormat::UnixSeconds => at.as_secs_f64().to_string(),
                TimestampFormat::Iso8601 => at.to_rfc3339(),
                TimestampFormat::Rfc822 => rfc822(at)?,
            }
        }
        (_, Value::String(text)) => text.clone(),
        (_, Value::Bool(flag)) => flag.to_string(),
        (_, Value::Number(number)) => number.to_string(),
        _ => return None,
    })
}

/// The value of a text, or what AWS says of one that does not fit.
pub(super) fn from_text(service: &Service, member: &Member, text: &str) -> Result<Value, String> {
    let wrong = || format!("For input string: \"{text}\"");
    Ok(match &service.get(member.shape).kind {
        Kind::Integer { .. } | Kind::Long { .. } => {
            text.trim().parse::<i64>().map(Value::from).map_err(|_| wrong())?
        }
        Kind::Float { .. } | Kind::Double { .. } => match text.trim() {
            word @ ("NaN" | "Infinity" | "-Infinity") => word.into(),
            text => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Value::from).ok_or_else(wrong)?
            }
        },
        Kind::Boolean => match text.trim() {
            "true" | "True" | "TRUE" | "1" => true.into(),
            "false" | "False" | "FALSE" | "0" => false.into(),
            _ => return Err(wrong()),
        },
        Kind::Timestamp { .. } => timestamp(text.trim()).ok_or_else(wrong)?.to_document(),
        Kind::Blob { .. } => {
            STANDARD.decode(text.trim()).map_err(|_| "Invalid Base64 value".to_owned())?;
            text.trim().into()
        }
        Kind::String(_) => text.into(),
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => return Err(wrong()),
    })
}

/// Any of the forms that AWS's clients write.
fn timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_secs_f64(seconds);
    }
    let at = text
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))
        // AWS takes an ISO date without a zone as UTC.
        .or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        })?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

pub(super) fn rfc822(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// Bytes as a document holds them.
pub(super) fn blob(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

/// The bytes of a document's blob.
pub(super) fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}
