"""Models and endpoint configurations through botocore."""

import datetime

import strict
from strict import plain, refused

sm = strict.client("sagemaker")
ROLE = "arn:aws:iam::123456789012:role/Train"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
DATA = "s3://bucket/model.tar.gz"


def models():
    container = {
        "Image": IMAGE,
        "ModelDataUrl": DATA,
        "Environment": {"A": "1", "E_1": "ü\n"},
        "ImageConfig": {"RepositoryAccessMode": "Platform"},
    }
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
    made = sm.create_model(
        ModelName="First-Model",
        PrimaryContainer=container,
        ExecutionRoleArn=ROLE,
        VpcConfig=vpc,
        EnableNetworkIsolation=True,
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert plain(made) == {"ModelArn": ARN + "model/First-Model"}
    found = sm.describe_model(ModelName="First-Model")
    assert found["PrimaryContainer"] == {**container, "Mode": "SingleModel"}
    assert found["VpcConfig"] == vpc and found["EnableNetworkIsolation"] is True
    assert found["ExecutionRoleArn"] == ROLE and "Tags" not in found and "Containers" not in found
    age = datetime.datetime.now(datetime.timezone.utc) - found["CreationTime"]
    assert abs(age.total_seconds()) < 600
    assert sm.list_tags(ResourceArn=made["ModelArn"])["Tags"] == [{"Key": "team", "Value": "a"}]

    refused("ValidationException", f'Cannot create already existing model "{ARN}model/first-model".',
            sm.create_model, ModelName="first-model", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    refused("ValidationException", f'Could not find model "{ARN}model/none".', sm.describe_model, ModelName="none")
    refused("ValidationException", f'Could not find model "{ARN}model/none".', sm.delete_model, ModelName="none")
    refused("ValidationException", "Specify one of either", sm.create_model, ModelName="x",
            PrimaryContainer={"Image": IMAGE, "ModelPackageName": "p"}, ExecutionRoleArn=ROLE)
    refused("ValidationException", "No container", sm.create_model, ModelName="x", ExecutionRoleArn=ROLE)
    refused("ValidationException", "executionRoleArn", sm.create_model, ModelName="x",
            PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn="a-role-that-is-no-arn")

    several = [{"Image": IMAGE, "ContainerHostname": "one"}, {"Image": IMAGE, "ContainerHostname": "two"}]
    sm.create_model(ModelName="pipeline", Containers=several, ExecutionRoleArn=ROLE,
                    InferenceExecutionConfig={"Mode": "Direct"})
    found = sm.describe_model(ModelName="pipeline")
    assert [part["ContainerHostname"] for part in found["Containers"]] == ["one", "two"]
    assert found["InferenceExecutionConfig"] == {"Mode": "Direct"} and "PrimaryContainer" not in found


def lists():
    for at in range(23):
        sm.create_model(ModelName=f"list-{at:02}", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    first = sm.list_models(NameContains="list-")
    assert [model["ModelName"] for model in first["Models"]] == [f"list-{at:02}" for at in range(22, 12, -1)]
    assert first["NextToken"]
    pages = sm.get_paginator("list_models").paginate(
        NameContains="list-", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 5})
    sizes, names = [], []
    for page in pages:
        sizes.append(len(page["Models"]))
        names += [model["ModelName"] for model in page["Models"]]
    assert sizes == [5, 5, 5, 5, 3] and names == [f"list-{at:02}" for at in range(23)]
    assert all(set(model) == {"ModelName", "ModelArn", "CreationTime"} for model in first["Models"])
    refused("ValidationException", "NextToken", sm.list_models, NextToken=first["NextToken"], SortBy="Name")
    refused("ValidationException", "NextToken", sm.list_models, NextToken="nonsense")
    future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    assert sm.list_models(CreationTimeAfter=future)["Models"] == []
    assert len(sm.list_models(CreationTimeBefore=future, MaxResults=100)["Models"]) == 25
    sm.delete_model(ModelName="list-00")
    assert len(sm.list_models(NameContains="list-", MaxResults=100)["Models"]) == 22


def variant(name, model="First-Model", **more):
    return {"VariantName": name, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **more}


def endpoint_configs():
    variants = [
        variant("blue", InitialVariantWeight=9.0, RoutingConfig={"RoutingStrategy": "RANDOM"},
                ContainerStartupHealthCheckTimeoutInSeconds=60, EnableSSMAccess=False),
        variant("green", "pipeline"),
    ]
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": "s3://b/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    asynchronous = {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
        "OutputConfig": {"S3OutputPath": "s3://b/out", "NotificationConfig": {"SuccessTopic": "arn:aws:sns:us-east-1:123456789012:t"}},
    }
    made = sm.create_endpoint_config(
        EndpointConfigName="Both", ProductionVariants=variants, DataCaptureConfig=capture,
        AsyncInferenceConfig=asynchronous, KmsKeyId="key", Tags=[{"Key": "k", "Value": ""}])
    assert plain(made) == {"EndpointConfigArn": ARN + "endpoint-config/Both"}
    found = sm.describe_endpoint_config(EndpointConfigName="Both")
    assert found["ProductionVariants"][0] == variants[0]
    assert found["ProductionVariants"][1] == {**variants[1], "InitialVariantWeight": 1.0}
    assert found["DataCaptureConfig"] == capture and found["AsyncInferenceConfig"] == asynchronous
    assert found["KmsKeyId"] == "key" and found["EndpointConfigName"] == "Both"

    create = sm.create_endpoint_config
    refused("ValidationException", f'Cannot create already existing endpoint configuration "{ARN}endpoint-config/both".',
            create, EndpointConfigName="both", ProductionVariants=variants)
    refused("ValidationException", f'Could not find model "{ARN}model/none".',
            create, EndpointConfigName="x", ProductionVariants=[variant("a", "none")])
    refused("ValidationException", "unique", create, EndpointConfigName="x",
            ProductionVariants=[variant("a"), variant("a")])
    refused("ValidationException", "productionVariants", create, EndpointConfigName="x",
            ProductionVariants=[variant(f"v{at}") for at in range(11)])
    refused("ValidationException", "InstanceType or ServerlessConfig", create, EndpointConfigName="x",
            ProductionVariants=[{"VariantName": "a", "ModelName": "First-Model"}])
    serverless = {"VariantName": "a", "ModelName": "list-01", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    create(EndpointConfigName="serverless", ProductionVariants=[serverless])
    refused("ValidationException", "VpcConfig", create, EndpointConfigName="x",
            ProductionVariants=[{**serverless, "ModelName": "First-Model"}])
    create(EndpointConfigName="shadow", ProductionVariants=[variant("a")], ShadowProductionVariants=[variant("b", "pipeline")])
    assert sm.describe_endpoint_config(EndpointConfigName="shadow")["ShadowProductionVariants"][0]["VariantName"] == "b"
    refused("ValidationException", "specify only one variant", create, EndpointConfigName="x",
            ProductionVariants=[variant("a")], ShadowProductionVariants=[variant("b"), variant("c")])
    names = [each["EndpointConfigName"] for page in sm.get_paginator("list_endpoint_configs").paginate(
        PaginationConfig={"PageSize": 2}) for each in page["EndpointConfigs"]]
    assert names == ["shadow", "serverless", "Both"]
    sm.delete_endpoint_config(EndpointConfigName="shadow")
    refused("ValidationException", f'Could not find endpoint configuration "{ARN}endpoint-config/shadow".',
            sm.describe_endpoint_config, EndpointConfigName="shadow")
    # What a configuration names may go; the configuration stays.
    sm.delete_model(ModelName="pipeline")
    assert len(sm.describe_endpoint_config(EndpointConfigName="Both")["ProductionVariants"]) == 2


models()
lists()
endpoint_configs()
strict.all_called(
    "sagemaker", "CreateModel", "DescribeModel", "ListModels", "DeleteModel", "CreateEndpointConfig",
    "DescribeEndpointConfig", "ListEndpointConfigs", "DeleteEndpointConfig")
print("ok")
