#!/usr/bin/env python3
"""Writes assets/instances.toml: every instance type of the SageMaker API, its size and list prices.

    pip install moto && python3 assets/instances.py

The types are the API's own enums, read from assets/api/sagemaker.json. Sizes are EC2's, as the `ml.` types run on the
EC2 types of the same name: moto ships the answer of EC2's DescribeInstanceTypes; the few types that
it no longer lists stand below. Prices are list prices in us-east-1, US dollars an hour, on demand.
There is no offline copy of AWS's price list to read, so those stand below one by one, each with where
it was published. What is not below is unknown: no price is derived from another.
"""

import datetime
import gzip
import json
import pathlib
import sys

import moto

ENUMS = [
    "ProductionVariantInstanceType",
    "TrainingInstanceType",
    "ProcessingInstanceType",
    "TransformInstanceType",
]

READ = "2026-11-21"

SOURCES = {
    "ec2": (f"EC2 DescribeInstanceTypes, as shipped with moto {moto.__version__}", READ),
    "ec2-docs": ("Amazon EC2 instance type specifications (docs.aws.amazon.com, accelerated computing)", READ),
    "price-list-host": ("AWS Price List API, usage type USE1-Host:ml.m5.large, as recorded in public lab notes", "2026-07-30"),
    "price-list-train": ("AWS Price List API, usage type USE1-Train:ml.m5.large, SKU JMCWJEAPVJNFJ5P4, as recorded in a public repository", "2026-08-11"),
    "price-list-train-g5": ("AWS Price List API, usage type USE1-Train:ml.g5.2xlarge, as recorded in a public repository", "2026-08-20"),
    "fmbench": (
        "aws-samples/foundation-model-benchmarking-tool, src/fmbench/configs/pricing.yml at 00ef155d, SageMaker hourly instance pricing; "
        "the file names no region, its figures are those quoted elsewhere for us-east-1",
        READ,
    ),
}

# Types that EC2 has retired or that moto does not list: vCPUs, GiB, accelerators.
SIZES = {
    "dl1.24xlarge": (96, 768, (8, "Habana Gaudi")),
    "p2.xlarge": (4, 61, (1, "NVIDIA K80")),
    "p2.8xlarge": (32, 488, (8, "NVIDIA K80")),
    "p2.16xlarge": (64, 732, (16, "NVIDIA K80")),
    "p3.2xlarge": (8, 61, (1, "NVIDIA V100")),
    "p3.8xlarge": (32, 244, (4, "NVIDIA V100")),
    "p3.16xlarge": (64, 488, (8, "NVIDIA V100")),
    "p6e-gb200.36xlarge": (144, 960, (4, "NVIDIA B200")),
}

HOSTING = {
    "ml.m5.large": ("0.115", "price-list-host"),
    "ml.m5.xlarge": ("0.23", "fmbench"),
    "ml.g4dn.12xlarge": ("4.89", "fmbench"),
    "ml.g5.xlarge": ("1.4084", "fmbench"),
    "ml.g5.2xlarge": ("1.515", "fmbench"),
    "ml.g5.12xlarge": ("7.09", "fmbench"),
    "ml.g5.24xlarge": ("10.18", "fmbench"),
    "ml.g5.48xlarge": ("20.36", "fmbench"),
    "ml.g6.2xlarge": ("1.222", "fmbench"),
    "ml.g6.12xlarge": ("5.752", "fmbench"),
    "ml.g6.16xlarge": ("4.246", "fmbench"),
    "ml.g6.24xlarge": ("8.344", "fmbench"),
    "ml.g6.48xlarge": ("16.688", "fmbench"),
    "ml.inf2.xlarge": ("0.99", "fmbench"),
    "ml.inf2.8xlarge": ("2.36", "fmbench"),
    "ml.inf2.24xlarge": ("7.79", "fmbench"),
    "ml.inf2.48xlarge": ("15.58", "fmbench"),
    "ml.p3.2xlarge": ("3.825", "fmbench"),
    "ml.p4d.24xlarge": ("37.688", "fmbench"),
    "ml.p5.48xlarge": ("113.068", "fmbench"),
    "ml.trn1.32xlarge": ("28.497", "fmbench"),
}

TRAINING = {
    "ml.m5.large": ("0.115", "price-list-train"),
    "ml.g5.2xlarge": ("1.515", "price-list-train-g5"),
}


def accelerators(entry):
    for key, items in (
        ("GpuInfo", "Gpus"),
        ("NeuronInfo", "NeuronDevices"),
        ("InferenceAcceleratorInfo", "Accelerators"),
    ):
        for item in entry.get(key, {}).get(items, []):
            maker = item.get("Manufacturer") or "AWS"
            return item["Count"], f"{maker} {item['Name']}"
    return None


def size(ec2, name):
    if name in ec2:
        entry = ec2[name]
        mib = entry["MemoryInfo"]["SizeInMiB"]
        return entry["VCpuInfo"]["DefaultVCpus"], mib / 1024, accelerators(entry), "ec2"
    vcpus, gib, devices = SIZES[name]
    return vcpus, gib, devices, "ec2-docs"


def order(name):
    family, _, rest = name.removeprefix("ml.").partition(".")
    return family, size_rank(rest), rest


def size_rank(rest):
    named = {"medium": 0.5, "large": 1, "xlarge": 2}
    return named.get(rest) or 2 * int(rest.removesuffix("xlarge"))


def price(table, name):
    usd, source = table[name]
    return f'{{ usd = "{usd}", source = "{source}" }}'


def line(ec2, name):
    vcpus, gib, devices, source = size(ec2, name.removeprefix("ml."))
    parts = [f"vcpus = {vcpus}", f"memory_gib = {gib:g}", f'source = "{source}"']
    if devices:
        parts.append(f'accelerators = {{ count = {devices[0]}, model = "{devices[1]}" }}')
    if name in HOSTING:
        parts.append(f"hosting = {price(HOSTING, name)}")
    if name in TRAINING:
        parts.append(f"training = {price(TRAINING, name)}")
    return f'"{name}" = {{ {", ".join(parts)} }}'


def main():
    table = pathlib.Path(moto.__file__).parent / "ec2/resources/instance_types.json.gz"
    ec2 = json.loads(gzip.decompress(table.read_bytes()))
    here = pathlib.Path(__file__).parent
    shapes = json.loads((here / "api/sagemaker.json").read_text())["shapes"]
    names = {name for enum in ENUMS for name in shapes[enum]["enum"]}
    unknown = (set(HOSTING) | set(TRAINING)) - names
    if unknown:
        sys.exit(f"prices of types that the API does not have: {sorted(unknown)}")
    lines = [
        "# Written by assets/instances.py: SageMaker's instance types, their sizes and us-east-1 list prices in",
        "# US dollars an hour on demand. A price that is missing here is unknown and is left out of every total.",
        "# The types are those of assets/api/sagemaker.json.",
        "",
        "[sources]",
    ]
    for key, (what, date) in SOURCES.items():
        datetime.date.fromisoformat(date)
        lines.append(f'{key} = {{ what = "{what}", date = "{date}" }}')
    lines += ["", "[types]"]
    lines += [line(ec2, name) for name in sorted(names, key=order)]
    target = here / "instances.toml"
    target.write_text("\n".join(lines) + "\n")
    print(f"{target}: {len(names)} types, {len(HOSTING)} hosting and {len(TRAINING)} training prices")


if __name__ == "__main__":
    main()
