//! S3's rows of the table: which operations behave, and what becomes of each member of their requests.
//! The gateway answers them, because objects' bytes are streamed; it reads the rows from here.

use super::dispatch::{Members, Table};

/// Where S3 keeps what it is told without doing anything about it.
const KEPT: &[&str] = &[
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "SSEKMSEncryptionContext",
    "BucketKeyEnabled",
    "WebsiteRedirectLocation",
];
const KEPT_NOTE: &str = "StorageClass, ServerSideEncryption, SSEKMSKeyId, \
    SSEKMSEncryptionContext, BucketKeyEnabled and WebsiteRedirectLocation are kept and returned: \
    nothing is archived, encrypted or redirected. Buckets have no ACLs, locks or versions, and no \
    keys of the caller's own (SSE-C)";

const OF_BUCKET: &[&str] = &["Bucket", "ExpectedBucketOwner"];
/// The caller owns the bucket: who pays makes no difference to it, as in AWS.
const OF_OBJECT: &[&str] = &["Bucket", "Key", "ExpectedBucketOwner", "RequestPayer"];
const VERSION: &[&str] = &["VersionId"];
const UPLOAD: &[&str] = &["UploadId"];
const WRITTEN_IF: &[&str] = &["IfMatch", "IfNoneMatch"];
const KNOWN: &[&str] = &[
    "ACL",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "Tagging",
];
const SUMS: &[&str] =
    &["ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256"];
const BODY: &[&str] = &["Body", "ContentLength", "ContentMD5", "ChecksumAlgorithm"];
const READ: &[&str] = &[
    "IfMatch",
    "IfModifiedSince",
    "IfNoneMatch",
    "IfUnmodifiedSince",
    "Range",
    "PartNumber",
    "ChecksumMode",
    "ResponseCacheControl",
    "ResponseContentDisposition",
    "ResponseContentEncoding",
    "ResponseContentLanguage",
    "ResponseContentType",
    "ResponseExpires",
];
const SOURCE: &[&str] = &[
    "CopySource",
    "CopySourceIfMatch",
    "CopySourceIfModifiedSince",
    "CopySourceIfNoneMatch",
    "CopySourceIfUnmodifiedSince",
    "ExpectedSourceBucketOwner",
];
const LIST: &[&str] = &["Delimiter", "EncodingType", "Prefix", "RequestPayer"];

const OTHER_SUMS: &[&str] =
    &["ChecksumSHA512", "ChecksumMD5", "ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"];
const GRANTS: &[&str] = &["GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP"];
const LOCKS: &[&str] = &[
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
];
/// Keys that the caller keeps: what they encrypt cannot be read without them, which is not so here.
const OWN_KEYS: &[&str] = &["SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"];
const OWN_KEYS_OF_SOURCE: &[&str] =
    &["CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5"];
const PROTECTED: &[&str] = &["MFA", "BypassGovernanceRetention"];

/// One operation.
struct Row {
    operation: &'static str,
    note: &'static str,
    honoured: &'static [&'static [&'static str]],
    recorded: &'static [&'static str],
    refused: &'static [&'static [&'static str]],
}

/// One that keeps nothing and needs no note.
const fn row(
    operation: &'static str,
    honoured: &'static [&'static [&'static str]],
    refused: &'static [&'static [&'static str]],
) -> Row {
    Row { operation, note: "", honoured, recorded: &[], refused }
}

/// One that makes an object, or will.
const fn making(
    operation: &'static str,
    honoured: &'static [&'static [&'static str]],
    refused: &'static [&'static [&'static str]],
) -> Row {
    Row { operation, note: KEPT_NOTE, honoured, recorded: KEPT, refused }
}

const ROWS: &[Row] = &[
    Row {
        operation: "CreateBucket",
        note: "In the global namespace, owned by the account with all that is in it, without locks \
               and tags",
        honoured: &[&[
            "ACL",
            "Bucket",
            "CreateBucketConfiguration",
            "ObjectLockEnabledForBucket",
            "ObjectOwnership",
            "BucketNamespace",
        ]],
        recorded: &[],
        refused: &[GRANTS, &["GrantWrite"]],
    },
    row("DeleteBucket", &[OF_BUCKET], &[]),
    row("HeadBucket", &[OF_BUCKET], &[]),
    row("GetBucketLocation", &[OF_BUCKET], &[]),
    row("ListBuckets", &[&["MaxBuckets", "ContinuationToken", "Prefix", "BucketRegion"]], &[]),
    making(
        "PutObject",
        &[OF_OBJECT, BODY, SUMS, KNOWN, WRITTEN_IF],
        &[OTHER_SUMS, GRANTS, LOCKS, OWN_KEYS, &["WriteOffsetBytes"]],
    ),
    row("GetObject", &[OF_OBJECT, READ, VERSION], &[OWN_KEYS]),
    row("HeadObject", &[OF_OBJECT, READ, VERSION], &[OWN_KEYS]),
    making(
        "CopyObject",
        &[
            OF_OBJECT,
            SOURCE,
            KNOWN,
            WRITTEN_IF,
            &["ChecksumAlgorithm", "MetadataDirective", "TaggingDirective"],
        ],
        &[GRANTS, LOCKS, OWN_KEYS, OWN_KEYS_OF_SOURCE, &["AnnotationDirective"]],
    ),
    row(
        "DeleteObject",
        &[OF_OBJECT, VERSION, &["IfMatch", "IfMatchLastModifiedTime", "IfMatchSize"]],
        &[PROTECTED],
    ),
    row(
        "DeleteObjects",
        &[OF_BUCKET, &["Delete", "ChecksumAlgorithm", "RequestPayer"]],
        &[PROTECTED],
    ),
    row("ListObjects", &[OF_BUCKET, LIST, &["Marker", "MaxKeys", "OptionalObjectAttributes"]], &[]),
    row(
        "ListObjectsV2",
        &[
            OF_BUCKET,
            LIST,
            &["ContinuationToken", "FetchOwner", "MaxKeys", "OptionalObjectAttributes"],
            &["StartAfter"],
        ],
        &[],
    ),
    making(
        "CreateMultipartUpload",
        &[OF_OBJECT, KNOWN, &["ChecksumAlgorithm", "ChecksumType"]],
        &[GRANTS, LOCKS, OWN_KEYS],
    ),
    row("UploadPart", &[OF_OBJECT, BODY, SUMS, UPLOAD, &["PartNumber"]], &[OTHER_SUMS, OWN_KEYS]),
    row(
        "UploadPartCopy",
        &[OF_OBJECT, SOURCE, UPLOAD, &["CopySourceRange", "PartNumber"]],
        &[OWN_KEYS, OWN_KEYS_OF_SOURCE],
    ),
    row(
        "CompleteMultipartUpload",
        &[
            OF_OBJECT,
            SUMS,
            UPLOAD,
            WRITTEN_IF,
            &["MultipartUpload", "ChecksumType", "MpuObjectSize"],
        ],
        &[OTHER_SUMS, OWN_KEYS],
    ),
    row("AbortMultipartUpload", &[OF_OBJECT, UPLOAD, &["IfMatchInitiatedTime"]], &[]),
    row("ListParts", &[OF_OBJECT, UPLOAD, &["MaxParts", "PartNumberMarker"]], &[OWN_KEYS]),
    row(
        "ListMultipartUploads",
        &[OF_BUCKET, LIST, &["KeyMarker", "MaxUploads", "UploadIdMarker"]],
        &[],
    ),
    row("GetObjectTagging", &[OF_OBJECT, VERSION], &[]),
    row(
        "PutObjectTagging",
        &[OF_OBJECT, VERSION, &["Tagging", "ContentMD5", "ChecksumAlgorithm"]],
        &[],
    ),
    row("DeleteObjectTagging", &[&["Bucket", "Key", "ExpectedBucketOwner"], VERSION], &[]),
];

/// A list for as long as the process lives, which the table does.
fn all(lists: &[&[&'static str]]) -> &'static [&'static str] {
    Box::leak(lists.concat().into_boxed_slice())
}

pub(super) fn rows(table: &mut Table) {
    for Row { operation, note, honoured, recorded, refused } in ROWS {
        let members = Members { honoured: all(honoured), recorded, refused: all(refused) };
        table.service("s3").forwarded(operation, note).members(members);
    }
}
