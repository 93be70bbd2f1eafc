"""Every list of SageMaker that the region answers: order, filters and page size as AWS documents them.

The documentation is botocore's own copy of it.
"""

import html
import json
import re
import time

import strict
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from families import FAMILIES

sm = strict.client("sagemaker")
MODEL = Loader().load_service_model("sagemaker", "service-2")
COUNT = 12
# Of these, what is said of SortOrder is not so: see LISTS in src/region/listing.rs.
NEWEST_FIRST = {"ListTrainingJobs", "ListModelPackages"}
# Lists that are not of a family's resources.
OTHERS = {"ListTags"}
RENAMED = {"CreatedAfter": "CreationTime", "CreatedBefore": "CreationTime", "CreationTimeAfter": "CreationTime",
           "CreationTimeBefore": "CreationTime", "LastModifiedTimeAfter": "LastModifiedTime",
           "LastModifiedTimeBefore": "LastModifiedTime", "ModifiedTimeAfter": "LastModifiedTime",
           "ModifiedTimeBefore": "LastModifiedTime"}
exact = {}


def send_exact_times(params, **_):
    """botocore sends whole seconds; the region's times are finer."""
    if exact:
        params["body"] = json.dumps({**json.loads(params["body"]), **exact}).encode()


sm.meta.events.register("before-call", send_exact_times)


def call(operation, **members):
    return sm._make_api_call(operation, members)


def documented(operation):
    """The list's input members and what is said of each."""
    members = MODEL["shapes"][MODEL["operations"][operation]["input"]["shape"]]["members"]
    return {name: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", of.get("documentation", ""))).split())
            for name, of in members.items()}


def default(text, otherwise):
    found = re.search(r"default(?: value)? is (\w+)", text)
    return found[1] if found else otherwise


def plural(noun):
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


class Listing:
    def __init__(self, noun, member, more):
        self.noun, self.member, self.more = noun, member, more
        self.operation = f"List{plural(noun)}"
        self.said = documented(self.operation)
        output = MODEL["shapes"][MODEL["operations"][self.operation]["output"]["shape"]]["members"]
        (self.list,) = [name for name, of in output.items() if MODEL["shapes"][of["shape"]]["type"] == "list"]
        self.rows = {}

    def create(self):
        # Neither in the order of the alphabet nor against it.
        for at in (5 * at % COUNT for at in range(COUNT)):
            name = f"list-{at:02}"
            call(f"Create{self.noun}", **{self.member: name}, **self.more)
        if f"Update{self.noun}" in MODEL["operations"] and "LastModifiedTime" in self.sorts():
            call(f"Update{self.noun}", **{self.member: "list-03"})
        self.settle()
        for at in range(COUNT):
            found = call(f"Describe{self.noun}", **{self.member: f"list-{at:02}"})
            status = found.get(f"{self.noun}Status")
            created = found["CreationTime"].timestamp()
            modified = found.get("LastModifiedTime", found["CreationTime"]).timestamp()
            self.rows[f"list-{at:02}"] = {"CreationTime": created, "LastModifiedTime": modified, "Status": status}

    def settle(self):
        """Waits for what changes by itself."""
        if self.noun not in ("Endpoint", "TrainingJob"):
            return
        for at in range(COUNT):
            while call(f"Describe{self.noun}", **{self.member: f"list-{at:02}"})[f"{self.noun}Status"] != "Failed":
                time.sleep(0.02)

    def sorts(self):
        shape = MODEL["shapes"][MODEL["operations"][self.operation]["input"]["shape"]]
        return MODEL["shapes"][shape["members"]["SortBy"]["shape"]]["enum"] if "SortBy" in shape["members"] else []

    def names(self, **members):
        found = call(self.operation, **members)[self.list]
        key = next(key for key in (self.member, f"Monitoring{self.member}") if not found or key in found[0])
        return [each[key] for each in found]

    def expected(self, by, descending, **filters):
        keep = [name for name, row in self.rows.items() if all(test(row) for test in filters.values())]
        position = {f"list-{5 * at % COUNT:02}": at for at in range(COUNT)}
        # What was made in the same millisecond is in the order in which it was made.
        key = {"Name": lambda name: name}.get(by, lambda name: (self.rows[name][by], position[name]))
        return sorted(keep, key=key, reverse=descending)

    def check(self):
        by = default(self.said.get("SortBy", ""), "CreationTime")
        descending = default(self.said.get("SortOrder", ""), "Descending") == "Descending" or self.operation in NEWEST_FIRST
        whole = {"MaxResults": 100}
        found = self.names()
        assert found == self.expected(by, descending)[:10], f"{self.operation}: {found}"
        assert "NextToken" in call(self.operation) and "NextToken" not in call(self.operation, **whole)
        for order in ("Ascending", "Descending"):
            found = self.names(SortOrder=order, **whole)
            assert found == self.expected(by, order == "Descending"), f"{self.operation} {order}: {found}"
            for key in self.sorts():
                found = self.names(SortBy=key, SortOrder=order, **whole)
                assert found == self.expected(key, order == "Descending"), f"{self.operation} {key} {order}: {found}"
        for key in self.sorts():
            found = self.names(SortBy=key, **whole)
            assert found == self.expected(key, descending), f"{self.operation} {key}: {found}"
        if "NameContains" in self.said:
            found = self.names(NameContains="t-0", **whole)
            assert sorted(found) == [f"list-{at:02}" for at in range(10)], f"{self.operation} NameContains: {found}"
            assert self.names(NameContains="nothing") == []
        for member in self.said.keys() & RENAMED.keys():
            self.times(member, RENAMED[member], by, descending)
        if "StatusEquals" in self.said:
            assert len(self.names(StatusEquals="Failed", **whole)) == COUNT, self.operation
            other = "InService" if self.noun == "Endpoint" else "Completed"
            assert self.names(StatusEquals=other, **whole) == []
        self.pages(by, descending)

    def times(self, member, key, by, descending):
        text = self.said[member]
        inclusive = "or equal to" in text or "on or" in text
        bounds = sorted({row[key] for row in self.rows.values()})
        for bound in (bounds[0], bounds[len(bounds) // 2], bounds[-1]):
            def test(row):
                beyond = row[key] > bound if member.endswith("After") else row[key] < bound
                return beyond or (inclusive and row[key] == bound)

            exact.clear()
            exact[member] = bound
            found = self.names(MaxResults=100)
            exact.clear()
            assert found == self.expected(by, descending, time=test), f"{self.operation} {member} {bound}: {found}"

    def pages(self, by, descending):
        found, token = [], {}
        while True:
            answer = call(self.operation, MaxResults=5, **token)
            found += answer[self.list]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert len(found) == COUNT, self.operation
        key = next(key for key in (self.member, f"Monitoring{self.member}") if key in found[0])
        assert [each[key] for each in found] == self.expected(by, descending), self.operation


def answered():
    """The lists that the region answers."""
    for operation in MODEL["operations"]:
        if not operation.startswith("List") or MODEL["shapes"][MODEL["operations"][operation]["input"]["shape"]].get("required"):
            continue
        try:
            call(operation)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "UnsupportedOperation", f"{operation}: {error}"
        else:
            yield operation


listings = [Listing(noun, member, more) for noun, _, member, more in FAMILIES]
missing = set(answered()) - {listing.operation for listing in listings} - OTHERS
assert not missing, f"no test of {missing}"
for listing in listings:
    listing.create()
    listing.check()
    # What resources of the families that follow name.
    call(f"Create{listing.noun}", **{listing.member: "Mixed-Case"}, **listing.more)
print("ok")
