"""Reads drawn from genomes."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from strandloom.alphabet import DNA
from strandloom.workflows.sources.draws import ReadProfile, draw_members, draw_reads
from strandloom.workflows.sources.pool import Pool, read_pool

CLEAN = ReadProfile(length=50, substitution=0.0)


@pytest.fixture(scope="module")
def pool() -> Pool:
    generator = np.random.default_rng(1)
    lengths = np.array([400, 120, 300], np.int64)
    codes = np.concatenate([np.append(generator.integers(0, 4, n), DNA.pad) for n in lengths]).astype(np.uint8)
    return Pool(codes, np.array([0, 401, 522]), lengths, np.array([0, 0, 1], np.int32), 2)


def test_reads_without_errors_are_pieces_of_their_genome(pool: Pool) -> None:
    member = np.tile([0, 1], 300)
    found = draw_reads(pool, member, profile=CLEAN, seed=4)
    assert (pool.member[found.contig] == member).all()
    assert 0.4 < found.reverse.mean() < 0.6
    for i in range(len(member)):
        first = pool.starts[found.contig[i]] + found.start[i]
        piece = pool.codes[first : first + 50]
        assert (found.codes[i] == (DNA.reverse_complement(piece) if found.reverse[i] else piece)).all()


def test_a_read_depends_on_its_number_and_seed_alone(pool: Pool) -> None:
    many = draw_reads(pool, np.zeros(200, int), profile=CLEAN, seed=4)
    few = draw_reads(pool, np.zeros(20, int), profile=CLEAN, seed=4)
    other = draw_reads(pool, np.zeros(20, int), profile=CLEAN, seed=5)
    assert (many.codes[:20] == few.codes).all()
    assert (few.codes != other.codes).any()


def test_places_are_drawn_evenly(pool: Pool) -> None:
    found = draw_reads(pool, np.zeros(40_000, int), profile=CLEAN, seed=1)
    in_first = (found.contig == 0).mean()
    assert in_first == pytest.approx(351 / (351 + 71), abs=0.01)


def test_errors_come_as_often_as_asked(pool: Pool) -> None:
    clean = draw_reads(pool, np.zeros(20_000, int), profile=CLEAN, seed=2)
    wrong = draw_reads(pool, np.zeros(20_000, int), profile=ReadProfile(length=50, substitution=0.02, rise=4), seed=2)
    differs = clean.codes != wrong.codes
    assert differs.mean() == pytest.approx(0.02, rel=0.05)
    assert differs[:, -10:].mean() > 2 * differs[:, :10].mean()


def test_insertions_and_deletions_keep_the_length(pool: Pool) -> None:
    profile = ReadProfile(length=50, substitution=0, insertion=0.05, deletion=0.05)
    found = draw_reads(pool, np.zeros(500, int), profile=profile, seed=2)
    assert (found.lengths == 50).mean() > 0.95
    assert (found.codes[found.lengths == 50] < 4).all()


def test_lengths_vary_around_their_mean(pool: Pool) -> None:
    found = draw_reads(pool, np.zeros(5000, int), profile=ReadProfile(length=60, length_sd=10), seed=2)
    assert found.lengths.mean() == pytest.approx(60, abs=1)
    assert found.lengths.std() == pytest.approx(10, abs=1)
    column = np.arange(found.codes.shape[1])
    assert (found.codes[column >= found.lengths[:, None]] == DNA.pad).all()


def test_contigs_shorter_than_a_read_give_what_they_have() -> None:
    pool = Pool(
        np.append(np.zeros(30, np.uint8), DNA.pad).astype(np.uint8),
        np.array([0]),
        np.array([30]),
        np.zeros(1, np.int32),
        1,
    )
    assert (draw_reads(pool, np.zeros(5, int), profile=CLEAN, seed=1).lengths == 30).all()


def test_members_by_weight() -> None:
    found = draw_members(np.array([1.0, 0.0, 3.0]), 40_000, seed=3)
    assert np.bincount(found, minlength=3) / 40_000 == pytest.approx([0.25, 0, 0.75], abs=0.01)


def test_impossible_errors_are_refused() -> None:
    with pytest.raises(ValidationError, match="three of four"):
        ReadProfile(substitution=0.45, rise=50)


def test_pool_of_files(genomes) -> None:  # type: ignore[no-untyped-def]
    files = sorted(genomes.parent.glob("gut*.fa.gz"))
    found = read_pool(files)
    assert found.members == 4
    assert found.bases.tolist() == [19998] * 4
    assert len(found.take([2]).codes) == 19999
    assert (found.take([2]).codes == found.of(2)).all()
