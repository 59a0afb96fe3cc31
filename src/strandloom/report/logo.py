"""Sequence logos as SVG: letters are outlines of our own, so that a height is exact and no font is needed.

Letters of one base in one row are one ``path`` (classes ``base-a`` … ``base-t``, ``base-n``), which keeps a page small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.pwm import Matrix, consensus, information
from strandloom.report.numbers import general
from strandloom.report.svg import Canvas, round_ticks
from strandloom.report.tracks import LEFT, RIGHT, Gap, Head, Positions, Row, Track, aligned, row_spans

LETTERS = "ACGTN"
SMALLEST = 0.4
"""Px below which a letter is not drawn: it could not be seen."""

_GLYPHS: dict[str, tuple[str, ...]] = {
    "A": (
        "M0 1L.37 0L.63 0L1 1L.77 1L.69 .76L.31 .76L.23 1Z",
        "M.5 .25L.37 .6L.63 .6Z",
    ),
    "C": (
        "M1 .34C.96 .13 .78 0 .53 0C.2 0 0 .2 0 .5C0 .8 .2 1 .53 1C.78 1 .96 .87 1 .66L.765 .62C.74 .76 .66 .83 .53 .83"
        "C.345 .83 .24 .7 .24 .5C.24 .3 .345 .17 .53 .17C.66 .17 .74 .24 .765 .38Z",
    ),
    "G": (
        "M.97 .31C.92 .12 .76 0 .53 0C.2 0 0 .2 0 .5C0 .8 .2 1 .55 1C.74 1 .9 .95 1 .87L1 .46L.52 .46L.52 .62L.775 .62"
        "L.775 .78C.71 .815 .64 .83 .56 .83C.35 .83 .24 .7 .24 .5C.24 .3 .345 .17 .53 .17C.64 .17 .715 .23 .745 .34Z",
    ),
    "T": ("M0 0L1 0L1 .18L.615 .18L.615 1L.385 1L.385 .18L0 .18Z",),
    "N": ("M0 0L.25 0L.75 .62L.75 0L1 0L1 1L.75 1L.25 .38L.25 1L0 1Z",),
}
"""Outlines in the unit box, y downwards; each touches all four sides."""


def _parsed(outline: str) -> list[tuple[str, list[tuple[float, float]]]]:
    found = []
    for command in outline.replace("Z", "").replace("M", "|M").replace("L", "|L").replace("C", "|C").split("|")[1:]:
        numbers = [float(x) for x in command[1:].split()]
        found.append((command[0].lower(), list(zip(numbers[::2], numbers[1::2], strict=True))))
    return found


_OUTLINES = {letter: [_parsed(o) for o in outlines] for letter, outlines in _GLYPHS.items()}


def _short(value: float) -> str:
    """Hundredths of a px without useless digits (``.5``, ``-3``)."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return "0" if text in ("-0", "", "-") else text


def glyph(letter: str, x: float, y: float, width: float, height: float, *, flipped: bool = False) -> str:
    """Path data of a letter that fills the box from ``(x, y)``, its top left, exactly; ``flipped`` stands on its head."""
    words: list[str] = []
    for outline in _OUTLINES[letter]:
        at = (0.0, 0.0)
        for command, points in outline:
            placed = [
                (round(x + px * width, 2), round(y + (1 - py if flipped else py) * height, 2)) for px, py in points
            ]
            if command == "m":
                words.append("M" + " ".join(map(_short, placed[0])))
            else:
                steps = " ".join(f"{_short(px - at[0])} {_short(py - at[1])}" for px, py in placed)
                words.append(command + steps.replace(" -", "-"))
            at = placed[-1]
        words.append("z")
    return "".join(words)


@dataclass
class Letters:
    """Letters gathered by base, to be drawn as one path each."""

    paths: dict[str, list[str]] = field(default_factory=dict)

    def add(self, letter: str, x: float, y: float, width: float, height: float, *, flipped: bool = False) -> None:
        """A letter in a box; one that is too low to be seen is left out."""
        if height >= SMALLEST:
            self.paths.setdefault(letter, []).append(glyph(letter, x, y, width, height, flipped=flipped))

    def draw(self, canvas: Canvas) -> None:
        """Put the letters on the canvas."""
        for letter in LETTERS:
            if letter in self.paths:
                canvas.parts.append(f'<path class="base-{letter.lower()}" d="{"".join(self.paths[letter])}"/>')


@dataclass(frozen=True, eq=False)
class LogoTrack:
    """Stacked letters over and, upside down, under a zero line, the largest outermost.

    Parameters
    ----------
    heights
        ``(L, 4)`` or ``(L, 5)``: signed height of A, C, G, T (and of a letter that is none of them, drawn as N).
    low, high
        Range of the axis; holds 0.
    ticks
        Values with a tick.
    tall
        Px of the axis.
    start
        Column of the drawing at which the first row of heights stands.
    axis
        Whether values are written.
    """

    heights: NDArray[np.float64]
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    tall: float = 74.0
    start: int = 0
    axis: bool = True

    def height(self, row: Row) -> float:
        """The axis with room for half a line of digits."""
        return self.tall + (12 if self.axis else 2)

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Axis and letters."""
        top += 6 if self.axis else 1
        scale = self.tall / ((self.high - self.low) or 1)
        zero = top + self.high * scale
        first = max(self.start, row.start)
        end = min(self.start + len(self.heights), row.end)
        if self.axis:
            for value in self.ticks:
                y = top + (self.high - value) * scale
                canvas.segment(row.left - 6, y, row.left - 2, y, "axis")
                canvas.write(row.left - 9, y + 4, general(value), anchor="end", classes="t tick")
            canvas.segment(row.left - 2, top, row.left - 2, top + self.tall, "axis")
        air = min(row.column * 0.04, 0.5)
        letters = Letters()
        for column in range(first, end):
            values = self.heights[column - self.start]
            up = down = zero
            for base in np.argsort(np.abs(values), kind="stable"):
                tall = abs(float(values[base])) * scale
                box = (row.x(column) + air, row.column - 2 * air)
                if values[base] > 0:
                    up -= tall
                    letters.add(LETTERS[base], box[0], up, box[1], tall)
                elif values[base] < 0:
                    letters.add(LETTERS[base], box[0], down, box[1], tall, flipped=True)
                    down += tall
        letters.draw(canvas)
        canvas.segment(row.x(first), zero, row.x(end), zero, "axis")


@dataclass(frozen=True, eq=False)
class LetterTrack:
    """The sequence itself in small letters of one height; codes uint8 ``(L,)``."""

    codes: Codes
    tall: float = 9.0

    def height(self, row: Row) -> float:
        """The letters and some air."""
        return self.tall + 5

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """One letter a column; what is no base is an N."""
        width = min(row.column * 0.8, self.tall)
        letters = Letters()
        for column in range(row.start, row.end):
            at = row.x(column) + (row.column - width) / 2
            letters.add(LETTERS[min(int(self.codes[column]), 4)], at, top + 2, width, self.tall)
        letters.draw(canvas)


def probability_heights(matrix: Matrix) -> NDArray[np.float64]:
    """Letter heights in bits ``(w, 4)``: each base's share of the information of its position."""
    return matrix * information(matrix)[:, None]


def base_heights(codes: Codes, contributions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Contributions ``(L,)`` as heights of the letters that stand in codes uint8 ``(L,)``: ``(L, 5)``, N last."""
    heights = np.zeros((len(codes), 5))
    heights[np.arange(len(codes)), np.minimum(codes, 4)] = np.nan_to_num(contributions)
    return heights


def reach(heights: NDArray[np.floating]) -> tuple[float, float]:
    """Lowest and highest end of the stacks of heights ``(L, 4 or 5)``, 0 among them; ``(0, 1)`` where all is 0."""
    if not heights.size or not np.any(heights):
        return 0.0, 1.0
    return float(np.minimum(heights, 0).sum(axis=1).min()), float(np.maximum(heights, 0).sum(axis=1).max())


def signed_track(heights: NDArray[np.float64], *, tall: float = 74.0, start: int = 0) -> LogoTrack:
    """A logo of signed heights ``(L, 4 or 5)`` whose axis holds every letter."""
    low, high = reach(heights)
    choices = [round_ticks(low, high, number) for number in (3, 4, 6)]
    ticks = next((found for found in choices if len(found) > 2), choices[-1])
    return LogoTrack(heights, low, high, tuple(ticks), tall, start)


def bits_track(matrix: Matrix, *, tall: float = 74.0, start: int = 0, axis: bool = True) -> LogoTrack:
    """A logo of base probabilities ``(w, 4)`` on the fixed axis of 0 to 2 bits."""
    return LogoTrack(probability_heights(matrix), 0.0, 2.0, (0.0, 1.0, 2.0), tall, start, axis)


@dataclass(frozen=True, eq=False)
class Panel:
    """One logo of a stack: its words, ``(w, 4)`` heights, the column where it starts, and whether it is probabilities in bits."""

    words: str
    matrix: NDArray[np.float64]
    start: int = 0
    bits: bool = True


def stack(slug: str, panels: Sequence[Panel], *, title: str, width: float = 500.0) -> Markup:
    """Logos under one another, column on column; positions count from the first column of the first panel.

    Raises
    ------
    ValueError
        There is no panel.
    """
    first = min(p.start for p in panels)
    length = max(p.start + len(p.matrix) for p in panels) - first
    tracks: list[Track] = []
    for panel in panels:
        start = panel.start - first
        tracks += [Head(panel.words, limit=int(width / 8.6))]
        tracks += [
            bits_track(panel.matrix, start=start, tall=88)
            if panel.bits
            else signed_track(panel.matrix, start=start, tall=88)
        ]
        tracks += [Gap(4)]
    tracks[-1] = Positions(_counted(panels[0].start - first))
    said = "; ".join(f"{p.words}: {consensus(p.matrix)}" for p in panels if p.bits)
    column = min(30.0, (width - LEFT - RIGHT) / max(length, 1))
    return aligned(
        slug, tracks, title=title, description=said, length=length, column=column, per_row=length, width=width
    )


def _counted(before: int) -> int:
    """Number of the first column where so many stand before position 1 (there is no position 0)."""
    return -before if before else 1


def frequency_logo(slug: str, matrix: Matrix, *, title: str, words: str = "bits", width: float = 500.0) -> Markup:
    """The logo of base probabilities ``(w, 4)`` on an axis of 0 to 2 bits, with position numbers."""
    return stack(slug, (Panel(words, matrix),), title=title, width=width)


def mini_logo(slug: str, matrix: Matrix, *, title: str, width: float = 180.0, tall: float = 38.0) -> Markup:
    """A small logo of base probabilities ``(w, 4)`` without axes, on the same scale of 0 to 2 bits."""
    column = min(13.0, (width - 4) / max(len(matrix), 1))
    return aligned(
        slug, (bits_track(matrix, tall=tall, axis=False),), title=title, description=f"consensus {consensus(matrix)}",
        length=len(matrix), column=column, per_row=len(matrix), width=width, left=2,
    )  # fmt: skip


def sequence_column(length: int) -> float:
    """Px a base: as wide as a page allows for a row of 100, wider for a short sequence."""
    longest = max(end - start for start, end in row_spans(length))
    return min(22.0, 970.0 / max(longest, 40))
