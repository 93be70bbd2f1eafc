//! What a request says of an object besides its bytes, and how an answer tells it again.

use super::error::{S3Result, acls, invalid_argument, invalid_request};
use super::tagging;
use crate::api::error::AwsError;
use crate::store::objects::{About, Encryption, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::EXPIRES;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// User metadata, names and values together.
const METADATA_MOST: usize = 2 * 1024;
/// Classes that only other kinds of buckets have.
const OF_OTHERS: [&str; 7] = [
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
    "FSX_ONTAP",
    "AWS_BACKUP_WARM",
    "AWS_BACKUP_LOW_COST_WARM",
];

/// The members that are kept with an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Stated {
    #[serde(rename = "ACL")]
    acl: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    metadata: BTreeMap<String, String>,
    storage_class: Option<String>,
    server_side_encryption: Option<String>,
    #[serde(rename = "SSEKMSKeyId")]
    key: Option<String>,
    #[serde(rename = "SSEKMSEncryptionContext")]
    context: Option<String>,
    bucket_key_enabled: Option<bool>,
    website_redirect_location: Option<String>,
    tagging: Option<String>,
}

impl Stated {
    /// As S3 keeps it, when it is right. `Expires` is kept as it is in the headers, a date or not.
    pub fn about(self, headers: &HeaderMap) -> S3Result<About> {
        check_acl(self.acl.as_deref())?;
        let size: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > METADATA_MOST {
            return Err(AwsError::new(
                400,
                "MetadataTooLarge",
                "Your metadata headers exceed the maximum allowed metadata size",
            )
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", METADATA_MOST.to_string()));
        }
        if let Some(class) = self.storage_class.as_deref().filter(|it| OF_OTHERS.contains(it)) {
            return Err(AwsError::new(
                400,
                "InvalidStorageClass",
                "The storage class you specified is not valid",
            )
            .with("StorageClassRequested", class));
        }
        if let Some(target) = &self.website_redirect_location
            && !["/", "http://", "https://"].iter().any(|start| target.starts_with(start))
        {
            return Err(AwsError::new(
                400,
                "InvalidRedirectLocation",
                "The website redirect location must have a prefix of 'http://' or 'https://' or \
                 '/'.",
            ));
        }
        let tags = self.tagging.as_deref().map(tagging::of_header).transpose()?;
        Ok(About {
            content_type: Some(self.content_type.unwrap_or_else(|| "binary/octet-stream".into())),
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding,
            content_language: self.content_language,
            expires: headers
                .get(EXPIRES)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            user: self.metadata,
            checksum: None,
            storage_class: self.storage_class.filter(|class| class != "STANDARD"),
            encryption: encryption(
                self.server_side_encryption,
                self.key,
                self.context,
                self.bucket_key_enabled,
            )?,
            redirect: self.website_redirect_location,
            tags: tags.unwrap_or_default(),
        })
    }

    /// Whether it names anything that makes a copy onto itself a change.
    pub fn changes_itself(&self) -> bool {
        self.storage_class.is_some()
            || self.server_side_encryption.is_some()
            || self.website_redirect_location.is_some()
    }
}

/// The bucket's owner has full control, and nobody else anything.
fn check_acl(acl: Option<&str>) -> S3Result<()> {
    match acl {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => Err(acls("x-amz-acl")),
    }
}

fn encryption(
    method: Option<String>,
    key: Option<String>,
    context: Option<String>,
    bucket_key: Option<bool>,
) -> S3Result<Option<Encryption>> {
    const HEADER: &str = "x-amz-server-side-encryption";
    let unsupported = || {
        invalid_argument("The encryption method specified is not supported")
            .with("ArgumentName", HEADER)
    };
    let by_key = match method.as_deref() {
        None | Some("AES256") => false,
        Some("aws:kms" | "aws:kms:dsse") => true,
        Some(_) => return Err(unsupported()),
    };
    if !by_key && (key.is_some() || context.is_some()) {
        return Err(invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header \
             x-amz-server-side-encryption : aws:kms",
        )
        .with("ArgumentName", HEADER));
    }
    if let Some(context) = &context {
        let bytes = STANDARD.decode(context).ok();
        let object = bytes.and_then(|bytes| serde_json::from_slice::<Map<_, _>>(&bytes).ok());
        let flat =
            object.is_some_and(|object: Map<String, Value>| object.values().all(Value::is_string));
        if !flat {
            return Err(invalid_argument(
                "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 \
                 string holding JSON which represents a string-string map",
            )
            .with("ArgumentName", "x-amz-server-side-encryption-context"));
        }
    }
    match method {
        None if bucket_key == Some(true) => Err(invalid_request(
            "A bucket key is of keys of KMS: x-amz-server-side-encryption-bucket-key-enabled \
             requires x-amz-server-side-encryption : aws:kms",
        )),
        None => Ok(None),
        Some(method) => Ok(Some(Encryption { method, key, context, bucket_key })),
    }
}

/// The members that tell of the encryption that was asked for.
pub(super) fn show_encryption(about: &About, document: &mut Map<String, Value>) {
    let Some(encryption) = &about.encryption else { return };
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("ServerSideEncryption", encryption.method.clone().into());
    put("SSEKMSKeyId", encryption.key.clone().into());
    put("SSEKMSEncryptionContext", encryption.context.clone().into());
    put("BucketKeyEnabled", encryption.bucket_key.into());
}

/// The class as listings have it; headers leave out the standard one.
pub(super) fn class(about: &About) -> &str {
    about.storage_class.as_deref().unwrap_or("STANDARD")
}

/// The members that GetObject and HeadObject share.
pub(super) fn show(object: &Object, document: &mut Map<String, Value>) {
    let about = &object.about;
    show_encryption(about, document);
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("AcceptRanges", "bytes".into());
    put("CacheControl", about.cache_control.clone().into());
    put("ContentDisposition", about.content_disposition.clone().into());
    put("ContentEncoding", about.content_encoding.clone().into());
    put("ContentLanguage", about.content_language.clone().into());
    put("ContentType", about.content_type.clone().into());
    put("ETag", quoted(&object.etag));
    put("LastModified", time(object.modified));
    let user = about.user.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    put("Metadata", Value::Object(user.collect()));
    put("StorageClass", about.storage_class.clone().into());
    put("WebsiteRedirectLocation", about.redirect.clone().into());
    if !about.tags.is_empty() {
        put("TagCount", about.tags.len().into());
    }
}

pub(super) fn quoted(etag: &str) -> Value {
    format!("\"{etag}\"").into()
}

/// S3 tells times to the second, wherever it tells them.
pub(super) fn time(at: crate::domain::time::Timestamp) -> Value {
    at.as_millis().div_euclid(1_000).into()
}
