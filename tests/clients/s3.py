"""S3 as unmodified boto3 uses it, against the region that the environment leads to."""

import hashlib
import http.client
import io
import os
import re
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

import strict

MIB = 1024 * 1024
KEYS = [
    "plain.txt",
    "../../x",
    "a",
    "a/b",
    "a//c",
    "dir/",
    "with space+plus&amp;=?#%",
    "%2e%2e/encoded",
    "umlaut-ä/日本語/🌿",
    "'quotes\"<xml>",
    "k" * 1024,
]


def client(**config):
    return strict.watch(boto3.client("s3", config=Config(s3={"addressing_style": "path"}, **config)))


class Bucket(unittest.TestCase):
    def setUp(self):
        self.s3 = client()
        self.bucket = "test-" + hashlib.sha256(self.id().encode()).hexdigest()[:16]
        self.s3.create_bucket(Bucket=self.bucket)
        self.addCleanup(self.empty)

    def empty(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [{"Key": entry["Key"]} for page in pages for entry in page.get("Contents", [])]
        for start in range(0, len(keys), 1000):
            answer = self.s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": keys[start : start + 1000]}
            )
            self.assertNotIn("Errors", answer)
        self.s3.delete_bucket(Bucket=self.bucket)

    def refused(self, code, call, **members):
        with self.assertRaises(ClientError) as caught:
            call(**members)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code)
        self.assertTrue(error.get("Message"), f"{code} without a word")
        return caught.exception.response

    def put(self, key, body, **members):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **members)

    def get(self, key, **members):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **members)


class Objects(Bucket):
    def test_keys_are_kept_as_they_are(self):
        for key in KEYS:
            self.put(key, key.encode())
        for key in KEYS:
            self.assertEqual(self.get(key)["Body"].read(), key.encode())
        listed = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket)["Contents"]]
        self.assertEqual(listed, sorted(KEYS, key=lambda key: key.encode()))

    def test_what_is_known_comes_back(self):
        self.put("k", b"x", ContentType="text/csv", Metadata={"owner": "ops"}, CacheControl="no-cache")
        head = self.s3.head_object(Bucket=self.bucket, Key="k")
        self.assertEqual(head["ContentType"], "text/csv")
        self.assertEqual(head["Metadata"], {"owner": "ops"})
        self.assertEqual(head["CacheControl"], "no-cache")
        self.assertEqual(head["ETag"], f'"{hashlib.md5(b"x").hexdigest()}"')

    def test_ranges(self):
        self.put("k", bytes(range(100)))
        part = self.get("k", Range="bytes=10-19")
        self.assertEqual(part["Body"].read(), bytes(range(10, 20)))
        self.assertEqual(part["ContentRange"], "bytes 10-19/100")
        self.assertEqual(part["ResponseMetadata"]["HTTPStatusCode"], 206)
        self.assertEqual(self.get("k", Range="bytes=-5")["Body"].read(), bytes(range(95, 100)))
        self.refused("InvalidRange", self.get, key="k", Range="bytes=100-")

    def test_every_checksum_is_verified_and_returned(self):
        body = os.urandom(100_000)
        for algorithm in ["CRC32", "SHA1", "SHA256"]:
            put = self.put(algorithm, body, ChecksumAlgorithm=algorithm)
            member = f"Checksum{algorithm}"
            got = self.get(algorithm, ChecksumMode="ENABLED")
            self.assertEqual(got[member], put[member])
            # botocore itself checks the checksum of what it reads.
            self.assertEqual(got["Body"].read(), body)
        self.refused("BadDigest", self.put, key="k", body=b"x", ChecksumCRC32="AAAAAA==")
        self.refused("BadDigest", self.put, key="k", body=b"x", ContentMD5="A" * 22 + "==")
        self.refused("NoSuchKey", self.get, key="k")

    def test_bodies_of_unknown_nature(self):
        """A stream goes out aws-chunked, with its checksum behind it."""
        body = os.urandom(300_000)
        self.put("stream", io.BytesIO(body))
        self.assertEqual(self.get("stream")["Body"].read(), body)
        self.put("empty", b"")
        self.assertEqual(self.get("empty")["Body"].read(), b"")

    def test_conditions(self):
        etag = self.put("k", b"x")["ETag"]
        self.refused("304", self.get, key="k", IfNoneMatch=etag)
        self.refused("PreconditionFailed", self.get, key="k", IfMatch='"other"')
        self.refused("PreconditionFailed", self.put, key="k", body=b"y", IfNoneMatch="*")
        self.put("k", b"y", IfMatch=etag)

    def test_copies(self):
        self.put("from/ä +", b"bytes", Metadata={"a": "1"}, ContentType="text/csv")
        source = {"Bucket": self.bucket, "Key": "from/ä +"}
        self.s3.copy_object(Bucket=self.bucket, Key="to", CopySource=source)
        copy = self.get("to")
        self.assertEqual((copy["Body"].read(), copy["Metadata"]), (b"bytes", {"a": "1"}))
        self.s3.copy(source, self.bucket, "managed")
        self.assertEqual(self.get("managed")["Body"].read(), b"bytes")
        self.s3.copy_object(
            Bucket=self.bucket, Key="to", CopySource=source, MetadataDirective="REPLACE",
            Metadata={"b": "2"},
        )
        self.assertEqual(self.get("to")["Metadata"], {"b": "2"})
        missing = {"Bucket": self.bucket, "Key": "absent"}
        self.refused(
            "NoSuchKey", self.s3.copy_object, Bucket=self.bucket, Key="to", CopySource=missing
        )

    def test_presigned_addresses(self):
        members = {"Bucket": self.bucket, "Key": "a b/ü"}
        for version in ["s3", "s3v4"]:
            signer = client(signature_version=version)
            address = signer.generate_presigned_url("put_object", members, ExpiresIn=60)
            # Not urllib, which adds a Content-Type that the second version would have to cover.
            parts = urllib.parse.urlsplit(address)
            connection = http.client.HTTPConnection(parts.netloc)
            connection.request("PUT", f"{parts.path}?{parts.query}", body=b"by hand")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            address = signer.generate_presigned_url("get_object", members, ExpiresIn=60)
            with urllib.request.urlopen(address) as answer:
                self.assertEqual(answer.read(), b"by hand")

    def test_a_signature_by_the_regions_key_is_verified(self):
        self.put("k", b"x")
        members = {"Bucket": self.bucket, "Key": "k"}
        for version, pattern in [("s3", r"Signature=[^&]*"), ("s3v4", r"X-Amz-Signature=\w*")]:
            address = client(signature_version=version).generate_presigned_url("get_object", members)
            name, zeros = pattern.split("=")[0], "0" * 64 if version == "s3v4" else "A" * 27 + "="
            bent = re.sub(pattern, f"{name}={zeros}", address)
            self.assertNotEqual(bent, address)
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(bent)
            self.assertEqual(caught.exception.code, 403)
            self.assertIn(b"<Code>SignatureDoesNotMatch</Code>", caught.exception.read())

    def test_an_address_that_has_ended_is_refused_whoever_made_it(self):
        self.put("k", b"x")
        for key in [None, "dummy"]:
            for version in ["s3", "s3v4"]:
                session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=key)
                config = Config(signature_version=version, s3={"addressing_style": "path"})
                signer = session.client("s3", config=config)
                members = {"Bucket": self.bucket, "Key": "k"}
                address = signer.generate_presigned_url("get_object", members, ExpiresIn=1)
                deadline = time.time() + 30
                while True:
                    try:
                        urllib.request.urlopen(address).read()
                    except urllib.error.HTTPError as error:
                        body = error.read()
                        break
                    self.assertLess(time.time(), deadline, "an address of one second holds for long")
                self.assertIn(b"<Message>Request has expired</Message>", body)
                self.assertIn(b"<Expires>", body)
                self.assertIn(b"<ServerTime>", body)

    def test_deletions_under_conditions(self):
        other = '"' + "0" * 32 + '"'
        etag = self.put("k", b"precious")["ETag"]
        delete = lambda **members: self.s3.delete_object(Bucket=self.bucket, **members)
        answer = self.refused("PreconditionFailed", delete, Key="k", IfMatch=other)
        self.assertEqual(answer["Error"]["Condition"], "If-Match")
        self.refused("NoSuchKey", delete, Key="none", IfMatch="*")
        objects = [
            {"Key": "k", "ETag": other},
            {"Key": "k", "Size": 7},
            {"Key": "k", "VersionId": "0" * 32},
            {"Key": "none"},
        ]
        answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects})
        codes = sorted(error["Code"] for error in answer["Errors"])
        self.assertEqual(codes, ["NoSuchVersion", "PreconditionFailed", "PreconditionFailed"])
        self.assertEqual([each["Key"] for each in answer["Deleted"]], ["none"])
        self.refused("NoSuchVersion", delete, Key="k", VersionId="0" * 32)
        self.assertEqual(self.get("k")["Body"].read(), b"precious")
        delete(Key="k", IfMatch=etag, VersionId="null")
        self.refused("NoSuchKey", self.get, key="k")

    def test_copies_under_conditions(self):
        self.put("a", b"a")
        etag = self.put("b", b"b")["ETag"]
        copy = lambda **members: self.s3.copy_object(
            Bucket=self.bucket, Key="b", CopySource={"Bucket": self.bucket, "Key": "a"}, **members
        )
        self.refused("PreconditionFailed", copy, IfNoneMatch="*")
        self.refused("PreconditionFailed", copy, IfMatch='"other"')
        self.refused("PreconditionFailed", copy, CopySourceIfMatch='"other"')
        self.refused("AccessDenied", copy, ExpectedSourceBucketOwner="999999999999")
        self.assertEqual(self.get("b")["Body"].read(), b"b")
        copy(IfMatch=etag)
        self.assertEqual(self.get("b")["Body"].read(), b"a")

    def test_ranges_are_taken_laxly(self):
        self.put("k", b"Hello World\n")
        self.put("empty", b"")
        for span in ["bytes=1-0", "bytes=15-1", "bytes=a-b", "bytes=0-1,3-4"]:
            answer = self.get("k", Range=span)
            self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 200, span)
            self.assertEqual(answer["Body"].read(), b"Hello World\n")
        self.assertEqual(self.get("empty", Range="bytes=-1")["Body"].read(), b"")
        error = self.refused("InvalidRange", self.get, key="k", Range="bytes=12-")["Error"]
        self.assertEqual((error["RangeRequested"], error["ActualObjectSize"]), ("bytes=12-", "12"))
        head = self.s3.head_object(Bucket=self.bucket, Key="k", PartNumber=1)
        self.assertEqual(head["ResponseMetadata"]["HTTPStatusCode"], 206)

    def test_class_encryption_and_tags_come_back(self):
        sent = {
            "StorageClass": "STANDARD_IA",
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "alias/k",
            "BucketKeyEnabled": True,
            "WebsiteRedirectLocation": "/elsewhere",
            "Tagging": "a=1&b=x%20y",
        }
        put = self.put("k", b"x", **sent)
        self.assertEqual(put["ServerSideEncryption"], "aws:kms")
        head = self.s3.head_object(Bucket=self.bucket, Key="k")
        for name in ["StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "WebsiteRedirectLocation"]:
            self.assertEqual(head[name], sent[name])
        self.assertEqual(self.get("k")["TagCount"], 2)
        listed = self.s3.list_objects_v2(Bucket=self.bucket)["Contents"]
        self.assertEqual(listed[0]["StorageClass"], "STANDARD_IA")
        tags = self.s3.get_object_tagging(Bucket=self.bucket, Key="k")["TagSet"]
        self.assertEqual(tags, [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}])
        tagging = {"TagSet": [{"Key": "c", "Value": ""}]}
        self.s3.put_object_tagging(Bucket=self.bucket, Key="k", Tagging=tagging)
        source = {"Bucket": self.bucket, "Key": "k"}
        self.s3.copy_object(Bucket=self.bucket, Key="copy", CopySource=source)
        copied = self.s3.get_object_tagging(Bucket=self.bucket, Key="copy")["TagSet"]
        self.assertEqual(copied, tagging["TagSet"])
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket=self.bucket, Key="copy"))
        self.s3.delete_object_tagging(Bucket=self.bucket, Key="k")
        self.assertNotIn("TagCount", self.get("k"))
        error = self.refused("InvalidStorageClass", self.put, key="c", body=b"", StorageClass="BOGUS")
        self.assertEqual(error["Error"]["StorageClassRequested"], "BOGUS")

    def test_what_has_no_effect_is_refused_by_name(self):
        put = lambda **members: self.put("k", b"x", **members)
        self.put("l", b"", ACL="bucket-owner-full-control")
        self.refused("AccessControlListNotSupported", put, ACL="public-read")
        self.refused("AccessControlListNotSupported", put, GrantRead="id=x")
        self.refused("InvalidRequest", put, ObjectLockMode="GOVERNANCE")
        error = self.refused("NotImplemented", put, SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
        self.assertIn("x-amz-server-side-encryption-customer-algorithm", error["Error"]["Message"])
        self.refused("AccessDenied", put, ExpectedBucketOwner="999999999999")
        self.refused("NoSuchKey", self.get, key="k")

    def test_errors_carry_details(self):
        error = self.refused("NoSuchKey", self.get, key="absent")["Error"]
        self.assertEqual(error["Key"], "absent")
        error = self.refused("NoSuchBucket", self.s3.list_objects_v2, Bucket="not-there")["Error"]
        self.assertEqual(error["BucketName"], "not-there")
        answer = self.refused("NoSuchUpload", self.s3.list_parts, Bucket=self.bucket, Key="k", UploadId="x")
        self.assertEqual(answer["Error"]["UploadId"], "x")
        self.assertTrue(answer["ResponseMetadata"]["RequestId"] and answer["ResponseMetadata"]["HostId"])

    def test_deleting_what_is_not_there_is_no_failure(self):
        self.put("k", b"x")
        for _ in range(2):
            self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.refused("NoSuchKey", self.get, key="k")


class Uploads(Bucket):
    def test_a_large_file_in_parts(self):
        body = os.urandom(13 * MIB + 17)
        transfer = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
        self.s3.upload_fileobj(io.BytesIO(body), self.bucket, "big", Config=transfer)
        head = self.s3.head_object(Bucket=self.bucket, Key="big")
        chunks = [body[start : start + 5 * MIB] for start in range(0, len(body), 5 * MIB)]
        md5s = b"".join(hashlib.md5(chunk).digest() for chunk in chunks)
        self.assertEqual(head["ETag"], f'"{hashlib.md5(md5s).hexdigest()}-{len(chunks)}"')
        self.assertEqual(head["ContentLength"], len(body))
        back = io.BytesIO()
        self.s3.download_fileobj(self.bucket, "big", back, Config=transfer)
        self.assertEqual(back.getvalue(), body)
        second = self.get("big", PartNumber=2)
        self.assertEqual((second["Body"].read(), second["PartsCount"]), (chunks[1], 3))
        self.s3.copy(
            {"Bucket": self.bucket, "Key": "big"}, self.bucket, "copied in parts", Config=transfer
        )
        self.assertEqual(self.get("copied in parts")["Body"].read(), body)

    def test_parts_are_listed_checked_and_aborted(self):
        created = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")
        upload = {"Bucket": self.bucket, "Key": "k", "UploadId": created["UploadId"]}
        etag = self.s3.upload_part(PartNumber=1, Body=b"small", **upload)["ETag"]
        self.s3.upload_part(PartNumber=2, Body=b"last", **upload)
        self.assertEqual(len(self.s3.list_parts(**upload)["Parts"]), 2)
        under_way = self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]
        self.assertEqual([entry["UploadId"] for entry in under_way], [created["UploadId"]])

        def complete(*parts):
            named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
            return self.s3.complete_multipart_upload(MultipartUpload={"Parts": named}, **upload)

        self.refused("InvalidPart", lambda: complete((3, etag)))
        self.refused("InvalidPart", lambda: complete((1, '"other"')))
        second = self.s3.list_parts(**upload)["Parts"][1]["ETag"]
        self.refused("InvalidPartOrder", lambda: complete((2, second), (1, etag)))
        self.refused("EntityTooSmall", lambda: complete((1, etag), (2, second)))
        self.s3.abort_multipart_upload(**upload)
        self.refused("NoSuchUpload", self.s3.list_parts, **upload)


    def test_an_upload_is_completed_twice_and_a_bucket_deleted_with_an_open_one(self):
        bucket = self.bucket + "-2"
        self.s3.create_bucket(Bucket=bucket)
        created = self.s3.create_multipart_upload(Bucket=bucket, Key="k", StorageClass="GLACIER")
        upload = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
        etag = self.s3.upload_part(PartNumber=1, Body=b"small", **upload)["ETag"]
        complete = lambda tag, **members: self.s3.complete_multipart_upload(
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **upload, **members
        )
        self.refused("InvalidRequest", lambda: complete(etag, MpuObjectSize=4))
        first, second = complete(etag, MpuObjectSize=5), complete(etag)
        for answer in (first, second):
            answer.pop("ResponseMetadata")
        self.assertEqual(first, second)
        self.refused("NoSuchUpload", lambda: complete('"' + "0" * 32 + '"'))
        self.assertEqual(self.s3.head_object(Bucket=bucket, Key="k")["StorageClass"], "GLACIER")
        self.s3.delete_object(Bucket=bucket, Key="k")
        self.s3.create_multipart_upload(Bucket=bucket, Key="left open")
        self.s3.delete_bucket(Bucket=bucket)

    def test_open_uploads_roll_up(self):
        for key in ["a/1", "a/2", "b", "c/1"]:
            self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)
        seen, markers = [], {}
        while True:
            page = self.s3.list_multipart_uploads(
                Bucket=self.bucket, Delimiter="/", MaxUploads=1, **markers
            )
            seen += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
            seen += [each["Key"] for each in page.get("Uploads", [])]
            if not page["IsTruncated"]:
                break
            markers = {"KeyMarker": page["NextKeyMarker"]}
            if page.get("NextUploadIdMarker"):
                markers["UploadIdMarker"] = page["NextUploadIdMarker"]
        self.assertEqual(seen, ["a/", "b", "c/"])


class Listings(Bucket):
    def test_arguments_are_checked_and_empty_ones_shown(self):
        listing = self.s3.list_objects_v2
        self.refused("InvalidArgument", listing, Bucket=self.bucket, MaxKeys=-1)
        self.refused("InvalidArgument", listing, Bucket=self.bucket, EncodingType="xml")
        self.refused("InvalidArgument", listing, Bucket=self.bucket, ContinuationToken="x")
        answer = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="", Delimiter="")
        self.assertEqual((answer["Prefix"], answer.get("Delimiter")), ("", None))
        self.assertEqual(self.s3.list_objects(Bucket=self.bucket)["Marker"], "")
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")["UploadId"]
        self.refused(
            "InvalidArgument", self.s3.list_parts,
            Bucket=self.bucket, Key="k", UploadId=upload, MaxParts=-1,
        )

    def test_pages_prefixes_and_delimiters(self):
        keys = [f"{folder}/{number:02}" for folder in "abc" for number in range(7)] + ["top"]
        for key in keys:
            self.put(key, b"")
        paginator = self.s3.get_paginator("list_objects_v2")
        pages = list(paginator.paginate(Bucket=self.bucket, PaginationConfig={"PageSize": 4}))
        self.assertEqual([e["Key"] for page in pages for e in page.get("Contents", [])], keys)
        self.assertTrue(all(page["KeyCount"] <= 4 for page in pages))
        rolled = paginator.paginate(
            Bucket=self.bucket, Delimiter="/", PaginationConfig={"PageSize": 2}
        )
        names = []
        for page in rolled:
            names += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            names += [entry["Key"] for entry in page.get("Contents", [])]
        self.assertEqual(names, ["a/", "b/", "c/", "top"])
        first = self.s3.get_paginator("list_objects").paginate(
            Bucket=self.bucket, Delimiter="/", PaginationConfig={"PageSize": 2}
        )
        names = []
        for page in first:
            names += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            names += [entry["Key"] for entry in page.get("Contents", [])]
        self.assertEqual(names, ["a/", "b/", "c/", "top"])
        after = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="b/", StartAfter="b/04")
        self.assertEqual([entry["Key"] for entry in after["Contents"]], ["b/05", "b/06"])

    def test_more_than_a_thousand(self):
        resource = boto3.resource("s3").Bucket(self.bucket)
        for number in range(1_003):
            self.put(f"{number:04}", b"")
        self.assertEqual(sum(1 for _ in resource.objects.all()), 1_003)


class Buckets(Bucket):
    def test_buckets(self):
        self.assertIn(self.bucket, [b["Name"] for b in self.s3.list_buckets()["Buckets"]])
        self.s3.head_bucket(Bucket=self.bucket)
        self.assertIsNone(self.s3.get_bucket_location(Bucket=self.bucket)["LocationConstraint"])
        self.s3.create_bucket(Bucket=self.bucket)
        self.put("k", b"")
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=self.bucket)
        self.refused("404", self.s3.head_bucket, Bucket="not-there")
        self.refused("NoSuchBucket", self.s3.list_objects_v2, Bucket="not-there")
        self.refused("InvalidBucketName", self.s3.create_bucket, Bucket="Not_A_Bucket")

    def test_a_bucket_lies_where_the_region_is(self):
        create = lambda place: self.s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": place}
        )
        self.refused("IllegalLocationConstraintException", lambda: create("eu-west-1"))
        self.refused("InvalidLocationConstraint", lambda: create("us-east-1"))
        self.refused("InvalidLocationConstraint", lambda: create("nowhere"))

    def test_waiters(self):
        self.s3.get_waiter("bucket_exists").wait(Bucket=self.bucket)
        self.put("k", b"")
        self.s3.get_waiter("object_exists").wait(Bucket=self.bucket, Key="k")

    def test_what_is_missing_says_so(self):
        answer = self.refused("NotImplemented", self.s3.get_bucket_policy, Bucket=self.bucket)
        self.assertIn("GetBucketPolicy", answer["Error"]["Message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
