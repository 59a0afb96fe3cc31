"""Temperature scaling and the reliability of probabilities.

Temperature scaling (Guo et al. 2017) divides the logits by one number T > 0 that minimises the log loss on
validation; it changes no decision among several classes, only the confidence. The expected calibration error (ECE)
used everywhere in this package: rows are put in 15 equal-width bins by the probability of their most probable class,
and ECE is the row-weighted mean of |mean confidence - accuracy| over the bins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.metrics import ECE_BINS, confidence_bins
from strandloom.evaluation.ranking import Floats

ECE_DEFINITION = (
    f"{ECE_BINS} equal-width bins of the probability of the most probable class; "
    "row-weighted mean of |mean confidence − accuracy|"
)
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


class ReliabilityBin(NamedTuple):
    """One bin of confidence: its edges, rows, mean confidence and the share that was right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def softmax(logits: NDArray[np.floating], *, temperature: float = 1.0) -> Floats:
    """Scores ``(N, K)`` to probabilities ``(N, K)``, float64."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Scores to probabilities one by one, float64, same shape."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


def fit_temperature(logits: NDArray[np.floating], y: NDArray[np.integer]) -> float:
    """The temperature that minimises the log loss of softmax scores on validation, as if one row more had an unknown class.

    That one row (Laplace's rule, as in Platt 1999) keeps a validation part without an error from driving T to 0 and every
    probability to 1; among thousands of rows it does not count. The loss is convex in ``s = 1/T``, so a bisection on its slope
    finds the one minimum. T is kept within 0.05 to 20.

    Parameters
    ----------
    logits
        float ``(N, K)``.
    y
        True class, int ``(N,)``.
    """
    scores = np.asarray(logits, np.float64)
    if not len(scores):
        return 1.0
    scores = scores - scores.max(axis=1, keepdims=True)
    unknown = 1 / (len(scores) + 1)
    truth = (1 - unknown) * scores[np.arange(len(y)), y] + unknown * scores.mean(axis=1)

    def slope(scale: float) -> float:
        weights = np.exp(scores * scale)
        expected = (weights * scores).sum(axis=1) / weights.sum(axis=1)
        return float((expected - truth).mean())

    return _bisect(slope)


def fit_label_temperature(logits: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """One temperature for all yes/no labels: logits and 0/1 targets ``(N, K)``."""
    scores, truth = np.asarray(logits, np.float64), np.asarray(y, np.float64)
    if not scores.size:
        return 1.0
    return _bisect(lambda scale: float(((sigmoid(scores * scale) - truth) * scores).mean()))


def _bisect(slope: Callable[[float], float]) -> float:
    """The temperature 1/s at which an increasing ``slope(s)`` crosses zero, clipped to the allowed range."""
    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope(low) == 0 == slope(high):  # flat: every score equal, any temperature does
        return 1.0
    if slope(low) >= 0:
        return MAX_TEMPERATURE
    if slope(high) <= 0:
        return MIN_TEMPERATURE
    for _ in range(80):
        middle = (low * high) ** 0.5
        if slope(middle) > 0:
            high = middle
        else:
            low = middle
    return (1 / low + 1 / high) / 2


def reliability(
    probabilities: NDArray[np.floating], y: NDArray[np.integer], *, bins: int = ECE_BINS
) -> list[ReliabilityBin]:
    """The reliability diagram of the most probable class; empty bins are left out.

    Parameters
    ----------
    probabilities
        float ``(N, K)``.
    y
        True class, int ``(N,)``.
    bins
        Equal-width bins of confidence.
    """
    top = probabilities.argmax(axis=1)
    confidence = np.asarray(probabilities, np.float64)[np.arange(len(y)), top]
    where = confidence_bins(confidence, bins=bins)
    n = np.bincount(where, minlength=bins)
    sums = np.bincount(where, confidence, bins)
    right = np.bincount(where, (top == y).astype(np.float64), bins)
    return [
        ReliabilityBin(b / bins, (b + 1) / bins, int(n[b]), float(sums[b] / n[b]), float(right[b] / n[b]))
        for b in range(bins)
        if n[b]
    ]


def expected_calibration_error(bins: list[ReliabilityBin]) -> float:
    """ECE of a reliability diagram (see the module)."""
    rows = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / rows if rows else float("nan")
