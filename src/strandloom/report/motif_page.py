"""``motifs.html``: what a model has learned as motifs, one self-contained page, and the same as a section of the report.

:func:`render_motifs` and :func:`motif_section` are pure: the same inputs give the same text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from strandloom.alphabet import DNA
from strandloom.explain.profile import Enrichment, enrichment
from strandloom.pwm import consensus, reverse_complement
from strandloom.report.logo import Panel, frequency_logo, mini_logo, sequence_column, signed_track, stack
from strandloom.report.map_check import METHODS, check_cards, check_cautions
from strandloom.report.motif_figures import by_class, effect_figure, places
from strandloom.report.motif_inputs import FoundMotif, MotifPage
from strandloom.report.motif_words import (
    axis_words,
    class_words,
    effect_words,
    heading,
    known_words,
    sentence,
    side_words,
    story,
)
from strandloom.report.numbers import count, general, percent, shorten, signed
from strandloom.report.report import Card, page
from strandloom.report.svg import Figure
from strandloom.report.tracks import Head, Positions, aligned, position_words
from strandloom.words import plural

CLASS_TEST = (
    "odds ratios compare the explained sequences of a class with the others (95 % interval); q is of Fisher's exact test, over all "
    "motifs and classes of this page (Benjamini–Hochberg)"
)
OPEN = 12
"""Motifs shown unfolded."""
EXAMPLES, FLANK = 5, 12


@dataclass(frozen=True)
class Example:
    """A site in its surroundings: the sequence, where, the strand, and the letters before, in and after it."""

    id: str
    where: str
    before: str
    site: str
    after: str
    score: str


@dataclass(frozen=True, eq=False)
class MotifCard:
    """A motif as the templates show it."""

    slug: str
    rank: int
    title: str
    short: str
    own_name: str
    consensus: str
    direction: str
    sentence: str
    known: str
    others: tuple[str, ...]
    sites: str
    logos: Markup
    turned: Markup
    mini: Markup
    figures: tuple[Figure, ...]
    examples: tuple[Example, ...]
    examples_words: str
    effect: str
    note: str
    open: bool


def render_motifs(page_of: MotifPage) -> str:
    """The page of the motifs of one output of a model.

    Returns
    -------
    str
        A self-contained HTML page; its links to other pages and files are those given.
    """
    kicker = ["strandloom explain", page_of.name, page_of.date]
    values = _values(page_of, "motif", OPEN) | {
        "heading": heading(page_of),
        "kicker": " · ".join(x for x in kicker if x),
        "version": page_of.version,
        "filters": [_tile(f, f"filter-{i}", i, page_of) for i, f in enumerate(page_of.filters, start=1)],
        "filters_note": page_of.filters_note,
    }
    return page("motifs.html", values)


def motif_section(page_of: MotifPage, *, link: str = "", most: int = 6, slug: str = "found") -> Markup:
    """The motifs as a section of another page of this house, without the filters.

    Parameters
    ----------
    page_of
        As for the page of its own.
    link
        Relative address of that page; empty where there is none.
    most
        Motifs shown in full; the others stand in the overview alone.
    slug
        What the addresses inside the page begin with; another for each section of one page.
    """
    values = _values(page_of, slug, most) | {"link": link, "most": most, "slug": slug}
    return Markup(page("motif_section.html", values))


def _values(page_of: MotifPage, slug: str, unfolded: int) -> dict[str, object]:
    cautions = check_cautions(page_of.check, page_of.method, page_of.cautions)
    levels = [c.level for c in cautions]
    tested = _enriched(page_of)
    return {
        "output": page_of.output.label,
        "story": story(page_of),
        "tone": "poor" if "serious" in levels else "fair" if cautions or not page_of.motifs else "good",
        "cautions": cautions,
        "cards": _cards(page_of),
        "facts": _facts(page_of, tested=any(tested)),
        "motifs": [
            _card(found, f"{slug}-{i}", i, page_of, classes, unfolded)
            for i, (found, classes) in enumerate(zip(page_of.motifs, tested, strict=True), start=1)
        ],
        "ranked_by": page_of.ranked_by,
        "average": _average(page_of, slug),
        "suffix": f" for {class_words(page_of.output.label)}" if len(page_of.classes) > 2 else "",
        "outputs": page_of.outputs,
        "pages": page_of.pages,
        "files": page_of.files,
    }


def _enriched(page_of: MotifPage) -> list[tuple[Enrichment, ...]]:
    """For each motif its classes; nothing for labels and values, and where no class is known."""
    labels, classes = page_of.sequences.labels, len(page_of.classes)
    if labels is None or classes < 2 or not (np.asarray(labels) >= 0).any():
        return [()] * len(page_of.motifs)
    every = enrichment([found.motif for found in page_of.motifs], np.asarray(labels), page_of.classes)
    return [every[i * classes : (i + 1) * classes] for i in range(len(page_of.motifs))]


def _average(page_of: MotifPage, slug: str) -> Figure | None:
    """Column by column, what the bases contribute on average."""
    heights = page_of.average
    if heights is None or not np.abs(heights).any():
        return None
    counted, axis = _columns(page_of)
    caption = (
        f"Mean over {page_of.average_words}. A letter is as tall as its base is frequent in that column and as what it contributes "
        f"there; letters below the line speak against {class_words(page_of.output.label)}. Positions: {axis}."
    )
    tracks = (Head(axis_words("mean contribution ({})", page_of.unit, 90)), signed_track(heights), counted)
    best = int(np.abs(heights).sum(axis=1).argmax())
    svg = aligned(
        f"{slug}-average", tracks, title="Average contribution by position",
        description=f"largest at {counted.span(best, best + 1)}", length=len(heights), column=sequence_column(len(heights)),
    )  # fmt: skip
    return Figure(svg, "Where in the sequence it looks", caption, wide=True)


def _columns(page_of: MotifPage) -> tuple[Positions, str]:
    """How the columns of the window are numbered, in words too: as bases where every sequence begins at the same one."""
    before = np.unique(page_of.sequences.before)
    if len(before) > 1:
        return Positions(), "column of the model's window, in which the sequences begin at different bases"
    return Positions(page_of.zero, int(before.sum())), position_words(page_of.zero_words, page_of.zero)


def _cards(page_of: MotifPage) -> list[Card]:
    known = sum(bool(m.matches) for m in page_of.motifs)
    named = f"{known} with a known match" if page_of.known else "no motif file was given"
    return [
        Card("Motifs found", count(len(page_of.motifs)), named if page_of.motifs else ""),
        Card("Sequences explained", count(len(page_of.sequences))),
        *check_cards(page_of.check, page_of.method),
    ]


def _facts(page_of: MotifPage, *, tested: bool) -> list[tuple[str, str]]:
    known = f"{page_of.known}; matches up to q = {general(page_of.q_limit)} are named" if page_of.known else ""
    note = f": {page_of.score_note}" if page_of.score_note else ""
    pairs = [
        ("Model", page_of.model),
        ("Sequences", page_of.data),
        ("Drawn", sentence(page_of.drawn) if page_of.drawn else ""),
        ("Explained score", f"{page_of.unit} (output {page_of.output.index}){note}"),
        ("Method", METHODS[page_of.method]),
        ("Motifs", page_of.source),
        ("Known motifs", known or "no motif file was given, so the motifs have no names"),
        ("Classes", CLASS_TEST if tested else ""),
    ]
    return [(name, words) for name, words in pairs if words]


def _card(
    found: FoundMotif, slug: str, rank: int, page_of: MotifPage, classes: tuple[Enrichment, ...], unfolded: int
) -> MotifCard:
    motif, sequences = found.motif, page_of.sequences
    drawn = (
        places(f"{slug}-where", found, sequences, zero=page_of.zero, zero_words=page_of.zero_words),
        by_class(f"{slug}-class", found, classes),
        effect_figure(f"{slug}-effect", found, page_of.unit),
    )
    rows = len(np.unique(motif.sites.row))
    sites = (
        f"{plural(len(motif.sites), 'site')} in {count(rows)} of the {plural(len(sequences), 'explained sequence')}"
        f" ({percent(rows / len(sequences))})"
        if len(sequences) and len(motif.sites)
        else "no site"
    )
    known, others = known_words(found, page_of)
    return MotifCard(
        slug=slug,
        rank=rank,
        title=found.name,
        short=shorten(found.name, 40),
        own_name=motif.name,
        consensus=consensus(motif.matrix),
        direction=side_words(found, page_of),
        sentence="" if found.effect else "Its effect on other sequences was not measured.",
        known=known,
        others=others,
        sites=sites,
        logos=_stack(found, slug, page_of.unit),
        turned=frequency_logo(
            f"{slug}-turned", reverse_complement(motif.matrix), title=f"Reverse complement of {found.name}"
        ),
        mini=mini_logo(f"{slug}-mini", motif.matrix, title=f"{found.name} in small"),
        figures=tuple(f for f in drawn if f is not None),
        examples=_examples(found, page_of),
        examples_words=_examples_words(found),
        effect=effect_words(found.effect, page_of.unit)[0] if found.effect else "",
        note=found.note,
        open=rank <= unfolded,
    )


def _stack(found: FoundMotif, slug: str, unit: str) -> Markup:
    motif = found.motif
    panels = [Panel("bases of its sites (bits)", motif.matrix)]
    if motif.contributions is not None:
        panels.insert(0, Panel(axis_words("mean contribution ({})", unit, 58), motif.contributions, bits=False))
    best = found.matches[0] if found.matches else found.nearest
    if best is not None:
        drawn = reverse_complement(best.matrix) if best.reverse else best.matrix
        words = shorten(best.name, 34) + (", turned round" if best.reverse else "") + " (bits)"
        panels.append(Panel(words if found.matches else f"not a match: {words}", drawn, -best.offset))
    return stack(f"{slug}-logo", panels, title=f"Logo of {found.name}")


def _examples(found: FoundMotif, page_of: MotifPage) -> tuple[Example, ...]:
    """The sites with the largest scores by size, each in another sequence, as the motif reads them."""
    sites, sequences = found.motif.sites, page_of.sequences
    found_rows: set[int] = set()
    examples: list[Example] = []
    for i in np.argsort(-np.abs(sites.score), kind="stable"):
        row, start, end = int(sites.row[i]), int(sites.start[i]), int(sites.end[i])
        if row in found_rows or len(examples) == EXAMPLES:
            continue
        found_rows.add(row)
        codes = sequences.sequence(row)
        parts = [codes[max(start - FLANK, 0) : start], codes[start:end], codes[end : end + FLANK]]
        if sites.reverse[i]:
            parts = [DNA.reverse_complement(part) for part in reversed(parts)]
        before, site, after = (DNA.decode(part) for part in parts)
        where = Positions(page_of.zero, int(sequences.before[row])).span(start, end)
        strand = ", reverse strand" if sites.reverse[i] else ""
        examples.append(
            Example(
                str(sequences.ids[row]), where + strand, before.rjust(FLANK), site, after, signed(sites.score[i], 2)
            )
        )
    return tuple(examples)


def _examples_words(found: FoundMotif) -> str:
    return "The strongest sites, one a sequence, read as the motif reads." if len(found.motif.sites) else ""


@dataclass(frozen=True)
class Tile:
    """A small logo with its name and a line of words."""

    rank: int
    title: str
    words: str
    mini: Markup


def _tile(found: FoundMotif, slug: str, rank: int, page_of: MotifPage) -> Tile:
    words = [known_words(found, page_of)[0]] if page_of.known else []
    if len(found.motif.sites):
        words.append(plural(len(found.motif.sites), "site"))
    words += [found.note] if found.note else []
    return Tile(
        rank,
        shorten(found.motif.name, 40),
        "; ".join(words),
        mini_logo(slug, found.motif.matrix, title=found.motif.name),
    )
