"""Types of text columns: whole numbers, numbers, or text; decided over a whole column and never losing text."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:nan|inf|infinity))$"
_CODE = r"^[+-]?0[0-9]|^[+-]?[0-9]{19,}$"
"""Leading zeros, or more digits than a number can hold: an accession, not a quantity."""


@dataclass(slots=True)
class ColumnType:
    """What the values of a column have been so far; order and block size make no difference."""

    values: bool = False
    whole: bool = True
    number: bool = True

    def update(self, column: pl.Series) -> None:
        """Look at more values, String ``(N,)``; null says nothing."""
        if not self.number:
            return
        filled = column.drop_nulls()
        if len(filled) == 0:
            return
        self.values = True
        if filled.str.contains(_CODE).any():
            self.number = self.whole = False
            return
        self.whole = self.whole and bool(filled.str.contains(_WHOLE).all())
        if not self.whole:
            self.number = bool(filled.str.contains(_NUMBER).all())

    @property
    def dtype(self) -> pl.DataType:
        """Int64, Float64 or String; a column without values is String."""
        if not self.values or not self.number:
            return pl.String()
        return pl.Int64() if self.whole else pl.Float64()


def cast_text(frame: pl.DataFrame, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """Text columns as the types found for them."""
    plain = {name: kind for name, kind in types.items() if kind != pl.String}
    if not plain:
        return frame
    stripped = [pl.col(x).str.strip_prefix("+").cast(kind) for x, kind in plain.items()]
    return frame.with_columns(stripped)
