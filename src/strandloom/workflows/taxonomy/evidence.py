"""What a sequence may be: candidate species, an unlisted member of a known taxon, or nothing known, each with its evidence.

The answers to a query compete in one softmax, so their probabilities sum to 1 and those of a genus, family, order or class are plain
sums: a species that the reference lacks is not forced into one that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.candidates import Candidates, Left, Records
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

SPECIES, GENUS, FAMILY, ORDER, CLASS, NOTHING = range(6)
"""Kinds of answers: a listed species; an unlisted member of a listed genus, family, order or class; nothing that is listed."""
KINDS = 6
_EQUAL = 1e-9
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Possible answers to N queries, ragged, with their features.

    Parameters
    ----------
    offsets
        int64 ``(N + 1,)``: query i owns ``offsets[i]:offsets[i + 1]`` of the other arrays.
    kind
        uint8 ``(total,)``: one of the kinds above; exactly one ``NOTHING`` a query, the last.
    taxon
        int32 ``(total,)``: the species, or the taxon (a number of that rank); -1 for nothing.
    differences
        int32 ``(total,)``: between the query and the nearest record of the taxon.
    features
        float32 ``(total, F)``: see :func:`collect`.
    candidates
        The species behind it; species answers are its rows, in order.
    """

    offsets: NDArray[np.int64]
    kind: NDArray[np.uint8]
    taxon: NDArray[np.int32]
    differences: NDArray[np.int32]
    features: Floats
    candidates: Candidates

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def query(self) -> NDArray[np.int64]:
        """The query of each answer, int64 ``(total,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def species_rows(self) -> NDArray[np.int64]:
        """Where the species answers stand, int64 ``(candidates,)``, in the order of the candidates."""
        return np.flatnonzero(self.kind == SPECIES)


FEATURES = (
    "differences beyond the best", "is the nearest", "log best differences", "exact", "log records at the distance",
    "log records", "log haplotypes", "log share among equals", "log equals", "log records near", "log near congeners",
    "log species of the taxon", "log best records", "share of the near records",
    "words below the best", "words are the best", "log candidates with better words",
)  # fmt: skip
"""What describes an answer; one that does not apply to its kind is 0."""


class Lineages:
    """The taxa above each species as numbers, ready for gathers.

    Parameters
    ----------
    taxonomy
        S species.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.of = np.stack([taxonomy.taxa(rank).index for rank in RANKS])  # (5, S)
        self.sizes = [np.bincount(row[row >= 0], minlength=max(int(row.max(initial=-1)) + 1, 1)) for row in self.of]
        self.members = [_first(row) for row in self.of]
        """For each rank a species of each taxon, the first: its higher taxa are those of the taxon."""


class Sizes:
    """How many species the taxa have, less those that are left out for a query.

    Parameters
    ----------
    lineages, left
        All species, and what each of N queries lacks.
    """

    def __init__(self, lineages: Lineages, left: Left) -> None:
        self.lineages, self.banned = lineages, left.banned
        self.lost = [np.unique(self._pair(left.key, own), return_counts=True) for own in lineages.of]

    @staticmethod
    def _pair(group: NDArray[np.integer], taxon: NDArray[np.integer]) -> NDArray[np.int64]:
        return (group.astype(np.int64) << 32) | (taxon.astype(np.int64) & 0xFFFFFFFF)

    def of(self, rank: int, taxon: NDArray[np.int32], query: NDArray[np.int64]) -> NDArray[np.int64]:
        """Species of taxa of a rank as each query meets them, int64 ``(n,)``; 1 for an unknown taxon (-1)."""
        size = np.where(taxon >= 0, self.lineages.sizes[rank][np.maximum(taxon, 0)], 1)
        pairs, counts = self.lost[rank]
        wanted = self._pair(self.banned[query], taxon)
        at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
        gone = (self.banned[query] >= 0) & (taxon >= 0) & (pairs[at] == wanted)
        return np.maximum(size - np.where(gone, counts[at], 0), 0)


def _first(taxon: NDArray[np.int32]) -> NDArray[np.int64]:
    """The first species of each taxon, int64 ``(taxa,)``."""
    known = np.flatnonzero(taxon >= 0)
    out = np.zeros(max(int(taxon.max(initial=-1)) + 1, 1), np.int64)
    out[taxon[known][::-1]] = known[::-1]
    return out


def collect(
    candidates: Candidates,
    records: Records,
    lineages: Lineages,
    *,
    words: NDArray[np.float64],
    left: Left | None = None,
) -> Evidence:
    """The possible answers to each query and their features.

    Parameters
    ----------
    candidates
        Of the same ``left``.
    words
        float64 ``(candidates,)``: how well the words of the query fit each (:meth:`SpeciesWords.scores`).
    left
        What each query's reference lacks; its counts are corrected for it.
    """
    number = len(candidates)
    query, species = candidates.query, candidates.species
    left = left or Left.nothing(number, len(records.per_species))
    best = np.full(number, 99, np.int32)
    np.minimum.at(best, query, candidates.differences)
    rest = np.minimum(candidates.differences - best[query], 20)
    own = species == left.species[query]
    total = records.per_species[species] - own
    haplotypes = np.maximum(records.haplotypes_of[species] - (own & _single(records, left, query)), 1)
    equal_key = query * 32 + rest
    equal_records = _sums(equal_key, candidates.nearest_records)
    equals = _sums(equal_key, np.ones(len(query)))
    near = _sums(query, candidates.near_records)
    genus = lineages.of[GENUS][species]
    close = rest <= 2
    congeners = _sums(query * (int(genus.max(initial=0)) + 2) + genus + 1, close.astype(np.float64)) * (genus >= 0)
    sizes = Sizes(lineages, left)
    best_records = np.zeros(number)
    np.add.at(best_records, query[rest == 0], candidates.nearest_records[rest == 0])
    exact = candidates.differences == 0
    blocks = [
        _features(
            rest, best[query], exact, candidates.nearest_records, total, haplotypes,
            candidates.nearest_records / np.maximum(equal_records, 1), equals, candidates.near_records, congeners,
            sizes.of(GENUS, genus, query), best_records[query], candidates.near_records / np.maximum(near, 1),
            words=_words(words, query, number),
        )
    ]  # fmt: skip
    parts = [(query, np.full(len(query), SPECIES), species, candidates.differences)]
    for rank in (GENUS, FAMILY, ORDER, CLASS):
        taxon = lineages.of[rank][species]
        known = taxon >= 0
        keys, inverse = np.unique((query[known] << 32) | taxon[known], return_inverse=True)
        owner, taxa = keys >> 32, (keys & 0xFFFFFFFF).astype(np.int32)
        nearest = np.full(len(keys), 99, np.int32)
        np.minimum.at(nearest, inverse, candidates.differences[known])
        at_nearest = candidates.differences[known] == nearest[inverse]
        here = _totals(inverse, candidates.nearest_records[known] * at_nearest, len(keys))
        there = _totals(inverse, total[known], len(keys))
        number_near = _totals(inverse, candidates.near_records[known], len(keys))
        members = _totals(inverse, np.ones(int(known.sum())), len(keys))
        children = lineages.of[rank - 1][species[known]]
        close_children = _distinct(inverse[close[known]], children[close[known]], len(keys))
        beyond = np.minimum(nearest - best[owner], 20)
        blocks.append(
            _features(
                beyond, best[owner], nearest == 0, here, there, members, here / np.maximum(best_records[owner], 1),
                close_children, number_near, members, sizes.of(rank, taxa, owner), best_records[owner],
                number_near / np.maximum(_totals(query, candidates.near_records, number)[owner], 1),
            )
        )  # fmt: skip
        parts.append((owner, np.full(len(keys), rank), taxa, nearest))
    every = np.arange(number)
    seen = np.diff(candidates.offsets)
    zero = np.zeros(number)
    blocks.append(
        _features(zero, best, best == 0, zero, zero, zero, zero + 1, seen, zero, zero, zero, best_records, zero)
    )
    parts.append((every, np.full(number, NOTHING), np.full(number, -1), best))
    owner = np.concatenate([part[0] for part in parts])
    order = np.argsort(owner, kind="stable")
    kind = np.concatenate([part[1] for part in parts])[order].astype(np.uint8)
    return Evidence(
        np.searchsorted(owner[order], np.arange(number + 1)).astype(np.int64),
        kind,
        np.concatenate([part[2] for part in parts])[order].astype(np.int32),
        np.concatenate([part[3] for part in parts])[order].astype(np.int32),
        np.concatenate(blocks)[order],
        candidates,
    )


def _words(words: NDArray[np.float64], query: NDArray[np.int64], number: int) -> tuple[NDArray, ...]:
    """How far the words of each candidate are behind the best ones, in units of about one difference, and how many are before it."""
    best = np.full(number, -np.inf)
    np.maximum.at(best, query, words)
    behind = best[query] - words
    order = np.lexsort((behind, query))
    tied = np.zeros(len(query), np.bool_)
    tied[1:] = (np.diff(query[order]) == 0) & (np.diff(behind[order]) <= _EQUAL)
    first = np.maximum.accumulate(np.where(tied, 0, np.arange(len(query))))  # of equal ones the first
    rank = np.empty(len(query), np.int64)
    rank[order] = first - np.searchsorted(query, np.arange(number))[query[order]]
    return np.minimum(behind / 30, 10), behind <= _EQUAL, np.log1p(rank)


def _single(records: Records, left: Left, query: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the record that is left out is the only one of its sequence and species, by candidate."""
    pair = (records.owner_haplotype.astype(np.int64) << 32) | records.owner_species
    wanted = (left.haplotype.astype(np.int64) << 32) | left.species
    at = np.minimum(np.searchsorted(pair, wanted), len(pair) - 1)
    only = (pair[at] == wanted) & (records.owner_records[at] == 1)
    return only[query]


def _features(
    rest: NDArray, best: NDArray, exact: NDArray, nearest: NDArray, total: NDArray, haplotypes: NDArray, share: NDArray,
    equals: NDArray, near: NDArray, congeners: NDArray, species: NDArray, best_records: NDArray, near_share: NDArray,
    words: tuple[NDArray, ...] | None = None,
) -> Floats:  # fmt: skip
    """Features float32 ``(n, F)`` in the order of :data:`FEATURES`."""
    columns = [
        rest / 4, rest == 0, np.log1p(best), exact, np.log1p(nearest), np.log1p(total), np.log1p(haplotypes),
        np.log(np.maximum(share, 1e-3)), np.log1p(equals), np.log1p(near), np.log1p(congeners), np.log1p(species),
        np.log1p(best_records), near_share, *(words or (np.zeros(len(rest)),) * 3),
    ]  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _totals(owner: NDArray, values: NDArray, number: int) -> NDArray[np.float64]:
    return np.bincount(owner, weights=values, minlength=number)[:number].astype(np.float64)


def _sums(key: NDArray, values: NDArray) -> NDArray[np.float64]:
    """For each row the sum of ``values`` over the rows of its key."""
    _, inverse = np.unique(key, return_inverse=True)
    return np.bincount(inverse, weights=values)[inverse].astype(np.float64) if len(key) else np.zeros(0)


def _distinct(owner: NDArray, values: NDArray, number: int) -> NDArray[np.int64]:
    """How many distinct values each owner has."""
    pairs = np.unique((owner.astype(np.int64) << 32) | (values.astype(np.int64) + 1))
    return np.bincount(pairs >> 32, minlength=number)[:number]
