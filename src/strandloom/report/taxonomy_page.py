"""The page of ``strandloom taxonomy assign``: what was found, where, what location changed, what stayed open.

:func:`render_taxonomy` is pure: the same inputs give the same text.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from strandloom.report.map import Extent, MapPoint, extent_of, map_figure
from strandloom.report.numbers import MISSING, count, fixed, percent
from strandloom.report.report import Card, page
from strandloom.report.svg import Figure, Key
from strandloom.report.tables import Table
from strandloom.report.taxonomy_inputs import SamplePlace, SpeciesRange, TaxonomyPage, Undecided
from strandloom.report.taxonomy_tables import call_table, candidate_table, flag_table, move_table, taxon_table
from strandloom.report.taxonomy_words import Move, chance, listing, moves, name, story, why
from strandloom.words import plural

MOST_RANGES = 12
MOST_UNDECIDED = 40
CANDIDATES = 6
NAMED = 6
CALLED, ELSEWHERE, RANGE = 1, 7, 2
"""Colour numbers of the small maps."""


@dataclass(frozen=True)
class Open:
    """A sequence that stayed undecided, as the template shows it."""

    id: str
    called: Markup
    chance: str
    reads: str
    why: Markup
    table: Table | None


def render_taxonomy(page_of: TaxonomyPage) -> str:
    """The page of assigned sequences.

    Returns
    -------
    str
        A self-contained HTML page; its links to files are those given.
    """
    totals = page_of.totals
    kicker = ("strandloom taxonomy", page_of.marker, page_of.reference, page_of.date)
    moved, open_ = moves(page_of.moved), [_open(u, page_of.threshold) for u in page_of.undecided[:MOST_UNDECIDED]]
    return page(
        "taxonomy.html",
        {
            "heading": page_of.name or "Fish found",
            "kicker": " · ".join(x for x in kicker if x),
            "version": page_of.version,
            "story": story(totals),
            "tone": _tone(page_of),
            "cautions": page_of.cautions,
            "cards": cards(page_of),
            "taxa": taxon_table(page_of.taxa),
            "map": sample_map(page_of.places, of=_placed(page_of)),
            "unlocated": _unlocated(page_of),
            "ranges": [(range_map(r, i, page_of), name(r.species)) for i, r in enumerate(page_of.ranges[:MOST_RANGES], 1)],
            "range_legend": range_legend(page_of),
            "located": totals.moved is not None,
            "moves": [(m, move_table(m)) for m in moved],
            "more_moves": _more_moves(page_of, moved),
            "undecided": open_,
            "more_undecided": _more_undecided(page_of, len(open_)),
            "flags": flag_table(page_of.flags),
            "calls": call_table(page_of),
            "read": page_of.read,
            "decided": (("Threshold", f"a call needs a probability of {fixed(page_of.threshold, 2)}"), *page_of.decided),
            "files": page_of.files,
            "command": page_of.command,
        },
    )  # fmt: skip


def _tone(page_of: TaxonomyPage) -> str:
    if not page_of.totals.called.get("species"):
        return "poor"
    return "fair" if any(c.level != "note" for c in page_of.cautions) else "good"


def cards(page_of: TaxonomyPage) -> list[Card]:
    """The key numbers."""
    totals = page_of.totals
    species = totals.called.get("species", 0)
    wider = {rank: n for rank, n in totals.called.items() if rank != "species"}
    of_all = f"{percent(species / totals.sequences)} of the sequences" if totals.sequences else ""
    reads = f", {percent((totals.species_reads or 0) / totals.reads)} of the reads" if totals.reads else ""
    ranks = ", ".join(f"{count(n)} to {rank}" for rank, n in wider.items() if n)
    found = [
        Card("Sequences", count(totals.sequences), plural(totals.reads, "read") if totals.reads is not None else ""),
        Card("Called to species", count(species), of_all + reads),
        Card("Fish species", count(totals.species)),
        Card("Rolled up", count(sum(wider.values())), ranks or "to genus or wider"),
        Card("Unknown", count(totals.unknown), "no rank is sure enough, or nothing known"),
        Card("Not fish", count(totals.not_fish), "mammals, birds and others, marked in the tables"),
    ]
    if totals.samples is not None:
        known = "" if totals.located is None else f"{count(totals.located)} with coordinates"
        found.append(Card("Samples", count(totals.samples), known))
    moved = "no coordinates were given" if totals.moved is None else "listed below, to check" if totals.moved else ""
    return [
        *found,
        Card("Best species changed by location", MISSING if totals.moved is None else count(totals.moved), moved),
    ]


def _together(places: Sequence[SamplePlace]) -> list[list[SamplePlace]]:
    """Samples by place, in their order."""
    found: dict[tuple[float, float], list[SamplePlace]] = defaultdict(list)
    for place in places:
        if math.isfinite(place.lat) and math.isfinite(place.lon):
            found[round(place.lat, 3), round(place.lon, 3)].append(place)
    return list(found.values())


def _placed(page_of: TaxonomyPage) -> str:
    """What has a place: samples, or the sequences themselves."""
    return "sequence" if page_of.totals.samples is None else "sample"


def _tip(here: Sequence[SamplePlace]) -> str:
    words = listing([place.sample for place in here], NAMED)
    taxa, reads = [p.taxa for p in here if p.taxa is not None], [p.reads for p in here if p.reads is not None]
    told = [plural(max(taxa), "taxon", "taxa") + (" at most" if len(here) > 1 else "")] if taxa else []
    told += [plural(sum(reads), "read")] if reads else []
    return words + (f": {', '.join(told)}" if told else "")


def _dot(here: Sequence[SamplePlace], most: int, colour: int, largest: float) -> MapPoint:
    size = largest * (0.45 + 0.55 * math.sqrt(len(here) / most))
    return MapPoint(here[0].lat, here[0].lon, _tip(here), size, colour)


def sample_map(places: Sequence[SamplePlace], *, of: str = "sample") -> Figure | None:
    """All samples, or sequences; places with more of them have a larger point. None without coordinates."""
    spots = _together(places)
    if not spots:
        return None
    most = max(map(len, spots))
    words = f"{plural(sum(map(len, spots)), of)} at {plural(len(spots), 'place')}"
    more = f"; a larger point stands for more {of}s" if most > 1 else ""
    return map_figure(
        "places",
        title=f"Where the {of}s are from",
        description=words,
        samples=[_dot(spot, most, 0, 7.0 if most > 1 else 9.0) for spot in spots],
        width=1034,
        shape=(0.38, 0.52),
        caption=f"{words}{more}. Point at one for its name. Coast: Natural Earth.",
        wide=True,
    )


def range_map(found: SpeciesRange, number: int, page_of: TaxonomyPage) -> Figure:
    """Where a species is known, the samples (or sequences) it was called in and, faint, the others."""
    here = _together(found.places)
    called = {(spot[0].lat, spot[0].lon) for spot in here}
    others = [spot for spot in _together(page_of.places) if (spot[0].lat, spot[0].lon) not in called]
    dots = [MapPoint(s[0].lat, s[0].lon, f"not called in {_tip(s)}", 1.9, ELSEWHERE) for s in others]
    dots += [MapPoint(s[0].lat, s[0].lon, _tip(s), 3.1, CALLED) for s in here]
    numbers = [plural(found.sequences, "sequence")]
    numbers += [plural(found.reads, "read")] if found.reads is not None else []
    numbers += [plural(len(found.places), f"located {_placed(page_of)}")]
    known = found.words or ("" if found.cells else "Nothing is known of its range.")
    return map_figure(
        f"range-{number}",
        title=found.species,
        description=f"{found.species}: {known} Called in {', '.join(numbers)}.",
        samples=dots,
        range_cells=found.cells,
        extent=_around(found, dots),
        width=330,
        shape=(0.62, 0.62),
        range_colour=RANGE,
        caption=" · ".join(numbers) + f". {known}",
    )


def _around(found: SpeciesRange, dots: Sequence[MapPoint]) -> Extent:
    """The samples and the range; where these lie far round the world, all of it with the samples in the middle."""
    inside = [*((c.lat, c.lon) for c in found.cells if c.level > 0), *((d.lat, d.lon) for d in dots)]
    extent = extent_of([lat for lat, _ in inside], [lon for _, lon in inside], margin=0.06, least=12.0)
    if extent.east - extent.west < 360 or not dots:
        return extent
    samples = extent_of([d.lat for d in dots], [d.lon for d in dots])
    west = ((samples.west + samples.east) / 2) % 360 - 180
    return extent._replace(west=west, east=west + 360)


def range_legend(page_of: TaxonomyPage) -> tuple[Key, ...]:
    """The keys of the small maps."""
    keys = (
        Key("known to occur", RANGE, "box"),
        Key("called here", CALLED, "dot"),
        Key(f"other {_placed(page_of)}s", ELSEWHERE, "dot"),
    )
    return keys if page_of.ranges else ()


def _unlocated(page_of: TaxonomyPage) -> str:
    totals = page_of.totals
    if totals.samples is None:
        return (
            ""
            if page_of.places
            else "No place was given, so there is no map and every call rests on the sequence alone."
        )
    missing = totals.samples - (totals.located or 0)
    if not missing:
        return ""
    if not totals.located:
        return "No sample has coordinates, so there is no map and every call rests on the sequence alone."
    are = "is" if missing == 1 else "are"
    return f"{plural(missing, 'sample')} without coordinates {are} not on the map; there the sequence alone decided."


def _more_moves(page_of: TaxonomyPage, moved: Sequence[Move]) -> str:
    rest = (page_of.totals.moved or 0) - sum(len(m.calls) for m in moved)
    if rest <= 0:
        return ""
    words = plural(rest, "further sequence", "further sequences")
    return f"{words} of which location changed the best species: see the column moved of {page_of.whole}."


def _open(found: Undecided, threshold: float) -> Open:
    called = name(found.taxon, found.rank) if found.taxon else Markup("unknown")
    return Open(
        found.id,
        Markup("{} ({})").format(called, found.rank) if found.taxon else called,
        chance(found.probability),
        "" if found.reads is None else plural(found.reads, "read"),
        why(found, threshold),
        candidate_table(found.candidates[:CANDIDATES]) if found.candidates else None,
    )


def _more_undecided(page_of: TaxonomyPage, shown: int) -> str:
    totals = page_of.totals
    rest = sum(n for rank, n in totals.called.items() if rank != "species") + totals.unknown - shown
    return f"{plural(rest, 'further sequence')} without a species: see {page_of.whole}." if shown and rest > 0 else ""
