"""Test quality of the published networks trained on real data: strandloom in fp32 and in bf16, and Keras, over seeds.

Every way trains the same network on the same rows (``real.py``): Adam at 1e-3, the batch of ``published.py``, the same epochs,
no clipping, running average or augmentation; the epoch of the lowest validation loss is judged once on the test rows. Each
training is kept in ``runs/quality/`` and not repeated; delete the folder to measure anew.

A seed means the same first weights, row order and dropout in fp32 and bf16 of strandloom; those of Keras are its own.

Usage: python benchmarks/quality.py [--seeds 3] [--only source,utr] [--ways "strandloom fp32,Keras fp32"]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import ROOT, machine, record
from published import NETWORKS, Published
from real import Parts, load
from strandloom.experiment import check_experiment
from strandloom.models.build import build
from strandloom.training.infer import logits
from strandloom.training.loop import fit
from strandloom.training.monitor import figures
from strandloom.training.runtime import apply, choose_runtime
from strandloom.training.settings import Precision
from strandloom.training.task import TaskHead
from workers import keras_python

RUNS = ROOT / "runs" / "quality"
WAYS = ("strandloom fp32", "strandloom bf16", "Keras fp32")
EPOCHS = {"source": 3, "multiscale": 24, "utr": 8, "danq": 3}
FIGURE = {"source": "accuracy", "multiscale": "roc_auc", "utr": "r2", "danq": "average_precision"}
"""What counts on the test rows; of ``danq`` the mean over the labels."""


def train(way: str, name: str, seed: int, parts: Parts) -> dict[str, Any]:
    """Train once: the figures on the test rows, seconds of training (validation included), best epoch, losses by epoch."""
    spec = NETWORKS[name]
    if spec.task == "labels":
        spec = replace(spec, outputs=parts.train.targets.shape[1])
    precision: Precision = "bf16" if way.endswith("bf16") else "fp32"
    work = _keras if way.startswith("Keras") else _ours
    scores, told = work(name, spec, precision, seed, parts)
    head = TaskHead(spec.task, spec.outputs)
    measured = {"commit": machine()["commit"], "epochs": EPOCHS[name], "model": spec.model}
    return {"test": figures(scores, parts.test, task=head, weights=np.ones(len(parts.test))), **measured, **told}


def _ours(
    name: str, spec: Published, precision: Precision, seed: int, parts: Parts
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Raw scores (N, K) of the test rows, and how the training went."""
    experiment = check_experiment(
        {
            "data": {"table": "x"},
            "model": spec.model,
            "training": {
                "epochs": EPOCHS[name], "batch_size": spec.batch, "seed": seed, "monitor": "loss", "patience": None,
                "optimizer": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 0, "betas": [0.9, 0.999]},
                "schedule": {"kind": "constant"}, "average": None, "gradient_clip": None, "augmentation": {"shift": 0},
            },
        }
    )  # fmt: skip
    model = build(experiment.model, channels=4, length=spec.length, outputs=spec.outputs, seed=seed)
    result = fit(
        model, parts.train, parts.validation, settings=experiment.training, task=TaskHead(spec.task, spec.outputs),
        strand="one", device="cpu", precision=precision,
    )  # fmt: skip
    told = {
        "seconds": result.seconds,
        "best_epoch": result.best_epoch,
        "train": [epoch.train_loss for epoch in result.history],
        "valid": [epoch.validation_loss for epoch in result.history],
    }
    return logits(model, parts.test.codes, parts.test.lengths), told


def _keras(
    name: str, spec: Published, precision: Precision, seed: int, parts: Parts
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """As :func:`_ours`, by ``quality_keras.py`` in Keras's own environment."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        columns = {
            f"{part}_{column}": getattr(rows, column).numpy()
            for part, rows in parts._asdict().items()
            for column in ("codes", "targets")
        }
        np.savez(data, **columns)
        words = [str(data), name, precision, str(seed), str(EPOCHS[name]), str(spec.batch)]
        script = ROOT / "benchmarks" / "quality_keras.py"
        done = subprocess.run([str(keras_python()), str(script), *words], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"Keras ended:\n{done.stderr}")
        return np.load(data.with_name("scores.npy")), json.loads(done.stdout.splitlines()[-1])


def summary(name: str, found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each way: the test figure and seconds over seeds, and the distance from strandloom's fp32.

    ``t`` is the difference of the means in standard errors (Welch): with 3 seeds, within ±2.8 is seed noise.
    """
    scores = {way: [one["test"][FIGURE[name]] for one in runs] for way, runs in found.items()}
    base, rows = scores[WAYS[0]], []
    for way, values in scores.items():
        difference = statistics.fmean(values) - statistics.fmean(base)
        error = math.sqrt((statistics.variance(values) + statistics.variance(base)) / len(base))
        rows.append(
            {
                "network": name,
                "way": way,
                "figure": FIGURE[name],
                "median": f"{statistics.median(values):.4f}",
                "lowest": f"{min(values):.4f}",
                "highest": f"{max(values):.4f}",
                "− fp32": "" if way == WAYS[0] else f"{difference:+.4f}",
                "t": "" if way == WAYS[0] else f"{difference / error:+.1f}",
                "seconds": statistics.median(one["seconds"] for one in found[way]),
            }
        )
    return rows


def main() -> None:
    """Train what is missing, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 to this; at least 2 to be recorded")
    parser.add_argument("--only", default=",".join(NETWORKS))
    parser.add_argument("--ways", default=",".join(WAYS), help="Keras bf16 can be added")
    given = parser.parse_args()
    apply(choose_runtime("cpu", parameters=10**6))
    RUNS.mkdir(parents=True, exist_ok=True)
    for name in given.only.split(","):
        parts = load(name)
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in given.ways.split(",")}
        for seed in range(1, given.seeds + 1):
            for way, runs in found.items():
                kept = RUNS / f"{name}-{way.replace(' ', '-')}-{seed}.json"
                if not kept.is_file():
                    result = train(way, name, seed, parts)
                    kept.write_text(json.dumps(result, indent=1) + "\n")
                    print(f"{name}, {way}, seed {seed}: {result['test']} in {result['seconds']:.0f} s", file=sys.stderr)
                runs.append(json.loads(kept.read_text()))
                if runs[-1]["epochs"] != EPOCHS[name] or runs[-1]["model"] != NETWORKS[name].model:
                    sys.exit(f"{kept} is of other epochs or another model: delete it to train anew")
        if set(WAYS) <= set(found) and given.seeds > 1:
            commits = sorted({run["commit"] for runs in found.values() for run in runs})
            note = (
                f"{given.seeds} seeds, trained at commits {', '.join(commits)}; "
                "t: difference from strandloom fp32 in standard errors over seeds"
            )
            title = f"Test quality, {NETWORKS[name].title}"
            record(f"quality-{name}", title, summary(name, found), packages=["torch", "numpy"], note=note)


if __name__ == "__main__":
    main()
