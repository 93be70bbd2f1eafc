//! The part of S3 that the commands need: buckets, objects up and down, lists.

use super::transport::{Body, Outgoing, Payload};
use super::{CallError, Client};
use crate::api::error::AwsError;
use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::Path;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

/// All that SigV4 encodes: everything but letters, digits and `-._~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One row of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    pub key: String,
    /// Bytes.
    pub size: u64,
    pub etag: String,
    /// When it was written, as S3 says it (RFC 3339).
    pub modified: String,
}

/// What lies directly below a prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// Prefixes that go deeper, each with its last slash.
    pub folders: Vec<String>,
    pub objects: Vec<Object>,
    /// There are more than were asked for.
    pub more: bool,
}

/// A path segment or query value as SigV4 wants it.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn object_path(bucket: &str, key: &str) -> String {
    let key: Vec<String> = key.split('/').map(encode).collect();
    format!("/{}/{}", encode(bucket), key.join("/"))
}

impl Client {
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), CallError> {
        let location = match self.region() {
            "us-east-1" => Bytes::new(),
            region => Bytes::from(format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )),
        };
        self.whole(Method::PUT, format!("/{}", encode(bucket)), location).await.map(|_| ())
    }

    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), CallError> {
        let target = format!("/{}", encode(bucket));
        self.whole(Method::DELETE, target, Bytes::new()).await.map(|_| ())
    }

    /// Names of all buckets.
    pub async fn buckets(&self) -> Result<Vec<String>, CallError> {
        let answer = self.whole(Method::GET, "/".into(), Bytes::new()).await?;
        let buckets = elements(&answer, "Bucket")?;
        Ok(buckets.into_iter().map(|fields| field(&fields, "Name")).collect())
    }

    /// All objects whose keys begin with `prefix`, over all pages.
    pub async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>, CallError> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let answer = self.page(bucket, prefix, &token, "").await?;
            objects.extend(contents(&answer)?);
            token = next_token(&answer)?;
            if token.is_empty() {
                return Ok(objects);
            }
        }
    }

    /// What lies directly below `prefix`, at most about `most` folders and objects.
    pub async fn list_level(
        &self,
        bucket: &str,
        prefix: &str,
        most: usize,
    ) -> Result<Level, CallError> {
        let mut level = Level::default();
        let mut token = String::new();
        loop {
            let answer = self.page(bucket, prefix, &token, "/").await?;
            level.objects.extend(contents(&answer)?);
            let folders = elements(&answer, "CommonPrefixes")?;
            level.folders.extend(folders.iter().map(|fields| field(fields, "Prefix")));
            token = next_token(&answer)?;
            if token.is_empty() {
                return Ok(level);
            }
            if level.objects.len() + level.folders.len() >= most {
                level.more = true;
                return Ok(level);
            }
        }
    }

    /// A page of a listing; SigV4 wants the query in the order of its names.
    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        token: &str,
        delimiter: &str,
    ) -> Result<Bytes, CallError> {
        let mut query = Vec::new();
        if !token.is_empty() {
            query.push(format!("continuation-token={}", encode(token)));
        }
        if !delimiter.is_empty() {
            query.push(format!("delimiter={}", encode(delimiter)));
        }
        query.push("list-type=2".to_owned());
        query.push(format!("prefix={}", encode(prefix)));
        let target = format!("/{}?{}", encode(bucket), query.join("&"));
        self.whole(Method::GET, target, Bytes::new()).await
    }

    /// Streams a file up and returns its size in bytes.
    pub async fn put_file(&self, bucket: &str, key: &str, path: &Path) -> Result<u64, CallError> {
        let failed = |source| CallError::File { path: path.to_owned(), source };
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        let frames = ReaderStream::with_capacity(file, 256 * 1024).map_ok(Frame::data);
        let body: Body = BodyExt::boxed(StreamBody::new(frames));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        let outgoing = Outgoing {
            method: Method::PUT,
            target: object_path(bucket, key),
            headers,
            body: Payload::Stream(body),
            service: "s3",
        };
        checked(self.send(outgoing).await?).await?;
        Ok(size)
    }

    pub async fn put_object(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), CallError> {
        self.whole(Method::PUT, object_path(bucket, key), body).await.map(|_| ())
    }

    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, CallError> {
        self.whole(Method::GET, object_path(bucket, key), Bytes::new()).await
    }

    /// The first bytes of an object, at most so many, and how large the whole is.
    pub async fn get_beginning(
        &self,
        bucket: &str,
        key: &str,
        most: u64,
    ) -> Result<(Bytes, u64), CallError> {
        let mut outgoing = self.outgoing(Method::GET, object_path(bucket, key), Bytes::new());
        let range = format!("bytes=0-{}", most.saturating_sub(1));
        let range = HeaderValue::from_str(&range)
            .map_err(|error| CallError::Protocol(error.to_string()))?;
        outgoing.headers.insert(header::RANGE, range);
        let response = match checked(self.send(outgoing).await?).await {
            // An empty object has no first byte.
            Err(CallError::Aws(error)) if error.code == "InvalidRange" => {
                return Ok((Bytes::new(), 0));
            }
            response => response?,
        };
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let range = text(header::CONTENT_RANGE).and_then(|range| range.rsplit('/').next());
        let total = range.and_then(|total| total.parse().ok());
        let body = response.into_body().collect().await.map_err(|error| self.unreachable(error))?;
        let body = body.to_bytes();
        let size = total.unwrap_or(body.len() as u64);
        Ok((body, size))
    }

    /// Streams an object into a file, which appears whole or not at all; returns its bytes.
    pub async fn get_file(&self, bucket: &str, key: &str, path: &Path) -> Result<u64, CallError> {
        let failed = |source| CallError::File { path: path.to_owned(), source };
        let outgoing = self.outgoing(Method::GET, object_path(bucket, key), Bytes::new());
        let mut body = checked(self.send(outgoing).await?).await?.into_body();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let part = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut file = tokio::fs::File::from_std(part.reopen().map_err(failed)?);
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(error))?;
            if let Some(data) = frame.data_ref() {
                size += data.len() as u64;
                file.write_all(data).await.map_err(failed)?;
            }
        }
        file.flush().await.map_err(failed)?;
        part.persist(path).map_err(|error| failed(error.error))?;
        Ok(size)
    }

    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), CallError> {
        self.whole(Method::DELETE, object_path(bucket, key), Bytes::new()).await.map(|_| ())
    }

    fn outgoing(&self, method: Method, target: String, body: Bytes) -> Outgoing {
        let headers = HeaderMap::new();
        Outgoing { method, target, headers, body: Payload::Bytes(body), service: "s3" }
    }

    async fn whole(&self, method: Method, target: String, body: Bytes) -> Result<Bytes, CallError> {
        let outgoing = self.outgoing(method, target, body);
        let response = checked(self.send(outgoing).await?).await?;
        let body = response.into_body().collect().await.map_err(|error| self.unreachable(error))?;
        Ok(body.to_bytes())
    }
}

/// The objects of a page.
fn contents(answer: &[u8]) -> Result<Vec<Object>, CallError> {
    let objects = elements(answer, "Contents")?.into_iter().map(|fields| Object {
        key: field(&fields, "Key"),
        size: field(&fields, "Size").parse().unwrap_or(0),
        etag: field(&fields, "ETag"),
        modified: field(&fields, "LastModified"),
    });
    Ok(objects.collect())
}

/// What asks for the next page; empty after the last.
fn next_token(answer: &[u8]) -> Result<String, CallError> {
    let top = elements(answer, "ListBucketResult")?;
    Ok(top.first().map(|fields| field(fields, "NextContinuationToken")).unwrap_or_default())
}

/// The answer itself, or S3's error as its XML tells it.
async fn checked(response: Response<Incoming>) -> Result<Response<Incoming>, CallError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.into_body().collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let fields =
        elements(&body, "Error").unwrap_or_default().into_iter().next().unwrap_or_default();
    Err(CallError::Aws(error(status, &fields)))
}

fn error(status: StatusCode, fields: &[(String, String)]) -> AwsError {
    let code = match field(fields, "Code") {
        code if code.is_empty() => status.canonical_reason().unwrap_or("Unknown").replace(' ', ""),
        code => code,
    };
    AwsError::new(status.as_u16(), code, field(fields, "Message"))
}

fn field(fields: &[(String, String)], name: &str) -> String {
    fields.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone()).unwrap_or_default()
}

/// The direct text children of every `name` element, in order.
fn elements(xml: &[u8], name: &str) -> Result<Vec<Vec<(String, String)>>, CallError> {
    use quick_xml::events::Event;
    let unreadable = |error: quick_xml::Error| CallError::Protocol(error.to_string());
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut path: Vec<String> = Vec::new();
    let mut found: Vec<Vec<(String, String)>> = Vec::new();
    // Depth of the element being read, and the text of its child so far.
    let mut inside: Option<usize> = None;
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(unreadable)? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                text.clear();
                if inside.is_none() && path.last().is_some_and(|top| top == name) {
                    inside = Some(path.len());
                    found.push(Vec::new());
                }
            }
            Event::Text(content) => text.push_str(&content),
            Event::GeneralRef(entity) => text.push_str(&resolve(&entity)),
            Event::End(_) => {
                let ended = path.pop().unwrap_or_default();
                match inside {
                    Some(depth) if path.len() == depth => {
                        if let Some(fields) = found.last_mut() {
                            fields.push((ended, std::mem::take(&mut text)));
                        }
                    }
                    Some(depth) if path.len() < depth => inside = None,
                    _ => {}
                }
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// `&amp;` and its kin, and numbered characters.
fn resolve(entity: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return character.to_string();
    }
    quick_xml::escape::resolve_predefined_entity(entity).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read_with_their_entities() {
        let xml = br#"<?xml version="1.0"?><ListBucketResult><Name>b</Name><Contents><Key>a&amp;b&#10;</Key><Size>3</Size><Owner><ID>x</ID></Owner></Contents><Contents><Key>c</Key></Contents><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"#;
        let contents = elements(xml, "Contents").unwrap();
        assert_eq!(contents.len(), 2);
        assert_eq!(field(&contents[0], "Key"), "a&b\n");
        assert_eq!(field(&contents[0], "Size"), "3");
        let top = elements(xml, "ListBucketResult").unwrap();
        assert_eq!(field(&top[0], "NextContinuationToken"), "t");
    }

    #[test]
    fn keys_are_encoded_segment_by_segment() {
        assert_eq!(object_path("b", "../a b/ü"), "/b/../a%20b/%C3%BC");
    }
}
