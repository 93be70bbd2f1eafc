"""What clients of the SageMaker SDKs index without a default in what the region describes, and what a
command or script of the caller's own comes to."""

import io
import json
import os
import tarfile
import time

import boto3
import botocore.exceptions

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
REPOSITORY = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost"
IMAGE = REPOSITORY + ":1.7-1"
GROUP = "/aws/sagemaker/TrainingJobs"

sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
logs = boto3.client("logs")

# By operation, the paths that SDK 2.257 and 3.27 (core, train and serve) index in its answer.
READ = {
    "DescribeTrainingJob": """
        TrainingJobName TrainingJobArn TrainingJobStatus SecondaryStatus LastModifiedTime CreationTime
        TrainingStartTime TrainingEndTime TrainingTimeInSeconds BillableTimeInSeconds RoleArn HyperParameters
        ModelArtifacts.S3ModelArtifacts OutputDataConfig.S3OutputPath OutputDataConfig.KmsKeyId
        AlgorithmSpecification.TrainingImage AlgorithmSpecification.TrainingInputMode
        AlgorithmSpecification.MetricDefinitions.0.Name AlgorithmSpecification.MetricDefinitions.0.Regex
        ResourceConfig.InstanceCount ResourceConfig.InstanceType ResourceConfig.VolumeSizeInGB
        StoppingCondition.MaxRuntimeInSeconds InputDataConfig.0.ChannelName
        InputDataConfig.0.DataSource.S3DataSource.S3Uri
        InputDataConfig.0.DataSource.S3DataSource.S3DataDistributionType
        SecondaryStatusTransitions.0.Status SecondaryStatusTransitions.0.StatusMessage
        SecondaryStatusTransitions.0.StartTime SecondaryStatusTransitions.0.EndTime
        EnableNetworkIsolation EnableInterContainerTrafficEncryption EnableManagedSpotTraining
        FinalMetricDataList.0.MetricName FinalMetricDataList.0.Value FinalMetricDataList.0.Timestamp
        ProfilingStatus""",
    "DescribeModel": """
        ModelName ModelArn CreationTime ExecutionRoleArn PrimaryContainer.Image PrimaryContainer.Mode
        PrimaryContainer.ModelDataUrl PrimaryContainer.Environment EnableNetworkIsolation""",
    "DescribeEndpointConfig": """
        EndpointConfigName EndpointConfigArn CreationTime ProductionVariants.0.VariantName
        ProductionVariants.0.ModelName ProductionVariants.0.InstanceType
        ProductionVariants.0.InitialInstanceCount ProductionVariants.0.InitialVariantWeight""",
    "DescribeEndpoint": """
        EndpointName EndpointArn EndpointConfigName EndpointStatus CreationTime LastModifiedTime
        ProductionVariants.0.VariantName ProductionVariants.0.CurrentWeight ProductionVariants.0.DesiredWeight
        ProductionVariants.0.CurrentInstanceCount ProductionVariants.0.DesiredInstanceCount
        ProductionVariants.0.DeployedImages.0.SpecifiedImage
        ProductionVariants.0.DeployedImages.0.ResolvedImage
        ProductionVariants.0.DeployedImages.0.ResolutionTime""",
    "DescribeModelPackageGroup": """
        ModelPackageGroupName ModelPackageGroupArn ModelPackageGroupStatus CreationTime CreatedBy""",
    "DescribeModelPackage": """
        ModelPackageArn ModelPackageGroupName ModelPackageVersion ModelPackageStatus CreationTime
        ModelPackageStatusDetails.ValidationStatuses ModelApprovalStatus SkipModelValidation
        CertifyForMarketplace InferenceSpecification.Containers.0.Image
        InferenceSpecification.Containers.0.ImageDigest InferenceSpecification.Containers.0.ModelDataUrl
        InferenceSpecification.Containers.0.ModelDataETag
        InferenceSpecification.SupportedContentTypes InferenceSpecification.SupportedResponseMIMETypes""",
}


def has(operation, answer):
    for path in READ[operation].split():
        at = answer
        for name in path.split("."):
            try:
                at = at[int(name) if name.isdigit() else name]
            except (KeyError, IndexError):
                raise AssertionError(f"{operation} lacks {path}: {answer}") from None
        assert at is not None, path


def refused(code, texts, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        for text in texts:
            assert text in error.response["Error"]["Message"], error
        return
    raise AssertionError(f"not refused: {code} {texts}")


def prepare():
    s3.create_bucket(Bucket="reads")
    rows = "\n".join(f"{i % 2},{i % 2 + i % 7 / 10},{i % 5}" for i in range(400)) + "\n"
    s3.put_object(Bucket="reads", Key="train/rows.csv", Body=rows.encode())


def job(name, uri="s3://reads/train/", algorithm={}, channels=("train",), **changes):
    call = dict(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File", **algorithm},
        HyperParameters={"objective": "binary:logistic", "num_round": "5"},
        InputDataConfig=[{"ChannelName": channel, "ContentType": "text/csv", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}} for channel in channels],
        OutputDataConfig={"S3OutputPath": "s3://reads/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=ROLE,
    )
    call.update(changes)
    sagemaker.create_training_job(**call)
    while True:
        done = sagemaker.describe_training_job(TrainingJobName=name)
        if done["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            return done
        time.sleep(0.05)


def training():
    done = job("first")
    assert done["TrainingJobStatus"] == "Completed", done
    has("DescribeTrainingJob", done)
    assert done["OutputDataConfig"]["KmsKeyId"] == ""
    assert done["ProfilingStatus"] == "Disabled"
    assert done["SecondaryStatusTransitions"][0]["StatusMessage"] == "Preparing the instances for training"
    assert done["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Training job completed"
    profiled = job("profiled", ProfilerConfig={"S3OutputPath": "s3://reads/profile"},
                   OutputDataConfig={"S3OutputPath": "s3://reads/out", "KmsKeyId": "key"})
    assert profiled["ProfilingStatus"] == "Enabled"
    assert profiled["OutputDataConfig"]["KmsKeyId"] == "key"


def https_addresses():
    done = job("https", uri="https://s3.us-east-1.amazonaws.com/reads/train/",
               OutputDataConfig={"S3OutputPath": "https://reads.s3.us-east-1.amazonaws.com/virtual"})
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    s3.head_object(Bucket="reads", Key="virtual/https/output/model.tar.gz")
    deploy("https", "https://s3.us-east-1.amazonaws.com/reads/virtual/https/output/model.tar.gz")
    answer = runtime.invoke_endpoint(EndpointName="https", ContentType="text/csv", Body=b"1.2,3\n")
    assert 0.0 <= float(answer["Body"].read()) <= 1.0


def own_code(name, words, **changes):
    done = job(name, **changes)
    assert done["TrainingJobStatus"] == "Failed", done
    for text in words:
        assert text in done["FailureReason"], done["FailureReason"]
    streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    for stream in streams:
        events = logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        assert events == [], events
    listed = s3.list_objects_v2(Bucket="reads", Prefix=f"out/{name}/")
    assert listed["KeyCount"] == 0, listed


def nothing_runs_in_the_place_of_own_code():
    entry = {"ContainerEntrypoint": ["/bin/sh"], "ContainerArguments": ["-c", "echo mine; exit 7"]}
    own_code("entry", ["ContainerEntrypoint: /bin/sh", "ContainerArguments"], algorithm=entry)
    own_code("arguments", ["ContainerArguments: --fast"], algorithm={"ContainerArguments": ["--fast"]})
    own_code("script", ["script mode (sagemaker_program=train.py)"], HyperParameters={
        "sagemaker_program": json.dumps("train.py"),
        "sagemaker_submit_directory": json.dumps("s3://reads/source.tar.gz")})
    own_code("variable", ["script mode (SAGEMAKER_PROGRAM=train.py)"],
             Environment={"SAGEMAKER_PROGRAM": "train.py"})
    # As version 3 of the SDK sends a script.
    own_code("drivers", ["script mode", "sm_drivers/sm_train.sh"], channels=("train", "code", "sm_drivers"),
             HyperParameters={"a": "1"}, algorithm={
                 "ContainerEntrypoint": ["/bin/bash"],
                 "ContainerArguments": ["-c", "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh && "
                                              "/opt/ml/input/data/sm_drivers/sm_train.sh"]})


def deploy(name, url, image=IMAGE, **container):
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": image, "ModelDataUrl": url, "Environment": {"A": "b"}, **container})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[{
        "VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1}])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    while True:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        if endpoint["EndpointStatus"] != "Creating":
            return endpoint
        time.sleep(0.05)


def hosting():
    artifact = "s3://reads/out/first/output/model.tar.gz"
    endpoint = deploy("live", artifact)
    assert endpoint["EndpointStatus"] == "InService", endpoint
    has("DescribeEndpoint", endpoint)
    deployed = endpoint["ProductionVariants"][0]["DeployedImages"][0]
    repository, digest = deployed["ResolvedImage"].split("@sha256:")
    assert repository == REPOSITORY and len(digest) == 64, deployed
    has("DescribeModel", sagemaker.describe_model(ModelName="live"))
    config = sagemaker.describe_endpoint_config(EndpointConfigName="live")
    has("DescribeEndpointConfig", config)
    assert isinstance(config["ProductionVariants"][0]["InitialVariantWeight"], float)
    refused("ValidationException", ["multi-model"], multi_model)
    script = deploy("script", artifact, Environment={"SAGEMAKER_PROGRAM": "serve.py"})
    assert script["EndpointStatus"] == "Failed", script
    assert "script mode (SAGEMAKER_PROGRAM=serve.py)" in script["FailureReason"], script
    sagemaker.delete_endpoint(EndpointName="script")


def multi_model():
    sagemaker.create_model(ModelName="many", ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": IMAGE, "ModelDataUrl": "s3://reads/models/", "Mode": "MultiModel"})
    sagemaker.create_endpoint_config(EndpointConfigName="many", ProductionVariants=[{
        "VariantName": "AllTraffic", "ModelName": "many", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1}])


def registry():
    sagemaker.create_model_package_group(ModelPackageGroupName="reads")
    has("DescribeModelPackageGroup", sagemaker.describe_model_package_group(ModelPackageGroupName="reads"))
    key = "out/first/output/model.tar.gz"
    arn = sagemaker.create_model_package(ModelPackageGroupName="reads", InferenceSpecification={
        "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://reads/{key}"}],
        "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]})["ModelPackageArn"]
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    has("DescribeModelPackage", package)
    assert package["SkipModelValidation"] == "None"
    container = package["InferenceSpecification"]["Containers"][0]
    etag = s3.head_object(Bucket="reads", Key=key)["ETag"].strip('"')
    assert container["ModelDataETag"] == etag, container
    endpoint = sagemaker.describe_endpoint(EndpointName="live")
    resolved = endpoint["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"]
    assert resolved.endswith("@" + container["ImageDigest"]), (resolved, container)


def what_is_missing_says_where_to_put_it():
    how = ["sagebrush upload FILE s3://sagemaker-sample-files/", "buckets/sagemaker-sample-files/"]
    refused("ValidationException", ["No S3 objects found under S3 URL", *how], job,
            name="missing", uri="s3://sagemaker-sample-files/datasets/iris.csv")
    endpoint = deploy("missing", "s3://sagemaker-sample-files/model.tar.gz")
    for text in ("Failed to download model data", *how):
        assert text in endpoint["FailureReason"], endpoint


def the_workspace_s_own_files():
    """What is said to be done about a missing object is true."""
    folder = os.path.join(os.environ["WORKSPACE"], "buckets", "sagemaker-sample-files", "datasets")
    os.makedirs(folder)
    with open(os.path.join(folder, "iris.csv"), "wb") as file:
        file.write(s3.get_object(Bucket="reads", Key="train/rows.csv")["Body"].read())
    done = job("seeded", uri="s3://sagemaker-sample-files/datasets/iris.csv")
    assert done["TrainingJobStatus"] == "Completed", done
    s3.download_file("reads", "out/first/output/model.tar.gz", os.path.join(folder, "model.tar.gz"))
    endpoint = deploy("seeded", "s3://sagemaker-sample-files/datasets/model.tar.gz")
    assert endpoint["EndpointStatus"] == "InService", endpoint


def search(resource, *filters, **more):
    found = sagemaker.search(Resource=resource, **(
        {"SearchExpression": {"Filters": list(filters)}} if filters else {}), **more)
    return [record[resource] for record in found["Results"]]


def where(name, operator, value):
    return {"Name": name, "Operator": operator, "Value": value}


def searched():
    first = sagemaker.describe_training_job(TrainingJobName="first")
    artifact = first["ModelArtifacts"]["S3ModelArtifacts"]
    # As the SDK's ModelCard and register() ask.
    found = search("TrainingJob", where("ModelArtifacts.S3ModelArtifacts", "Equals", artifact))
    assert [job["TrainingJobName"] for job in found] == ["first"], found
    for member in ("HyperParameters", "OutputDataConfig", "TrainingJobArn", "FinalMetricDataList"):
        assert found[0][member] == first[member], member
    groups = search("ModelPackageGroup", where("ModelPackageGroupName", "Equals", "reads"))
    assert [group["ModelPackageGroupName"] for group in groups] == ["reads"], groups
    packages = search("ModelPackage", where("ModelPackageGroupName", "Equals", "reads"),
                      where("ModelApprovalStatus", "Equals", "PendingManualApproval"))
    assert [package["ModelPackageVersion"] for package in packages] == [1], packages
    live = search("Endpoint", where("EndpointName", "Equals", "live"))
    assert live[0]["ProductionVariants"][0]["VariantName"] == "AllTraffic", live
    sagemaker.add_tags(ResourceArn=first["TrainingJobArn"], Tags=[{"Key": "team", "Value": "blue"}])
    tagged = search("TrainingJob", where("Tags.team", "Equals", "blue"))
    assert [job["Tags"] for job in tagged] == [[{"Key": "team", "Value": "blue"}]], tagged
    failed = search("TrainingJob", where("TrainingJobStatus", "Equals", "Failed"))
    assert {job["TrainingJobName"] for job in failed} >= {"entry", "script"}, failed
    young = search("TrainingJob", where("CreationTime", "GreaterThan", "2000-01-01T00:00:00"), MaxResults=100)
    assert len(young) == sagemaker.search(Resource="TrainingJob")["TotalHits"]["Value"]
    pages = sagemaker.get_paginator("search").paginate(
        Resource="TrainingJob", SortBy="TrainingJobName", SortOrder="Ascending", PaginationConfig={"PageSize": 2})
    names = [record["TrainingJob"]["TrainingJobName"] for page in pages for record in page["Results"]]
    assert names == sorted(names) and len(names) == len(young), names
    refused("ValidationException", ["Unknown property name: Colour"], search,
            resource="TrainingJob", SortBy="Colour")
    refused("UnsupportedOperation", ["Resource Experiment"], search, resource="Experiment")


def links_are_not_extracted():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo("model")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        tar.addfile(link)
    s3.put_object(Bucket="reads", Key="linked.tar.gz", Body=buffer.getvalue())
    endpoint = deploy("linked", "s3://reads/linked.tar.gz")
    assert "cannot be extracted" in endpoint["FailureReason"], endpoint


def keys_with_empty_names():
    s3.put_object(Bucket="reads", Key="odd//rows.csv", Body=b"1,2\n")
    done = job("odd", uri="s3://reads/odd/")
    assert done["TrainingJobStatus"] == "Failed" and "odd//rows.csv" in done["FailureReason"], done


prepare()
for step in (training, https_addresses, nothing_runs_in_the_place_of_own_code, hosting, registry,
             what_is_missing_says_where_to_put_it, the_workspace_s_own_files, searched,
             links_are_not_extracted, keys_with_empty_names):
    started = time.time()
    step()
    print(json.dumps({"step": step.__name__, "seconds": round(time.time() - started, 3)}))
