"""Training jobs as boto3 programs meet them: every answer goes through botocore's own parser, waiters
and paginators included."""

import json
import time

import boto3
import botocore.exceptions

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

KEPT = {"S3Uri": "s3://training/kept", "LocalPath": "/opt/ml/kept"}

sagemaker = boto3.client("sagemaker")
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
    s3.create_bucket(Bucket="training")
    rows = "\n".join(f"{i % 2},{i % 2 + i % 7 / 10},{i % 5}" for i in range(400)) + "\n"
    s3.put_object(Bucket="training", Key="train/rows.csv", Body=rows.encode())
    s3.put_object(Bucket="training", Key="validation/rows.csv", Body=rows.encode())


def channel(name):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://training/{name}/"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def job(name, **changes):
    call = dict(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "5"},
        InputDataConfig=[channel("train"), channel("validation")],
        OutputDataConfig={"S3OutputPath": "s3://training/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=ROLE,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    call.update(changes)
    return call


def wait(name):
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    return sagemaker.describe_training_job(TrainingJobName=name)


def a_job_completes():
    arn = sagemaker.create_training_job(**job("first"))["TrainingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:training-job/first"
    refused("ResourceInUse", "must be unique", sagemaker.create_training_job, **job("FIRST"))
    done = wait("first")
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert done["SecondaryStatus"] == "Completed"
    history = [entry["Status"] for entry in done["SecondaryStatusTransitions"]]
    assert [status for status in history if status != "Pending"] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed"], history
    assert done["ModelArtifacts"]["S3ModelArtifacts"] == "s3://training/out/first/output/model.tar.gz"
    s3.head_object(Bucket="training", Key="out/first/output/model.tar.gz")
    metrics = {entry["MetricName"]: entry for entry in done["FinalMetricDataList"]}
    assert "validation:logloss" in metrics or "validation:error" in metrics, metrics
    assert done["BillableTimeInSeconds"] >= 1 and done["TrainingTimeInSeconds"] >= 1
    assert done["TrainingStartTime"] <= done["TrainingEndTime"] <= done["LastModifiedTime"]
    sent = job("first")
    for member in ("HyperParameters", "RoleArn", "ResourceConfig"):
        assert done[member] == sent[member], member
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == sent["Tags"]
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="first/algo-1-")["logStreams"]
    assert len(streams) == 1, streams
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs",
        logStreamName=streams[0]["logStreamName"], startFromHead=True)["events"]
    assert any("train-" in event["message"] for event in events), events[:5]


def own_metrics():
    algorithm = {
        "TrainingImage": IMAGE, "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "rounds", "Regex": r"^\[([0-9]+)\]"}],
    }
    sagemaker.create_training_job(**job("measured", AlgorithmSpecification=algorithm))
    done = wait("measured")
    metrics = {entry["MetricName"]: entry["Value"] for entry in done["FinalMetricDataList"]}
    assert metrics["rounds"] == 4.0, metrics


def a_job_fails():
    sagemaker.create_training_job(**job("bad", HyperParameters={"num_round": "many"}))
    done = wait_failed("bad")
    assert done["FailureReason"] == (
        "AlgorithmError: framework error: UserError: Hyperparameter num_round: could not parse value "
        "(caused by ValueError), exit code: 1"
    ), done


def every_metric_arrives():
    """Whatever the algorithm prints is declared, whichever release of it runs."""
    for objective, eval_metric, named in [
        ("count:poisson", None, "poisson-nloglik"),
        ("reg:tweedie", None, "tweedie-nloglik"),
        ("reg:squaredlogerror", "rmsle", "rmsle"),
        ("binary:logistic", "aucpr,error@0.3", "aucpr error@0.3"),
        ("binary:logistic", "f1_macro,balanced_accuracy,precision,recall", "f1_macro balanced_accuracy precision recall"),
        ("reg:squarederror", "r2,mphe", "r2 mphe"),
    ]:
        name = "m-" + "".join(letter for letter in f"{objective}{eval_metric}" if letter.isalnum())[:40]
        given = {"num_round": "2", "objective": objective, **({"eval_metric": eval_metric} if eval_metric else {})}
        sagemaker.create_training_job(**job(name, HyperParameters=given))
        done = wait(name)
        got = {entry["MetricName"] for entry in done["FinalMetricDataList"]}
        wanted = {f"train:{metric}" for metric in named.split()}
        assert wanted <= got, (objective, eval_metric, sorted(got))


def wait_failed(name):
    try:
        wait(name)
    except botocore.exceptions.WaiterError:
        pass
    done = sagemaker.describe_training_job(TrainingJobName=name)
    assert done["TrainingJobStatus"] == "Failed", done
    return done


def what_is_refused():
    create = sagemaker.create_training_job
    nothing = job("none", InputDataConfig=[channel("nothing")])
    refused("ValidationException", "No S3 objects found under S3 URL", create, **nothing)
    twice = job("twice", InputDataConfig=[channel("train"), channel("train")])
    refused("ValidationException", "unique", create, **twice)
    spot = job("spot", EnableManagedSpotTraining=True)
    refused("ValidationException", "MaxWaitTimeInSeconds", create, **spot)
    for call in (sagemaker.describe_training_job, sagemaker.stop_training_job):
        refused("ValidationException", "Requested resource not found.", call, TrainingJobName="no")
    refused("ResourceNotFound", "not found", sagemaker.delete_training_job, TrainingJobName="no")
    refused("ValidationException", "in status Completed",
            sagemaker.stop_training_job, TrainingJobName="first")


def until(there):
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def stage(name):
    return sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"]


def scored(name):
    """Whether the log tells of a round."""
    group = "/aws/sagemaker/TrainingJobs"
    try:
        found = logs.filter_log_events(
            logGroupName=group, logStreamNamePrefix=f"{name}/", filterPattern='"validation-logloss"')
    except logs.exceptions.ResourceNotFoundException:
        return False
    return bool(found["events"])


def a_job_is_stopped():
    long = {"objective": "binary:logistic", "num_round": "1000000"}
    sagemaker.create_training_job(**job("long", HyperParameters=long, CheckpointConfig=KEPT))
    until(lambda: stage("long") == "Training")
    # A container that is stopped before its first round has no model to leave.
    until(lambda: scored("long"))
    refused("ResourceInUse", "cannot be deleted",
            sagemaker.delete_training_job, TrainingJobName="long")
    sagemaker.update_training_job(
        TrainingJobName="long", ProfilerConfig={"DisableProfiler": True})
    sagemaker.stop_training_job(TrainingJobName="long")
    done = wait("long")
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "Stopped"), done
    assert done["ProfilingStatus"] == "Disabled"
    s3.head_object(Bucket="training", Key="out/long/output/model.tar.gz")


def a_job_goes_on_from_its_checkpoint():
    # The stopped one has left its last round, and the job without a CheckpointConfig nothing.
    kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket="training", Prefix="kept/")["Contents"]]
    rounds = [int(key.removeprefix("kept/xgboost-checkpoint.")) for key in kept]
    assert rounds, kept
    further = {"objective": "binary:logistic", "num_round": str(max(rounds) + 3)}
    sagemaker.create_training_job(**job("further", HyperParameters=further, CheckpointConfig=KEPT))
    done = wait("further")
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="further/", filterPattern="Resuming")
    said = [event["message"] for event in found["events"]]
    assert len(said) == 1 and f"Resuming from iteration {max(rounds) + 1}" in said[0], said


def time_runs_out():
    long = {"objective": "binary:logistic", "num_round": "1000000"}
    sagemaker.create_training_job(**job(
        "late", HyperParameters=long, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    done = wait("late")
    assert done["TrainingJobStatus"] == "Stopped"
    assert done["SecondaryStatus"] == "MaxRuntimeExceeded", done


def lists():
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        PaginationConfig={"PageSize": 2}, SortBy="Name", SortOrder="Ascending")
    names = [entry["TrainingJobName"] for page in pages for entry in page["TrainingJobSummaries"]]
    assert names == sorted(names) and {"first", "bad", "long"} <= set(names), names
    failed = sagemaker.list_training_jobs(StatusEquals="Failed")["TrainingJobSummaries"]
    assert [entry["TrainingJobName"] for entry in failed] == ["bad"]
    newest = sagemaker.list_training_jobs(MaxResults=1)["TrainingJobSummaries"][0]
    assert newest["TrainingJobName"] == "late", newest
    sagemaker.delete_training_job(TrainingJobName="bad")
    assert not sagemaker.list_training_jobs(NameContains="bad")["TrainingJobSummaries"]


prepare()
for step in (a_job_completes, own_metrics, every_metric_arrives, a_job_fails, what_is_refused,
             a_job_is_stopped, a_job_goes_on_from_its_checkpoint, time_runs_out, lists):
    started = time.time()
    step()
    print(json.dumps({"step": step.__name__, "seconds": round(time.time() - started, 3)}))
