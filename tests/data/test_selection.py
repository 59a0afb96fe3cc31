"""Rows kept and left out by column values, over blocks."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from strandloom.data.selection import selection
from strandloom.errors import InputError

FRAME = pl.DataFrame(
    {"n": [1, 2, None, 3], "x": [1.0, 2.0, 3.0, 4.0], "s": ["a", "b ", "a", None], "b": [True, False, True, None]}
)


@pytest.mark.parametrize(
    ("keep", "drop", "rows"),
    [
        ({"n": 1}, {}, [0]),
        ({"n": ("1", 3)}, {}, [0, 3]),
        ({"x": 2}, {}, [1]),
        ({"s": "b"}, {}, [1]),
        ({"b": True}, {}, [0, 2]),
        ({"b": "true"}, {"n": 1}, [2]),
        ({}, {"s": "a"}, [1, 3]),
        ({"s": ("a", "b")}, {"x": (1, 3)}, [1]),
    ],
)
def test_rows(keep: dict, drop: dict, rows: list[int]) -> None:
    choose = selection(keep, drop)
    found = choose.rows(FRAME, Path("t.csv"))
    assert found is not None
    assert found.tolist() == rows
    choose.check("t.csv")


def test_no_condition_keeps_everything() -> None:
    assert selection({}, {}).rows(FRAME, Path("t.csv")) is None


def test_a_value_met_in_any_block_is_enough() -> None:
    choose = selection({"s": "c"}, {})
    choose.rows(FRAME, Path("t.csv"))
    with pytest.raises(InputError, match=r"no row has s = c \(data.filter\)\nhint: .*values of s: a, b"):
        choose.check("t.csv")
    choose.rows(pl.DataFrame({"s": ["c"]}), Path("t.csv"))
    choose.check("t.csv")


def test_a_missing_column() -> None:
    with pytest.raises(InputError, match=r"no column 'nn' \(data.exclude\)"):
        selection({}, {"nn": 1}).rows(FRAME, Path("t.csv"))
