"""What a new botocore changes, for people, and what it asks of the region.

`show` prints the differences between two service models as `make.py` writes them. `undecided` finds
the members of requests that an operation has gained and the region says nothing of: for each of them
somebody has to decide whether it is honoured, recorded or refused. `within` finds those that have come
deeper down.
"""

# Facts of a shape that say what is accepted.
LIMITS = ("type", "min", "max", "pattern", "required", "union", "payload")


def show(service, old, new):
    """Prints a line for every operation, member and limit that has come, gone or changed."""
    lines = list(_operations(old, new)) + list(_shapes(old, new))
    if lines:
        print(f"{service}:")
        print("\n".join(f"  {line}" for line in lines))
    return bool(lines)


def _operations(old, new):
    before, after = old["operations"], new["operations"]
    for name in sorted(after.keys() - before.keys()):
        yield f"+ operation {name}"
    for name in sorted(before.keys() - after.keys()):
        yield f"- operation {name}"
    for name in sorted(before.keys() & after.keys()):
        for fact in sorted(before[name].keys() | after[name].keys()):
            was, now = before[name].get(fact), after[name].get(fact)
            if was != now:
                yield f"~ operation {name}: {fact} {_between(was, now)}"


def _shapes(old, new):
    before, after = old["shapes"], new["shapes"]
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        members, others = now.get("members", {}), was.get("members", {})
        for member in sorted(members.keys() - others.keys()):
            yield f"+ {name}.{member}"
        for member in sorted(others.keys() - members.keys()):
            yield f"- {name}.{member}"
        for member in sorted(members.keys() & others.keys()):
            if members[member] != others[member]:
                yield f"~ {name}.{member}: {_between(others[member], members[member])}"
        for part in ("member", "key", "value"):
            if was.get(part) != now.get(part):
                yield f"~ {name} {part}: {_between(was.get(part), now.get(part))}"
        words, earlier = now.get("enum", []), was.get("enum", [])
        for word in words:
            if word not in earlier:
                yield f"+ {name} = {word}"
        for word in earlier:
            if word not in words:
                yield f"- {name} = {word}"
        for limit in LIMITS:
            if was.get(limit) != now.get(limit):
                yield f"~ {name}: {limit} {_between(was.get(limit), now.get(limit))}"


def _between(was, now):
    if isinstance(was, list) or isinstance(now, list):
        was, now = was or [], now or []
        return " ".join([f"+{each}" for each in now if each not in was] + [f"-{each}" for each in was if each not in now])
    say = {None: "nothing"}
    return f"{say.get(was, was) if not isinstance(was, dict) else was} → {say.get(now, now) if not isinstance(now, dict) else now}"


def undecided(entries, service, new):
    """Members of requests that have no entry, and entries that have no member, as lines of text."""
    for name, known in sorted(entries.items()):
        operation = new["operations"].get(name)
        if operation is None:
            yield f"{service} {name} is no operation any more"
            continue
        members = new["shapes"][operation["input"]]["members"] if "input" in operation else {}
        for member in members:
            if member not in known:
                yield f"{service} {name} takes {member} now"
        for member in known:
            if member not in members:
                yield f"{service} {name} does not take {member} any more"


def within(entries, service, old, new):
    """`Shape.Member` of structures inside requests of operations that behave, as far as they are new."""
    for name in sorted(entries):
        operation = new["operations"].get(name, {})
        if "input" not in operation:
            continue
        top = new["shapes"][operation["input"]]["members"].values()
        for shape in _reached(new["shapes"], {_target(each) for each in top}):
            before = old["shapes"].get(shape, {}).get("members", {})
            for member in new["shapes"][shape].get("members", {}):
                if member not in before:
                    yield f"{shape}.{member}"


def _target(reference):
    return reference["shape"] if isinstance(reference, dict) else reference


def _reached(shapes, names):
    """All shapes that are used by those named, and these."""
    reached, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            shape = shapes[name]
            parts = [shape[part] for part in ("member", "key", "value") if part in shape]
            waiting += [_target(each) for each in [*shape.get("members", {}).values(), *parts]]
    return sorted(reached)
