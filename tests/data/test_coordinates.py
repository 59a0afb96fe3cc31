"""Intervals from columns and from ids."""

from __future__ import annotations

import polars as pl

from strandloom.data.coordinates import coordinates


def ids(*names: str) -> pl.Series:
    return pl.Series("id", names, dtype=pl.String)


def test_ids_of_bedtools_getfasta() -> None:
    found = coordinates(ids("chr1:10-20", "peak_7::chrX:5-9(-)", "HLA-A*01:01:02:0-9"), pl.DataFrame())
    assert found is not None
    assert found.rows() == [("chr1", 10, 20, "."), ("chrX", 5, 9, "-"), ("HLA-A*01:01:02", 0, 9, ".")]


def test_columns_come_first() -> None:
    table = pl.DataFrame({"chrom": [2], "chromStart": ["7"], "chromEnd": [9], "strand": ["+"]})
    found = coordinates(ids("chr1:10-20"), table)
    assert found is not None
    assert found.rows() == [("2", 7, 9, "+")]


def test_a_row_without_an_interval_means_none() -> None:
    assert coordinates(ids("chr1:10-20", "read7"), pl.DataFrame()) is None
    assert coordinates(ids(), pl.DataFrame()) is None
    table = pl.DataFrame({"chrom": ["a", "b"], "start": [1, None], "end": [2, 3]})
    assert coordinates(ids("x", "y"), table) is None
