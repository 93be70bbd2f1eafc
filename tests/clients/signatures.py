"""Prints, as JSON, requests that botocore signed: what Sagebrush must accept to the byte.

Each case says all of the request, the time it was signed at, and whether its body is in the hash.
"""

import base64
import datetime
import json

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
KEY = "AKIDSAGEBRUSH"
SECRET = "s3cr+t/KEY=with:signs"


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW if tz else NOW.replace(tzinfo=None)

    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)


def freeze():
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: (
            NOW.replace(tzinfo=None) if remove_tzinfo else NOW
        )
    botocore.auth.datetime = type("module", (), {"datetime": Frozen, "timezone": datetime.timezone})


def case(name, auth, service, method, url, headers=None, body=b"", token=None, **options):
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body)
    request.context.update(options.pop("context", {}))
    if auth in (botocore.auth.S3SigV4Auth, botocore.auth.S3SigV4QueryAuth):
        request.context.setdefault("client_config", None)
    credentials = Credentials(KEY, SECRET, token)
    auth(credentials, service, "us-east-1", **options).add_auth(request)
    prepared = request.prepare()
    host, _, rest = prepared.url.split("://", 1)[1].partition("/")
    path, _, query = ("/" + rest).partition("?")
    sent = {k.lower(): v if isinstance(v, str) else v.decode() for k, v in prepared.headers.items()}
    sent["host"] = host
    return {
        "name": name,
        "method": method,
        "path": path,
        "query": query,
        "headers": sent,
        "body": base64.b64encode(body).decode(),
        "token": token,
        "service": service,
    }


def main():
    freeze()
    v4, s3 = botocore.auth.SigV4Auth, botocore.auth.S3SigV4Auth
    query, s3_query = botocore.auth.SigV4QueryAuth, botocore.auth.S3SigV4QueryAuth
    base = "http://localhost:7242"
    target = {"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": "application/x-amz-json-1.1"}
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    cases = [
        case("json", v4, "sagemaker", "POST", base + "/", target, b'{"ModelName":"m"}'),
        case("json with a token", v4, "sagemaker", "POST", base + "/", target, b"{}", token="T/+="),
        case("query", v4, "sts", "POST", base + "/", form, b"Action=GetCallerIdentity&Version=2011-06-15"),
        case("encoded label", v4, "sagemaker", "POST", base + "/endpoints/a%20b%2Fc/invocations",
             {"Content-Type": "text/csv", "X-Amzn-SageMaker-Target-Variant": "  a   b "}, b"1,2\n"),
        case("dots and slashes", v4, "sagemaker", "GET", base + "/a/../b//./c/"),
        case("query parameters", v4, "execute-api", "GET", base + "/x?b=2&a=1&a=0&empty=&sp=a%20b%2B~"),
        case("utf-8", v4, "execute-api", "GET", base + "/%C3%A9?k=%F0%9F%8C%B5"),
        case("s3 put", s3, "s3", "PUT", base + "/bucket/a/../b//c%20d%2Be", {}, b"hello"),
        case("s3 get", s3, "s3", "GET", base + "/bucket/?list-type=2&prefix=a%2Fb&delimiter=%2F"),
        case("s3 sub-resource", s3, "s3", "POST", base + "/bucket/key?uploads", {}, b""),
        case("s3 unsigned body", s3, "s3", "PUT", base + "/bucket/key",
             {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"hello",
             context={"has_streaming_input": True}),
        case("s3 presigned", s3_query, "s3", "GET", base + "/bucket/a%20b?versionId=1", expires=300),
        case("s3 presigned with a token", s3_query, "s3", "PUT", base + "/bucket/k", token="T/+=", expires=60),
        case("presigned", query, "sts", "GET",
             base + "/?Action=GetCallerIdentity&Version=2011-06-15", expires=60),
    ]
    print(json.dumps({
        "botocore": botocore.__version__,
        "now": int(NOW.timestamp() * 1000),
        "access_key": KEY,
        "secret_key": SECRET,
        "cases": cases,
    }))


if __name__ == "__main__":
    main()
