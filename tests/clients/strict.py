"""botocore clients whose every answer is checked, byte for byte, against botocore's own output shapes.

botocore's parsers drop what they do not know and fill in what they can; this looks at the body before
they do: no member that the shape does not have, every type right, no nulls, every required member.
"""

import base64
import json
import math
import os
import xml.etree.ElementTree as ET

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

called = set()


def client(service, access_key=None, secret_key=None, token=None):
    session = botocore.session.Session()
    made = session.create_client(
        service,
        region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
        endpoint_url=os.environ["SAGEBRUSH_ENDPOINT"],
        aws_access_key_id=access_key or os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret_key or os.environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=token,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=True),
    )
    made.meta.events.register("before-parse", _check)
    return made


def _check(operation_model, response_dict, **_):
    name = operation_model.name
    service = operation_model.service_model
    called.add((service.service_name, name))
    if response_dict["status_code"] >= 300:
        return
    body, shape = response_dict["body"], operation_model.output_shape
    protocol = service.resolved_protocol
    if protocol == "json":
        document = json.loads(body or b"{}")
        _json(document, shape, name) if shape else _empty(document, name)
    elif protocol == "query":
        root = _strip(ET.fromstring(body))
        assert root.tag == f"{name}Response", f"{name}: the root is <{root.tag}>"
        inner = [child for child in root if child.tag == f"{name}Result"]
        assert [child.tag for child in root if child not in inner] == ["ResponseMetadata"], name
        if shape and shape.members:
            assert len(inner) == 1, f"{name}: no <{name}Result>"
            _xml(inner[0], shape, name)
    elif protocol == "rest-xml":
        _rest_xml(body, shape, name)
    else:
        raise AssertionError(f"{name}: no checker for {protocol}")


def watch(made):
    """Checks every answer that a client made elsewhere gets."""
    made.meta.events.register("before-parse", _check)
    return made


def _rest_xml(body, shape, name):
    members = shape.members if shape else {}
    payload = shape.serialization.get("payload") if shape else None
    if payload and members[payload].type_name == "blob":
        return
    inside = {key: member for key, member in members.items() if "location" not in member.serialization}
    if name == "HeadObject" or not inside:
        assert not body, f"{name} answers {body!r}"
        return
    root = _strip(ET.fromstring(body))
    if name == "GetBucketLocation":
        assert len(root) == 0, body
    elif payload:
        _xml(root, members[payload], name)
    else:
        _elements(root, inside, name)


def _elements(node, members, where):
    """The members of a structure; a flattened list is an element for each item."""
    known = {member.serialization.get("name", name): (name, member) for name, member in members.items()}
    seen = set()
    for child in node:
        assert child.tag in known, f"{where}: <{child.tag}> is unknown"
        name, member = known[child.tag]
        flat = member.type_name == "list" and member.serialization.get("flattened")
        assert flat or child.tag not in seen, f"{where}: <{child.tag}> comes twice"
        seen.add(child.tag)
        _xml(child, member.member if flat else member, f"{where}.{name}")


# What AWS leaves out though its own model requires it: versioned packages have no name.
LEFT_OUT = {"DescribeModelPackageOutput": {"ModelPackageName"}}


def _empty(document, where):
    assert document == {}, f"{where} answers {document}"


def _json(value, shape, where):
    kind = shape.type_name
    assert value is not None, f"{where} is null"
    if kind == "structure":
        assert isinstance(value, dict), f"{where}: {value!r} is no structure"
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{where}: members that {shape.name} does not have: {unknown}"
        missing = set(shape.required_members) - set(value) - LEFT_OUT.get(shape.name, set())
        assert not missing, f"{where}: {shape.name} lacks {missing}"
        for name, member in value.items():
            _json(member, shape.members[name], f"{where}.{name}")
    elif kind == "list":
        assert isinstance(value, list), f"{where}: {value!r} is no list"
        for at, item in enumerate(value):
            _json(item, shape.member, f"{where}[{at}]")
    elif kind == "map":
        assert isinstance(value, dict), f"{where}: {value!r} is no map"
        for key, item in value.items():
            _json(item, shape.value, f"{where}[{key}]")
    elif kind == "string":
        assert isinstance(value, str), f"{where}: {value!r} is no string"
        assert not shape.enum or value in shape.enum, f"{where}: {value!r} is none of {shape.enum}"
    elif kind in ("integer", "long"):
        assert isinstance(value, int) and not isinstance(value, bool), f"{where}: {value!r} is no {kind}"
    elif kind in ("float", "double", "timestamp"):
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{where}: {value!r} is no {kind}"
        assert math.isfinite(value), f"{where}: {value!r}"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{where}: {value!r} is no boolean"
    elif kind == "blob":
        base64.b64decode(value, validate=True)
    else:
        raise AssertionError(f"{where}: {kind}?")


def _strip(node):
    for each in node.iter():
        each.tag = each.tag.rpartition("}")[2]
    return node


def _xml(node, shape, where):
    kind = shape.type_name
    if kind == "structure":
        names = {name: member.serialization.get("name", name) for name, member in shape.members.items()}
        missing = [name for name in shape.required_members if node.find(names[name]) is None]
        assert not missing, f"{where}: {shape.name} lacks {missing}"
        _elements(node, shape.members, where)
    elif kind == "list":
        for child in node:
            assert child.tag == shape.member.serialization.get("name", "member"), f"{where}: <{child.tag}>"
            _xml(child, shape.member, f"{where}[]")
    elif kind == "map":
        for entry in node:
            assert entry.tag == "entry", f"{where}: <{entry.tag}>"
            assert [child.tag for child in entry] == ["key", "value"], where
    else:
        text = node.text or ""
        assert len(node) == 0, f"{where}: elements in a {kind}"
        if kind in ("integer", "long"):
            int(text)
        elif kind == "boolean":
            assert text in ("true", "false"), f"{where}: {text!r}"
        elif kind == "timestamp":
            assert text.endswith("Z") and text[10] == "T", f"{where}: {text!r}"
        elif kind == "string":
            assert not shape.enum or text in shape.enum, f"{where}: {text!r} is none of {shape.enum}"


def refused(code, text, call, status=400, **members):
    """The call must fail with that code and status, saying that text."""
    try:
        answer = call(**members)
    except ClientError as error:
        found = error.response
        assert found["Error"]["Code"] == code, f"{code} expected: {error}"
        assert text in found["Error"]["Message"], f"{text!r} expected: {error}"
        assert found["ResponseMetadata"]["HTTPStatusCode"] == status, f"{status} expected: {found}"
        assert found["ResponseMetadata"]["RequestId"], "no request id"
        return found
    raise AssertionError(f"{code} expected, answered {answer}")


def plain(answer):
    """An answer without what botocore adds."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def all_called(service, *operations):
    missing = [name for name in operations if (service, name) not in called]
    assert not missing, f"never called: {missing}"
