"""Several runs side by side: scores with intervals, overlaid curves, and what differs between their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strandloom.report import history
from strandloom.report.cautions import near_twin_fraction
from strandloom.report.figures import APART, UNIT_TICKS, forest_of
from strandloom.report.inputs import Member, ReportInputs
from strandloom.report.numbers import MISSING, count, fixed, interval, percent, shorten
from strandloom.report.report import Section, page
from strandloom.report.scores import Curve, Score, metric_meaning, metric_title, reads_better
from strandloom.report.svg import COLOURS, Axis, Figure, Key, Plot, span
from strandloom.report.tables import Cell, Table, arrow, score_cell, text
from strandloom.report.verdict import verdict


@dataclass(frozen=True)
class Setting:
    """A setting that differs: its dotted name and its value in each run (None where the file does not name it)."""

    name: str
    values: tuple[str | None, ...]


def setting_differences(experiments: Sequence[str]) -> list[Setting]:
    """Settings that are not the same in all experiment files (YAML texts), in the order of the files.

    A text that is no mapping counts as empty.
    """
    import yaml

    flat: list[dict[str, str]] = []
    for source in experiments:
        try:
            read = yaml.safe_load(source) if source else {}
        except yaml.YAMLError:
            read = {}
        flat.append(dict(_flatten(read if isinstance(read, Mapping) else {})))
    names = list(dict.fromkeys(name for one in flat for name in one))
    found = [Setting(name, tuple(one.get(name) for one in flat)) for name in names]
    return [x for x in found if len(set(x.values)) > 1]


def _flatten(tree: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found += _flatten(value, f"{name}.")
        else:
            found.append((name, "none" if value is None else str(value)))
    return found


def render_comparison(runs: Sequence[ReportInputs], *, title: str = "") -> str:
    """A page that compares runs.

    Parameters
    ----------
    runs
        Two or more, in the order of the page; those of the best headline score are marked.
    title
        Heading; empty makes one from the number of runs.

    Returns
    -------
    str
        A self-contained HTML page.
    """
    names = unique_names(runs)
    sentences = tuple((name, verdict(run).sentence) for name, run in zip(names, runs, strict=True))
    found = [
        Section("scores", "Scores", _lead(runs), tables=(score_table(runs, names),), figures=(_forest(runs, names),)),
        Section("verdicts", "Each run in one sentence", facts=sentences),
        Section("curves", "Curves", figures=_overlays(runs, names)),
        Section("settings", "What differs", tables=(settings_table(runs, names),), missing=_same(runs)),
        Section("runs", "The runs", tables=(run_table(runs, names),)),
    ]  # fmt: skip
    return page(
        "compare.html",
        {
            "heading": title or f"{len(runs)} runs compared",
            "kicker": "strandloom comparison",
            "version": next((r.version for r in runs if r.version), ""),
            "sentence": summary(runs, names),
            "sections": [s for s in found if not s.empty],
        },
    )


def unique_names(runs: Sequence[ReportInputs]) -> list[str]:
    """The names of the runs, numbered where two are alike."""
    names = [r.name or "run" for r in runs]
    return [n if names.count(n) == 1 else f"{n} ({i + 1})" for i, n in enumerate(names)]


def common_metric(runs: Sequence[ReportInputs]) -> str | None:
    """The first run's headline metric that every run with scores has."""
    scored = [r.scores for r in runs if r.scores.headline is not None]
    wanted = [s.headline for s in scored] + list(scored[0].model if scored else ())
    return next((m for m in wanted if m is not None and all(m in s.model for s in scored)), None)


def one_test_set(runs: Sequence[ReportInputs]) -> bool:
    """Whether the runs may have been judged on the same rows: nothing that is known of these differs."""
    sizes = {(r.scores.rows, r.scores.part) for r in runs if r.scores.rows}
    return len(sizes) < 2 and len({r.test_rows for r in runs if r.test_rows}) < 2


def summary(runs: Sequence[ReportInputs], names: Sequence[str]) -> str:
    """Which run is best, and whether the intervals of the first two overlap; on different test rows none is."""
    metric = common_metric(runs)
    if metric is None:
        return "The runs share no metric, so they cannot be ranked."
    sign = 1 if reads_better(metric) else -1
    ranked = sorted(
        (
            (s, n)
            for r, n in zip(runs, names, strict=True)
            if (s := r.scores.model.get(metric, Score(None))).value is not None
        ),
        key=lambda x: -sign * (x[0].value or 0.0),
    )
    if not ranked:
        return "No run has a test score yet."
    if not one_test_set(runs):
        listed = ", ".join(f"{n} {fixed(s.value, 2)}" for s, n in ranked)
        return f"The runs were judged on different test rows, so none is best by {metric_title(metric)}: {listed}."
    score, name = ranked[0]
    bounds = interval(score.low, score.high, 2)
    said = f"{name} has the best {metric_title(metric)}, {fixed(score.value, 2)}" + (f" ({bounds})" if bounds else "")
    if len(ranked) > 1:
        other, second = ranked[1]
        tied = other.value == score.value
        said += f", as good as {second}" if tied else f", ahead of {second} ({fixed(other.value, 2)})"
        if None not in (score.low, score.high, other.low, other.high):
            apart = (score.low or 0) > (other.high or 0) if sign > 0 else (score.high or 0) < (other.low or 0)
            said += "; their intervals lie apart." if apart else "; their intervals overlap, so this may be chance."
            return said
    return said + "."


def _lead(runs: Sequence[ReportInputs]) -> str:
    levels = _levels(runs)
    said = f"Small figures: {' or '.join(levels)} intervals of each run on its own test rows."
    if len(levels) > 1:
        said += " The runs were set to different intervals, so do not compare their widths."
    if not one_test_set(runs):
        said += " The runs were not judged on the same test rows, so they cannot be ranked: an easier test set gives a higher score."
    return said


def _levels(runs: Sequence[ReportInputs]) -> list[str]:
    """What the intervals of the runs span, in words, the narrowest first."""
    return [level for _, level in sorted({(r.scores.interval, r.scores.level) for r in runs if r.scores.model})]


def score_table(runs: Sequence[ReportInputs], names: Sequence[str]) -> Table | None:
    """Every metric of every run; best in bold, where all were judged on the same rows."""
    metrics = list(dict.fromkeys(m for r in runs for m in r.scores.model))
    if not metrics:
        return None
    best: dict[str, float] = {}
    ranked = one_test_set(runs)
    for m in metrics if ranked else ():
        known = [v for r in runs if (v := r.scores.model.get(m, Score(None)).value) is not None]
        if known:
            best[m] = max(known) if reads_better(m) else min(known)
    rows = []
    for r, name in zip(runs, names, strict=True):
        cells = [text(name, wrap=True), Cell(count(r.scores.rows) if r.scores.rows else MISSING)]
        cells += [
            score_cell(r.scores.model.get(m), best=m in best and r.scores.model.get(m, Score(None)).value == best[m])
            for m in metrics
        ]
        base = Score(r.scores.best_value)
        cells.append(
            replace(score_cell(base), sub=r.scores.titles[r.scores.best], classes="wrap")
            if r.scores.best
            else score_cell(None)
        )
        rows.append(tuple(cells))
    head = [text("run"), Cell("test rows")]
    head += [Cell(metric_title(m) + arrow(m), tip=metric_meaning(m)) for m in metrics]
    head.append(Cell("best baseline"))
    return Table(
        "Scores. ↑ higher is better, ↓ lower is better." + (" Bold: best value." if ranked else ""),
        tuple(head),
        tuple(rows),
        {},
        classes="scores",
    )


def settings_table(runs: Sequence[ReportInputs], names: Sequence[str]) -> Table | None:
    """Settings that differ, one row each."""
    found = setting_differences([r.experiment_yaml for r in runs])
    if not found:
        return None
    rows = tuple(
        (text(x.name), *(Cell(MISSING if v is None else shorten(v, 80), classes="text wrap") for v in x.values))
        for x in found
    )
    return Table(
        "Settings that are not the same in all runs", (text("setting"), *(text(n, wrap=True) for n in names)), rows, {}
    )


def _same(runs: Sequence[ReportInputs]) -> str:
    if not any(r.experiment_yaml for r in runs):
        return "The runs hold no experiment files."
    return "" if setting_differences([r.experiment_yaml for r in runs]) else "Nothing: the files are the same."


def run_table(runs: Sequence[ReportInputs], names: Sequence[str]) -> Table:
    """Model, size, time and leakage of each run."""
    rows = tuple(
        (
            text(name, wrap=True),
            text(r.model.kind or MISSING),
            Cell(count(r.model.trainable)),
            Cell(count(len(r.members)) if r.members else MISSING),
            Cell(percent(near_twin_fraction(r.leaks))),
            text(", ".join(sorted({f.sha256[:12] for f in r.files if f.sha256})) or MISSING, wrap=True),
        )
        for r, name in zip(runs, names, strict=True)
    )
    heads = (
        text("run"),
        text("network"),
        Cell("parameters"),
        Cell("networks"),
        Cell("test rows with a near twin"),
        text("input SHA-256"),
    )
    return Table("Model, leakage and input", heads, rows, {})


def _forest(runs: Sequence[ReportInputs], names: Sequence[str]) -> Figure | None:
    metric = common_metric(runs)
    if metric is None:
        return None
    rows = [
        (n, r.scores.model[metric], i % COLOURS)
        for i, (r, n) in enumerate(zip(runs, names, strict=True))
        if metric in r.scores.model
    ]
    title = f"{metric_title(metric)} with {' or '.join(_levels(runs))} intervals"
    caption = APART if one_test_set(runs) else "Different test rows: the bars do not say which run is better."
    return forest_of(f"runs-{metric}", title, rows, caption=caption)


def _overlays(runs: Sequence[ReportInputs], names: Sequence[str]) -> tuple[Figure | None, ...]:
    shown = list(zip(runs, names, strict=True))[:COLOURS]
    binary = all(len(r.scores.classes) == 2 for r, _ in shown if r.scores.roc or r.scores.pr)
    roc = [(n, r.scores.roc[0]) for r, n in shown if r.scores.roc] if binary else []
    pr = [(n, r.scores.pr[0]) for r, n in shown if r.scores.pr] if binary else []
    risk = [(n, r.scores.risk_coverage) for r, n in shown if r.scores.risk_coverage is not None]
    lines = [
        Member(n, m.epochs, m.best_epoch, m.stopped, m.seconds, m.samples_per_second, m.monitor)
        for r, n in shown
        for m in r.members[:1]
    ]
    return (
        _overlay("roc", "ROC curves", roc, "false positive rate", "true positive rate"),
        _overlay("pr", "Precision–recall curves", pr, "recall", "precision"),
        _overlay("risk", "Risk against coverage", risk, "coverage", "error among the answered rows"),
        history.metric(lines) if len(lines) > 1 else None,
    )


def _overlay(slug: str, title: str, curves: Sequence[tuple[str, Curve]], x: str, y: str) -> Figure | None:
    if not curves:
        return None
    top = 1.0 if slug != "risk" else span([v for _, c in curves for v in c.y], zero=True)[1]
    plot = Plot(
        f"all-{slug}",
        title=title,
        description=", ".join(n for n, _ in curves),
        x=Axis(0, 1, x, at=UNIT_TICKS),
        y=Axis(0, top, y, at=UNIT_TICKS if slug != "risk" else None),
        height=340,
        grid="xy",
    )
    for i, (_, curve) in reversed(list(enumerate(curves))):
        plot.line(curve.x, curve.y, i)
    keys = tuple(Key(n + (f", {fixed(c.area)}" if c.area is not None else ""), i) for i, (n, c) in enumerate(curves))
    return Figure(plot.svg(), title, "", keys)
