"""What the columns of a table are for: sequence, target and task, split, fold and id, recognised by name and content.

Only for starting an experiment (`init`, `data check`, a missing ``data.target``): what was recognised is always shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from strandloom.data.targets import Task
from strandloom.errors import InputError
from strandloom.io.names import id_column_of, sequence_column

SPLIT_VALUES = frozenset({"train", "training", "validation", "valid", "val", "dev", "test"})
"""Names of parts that a split column may hold."""

_TARGETS = (
    "label", "labels", "class", "classes", "target", "y", "category", "outcome", "response", "activity", "expression",
    "value", "score",
)  # fmt: skip
_LATER_TARGETS = (
    "enhancer", "promoter", "splice", "site", "type", "species", "taxon", "organism", "strength", "bound", "binding",
    "mrl", "mean_rl", "rl", "efficiency", "fitness", "enrichment", "growth_rate", "log_growth_rate", "growth", "load",
    "measured", "measurement",
)  # fmt: skip
_SPLITS = ("split", "set", "part", "partition", "subset", "fold_split", "dataset")
_FOLDS = ("fold", "folds", "cv_fold", "kfold", "cv")
_MAX_CLASSES = 50


@dataclass(frozen=True)
class Recognised:
    """The columns found; None where nothing fits."""

    sequence: str | None
    target: str | None
    task: Task | None
    split_column: str | None
    id: str | None
    fold: str | None


def recognise(frame: pl.DataFrame) -> Recognised:
    """What each column is for.

    Parameters
    ----------
    frame
        The table (or its first thousands of rows), with or without the sequence column.
    """
    target = recognise_target(frame)
    sequence = _sequence(frame)
    return Recognised(
        sequence=sequence,
        target=target,
        task=None if target is None else recognise_task(frame[target]),
        split_column=next((name for name in _ordered(frame, _SPLITS) if _is_split(frame[name])), None),
        id=id_column_of(frame, sequence=sequence or ""),
        fold=next((name for name in _by_name(frame, _FOLDS) if _is_fold(frame[name])), None),
    )


def recognise_target(frame: pl.DataFrame) -> str | None:
    """The target column by its name, the most usual name that has several values first; else the only column that is for nothing else.

    None when no name is usual and several columns, or none, are left.
    """
    usual = _by_name(frame, (*_TARGETS, *_LATER_TARGETS))
    filled = [name for name in usual if not _is_split(frame[name]) and frame[name].null_count() < frame.height]
    found = next((name for name in filled if frame[name].drop_nulls().n_unique() > 1), filled[0] if filled else None)
    return found if found is not None else _only_one_left(frame)


def _only_one_left(frame: pl.DataFrame) -> str | None:
    sequence = _sequence(frame)
    other = {sequence, id_column_of(frame, sequence=sequence or ""), *_by_name(frame, _FOLDS)}
    left = [name for name in frame.columns if name not in other and not _is_split(frame[name])]
    return left[0] if len(left) == 1 and frame[left[0]].drop_nulls().n_unique() > 1 else None


def recognise_task(column: pl.Series) -> Task:
    """The task that a target column's values suggest.

    Fractional numbers, and integers with many values, are ``value``; comma-separated texts, and texts in a column called so, ``labels``;
    anything else ``classes``.
    """
    values = column.drop_nulls()
    if column.name.lower() == "labels" and column.dtype == pl.String:
        return "labels"
    if values.dtype.is_numeric():
        whole = values.dtype.is_integer() or bool((values == values.round()).all())
        distinct = values.n_unique()
        return "classes" if whole and (distinct <= 2 or distinct <= min(_MAX_CLASSES, len(values) // 5)) else "value"
    if values.dtype == pl.String and len(values):
        many = values.str.contains(",", literal=True)
        words = values.str.split(",").explode().str.strip_chars()
        if bool(many.any()) and words.n_unique() < values.n_unique():
            return "labels"
    return "classes"


class OddCell(NamedTuple):
    """A cell without a number in a column of numbers."""

    row: int
    """From 0."""
    text: str
    numbers: int
    """Cells of the column that hold numbers."""


MOSTLY = 0.9
"""A column of texts in which so many filled cells are numbers, of many values, was meant to hold numbers."""


def odd_cell(column: pl.Series) -> OddCell | None:
    """The first word in a column that was meant to hold measured numbers; None where there is none."""
    if column.dtype != pl.String:
        return None
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    words = column.is_not_null() & (column.str.strip_chars() != "") & numbers.is_null()
    held = numbers.drop_nulls()
    if not words.any() or len(held) < MOSTLY * (len(held) + int(words.sum())) or recognise_task(held) != "value":
        return None
    row = int(words.arg_max() or 0)
    return OddCell(row, str(column[row]), len(held))


def _sequence(frame: pl.DataFrame) -> str | None:
    try:
        return sequence_column(frame, "")
    except InputError:
        return None


def _is_split(column: pl.Series) -> bool:
    """Whether a column says which part a row is for; one of such a name also where other words stand beside those of train and test."""
    if column.dtype not in (pl.String, pl.Categorical):
        return False
    if _key(column.name) in _SPLITS:
        words = set(column.cast(pl.String).drop_nulls().str.strip_chars().str.to_lowercase().unique().to_list())
        if "test" in words and words & {"train", "training"}:
            return True
    values = set(column.cast(pl.String).drop_nulls().str.strip_chars().str.to_lowercase().unique().head(20).to_list())
    return bool(values) and values <= SPLIT_VALUES and (len(values) > 1 or column.name.lower() in _SPLITS)


def _is_fold(column: pl.Series) -> bool:
    distinct = column.drop_nulls().n_unique()
    return (
        column.null_count() == 0 and 2 <= distinct <= 100 and (column.dtype.is_integer() or column.dtype == pl.String)
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _by_name(frame: pl.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Columns with one of these names, most usual name first."""
    keys = {_key(name): name for name in reversed(frame.columns)}
    return [keys[name] for name in names if name in keys]


def _ordered(frame: pl.DataFrame, names: tuple[str, ...]) -> list[str]:
    """All columns, those with one of these names first."""
    first = _by_name(frame, names)
    return first + [name for name in frame.columns if name not in first]
