"""The lean network: two readings of the evidence, and how familiar a read is, which decides between them.

Where relatives of a read are in the collection, the long words that it shares with them tell its environment. Where they are not,
shared words mislead (the nearest relative may live elsewhere) and only the composition of the read is left. So there are two readings,
each the same function for every environment, with weights that cannot be negative, and a network that says what a read meets: itself,
a relative, or nothing like it. What it learns from some environments serves others: none of them has weights of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from strandloom.workflows.sources.practice import REGIMES, STRANGE
from strandloom.workflows.sources.tables import SHORT

CAUTION = math.log(2)
"""Shared words decide only where a relative is this much (log odds) more probable than none: a collection holds a small part of what
lives in an environment, so most reads have no relative in it."""
OWN_UNITS = 64
COMPOSITION = 2
"""The feature of naive Bayes: the longest of the counted words."""


class Readings(NamedTuple):
    """Scores of B reads."""

    words: Tensor
    """float ``(B, E)``: log odds of environments by all the evidence."""
    composition: Tensor
    """float ``(B, E)``: by the composition alone."""
    regime: Tensor
    """float ``(B, 4)``: log odds of what a read meets (:data:`~strandloom.workflows.sources.practice.REGIMES`)."""

    def log_posterior(self) -> Tensor:
        """Log probability of each environment, given that the read is from one of them: float ``(B, E)``."""
        known = self.log_regime()
        near = torch.logsumexp(known[:, :STRANGE], 1, keepdim=True)
        far = torch.logsumexp(known[:, STRANGE:], 1, keepdim=True)
        words, composed = functional.log_softmax(self.words, 1), functional.log_softmax(self.composition, 1)
        return functional.log_softmax(torch.logaddexp(near - CAUTION + words, far + composed), 1)

    def log_regime(self) -> Tensor:
        """Log probability of what a read meets, float ``(B, 4)``."""
        return functional.log_softmax(self.regime, 1)


class SourceNetwork(nn.Module):
    """Evidence to scores.

    Parameters
    ----------
    features
        Features of an environment, F.
    read_features
        Features of a read, R.
    units
        Units of the network that tells what a read meets.
    environments
        For a collection of reads: the number of environments, E, each of which then has weights of its own. There is one reading, which may
        learn what sets these samples apart, their sequencing run included; with genomes it would learn the genomes.
    """

    def __init__(self, features: int, read_features: int, *, units: int = 32, environments: int | None = None) -> None:
        super().__init__()
        self.register_buffer("spread", torch.ones(features))
        self.weights = nn.Parameter(torch.full((features,), -1.0))
        self.composed = nn.Parameter(torch.zeros(len(SHORT)))
        self.register_buffer("mean", torch.zeros(2 * features + read_features))
        self.register_buffer("width", torch.ones(2 * features + read_features))
        self.know = nn.Sequential(
            nn.Linear(2 * features + read_features, units),
            nn.ReLU(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, len(REGIMES) + 1),
        )

        self.own: nn.Sequential | None = None
        if environments is not None:
            self.register_buffer("centre", torch.zeros(environments, features))
            self.register_buffer("scale", torch.ones(environments, features))
            self.own = nn.Sequential(
                nn.Flatten(), nn.Linear(environments * features, OWN_UNITS), nn.ReLU(), nn.Dropout(0.2),
                nn.Linear(OWN_UNITS, OWN_UNITS), nn.ReLU(), nn.Dropout(0.2), nn.Linear(OWN_UNITS, environments),
            )  # fmt: skip

    def standardise(self, evidence: Tensor, read: Tensor) -> None:
        """Take means and spreads from float ``(N, E, F)`` and ``(N, R)``."""
        self.spread = evidence.reshape(-1, evidence.shape[-1]).std(0, correction=0).clamp(min=1e-3)
        best = _familiar(evidence, read)
        self.mean, self.width = best.mean(0), best.std(0, correction=0).clamp(min=1e-3)
        if self.own is not None:
            self.centre, self.scale = evidence.mean(0), evidence.std(0, correction=0).clamp(min=1e-3)

    def forward(self, evidence: Tensor, read: Tensor) -> Readings:
        """float ``(B, E, F)`` and ``(B, R)`` to scores."""
        known = self.know(((_familiar(evidence, read) - self.mean) / self.width).clamp(-8, 8))
        if self.own is not None:
            scores = self.own(((evidence - self.centre) / self.scale).clamp(-8, 8))
            return Readings(scores, scores, known[:, :-1])
        sure = known[:, -1:].clamp(-2, 2).exp()
        words = (evidence / self.spread * functional.softplus(self.weights)).sum(2) * sure  # (B, E)
        short = slice(len(SHORT))  # the counted words come first
        composition = (evidence[..., short] / self.spread[short] * functional.softplus(self.composed)).sum(2)
        return Readings(words, composition, known[:, :-1])


def _familiar(evidence: Tensor, read: Tensor) -> Tensor:
    """The largest and second largest value of each feature over environments, and the read's own features: float ``(B, 2 F + R)``."""
    return torch.cat([evidence.topk(2, dim=1).values.flatten(1), read], 1)
