"""Candidate species beside a slow twin of dictionaries."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.candidates import Candidates, Left, Records
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.search import Hits

Found = list[tuple[int, int, int, int, int]]
SEEDS = (1, 2, 3)


def listed(found: Candidates) -> list[Found]:
    columns = (found.species, found.differences, found.nearest_records, found.near_records, found.haplotype)
    rows = list(zip(*(x.tolist() for x in columns), strict=True))
    return [rows[a:b] for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)]


def slow_candidates(
    hits: list[tuple[int, int]], records: Counter[tuple[int, int]], banned: frozenset[int], most: int
) -> Found:
    """Species of hits (haplotype, differences), from the records of each haplotype and species."""
    species: dict[int, list[int]] = {}
    for haplotype, differences in hits:
        for (h, s), number in sorted(records.items()):
            if h != haplotype or s in banned or number == 0:
                continue
            if s not in species:
                if len(species) == most:
                    continue
                species[s] = [differences, 0, 0, haplotype]
            if species[s][0] == differences:
                species[s][1] += number
            species[s][2] += number
    return [(s, d, at, near, h) for s, (d, at, near, h) in species.items()]


def counted(reference: Reference) -> Counter[tuple[int, int]]:
    return Counter(zip(reference.haplotype.tolist(), reference.species.tolist(), strict=True))


def hits_of(hits: Hits) -> list[list[tuple[int, int]]]:
    rows = list(zip(hits.haplotype.tolist(), hits.differences.tolist(), strict=True))
    return [rows[a:b] for a, b in zip(hits.offsets[:-1], hits.offsets[1:], strict=True)]


@pytest.fixture(scope="module", params=SEEDS)
def match(request: pytest.FixtureRequest, tiny: SimpleNamespace) -> Match:
    return Match(tiny.reference(tiny.random_rows(request.param)))


def test_they_are_those_of_the_slow_twin(match: Match) -> None:
    reference = match.reference
    hits = match.index.search(reference.codes, reference.offsets)
    for most in (48, 3):
        expected = [slow_candidates(x, counted(reference), frozenset(), most) for x in hits_of(hits)]
        assert listed(match.records.candidates(hits, most=most)) == expected


def test_one_record_or_a_group_left_out(match: Match) -> None:
    reference = match.reference
    rows = np.arange(len(reference))
    codes, offsets = take_ragged(reference.codes, reference.offsets, reference.haplotype.astype(np.int64))
    hits = match.index.search(codes, offsets)
    key = (np.arange(len(reference.taxonomy)) % 4).astype(np.int32)
    banned = (rows % 5 - 1).astype(np.int32)
    left = Left(reference.haplotype, reference.species, key, banned)
    got = listed(match.records.candidates(hits, left=left))
    for row, own in enumerate(hits_of(hits)):
        records = counted(reference)
        records[int(reference.haplotype[row]), int(reference.species[row])] -= 1
        group = frozenset(np.flatnonzero((key == banned[row]) & (banned[row] >= 0)).tolist())
        assert got[row] == slow_candidates(own, records, group, 48)


def test_counts_of_records(match: Match) -> None:
    reference, records = match.reference, match.records
    own = counted(reference)
    assert records.per_species.tolist() == np.bincount(reference.species).tolist()
    for h in range(reference.haplotypes):
        assert records.shared[h] == (sum(x == h for x, _ in own) > 1)
    for s in range(len(reference.taxonomy)):
        assert records.haplotypes_of[s] == sum(x == s for _, x in own)


def test_the_group_of_a_sequence_is_that_of_all_its_species() -> None:
    species, haplotype = np.array([0, 1, 2, 2, 3], np.int32), np.array([0, 0, 1, 2, 2], np.int32)
    records = Records(species, haplotype, species_count=4, haplotype_count=3)
    assert records.haplotype_key(np.array([5, 5, 6, 6], np.int32)).tolist() == [5, 6, 6]
    assert records.haplotype_key(np.array([5, 6, 7, -1], np.int32)).tolist() == [-1, 7, -1]


def test_no_query(match: Match) -> None:
    found = match.records.candidates(match.index.search(np.zeros(0, np.uint8), np.zeros(1, np.int64)))
    assert (len(found), len(found.species)) == (0, 0)
