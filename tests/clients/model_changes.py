"""What assets/api/changes.py says of a new service model."""

import contextlib
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "assets/api"))
import changes

OLD = {
    "operations": {"Make": {"input": "MakeRequest"}, "Gone": {}},
    "shapes": {
        "MakeRequest": {"type": "structure", "required": ["Name"], "members": {"Name": "Name", "Parts": "Parts"}},
        "Parts": {"type": "list", "member": {"shape": "Part", "locationName": "part"}},
        "Part": {"type": "structure", "members": {"Size": "Size"}},
        "Name": {"type": "string", "max": 63},
        "Size": {"type": "string", "enum": ["small", "large"]},
    },
}
NEW = {
    "operations": {"Make": {"input": "MakeRequest", "errors": ["Full"]}, "New": {}},
    "shapes": {
        "MakeRequest": {"type": "structure", "required": ["Name"],
                        "members": {"Name": "Name", "Parts": "Parts", "Colour": "Name"}},
        "Parts": {"type": "list", "member": {"shape": "Part", "locationName": "part"}},
        "Part": {"type": "structure", "members": {"Size": "Size", "Weight": "Name"}},
        "Name": {"type": "string", "max": 64},
        "Size": {"type": "string", "enum": ["large", "huge"]},
        "Unused": {"type": "structure", "members": {"Other": "Name"}},
    },
}


def shown(old, new):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        changes.show("service", old, new)
    return out.getvalue().splitlines()


assert shown(OLD, OLD) == []
assert shown(OLD, NEW) == [
    "service:",
    "  + operation New",
    "  - operation Gone",
    "  ~ operation Make: errors +Full",
    "  + MakeRequest.Colour",
    "  ~ Name: max 63 → 64",
    "  + Part.Weight",
    "  + Size = huge",
    "  - Size = small",
], shown(OLD, NEW)

known = {"Make": ["Name", "Parts"]}
assert list(changes.undecided(known, "service", OLD)) == []
assert list(changes.undecided(known, "service", NEW)) == ["service Make takes Colour now"]
assert list(changes.undecided({"Make": ["Name", "Parts", "Colour", "Size"]}, "service", NEW)) == [
    "service Make does not take Size any more"]
assert list(changes.undecided({"Gone": []}, "service", NEW)) == ["service Gone is no operation any more"]
assert set(changes.within(known, "service", OLD, OLD)) == set()
# The request's own members have entries of their own; a structure that no request uses asks for nothing.
assert set(changes.within(known, "service", OLD, NEW)) == {"Part.Weight"}
print("ok")
