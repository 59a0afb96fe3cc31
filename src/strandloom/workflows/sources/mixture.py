"""From counts of reads in bins to the shares of sources: expectation maximisation over known profiles, and how sure the shares are.

A bin is a kind of answer that a classifier gives to a read. A profile is how the reads of one component (an environment as known members,
as relatives of them, or something unknown) fall into bins; it was measured on reads that the classifier did not learn from. The reads of a
sample are then a mixture of profiles, whose shares are found by maximum likelihood.

McLachlan and Krishnan, "The EM algorithm and extensions", 2008; Saerens, Latinne and Decaestecker, Neural Computation 14:21, 2002.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = 500
TOLERANCE = 1e-7


class Fit(NamedTuple):
    """Shares of C components."""

    shares: NDArray[np.float64]
    """float64 ``(C,)``, summing to 1."""
    expected: NDArray[np.float64]
    """float64 ``(B,)``: probability of each bin under them."""


def shares_of(
    counts: NDArray[np.floating] | NDArray[np.integer],
    profiles: NDArray[np.float64],
    *,
    steps: int = STEPS,
) -> Fit:
    """The most probable shares.

    Parameters
    ----------
    counts
        ``(B,)``: reads in each bin.
    profiles
        float64 ``(C, B)``: probability of each bin in each component; rows sum to 1, and no bin with reads is 0 in all.
    """
    components = len(profiles)
    total = float(counts.sum())
    shares = np.full(components, 1 / components)
    if total <= 0:
        return Fit(shares, shares @ profiles)
    met = np.flatnonzero(counts)
    own, seen = profiles[:, met], np.asarray(counts, np.float64)[met]
    for _ in range(steps):
        mixed = shares @ own
        new = shares * (own @ (seen / np.maximum(mixed, 1e-300)))
        new /= new.sum()
        moved = float(np.abs(new - shares).max())
        shares = new
        if moved < TOLERANCE:
            break
    return Fit(shares, shares @ profiles)


def many_shares(
    counts: NDArray[np.floating] | NDArray[np.integer],
    profiles: NDArray[np.float64],
    *,
    steps: int = STEPS,
) -> NDArray[np.float64]:
    """As :func:`shares_of` for R resamples at once: counts ``(R, B)`` and profiles ``(R, C, B)`` to shares float64 ``(R, C)``."""
    resamples, components, _ = profiles.shape
    shares = np.full((resamples, components), 1 / components)
    met = np.flatnonzero(np.asarray(counts).any(0))
    own, seen = np.ascontiguousarray(profiles[:, :, met]), np.asarray(counts, np.float64)[:, met]
    for _ in range(steps):
        mixed = (shares[:, None] @ own)[:, 0]  # (R, B)
        new = shares * (own @ (seen / np.maximum(mixed, 1e-300))[:, :, None])[:, :, 0]
        new /= np.maximum(new.sum(1, keepdims=True), 1e-300)
        moved = float(np.abs(new - shares).max(initial=0))
        shares = new
        if moved < 1e-5:
            break
    return shares


def shares_near(
    counts: NDArray[np.floating],
    profiles: NDArray[np.float64],
    prior: NDArray[np.float64],
    *,
    weight: float,
    steps: int,
) -> NDArray[np.float64]:
    """As :func:`many_shares` with the same profiles for all resamples, and shares drawn to a prior: float64 ``(R, C)``.

    Parameters
    ----------
    counts, profiles, prior
        ``(R, B)``, ``(C, B)`` and ``(R, C)``, where the shares start too.
    weight
        Of the prior, as a share of the reads: what is wrong with the profiles does not go away with more reads.
    """
    total = counts.sum(1, keepdims=True)
    shares = prior
    for _ in range(steps):
        mixed = shares @ profiles
        new = shares * ((counts / np.maximum(mixed, 1e-300)) @ profiles.T) + weight * total * prior
        shares = new / np.maximum(new.sum(1, keepdims=True), 1e-300)
    return shares


def deviance(counts: NDArray[np.floating] | NDArray[np.integer], expected: NDArray[np.float64]) -> float:
    """How far counts ``(B,)`` are from expected probabilities: Kullback–Leibler divergence in nats a read, less what chance alone adds."""
    total = float(counts.sum())
    if not total:
        return 0.0
    met = counts > 0
    share = counts[met] / total
    found = float((share * np.log(share / np.maximum(expected[met], 1e-12))).sum())
    return max(0.0, found - (int(met.sum()) - 1) / (2 * total))
