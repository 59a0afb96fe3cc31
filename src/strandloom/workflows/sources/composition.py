"""The composition of a sample: shares of its sources with intervals, by three methods, and whether it fits at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.mixture import deviance, many_shares, shares_of
from strandloom.workflows.sources.settings import EstimateSettings

UNSEEN = 2.0
"""Reads of any kind added to a sample that is drawn again: the next read of a small sample may be of a kind that it has not shown."""
METHODS = ("em", "confusion", "argmax")
"""The default first: mixture of calibrated profiles; argmax shares corrected by the confusion matrix; argmax shares (as published)."""


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of K = E + 1 sources by one method, unknown last.

    Parameters
    ----------
    value, low, high
        float64 ``(K,)``.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Composition:
    """What is said of a sample.

    Parameters
    ----------
    reads
        Reads counted.
    shares
        By method.
    misfit
        Divergence of its answers from the fitted mixture, nats a read.
    odd
        Share of the reference lineages that fit better than this sample, each when its own profile is left out; 1: all of them do.
    """

    reads: int
    shares: dict[str, Shares]
    misfit: float
    odd: float


def estimate(
    binned: NDArray[np.integer],
    answered: NDArray[np.integer],
    calibration: Calibration,
    *,
    settings: EstimateSettings,
    key: int = 0,
    pairs: bool = False,
) -> Composition:
    """The composition of one sample.

    Parameters
    ----------
    binned
        int ``(B,)``: reads in each bin.
    answered
        int ``(E,)``: reads whose most probable environment is each.
    key
        Number of the sample, for the resamples.
    pairs
        Two reads count as one for the intervals: mates tell nearly the same.
    """
    profiles, environments = calibration.profiles, len(answered)
    reads = int(binned.sum())
    parts = profiles.components()
    fitted = shares_of(binned, parts.profiles)
    generator = np.random.default_rng([settings.seed, key])
    values = {
        "em": _by_source(fitted.shares[None], parts.source, environments)[0],
        "confusion": _corrected(answered[None], calibration.confusion[None])[0],
        "argmax": np.append(answered / max(reads, 1), 0.0),
    }
    drawn = _resample(
        binned, answered, calibration, settings, generator, independent=-(-reads // 2) if pairs else reads
    )
    tail = (1 - settings.level) / 2
    shares = {}
    for name in METHODS:
        value = values[name] if reads else np.full(environments + 1, np.nan)
        low, high = np.quantile(drawn[name], (tail, 1 - tail), axis=0)
        shares[name] = Shares(value, np.fmin(low, value), np.fmax(high, value))
    misfit = deviance(binned, fitted.expected)
    odd = float(np.searchsorted(calibration.misfit, misfit, side="right") / max(len(calibration.misfit), 1))
    return Composition(reads, shares, misfit, odd)


def _by_source(shares: NDArray[np.float64], source: NDArray[np.int64], environments: int) -> NDArray[np.float64]:
    """Shares of components ``(R, C)`` summed by source, ``(R, E + 1)``."""
    out = np.zeros((len(shares), environments + 1))
    for c, k in enumerate(source):
        out[:, k] += shares[:, c]
    return out


def _corrected(answered: NDArray[np.integer], confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares under which answers ``(R, E)`` are the most probable, given confusion ``(R, E, E)``: float64 ``(R, E + 1)``, unknown 0."""
    found = many_shares(answered, np.maximum(confusion, 1e-6))
    return np.concatenate([found, np.zeros((len(found), 1))], 1)


def _resample(
    binned: NDArray[np.integer],
    answered: NDArray[np.integer],
    calibration: Calibration,
    settings: EstimateSettings,
    generator: np.random.Generator,
    *,
    independent: int,
) -> dict[str, NDArray[np.float64]]:
    """Shares ``(R, E + 1)`` by method: other reads, other lineages behind the profiles, other notions of what is unknown."""
    profiles, environments = calibration.profiles, len(answered)
    rounds, reads = settings.resamples, int(binned.sum())
    if not reads:
        anything = np.zeros((rounds, environments + 1))
        anything[::2] = 1.0  # from 0 to 1
        return dict.fromkeys(METHODS, anything)
    expected = profiles.components().profiles.mean(0)
    likely = (binned + UNSEEN * expected) / (reads + UNSEEN)
    counts = generator.multinomial(independent, likely / likely.sum(), size=rounds)
    kinds = generator.multinomial(independent, (answered + UNSEEN / environments) / (reads + UNSEEN), size=rounds)
    every = []
    for _ in range(rounds):
        weights = _other_lineages(profiles.environment, environments, generator)
        parts = profiles.components(weights=weights, strange=float(generator.uniform(0, 0.5)))
        every.append(parts)
    shares = np.zeros((rounds, environments + 1))
    for size in {len(x.source) for x in every}:
        rows = [i for i, x in enumerate(every) if len(x.source) == size]
        found = many_shares(counts[rows], np.array([every[i].profiles for i in rows]))
        for at, i in enumerate(rows):
            shares[i] = _by_source(found[at][None], every[i].source, environments)[0]
    argmax = np.concatenate([kinds / independent, np.zeros((rounds, 1))], 1)
    return {
        "em": shares,
        "confusion": _corrected(kinds, calibration.confusion[None].repeat(rounds, 0)),
        "argmax": argmax,
    }


def _other_lineages(
    environment: NDArray[np.int64], environments: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """How often each lineage is drawn when as many as there are, are drawn with replacement in every environment: float64 ``(G,)``."""
    weights = np.zeros(len(environment))
    for e in range(environments):
        own = np.flatnonzero(environment == e)
        np.add.at(weights, own[generator.integers(0, len(own), len(own))], 1.0)
    return weights
