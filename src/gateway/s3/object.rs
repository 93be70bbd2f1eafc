//! Putting and getting objects.

use super::about::{self, Stated, quoted};
use super::backend::{Backend, Reply, view};
use super::checks::{self, Claims};
use super::condition::{ReadConditions, of_write};
use super::error::{S3Result, invalid_argument, refuse};
use super::tagging::check_version;
use super::window::{self, Window};
use super::{Call, broken_body};
use crate::api::codec;
use crate::domain::time::Timestamp;
use crate::serving::{Body, BodyError};
use crate::store::objects::{About, Algorithm, Checksum, Draft, Object, Sealed};
use futures::TryStreamExt;
use http::{Extensions, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutObject {
    bucket: String,
    key: String,
    if_match: Option<String>,
    if_none_match: Option<String>,
    #[serde(flatten)]
    stated: Stated,
}

/// GetObject and HeadObject.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Read {
    bucket: String,
    key: String,
    if_match: Option<String>,
    if_modified_since: Option<Value>,
    if_none_match: Option<String>,
    if_unmodified_since: Option<Value>,
    range: Option<String>,
    part_number: Option<i64>,
    version_id: Option<String>,
    checksum_mode: Option<String>,
    response_cache_control: Option<String>,
    response_content_disposition: Option<String>,
    response_content_encoding: Option<String>,
    response_content_language: Option<String>,
    response_content_type: Option<String>,
    response_expires: Option<Value>,
}

impl Backend {
    pub(super) async fn put(&self, call: Call) -> S3Result<Reply> {
        let input: PutObject = view(call.input)?;
        let condition = of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let about = input.stated.about(&call.headers)?;
        // Before the bytes are taken in, which may be many.
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        let claims = Claims::of(&call.headers, &call.extensions)?;
        let kept = claims.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let (sealed, checksum) = self.verified(call.body, &claims, kept, &call.extensions).await?;
        let about = About { checksum: Some(checksum), ..about };
        let put = self.objects.put(&input.bucket, &input.key, sealed, about, condition);
        let object = put.await.map_err(refuse)?;
        let mut document = Map::new();
        document.insert("ETag".into(), quoted(&object.etag));
        checks::show(object.about.checksum.as_ref(), &mut document);
        about::show_encryption(&object.about, &mut document);
        Ok(Value::Object(document).into())
    }

    /// Streams a body into a new file.
    async fn receive(&self, body: Option<Body>, algorithms: &[Algorithm]) -> S3Result<Draft> {
        let draft = self.objects.draft(algorithms).map_err(|error| refuse(error.into()))?;
        let Some(body) = body else { return Ok(draft) };
        let frames = TryStreamExt::map_err(BodyStream::new(body), Interrupted::Body);
        let stream = frames.try_filter_map(|frame| std::future::ready(Ok(frame.into_data().ok())));
        draft.fill(stream).await.map_err(|interrupted| match interrupted {
            Interrupted::Body(error) => broken_body(&*error),
            Interrupted::Disk(error) => refuse(error.into()),
        })
    }

    /// A body whose checksum was verified, as a file.
    pub(super) async fn verified(
        &self,
        body: Option<Body>,
        claims: &Claims,
        kept: Algorithm,
        extensions: &Extensions,
    ) -> S3Result<(Sealed, Checksum)> {
        let draft = self.receive(body, &claims.algorithms(kept)).await?;
        let sealed = draft.seal().map_err(|error| refuse(error.into()))?;
        let checksum = claims.verify(&sealed, kept, extensions)?;
        Ok((sealed, checksum))
    }

    pub(super) fn get(&self, input: &Read) -> S3Result<Reply> {
        check_version(input.version_id.as_deref())?;
        let (object, reader) = self.objects.open(&input.bucket, &input.key).map_err(refuse)?;
        let (window, reply) = self.shown(input, &object)?;
        let stream = reader.range(window.start, window.length).into_stream();
        let frames = stream.map_ok(Frame::data).map_err(|error| -> BodyError { Box::new(error) });
        Ok(Reply { body: Some(StreamBody::new(frames).boxed_unsync()), ..reply })
    }

    pub(super) fn head(&self, input: &Read) -> S3Result<Reply> {
        check_version(input.version_id.as_deref())?;
        let object = self.objects.head(&input.bucket, &input.key).map_err(refuse)?;
        Ok(self.shown(input, &object)?.1)
    }

    /// What is told of an object, and which of its bytes, when the conditions hold.
    fn shown(&self, input: &Read, object: &Object) -> S3Result<(Window, Reply)> {
        let conditions = ReadConditions {
            if_match: input.if_match.clone(),
            if_unmodified_since: input.if_unmodified_since.clone(),
            if_none_match: input.if_none_match.clone(),
            if_modified_since: input.if_modified_since.clone(),
        };
        conditions.check(object)?;
        let window = match (&input.range, input.part_number) {
            (Some(_), Some(_)) => return Err(window::both()),
            (range, None) => Window::of_range(range.as_deref(), object.size)?,
            (None, Some(number)) => {
                let sizes = self.objects.part_sizes(object).map_err(refuse)?;
                Window::of_part(number, &sizes, object.size)?
            }
        };
        let mut document = Map::new();
        about::show(object, &mut document);
        document.insert("ContentLength".into(), window.length.into());
        document.insert("ContentRange".into(), window.range.clone().into());
        document.insert("PartsCount".into(), window.parts.into());
        // The checksum goes out when it is asked for, and only with the whole that it is of.
        if input.checksum_mode.is_some() && window.length == object.size {
            checks::show(object.about.checksum.as_ref(), &mut document);
        }
        input.put_overrides(&mut document)?;
        let expires = match &input.response_expires {
            Some(at) => Timestamp::from_document(at).and_then(codec::http_date),
            None => object.about.expires.clone(),
        };
        let expires = expires.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
        let partial = window.range.is_some() || input.part_number.is_some();
        let status = partial.then_some(StatusCode::PARTIAL_CONTENT);
        Ok((window, Reply { document: document.into(), status, body: None, expires }))
    }
}

impl Read {
    /// `response-content-type` and its kin: what the caller wants to be told instead.
    fn put_overrides(&self, document: &mut Map<String, Value>) -> S3Result<()> {
        let overrides = [
            ("CacheControl", self.response_cache_control.as_ref()),
            ("ContentDisposition", self.response_content_disposition.as_ref()),
            ("ContentEncoding", self.response_content_encoding.as_ref()),
            ("ContentLanguage", self.response_content_language.as_ref()),
            ("ContentType", self.response_content_type.as_ref()),
        ];
        for (member, text) in overrides {
            let Some(text) = text else { continue };
            if HeaderValue::from_str(text).is_err() {
                return Err(invalid_argument(
                    "Header value cannot be represented using ISO-8859-1.",
                )
                .with("ArgumentName", member)
                .with("ArgumentValue", text.as_str()));
            }
            document.insert(member.to_owned(), text.as_str().into());
        }
        Ok(())
    }
}

/// Why a body did not arrive whole.
enum Interrupted {
    Body(BodyError),
    Disk(io::Error),
}

impl From<io::Error> for Interrupted {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}
