"""Writes rows of a csv file (label first) as RecordIO-wrapped protobuf, as `sagemaker.amazon.common` does.

The wire format is made by hand, field by field, so that it is checked against nothing but its definition:
aialgs.data.Record { map<string, Value> features = 1; map<string, Value> label = 2; }, Value's tensors
Float32Tensor = 2 and Float64Tensor = 3 { values = 1, keys = 2, shape = 3, all packed }.

    python recordio_records.py dense|sparse|float64 rows.csv records
"""

import struct
import sys

MAGIC = 0xCED7230A


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(form, values):
    keys, shape = b"", b""
    if form == "sparse":
        size = len(values)
        kept = [(key, value) for key, value in enumerate(values) if value != 0]
        values = [value for _, value in kept]
        keys = delimited(2, b"".join(varint(key) for key, _ in kept))
        shape = delimited(3, varint(size))
    letter, field = ("d", 3) if form == "float64" else ("f", 2)
    packed = struct.pack(f"<{len(values)}{letter}", *values)
    return delimited(field, delimited(1, packed) + keys + shape)


def entry(field, value):
    return delimited(field, delimited(1, b"values") + delimited(2, value))


def main():
    form, source, target = sys.argv[1:]
    with open(source) as rows, open(target, "wb") as records:
        for line in rows:
            label, *features = [float(field) for field in line.split(",")]
            record = entry(1, tensor(form, features)) + entry(2, tensor("dense", [label]))
            # The SDK pads to a multiple of four and never cuts a record.
            records.write(struct.pack("<II", MAGIC, len(record)))
            records.write(record + b"\x00" * (-len(record) % 4))


if __name__ == "__main__":
    main()
