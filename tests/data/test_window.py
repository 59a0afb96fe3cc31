"""Padding and cropping against a slow twin, and the choice of the window's length."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.data.window import Window, WindowSettings, fit_window
from strandloom.errors import InputError
from strandloom.io.records import LetterCounts, Records


def _records(texts: list[str]) -> Records:
    codes = [DNA.encode(text) for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(x) for x in codes]))).astype(np.int64)
    ids = pl.Series("id", [f"r{i}" for i in range(len(texts))], dtype=pl.String)
    return Records(np.concatenate([np.zeros(0, np.uint8), *codes]), offsets, ids, pl.DataFrame(), LetterCounts())


def _place_slowly(text: str, length: int, anchor: str) -> str:
    shift = {"left": 0, "right": length - len(text), "centre": (length - len(text)) // 2}[anchor]
    cells = ["."] * length
    for i, letter in enumerate(text):
        if 0 <= i + shift < length:
            cells[i + shift] = letter
    return "".join(cells)


@given(
    texts=st.lists(st.text("ACGTN-", max_size=12), min_size=1, max_size=20),
    length=st.integers(1, 15),
    anchor=st.sampled_from(["left", "right", "centre"]),
)
def test_place_equals_the_slow_twin(texts: list[str], length: int, anchor: str) -> None:
    window = Window(length, anchor)  # type: ignore[arg-type]
    codes, lengths = window.place(_records(texts))
    assert codes.dtype == np.uint8
    assert codes.shape == (len(texts), length)
    table = np.append(DNA.decode_table[:16], np.uint8(ord(".")))
    assert [table[row].tobytes().decode() for row in codes] == [_place_slowly(x, length, anchor) for x in texts]
    assert lengths.tolist() == [min(len(x), length) for x in texts]
    for row, edge in zip(codes[lengths > 0], window.left_edge(lengths)[lengths > 0], strict=True):
        assert row[edge] != DNA.pad
        assert (row[:edge] == DNA.pad).all()


def test_place_in_many_blocks_equals_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    records = _records(["ACGT" * (i % 7) for i in range(50)])
    whole = Window(13, "centre").place(records)
    monkeypatch.setattr("strandloom.data.window._BLOCK_CELLS", 40)
    assert np.array_equal(Window(13, "centre").place(records).codes, whole.codes)


def test_a_taken_batch_of_equal_lengths_is_its_own_copy() -> None:
    records = _records(["ACGT", "TTTT", "GGGG"])
    placed = Window(4).place(records)
    placed.codes[0, 0] = 3
    assert records.codes[0] == 0


def test_too_long_is_an_error_that_names_the_record() -> None:
    window = fit_window([4, 9], WindowSettings(length=5, too_long="error"))
    with pytest.raises(InputError, match=r"record 'r1': 9 bases, longer than the window of 5"):
        window.place(_records(["ACGT", "ACGTACGTA"]))


def test_the_longest_is_the_default_length() -> None:
    window = fit_window([80, 100, 90], WindowSettings())
    assert window.length == 100
    assert "longest" in window.note


def test_one_giant_does_not_set_the_length_and_the_note_says_so() -> None:
    lengths = np.full(1000, 100)
    lengths[7] = 100_000
    window = fit_window(lengths, WindowSettings())
    assert window.length == 100
    assert "1 longer sequence is cropped" in window.note
    assert window.cropped(lengths) == 1


def test_a_given_length_wins() -> None:
    assert fit_window([3, 500], WindowSettings(length=42, anchor="right")).length == 42


def test_no_bases_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="no sequence has any base"):
        fit_window([0, 0], WindowSettings())
