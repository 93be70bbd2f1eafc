"""Makes properties.json: which properties CloudFormation's resource types have, by name.

    pip install cfn-lint && python assets/cloudformation/make.py

"Show as code" leaves out of a template what the type does not take, and says so. A property that
holds others is an object here, also where it is a list of them; everything else is `true`.
"""

import json
import pathlib

import cfnlint.version
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

TYPES = [
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::ModelPackage",
    "AWS::SageMaker::ModelPackageGroup",
]


def properties(schema, root, depth=0):
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if "items" in schema:
        return properties(schema["items"], root, depth)
    inner = schema.get("properties")
    if not inner or depth > 8:
        return True
    return {name: properties(inner[name], root, depth + 1) for name in sorted(inner)}


def main():
    types = {}
    for name in TYPES:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema
        tree = properties(schema, schema)
        for pointer in schema.get("readOnlyProperties", []):
            path = pointer.removeprefix("/properties/").split("/")
            if len(path) == 1:
                tree.pop(path[0], None)
        # Of a bucket only the name is ever written.
        types[name] = {"BucketName": True} if name == "AWS::S3::Bucket" else tree
    document = {"source": f"cfn-lint {cfnlint.version.__version__}", "types": types}
    target = pathlib.Path(__file__).with_name("properties.json")
    target.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
