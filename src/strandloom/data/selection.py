"""Which rows of a table are kept: column values to keep and to leave out, over blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.settings import Cell
from strandloom.data.targets import missing_column
from strandloom.errors import InputError, nearest


class RowSelection:
    """Conditions on columns, applied block by block; remembers which values were ever met.

    Parameters
    ----------
    keep
        Column to the values that are kept.
    drop
        Column to the values that are left out.
    """

    def __init__(self, keep: Mapping[str, tuple[Cell, ...]], drop: Mapping[str, tuple[Cell, ...]]) -> None:
        self._conditions = [(column, values, True) for column, values in keep.items()]
        self._conditions += [(column, values, False) for column, values in drop.items()]
        self._met = {
            (column, value, kept): False for column, values, kept in self._conditions for value in map(_text, values)
        }
        self._others: dict[str, set[str]] = {column: set() for column, _, _ in self._conditions}

    def rows(self, columns: pl.DataFrame, path: Path) -> NDArray[np.int64] | None:
        """The kept rows of a block of N rows; None: all of them.

        Raises
        ------
        InputError
            A column is missing.
        """
        if not self._conditions:
            return None
        kept = np.ones(columns.height, bool)
        for column, values, keep in self._conditions:
            if column not in columns.columns:
                raise missing_column(
                    column, columns.columns, path=path, setting="data.filter" if keep else "data.exclude"
                )
            met = np.zeros(columns.height, bool)
            for value in values:
                same = _equals(columns[column], value)
                self._met[column, _text(value), keep] |= bool(same.any())
                met |= same
            if len(self._others[column]) < 50:
                self._others[column].update(columns[column].cast(pl.String).drop_nulls().unique().head(50).to_list())
            kept &= met if keep else ~met
        return np.flatnonzero(kept)

    def check(self, where: str) -> None:
        """After the last block: a value that no row has is an error, since it is most likely a typing mistake.

        Raises
        ------
        InputError
            A value was never met.
        """
        for (column, value, keep), met in self._met.items():
            if not met:
                found = sorted(self._others[column])
                close = nearest(value, found)
                raise InputError(
                    f"no row has {column} = {value} ({'data.filter' if keep else 'data.exclude'})",
                    where=where,
                    hint=(f"did you mean '{close}'? " if close else "")
                    + f"values of {column}: {', '.join(found[:12])}",
                )


def selection(keep: Mapping[str, Cell | tuple[Cell, ...]], drop: Mapping[str, Cell | tuple[Cell, ...]]) -> RowSelection:
    """The selection of ``data.filter`` and ``data.exclude``."""

    def listed(conditions: Mapping[str, Cell | tuple[Cell, ...]]) -> dict[str, tuple[Cell, ...]]:
        return {name: value if isinstance(value, tuple) else (value,) for name, value in conditions.items()}

    return RowSelection(listed(keep), listed(drop))


def _text(value: Cell) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equals(column: pl.Series, value: Cell) -> NDArray[np.bool_]:
    """Rows equal to ``value``: by number in a number column, by text otherwise; a missing cell equals nothing."""
    if column.dtype.is_numeric():
        try:
            same = column.cast(pl.Float64) == float(value)
        except ValueError:
            return np.zeros(len(column), bool)
    else:
        same = column.cast(pl.String).str.strip_chars() == _text(value)
    return same.fill_null(False).to_numpy()
