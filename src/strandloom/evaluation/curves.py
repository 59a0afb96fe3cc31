"""Curves of a classification for drawing: at most 200 points each, ends kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.abstention import risk_coverage
from strandloom.evaluation.calibration import reliability
from strandloom.evaluation.ranking import Floats, tie_ends

MAX_POINTS = 200
MAX_CLASSES = 12
HISTOGRAM_BINS = 25


def roc_curve(scores: Floats, positive: NDArray[np.bool_]) -> dict[str, list[float]]:
    """False positive rate ``x`` against true positive rate ``y`` over all cuts of scores ``(N,)``."""
    hits, called = _cumulative(scores, positive)
    total, others = int(positive.sum()), int((~positive).sum())
    return thin(np.concatenate([[0], (called - hits) / max(others, 1)]), np.concatenate([[0], hits / max(total, 1)]))


def pr_curve(scores: Floats, positive: NDArray[np.bool_]) -> dict[str, list[float]]:
    """Recall ``x`` against precision ``y`` over all cuts of scores ``(N,)``, starting at recall 0 with the first
    precision.
    """
    hits, called = _cumulative(scores, positive)
    precision = hits / called
    return thin(np.concatenate([[0], hits / max(int(positive.sum()), 1)]), np.concatenate([precision[:1], precision]))


def thin(x: NDArray[np.floating], y: NDArray[np.floating]) -> dict[str, list[float]]:
    """At most 200 points of a curve, spread evenly along its length on the page, both ends kept."""
    if len(x) > MAX_POINTS:
        span = max(float(np.ptp(x)), 1e-12), max(float(np.ptp(y)), 1e-12)
        steps = np.abs(np.diff(x)) / span[0] + np.abs(np.diff(y)) / span[1]
        along = np.concatenate([[0], np.cumsum(steps)])
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MAX_POINTS - 1)))
        kept = np.unique(np.append(kept, [0, len(x) - 1]))
        x, y = x[kept], y[kept]
    return {"x": np.round(x, 5).tolist(), "y": np.round(y, 5).tolist()}


def class_curves(
    probabilities: Floats, y: NDArray[np.int64], *, names: Sequence[str], correct: NDArray[np.bool_]
) -> dict[str, Any]:
    """All curves of a classification.

    Parameters
    ----------
    probabilities
        float64 ``(N, K)``.
    y
        True class, int64 ``(N,)``.
    names
        K class names; two classes: the curves are those of the second; many: of the 12 most frequent.
    correct
        Whether the decision was right, bool ``(N,)``.
    """
    counts = np.bincount(y, minlength=len(names))
    shown = [1] if len(names) == 2 else sorted(np.argsort(-counts, kind="stable")[:MAX_CLASSES].tolist())
    shown = [c for c in shown if 0 < counts[c] < len(y)]
    curve = risk_coverage(probabilities.max(axis=1), correct)
    return {
        "roc": {names[c]: roc_curve(probabilities[:, c], y == c) for c in shown},
        "pr": {names[c]: pr_curve(probabilities[:, c], y == c) for c in shown},
        "reliability": [found._asdict() for found in reliability(probabilities, y)],
        "risk_coverage": thin(curve.coverage, curve.risk),
        "scores": score_histograms(probabilities, y, names=names, shown=shown),
    }


def score_histograms(
    probabilities: Floats, y: NDArray[np.int64], *, names: Sequence[str], shown: Sequence[int]
) -> dict[str, Any]:
    """Distribution of the scores per true class.

    Two classes: probability of the second, for each class; more: probability of the own class, for each class shown.
    Counts per bin over 25 equal bins of 0..1.
    """
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    binary = len(names) == 2
    rows = {
        names[c]: np.histogram(probabilities[y == c, 1 if binary else c], edges)[0].tolist()
        for c in (range(2) if binary else shown)
    }
    return {
        "score": f"probability of {names[1]}" if binary else "probability of the true class",
        "edges": np.round(edges, 5).tolist(),
        "counts": rows,
    }


def _cumulative(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Positives and rows at or above each distinct score, best first."""
    order = np.argsort(-scores, kind="stable")
    ends = tie_ends(scores[order])
    return np.cumsum(positive[order])[ends].astype(np.float64), (ends + 1).astype(np.float64)
