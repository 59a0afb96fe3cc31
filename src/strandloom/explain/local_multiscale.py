"""``multiscale`` networks, computed where substitutions change them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from strandloom.explain.local_layers import Stem, attend, attention_scores, maximum, outside
from strandloom.models.blocks import padding_mask
from strandloom.models.multiscale import Branch, Multiscale

STRETCH = 8
"""Bases whose substitutions are computed together where nothing is pooled: few, or most of what is computed does not change."""


class LocalMultiscale:
    """A ``multiscale`` network where substitutions change it."""

    stretch = STRETCH

    def __init__(self, network: Multiscale) -> None:
        self.network = network
        branches = [branch for branch in network.branches if isinstance(branch, Branch)]
        self.branches = [(Stem(branch.conv, stretch=self.stretch), branch.attention) for branch in branches]

    def keep(self, x: Tensor) -> KeptMultiscale:
        """See :class:`~strandloom.explain.local.Local`."""
        mask = padding_mask(x)
        seen = None if mask is None else mask.t()
        kept = []
        for stem, attention in self.branches:
            values = stem.keep(x, mask)
            features = values.relu()
            kept.append((values, features, attention_scores(attention, features, seen)))
        return KeptMultiscale(self, kept, seen)


@dataclass(frozen=True, eq=False)
class KeptMultiscale:
    """Of each branch the values before ReLU, the features ``(L, S, F)`` and their scores ``(L, S, H)``; bool ``(L, S)``."""

    local: LocalMultiscale
    branches: list[tuple[Tensor, Tensor, Tensor]]
    seen: Tensor | None

    def scores(self, row: Tensor, change: Tensor, *, first: int) -> Tensor:
        """See :class:`~strandloom.explain.local.Kept`."""
        parts = []
        for (stem, attention), (values, features, scores) in zip(self.local.branches, self.branches, strict=True):
            new, start = stem.edited(values, row, change, first=first)
            stop = start + len(new)
            rest = outside(features, start, stop)
            parts.append(maximum(new, rest, row))
            seen = None if self.seen is None else self.seen[start:stop, row]
            parts.append(attend(attention, new, seen, rest, outside(scores, start, stop), row))
        return self.local.network.head(torch.cat(parts, dim=1))
