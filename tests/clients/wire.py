"""Sagebrush's codecs against botocore's own, in both directions.

    wire.py requests     prints requests that botocore wrote, with the documents they were made from
    wire.py documents    prints documents of output shapes
    wire.py compare      reads answers to those documents on stdin, has botocore parse them, and
                         fails where it understands anything else

Documents are in awsJson's convention: timestamps are epoch seconds, blobs base64.
"""

import base64
import datetime
import json
import random
import sys
import urllib.parse

import botocore.parsers
import botocore.serialize
import botocore.session

SERVICES = "sagemaker sagemaker-runtime sts logs cloudwatch iam application-autoscaling ecr cloudformation kms cloudtrail".split()
PIECES = ["a", "B", "7", " ", "&", "<", ">", '"', "'", "=", "%", "+", "/", ".", "\\", "é", "🌵", "]]>", "&amp;"]


class Maker:
    """Random documents: whatever a shape can hold, its constraints aside."""

    def __init__(self, seed):
        self.pick = random.Random(seed)

    def make(self, shape, depth=5):
        kind, pick = shape.type_name, self.pick
        if kind == "structure":
            names = list(shape.members)
            if getattr(shape, "is_tagged_union", False):
                names = [pick.choice(names)]
            elif depth == 0:
                names = []
            made = {}
            for name in names:
                member = shape.members[name]
                if len(names) > 1 and pick.random() < 0.4:
                    continue
                value = self.make(member, max(depth - 1, 0))
                # An empty thing is no thing to the query protocol.
                if value not in ({}, []):
                    made[name] = value
            return made
        if kind == "list":
            items = [self.make(shape.member, depth - 1) for _ in range(pick.randrange(3) if depth > 0 else 0)]
            return [item for item in items if item not in ({}, [])]
        if kind == "map":
            count = pick.randrange(3) if depth > 0 else 0
            return {f"k{at}{self.text()}": self.make(shape.value, depth - 1) for at in range(count)}
        if kind == "string":
            return self.text() or "x"
        if kind in ("integer", "long"):
            return pick.randrange(-2**31, 2**31)
        if kind in ("float", "double"):
            return pick.randrange(-(10**6), 10**6) / 64
        if kind == "boolean":
            return pick.random() < 0.5
        if kind == "timestamp":
            return pick.randrange(4 * 10**9)
        if kind == "blob":
            return base64.b64encode(pick.randbytes(pick.randrange(9))).decode()
        sys.exit(f"wire.py: {kind} is unknown")

    def text(self):
        return "".join(self.pick.choice(PIECES) for _ in range(self.pick.randrange(6))).strip()


def native(shape, value):
    """A document as botocore takes it."""
    kind = shape.type_name
    if kind == "structure":
        return {name: native(shape.members[name], inner) for name, inner in value.items()}
    if kind == "list":
        return [native(shape.member, item) for item in value]
    if kind == "map":
        return {key: native(shape.value, inner) for key, inner in value.items()}
    return base64.b64decode(value) if kind == "blob" else value


def document(value):
    """What botocore parsed, as a document."""
    if isinstance(value, dict):
        return {key: document(inner) for key, inner in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list):
        return [document(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return base64.b64encode(value.read()).decode() if hasattr(value, "read") else value


def operations(rounds):
    session = botocore.session.get_session()
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            for seed in range(rounds):
                maker = Maker(f"{service}.{name}.{seed}")
                for protocol in model.metadata["protocols"]:
                    yield model, model.operation_model(name), protocol, maker


def requests():
    for model, operation, protocol, maker in operations(2):
        shape = operation.input_shape
        made = maker.make(shape) if shape else {}
        if protocol == "rest-json":
            # Headers hold printable ASCII alone, and a path is never without its label.
            made = {key: "a b/c+d" if isinstance(value, str) and key != "Body" else value for key, value in made.items()}
            made["EndpointName"] = "a b/c%d+e"
            made.pop("Body", None)
        wire = botocore.serialize.create_serializer(protocol, False)
        sent = wire.serialize_to_request(native(shape, made) if shape else {}, operation)
        body = sent["body"]
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
        yield {
            "service": model.service_name, "operation": operation.name, "protocol": protocol,
            "method": sent["method"], "path": sent["url_path"],
            "headers": {name: str(value) for name, value in sent["headers"].items()},
            "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
            "document": made,
        }


def documents():
    for model, operation, protocol, maker in operations(2):
        shape = operation.output_shape
        # A stream of events is no document, and the runtime's answers are tried in their own test.
        if protocol == "rest-json" or operation.has_event_stream_output:
            continue
        made = maker.make(shape) if shape else {}
        yield {"service": model.service_name, "operation": operation.name, "protocol": protocol,
               "document": made}


def without_empty(value):
    """Query cannot tell an empty list or structure from an absent one."""
    if isinstance(value, dict):
        kept = {key: without_empty(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in ({}, [], None)}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value


def compare():
    session, factory = botocore.session.get_session(), botocore.parsers.ResponseParserFactory()
    count = 0
    for line in sys.stdin:
        case = json.loads(line)
        operation = session.get_service_model(case["service"]).operation_model(case["operation"])
        answer = {"status_code": case["status"], "headers": case["headers"], "body": base64.b64decode(case["body"])}
        parsed = factory.create_parser(case["protocol"]).parse(answer, operation.output_shape)
        if operation.output_shape:
            assert parsed["ResponseMetadata"]["RequestId"] == case["headers"]["x-amzn-requestid"], case
        found = document(parsed) if operation.output_shape else {}
        if without_empty(found) != without_empty(case["document"]):
            sys.exit(f"{case['service']}.{case['operation']} ({case['protocol']}):\nmeant {case['document']}\nread  {found}\n{answer}")
        count += 1
    print(count)


def main():
    what = sys.argv[1]
    if what == "compare":
        return compare()
    for case in requests() if what == "requests" else documents():
        print(json.dumps(case))


if __name__ == "__main__":
    main()
