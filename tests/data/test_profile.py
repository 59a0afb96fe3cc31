"""Per-row numbers against a slow twin, on ragged records and on windows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.data.dataset import Dataset
from strandloom.data.profile import profile_rows
from strandloom.data.window import Window
from strandloom.io.records import LetterCounts, Records


def _records(texts: list[str]) -> Records:
    codes = [DNA.encode(text) for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(x) for x in codes]))).astype(np.int64)
    ids = pl.Series("id", [f"r{i}" for i in range(len(texts))], dtype=pl.String)
    return Records(np.concatenate([np.zeros(0, np.uint8), *codes]), offsets, ids, pl.DataFrame(), LetterCounts())


@given(st.lists(st.text("ACGTNR-", max_size=30), min_size=1, max_size=20))
def test_counts_and_hashes_equal_the_slow_twin(texts: list[str]) -> None:
    rows = profile_rows(_records(texts))
    for i, text in enumerate(texts):
        bases = sum(text.count(x) for x in "ACGT")
        assert rows.length[i] == len(text)
        assert rows.gaps[i] == text.count("-")
        assert rows.unknown[i] == text.count("N") + text.count("R")
        gc = (text.count("G") + text.count("C")) / bases if bases else np.nan
        assert rows.gc[i] == pytest.approx(gc, nan_ok=True)
        other = DNA.decode(DNA.reverse_complement(DNA.encode(text)))
        for j, partner in enumerate(texts):
            assert (rows.sequence[i] == rows.sequence[j]) == (text == partner)
            assert (rows.other_strand[i] == rows.sequence[j]) == (other == partner)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    texts = ["".join(generator.choice(list("ACGT"), generator.integers(0, 40))) for _ in range(60)]
    records = _records(texts)
    whole = profile_rows(records)
    window = Window(40, "centre")
    placed = window.place(records)
    data = Dataset(placed.codes, placed.lengths, records.ids, pl.DataFrame(), None, None, window, LetterCounts())
    monkeypatch.setattr("strandloom.data.profile._BLOCK_BASES", 100)
    for parts in (profile_rows(records), profile_rows(data)):
        for name in whole.__dataclass_fields__:
            assert np.array_equal(getattr(parts, name), getattr(whole, name), equal_nan=name == "gc"), name


def test_low_complexity() -> None:
    generator = np.random.default_rng(2)
    random = ["".join(generator.choice(list("ACGT"), 42)) for _ in range(500)]
    poor = ["A" * 60, "AC" * 30, "CAG" * 20, "A" * 50 + "ACGTTGCATC"]
    rows = profile_rows(_records([*random, *poor, "AAAA", ""]))
    assert rows.low_complexity.tolist() == [False] * 500 + [True] * 4 + [False] * 2
