"""The page of ``strandloom taxonomy evaluate``: which method names fish best, how sure it may be, and how to read it.

:func:`render_evaluation` is pure: the same facts give the same text. Facts are those of ``evaluation.json``; what they lack is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from strandloom.report.cautions import Caution
from strandloom.report.numbers import MISSING, NARROW, count, finite, fixed, interval, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.scores import Json, Score, mapping
from strandloom.report.svg import Axis, Figure, Key, Plot
from strandloom.report.taxonomy_evaluation_inputs import RANKS, Part, listed, point_at, read_parts
from strandloom.report.taxonomy_evaluation_tables import kind_table, lacking_table, system_table
from strandloom.report.taxonomy_evaluation_words import READING, SURE, difference_words, sure_words, verdict_words
from strandloom.report.verdict import Tone, Verdict
from strandloom.words import plural

COLOURED, FIRM = 8, 20
"""Colours of the house; names that a bin of certainty needs to be joined to the line."""
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def render_evaluation(facts: Mapping[str, Any], *, name: str, version: str, date: str = "") -> str:
    """The page of an evaluation.

    Parameters
    ----------
    facts
        As written to ``evaluation.json``; anything missing or null is left out or shown as a dash.
    name
        Of the model.
    version
        Of strandloom.
    date
        Shown at the top where given.

    Returns
    -------
    str
        A self-contained HTML page.
    """
    parts = read_parts(facts)
    colours = _colours(parts)
    command = str(facts.get("command") or "")
    notes = tuple(Caution("caution", "About these sequences", str(x)) for x in facts.get("notes") or ())
    shown = [
        Section("notes", "What to be careful about", cautions=notes),
        *(_section(part, colours) for part in parts),
        Section("methods", "The methods", facts=_methods(parts)),
        Section("reading", "How to read these numbers", facts=READING if parts else ()),
        Section("again", "Do it again", command=command),
    ]
    return page(
        "report.html",
        {
            "heading": name or "Taxonomy model",
            "kicker": " · ".join(x for x in ("strandloom taxonomy evaluate", date) if x),
            "description": "How often fish are named rightly, on sequences of known species.",
            "version": version,
            "verdict": _verdict(parts),
            "cards": _cards(parts),
            "sections": [s for s in shown if not s.empty],
            "motifs": [],
        },
    )


def _colours(parts: Sequence[Part]) -> dict[str, int]:
    """A colour number for each method, the same all over the page; first those that lead a section."""
    names = [*(p.first for p in parts if p.first), *(name for p in parts for name in p.systems)]
    return {name: i for i, name in enumerate(dict.fromkeys(names))}


def _form(number: int) -> str:
    """Methods beyond the colours of the house are dashed."""
    return "dash" if number >= COLOURED else ""


def _verdict(parts: Sequence[Part]) -> Verdict:
    told, outcomes = [], []
    for part in parts:
        accuracy = part.score(part.first).value
        if accuracy is None:
            continue
        words = f"{part.title}: {percent(accuracy)} of {plural(part.queries, 'sequence')} to the right species"
        if part.best_other:
            found = part.against(part.best_other)
            outcomes.append(found.outcome)
            other = f"{part.best_other} ({percent(part.score(part.best_other).value)})"
            words += f", {difference_words(found)} {other}"
        told.append(words)
    if not told:
        return Verdict("No method has been judged, so nothing can be said about the model.", "poor", ())
    mixed = "better" in outcomes and "worse" in outcomes
    tone: Tone = "fair" if mixed else "poor" if "worse" in outcomes else "good" if "better" in outcomes else "fair"
    return Verdict(". ".join(told) + ".", tone, ())


def _cards(parts: Sequence[Part]) -> list[Card]:
    found = []
    for part in parts:
        score = part.score(part.first)
        found.append(Card(f"Right species. {part.title}", percent(score.value), _between(score)))
    for part in parts[:2]:
        score = part.score(part.first, "coverage_at_precision")
        where = f". {part.title}" if len(parts) > 1 else ""
        found.append(Card(f"Named with {percent(part.wanted, 0)} right{where}", percent(score.value), _between(score)))
    return found


def _between(score: Score) -> str:
    if score.low is None or score.high is None:
        return ""
    return interval(100 * score.low, 100 * score.high, 1) + NARROW + "%"


def _section(part: Part, colours: dict[str, int]) -> Section:
    return Section(
        f"part-{part.number}",
        part.title,
        " ".join(x for x in (part.about, _sentence(part) if part.systems else "") if x),
        tables=(system_table(part),),
        figures=(_coverage(part, colours), _trust(part)),
        tables_after=(kind_table(part), lacking_table(part)),
        missing="" if part.systems else "No method was judged on these sequences.",
    )


def _sentence(part: Part) -> str:
    """The first method against the best other one."""
    said = int(finite(part.rank(part.first).get("queries")) or part.queries)
    best = part.best_other
    words = verdict_words(
        part.first, part.score(part.first), said, best, part.score(best), part.against(best) if best else None
    )
    at = point_at(part.rank(part.first).get("curve"), SURE)
    sure = sure_words(finite(at.get("coverage")), finite(at.get("precision")), said, part.lacking("species"))
    return f"{words} {sure}".strip()


def _points(found: Json) -> list[tuple[float, float]]:
    """Coverage and precision at each threshold and at the wanted precision, from all calls to the surest."""
    pairs = [(finite(p.get("coverage")), finite(p.get("precision"))) for p in map(mapping, listed(found.get("curve")))]
    chosen = mapping(found.get("selective"))
    pairs.append((finite(chosen.get("coverage")), finite(chosen.get("precision"))))
    known = {(c, p) for c, p in pairs if c is not None and p is not None and c > 0}
    return sorted(known, key=lambda x: (-x[0], x[1]))


def _coverage(part: Part, colours: dict[str, int]) -> Figure | None:
    """Share of right species against the share of sequences named, all methods."""
    drawn = {name: points for name in part.systems if (points := _points(part.rank(name)))}
    if not drawn:
        return None
    lowest = min(p for points in drawn.values() for _, p in points)
    low = min(math.floor(lowest * 20 - 0.2) / 20, 0.9)
    plot = Plot(
        f"coverage-{part.number}",
        title=f"{part.title}: right species against sequences named",
        description="; ".join(
            f"{name}: {percent(points[0][1])} right when {percent(points[0][0])} are named" for name, points in drawn.items()
        ),
        x=Axis(0, 1, "share of the sequences that are given a species", at=SHARES, text=lambda v: percent(v, 0)),
        y=Axis(max(low, 0), 1, "share of these species that are right", text=lambda v: percent(v, 0)),
        height=340,
        grid="xy",
    )  # fmt: skip
    at = plot.py(part.wanted)
    plot.canvas.segment(plot.left, at, plot.right, at, "mark")
    plot.canvas.write(plot.left + 5, at - 5, f"{percent(part.wanted, 0)} right", classes="t note")
    for name, points in reversed(drawn.items()):
        number = colours[name]
        plot.line([c for c, _ in points], [p for _, p in points], number, form=_form(number))
        for c, p in points:
            tip = f"{name}: {percent(c)} named, {percent(p)} of them rightly"
            shade = f"f{number % COLOURED} ring"
            plot.canvas.dot(plot.px(c), plot.py(p), shade, radius=4 if name == part.first else 3, tip=tip)
    words = (
        "From right to left only surer and surer calls are kept. The higher and the further to the right, the better; "
        "a single dot is a method that says of no call how sure it is."
    )
    keys = tuple(Key(name, colours[name] % COLOURED, _form(colours[name]) or "line") for name in drawn)
    return Figure(plot.svg(), "How much can be named, and how rightly", words, keys)


def _trust(part: Part) -> Figure | None:
    """Stated certainty of the first method against the share that is right, rank by rank."""
    bins = {
        rank: [
            (conf, right, int(finite(b.get("n")) or 0))
            for b in map(mapping, listed(part.rank(part.first, rank).get("reliability")))
            if (conf := finite(b.get("confidence"))) is not None and (right := finite(b.get("accuracy"))) is not None
        ]
        for rank in RANKS
    }
    drawn = {rank: points for rank, points in bins.items() if points}
    if not drawn:
        return None
    plot = Plot(
        f"trust-{part.number}",
        title=f"{part.title}: stated certainty of the {part.first} against the share that is right",
        description="; ".join(
            f"{rank}: " + ", ".join(f"stated {fixed(c, 2)}, right {fixed(r, 2)} (n {count(n)})" for c, r, n in points)
            for rank, points in drawn.items()
        ),
        x=Axis(0, 1, "stated probability of the name", at=SHARES, text=lambda v: percent(v, 0)),
        y=Axis(0, 1, "share of these names that are right", at=SHARES, text=lambda v: percent(v, 0)),
        height=340,
        grid="xy",
    )
    plot.canvas.segment(plot.px(0), plot.py(0), plot.px(1), plot.py(1), "mark")
    most = max(n for points in drawn.values() for *_, n in points) or 1
    for rank, points in reversed(drawn.items()):
        colour = RANKS.index(rank)
        firm = [(c, r) for c, r, n in points if n >= FIRM]
        plot.line([c for c, _ in firm], [r for _, r in firm], colour, form="thin")
        for c, r, n in points:
            tip = f"{rank}: stated {percent(c)}, {percent(r)} of {plural(n, 'name')} right"
            plot.canvas.dot(plot.px(c), plot.py(r), f"f{colour} ring", radius=2.2 + 5 * math.sqrt(n / most), tip=tip)
    keys = []
    for rank in drawn:
        ece = part.score(part.first, "ece", rank=rank).value
        keys.append(Key(rank + (f", calibration error {percent(ece)}" if ece is not None else ""), RANKS.index(rank)))
    words = (
        f"Names by {part.first}. On the dashed diagonal “80{NARROW}%” is right in 80{NARROW}% of the cases; below it the names are "
        f"too sure, above it too modest. Larger dots stand for more names; those of fewer than {FIRM} scatter by chance and are "
        "off the line."
    )
    return Figure(plot.svg(), "Can its certainty be trusted?", words, tuple(keys))


def _methods(parts: Sequence[Part]) -> tuple[tuple[str, str], ...]:
    names = dict.fromkeys(name for part in parts for name in part.systems)
    return tuple((name, part.titles.get(name) or MISSING) for part in parts[:1] for name in names)
