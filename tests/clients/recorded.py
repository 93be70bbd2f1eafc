"""Families that are kept and shown, through botocore."""

import strict
from strict import plain, refused

sm = strict.client("sagemaker")
ROLE = "arn:aws:iam::123456789012:role/Train"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def experiments():
    made = sm.create_experiment(ExperimentName="Ex", DisplayName="an-experiment", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    assert plain(made) == {"ExperimentArn": ARN + "experiment/Ex"}
    found = sm.describe_experiment(ExperimentName="Ex")
    assert found["DisplayName"] == "an-experiment" and found["Description"] == "d"
    assert sm.list_tags(ResourceArn=made["ExperimentArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    refused("ValidationException", "names must be unique", sm.create_experiment, ExperimentName="ex")
    refused("ResourceNotFound", "does not exist", sm.describe_experiment, ExperimentName="none")
    refused("ResourceNotFound", "does not exist", sm.create_trial, TrialName="t", ExperimentName="none")
    for at in range(3):
        sm.create_trial(TrialName=f"t{at}", ExperimentName="Ex")
    pages = sm.get_paginator("list_trials").paginate(ExperimentName="Ex", PaginationConfig={"PageSize": 2})
    assert [each["TrialName"] for page in pages for each in page["TrialSummaries"]] == ["t2", "t1", "t0"]
    assert sm.list_trials(ExperimentName="other")["TrialSummaries"] == []
    refused("ValidationException", "has Trials", sm.delete_experiment, ExperimentName="Ex")
    sm.update_trial(TrialName="t0", DisplayName="zero")
    assert sm.describe_trial(TrialName="t0")["DisplayName"] == "zero"
    for at in range(3):
        sm.delete_trial(TrialName=f"t{at}")
    sm.update_experiment(ExperimentName="Ex", Description="e")
    assert sm.describe_experiment(ExperimentName="Ex")["Description"] == "e"
    assert len(sm.list_experiments()["ExperimentSummaries"]) == 1
    sm.delete_experiment(ExperimentName="Ex")
    refused("ResourceNotFound", "does not exist", sm.delete_experiment, ExperimentName="Ex")

    for noun, more in (("experiment", {}), ("trial", {"ExperimentName": "shown"}), ("trial_component", {})):
        name = "".join(word.capitalize() for word in noun.split("_")) + "Name"
        getattr(sm, f"create_{noun}")(**{name: "shown"}, **more)
        assert getattr(sm, f"describe_{noun}")(**{name: "shown"})["DisplayName"] == "shown"
        listed = getattr(sm, f"list_{noun}s")()[f"{name.removesuffix('Name')}Summaries"]
        assert [each["DisplayName"] for each in listed] == ["shown"]
        getattr(sm, f"update_{noun}")(**{name: "shown"}, DisplayName="otherwise")
        assert getattr(sm, f"describe_{noun}")(**{name: "shown"})["DisplayName"] == "otherwise"
    sm.delete_trial(TrialName="shown")
    sm.delete_experiment(ExperimentName="shown")
    sm.delete_trial_component(TrialComponentName="shown")

    parameters = {"rate": {"NumberValue": 0.1}, "kind": {"StringValue": "tree"}}
    sm.create_trial_component(TrialComponentName="tc", Status={"PrimaryStatus": "InProgress"}, StartTime=1700000000, Parameters=parameters)
    sm.update_trial_component(TrialComponentName="tc", Parameters={"depth": {"NumberValue": 3}}, ParametersToRemove=["kind"])
    found = sm.describe_trial_component(TrialComponentName="tc")
    assert found["Parameters"] == {"rate": {"NumberValue": 0.1}, "depth": {"NumberValue": 3.0}}
    assert found["StartTime"].timestamp() == 1700000000
    assert [each["Status"] for each in sm.list_trial_components()["TrialComponentSummaries"]] == [{"PrimaryStatus": "InProgress"}]
    sm.delete_trial_component(TrialComponentName="tc")


def lineage():
    source = {"SourceUri": "s3://bucket/a", "SourceType": "S3"}
    sm.create_action(ActionName="act", Source=source, ActionType="Deploy", Status="InProgress", Properties={"a": "1", "b": "2"})
    sm.update_action(ActionName="act", Status="Completed", PropertiesToRemove=["a"])
    found = sm.describe_action(ActionName="act")
    assert found["Properties"] == {"b": "2"} and found["Status"] == "Completed" and found["Source"] == source
    assert len(sm.list_actions(SourceUri="s3://bucket/a", ActionType="Deploy")["ActionSummaries"]) == 1
    assert sm.list_actions(ActionType="Other")["ActionSummaries"] == []
    sm.delete_action(ActionName="act")
    sm.create_context(ContextName="con", Source=source, ContextType="Endpoint")
    sm.update_context(ContextName="con", Description="d")
    assert sm.describe_context(ContextName="con")["Description"] == "d"
    assert sm.list_contexts()["ContextSummaries"][0]["ContextType"] == "Endpoint"
    sm.delete_context(ContextName="con")


def configs():
    git = {"RepositoryUrl": "https://example.com/repo.git", "Branch": "main"}
    sm.create_code_repository(CodeRepositoryName="repo", GitConfig=git)
    assert sm.describe_code_repository(CodeRepositoryName="repo")["GitConfig"] == git
    refused("ValidationException", "Could not find", sm.describe_code_repository, CodeRepositoryName="none")
    assert [each["CodeRepositoryName"] for each in sm.list_code_repositories(NameContains="rep")["CodeRepositorySummaryList"]] == ["repo"]
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:git"
    sm.update_code_repository(CodeRepositoryName="repo", GitConfig={"SecretArn": secret})
    assert sm.describe_code_repository(CodeRepositoryName="repo")["GitConfig"] == {**git, "SecretArn": secret}
    sm.delete_code_repository(CodeRepositoryName="repo")
    sm.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="nb", OnStart=[{"Content": "ZWNobw=="}])
    sm.update_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="nb", OnCreate=[{"Content": "ZWNobw=="}])
    assert len(sm.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="nb")["OnStart"]) == 1
    assert len(sm.list_notebook_instance_lifecycle_configs()["NotebookInstanceLifecycleConfigs"]) == 1
    sm.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="nb")
    sm.create_studio_lifecycle_config(StudioLifecycleConfigName="st", StudioLifecycleConfigContent="ZWNobw==", StudioLifecycleConfigAppType="JupyterLab")
    refused("ResourceInUse", "already exists", sm.create_studio_lifecycle_config, StudioLifecycleConfigName="st",
            StudioLifecycleConfigContent="ZWNobw==", StudioLifecycleConfigAppType="JupyterLab")
    assert len(sm.list_studio_lifecycle_configs(AppTypeEquals="JupyterLab")["StudioLifecycleConfigs"]) == 1
    assert sm.list_studio_lifecycle_configs(AppTypeEquals="CodeEditor")["StudioLifecycleConfigs"] == []
    sm.delete_studio_lifecycle_config(StudioLifecycleConfigName="st")
    sm.create_app_image_config(AppImageConfigName="ai", KernelGatewayImageConfig={"KernelSpecs": [{"Name": "python3"}]})
    assert sm.describe_app_image_config(AppImageConfigName="ai")["KernelGatewayImageConfig"]["KernelSpecs"] == [{"Name": "python3"}]
    sm.delete_app_image_config(AppImageConfigName="ai")


def job_definitions():
    job_input = {"EndpointInput": {"EndpointName": "live", "LocalPath": "/opt/ml/processing/input"}}
    output = {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/out", "LocalPath": "/opt/ml/processing/output"}}]}
    cluster = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}}
    sm.create_data_quality_job_definition(
        JobDefinitionName="dq", DataQualityAppSpecification={"ImageUri": "i"}, DataQualityJobInput=job_input,
        DataQualityJobOutputConfig=output, JobResources=cluster, RoleArn=ROLE)
    found = sm.describe_data_quality_job_definition(JobDefinitionName="dq")
    assert found["JobResources"] == cluster and found["JobDefinitionArn"] == ARN + "data-quality-job-definition/dq"
    summary = sm.list_data_quality_job_definitions(EndpointName="live")["JobDefinitionSummaries"][0]
    assert summary["MonitoringJobDefinitionName"] == "dq" and summary["EndpointName"] == "live"
    sm.delete_data_quality_job_definition(JobDefinitionName="dq")
    refused("ResourceNotFound", "does not exist", sm.describe_data_quality_job_definition, JobDefinitionName="dq")


experiments()
lineage()
configs()
job_definitions()
found = refused("UnsupportedOperation", "CreatePipeline of sagemaker is not simulated", sm.create_pipeline,
                PipelineName="p", PipelineDefinition="{}", ClientRequestToken="t" * 32, RoleArn=ROLE)
print("ok")
