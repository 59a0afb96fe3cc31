"""Small figures of one motif: where it stands, in which class, and what putting it into a sequence does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strandloom.explain.motif import Sites
from strandloom.explain.profile import Enrichment, Profile, profile
from strandloom.report.motif_inputs import ExplainedSequences, FoundMotif
from strandloom.report.motif_words import axis_words, effect_words, enrichment_words
from strandloom.report.numbers import count, finite, fixed, percent, signed
from strandloom.report.svg import Canvas, Figure, round_ticks, span
from strandloom.report.tracks import Positions, position_words
from strandloom.words import plural

WIDTH = 340.0
CLASSES = 8
"""Classes with a bar of their own."""


def places(
    slug: str, motif: FoundMotif, sequences: ExplainedSequences, *, zero: int = 1, zero_words: str = ""
) -> Figure | None:
    """Where along the whole sequences the middles of the sites lie, as a histogram; None without sites."""
    sites = motif.motif.sites
    held = sequences.lengths > 0
    if not len(sites) or not held.any():
        return None
    landmark = max(-zero, 0)  # base of a whole sequence that bins begin at: the first, or +1
    first = (sequences.before - landmark)[held]
    low, high = int(first.min()), int((first + sequences.lengths[held]).max())
    found = profile(sites, sequences.lengths, anchor=landmark - sequences.before)
    starts, ends = np.maximum(found.edges[:-1], low), np.minimum(found.edges[1:], high)
    counted = Positions(zero, before=landmark)
    left, right, top, bottom = 38.0, WIDTH - 12, 22.0, 118.0
    place = _fullest(found, counted)
    canvas = Canvas(slug, f"Where {motif.name} stands", f"{plural(len(sites), 'site')}; {place}", WIDTH, bottom + 42)
    most = float(found.counts.max())
    canvas.write(2, 12, "sites", classes="t name")
    for tick in [t for t in round_ticks(0, most, 2) if t == round(t)]:
        y = bottom - tick / most * (bottom - top)
        canvas.segment(left, y, right, y, "grid")
        canvas.write(left - 6, y + 4, count(tick), anchor="end", classes="t tick")
    scale = (right - left) / (high - low)
    for height, start, end in zip(found.counts, starts, ends, strict=True):
        if height:
            tall = float(height) / most * (bottom - top)
            width = max((end - start) * scale - 0.8, 0.8)
            tip = f"{counted.span(start, end)}: {plural(int(height), 'site')}"
            canvas.box(left + (start - low) * scale + 0.4, bottom - tall, width, tall, "f0", opacity=0.85, tip=tip)
    canvas.segment(left, bottom, right, bottom, "axis")
    if zero < 0 and low < 0 < high:
        canvas.segment(left - low * scale, top - 4, left - low * scale, bottom, "mark")
    for column, words in _ticks(low, high, counted):
        x = left + (column + 0.5 - low) * scale
        canvas.segment(x, bottom, x, bottom + 4, "axis")
        canvas.write(x, bottom + 17, words, anchor="middle", classes="t tick")
    axis = position_words(zero_words, zero)
    canvas.write((left + right) / 2, bottom + 36, axis, anchor="middle", classes="t name", limit=58)
    return Figure(canvas.svg(), "Where in the sequence", _place_words(place, sites, sequences))


def _fullest(found: Profile, counted: Positions) -> str:
    """The place with most sites and their share, in words."""
    assert found.place is not None
    first, last = found.place
    where = counted.span(first, last + 1)
    if found.share < 0.5:
        return f"the fullest place, {where}, has the middle of {percent(found.share, 0)}"
    return f"most ({percent(found.share, 0)}) have their middle at {where}"


def _ticks(low: int, high: int, counted: Positions) -> list[tuple[int, str]]:
    """Columns ``low`` … ``high - 1`` with a round number; the landmark, where there is no 0, is called +1."""
    first, last = counted.number(low), counted.number(high - 1)
    wanted = {round(tick) for tick in round_ticks(first, last, 5) if tick == round(tick)}
    found = [(column, counted.number(column)) for column in range(low, high)]
    ticks = [(column, count(number)) for column, number in found if number in wanted]
    if 0 in wanted and all(number != 0 for _, number in found):
        ticks += [(column, "+1") for column, number in found if number == 1]
    return ticks


def _place_words(place: str, sites: Sites, sequences: ExplainedSequences) -> str:
    back = int(np.count_nonzero(sites.reverse))
    words = f"{place[:1].upper()}{place[1:]}; {percent(back / len(sites), 0)} of the sites are on the reverse strand."
    if sequences.before.any():
        words += " Positions count from the first base of each whole sequence, of which the model reads a part."
    elif int(sequences.lengths.min()) < int(sequences.lengths.max()):
        words += " Positions count from the start of each sequence; the sequences differ in length."
    return words


def by_class(slug: str, motif: FoundMotif, found: Sequence[Enrichment]) -> Figure | None:
    """Share of the explained sequences of each class that hold the motif; the highest where there are many; None without classes."""
    if not found:
        return None
    shares = [finite(one.share) or 0.0 for one in found]
    order = list(range(len(found)))
    if len(found) > CLASSES:
        order = sorted(order, key=lambda i: (-shares[i], i))[:CLASSES]
    step, top = (38.0, 8.0) if len(order) <= 4 else (30.0, 6.0)
    most = max([shares[i] for i in order] + [0.01])
    said = "; ".join(f"{found[i].label} {percent(shares[i])}" for i in order)
    canvas = Canvas(slug, f"Share of the sequences with {motif.name}", said, WIDTH, top + step * len(order) + 4)
    full = 1.0 if most > 0.25 else most
    for row, i in enumerate(order):
        one, y = found[i], top + row * step
        canvas.write(2, y + 11, one.label, classes="t", limit=30)
        words = f"{percent(shares[i])}" if one.size else "no sequence"
        canvas.write(WIDTH - 2, y + 11, words, anchor="end", classes="t strong")
        tall = 9.0 if step > 32 else 7.0
        canvas.box(2, y + 17, WIDTH - 4, tall, "well", round_by=3)
        tip = f"{one.label}: {count(one.carriers)} of {count(one.size)}"
        canvas.box(2, y + 17, (WIDTH - 4) * shares[i] / full, tall, "f0", opacity=0.85, tip=tip, round_by=3)
    words = (
        f"{enrichment_words(found)} Bars: share of the explained sequences of each class with a site that the network uses; a copy beside "
        "a stronger motif may not count."
    )
    words += f" A full bar is {percent(full)}." if full < 1 else ""
    rest = [shares[i] for i in range(len(found)) if i not in order]
    if rest:
        words += f" The other {len(rest)} classes: at most {percent(max(rest))}."
    return Figure(canvas.svg(), "In which class", words)


def effect_figure(slug: str, motif: FoundMotif, unit: str) -> Figure | None:
    """The marginal effect with its interval beside that of a shuffled copy; None where it was not measured."""
    effect = motif.effect
    if effect is None or finite(effect.inserted.value) is None:
        return None
    rows = [("the motif", effect.inserted, 2 if effect.inserted.value >= 0 else 1)]
    if effect.control is not None:
        rows.append(("a shuffled copy", effect.control, 7))
    low, high = span([0.0, *(v for _, i, _ in rows for v in i)], pad=0.12)
    left, right, top, step = 10.0, WIDTH - 58, 24.0, 42.0
    bottom = top + step * len(rows) + 2
    canvas = Canvas(slug, f"Marginal effect of {motif.name}", " ".join(effect_words(effect, unit)), WIDTH, bottom + 38)

    def px(value: float) -> float:
        return left + (value - low) / ((high - low) or 1) * (right - left)

    for tick in round_ticks(low, high, 4):
        canvas.segment(px(tick), top, px(tick), bottom, "grid")
        canvas.write(px(tick), bottom + 16, fixed(tick, 2).rstrip("0").rstrip("."), anchor="middle", classes="t tick")
    canvas.segment(px(0), top - 4, px(0), bottom, "mark")
    canvas.write(min(max(px(0), 34), right - 20), top - 8, "no effect", anchor="middle", classes="t note")
    for row, (name, found, colour) in enumerate(rows):
        y = top + row * step + 28
        canvas.write(left, y - 12, name, classes="t halo strong" if row == 0 else "t halo")
        canvas.write(WIDTH - 4, y + 4, signed(found.value, 2), anchor="end", classes="t strong" if row == 0 else "t")
        if finite(found.low) is not None and finite(found.high) is not None:
            canvas.segment(px(found.low), y, px(found.high), y, f"whisker s{colour}")
        canvas.dot(px(found.value), y, f"f{colour} ring", radius=5)
    canvas.segment(left, bottom, right, bottom, "axis")
    axis = axis_words("change of the {}", unit, 44)
    canvas.write((left + right) / 2, bottom + 33, axis, anchor="middle", classes="t name")
    return Figure(canvas.svg(), "What it does", effect_words(effect, unit)[1])
