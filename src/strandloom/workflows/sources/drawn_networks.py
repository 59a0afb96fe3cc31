"""Networks that learn from drawn reads alone, without tables or practice: the published one, and the one of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.bundle import Bundle
from strandloom.models.build import build
from strandloom.predict import Predictor
from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.sources.calibrate import Calibration, Practised, calibrate
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.practice import SEEN, reads_like_nothing
from strandloom.workflows.sources.published import LENGTH, NETWORK, PublishedModel, train_published
from strandloom.workflows.sources.rehearse import Rehearsal
from strandloom.workflows.sources.settings import SourceTraining
from strandloom.workflows.sources.tokens import TokenModel, train_tokens

Draw = Callable[[int, int], tuple[ReadBlock, NDArray[np.int64]]]
Say = Callable[[str], None]


class DrawnNetwork(NamedTuple):
    """A trained network."""

    model: PublishedModel | TokenModel
    bundle: Bundle | None
    """The published network, still without its calibration."""


def drawer(rehearsal: Rehearsal, *, hidden: np.uint64 = np.uint64(0)) -> Draw:
    """Draws reads: environments alike, and lineages alike within one.

    Parameters
    ----------
    hidden
        Lineages that no read comes from.
    """
    lineages = rehearsal.lineages
    used = np.flatnonzero((lineages.own & hidden) == 0)
    homes = [used[lineages.environment[used] == e] for e in range(lineages.environments)]
    left = [e for e, own in enumerate(homes) if len(own)]

    def draw(count: int, seed: int) -> tuple[ReadBlock, NDArray[np.int64]]:
        generator = np.random.default_rng(seed)
        environment = generator.choice(left, count)
        lineage = np.empty(count, np.int64)
        for e in left:
            rows = np.flatnonzero(environment == e)
            lineage[rows] = homes[e][generator.integers(0, len(homes[e]), len(rows))]
        return ReadBlock.rectangle(*rehearsal.draw(lineage, seed=seed, learned=True)), environment

    return draw


def train_network(
    rehearsal: Rehearsal,
    environments: tuple[str, ...],
    settings: SourceTraining,
    *,
    threads: int,
    hidden: np.uint64 = np.uint64(0),
    say: Say = lambda _: None,
) -> DrawnNetwork:
    """Train the network that the settings name.

    Parameters
    ----------
    hidden
        Lineages that it learns nothing from.

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """
    draw = drawer(rehearsal, hidden=hidden)
    if settings.model == "tokens":
        return DrawnNetwork(train_tokens(draw, environments, seed=settings.seed, say=say), None)
    runtime = apply(choose_runtime("cpu", parameters=5_000_000, threads=threads))
    bundle = train_published(draw, environments, seed=settings.seed, runtime=runtime, say=say)
    network = build(NETWORK, channels=4, length=LENGTH, outputs=len(environments))
    network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in bundle.weights[0].items()})
    return DrawnNetwork(PublishedModel(environments, Predictor(bundle, [network.eval()], runtime)), bundle)


def calibrated_network(
    rehearsal: Rehearsal, model: PublishedModel | TokenModel, *, reads: int, seed: int, threads: int
) -> Calibration:
    """Ask a network for fresh reads of every lineage, and for reads like nothing."""
    lineages = rehearsal.lineages
    lineage = np.repeat(np.arange(len(lineages)), reads)
    known = ReadBlock.rectangle(*rehearsal.draw(lineage, seed=seed * 31))
    drawn, lengths = rehearsal.draw(np.resize(np.arange(len(lineages)), 10 * reads), seed=seed * 31 + 7)
    generator = np.random.default_rng([seed, 5])
    strange = ReadBlock.rectangle(reads_like_nothing(drawn, generator=generator), lengths)
    practised = [Practised(model.answer(known, threads=threads), lineage, SEEN)]
    return calibrate(practised, model.answer(strange, threads=threads), lineages, seed=seed, exchangeable=False)
