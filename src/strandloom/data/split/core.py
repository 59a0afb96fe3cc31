"""A division of rows into train, validation and test, and the one call that makes it from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError, nearest

if TYPE_CHECKING:
    from strandloom.data.split.settings import SplitSettings
    from strandloom.data.targets import Target

TRAIN, VALIDATION, TEST, UNUSED = 0, 1, 2, 3
PART_NAMES = ("train", "validation", "test", "unused")
_VALUE_STRATA = 10


class Rows(Protocol):
    """What splitting needs of a data set (``Dataset`` has it)."""

    @property
    def codes(self) -> NDArray[np.uint8]:
        """uint8 ``(N, L)``, padded."""
        ...

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Bases per row, int32 ``(N,)``."""
        ...

    @property
    def ids(self) -> pl.Series:
        """Row names, String ``(N,)``."""
        ...

    @property
    def columns(self) -> pl.DataFrame:
        """The other columns of the table, N rows."""
        ...

    @property
    def target(self) -> Target | None:
        """What is to be learned; None without labels."""
        ...


@dataclass(frozen=True, eq=False)
class Split:
    """Which part each row belongs to.

    Parameters
    ----------
    part
        uint8 ``(N,)``: TRAIN 0, VALIDATION 1, TEST 2, UNUSED 3.
    how
        How it was made, one sentence.
    notes
        What the reader should know, a sentence each.
    component
        Near-duplicate component or group of each row, int64 ``(N,)``; None where rows were divided one by one.
    name
        Names one of several splits (``fold 3``); empty for a single one.
    """

    part: NDArray[np.uint8]
    how: str
    notes: tuple[str, ...] = ()
    component: NDArray[np.int64] | None = None
    name: str = ""

    def __len__(self) -> int:
        return len(self.part)

    def rows(self, part: int) -> NDArray[np.int64]:
        """Row numbers of a part, rising, int64 ``(n,)``."""
        return np.flatnonzero(self.part == part)

    def counts(self) -> dict[str, int]:
        """Rows per part, by name."""
        return {name: int((self.part == number).sum()) for number, name in enumerate(PART_NAMES)}


def make_splits(dataset: Rows, settings: SplitSettings) -> list[Split]:
    """Divide a data set: one split, or one per fold or group for the kinds that rotate the test part.

    Raises
    ------
    InputError
        A column is missing or holds what it may not, a part would be empty, there are fewer rows or groups than folds,
        or a class would be absent from the training part.
    """
    from strandloom.data.split import given, rotating, sampled

    makers: dict[str, Callable[[Rows, Any], list[Split]]] = {
        "random": sampled.random,
        "stratified": sampled.stratified,
        "homology": sampled.homology,
        "group": sampled.group,
        "column": given.column,
        "condition": given.condition,
        "quantile": given.quantile,
        "chromosome": given.chromosome,
        "folds": rotating.folds,
        "leave_one_group_out": rotating.leave_one_group_out,
    }
    return [_checked(dataset, split) for split in makers[settings.kind](dataset, settings)]


def strata(target: Target | None, rows: int) -> NDArray[np.int64]:
    """What to keep alike between parts, int64 ``(N,)``: the class, the tenth of the (first) value; labels: how many."""
    if target is None:
        return np.zeros(rows, np.int64)
    if target.kind == "classes":
        return target.values.astype(np.int64)
    if target.kind == "labels":
        return target.values.sum(axis=1).astype(np.int64)
    rank = np.argsort(np.argsort(target.values[:, 0], kind="stable"), kind="stable")
    return rank * _VALUE_STRATA // max(rows, 1)


def need_column(dataset: Rows, name: str, *, where: str = "split.column") -> pl.Series:
    """A column of the table, or an error that lists the columns."""
    names = dataset.columns.columns
    if name not in names:
        like = nearest(name, names)
        hint = f"did you mean '{like}'?" if like else None
        listed = ", ".join(names[:20]) or "none besides the sequence"
        raise InputError(f"the table has no column '{name}'; its columns: {listed}", where=where, hint=hint)
    return dataset.columns.get_column(name)


def need_text(dataset: Rows, name: str, *, where: str = "split.column") -> pl.Series:
    """A column as trimmed text without empty cells."""
    column = need_column(dataset, name, where=where).cast(pl.String).str.strip_chars()
    empty = (column.is_null() | (column == "").fill_null(False)).to_numpy()
    if empty.any():
        first = int(np.flatnonzero(empty)[0])
        raise InputError(
            f"column '{name}' is empty in {empty.sum()} rows, first in record '{dataset.ids[first]}' (row {first + 1})",
            where=where,
            hint="fill it, or filter these rows out",
        )
    return column


def need_numbers(dataset: Rows, name: str, *, where: str = "split.column") -> NDArray[np.float64]:
    """A column as finite numbers, float64 ``(N,)``."""
    series = need_column(dataset, name, where=where)
    try:
        values = series.cast(pl.Float64, strict=series.dtype != pl.Null).to_numpy()
    except (pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError):
        raise InputError(
            f"column '{name}' is not numeric ({series.dtype})", where=where, hint="choose a numeric column"
        ) from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(
            f"column '{name}' has no finite number in {len(bad)} rows, first in record '{dataset.ids[int(bad[0])]}' "
            f"(row {bad[0] + 1})",
            where=where,
            hint="filter these rows out first",
        )
    return values


def text_groups(column: pl.Series) -> tuple[NDArray[np.int64], list[str]]:
    """Group number of each row ``(N,)`` (names in sorted order) and the names."""
    names = column.unique().sort()
    order = pl.DataFrame({"name": names, "number": np.arange(len(names), dtype=np.int64)})
    joined = pl.DataFrame({"name": column}).join(order, on="name", how="left", maintain_order="left")
    return joined.get_column("number").to_numpy(), names.to_list()


def percent(count: int, of: int) -> str:
    """``12.3 %``."""
    return f"{100 * count / max(of, 1):.1f} %"


def _checked(dataset: Rows, split: Split) -> Split:
    """The split with notes on classes, after refusing empty parts and classes that training would never see."""
    label = f" ({split.name})" if split.name else ""
    for number in (TRAIN, VALIDATION, TEST):
        if not (split.part == number).any():
            raise InputError(
                f"the {PART_NAMES[number]} part of the split{label} is empty ({len(split)} rows in all)",
                where="split",
                hint="ask for another fraction, or use more rows or groups",
            )
    notes = list(split.notes)
    target = dataset.target
    if target is not None and target.kind == "classes":
        counts = [
            np.bincount(target.values[split.rows(p)].astype(np.int64), minlength=len(target.names)) for p in range(3)
        ]
        used = counts[TRAIN] + counts[VALIDATION] + counts[TEST] > 0
        absent = np.flatnonzero((counts[TRAIN] == 0) & used)
        if len(absent):
            raise InputError(
                f"absent from the training part{label}: {_class_names(target.names, absent)}",
                where="split",
                hint="a class must have training rows: use a stratified split, fewer folds, or leave the class out",
            )
        for number in (VALIDATION, TEST):
            absent = np.flatnonzero((counts[number] == 0) & used)
            if len(absent):
                notes.append(f"The {PART_NAMES[number]} part has no row of {_class_names(target.names, absent)}.")
    unused = int((split.part == UNUSED).sum())
    if unused:
        notes.append(f"{unused} rows ({percent(unused, len(split))}) are in no part.")
    return Split(split.part.astype(np.uint8), split.how, tuple(notes), split.component, split.name)


def _class_names(names: tuple[str, ...], numbers: NDArray[np.int64]) -> str:
    listed = ", ".join(f"'{names[i]}'" for i in numbers[:10])
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return f"class {listed}" if len(numbers) == 1 else f"classes {listed}{more}"
