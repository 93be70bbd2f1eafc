"""Roles and their policies through botocore."""

import json

import strict
from strict import refused

iam = strict.client("iam")
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"

made = iam.create_role(
    RoleName="Train", Path="/team/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="trains",
    MaxSessionDuration=7200, Tags=[{"Key": "k", "Value": "v"}])["Role"]
assert made["Arn"] == "arn:aws:iam::123456789012:role/team/Train"
assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
found = iam.get_role(RoleName="Train")["Role"]
assert found["AssumeRolePolicyDocument"] == TRUST and found["Description"] == "trains"
assert found["Tags"] == [{"Key": "k", "Value": "v"}] and found["MaxSessionDuration"] == 7200
assert found["CreateDate"] == made["CreateDate"] and found["RoleId"] == made["RoleId"]
refused("EntityAlreadyExists", "Role with name Train already exists.", iam.create_role, status=409,
        RoleName="Train", AssumeRolePolicyDocument=json.dumps(TRUST))
refused("MalformedPolicyDocument", "invalid Json", iam.create_role, RoleName="x", AssumeRolePolicyDocument="{")
refused("MalformedPolicyDocument", "Syntax errors in policy.", iam.create_role, RoleName="x", AssumeRolePolicyDocument="{}")
about = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}
refused("MalformedPolicyDocument", "Has prohibited field Resource", iam.create_role, RoleName="x",
        AssumeRolePolicyDocument=json.dumps(about))
refused("NoSuchEntity", "The role with name none cannot be found.", iam.get_role, status=404, RoleName="none")
refused("ValidationError", "roleName", iam.get_role, RoleName="not a name!")

iam.update_role(RoleName="Train", Description="trains more", MaxSessionDuration=3600)
assert iam.update_role_description(RoleName="Train", Description="trains most")["Role"]["Description"] == "trains most"
trust_none = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}]}
iam.update_assume_role_policy(RoleName="Train", PolicyDocument=json.dumps(trust_none))
found = iam.get_role(RoleName="Train")["Role"]
assert found["MaxSessionDuration"] == 3600 and found["AssumeRolePolicyDocument"] == trust_none

iam.tag_role(RoleName="Train", Tags=[{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}])
assert iam.list_role_tags(RoleName="Train")["Tags"] == [{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}]
iam.untag_role(RoleName="Train", TagKeys=["k"])
assert [tag["Key"] for tag in iam.list_role_tags(RoleName="Train")["Tags"]] == ["l"]

refused("InvalidInput", "case insensitive", iam.tag_role, RoleName="Train", Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])
iam.tag_role(RoleName="Train", Tags=[{"Key": "L", "Value": "again"}])
assert iam.list_role_tags(RoleName="Train")["Tags"] == [{"Key": "L", "Value": "again"}], "a key in another case is the same key"
iam.untag_role(RoleName="Train", TagKeys=["l"])
assert iam.list_role_tags(RoleName="Train")["Tags"] == []

iam.put_role_policy(RoleName="Train", PolicyName="inline", PolicyDocument=json.dumps(deny))
assert iam.list_role_policies(RoleName="Train")["PolicyNames"] == ["inline"]
assert iam.get_role_policy(RoleName="Train", PolicyName="inline")["PolicyDocument"] == deny
refused("NoSuchEntity", "The role policy with name none cannot be found.", iam.get_role_policy, status=404,
        RoleName="Train", PolicyName="none")

own = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(deny), Description="d")["Policy"]
assert own["Arn"] == "arn:aws:iam::123456789012:policy/own" and own["DefaultVersionId"] == "v1"
refused("EntityAlreadyExists", "own already exists", iam.create_policy, status=409, PolicyName="own", PolicyDocument=json.dumps(deny))
iam.attach_role_policy(RoleName="Train", PolicyArn=own["Arn"])
iam.attach_role_policy(RoleName="Train", PolicyArn=FULL)
iam.attach_role_policy(RoleName="Train", PolicyArn=FULL)
attached = iam.list_attached_role_policies(RoleName="Train")["AttachedPolicies"]
assert attached == [{"PolicyName": "own", "PolicyArn": own["Arn"]}, {"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": FULL}]
refused("NoSuchEntity", "does not exist", iam.attach_role_policy, status=404, RoleName="Train",
        PolicyArn="arn:aws:iam::123456789012:policy/none")
assert iam.get_policy(PolicyArn=own["Arn"])["Policy"]["AttachmentCount"] == 1
assert iam.get_policy_version(PolicyArn=own["Arn"], VersionId="v1")["PolicyVersion"]["Document"] == deny
assert [policy["PolicyName"] for policy in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]] == ["own"]
listed = iam.list_policies(Scope="Local")["Policies"][0]
assert "Description" not in listed and "Tags" not in listed, "a list leaves out what GetPolicy alone tells"

# Versions: the default one is what the policy says.
allow = {"Version": "2012-10-17", "Statement": [{"Sid": "read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::data/*"}]}
made = iam.create_policy_version(PolicyArn=own["Arn"], PolicyDocument=json.dumps(allow))["PolicyVersion"]
assert made["VersionId"] == "v2" and not made["IsDefaultVersion"]
versions = iam.list_policy_versions(PolicyArn=own["Arn"])["Versions"]
assert [(one["VersionId"], one["IsDefaultVersion"]) for one in versions] == [("v2", False), ("v1", True)] and "Document" not in versions[0]
iam.set_default_policy_version(PolicyArn=own["Arn"], VersionId="v2")
assert iam.get_policy(PolicyArn=own["Arn"])["Policy"]["DefaultVersionId"] == "v2"
refused("DeleteConflict", "default version", iam.delete_policy_version, status=409, PolicyArn=own["Arn"], VersionId="v2")
for _ in range(3):
    iam.create_policy_version(PolicyArn=own["Arn"], PolicyDocument=json.dumps(deny))
refused("LimitExceeded", "up to 5 versions", iam.create_policy_version, status=409, PolicyArn=own["Arn"], PolicyDocument=json.dumps(deny))
refused("NoSuchEntity", "version v9 does not exist", iam.get_policy_version, status=404, PolicyArn=own["Arn"], VersionId="v9")

# What the role may do: inline deny, own allow, AWS's SageMaker policy.
TRAIN = iam.get_role(RoleName="Train")["Role"]["Arn"]
def may(*actions, arn=TRAIN, **more):
    results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)["EvaluationResults"]
    return [result["EvalDecision"] for result in results]
data = "arn:aws:s3:::data/x"
assert may("s3:GetObject", "s3:PutObject", "s3:DeleteObject", ResourceArns=[data]) == ["allowed", "implicitDeny", "explicitDeny"]
assert may("s3:PutObject", ResourceArns=["arn:aws:s3:::sagemaker-us-east-1-123456789012/*"]) == ["allowed"]
assert may("sagemaker:CreateModel", "iam:CreateUser") == ["allowed", "implicitDeny"]
result = iam.simulate_principal_policy(PolicySourceArn=TRAIN, ActionNames=["s3:GetObject"], ResourceArns=[data])["EvaluationResults"][0]
(matched,) = result["MatchedStatements"]
assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == ("own", "user-managed")
start, end = matched["StartPosition"], matched["EndPosition"]
assert json.loads(json.dumps(allow)[start["Column"] - 1:end["Column"] - 1]) == allow["Statement"][0]
assert result["ResourceSpecificResults"][0]["EvalResourceDecision"] == "allowed"
scoped = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}}]}
lacking = iam.simulate_principal_policy(PolicySourceArn=TRAIN, ActionNames=["sqs:SendMessage"], PolicyInputList=[json.dumps(scoped)])["EvaluationResults"][0]
assert lacking["EvalDecision"] == "implicitDeny" and lacking["MissingContextValues"] == ["aws:RequestedRegion"]
assert may("sqs:SendMessage", PolicyInputList=[json.dumps(scoped)], ContextEntries=[
    {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["us-east-1"], "ContextKeyType": "string"}]) == ["allowed"]
bounded = iam.simulate_principal_policy(PolicySourceArn=TRAIN, ActionNames=["s3:GetObject"], ResourceArns=[data],
                                        PermissionsBoundaryPolicyInputList=[json.dumps(scoped)])["EvaluationResults"][0]
assert bounded["EvalDecision"] == "implicitDeny" and bounded["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
pages = list(iam.get_paginator("simulate_principal_policy").paginate(
    PolicySourceArn=TRAIN, ActionNames=["s3:A", "s3:B", "s3:C"], PaginationConfig={"PageSize": 2}))
assert [len(page["EvaluationResults"]) for page in pages] == [2, 1]
assert may("s3:GetObject", arn="arn:aws:iam::999999999999:role/elsewhere") == ["allowed"], "a role that is not here counts as allowed everything"
refused("NoSuchEntity", "user with name ada", iam.simulate_principal_policy, status=404,
        PolicySourceArn="arn:aws:iam::123456789012:user/ada", ActionNames=["s3:GetObject"])
refused("InvalidInput", "does not clearly define", iam.simulate_principal_policy,
        PolicySourceArn="arn:aws:sts::123456789012:assumed-role/Train/me", ActionNames=["s3:GetObject"])
refused("InvalidInput", "CallerArn is not simulated", iam.simulate_principal_policy, PolicySourceArn=TRAIN, ActionNames=["s3:GetObject"],
        CallerArn="arn:aws:iam::123456789012:user/ada")
assert iam.simulate_custom_policy(PolicyInputList=[json.dumps(scoped)], ActionNames=["sqs:X"], ContextEntries=[
    {"ContextKeyName": "aws:requestedregion", "ContextKeyValues": ["us-east-1"]}])["EvaluationResults"][0]["EvalDecision"] == "allowed"
refused("InvalidInput", "PolicyInputList.1: Syntax errors", iam.simulate_custom_policy, PolicyInputList=["{}"], ActionNames=["sqs:X"])

# Quotas are AWS's unless the workspace raises them.
for at in range(8):
    iam.attach_role_policy(RoleName="Train", PolicyArn=f"arn:aws:iam::aws:policy/P{at}")
refused("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", iam.attach_role_policy, status=409, RoleName="Train",
        PolicyArn="arn:aws:iam::aws:policy/P8")
for at in range(8):
    iam.detach_role_policy(RoleName="Train", PolicyArn=f"arn:aws:iam::aws:policy/P{at}")
refused("DeleteConflict", "attached", iam.delete_policy, status=409, PolicyArn=own["Arn"])

refused("DeleteConflict", "must detach all policies first", iam.delete_role, status=409, RoleName="Train")
iam.detach_role_policy(RoleName="Train", PolicyArn=own["Arn"])
iam.detach_role_policy(RoleName="Train", PolicyArn=FULL)
refused("NoSuchEntity", "was not found", iam.detach_role_policy, status=404, RoleName="Train", PolicyArn=FULL)
refused("DeleteConflict", "must delete policies first", iam.delete_role, status=409, RoleName="Train")
iam.delete_role_policy(RoleName="Train", PolicyName="inline")

for at in range(5):
    iam.create_role(RoleName=f"r{at}", Path="/many/", AssumeRolePolicyDocument=json.dumps(TRUST))
pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/many/", PaginationConfig={"PageSize": 2}))
assert [len(page["Roles"]) for page in pages] == [2, 2, 1]
assert [role["RoleName"] for page in pages for role in page["Roles"]] == [f"r{at}" for at in range(5)]
iam.get_waiter("role_exists").wait(RoleName="r0", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
iam.delete_role(RoleName="Train")
refused("DeleteConflict", "more than one version", iam.delete_policy, status=409, PolicyArn=own["Arn"])
for version in ("v1", "v3", "v4", "v5"):
    iam.delete_policy_version(PolicyArn=own["Arn"], VersionId=version)
iam.delete_policy(PolicyArn=own["Arn"])
refused("MalformedPolicyDocument", "version 2012-10-17 or greater", iam.create_policy, PolicyName="old",
        PolicyDocument=json.dumps({"Statement": allow["Statement"]}))
refused("NoSuchEntity", "cannot be found", iam.delete_role, status=404, RoleName="Train")
refused("UnsupportedOperation", "CreateUser of iam is not simulated", iam.create_user, UserName="ada")
assert "SagebrushExecutionRole" in [role["RoleName"] for role in iam.list_roles()["Roles"]]
strict.all_called(
    "iam", "CreateRole", "GetRole", "ListRoles", "UpdateRole", "UpdateRoleDescription", "UpdateAssumeRolePolicy", "DeleteRole",
    "TagRole", "UntagRole", "ListRoleTags", "PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy",
    "AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies", "CreatePolicy", "GetPolicy", "GetPolicyVersion",
    "ListPolicies", "DeletePolicy", "ListPolicyVersions", "CreatePolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion",
    "SimulatePrincipalPolicy", "SimulateCustomPolicy")
print("ok")
