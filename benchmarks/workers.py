"""Processes that measure what they are asked, a command a line, and the throw-away environment of Keras."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common import ROOT

KERAS = ROOT / "benchmarks" / ".keras"
PROCESSES = 3


class Worker:
    """A process that measures what it is asked."""

    def __init__(self, python: Path | str, script: str, *words: str) -> None:
        command = [str(python), str(ROOT / "benchmarks" / script), *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
        print(f"installing Keras and TensorFlow into {KERAS}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(KERAS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "keras>=3.15", "tensorflow-cpu"], check=True)
    return python


def fastest_keras(*words: str) -> Worker:
    """Of three Keras processes the one that answers a command with the highest figure; the others end."""
    python = keras_python()
    found: list[tuple[float, Worker]] = []
    for _ in range(PROCESSES):
        worker = Worker(python, "worker_keras.py")
        found.append((worker.ask(*words), worker))
    found.sort(key=lambda one: one[0])
    for _, worker in found[:-1]:
        worker.close()
    return found[-1][1]
