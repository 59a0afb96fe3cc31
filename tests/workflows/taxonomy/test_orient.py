"""Strands told by shared 8-mers."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.orient import Orientation
from strandloom.workflows.taxonomy.ragged import encoded, turned

RNG = np.random.default_rng(2)
TEXTS = pl.Series(["".join(RNG.choice(list("ACGT"), 120)) for _ in range(20)])


def test_strands() -> None:
    codes, offsets = encoded(TEXTS)
    orientation = Orientation(codes, offsets)
    given = np.where(np.arange(20) % 3 == 0, -1, 1)
    assert np.array_equal(orientation.strands(turned(codes, offsets, given), offsets), given)


def test_what_is_unlike_or_too_short_stays_open() -> None:
    orientation = Orientation(*encoded(TEXTS))
    others = pl.Series(["", "ACG", "N" * 50, "".join(RNG.choice(list("ACGT"), 12))])
    assert orientation.strands(*encoded(others)).tolist() == [0, 0, 0, 0]
    assert orientation.strands(*encoded(pl.Series([], dtype=pl.String))).tolist() == []


def test_palindromes_tell_nothing() -> None:
    half = "ACGTTGCAACCAGG"
    both = half + "CCTGGTTGCAACGT"
    assert Orientation(*encoded(pl.Series([both]))).strands(*encoded(pl.Series([both]))).tolist() == [0]
