"""Tags on SageMaker's families through botocore."""

import strict
from strict import refused

sm = strict.client("sagemaker")
ROLE = "arn:aws:iam::123456789012:role/Train"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def tags(*keys, value="v"):
    return [{"Key": key, "Value": value} for key in keys]


def on(arn):
    pages = sm.get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


model = sm.create_model(ModelName="Tagged", PrimaryContainer={"Image": "i"}, ExecutionRoleArn=ROLE, Tags=tags("a"))["ModelArn"]
group = sm.create_model_package_group(ModelPackageGroupName="tagged", Tags=tags("a"))["ModelPackageGroupArn"]
variant = {"VariantName": "v", "ModelName": "Tagged", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
config = sm.create_endpoint_config(EndpointConfigName="tagged", ProductionVariants=[variant], Tags=tags("a"))["EndpointConfigArn"]

for arn in (model, group, config):
    assert on(arn) == {"a": "v"}
    added = sm.add_tags(ResourceArn=arn, Tags=tags("b", "a", value="w"))["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in added} == {"a": "w", "b": "w"}
    assert on(arn) == {"a": "w", "b": "w"}
    sm.delete_tags(ResourceArn=arn, TagKeys=["a", "not there"])
    assert on(arn) == {"b": "w"}
    sm.add_tags(ResourceArn=arn, Tags=tags(*(f"k{at}" for at in range(49))))
    assert len(on(arn)) == 50
    refused("ValidationException", "at most 50", sm.add_tags, ResourceArn=arn, Tags=tags("one more"))
    sm.add_tags(ResourceArn=arn, Tags=tags("k0", value="overwriting is no more"))
    refused("ValidationException", "aws:", sm.add_tags, ResourceArn=arn, Tags=tags("aws:own"))
    refused("ValidationException", "Duplicate", sm.add_tags, ResourceArn=arn, Tags=tags("x", "x"))

refused("ValidationException", "aws:", sm.create_model, ModelName="x", PrimaryContainer={"Image": "i"},
        ExecutionRoleArn=ROLE, Tags=tags("AWS:own"))
for call, more in ((sm.list_tags, {}), (sm.add_tags, {"Tags": tags("a")}), (sm.delete_tags, {"TagKeys": ["a"]})):
    refused("ValidationException", f'Could not find model "{ARN}model/none".', call, ResourceArn=ARN + "model/none", **more)

# Tags go with what they stand on.
sm.delete_model(ModelName="Tagged")
sm.create_model(ModelName="Tagged", PrimaryContainer={"Image": "i"}, ExecutionRoleArn=ROLE)
assert on(model) == {}
strict.all_called("sagemaker", "AddTags", "ListTags", "DeleteTags")
print("ok")
