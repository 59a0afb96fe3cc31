"""What many yes/no labels are judged by beyond single metrics: thresholds, medians by group, the answer "none", pairs over labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.bootstrap import percentile_interval
from strandloom.evaluation.metrics import LABEL_METRICS
from strandloom.evaluation.ranking import Floats

ALL = "all labels"
OTHERS = "other labels"
SHOWN = ("roc_auc", "average_precision", "f1_macro")
"""Metrics whose medians and pairs are reported."""
DRAWS = 2000


def best_thresholds(probabilities: NDArray[np.floating], y: NDArray[Any]) -> Floats:
    """For each label the threshold with the highest F1, float64 ``(K,)``; 0.5 where no row has the label, or every one.

    Parameters
    ----------
    probabilities, y
        float and 0/1 ``(N, K)`` of validation rows.
    """
    found = np.full(probabilities.shape[1], 0.5)
    for k in range(probabilities.shape[1]):
        truth = np.asarray(y[:, k]) > 0.5
        if not truth.any() or truth.all():
            continue
        scores = np.asarray(probabilities[:, k], np.float64)
        order = np.argsort(-scores, kind="stable")
        ordered, hits = scores[order], np.cumsum(truth[order])
        last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # only between different scores
        f1 = 2 * hits[last] / (last + 1 + hits[-1])
        best = int(last[f1.argmax()])
        below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
        found[k] = (ordered[best] + below) / 2
    return found


def label_groups(names: Sequence[str], patterns: Mapping[str, Sequence[str]]) -> list[str]:
    """The group of each label: the first with a pattern that fits its name."""
    return [
        next((group for group, asked in patterns.items() if any(fnmatchcase(name, x) for x in asked)), OTHERS)
        for name in names
    ]


def judge_labels(
    values: Mapping[str, Floats],
    y: NDArray[Any],
    *,
    model: str,
    names: Sequence[str],
    thresholds: NDArray[np.floating],
    patterns: Mapping[str, Sequence[str]],
    seed: int,
) -> dict[str, Any]:
    """Table of labels, medians by group, the answer "none" and pairs over labels, as ``evaluation.json`` holds them.

    Parameters
    ----------
    values
        Metrics ``(K, M)`` of every system by name, in the order of ``LABEL_METRICS``.
    y
        0/1 ``(N, K)``.
    model
        Name of the system that is judged.
    names
        Of the K labels.
    thresholds
        From which the model says yes, float ``(K,)``.
    patterns
        Group to patterns of label names; none: all labels are one group.
    seed
        Of the draws of labels.
    """
    positives = np.asarray(y > 0.5).sum(axis=0)
    groups = label_groups(names, patterns) if patterns else [""] * len(names)
    others = [name for name in values if name != model]
    place: dict[str, int] = {metric: i for i, metric in enumerate(LABEL_METRICS)}
    own = values[model]
    table = []
    for k, name in enumerate(names):
        row: dict[str, Any] = {
            "label": name,
            "group": groups[k],
            "positives": int(positives[k]),
            "threshold": float(thresholds[k]),
            **{metric: float(own[k, place[metric]]) for metric in SHOWN},
        }
        row["baselines"] = {x: float(values[x][k, place["average_precision"]]) for x in others}
        table.append(row)
    accuracy = own[:, place["accuracy"]]
    share = positives / len(y)
    return {
        "table": table,
        "groups": _medians(values, groups, patterns, place),
        "none": {"accuracy": float((1 - share).mean()), "model": float(accuracy.mean())},
        "pairs": {
            other: {
                metric: _pair(own[:, place[metric]], values[other][:, place[metric]], seed)
                for metric in ("roc_auc", "average_precision")
            }
            for other in others
        },
    }


def _medians(
    values: Mapping[str, Floats], groups: Sequence[str], patterns: Mapping[str, Sequence[str]], place: Mapping[str, int]
) -> dict[str, Any]:
    """Group to labels and medians of every system, all labels first; a label without a value does not count."""
    members: dict[str, NDArray[np.bool_]] = {ALL: np.ones(len(groups), bool)}
    given = np.array(groups)
    members |= {g: given == g for g in (*patterns, OTHERS) if patterns and (given == g).any()}
    found: dict[str, Any] = {}
    for group, inside in members.items():
        own = next(iter(values.values()))[inside, place["roc_auc"]]
        found[group] = {
            "labels": int(inside.sum()),
            "defined": int((~np.isnan(own)).sum()),
            "systems": {
                name: {metric: _median(each[inside, place[metric]]) for metric in SHOWN}
                for name, each in values.items()
            },
        }
    return found


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _pair(own: Floats, other: Floats, seed: int) -> dict[str, Any]:
    """Mean difference over labels with an interval from resampled labels, and the share of labels where the model is higher."""
    known = ~np.isnan(own) & ~np.isnan(other)
    difference = (own - other)[known]
    if not len(difference):
        return {"labels": 0, "difference": {"value": None, "low": None, "high": None}, "won": None}
    generator = np.random.default_rng(seed)
    draws = difference[generator.integers(0, len(difference), (DRAWS, len(difference)))].mean(axis=1)
    interval = percentile_interval(float(difference.mean()), draws)
    return {"labels": len(difference), "difference": interval.to_json(), "won": float((difference > 0).mean())}
