"""Writes the data of the demo workspaces from scikit-learn's wheel.

    python3 -m pip install scikit-learn==1.9.1
    python3 workspaces/make.py

Label first, no header, as SageMaker's built-in algorithms read CSV. Every class is split in the same
proportion by a fixed permutation, so that the files are the same each time.
"""
import pathlib

import numpy
from sklearn import datasets

HERE = pathlib.Path(__file__).parent
TEST_SHARE = {"iris": 0.3, "cancer": 0.2}


def split(labels, share, random):
    test = numpy.zeros(len(labels), dtype=bool)
    for label in numpy.unique(labels):
        rows = random.permutation(numpy.flatnonzero(labels == label))
        test[rows[: round(len(rows) * share)]] = True
    return test


def write(path, labels, features, random):
    order = random.permutation(len(labels))
    with open(path, "w", newline="\n") as file:
        for row in order:
            cells = [str(int(labels[row]))] + [repr(float(cell)) for cell in features[row]]
            file.write(",".join(cells) + "\n")


for name, load in (("iris", datasets.load_iris), ("cancer", datasets.load_breast_cancer)):
    data = load()
    random = numpy.random.default_rng(7242)
    test = split(data.target, TEST_SHARE[name], random)
    folder = HERE / name / "data"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "train.csv", data.target[~test], data.data[~test], random)
    write(folder / "test.csv", data.target[test], data.data[test], random)
    print(name, "train", int((~test).sum()), "test", int(test.sum()))
