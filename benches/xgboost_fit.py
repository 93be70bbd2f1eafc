"""How long our xgboost fits beside the XGBoost library (tree_method=hist), with as many threads.

    cargo build --release
    python benches/xgboost_fit.py target/release/sagebrush [rounds of measuring]

Both fit the same rows with the same settings and score the training rows after every round, as
SageMaker's container does. Ours is the time that the container's log names (cutting into bins
included, reading the file not); the library's is that of `xgboost.train` on a DMatrix. The two take
turns; what is printed are medians, their spread, and the ratio within each turn, on one thread and on
all cores. At the end it measures what ten times the rounds take, on few rows. A busy machine makes the library look worse than it is on several threads, which wait for
each other by spinning; on one thread it does not. Needs tests/clients/requirements.txt.
"""

import os
import re
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import xgboost as xgb
from sklearn import datasets

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "clients"))
from xgboost_container import container, csv  # noqa: E402


def synthetic(rows=100_000, features=28):
    random = np.random.default_rng(0)
    table = random.normal(size=(rows, features)).astype(np.float32)
    noise = random.normal(size=rows)
    return table, (table[:, 0] * table[:, 1] + table[:, 2] + noise > 0).astype(np.float32)


def digits():
    table, labels = datasets.load_digits(return_X_y=True)
    return table.astype(np.float32), labels.astype(np.float32)


def large():
    return synthetic(500_000)


CASES = [
    ("100,000 x 28, binary:logistic", synthetic, {"objective": "binary:logistic"}, 100),
    ("500,000 x 28, binary:logistic", large, {"objective": "binary:logistic"}, 20),
    ("digits (1,797 x 64), multi:softprob", digits, {"objective": "multi:softprob", "num_class": 10}, 100),
]


def library(rows, labels, given, rounds, threads):
    matrix = xgb.DMatrix(rows, labels, nthread=threads)
    started = time.perf_counter()
    xgb.train(
        {"tree_method": "hist", "nthread": threads, **given}, matrix, rounds,
        evals=[(matrix, "train")], verbose_eval=False,
    )
    return time.perf_counter() - started


def fitted(binary, text, given):
    with container(binary) as one:
        log = one.train(given, text)
    return float(re.search(r"Fitting took (\S+) s", log)[1])


def measure(binary, name, text, rows, labels, given, rounds, threads, turns):
    """Answers the median of ours."""
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(fitted(binary, text, {"num_round": rounds, "nthread": threads, **given}))
        theirs.append(library(rows, labels, given, rounds, threads))
    ratios = [mine / other for mine, other in zip(ours, theirs)]
    print(f"{name}, {threads} thread{'s' if threads > 1 else ''}:")
    for who, times in (("ours", ours), ("library", theirs)):
        print(f"  {who:8} median {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")
    print(f"  ratio    median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
    return statistics.median(ours)


def many_rounds(binary, turns):
    """Time that is linear in the rounds: ten times as many take no more than ten times as long."""
    random = np.random.default_rng(0)
    text = csv(random.normal(size=(105, 4)).astype(np.float32), np.arange(105) % 3)
    given = {"objective": "multi:softprob", "num_class": 3}
    few, many = (
        statistics.median(fitted(binary, text, {**given, "num_round": rounds}) for _ in range(turns))
        for rounds in (100, 1000)
    )
    print(f"105 x 4 in three classes: 100 rounds {few:.3f} s, 1,000 rounds {many:.3f} s, {many / few:.1f} times")


def main():
    binary, turns = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(f"xgboost {xgb.__version__}, {cores} cores, load {load:.1f}, {turns} turns")
    for name, rows_of, given, rounds in CASES:
        rows, labels = rows_of()
        text = csv(rows, labels)
        of_threads = [
            measure(binary, f"{name}, {rounds} rounds", text, rows, labels, given, rounds, threads, turns)
            for threads in sorted({1, cores})
        ]
        print(f"  {cores} threads gain {of_threads[0] / of_threads[-1]:.2f} times")
    many_rounds(binary, turns)


if __name__ == "__main__":
    main()
