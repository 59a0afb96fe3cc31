"""From nearest sequences to candidate species: who has them, in how many records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.search import Hits

MOST = 48
"""Candidate species of a query, the nearest first."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate species of N queries, ragged; of one query by rising differences.

    Parameters
    ----------
    offsets
        int64 ``(N + 1,)``: query i owns ``offsets[i]:offsets[i + 1]`` of the other arrays.
    species
        int32 ``(total,)``.
    differences
        int32 ``(total,)``: between the query and the species' nearest record.
    nearest_records
        int32 ``(total,)``: records of the species at that distance.
    near_records
        int32 ``(total,)``: its records among the hits.
    haplotype
        int32 ``(total,)``: its nearest sequence.
    """

    offsets: NDArray[np.int64]
    species: NDArray[np.int32]
    differences: NDArray[np.int32]
    nearest_records: NDArray[np.int32]
    near_records: NDArray[np.int32]
    haplotype: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def query(self) -> NDArray[np.int64]:
        """The query of each candidate, int64 ``(total,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Left:
    """What is left out of the reference for each of N queries, so that it meets a reference without itself.

    Parameters
    ----------
    haplotype, species
        int32 ``(N,)``: one record of this sequence and species does not count; -1 none.
    key
        int32 ``(S,)``: a group of each species, such as its genus.
    banned
        int32 ``(N,)``: species of this group do not count; -1 none.
    """

    haplotype: NDArray[np.int32]
    species: NDArray[np.int32]
    key: NDArray[np.int32]
    banned: NDArray[np.int32]

    @staticmethod
    def nothing(queries: int, species: int) -> Left:
        """For new sequences: the whole reference counts."""
        none = np.full(queries, -1, np.int32)
        return Left(none, none, np.full(species, -1, np.int32), none)


class Records:
    """Which species have which sequence, in how many records.

    Parameters
    ----------
    species, haplotype
        The species and the sequence of each record, int32 ``(R,)``.
    species_count, haplotype_count
        S and H.
    """

    def __init__(
        self, species: NDArray[np.int32], haplotype: NDArray[np.int32], *, species_count: int, haplotype_count: int
    ) -> None:
        pairs, counts = np.unique((haplotype.astype(np.int64) << 32) | species, return_counts=True)
        self.owner_haplotype = (pairs >> 32).astype(np.int32)
        self.owner_species = (pairs & 0xFFFFFFFF).astype(np.int32)
        self.owner_records = counts.astype(np.int32)
        self.owner_offsets = np.searchsorted(self.owner_haplotype, np.arange(haplotype_count + 1)).astype(np.int64)
        self.per_species = np.bincount(species, minlength=species_count).astype(np.int32)
        self.shared = np.diff(self.owner_offsets) > 1
        """bool ``(H,)``: whether several species have a sequence."""
        self.haplotypes_of = np.bincount(self.owner_species, minlength=species_count).astype(np.int32)

    def candidates(self, hits: Hits, *, left: Left | None = None, most: int = MOST) -> Candidates:
        """The species of the hits of each query, at most ``most`` of them."""
        from strandloom.workflows.taxonomy.candidate_kernels import gather

        left = left or Left.nothing(len(hits), len(self.per_species))
        first = np.zeros(len(hits) + 1, np.int64)
        room = int((self.owner_offsets[hits.haplotype + 1] - self.owner_offsets[hits.haplotype]).sum())
        columns = np.zeros((5, room), np.int32)
        used = gather(
            hits.offsets, hits.haplotype, hits.differences, self.owner_offsets, self.owner_species, self.owner_records,
            left.haplotype, left.species, left.key, left.banned, first, most, columns,
        )  # fmt: skip
        return Candidates(first, *(column[:used].copy() for column in columns))

    def haplotype_key(self, key: NDArray[np.int32]) -> NDArray[np.int32]:
        """The group of each sequence whose species are all of one group, int32 ``(H,)``; -1 for the others."""
        groups = key[self.owner_species]
        high = np.full(len(self.owner_offsets) - 1, -1, np.int32)
        low = np.full(len(high), np.iinfo(np.int32).max, np.int32)
        np.maximum.at(high, self.owner_haplotype, groups)
        np.minimum.at(low, self.owner_haplotype, groups)
        return np.where(high == low, high, -1).astype(np.int32)
