"""Targets out of columns, and one clear message for each way they can be wrong."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.data.targets import class_texts, classes_target, labels_target, missing_column, value_target
from strandloom.errors import InputError


def _locate(row: int) -> str:
    return f"t.csv:{row + 2}, record 'r{row}'"


@pytest.mark.parametrize(
    ("values", "names", "codes"),
    [
        ([10, 9, 10, 2], ("2", "9", "10"), [2, 1, 2, 0]),
        ([1.0, 0.0, 1.0], ("0", "1"), [1, 0, 1]),
        ([True, False], ("false", "true"), [1, 0]),
        ([" IE", "EI", "N ", "EI"], ("EI", "IE", "N"), [1, 0, 2, 0]),
        (["10", "2", "2"], ("2", "10"), [1, 0, 0]),
        ([0.5, 1.5, 0.5], ("0.5", "1.5"), [0, 1, 0]),
    ],
)
def test_classes(values: list[object], names: tuple[str, ...], codes: list[int]) -> None:
    target = classes_target(pl.Series("y", values), path="t.csv")
    assert target.names == names
    assert target.values.tolist() == codes
    assert target.values.dtype == np.int64
    assert target.num_outputs == len(names)
    assert target.counts() == {name: codes.count(i) for i, name in enumerate(names)}
    assert target.take([1, 0]).values.tolist() == [codes[1], codes[0]]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pl.Series("y", [0.0, 1.0], dtype=pl.Float64), ["0", "1"]),  # as a Parquet file of numbers has them
        (pl.Series("y", [0.0, 1.0], dtype=pl.Float32), ["0", "1"]),
        (pl.Series("y", [1.0, None, float("nan")]), ["1", None, None]),
        (pl.Series("y", [0.5, 1.0]), ["0.5", "1.0"]),
        (pl.Series("y", [-3, 10], dtype=pl.Int8), ["-3", "10"]),
        (pl.Series("y", [True, False, None]), ["true", "false", None]),
        (pl.Series("y", [" 1", "0 ", "EI", None]), ["1", "0", "EI", None]),
        (pl.Series("y", ["N", " IE"], dtype=pl.Categorical), ["N", "IE"]),
        (pl.Series("y", [None, None]), [None, None]),
        (pl.Series("y", [], dtype=pl.Float64), []),
    ],
)
def test_the_texts_of_classes(column: pl.Series, texts: list[str | None]) -> None:
    found = class_texts(column)
    assert found.dtype == pl.String
    assert found.name == "y"
    assert found.to_list() == texts
    if len(set(texts)) == len(texts) > 1 and None not in texts:
        target = classes_target(column, path="t.csv")
        assert [target.names[code] for code in target.values] == texts


def test_given_classes_keep_their_order_and_may_be_absent() -> None:
    target = classes_target(pl.Series("y", ["b", "b"]), path="t.csv", names=["c", "b", "a"])
    assert target.values.tolist() == [1, 1]
    assert target.names == ("c", "b", "a")


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        (["a", None, "b"], None, r"t\.csv:3, record 'r1': column 'y' is empty; every row needs a class"),
        (["a", " ", "b", ""], None, r"column 'y' is empty; every row needs a class \(2 such rows\)"),
        (["a", "b", "NaN"], None, r"t\.csv:4, record 'r2': column 'y' is 'NaN'"),
        ([1.0, 0.0, float("nan")], None, r"t\.csv:4, record 'r2'"),
        ([1.0, float("inf")], None, r"t\.csv:3, record 'r1'"),
        ([1, None], None, r"t\.csv:3, record 'r1': column 'y' is empty"),
        (["a", "a"], None, r"t\.csv: column 'y' holds one class only \('a'\)"),
        ([f"s{i}" for i in range(11)], None, r"a different value in each of its 11 rows"),
        ([i / 7 for i in range(1, 30)], None, r"29 different fractions"),
        (
            ["enhancr"],
            ["enhancer", "other"],
            r"class 'enhancr' .* not one of .*enhancer, other(.|\n)*did you mean 'enhancer'",
        ),
    ],
)
def test_wrong_classes(values: list[object], names: list[str] | None, message: str) -> None:
    with pytest.raises(InputError, match="(?s)" + message):
        classes_target(pl.Series("y", values), path="t.csv", names=names, locate=_locate)


def test_labels_from_columns() -> None:
    frame = pl.DataFrame({"a": [0, 1], "b": [1.0, 1.0], "c": [True, False], "d": ["1", "0"]})
    target = labels_target(frame, ["a", "b", "c", "d"], path="t.csv")
    assert target.values.tolist() == [[0, 1, 1, 1], [1, 1, 0, 0]]
    assert target.values.dtype == np.float32
    assert target.counts() == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_labels_from_one_comma_separated_column() -> None:
    frame = pl.DataFrame({"tf": ["CTCF, PU1", None, "", "PU1,PU1", "MYC"]})
    target = labels_target(frame, ["tf"], path="t.csv")
    assert target.names == ("CTCF", "MYC", "PU1")
    assert target.values.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    fixed = labels_target(frame, ["tf"], path="t.csv", names=["PU1", "MYC", "CTCF", "SP1"])
    assert fixed.values.tolist()[0] == [1, 0, 1, 0]
    with pytest.raises(InputError, match="label 'CTCF'") as caught:
        labels_target(frame, ["tf"], path="t.csv", names=["PU1", "MYC"], locate=_locate)
    assert caught.value.where == "t.csv:2, record 'r0'"


def test_wrong_labels() -> None:
    frame = pl.DataFrame({"a": [0, 2], "b": [0, 0], "c": [0, None]})
    with pytest.raises(InputError, match="a label must be 0 or 1") as caught:
        labels_target(frame, ["a"], path="t.csv", locate=_locate)
    assert caught.value.where == "t.csv:3, record 'r1'"
    with pytest.raises(InputError, match="no row has any label"):
        labels_target(frame, ["b"], path="t.csv")
    with pytest.raises(InputError, match="column 'c' is empty"):
        labels_target(frame, ["c"], path="t.csv")
    with pytest.raises(InputError, match="no column 'z'"):
        labels_target(frame, ["z"], path="t.csv")


def test_values() -> None:
    frame = pl.DataFrame({"x": [1, 2], "y": ["0.5", " -1e3"]})
    target = value_target(frame, ["x", "y"], path="t.csv")
    assert target.values.tolist() == [[1, 0.5], [2, -1000]]
    assert target.column == ("x", "y")
    assert value_target(frame, ["x"], path="t.csv").column == "x"
    constant = pl.DataFrame({"x": [3.0, 3.0]})
    with pytest.raises(InputError, match="the same value in every row"):
        value_target(constant, ["x"], path="t.csv")
    assert value_target(constant, ["x"], path="t.csv", fixed=True).values.tolist() == [[3], [3]]


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), "high", ""])
def test_wrong_values(bad: object) -> None:
    values = [0.5, bad] if not isinstance(bad, str) else ["0.5", bad]
    with pytest.raises(InputError, match="must be a finite number") as caught:
        value_target(pl.DataFrame({"x": values}), ["x"], path="t.csv", locate=_locate)
    assert caught.value.where == "t.csv:3, record 'r1'"


def test_equal_answers_have_equal_numbers() -> None:
    frame = pl.DataFrame({"a": [1, 0, 1, 0], "b": [0, 0, 0, 1], "x": [0.5, 2.0, 0.5, 0.5]})
    classes = classes_target(pl.Series("y", ["b", "a", "b"]), path="t.csv")
    assert classes.answers().tolist() == [1, 0, 1]
    for target, equal in (
        (labels_target(frame, ["a", "b"], path="t.csv"), [(0, 2)]),
        (value_target(frame, ["x"], path="t.csv"), [(0, 2), (0, 3), (2, 3)]),
        (value_target(frame, ["x", "a"], path="t.csv"), [(0, 2)]),
    ):
        found = target.answers()
        assert [(i, j) for i in range(4) for j in range(i + 1, 4) if found[i] == found[j]] == equal


def test_a_missing_column_lists_the_columns_and_the_nearest() -> None:
    error = missing_column("lable", ["id", "label"], path="t.csv", setting="data.target")
    assert str(error) == "t.csv: no column 'lable' (data.target)\nhint: did you mean 'label'? columns: id, label"
