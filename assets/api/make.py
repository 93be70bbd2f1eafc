#!/usr/bin/env python3
"""Writes assets/api/<service>.json: the facts of the AWS service models, without their prose.

    pip install -r tests/clients/requirements.txt && python3 assets/api/make.py [DIR]

`tests/clients/requirements.txt` names the one botocore that the models are read from and that the
tests' clients run on; this refuses any other. To move to a newer one, change it there, run this, and
commit both: what changes is printed. A request member that is new in an operation that behaves has to
have an entry in `members.toml` first, and the region something to do with it; otherwise nothing is
written.

What is kept: operations, shapes, required members, limits, patterns, enums, locations, error codes,
wire protocols. Each file names the botocore version that it was read from. The output is sorted and
has one shape a line, so that a new botocore shows up as a readable diff.

AWS's patterns are Java regular expressions. Sagebrush matches with Rust's `regex`, which has another
syntax and no look-around; `patterns.py` translates and stops the build at whatever it cannot.
"""

import json
import pathlib
import re
import sys
import tomllib

import botocore
from botocore.loaders import Loader

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import changes
import patterns

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE.parents[1] / "tests/clients/requirements.txt"

SERVICES = [
    "sagemaker",
    "sagemaker-runtime",
    "sts",
    "logs",
    "cloudwatch",
    "iam",
    "application-autoscaling",
    "ecr",
    "cloudformation",
    "kms",
    "cloudtrail",
    "s3",
]

METADATA = [
    "apiVersion",
    "awsQueryCompatible",
    "endpointPrefix",
    "jsonVersion",
    "protocol",
    "protocols",
    "serviceId",
    "targetPrefix",
    "timestampFormat",
    "xmlNamespace",
]
# What a reference to a shape may add to the shape itself.
REFERENCE = [
    "location",
    "locationName",
    "flattened",
    "xmlAttribute",
    "timestampFormat",
    "jsonvalue",
    "eventpayload",
    "eventheader",
    "idempotencyToken",
    "streaming",
    "sensitive",
    "xmlNamespace",
]
SHAPE = [
    "type",
    "min",
    "max",
    "enum",
    "required",
    "payload",
    "flattened",
    "timestampFormat",
    "locationName",
    "sensitive",
    "streaming",
    "eventstream",
    "event",
    "exception",
    "fault",
    "union",
    "xmlNamespace",
]
# Traits that carry no fact about the wire or about what is accepted.
PROSE = {
    "documentation",
    "box",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
    "xmlOrder",
    "synthetic",
    # Of hosts, which are the gateway's matter.
    "contextParam",
    "hostLabel",
}


def known(trait, allowed, where):
    """Fails on a trait this script has never heard of: silence could drop a check."""
    for key in trait:
        if key not in allowed and key not in PROSE:
            sys.exit(f"make.py: {where} has the unknown trait {key!r}; decide what it means")


def reference(ref, where):
    known(ref, REFERENCE + ["shape"], where)
    # A REST service in XML has one namespace, which `write` puts at the head of its file.
    extra = {key: ref[key] for key in REFERENCE if key in ref and ref[key] is not False}
    extra.pop("xmlNamespace", None)
    return {"shape": ref["shape"], **extra} if extra else ref["shape"]


def shape_facts(name, shape, service):
    where = f"{service}.{name}"
    known(shape, SHAPE + ["members", "member", "key", "value", "pattern", "error"], where)
    # `False` and `[]` say nothing; a minimum of 0 does.
    facts = {key: shape[key] for key in SHAPE if key in shape and not (shape[key] is False or shape[key] == [])}
    if shape["type"] == "structure":
        facts["members"] = {m: reference(r, f"{where}.{m}") for m, r in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            facts[part] = reference(shape[part], f"{where}.{part}")
    if "error" in shape:
        known(shape["error"], ["code", "httpStatusCode", "senderFault"], where + ".error")
        facts["error"] = {
            key: shape["error"][key] for key in ("code", "httpStatusCode") if key in shape["error"]
        }
    if "pattern" in shape:
        facts["pattern"] = shape["pattern"]
        facts.update(patterns.translate(shape["pattern"], where))
    return facts


def operation_facts(name, operation):
    http = operation["http"]
    facts = {}
    for side in ("input", "output"):
        if side in operation:
            facts[side] = operation[side]["shape"]
    if "resultWrapper" in operation.get("output", {}):
        facts["resultWrapper"] = operation["output"]["resultWrapper"]
    if operation.get("errors"):
        facts["errors"] = sorted(error["shape"] for error in operation["errors"])
    if http.get("method", "POST") != "POST":
        facts["method"] = http["method"]
    if http.get("requestUri", "/") != "/":
        facts["uri"] = http["requestUri"]
    if http.get("responseCode", 200) != 200:
        facts["status"] = http["responseCode"]
    if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
        facts["unsigned"] = True
    return facts


def namespace(model):
    """The one namespace of a REST service's documents, which the model repeats at each of them."""
    documents = (member for shape in model["shapes"].values() for member in shape.get("members", {}).values())
    found = {member["xmlNamespace"]["uri"] for member in documents if "xmlNamespace" in member}
    (uri,) = found
    return uri


def whole(service, model):
    """The facts of a service model, whole."""
    metadata = model["metadata"]
    head = {
        "service": service,
        "source": f"botocore {botocore.__version__}",
        "signingName": metadata.get("signingName", metadata["endpointPrefix"]),
        **{key: metadata[key] for key in METADATA if key in metadata},
    }
    if metadata["protocol"] == "rest-xml":
        head["xmlNamespace"] = namespace(model)
    return head, {
        "operations": {n: operation_facts(n, o) for n, o in model["operations"].items()},
        "shapes": {n: shape_facts(n, s, service) for n, s in model["shapes"].items()},
    }


def write(head, groups, path):
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    lines = ["{"]
    lines += [f"{json.dumps(k)}:{json.dumps(v, **compact)}," for k, v in sorted(head.items())]
    for group, facts in groups.items():
        lines.append(f"{json.dumps(group)}:{{")
        rows = [f"{json.dumps(n)}:{json.dumps(facts[n], **compact)}" for n in sorted(facts)]
        lines.append(",\n".join(rows))
        lines.append("}," if group == "operations" else "}")
    lines.append("}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_version():
    (pinned,) = re.findall(r"^botocore==(\S+)$", REQUIREMENTS.read_text(), re.MULTILINE)
    if botocore.__version__ != pinned:
        sys.exit(
            f"make.py: this is botocore {botocore.__version__}; tests/clients/requirements.txt names {pinned}. "
            "Install what it names, or name another there."
        )


def check_members(made, kept):
    """Nothing that a caller may send to an operation that behaves goes undecided."""
    entries = tomllib.loads((HERE / "members.toml").read_text())
    deeper = entries.pop("deeper")
    lines = []
    for service, known in sorted(entries.items()):
        lines += changes.undecided(known, service, made[service][1])
        if service in kept:
            new = set(changes.within(known, service, kept[service], made[service][1]))
            lines += [f"{service} has {each} now" for each in sorted(new - set(deeper.get(service, ())))]
    if lines:
        sys.exit(
            "make.py: nothing was written. Decide what the region does with each (honour it, record it and say so in "
            "the operation's note, or refuse it by name), then write it into assets/api/members.toml:\n  "
            + "\n  ".join(lines)
        )


def main():
    check_version()
    print(f"reading botocore {botocore.__version__}")
    loader = Loader()
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    made = {service: whole(service, loader.load_service_model(service, "service-2")) for service in SERVICES}
    kept = {path.stem: json.loads(path.read_text()) for path in HERE.glob("*.json")}
    for service in made.keys() & kept.keys():
        changes.show(service, kept[service], made[service][1])
    check_members(made, kept)
    for service, (head, groups) in made.items():
        path = folder / f"{service}.json"
        write(head, groups, path)
        print(f"{path.name}: {len(groups['operations'])} operations, {len(groups['shapes'])} shapes")
    print(patterns.report())


if __name__ == "__main__":
    main()
