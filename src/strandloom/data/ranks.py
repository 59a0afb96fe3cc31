"""Rank statistics in plain numpy: AUROC of a score and Spearman correlation, ties shared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 1 of ``values`` ``(N,)``, tied values sharing their mean rank."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Chance that a positive scores above a negative (ties count half); NaN where one side is empty.

    Parameters
    ----------
    scores
        ``(N,)``; infinite values are fine.
    positive
        Bool ``(N,)``.
    """
    positive = np.asarray(positive, bool)
    count = int(positive.sum())
    other = len(positive) - count
    if count == 0 or other == 0:
        return float("nan")
    ranks = average_ranks(scores)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * other))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman rank correlation of two ``(N,)`` arrays; 0 where one is constant."""
    a, b = average_ranks(first), average_ranks(second)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
