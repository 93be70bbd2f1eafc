#!/usr/bin/env python3
"""Makes images.json: the accounts, repositories and tags of the built-in algorithms' images.

The facts are those of the SageMaker SDK's `image_uris`. Give it the SDK's wheel:

    pip download sagemaker==2.257.7 --no-deps -d DIR
    python3 assets/images.py DIR/sagemaker-2.257.7-py3-none-any.whl
"""

import json
import pathlib
import re
import sys
import zipfile

ALGORITHMS = ["linear-learner", "xgboost"]


def scopes(config):
    """The tables of a config: one for all scopes, or one for each of training and inference."""
    return [config] if "versions" in config else list(config.values())


def tag(version, entry):
    """The tag that `image_uris.retrieve` composes: version, processor, Python."""
    parts = [version, *entry.get("processors", [])[:1], *entry.get("py_versions", [])[:1]]
    return "-".join(parts)


def release(version):
    """Orders 0.90-2 < 1.2-1 < 3.0-5, and the bare 1 of the first image before all of them."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    return (len(numbers) > 1, numbers)


def repositories(config):
    """[{name, accounts: {region: account}, tags: oldest first}], the newest last, over all scopes."""
    found = {}
    for table in scopes(config):
        for version, entry in table["versions"].items():
            repository = found.setdefault(entry["repository"], {"accounts": {}, "tags": {}})
            for region, account in entry["registries"].items():
                known = repository["accounts"].setdefault(region, account)
                assert known == account, (entry["repository"], region, known, account)
            repository["tags"][tag(version, entry)] = release(version)
    repositories = [
        {
            "name": name,
            "accounts": dict(sorted(repository["accounts"].items())),
            "tags": sorted(repository["tags"], key=repository["tags"].get),
        }
        for name, repository in found.items()
    ]
    return sorted(repositories, key=lambda repository: release(repository["tags"][-1]))


def main():
    wheel = pathlib.Path(sys.argv[1])
    with zipfile.ZipFile(wheel) as archive:
        algorithms = {
            name: repositories(json.loads(archive.read(f"sagemaker/image_uri_config/{name}.json")))
            for name in ALGORITHMS
        }
    facts = {"source": "-".join(wheel.name.split("-")[:2]), "algorithms": algorithms}
    target = pathlib.Path(__file__).with_name("images.json")
    target.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
