#!/usr/bin/env python3
"""Records the demo as a person would play it, and keeps what the pictures need of it.

    assets/recordings/make.py target/release/sagebrush

It needs tmux. The real program runs in a terminal of 120 by 40 on a workspace of its own; a second
one sends requests from outside, as the demo proposes. Out come `demo.jsonl.gz`, which `sagebrush
replay` plays, and `demo.toml`: the seconds at which there is something to see, by name.

What is left out changes no screen: readings of an endpoint beyond two a second, histograms that
nothing shows. The workspace's path and the region's key are replaced.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE = (120, 40)
# Where the workspace seems to lie.
SHOWN = "/home/ada/cancer"
# Readings nearer than this are left out, in milliseconds. Charts want one of an endpoint each second.
APART = {"Endpoint": 480, "Load": 480, "Cost": 1900}


class Session:
    """The workbench in a terminal that can be typed into and read."""

    def __init__(self, program, folder, raw):
        self.socket = f"sagebrush-{os.getpid()}"
        self.program, self.folder, self.raw = program, folder, raw
        self.moments = {}
        self.environment = {
            "HOME": str(folder.parent), "PATH": os.environ["PATH"], "TERM": "xterm-256color",
            "COLORTERM": "truecolor", "LANG": "C.UTF-8",
        }
        words = [f"{name}={value}" for name, value in self.environment.items()]
        words = ["env", "-i", *words, program, "-w", folder, "--record", raw]
        size = ["-x", str(SIZE[0]), "-y", str(SIZE[1])]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "demo", *size, *map(str, words))

    def tmux(self, *words):
        run = ["tmux", "-L", self.socket, *words]
        return subprocess.run(run, capture_output=True, text=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "demo")

    def wait(self, pattern, limit=120):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if re.search(pattern, self.screen()):
                return
            time.sleep(0.05)
        sys.exit(f"there was no {pattern!r} on the screen:\n{self.screen()}")

    def keys(self, *keys, pause=0.25):
        for key in keys:
            self.tmux("send-keys", "-t", "demo", key)
            time.sleep(pause)

    def type(self, text):
        for char in text:
            self.tmux("send-keys", "-t", "demo", "-l", char)
            time.sleep(0.07)

    def mark(self, name):
        """There is something to see now."""
        self.moments[name] = time.time()
        time.sleep(0.3)

    def outside(self, *words):
        subprocess.run([self.program, "-w", self.folder, *words], check=True,
                       stdout=subprocess.DEVNULL, env=self.environment, cwd=self.folder)


def play(session):
    """The demo, step by step, and a walk through the screens."""
    session.wait("A demo, one minute")
    session.wait("SIMULATED us-east-1")
    session.mark("offered")
    session.keys(".")
    session.wait(r"round [5-9]\d of 120")
    session.mark("training")
    session.wait("demo 3/9")
    session.wait("Your turn: shift the split")
    time.sleep(40)
    session.mark("live")
    session.keys(*["Left"] * 4)
    session.mark("preview")
    session.keys("u", "1")
    time.sleep(4)
    session.mark("overview")
    session.keys("Escape", ".")
    session.wait("demo 6/9")
    time.sleep(16)
    session.mark("shifted")
    session.keys(".")
    session.wait("demo 7/9")
    time.sleep(7)
    session.mark("stopped")
    session.keys(".")
    session.wait("as code")
    time.sleep(0.5)
    session.mark("code")
    session.keys("Escape", ".")
    session.outside("invoke", "tumor-live", "--rows", "data/test.csv", "--label", "0")
    time.sleep(4)
    session.mark("outside")
    session.keys("i")
    time.sleep(1)
    session.keys("C-s")
    time.sleep(1.5)
    session.mark("invoked")
    session.keys("Escape", "L")
    time.sleep(2)
    session.mark("endpoint-logs")
    session.keys("4", "Enter")
    time.sleep(1)
    session.mark("group")
    session.keys("=")
    time.sleep(1.5)
    session.mark("compare")
    session.keys("3")
    time.sleep(0.7)
    session.mark("jobs")
    session.keys("Enter")
    time.sleep(2.5)
    session.mark("job")
    session.keys("6")
    time.sleep(1)
    session.mark("buckets")
    session.keys("Enter")
    time.sleep(1)
    session.keys("G", "l")
    time.sleep(1.5)
    session.mark("bucket")
    session.keys("7")
    time.sleep(1.5)
    session.mark("logs")
    session.keys("C-g")
    session.type("validation")
    session.keys("Enter")
    time.sleep(2.5)
    session.mark("log-search")
    session.keys("0")
    time.sleep(1.5)
    session.mark("settings")
    session.keys("2")
    time.sleep(2)
    session.keys("d")
    time.sleep(1.5)
    session.mark("describe")
    session.keys("Escape", ":")
    session.type("deploy tumor-next tu")
    time.sleep(0.5)
    session.mark("palette")
    session.keys("Escape", "Escape", ".")
    time.sleep(2)
    session.mark("end")
    session.keys("q", "s")


def trimmed(raw, folder):
    """The lines that are kept, as text."""
    text = raw.read_text()
    connected = re.search(r'"Connected"', text)
    if not connected:
        sys.exit("the recording never reached a region")
    text = text.replace(str(folder), SHOWN)
    text = re.sub(r"/tmp/sagebrush-\w+", "/tmp/sagebrush", text)
    text = re.sub(r'"access_key":"\w+"', '"access_key":"AKIASAGEBRUSHEXAMPLE"', text)
    lines, last = [], {}
    for line in text.splitlines():
        document = json.loads(line)
        msg = document.get("msg")
        kind = next(iter(msg)) if isinstance(msg, dict) else msg
        if kind in APART:
            reading = msg[kind]
            # A change of its state is kept always.
            of = [reading.get("line", {}).get(key) for key in ("status", "config")]
            state = [*of, reading.get("running"), reading.get("Running")]
            at, known = last.get(kind, (0, None))
            if document["at"] - at < APART[kind] and state == known:
                continue
            last[kind] = (document["at"], state)
            for variant in reading.get("line", {}).get("variants", []):
                variant.pop("overhead_latency", None)
        if kind == "Link" and "Untrusted" in msg["Link"]:
            continue
        lines.append(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    return "\n".join(lines) + "\n"


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "cancer"
        shutil.copytree(HERE.parent.parent / "workspaces" / "cancer", folder)
        raw = Path(scratch) / "raw.jsonl"
        home = {**os.environ, "HOME": scratch}
        subprocess.run([program, "-w", folder, "trust"], check=True, env=home,
                       stdout=subprocess.DEVNULL)
        session = Session(program, folder, raw)
        try:
            play(session)
        finally:
            time.sleep(2)
            session.tmux("kill-server")
        text = trimmed(raw, folder)
        for secret in (scratch, Path.home().name + "@", os.uname().nodename):
            if len(secret) > 3 and secret in text:
                sys.exit(f"the recording still says {secret}")
    began = json.loads(text.split("\n", 1)[0])["began"] / 1000
    with open(HERE / "demo.jsonl.gz", "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as packed:
            packed.write(text.encode())
    moments = [f"{name} = {at - began:.1f}" for name, at in session.moments.items()]
    head = "# Seconds of the recording at which there is something to see. Made by make.py.\n"
    (HERE / "demo.toml").write_text(head + "\n".join(moments) + "\n")
    size = (HERE / "demo.jsonl.gz").stat().st_size
    print(f"demo.jsonl.gz: {size / 1024:.0f} KiB, {len(text) / 1024:.0f} KiB unpacked")


main()
