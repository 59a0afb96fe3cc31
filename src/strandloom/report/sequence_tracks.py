"""Tracks of the page of one sequence: named sites in brackets, and contributions as bars for an overview."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from strandloom.report.motif_inputs import NamedSite
from strandloom.report.numbers import shorten
from strandloom.report.svg import COLOURS, Canvas
from strandloom.report.tracks import Row

LANE, LETTER = 24.0, 6.6
NAME = 24
"""Letters of a motif's name over its bracket."""


@dataclass(frozen=True)
class SiteTrack:
    """Named brackets over the columns of sites ``(start, end)``; those that overlap stand in lanes of their own.

    Parameters
    ----------
    sites
        In columns of the drawing.
    colours
        Colour number of each name.
    """

    sites: tuple[NamedSite, ...]
    colours: dict[str, int]

    def lanes(self, row: Row) -> list[list[tuple[NamedSite, float]]]:
        """Lanes from the bottom up: the sites in the row with the left end of their words, in px."""
        lanes: list[list[tuple[NamedSite, float]]] = []
        ends: list[float] = []
        for site in sorted(self.sites, key=lambda s: (s.start, s.end)):
            if site.end <= row.start or site.start >= row.end:
                continue
            left, right = row.x(site.start), row.x(site.end)
            wide = LETTER * len(self._words(site))
            at = max(min((left + right - wide) / 2, row.right - wide), row.left)
            lane = next((i for i, end in enumerate(ends) if end + 5 <= min(at, left)), len(lanes))
            if lane == len(lanes):
                lanes.append([])
                ends.append(0.0)
            lanes[lane].append((site, at))
            ends[lane] = max(at + wide, right)
        return lanes

    @staticmethod
    def _words(site: NamedSite) -> str:
        name = shorten(site.name, NAME)
        return f"← {name}" if site.reverse else f"{name} →"

    def height(self, row: Row) -> float:
        """One line of words and a bracket a lane."""
        return LANE * len(self.lanes(row))

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """Words over a bracket; an end in another row stays open."""
        lanes = self.lanes(row)
        for number, lane in enumerate(lanes):
            y = top + LANE * (len(lanes) - number) - 5
            for site, at in lane:
                left, right = row.x(site.start) + 0.5, row.x(site.end) - 0.5
                points = [(left, y + 4)] if site.start >= row.start else []
                points += [(left, y), (right, y)]
                points += [(right, y + 4)] if site.end <= row.end else []
                if site.href:
                    canvas.parts.append(f'<a href="{escape(site.href)}">')
                canvas.write(at, y - 5, self._words(site), classes="t small-name")
                if site.href:
                    canvas.parts.append("</a>")
                canvas.path(points, f"bracket s{self.colours[site.name] % COLOURS}")


@dataclass(frozen=True, eq=False)
class ProfileTrack:
    """Contributions ``(L,)`` as bars up and down, for a whole sequence in one row."""

    contributions: NDArray[np.floating]
    tall: float = 54.0

    def height(self, row: Row) -> float:
        """As given."""
        return self.tall + 4

    def draw(self, canvas: Canvas, row: Row, top: float) -> None:
        """One bar a base, from a zero line."""
        low, high = min(float(self.contributions.min()), 0.0), max(float(self.contributions.max()), 0.0)
        scale = self.tall / ((high - low) or 1)
        zero = top + 2 + high * scale
        bars: tuple[list[str], list[str]] = ([], [])
        for column in range(row.start, row.end):
            tall = float(self.contributions[column]) * scale
            if abs(tall) >= 0.3:
                wide = max(row.column * 0.86, 0.6)
                bars[tall < 0].append(f"M{row.x(column):.2f} {zero:.2f}v{-tall:.2f}h{wide:.2f}v{tall:.2f}z")
        for classes, found in zip(("heat-up", "heat-down"), bars, strict=True):
            if found:
                canvas.parts.append(f'<path class="{classes} smooth" d="{"".join(found)}"/>')
        canvas.segment(row.left, zero, row.right, zero, "axis")
