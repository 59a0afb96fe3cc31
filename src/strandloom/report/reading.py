"""``evaluation.json`` (format 1) into :class:`~strandloom.report.scores.Scores`.

Read forgivingly: an entry that is absent, null or of an unknown form is left out, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from strandloom.evaluation.results import USUAL_INTERVAL
from strandloom.report.numbers import finite
from strandloom.report.scores import (
    BASELINES,
    METRICS,
    Bin,
    ClassScore,
    Curve,
    Difference,
    Histogram,
    Json,
    Near,
    Outcome,
    Point,
    Score,
    Scores,
    SeedRow,
    mapping,
)

METRIC_ORDER = tuple(METRICS)
OUTCOMES: dict[str, Outcome] = {"better": "better", "worse": "worse", "not distinguishable": "same", "same": "same"}
CLASS_METRICS = ("precision", "recall", "f1", "roc_auc", "average_precision")


def read_scores(stored: Json) -> Scores:
    """The normalised evaluation.

    Parameters
    ----------
    stored
        What ``Evaluation.to_json`` gives, or as much of it as there is.
    """
    if not stored:
        return Scores()
    classes = tuple(str(x) for x in stored.get("classes") or ())
    curves = mapping(stored.get("curves"))
    calibration = mapping(stored.get("calibration"))
    abstention = mapping(stored.get("abstention"))
    model = read_metrics(stored.get("model"))
    facts = {str(k): mapping(v) for k, v in mapping(stored.get("baseline_facts")).items()}
    baselines = {str(k): m for k, v in mapping(stored.get("baselines")).items() if (m := read_metrics(v))}
    seeds, word = _seeds(stored.get("seeds"))
    ceiling = mapping(stored.get("ceiling"))
    interval = _interval(stored.get("interval"))
    return Scores(
        task=str(stored.get("task") or "classes"),
        part=str(stored.get("part") or "test"),
        primary=str(stored.get("primary") or ""),
        interval=interval,
        rows=int(finite(stored.get("rows")) or 0),
        classes=classes,
        model=model,
        baselines=baselines,
        titles={
            name: str(facts.get(name, {}).get("title") or BASELINES.get(name, name)) for name in {**facts, **baselines}
        },
        about={name: str(f["about"]) for name, f in facts.items() if f.get("about")},
        skipped={name: str(f["skipped"]) for name, f in facts.items() if f.get("skipped")},
        comparisons=_comparisons(stored.get("comparisons")),
        ceiling={m: s for m, s in read_metrics(ceiling).items() if m in METRIC_ORDER},
        symmetric_ceiling=finite(ceiling.get("strand_symmetric_accuracy")),
        per_target={str(k): read_metrics(v) for k, v in mapping(stored.get("per_target")).items()},
        confusion=tuple(tuple(finite(v) or 0.0 for v in row) for row in _list(stored.get("confusion")) if _list(row)),
        per_class=_per_class(stored.get("per_class"), classes),
        roc=_curves(curves.get("roc"), classes, area="roc_auc", stored=stored),
        pr=_curves(curves.get("pr"), classes, area="average_precision", stored=stored),
        reliability=_bins(curves.get("reliability") or calibration.get("bins"), interval),
        histograms=_histograms(curves.get("scores")),
        histogram_label=str(mapping(curves.get("scores")).get("score") or "score"),
        risk_coverage=_curve("", curves.get("risk_coverage"), None),
        temperature=finite(calibration.get("temperature")),
        ece_before=finite(mapping(calibration.get("validation")).get("ece_before")),
        ece_after=finite(mapping(calibration.get("validation")).get("ece_after")),
        stated_error=finite(abstention.get("target_error")),
        abstention=_point(abstention),
        abstention_text=str(abstention.get("text") or ""),
        reachable=abstention.get("reachable") is not False,
        decision_threshold=finite(calibration.get("threshold")) if len(classes) == 2 else None,
        by_distance=_distance(stored.get("by_distance"), interval),
        values=mapping(stored.get("values")),
        labels=mapping(stored.get("labels")),
        seeds=seeds,
        seed_word=word,
        warnings=tuple(str(x) for x in _list(stored.get("warnings"))),
    )


def read_score(entry: Any) -> Score:
    """A score from ``{"value", "low", "high"}``, a bare number or nothing."""
    if isinstance(entry, Mapping):
        return Score(finite(entry.get("value")), finite(entry.get("low")), finite(entry.get("high")))
    return Score(finite(entry))


def read_metrics(entry: Any) -> dict[str, Score]:
    """The metrics of a block, known ones first and in the report's order."""
    block = mapping(entry)
    known = [m for m in METRIC_ORDER if m in block]
    other = [
        str(m) for m, v in block.items()
        if m not in METRIC_ORDER and ((isinstance(v, Mapping) and "value" in v) or finite(v) is not None)
    ]  # fmt: skip
    return {m: read_score(block[m]) for m in [*known, *other]}


def _interval(entry: Any) -> float:
    share = finite(entry)
    return share if share is not None and 0 < share < 1 else USUAL_INTERVAL


def wilson(share: float | None, rows: int, interval: float = USUAL_INTERVAL) -> Score:
    """A share with its Wilson interval (Wilson 1927); no interval without rows."""
    z = NormalDist().inv_cdf((1 + interval) / 2)
    if share is None or rows <= 0:
        return Score(share)
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return Score(share, max(centre - half, 0.0), min(centre + half, 1.0))


def _list(entry: Any) -> list[Any]:
    return list(entry) if isinstance(entry, Iterable) and not isinstance(entry, (str, bytes, Mapping)) else []


def _numbers(entry: Any) -> tuple[float, ...]:
    return tuple(float("nan") if (v := finite(x)) is None else v for x in _list(entry))


def _first(entry: Json, *keys: str) -> float | None:
    return next((v for k in keys if (v := finite(entry.get(k))) is not None), None)


def _comparisons(entry: Any) -> dict[str, dict[str, Difference]]:
    return {
        str(name): {
            str(metric): Difference(read_score(one), OUTCOMES.get(str(mapping(one).get("verdict")), "unknown"))
            for metric, one in mapping(found).items()
        }
        for name, found in mapping(entry).items()
    }


def _per_class(entry: Any, classes: tuple[str, ...]) -> tuple[ClassScore, ...]:
    block = {str(k): mapping(v) for k, v in mapping(entry).items()}
    names = [n for n in classes if n in block] + [n for n in block if n not in classes]
    return tuple(
        ClassScore(
            n,
            int(_first(block[n], "n", "rows", "support") or 0),
            {m: read_score(block[n][m]) for m in CLASS_METRICS if m in block[n]},
        )
        for n in names
    )


def _curve(name: str, entry: Any, area: float | None) -> Curve | None:
    block = mapping(entry)
    x, y = _numbers(block.get("x")), _numbers(block.get("y"))
    known = [(a, b) for a, b in zip(x, y, strict=False) if a == a and b == b]
    if not known or len(x) != len(y):
        return None
    return Curve(name, tuple(a for a, _ in known), tuple(b for _, b in known), area)


def _curves(entry: Any, classes: tuple[str, ...], *, area: str, stored: Json) -> tuple[Curve, ...]:
    """One curve per class; for two classes only that of the positive (second) class."""
    block = mapping(entry)
    if "x" in block:
        block = {classes[-1] if len(classes) == 2 else "all": block}
    per_class, model = mapping(stored.get("per_class")), mapping(stored.get("model"))
    found: list[Curve] = []
    for name, one in block.items():
        known = _first(mapping(per_class.get(name)), area)
        if known is None and len(classes) == 2:
            known = read_score(model.get(area)).value
        curve = _curve(str(name), one, known)
        if curve is not None:
            found.append(curve)
    if len(classes) == 2 and len(found) > 1:
        return tuple(c for c in found if c.name == classes[1]) or tuple(found[:1])
    return tuple(found)


def _bins(entry: Any, interval: float) -> tuple[Bin, ...]:
    found: list[Bin] = []
    for one in _list(entry):
        names = ("low", "high", "n", "confidence", "accuracy")
        block = mapping(one) or dict(zip(names, _list(one), strict=False))
        confidence, frequency = finite(block.get("confidence")), _first(block, "accuracy", "frequency")
        rows = int(_first(block, "n", "rows", "count") or 0)
        if confidence is not None and frequency is not None and rows:
            around = wilson(frequency, rows, interval)
            found.append(Bin(confidence, frequency, around.low, around.high, rows))
    return tuple(found)


def _histograms(entry: Any) -> tuple[Histogram, ...]:
    block = mapping(entry)
    edges = _numbers(block.get("edges"))
    found: list[Histogram] = []
    for name, one in mapping(block.get("counts")).items():
        counts = _numbers(one)
        if counts and len(edges) == len(counts) + 1 and all(a < b for a, b in pairwise(edges)):
            found.append(Histogram(str(name), edges, tuple(0.0 if c != c else c for c in counts)))
    return tuple(found)


def _point(entry: Json) -> Point | None:
    """The abstention threshold with coverage and error on the evaluated rows."""
    threshold = finite(entry.get("threshold"))
    return None if threshold is None else Point(threshold, finite(entry.get("coverage")), finite(entry.get("error")))


def _distance(entry: Any, interval: float) -> tuple[Near, ...]:
    found: list[Near] = []
    for one in _list(entry):
        block = mapping(one)
        low, high = finite(block.get("low")), finite(block.get("high"))
        rows = int(_first(block, "n", "rows") or 0)
        if low is None or high is None:
            continue
        found.append(Near(low, high, rows, wilson(finite(block.get("accuracy")), rows, interval)))
    return tuple(sorted(found, key=lambda x: x.low))


def _seeds(entry: Any) -> tuple[tuple[SeedRow, ...], str]:
    """Scores of each run from ``{"seeds": [...], "model": {metric: {"values": [...]}}}``."""
    block = mapping(entry)
    names = _list(block.get("seeds"))
    word = str(block.get("kind") or "seed")
    columns = {
        m: [finite(v) for v in _list(mapping(found).get("values"))] for m, found in mapping(block.get("model")).items()
    }
    rows = [
        SeedRow(
            f"{word} {name}",
            {m: columns[m][i] for m in METRIC_ORDER if m in columns and i < len(columns[m])},
        )
        for i, name in enumerate(names)
    ]
    return tuple(rows), word
