"""Prediction with the published networks: every engine beside Keras `predict`, with what each loses on real validation rows.

Each network is trained for a few epochs on real data (STRANDLOOM_DATA); every engine is made from it as `strandloom export` makes it
(ranges of 8-bit numbers from training rows). An engine counts if its metric falls by less than .002 against torch fp32: accuracy for
classes, mean average precision for labels, R² for values. "fp32-equal" are the engines that compute in fp32. Keras predicts the same
network with random weights in its own process, the fastest of three.

Usage: python benchmarks/engines.py [--repeats 5] [--only source,utr]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import nn

from common import RESULTS, alternate, median, record
from published import NETWORKS
from real import load
from strandloom.engines.catalog import make_files, open_engine, torch_threads
from strandloom.engines.settings import CALIBRATION_ROWS, ENGINES, LARGEST_DROP, batch_rows
from strandloom.engines.source import Source
from strandloom.errors import StrandloomError
from strandloom.experiment import check_experiment
from strandloom.models.build import build
from strandloom.training.arrays import Arrays
from strandloom.training.infer import logits
from strandloom.training.loop import fit
from strandloom.training.runtime import apply, choose_runtime
from strandloom.training.task import TaskHead
from workers import fastest_keras

EXACT = ("torch", "onnx-fp32", "openvino-fp32")
MFLOP = {"source": 17.0, "multiscale": 5.5, "utr": 35.4, "danq": 401.0}
"""Floating-point operations of a sequence's forward pass, millions: twice the products of convolutions, LSTMs and dense layers."""
EPOCHS = {"source": 4, "multiscale": 24, "utr": 4, "danq": 2}


def trained(name: str, train: Arrays, validation: Arrays) -> nn.Module:
    """The network after a few epochs; the best by validation."""
    spec = NETWORKS[name]
    outputs = spec.outputs if spec.task == "classes" else train.targets.shape[1]
    model = check_experiment({"data": {"table": "x"}, "model": spec.model}).model
    network = build(model, channels=4, length=spec.length, outputs=outputs, seed=1)
    settings = check_experiment(
        {
            "data": {"table": "x"},
            "training": {
                "epochs": EPOCHS[name],
                "batch_size": spec.batch,
                "augmentation": {"shift": 0},
                "average": None,
                "optimizer": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 0},
                "schedule": {"kind": "constant"},
            },
        }
    ).training
    few = validation.take(torch.randperm(len(validation), generator=torch.Generator().manual_seed(0))[:1000])
    fit(network, train, few, settings=settings, task=TaskHead(spec.task, outputs), strand="one")
    return network.eval()


def score(name: str, scores: NDArray[np.float32], targets: NDArray[Any]) -> float:
    """Accuracy, mean average precision over labels with positives, or R²."""
    task = NETWORKS[name].task
    if task == "classes":
        return float((scores.argmax(axis=1) == targets).mean())
    if task == "labels":
        kept = targets.any(axis=0)
        return float(average_precision_score(targets[:, kept], scores[:, kept], average="macro"))
    return float(1 - ((scores - targets) ** 2).sum() / ((targets - targets.mean()) ** 2).sum())


def speed(engine: Any, network: nn.Module, codes: torch.Tensor, *, batch: int, threads: int) -> float:
    """Sequences a second, over a second and a half."""
    with torch_threads(None if engine == "torch" else engine, threads):
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < 1.5:
            logits(network, codes, batch_size=batch)
            done += len(codes)
        return done / (time.perf_counter() - started)


def measure(name: str, *, repeats: int) -> list[dict[str, Any]]:
    """The engines of one network."""
    spec, parts = NETWORKS[name], load(name)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0))
    print(f"training {name}", file=sys.stderr)
    network = trained(name, parts.train, parts.validation)
    drawn = torch.randperm(len(parts.train), generator=torch.Generator().manual_seed(0))[:CALIBRATION_ROWS]
    source = Source(network, parts.train.codes[drawn].numpy())
    networks: dict[str, nn.Module] = {"torch": network}
    for engine in ENGINES:
        try:
            files = make_files(engine, source)
            networks[engine] = open_engine(engine, files, network=network, threads=runtime.threads)
        except StrandloomError:
            raise
        except Exception as error:  # what a library cannot express it says in its own way
            print(f"  {engine}: cannot be made ({type(error).__name__})", file=sys.stderr)
    codes, batch = parts.validation.codes[:4096], batch_rows(spec.length)
    targets = parts.validation.targets.numpy()
    answers = {key: logits(one, parts.validation.codes, batch_size=batch) for key, one in networks.items()}
    metrics = {key: score(name, found, targets) for key, found in answers.items()}
    if spec.task == "classes" and metrics["torch"] <= np.bincount(targets).max() / len(targets):
        sys.exit(f"the network of {name} has learnt nothing, so the engines cannot be judged")
    few = codes if spec.length < 1000 else codes[:512]
    keras = {p: fastest_keras("predict", name, p) for p in ("fp32", "bf16")}
    ways = {
        key: partial(speed, key, one, few, batch=batch, threads=runtime.threads) for key, one in networks.items()
    } | {f"Keras {p}": partial(worker.ask, "predict", name, p) for p, worker in keras.items()}
    speeds = {key: median(found) for key, found in alternate(ways, repeats=repeats).items()}
    for worker in keras.values():
        worker.close()
    peak = {row["kind"]: row["GFLOP/s"] for row in json.loads(RESULTS.read_text())["peak"]["rows"]}
    rows = []
    for key in [*networks, "Keras fp32", "Keras bf16"]:
        kind = "int8" if key.endswith("int8") else "bf16" if "bf16" in key else "fp32 oneDNN"
        ours = key in networks
        drop = metrics["torch"] - metrics[key] if ours else float("nan")
        rows.append(
            {
                "engine": f"{name} {key}",
                "sequences/s": speeds[key],
                "/ Keras fp32": speeds[key] / speeds["Keras fp32"],
                "/ Keras best": speeds[key] / max(speeds["Keras fp32"], speeds["Keras bf16"]),
                "/ matrix product": speeds[key] * MFLOP[name] / 1e3 / peak[kind],
                "metric": f"{metrics[key]:.4f}" if ours else "",
                "largest difference": f"{np.abs(answers[key] - answers['torch']).max() / answers['torch'].std():.1e}" if ours else "",
                "used": ("fp32-equal" if key in EXACT else "yes" if drop < LARGEST_DROP else "no") if ours else "",
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(NETWORKS))
    given = parser.parse_args()
    if not os.environ.get("STRANDLOOM_DATA"):
        print("engines are left out: they are judged on real data, so set STRANDLOOM_DATA", file=sys.stderr)
        return
    for name in given.only.split(","):
        record(
            f"engines-{name}",
            f"Prediction, {NETWORKS[name].title}",
            measure(name, repeats=given.repeats),
            packages=["torch", "onnxruntime", "openvino", "nncf"],
            note=f"medians of {given.repeats} alternating rounds; metric on validation rows; difference of the scores in their s.d.",
        )


if __name__ == "__main__":
    main()
