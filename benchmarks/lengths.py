"""What sequence length costs: training and prediction of the default network for L = 100 to 10,000 bases.

Every length runs in a process of its own, over the same number of bases, so that its peak memory is its own.

Usage: python benchmarks/lengths.py [--bases 4000000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from common import record, timed
from strandloom.experiment import check_experiment
from strandloom.models.build import build
from strandloom.training.arrays import Arrays
from strandloom.training.infer import BATCH, logits
from strandloom.training.loop import fit
from strandloom.training.runtime import apply, choose_runtime
from strandloom.training.task import TaskHead

LENGTHS = (100, 300, 1_000, 3_000, 10_000)
LEAST_ROWS = 2 * BATCH


def peak_memory() -> float:
    """Peak resident memory of this process so far, MiB."""
    said = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(said.split()[1]) / 1024


def measure(length: int, bases: int) -> None:
    """Print samples/s of training and of prediction, and the peak memory after each."""
    count = max(bases // length, LEAST_ROWS)
    apply(choose_runtime("cpu", parameters=10**6))
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 4, (count, length), dtype=np.uint8))
    rows = Arrays(codes, torch.full((count,), length, dtype=torch.int32), torch.from_numpy(rng.integers(0, 2, count)))
    experiment = check_experiment({"data": {"table": "x"}, "training": {"epochs": 2}})
    model = build(experiment.model, channels=4, length=length, outputs=2)
    logits(model, codes[:BATCH])  # the first pass prepares the kernels
    predicted = count / timed(lambda: logits(model, codes))
    after_prediction = peak_memory()
    settings, head = experiment.training, TaskHead("classes", 2)
    fitted = fit(
        model, rows, rows.take(torch.arange(8)), settings=settings, task=head, strand="one", device="cpu", precision="bf16"
    )  # fmt: skip
    print(fitted.history[-1].samples_per_second, predicted, after_prediction, peak_memory())


def main() -> None:
    """Measure every length, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bases", type=int, default=4_000_000, help="bases of each data set")
    parser.add_argument("--length", type=int, help="measure this length alone, in this process")
    given = parser.parse_args()
    if given.length:
        measure(given.length, given.bases)
        return
    rows = []
    for length in LENGTHS:
        command = [sys.executable, __file__, "--bases", str(given.bases), "--length", str(length)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        trained, predicted, peak_predicting, peak_training = map(float, done.stdout.split())
        print(f"  {length:,} bases: {trained:,.0f} and {predicted:,.0f} sequences/s", file=sys.stderr)
        rows.append(
            {
                "length": f"{length:,}",
                "training, sequences/s": trained,
                "Mbases/s": trained * length / 1e6,
                "peak RSS, MiB": peak_training,
                "prediction, sequences/s": predicted,
                "Mbases/s predicted": predicted * length / 1e6,
                "peak RSS predicting, MiB": peak_predicting,
            }
        )
    record(
        "lengths",
        "Cost by sequence length: the default network (residual)",
        rows,
        packages=["torch", "numpy"],
        note="training in bf16 with default settings, prediction in fp32; one run each",
    )


if __name__ == "__main__":
    main()
