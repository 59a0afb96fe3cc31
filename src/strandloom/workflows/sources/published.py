"""The published network of microbial source tracking (Oskolkov): 512 filters of 20 bases over one-hot reads of 80, 5,285,636 weights.

It is trained on reads drawn from the genomes, both strands; what it lacks against the lean model is any notion of what it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.bundle import Bundle, Manifest
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings
from strandloom.predict import Predictor
from strandloom.training.arrays import Arrays
from strandloom.training.loop import fit
from strandloom.training.runtime import Runtime
from strandloom.training.settings import AugmentationSettings, ConstantSettings, OptimizerSettings, TrainingSettings
from strandloom.training.task import TaskHead
from strandloom.version import VERSION
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.model import Answers, padded, seen_answers
from strandloom.workflows.sources.practice import REGIMES

LENGTH = 80
NETWORK = LayersSettings.model_validate(
    {
        "kind": "layers",
        "blocks": [
            {"block": "conv", "filters": 512, "width": 20, "padding": "same"},
            {"block": "activation", "function": "relu"},
            {"block": "pool", "size": 2},
            {"block": "dropout", "rate": 0.2},
            {"block": "flatten"},
            {"block": "dense", "units": 256},
            {"block": "activation", "function": "relu"},
            {"block": "dropout", "rate": 0.1},
        ],
    }
)
READS, CHECKED = 240_000, 8_000
"""Reads drawn for training, and to choose the epoch."""
EPOCHS = 3


@dataclass(frozen=True, eq=False)
class PublishedModel:
    """The network, asked through any engine.

    Parameters
    ----------
    environments
        Names, E of them.
    predictor
        The loaded bundle.
    """

    environments: tuple[str, ...]
    predictor: Predictor

    def answer(self, reads: ReadBlock, *, threads: int = 1) -> Answers:
        """Answers for reads; of longer ones the first 80 bases count. Nothing is said of what a read meets."""
        if not len(reads.starts):
            return Answers(np.zeros((0, len(self.environments)), np.float32), np.zeros((0, len(REGIMES)), np.float32))
        codes, lengths = padded(reads, LENGTH)
        scores = self.predictor.logits(codes, lengths)
        top = scores.max(1, keepdims=True)
        logs = scores - top - np.log(np.exp(scores - top).sum(1, keepdims=True))
        return seen_answers(logs.astype(np.float32))


def train_published(
    draw: Callable[[int, int], tuple[ReadBlock, NDArray[np.int64]]],
    environments: tuple[str, ...],
    *,
    seed: int,
    runtime: Runtime,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Train it on drawn reads; the bundle has no parts yet.

    Parameters
    ----------
    draw
        Count and number of a draw to reads and their environments int64 ``(N,)``.

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """

    def drawn(count: int, number: int) -> Arrays:
        reads, environment = draw(count, seed * 101 + number)
        codes, lengths = padded(reads, LENGTH)
        return Arrays(torch.from_numpy(codes), torch.from_numpy(lengths), torch.from_numpy(environment))

    settings = TrainingSettings(
        epochs=EPOCHS,
        batch_size=256,
        seed=seed,
        augmentation=AugmentationSettings(shift=0),
        optimizer=OptimizerSettings(kind="sgd", learning_rate=0.01, weight_decay=0, momentum=0.9),
        schedule=ConstantSettings(),
        average=None,
        monitor="loss",
    )
    network = build(NETWORK, channels=4, length=LENGTH, outputs=len(environments), seed=seed)
    result = fit(
        network, drawn(READS, 0), drawn(CHECKED, 1), settings=settings, task=TaskHead("classes", len(environments)), strand="both",
        device=runtime.device, precision=runtime.precision,
    )  # fmt: skip
    say(f"the published network: {result.seconds:.0f} s, {result.samples_per_second:,.0f} reads/s")
    manifest = Manifest(
        strandloom=VERSION,
        name="sources",
        task="classes",
        length=LENGTH,
        labels=environments,
        target=("environment",),
        model=NETWORK,
    )
    weights: dict[str, NDArray[np.float32]] = {key: value.cpu().numpy() for key, value in network.state_dict().items()}
    return Bundle(manifest, (weights,))
