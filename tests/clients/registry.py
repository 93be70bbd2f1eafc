"""The model registry: groups, packages, approval, through botocore."""

import json

import strict
from strict import plain, refused

sm = strict.client("sagemaker")
ROLE = "arn:aws:iam::123456789012:role/Train"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
OWNER = "arn:aws:sts::123456789012:assumed-role/SagebrushExecutionRole/sagebrush"


def s3(key):
    return {"ContentType": "application/json", "S3Uri": f"s3://bucket/{key}", "ContentDigest": "sha256:" + "b" * 64}


INFERENCE = {
    "Containers": [{
        "Image": IMAGE,
        "ImageDigest": "sha256:" + "a" * 64,
        "ModelDataUrl": "s3://bucket/model.tar.gz",
        "Environment": {"A": "package", "B": "package"},
        "Framework": "XGBOOST",
        "FrameworkVersion": "1.7",
        "NearestModelName": "xgboost",
        "ModelInput": {"DataInputConfig": "{}"},
    }],
    "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large", "ml.m5.xlarge"],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}

WHOLE = {
    "ModelPackageDescription": "the whole of it",
    "InferenceSpecification": INFERENCE,
    "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "algo", "ModelDataUrl": "s3://bucket/a"}]},
    "ModelApprovalStatus": "PendingManualApproval",
    "MetadataProperties": {"CommitId": "c", "Repository": "r", "GeneratedBy": "g", "ProjectId": "p"},
    "ModelMetrics": {
        "ModelQuality": {"Statistics": s3("q"), "Constraints": s3("qc")},
        "ModelDataQuality": {"Statistics": s3("dq"), "Constraints": s3("dqc")},
        "Bias": {"Report": s3("b"), "PreTrainingReport": s3("pre"), "PostTrainingReport": s3("post")},
        "Explainability": {"Report": s3("e")},
    },
    "Domain": "MACHINE_LEARNING",
    "Task": "CLASSIFICATION",
    "SamplePayloadUrl": "s3://bucket/payload.tar.gz",
    "CustomerMetadataProperties": {"a": "1", "b": "2"},
    "DriftCheckBaselines": {
        "Bias": {"ConfigFile": s3("cf"), "PreTrainingConstraints": s3("p"), "PostTrainingConstraints": s3("q")},
        "Explainability": {"Constraints": s3("c"), "ConfigFile": s3("f")},
        "ModelQuality": {"Statistics": s3("s"), "Constraints": s3("c")},
        "ModelDataQuality": {"Statistics": s3("s"), "Constraints": s3("c")},
    },
    "AdditionalInferenceSpecifications": [
        {"Name": "gpu", "Description": "on a GPU", "Containers": [{
            "Image": IMAGE, "ImageDigest": "sha256:" + "c" * 64, "ModelDataUrl": "s3://bucket/gpu.tar.gz"}]},
    ],
    "SkipModelValidation": "All",
    "SourceUri": ARN + "model/source",
    "SecurityConfig": {"KmsKeyId": "key"},
    "ModelCard": {"ModelCardContent": json.dumps({"model_overview": {}}), "ModelCardStatus": "PendingReview"},
    "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress", "StageDescription": "d"},
    "ModelPackageRegistrationType": "Registered",
}


def groups():
    made = sm.create_model_package_group(
        ModelPackageGroupName="Iris", ModelPackageGroupDescription="flowers", Tags=[{"Key": "k", "Value": "v"}])
    arn = ARN + "model-package-group/Iris"
    assert plain(made) == {"ModelPackageGroupArn": arn}
    refused("ValidationException", f"Model Package Group already exists: {ARN}model-package-group/iris",
            sm.create_model_package_group, ModelPackageGroupName="iris")
    for name in ("Iris", arn, ARN + "model-package-group/iris"):
        found = sm.describe_model_package_group(ModelPackageGroupName=name)
        assert found["ModelPackageGroupName"] == "Iris" and found["ModelPackageGroupStatus"] == "Completed"
    assert found["CreatedBy"]["IamIdentity"]["Arn"] == OWNER
    refused("ValidationException", f"ModelPackageGroup {ARN}model-package-group/none does not exist.",
            sm.describe_model_package_group, ModelPackageGroupName="none")
    sm.create_model_package_group(ModelPackageGroupName="empty")
    names = [each["ModelPackageGroupName"] for page in sm.get_paginator("list_model_package_groups").paginate(
        PaginationConfig={"PageSize": 1}) for each in page["ModelPackageGroupSummaryList"]]
    assert names == ["Iris", "empty"]
    assert sm.list_model_package_groups(CrossAccountFilterOption="CrossAccount")["ModelPackageGroupSummaryList"] == []

    refused("ValidationException", "Cannot find resource policy", sm.get_model_package_group_policy, ModelPackageGroupName="Iris")
    refused("ValidationException", "not a JSON object", sm.put_model_package_group_policy,
            ModelPackageGroupName="Iris", ResourcePolicy="nonsense")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert sm.put_model_package_group_policy(ModelPackageGroupName="Iris", ResourcePolicy=policy)["ModelPackageGroupArn"] == arn
    assert sm.get_model_package_group_policy(ModelPackageGroupName="Iris")["ResourcePolicy"] == policy
    sm.delete_model_package_group_policy(ModelPackageGroupName="Iris")
    refused("ValidationException", "Cannot find resource policy", sm.delete_model_package_group_policy, ModelPackageGroupName="Iris")
    sm.delete_model_package_group(ModelPackageGroupName="empty")


def versions():
    first = sm.create_model_package(ModelPackageGroupName="Iris", **WHOLE)["ModelPackageArn"]
    assert first == ARN + "model-package/Iris/1"
    for name in (first, "Iris/1", ARN + "model-package/iris/1"):
        found = sm.describe_model_package(ModelPackageName=name)
        for member, value in WHOLE.items():
            assert found[member] == value, f"{member}: {found[member]} is not {value}"
    assert found["ModelPackageVersion"] == 1 and found["ModelPackageGroupName"] == "Iris"
    assert "ModelPackageName" not in found
    assert found["ModelPackageStatus"] == "Completed"
    assert found["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert found["CreatedBy"]["IamIdentity"]["Arn"] == OWNER
    short = sm.describe_model_package(ModelPackageName=first, IncludedData="MetadataOnly")
    assert short["ModelCard"] == {"ModelCardStatus": "PendingReview"}

    second = sm.create_model_package(
        ModelPackageGroupName=ARN + "model-package-group/Iris", InferenceSpecification=INFERENCE, ClientToken="once")
    again = sm.create_model_package(
        ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE, ClientToken="once")
    assert plain(second) == plain(again) == {"ModelPackageArn": ARN + "model-package/Iris/2"}
    assert sm.describe_model_package(ModelPackageName="Iris/2")["ModelApprovalStatus"] == "PendingManualApproval"
    third = sm.create_model_package(ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE, ModelApprovalStatus="Rejected")
    sm.delete_model_package(ModelPackageName=third["ModelPackageArn"])
    refused("ValidationException", f"ModelPackage {ARN}model-package/Iris/3 does not exist.",
            sm.describe_model_package, ModelPackageName="Iris/3")
    fourth = sm.create_model_package(ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE)
    assert fourth["ModelPackageArn"].endswith("Iris/4"), "a version's number is never used again"

    sm.create_model_package(ModelPackageName="alone", InferenceSpecification=INFERENCE, CertifyForMarketplace=False,
                            Tags=[{"Key": "k", "Value": "v"}])
    alone = sm.describe_model_package(ModelPackageName="alone")
    assert alone["ModelPackageArn"] == ARN + "model-package/alone"
    assert "ModelApprovalStatus" not in alone and "ModelPackageVersion" not in alone
    assert sm.list_tags(ResourceArn=alone["ModelPackageArn"])["Tags"] == [{"Key": "k", "Value": "v"}]

    create = sm.create_model_package
    refused("ValidationException", "Both ModelPackageName and ModelPackageGroupName", create,
            ModelPackageName="a", ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE)
    refused("ValidationException", "Missing ARN.", create, InferenceSpecification=INFERENCE)
    refused("ValidationException", "does not exist", create, ModelPackageGroupName="none", InferenceSpecification=INFERENCE)
    refused("ValidationException", "already exists", create, ModelPackageName="Alone", InferenceSpecification=INFERENCE)
    refused("ValidationException", "unversioned", create, ModelPackageName="b", InferenceSpecification=INFERENCE,
            ModelApprovalStatus="Approved")
    refused("ValidationException", "Tags", create, ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE,
            Tags=[{"Key": "k", "Value": "v"}])


def listed(**members):
    pages = sm.get_paginator("list_model_packages").paginate(PaginationConfig={"PageSize": 2}, **members)
    return [each for page in pages for each in page["ModelPackageSummaryList"]]


def lists():
    assert [each["ModelPackageVersion"] for each in listed(ModelPackageGroupName="Iris")] == [4, 2, 1]
    ascending = listed(ModelPackageGroupName=ARN + "model-package-group/IRIS", SortBy="Name", SortOrder="Ascending")
    assert [each["ModelPackageVersion"] for each in ascending] == [1, 2, 4]
    assert all("ModelPackageName" not in each for each in ascending)
    assert [each["ModelPackageName"] for each in listed()] == ["alone"]
    assert [each["ModelPackageName"] for each in listed(ModelPackageType="Unversioned")] == ["alone"]
    assert len(listed(ModelPackageType="Versioned")) == 3 and len(listed(ModelPackageType="Both")) == 4
    sm.update_model_package(ModelPackageArn=ARN + "model-package/Iris/2", ModelApprovalStatus="Approved")
    approved = listed(ModelPackageGroupName="Iris", ModelApprovalStatus="Approved")
    assert [each["ModelPackageVersion"] for each in approved] == [2]
    assert listed(ModelPackageGroupName="Iris", ModelApprovalStatus="Rejected") == []
    refused("ValidationException", "does not exist", sm.list_model_packages, ModelPackageGroupName="none")

    arns = [ARN + "model-package/Iris/1", ARN + "model-package/Iris/9", ARN + "model-package/alone"]
    batch = sm.batch_describe_model_package(ModelPackageArnList=arns)
    assert list(batch["ModelPackageSummaries"]) == arns[:1]
    summary = batch["ModelPackageSummaries"][arns[0]]
    assert summary["InferenceSpecification"] == INFERENCE and summary["ModelPackageVersion"] == 1
    errors = batch["BatchDescribeModelPackageErrorMap"]
    assert set(errors) == set(arns[1:]) and "does not exist" in errors[arns[1]]["ErrorResponse"]


def updates():
    arn = ARN + "model-package/Iris/1"
    before = sm.describe_model_package(ModelPackageName=arn)
    assert sm.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="by Ada",
        CustomerMetadataProperties={"b": "3", "c": "4"}, CustomerMetadataPropertiesToRemove=["a", "z"],
        AdditionalInferenceSpecificationsToAdd=[{"Name": "more", "Containers": [{"Image": IMAGE}]}],
        ModelCard={"ModelCardStatus": "Approved"},
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Done"},
        SourceUri="s3://elsewhere",
    )["ModelPackageArn"] == arn
    after = sm.describe_model_package(ModelPackageName=arn)
    assert after["ModelApprovalStatus"] == "Approved" and after["ApprovalDescription"] == "by Ada"
    assert after["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert [each["Name"] for each in after["AdditionalInferenceSpecifications"]] == ["gpu", "more"]
    assert after["ModelCard"] == {**WHOLE["ModelCard"], "ModelCardStatus": "Approved"}
    assert after["ModelLifeCycle"] == {"Stage": "Production", "StageStatus": "Done"}
    assert after["SourceUri"] == "s3://elsewhere" and after["LastModifiedTime"] >= after["CreationTime"]
    assert after["LastModifiedBy"]["IamIdentity"]["Arn"] == OWNER
    for member in ("ModelMetrics", "DriftCheckBaselines", "InferenceSpecification", "CreatedBy", "CreationTime"):
        assert after[member] == before[member]
    refused("ValidationException", "does not exist", sm.update_model_package,
            ModelPackageArn=ARN + "model-package/Iris/9", ModelApprovalStatus="Approved")
    refused("ValidationException", "unversioned", sm.update_model_package,
            ModelPackageArn=ARN + "model-package/alone", ModelApprovalStatus="Approved")


def deployment():
    refused("ValidationException", "PendingManualApproval", sm.create_model, ModelName="early",
            PrimaryContainer={"ModelPackageName": ARN + "model-package/Iris/4"}, ExecutionRoleArn=ROLE)
    refused("ValidationException", "does not exist", sm.create_model, ModelName="early",
            PrimaryContainer={"ModelPackageName": ARN + "model-package/Iris/9"}, ExecutionRoleArn=ROLE)
    package = {"ModelPackageName": ARN + "model-package/Iris/1", "Environment": {"B": "model"}}
    sm.create_model(ModelName="packaged", PrimaryContainer=package, ExecutionRoleArn=ROLE)
    assert sm.describe_model(ModelName="packaged")["PrimaryContainer"] == package
    sm.create_model(ModelName="special", Containers=[{**package, "InferenceSpecificationName": "gpu"}], ExecutionRoleArn=ROLE)
    refused("ValidationException", "no inference specification", sm.create_model, ModelName="x",
            PrimaryContainer={**package, "InferenceSpecificationName": "none"}, ExecutionRoleArn=ROLE)
    # A model outlives the approval that it was made under.
    sm.update_model_package(ModelPackageArn=package["ModelPackageName"], ModelApprovalStatus="Rejected")
    sm.describe_model(ModelName="packaged")


def deletion():
    refused("ConflictException", "has model packages", sm.delete_model_package_group, ModelPackageGroupName="Iris")
    for each in listed(ModelPackageGroupName="Iris"):
        sm.delete_model_package(ModelPackageName=each["ModelPackageArn"])
    sm.delete_model_package(ModelPackageName="alone")
    sm.delete_model_package_group(ModelPackageGroupName=ARN + "model-package-group/Iris")
    refused("ValidationException", "does not exist", sm.delete_model_package_group, ModelPackageGroupName="Iris")
    sm.create_model_package_group(ModelPackageGroupName="Iris")
    anew = sm.create_model_package(ModelPackageGroupName="Iris", InferenceSpecification=INFERENCE)
    assert anew["ModelPackageArn"].endswith("Iris/1"), "another group counts for itself"


groups()
versions()
lists()
updates()
deployment()
deletion()
strict.all_called(
    "sagemaker", *(f"{verb}ModelPackage{noun}" for verb, noun in [
        ("Create", ""), ("Describe", ""), ("List", "s"), ("Update", ""), ("Delete", ""), ("BatchDescribe", ""),
        ("Create", "Group"), ("Describe", "Group"), ("List", "Groups"), ("Delete", "Group"),
        ("Put", "GroupPolicy"), ("Get", "GroupPolicy"), ("Delete", "GroupPolicy")]))
print("ok")
