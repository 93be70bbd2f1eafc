"""Our xgboost and the XGBoost library, each with the other's models.

    python xgboost_interop.py BINARY {to_library|from_library|refused|releases|agree|ranks|folds|quality}
"""

import json
import os
import pickle
import re
import sys
from pathlib import Path

# The library's threads wait by spinning: on a busy machine they take ages to do little.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import xgboost as xgb
from sklearn import datasets
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from xgboost_container import container, csv, libsvm

MODELS = Path(__file__).parent / "xgboost_models"


def problem(objective, rows=400, features=5, seed=3, missing=0.1):
    """Rows, labels and weights for an objective; some values are missing."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(rows, features)).astype(np.float32)
    signal = table[:, 0] + table[:, 1] * table[:, 2] + 0.3 * random.normal(size=rows)
    table[random.random(table.shape) < missing] = np.nan
    labels = signal.astype(np.float32)
    if objective.startswith("binary"):
        labels = (signal > 0.3).astype(np.float32)
    elif objective == "reg:logistic":
        labels = (1 / (1 + np.exp(-signal))).astype(np.float32)
    elif objective.startswith("multi"):
        labels = np.digitize(signal, [-0.5, 0.8]).astype(np.float32)
    elif objective in ("count:poisson", "reg:gamma", "reg:tweedie", "reg:squaredlogerror"):
        labels = np.ceil(np.exp(signal / 2)).astype(np.float32)
    return table, labels, random.uniform(0.5, 2, rows).astype(np.float32)


CASES = [
    ("reg:squarederror", {}),
    ("reg:squarederror", {"base_score": 0.5, "max_bin": 16, "grow_policy": "lossguide", "max_leaves": 9}),
    ("reg:squarederror", {"max_bin": 600, "csv_weights": 1, "alpha": 0.5, "max_delta_step": 0.7}),
    ("binary:logistic", {"scale_pos_weight": 3, "subsample": 0.7, "colsample_bytree": 0.6, "seed": 5}),
    ("binary:logitraw", {"lambda": 0, "min_child_weight": 0}),
    ("binary:hinge", {}),
    ("reg:logistic", {"gamma": 0.5}),
    ("multi:softprob", {"num_class": 3, "colsample_bynode": 0.5}),
    ("multi:softmax", {"num_class": 3, "colsample_bylevel": 0.5}),
    ("count:poisson", {}),
    ("reg:gamma", {}),
    ("reg:tweedie", {"tweedie_variance_power": 1.3}),
    ("reg:pseudohubererror", {}),
    ("reg:squaredlogerror", {}),
    ("reg:absoluteerror", {"csv_weights": 1}),
    ("reg:squarederror", {"num_parallel_tree": 3, "subsample": 0.6}),
    ("multi:softprob", {"num_class": 3, "num_parallel_tree": 2, "colsample_bynode": 0.5}),
]

# What a margin goes through before it is a prediction; where it goes through nothing, every bit counts.
LINKED = ("binary:logistic", "reg:logistic", "multi:softprob", "count:poisson", "reg:gamma", "reg:tweedie")


def same(ours, theirs, objective, what):
    assert ours.shape == theirs.shape, (what, ours.shape, theirs.shape)
    if objective in LINKED:
        np.testing.assert_allclose(ours, theirs, rtol=3e-6, atol=1e-7, err_msg=what)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=what)


def to_library(binary):
    """The library loads what we trained, and predicts what we serve."""
    for objective, more in CASES:
        rows, labels, weights = problem(objective)
        given = {"num_round": 8, "max_depth": 4, "objective": objective, **more}
        with container(binary) as ours:
            ours.train(given, csv(rows, labels, weights if "csv_weights" in more else None))
            booster = xgb.Booster()
            booster.load_model(ours.model)
            what = f"{objective} {more}"
            same(ours.predict(rows), booster.predict(xgb.DMatrix(rows)), objective, what)
            assert booster.num_boosted_rounds() == 8, what
            assert booster.num_features() == rows.shape[1], what
            # It goes on where we ended, and saves what we read again.
            kept = {name: more[name] for name in ("num_class", "num_parallel_tree") if name in more}
            further = xgb.train(
                {"objective": objective, **kept},
                xgb.DMatrix(rows, labels), 2, xgb_model=booster,
            )
            ours.model.write_bytes(bytes(further.save_raw("ubj")))
            same(ours.predict(rows), further.predict(xgb.DMatrix(rows)), objective, f"{what}, further")
    early_stopping(binary)


def early_stopping(binary):
    """The artifact ends with the best round, and says which it was."""
    rows, labels, _ = problem("binary:logistic", rows=300)
    others, other_labels, _ = problem("binary:logistic", rows=300, seed=9)
    given = {
        "num_round": 300, "objective": "binary:logistic", "early_stopping_rounds": 5, "eval_metric": "logloss",
    }
    with container(binary) as ours:
        log = ours.train(given, csv(rows, labels), csv(others, other_labels))
        booster = xgb.Booster()
        booster.load_model(ours.model)
    scores = [float(score) for score in re.findall(r"#011validation-logloss:(\S+)", log)]
    assert len(scores) < 300 and booster.num_boosted_rounds() == len(scores) - 5
    assert booster.best_iteration == len(scores) - 6
    assert abs(booster.best_score - scores[booster.best_iteration]) < 1e-5
    assert min(scores) == scores[booster.best_iteration]
    # As in AWS's container, nothing is watched when no metric is named or no validation data is there.
    unwatched = {"num_round": 40, "objective": "binary:logistic", "early_stopping_rounds": 1}
    for more, validation in ({}, csv(others, other_labels)), ({"eval_metric": "logloss"}, None):
        with container(binary) as ours:
            log = ours.train({**unwatched, **more}, csv(rows, labels), validation)
        assert "early_stopping_rounds has no effect" in log and "[39]#011" in log, log


def from_library(binary):
    """We serve what the library trained, and predict what it predicts."""
    for objective, more in CASES:
        rows, labels, weights = problem(objective)
        given = {name: value for name, value in more.items() if name != "csv_weights"}
        matrix = xgb.DMatrix(rows, labels, weight=weights if "csv_weights" in more else None)
        booster = xgb.train({"objective": objective, "max_depth": 4, **given}, matrix, 8)
        for form in ("ubj", "json"):
            with container(binary) as ours:
                ours.model.write_bytes(bytes(booster.save_raw(form)))
                what = f"{objective} {more} {form}"
                same(ours.predict(rows), booster.predict(xgb.DMatrix(rows)), objective, what)
    for described in sorted(MODELS.glob("*.json")):
        # Those with a dash are models.
        if "-" not in described.stem:
            saved_library(binary, described.stem, json.loads(described.read_text()))


# The container of each library's version.
RELEASES = {"0.90": "0.90-2", "1.0.2": "1.0-1", "1.2.1": "1.2-2", "1.3.3": "1.3-1", "1.5.2": "1.5-1", "1.7.6": "1.7-1"}


def saved_library(binary, version, described):
    """Every form that a release of the library saved, served by a container of its time and by the newest."""
    rows = np.array([[np.nan if value is None else value for value in row] for row in described["rows"]], dtype=np.float32)
    worst = 0
    for name, predictions in described["predictions"].items():
        theirs = np.array(predictions, dtype=np.float32)
        theirs = theirs if theirs.shape[1] > 1 else theirs[:, 0]
        # The newest does not read back from a file which round was the best.
        releases = {RELEASES.get(version), *([] if "early" in name else [None])}
        for release in releases:
            with container(binary, release) as ours:
                ours.model.write_bytes((MODELS / name).read_bytes())
                predicted = ours.predict(rows)
            np.testing.assert_allclose(predicted, theirs, rtol=3e-6, atol=1e-6, err_msg=f"{name} in {release}")
            worst = max(worst, float(np.abs(predicted - theirs).max()))
    print(f"xgboost {version}: {len(described['predictions'])} models, predictions at most {worst:.2g} apart", flush=True)


def refused(binary):
    """Models that cannot be served are refused with the reason and what to do."""
    rows, labels, _ = problem("reg:squarederror", missing=0)
    matrix = xgb.DMatrix(rows, labels)
    plain = xgb.train({}, matrix, 1)
    categories = xgb.DMatrix(
        np.column_stack([np.arange(400) % 3, rows]), labels,
        feature_types=["c"] + ["q"] * rows.shape[1], enable_categorical=True,
    )
    several = xgb.train({"objective": "reg:squarederror"}, xgb.DMatrix(rows, np.column_stack([labels, -labels])), 1)
    cases = [
        (bytes(xgb.train({"max_depth": 8}, categories, 9).save_raw("ubj")), "splits by categories"),
        (bytes(several.save_raw("ubj")), "several targets"),
        (pickle.dumps(xgb.XGBRegressor()), "xgboost.sklearn.XGBRegressor"),
        (pickle.dumps(np.arange(3)), "no code of a pickle is run"),
        (b"\x00\x00\x00\x3f" * 40, "binary format"),
        (bytes(plain.save_raw("ubj"))[:-40], "cannot be read"),
    ]
    for model, reason in cases:
        with container(binary) as ours:
            ours.model.write_bytes(model)
            said = ours.refusal()
            assert reason in said, (reason, said)


AGREE = [
    ("reg:squarederror", {}),
    ("reg:squarederror", {"grow_policy": "lossguide", "max_leaves": 11, "max_depth": 0, "gamma": 0.1}),
    ("reg:squarederror", {"alpha": 4, "max_delta_step": 0.3}),
    ("reg:squarederror", {"alpha": 0.5, "max_delta_step": 0.7, "csv_weights": 1}),
    ("reg:squarederror", {"monotone_constraints": "(1,-1,0,1)", "tree_method": "hist"}),
    ("reg:squarederror", {
        "monotone_constraints": "(1,1)", "tree_method": "hist", "alpha": 1, "max_delta_step": 0.5,
        "grow_policy": "lossguide", "max_leaves": 12,
    }),
    ("binary:logistic", {"monotone_constraints": "(-1,)", "tree_method": "hist", "max_depth": 6}),
    ("reg:squarederror", {"interaction_constraints": "[[1,2],[2,3,4]]", "tree_method": "hist", "max_depth": 6}),
    ("multi:softprob", {
        "num_class": 3, "base_score": 0.5, "interaction_constraints": "[[1,2]]", "tree_method": "hist",
        "monotone_constraints": "(0,1)",
    }),
    ("reg:squarederror", {"num_parallel_tree": 4}),
    ("multi:softprob", {"num_class": 3, "base_score": 0.5, "num_parallel_tree": 3}),
    ("reg:absoluteerror", {"eval_metric": "mae"}),
    ("reg:absoluteerror", {"csv_weights": 1, "grow_policy": "lossguide", "max_leaves": 9}),
    ("binary:logistic", {"scale_pos_weight": 2, "alpha": 0.1, "eval_metric": "logloss,error,error@0.3,auc,aucpr"}),
    ("multi:softprob", {"num_class": 3, "base_score": 0.5, "eval_metric": "mlogloss,merror"}),
    ("count:poisson", {"eval_metric": "poisson-nloglik,rmse,mae,mape"}),
    ("reg:gamma", {"eval_metric": "gamma-nloglik,gamma-deviance"}),
    ("reg:tweedie", {}),
    ("reg:pseudohubererror", {}),
    ("reg:squaredlogerror", {"eval_metric": "rmsle,mphe"}),
]
def releases(binary):
    """What the image's release changes: where training starts, the log, the artifact, what is taken."""
    rows, labels, _ = problem("reg:squarederror", missing=0)
    labels = labels + 30
    given = {"num_round": 2, "objective": "reg:squarederror", "max_bin": 600}
    matrix = xgb.DMatrix(rows, labels)
    for release, start, form in [("0.90-2", 0.5, b"binf"), ("1.5-1", 0.5, b'{"'), ("1.7-1", 0.5, b"{L"), ("3.0-5", None, b"{L")]:
        library = {"objective": "reg:squarederror", "max_bin": 600, "tree_method": "hist"}
        if start is not None:
            library["base_score"] = start
        theirs = {}
        xgb.train(library, matrix, 2, evals=[(matrix, "train")], evals_result=theirs, verbose_eval=False)
        with container(binary, release) as ours:
            log = ours.train(given, csv(rows, labels))
            artifact = ours.model.read_bytes()
            with ours.served() as post:
                assert post("") == (204, "")
                assert post("1,2,3,4,5", "text/csv; label_size=0")[0] == 415
            if form != b"binf":
                loaded = xgb.Booster()
                loaded.load_model(ours.model)
                np.testing.assert_array_equal(loaded.predict(matrix), ours.predict(rows))
        assert artifact.startswith(form), (release, artifact[:8])
        told = [float(score) for score in re.findall(r"#011train-rmse:(\S+)", log)]
        np.testing.assert_allclose(told, theirs["train"]["rmse"], rtol=1e-5, err_msg=release)
        print(f"{release}: train-rmse of the first round {told[0]}, the library's {theirs['train']['rmse'][0]:.5f}")
        assert f"in the place of container {release}, not the XGBoost library" in log.splitlines()[0]
        assert "INFO] Running XGBoost Sagemaker in algorithm mode" in log
        assert "INFO] Determined delimiter of CSV input is ','" in log
        assert ("Determined 0 GPU(s) available on the instance." in log) == (release >= "1.5")
        assert ("files path: /opt/ml/input/data/train" in log) == (release >= "1.3")
        assert ("Train matrix has 400 rows and 5 columns" in log) == (release >= "1.2")
        with container(binary, release) as ours:
            try:
                ours.train({**given, "silent": 1}, csv(rows, labels))
                assert release < "1.2", release
            except RuntimeError as refusal:
                expected = "AlgorithmError: framework error: UserError: Extraneous hyperparameter found: silent"
                assert release >= "1.2" and str(refusal) == expected, (release, refusal)


def agree(binary):
    """Without sampling, on values that get a bin each, both grow the same trees."""
    for objective, more in AGREE:
        rows, labels, weights = problem(objective, rows=1500)
        rows = np.round(rows * 8) / 8
        given = {"max_depth": 4, "eta": 0.2, "objective": objective, **more}
        weights = weights if "csv_weights" in more else None
        matrix = xgb.DMatrix(rows, labels, weight=weights)
        theirs = {}
        library = {name: value for name, value in given.items() if name not in ("eval_metric", "csv_weights")}
        if "eval_metric" in given:
            library["eval_metric"] = given["eval_metric"].split(",")
        booster = xgb.train(
            {"tree_method": "hist", **library}, matrix, 6, evals=[(matrix, "train")],
            evals_result=theirs, verbose_eval=False,
        )
        with container(binary) as ours:
            log = ours.train({"num_round": 6, **given}, csv(rows, labels, weights))
            model = xgb.Booster()
            model.load_model(ours.model)
        for metric, scores in theirs["train"].items():
            told = [float(score) for score in re.findall(rf"#011train-{re.escape(metric)}:(\S+?)(?=#011|\s)", log)]
            # A row at the threshold counts whole: shares of rows may differ by a few of them.
            apart = 10 / len(rows) if "error" in metric else 2e-5
            np.testing.assert_allclose(told, scores, rtol=2e-3, atol=apart, err_msg=f"{objective} {more} {metric}")
        apart = np.abs(model.predict(matrix) - booster.predict(matrix))
        print(f"{objective} {more}: max abs difference {apart.max():.3g}", flush=True)
        assert model.num_boosted_rounds() == booster.num_boosted_rounds(), (objective, more)
        assert apart.max() < 1e-6, (objective, more, apart.max())


RANKS = [
    ("rank:ndcg", {}, 4),
    ("rank:ndcg", {"eval_metric": "ndcg,ndcg@3,auc", "grow_policy": "lossguide", "max_leaves": 9}, 5),
    ("rank:pairwise", {"eval_metric": "ndcg@5,ndcg@40"}, 4),
    ("rank:map", {"eval_metric": "map,map@2,ndcg,auc,aucpr", "base_score": 0.5}, 1),
    ("rank:map", {"monotone_constraints": "(1,)", "tree_method": "hist"}, 1),
]


def ranks(binary):
    """Rows of queries are ordered as the library orders them, and measured as it measures them."""
    random = np.random.default_rng(8)
    for objective, more, greatest in RANKS:
        sizes = random.integers(1, 60, 40)
        queries = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.round(random.normal(size=(len(queries), 5)) * 8).astype(np.float32) / 8
        signal = rows[:, 0] + rows[:, 1] * rows[:, 2] + random.normal(size=len(queries))
        labels = np.clip(np.digitize(signal, np.linspace(-1, 2, greatest)), 0, greatest).astype(np.float32)
        rows[random.random(rows.shape) < 0.1] = np.nan
        given = {"max_depth": 4, "eta": 0.2, "objective": objective, **more}
        library = {name: value for name, value in given.items() if name != "eval_metric"}
        if "eval_metric" in given:
            library["eval_metric"] = given["eval_metric"].split(",")
        matrix, theirs = xgb.DMatrix(rows, labels, qid=queries), {}
        booster = xgb.train(
            {"tree_method": "hist", **library}, matrix, 8, evals=[(matrix, "train")],
            evals_result=theirs, verbose_eval=False,
        )
        with container(binary) as ours:
            text = libsvm(rows, labels, queries)
            log = ours.train({"num_round": 8, **given}, text, content_type="text/libsvm")
            model = xgb.Booster()
            model.load_model(ours.model)
            same(ours.predict(rows), model.predict(xgb.DMatrix(rows)), objective, f"{objective} {more}")
        apart = np.abs(model.predict(matrix) - booster.predict(matrix))
        print(f"{objective} {more}: max abs difference {apart.max():.3g}", flush=True)
        assert apart.max() < 1e-5, (objective, more, apart.max())
        for metric, scores in theirs["train"].items():
            told = [float(score) for score in re.findall(rf"#011train-{re.escape(metric)}:(\S+?)(?=#011|\s)", log)]
            np.testing.assert_allclose(told, scores, atol=2e-5, err_msg=f"{objective} {more} {metric}")


def folds(binary):
    """Of each fold there is a model, and what is printed and written is what the library says of them."""
    rows, labels, _ = problem("reg:squarederror", rows=300)
    others, other_labels, _ = problem("reg:squarederror", rows=90, seed=9)
    with container(binary) as ours:
        given = {"num_round": 7, "objective": "reg:squarederror", "_kfold": 3, "_num_cv_round": 2}
        log = ours.train(given, csv(rows, labels), csv(others, other_labels))
        models = []
        for fold in range(6):
            models.append(xgb.Booster())
            models[-1].load_model(ours.model.with_name(f"xgboost-model-{fold}"))
        assert sorted(path.name for path in ours.model.parent.iterdir()) == [f"xgboost-model-{n}" for n in range(6)]
        written = np.loadtxt(ours.opt_ml / "output" / "data" / "predictions.csv", delimiter=",")
    sets = {"train": xgb.DMatrix(rows, labels), "validation": xgb.DMatrix(others, other_labels)}
    scores = np.array([
        [np.sqrt(((model.predict(matrix) - matrix.get_label()) ** 2).mean()) for matrix in sets.values()]
        for model in models
    ])
    printed = re.findall(r"^\[7\]#011train-rmse:(\S+)#011validation-rmse:(\S+)$", log, re.MULTILINE)
    means = [scores[:3].mean(axis=0), scores[3:].mean(axis=0), scores.mean(axis=0)]
    np.testing.assert_allclose(np.array(printed, dtype=float), means, atol=2e-5)
    # Each row's prediction is the mean of one model of each round.
    all_rows = xgb.DMatrix(np.vstack([rows, others]))
    predicted = np.array([model.predict(all_rows) for model in models])
    of_pairs = [(first + second) / 2 for first in predicted[:3] for second in predicted[3:]]
    np.testing.assert_array_equal(len(written), len(rows) + len(others))
    apart = np.abs(np.array(of_pairs) - written[:, 1]).min(axis=0)
    print(f"held-out predictions: max abs difference {apart.max():.3g}")
    assert apart.max() < 2e-6, apart.max()


def quality(binary):
    """Over repeated cross-validation our models are not worse than the library's, beyond noise."""
    for name, objective, load in [
        ("breast_cancer", "binary:logistic", datasets.load_breast_cancer),
        ("iris", "multi:softprob", datasets.load_iris),
        ("wine", "multi:softprob", datasets.load_wine),
        ("digits", "multi:softprob", datasets.load_digits),
        ("diabetes", "reg:squarederror", datasets.load_diabetes),
    ]:
        rows, labels = load(return_X_y=True)
        rows, labels = rows.astype(np.float32), labels.astype(np.float32)
        given = {"objective": objective, "eta": 0.1, "max_depth": 4}
        if objective.startswith("multi"):
            given["num_class"] = int(labels.max()) + 1
        repeats = 1 if name == "digits" else 3
        kind = RepeatedKFold if objective.startswith("reg") else RepeatedStratifiedKFold
        folds = kind(n_splits=5, n_repeats=repeats, random_state=11)
        losses = np.array([
            compare(binary, given, rows, labels, train, test) for train, test in folds.split(rows, labels)
        ])
        ours, theirs = losses.mean(axis=0)
        differences = losses[:, 0] - losses[:, 1]
        # Folds share rows: the variance is corrected as Nadeau and Bengio do.
        error = differences.std(ddof=1) * np.sqrt(1 / len(differences) + 1 / 4)
        margin = max(2 * error, 0.01 * theirs)
        print(
            f"{name}: ours {ours:.5f}, library {theirs:.5f}, "
            f"difference {differences.mean():+.5f}, standard error {error:.5f}",
            flush=True,
        )
        assert differences.mean() <= margin, f"{name}: worse than the library beyond noise"


def compare(binary, given, rows, labels, train, test):
    """The held-out losses (log loss, or RMSE) of our model and of the library's."""
    rounds = 25 if given.get("num_class") == 10 else 60
    with container(binary) as ours:
        ours.train({"num_round": rounds, **given}, csv(rows[train], labels[train]))
        model = xgb.Booster()
        model.load_model(ours.model)
    library = xgb.train({"tree_method": "hist", **given}, xgb.DMatrix(rows[train], labels[train]), rounds)
    return [loss(each.predict(xgb.DMatrix(rows[test])), labels[test]) for each in (model, library)]


def loss(predictions, labels):
    if predictions.ndim == 2:
        return -np.log(np.maximum(predictions[np.arange(len(labels)), labels.astype(int)], 1e-7)).mean()
    if set(np.unique(labels)) <= {0, 1}:
        return -np.log(np.maximum(np.where(labels == 1, predictions, 1 - predictions), 1e-7)).mean()
    return np.sqrt(((predictions - labels) ** 2).mean())


if __name__ == "__main__":
    parts = [to_library, from_library, refused, releases, agree, ranks, folds, quality]
    {part.__name__: part for part in parts}[sys.argv[2]](sys.argv[1])
