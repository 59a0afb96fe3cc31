"""``motifs.html``: what a model has learned as motifs, one self-contained page, and the same as a section of the report.

:func:`render_motifs` and :func:`motif_section` are pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from strandloom.alphabet import DNA
from strandloom.explain.attribution import Check, Method
from strandloom.pwm import consensus, reverse_complement
from strandloom.report.cautions import Caution
from strandloom.report.logo import Panel, frequency_logo, mini_logo, sequence_column, signed_track, stack
from strandloom.report.motif_figures import by_class, effect_figure, effect_words, places
from strandloom.report.motif_inputs import FoundMotif, KnownMatch, MotifPage
from strandloom.report.numbers import MINUS, NARROW, count, fixed, general, percent, plural, shorten, signed
from strandloom.report.report import Card, page
from strandloom.report.svg import Figure
from strandloom.report.tracks import Head, Positions, aligned

OPEN = 12
"""Motifs shown unfolded."""
EXAMPLES, FLANK = 5, 12
NAMED = 4
"""Motifs named in the first sentence."""
POOR_AGREEMENT, POOR_GAP = 0.4, 0.5

METHODS: dict[Method, str] = {
    "gradient": "gradient × input",
    "integrated_gradients": "integrated gradients",
    "deeplift": "DeepLIFT/SHAP",
    "mutagenesis": "in-silico mutagenesis",
    "attention": "attention weights",
}


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
    cautions = check_cautions(page_of.check, page_of.cautions)
    levels = [c.level for c in cautions]
    return {
        "output": page_of.output.label,
        "story": story(page_of),
        "tone": "poor" if "serious" in levels else "fair" if cautions or not page_of.motifs else "good",
        "cautions": cautions,
        "cards": _cards(page_of),
        "facts": _facts(page_of),
        "motifs": [
            _card(found, f"{slug}-{i}", i, page_of, unfolded) for i, found in enumerate(page_of.motifs, start=1)
        ],
        "ranked_by": page_of.ranked_by,
        "average": _average(page_of, slug),
        "suffix": f" for {class_words(page_of.output.label)}" if len(page_of.classes) > 2 else "",
        "outputs": page_of.outputs,
        "pages": page_of.pages,
        "files": page_of.files,
    }


def _average(page_of: MotifPage, slug: str) -> Figure | None:
    """Column by column, what the bases contribute on average."""
    heights = page_of.average
    if heights is None or not np.abs(heights).any():
        return None
    caption = (
        f"Mean over {page_of.average_words}. A letter is as tall as its base is frequent in that column and as what it contributes "
        f"there; letters below the line speak against {class_words(page_of.output.label)}. Positions: {page_of.zero_words}."
    )
    tracks = (Head(f"mean contribution ({page_of.unit})"), signed_track(heights), Positions(page_of.zero))
    best = int(np.abs(heights).sum(axis=1).argmax())
    svg = aligned(
        f"{slug}-average", tracks, title="Average contribution by position",
        description=f"largest in column {best + 1} of {len(heights)}", length=len(heights), column=sequence_column(len(heights)),
    )  # fmt: skip
    return Figure(svg, "Where in the sequence it looks", caption, wide=True)


def heading(page_of: MotifPage) -> str:
    """The question that the page answers."""
    label = page_of.output.label
    return f"What speaks for {class_words(label)}" if label in page_of.classes else f"What the model reads for {label}"


def class_words(name: str) -> str:
    """A class as it stands in a sentence: a number or a letter says that it is a class."""
    return f"class {name}" if len(name) < 3 or name.isdigit() else name


def against(label: str, classes: Sequence[str]) -> str:
    """What a class is told from, in words; empty for labels and values."""
    if label not in classes or len(classes) < 2:
        return ""
    if len(classes) > 2:
        return f"the other {len(classes) - 1} classes"
    return class_words(next(c for c in classes if c != label))


def story(page_of: MotifPage) -> str:
    """What the model has learned, in one sentence."""
    label, other = class_words(page_of.output.label), against(page_of.output.label, page_of.classes)
    task = f"tells {label} from {other}" if other else f"reads {page_of.output.label}"
    if not page_of.motifs:
        why = page_of.nothing or "The search for motifs gave no reason."
        return f"No motif was found behind the way in which the model {task}. {_sentence(why)}"
    sides: dict[str, list[str]] = {}
    for found in page_of.motifs[:NAMED]:
        words = shorten(found.name, 40)
        if found.matches:
            words += f" ({q_words(found.matches[0].q)})"
        elif page_of.known:
            words = f"one without a known match ({words})"
        sides.setdefault(_side(found, page_of), []).append(words)
    said = []
    for side, names in sides.items():
        joined = ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
        said.append(f"{joined} {'speak' if len(names) > 1 else 'speaks'} {side}" if side else joined)
    rest = len(page_of.motifs) - min(len(page_of.motifs), NAMED)
    more = f"; {plural(rest, 'weaker motif')} below" if rest else ""
    return f"The model {task} by {plural(len(page_of.motifs), 'motif')}: {'; '.join(said)}{more}."


def _side(found: FoundMotif, page_of: MotifPage) -> str:
    """``for CTCF``; of two classes the other one is what a motif against it speaks for."""
    if found.raises is None:
        return ""
    label = page_of.output.label
    if found.raises:
        return f"for {class_words(label)}"
    other = against(label, page_of.classes)
    return f"for {other}" if other and len(page_of.classes) == 2 else f"against {class_words(label)}"


def check_cautions(check: Check, further: Sequence[str] = ()) -> list[Caution]:
    """What is wrong with a map, most serious first: the words of its check, then its figures where no words cover them."""
    poor = (check.agreement is not None and check.agreement < POOR_AGREEMENT) or (
        check.gap is not None and check.gap > POOR_GAP
    )
    said = [
        Caution("serious" if poor else "caution", "Do not trust this picture blindly", _sentence(c))
        for c in check.cautions
    ]
    if poor and not check.cautions:
        words = []
        if check.agreement is not None and check.agreement < POOR_AGREEMENT:
            words.append(f"Mutagenesis disagrees with it (correlation {fixed(check.agreement, 2)}).")
        if check.gap is not None and check.gap > POOR_GAP:
            words.append(f"Its contributions miss the score by {fixed(check.gap, 2)} standard deviations.")
        said = [Caution("serious", "Do not trust this picture blindly", " ".join(words))]
    return said + [Caution("caution", "Read with care", _sentence(c)) for c in further]


def _sentence(words: str) -> str:
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def check_cards(check: Check, method: Method) -> list[Card]:
    """The sanity figures of a map as key numbers."""
    if method == "mutagenesis":
        agreement = Card("Agreement with mutagenesis", "is it", "nothing to compare with")
    elif check.agreement is None:
        agreement = Card("Agreement with mutagenesis", "not measured")
    else:
        note = f"median correlation in {plural(check.sampled, 'sequence')}; 1 is perfect"
        agreement = Card("Agreement with mutagenesis", fixed(check.agreement, 2), note)
    if check.gap is None:
        return [agreement]
    return [
        agreement,
        Card("Gap in the sum of contributions", fixed(check.gap, 3), "in standard deviations; 0 is perfect"),
    ]


def _cards(page_of: MotifPage) -> list[Card]:
    known = sum(bool(m.matches) for m in page_of.motifs)
    named = f"{known} with a known match" if page_of.known else "no motif file was given"
    return [
        Card("Motifs found", count(len(page_of.motifs)), named if page_of.motifs else ""),
        Card("Sequences explained", count(len(page_of.sequences))),
        *check_cards(page_of.check, page_of.method),
    ]


def _facts(page_of: MotifPage) -> list[tuple[str, str]]:
    known = f"{page_of.known}; matches up to q = {general(page_of.q_limit)} are named" if page_of.known else ""
    pairs = [
        ("Model", page_of.model),
        ("Sequences", page_of.data),
        ("Explained score", f"{page_of.unit} (output {page_of.output.index})"),
        ("Method", METHODS[page_of.method]),
        ("Motifs", page_of.source),
        ("Known motifs", known or "no motif file was given, so the motifs have no names"),
    ]
    return [(name, words) for name, words in pairs if words]


def _card(found: FoundMotif, slug: str, rank: int, page_of: MotifPage, unfolded: int) -> MotifCard:
    motif, sequences = found.motif, page_of.sequences
    drawn = (
        places(f"{slug}-where", found, sequences, zero=page_of.zero, zero_words=page_of.zero_words),
        by_class(f"{slug}-class", found, sequences, page_of.classes),
        effect_figure(f"{slug}-effect", found, page_of.unit),
    )
    rows = len(np.unique(motif.sites.row))
    sites = (
        f"{plural(len(motif.sites), 'site')} in {count(rows)} of {plural(len(sequences), 'sequence')}"
        f" ({percent(rows / len(sequences))})"
        if len(sequences) and len(motif.sites)
        else "no site"
    )
    known, others = _known_words(found, page_of)
    return MotifCard(
        slug=slug,
        rank=rank,
        title=found.name,
        short=shorten(found.name, 40),
        own_name=motif.name,
        consensus=consensus(motif.matrix),
        direction=_side(found, page_of),
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


def _known_words(found: FoundMotif, page_of: MotifPage) -> tuple[str, tuple[str, ...]]:
    if not page_of.known:
        return "no motif file was given", ()
    if not found.matches:
        near = found.nearest
        words = f"no match at q < {general(page_of.q_limit)}"
        return words + (f" (the nearest is {near.name}, {q_words(near.q)})" if near else ""), ()
    first, *others = found.matches[:3]
    return _match_words(first), tuple(_match_words(m) for m in others)


def _match_words(match: KnownMatch) -> str:
    return f"{match.name}, {q_words(match.q)}"


def q_words(q: float) -> str:
    """``q = 0.012``, ``q = 3e−12``; it does not break over two lines."""
    number = general(q, 2) if q >= 0.001 else f"{q:.0e}".replace("e-0", "e-").replace("-", MINUS) if q > 0 else "0"
    return f"q{NARROW}={NARROW}{number}"


def _stack(found: FoundMotif, slug: str, unit: str) -> Markup:
    motif = found.motif
    panels = [Panel("bases of its sites (bits)", motif.matrix)]
    if motif.contributions is not None:
        panels.insert(0, Panel(f"mean contribution ({unit})", motif.contributions, bits=False))
    best = found.matches[0] if found.matches else found.nearest
    if best is not None:
        drawn = reverse_complement(best.matrix) if best.reverse else best.matrix
        words = shorten(best.name, 34) + (", turned round" if best.reverse else "") + " (bits)"
        panels.append(Panel(words if found.matches else f"not a match: {words}", drawn, -best.offset))
    return stack(f"{slug}-logo", panels, title=f"Logo of {found.name}")


def _examples(found: FoundMotif, page_of: MotifPage) -> tuple[Example, ...]:
    """The sites with the largest scores by size, each in another sequence, as the motif reads them."""
    sites, sequences = found.motif.sites, page_of.sequences
    counted = Positions(page_of.zero)
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
        where = counted.span(start, end)
        strand = ", reverse strand" if sites.reverse[i] else ""
        examples.append(
            Example(
                str(sequences.ids[row]), where + strand, before.rjust(FLANK), site, after, signed(sites.score[i], 2)
            )
        )  # fmt: skip
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
    words = [_known_words(found, page_of)[0]] if page_of.known else []
    if len(found.motif.sites):
        words.append(plural(len(found.motif.sites), "site"))
    words += [found.note] if found.note else []
    return Tile(
        rank,
        shorten(found.motif.name, 40),
        "; ".join(words),
        mini_logo(slug, found.motif.matrix, title=found.motif.name),
    )
