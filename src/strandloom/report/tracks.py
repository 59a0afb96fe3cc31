"""Drawings along a sequence: tracks under one another with a shared column for each base, in rows where the sequence is long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from strandloom.report.numbers import MINUS, count
from strandloom.report.svg import Canvas

PER_ROW = 100
"""Bases in one row of a long sequence."""
TAIL = 20
"""Bases left over that the last row takes in, so that no row is nearly empty."""
LEFT, RIGHT = 46.0, 18.0
TICK, BETWEEN = 20.0, 14.0


def position_number(column: int, first_base: int) -> int:
    """The number of a base as it stands on axes, in captions and in files for people.

    Biologists' convention: where the count begins below 0, there is no 0; the base before +1 is −1. So with ``first_base=-249``
    the base of column 248 is −1 and that of column 249 is +1.

    Parameters
    ----------
    column
        0-based base of the whole sequence.
    first_base
        Number of the base of column 0: 1 counts bases from the start, a negative one from a landmark.
    """
    at = first_base + column
    return at + 1 if first_base < 0 <= at else at


def position_words(words: str, first_base: int) -> str:
    """What positions count, as it stands on an axis: with its unit, and whether there is a 0."""
    return f"{words} (bp; no position 0)" if first_base < 0 else f"{words} (bp)"


@dataclass(frozen=True)
class Row:
    """Columns ``start`` … ``end - 1`` of a drawing and where they stand, in px.

    Parameters
    ----------
    start, end
        First column and one past the last.
    left
        Left edge of the first column.
    column
        Width of a column.
    """

    start: int
    end: int
    left: float
    column: float

    def x(self, position: float) -> float:
        """Left edge of a column; beyond the ends the ends."""
        return self.left + (min(max(position, self.start), self.end) - self.start) * self.column

    @property
    def right(self) -> float:
        """Right edge of the last column."""
        return self.left + (self.end - self.start) * self.column


class Track(Protocol):
    """One band of a drawing."""

    def height(self, row: Row) -> float:
        """Px that the track takes in this row (0: it is left out there)."""

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Draw the columns of the row below ``top``."""


@dataclass(frozen=True)
class Head:
    """A line of words over the next track, in the first row only unless ``every``."""

    words: str
    every: bool = False
    limit: int = 90

    def height(self, row: Row) -> float:
        """One line in the first row."""
        return 20.0 if self.every or row.start == 0 else 0.0

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """The words at the left edge."""
        canvas.write(2, top + 12, self.words, classes="t name", limit=self.limit)


@dataclass(frozen=True)
class Gap:
    """Empty space."""

    tall: float = 8.0

    def height(self, row: Row) -> float:
        """As given."""
        return self.tall

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Positions:
    """Ticks with position numbers.

    Parameters
    ----------
    zero
        Number of the first base, as :func:`position_number` counts.
    before
        Bases of the whole sequence that stand before the first column (cropped, not drawn).
    step
        Columns between numbers; 0 chooses by the room.
    """

    zero: int = 1
    before: int = 0
    step: int = 0

    def height(self, row: Row) -> float:
        """Ticks and numbers."""
        return TICK

    def number(self, column: int) -> int:
        """The number of a column (0-based)."""
        return position_number(self.before + column, self.zero)

    def _written(self, column: int) -> str:
        number = self.number(column)
        return "+1" if number == 1 and self.zero < 0 else count(number)

    def span(self, start: int, end: int) -> str:
        """Columns ``start`` … ``end - 1`` in words: ``92–108``, ``−27 to −15``, ``7``."""
        first, last = (count(self.number(c)) for c in (start, end - 1))
        if first == last:
            return first
        return f"{first} to {last}" if MINUS in first + last else f"{first}–{last}"

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Numbers at round positions and at +1 of a landmark, and at the first column of the row where there is room."""
        step = self.step or next((s for s in (1, 5, 10, 20, 50) if s * row.column >= 60), 100)
        landmark = -self.zero - self.before if self.zero < 0 else -1
        numbered = [c for c in range(row.start, row.end) if self.number(c) % step == 0 or c == landmark]
        if row.start not in numbered and (not numbered or (numbered[0] - row.start) * row.column >= 24):
            numbered.insert(0, row.start)
        if len(numbered) == 1 and row.end - 1 > row.start and (row.end - 1 - numbered[0]) * row.column >= 24:
            numbered.append(row.end - 1)
        for column in numbered:
            at = row.x(column) + row.column / 2
            canvas.segment(at, top + 1, at, top + 4, "axis")
            canvas.write(at, top + 16, self._written(column), anchor="middle", classes="t tick")


def row_spans(length: int, per_row: int = PER_ROW) -> list[tuple[int, int]]:
    """First column and end of each row."""
    starts = list(range(0, max(length, 1), per_row))
    if len(starts) > 1 and length - starts[-1] <= TAIL:
        starts.pop()
    return list(zip(starts, [*starts[1:], length], strict=True))


def aligned(
    slug: str,
    tracks: Sequence[Track],
    *,
    title: str,
    description: str,
    length: int,
    column: float = 10.0,
    per_row: int = PER_ROW,
    width: float | None = None,
    left: float = LEFT,
    rows: Sequence[int] | None = None,
) -> Markup:
    """Tracks under one another, in rows.

    Parameters
    ----------
    slug, title, description
        As for :class:`~strandloom.report.svg.Canvas`.
    tracks
        From top to bottom, repeated in each row.
    length
        Columns in all, L.
    column
        Px a column.
    per_row
        Columns a row; the last one may hold up to 20 more.
    width
        Px in all; None fits the longest row.
    left
        Px left of the first column, for the words of the axes.
    rows
        Numbers of the rows to draw, None for all.
    """
    whole = row_spans(length, per_row)
    drawn = [Row(*span, left, column) for number, span in enumerate(whole) if rows is None or number in rows]
    longest = max(end - start for start, end in whole)
    canvas = Canvas(slug, title, description, width or left + longest * column + RIGHT, 0)
    top = 2.0
    for row in drawn:
        for track in tracks:
            tall = track.height(row)
            if tall:
                track.draw(canvas, row, top)
            top += tall
        top += BETWEEN
    canvas.height = top - BETWEEN + 2
    return canvas.svg()
