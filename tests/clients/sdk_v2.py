"""SageMaker's SDK v2 as anybody writes it: nothing names the region or an endpoint. Run by
`sagebrush exec` in an empty folder, in the environment of `sdk_v2.txt`."""

import contextlib
import io
import os
from pathlib import Path

import quick_clock

quick_clock.start()

os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"

import boto3
import botocore.exceptions
import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

INSTANCE = "ml.m5.large"
GROUP = "parity"

session = sagemaker.Session()
region = session.boto_region_name
service = boto3.client("sagemaker")

bucket = session.default_bucket()
assert bucket == f"sagemaker-{region}-123456789012", bucket
assert sagemaker.Session().default_bucket() == bucket
role = sagemaker.get_execution_role()
assert role.startswith("arn:aws:iam::123456789012:role/"), role

rows = "".join(f"{n % 2},{n % 2},{n % 5}\n" for n in range(60))
Path("train.csv").write_text(rows)
data = session.upload_data("train.csv", bucket, "data")
assert data == f"s3://{bucket}/data/train.csv", data
assert session.read_s3_file(bucket, "data/train.csv") == rows
assert session.list_s3_files(bucket, "data") == ["data/train.csv"]
Path("down").mkdir()
session.download_data("down", bucket, "data/train.csv")
assert Path("down/train.csv").read_text() == rows

image = sagemaker.image_uris.retrieve("xgboost", region, "1.7-1")
estimator = Estimator(
    image, role, 1, INSTANCE, output_path=f"s3://{bucket}/out", sagemaker_session=session
)
estimator.set_hyperparameters(objective="binary:logistic", num_round=5)
channels = {
    name: TrainingInput(data, content_type="text/csv") for name in ("train", "validation")
}
with contextlib.redirect_stdout(io.StringIO()) as logs:
    estimator.fit(channels)
said = logs.getvalue()
for part in ["Starting - ", "[4]", "validation-logloss", "Billable seconds"]:
    assert part in said, (part, said)

job = estimator.latest_training_job.name
again = Estimator.attach(job, sagemaker_session=session)
assert again.model_data == estimator.model_data, again.model_data
assert again.hyperparameters()["num_round"] == "5", again.hyperparameters()
assert session.describe_training_job(job)["TrainingJobStatus"] == "Completed"
with contextlib.redirect_stdout(io.StringIO()) as logs:
    session.logs_for_job(job, wait=True)
assert "validation-logloss" in logs.getvalue(), logs.getvalue()

package = again.register(
    ["text/csv"], ["text/csv"], [INSTANCE], [INSTANCE],
    model_package_group_name=GROUP, approval_status="Approved", description="five rounds",
)
described = service.describe_model_package(ModelPackageName=package.model_package_arn)
assert described["ModelApprovalStatus"] == "Approved", described
assert described["ModelPackageVersion"] == 1, described
assert described["ModelPackageDescription"] == "five rounds", described

predictor = again.deploy(
    1, INSTANCE, serializer=CSVSerializer(), deserializer=CSVDeserializer()
)
odd, even = (float(predictor.predict([row])[0][0]) for row in ([1, 3], [0, 3]))
assert odd > 0.5 > even, (odd, even)

# The approved package under the same endpoint: the variant changes, the predictions do not.
package.sagemaker_session = session
package.name = None
package._create_sagemaker_model(instance_type=INSTANCE)
before = service.describe_endpoint(EndpointName=predictor.endpoint_name)
predictor.update_endpoint(
    initial_instance_count=2, instance_type=INSTANCE, model_name=package.name
)
after = service.describe_endpoint(EndpointName=predictor.endpoint_name)
assert after["EndpointStatus"] == "InService", after
assert after["EndpointConfigName"] != before["EndpointConfigName"], after
assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 2, after
named = Predictor(
    predictor.endpoint_name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer()
)
assert float(named.predict([[1, 3]])[0][0]) == odd

predictor.delete_model()
predictor.delete_endpoint()
service.get_waiter("endpoint_deleted").wait(EndpointName=predictor.endpoint_name)
try:
    named.predict([[1, 3]])
    raise AssertionError("a deleted endpoint answered")
except botocore.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "ValidationError", error
# The SDK leaves a line open.
print("\nok")
