#!/usr/bin/env python3
"""Writes assets/services.json: the names of all AWS services, for the errors of those not simulated.

    pip install botocore && python3 assets/services.py [DIR]

One service a line, sorted by its id: how requests for it are signed, the first label of its host, its
name in full, its protocols. Services that sign as one that Sagebrush has a model of also carry their
operations, since nothing but a request's path tells them apart.
"""

import json
import pathlib
import sys

import botocore
from botocore.loaders import Loader

HERE = pathlib.Path(__file__).parent


def facts(loader, name, modelled):
    model = loader.load_service_model(name, "service-2")
    metadata = model["metadata"]
    signing = metadata.get("signingName", metadata["endpointPrefix"])
    row = {
        "id": name,
        "signing": signing,
        "host": metadata["endpointPrefix"],
        "name": metadata["serviceFullName"],
        "protocol": metadata["protocol"],
    }
    if signing in modelled and name not in modelled[signing]:
        row["operations"] = {
            operation["name"]: f"{operation['http']['method']} {operation['http']['requestUri'].split('?')[0]}"
            for operation in model["operations"].values()
        }
    return row


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    loader = Loader()
    modelled = {}
    for path in sorted((HERE / "api").glob("*.json")):
        metadata = loader.load_service_model(path.stem, "service-2")["metadata"]
        signing = metadata.get("signingName", metadata["endpointPrefix"])
        modelled.setdefault(signing, set()).add(path.stem)
    rows = [facts(loader, name, modelled) for name in sorted(loader.list_available_services("service-2"))]
    lines = ",\n".join(json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows)
    text = f'{{"source":"botocore {botocore.__version__}","services":[\n{lines}\n]}}\n'
    (folder / "services.json").write_text(text)


main()
