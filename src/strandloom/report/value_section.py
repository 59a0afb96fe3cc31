"""How measured values are predicted: scatter, errors, strata, intervals, noise; read from ``evaluation.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strandloom.report.numbers import MISSING, count, finite, fixed, percent
from strandloom.report.scores import Json, Score, Scores, mapping, metric_title
from strandloom.report.svg import Axis, Figure, Key, Plot
from strandloom.report.tables import Cell, Table, score_cell, text

MOST_TARGETS = 6
"""Targets that are drawn."""
STRATUM_METRICS = ("pearson_squared", "r2", "spearman", "rmse")


def scatter_figures(scores: Scores) -> tuple[Figure | None, ...]:
    """Predicted against measured values, and the errors, target by target."""
    drawn = mapping(scores.values.get("scatter"))
    found: list[Figure | None] = []
    for i, name in enumerate(list(drawn)[:MOST_TARGETS]):
        points = mapping(drawn[name])
        found.append(_scatter(name, i, _numbers(points.get("x")), _numbers(points.get("y")), scores))
        found.append(_errors(name, i, mapping(mapping(scores.values.get("errors")).get(name))))
    return tuple(found)


def _scatter(name: str, number: int, measured: list[float], predicted: list[float], scores: Scores) -> Figure | None:
    if not measured:
        return None
    low, high = min(*measured, *predicted), max(*measured, *predicted)
    room = 0.04 * ((high - low) or 1)
    axis = (low - room, high + room)
    shown = scores.per_target.get(name, scores.model)
    said = ", ".join(
        f"{metric_title(metric)} {fixed(shown[metric].value)}" for metric in STRATUM_METRICS if metric in shown
    )
    plot = Plot(
        f"scatter-{number}",
        title=f"Predicted and measured: {name}",
        description=said,
        x=Axis(*axis, f"measured {name}"),
        y=Axis(*axis, "predicted"),
        height=400,
        grid="xy",
    )
    plot.canvas.segment(plot.px(axis[0]), plot.py(axis[0]), plot.px(axis[1]), plot.py(axis[1]), "mark")
    plot.dots(measured, predicted, 0, radius=2)
    rows = f"{count(len(measured))} of {count(scores.rows)} rows" if len(measured) < scores.rows else "all rows"
    words = f"{said}. On the dashed line predictions are right; {rows} are drawn."
    return Figure(plot.svg(), f"Predicted and measured: {name}", words)


def _errors(name: str, number: int, histogram: Json) -> Figure | None:
    edges, counts = _numbers(histogram.get("edges")), _numbers(histogram.get("counts"))
    if len(edges) != len(counts) + 1 or not sum(counts):
        return None
    shares = [x / sum(counts) for x in counts]
    centre = sum(s * (a + b) / 2 for s, a, b in zip(shares, edges[:-1], edges[1:], strict=True))
    plot = Plot(
        f"errors-{number}",
        title=f"Errors: {name}",
        description=f"mean error {fixed(centre)}",
        x=Axis(edges[0], edges[-1], "predicted minus measured"),
        y=Axis(0, max(shares) * 1.06, "share of the rows", text=percent),
        height=400,
    )
    plot.step(edges, shares, 0)
    plot.upright(0.0, "right")
    words = f"The mean error is {fixed(centre)}; the outermost bins hold what lies beyond."
    return Figure(plot.svg(), f"Errors: {name}", words, (Key("rows", 0, "box"),))


def strata_table(scores: Scores) -> Table | None:
    """Scores in ranges of a column, the model beside its best baseline there."""
    strata = scores.values.get("strata")
    if not isinstance(strata, Sequence) or not strata:
        return None
    noisy = any(mapping(one).get("noise") for one in strata)
    metrics = [m for m in STRATUM_METRICS if any(m in mapping(mapping(one).get("model")) for one in strata)]
    rows = []
    for one in map(mapping, strata):
        model = mapping(one.get("model"))
        cells = [text(str(one.get("label")), wrap=True), Cell(count(finite(one.get("rows"))))]
        cells += [score_cell(_score(model.get(metric))) for metric in metrics]
        cells.append(_best(mapping(one.get("baselines")), scores))
        if noisy:
            ceiling = finite(mapping(one.get("noise")).get("r2"))
            known = ceiling is not None and ceiling > 0
            cells.append(
                Cell(fixed(ceiling))
                if known
                else Cell(MISSING, classes="gap", tip="noise exceeds the spread of the values")
            )
        rows.append(tuple(cells))
    head = [text("rows where"), Cell("rows"), *(Cell(metric_title(m)) for m in metrics)]
    head.append(Cell(f"best baseline ({metric_title(STRATUM_METRICS[0])})"))
    if noisy:
        head.append(Cell("noise ceiling of R²"))
    return Table("Scores by stratum", tuple(head), tuple(rows), {})


def _best(baselines: Json, scores: Scores) -> Cell:
    known = {
        name: value
        for name, found in baselines.items()
        if name in scores.titles and (value := finite(mapping(found).get(STRATUM_METRICS[0]))) is not None
    }
    if not known:
        return Cell(MISSING)
    name = max(known, key=lambda x: known[x])
    return Cell(fixed(known[name]), scores.titles[name])


def value_facts(scores: Scores) -> tuple[tuple[str, str], ...]:
    """Interval and noise in words."""
    facts = []
    interval = mapping(scores.values.get("interval"))
    level = finite(interval.get("level"))
    widths, covered = _numbers(interval.get("width")), _numbers(interval.get("coverage"))
    if level is not None and widths:
        names = scores.classes if len(scores.classes) == len(widths) else [str(i + 1) for i in range(len(widths))]
        said = "; ".join(
            ("" if len(widths) == 1 else f"{name}: ")
            + f"prediction ± {fixed(width)}, which held {percent(share)} of the test rows"
            for name, width, share in zip(names, widths, covered, strict=True)
        )
        facts.append(
            (f"{percent(level, 0)} interval, found on {count(finite(interval.get('rows')))} validation rows", said)
        )
    noise = mapping(scores.values.get("noise"))
    if finite(noise.get("noise")) is not None:
        ceiling = finite(noise.get("r2"))
        said = f"{fixed(finite(noise.get('noise')))} of a variance of {fixed(finite(noise.get('variance')))}"
        if ceiling is not None and ceiling > 0:
            said += f": no prediction can be expected to explain more than {percent(ceiling)}"
        facts.append(("Variance by noise of measurement", said))
    return tuple(facts)


def _score(entry: Any) -> Score | None:
    found = mapping(entry)
    return Score(finite(found.get("value")), finite(found.get("low")), finite(found.get("high"))) if found else None


def _numbers(entry: Any) -> list[float]:
    return [x for v in entry if (x := finite(v)) is not None] if isinstance(entry, Sequence) else []
