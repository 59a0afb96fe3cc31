"""Practise a trained model on fresh reads of known origin, and keep how it answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.mixture import deviance, shares_of
from strandloom.workflows.sources.model import Answers
from strandloom.workflows.sources.practice import ALIENS, RELATED, SEEN, kinds_of_nothing
from strandloom.workflows.sources.profiles import Bins, Profiles, exchanged


class Practised(NamedTuple):
    """Answers to reads of one regime."""

    answers: Answers
    lineage: NDArray[np.int64]
    """int64 ``(N,)``."""
    regime: int


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is kept of the practice.

    Parameters
    ----------
    bins, profiles
        See :mod:`strandloom.workflows.sources.profiles`.
    confusion
        float64 ``(E, E)``: share of the reads of each environment (rows) answered with each; lineages weigh the same.
    misfit
        Deviance per read of samples of single held-out lineages, float64 ``(n,)``, rising: what a fitting sample may show.
    """

    bins: Bins
    profiles: Profiles
    confusion: NDArray[np.float64]
    misfit: NDArray[np.float64]


def calibrate(
    practised: list[Practised], nothing: Answers, lineages: Lineages, *, seed: int, exchangeable: bool = True
) -> Calibration:
    """Bins and profiles from practice answers.

    Parameters
    ----------
    practised
        Answers to reads of lineages, regime by regime.
    nothing
        Answers to reads of :func:`~strandloom.workflows.sources.practice.reads_like_nothing`.
    """
    points = [x.answers.points() for x in practised]
    like_nothing = nothing.points()
    bins = Bins.fit(np.concatenate([*points, like_nothing]), seed=seed)
    environments = lineages.environments
    counts = np.zeros((len(lineages), 3, environments, len(bins)))
    confusion = np.zeros((len(lineages), environments))
    for own, group in zip(points, practised, strict=True):
        answered = group.answers.log_posterior.argmax(1)
        np.add.at(confusion, (group.lineage, answered), 1)
        for g in np.unique(group.lineage):
            rows = own[group.lineage == g]
            home = int(lineages.environment[g])
            for e in range(environments):
                moved = rows if e == home else exchanged(rows, home, e)
                counts[g, group.regime, e] += bins.count(moved)
    kind = kinds_of_nothing(len(like_nothing))
    aliens = np.array([bins.count(like_nothing[kind == k]) for k in range(len(ALIENS))], np.float64)
    profiles = Profiles(counts, aliens, lineages.environment, exchangeable)
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    by = np.array(
        [_mean(shares[lineages.environment == e], confusion[lineages.environment == e]) for e in range(environments)]
    )
    return Calibration(bins, profiles, by, _misfits(profiles))


def _mean(shares: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    met = counts.sum(1) > 0
    if not met.any():
        return np.full(shares.shape[1], 1 / shares.shape[1])
    return np.asarray(shares[met].mean(0))


def _misfits(profiles: Profiles) -> NDArray[np.float64]:
    """How badly the reads of single lineages that meet a relative are fitted when the profile of their own is left out."""
    found = []
    for regime in (SEEN, RELATED):
        for g in np.flatnonzero(profiles.own[:, regime].sum(1) > 0):
            weights = np.ones(len(profiles.environment))
            weights[g] = 0
            own = profiles.own[g, regime]
            fitted = shares_of(own, profiles.components(weights=weights).profiles)
            found.append(deviance(own, fitted.expected))
    return np.sort(np.array(found))
