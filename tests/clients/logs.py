"""CloudWatch Logs through botocore."""

import time

import strict
from strict import plain, refused

logs = strict.client("logs")
NOW = int(time.time() * 1000)
HOUR = 3600 * 1000
GROUP, STREAM = "/test/group", "stream/one"
ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


def groups():
    logs.create_log_group(logGroupName=GROUP, tags={"k": "v"})
    refused("ResourceAlreadyExistsException", "The specified log group already exists", logs.create_log_group, logGroupName=GROUP)
    for name in ("/test/b", "/test/c", "/other/d"):
        logs.create_log_group(logGroupName=name)
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/test/", PaginationConfig={"PageSize": 2}))
    assert [[group["logGroupName"] for group in page["logGroups"]] for page in pages] == [["/test/b", "/test/c"], [GROUP]]
    named = logs.describe_log_groups(logGroupNamePattern="r/d")["logGroups"]
    assert [group["logGroupName"] for group in named] == ["/other/d"]
    group = logs.describe_log_groups(logGroupIdentifiers=[ARN + GROUP])["logGroups"][0]
    assert group["arn"] == ARN + GROUP + ":*" and group["logGroupArn"] == ARN + GROUP and "retentionInDays" not in group
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["retentionInDays"] == 7
    refused("InvalidParameterException", "retentionInDays", logs.put_retention_policy, logGroupName=GROUP, retentionInDays=2)
    refused("ResourceNotFoundException", "does not exist", logs.put_retention_policy, logGroupName="none", retentionInDays=1)
    logs.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]
    logs.tag_resource(resourceArn=ARN + GROUP, tags={"l": "w"})
    assert logs.list_tags_for_resource(resourceArn=ARN + GROUP)["tags"] == {"k": "v", "l": "w"}
    logs.untag_resource(resourceArn=ARN + GROUP, tagKeys=["k"])
    assert logs.list_tags_for_resource(resourceArn=ARN + GROUP)["tags"] == {"l": "w"}
    logs.delete_log_group(logGroupName="/test/c")
    refused("ResourceNotFoundException", "The specified log group does not exist.", logs.delete_log_group, logGroupName="/test/c")


def streams():
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    refused("ResourceAlreadyExistsException", "The specified log stream already exists",
            logs.create_log_stream, logGroupName=GROUP, logStreamName=STREAM)
    refused("ResourceNotFoundException", "log group does not exist", logs.create_log_stream, logGroupName="none", logStreamName="s")
    refused("InvalidParameterException", "logStreamName", logs.create_log_stream, logGroupName=GROUP, logStreamName="a:b")
    for at in range(3):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"time/{at}")
        logs.put_log_events(logGroupName=GROUP, logStreamName=f"time/{at}",
                            logEvents=[{"timestamp": NOW - at * 1000, "message": f"of {at}"}])
    page = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="time/", limit=2)
    assert [stream["logStreamName"] for stream in page["logStreams"]] == ["time/0", "time/1"]
    rest = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="time/", limit=2, nextToken=page["nextToken"])
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["time/2"] and "nextToken" not in rest
    newest = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=3)["logStreams"]
    assert [stream["logStreamName"] for stream in newest] == ["time/0", "time/1", "time/2"]
    assert newest[1]["lastEventTimestamp"] == newest[1]["firstEventTimestamp"] == NOW - 1000
    assert newest[0]["arn"] == ARN + GROUP + ":log-stream:time/0"
    refused("InvalidParameterException", "LastEventTime", logs.describe_log_streams, logGroupName=GROUP,
            orderBy="LastEventTime", logStreamNamePrefix="t")
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="time/2")
    refused("ResourceNotFoundException", "The specified log stream does not exist.",
            logs.delete_log_stream, logGroupName=GROUP, logStreamName="time/2")


def put(events, **more):
    return logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events, **more)


def event(at, message="m"):
    return {"timestamp": at, "message": message}


def events():
    sent = [event(NOW + at, f"line {at}") for at in range(25)]
    first = put(sent[:10])
    assert "rejectedLogEventsInfo" not in first
    put(sent[10:], sequenceToken="ignored, as ever since 2023")
    rejected = put([event(NOW - 15 * 24 * HOUR, "old"), event(NOW - HOUR, "fits"), event(NOW + 3 * HOUR, "new")])
    assert rejected["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    refused("InvalidParameterException", "chronological", put, events=[event(NOW), event(NOW - 1)])
    refused("InvalidParameterException", "24 hours", put, events=[event(NOW - 25 * HOUR), event(NOW)])
    refused("InvalidParameterException", "Upload too large", put, events=[event(NOW, "m" * 600_000)] * 2)
    refused("ResourceNotFoundException", "log stream does not exist", logs.put_log_events, logGroupName=GROUP,
            logStreamName="none", logEvents=[event(NOW)])

    def get(**more):
        return plain(logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, **more))

    whole = get(startFromHead=True)
    assert [each["message"] for each in whole["events"]] == ["fits"] + [each["message"] for each in sent]
    assert all(each["ingestionTime"] >= NOW - HOUR for each in whole["events"])
    token, read = None, []
    while True:
        page = get(limit=7, startFromHead=True, **({"nextToken": token} if token else {}))
        read += [each["message"] for each in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert len(read) == 26 and read[1:] == [each["message"] for each in sent]
    tail = get(limit=3)
    assert [each["message"] for each in tail["events"]] == ["line 22", "line 23", "line 24"]
    before = get(limit=3, nextToken=tail["nextBackwardToken"])
    assert [each["message"] for each in before["events"]] == ["line 19", "line 20", "line 21"]
    ahead = get(limit=3, nextToken=before["nextForwardToken"], startFromHead=True)
    assert ahead["events"] == tail["events"]
    start = get(startFromHead=True, limit=1)
    assert get(nextToken=start["nextBackwardToken"]) == {
        "events": [], "nextBackwardToken": start["nextBackwardToken"], "nextForwardToken": get(
            nextToken=start["nextBackwardToken"])["nextForwardToken"]}
    between = get(startTime=NOW + 5, endTime=NOW + 8, startFromHead=True)
    assert [each["message"] for each in between["events"]] == ["line 5", "line 6", "line 7"]
    refused("InvalidParameterException", "nextToken is invalid", logs.get_log_events, logGroupName=GROUP,
            logStreamName=STREAM, nextToken="nonsense")
    refused("ResourceNotFoundException", "log stream does not exist", logs.get_log_events, logGroupName=GROUP, logStreamName="none")
    refused("InvalidParameterException", "cannot be specified together", logs.get_log_events, logGroupName=GROUP,
            logGroupIdentifier=GROUP, logStreamName=STREAM)


def found(pattern=None, **more):
    if pattern is not None:
        more["filterPattern"] = pattern
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, PaginationConfig={"PageSize": 4}, **more)
    return [(each["logStreamName"], each["message"]) for page in pages for each in page["events"]]


def filters():
    logs.create_log_stream(logGroupName=GROUP, logStreamName="filter")
    lines = ["ERROR disk full", "WARN disk nearly full", 'INFO said "disk full"', "ERROR net down", "info all well"]
    logs.put_log_events(logGroupName=GROUP, logStreamName="filter",
                        logEvents=[event(NOW + 60_000 + at, line) for at, line in enumerate(lines)])

    def messages(pattern):
        return [lines.index(message) for _, message in found(pattern, logStreamNames=["filter"])]

    assert messages("") == [0, 1, 2, 3, 4]
    assert messages("ERROR") == [0, 3]
    assert messages("ERROR disk") == [0]
    assert messages('"disk full"') == [0, 2]
    assert messages("full -ERROR") == [1, 2]
    assert messages("?WARN ?net") == [1, 3]
    assert messages("%^(ERROR|WARN)%") == [0, 1, 3]
    assert [line for stream, line in found("of", logStreamNamePrefix="time/")] == ["of 1", "of 0"]
    everything = found(startTime=NOW + 60_000)
    assert everything == [("filter", line) for line in lines]
    assert found(startTime=NOW + 60_001, endTime=NOW + 60_002, logStreamNames=["filter"]) == [("filter", line) for line in lines[1:3]]
    ids = [each["eventId"] for each in logs.filter_log_events(logGroupName=GROUP)["events"]]
    assert len(ids) == len(set(ids)) == 33 and all(len(each) == 56 for each in ids)
    refused("InvalidParameterException", "JSON", logs.filter_log_events, logGroupName=GROUP, filterPattern='{ $.a = "b" }')
    refused("InvalidParameterException", "Invalid character(s) in term", logs.filter_log_events, logGroupName=GROUP, filterPattern="a:b")
    refused("InvalidParameterException", "together", logs.filter_log_events, logGroupName=GROUP,
            logStreamNames=["a"], logStreamNamePrefix="b")
    refused("ResourceNotFoundException", "does not exist", logs.filter_log_events, logGroupName="none")


groups()
streams()
events()
filters()
# Events are ordered by their time wherever they are read, those of one time as they came.
logs.create_log_group(logGroupName="/order")
for stream in ("x", "y"):
    logs.create_log_stream(logGroupName="/order", logStreamName=stream)
for stream, offset, message in (("x", 10, "late"), ("x", 5, "early"), ("y", 7, "between"), ("x", 10, "late too")):
    logs.put_log_events(logGroupName="/order", logStreamName=stream, logEvents=[{"timestamp": NOW + offset, "message": message}])
read = lambda **more: [event["message"] for event in logs.get_log_events(logGroupName="/order", logStreamName="x", **more)["events"]]
assert read(startFromHead=True) == ["early", "late", "late too"] and read(limit=1) == ["late too"]
page = logs.get_log_events(logGroupName="/order", logStreamName="x", startFromHead=True, limit=1)
assert read(nextToken=page["nextForwardToken"]) == ["late", "late too"] and read(nextToken=page["nextBackwardToken"]) == []
assert [event["message"] for event in logs.filter_log_events(logGroupName="/order")["events"]] == ["early", "between", "late", "late too"]

KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
logs.create_log_group(logGroupName="/kept", logGroupClass="INFREQUENT_ACCESS", kmsKeyId=KEY)
group = logs.describe_log_groups(logGroupNamePrefix="/kept")["logGroups"][0]
assert (group["logGroupClass"], group["kmsKeyId"]) == ("INFREQUENT_ACCESS", KEY)
assert [one["logGroupName"] for one in logs.describe_log_groups(logGroupClass="INFREQUENT_ACCESS")["logGroups"]] == ["/kept"]
logs.disassociate_kms_key(logGroupName="/kept")
assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix="/kept")["logGroups"][0]
logs.associate_kms_key(resourceIdentifier="arn:aws:logs:us-east-1:123456789012:log-group:/kept", kmsKeyId=KEY)
assert logs.describe_log_groups(logGroupNamePrefix="/kept")["logGroups"][0]["kmsKeyId"] == KEY
refused("InvalidParameterException", "must be specified", logs.associate_kms_key, kmsKeyId=KEY)

strict.all_called(
    "logs", "AssociateKmsKey", "DisassociateKmsKey", "CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups", "CreateLogStream", "DeleteLogStream", "DescribeLogStreams",
    "PutLogEvents", "GetLogEvents", "FilterLogEvents", "PutRetentionPolicy", "DeleteRetentionPolicy", "TagResource",
    "UntagResource", "ListTagsForResource")
print("ok")
