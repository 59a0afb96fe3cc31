"""The two networks: how well a sequence fits each answer, and what a place adds for each species.

Scores are log odds and add up: the score of an answer at a place is that of the sequence plus that of the place. Where no place is
known nothing is added, so the answer is exactly the one from the sequence alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from strandloom.workflows.taxonomy.evidence import KINDS


def log_softmax(scores: Tensor, query: Tensor, queries: int) -> Tensor:
    """Log probabilities (n,) of answers within their query.

    Parameters
    ----------
    scores
        float (n,).
    query
        int64 (n,): the query of each answer, rising.
    queries
        Number of queries; each has an answer.
    """
    most = torch.full((queries,), -torch.inf, dtype=scores.dtype).scatter_reduce(0, query, scores.detach(), "amax")
    shifted = scores - most[query]
    total = torch.zeros(queries, dtype=scores.dtype).index_add(0, query, shifted.exp())
    return shifted - total.log()[query]


class Standard(nn.Module):
    """Features less their mean, over their spread; both are fixed when training begins.

    Parameters
    ----------
    features
        Number of features, F.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))

    def fit(self, values: Tensor) -> None:
        """Take mean and spread of float (n, F)."""
        self.mean = values.mean(0)
        self.spread = values.std(0, correction=0).clamp(min=1e-4)

    def forward(self, values: Tensor) -> Tensor:
        """float (n, F) to float (n, F)."""
        return ((values - self.mean) / self.spread).clamp(-8, 8)


class AnswerNetwork(nn.Module):
    """Scores the answers to a query, each in view of all of them (a deep set with an attention-weighted summary).

    Zaheer et al., "Deep Sets", NeurIPS 2017.

    Parameters
    ----------
    features
        Features of an answer, F.
    units
        Units of each layer.
    """

    def __init__(self, features: int, *, units: int = 48) -> None:
        super().__init__()
        self.units = units
        self.standard = Standard(features)
        self.look = nn.ModuleList(
            nn.Sequential(nn.Linear(features, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU())
            for _ in range(KINDS)
        )
        self.weigh = nn.Linear(units, 1)
        self.judge = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * units, units), nn.ReLU(), nn.Linear(units, 1)) for _ in range(KINDS)
        )

    def forward(self, features: Tensor, kind: Tensor, query: Tensor, queries: int) -> Tensor:
        """Scores (n,) of answers of features (n, F), kind int64 (n,) and query int64 (n,)."""
        values = self.standard(features)
        rows = [torch.nonzero(kind == k)[:, 0] for k in range(KINDS)]
        seen = values.new_zeros(len(values), self.units)  # (n, U)
        for own, look in zip(rows, self.look, strict=True):
            seen = seen.index_copy(0, own, look(values[own]))
        weight = log_softmax(self.weigh(seen)[:, 0], query, queries).exp()
        summary = values.new_zeros(queries, self.units).index_add(0, query, seen * weight[:, None])  # (Q, U)
        both = torch.cat([seen, summary[query]], dim=1)  # (n, 2 U)
        scores = values.new_zeros(len(values))
        for own, judge in zip(rows, self.judge, strict=True):
            scores = scores.index_copy(0, own, judge(both[own])[:, 0])
        return scores


class PlaceNetwork(nn.Module):
    """What a place adds to each answer: a function of what is known of the species' range around it.

    Parameters
    ----------
    features
        Features of a species at a place, F.
    units
        Units of each layer.
    """

    def __init__(self, features: int, *, units: int = 32) -> None:
        super().__init__()
        self.standard = Standard(features)
        self.species = nn.Sequential(
            nn.Linear(features, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 1)
        )
        self.unlisted = nn.Parameter(torch.zeros(KINDS))

    def forward(self, features: Tensor, kind: Tensor, rows: Tensor) -> Tensor:
        """Scores (n,) of answers of kind int64 (n,); ``rows`` int64 (m,) are the species, features (m, F)."""
        scores = self.unlisted[kind]
        return scores.index_copy(0, rows, self.species(self.standard(features))[:, 0])
