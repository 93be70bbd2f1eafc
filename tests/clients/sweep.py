"""Breaks every constraint of every operation's input, one at a time, and says what must come back.

    sweep.py --list [SERVICE…]                     the cases, one JSON object a line
    sweep.py [SERVICE…]                            sends them to AWS_ENDPOINT_URL, signed with
                                                   AWS_ACCESS_KEY_ID, and checks every answer

A case is a request that is valid but for one thing: a required member is missing, a number, text,
list or map is too small or too large, a pattern or an enum is broken, a JSON type is wrong, at the top
or anywhere below. The right answer is a 4xx with the service's own code and a text that names the
member and the constraint, and never a 5xx. An operation that the region does not simulate says that, and
nothing of its input.
"""

import argparse
import base64
import collections
import concurrent.futures
import hashlib
import hmac
import html
import itertools
import json
import os
import re
import socket
import sys
import time
import urllib.parse
import urllib.request

import botocore
import botocore.parsers
import botocore.serialize
import botocore.session

import samples
from samples import LONGEST, MOST, NoSample, limits

SERVICES = {
    # service: (code of a broken constraint, protocols)
    "sagemaker": ("ValidationException", ["json"]),
    "sagemaker-runtime": ("ValidationError", ["rest-json"]),
    "sts": ("ValidationError", ["query"]),
    "logs": ("InvalidParameterException", ["json"]),
    "cloudwatch": ("ValidationError", ["json", "query", "smithy-rpc-v2-cbor"]),
    "iam": ("ValidationError", ["query"]),
    "application-autoscaling": ("ValidationException", ["json"]),
    "ecr": ("InvalidParameterException", ["json"]),
    "cloudformation": ("ValidationError", ["query"]),
    "kms": ("ValidationException", ["json"]),
    "cloudtrail": ("ValidationException", ["json"]),
}
SCALARS = ("string", "integer", "long", "float", "double", "boolean", "timestamp", "blob")

Case = collections.namedtuple("Case", "service operation kind document code texts")


class Sweep:
    """The cases of one operation."""

    def __init__(self, service, operation):
        self.service, self.operation = service, operation
        self.code, self.protocols = SERVICES[service]
        self.rest = "rest-json" in self.protocols
        self.seen, self.cases, self.skipped = set(), [], []

    def all(self):
        shape = self.operation.input_shape
        if shape is not None:
            self.structure(shape, samples.valid(shape), "", lambda value: value)
        return self.cases

    def add(self, kind, document, path, *constraints):
        texts = [f"at '{path}' failed to satisfy constraint: {text}" for text in constraints]
        self.cases.append(Case(self.service, self.operation.name, kind, document, self.code, texts))

    def wrong_type(self, path, document):
        """Only JSON has types to get wrong."""
        if "json" in self.protocols:
            case = Case(self.service, self.operation.name, f"type of {path}", document,
                        "SerializationException", [])
            self.cases.append(case)

    def structure(self, shape, current, path, build):
        if shape.name in self.seen:
            return
        self.seen.add(shape.name)
        union = getattr(shape, "is_tagged_union", False)
        for name, member in shape.members.items():
            below = f"{path}.{name[0].lower()}{name[1:]}" if path else name[0].lower() + name[1:]
            location = member.serialization.get("location")
            payload = shape.serialization.get("payload") == name
            here = lambda value, name=name: build({name: value} if union else {**current, name: value})
            # A path cannot be without its labels, and a payload is never absent, only empty.
            if name in shape.required_members and location != "uri" and not payload:
                without = {key: value for key, value in current.items() if key != name}
                self.add("missing", build(without), below, "Member must not be null")
            self.member(member, below, here, location in ("uri", "header"))

    def member(self, shape, path, build, printable=False):
        kind = shape.type_name
        try:
            if kind in SCALARS:
                for what, value, text in self.broken(shape, printable):
                    self.add(what, build(value), path, text)
            elif kind == "list":
                self.list(shape, path, build)
            elif kind == "map":
                self.map(shape, path, build)
            elif kind == "structure":
                self.structure(shape, samples.valid(shape), path, build)
        except NoSample as problem:
            self.skipped.append((path, str(problem)))
        wrong = {"structure": "x", "list": "x", "map": [], "string": 1, "blob": 1}.get(kind, "x")
        self.wrong_type(path, build(wrong))

    def broken(self, shape, printable=False):
        """What is wrong, a value, and AWS's words, for a scalar."""
        low, high = limits(shape)
        if shape.type_name == "string":
            if low:
                yield "too short", samples.of_length(shape, low - 1), f"Member must have length greater than or equal to {low}"
            if high is not None and high < LONGEST:
                yield "too long", samples.of_length(shape, high + 1), f"Member must have length less than or equal to {high}"
            if shape.enum:
                yield "enum", "Bogus", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
            elif "pattern" in shape.metadata:
                value = samples.off_pattern(shape, printable)
                if value is not None:
                    yield "pattern", value, f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
        elif shape.type_name == "blob":
            if low:
                yield "too short", b"a" * (low - 1), f"Member must have length greater than or equal to {low}"
            if high is not None and high < LONGEST:
                yield "too long", b"a" * (high + 1), f"Member must have length less than or equal to {high}"
        elif shape.type_name in ("integer", "long", "float", "double"):
            if low is not None:
                yield "too small", low - 1, f"Member must have value greater than or equal to {low}"
            if high is not None and high < 2**63 - 1:
                yield "too large", high + 1, f"Member must have value less than or equal to {high}"

    def list(self, shape, path, build):
        low, high = limits(shape)
        if low:
            value = [samples.valid(shape.member) for _ in range(low - 1)]
            self.add("too few", build(value), path, f"Member must have length greater than or equal to {low}")
        if high is not None and high < MOST:
            value = [samples.valid(shape.member)] * (high + 1)
            self.add("too many", build(value), path, f"Member must have length less than or equal to {high}")
        others = samples.filled(shape)[1:]
        element = lambda value: build([value, *others])
        if shape.member.type_name in SCALARS:
            for what, value, text in self.broken(shape.member):
                self.add(f"element {what}", element(value), path, "Member must satisfy constraint: [")
            wrong = 1 if shape.member.type_name in ("string", "blob") else "x"
            self.wrong_type(path, element(wrong))
        else:
            self.member(shape.member, f"{path}.1.member", element)

    def map(self, shape, path, build):
        low, high = limits(shape)
        # The query protocol has no empty map.
        if low and (low > 1 or "query" not in self.protocols):
            value = samples.entries(shape, low - 1)
            self.add("too few", build(value), path, f"Member must have length greater than or equal to {low}")
        if high is not None and high < MOST:
            value = {f"{samples.string(shape.key)}{at}": samples.valid(shape.value) for at in range(high + 1)}
            self.add("too many", build(value), path, f"Member must have length less than or equal to {high}")
        whole = samples.filled(shape)
        key = next(iter(whole))
        rest = {name: value for name, value in whole.items() if name != key}
        for what, broken, text in self.broken(shape.key):
            self.add(f"key {what}", build({broken: whole[key], **rest}), path, "Map keys must satisfy constraint: [")
        entry = lambda value: build({key: value, **rest})
        if shape.value.type_name in SCALARS:
            for what, value, text in self.broken(shape.value):
                self.add(f"value {what}", entry(value), path, "Map value must satisfy constraint: [")
            self.wrong_type(path, entry(1 if shape.value.type_name in ("string", "blob") else []))
        elif shape.value.type_name == "structure":
            self.member(shape.value, f"{path}.{key}.member", entry)


def cases(services):
    loader = botocore.session.get_session()
    skipped = []
    found = []
    for service in services:
        model = loader.get_service_model(service)
        samples.VALID.clear()  # Names of shapes hold within one service.
        samples.NEVER_EMPTY = "query" in SERVICES[service][1]
        for name in model.operation_names:
            sweep = Sweep(service, model.operation_model(name))
            found += sweep.all()
            skipped += [(service, name, *reason) for reason in sweep.skipped]
    return found, skipped


def as_json(document):
    blob = lambda value: base64.b64encode(value).decode()
    return json.dumps(document, default=blob, ensure_ascii=False)


# ---------------------------------------------------------------------------------------- sending


class Signer:
    """Signature Version 4, with the day's key made once for each service."""

    def __init__(self, key, secret, host):
        self.key, self.secret, self.host, self.keys = key, secret, host, {}

    def sign(self, service, method, path, query, headers, body):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/us-east-1/{service}/aws4_request"
        headers = {**headers, "host": self.host, "x-amz-date": stamp}
        names = sorted(headers)
        canonical = "\n".join([
            method, urllib.parse.quote(path, safe="/~"), query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in names), "",
            ";".join(names), hashlib.sha256(body).hexdigest(),
        ])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        if scope not in self.keys:
            key = b"AWS4" + self.secret.encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.keys[scope] = key
        signature = hmac.new(self.keys[scope], to_sign.encode(), "sha256").hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={';'.join(names)}, "
            f"Signature={signature}"
        )
        return headers


class Connection:
    """One kept-alive connection; raw, because no client would send what is sent here."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def exchange(self, method, target, headers, body):
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        self.socket.sendall("\r\n".join(lines).encode() + body)
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *fields = head.decode().split("\r\n")
        fields = dict(re.split(r":\s*", field, maxsplit=1) for field in fields)
        fields = {name.lower(): value for name, value in fields.items()}
        length = int(fields["content-length"])
        while len(self.buffer) < length:
            self.more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(status.split()[1]), fields, body

    def more(self):
        got = self.socket.recv(1 << 16)
        if not got:
            raise ConnectionError("the server closed the connection")
        self.buffer += got


class Sender:
    def __init__(self, signer):
        self.signer, self.session = signer, botocore.session.get_session()
        self.models, self.serializers = {}, {}

    def model(self, service):
        if service not in self.models:
            self.models[service] = self.session.get_service_model(service)
        return self.models[service]

    def request(self, case, protocol):
        model = self.model(case.service)
        if protocol == "json":
            prefix, version = model.metadata["targetPrefix"], model.metadata["jsonVersion"]
            headers = {
                "content-type": f"application/x-amz-json-{version}",
                "x-amz-target": f"{prefix}.{case.operation}",
            }
            method, path, body = "POST", "/", as_json(case.document).encode()
        else:
            method, path, headers, body = self.serialized(model, case, protocol)
        return method, path, self.signer.sign(model.signing_name, method, path, "", headers, body), body

    def serialized(self, model, case, protocol):
        if protocol not in self.serializers:
            self.serializers[protocol] = botocore.serialize.create_serializer(protocol, False)
        operation = model.operation_model(case.operation)
        made = self.serializers[protocol].serialize_to_request(case.document, operation)
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        body = made["body"]
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body, quote_via=urllib.parse.quote)
        return made["method"], made["url_path"], headers, body.encode() if isinstance(body, str) else body


def code_and_text(protocol, fields, body):
    if protocol == "query":
        text = body.decode()
        found = [re.search(f"<{tag}>(.*?)</{tag}>", text, re.S) for tag in ("Code", "Message")]
        return tuple(html.unescape(one[1]) if one else "" for one in found)
    if protocol == "smithy-rpc-v2-cbor":
        answer = {"status_code": 400, "headers": fields, "body": body}
        error = botocore.parsers.create_parser(protocol).parse(answer, None)["Error"]
        return error["Code"], error["Message"]
    document = json.loads(body)
    code = fields.get("x-amzn-query-error") or fields.get("x-amzn-errortype") or document.get("__type", "")
    return code.split(";")[0].split("#")[-1], document.get("message") or document.get("Message") or ""


def simulated(url):
    """The operations that the region answers, as `(service, operation)`."""
    with urllib.request.urlopen(f"{url}/_sagebrush/coverage") as answer:
        services = json.load(answer)["services"]
    return {(service, operation) for service, operations in services.items()
            for operation, worth in operations.items() if worth["behaviour"] != "not simulated"}


def judge(case, protocol, known, status, fields, body):
    """Why an answer is wrong; `None` when it is right."""
    if not 400 <= status < 500:
        return f"status {status}"
    code, text = code_and_text(protocol, fields, body)
    if (case.service, case.operation) not in known:
        said = f"{case.operation} of {case.service} is not simulated" in text
        return None if code == "UnsupportedOperation" and said else f"not refused by its name, but {code}: {text[:300]}"
    # On the way through CloudWatch's older codes a type error keeps its own name.
    if code != case.code:
        return f"code {code}: {text[:300]}"
    if case.code != "SerializationException":
        missing = [expected for expected in case.texts if expected not in text]
        if missing:
            return f"does not say {missing[0]!r}, but: {text[:600]}"
        if not all_about_one_member(case, text):
            return f"complains of more than was broken: {text[:600]}"
    return None


def all_about_one_member(case, text):
    """One break may break two constraints of a member (text too short also fails its pattern),
    but another member in the text would mean that the rest of the request was not valid."""
    path = re.search(r"at '(.*?)' failed", case.texts[0])[1]
    counted = re.search(r"(\d+) validation errors? detected", text)
    return counted is not None and text.count(f"at '{path}' failed") == int(counted[1])


def expressible(case, protocol):
    """Only JSON has types to get wrong, and the query protocol has no empty structure to leave a
    required member out of."""
    if case.code == "SerializationException":
        return protocol == "json"
    return protocol != "query" or case.kind != "missing" or not any(map(hollow, case.document.values()))


def hollow(value):
    if isinstance(value, dict):
        return not value or any(map(hollow, value.values()))
    return isinstance(value, list) and any(map(hollow, value))


def send_all(found, sender, host, port, workers, known):
    jobs = [(case, protocol) for case in found for protocol in SERVICES[case.service][1]
            if expressible(case, protocol)]

    def work(part):
        connection, wrong = Connection(host, port), []
        for case, protocol in part:
            method, path, headers, body = sender.request(case, protocol)
            answer = connection.exchange(method, path, headers, body)
            problem = judge(case, protocol, known, *answer)
            if problem:
                wrong.append((case, protocol, problem))
        return wrong

    parts = [jobs[at::workers] for at in range(workers)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return len(jobs), list(itertools.chain(*pool.map(work, parts)))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("services", nargs="*", default=list(SERVICES))
    options.add_argument("--list", action="store_true")
    options.add_argument("--workers", type=int, default=4)
    options = options.parse_args()
    found, skipped = cases(options.services)
    if options.list:
        for case in found:
            print(as_json(case._asdict()))
        for reason in skipped:
            print("skipped", *reason, file=sys.stderr)
        return 0
    where = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    signer = Signer(key, secret, where.netloc)
    begun = time.monotonic()
    known = simulated(os.environ["AWS_ENDPOINT_URL"])
    sent, wrong = send_all(found, Sender(signer), where.hostname, where.port, options.workers, known)
    checked = sum((case.service, case.operation) in known for case in found)
    counts = collections.Counter(case.service for case in found)
    print(json.dumps({
        "sent": sent, "wrong": len(wrong), "skipped": len(skipped), "cases": counts, "simulated": checked,
        "seconds": round(time.monotonic() - begun, 1),
    }))
    for case, protocol, problem in wrong[:25]:
        print(f"{case.service}.{case.operation} ({protocol}), {case.kind}: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
