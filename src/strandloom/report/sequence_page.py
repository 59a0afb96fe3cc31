"""The page of one sequence: the contribution of every base, what each substitution would change, and the motifs found in it.

:func:`render_sequence` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.report.cautions import Caution
from strandloom.report.heatmap import HeatTrack, largest, legend
from strandloom.report.logo import LetterTrack, LogoTrack, base_heights, sequence_column, signed_track
from strandloom.report.map_check import METHODS, check_cards, check_cautions
from strandloom.report.motif_inputs import NamedSite, SequencePage
from strandloom.report.motif_words import axis_words, class_words
from strandloom.report.numbers import count, fixed, shorten, signed
from strandloom.report.report import Card, page
from strandloom.report.sequence_tracks import ProfileTrack, SiteTrack
from strandloom.report.svg import Figure
from strandloom.report.tables import Cell, Table, text
from strandloom.report.tracks import LEFT, RIGHT, Head, Positions, Track, aligned, position_words, row_spans
from strandloom.words import plural

MOST_ROWS = 20
"""Rows of 100 bases that are drawn in full; of a longer sequence those with the largest contributions."""
LISTED = 60


def render_sequence(page_of: SequencePage) -> str:
    """The page of one sequence.

    Returns
    -------
    str
        A self-contained HTML page; its links to other pages are those given.
    """
    shown = unpadded(page_of)
    cautions = check_cautions(shown.check, shown.method, shown.cautions)
    if shown.effects is None:
        cautions.append(Caution("note", "No heat map", "Mutagenesis was not computed for this sequence."))
    known = "sequence of " + count(len(shown.codes)) + " bp" + (" that the model reads" if shown.cropped else "")
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
    words = _answer(page_of)
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


def _answer(page_of: SequencePage) -> str:
    """What the model answers and whether that is right; of an abstention what it would have answered."""
    if page_of.measured:
        return f"The model predicts {page_of.answer}" + (f"; {page_of.truth} was measured. " if page_of.truth else ". ")
    answer, truth = (class_words(name) if name else "" for name in (page_of.answer, page_of.truth))
    chance = "" if page_of.probability is None else _probability(page_of.probability)
    if page_of.abstained:
        unsure = (
            f": it is not sure enough of {answer}" + (f" (probability {chance})" if chance else "") if answer else ""
        )
        return f"The model abstains{unsure}" + (f"; the truth is {truth}. " if truth else ". ")
    if not answer:
        return f"The true value is {page_of.truth}. " if truth else ""
    verdict = "" if not truth else ", which is right" if truth == answer else f", but it is {truth}"
    return f"The model answers {answer}" + (f" with probability {chance}" if chance else "") + f"{verdict}. "


def _place(page_of: SequencePage, found: Stretch) -> str:
    where = _counted(page_of).span(found.start, found.end)
    inside = dict.fromkeys(s.name for s in page_of.sites if s.start < found.end and s.end > found.start)
    return where + (
        f" ({' and '.join(shorten(name, 40) for name in list(inside)[:2])})" if inside else ", in no motif,"
    )


def _counted(page_of: SequencePage) -> Positions:
    """Position numbers of the bases, from the first of the whole sequence."""
    return Positions(page_of.zero, page_of.cropped)


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
    if page_of.measured:
        return "poor" if any(c.level == "serious" for c in cautions) else "note"
    wrong = page_of.answer and page_of.truth and page_of.answer != page_of.truth and not page_of.abstained
    if wrong or any(c.level == "serious" for c in cautions):
        return "poor"
    if page_of.abstained or any(c.level == "caution" for c in cautions):
        return "fair"
    return "good" if page_of.truth and page_of.answer else "note"


def _cards(page_of: SequencePage) -> list[Card]:
    found = []
    chance = "" if page_of.probability is None else f"probability {_probability(page_of.probability)}"
    if page_of.abstained:
        near = ", ".join(x for x in (shorten(page_of.answer, 60), chance) if x)
        found.append(Card("Answer of the model", "none: it abstains", f"nearest: {near}" if near else ""))
    elif page_of.answer:
        found.append(
            Card("Predicted" if page_of.measured else "Answer of the model", shorten(page_of.answer, 60), chance)
        )
    if page_of.truth:
        found.append(Card("Measured" if page_of.measured else "Truth", shorten(page_of.truth, 60)))
    notes = "; ".join(x for x in (page_of.score_note, METHODS[page_of.method]) if x)
    found.append(Card(f"Explained score: {page_of.unit}", signed(page_of.score, 2), notes))
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
        (SiteTrack(page_of.sites, colours), ProfileTrack(page_of.contributions), _counted(page_of)),
        title="The whole sequence",
        description=f"Contributions along {plural(length, 'base')}; motifs: {_said(page_of)}",
        length=length,
        column=column,
        per_row=length,
    )
    words = f"What each base contributes to the {page_of.unit}: up speaks for it, down against it; below, the same base by base."
    return Figure(svg, "The whole sequence", words, wide=True)


def _said(page_of: SequencePage) -> str:
    counted = _counted(page_of)
    places = [f"{s.name} at {counted.span(s.start, s.end)}" for s in page_of.sites[:LISTED]]
    return "; ".join(places) or "none"


def bases(page_of: SequencePage) -> Figure:
    """The base-height logo with named sites above it and, where given, the heat map of mutagenesis under it."""
    length = len(page_of.codes)
    tracks: list[Track] = [
        Head(axis_words("contribution of each base ({})", page_of.unit, 90)),
        SiteTrack(page_of.sites, _colours(page_of.sites)),
        _logo(page_of),
        LetterTrack(page_of.codes),
    ]
    if page_of.effects is not None:
        tracks.append(HeatTrack(page_of.codes, page_of.effects, largest(page_of.effects), _counted(page_of)))
    tracks.append(_counted(page_of))
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
    words += f"all rows have one scale. The numbers are the {position_words(page_of.zero_words, page_of.zero)}."
    if page_of.cropped:
        words += f" The model does not read the first {plural(page_of.cropped, 'base')} of the sequence."
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
    counted = _counted(page_of)
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
            )
        )
    head = tuple(
        Cell(words, classes=classes)
        for words, classes in (
            ("motif", "text"), ("position", ""), ("strand", "text"), ("letters, as the motif reads", "text"),
            ("sum of contributions", ""),
        )
    )  # fmt: skip
    rest = len(page_of.sites) - len(rows)
    return Table("Motifs found in this sequence.", head, tuple(rows), {}, f"and {rest} more" if rest else "")


def colours_of(page_of: SequencePage) -> Markup | None:
    """The legend of the heat map; None where there is none."""
    if page_of.effects is None:
        return None
    return legend("colours", largest(page_of.effects), words=f"change of the {page_of.unit} by a substitution")
