"""What is to be learned, read from table columns: one class, several 0/1 labels, or one or more numbers per row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from strandloom.errors import InputError, nearest

Task = Literal["classes", "labels", "value"]
Locate = Callable[[int], str]
"""Row number to the words that find it (``file:line, record 'id'``)."""

_LISTED = 12
_MISSING = ("", "nan", "null", "na", "n/a")


@dataclass(frozen=True, eq=False)
class Target:
    """The target of N rows.

    Parameters
    ----------
    kind
        ``classes``: one of K; ``labels``: any of K; ``value``: K numbers.
    values
        int64 ``(N,)`` class numbers, or float32 ``(N, K)`` (0/1 for labels).
    names
        The K classes, labels or value columns.
    column
        The column or columns they came from.
    """

    kind: Task
    values: NDArray[np.int64] | NDArray[np.float32]
    names: tuple[str, ...]
    column: str | tuple[str, ...]

    @property
    def num_outputs(self) -> int:
        """Outputs of a model for this target, K."""
        return len(self.names)

    def take(self, rows: ArrayLike) -> Target:
        """The target of the rows ``(M,)``."""
        return replace(self, values=self.values[np.asarray(rows)])

    def answers(self) -> NDArray[np.int64]:
        """A number per row, int64 ``(N,)``, equal exactly where the class, the set of labels or all values are equal."""
        if self.kind == "classes":
            return self.values.astype(np.int64)
        rows = np.packbits(self.values > 0, axis=1) if self.kind == "labels" else self.values
        return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def counts(self) -> dict[str, int]:
        """Rows per class, rows with each label, or rows per value column."""
        if self.kind == "classes":
            count = np.bincount(self.values.astype(np.int64), minlength=len(self.names))
        elif self.kind == "labels":
            count = self.values.sum(axis=0)
        else:
            count = np.full(len(self.names), len(self.values))
        return {name: int(x) for name, x in zip(self.names, count, strict=True)}


def missing(column: pl.Series) -> pl.Series:
    """Where a column ``(N,)`` names no class: null, empty, ``NA``, ``NaN``, ``null``, ``n/a``; Boolean ``(N,)``."""
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    return (text.is_null() | text.is_in(_MISSING)).fill_null(True)


def class_texts(column: pl.Series) -> pl.Series:
    """The texts that a column's cells are called by where they are classes.

    Parameters
    ----------
    column
        ``(N,)`` of any type; whole numbers stored as floats are written as integers, texts are stripped.

    Returns
    -------
    polars.Series
        String ``(N,)``: the names under which :func:`classes_target` has the classes; null where a number is missing or not finite. Where
        :func:`missing` finds no class the text stands as it is.
    """
    if not column.dtype.is_float():
        return column.cast(pl.String).str.strip_chars().alias(column.name)
    values = column.fill_null(float("nan")).to_numpy()
    finite = np.isfinite(values)
    known = column.set(pl.Series(~finite), None)
    return (known.cast(pl.Int64) if _whole(values[finite]) else known).cast(pl.String).alias(column.name)


def classes_target(
    column: pl.Series, *, path: str | Path, names: Sequence[str] | None = None, locate: Locate | None = None
) -> Target:
    """One class per row from a column of integers, texts or true/false.

    Parameters
    ----------
    column
        ``(N,)``; whole numbers stored as floats are read as integers, texts are stripped.
    path
        The file, for messages.
    names
        Classes in a fixed order (a trained model's); otherwise sorted, by number where all are numbers.
    locate
        Finds a row in the file for messages.

    Raises
    ------
    InputError
        A missing value, a class not in ``names``, one class only, or a different value in every row.
    """
    at = locate or _by_row(path)
    text = _class_text(column, path, at)
    found = text.unique()
    if names is None:
        if len(found) == 1:
            raise InputError(
                f"column '{column.name}' holds one class only ('{found[0]}'); two or more are needed",
                where=path,
                hint="add rows of another class (data.table takes several files), or choose another column",
            )
        if len(found) == len(text) > 10:
            raise InputError(
                f"column '{column.name}' has a different value in each of its {len(text):,} rows, so it is no class",
                where=path,
                hint="choose another data.target, or set task: value for a measured number",
            )
        names = _sorted_names(found.to_list())
    table = pl.DataFrame({"name": list(names), "code": np.arange(len(names))})
    codes = text.to_frame("name").join(table, on="name", how="left", maintain_order="left")["code"]
    unseen = np.flatnonzero(codes.is_null().to_numpy())
    if len(unseen):
        value = text[int(unseen[0])]
        close = nearest(value, names)
        raise InputError(
            f"class '{value}' in column '{column.name}' is not one of the classes {_listing(names)}",
            where=at(int(unseen[0])),
            hint=f"did you mean '{close}'?"
            if close
            else f"{len(unseen):,} rows have such a class; drop or relabel them",
        )
    return Target("classes", codes.to_numpy().astype(np.int64), tuple(names), column.name)


def labels_target(
    frame: pl.DataFrame,
    columns: Sequence[str],
    *,
    path: str | Path,
    names: Sequence[str] | None = None,
    locate: Locate | None = None,
) -> Target:
    """Any number of labels per row, from several 0/1 columns or one comma-separated column.

    An empty cell of a comma-separated column means that the row has none of the labels.

    Parameters
    ----------
    frame
        The table, N rows.
    columns
        The 0/1 columns, or the one column (0/1, or comma-separated texts).
    path, names, locate
        As for `classes_target`; ``names`` fixes the labels of a comma-separated column.

    Raises
    ------
    InputError
        A cell that is neither 0 nor 1, a label not in ``names``, or labels that no row has.
    """
    at = locate or _by_row(path)
    columns = array_columns(frame, columns)
    _check_columns(frame, columns, path)
    if len(columns) == 1 and frame[columns[0]].dtype == pl.String and not _all_binary_text(frame[columns[0]]):
        values, found = _split_labels(frame[columns[0]], names, at)
    else:
        values = np.stack([_binary(frame[name], at) for name in columns], axis=1)
        found = tuple(columns)
    if names is None and not values.any():
        raise InputError("no row has any label", where=path, hint="check data.target")
    return Target("labels", values, found, columns[0] if len(columns) == 1 else tuple(columns))


def value_target(
    frame: pl.DataFrame, columns: Sequence[str], *, path: str | Path, locate: Locate | None = None, fixed: bool = False
) -> Target:
    """One or more numbers per row.

    Parameters
    ----------
    frame
        The table, N rows.
    columns
        The K number columns.
    path, locate
        As for `classes_target`.
    fixed
        The columns are a trained model's, so that a constant one is no error.

    Raises
    ------
    InputError
        A cell that is empty, no number, NaN or infinite, or a column with one value only.
    """
    at = locate or _by_row(path)
    columns = array_columns(frame, columns)
    _check_columns(frame, columns, path)
    values = np.stack([numbers(frame[name], at, what="target") for name in columns], axis=1).astype(np.float32)
    constant = [
        name for name, low, high in zip(columns, values.min(axis=0), values.max(axis=0), strict=True) if low == high
    ]
    if constant and not fixed:
        raise InputError(
            f"column '{constant[0]}' holds the same value in every row, so there is nothing to learn",
            where=path,
            hint="choose another data.target",
        )
    return Target("value", values, tuple(columns), columns[0] if len(columns) == 1 else tuple(columns))


def numbers(column: pl.Series, locate: Locate, *, what: str) -> NDArray[np.float64]:
    """A column as finite numbers, float64 ``(N,)``.

    Parameters
    ----------
    column
        ``(N,)``, numeric or text.
    locate
        Finds a row for messages.
    what
        What the number is (``target``, ``weight``), for messages.

    Raises
    ------
    InputError
        A cell that is empty, no number, NaN or infinite.
    """
    cast = (
        column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
        if not column.dtype.is_numeric()
        else column
    )
    values = cast.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        cell = column[row]
        shown = "empty" if cell is None or cell == "" else f"'{cell}'"
        raise InputError(
            f"column '{column.name}' is {shown}; a {what} must be a finite number"
            + (f" ({len(bad):,} such rows)" if len(bad) > 1 else ""),
            where=locate(row),
            hint="fill in the value or drop the row"
            + (", or set task: classes if these are classes" if what == "target" else ""),
        )
    return values


def missing_column(name: str, available: Sequence[str], *, path: str | Path, setting: str) -> InputError:
    """The error for a column that is not there: lists the columns and the nearest name."""
    close = nearest(name, available)
    listing = (
        f"columns: {_listing(available)}" if available else "the file has no column besides the sequence and the id"
    )
    return InputError(
        f"no column '{name}' ({setting})", where=path, hint=f"did you mean '{close}'? {listing}" if close else listing
    )


def _by_row(path: str | Path) -> Locate:
    return lambda row: f"{path}, row {row + 1}"


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED:,} more"


def array_columns(frame: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Column names, where the name of an array ``(N, K)`` stands for its columns ``name_0 … name_{K-1}``."""
    found: list[str] = []
    for name in columns:
        if name not in frame.columns and f"{name}_0" in frame.columns:
            numbered = (f"{name}_{i}" for i in range(frame.width))
            found += [one for one in numbered if one in frame.columns]
        else:
            found.append(name)
    return found


def _check_columns(frame: pl.DataFrame, columns: Sequence[str], path: str | Path) -> None:
    for name in columns:
        if name not in frame.columns:
            raise missing_column(name, frame.columns, path=path, setting="data.target")


def _class_text(column: pl.Series, path: str | Path, at: Locate) -> pl.Series:
    """The classes as stripped texts, String ``(N,)``; missing ones are an error."""
    if column.dtype.is_float():
        values = column.fill_null(float("nan")).to_numpy()
        if np.isfinite(values).all() and not _whole(values) and len(np.unique(values)) > 20:
            raise InputError(
                f"column '{column.name}' holds {len(np.unique(values)):,} different fractions, so it is no class",
                where=path,
                hint="set task: value, or choose another data.target",
            )
    text = class_texts(column)
    bad = missing(text).to_numpy()
    if bad.any():
        row, count = int(np.argmax(bad)), int(bad.sum())
        shown = "empty" if column[row] is None or text[row] == "" else f"'{column[row]}'"
        raise InputError(
            f"column '{column.name}' is {shown}; every row needs a class"
            + (f" ({count:,} such rows)" if count > 1 else ""),
            where=at(row),
            hint="fill in the class or drop the row (data.filter keeps the rows of the classes it lists); if it is the name of a "
            "class, write it another way",
        )
    return text


def _whole(values: NDArray[np.floating]) -> bool:
    """Whether all are whole numbers that float64 tells apart."""
    return bool((values == np.round(values)).all() and (np.abs(values) < 2**53).all())


def _sorted_names(names: list[str]) -> list[str]:
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)


def _all_binary_text(column: pl.Series) -> bool:
    return bool(column.str.strip_chars().is_in(["0", "1", "0.0", "1.0"]).all()) and column.null_count() == 0


def _binary(column: pl.Series, at: Locate) -> NDArray[np.float32]:
    values = column.to_numpy().astype(np.float64) if column.dtype == pl.Boolean and not column.null_count() else None
    if values is None:
        values = numbers(column, at, what="0/1 label")
    bad = np.flatnonzero((values != 0) & (values != 1))
    if len(bad):
        raise InputError(
            f"column '{column.name}' is {column[int(bad[0])]}; a label must be 0 or 1",
            where=at(int(bad[0])),
            hint="set task: value for measured numbers, or task: classes for one class per row",
        )
    return values.astype(np.float32)


def _split_labels(
    column: pl.Series, names: Sequence[str] | None, at: Locate
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    rows = len(column)
    pairs = (
        pl.DataFrame({"row": np.arange(rows), "name": column.fill_null("").str.split(",")})
        .explode("name")
        .with_columns(pl.col("name").str.strip_chars())
        .filter(pl.col("name") != "")
    )
    order = list(names) if names is not None else _sorted_names(pairs["name"].unique().to_list())
    if not order:
        raise InputError(f"column '{column.name}' is empty in every row", where=at(0), hint="check data.target")
    coded = pairs.join(pl.DataFrame({"name": order, "code": np.arange(len(order))}), on="name", how="left")
    unseen = coded.filter(pl.col("code").is_null()).sort("row")
    if unseen.height:
        raise InputError(
            f"label '{unseen['name'][0]}' in column '{column.name}' is not one of {_listing(order)}",
            where=at(int(unseen["row"][0])),
            hint="drop or relabel such rows",
        )
    values = np.zeros((rows, len(order)), np.float32)
    values[coded["row"].to_numpy(), coded["code"].to_numpy()] = 1
    return values, tuple(order)
