"""How much is called, and how much of it rightly, when only the surer calls are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.abstention import risk_coverage
from strandloom.evaluation.calibration import ReliabilityBin
from strandloom.evaluation.metrics import ECE_BINS, confidence_bins
from strandloom.evaluation.ranking import Floats

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class SelectivePoint:
    """The largest share of queries that can be called with a wanted precision, and the confidence from which they are.

    Parameters
    ----------
    wanted
        Share of the calls that must be right.
    coverage
        Share of all queries that is called then; 0 where no confidence gives that precision.
    threshold
        Calls at least so sure are kept; NaN where none can be.
    precision
        Share of the kept calls that is right; NaN where none is kept.
    """

    wanted: float
    coverage: float
    threshold: float
    precision: float


def coverage_at_precision(confidence: Floats, right: Flags, *, queries: int, wanted: float = 0.95) -> SelectivePoint:
    """Sweep the confidence: the largest coverage with a precision of at least ``wanted``; equal confidences are kept together.

    Parameters
    ----------
    confidence, right
        Of the calls, ``(n,)``.
    queries
        All of them, called or not.
    """
    curve = risk_coverage(confidence, right)
    good = np.flatnonzero(curve.risk <= 1 - wanted + 1e-9)
    if not len(good):
        return SelectivePoint(wanted, 0.0, float("nan"), float("nan"))
    last = good[-1]
    coverage = float(curve.coverage[last] * len(confidence) / queries)
    return SelectivePoint(wanted, coverage, float(curve.confidence[last]), float(1 - curve.risk[last]))


def call_reliability(confidence: Floats, right: Flags, *, bins: int = ECE_BINS) -> list[ReliabilityBin]:
    """The reliability diagram of calls with confidences ``(n,)``; empty bins are left out.

    Bins are those of :func:`strandloom.evaluation.calibration.reliability`, which needs the probabilities of all classes.
    """
    where = confidence_bins(confidence, bins=bins)
    n = np.bincount(where, minlength=bins)
    sums, hits = np.bincount(where, confidence, bins), np.bincount(where, right, bins)
    return [
        ReliabilityBin(b / bins, (b + 1) / bins, int(n[b]), float(sums[b] / n[b]), float(hits[b] / n[b]))
        for b in np.flatnonzero(n).tolist()
    ]
