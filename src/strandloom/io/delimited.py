"""Splitting delimited text: a block of bytes to the ranges of its fields, quotes honoured; no object per field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.io.kernels import Bytes, Positions

_QUOTE = 34


class Fields(NamedTuple):
    """Where the fields of M rows of C columns stand in a buffer."""

    starts: Positions
    """int64 (M, C)."""
    ends: Positions
    """int64 (M, C); a field is followed by at least one byte."""
    quoted: NDArray[np.bool_]
    """bool (M, C): the field stood in quotes, which are left out of the range."""
    lines: Positions
    """int64 (M,): lines of the buffer before the row."""
    ragged: tuple[int, int] | None
    """Lines before the first row with another number of fields, and that number; the rows end there."""


def outside_quotes(buffer: Bytes, separator: int) -> tuple[Positions, int]:
    """Newlines and separators outside quotes, int64 ``(P,)``, and where a quote is left open (-1: nowhere).

    A quote opens only at the start of a field, and two quotes inside a quoted field stand for one, as in Python's
    csv module.
    """
    marks = np.flatnonzero((buffer == 10) | (buffer == separator))
    quotes = np.flatnonzero(buffer == _QUOTE)
    if len(quotes) == 0:
        return marks, -1
    edge = np.zeros(256, bool)
    edge[[10, 13, separator]] = True
    before = np.where(quotes > 0, buffer[quotes - 1], 10)
    after = np.where(quotes + 1 < len(buffer), buffer[np.minimum(quotes + 1, len(buffer) - 1)], 10)
    opening, closing = slice(0, None, 2), slice(1, None, 2)
    regular = (edge[before[opening]] | (before[opening] == _QUOTE)).all() and (
        edge[after[closing]] | (after[closing] == _QUOTE)
    ).all()
    if not regular:
        quotes = _real_quotes(quotes, before, after, edge)
    inside = (np.searchsorted(quotes, marks) & 1).astype(bool)
    return marks[~inside], int(quotes[-1]) if len(quotes) % 2 else -1


def _real_quotes(quotes: Positions, before: Bytes, after: Bytes, edge: NDArray[np.bool_]) -> Positions:
    """The quotes that open or close a field, where others stand in the middle of one: quote by quote."""
    kept: list[int] = []
    open_, skip = False, False
    rows = zip(quotes.tolist(), edge[before].tolist(), (after == _QUOTE).tolist(), strict=True)
    for at, starts_field, doubled in rows:
        if skip:
            skip = False
        elif open_ and doubled:
            skip = True
        elif open_ or starts_field:
            open_ = not open_
            kept.append(at)
    return np.array(kept, np.int64)


def split_fields(buffer: Bytes, separator: int, columns: int, *, quotes: bool) -> Fields:
    """The fields of a buffer of whole rows (it ends with a newline).

    Blank lines are no rows, except in a table of one column.

    Parameters
    ----------
    buffer
        uint8 (bytes,).
    separator
        The byte between fields; 10 where there is none (one column).
    columns
        C, the number of fields that every row must have; 0 takes that of the first row.
    quotes
        Whether quotes mean anything.
    """
    if quotes:
        marks, _ = outside_quotes(buffer, separator)
    else:
        marks = np.flatnonzero((buffer == 10) | (buffer == separator))
    closes = buffer[marks] == 10
    starts = np.concatenate(([0], marks[:-1] + 1)).astype(np.int64)
    ends = marks - (closes & (marks > starts) & (buffer[marks - 1] == 13))
    last = np.flatnonzero(closes)  # field that closes each row
    first = np.concatenate(([0], last[:-1] + 1)).astype(np.int64)
    counts = last - first + 1
    newlines = np.flatnonzero(buffer == 10)
    lines = np.searchsorted(newlines, starts[first])
    if columns != 1:
        blank = (counts == 1) & (starts[first] == ends[first])
        if blank.any():
            kept = np.ones(len(marks), bool)
            kept[first[blank]] = False
            starts, ends, counts, lines = starts[kept], ends[kept], counts[~blank], lines[~blank]
    columns = columns or (int(counts[0]) if len(counts) else 1)
    wrong = np.flatnonzero(counts != columns)
    rows = int(wrong[0]) if len(wrong) else len(counts)
    ragged = (int(lines[rows]), int(counts[rows])) if len(wrong) else None
    shape = (rows, columns)
    starts, ends = starts[: rows * columns].reshape(shape), ends[: rows * columns].reshape(shape)
    quoted = np.zeros(shape, bool)
    if quotes:
        quoted = (ends - starts >= 2) & (buffer[starts] == _QUOTE) & (buffer[ends - 1] == _QUOTE)
        starts, ends = starts + quoted, ends - quoted
    return Fields(starts, ends, quoted, lines[:rows], ragged)


def whole_rows(buffer: Bytes, *, quotes: bool, separator: int, keep_blank_tail: bool) -> tuple[int, int]:
    """How many bytes of a buffer are whole rows, and where a quote is left open (-1: nowhere).

    Parameters
    ----------
    buffer
        uint8 (bytes,), from the start of a row.
    quotes, separator
        See :func:`split_fields`.
    keep_blank_tail
        Leave blank lines at the end for the next buffer: with one column they are rows only if more rows follow.
    """
    newlines, opened = np.flatnonzero(buffer == 10), -1
    if quotes and (buffer == _QUOTE).any():
        marks, opened = outside_quotes(buffer, separator)
        newlines = marks[buffer[marks] == 10]
    if keep_blank_tail and len(newlines):
        starts = np.concatenate(([0], newlines[:-1] + 1))
        filled = np.flatnonzero((newlines - starts > 1) | ((newlines > starts) & (buffer[starts] != 13)))
        newlines = newlines[: filled[-1] + 1] if len(filled) else newlines[:0]
    return (int(newlines[-1]) + 1 if len(newlines) else 0), opened
