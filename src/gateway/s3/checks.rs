//! What a client says its bytes are, and whether they are that.

use super::error::{S3Result, invalid_request, mismatch};
use crate::api::error::AwsError;
use crate::api::model::Operation;
use crate::gateway::Trailers;
use crate::store::objects::{Algorithm, Checksum, ChecksumKind, Sealed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Extensions, HeaderMap};
use md5::Digest as _;
use serde_json::{Map, Value};

/// The SHA-256 that a signature covers, from `x-amz-content-sha256`, in lower-case hex.
#[derive(Clone, Debug)]
pub(super) struct PayloadHash(String);

impl PayloadHash {
    /// `None` when the header is missing or names no hash (`UNSIGNED-PAYLOAD`, `STREAMING-…`).
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("x-amz-content-sha256")?.to_str().ok()?;
        let is_hash = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self(value.to_ascii_lowercase()))
    }
}

/// What headers promise of a body.
#[derive(Debug, Default)]
pub(super) struct Claims {
    md5: Option<[u8; 16]>,
    checksum: Option<(Algorithm, String)>,
    /// A checksum that will stand behind the body.
    trailer: Option<Algorithm>,
    payload: Option<String>,
    /// The algorithm that the client names without giving a checksum.
    named: Option<Algorithm>,
}

impl Claims {
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut checksums = Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, text(&header(algorithm))?.to_owned())));
        let checksum = checksums.next();
        if checksums.next().is_some() {
            return Err(invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let md5 = text("content-md5").map(|value| {
            let bytes = STANDARD.decode(value).ok();
            bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).ok_or_else(|| {
                AwsError::new(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
                    .with("Content-MD5", value)
            })
        });
        let named = text("x-amz-sdk-checksum-algorithm").or(text("x-amz-checksum-algorithm"));
        let claims = Self {
            md5: md5.transpose()?,
            checksum,
            trailer: text("x-amz-trailer").and_then(|names| {
                let mut names = names.split(',').map(str::trim);
                names.find_map(|name| Algorithm::ALL.into_iter().find(|one| header(*one) == name))
            }),
            payload: extensions.get::<PayloadHash>().map(|hash| hash.0.clone()),
            named: named.and_then(|name| Algorithm::parse(&name.to_ascii_uppercase())),
        };
        claims.well_formed().map(|()| claims)
    }

    fn well_formed(&self) -> S3Result<()> {
        let Some((algorithm, value)) = &self.checksum else { return Ok(()) };
        let width = STANDARD.decode(algorithm.of(b"")).map(|bytes| bytes.len());
        // Of a multipart upload's whole: a hyphen and the number of parts may follow.
        let value = value.split('-').next().unwrap_or_default();
        if STANDARD.decode(value).map(|bytes| bytes.len()) == width {
            return Ok(());
        }
        Err(invalid_request(format!("Value for {} header is invalid.", header(*algorithm))))
    }

    /// The checksum's algorithm: the one that comes, or is named; `None` when neither.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|(algorithm, _)| *algorithm).or(self.trailer).or(self.named)
    }

    /// What the caller promises of the whole, for the completion of a multipart upload.
    pub fn into_checksum(self) -> Option<(Algorithm, String)> {
        self.checksum
    }

    /// The digests to compute while the body passes.
    pub fn algorithms(&self, kept: Algorithm) -> Vec<Algorithm> {
        let mut wanted = vec![kept];
        wanted.extend(self.algorithm());
        wanted.extend(self.payload.as_ref().map(|_| Algorithm::Sha256));
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Refuses bytes that are not what was promised, and returns the checksum to keep.
    pub fn verify(
        &self,
        sealed: &Sealed,
        kept: Algorithm,
        extensions: &Extensions,
    ) -> S3Result<Checksum> {
        self.check(
            sealed.md5,
            |algorithm| sealed.checksum(algorithm).map(str::to_owned),
            extensions,
        )?;
        let value = sealed.checksum(kept).unwrap_or_default().to_owned();
        Ok(Checksum { algorithm: kept, kind: ChecksumKind::FullObject, value })
    }

    /// [`Claims::verify`] for a document that is in memory. A multipart upload's completion names
    /// the checksum of the object, not of the document.
    pub fn verify_document(
        mut self,
        operation: &Operation,
        document: &[u8],
        extensions: &Extensions,
    ) -> S3Result<()> {
        if operation.name == "CompleteMultipartUpload" {
            self.checksum = None;
        }
        let md5 = md5::Md5::digest(document).into();
        self.check(md5, |algorithm| Some(algorithm.of(document)), extensions)
    }

    fn check(
        &self,
        md5: [u8; 16],
        computed: impl Fn(Algorithm) -> Option<String>,
        extensions: &Extensions,
    ) -> S3Result<()> {
        if let Some(hash) = &self.payload {
            let found = computed(Algorithm::Sha256).and_then(|sum| STANDARD.decode(sum).ok());
            if found.map(hex::encode).as_ref() != Some(hash) {
                return Err(AwsError::new(
                    400,
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                )
                .with("ClientComputedContentSHA256", hash.as_str()));
            }
        }
        if self.md5.is_some_and(|promised| promised != md5) {
            return Err(AwsError::new(
                400,
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            )
            .with("CalculatedDigest", STANDARD.encode(md5)));
        }
        let trailer = self.trailer.map(|algorithm| trailing(algorithm, extensions)).transpose()?;
        for (algorithm, promised) in self.checksum.iter().chain(&trailer) {
            if computed(*algorithm).as_ref() != Some(promised) {
                return Err(mismatch(algorithm.name()));
            }
        }
        Ok(())
    }
}

/// The checksum that stood behind the body, as was announced.
fn trailing(algorithm: Algorithm, extensions: &Extensions) -> S3Result<(Algorithm, String)> {
    extensions
        .get::<Trailers>()
        .and_then(|trailers| trailers.get()?.get(header(algorithm))?.to_str().ok())
        .map(|value| (algorithm, value.trim().to_owned()))
        .ok_or_else(|| {
            AwsError::new(
                400,
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform \
                 to our published schema.",
            )
        })
}

/// `x-amz-checksum-crc32` and so on.
pub(super) fn header(algorithm: Algorithm) -> String {
    format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase())
}

/// The member that holds a checksum: `ChecksumCRC32` and so on.
pub(super) fn member(algorithm: Algorithm) -> String {
    format!("Checksum{}", algorithm.name())
}

/// Puts an object's checksum and its kind into an answer.
pub(super) fn show(checksum: Option<&Checksum>, document: &mut Map<String, Value>) {
    let Some(checksum) = checksum else { return };
    document.insert(member(checksum.algorithm), checksum.value.clone().into());
    document.insert("ChecksumType".into(), kind_text(checksum.kind).into());
}

pub(super) fn kind_text(kind: ChecksumKind) -> &'static str {
    match kind {
        ChecksumKind::FullObject => "FULL_OBJECT",
        ChecksumKind::Composite => "COMPOSITE",
    }
}
