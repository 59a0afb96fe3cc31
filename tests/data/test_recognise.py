"""What columns are for, by name and content."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.data.recognise import Recognised, odd_cell, recognise, recognise_target, recognise_task

DNA_TEXTS = ["ACGTACGTACGT", "TTTTACGTACGN"] * 10


def test_a_splice_table() -> None:
    frame = pl.DataFrame(
        {
            "sequence": DNA_TEXTS,
            "class": ["EI", "IE"] * 10,
            "name": [f"n{i}" for i in range(20)],
            "fold": [i % 10 for i in range(20)],
        }
    )
    assert recognise(frame) == Recognised("sequence", "class", "classes", None, "name", "fold")


def test_a_split_column_by_its_values_and_odd_names() -> None:
    frame = pl.DataFrame(
        {
            "Insert": DNA_TEXTS,
            "MRL": [i / 3 for i in range(20)],
            "Usage": ["train"] * 10 + ["dev"] * 5 + ["test"] * 5,
            "name": ["same"] * 20,
        }
    )
    assert recognise(frame) == Recognised("Insert", "MRL", "value", "Usage", None, None)


def test_usual_names_come_first() -> None:
    assert recognise_target(pl.DataFrame({"strength": ["a", "b"], "Label": [0, 1]})) == "Label"
    assert recognise_target(pl.DataFrame({"label": [None, None], "y": [0, 1]})) == "y"
    assert recognise_target(pl.DataFrame({"pH": [1, 2], "depth": [3, 4]})) is None


def test_the_only_column_that_is_left_is_the_target() -> None:
    frame = pl.DataFrame({"id": ["a", "b"], "sequence": ["ACGT", "CCGT"], "pH": [1, 2], "split": ["train", "test"]})
    assert recognise_target(frame) == "pH"
    assert recognise_target(frame.drop("pH")) is None
    assert recognise_target(frame.with_columns(pl.lit(7).alias("pH"))) is None
    assert recognise_target(pl.DataFrame()) is None


def test_a_constant_split_column_needs_its_name() -> None:
    assert recognise(pl.DataFrame({"split": ["train"] * 3})).split_column == "split"
    assert recognise(pl.DataFrame({"vehicle": ["train"] * 3})).split_column is None


def test_a_split_column_by_its_name_may_hold_other_words() -> None:
    words = ["train", "tran", "test", "unused"]
    assert recognise(pl.DataFrame({"split": words})).split_column == "split"
    assert recognise(pl.DataFrame({"vehicle": words})).split_column is None
    assert recognise(pl.DataFrame({"part": ["leaf", "root", "test"]})).split_column is None


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 10, "classes"),
        ([0.0, 1.0], "classes"),
        ([0.5, 1.5, 2.5], "value"),
        (list(range(100)), "value"),
        ([0, 1, 2] * 10, "classes"),
        (["a,b", "b", "a", "b,a", "", "a,b"], "labels"),
        (["Homo sapiens, human", "Mus musculus, mouse"], "classes"),
        ([True, False], "classes"),
    ],
)
def test_task(values: list[object], task: str) -> None:
    assert recognise_task(pl.Series("y", values)) == task


def test_a_word_among_numbers() -> None:
    numbers = [str(i / 7) for i in range(50)]
    assert odd_cell(pl.Series("y", [*numbers, "low", None])) == (50, "low", 50)
    assert odd_cell(pl.Series("y", ["NA", *numbers])) == (0, "NA", 50)
    for fine in (numbers, ["a", "b"] * 20, ["1", "2", "1", "x"] * 9, [*numbers, *["low"] * 20], [*numbers, ""]):
        assert odd_cell(pl.Series("y", fine)) is None
    assert odd_cell(pl.Series("y", [1.0, 2.0])) is None
