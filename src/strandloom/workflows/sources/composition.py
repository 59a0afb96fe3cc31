"""The composition of a sample: shares of its sources with intervals, by three methods, and whether it fits at all.

By the default method a sample is a mixture of the collection's environments, as their own members or as relatives of these, and of what is
unknown. How much is unknown, and how much comes from members, is told by profiles of whole environments. Relatives and strangers differ
more from one another than reads do by chance, so their part is divided by profiles of single lineages, each of which may live anywhere; and
a sample that is badly fitted counts as one of fewer reads. The value is the mean over resamples of reads, of lineages, and of what is taken
for unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.mixture import deviance, many_shares, shares_near, shares_of
from strandloom.workflows.sources.practice import SEEN
from strandloom.workflows.sources.profiles import LineageComponents
from strandloom.workflows.sources.settings import EstimateSettings

UNSEEN = 2.0
"""Reads of any kind added to a sample that is drawn again: the next read of a small sample may be of a kind that it has not shown."""
CREDIT = 30.0
"""Nats: reads count up to this over the misfit of a sample (nats a read); beyond, what is wrong with the profiles outweighs chance."""
LEAST_READS = 20
"""Reads that a sample counts as at least, if it has them."""
STRANGE_UNKNOWN = 0.15
"""Largest share of reads of left-out groups in what is taken for unknown."""
PRIOR = 0.3
"""Weight of what is expected of single lineages, as a share of the reads."""
_STEPS = 60
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
    pairs: bool = False,
) -> Composition:
    """The composition of one sample.

    Parameters
    ----------
    binned
        int ``(B,)``: reads in each bin.
    answered
        int ``(E,)``: reads whose most probable environment is each.
    pairs
        Two reads count as one for the intervals: mates tell nearly the same.
    """
    profiles, environments = calibration.profiles, len(answered)
    reads = int(binned.sum())
    parts = profiles.components()
    fitted = shares_of(binned, parts.profiles)
    generator = np.random.default_rng(settings.seed)
    misfit = deviance(binned, fitted.expected)
    values = {
        "confusion": _corrected(answered[None], calibration.confusion[None])[0],
        "argmax": np.append(answered / max(reads, 1), 0.0),
    }
    drawn = _resample(
        binned,
        answered,
        calibration,
        settings,
        generator,
        independent=-(-reads // 2) if pairs else reads,
        misfit=misfit,
    )
    values["em"] = drawn["em"].mean(0)
    tail = (1 - settings.level) / 2
    shares = {}
    for name in METHODS:
        value = values[name] if reads else np.full(environments + 1, np.nan)
        low, high = np.quantile(drawn[name], (tail, 1 - tail), axis=0)
        shares[name] = Shares(value, np.fmin(low, value), np.fmax(high, value))
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
    misfit: float,
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
    counted = int(np.clip(CREDIT / max(misfit, 1e-9), min(LEAST_READS, independent), independent))
    counts = generator.multinomial(counted, likely / likely.sum(), size=rounds)
    kinds = generator.multinomial(independent, (answered + UNSEEN / environments) / (reads + UNSEEN), size=rounds)
    weights = np.array([_other_lineages(profiles.environment, environments, generator) for _ in range(rounds)])
    every = [profiles.components(weights=own, strange=float(generator.uniform(0, STRANGE_UNKNOWN))) for own in weights]
    shares = np.zeros((rounds, environments + 1))
    members = np.zeros(rounds)
    for size in {len(x.source) for x in every}:
        rows = [i for i, x in enumerate(every) if len(x.source) == size]
        found = many_shares(counts[rows], np.array([every[i].profiles for i in rows]))
        for at, i in enumerate(rows):
            shares[i] = _by_source(found[at][None], every[i].source, environments)[0]
            members[i] = found[at][every[i].regime == SEEN].sum()
    shares = _divided(shares, members, counts, profiles.by_lineage(weights))
    argmax = np.concatenate([kinds / independent, np.zeros((rounds, 1))], 1)
    return {
        "em": shares,
        "confusion": _corrected(kinds, calibration.confusion[None].repeat(rounds, 0)),
        "argmax": argmax,
    }


def _divided(
    shares: NDArray[np.float64],
    members: NDArray[np.float64],
    counts: NDArray[np.integer],
    parts: LineageComponents | None,
) -> NDArray[np.float64]:
    """Shares ``(R, E + 1)`` in which what is neither from members nor unknown is divided as single lineages say.

    Parameters
    ----------
    members
        float64 ``(R,)``: share of reads from members of the collection.
    counts
        ``(R, B)``: reads in each bin.
    """
    if parts is None:
        return shares
    found = shares_near(np.asarray(counts, np.float64), parts.profiles, parts.prior, weight=PRIOR, steps=_STEPS)
    environments = shares.shape[1] - 1
    lineages = _by_source(found, parts.source, environments)[:, :environments]
    known = shares[:, :environments].sum(1, keepdims=True)
    trust = np.clip(members[:, None] / np.maximum(known, 1e-9), 0, 1)
    own = shares[:, :environments] / np.maximum(known, 1e-9)
    other = lineages / np.maximum(lineages.sum(1, keepdims=True), 1e-9)
    return np.concatenate([known * (trust * own + (1 - trust) * other), shares[:, environments:]], 1)


def _other_lineages(
    environment: NDArray[np.int64], environments: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """How often each lineage is drawn when as many as there are, are drawn with replacement in every environment: float64 ``(G,)``."""
    weights = np.zeros(len(environment))
    for e in range(environments):
        own = np.flatnonzero(environment == e)
        np.add.at(weights, own[generator.integers(0, len(own), len(own))], 1.0)
    return weights
