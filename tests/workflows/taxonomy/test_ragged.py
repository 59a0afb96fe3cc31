"""Sequences one after the other."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.ragged import cut, decoded, encoded, turned


def test_text_there_and_back() -> None:
    texts = pl.Series("sequence", ["ACGT", "", "NRY", "T"])
    codes, offsets = encoded(texts)
    assert offsets.tolist() == [0, 4, 4, 7, 8]
    assert decoded(codes, offsets).to_list() == texts.to_list()
    assert encoded(pl.Series(["Aé"]))[0].tolist() == [0, 255, 255]
    assert encoded(pl.Series([], dtype=pl.String))[1].tolist() == [0]


def test_parts_are_cut_in_the_coordinates_of_the_sequence() -> None:
    codes, offsets = encoded(pl.Series(["AACCGGTR", "ACG", "TTT"]))
    parts = cut(codes, offsets, np.array([1, 0, 3]), np.array([8, 3, 3]), np.array([-1, 1, 1]))
    assert decoded(*parts).to_list() == ["YACCGGT", "ACG", ""]
    back = turned(codes, offsets, np.array([-1, 0, 1]))
    assert decoded(back, offsets).to_list() == ["YACCGGTT", "ACG", "TTT"]
