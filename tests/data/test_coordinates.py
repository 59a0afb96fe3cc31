"""Intervals from columns and from ids, held against the sequences."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.data.coordinates import Coordinates, coordinates, located

NONE = pl.DataFrame()


def ids(*names: str) -> pl.Series:
    return pl.Series("id", names, dtype=pl.String)


def test_ids_of_bedtools_getfasta() -> None:
    found = coordinates(ids("chr1:10-20", "peak_7::chrX:5-9(-)", "HLA-A*01:01:02:0-9"), NONE)
    assert found is not None
    assert found.rows() == [("chr1", 10, 20, "."), ("chrX", 5, 9, "-"), ("HLA-A*01:01:02", 0, 9, ".")]


def test_columns_come_first() -> None:
    table = pl.DataFrame({"chrom": [2], "chromStart": ["7"], "chromEnd": [9], "strand": ["+"]})
    found = coordinates(ids("chr1:10-20"), table)
    assert found is not None
    assert found.rows() == [("2", 7, 9, "+")]


@pytest.mark.parametrize(
    ("strand", "told"),
    [
        (["+", "-", ".", None], ["+", "-", ".", "."]),
        (["+1", "-1", " + ", "plus"], ["+", "-", "+", "."]),
        ([1, -1, 0, None], ["+", "-", ".", "."]),
        ([1.0, -1.0, 0.0, None], ["+", "-", ".", "."]),
    ],
)
def test_strands_of_every_spelling(strand: list[object], told: list[str]) -> None:
    table = pl.DataFrame({"chrom": ["a"] * 4, "start": [1] * 4, "end": [2] * 4, "strand": strand})
    found = coordinates(ids(*"wxyz"), table)
    assert found is not None
    assert found["strand"].to_list() == told


def test_a_row_without_an_interval_means_none() -> None:
    found = located(ids("chr1:10-20", "read7"), NONE)
    assert found.frame is None
    assert found.note == "1 of 2 sequences have no interval, so no coordinates are given"
    assert coordinates(ids("chr1:10-20", "read7"), NONE) is None
    table = pl.DataFrame({"chrom": ["a", "b"], "start": [1, None], "end": [2, 3]})
    assert coordinates(ids("x", "y"), table) is None
    assert coordinates(ids("chr1:1-99999999999999999999"), NONE) is None


@pytest.mark.parametrize("names", [(), ("read7", "read8")])
def test_a_table_without_intervals_has_nothing_to_say(names: tuple[str, ...]) -> None:
    assert located(ids(*names), NONE, np.full(len(names), 5)) == Coordinates(None, None)


def test_intervals_of_as_many_bases_are_taken_as_they_are() -> None:
    names = ids("chr1:10-20", "chr1:5-8(+)")
    plain = coordinates(names, NONE)
    found = located(names, NONE, np.array([10, 3], np.int32))
    assert found.note is None
    assert found.frame is not None
    assert plain is not None
    assert found.frame.equals(plain)


def test_intervals_that_count_from_1_are_told_from_0() -> None:
    """``samtools faidx``: chr1:1-10 are the first ten bases."""
    found = located(ids("chr1:1-10", "chr2:5-8"), NONE, np.array([10, 4]))
    assert found.frame is not None
    assert found.frame.rows() == [("chr1", 0, 10, "."), ("chr2", 4, 8, ".")]
    assert found.note is not None
    assert "count from 1" in found.note
    table = pl.DataFrame({"seqname": ["c"], "start": [3], "stop": [4], "strand": [-1]})
    found = located(ids("x"), table, np.array([2]))
    assert found.frame is not None
    assert found.frame.rows() == [("c", 2, 4, "-")]


@pytest.mark.parametrize(
    ("names", "lengths", "said"),
    [
        (("chr1:10-20", "chr1:10-20"), (10, 11), "'chr1:10-20' (chr1:10-20) has 10 bases and its sequence 11"),
        (("chr1:10-20", "chr2:0-9"), (11, 10), "has 10 bases and its sequence 11"),  # counted from 1 there is no base 0
        (("chr1:10-20", "chr2:1-2000"), (10, 500), "'chr2:1-2000' (chr2:1-2000) has 1,999 bases and its sequence 500"),
    ],
)
def test_intervals_that_do_not_fit_are_left_out_with_a_reason(
    names: tuple[str, ...], lengths: tuple[int, ...], said: str
) -> None:
    found = located(ids(*names), NONE, np.array(lengths))
    assert found.frame is None
    assert found.note is not None
    assert said in found.note
    assert found.note.endswith("so no coordinates are given")
