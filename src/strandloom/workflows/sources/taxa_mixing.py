"""Source tracking on counts of taxa: a sink as a mixture of known sources and one unknown, by expectation maximisation.

Shenhav et al., "FEAST: fast expectation-maximization for microbial source tracking", Nature Methods 16:627, 2019; the model is that of
SourceTracker (Knights et al., Nature Methods 8:761, 2011).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = 1000
TOLERANCE = 1e-6
DEPTH = 1000.0
"""Reads that every sink and source count as: SourceTracker's rarefaction, without throwing reads away."""
KNOWN_PRIOR, UNKNOWN_PRIOR, SHARE_PRIOR = 0.001, 0.1, 10.0
"""Reads added to each taxon of a known source; to each taxon of the unknown one, as a share of the sink's reads; and to each share:
SourceTracker 2's defaults. The second makes the unknown source nearly even: without it, it could take every read, and would."""


class Mixed(NamedTuple):
    """Shares of K sources and of an unknown one."""

    shares: NDArray[np.float64]
    """float64 ``(K + 1,)``, unknown last, summing to 1; NaN where the sink has no reads."""
    unknown: NDArray[np.float64]
    """float64 ``(J,)``: what the unknown source is made of, summing to 1."""


def mix_taxa(sink: NDArray[np.integer], sources: NDArray[np.floating], *, steps: int = STEPS) -> Mixed:
    """The sources of one sink.

    Known sources stay as they are, the unknown one is made of the sink's own reads. All begin with the same share, the unknown one evenly:
    begun with what no mixture explains, it keeps nearly all where SourceTracker gives nearly nothing.

    Parameters
    ----------
    sink
        ``(J,)``: reads of each taxon.
    sources
        ``(K, J)``: reads of each taxon in each source; all count as :data:`DEPTH` reads.
    """
    count, width = sources.shape
    taxa = np.flatnonzero(sink)
    whole = np.zeros(width)
    if not len(taxa):
        return Mixed(np.full(count + 1, np.nan), whole)
    x = sink[taxa] * (DEPTH / sink.sum())
    y = sources[:, taxa] * (DEPTH / np.maximum(sources.sum(1), 1e-300))[:, None] + KNOWN_PRIOR
    known = y / (DEPTH + KNOWN_PRIOR * width)
    added = UNKNOWN_PRIOR * DEPTH
    unknown = np.full(len(taxa), 1 / width)
    shares = np.full(count + 1, 1 / (count + 1))
    for _ in range(steps):
        joint = shares[:, None] * np.concatenate([known, unknown[None]])  # (K + 1, taxa of the sink)
        given = joint * (x / np.maximum(joint.sum(0), 1e-300))
        met = given.sum(1)
        new = (met + SHARE_PRIOR) / (DEPTH + SHARE_PRIOR * (count + 1))
        unknown = (given[-1] + added) / (met[-1] + added * width)
        moved = float(np.abs(new - shares).max())
        shares = new
        if moved < TOLERANCE:
            break
    whole[taxa] = unknown
    return Mixed(met / DEPTH, whole / whole.sum())


def even_sources(
    counts: NDArray[np.floating], environment: NDArray[np.integer], environments: int
) -> NDArray[np.float64]:
    """Source samples ``(S, J)`` of an environment joined, each with the same weight: shares float64 ``(E, J)``; 0 without samples."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1e-300)
    joined = np.zeros((environments, counts.shape[1]))
    for e in range(environments):
        own = shares[environment == e]
        joined[e] = own.mean(0) if len(own) else 0.0
    return joined
