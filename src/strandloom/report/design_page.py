"""The page of ``strandloom design``: what was gained, round by round; start and end of each design, base by base; how far to trust it.

:func:`render_design` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from strandloom.report.cautions import Caution
from strandloom.report.numbers import MISSING, count, fixed, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.svg import Axis, Canvas, Figure, Key, Plot, round_ticks
from strandloom.report.tables import Cell, Table, text
from strandloom.report.verdict import Tone, Verdict
from strandloom.words import plural

MOST_LINES, MOST_ALIGNED, MOST_ROWS = 60, 30, 200
_CELL, _ROW = 9.0, 17.0


@dataclass(frozen=True)
class Trace:
    """The best value so far of one start: rounds in which it rose, and the values."""

    rounds: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class JudgedRow:
    """What the held-out judge says of a start and of its design."""

    start: float
    design: float


@dataclass(frozen=True)
class DesignRow:
    """A design as the page shows it."""

    id: str
    start: str
    design: str
    began: float
    predicted: tuple[float, ...]
    sd: tuple[float, ...] | None
    edits: int
    similarity: float | None
    beyond: bool | None
    trusted: bool
    judged: JudgedRow | None


@dataclass(frozen=True)
class DesignPage:
    """Everything the page is made of."""

    title: str
    sentence: str
    facts: Mapping[str, Any]
    outputs: tuple[str, ...]
    shown: int
    """The output that is drawn."""
    unit: str
    """Words before the name of an output."""
    rounds: int
    method: str
    traces: tuple[Trace, ...]
    rows: tuple[DesignRow, ...]
    measured: tuple[float, float] | None
    """Lowest and highest training value of the output drawn."""
    notes: tuple[str, ...]
    without: tuple[tuple[str, str], ...]
    command: str
    version: str
    date: str
    within: tuple[float, float] | None = None
    """Share of new rows, and how near to the output drawn their measured values lie; None: not known."""


def render_design(page_of: DesignPage) -> str:
    """The page of a design.

    Returns
    -------
    str
        A self-contained HTML page.
    """
    return page(
        "report.html",
        {
            "heading": page_of.title,
            "kicker": " · ".join(x for x in ("strandloom design", page_of.date) if x),
            "description": "",
            "version": page_of.version,
            "verdict": Verdict(page_of.sentence, _tone(page_of), ()),
            "cards": _cards(page_of),
            "sections": [s for s in _sections(page_of) if not s.empty],
            "motifs": [],
        },
    )


def _tone(page_of: DesignPage) -> Tone:
    made = page_of.facts["designs"]
    if not made:
        return "poor"
    return "good" if page_of.facts["trusted"] == made and page_of.facts["region"]["measures"] else "fair"


def _cards(page_of: DesignPage) -> list[Card]:
    facts = page_of.facts
    cards = [Card("Designs", count(facts["designs"]), f"of {plural(facts['starts'], 'start')}")]
    for one in facts["outputs"]:
        wanted = {"max": "as high as possible", "min": "as low as possible"}.get(
            str(one["aim"]), f"wanted {one['aim']}"
        )
        cards.append(
            Card(
                f"Predicted {page_of.unit}{one['output']}",
                f"{fixed(one['start'])} → {fixed(one['design'])}",
                f"mean of starts and designs; {wanted}",
            )
        )
        if one.get("judge") is not None:
            cards.append(
                Card(
                    f"Judge's {page_of.unit}{one['output']}",
                    f"{fixed(one['judge_start'])} → {fixed(one['judge'])}",
                    "by a model that took no part in the design",
                )
            )
    if page_of.within is not None:
        level, width = page_of.within
        cards.append(
            Card(
                "The model's own error",
                f"± {fixed(width)}",
                f"holds {level:.0%} of new rows; smaller gains are not sure",
            )
        )
    cards.append(
        Card("Trusted", f"{facts['trusted']} of {facts['designs']}", "networks agree, near training, in range")
    )
    cards.append(Card("Edits", fixed(facts["edits"], 1), "bases changed, on average"))
    return cards


def _sections(page_of: DesignPage) -> list[Section]:
    facts = page_of.facts
    made = facts["designs"]
    cautions = [Caution("caution", "Note", note.removeprefix("careful: ")) for note in page_of.notes]
    if not facts["region"]["measures"]:
        words = "The model says nothing of where its predictions end: neither networks that could disagree nor its training sequences."
        cautions.append(Caution("caution", "Trust", words))
    if made and facts["trusted"] < made:
        cautions.append(
            Caution(
                "caution",
                "Beyond what the model knows",
                f"{made - facts['trusted']} of {made} designs are stranger than 95 % of the sequences that the model was checked on, or "
                "are predicted beyond every measured value. Their values are extrapolated; --trust keeps designs inside.",
            )
        )
    region = facts["region"]
    trust: list[tuple[str, str]] = []
    if region["disagreement"] is not None:
        trust.append(
            ("Networks may disagree by (standard deviation)", ", ".join(fixed(x) for x in region["disagreement"]))
        )
    if region["similarity"] is not None:
        trust.append(("Similarity to the nearest training sequence, at least", fixed(region["similarity"])))
    if region["measured"] is not None:
        spans = zip(*region["measured"], strict=True)
        trust.append(("Values of training", "; ".join(f"{fixed(a)} to {fixed(b)}" for a, b in spans)))
    if trust:
        trust.append(("Steps beyond these", "refused" if region["limit"] else "marked"))
    rules = [("Rules kept", "; ".join(facts["rules"]) or "none but the letters A, C, G, T")]
    rules.append(("Designs without ATG", f"{facts['without_atg']} of {made}"))
    if facts["least_distance"] is not None:
        rules.append(("The two most alike designs differ in", plural(facts["least_distance"], "position")))
    if page_of.without:
        rules.append(
            ("Starts without a design", "; ".join(f"{name}: {why}" for name, why in page_of.without[:12]))
        )  # fmt: skip
    return [
        Section("care", "What to be careful about", cautions=tuple(cautions)),
        Section("gain", "What was gained", figures=(trace_figure(page_of), judge_figure(page_of))),
        Section(
            "designs",
            "Start and end",
            lead="Each pair is a start and, below it, its design; changed bases stand in a box.",
            figures=(alignment_figure(page_of),),
            tables_after=(design_table(page_of),),
        ),
        Section("rules", "Rules and trust", facts=(*rules, *trust)),
        Section("again", "Do it again", command=page_of.command),
    ]


def trace_figure(page_of: DesignPage) -> Figure | None:
    """The best value so far of every start by round, and their mean."""
    if not page_of.traces:
        return None
    last = max(max(t.rounds) for t in page_of.traces)
    if not last:
        return None
    rounds = np.arange(last + 1)
    curves = np.array([_filled(t, last) for t in page_of.traces])
    mean = curves.mean(0)
    low, high = float(curves.min()), float(curves.max())
    if page_of.measured is not None:
        low, high = min(low, page_of.measured[0]), max(high, page_of.measured[1])
    room = 0.05 * ((high - low) or 1)
    name = page_of.unit + page_of.outputs[page_of.shown]
    plot = Plot(
        "trace",
        title=f"Predicted {name} by round",
        description=f"the mean goes from {fixed(float(mean[0]))} to {fixed(float(mean[-1]))} in {last} rounds",
        x=Axis(0, last, "round", at=tuple(x for x in round_ticks(0, last) if x == int(x))),
        y=Axis(low - room, high + room, f"predicted {name}, best so far"),
        height=340,
    )
    if page_of.measured is not None:
        plot.level(page_of.measured[1], "highest measured in training")
        plot.level(page_of.measured[0], "lowest measured in training")
    step = -(-len(curves) // MOST_LINES)
    for curve in curves[::step]:
        plot.line(rounds.tolist(), curve.tolist(), 7, form="thin faint")
    plot.line(rounds.tolist(), mean.tolist(), 0)
    shown = len(curves[::step])
    words = f"{shown} of {len(curves)} starts are shown" if shown < len(curves) else "All starts are shown"
    return Figure(
        plot.svg(),
        f"Predicted {name} by round",
        f"{words}; method {page_of.method}, at most {page_of.rounds} rounds. Mean {fixed(float(mean[0]))} at the start, "
        f"{fixed(float(mean[-1]))} at the end.",
        (Key("mean of the starts", 0), Key("each start", 7)),
    )


def _filled(trace: Trace, last: int) -> list[float]:
    """A value for every round: that of the last change before it."""
    found, at = [], 0
    for number in range(last + 1):
        while at + 1 < len(trace.rounds) and trace.rounds[at + 1] <= number:
            at += 1
        found.append(trace.values[at])
    return found


def judge_figure(page_of: DesignPage) -> Figure | None:
    """What the model and the judge say of starts and designs."""
    rows = [(r, r.judged) for r in page_of.rows if r.judged is not None]
    if not rows:
        return None
    own = [r.began for r, _ in rows] + [r.predicted[page_of.shown] for r, _ in rows]
    other = [j.start for _, j in rows] + [j.design for _, j in rows]
    low, high = min(*own, *other), max(*own, *other)
    room = 0.05 * ((high - low) or 1)
    axis = (low - room, high + room)
    name = page_of.unit + page_of.outputs[page_of.shown]
    gain = float(np.mean(own[len(rows) :]) - np.mean(own[: len(rows)]))
    judged = float(np.mean(other[len(rows) :]) - np.mean(other[: len(rows)]))
    said = f"mean gain {fixed(gain)} by the model, {fixed(judged)} by the judge"
    plot = Plot(
        "judge",
        title="Model and judge",
        description=said,
        x=Axis(*axis, f"{name} predicted by the model"),
        y=Axis(*axis, "predicted by the judge"),
        height=340,
        grid="xy",
    )
    plot.canvas.segment(plot.px(axis[0]), plot.py(axis[0]), plot.px(axis[1]), plot.py(axis[1]), "mark")
    plot.dots(own[: len(rows)], other[: len(rows)], 7, radius=2.5)
    plot.dots(own[len(rows) :], other[len(rows) :], 0, radius=2.5)
    share = f" ({percent(judged / gain)} of it)" if gain else ""
    return Figure(
        plot.svg(),
        "Does a judge agree that took no part in the design?",
        f"Mean gain {fixed(gain)} by the model and {fixed(judged)} by the judge{share}. On the dashed line they agree; a cloud far below "
        "it says that the designs please this model rather than the assay.",
        (Key("starts", 7, "dot"), Key("designs", 0, "dot")),
    )


def alignment_figure(page_of: DesignPage) -> Figure | None:
    """Pairs of sequences, letter under letter."""
    shown = page_of.rows[:MOST_ALIGNED]
    if not shown:
        return None
    widest = max(len(r.design) for r in shown)
    per_line = 90
    lines = -(-widest // per_line)
    left = 118.0
    height = 12 + len(shown) * (lines * 2 * _ROW + 12)
    canvas = Canvas(
        "alignment",
        "Starts and designs",
        f"{plural(len(shown), 'pair')} of sequences with the bases that differ in a box",
        left + min(widest, per_line) * _CELL + 66,
        height,
    )
    y = 14.0
    for row in shown:
        canvas.write(2, y + 4, row.id, limit=16, classes="t note")
        for line in range(lines):
            part = slice(line * per_line, (line + 1) * per_line)
            _letters(canvas, left, y + line * 2 * _ROW, row.start[part], row.design[part])
        right = left + min(len(row.design), per_line) * _CELL + 8
        canvas.write(right, y + 4, fixed(row.began), classes="t note")
        canvas.write(right, y + _ROW + 4, fixed(row.predicted[page_of.shown]), classes="t note")
        y += lines * 2 * _ROW + 12
    rest = f"The first {len(shown)} of {len(page_of.rows)} designs. " if len(shown) < len(page_of.rows) else ""
    return Figure(
        canvas.svg(), "Starts and designs", f"{rest}At the right the predicted value of each sequence.", wide=True
    )  # fmt: skip


def _letters(canvas: Canvas, x: float, y: float, start: str, design: str) -> None:
    for i, (was, now) in enumerate(zip(start, design, strict=True)):
        at = x + i * _CELL
        if was != now:
            canvas.box(at - 0.5, y + _ROW - 9, _CELL, _ROW - 2, "f0", opacity=0.25, round_by=2)
        canvas.write(at + _CELL / 2 - 0.5, y + 4, was, anchor="middle", classes="t tick")
        canvas.write(at + _CELL / 2 - 0.5, y + _ROW + 4, now, anchor="middle", classes="t" if was != now else "t tick")


def design_table(page_of: DesignPage) -> Table | None:
    """Every design with its numbers."""
    if not page_of.rows:
        return None
    spread = page_of.rows[0].sd is not None
    near = page_of.rows[0].similarity is not None
    judged = page_of.rows[0].judged is not None
    head = [text("start"), *(Cell(f"predicted {page_of.unit}{name}") for name in page_of.outputs)]
    head += [Cell("start's"), Cell("edits")]
    head += [Cell("similarity to training")] if near else []
    head += [Cell("judge, start"), Cell("judge, design")] if judged else []
    head.append(text("trusted"))
    rows = []
    for r in page_of.rows[:MOST_ROWS]:
        cells = [text(r.id, wrap=True)]
        for k, value in enumerate(r.predicted):
            cells.append(Cell(fixed(value), f"networks ± {fixed(r.sd[k])}" if spread and r.sd is not None else ""))
        cells += [Cell(fixed(r.began)), Cell(str(r.edits))]
        cells += [Cell(fixed(r.similarity) if r.similarity is not None else MISSING)] if near else []
        if judged:
            told = r.judged
            cells += [Cell(fixed(told.start) if told else MISSING), Cell(fixed(told.design) if told else MISSING)]
        known = bool(page_of.facts["region"]["measures"])
        cells.append(
            text("yes" if r.trusted else "no, beyond measured values" if r.beyond else "no")
            if known
            else text("not known")
        )
        rows.append(tuple(cells))
    rest = len(page_of.rows) - len(rows)
    return Table("Designs", tuple(head), tuple(rows), {}, f"and {rest} more in designs.tsv" if rest > 0 else "")
