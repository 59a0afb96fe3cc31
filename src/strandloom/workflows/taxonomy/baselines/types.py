"""What every way of naming sequences answers: a taxon with its confidence at each rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.lineage import RANKS, Rank, Taxonomy

Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Calls:
    """The taxon of each of N queries at each rank.

    Parameters
    ----------
    taxon
        int32 ``(N,)`` per rank: a number in ``Taxonomy.taxa(rank)``, -1 where none is called.
    confidence
        float64 ``(N,)`` per rank, 0 to 1; 0 where none is called.
    """

    taxon: dict[Rank, Ints]
    confidence: dict[Rank, Doubles]

    def __len__(self) -> int:
        return len(self.taxon["species"])

    @classmethod
    def from_arrays(cls, taxon: NDArray[np.integer], confidence: NDArray[np.floating]) -> Self:
        """From taxa and confidences ``(5, N)``, species first; a taxon below 0 is no call."""
        called = np.asarray(taxon) >= 0
        numbers = np.where(called, taxon, -1).astype(np.int32)
        sure = np.where(called, confidence, 0.0).astype(np.float64)
        return cls(dict(zip(RANKS, numbers, strict=True)), dict(zip(RANKS, sure, strict=True)))

    @classmethod
    def concat(cls, parts: Sequence[Calls]) -> Self:
        """Calls of one block of queries after the other."""
        return cls(
            {rank: np.concatenate([part.taxon[rank] for part in parts]) for rank in RANKS},
            {rank: np.concatenate([part.confidence[rank] for part in parts]) for rank in RANKS},
        )

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The calls of some queries."""
        return type(self)({r: x[rows] for r, x in self.taxon.items()}, {r: x[rows] for r, x in self.confidence.items()})

    def at(self, threshold: float) -> Self:
        """The calls that are at least so sure; no call where they are not."""
        numbers = [np.where(self.confidence[rank] >= threshold, self.taxon[rank], -1) for rank in RANKS]
        return self.from_arrays(np.stack(numbers), np.stack([self.confidence[rank] for rank in RANKS]))


@dataclass(frozen=True, eq=False)
class CandidateProbabilities:
    """What N queries may be, ragged.

    Parameters
    ----------
    offsets
        int64 ``(N + 1,)``: query i owns ``offsets[i]:offsets[i + 1]`` of the other arrays.
    species
        int32 ``(total,)``: none twice in a query.
    probability
        float64 ``(total,)``: sums to 1 in a query that has candidates.
    """

    offsets: NDArray[np.int64]
    species: Ints
    probability: Doubles

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def query(self) -> NDArray[np.int64]:
        """The query of each candidate, int64 ``(total,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @classmethod
    def from_counts(
        cls, query: NDArray[np.integer], species: NDArray[np.integer], count: NDArray[np.number], *, queries: int
    ) -> Self:
        """Shares of counts ``(n,)`` of species in ``queries`` queries; counts of a species in one query are added."""
        keys, inverse = np.unique((query.astype(np.int64) << 32) | species, return_inverse=True)
        owner, sums = keys >> 32, np.bincount(inverse, count, len(keys))
        total = np.bincount(owner, sums, queries)
        offsets = np.searchsorted(owner, np.arange(queries + 1)).astype(np.int64)
        return cls(offsets, (keys & 0xFFFFFFFF).astype(np.int32), sums / total[owner])


def roll_up(candidates: CandidateProbabilities, taxonomy: Taxonomy, *, tie: Doubles | None = None) -> Calls:
    """The most probable taxon of each rank; the probability of a taxon is the sum over its candidates.

    Of equally probable species the one with the higher ``tie`` is called, else the first; of equally probable taxa above, that of
    the called species, else the first. A candidate whose taxon is unknown at a rank adds to none there.

    Parameters
    ----------
    candidates
        Species of N queries.
    tie
        float64 ``(total,)``.
    """
    number, query = len(candidates), candidates.query
    tie = np.zeros(len(query)) if tie is None else tie
    called = np.full(number, -1, np.int64)
    taxon, confidence = np.full((len(RANKS), number), -1, np.int32), np.zeros((len(RANKS), number))
    for i, rank in enumerate(RANKS):
        index = taxonomy.taxa(rank).index
        own = index[candidates.species]  # (total,)
        known = np.flatnonzero(own >= 0)
        keys, first, inverse = np.unique((query[known] << 32) | own[known], return_index=True, return_inverse=True)
        sums = np.round(np.bincount(inverse, candidates.probability[known], len(keys)), 12)  # equal sums are equal
        owner, number_of = keys >> 32, (keys & 0xFFFFFFFF).astype(np.int32)
        better = tie[known][first] if rank == "species" else number_of == index[called[owner]]
        order = np.lexsort((-number_of, better, sums, owner))
        last = order[np.append(np.diff(owner[order]) > 0, True)] if len(order) else order
        taxon[i, owner[last]], confidence[i, owner[last]] = number_of[last], np.minimum(sums[last], 1)
        if rank == "species":
            called = taxon[0].astype(np.int64)
    return Calls.from_arrays(taxon, confidence)
