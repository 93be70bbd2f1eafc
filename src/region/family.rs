//! What most resource families share: how a name is read, how a new resource is written, found and
//! deleted.

use super::{Call, Refusal, Region, error, tag};
use crate::domain::arn::Arn;
use crate::domain::time::Timestamp;
use crate::store::{Change, Row, StoreError};
use serde_json::{Map, Value, json};

/// A SageMaker resource type, in the words that its errors use.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The row's kind and the ARN's resource type.
    pub kind: &'static str,
    /// As in `Could not find endpoint configuration "…".`
    pub noun: &'static str,
    /// The member that names it, `ModelName`.
    pub name: &'static str,
    /// The member with its ARN, `ModelArn`.
    pub arn: &'static str,
}

impl Family {
    pub fn arn_of(&self, region: &Region, name: &str) -> String {
        region.place().sagemaker(self.kind, name)
    }

    pub fn absent(&self, region: &Region, name: &str) -> Refusal {
        Refusal::could_not_find(self.noun, &self.arn_of(region, name))
    }

    /// The row of that name.
    ///
    /// # Errors
    /// AWS's "could not find" when there is none.
    pub fn find(&self, region: &Region, name: &str) -> Result<Row, Refusal> {
        region
            .store()
            .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(self.kind, name)?) })?
            .ok_or_else(|| self.absent(region, name))
    }

    /// Writes a new row of the caller's document, less its tags, plus ARN and CreationTime, and
    /// answers with its ARN. `complete` checks what only the transaction can know and may add to
    /// the row.
    ///
    /// # Errors
    /// When the name is taken, a tag breaks a rule, or `complete` refuses.
    pub async fn create(
        &self,
        region: &Region,
        call: Call,
        complete: impl FnOnce(&mut Change<'_>, &mut Row) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Value, Refusal> {
        let family = *self;
        let mut body = call.input;
        let tags = tag::taken_from(&mut body)?;
        let name = body.get(family.name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let arn = family.arn_of(region, &name);
        region
            .store()
            .write(move |change| -> Result<_, Refusal> {
                let now = change.now();
                set(&mut body, family.arn, arn.clone());
                set(&mut body, "CreationTime", now.to_document());
                let mut row = Row::new(family.kind, &name, now, body);
                complete(change, &mut row)?;
                change.insert(row).map_err(|fault| {
                    error::taken(fault, || Refusal::already_exists(family.noun, &arn))
                })?;
                tag::put(change, &arn, &tags)?;
                Ok(json!({ (family.arn): arn }))
            })
            .await
    }

    /// Deletes the row of that name and its tags.
    ///
    /// # Errors
    /// AWS's "could not find" when there is none.
    pub async fn delete(&self, region: &Region, name: &str) -> Result<(), Refusal> {
        let (family, arn, name) = (*self, self.arn_of(region, name), name.to_owned());
        region
            .store()
            .write(move |change| -> Result<_, Refusal> {
                if !change.delete(family.kind, &name)? {
                    return Err(Refusal::could_not_find(family.noun, &arn));
                }
                Ok(tag::forget(change, &arn)?)
            })
            .await
    }
}

/// Sets one member of a document.
pub fn set(document: &mut Value, member: &str, value: impl Into<Value>) {
    if let Some(members) = document.as_object_mut() {
        members.insert(member.to_owned(), value.into());
    }
}

/// Sets a member that the caller left out.
pub fn default(document: &mut Value, member: &str, value: impl Into<Value>) {
    if let Some(members) = document.as_object_mut() {
        let present = members.entry(member).or_insert(Value::Null);
        if present.is_null() {
            *present = value.into();
        }
    }
}

/// Removes members that are the call's and not the resource's.
pub fn drop_members(document: &mut Value, members: &[&str]) {
    if let Some(present) = document.as_object_mut() {
        for member in members {
            present.remove(*member);
        }
    }
}

/// The name in a member that takes a name or an ARN of `kind`. A name counts as it is written; an
/// ARN is taken in any case, and the resource's own name is answered.
///
/// # Errors
/// When it is an ARN of something else, or of another region or account.
pub fn name_or_arn(region: &Region, kind: &str, text: &str) -> Result<String, Refusal> {
    if !text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    let place = region.place();
    let arn = Arn::parse(text).filter(|arn| arn.service == "sagemaker" && arn.is_in(place));
    let name = arn.as_ref().and_then(|arn| {
        let (of, name) = arn.kind_and_name()?;
        of.eq_ignore_ascii_case(kind).then_some(name)
    });
    let Some(name) = name else {
        return Err(Refusal::Invalid(format!(
            "Invalid ARN \"{text}\": a {kind} of account {} in {} is expected.",
            place.account, place.region
        )));
    };
    Ok(own_name(region, kind, name)?)
}

/// The name of a resource as its creator wrote it; `name` itself when there is none.
///
/// # Errors
/// Only the store's.
pub fn own_name(region: &Region, kind: &str, name: &str) -> Result<String, StoreError> {
    let row = region.store().read(|snapshot| snapshot.get_any_case(kind, name))?;
    Ok(row.map_or_else(|| name.to_owned(), |row| row.name))
}

/// The `UserContext` of who made or changed something.
pub fn user_context(arn: &str) -> Value {
    json!({"IamIdentity": {"Arn": arn, "PrincipalId": super::sts::principal_id(arn)}})
}

/// Fits a document's times: what AWS calls LastModifiedTime.
pub fn touched(document: &mut Value, now: Timestamp) {
    set(document, "LastModifiedTime", now.to_document());
}

/// An empty answer.
pub fn nothing() -> Value {
    Value::Object(Map::new())
}
