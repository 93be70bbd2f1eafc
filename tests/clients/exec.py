"""boto3 as anybody writes it: nothing names the region or an endpoint. Run by `sagebrush exec`."""

import io
import os
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

by_names = "--aws-names" in sys.argv

me = boto3.client("sts").get_caller_identity()
assert me["Account"] == "123456789012", me
# The address that SageMaker's SDK builds itself.
again = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()
assert again["Arn"] == me["Arn"]
# A profile of the user's own keeps its name and loses its account.
named = boto3.Session(profile_name="production").client("sts").get_caller_identity()
assert named["Arn"] == me["Arn"], named
assert boto3.client("sagemaker").list_models()["Models"] == []

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "virtual"}))
s3.create_bucket(Bucket="made-by-exec")
if by_names:
    assert s3.meta.endpoint_url == "https://s3.amazonaws.com", s3.meta.endpoint_url
    others = [
        Config(s3={"use_dualstack_endpoint": True}),
        Config(s3={"addressing_style": "path"}),
    ]
else:
    assert s3.meta.endpoint_url.startswith("http://127.0.0.1:"), s3.meta.endpoint_url
    others = []
s3.put_object(Bucket="made-by-exec", Key="a b/ä.txt", Body=b"hello")
for client in [s3, *(boto3.client("s3", config=config) for config in others)]:
    assert client.get_object(Bucket="made-by-exec", Key="a b/ä.txt")["Body"].read() == b"hello"
# Signed for AWS's own host, and sent in the clear: by the proxy all the same.
clear = boto3.client("s3", endpoint_url="http://s3.us-east-1.amazonaws.com")
assert clear.get_object(Bucket="made-by-exec", Key="a b/ä.txt")["Body"].read() == b"hello"
wrong = boto3.client("s3", endpoint_url="https://s3.us-east-1.amazonaws.com", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
try:
    wrong.list_buckets()
    raise AssertionError("a wrong signature was taken")
except ClientError as error:
    assert error.response["Error"]["Code"] == "SignatureDoesNotMatch", error
# Several parts at once, each on a connection of its own.
large = os.urandom(17 * 1024 * 1024)
parts = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
s3.upload_fileobj(io.BytesIO(large), "made-by-exec", "large", Config=parts)
back = io.BytesIO()
s3.download_fileobj("made-by-exec", "large", back, Config=parts)
assert back.getvalue() == large
assert s3.head_object(Bucket="made-by-exec", Key="large")["ETag"].endswith('-4"')

link = s3.generate_presigned_url("get_object", Params={"Bucket": "made-by-exec", "Key": "a b/ä.txt"})
assert urllib.request.urlopen(link).read() == b"hello"
bare = "https://made-by-exec.s3.us-east-1.amazonaws.com/large"
assert urllib.request.urlopen(bare).read() == large
# Plain HTTP under AWS's names goes by the proxy, too.
assert urllib.request.urlopen(bare.replace("https", "http")).read() == large

# The SDK's own usage reports.
report = "https://sm-pysdk-t-us-west-2.s3.us-west-2.amazonaws.com/telemetry?x-accountId=1&x-status=1&x-feature=15"
with urllib.request.urlopen(report) as answer:
    assert (answer.status, answer.read()) == (200, b"")

for service, call, code in [
    ("dynamodb", "list_tables", "UnsupportedOperation"),
    ("route53", "list_hosted_zones", "UnsupportedOperation"),
    ("cloudformation", "list_stacks", "UnsupportedOperation"),
    ("s3control", "list_jobs", "UnsupportedOperation"),
]:
    if service == "s3control" and not by_names:
        continue
    arguments = {"AccountId": "123456789012"} if service == "s3control" else {}
    try:
        getattr(boto3.client(service), call)(**arguments)
        raise AssertionError(f"{service} answered")
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert service in error.response["Error"]["Message"], error

try:
    urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=20)
    raise AssertionError("the metadata service answered")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"Sagebrush refuses 169.254.169.254" in error.read()
print("ok")
