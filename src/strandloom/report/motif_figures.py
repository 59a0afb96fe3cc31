"""Small figures of one motif: where it stands, in which class, and what putting it into a sequence does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.results import Interval
from strandloom.explain.motif import Sites
from strandloom.report.motif_inputs import ExplainedSequences, FoundMotif, MarginalEffect
from strandloom.report.numbers import count, finite, fixed, interval, percent, plural, signed
from strandloom.report.svg import Canvas, Figure, round_ticks, span
from strandloom.report.tracks import Positions

WIDTH = 340.0
BINS = 40
CLASSES = 8
"""Classes with a bar of their own."""


def places(
    slug: str, motif: FoundMotif, sequences: ExplainedSequences, *, zero: int = 1, zero_words: str = ""
) -> Figure | None:
    """Where along the sequence the middles of the sites lie, as a histogram; None without sites."""
    sites = motif.motif.sites
    longest = int(sequences.lengths.max()) if len(sequences) else 0
    if not len(sites) or not longest:
        return None
    wide = -(-longest // BINS)  # whole bases, else neighbouring bins differ by how many bases they hold
    edges = np.arange(0, longest + wide, wide)
    heights, _ = np.histogram((sites.start + sites.end) // 2, bins=edges)
    peak = int(heights.argmax())
    counted = Positions(zero)
    left, right, top, bottom = 38.0, WIDTH - 12, 22.0, 118.0
    canvas = Canvas(
        slug,
        f"Where {motif.name} stands",
        f"{plural(len(sites), 'site')}; most ({count(heights[peak])}) at {counted.span(*edges[peak : peak + 2])}",
        WIDTH,
        bottom + 42,
    )
    most = float(heights.max())
    canvas.write(2, 12, "sites", classes="t name")
    for tick in [t for t in round_ticks(0, most, 2) if t == round(t)]:
        y = bottom - tick / most * (bottom - top)
        canvas.segment(left, y, right, y, "grid")
        canvas.write(left - 6, y + 4, count(tick), anchor="end", classes="t tick")
    scale = (right - left) / longest
    for height, start, end in zip(heights, edges[:-1], edges[1:], strict=True):
        if height:
            tall = float(height) / most * (bottom - top)
            width = max((min(end, longest) - start) * scale - 0.8, 0.8)
            tip = f"{counted.span(start, end)}: {plural(int(height), 'site')}"
            canvas.box(left + start * scale + 0.4, bottom - tall, width, tall, "f0", opacity=0.85, tip=tip)
    canvas.segment(left, bottom, right, bottom, "axis")
    for tick in round_ticks(zero, zero + longest - 1, 5):
        landmark = zero < 0 and tick == 0  # between bases -1 and 1
        x = left + (tick - zero + (0.0 if landmark else -0.5 if zero < 0 < tick else 0.5)) * scale
        if landmark:
            canvas.segment(x, top - 4, x, bottom, "mark")
        canvas.segment(x, bottom, x, bottom + 4, "axis")
        canvas.write(x, bottom + 17, fixed(tick, 0), anchor="middle", classes="t tick")
    canvas.write((left + right) / 2, bottom + 36, f"{zero_words} (bp)", anchor="middle", classes="t name", limit=50)
    return Figure(canvas.svg(), "Where in the sequence", _place_words(sites, sequences))


def _place_words(sites: Sites, sequences: ExplainedSequences) -> str:
    back = int(np.count_nonzero(sites.reverse))
    words = f"{percent(back / len(sites), 0)} of the sites are on the reverse strand."
    if int(sequences.lengths.min()) < int(sequences.lengths.max()):
        words += " Positions count from the start of each sequence; the sequences differ in length."
    return words


def class_shares(sites: Sites, labels: NDArray[np.int64], classes: int) -> tuple[list[int], list[int]]:
    """Sequences with the motif and sequences in all, for each class."""
    holding = np.unique(sites.row)
    known = labels >= 0
    totals = np.bincount(labels[known], minlength=classes)
    kept = labels[holding]
    found = np.bincount(kept[kept >= 0], minlength=classes)
    return found.tolist(), totals.tolist()


def by_class(slug: str, motif: FoundMotif, sequences: ExplainedSequences, classes: tuple[str, ...]) -> Figure | None:
    """Share of the sequences of each class that hold the motif; the highest where there are many classes."""
    if sequences.labels is None or len(classes) < 2:
        return None
    found, totals = class_shares(motif.motif.sites, np.asarray(sequences.labels), len(classes))
    shares = [f / t if t else 0.0 for f, t in zip(found, totals, strict=True)]
    order = list(range(len(classes)))
    if len(classes) > CLASSES:
        order = sorted(order, key=lambda i: (-shares[i], i))[:CLASSES]
    step, top = (38.0, 8.0) if len(order) <= 4 else (30.0, 6.0)
    most = max([shares[i] for i in order] + [0.01])
    said = "; ".join(f"{classes[i]} {percent(shares[i])}" for i in order)
    canvas = Canvas(slug, f"Share of the sequences with {motif.name}", said, WIDTH, top + step * len(order) + 4)
    full = 1.0 if most > 0.25 else most
    for row, i in enumerate(order):
        y = top + row * step
        canvas.write(2, y + 11, classes[i], classes="t", limit=30)
        words = f"{percent(shares[i])}" if totals[i] else "no sequence"
        canvas.write(WIDTH - 2, y + 11, words, anchor="end", classes="t strong")
        tall = 9.0 if step > 32 else 7.0
        canvas.box(2, y + 17, WIDTH - 4, tall, "well", round_by=3)
        tip = f"{classes[i]}: {count(found[i])} of {count(totals[i])}"
        canvas.box(2, y + 17, (WIDTH - 4) * shares[i] / full, tall, "f0", opacity=0.85, tip=tip, round_by=3)
    rest = len(classes) - len(order)
    words = "Share of the sequences of each class that hold at least one site."
    words += f" A full bar is {percent(full)}." if full < 1 else ""
    if rest:
        others = [shares[i] for i in range(len(classes)) if i not in order]
        words += f" The other {rest} classes: at most {percent(max(others))}."
    return Figure(canvas.svg(), "In which class", words)


def effect_words(effect: MarginalEffect, unit: str) -> tuple[str, str]:
    """What inserting the motif does, in one sentence, and how it was measured."""
    words = f"Inserting it {_moves(effect.inserted, unit)}"
    if effect.control is not None:
        words += f"; a shuffled copy {_moves(effect.control, '')}"
    how = []
    if effect.backgrounds or effect.words:
        number = f"{count(effect.backgrounds)} " if effect.backgrounds else ""
        how.append(f"Mean over {number}{effect.words or 'sequences'}; bars are 95 % intervals.")
    if effect.excess is not None and finite(effect.excess.low) is not None:
        bounds = interval(effect.excess.low, effect.excess.high, 2)
        if effect.excess.low <= 0 <= effect.excess.high:
            how.append("The difference from the shuffled copy is within chance.")
        else:
            how.append(f"Beyond its shuffled copy: {signed(effect.excess.value, 2)} ({bounds}).")
    how += [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in effect.notes]
    return words + ".", " ".join(how)


def _moves(found: Interval, unit: str) -> str:
    """``raises the log odds by 2.10 (1.90 to 2.30)``; an interval that holds 0 keeps its signs."""
    if finite(found.value) is None:
        return "was not measured"
    of = f" the {unit}" if unit else " it"
    low, high = sorted((abs(found.low), abs(found.high))) if found.low * found.high > 0 else (found.low, found.high)
    bounds = f" ({interval(low, high, 2)})".replace("–", " to ") if finite(found.low) is not None else ""
    return f"{'raises' if found.value >= 0 else 'lowers'}{of} by {fixed(abs(found.value), 2)}{bounds}"


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
    canvas.write((left + right) / 2, bottom + 33, f"change of the {unit}", anchor="middle", classes="t name", limit=44)
    return Figure(canvas.svg(), "What it does", effect_words(effect, unit)[1])
