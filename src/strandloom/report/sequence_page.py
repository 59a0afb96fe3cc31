"""The page of one sequence: the contribution of every base, what each substitution would change, and the motifs found in it.

:func:`render_sequence` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.report.cautions import Caution
from strandloom.report.heatmap import HeatTrack, largest, legend
from strandloom.report.logo import LetterTrack, LogoTrack, base_heights, sequence_column, signed_track
from strandloom.report.motif_inputs import NamedSite, SequencePage
from strandloom.report.motif_page import METHODS, check_cards, check_cautions, class_words
from strandloom.report.numbers import count, finite, fixed, general, plural, shorten, signed
from strandloom.report.report import Card, page
from strandloom.report.svg import COLOURS, Canvas, Figure
from strandloom.report.tables import Cell, Table, text
from strandloom.report.tracks import LEFT, RIGHT, Head, Positions, Row, Track, aligned, row_spans

MOST_ROWS = 20
"""Rows of 100 bases that are drawn in full; of a longer sequence those with the largest contributions."""
LANE, LETTER = 24.0, 6.6
NAME = 24
"""Letters of a motif's name over its bracket."""
LISTED = 60


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


def render_sequence(page_of: SequencePage) -> str:
    """The page of one sequence.

    Returns
    -------
    str
        A self-contained HTML page; its links to other pages are those given.
    """
    shown = unpadded(page_of)
    cautions = check_cautions(shown.check, shown.cautions)
    if shown.effects is None:
        cautions.append(Caution("note", "No heat map", "Mutagenesis was not computed for this sequence."))
    known = "sequence of " + count(len(shown.codes)) + " bp"
    return page(
        "sequence.html",
        {
            "heading": shown.id or "Sequence",
            "kicker": " · ".join(x for x in ("strandloom explain", shown.name, known) if x),
            "version": shown.version,
            "story": story(shown),
            "tone": _tone(shown, cautions),
            "cautions": cautions,
            "cards": _cards(shown),
            "figures": [f for f in (overview(shown), bases(shown)) if f is not None] if len(shown.codes) else [],
            "legend": colours_of(shown) if len(shown.codes) else None,
            "widest": _width(len(shown.codes)),
            "table": _table(shown),
            "back": shown.back,
            "before": shown.before,
            "after": shown.after,
        },
    )


def _width(length: int) -> int:
    """Px of the drawing base by base, with its axis."""
    longest = max(end - start for start, end in row_spans(length))
    return round(LEFT + longest * sequence_column(length) + RIGHT)


def unpadded(page_of: SequencePage) -> SequencePage:
    """The same without padding at the ends of codes, contributions and effects."""
    seen = np.flatnonzero(page_of.codes != DNA.pad)
    inside = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0)
    return replace(
        page_of,
        codes=page_of.codes[inside],
        contributions=np.nan_to_num(page_of.contributions[inside]),
        effects=None if page_of.effects is None else page_of.effects[:, inside],
    )


def story(page_of: SequencePage) -> str:
    """What the model answers and which bases decide, in one or two sentences."""
    words = ""
    if page_of.answer:
        chance = f" with probability {_probability(page_of.probability)}" if page_of.probability is not None else ""
        truth = ""
        if page_of.truth:
            truth = (
                ", which is right" if page_of.truth == page_of.answer else f", but it is {class_words(page_of.truth)}"
            )
        words = f"The model answers {class_words(page_of.answer)}{chance}{truth}. "
    elif page_of.truth:
        words = f"The true value is {page_of.truth}. "
    if not np.any(page_of.contributions):
        return words + f"No base contributes to the {page_of.unit}."
    up, down = (strongest(page_of.contributions, sign=sign) for sign in (1, -1))
    least = 0.3 * max(abs(found.total) for found in (up, down) if found is not None)
    label = class_words(page_of.output.label)
    sides = [
        (way, _place(page_of, found))
        for way, found in (("for", up), ("against", down))
        if found is not None and abs(found.total) >= least
    ]
    words += f"The bases at {sides[0][1]} speak most {sides[0][0]} {label}"
    return words + (f"; those at {sides[1][1]} most {sides[1][0]} it." if len(sides) > 1 else ".")


def _place(page_of: SequencePage, found: Stretch) -> str:
    where = Positions(page_of.zero).span(found.start, found.end)
    inside = dict.fromkeys(s.name for s in page_of.sites if s.start < found.end and s.end > found.start)
    return where + (
        f" ({' and '.join(shorten(name, 40) for name in list(inside)[:2])})" if inside else ", in no motif,"
    )


class Stretch(NamedTuple):
    """A part of a sequence with the sum of its contributions."""

    start: int
    end: int
    total: float


def strongest(contributions: NDArray[np.floating], *, sign: int, width: int = 10) -> Stretch | None:
    """The window of so many bases with the largest sum of one sign (1 or -1); None where no sum has it."""
    if not len(contributions):
        return None
    width = min(width, len(contributions))
    sums = sign * np.convolve(contributions, np.ones(width), "valid")
    start = int(sums.argmax())
    return Stretch(start, start + width, float(sign * sums[start])) if sums[start] > 0 else None


def _probability(value: float | None) -> str:
    if value is not None and value > 0.9995:
        return "> 0.999"
    return "< 0.001" if value is not None and value < 0.0005 else fixed(value)


def _tone(page_of: SequencePage, cautions: Sequence[Caution]) -> str:
    if any(c.level == "serious" for c in cautions) or (
        page_of.answer and page_of.truth and page_of.answer != page_of.truth
    ):
        return "poor"
    if any(c.level == "caution" for c in cautions):
        return "fair"
    return "good" if page_of.truth and page_of.answer else "note"


def _cards(page_of: SequencePage) -> list[Card]:
    found = []
    if page_of.answer:
        chance = "" if page_of.probability is None else f"probability {_probability(page_of.probability)}"
        found.append(Card("Answer of the model", shorten(page_of.answer, 60), chance))
    if page_of.truth:
        found.append(Card("Truth", shorten(page_of.truth, 60)))
    found.append(Card(f"Explained score: {page_of.unit}", signed(page_of.score, 2), METHODS[page_of.method]))
    return found + check_cards(page_of.check, page_of.method)


def _colours(sites: Sequence[NamedSite]) -> dict[str, int]:
    return {name: i for i, name in enumerate(dict.fromkeys(s.name for s in sites))}


def overview(page_of: SequencePage) -> Figure | None:
    """The whole sequence in one row with its sites; None where the rows below are one anyway."""
    length = len(page_of.codes)
    if len(row_spans(length)) == 1:
        return None
    colours = _colours(page_of.sites)
    column = 970.0 / length
    svg = aligned(
        "overview",
        (SiteTrack(page_of.sites, colours), ProfileTrack(page_of.contributions), Positions(page_of.zero)),
        title="The whole sequence",
        description=f"Contributions along {plural(length, 'base')}; motifs: {_said(page_of)}",
        length=length,
        column=column,
        per_row=length,
    )
    words = f"What each base contributes to the {page_of.unit}: up speaks for it, down against it; below, the same base by base."
    return Figure(svg, "The whole sequence", words, wide=True)


def _said(page_of: SequencePage) -> str:
    counted = Positions(page_of.zero)
    places = [f"{s.name} at {counted.span(s.start, s.end)}" for s in page_of.sites[:LISTED]]
    return "; ".join(places) or "none"


def bases(page_of: SequencePage) -> Figure:
    """The base-height logo with named sites above it and, where given, the heat map of mutagenesis under it."""
    length = len(page_of.codes)
    tracks: list[Track] = [
        Head(f"contribution of each base ({page_of.unit})"),
        SiteTrack(page_of.sites, _colours(page_of.sites)),
        _logo(page_of),
        LetterTrack(page_of.codes),
    ]
    if page_of.effects is not None:
        tracks.append(HeatTrack(page_of.codes, page_of.effects, largest(page_of.effects), page_of.zero))
    tracks.append(Positions(page_of.zero))
    rows = drawn_rows(page_of.contributions)
    svg = aligned(
        "bases",
        tracks,
        title=f"Contribution of each base of {shorten(page_of.id, 60)}",
        description=f"{plural(length, 'base')}: {DNA.decode(page_of.codes)}; motifs: {_said(page_of)}",
        length=length,
        column=sequence_column(length),
        rows=rows,
    )
    words = "Tall letters decide. Letters above the line raise the score, letters below it, on their heads, lower it; "
    words += f"all rows have one scale. The numbers are the {page_of.zero_words} (bp)."
    if page_of.effects is not None:
        words += " Heat map: the change of the score when a base is put in place of the one that stands there (dot)."
    if rows is not None:
        words += f" Shown: the {len(rows)} of {len(row_spans(length))} rows with the largest contributions."
    return Figure(svg, "Base by base", words, wide=True)


def _logo(page_of: SequencePage) -> LogoTrack:
    return signed_track(base_heights(page_of.codes, page_of.contributions), tall=92)


def drawn_rows(contributions: NDArray[np.floating]) -> tuple[int, ...] | None:
    """Rows with the largest contribution by size, in order, where there are too many to draw; None for all."""
    spans = row_spans(len(contributions))
    if len(spans) <= MOST_ROWS:
        return None
    peaks = [float(np.abs(contributions[start:end]).max()) for start, end in spans]
    return tuple(sorted(sorted(range(len(spans)), key=lambda r: (-peaks[r], r))[:MOST_ROWS]))


def _table(page_of: SequencePage) -> Table | None:
    if not page_of.sites:
        return None
    counted = Positions(page_of.zero)
    rows = []
    for site in page_of.sites[:LISTED]:
        letters = page_of.codes[site.start : site.end]
        letters = DNA.reverse_complement(letters) if site.reverse else letters
        inside = page_of.contributions[site.start : site.end]
        rows.append(
            (
                text(shorten(site.name, 60)),
                Cell(counted.span(site.start, site.end)),
                text("reverse" if site.reverse else "forward"),
                text(shorten(DNA.decode(letters), 50)),
                Cell(signed(float(inside.sum()), 2)),
                Cell(general(site.score) if finite(site.score) is not None else "–"),
            )
        )
    head = tuple(
        Cell(words, classes=classes)
        for words, classes in (
            ("motif", "text"), ("position", ""), ("strand", "text"), ("letters, as the motif reads", "text"),
            ("sum of contributions", ""), ("score of the site", ""),
        )
    )  # fmt: skip
    rest = len(page_of.sites) - len(rows)
    return Table("Motifs found in this sequence.", head, tuple(rows), {}, f"and {rest} more" if rest else "")


def colours_of(page_of: SequencePage) -> Markup | None:
    """The legend of the heat map; None where there is none."""
    if page_of.effects is None:
        return None
    return legend("colours", largest(page_of.effects), words=f"change of the {page_of.unit} by a substitution")
