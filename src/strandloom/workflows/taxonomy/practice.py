"""Queries to learn from: every reference record meets a reference without itself, and some without their species, genus, family or order.

The reference is split before anything is copied or changed: a record never meets itself or a copy of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.candidates import Left, Records
from strandloom.workflows.taxonomy.evidence import (
    CLASS,
    FAMILY,
    GENUS,
    NOTHING,
    ORDER,
    SPECIES,
    Evidence,
    Lineages,
    collect,
)
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.search import Hits, Index
from strandloom.workflows.taxonomy.words import SpeciesWords

Generator = np.random.Generator

SHARES = {SPECIES: 0.93, GENUS: 0.04, FAMILY: 0.015, ORDER: 0.008, CLASS: 0.004, NOTHING: 0.003}
"""What queries are expected to be: of a species that the reference has, of one that it lacks in a genus that it has, and so on."""
DRAWN = {GENUS: 0.25, FAMILY: 0.15, ORDER: 0.1, CLASS: 0.05, NOTHING: 0.05}
"""Records drawn to play each of the others, as a share of all."""
ERROR_RATE = 0.01
"""Most errors per base in the copies of records that are read with errors."""
ERROR_SHARE = 0.2
"""Weight of those copies among the queries of listed species."""


@dataclass(frozen=True, eq=False)
class Match:
    """A reference made ready for questions.

    Parameters
    ----------
    reference
        The records.
    """

    reference: Reference

    @cached_property
    def index(self) -> Index:
        """Its sequences, to be searched."""
        return Index(self.reference.codes, self.reference.offsets)

    @cached_property
    def records(self) -> Records:
        """Which species have which sequence."""
        own = self.reference
        return Records(own.species, own.haplotype, species_count=len(own.taxonomy), haplotype_count=own.haplotypes)

    @cached_property
    def words(self) -> SpeciesWords:
        """Words of every species."""
        own = self.records
        return SpeciesWords(
            self.reference.codes,
            self.reference.offsets,
            haplotype=own.owner_haplotype,
            species=own.owner_species,
            records=own.owner_records,
            species_count=len(self.reference.taxonomy),
        )

    def _collect(self, hits: Hits, codes: Codes, offsets: NDArray[np.int64], left: Left) -> Evidence:
        candidates = self.records.candidates(hits, left=left)
        words = self.words.scores(codes, offsets, candidates, left)
        return collect(candidates, self.records, self.lineages, words=words, left=left)

    @cached_property
    def lineages(self) -> Lineages:
        """The taxa above each species."""
        return Lineages(self.reference.taxonomy)

    def evidence(self, codes: Codes, offsets: NDArray[np.int64], *, threads: int = 1) -> Evidence:
        """What N new sequences may be."""
        hits = self.index.search(codes, offsets, threads=threads)
        return self._collect(hits, codes, offsets, Left.nothing(len(offsets) - 1, len(self.reference.taxonomy)))

    def without_record(
        self, rows: NDArray[np.int64], codes: Codes, offsets: NDArray[np.int64], *, threads: int = 1
    ) -> Evidence:
        """What sequences may be to a reference without the record that each comes from.

        Parameters
        ----------
        rows
            int64 ``(N,)``: that record.
        codes, offsets
            The N sequences, as they are or with errors.
        """
        own = self.reference
        haplotype, species = own.haplotype[rows], own.species[rows]
        alone = np.bincount(own.haplotype, minlength=own.haplotypes) == 1
        key = np.where(alone, np.arange(own.haplotypes), -1).astype(np.int32)
        banned = np.where(alone[haplotype], haplotype, -1).astype(np.int32)
        none = np.full(len(rows), -1, np.int32)
        left = Left(haplotype, species, np.full(len(own.taxonomy), -1, np.int32), none)
        hits = self.index.search(codes, offsets, key=key, banned=banned, threads=threads)
        return self._collect(hits, codes, offsets, left)

    def without_taxon(
        self, rank: int, taxon: NDArray[np.int32], codes: Codes, offsets: NDArray[np.int64], *, threads: int = 1
    ) -> Evidence:
        """What sequences may be to a reference without a taxon each.

        Parameters
        ----------
        rank
            0 species, 1 genus, 2 family, 3 order.
        taxon
            int32 ``(N,)``: the taxon of that rank that is left out; -1 none.
        """
        key = self.lineages.of[rank].astype(np.int32)
        none = np.full(len(taxon), -1, np.int32)
        left = Left(none, none, key, taxon.astype(np.int32))
        hits = self.index.search(
            codes, offsets, key=self.records.haplotype_key(key), banned=left.banned, threads=threads
        )
        return self._collect(hits, codes, offsets, left)


@dataclass(frozen=True, eq=False)
class Practice:
    """Queries with their true answers.

    Parameters
    ----------
    evidence
        Possible answers to N queries.
    truth
        int64 ``(N,)``: the row of the true answer.
    weight
        float32 ``(N,)``: how much each counts, so that all together are what queries are expected to be.
    row
        int64 ``(N,)``: the record that each comes from.
    """

    evidence: Evidence
    truth: NDArray[np.int64]
    weight: NDArray[np.float32]
    row: NDArray[np.int64]


def true_answers(
    evidence: Evidence, lineages: Lineages, species: NDArray[np.int32], lacking: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The row of the narrowest answer that is true, int64 ``(N,)``.

    Parameters
    ----------
    evidence
        N queries.
    species
        int32 ``(N,)``: the true species.
    lacking
        int64 ``(N,)``: the reference lacks the truth at all ranks below this one (0: it has the species; 5: it has nothing).
    """
    truth = evidence.offsets[1:] - 1  # nothing known
    query = evidence.query
    for rank in (CLASS, ORDER, FAMILY, GENUS, SPECIES):
        right = lineages.of[rank][species][query]
        rows = np.flatnonzero(
            (evidence.kind == rank) & (evidence.taxon == right) & (right >= 0) & (lacking[query] <= rank)
        )
        truth[query[rows]] = rows
    return truth


def with_errors(codes: Codes, offsets: NDArray[np.int64], rng: Generator, *, rate: float = ERROR_RATE) -> Codes:
    """Copies with substitutions at up to ``rate`` a base (drawn for each sequence), uint8 ``(total,)``."""
    own = np.repeat(rng.uniform(0, rate, len(offsets) - 1), np.diff(offsets))
    hit = (rng.random(len(codes)) < own) & (codes < 4)
    out = codes.copy()
    out[hit] = (out[hit] + rng.integers(1, 4, int(hit.sum()), dtype=np.uint8)) % 4
    return out


def shuffled(codes: Codes, offsets: NDArray[np.int64], rng: Generator) -> Codes:
    """Each sequence with its bases in random order, uint8 ``(total,)``: sequences of nothing."""
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return codes[np.lexsort((rng.random(len(codes)), owner))]


def practise(match: Match, *, seed: int, threads: int = 1) -> list[Practice]:
    """Queries for training, a block of each kind.

    Parameters
    ----------
    match
        The reference.
    seed
        Of the draws.
    """
    own, lineages = match.reference, match.lineages
    rng = np.random.default_rng(seed)
    several = match.records.per_species[own.species] > 1
    listed = np.flatnonzero(several)
    blocks: list[Practice] = []

    def add(rows: NDArray[np.int64], evidence: Evidence, lacking: int, share: float) -> None:
        truth = true_answers(evidence, lineages, own.species[rows], np.full(len(rows), lacking))
        weight = np.full(len(rows), share / max(len(rows), 1), np.float32)
        blocks.append(Practice(evidence, truth, weight, rows))

    if len(listed):
        codes, offsets = take_ragged(own.codes, own.offsets, own.haplotype[listed].astype(np.int64))
        share = SHARES[SPECIES] * (1 - ERROR_SHARE)
        add(listed, match.without_record(listed, codes, offsets, threads=threads), SPECIES, share)
        few = np.sort(rng.choice(listed, max(len(listed) // 3, 1), replace=False))
        codes, offsets = take_ragged(own.codes, own.offsets, own.haplotype[few].astype(np.int64))
        copies = with_errors(codes, offsets, rng)
        share = SHARES[SPECIES] * ERROR_SHARE
        add(few, match.without_record(few, copies, offsets, threads=threads), SPECIES, share)
    for rank in (GENUS, FAMILY, ORDER, CLASS):
        taxon = lineages.of[rank - 1][own.species]
        known = np.flatnonzero(taxon >= 0)
        if not len(known):
            continue
        number = min(max(int(DRAWN[rank] * len(own)), 1), len(known))
        rows = np.sort(rng.choice(known, number, replace=False))
        codes, offsets = take_ragged(own.codes, own.offsets, own.haplotype[rows].astype(np.int64))
        copies = with_errors(codes, offsets, rng)
        evidence = match.without_taxon(rank - 1, taxon[rows], copies, offsets, threads=threads)
        add(rows, evidence, rank, SHARES[rank])
    rows = np.sort(rng.choice(len(own), max(int(DRAWN[NOTHING] * len(own)), 1), replace=False))
    codes, offsets = take_ragged(own.codes, own.offsets, own.haplotype[rows].astype(np.int64))
    evidence = match.evidence(shuffled(codes, offsets, rng), offsets, threads=threads)
    add(rows, evidence, NOTHING, SHARES[NOTHING])
    return blocks
