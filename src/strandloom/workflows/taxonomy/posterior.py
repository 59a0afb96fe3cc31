"""From scores to calls: probabilities of species and of the taxa above them, and the narrowest rank that is sure enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.evidence import CLASS, NOTHING, SPECIES, Evidence, Lineages
from strandloom.workflows.taxonomy.lineage import RANKS

UNKNOWN = len(RANKS)
"""The number of the rank of what is not called at any rank."""
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Probabilities of the answers in N rows (a query, perhaps at a place), ragged, by M networks.

    Parameters
    ----------
    query
        int64 ``(N,)``: the query of each row.
    offsets
        int64 ``(N + 1,)``: row i owns ``offsets[i]:offsets[i + 1]`` of the other arrays.
    answer
        int64 ``(total,)``: rows of the evidence.
    probability
        float64 ``(M, total)``: each sums to 1 within a row.
    place_score
        float64 ``(total,)``: what the place added to the log odds, mean over networks; 0 without a place.
    """

    query: NDArray[np.int64]
    offsets: NDArray[np.int64]
    answer: NDArray[np.int64]
    probability: Doubles
    place_score: Doubles

    def __len__(self) -> int:
        return len(self.query)

    @property
    def mean(self) -> Doubles:
        """Mean probabilities over the networks, float64 ``(total,)``."""
        return self.probability.mean(axis=0)

    @property
    def row(self) -> NDArray[np.int64]:
        """The row of each answer, int64 ``(total,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class RankTally:
    """The taxa of one rank that G groups may be: by group, then taxon."""

    group: NDArray[np.int64]
    taxon: NDArray[np.int32]
    mean: Doubles
    square: Doubles

    @property
    def spread(self) -> Doubles:
        """Standard deviation of the probability over networks and rows."""
        return np.sqrt(np.maximum(self.square - self.mean**2, 0))


@dataclass(frozen=True, eq=False)
class Tally:
    """Probabilities of all taxa, rank by rank, in G groups, and float64 ``(G,)`` that it is nothing the reference knows."""

    groups: int
    ranks: tuple[RankTally, ...]
    unknown: Doubles


@dataclass(frozen=True, eq=False)
class Calls:
    """The best taxon of each rank in N rows, and the narrowest that is sure enough.

    Parameters
    ----------
    taxon
        int32 ``(5, N)``: by rank, species first; -1 where there is no candidate.
    probability
        float64 ``(5, N)``.
    spread
        float64 ``(5, N)``: its standard deviation over networks, places and bootstraps.
    unknown
        float64 ``(N,)``: probability that it is nothing the reference knows.
    rank
        int64 ``(N,)``: the narrowest rank above the threshold; 5: none.
    """

    taxon: NDArray[np.int32]
    probability: Doubles
    spread: Doubles
    unknown: Doubles
    rank: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.unknown)


def answer_taxa(evidence: Evidence, lineages: Lineages) -> NDArray[np.int32]:
    """The taxon of each answer at each rank, int32 ``(5, n)``; -1 below the rank of an unlisted one, and where unknown."""
    out = np.full((len(RANKS), len(evidence.kind)), -1, np.int32)
    for kind in range(SPECIES, CLASS + 1):
        rows = np.flatnonzero(evidence.kind == kind)
        member = evidence.taxon[rows] if kind == SPECIES else lineages.members[kind][evidence.taxon[rows]]
        for rank in range(kind, len(RANKS)):
            out[rank, rows] = lineages.of[rank][member]
    return out


def tally(
    posterior: Posterior,
    evidence: Evidence,
    taxa: NDArray[np.int32],
    *,
    group: NDArray[np.int64] | None = None,
    groups: int | None = None,
    weight: Doubles | None = None,
) -> Tally:
    """Probabilities of the taxa of each rank: means over the networks and over the rows of a group, with their spread.

    Parameters
    ----------
    posterior, evidence, taxa
        N rows over the evidence's answers; the taxa of these, of :func:`answer_taxa`.
    group
        int64 ``(N,)``: what each row belongs to, such as the sequence that was found in several samples; by default each row stands alone.
    groups
        Number of groups.
    weight
        float64 ``(N,)``, not negative; equal where they are all 0 in a group, or not given.
    """
    number = len(posterior)
    group = np.arange(number) if group is None else group
    groups = number if groups is None else groups
    share = _shares(group, groups, np.ones(number) if weight is None else weight)
    row = posterior.row
    ranks = []
    for rank in range(len(RANKS)):
        taxon = taxa[rank][posterior.answer]
        known = np.flatnonzero(taxon >= 0)
        keys, inverse = np.unique((row[known] << 32) | taxon[known], return_inverse=True)
        each = np.stack([np.bincount(inverse, own[known], len(keys)) for own in posterior.probability])  # (M, keys)
        owner = keys >> 32
        both, inverse = np.unique((group[owner] << 32) | (keys & 0xFFFFFFFF), return_inverse=True)
        mean = _summed(inverse, each.mean(axis=0) * share[owner], len(both))
        square = _summed(inverse, (each**2).mean(axis=0) * share[owner], len(both))
        ranks.append(RankTally(both >> 32, (both & 0xFFFFFFFF).astype(np.int32), mean, square))
    nothing = np.flatnonzero(evidence.kind[posterior.answer] == NOTHING)
    unknown = _summed(group[row[nothing]], posterior.mean[nothing] * share[row[nothing]], groups)
    return Tally(groups, tuple(ranks), unknown)


def call(found: Tally, *, threshold: float) -> Calls:
    """The best taxon of each rank, and the narrowest rank whose best taxon is as probable as ``threshold`` (0 to 1)."""
    taxon = np.full((len(RANKS), found.groups), -1, np.int32)
    best, spread = np.zeros((2, len(RANKS), found.groups))
    for level, own in enumerate(found.ranks):
        order = np.lexsort((-own.taxon, own.mean, own.group))  # of equals the first taxon
        last = order[np.append(own.group[order][1:] != own.group[order][:-1], True)] if len(order) else order
        at = own.group[last]
        taxon[level, at], best[level, at], spread[level, at] = own.taxon[last], own.mean[last], own.spread[last]
    sure = best >= threshold
    rank = np.where(sure.any(axis=0), sure.argmax(axis=0), UNKNOWN)
    return Calls(taxon, np.minimum(best, 1.0), spread, np.minimum(found.unknown, 1.0), rank)


def _summed(owner: NDArray[np.int64], values: Doubles, number: int) -> Doubles:
    return np.bincount(owner, values, number).astype(np.float64)


def _shares(group: NDArray[np.int64], groups: int, weight: Doubles) -> Doubles:
    """Weights that sum to 1 in each group."""
    total = np.bincount(group, weight, groups)[group]
    return np.where(total > 0, weight / np.where(total > 0, total, 1), 1 / np.bincount(group, minlength=groups)[group])
