"""Who is calling, and sessions that verify, through botocore."""

import datetime
import json
import re

import strict
from strict import plain, refused

sts = strict.client("sts")
iam = strict.client("iam")
ROLE = "arn:aws:iam::123456789012:role/team/Train"

me = plain(sts.get_caller_identity())
assert me["Account"] == "123456789012"
assert me["Arn"] == "arn:aws:sts::123456789012:assumed-role/SagebrushExecutionRole/sagebrush"
# As SageMaker's SDK finds its execution role.
role = re.sub(r"^(.+)sts::(\d+):assumed-role/(.+?)/.*$", r"\1iam::\2:role/\3", me["Arn"])
found = iam.get_role(RoleName=role.rpartition("/")[2])["Role"]
assert found["Arn"] == role and me["UserId"] == found["RoleId"] + ":sagebrush"
assert plain(sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")) == {"Account": "123456789012"}

iam.create_role(RoleName="Train", Path="/team/", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}}), MaxSessionDuration=3600)
assumed = sts.assume_role(RoleArn=ROLE, RoleSessionName="me@work", DurationSeconds=1800, SourceIdentity="ada")
user, key = assumed["AssumedRoleUser"], assumed["Credentials"]
assert user["Arn"] == "arn:aws:sts::123456789012:assumed-role/Train/me@work"
assert user["AssumedRoleId"] == iam.get_role(RoleName="Train")["Role"]["RoleId"] + ":me@work"
left = key["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert 1200 < left.total_seconds() <= 1800 and key["AccessKeyId"].startswith("ASIA")

session = (key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
as_role = strict.client("sts", *session)
assert plain(as_role.get_caller_identity()) == {"Account": "123456789012", "Arn": user["Arn"], "UserId": user["AssumedRoleId"]}
refused("AccessDenied", "session credentials", as_role.get_session_token, status=403)
group = strict.client("sagemaker", *session)
group.create_model_package_group(ModelPackageGroupName="made-by-role")
assert group.describe_model_package_group(ModelPackageGroupName="made-by-role")["CreatedBy"]["IamIdentity"]["Arn"] == user["Arn"]

own = sts.get_session_token()["Credentials"]
again = strict.client("sts", own["AccessKeyId"], own["SecretAccessKey"], own["SessionToken"])
assert again.get_caller_identity()["Arn"] == me["Arn"]

for wrong in (
    (session[0], "wrong" * 8, session[2]),
    (session[0], session[1], "another token"),
    (session[0], session[1], None),
    (session[0], session[1], own["SessionToken"]),
):
    try:
        strict.client("sts", *wrong).get_caller_identity()
    except strict.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
    else:
        raise AssertionError(f"{wrong} got in")

refused("ValidationError", "MaxSessionDuration", sts.assume_role, RoleArn=ROLE, RoleSessionName="me", DurationSeconds=7200)
refused("ValidationError", "is invalid", sts.assume_role, RoleArn="arn:aws:iam::123456789012:user/ada", RoleSessionName="me")
refused("ValidationError", "durationSeconds", sts.assume_role, RoleArn=ROLE, RoleSessionName="me", DurationSeconds=50000)
refused("MalformedPolicyDocument", "Json", sts.assume_role, RoleArn=ROLE, RoleSessionName="me", Policy="no json")
refused("UnsupportedOperation", "GetFederationToken of sts is not simulated", sts.get_federation_token, Name="ada")
strict.all_called("sts", "GetCallerIdentity", "GetAccessKeyInfo", "AssumeRole", "GetSessionToken")
print("ok")
