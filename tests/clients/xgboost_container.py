"""Drives `sagebrush container xgboost train|serve` as an engine would, for scripts that compare it
with the XGBoost library."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def csv(rows, labels=None, weights=None):
    """Rows as the container reads them: label first, then weight; missing values are empty."""
    columns = [column for column in (labels, weights) if column is not None]
    table = np.column_stack([*columns, rows]) if columns else np.asarray(rows)
    table = table.astype(np.float32)
    lines = (",".join("" if value != value else repr(value) for value in row.tolist()) for row in table)
    return "\n".join(lines) + "\n"


def libsvm(rows, labels, queries):
    """Rows as the container reads them with the query of each; missing values are left out."""
    lines = []
    for label, query, row in zip(labels, queries, np.asarray(rows, dtype=np.float32)):
        features = (f"{place}:{float(value)!r}" for place, value in enumerate(row) if not np.isnan(value))
        lines.append(f"{float(label)!r} qid:{query} {' '.join(features)}")
    return "\n".join(lines) + "\n"


class Container:
    """The folders of one container, made anew for each."""

    def __init__(self, binary, folder, release):
        self.binary = binary
        self.release = ["--release", f"sagemaker-xgboost:{release}"] if release else []
        self.root = Path(folder)
        self.opt_ml = self.root / "opt" / "ml"
        for name in ("input/config", "input/data", "model", "output"):
            (self.opt_ml / name).mkdir(parents=True, exist_ok=True)

    @property
    def model(self):
        return self.opt_ml / "model" / "xgboost-model"

    def train(self, hyperparameters, train, validation=None, content_type="text/csv"):
        """Trains on texts; answers the log. A failure raises what the container says of it."""
        config = self.opt_ml / "input" / "config"
        channels = {"train": train}
        if validation is not None:
            channels["validation"] = validation
        for name, text in channels.items():
            folder = self.opt_ml / "input" / "data" / name
            folder.mkdir(exist_ok=True)
            (folder / "rows").write_text(text)
        given = {name: str(value) for name, value in hyperparameters.items()}
        declared = {name: {"ContentType": content_type} for name in channels}
        (config / "hyperparameters.json").write_text(json.dumps(given))
        (config / "inputdataconfig.json").write_text(json.dumps(declared))
        done = subprocess.run(
            [self.binary, "container", "xgboost", "train", "--root", str(self.root), *self.release],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
        )
        if done.returncode:
            failure = self.opt_ml / "output" / "failure"
            raise RuntimeError(failure.read_text() if failure.exists() else done.stdout + done.stderr)
        return done.stdout

    @contextlib.contextmanager
    def served(self, **environment):
        """Serves the model folder; gives a function that posts a body and answers (status, text)."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            process = subprocess.Popen(
                [self.binary, "container", "xgboost", "serve", "--root", str(self.root), *self.release],
                stdin=listener.fileno(), stdout=subprocess.PIPE, text=True,
                env={**os.environ, **environment},
            )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def post(body, content_type="text/csv", accept="text/csv"):
            headers = {"Content-Type": content_type, "Accept": accept}
            connection.request("POST", "/invocations", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        try:
            # The listener was there before the container: the connection waits until it is served.
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            yield post
        finally:
            connection.close()
            process.terminate()
            process.communicate(timeout=60)

    def refusal(self):
        """What the container says when it cannot serve the model folder."""
        done = subprocess.run(
            [self.binary, "container", "xgboost", "serve", "--root", str(self.root), *self.release],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 1, done
        return done.stdout

    def predict(self, rows):
        """Predictions of the served model, as float32."""
        with self.served() as post:
            status, text = post(csv(rows))
        assert status == 200, (status, text)
        return np.loadtxt(text.splitlines(), delimiter=",", dtype=np.float64, ndmin=1).astype(np.float32)


@contextlib.contextmanager
def container(binary, release=None):
    """A container of the newest release, or of the one with this tag."""
    with tempfile.TemporaryDirectory() as folder:
        yield Container(binary, folder, release)
