"""Names and ARNs of every family: ARNs keep the case of names; no two names differ in case alone; a name in
another case names nothing; an ARN is taken in any case."""

import strict
from botocore.exceptions import ClientError

sm = strict.client("sagemaker")
ROLE = "arn:aws:iam::123456789012:role/Train"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
SPECIFICATION = {"Containers": [{"Image": IMAGE}], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
SOURCE = {"SourceUri": "s3://bucket/a"}
OUTPUT = {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/out", "LocalPath": "/opt/ml/processing/output"}}]}
ENDPOINT = {"EndpointInput": {"EndpointName": "live", "LocalPath": "/opt/ml/processing/input"}}
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}}
VARIANT = {"VariantName": "v", "ModelName": "Mixed-Case", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def definition(what, **more):
    return {f"{what}JobInput": {**ENDPOINT, **more}, f"{what}JobOutputConfig": OUTPUT, "JobResources": CLUSTER, "RoleArn": ROLE,
            f"{what}AppSpecification": {"ImageUri": "i"}}


# Noun, resource type, the member with the name, and what else a Create needs.
FAMILIES = [
    ("Model", "model", "ModelName", {"PrimaryContainer": {"Image": IMAGE}, "ExecutionRoleArn": ROLE}),
    ("EndpointConfig", "endpoint-config", "EndpointConfigName", {"ProductionVariants": [VARIANT]}),
    ("Endpoint", "endpoint", "EndpointName", {"EndpointConfigName": "Mixed-Case"}),
    ("ModelPackageGroup", "model-package-group", "ModelPackageGroupName", {}),
    ("ModelPackage", "model-package", "ModelPackageName", {"InferenceSpecification": SPECIFICATION}),
    ("TrainingJob", "training-job", "TrainingJobName", {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}, "StoppingCondition": {}, "RoleArn": ROLE,
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}}),
    ("Experiment", "experiment", "ExperimentName", {}),
    ("Trial", "experiment-trial", "TrialName", {"ExperimentName": "Mixed-Case"}),
    ("TrialComponent", "experiment-trial-component", "TrialComponentName", {}),
    ("Action", "action", "ActionName", {"Source": SOURCE, "ActionType": "t"}),
    ("Context", "context", "ContextName", {"Source": SOURCE, "ContextType": "t"}),
    ("CodeRepository", "code-repository", "CodeRepositoryName", {"GitConfig": {"RepositoryUrl": "https://example.com/r"}}),
    ("NotebookInstanceLifecycleConfig", "notebook-instance-lifecycle-config", "NotebookInstanceLifecycleConfigName", {}),
    ("StudioLifecycleConfig", "studio-lifecycle-config", "StudioLifecycleConfigName",
     {"StudioLifecycleConfigContent": "ZWNobw==", "StudioLifecycleConfigAppType": "JupyterLab"}),
    ("AppImageConfig", "app-image-config", "AppImageConfigName", {}),
    ("DataQualityJobDefinition", "data-quality-job-definition", "JobDefinitionName", definition("DataQuality")),
    ("ModelQualityJobDefinition", "model-quality-job-definition", "JobDefinitionName", {
        **definition("ModelQuality", GroundTruthS3Input={"S3Uri": "s3://b/t"}),
        "ModelQualityAppSpecification": {"ImageUri": "i"}}),
    ("ModelBiasJobDefinition", "model-bias-job-definition", "JobDefinitionName", {
        **definition("ModelBias", GroundTruthS3Input={"S3Uri": "s3://b/t"}),
        "ModelBiasAppSpecification": {"ImageUri": "i", "ConfigUri": "s3://b/c"}}),
    ("ModelExplainabilityJobDefinition", "model-explainability-job-definition", "JobDefinitionName", {
        **definition("ModelExplainability"),
        "ModelExplainabilityAppSpecification": {"ImageUri": "i", "ConfigUri": "s3://b/c"}}),
]
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
