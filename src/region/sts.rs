//! Who is calling, and credentials for a while: sessions that verify like the workspace's own key.
//!
//! Roles are names here, not guards: any role may be assumed, and no policy is evaluated. What a
//! session is good for is being told apart, as the caller in answers and in the audit trail.

use super::dispatch::Table;
use super::iam::access;
use super::{Answer, Call, Refusal, Region, View};
use crate::api::signing::Credentials;
use crate::domain::arn::{Arn, Place};
use crate::domain::kind::{self, SESSION};
use crate::domain::time::Timestamp;
use crate::store::{Query, Row, Store, StoreError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The role that every region has, whose session its owner is.
pub const OWNER_ROLE: &str = "SagebrushExecutionRole";

const HOUR: i64 = 3600;
/// Sessions of the account itself last this long when the caller does not say.
const TWELVE_HOURS: i64 = 12 * HOUR;

pub(super) fn rows(table: &mut Table) {
    table
        .service("sts")
        .behaves("GetCallerIdentity", caller_identity)
        .behaves("GetAccessKeyInfo", access_key_info)
        .behaves("GetSessionToken", session_token)
        .behaves_but(
            "AssumeRole",
            "Any role can be assumed, also one that does not exist, unless the workspace says iam = \"strict\"; session policies and MFA are not evaluated.",
            assume_role,
        );
}

/// Credentials that were issued, and who signs with them.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub credentials: Credentials,
    /// Such as `arn:aws:sts::123456789012:assumed-role/Name/session`.
    pub arn: String,
    pub expires: Timestamp,
}

/// All issued credentials that have not expired, in memory: a signature is checked on every request.
#[derive(Default)]
pub(super) struct Sessions {
    issued: RwLock<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    pub(super) fn load(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut query = Query { kind: SESSION.into(), limit: 1000, ..Query::default() };
        let mut found = HashMap::new();
        loop {
            let page = store.read(|snapshot| snapshot.list(&query))?;
            let live = page.rows.iter().filter_map(|row| read(&row.private));
            found.extend(
                live.filter(|session| session.expires > now)
                    .map(|session| (session.credentials.access_key.clone(), Arc::new(session))),
            );
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    fn add(&self, session: Session, now: Timestamp) {
        let mut issued = self.issued.write().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, session| session.expires > now);
        issued.insert(session.credentials.access_key.clone(), Arc::new(session));
    }
}

impl Region {
    /// The issued credentials of that access key, expired ones too as long as they are remembered:
    /// whoever checks a signature must compare `expires` with the time.
    pub fn session(&self, access_key: &str) -> Option<Arc<Session>> {
        let issued = self.sessions.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued.get(access_key).cloned()
    }

    /// Who this machine's own user is, and whoever signs with the workspace's key: a session of the
    /// role that SageMaker's SDK then finds as its execution role.
    pub fn owner_arn(&self) -> String {
        owner_arn(self.place())
    }
}

/// As [`Region::owner_arn`].
pub fn owner_arn(place: &Place) -> String {
    format!("arn:aws:sts::{}:assumed-role/{OWNER_ROLE}/sagebrush", place.account)
}

/// AWS's unique id of an identity: the same for the same ARN, `<role id>:<session>` for a session.
pub fn principal_id(arn: &str) -> String {
    let Some(parsed) = Arn::parse(arn) else { return unique_id("AIDA", arn) };
    let mut parts = parsed.resource.split('/');
    match (parts.next(), parts.next(), parts.next_back()) {
        (Some("assumed-role"), Some(role), Some(session)) => {
            format!("{}:{session}", role_id(&parsed.account, role))
        }
        (Some("root"), ..) => parsed.account,
        _ => unique_id("AIDA", arn),
    }
}

/// The RoleId of a role of an account.
pub fn role_id(account: &str, role: &str) -> String {
    unique_id("AROA", &format!("{account}/{}", role.to_lowercase()))
}

/// Twenty-one characters that begin with `prefix` and follow from `seed`.
pub fn unique_id(prefix: &str, seed: &str) -> String {
    let digest = Sha256::digest(format!("{prefix}/{seed}"));
    prefix.chars().chain(digest.iter().map(|byte| letter(*byte))).take(21).collect()
}

fn letter(byte: u8) -> char {
    char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte & 31)])
}

async fn caller_identity(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.caller.arn;
    let account =
        Arn::parse(&arn).map_or_else(|| region.place().account.clone(), |arn| arn.account);
    Ok(json!({"UserId": principal_id(&arn), "Account": account, "Arn": arn}))
}

async fn access_key_info(region: Arc<Region>, _call: Call) -> Answer {
    Ok(json!({"Account": region.place().account}))
}

async fn session_token(region: Arc<Region>, call: Call) -> Answer {
    if call.caller.access_key.as_deref().is_some_and(|key| region.session(key).is_some()) {
        return Err(Refusal::Denied("Cannot call GetSessionToken with session credentials".into()));
    }
    let seconds = call.input.integer("DurationSeconds").unwrap_or(TWELVE_HOURS);
    let credentials = issue(&region, call.caller.arn, seconds).await?;
    Ok(json!({"Credentials": credentials}))
}

async fn assume_role(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let (account, role) = role_of(input.name("RoleArn"))?;
    check_policy(input)?;
    check_trust(&region, &call.caller.arn, input.name("RoleArn"))?;
    let seconds = input.integer("DurationSeconds").unwrap_or(HOUR);
    check_duration(&region, &account, &role, seconds)?;
    let session = input.name("RoleSessionName");
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
    let id = format!("{}:{session}", role_id(&account, &role));
    let credentials = issue(&region, arn.clone(), seconds).await?;
    Ok(json!({
        "Credentials": credentials,
        "AssumedRoleUser": {"Arn": arn, "AssumedRoleId": id},
        "SourceIdentity": input.text("SourceIdentity"),
    }))
}

/// The account and the name, without its path, of the role that an ARN names.
fn role_of(arn: &str) -> Result<(String, String), Refusal> {
    let invalid = || Refusal::Invalid(format!("{arn} is invalid"));
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "iam").ok_or_else(invalid)?;
    let path = parsed.resource.strip_prefix("role/").ok_or_else(invalid)?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(invalid)?;
    Ok((parsed.account.clone(), name.to_owned()))
}

/// Whether the caller may assume the role, where the workspace is strict.
fn check_trust(region: &Region, caller: &str, role: &str) -> Result<(), Refusal> {
    if !region.options().iam.strict {
        return Ok(());
    }
    match access::role(region, role)? {
        Some(row) if access::trusts(&row, "AWS", caller) => Ok(()),
        _ => Err(Refusal::Denied(format!(
            "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
        ))),
    }
}

fn check_policy(input: &Value) -> Result<(), Refusal> {
    let policy = input.text("Policy").map(serde_json::from_str::<Value>);
    match policy {
        None | Some(Ok(Value::Object(_))) => Ok(()),
        Some(_) => Err(Refusal::Declared(
            "MalformedPolicyDocument",
            "This policy contains invalid Json".into(),
        )),
    }
}

/// A role that exists may say how long its sessions last at most.
fn check_duration(region: &Region, account: &str, role: &str, seconds: i64) -> Result<(), Refusal> {
    if account != region.place().account {
        return Ok(());
    }
    let row = region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get_any_case(kind::ROLE, role)?) })?;
    let most = row.and_then(|row| row.body.integer("MaxSessionDuration"));
    if most.is_some_and(|most| seconds > most) {
        return Err(Refusal::invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

/// Makes credentials, keeps them, and answers their document.
async fn issue(region: &Region, arn: String, seconds: i64) -> Result<Value, Refusal> {
    let now = region.now();
    let span = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let session = Session {
        credentials: Credentials {
            access_key: format!("ASIA{}", random(16, letter)),
            secret_key: random(40, digit),
            session_token: Some(random(356, digit)),
        },
        arn,
        expires: now.plus(span),
    };
    let row = session.to_row(now);
    region
        .store()
        .write(move |change| -> Result<_, StoreError> {
            // The oldest make room, so that the table holds about as many as are alive.
            let oldest =
                Query { kind: SESSION.into(), ascending: true, limit: 8, ..Query::default() };
            for row in change.list(&oldest)?.rows {
                if read(&row.private).is_none_or(|session| session.expires <= now) {
                    change.delete(SESSION, &row.name)?;
                }
            }
            change.insert(row)
        })
        .await?;
    let Credentials { access_key, secret_key, session_token } = session.credentials.clone();
    let expires = session.expires.to_document();
    region.sessions.add(session, now);
    Ok(json!({
        "AccessKeyId": access_key,
        "SecretAccessKey": secret_key,
        "SessionToken": session_token,
        "Expiration": expires,
    }))
}

impl Session {
    fn to_row(&self, now: Timestamp) -> Row {
        let mut row = Row::new(SESSION, &self.credentials.access_key, now, json!({}));
        row.private = json!({
            "access_key": self.credentials.access_key,
            "secret_key": self.credentials.secret_key,
            "session_token": self.credentials.session_token,
            "arn": self.arn,
            "expires": self.expires.as_millis(),
        });
        row
    }
}

fn read(private: &Value) -> Option<Session> {
    let text = |member: &str| Some(private.get(member)?.as_str()?.to_owned());
    Some(Session {
        credentials: Credentials {
            access_key: text("access_key")?,
            secret_key: text("secret_key")?,
            session_token: text("session_token"),
        },
        arn: text("arn")?,
        expires: Timestamp::from_millis(private.get("expires")?.as_i64()?),
    })
}

/// `length` characters from the operating system's randomness.
fn random(length: usize, character: fn(u8) -> char) -> String {
    std::iter::repeat_with(|| Sha256::digest(uuid::Uuid::new_v4().as_bytes()))
        .flat_map(|digest| digest.to_vec())
        .map(character)
        .take(length)
        .collect()
}

fn digit(byte: u8) -> char {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(DIGITS[usize::from(byte & 63)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_a_role_begins_with_the_roles_id() {
        let id = principal_id("arn:aws:sts::123456789012:assumed-role/Train/me");
        let role = role_id("123456789012", "Train");
        assert_eq!(id, format!("{role}:me"));
        assert!(role.len() == 21 && role.starts_with("AROA"), "{role}");
        assert_eq!(principal_id("arn:aws:iam::123456789012:root"), "123456789012");
        assert!(principal_id("arn:aws:iam::123456789012:user/ada").starts_with("AIDA"));
    }

    #[test]
    fn a_roles_path_is_no_part_of_its_sessions() {
        let role = role_of("arn:aws:iam::123456789012:role/service-role/Train").unwrap();
        assert_eq!(role, ("123456789012".into(), "Train".into()));
        for wrong in
            ["arn:aws:iam::1:user/ada", "arn:aws:sts::1:role/x", "nonsense", "arn:aws:iam::1:role/"]
        {
            assert!(role_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_stored_of_a_session_reads_back() {
        let session = Session {
            credentials: Credentials {
                access_key: "ASIAX".into(),
                secret_key: random(40, digit),
                session_token: Some(random(356, digit)),
            },
            arn: "arn".into(),
            expires: Timestamp::from_millis(5),
        };
        let row = session.to_row(Timestamp::from_millis(1));
        assert!(read(&row.private) == Some(session));
        assert_eq!(row.body, json!({}), "nothing secret is in what can be shown");
    }

    #[test]
    fn random_texts_differ() {
        assert_ne!(random(40, digit), random(40, digit));
        assert_eq!(random(16, letter).len(), 16);
    }
}
