"""A Describe of what is in transition waits until it has settled, so that a waiter's first look is its
last. The workspace of this test lets answers wait for longer than anything here takes."""

import boto3

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
looks = []
sagemaker.meta.events.register(
    "before-call.sagemaker.DescribeEndpoint", lambda **_: looks.append("DescribeEndpoint"))


def train():
    s3.create_bucket(Bucket="settled")
    rows = "\n".join(f"{i % 2},{i % 2 + i % 7 / 10},{i % 5}" for i in range(200)) + "\n"
    s3.put_object(Bucket="settled", Key="train.csv", Body=rows.encode())
    sagemaker.create_training_job(
        TrainingJobName="job",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "3"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://settled/train.csv"}}}],
        OutputDataConfig={"S3OutputPath": "s3://settled/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=ROLE,
    )
    job = sagemaker.describe_training_job(TrainingJobName="job")
    assert job["TrainingJobStatus"] == "Completed", job
    return job["ModelArtifacts"]["S3ModelArtifacts"]


def serve(artifact):
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": IMAGE, "ModelDataUrl": artifact})
    for name, count in (("one", 1), ("two", 2)):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[{
            "VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count}])
    for at in range(30):
        name = f"endpoint-{at}"
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="one")
        assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService", name
    looks.clear()
    sagemaker.create_endpoint(EndpointName="waited", EndpointConfigName="one")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="waited")
    assert len(looks) == 1, looks
    sagemaker.update_endpoint(EndpointName="waited", EndpointConfigName="two")
    updated = sagemaker.describe_endpoint(EndpointName="waited")
    assert updated["EndpointStatus"] == "InService", updated
    assert updated["EndpointConfigName"] == "two", updated
    looks.clear()
    sagemaker.delete_endpoint(EndpointName="waited")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="waited")
    assert len(looks) == 1, looks


serve(train())
