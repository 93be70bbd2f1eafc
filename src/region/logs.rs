//! CloudWatch Logs over the store's log segments.

mod pattern;

use super::dispatch::Table;
use super::{Answer, Call, Refusal, Region, View, family, tag};
use crate::domain::arn::Arn;
use crate::domain::time::Timestamp;
use crate::store::logs::{
    Filter, Group, GroupKept, LogEvent, Place, Read, Start, StreamInfo, StreamOrder, Streams,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pattern::Pattern;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

const BATCH_BYTES: usize = 1_048_576;
/// What CloudWatch counts for each event besides its message.
const EVENT_BYTES: usize = 26;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far in the future an event may lie.
const AHEAD: Duration = Duration::from_secs(2 * 3600);
/// How many days in the past.
const BEHIND_DAYS: u32 = 14;
/// How many groups or streams a page lists at most, and when the caller does not say.
const PAGE: usize = 50;
/// The retentions that there are, in days.
const RETENTIONS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

pub(super) fn rows(table: &mut Table) {
    table
        .service("logs")
        .behaves_but("CreateLogGroup", "logGroupClass and kmsKeyId are kept and shown; nothing is encrypted, and every class does what STANDARD does.", create_group)
        .behaves("DeleteLogGroup", delete_group)
        .recorded("AssociateKmsKey", associate_key)
        .recorded("DisassociateKmsKey", disassociate_key)
        .behaves("DescribeLogGroups", describe_groups)
        .behaves("CreateLogStream", create_stream)
        .behaves("DeleteLogStream", delete_stream)
        .behaves("DescribeLogStreams", describe_streams)
        .behaves_but("PutLogEvents", "The entity is not kept.", put_events)
        .behaves("GetLogEvents", get_events)
        .behaves_but(
            "FilterLogEvents",
            "Patterns of terms, quoted phrases, ?any-of and -exclusions; JSON, space-delimited and %regex% patterns are refused, newest-first order too.",
            filter_events,
        )
        .behaves("PutRetentionPolicy", put_retention)
        .behaves("DeleteRetentionPolicy", delete_retention)
        .behaves("TagResource", tag_resource)
        .behaves("UntagResource", untag_resource)
        .behaves("ListTagsForResource", list_tags);
}

fn group_arn(region: &Region, group: &str) -> String {
    let place = region.place();
    format!("arn:aws:logs:{}:{}:log-group:{group}", place.region, place.account)
}

/// The group that `logGroupName` or `logGroupIdentifier` names; the latter may be an ARN.
fn group_of(input: &Value) -> Result<String, Refusal> {
    match (input.text("logGroupName"), input.text("logGroupIdentifier")) {
        (Some(_), Some(_)) => Err(Refusal::invalid(
            "LogGroup name and LogGroup identifier cannot be specified together.",
        )),
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => group_of_arn(identifier),
        (None, None) => {
            Err(Refusal::invalid("Either LogGroup name or LogGroup identifier must be specified."))
        }
    }
}

fn group_of_arn(text: &str) -> Result<String, Refusal> {
    if !text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    Arn::parse(text)
        .filter(|arn| arn.service == "logs")
        .and_then(|arn| {
            let name = arn.resource.strip_prefix("log-group:")?;
            Some(name.strip_suffix(":*").unwrap_or(name).to_owned())
        })
        .ok_or_else(|| Refusal::Invalid(format!("The ARN {text} is not of a log group.")))
}

fn limit(input: &Value, default: usize) -> usize {
    input.integer("limit").and_then(|most| usize::try_from(most).ok()).unwrap_or(default)
}

fn millis(input: &Value, member: &str) -> Option<Timestamp> {
    input.get(member).and_then(Value::as_i64).map(Timestamp::from_millis)
}

async fn create_group(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("logGroupName").to_owned();
    let tags = tags_of(call.input.part("tags"));
    let usual = GroupKept::default();
    let kept = GroupKept {
        class: call.input.text("logGroupClass").map_or(usual.class, str::to_owned),
        kms_key: call.input.text("kmsKeyId").map(str::to_owned),
    };
    region.store().logs().create_group(&name, kept).await?;
    let arn = group_arn(&region, &name);
    region.store().write(move |change| tag::put(change, &arn, &tags)).await?;
    Ok(family::nothing())
}

async fn delete_group(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("logGroupName");
    region.store().logs().delete_group(name).await?;
    let arn = group_arn(&region, name);
    region.store().write(move |change| tag::forget(change, &arn)).await?;
    Ok(family::nothing())
}

/// The group of a call that names it, or the resource whose key it would be.
fn group_of_key(input: &Value) -> Result<String, Refusal> {
    match (input.text("logGroupName"), input.text("resourceIdentifier")) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(arn)) if arn.contains(":log-group:") => group_of_arn(arn),
        (None, Some(_)) => Err(Refusal::invalid(
            "resourceIdentifier of query results is not simulated by Sagebrush: name a log group.",
        )),
        _ => Err(Refusal::invalid(
            "Either logGroupName or resourceIdentifier must be specified, and not both.",
        )),
    }
}

async fn associate_key(region: Arc<Region>, call: Call) -> Answer {
    let group = group_of_key(&call.input)?;
    region.store().logs().set_kms_key(&group, call.input.text("kmsKeyId")).await?;
    Ok(family::nothing())
}

async fn disassociate_key(region: Arc<Region>, call: Call) -> Answer {
    let group = group_of_key(&call.input)?;
    region.store().logs().set_kms_key(&group, None).await?;
    Ok(family::nothing())
}

async fn create_stream(region: Arc<Region>, call: Call) -> Answer {
    let (group, stream) = (call.input.name("logGroupName"), call.input.name("logStreamName"));
    region.store().logs().create_stream(group, stream).await?;
    Ok(family::nothing())
}

async fn delete_stream(region: Arc<Region>, call: Call) -> Answer {
    let (group, stream) = (call.input.name("logGroupName"), call.input.name("logStreamName"));
    region.store().logs().delete_stream(group, stream).await?;
    Ok(family::nothing())
}

fn group_document(region: &Region, group: &Group) -> Value {
    let arn = group_arn(region, &group.name);
    json!({
        "logGroupName": group.name,
        "creationTime": group.created.as_millis(),
        "retentionInDays": group.retention,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": group.kept.class,
        "kmsKeyId": group.kept.kms_key,
    })
}

async fn describe_groups(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let (prefix, part) = (input.text("logGroupNamePrefix"), input.text("logGroupNamePattern"));
    if prefix.is_some() && part.is_some_and(|part| !part.is_empty()) {
        return Err(Refusal::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let class = input.text("logGroupClass");
    let named = named_groups(&region, input)?;
    let mut after = input.text("nextToken").map(read_token).transpose()?;
    let most = limit(input, PAGE);
    let mut found = Vec::new();
    let mut more = false;
    if let Some(named) = named {
        found = named;
    } else {
        // One more than is asked for tells whether a further page has anything.
        while found.len() <= most {
            let logs = region.store().logs();
            let page = logs.groups(prefix.unwrap_or_default(), after.as_deref(), most + 1)?;
            let last = page.len() <= most;
            after = page.last().map(|group| group.name.clone()).or(after);
            found.extend(
                page.into_iter()
                    .filter(|it| part.is_none_or(|part| it.name.contains(part)))
                    .filter(|it| class.is_none_or(|class| it.kept.class == class)),
            );
            if last {
                break;
            }
        }
        more = found.len() > most;
        found.truncate(most);
    }
    let next = found.last().filter(|_| more).map(|group| URL_SAFE_NO_PAD.encode(&group.name));
    let groups: Vec<Value> = found.iter().map(|group| group_document(&region, group)).collect();
    Ok(json!({"logGroups": groups, "nextToken": next}))
}

fn named_groups(region: &Region, input: &Value) -> Result<Option<Vec<Group>>, Refusal> {
    let named = input.list("logGroupIdentifiers");
    if named.is_empty() {
        return Ok(None);
    }
    let found = named.iter().filter_map(Value::as_str).map(|identifier| {
        Ok::<_, Refusal>(region.store().logs().group(&group_of_arn(identifier)?)?)
    });
    found.collect::<Result<Vec<_>, _>>().map(Some)
}

fn read_token(token: &str) -> Result<String, Refusal> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|name| String::from_utf8(name).ok())
        .ok_or_else(|| Refusal::invalid("The specified nextToken is invalid."))
}

async fn describe_streams(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let group = group_of(input)?;
    let by_time = input.text("orderBy") == Some("LastEventTime");
    let prefix = input.text("logStreamNamePrefix").unwrap_or_default();
    if by_time && !prefix.is_empty() {
        return Err(Refusal::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let ask = Streams {
        prefix: prefix.to_owned(),
        order: if by_time { StreamOrder::LastEvent } else { StreamOrder::Name },
        descending: input.flag("descending"),
        after: input.text("nextToken").map(str::to_owned),
        limit: limit(input, PAGE),
    };
    let page = region.store().logs().streams(&group, &ask)?;
    let streams: Vec<Value> =
        page.streams.iter().map(|stream| stream_document(&region, &group, stream)).collect();
    Ok(json!({"logStreams": streams, "nextToken": page.next}))
}

fn stream_document(region: &Region, group: &str, stream: &StreamInfo) -> Value {
    json!({
        "logStreamName": stream.name,
        "creationTime": stream.created.as_millis(),
        "firstEventTimestamp": stream.first_event.map(Timestamp::as_millis),
        "lastEventTimestamp": stream.last_event.map(Timestamp::as_millis),
        "lastIngestionTime": stream.last_ingestion.map(Timestamp::as_millis),
        "uploadSequenceToken": format!("{:056}", stream.stored_bytes),
        "arn": region.place().log_stream(group, &stream.name),
        "storedBytes": stream.stored_bytes,
    })
}

/// Fifty-six digits, as CloudWatch's tokens have them: twenty of time, the rest of position.
fn digits(place: Place) -> String {
    format!("{:020}{:036}", place.time.max(0), place.position)
}

async fn put_events(region: Arc<Region>, call: Call) -> Answer {
    let (group, stream) = (call.input.name("logGroupName"), call.input.name("logStreamName"));
    let logs = region.store().logs();
    let retention = logs.group(group)?.retention;
    let writer = logs.writer(group, stream)?;
    let sent: Vec<LogEvent> = call.input.list("logEvents").iter().map(event_of).collect();
    check_batch(&sent)?;
    let sorted = Sorted::of(&sent, region.now(), retention);
    check_span(&sent[sorted.accepted.clone()])?;
    let accepted = sent[sorted.accepted.clone()].to_vec();
    let count = accepted.len() as u64;
    let position = tokio::task::spawn_blocking(move || writer.append(&accepted))
        .await
        .map_err(|_| Refusal::Fault("the log writer was stopped".into()))??;
    Ok(json!({
        "nextSequenceToken": format!("{:056}", position + count),
        "rejectedLogEventsInfo": sorted.rejected(sent.len()),
    }))
}

fn event_of(event: &Value) -> LogEvent {
    LogEvent {
        timestamp: millis(event, "timestamp").unwrap_or_default(),
        message: event.name("message").to_owned(),
    }
}

fn check_batch(events: &[LogEvent]) -> Result<(), Refusal> {
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_BYTES).sum();
    if bytes > BATCH_BYTES {
        return Err(Refusal::Invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES}"
        )));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(Refusal::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    Ok(())
}

fn check_span(accepted: &[LogEvent]) -> Result<(), Refusal> {
    match (accepted.first(), accepted.last()) {
        (Some(first), Some(last)) if last.timestamp.since(first.timestamp) > DAY => {
            Err(Refusal::invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ))
        }
        _ => Ok(()),
    }
}

/// Which of a batch's events are taken. They are in the order of time, so the rest lie at its ends.
struct Sorted {
    too_old: usize,
    expired: usize,
    accepted: std::ops::Range<usize>,
}

impl Sorted {
    fn of(events: &[LogEvent], now: Timestamp, retention: Option<u32>) -> Self {
        let before = |limit: Timestamp| events.partition_point(|event| event.timestamp < limit);
        let days_ago = |days: u32| {
            let span = i64::try_from((DAY * days).as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_sub(span))
        };
        let too_old = before(days_ago(BEHIND_DAYS));
        let expired = retention.map_or(0, |days| before(days_ago(days)));
        let future = events.partition_point(|event| event.timestamp <= now.plus(AHEAD));
        let start = too_old.max(expired);
        Self { too_old, expired, accepted: start..future.max(start) }
    }

    /// `rejectedLogEventsInfo`: null when all were taken. The ends are exclusive.
    fn rejected(&self, count: usize) -> Value {
        let mut info = Map::new();
        let mut tell = |member: &str, there: bool, index: usize| {
            if there {
                info.insert(member.to_owned(), index.into());
            }
        };
        tell("tooOldLogEventEndIndex", self.too_old > 0, self.too_old);
        tell("expiredLogEventEndIndex", self.expired > 0, self.expired);
        tell("tooNewLogEventStartIndex", self.accepted.end < count, self.accepted.end);
        if info.is_empty() { Value::Null } else { Value::Object(info) }
    }
}

async fn get_events(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let group = group_of(input)?;
    let start = match input.text("nextToken") {
        Some(token) => position_of(token)?,
        None if input.flag("startFromHead") => Start::Head,
        None => Start::Tail,
    };
    let read = Read {
        start,
        from: millis(input, "startTime"),
        until: millis(input, "endTime"),
        limit: limit(input, 0),
        bytes: 0,
    };
    let slice = region.store().logs().read(&group, input.name("logStreamName"), &read)?;
    let events: Vec<Value> = slice
        .events
        .iter()
        .map(|event| {
            json!({
                "timestamp": event.timestamp.as_millis(),
                "message": event.message,
                "ingestionTime": event.ingested.as_millis(),
            })
        })
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{}", digits(slice.forward)),
        "nextBackwardToken": format!("b/{}", digits(slice.backward)),
    }))
}

fn position_of(token: &str) -> Result<Start, Refusal> {
    let place = |digits: &str| {
        let sound = digits.len() == 56 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (time, position) = sound.then(|| digits.split_at(20))?;
        Some(Place { time: time.parse().ok()?, position: position.parse().ok()? })
    };
    match token.split_at_checked(2) {
        Some(("f/", digits)) => place(digits).map(Start::At),
        Some(("b/", digits)) => place(digits).map(Start::Before),
        _ => None,
    }
    .ok_or_else(|| Refusal::invalid("The specified nextToken is invalid."))
}

async fn filter_events(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let group = group_of(input)?;
    let pattern = Pattern::parse(input.text("filterPattern").unwrap_or_default())?;
    let names = input.list("logStreamNames");
    let prefix = input.text("logStreamNamePrefix").unwrap_or_default();
    if !names.is_empty() && !prefix.is_empty() {
        return Err(Refusal::invalid(
            "logStreamNamePrefix and logStreamNames cannot be specified together.",
        ));
    }
    if input.get("startFromHead") == Some(&Value::Bool(false)) {
        return Err(Refusal::invalid(
            "startFromHead false is not simulated by Sagebrush: FilterLogEvents answers oldest first.",
        ));
    }
    let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let filter = Filter {
        streams: (!names.is_empty()).then_some(names),
        prefix: prefix.to_owned(),
        from: millis(input, "startTime"),
        // CloudWatch includes endTime here, where GetLogEvents leaves it out.
        until: millis(input, "endTime").map(|end| end.plus(Duration::from_millis(1))),
        after: input.text("nextToken").map(str::to_owned),
        limit: limit(input, 0),
    };
    let found =
        region.store().logs().filter(&group, &filter, |message| pattern.matches(message))?;
    let events: Vec<Value> = found
        .events
        .iter()
        .map(|event| {
            let record = &event.record;
            json!({
                "logStreamName": event.stream,
                "timestamp": record.timestamp.as_millis(),
                "message": record.message,
                "ingestionTime": record.ingested.as_millis(),
                "eventId": event_id(&event.stream, record.timestamp, record.position),
            })
        })
        .collect();
    Ok(json!({"events": events, "searchedLogStreams": [], "nextToken": found.next}))
}

/// Fifty-six digits that no other event of the group has.
fn event_id(stream: &str, at: Timestamp, position: u64) -> String {
    format!("{:020}{:010}{position:026}", at.as_millis().max(0), crc32fast::hash(stream.as_bytes()))
}

async fn put_retention(region: Arc<Region>, call: Call) -> Answer {
    let days = call.input.integer("retentionInDays").unwrap_or_default();
    let Some(days) = u32::try_from(days).ok().filter(|days| RETENTIONS.contains(&i64::from(*days)))
    else {
        let known: Vec<String> = RETENTIONS.iter().map(i64::to_string).collect();
        return Err(Refusal::Invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            known.join(", ")
        )));
    };
    region.store().logs().set_retention(call.input.name("logGroupName"), Some(days)).await?;
    Ok(family::nothing())
}

async fn delete_retention(region: Arc<Region>, call: Call) -> Answer {
    region.store().logs().set_retention(call.input.name("logGroupName"), None).await?;
    Ok(family::nothing())
}

/// Tags as Logs has them: a map.
fn tags_of(map: Option<&Value>) -> Vec<tag::Tag> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// The ARN under which a group's tags are kept; the group must exist.
fn tagged(region: &Region, input: &Value) -> Result<String, Refusal> {
    let group = group_of_arn(input.name("resourceArn"))?;
    Ok(group_arn(region, &region.store().logs().group(&group)?.name))
}

async fn tag_resource(region: Arc<Region>, call: Call) -> Answer {
    let arn = tagged(&region, &call.input)?;
    let added = tags_of(call.input.part("tags"));
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            if tag::count_with(&change.tags(&arn)?, &added) > tag::LIMIT {
                return Err(Refusal::Declared(
                    "TooManyTagsException",
                    format!("The resource can have at most {} tags.", tag::LIMIT),
                ));
            }
            Ok(change.tag(&arn, &added)?)
        })
        .await?;
    Ok(family::nothing())
}

async fn untag_resource(region: Arc<Region>, call: Call) -> Answer {
    let arn = tagged(&region, &call.input)?;
    let keys: Vec<String> =
        call.input.list("tagKeys").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    region.store().write(move |change| change.untag(&arn, &keys)).await?;
    Ok(family::nothing())
}

async fn list_tags(region: Arc<Region>, call: Call) -> Answer {
    let arn = tagged(&region, &call.input)?;
    let tags =
        region.store().read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.tags(&arn)?) })?;
    let tags: Map<String, Value> =
        tags.into_iter().map(|(key, value)| (key, value.into())).collect();
    Ok(json!({"tags": tags}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn at(millis: i64) -> LogEvent {
        LogEvent { timestamp: Timestamp::from_millis(millis), message: "m".into() }
    }

    #[test]
    fn what_is_too_old_expired_or_too_new_is_told_and_the_rest_taken() {
        let events = [-15 * 24, -2 * 24, -1, 0, 3].map(|hours| at(NOW + hours * HOUR)).to_vec();
        let now = Timestamp::from_millis(NOW);
        let sorted = Sorted::of(&events, now, Some(1));
        assert_eq!(sorted.accepted, 2..4);
        assert_eq!(
            sorted.rejected(events.len()),
            json!({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4})
        );
        let all = Sorted::of(&events[2..4], now, None);
        assert_eq!((all.accepted.clone(), all.rejected(2)), (0..2, Value::Null));
    }

    #[test]
    fn batches_have_limits() {
        assert!(check_batch(&[at(2), at(1)]).is_err());
        let big = |length: usize| LogEvent { message: "m".repeat(length), ..at(1) };
        assert!(check_batch(&[big(BATCH_BYTES - EVENT_BYTES)]).is_ok());
        assert!(check_batch(&[big(BATCH_BYTES - EVENT_BYTES + 1)]).is_err());
        assert!(check_span(&[at(0), at(24 * HOUR)]).is_ok());
        assert!(check_span(&[at(0), at(24 * HOUR + 1)]).is_err());
    }

    #[test]
    fn positions_travel_as_tokens() {
        let place = Place { time: 1_700_000_000_000, position: 17 };
        assert!(position_of(&format!("f/{}", digits(place))).unwrap() == Start::At(place));
        let first = Place { time: 0, position: 0 };
        assert!(
            position_of(&format!("b/{}", digits(Place::FIRST))).unwrap() == Start::Before(first)
        );
        for wrong in ["", "f", "f/", "f/1", "x/00", &format!("b/{}", "9".repeat(56)), "é/1"] {
            assert!(position_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_group_has_a_name_and_two_arns() {
        for text in ["/a/b", "arn:aws:logs:r:1:log-group:/a/b", "arn:aws:logs:r:1:log-group:/a/b:*"]
        {
            assert_eq!(group_of_arn(text).unwrap(), "/a/b");
        }
        assert!(group_of_arn("arn:aws:s3:::bucket").is_err());
        assert!(group_of(&json!({"logGroupName": "a", "logGroupIdentifier": "a"})).is_err());
        assert!(group_of(&json!({})).is_err());
    }

    proptest! {
        #[test]
        fn every_event_is_taken_or_told(
            mut hours in prop::collection::vec(-400_i64..10, 1..30), retention in prop::option::of(1_u32..20),
        ) {
            hours.sort_unstable();
            let events: Vec<LogEvent> = hours.iter().map(|hour| at(NOW + hour * HOUR)).collect();
            let sorted = Sorted::of(&events, Timestamp::from_millis(NOW), retention);
            let oldest = -24 * i64::from(retention.unwrap_or(14).min(14));
            for (index, hour) in hours.iter().enumerate() {
                let takes = (oldest..=2).contains(hour);
                prop_assert_eq!(sorted.accepted.contains(&index), takes);
            }
        }
    }
}
