"""A Dataset keeps its parts row for row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from strandloom.data.dataset import Dataset
from strandloom.data.targets import Target
from strandloom.data.window import Window
from strandloom.io.records import LetterCounts


def _dataset(rows: int = 4) -> Dataset:
    return Dataset(
        codes=np.arange(rows * 3, dtype=np.uint8).reshape(rows, 3) % 4,
        lengths=np.full(rows, 3, np.int32),
        ids=pl.Series("id", [f"r{i}" for i in range(rows)]),
        columns=pl.DataFrame({"part": list(range(rows))}),
        target=Target("classes", np.arange(rows) % 2, ("a", "b"), "y"),
        weights=np.arange(rows, dtype=np.float32),
        window=Window(3),
        letters=LetterCounts(),
    )


@pytest.mark.parametrize("rows", [[2, 0], np.array([False, True, False, True]), np.zeros(0, np.int64)])
def test_take_moves_every_part(rows: object) -> None:
    data = _dataset()
    taken = data.take(rows)  # type: ignore[arg-type]
    index = np.arange(4)[np.asarray(rows)]
    assert len(taken) == len(index)
    assert np.array_equal(taken.codes, data.codes[index])
    assert taken.ids.to_list() == [f"r{i}" for i in index]
    assert taken.columns["part"].to_list() == index.tolist()
    assert taken.target is not None
    assert taken.target.values.tolist() == (index % 2).tolist()
    assert taken.weights is not None
    assert taken.weights.tolist() == index.tolist()
    assert taken.length == 3


def test_the_lengths_of_whole_sequences_are_taken_too() -> None:
    data = replace(_dataset(), whole=np.array([3, 9, 5, 3], np.int32))
    whole = data.take([1, 0]).whole
    assert whole is not None
    assert whole.tolist() == [9, 3]
    assert _dataset().take([1, 0]).whole is None


def test_parts_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="different numbers of rows"):
        replace(_dataset(), weights=np.ones(3, np.float32))
    with pytest.raises(ValueError, match="different numbers of rows"):
        replace(_dataset(), whole=np.ones(3, np.int32))
    with pytest.raises(ValueError, match="do not fit a window"):
        replace(_dataset(), window=Window(5))
