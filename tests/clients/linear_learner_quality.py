"""Compares the built-in linear learner with scikit-learn, split by split, end to end.

For every split of a repeated cross-validation both learn from the same training rows and predict the
same test rows: scikit-learn in this process, linear learner as a container (`train`, then `serve` on a
Unix socket) with nothing but the hyperparameters that it requires. Splits are seeded, so the paired
differences are the same on every run of the same code.

A data set passes when linear learner is not worse than noise explains: the mean paired difference lies
within two standard errors of zero (Nadeau and Bengio's, which allows for overlapping training sets), and in
any case within the margin below which a difference would not matter to anyone.

    python linear_learner_quality.py path/to/sagebrush [data set ...]
"""

import http.client
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS, REPEATS = 5, 4

# Name: loader, predictor_type, what a mean deficit must stay below (share of right answers; RMSE, relative).
DATA_SETS = {
    "iris": (datasets.load_iris, "multiclass_classifier", 0.015),
    "wine": (datasets.load_wine, "multiclass_classifier", 0.015),
    "digits": (datasets.load_digits, "multiclass_classifier", 0.010),
    "breast_cancer": (datasets.load_breast_cancer, "binary_classifier", 0.010),
    "diabetes": (datasets.load_diabetes, "regressor", 0.020),
}


def lay_out(root, train, labels, hyperparameters):
    config = os.path.join(root, "opt/ml/input/config")
    data = os.path.join(root, "opt/ml/input/data/train")
    os.makedirs(config)
    os.makedirs(data)
    np.savetxt(os.path.join(data, "train.csv"), np.column_stack([labels, train]), delimiter=",", fmt="%.9g")
    documents = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, document in documents.items():
        with open(os.path.join(config, name + ".json"), "w") as file:
            json.dump(document, file)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def predict(binary, root, rows):
    path = os.path.join(root, "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    command = [binary, "container", "linear-learner", "serve", "--root", root]
    with subprocess.Popen(command, stdin=listener, stdout=subprocess.PIPE) as server:
        try:
            connection = UnixConnection(path)
            body = "\n".join(",".join("%.9g" % value for value in row) for row in rows)
            connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, (answer.status, text)
            return json.loads(text)["predictions"]
        finally:
            server.terminate()
            listener.close()


def linear_learner(binary, kind, classes, train, labels, test):
    hyperparameters = {"predictor_type": kind}
    if kind == "multiclass_classifier":
        hyperparameters["num_classes"] = str(classes)
    with tempfile.TemporaryDirectory() as root:
        lay_out(root, train, labels, hyperparameters)
        command = [binary, "container", "linear-learner", "train", "--root", root]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        answers = predict(binary, root, test)
    member = "score" if kind == "regressor" else "predicted_label"
    return np.array([answer[member] for answer in answers])


def scikit_learn(kind, train, labels, test):
    model = Ridge() if kind == "regressor" else LogisticRegression(max_iter=10000)
    return make_pipeline(StandardScaler(), model).fit(train, labels).predict(test)


def value(kind, predicted, labels):
    """More is better: the share of right answers, or the negative RMSE relative to the labels' deviation."""
    if kind == "regressor":
        return -math.sqrt(np.mean((predicted - labels) ** 2)) / np.std(labels)
    return float(np.mean(predicted == labels))


def compare(binary, name):
    load, kind, margin = DATA_SETS[name]
    features, labels = load(return_X_y=True)
    splitter = RepeatedKFold if kind == "regressor" else RepeatedStratifiedKFold
    splits = splitter(n_splits=FOLDS, n_repeats=REPEATS, random_state=7)
    ours, theirs = [], []
    for train, test in splits.split(features, labels):
        predicted = linear_learner(
            binary, kind, len(set(labels)), features[train], labels[train], features[test]
        )
        ours.append(value(kind, predicted, labels[test]))
        predicted = scikit_learn(kind, features[train], labels[train], features[test])
        theirs.append(value(kind, predicted, labels[test]))
    differences = [one - other for one, other in zip(ours, theirs)]
    mean = statistics.mean(differences)
    # Test rows are a quarter as many as training rows in five folds.
    error = math.sqrt((1 / len(differences) + 1 / (FOLDS - 1)) * statistics.variance(differences))
    passed = mean >= -2 * error and mean >= -margin
    print(
        f"{name}: linear learner {statistics.mean(ours):.4f}, scikit-learn {statistics.mean(theirs):.4f}, "
        f"paired difference {mean:+.4f} (standard error {error:.4f}, {len(differences)} splits)"
        f"{'' if passed else '  WORSE THAN NOISE'}"
    )
    return passed


def main():
    binary = os.path.abspath(sys.argv[1])
    names = sys.argv[2:] or list(DATA_SETS)
    outcomes = [compare(binary, name) for name in names]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
