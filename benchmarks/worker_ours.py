"""Trains the published networks with this package: a command a line on stdin, a figure a line on stdout.

``train source bf16`` or ``train source fp32``: samples/s of a training epoch.

Usage: worker_ours.py [DEVICE], a card or ``cpu``; on a card there are ``published.CARD_ROWS`` times as many rows.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np
import torch
from torch import nn

from published import NETWORKS, rows_on
from strandloom.experiment import check_experiment
from strandloom.models.build import build
from strandloom.training.arrays import Arrays
from strandloom.training.loop import fit
from strandloom.training.runtime import apply, choose_runtime
from strandloom.training.settings import Precision
from strandloom.training.task import TaskHead

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"


@cache
def _arrays(name: str) -> Arrays:
    spec, rows = NETWORKS[name], rows_on(DEVICE, name)
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 4, (rows, spec.length), dtype=np.uint8))
    if spec.task == "classes":
        targets = torch.from_numpy(rng.integers(0, spec.outputs, rows))
    else:
        share = 0.02 if spec.task == "labels" else 0.5
        targets = torch.from_numpy((rng.random((rows, spec.outputs)) < share).astype(np.float32))
    return Arrays(codes, torch.full((rows,), spec.length, dtype=torch.int32), targets)


def _network(name: str) -> nn.Module:
    spec = NETWORKS[name]
    model = check_experiment({"data": {"table": "x"}, "model": spec.model}).model
    return build(model, channels=4, length=spec.length, outputs=spec.outputs, seed=1)


def train(name: str, precision: Precision) -> float:
    """Samples/s of the second of two epochs of :func:`strandloom.training.loop.fit`."""
    spec, rows = NETWORKS[name], _arrays(name)
    settings = check_experiment(
        {
            "data": {"table": "x"},
            "training": {
                "epochs": 2, "batch_size": spec.batch, "optimizer": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 0},
                "schedule": {"kind": "constant"}, "average": None, "gradient_clip": None, "augmentation": {"shift": 0},
            },
        }
    ).training  # fmt: skip
    result = fit(
        _network(name), rows, rows.take(torch.arange(8)), settings=settings, task=TaskHead(spec.task, spec.outputs),
        strand="one", device=DEVICE, precision=precision,
    )  # fmt: skip
    return result.history[-1].samples_per_second


def main() -> None:
    """Answer until stdin ends."""
    apply(choose_runtime(DEVICE, parameters=10**6))
    print("ready", flush=True)
    for line in sys.stdin:
        _, name, precision = line.split()
        print(train(name, precision), flush=True)


if __name__ == "__main__":
    main()
