"""Endpoints as boto3 programs meet them: into service, invoked, weighed, updated, rolled back, deleted,
with botocore's own waiters and paginators."""

import json
import time

import boto3
import botocore.exceptions

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
logs = boto3.client("logs")


def refused(code, text, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        return
    raise AssertionError(f"not refused: {code} {text}")


def prepare():
    s3.create_bucket(Bucket="hosting")
    rows = "\n".join(f"{i % 2},{i % 2 + i % 7 / 10},{i % 5}" for i in range(400)) + "\n"
    s3.put_object(Bucket="hosting", Key="train/rows.csv", Body=rows.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://hosting/train/"}
    sagemaker.create_training_job(
        TrainingJobName="model",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "5"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv",
                          "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://hosting/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=ROLE,
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="model", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    artifact = "s3://hosting/out/model/output/model.tar.gz"
    for name, url in (("good", artifact), ("bad", "s3://hosting/nothing.tar.gz")):
        container = {"Image": IMAGE, "ModelDataUrl": url}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    foreign = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:latest"}
    sagemaker.create_model(ModelName="foreign", PrimaryContainer=foreign, ExecutionRoleArn=ROLE)


def config(name, *variants):
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants))


def variant(name, model="good", count=1, weight=1.0):
    return {"VariantName": name, "ModelName": model, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count, "InitialVariantWeight": weight}


def in_service(name):
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return sagemaker.describe_endpoint(EndpointName=name)


def invoke(name, **more):
    answer = runtime.invoke_endpoint(
        EndpointName=name, ContentType="text/csv", Body=b"1.2,3\n", **more)
    assert 0.0 <= float(answer["Body"].read()) <= 1.0
    return answer["InvokedProductionVariant"]


def into_service():
    config("two", variant("blue", weight=3.0), variant("green", weight=1.0))
    refused("ValidationException", "Could not find endpoint configuration",
            sagemaker.create_endpoint, EndpointName="live", EndpointConfigName="none")
    arn = sagemaker.create_endpoint(
        EndpointName="live", EndpointConfigName="two", Tags=[{"Key": "a", "Value": "b"}])["EndpointArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:endpoint/live"
    refused("ValidationException", f'Cannot create already existing endpoint "{arn}".',
            sagemaker.create_endpoint, EndpointName="live", EndpointConfigName="two")
    live = in_service("live")
    assert [v["VariantName"] for v in live["ProductionVariants"]] == ["blue", "green"]
    assert live["ProductionVariants"][0]["CurrentWeight"] == 3.0
    assert live["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert {invoke("live") for _ in range(40)} == {"blue", "green"}
    assert invoke("live", TargetVariant="green") == "green"
    refused("ValidationError", "not found", runtime.invoke_endpoint, EndpointName="LIVE", Body=b"1,2")
    for within in ({"TargetModel": "m.tar.gz"}, {"InferenceComponentName": "part"}):
        refused("ValidationError", "not allowed", runtime.invoke_endpoint, EndpointName="live",
                ContentType="text/csv", Body=b"1.2,3", **within)
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/Endpoints/live")["logStreams"]
    assert {stream["logStreamName"].split("/")[0] for stream in streams} == {"blue", "green"}


def weighed():
    arn = sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="live", DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 0.0},
            {"VariantName": "green", "DesiredInstanceCount": 2}])["EndpointArn"]
    assert arn.endswith("endpoint/live")
    live = in_service("live")
    blue, green = live["ProductionVariants"]
    assert (blue["CurrentWeight"], blue["CurrentInstanceCount"]) == (0.0, 1), blue
    assert (green["CurrentWeight"], green["CurrentInstanceCount"]) == (1.0, 2), green
    assert {invoke("live") for _ in range(20)} == {"green"}
    refused("ValidationException", "not present within endpoint configuration",
            sagemaker.update_endpoint_weights_and_capacities, EndpointName="live",
            DesiredWeightsAndCapacities=[{"VariantName": "red", "DesiredWeight": 1.0}])


def updated():
    config("one", variant("solo"))
    sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="one")
    served = 0
    while sagemaker.describe_endpoint(EndpointName="live")["EndpointStatus"] != "InService":
        invoke("live")
        served += 1
    live = in_service("live")
    assert live["EndpointConfigName"] == "one"
    assert invoke("live") == "solo"


def rolled_back():
    config("broken", variant("solo", model="bad"))
    sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="broken")
    while True:
        live = sagemaker.describe_endpoint(EndpointName="live")
        assert invoke("live") == "solo"
        if live["EndpointStatus"] == "InService":
            break
        assert live["EndpointStatus"] in ("Updating", "RollingBack"), live
    assert live["EndpointConfigName"] == "one"
    assert "Failed to download model data" in live["FailureReason"], live


def failed():
    for name, model in (("broken-new", "bad"), ("foreign", "foreign")):
        if name == "foreign":
            config("foreign", variant("solo", model=model))
        sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName="broken" if name == "broken-new" else "foreign")
        try:
            in_service(name)
            raise AssertionError("in service")
        except botocore.exceptions.WaiterError:
            pass
        state = sagemaker.describe_endpoint(EndpointName=name)
        assert state["EndpointStatus"] == "Failed" and state["FailureReason"], state
        refused("ValidationException", "can only be deleted", sagemaker.update_endpoint,
                EndpointName=name, EndpointConfigName="one")
        sagemaker.delete_endpoint(EndpointName=name)


def listed():
    pages = sagemaker.get_paginator("list_endpoints").paginate(StatusEquals="InService")
    assert [e["EndpointName"] for page in pages for e in page["Endpoints"]] == ["live"]


def deleted():
    sagemaker.delete_endpoint(EndpointName="live")
    sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName="live", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    refused("ValidationException", "Could not find endpoint",
            sagemaker.describe_endpoint, EndpointName="live")
    refused("ValidationError", "not found", runtime.invoke_endpoint,
            EndpointName="live", Body=b"1,2")
    sagemaker.describe_endpoint_config(EndpointConfigName="one")
    sagemaker.describe_model(ModelName="good")


prepare()
for step in (into_service, weighed, updated, rolled_back, failed, listed, deleted):
    started = time.time()
    step()
    print(json.dumps({"step": step.__name__, "seconds": round(time.time() - started, 3)}))
