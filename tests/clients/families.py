"""Every family of SageMaker that the region keeps: how one of it is created."""

ROLE = "arn:aws:iam::123456789012:role/Train"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
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
