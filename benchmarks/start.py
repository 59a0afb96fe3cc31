"""How long the command line takes to start: `--help`, and `predict` on one sequence (median of 5), as ratios to bare Python.

python benchmarks/start.py [--bundle RUN/bundle]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import record

REPEATS = 5


def seconds(command: list[str]) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print a table."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=root / "tests" / "fixtures" / "bundle-format-2")
    given = parser.parse_args()
    module = [sys.executable, "-m", "strandloom.cli.main"]
    bare = seconds([sys.executable, "-c", "pass"])
    rows = [("python -c pass", bare), ("--help", seconds([*module, "--help"]))]
    if given.bundle.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            fasta = Path(folder) / "one.fa"
            fasta.write_text(">one\n" + "ACGTTGCA" * 8 + "\n")
            out = Path(folder) / "out.tsv"
            rows.append(
                (
                    "predict, one sequence",
                    seconds([*module, "predict", str(given.bundle), str(fasta), "--out", str(out)]),
                )
            )
    record(
        "start",
        "Start of the command line",
        [{"command": name, "seconds": value, "× bare Python": value / bare} for name, value in rows],
        packages=["torch", "typer"],
        note=f"median of {REPEATS}",
    )


if __name__ == "__main__":
    main()
