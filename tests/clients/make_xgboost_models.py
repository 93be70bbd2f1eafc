"""Makes the models of tests/clients/xgboost_models: saved by one release of the XGBoost library, with what
it predicts, so that a container's reading of them can be tested without having that library.

    python3.8 -m venv old && old/bin/pip install "numpy<1.24" "scipy<1.11" xgboost==1.2.1
    old/bin/python tests/clients/make_xgboost_models.py

Releases up to 1.5 run under Python 3.8, those from 2.1 on under 3.11. Each release writes every form it has:
its own default (`.model`), pickles (`.pkl`), JSON and UBJSON.
"""

import json
import pickle
from pathlib import Path

import numpy as np
import xgboost as xgb

FOLDER = Path(__file__).parent / "xgboost_models"
VERSION = tuple(int(number) for number in xgb.__version__.split(".")[:2])
# What SageMaker's containers wrote with: up to 1.2 a pickle, from 1.3 on save_model's default.
FORMS = ["model", "pkl"] + (["json"] if VERSION >= (1, 0) else []) + (["ubj"] if VERSION >= (1, 6) else [])
CASES = [
    ("reg:squarederror", {}),
    ("binary:logistic", {"scale_pos_weight": 2}),
    ("binary:logitraw", {"base_score": 0.25}),
    ("count:poisson", {}),
    ("multi:softprob", {"num_class": 3}),
    ("multi:softmax", {"num_class": 3, "num_parallel_tree": 2, "subsample": 0.5}),
    ("reg:tweedie", {"tweedie_variance_power": 1.3}),
    ("reg:gamma", {"booster": "gblinear"}),
    ("multi:softprob", {"num_class": 3, "booster": "gblinear"}),
    ("reg:squarederror", {"booster": "dart", "rate_drop": 0.5, "one_drop": 1}),
]


def save(booster, path, form):
    if form == "pkl":
        # Protocols 2, 3 and 4, in turn.
        protocol = 2 + len(list(FOLDER.glob("*.pkl"))) % 3
        path.write_bytes(pickle.dumps(booster, protocol=protocol))
    else:
        booster.save_model(str(path))


def problem(objective):
    random = np.random.RandomState(7)
    rows = random.normal(size=(300, 4)).astype(np.float32)
    rows[random.uniform(size=rows.shape) < 0.1] = np.nan
    signal = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) ** 2
    if objective.startswith("binary"):
        return rows, (signal > 1).astype(np.float32)
    if objective.startswith(("multi", "count")):
        return rows, np.digitize(signal, [0.3, 1.2]).astype(np.float32)
    return rows, (np.exp(signal / 3) if objective in ("reg:gamma", "reg:tweedie") else signal).astype(np.float32)


def early_stopped():
    """Some rounds beyond the best one, and the attributes that name it."""
    rows, labels = problem("reg:squarederror")
    noise = labels + np.random.RandomState(1).normal(size=labels.shape).astype(np.float32)
    booster = xgb.train(
        {"objective": "reg:squarederror", "eta": 0.9, "max_depth": 3}, xgb.DMatrix(rows[:150], noise[:150]), 40,
        evals=[(xgb.DMatrix(rows[150:], noise[150:]), "validation")], early_stopping_rounds=2, verbose_eval=False,
    )
    limit = {"ntree_limit": booster.best_ntree_limit} if VERSION < (2, 0) else {}
    return booster, rows, limit


def main():
    FOLDER.mkdir(exist_ok=True)
    cases = {}

    def add(name, form, booster, rows, **how):
        name = f"{xgb.__version__}-{name}.{form}"
        save(booster, FOLDER / name, form)
        predictions = booster.predict(xgb.DMatrix(rows[:20]), **how)
        cases[name] = [[float(value) for value in np.atleast_1d(row)] for row in predictions]

    for number, (objective, more) in enumerate(CASES):
        rows, labels = problem(objective)
        booster = xgb.train({"objective": objective, "max_depth": 2, "seed": 3, **more}, xgb.DMatrix(rows, labels), 3)
        name = "-".join([objective.replace(":", "-"), *([more["booster"]] if "booster" in more else [])])
        # Trees that were dropped while training are not while predicting.
        how = {"ntree_limit": 1000} if VERSION < (1, 0) and more.get("booster") == "dart" else {}
        # Each release writes other cases in other forms.
        add(name, FORMS[(number + sum(VERSION)) % len(FORMS)], booster, rows, **how)
    booster, rows, limit = early_stopped()
    if VERSION >= (1, 4):
        add("early", FORMS[0], booster, rows, **limit)
    add("early", "pkl", booster, rows, **limit)
    described = {
        "rows": [[None if np.isnan(value) else float(value) for value in row] for row in rows[:20]],
        "predictions": cases,
    }
    (FOLDER / f"{xgb.__version__}.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main()
