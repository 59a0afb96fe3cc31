"""AUROC and average precision of many weighted resamples from one sort.

Sorting depends on the scores alone, so it is done once; each resample is then a column of row counts and both areas are
weighted cumulative sums down the sorted rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows of one yes/no question in order of score, ties resolved.

    Parameters
    ----------
    positive
        Rows of the P positives, best score first, int64 ``(P,)``.
    negative
        Rows of the Q negatives, best score first, int64 ``(Q,)``.
    above, reached
        For each positive the number of negatives scored strictly above it, and at or above it, int64 ``(P,)``.
    level
        For each positive the number of positives scored at or above it, int64 ``(P,)``.
    """

    positive: Rows
    negative: Rows
    above: Rows
    reached: Rows
    level: Rows


class Areas(NamedTuple):
    """Area under the ROC curve and average precision, float64 ``(R,)`` each; NaN where a resample lacks a side."""

    roc_auc: Floats
    average_precision: Floats


def rank(scores: NDArray[np.floating], is_positive: NDArray[np.bool_]) -> Ranking:
    """Sort scores ``(N,)`` once, for any number of resamples; ``is_positive`` is bool ``(N,)``."""
    positive, negative = np.flatnonzero(is_positive), np.flatnonzero(~is_positive)
    positive = positive[np.argsort(-scores[positive], kind="stable")]
    negative = negative[np.argsort(-scores[negative], kind="stable")]
    down_positive, down_negative = -scores[positive], -scores[negative]
    return Ranking(
        positive=positive,
        negative=negative,
        above=np.searchsorted(down_negative, down_positive, side="left"),
        reached=np.searchsorted(down_negative, down_positive, side="right"),
        level=np.searchsorted(down_positive, down_positive, side="right"),
    )


def areas(ranking: Ranking, weights: Floats) -> Areas:
    """Both areas under row weights ``(N, R)``: the counts of R resamples, or a column of ones.

    Ties count half in AUROC; average precision is the step sum over distinct scores (no interpolation), as in
    scikit-learn.
    """
    resamples = weights.shape[1]
    positives, negatives = weights[ranking.positive], weights[ranking.negative]  # (P, R), (Q, R)
    false = _cumulative(negatives)  # (Q + 1, R)
    true = _cumulative(positives)  # (P + 1, R)
    if not len(ranking.positive):
        missing = np.full(resamples, np.nan)
        return Areas(missing, missing.copy())
    at_or_above = false[ranking.reached]  # (P, R)
    tied = not np.array_equal(ranking.above, ranking.reached)
    losses = (false[ranking.above] + at_or_above) / 2 if tied else at_or_above
    total_true, total_false = true[-1], false[-1]
    found = true[ranking.level]
    with np.errstate(invalid="ignore", divide="ignore"):
        roc_auc = 1 - (positives * losses).sum(axis=0) / (total_true * total_false)
        precision = found / np.maximum(found + at_or_above, 1e-300)
        average_precision = (positives * precision).sum(axis=0) / total_true
    roc_auc[(total_true == 0) | (total_false == 0)] = np.nan
    average_precision[total_true == 0] = np.nan
    return Areas(roc_auc, average_precision)


def tie_ends(ordered: Floats) -> Rows:
    """Last row of each distinct value of sorted values ``(N,)``, int64; N is not 0."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def _cumulative(weights: Floats) -> Floats:
    """Running sums down the rows with a leading zero, ``(n, R)`` to ``(n + 1, R)``."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums
