"""What is not simulated says so, in words that botocore shows whatever protocol the service speaks."""

import os

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

session = botocore.session.Session()


def client(service):
    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=os.environ["SAGEBRUSH_ENDPOINT"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False,
                      inject_host_prefix=False),
    )


def says(texts, service, operation, **arguments):
    try:
        getattr(client(service), operation)(**arguments)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        assert code == "UnsupportedOperation", f"{service}: {error.response}"
        for text in texts:
            assert text in message, f"{service}: {message}"
        return
    raise AssertionError(f"{service}.{operation} is answered")


def other_services():
    for name, service, operation, arguments in (
        # json
        ("Amazon Athena (athena)", "athena", "start_query_execution", {"QueryString": "select 1"}),
        ("AWS Glue (glue)", "glue", "get_databases", {}),
        ("Amazon DynamoDB (dynamodb)", "dynamodb", "list_tables", {}),
        ("AWS Step Functions (stepfunctions)", "stepfunctions", "list_state_machines", {}),
        ("AWS Secrets Manager (secretsmanager)", "secretsmanager", "list_secrets", {}),
        # rest-json
        ("AWS Batch (batch)", "batch", "describe_job_queues", {}),
        ("AWS Lambda (lambda)", "lambda", "list_functions", {}),
        ("Amazon SageMaker Feature Store Runtime (sagemaker-featurestore-runtime)",
         "sagemaker-featurestore-runtime", "get_record",
         {"FeatureGroupName": "g", "RecordIdentifierValueAsString": "1"}),
        ("Amazon SageMaker Metrics Service (sagemaker-metrics)", "sagemaker-metrics", "batch_put_metrics",
         {"TrialComponentName": "t", "MetricData": []}),
        # rest-xml
        ("Amazon Route 53 (route53)", "route53", "list_hosted_zones", {}),
        ("Amazon CloudFront (cloudfront)", "cloudfront", "list_distributions", {}),
        # query
        ("Amazon Simple Notification Service (sns)", "sns", "list_topics", {}),
        ("AWS Elastic Beanstalk (elasticbeanstalk)", "elasticbeanstalk", "describe_applications", {}),
        ("Amazon Elastic Compute Cloud (ec2)", "ec2", "describe_instances", {}),
        # whatever botocore prefers of several
        ("Amazon Simple Queue Service (sqs)", "sqs", "list_queues", {}),
        ("Amazon Kinesis (kinesis)", "kinesis", "list_streams", {}),
    ):
        says([f"{name} is not simulated by Sagebrush", "sagemaker"], service, operation, **arguments)
    says(["StartQueryExecution did nothing"], "athena", "start_query_execution", QueryString="select 1")
    says(["BatchPutMetrics did nothing"], "sagemaker-metrics", "batch_put_metrics",
         TrialComponentName="t", MetricData=[])


def operations_before_their_input():
    """An operation that is not simulated does not complain of an input that nobody will read."""
    for service, operation, arguments in (
        ("sagemaker", "create_pipeline", {}),
        ("sagemaker", "create_auto_ml_job", {"AutoMLJobName": "!" * 99}),
        ("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": ""}),
        ("cloudformation", "create_stack", {"StackName": "!"}),
        ("cloudwatch", "put_dashboard", {"DashboardName": ""}),
        ("kms", "encrypt", {"KeyId": ""}),
    ):
        says([f"of {service} is not simulated by Sagebrush"], service, operation, **arguments)


other_services()
operations_before_their_input()
print("ok")
