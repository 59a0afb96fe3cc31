"""Queries to learn from."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.candidates import Candidates
from strandloom.workflows.taxonomy.evidence import CLASS, FAMILY, FEATURES, GENUS, NOTHING, ORDER, SPECIES, Evidence
from strandloom.workflows.taxonomy.practice import (
    DRAWN,
    ERROR_RATE,
    SHARES,
    Match,
    Practice,
    practise,
    shuffled,
    true_answers,
    with_errors,
)

KINDS = (SPECIES, SPECIES, GENUS, FAMILY, ORDER, CLASS, NOTHING)
"""What the blocks of practice lack, in order."""


@pytest.fixture(scope="module")
def match(tiny: SimpleNamespace) -> Match:
    return Match(tiny.reference(tiny.random_rows(3, species=14)))


@pytest.fixture(scope="module")
def blocks(match: Match) -> list[Practice]:
    return practise(match, seed=1)


def test_a_record_never_meets_itself(match: Match, blocks: list[Practice]) -> None:
    own = match.reference
    pairs = list(zip(own.haplotype.tolist(), own.species.tolist(), strict=True))
    for kind, block in zip(KINDS, blocks, strict=True):
        found = block.evidence.candidates
        for query, species, haplotype, near in zip(
            found.query, found.species, found.haplotype, found.near_records, strict=True
        ):
            row = int(block.row[query])
            if kind == SPECIES:
                own_species = species == own.species[row]
                assert near <= match.records.per_species[species] - own_species
                assert not own_species or haplotype != own.haplotype[row] or pairs.count(pairs[row]) > 1
            elif kind < NOTHING:
                assert match.lineages.of[kind - 1][species] != match.lineages.of[kind - 1][own.species[row]]


def test_blocks_of_each_kind(match: Match, blocks: list[Practice]) -> None:
    own = match.reference
    several = np.flatnonzero(np.bincount(own.species)[own.species] > 1)
    assert np.array_equal(blocks[0].row, several)
    for kind, block in zip(KINDS[2:], blocks[2:], strict=True):
        assert len(block.row) == max(int(DRAWN[kind] * len(own)), 1)
        assert len(np.unique(block.row)) == len(block.row)
    for kind in set(KINDS):
        total = sum(float(x.weight.sum()) for k, x in zip(KINDS, blocks, strict=True) if k == kind)
        assert total == pytest.approx(SHARES[kind], rel=1e-5)


def test_true_answers_are_the_narrowest(match: Match, blocks: list[Practice]) -> None:
    of, species = match.lineages.of, match.reference.species
    met = set()
    for lacking, block in zip(KINDS, blocks, strict=True):
        own = block.evidence
        for query, row in enumerate(block.truth.tolist()):
            a, b = own.offsets[query : query + 2]
            true = species[block.row[query]]
            right = [
                (int(own.kind[i]), i)
                for i in range(a, b)
                if own.kind[i] == NOTHING or (own.kind[i] >= lacking and own.taxon[i] == of[own.kind[i]][true])
            ]
            assert row == min(right)[1]
            met.add(int(own.kind[row]))
    assert met == {SPECIES, GENUS, FAMILY, ORDER, CLASS, NOTHING}


def test_true_answers_of_a_query_by_hand(match: Match) -> None:
    own = match.lineages.of
    species = 3
    kind = np.array([SPECIES, SPECIES, GENUS, FAMILY, ORDER, CLASS, NOTHING], np.uint8)
    taxon = np.array([0, species, *(own[rank][species] for rank in range(1, 5)), -1], np.int32)
    none = Candidates(np.zeros(2, np.int64), *(np.zeros(0, np.int32),) * 5)
    evidence = Evidence(
        np.array([0, 7]), kind, taxon, np.zeros(7, np.int32), np.zeros((7, len(FEATURES)), np.float32), none
    )
    for lacking, answer in ((SPECIES, 1), (GENUS, 2), (FAMILY, 3), (ORDER, 4), (CLASS, 5), (NOTHING, 6)):
        got = true_answers(evidence, match.lineages, np.array([species], np.int32), np.array([lacking]))
        assert got.tolist() == [answer]


def test_same_seed_same_blocks(match: Match, blocks: list[Practice]) -> None:
    for one, two in zip(blocks, practise(match, seed=1, threads=2), strict=True):
        for field in ("truth", "weight", "row"):
            assert np.array_equal(getattr(one, field), getattr(two, field))
        for field in ("offsets", "kind", "taxon", "features"):
            assert np.array_equal(getattr(one.evidence, field), getattr(two.evidence, field))
    other = practise(match, seed=2)
    assert any(not np.array_equal(one.row, two.row) for one, two in zip(blocks, other, strict=True))


def test_errors_change_bases_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 200_000).astype(np.uint8)
    codes[::50] = 14
    before, offsets = codes.copy(), np.arange(0, 200_001, 200)
    copies = with_errors(codes, offsets, np.random.default_rng(2))
    assert np.array_equal(codes, before)
    assert copies.shape == codes.shape
    assert (copies[::50] == 14).all()
    assert copies[codes < 4].max() < 4
    rate = float((copies != codes).mean()) / 0.98
    assert rate == pytest.approx(ERROR_RATE / 2, rel=0.1)
    moved = (copies.astype(int) - codes)[copies != codes] % 4
    assert np.bincount(moved, minlength=4)[1:].min() > 0.25 * len(moved)
    assert np.array_equal(with_errors(codes, offsets, np.random.default_rng(2), rate=0), codes)


def test_shuffled_sequences_keep_their_bases(match: Match) -> None:
    own = match.reference
    codes, offsets = take_ragged(own.codes, own.offsets, np.arange(own.haplotypes))
    copies = shuffled(codes, offsets, np.random.default_rng(1))
    assert (copies != codes).mean() > 0.5
    for a, b in itertools.pairwise(offsets):
        assert np.array_equal(np.bincount(copies[a:b], minlength=4), np.bincount(codes[a:b], minlength=4))


def test_a_reference_without_a_species_of_two_records(tiny: SimpleNamespace) -> None:
    rows = tiny.random_rows(1)
    single = list({row[0]: row for row in rows}.values())
    blocks = practise(Match(tiny.reference(single)), seed=1)
    assert len(blocks) == len(KINDS) - 2


def test_ranks_that_nobody_knows_are_not_practised(tiny: SimpleNamespace) -> None:
    rows = [(*row[:2], "", "", *row[4:]) for row in tiny.random_rows(1)]
    match = Match(tiny.reference(rows))
    blocks = practise(match, seed=1)
    assert len(blocks) == len(KINDS) - 2
    kinds = np.unique(np.concatenate([block.evidence.kind for block in blocks]))
    assert kinds.tolist() == [SPECIES, GENUS, CLASS, NOTHING]
