"""SageMaker's SDK v3 as anybody writes it: nothing names the region or an endpoint. Run by
`sagebrush exec` in an empty folder, in the environment of `sdk_v3.txt`."""

from pathlib import Path

import quick_clock

quick_clock.start()

import boto3
import botocore.exceptions
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
    TrainingJob,
)
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig, StoppingCondition

INSTANCE = "ml.m5.large"
GROUP = "parity"

session = Session()
service = boto3.client("sagemaker")
bucket = session.default_bucket()
assert bucket == f"sagemaker-{session.boto_region_name}-123456789012", bucket
role = get_execution_role(session)
assert role.startswith("arn:aws:iam::123456789012:role/"), role

Path("train.csv").write_text("".join(f"{n % 2},{n % 2},{n % 5}\n" for n in range(60)))
data = session.upload_data("train.csv", bucket, "data")
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")


def predict(endpoint, row):
    answer = endpoint.invoke(body=row, content_type="text/csv", accept="text/csv")
    return float(answer.body.read())


trainer = ModelTrainer(
    sagemaker_session=session,
    role=role,
    base_job_name="parity",
    training_image=image,
    hyperparameters={"objective": "binary:logistic", "num_round": 5},
    compute=Compute(instance_type=INSTANCE, instance_count=1, volume_size_in_gb=5),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/out"),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
)
channels = [
    InputData(channel_name=name, data_source=data, content_type="text/csv")
    for name in ("train", "validation")
]
trainer.train(input_data_config=channels, wait=True, logs=True)
job = TrainingJob.get(trainer._latest_training_job.training_job_name)
assert job.training_job_status == "Completed", job
assert job.hyper_parameters["num_round"] == "5", job.hyper_parameters
model_data = job.model_artifacts.s3_model_artifacts
assert model_data.startswith(f"s3://{bucket}/out/"), model_data
assert "validation:logloss" in [metric.metric_name for metric in job.final_metric_data_list]
assert job.training_job_name in [each.training_job_name for each in TrainingJob.get_all()]

# What was trained, built, deployed, registered.
builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=model_data,
    role_arn=role,
    sagemaker_session=session,
    instance_type=INSTANCE,
)
built = builder.build(model_name="built")
assert isinstance(built, Model) and built.model_name == "built", built
deployed = builder.deploy(
    endpoint_name="built", initial_instance_count=1, instance_type=INSTANCE
)
odd, even = predict(deployed, "1,3"), predict(deployed, "0,3")
assert odd > 0.5 > even, (odd, even)
registered = builder.register(
    model_package_group_name=GROUP,
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=[INSTANCE],
    transform_instances=[INSTANCE],
    approval_status="Approved",
)
described = service.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
assert [each["ModelApprovalStatus"] for each in described] == ["Approved"], described
deployed.delete()

# The same by the resources of sagemaker-core.
group = ModelPackageGroup.create(
    model_package_group_name="core", model_package_group_description="by resources"
)
group.wait_for_status("Completed")
assert ModelPackageGroup.get("core").model_package_group_description == "by resources"
model = Model.create(
    model_name="core",
    execution_role_arn=role,
    primary_container=ContainerDefinition(image=image, model_data_url=model_data),
)
variant = ProductionVariant(
    variant_name="AllTraffic",
    model_name=model.model_name,
    instance_type=INSTANCE,
    initial_instance_count=1,
)
first = EndpointConfig.create(endpoint_config_name="core", production_variants=[variant])
variant.initial_instance_count = 2
second = EndpointConfig.create(endpoint_config_name="core-2", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="core", endpoint_config_name=first.endpoint_config_name)
endpoint.wait_for_status("InService")
assert predict(endpoint, "1,3") == odd
endpoint.endpoint_config_name = second.endpoint_config_name
endpoint.update()
endpoint.wait_for_status("InService")
endpoint.refresh()
assert endpoint.endpoint_config_name == "core-2", endpoint
assert endpoint.production_variants[0].current_instance_count == 2, endpoint
assert predict(endpoint, "0,3") == even

package = ModelPackage.get(described[0]["ModelPackageArn"])
assert package.model_approval_status == "Approved", package
package.update(model_approval_status="Rejected")
assert ModelPackage.get(package.model_package_arn).model_approval_status == "Rejected"
# ModelPackage.delete() of this SDK cannot name a versioned package, on AWS neither.
service.delete_model_package(ModelPackageName=package.model_package_arn)
for resource in [endpoint, second, first, model, group]:
    resource.delete()
endpoint.wait_for_delete()
try:
    Endpoint.get("core")
    raise AssertionError("a deleted endpoint is described")
except botocore.exceptions.ClientError as error:
    assert "Could not find endpoint" in str(error), error
# The SDK leaves a line open.
print("\nok")
