"""Train the lean network on practice evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from strandloom.errors import DivergedError
from strandloom.training.seeds import derive_seed, private_rng
from strandloom.workflows.sources.evidence import Evidence
from strandloom.workflows.sources.network import SourceNetwork
from strandloom.workflows.sources.practice import STRANGE

READS_A_STEP = 1024
RATE = 5e-3
DECAY = 1e-3
_WEIGHTS, _ORDER = 21, 22


class Lesson(NamedTuple):
    """Practice reads with their answers."""

    evidence: Evidence
    """Of N reads."""
    environment: NDArray[np.int64]
    """int64 ``(N,)``."""
    regime: NDArray[np.int8]
    """int8 ``(N,)``."""
    weight: NDArray[np.float32]
    """float32 ``(N,)``: environments weigh the same, and lineages within one."""


def learn(
    lesson: Lesson,
    *,
    seed: int,
    epochs: int,
    own: bool = False,
    on_epoch: Callable[[int, float], None] | None = None,
) -> SourceNetwork:
    """Train a network; the rate rises and falls over the whole of it (one cycle), so the last weights are taken.

    With ``own`` every environment has weights of its own (a collection of reads).

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """
    evidence, read = torch.from_numpy(lesson.evidence.environments), torch.from_numpy(lesson.evidence.read)
    environment, regime = torch.from_numpy(lesson.environment), torch.from_numpy(lesson.regime.astype(np.int64))
    weight = torch.from_numpy(lesson.weight)
    with private_rng(torch.device("cpu")):
        torch.manual_seed(derive_seed(_WEIGHTS, seed))
        network = SourceNetwork(evidence.shape[2], read.shape[1], environments=evidence.shape[1] if own else None)
        network.standardise(evidence, read)
        steps = -(-len(evidence) // READS_A_STEP)
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps * epochs + 1)
        for epoch in range(1, epochs + 1):
            order = np.random.default_rng(derive_seed(_ORDER, seed, epoch)).permutation(len(evidence))
            summed = 0.0
            for start in range(0, len(order), READS_A_STEP):
                rows = torch.from_numpy(order[start : start + READS_A_STEP])
                loss = _loss(network, evidence[rows], read[rows], environment[rows], regime[rows], weight[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                summed += float(loss.detach())
            if not np.isfinite(summed):
                raise DivergedError(
                    f"training diverged in epoch {epoch}: the loss is no longer a number",
                    hint="train with another --seed",
                )
            if on_epoch is not None:
                on_epoch(epoch, summed / steps)
    return network.eval()


def _loss(
    network: SourceNetwork, evidence: Tensor, read: Tensor, environment: Tensor, regime: Tensor, weight: Tensor
) -> Tensor:
    """Negative log probabilities, weighted means: of the environment by each reading where it can tell, and of the regime."""
    found = network(evidence, read)
    near = weight * (regime < STRANGE)
    far = weight * (regime == STRANGE)
    return (
        _mean(functional.cross_entropy(found.words, environment, reduction="none"), near)
        + _mean(functional.cross_entropy(found.composition, environment, reduction="none"), far)
        + _mean(functional.cross_entropy(found.regime, regime, reduction="none"), weight)
    )


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
