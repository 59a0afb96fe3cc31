"""Mutagenesis as a heat map ``(4, L)`` under the sequence: what each single substitution would do to the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.report.numbers import count, general, signed
from strandloom.report.svg import Canvas
from strandloom.report.tracks import Positions, Row

CELL = 11.0
LEVELS = 20
TIPS = 300
"""Bases up to which every column says its numbers on hover."""


def largest(effects: NDArray[np.floating]) -> float:
    """The largest finite effect by size; 1 where all are 0."""
    kept = np.abs(effects[np.isfinite(effects)])
    return float(kept.max()) if kept.size and kept.max() > 0 else 1.0


def level(value: float, most: float) -> int:
    """The shade of a value: -20 … 20, 0 for no change (and for what is not a number)."""
    return round(min(max(value / most, -1.0), 1.0) * LEVELS) if np.isfinite(value) else 0


@dataclass(frozen=True, eq=False)
class HeatTrack:
    """Cells of A, C, G, T under one another, blue where the score falls and orange where it rises.

    Parameters
    ----------
    codes
        uint8 ``(L,)``: the base that stands there is marked by a dot.
    effects
        ``(4, L)``: change of the score when the base is put there.
    most
        The effect with the full colour.
    counted
        Position numbers for the tips.
    """

    codes: Codes
    effects: NDArray[np.floating]
    most: float
    counted: Positions

    def height(self, row: Row) -> float:
        """Four rows of cells."""
        return 4 * CELL + 6

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Cells by shade, one path each, then the dots and the tips."""
        top += 2
        canvas.box(row.left, top, row.right - row.left, 4 * CELL, "heat-0")
        shades: dict[int, list[str]] = {}
        for column in range(row.start, row.end):
            x = round(row.x(column), 2)
            wide = round(row.x(column + 1), 2) - x
            for base in range(4):
                shade = level(float(self.effects[base, column]), self.most)
                if shade and base != self.codes[column]:
                    cell = f"M{x:g} {top + base * CELL:g}h{wide:.2f}v{CELL:g}h-{wide:.2f}z"
                    shades.setdefault(shade, []).append(cell)
        for shade in sorted(shades):
            side = "heat-up" if shade > 0 else "heat-down"
            opacity = f"{abs(shade) / LEVELS:g}"
            canvas.parts.append(f'<path class="{side}" fill-opacity="{opacity}" d="{"".join(shades[shade])}"/>')
        dots = []
        for column in range(row.start, row.end):
            base = int(self.codes[column])
            if base < 4:
                x, y = row.x(column) + row.column / 2, top + (base + 0.5) * CELL
                size = min(row.column * 0.22, 2.0)
                dots.append(
                    f"M{x - size:.2f} {y:.2f}a{size:.2f} {size:.2f} 0 1 0 {2 * size:.2f} 0a{size:.2f} {size:.2f} 0 1 0-{2 * size:.2f} 0z"
                )
        canvas.parts.append(f'<path class="heat-dot" d="{"".join(dots)}"/>')
        for base, letter in enumerate("ACGT"):
            canvas.write(row.left - 9, top + (base + 0.5) * CELL + 4, letter, anchor="end", classes="t tick")
        canvas.parts.append(
            f'<path class="axis" d="M{row.left:g} {top:g}h{row.right - row.left:.2f}v{4 * CELL:g}h-{row.right - row.left:.2f}z"/>'
        )
        if len(self.codes) <= TIPS:
            for column in range(row.start, row.end):
                canvas.box(row.x(column), top, row.column, 4 * CELL, "tip", tip=self._tip(column))

    def _tip(self, column: int) -> str:
        stands = int(self.codes[column])
        number = self.counted.number(column)
        changes = [
            f"{'ACGT'[base]} {signed(float(self.effects[base, column]), 2)}" for base in range(4) if base != stands
        ]
        return f"{DNA.decode(self.codes[column : column + 1])}{count(number)}: " + ", ".join(changes)


def legend(slug: str, most: float, *, words: str) -> Markup:
    """The colours with their values: ``words`` name what is shown with its unit."""
    canvas = Canvas(slug, "Colours of the heat map", words, 420, 50)
    canvas.write(2, 12, words, classes="t name", limit=66)
    left, wide = 30.0, 8.0
    for i in range(-LEVELS, LEVELS + 1):
        x = left + (i + LEVELS) * wide
        canvas.box(x, 19, wide, 10, "heat-0")
        if i:
            canvas.box(x, 19, wide, 10, "heat-up" if i > 0 else "heat-down", opacity=abs(i) / LEVELS)
    for value in (-most, 0.0, most):
        x = left + (value / most * LEVELS + LEVELS + 0.5) * wide
        canvas.write(
            x, 44, general(value, 2) if value <= 0 else f"+{general(value, 2)}", anchor="middle", classes="t tick"
        )
    return canvas.svg()
