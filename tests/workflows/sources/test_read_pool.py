"""Reads of samples as a pool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.workflows.sources import read_pool
from strandloom.workflows.sources.collection import Collection, read_collection
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.pool import GAP
from strandloom.workflows.sources.settings import ReadSettings


@pytest.fixture
def two_samples(tmp_path: Path) -> Collection:
    """300 reads of 60 bases a sample, of mouth and of gut, in plain FASTQ."""
    generator = np.random.default_rng(2)
    for name in ("one", "two"):
        reads = ["".join("ACGT"[x] for x in generator.integers(0, 4, 60)) for _ in range(300)]
        text = "".join(f"@{name}{i}\n{read}\n+\n{'I' * 60}\n" for i, read in enumerate(reads))
        (tmp_path / f"{name}.fastq").write_text(text)
    table = tmp_path / "samples.tsv"
    table.write_text("environment\tsample\tfile\nmouth\tone\tone.fastq\ngut\ttwo\ttwo.fastq\n")
    return read_collection(table)


def test_bases_one_after_the_other_with_gaps() -> None:
    codes = np.array([9, 0, 1, 2, 9, 3, 3, 9], np.uint8)
    reads = ReadBlock(codes, np.array([1, 5]), np.array([3, 2], np.int32))
    assert read_pool._apart(reads).tolist() == [0, 1, 2, GAP, 3, 3, GAP]


def test_the_last_read_may_end_the_block() -> None:
    reads = ReadBlock(np.array([0, 1, 2], np.uint8), np.array([1]), np.array([2], np.int32))
    assert read_pool._apart(reads).tolist() == [1, 2, GAP]


def test_every_read_of_every_sample(two_samples: Collection) -> None:
    pool, notes = read_pool.pool_of_reads(two_samples, ReadSettings())
    assert np.bincount(pool.member).tolist() == [300, 300]
    assert set(pool.lengths.tolist()) == {60}
    assert (pool.codes[pool.starts[1:] - 1] == GAP).all()
    assert not [note for note in notes if "are used" in note]


def test_the_first_reads_of_a_large_sample(two_samples: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_pool, "MOST_READS", 250)
    pool, notes = read_pool.pool_of_reads(two_samples, ReadSettings())
    assert np.bincount(pool.member).tolist() == [250, 250]
    assert "one: the first 250 reads are used" in notes


def test_too_few_reads(two_samples: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_pool, "LEAST_READS", 301)
    with pytest.raises(InputError, match="sample 'one' has 300 reads that can be used; at least 301"):
        read_pool.pool_of_reads(two_samples, ReadSettings())
