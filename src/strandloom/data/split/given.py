"""Splits that follow a column: a given part, conditions, a quantile, chromosomes."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.coordinates import coordinates
from strandloom.data.split.core import (
    TEST,
    TRAIN,
    UNUSED,
    VALIDATION,
    Rows,
    Split,
    need_column,
    need_numbers,
    need_text,
)
from strandloom.data.split.sampled import validation_from_train
from strandloom.data.split.settings import ChromosomeSplit, ColumnSplit, Condition, ConditionSplit, QuantileSplit
from strandloom.data.split.share import share_rows
from strandloom.errors import InputError, nearest

_UNKNOWN = 255
_LISTED = 10


def column(dataset: Rows, settings: ColumnSplit) -> list[Split]:
    """The part stands in a column."""
    text = need_text(dataset, settings.column).str.to_lowercase()
    meaning: dict[str, int] = {}
    for names, number in (
        (settings.train, TRAIN),
        (settings.validation, VALIDATION),
        (settings.test, TEST),
        (settings.unused, UNUSED),
    ):
        for name in names:
            if meaning.setdefault(name.strip().lower(), number) != number:
                raise InputError(f"'{name}' is named as two different parts", where="split")
    part = _by_name(text, meaning)
    unknown = text.filter(pl.Series(part == _UNKNOWN)).unique().sort().to_list()
    if unknown:
        listed = ", ".join(f"'{x}'" for x in unknown[:_LISTED]) + (" …" if len(unknown) > _LISTED else "")
        words, first = ", ".join(sorted(meaning)), int((part == _UNKNOWN).argmax()) + 1
        raise InputError(
            f"column '{settings.column}' has values that name no part: {listed} (first in row {first}); known: {words}",
            where="split.column",
            hint="list them under split.train, split.validation, split.test or split.unused",
        )
    if not (part == TEST).any():
        raise InputError(
            f"no row of column '{settings.column}' names the test part ({', '.join(settings.test)})",
            where="split.column",
            hint=f"give some rows '{settings.test[0]}' there, or name what they have in an experiment file, under split.test",
        )
    how = f"As given in column '{settings.column}'."
    return [
        _with_validation(dataset, part, how, f"column '{settings.column}'", settings.validation_fraction, settings.seed)
    ]


def condition(dataset: Rows, settings: ConditionSplit) -> list[Split]:
    """Rows that meet all conditions of a part."""
    part = np.full(len(dataset.codes), TRAIN, np.uint8)
    if settings.validation:
        part[_meets_all(dataset, settings.validation, "split.validation")] = VALIDATION
    test = _meets_all(dataset, settings.test, "split.test")
    both = int((test & (part == VALIDATION)).sum())
    part[test] = TEST
    how = f"Test: rows with {_and(settings.test)}."
    if settings.validation:
        how += f" Validation: of the others, rows with {_and(settings.validation)}."
        if not (part == VALIDATION).any():
            raise InputError("no row meets the conditions of the validation part", where="split.validation")
    if not test.any():
        raise InputError(f"no row meets the conditions of the test part ({_and(settings.test)})", where="split.test")
    notes = (f"{both} rows meet the conditions of both parts; they are in the test part.",) if both else ()
    return [_with_validation(dataset, part, how, "the conditions", settings.validation_fraction, settings.seed, notes)]


def quantile(dataset: Rows, settings: QuantileSplit) -> list[Split]:
    """The top or bottom of a column; ties with the cut go with the cut."""
    values = need_numbers(dataset, settings.column)
    key = values if settings.side == "top" else -values
    end = "highest" if settings.side == "top" else "lowest"
    relation = "≥" if settings.side == "top" else "≤"
    part = np.full(len(values), TRAIN, np.uint8)
    cut = _cut(key, settings.test)
    part[key >= cut] = TEST
    sign = 1 if settings.side == "top" else -1
    how = f"Test: the {end} {settings.test:.1%} of '{settings.column}' ({relation} {sign * cut:g}, ties included)."
    rest = np.flatnonzero(part == TRAIN)
    share = settings.validation * len(values) / max(len(rest), 1)
    if len(rest) and share < 1:
        if settings.validation_from == "next":
            next_cut = _cut(key[rest], share)
            part[rest[key[rest] >= next_cut]] = VALIDATION
            how += f" Validation: the next slice ({relation} {sign * next_cut:g})."
        else:
            side = share_rows(np.zeros(len(rest), np.int64), (1 - share, share), seed=settings.seed)
            part[rest[side == 1]] = VALIDATION
            how += f" Validation: {settings.validation:.0%} of rows at random from the rest (seed {settings.seed})."
    return [Split(part, how)]


def _chromosomes(dataset: Rows, column: str) -> pl.Series:
    """The column, or where there is none the chromosomes that the ids name."""
    found = None if column in dataset.columns.columns else coordinates(dataset.ids, dataset.columns)
    return need_text(dataset, column) if found is None else found["chrom"]


def chromosome(dataset: Rows, settings: ChromosomeSplit) -> list[Split]:
    """Listed chromosomes to test and validation."""
    text = _chromosomes(dataset, settings.column)
    present = text.unique().sort().to_list()
    part = np.full(len(text), TRAIN, np.uint8)
    seen: dict[str, int] = {}
    for names, number, where in (
        (settings.unused, UNUSED, "split.unused"),
        (settings.validation, VALIDATION, "split.validation"),
        (settings.test, TEST, "split.test"),
    ):
        for name in names:
            if name not in present:
                like = nearest(name, present)
                listed = ", ".join(present[:30]) + (" …" if len(present) > 30 else "")
                raise InputError(
                    f"column '{settings.column}' has no '{name}'; it has: {listed}",
                    where=where,
                    hint=f"did you mean '{like}'?" if like else None,
                )
            if seen.setdefault(name, number) != number:
                raise InputError(f"'{name}' is named in two parts", where=where)
    given = _by_name(text, seen)
    part[given != _UNKNOWN] = given[given != _UNKNOWN]
    how = f"By '{settings.column}': test {', '.join(settings.test)}"
    how += (
        f"; validation {', '.join(settings.validation)}; the rest trains."
        if settings.validation
        else "; the rest trains."
    )
    return [
        _with_validation(dataset, part, how, f"column '{settings.column}'", settings.validation_fraction, settings.seed)
    ]


def _with_validation(
    dataset: Rows,
    part: NDArray[np.uint8],
    how: str,
    source: str,
    fraction: float,
    seed: int,
    notes: tuple[str, ...] = (),
) -> Split:
    """The split, with validation taken from train where nothing names it."""
    if (part == VALIDATION).any() or not (part == TRAIN).any():
        return Split(part, how, notes)
    part = validation_from_train(dataset, part, fraction=fraction, seed=seed)
    note = (
        f"No row is named for validation by {source}: {fraction:.0%} of the training rows "
        f"({(part == VALIDATION).sum()}) became it, near-duplicate sequences kept together (seed {seed})."
    )
    return Split(part, how, (*notes, note))


def _by_name(text: pl.Series, numbers: dict[str, int]) -> NDArray[np.uint8]:
    """Number of each name, uint8 ``(N,)``; 255 for a name that isn't listed."""
    table = pl.DataFrame(
        {"name": list(numbers), "number": list(numbers.values())}, schema={"name": pl.String, "number": pl.UInt8}
    )
    joined = pl.DataFrame({"name": text}).join(table, on="name", how="left", maintain_order="left")
    return joined.get_column("number").fill_null(_UNKNOWN).to_numpy().copy()


def _cut(key: NDArray[np.float64], fraction: float) -> float:
    """The value of the last of the ``fraction`` highest (at least one row)."""
    count = min(max(round(fraction * len(key)), 1), len(key))
    return float(np.partition(key, len(key) - count)[len(key) - count])


def _meets_all(dataset: Rows, conditions: tuple[Condition, ...], where: str) -> NDArray[np.bool_]:
    met = np.ones(len(dataset.codes), np.bool_)
    for one in conditions:
        met &= meets(need_column(dataset, one.column, where=where), one, where)
    return met


def meets(series: pl.Series, one: Condition, where: str) -> NDArray[np.bool_]:
    """Rows of a column that meet a condition, bool ``(N,)``; a row without a value does not.

    Parameters
    ----------
    where
        The place of the condition, for messages.

    Raises
    ------
    InputError
        The column cannot be compared with its value.
    """
    wanted = one.value if isinstance(one.value, tuple) else (one.value,)
    if series.dtype.is_numeric():
        if any(isinstance(x, str) for x in wanted):
            raise InputError(
                f"column '{one.column}' is numeric but is compared with text ({one})",
                where=where,
                hint="drop the quotes",
            )
        values = [float(x) for x in wanted]
        series = series.cast(pl.Float64).fill_nan(None)
        listed = pl.Series(values, dtype=pl.Float64)
    elif series.dtype == pl.Boolean:
        if not all(isinstance(x, bool) for x in wanted):
            raise InputError(
                f"column '{one.column}' is true/false ({one})", where=where, hint="compare with true or false"
            )
        listed = pl.Series(wanted, dtype=pl.Boolean)
    else:
        if one.op not in ("==", "!=", "in"):
            raise InputError(
                f"column '{one.column}' holds text; {one.op} needs a numeric column ({one})",
                where=where,
                hint="text columns take ==, != and in",
            )
        series = series.cast(pl.String)
        listed = pl.Series([str(x) for x in wanted], dtype=pl.String)
    first = listed[0] if len(listed) else None
    if one.op == "in":
        met = series.is_in(listed.implode())
    elif one.op == "==":
        met = series == first
    elif one.op == "!=":
        met = series != first
    elif one.op == "<":
        met = series < first
    elif one.op == "<=":
        met = series <= first
    elif one.op == ">":
        met = series > first
    else:
        met = series >= first
    return met.fill_null(False).to_numpy()


def _and(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(str(x) for x in conditions)
