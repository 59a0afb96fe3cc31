"""The page of a search: what was tried, in parallel coordinates; what mattered; the winner.

:func:`render_search` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from strandloom.report.numbers import duration, fixed, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.svg import Axis, Canvas, Figure, Key, Plot
from strandloom.report.tables import Cell, Table, text
from strandloom.report.verdict import Verdict
from strandloom.workflows.search.trials import Trial

_WIDTH, _TOP, _FOOT = 920.0, 46.0, 30.0
_MOST_ROWS = 100


def render_search(
    *,
    title: str,
    sentence: str,
    names: Sequence[str],
    trials: Sequence[Trial],
    best: Trial,
    lower: bool,
    metric: str,
    importance: Mapping[str, float],
    winner: str | None,
    yaml: str,
    command: str,
    version: str,
    date: str,
) -> str:
    """The page of a search.

    Returns
    -------
    str
        A self-contained HTML page.
    """
    seconds = sum(x.seconds for x in trials)
    done = [x for x in trials if x.figure is not None and x.state != "failed"]
    sections = [
        Section(
            "tried",
            "What was tried",
            lead="Each line is a trial, from its choices at the left to its validation figure at the right.",
            figures=(parallel_figure(names, done, best, lower=lower, metric=metric),),
        ),
        Section(
            "progress",
            "How it went",
            figures=(progress_figure(trials, lower=lower, metric=metric), importance_figure(importance)),
        ),
        Section(
            "winner",
            "The winner",
            facts=tuple((name, in_words(best.values.get(name, ""))) for name in names),
            notes=()
            if winner is None
            else (f"Trained anew and judged once on the test part: {winner} Its report: winner/report.html",),
            folded=(("Its experiment file (winner.yaml)", yaml),),
        ),
        Section("trials", "Every trial", tables=(_table(names, trials, lower=lower, metric=metric),)),
        Section("again", "Do it again", command=command),
    ]
    assert best.figure is not None
    pruned = sum(x.state == "pruned" for x in trials)
    return page(
        "report.html",
        {
            "heading": f"Search: {title}",
            "kicker": f"strandloom search · {date}",
            "description": "",
            "version": version,
            "verdict": Verdict(sentence, "good", ()),
            "cards": [
                Card(f"Validation {metric}", fixed(best.figure, 4), f"trial {best.number}"),
                Card("Trials", str(len(trials)), f"{pruned} stopped early" if pruned else ""),
                Card("Training time", duration(seconds), "of all trials"),
            ],
            "sections": [s for s in sections if not s.empty],
            "motifs": [],
        },
    )


def parallel_figure(
    names: Sequence[str], trials: Sequence[Trial], best: Trial, *, lower: bool, metric: str
) -> Figure | None:
    """Parallel coordinates of choices and figures."""
    if not trials:
        return None
    columns = [_Column.of(name, [x.values.get(name) for x in trials]) for name in names]
    figures = np.array([x.figure for x in trials], float)
    low, high = np.quantile(figures, [0.0, 0.9]) if lower else np.quantile(figures, [0.1, 1.0])
    last = _Column.numbers(f"validation {metric}", float(low), float(high) if high > low else float(low) + 1)
    height = 330.0
    canvas = Canvas(
        "parallel",
        "Choices and validation figure of every trial",
        f"the winner: {', '.join(f'{n} {in_words(best.values.get(n))}' for n in names)}",
        _WIDTH,
        height,
    )
    every = [*columns, last]
    step = (_WIDTH - 190) / max(len(every) - 1, 1)
    xs = [90 + i * step for i in range(len(every))]

    def y(share: float) -> float:
        return height - _FOOT - min(max(share, 0.0), 1.0) * (height - _FOOT - _TOP)

    order = np.argsort(-figures if lower else figures)
    for rank, i in enumerate(order):
        one = trials[int(i)]
        places = [
            (x, y(c.place(one.values.get(n)))) for x, c, n in zip(xs[:-1], columns, names, strict=True)
        ]  # fmt: skip
        places.append((xs[-1], y(last.place(one.figure))))
        share = rank / max(len(order) - 1, 1)
        shade = "thin faint s7" if share < 0.6 else "thin s7" if share < 0.9 else "thin s0"
        canvas.path(places, f"line {shade}")
    places = [(x, y(c.place(best.values.get(n)))) for x, c, n in zip(xs[:-1], columns, names, strict=True)]
    canvas.path([*places, (xs[-1], y(last.place(best.figure)))], "line s1")
    for number, (x, column) in enumerate(zip(xs, every, strict=True)):
        canvas.segment(x, _TOP, x, height - _FOOT, "axis")
        canvas.write(x, 14 + 15 * (number % 2), column.short, anchor="middle", limit=24, classes="t name")
        for word, share in column.ticks():
            canvas.write(x + 5, y(share) + 4, word, limit=14, classes="t tick halo")
    words = "Figures beyond the worst tenth are drawn at the edge. Values of a list stand in their order."
    return Figure(
        canvas.svg(), "Choices and validation figure", words, (Key("winner", 1), Key("best tenth", 0)), wide=True
    )


class _Column:
    """An axis of the parallel coordinates: numbers on a (log) scale, or values side by side."""

    def __init__(self, name: str, values: list[Any], *, numeric: bool, log: bool) -> None:
        self.name, self.values, self.numeric, self.log = name, values, numeric, log

    @classmethod
    def of(cls, name: str, found: Sequence[Any]) -> _Column:
        """The axis of a choice."""
        numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in found)
        distinct = sorted(set(found)) if numbers else sorted({in_words(x) for x in found})
        if numbers and len(distinct) > 8:
            low, high = float(distinct[0]), float(distinct[-1])
            return cls(name, [low, high], numeric=True, log=low > 0 and high / low > 20)
        return cls(name, distinct, numeric=False, log=False)

    @classmethod
    def numbers(cls, name: str, low: float, high: float) -> _Column:
        """An axis from one number to another."""
        return cls(name, [low, high], numeric=True, log=False)

    @property
    def short(self) -> str:
        """The last two parts of a dotted name."""
        return ".".join(self.name.split(".")[-2:])

    def place(self, value: Any) -> float:
        """Where a value stands, 0 to 1."""
        if self.numeric:
            low, high = self.values
            if self.log:
                return float((np.log(value) - np.log(low)) / (np.log(high) - np.log(low)))
            return float((value - low) / ((high - low) or 1))
        key = value if isinstance(value, (int, float)) and value in self.values else in_words(value)
        return (self.values.index(key) + 0.5) / len(self.values) if key in self.values else 0.5

    def ticks(self) -> list[tuple[str, float]]:
        """Words on the axis with their places."""
        if self.numeric:
            return [(f"{x:.3g}", self.place(x)) for x in self.values]
        return [(f"{x:g}" if isinstance(x, float) else str(x), self.place(x)) for x in self.values]


def progress_figure(trials: Sequence[Trial], *, lower: bool, metric: str) -> Figure | None:
    """The figure of every trial, and the best so far."""
    done = [x for x in trials if x.figure is not None and x.state == "complete"]
    if not done:
        return None
    figures = np.array([x.figure for x in done], float)
    best = np.minimum.accumulate(figures) if lower else np.maximum.accumulate(figures)
    low, high = float(figures.min()), float(figures.max())
    if lower:
        high = float(np.quantile(figures, 0.95))
    else:
        low = float(np.quantile(figures, 0.05))
    room = 0.06 * ((high - low) or 1)
    numbers = [x.number for x in done]
    plot = Plot(
        "progress-of-trials",
        title=f"Validation {metric} by trial",
        description=f"the best goes from {fixed(float(best[0]), 4)} to {fixed(float(best[-1]), 4)}",
        x=Axis(0, max(max(numbers), 1), "trial"),
        y=Axis(low - room, high + room, f"validation {metric}"),
        height=320,
    )
    inside = [(n, f) for n, f in zip(numbers, figures.tolist(), strict=True) if low - room <= f <= high + room]
    plot.dots([n for n, _ in inside], [f for _, f in inside], 7, radius=2.5)
    steps = [(float(n), float(b)) for a, b, n in zip(best[:-1], best[:-1], numbers[1:], strict=True)]
    corners = [(float(numbers[0]), float(best[0]))]
    for (x, before), after in zip(steps, best[1:].tolist(), strict=True):
        corners += [(x, before), (x, float(after))]
    plot.line([x for x, _ in corners], [y for _, y in corners], 0)
    words = "Trials that were stopped early or failed are left out, and figures far beyond the others."
    return Figure(plot.svg(), f"Validation {metric} by trial", words, (Key("a trial", 7, "dot"), Key("best so far", 0)))


def importance_figure(importance: Mapping[str, float]) -> Figure | None:
    """Bars of what mattered."""
    if not importance:
        return None
    order = sorted(importance, key=lambda x: -importance[x])
    height = 24.0 * len(order) + 20
    canvas = Canvas(
        "importance", "What mattered", ", ".join(f"{n} {percent(importance[n])}" for n in order), 440, height
    )
    for row, name in enumerate(order):
        y = 16 + 24 * row
        canvas.write(2, y + 4, ".".join(name.split(".")[-2:]), limit=26, classes="t name")
        canvas.box(190, y - 7, 180 * importance[name], 14, "f0", round_by=2)
        canvas.write(196 + 180 * importance[name], y + 4, percent(importance[name], 0), classes="t tick")
    words = "Share of the spread of validation figures that each choice explains over all of the space (fANOVA); chance has its share too."
    return Figure(canvas.svg(), "What mattered", words)


def _table(names: Sequence[str], trials: Sequence[Trial], *, lower: bool, metric: str) -> Table:
    sign = 1 if lower else -1
    worst = float("inf")
    order = sorted(
        trials, key=lambda x: (x.state != "complete", worst if x.figure is None else sign * x.figure, x.number)
    )
    head = [
        Cell("trial"),
        Cell(f"validation {metric}"),
        text("state"),
        *(text(".".join(n.split(".")[-2:])) for n in names),
    ]
    head.append(Cell("epochs"))
    rows = []
    for one in order[:_MOST_ROWS]:
        state = one.state if not one.reason else f"failed: {one.reason}"
        shown = [
            Cell(str(one.number)),
            Cell("" if one.figure is None else fixed(one.figure, 4)),
            text(state, wrap=True),
        ]
        shown += [text(in_words(one.values.get(n)), wrap=True) for n in names]
        rows.append((*shown, Cell(str(one.epochs))))
    rest = len(order) - len(rows)
    return Table(
        "Trials, best first", tuple(head), tuple(rows), {0: "own"}, f"and {rest} more in trials.tsv" if rest > 0 else ""
    )


def in_words(value: Any) -> str:
    """A choice as it is shown: four digits of a number, ``shift 0, mutation 0.05`` of a mapping."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(own)}" for key, own in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(in_words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
