"""What a run's figures ask for next, in words, where there is something true to say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from strandloom.studio.progress import Curve

RARER = 0.7
"""A class with fewer rows than this share of another's is the rarer one."""


def about_curves(curves: Sequence[Curve], *, planned: int | None) -> list[str]:
    """What the curves of a training say."""
    said = []
    for curve in curves[:1]:
        losses = [x["validation_loss"] for x in curve.epochs if x.get("validation_loss") is not None]
        if len(losses) < 3:
            continue
        best = losses.index(min(losses))
        train = [x["train_loss"] for x in curve.epochs]
        if best == len(losses) - 1 and planned is not None and len(losses) >= planned:
            said.append("The last epoch is the best one: more epochs may help.")
        elif best < 0.5 * len(losses) and train[-1] < 0.9 * train[best] and losses[-1] > losses[best]:
            said.append(
                f"From epoch {best + 1} on the network learns the training rows by heart (their loss falls, that of validation rises): "
                f"more dropout, augmentation or data; epoch {best + 1} is kept."
            )
        if any(b > 3 * a for a, b in itertools.pairwise(train) if a > 0):
            said.append("The training loss jumps: a lower learning rate may help.")
    return said


def about_evaluation(evaluation: Mapping[str, Any], leakage: Mapping[str, Any]) -> list[str]:
    """What an evaluation says beside its baselines."""
    said = []
    primary = evaluation["primary"]
    own = evaluation["model"][primary]
    known = {
        name: scores[primary]["value"]
        for name, scores in evaluation["baselines"].items()
        if name != "network_alone" and scores[primary]["value"] is not None
    }
    if known and own["value"] is not None:
        best = max(known, key=lambda x: known[x])
        verdict = evaluation["comparisons"].get(best, {}).get(primary, {}).get("verdict")
        title = evaluation["baseline_facts"].get(best, {}).get("title", best)
        if verdict == "worse":
            said.append(
                f"“{title}” does better than this model ({known[best]:.2f} against {own['value']:.2f}): use it, or find out why."
            )
        elif verdict == "not distinguishable":
            said.append(
                f"“{title}” does as well as far as these rows can tell ({known[best]:.2f} against {own['value']:.2f}): more test rows "
                "would say more."
            )
    if own.get("low") is not None and own["high"] - own["low"] > 0.15:
        said.append(
            f"The interval is wide ({own['low']:.2f} to {own['high']:.2f}): more test rows, or folds, would narrow it."
        )
    pairs = [x for x in leakage.get("pairs", ()) if (x["part"], x["other"]) == ("test", "train")]
    if pairs and pairs[0]["fraction"] > 0.02:
        said.append(
            f"{pairs[0]['fraction']:.0%} of the test rows have a twin in training: a split by homology would tell what is known of new "
            "sequences."
        )
    seeds = evaluation.get("seeds")
    if not seeds:
        said.append("One seed: three would show how much of the figure is luck of the start.")
    return said


def about_confusion(evaluation: Mapping[str, Any]) -> list[str]:
    """Which classes are taken for one another."""
    table, names = evaluation.get("confusion") or [], evaluation.get("classes") or []
    worst: tuple[float, str, str] | None = None
    for i, row in enumerate(table):
        total = sum(row)
        for j, count in enumerate(row):
            if i != j and total and count / total > 0.2 and (worst is None or count / total > worst[0]):
                worst = (count / total, names[i], names[j])
    if worst is None:
        return []
    rows = {name: sum(row) for name, row in zip(names, table, strict=False)}
    rarer = rows[worst[1]] < RARER * rows[worst[2]]
    advice = (
        f"more rows of {worst[1]}, or balanced class weights, may help"
        if rarer
        else "more rows of both would tell them apart better"
    )
    return [f"{worst[0]:.0%} of {worst[1]} is taken for {worst[2]}: {advice}."]


def about_values(evaluation: Mapping[str, Any]) -> list[str]:
    """What the scatter and the interval of values say."""
    values = evaluation.get("values") or {}
    said = []
    found = evaluation["model"]["r2"]["value"]
    ceiling = (evaluation.get("ceiling") or {}).get("r2")
    if ceiling is not None and found is not None:
        said.append(f"Of the variance {ceiling:.0%} is not noise of measurement; the model explains {found:.0%}.")
    interval = values.get("interval") or {}
    for name, share in zip(evaluation["classes"], interval.get("coverage") or (), strict=False):
        if abs(share - interval["level"]) > 0.05:
            said.append(
                f"{share:.0%} of the test values of {name} lie in their {interval['level']:.0%} intervals: the test rows differ from "
                "those of validation."
            )
    return said
