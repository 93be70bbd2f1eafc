//! One request for each member, and what has to come of it.

use Add::{Body, Headers, Query};
use Expect::{Answers, Holds, Lacks, Refused, Then};

pub(super) const FUTURE: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
const PAST: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
const KMS: (&str, &str) = ("x-amz-server-side-encryption", "aws:kms");
const CONTEXT: &str = "x-amz-server-side-encryption-context";

/// Members without which there is no request at all: what is addressed, and what is done to it.
pub(super) const ADDRESS: &[&str] =
    &["Bucket", "Key", "UploadId", "Body", "ContentLength", "CopySource", "Delete"];
const OF_PARTS: &[&str] = &["UploadPart", "UploadPartCopy"];
const MAKING: &[&str] = &["PutObject", "CopyObject", "CreateMultipartUpload"];
const READING: &[&str] = &["GetObject", "HeadObject"];

pub(super) enum Add {
    Headers(&'static [(&'static str, &'static str)]),
    Query(&'static str),
    Body(&'static str),
}

pub(super) enum Expect {
    Refused(u16, &'static str),
    /// The answer has this header.
    Answers(&'static str, &'static str),
    /// The object that was made has this header.
    Then(&'static str, &'static str),
    Holds(&'static str),
    Lacks(&'static str),
}

pub(super) type Probe = (&'static [&'static str], &'static str, Add, Expect);

pub(super) fn probes() -> Vec<Probe> {
    const ALL: &[&str] = &[];
    const LISTS: &[&str] = &["ListObjects", "ListObjectsV2"];
    const WRITES: &[&str] = &["PutObject", "CopyObject", "CompleteMultipartUpload"];
    const BODIES: &[&str] = &["PutObject", "UploadPart"];
    vec![
        (
            ALL,
            "ExpectedBucketOwner",
            Headers(&[("x-amz-expected-bucket-owner", "999999999999")]),
            Refused(403, "AccessDenied"),
        ),
        (
            ALL,
            "ExpectedSourceBucketOwner",
            Headers(&[("x-amz-source-expected-bucket-owner", "999999999999")]),
            Refused(403, "AccessDenied"),
        ),
        (
            ALL,
            "RequestPayer",
            Headers(&[("x-amz-request-payer", "nobody")]),
            Refused(400, "InvalidArgument"),
        ),
        (ALL, "VersionId", Query("versionId=other"), Refused(400, "InvalidArgument")),
        (ALL, "IfMatch", Headers(&[("if-match", "\"x\"")]), Refused(412, "PreconditionFailed")),
        (
            WRITES,
            "IfNoneMatch",
            Headers(&[("if-none-match", "*")]),
            Refused(412, "PreconditionFailed"),
        ),
        (READING, "IfNoneMatch", Headers(&[("if-none-match", "*")]), Refused(304, "")),
        (READING, "IfModifiedSince", Headers(&[("if-modified-since", FUTURE)]), Refused(304, "")),
        (
            READING,
            "IfUnmodifiedSince",
            Headers(&[("if-unmodified-since", PAST)]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            READING,
            "Range",
            Headers(&[("range", "bytes=1-2")]),
            Answers("content-range", "bytes 1-2/10"),
        ),
        (READING, "PartNumber", Query("partNumber=2"), Refused(416, "InvalidPartNumber")),
        (
            READING,
            "ChecksumMode",
            Headers(&[("x-amz-checksum-mode", "ENABLED")]),
            Answers("x-amz-checksum-type", "FULL_OBJECT"),
        ),
        (
            ALL,
            "ResponseCacheControl",
            Query("response-cache-control=a"),
            Answers("cache-control", "a"),
        ),
        (
            ALL,
            "ResponseContentDisposition",
            Query("response-content-disposition=a"),
            Answers("content-disposition", "a"),
        ),
        (
            ALL,
            "ResponseContentEncoding",
            Query("response-content-encoding=a"),
            Answers("content-encoding", "a"),
        ),
        (
            ALL,
            "ResponseContentLanguage",
            Query("response-content-language=a"),
            Answers("content-language", "a"),
        ),
        (
            ALL,
            "ResponseContentType",
            Query("response-content-type=x/y"),
            Answers("content-type", "x/y"),
        ),
        (
            ALL,
            "ResponseExpires",
            Query("response-expires=Fri%2C%2001%20Jan%202100%2000%3A00%3A00%20GMT"),
            Answers("expires", FUTURE),
        ),
        (
            MAKING,
            "ACL",
            Headers(&[("x-amz-acl", "public-read")]),
            Refused(400, "AccessControlListNotSupported"),
        ),
        (
            &["CreateBucket"],
            "ACL",
            Headers(&[("x-amz-acl", "public-read")]),
            Refused(400, "InvalidBucketAclWithObjectOwnership"),
        ),
        (MAKING, "CacheControl", Headers(&[("cache-control", "a")]), Then("cache-control", "a")),
        (
            MAKING,
            "ContentDisposition",
            Headers(&[("content-disposition", "a")]),
            Then("content-disposition", "a"),
        ),
        (
            MAKING,
            "ContentEncoding",
            Headers(&[("content-encoding", "gzip")]),
            Then("content-encoding", "gzip"),
        ),
        (
            MAKING,
            "ContentLanguage",
            Headers(&[("content-language", "de")]),
            Then("content-language", "de"),
        ),
        (MAKING, "ContentType", Headers(&[("content-type", "x/y")]), Then("content-type", "x/y")),
        (MAKING, "Expires", Headers(&[("expires", FUTURE)]), Then("expires", FUTURE)),
        (MAKING, "Metadata", Headers(&[("x-amz-meta-a", "1")]), Then("x-amz-meta-a", "1")),
        (
            MAKING,
            "Tagging",
            Headers(&[("x-amz-tagging", "a=1&b=2")]),
            Then("x-amz-tagging-count", "2"),
        ),
        (
            MAKING,
            "StorageClass",
            Headers(&[("x-amz-storage-class", "GLACIER")]),
            Then("x-amz-storage-class", "GLACIER"),
        ),
        (MAKING, "ServerSideEncryption", Headers(&[KMS]), Then(KMS.0, KMS.1)),
        (
            MAKING,
            "SSEKMSKeyId",
            Headers(&[KMS, ("x-amz-server-side-encryption-aws-kms-key-id", "key")]),
            Then("x-amz-server-side-encryption-aws-kms-key-id", "key"),
        ),
        (
            MAKING,
            "SSEKMSEncryptionContext",
            Headers(&[KMS, (CONTEXT, "e30=")]),
            Answers(CONTEXT, "e30="),
        ),
        (
            MAKING,
            "BucketKeyEnabled",
            Headers(&[KMS, ("x-amz-server-side-encryption-bucket-key-enabled", "true")]),
            Then("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ),
        (
            MAKING,
            "WebsiteRedirectLocation",
            Headers(&[("x-amz-website-redirect-location", "/x")]),
            Then("x-amz-website-redirect-location", "/x"),
        ),
        (
            BODIES,
            "ChecksumCRC32",
            Headers(&[("x-amz-checksum-crc32", "AAAAAA==")]),
            Refused(400, "BadDigest"),
        ),
        (
            BODIES,
            "ChecksumCRC32C",
            Headers(&[("x-amz-checksum-crc32c", "AAAAAA==")]),
            Refused(400, "BadDigest"),
        ),
        (
            BODIES,
            "ChecksumCRC64NVME",
            Headers(&[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")]),
            Refused(400, "BadDigest"),
        ),
        (
            BODIES,
            "ChecksumSHA1",
            Headers(&[("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
            Refused(400, "BadDigest"),
        ),
        (
            BODIES,
            "ChecksumSHA256",
            Headers(&[("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
            Refused(400, "BadDigest"),
        ),
        (
            &["CompleteMultipartUpload"],
            "ChecksumCRC32",
            Headers(&[("x-amz-checksum-crc32", "AAAAAA==")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            &["CompleteMultipartUpload"],
            "ChecksumCRC32C",
            Headers(&[("x-amz-checksum-crc32c", "AAAAAA==")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            &["CompleteMultipartUpload"],
            "ChecksumCRC64NVME",
            Headers(&[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            &["CompleteMultipartUpload"],
            "ChecksumSHA1",
            Headers(&[("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            &["CompleteMultipartUpload"],
            "ChecksumSHA256",
            Headers(&[("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            ALL,
            "ContentMD5",
            Headers(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]),
            Refused(400, "BadDigest"),
        ),
        (
            ALL,
            "ChecksumAlgorithm",
            Headers(&[
                ("x-amz-sdk-checksum-algorithm", "CRC7"),
                ("x-amz-checksum-algorithm", "CRC7"),
            ]),
            Refused(400, "InvalidRequest"),
        ),
        (
            BODIES,
            "ChecksumAlgorithm",
            Headers(&[("x-amz-sdk-checksum-algorithm", "SHA1")]),
            Answers("x-amz-checksum-sha1", "h6zsF82dzSCnFsws9nQXtxyKcBY="),
        ),
        (
            &["CopyObject"],
            "ChecksumAlgorithm",
            Headers(&[("x-amz-checksum-algorithm", "SHA1")]),
            Holds("<ChecksumSHA1>"),
        ),
        (
            &["CreateMultipartUpload"],
            "ChecksumAlgorithm",
            Headers(&[("x-amz-checksum-algorithm", "SHA1")]),
            Answers("x-amz-checksum-algorithm", "SHA1"),
        ),
        (
            &["CreateMultipartUpload", "CompleteMultipartUpload"],
            "ChecksumType",
            Headers(&[("x-amz-checksum-type", "COMPOSITE")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            ALL,
            "MpuObjectSize",
            Headers(&[("x-amz-mp-object-size", "7")]),
            Refused(400, "InvalidRequest"),
        ),
        (
            ALL,
            "CopySourceIfMatch",
            Headers(&[("x-amz-copy-source-if-match", "x")]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "CopySourceIfModifiedSince",
            Headers(&[("x-amz-copy-source-if-modified-since", FUTURE)]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "CopySourceIfNoneMatch",
            Headers(&[("x-amz-copy-source-if-none-match", "*")]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "CopySourceIfUnmodifiedSince",
            Headers(&[("x-amz-copy-source-if-unmodified-since", PAST)]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "CopySourceRange",
            Headers(&[("x-amz-copy-source-range", "bytes=2-99")]),
            Refused(400, "InvalidArgument"),
        ),
        (
            ALL,
            "MetadataDirective",
            Headers(&[("x-amz-metadata-directive", "X")]),
            Refused(400, "InvalidArgument"),
        ),
        (
            ALL,
            "TaggingDirective",
            Headers(&[("x-amz-tagging-directive", "X")]),
            Refused(400, "InvalidArgument"),
        ),
        (
            ALL,
            "IfMatchSize",
            Headers(&[("x-amz-if-match-size", "7")]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "IfMatchLastModifiedTime",
            Headers(&[("x-amz-if-match-last-modified-time", FUTURE)]),
            Refused(412, "PreconditionFailed"),
        ),
        (
            ALL,
            "IfMatchInitiatedTime",
            Headers(&[("x-amz-if-match-initiated-time", FUTURE)]),
            Refused(412, "PreconditionFailed"),
        ),
        (ALL, "Delimiter", Query("delimiter=x"), Holds("<Delimiter>x</Delimiter>")),
        (ALL, "EncodingType", Query("encoding-type=xml"), Refused(400, "InvalidArgument")),
        (ALL, "Prefix", Query("prefix=zz"), Holds("<Prefix>zz</Prefix>")),
        (ALL, "Marker", Query("marker=zz"), Lacks("<Contents>")),
        (ALL, "StartAfter", Query("start-after=zz"), Lacks("<Contents>")),
        (ALL, "MaxKeys", Query("max-keys=-1"), Refused(400, "InvalidArgument")),
        (
            LISTS,
            "OptionalObjectAttributes",
            Headers(&[("x-amz-optional-object-attributes", "X")]),
            Refused(400, "InvalidArgument"),
        ),
        (
            &["ListObjectsV2"],
            "ContinuationToken",
            Query("continuation-token=x"),
            Refused(400, "InvalidArgument"),
        ),
        (ALL, "FetchOwner", Query("fetch-owner=true"), Holds("<Owner>")),
        (ALL, "KeyMarker", Query("key-marker=zz"), Lacks("<Upload>")),
        (ALL, "MaxUploads", Query("max-uploads=-1"), Refused(400, "InvalidArgument")),
        (
            ALL,
            "UploadIdMarker",
            Query("key-marker=a&upload-id-marker=x"),
            Refused(400, "InvalidArgument"),
        ),
        (ALL, "MaxParts", Query("max-parts=-1"), Refused(400, "InvalidArgument")),
        (&["ListParts"], "PartNumberMarker", Query("part-number-marker=1"), Lacks("<Part>")),
        (ALL, "MaxBuckets", Query("max-buckets=0"), Refused(400, "InvalidArgument")),
        (&["ListBuckets"], "ContinuationToken", Query("continuation-token=zz"), Lacks("<Bucket>")),
        (ALL, "BucketRegion", Query("bucket-region=eu-west-1"), Lacks("<Bucket>")),
        (
            ALL,
            "CreateBucketConfiguration",
            Body(
                "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
            ),
            Refused(400, "IllegalLocationConstraintException"),
        ),
        (
            ALL,
            "CreateBucketConfiguration",
            Body(
                "<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>",
            ),
            Refused(501, "NotImplemented"),
        ),
        (
            ALL,
            "ObjectLockEnabledForBucket",
            Headers(&[("x-amz-bucket-object-lock-enabled", "true")]),
            Refused(501, "NotImplemented"),
        ),
        (
            ALL,
            "ObjectOwnership",
            Headers(&[("x-amz-object-ownership", "ObjectWriter")]),
            Refused(501, "NotImplemented"),
        ),
        (
            ALL,
            "BucketNamespace",
            Headers(&[("x-amz-bucket-namespace", "account-regional")]),
            Refused(501, "NotImplemented"),
        ),
        (OF_PARTS, "PartNumber", Query("partNumber=0"), Refused(400, "InvalidArgument")),
        (ALL, "MultipartUpload", Body("<CompleteMultipartUpload/>"), Refused(400, "MalformedXML")),
        (
            ALL,
            "Tagging",
            Body("<Tagging><TagSet><Tag><Key>aws:x</Key><Value/></Tag></TagSet></Tagging>"),
            Refused(400, "InvalidTag"),
        ),
    ]
}
