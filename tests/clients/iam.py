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
deny = {"Version": "2012-10-17", "Statement": []}
iam.update_assume_role_policy(RoleName="Train", PolicyDocument=json.dumps(deny))
found = iam.get_role(RoleName="Train")["Role"]
assert found["MaxSessionDuration"] == 3600 and found["AssumeRolePolicyDocument"] == deny

iam.tag_role(RoleName="Train", Tags=[{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}])
assert iam.list_role_tags(RoleName="Train")["Tags"] == [{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}]
iam.untag_role(RoleName="Train", TagKeys=["k"])
assert [tag["Key"] for tag in iam.list_role_tags(RoleName="Train")["Tags"]] == ["l"]

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
iam.delete_policy(PolicyArn=own["Arn"])
refused("NoSuchEntity", "cannot be found", iam.delete_role, status=404, RoleName="Train")
refused("UnsupportedOperation", "CreateUser of iam is not simulated", iam.create_user, UserName="ada")
assert "SagebrushExecutionRole" in [role["RoleName"] for role in iam.list_roles()["Roles"]]
strict.all_called(
    "iam", "CreateRole", "GetRole", "ListRoles", "UpdateRole", "UpdateRoleDescription", "UpdateAssumeRolePolicy", "DeleteRole",
    "TagRole", "UntagRole", "ListRoleTags", "PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy",
    "AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies", "CreatePolicy", "GetPolicy", "GetPolicyVersion",
    "ListPolicies", "DeletePolicy")
print("ok")
