#!/usr/bin/env python3
"""Requests a second through the region's endpoint, HAProxy and nginx, which split 90/10 to the same
two containers, in one run: interleaved rounds, medians, spread, and ratios to the region.

    cargo build --release && python3 benches/split/run.py target/release/sagebrush

Takes Debian's `wrk`, `haproxy` and `nginx`, and nothing else but Python's own library.
"""

import argparse
import getpass
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
IRIS = HERE.parent.parent / "workspaces/iris/data/train.csv"
ROW = "5.1,3.5,1.4,0.2"

SCRIPT = """
bucket create bench
upload {data} s3://bench/train.csv
train blue xgboost --on ml.m5.large --input train=s3://bench/train.csv --set objective=multi:softprob --set num_class=3 --set num_round=10
wait blue
register bench --from blue as $model
approve $model
deploy bench blue=$model green=$model --split 90/10 --on ml.m5.large
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port, process):
    """Waits until somebody listens, or the process has ended."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{process.args[0]} ended with {process.returncode}")


def answer(url):
    request = urllib.request.Request(url, ROW.encode(), {"Content-Type": "text/csv"})
    with urllib.request.urlopen(request) as response:
        return response.read()


def wrk(url, lua, seconds, connections):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", lua, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", text)
    if errors:
        raise SystemExit(f"{url}: {errors.group(0)}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    binary = str(options.binary.resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sbb", dir="/tmp"))
    started = []
    try:
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        workspace = folder / "workspace"
        (workspace / "data").mkdir(parents=True)
        shutil.copy(IRIS, workspace / "data/train.csv")
        script = workspace / "bench.brush"
        script.write_text(SCRIPT.format(data="data/train.csv"))
        port = free_port()
        serve = [binary, "serve", "--workspace", str(workspace), "--port", str(port)]
        region = subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(region)
        region.stdout.readline()
        deploy = [binary, "run", "--workspace", str(workspace), str(script)]
        subprocess.run(deploy, env=environment, check=True, stdout=subprocess.DEVNULL)
        sockets = [str(path) for path in sorted(folder.glob("sagebrush-*/*.sock"))]
        assert len(sockets) == 2, sockets

        urls = {"sagebrush": f"http://127.0.0.1:{port}/endpoints/bench/invocations"}
        for peer, command, name in [
            ("haproxy", ["haproxy", "-f"], "haproxy.cfg"),
            ("nginx", ["nginx", "-c"], "nginx.conf"),
        ]:
            peer_port = free_port()
            text = (HERE / name).read_text()
            for key, value in [
                ("PORT", peer_port),
                ("BLUE", sockets[0]),
                ("GREEN", sockets[1]),
                ("THREADS", os.cpu_count()),
                ("DIR", folder),
                # The containers' sockets are their owner's alone.
                ("USER", getpass.getuser()),
            ]:
                text = text.replace("{" + key + "}", str(value))
            (folder / name).write_text(text)
            process = subprocess.Popen([*command, str(folder / name)], stderr=subprocess.DEVNULL)
            started.append(process)
            accepts(peer_port, process)
            urls[peer] = f"http://127.0.0.1:{peer_port}/invocations"

        answers = {name: answer(url) for name, url in urls.items()}
        assert len(set(answers.values())) == 1, answers
        lua = folder / "invoke.lua"
        lua.write_text(
            f'wrk.method = "POST"\nwrk.body = "{ROW}"\nwrk.headers["Content-Type"] = "text/csv"\n'
        )
        rates = {name: [] for name in urls}
        for round_number in range(options.rounds + 1):
            for name, url in urls.items():
                rate = wrk(url, str(lua), options.seconds, options.connections)
                # The first round warms everything up.
                if round_number:
                    rates[name].append(rate)
        base = statistics.median(rates["sagebrush"])
        for name, measured in rates.items():
            median = statistics.median(measured)
            print(
                f"{name:10} {median:9.0f}/s  {min(measured):9.0f} to {max(measured):9.0f}  "
                f"sagebrush is {base / median:.2f} of it"
            )
        print(json.dumps({"load_average": os.getloadavg(), "cores": os.cpu_count(), "rates": rates}))
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
