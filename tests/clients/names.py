"""Names and ARNs of every family: ARNs keep the case of names; no two names differ in case alone; a name in
another case names nothing; an ARN is taken in any case."""

import strict
from botocore.exceptions import ClientError
from families import FAMILIES, SPECIFICATION, VARIANT

sm = strict.client("sagemaker")
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
# By what a call may say that a name is taken, or that there is none.
TAKEN = ("already exist", "must be unique")
ABSENT = ("Could not find", "does not exist", "Requested resource not found")


def call(operation, **members):
    return sm._make_api_call(operation, members)


def refused(texts, operation, **members):
    try:
        answer = call(operation, **members)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        assert any(text in message for text in texts), f"{operation}: {error}"
        return
    raise AssertionError(f"{operation} {members} is not refused: {answer}")


def operations(noun):
    known = sm.meta.service_model.operation_names
    return [f"{verb}{noun}" for verb in ("Describe", "Update", "Stop", "Delete") if f"{verb}{noun}" in known]


def needed(operation, name):
    """What the call needs beside the name, to come as far as looking for it."""
    more = {"UpdateEndpoint": {"EndpointConfigName": "Mixed-Case"}}.get(operation, {})
    return {**name, **more}


for noun, kind, member, more in FAMILIES:
    made = call(f"Create{noun}", **{member: "Mixed-Case"}, **more)
    arn = ARN + kind + "/Mixed-Case"
    answered = [value for name, value in made.items() if name.endswith("Arn")]
    assert answered == [arn], f"Create{noun}: {answered}"
    assert arn in call(f"Describe{noun}", **{member: "Mixed-Case"}).values(), noun
    refused(TAKEN, f"Create{noun}", **{member: "mixed-case"}, **more)
    for operation in operations(noun):
        key = "ModelPackageArn" if operation == "UpdateModelPackage" else member
        if operation == "UpdateModelPackage":
            continue
        for other in ("mixed-case", "MIXED-CASE"):
            refused(ABSENT, operation, **needed(operation, {key: other}))
    call("AddTags", ResourceArn=arn.lower(), Tags=[{"Key": "k", "Value": noun}])
    for written in (arn, arn.lower(), ARN + kind + "/MIXED-CASE"):
        assert call("ListTags", ResourceArn=written)["Tags"] == [{"Key": "k", "Value": noun}], written
    call("DeleteTags", ResourceArn=ARN + kind + "/MIXED-CASE", TagKeys=["k"])
    assert call("ListTags", ResourceArn=arn)["Tags"] == []

# What names another resource names it in its own case.
refused(ABSENT, "CreateEndpointConfig", EndpointConfigName="x", ProductionVariants=[{**VARIANT, "ModelName": "mixed-case"}])
refused(ABSENT, "CreateEndpoint", EndpointName="x", EndpointConfigName="mixed-case")
refused(ABSENT, "CreateTrial", TrialName="x", ExperimentName="mixed-case")
refused(ABSENT, "CreateModelPackage", ModelPackageGroupName="mixed-case", InferenceSpecification=SPECIFICATION)
version = call("CreateModelPackage", ModelPackageGroupName=ARN + "model-package-group/mixed-case", InferenceSpecification=SPECIFICATION)
assert version["ModelPackageArn"] == ARN + "model-package/Mixed-Case/1"
assert call("DescribeModelPackage", ModelPackageName=ARN + "model-package/MIXED-case/1")["ModelPackageGroupName"] == "Mixed-Case"
call("UpdateModelPackage", ModelPackageArn=ARN + "model-package/mixed-case/1", ModelApprovalStatus="Approved")
refused(ABSENT, "DescribeModelPackage", ModelPackageName="mixed-case/1")
refused(ABSENT, "ListModelPackages", ModelPackageGroupName="mixed-case")

# Other services' resources are not SageMaker's.
for resource in ("role/SagebrushExecutionRole", "bucket/b", "sagebrush-ledger/deleted"):
    refused(("Could not find resource",), "ListTags", ResourceArn=ARN + resource)
print("ok")
