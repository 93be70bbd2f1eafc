//! What a resource does at this moment, in a few words: what would end, and who would miss it, when it
//! is deleted or stopped. A question before something that cannot be undone says it.

use super::format;
use super::mirror::Mirror;
use super::row::Row;
use crate::domain::kind;
use crate::domain::words::counted;
use serde_json::Value;

/// What would be affected; `None` where nothing is known to be.
pub fn of(row: &Row, mirror: &Mirror, now: i64) -> Option<String> {
    let parts = match row.kind.as_str() {
        kind::ENDPOINT => endpoint(row, mirror, now),
        kind::ENDPOINT_CONFIG => vec![using(mirror, "endpoint", kind::ENDPOINT, |endpoint| {
            endpoint.text("EndpointConfigName").eq_ignore_ascii_case(&row.name)
        })?],
        kind::MODEL => {
            vec![using(mirror, "configuration", kind::ENDPOINT_CONFIG, |config| {
                let mut variants = config.list("ProductionVariants").iter();
                variants.any(|variant| {
                    let model = variant.get("ModelName").and_then(Value::as_str);
                    model.is_some_and(|name| name.eq_ignore_ascii_case(&row.name))
                })
            })?]
        }
        kind::MODEL_PACKAGE_GROUP => {
            let packages = mirror.rows(kind::MODEL_PACKAGE).iter();
            let own = packages.filter(|(_, one)| one.parent.eq_ignore_ascii_case(&row.name));
            match own.count() as u64 {
                0 => return None,
                versions => vec![counted(versions, "version")],
            }
        }
        kind::MODEL_PACKAGE => vec![row.text("ModelApprovalStatus").to_owned()],
        kind::TRAINING_JOB if row.status == "InProgress" => {
            let ran = (now as f64 / 1000.0 - row.created).clamp(0.0, 1e12);
            let ran = std::time::Duration::from_secs(ran as u64);
            vec![format!("has run for {}", format::duration(ran))]
        }
        kind::BUCKET => match row.number("Objects") {
            Some(objects) if objects > 0.0 => {
                let bytes = row.number("Bytes").unwrap_or(0.0) as u64;
                vec![format::counted(objects as u64, "object"), format::bytes(bytes)]
            }
            _ => return None,
        },
        _ => return None,
    };
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// An endpoint's traffic and instances, and whether the workbench's own traffic is among it.
fn endpoint(row: &Row, mirror: &Mirror, now: i64) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(rates) = mirror.live.rates(&row.name, now).filter(|rates| rates.requests > 0.0) {
        parts.push(format!("takes {}", format::rate(rates.requests)));
    }
    let count = |variant: &Value| variant.get("CurrentInstanceCount").and_then(Value::as_u64);
    let instances: u64 = row.list("ProductionVariants").iter().filter_map(count).sum();
    if instances > 0 {
        parts.push(counted(instances, "instance"));
    }
    if mirror.loads.get(&row.name.to_lowercase()).is_some_and(|load| load.running) {
        parts.push("own traffic runs".to_owned());
    }
    parts
}

/// `used by endpoint live`, `used by 3 endpoints`.
fn using(mirror: &Mirror, noun: &str, kind: &str, uses: impl Fn(&Row) -> bool) -> Option<String> {
    let users = mirror.rows(kind).iter().map(|(_, row)| row).filter(|row| uses(row));
    let users: Vec<&str> = users.map(|row| row.name.as_str()).collect();
    match users.as_slice() {
        [] => None,
        [one] => Some(format!("used by {noun} {one}")),
        many => Some(format!("used by {}", counted(many.len() as u64, noun))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{self, Traffic};
    use crate::tui::view::Place;

    fn said(kind: &str, name: &str) -> Option<String> {
        let mut state = testing::with_region((120, 40), Place::new("overview"));
        let mut requests = Traffic::iris();
        for _ in 0..20 {
            let line = requests.beat(0.5);
            state.now = (requests.at * 1000.0) as i64;
            testing::feed(&mut state, [line]);
        }
        let row = state.mirror.row(kind, name).unwrap().clone();
        of(&row, &state.mirror, state.now)
    }

    #[test]
    fn what_would_end_is_said() {
        let endpoint = said(kind::ENDPOINT, "iris-live").unwrap();
        assert!(endpoint.starts_with("takes ") && endpoint.ends_with("2 instances"), "{endpoint}");
        let config = said(kind::ENDPOINT_CONFIG, "iris-live");
        assert_eq!(config.as_deref(), Some("used by endpoint iris-live"));
        assert_eq!(said(kind::MODEL_PACKAGE_GROUP, "iris").as_deref(), Some("2 versions"));
        assert!(said(kind::BUCKET, "iris").unwrap().starts_with("4 objects, "));
        assert_eq!(said(kind::BUCKET, "iris-captured"), None);
        assert_eq!(said(kind::TRAINING_JOB, "blue"), None, "it is over");
    }
}
