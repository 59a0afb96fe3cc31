"""Training and prediction of the published networks: strandloom beside Keras 3 on TensorFlow and beside a DataLoader of items.

Every way runs in a process of its own that stays open; the processes are asked in turn, never two at once, and the median of the
rounds counts. Keras is installed in a throw-away environment (``benchmarks/.keras``); its best of three processes counts,
because its speed differs from process to process.

Usage: python benchmarks/networks.py [--repeats 5] [--only source,utr]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from common import ROOT, alternate, median, record
from published import NETWORKS

KERAS = ROOT / "benchmarks" / ".keras"
PROCESSES = 3


class Worker:
    """A process that measures what it is asked."""

    def __init__(self, python: Path | str, script: str) -> None:
        environment = (
            {**os.environ, "PYTHONPATH": str(ROOT / "src")} if script == "worker_ours.py" else dict(os.environ)
        )
        self.process = subprocess.Popen(
            [str(python), str(ROOT / "benchmarks" / script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._line()

    def ask(self, *words: str) -> float:
        """The figure that answers a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a worker ended")
        return line

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def keras_python() -> Path:
    """The interpreter of the throw-away environment, made when missing."""
    python = KERAS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(KERAS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "keras>=3.15", "tensorflow-cpu"], check=True)
    return python


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(NETWORKS))
    given = parser.parse_args()
    python = keras_python()
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "predict": []}
    for name in given.only.split(","):
        ours = Worker(sys.executable, "worker_ours.py")
        peers = [Worker(python, "worker_keras.py") for _ in range(PROCESSES)]
        for way, found in rows.items():
            asks = {f"strandloom {p}": (ours, way, p) for p in ("fp32", "bf16")}
            if way == "train":
                asks["DataLoader of items fp32"] = (ours, "items", "fp32")
            asks |= {f"Keras {p} {i}": (peer, way, p) for p in ("fp32", "bf16") for i, peer in enumerate(peers)}
            print(f"{way} {name}", file=sys.stderr)
            speeds = alternate(
                {key: partial(worker.ask, kind, name, p) for key, (worker, kind, p) in asks.items()},
                repeats=given.repeats,
            )
            middle = {key: median(values) for key, values in speeds.items()}
            best = max(middle["strandloom fp32"], middle["strandloom bf16"])
            rival = max(value for key, value in middle.items() if key.startswith("Keras"))
            row: dict[str, Any] = {
                "network": name,
                "strandloom fp32": middle["strandloom fp32"],
                "strandloom bf16": middle["strandloom bf16"],
                "Keras fp32": max(middle[f"Keras fp32 {i}"] for i in range(PROCESSES)),
                "Keras bf16": max(middle[f"Keras bf16 {i}"] for i in range(PROCESSES)),
                "best / best Keras": best / rival,
            }
            if way == "train":
                row["items"] = middle["DataLoader of items fp32"]
                row["best / items"] = best / middle["DataLoader of items fp32"]
            else:
                row["fp32 / best Keras fp32"] = middle["strandloom fp32"] / row["Keras fp32"]
            found.append(row)
        for worker in (ours, *peers):
            worker.close()
    packages = ["torch", "numpy"]
    note = f"samples/s, medians of {given.repeats} alternating rounds; of Keras the best of {PROCESSES} processes"
    record("training", "Training the published networks", rows["train"], packages=packages, note=note)
    record("prediction", "Predicting with the published networks", rows["predict"], packages=packages, note=note)


if __name__ == "__main__":
    main()
