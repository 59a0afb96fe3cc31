"""What a reader returns: a ragged batch of sequences with ids, other columns and letter counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

MESSAGES = 20
"""Skipped rows that are described; the rest is only counted."""


@dataclass(frozen=True, slots=True, eq=False)
class LetterCounts:
    """What was met in the rows that were kept, and how many rows were skipped. ``a + b`` adds two counts.

    The total of rows in the file is ``rows + skipped_rows``.
    """

    rows: int = 0
    """Rows kept."""
    bases: int = 0
    """Codes made, after removal of gaps where the policy asks for it."""
    lower_case: int = 0
    """Letters written in lower case."""
    uracil: int = 0
    """``U``, read as ``T``."""
    ambiguous: int = 0
    """IUPAC codes other than N."""
    n: int = 0
    """Letters N as written."""
    gaps: int = 0
    """``-`` and ``.``, kept or removed."""
    skipped_rows: int = 0
    """Rows left out because the policy says so."""
    skipped: tuple[str, ...] = ()
    """The first messages, ``record 'id' (line 12): reason``."""
    unknown: int = 0
    """Bytes that are no DNA letter, read as N."""

    def __add__(self, other: LetterCounts) -> LetterCounts:
        sums = {x.name: getattr(self, x.name) + getattr(other, x.name) for x in fields(self) if x.name != "skipped"}
        return LetterCounts(**sums, skipped=(self.skipped + other.skipped)[:MESSAGES])


class LeftOutRow(NamedTuple):
    """A row that the letter policy left out."""

    row: int
    """Its place among the rows of the block as they were read, from 0."""
    id: str
    reason: str


class LateSeries:
    """A field that holds a series, or a function that makes it when the field is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, owner: object, value: pl.Series | Callable[[], pl.Series]) -> None:
        vars(owner)[self._name] = value

    def __get__(self, owner: object, kind: type | None = None) -> pl.Series:
        if owner is None:
            raise AttributeError(self._name)  # so the dataclass sees no default
        value = vars(owner)[self._name]
        if not isinstance(value, pl.Series):
            value = vars(owner)[self._name] = value()
        return value


@dataclass(frozen=True, eq=False)
class Records:
    """A ragged batch of N sequences."""

    codes: NDArray[np.uint8]
    """uint8 (total bases,): the sequences one after the other."""
    offsets: NDArray[np.int64]
    """int64 (N + 1,): row i is ``codes[offsets[i]:offsets[i + 1]]``."""
    ids: LateSeries = LateSeries()
    """String (N,); given as a series, or as a function that makes it."""
    columns: pl.DataFrame  # type: ignore[misc]  # the descriptor is no default
    """N rows: every column other than the sequence and the id (no columns where there are none)."""
    letters: LetterCounts  # type: ignore[misc]
    """What the reader met; it describes the reading and is not recounted by :meth:`take`."""
    id_name: str | None = None
    """The column that the ids come from; None for headers and row numbers."""
    left_out: Callable[[], list[LeftOutRow]] = list
    """Every row of a block that the letter policy left out, in order; like ``letters`` it describes the reading."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "ids": self.ids, "left_out": list}  # functions of the reader cannot be pickled

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bases per row, int64 ``(N,)``."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | Sequence[int]) -> Records:
        """Some rows, in the order given.

        Parameters
        ----------
        rows
            Row numbers int ``(M,)`` (repeats are fine), or a mask bool ``(N,)``.
        """
        picked = np.asarray(rows)
        picked = np.flatnonzero(picked) if picked.dtype == np.bool_ else picked.astype(np.int64)
        codes, offsets = take_ragged(self.codes, self.offsets, picked)
        columns = self.columns[picked] if self.columns.width else pl.DataFrame()
        return Records(codes, offsets, self.ids.gather(picked), columns, self.letters, self.id_name)

    @staticmethod
    def concat(parts: Sequence[Records]) -> Records:
        """Batches one after the other; a column that a part lacks is null there, and number types widen."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Records(
                np.zeros(0, np.uint8),
                np.zeros(1, np.int64),
                pl.Series("id", [], dtype=pl.String),
                pl.DataFrame(),
                LetterCounts(),
            )
        names = {p.id_name for p in parts}
        return Records(
            np.concatenate([p.codes for p in parts]),
            np.concatenate(([0], np.cumsum(np.concatenate([p.lengths for p in parts])))),
            pl.concat([p.ids.rename("id") for p in parts]),
            concat_columns([p.columns if p.columns.width else pl.DataFrame(height=len(p)) for p in parts]),
            sum((p.letters for p in parts), LetterCounts()),
            names.pop() if len(names) == 1 else None,
        )


def concat_columns(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames one below the other; equal schemas are kept as they are."""
    if all(f.schema == frames[0].schema for f in frames):
        return pl.concat(frames) if frames[0].width else pl.DataFrame()
    marked = [
        f.with_columns(pl.repeat(0, f.height, eager=True).alias("\0")) for f in frames
    ]  # keeps rows of frames without columns
    return pl.concat(marked, how="diagonal_relaxed").drop("\0")


def take_ragged(
    codes: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Rows ``(M,)`` of a ragged array: codes uint8 and offsets int64 ``(M + 1,)``."""
    lengths = np.diff(offsets)[rows]
    out = np.concatenate(([0], np.cumsum(lengths)))
    if len(rows) and (np.diff(rows) == 1).all():
        return codes[offsets[rows[0]] : offsets[rows[-1] + 1]], out
    index = np.repeat(offsets[rows] - out[:-1], lengths)
    index += np.arange(len(index))
    return codes[index], out
