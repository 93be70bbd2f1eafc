"""Makes the models of tests/clients/xgboost_models: saved by an older XGBoost library, with what it
predicts, so that a container's reading of them can be tested without having that library.

    pip install --no-deps --target old xgboost==1.7.6
    PYTHONPATH=old python tests/clients/make_xgboost_models.py
"""

import json
from pathlib import Path

import numpy as np
import xgboost as xgb

FOLDER = Path(__file__).parent / "xgboost_models"
OBJECTIVES = [
    ("reg:squarederror", {}),
    ("binary:logistic", {"scale_pos_weight": 2}),
    ("binary:logitraw", {}),
    ("count:poisson", {}),
    ("multi:softprob", {"num_class": 3}),
    ("multi:softmax", {"num_class": 3}),
]


def main():
    random = np.random.default_rng(7)
    rows = random.normal(size=(300, 4)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    signal = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) ** 2
    cases = {}
    for number, (objective, more) in enumerate(OBJECTIVES):
        labels = signal
        if objective.startswith("binary"):
            labels = signal > 1
        elif objective.startswith(("multi", "count")):
            labels = np.digitize(signal, [0.3, 1.2])
        booster = xgb.train(
            {"objective": objective, "max_depth": 3, **more}, xgb.DMatrix(rows, labels), 4
        )
        # Both forms, in turn.
        name = f"{xgb.__version__}-{objective.replace(':', '-')}.{'ubj' if number % 2 else 'json'}"
        booster.save_model(FOLDER / name)
        predictions = booster.predict(xgb.DMatrix(rows[:20]))
        cases[name] = [[float(value) for value in np.atleast_1d(row)] for row in predictions]
    described = {
        "rows": [[None if np.isnan(value) else float(value) for value in row] for row in rows[:20]],
        "predictions": cases,
    }
    (FOLDER / f"{xgb.__version__}.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main()
