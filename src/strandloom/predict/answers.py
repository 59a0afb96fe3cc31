"""What a model answers, as it is written: scores of rows to columns, by what the manifest says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import Manifest
from strandloom.evaluation.calibration import sigmoid
from strandloom.evaluation.decision import Decision

_ENDS = ("low", "high", "sd", "beyond")
"""What stands behind the name of a target."""


class ScorePair(NamedTuple):
    """Scores of N rows before calibration: the networks' mean float32 ``(N, K)``, and what is answered with, float64 ``(N, K)``.

    Of task ``value`` they are values in their own unit, and ``spread`` is the standard deviation over the networks, float64 ``(N, K)``;
    None where there is one network.
    """

    network: NDArray[np.float32]
    blended: NDArray[np.float64]
    spread: NDArray[np.float64] | None = None


def decision_of(manifest: Manifest) -> Decision:
    """How raw scores become a class or silence, as fitted on validation."""
    return Decision(
        manifest.temperature, manifest.decision_threshold, manifest.abstain_threshold, manifest.abstain_error
    )


def label_thresholds(manifest: Manifest) -> NDArray[np.float64]:
    """The probability from which each label is given, float64 ``(K,)``."""
    return np.array(manifest.label_thresholds or (0.5,) * len(manifest.labels))


def calibrated_labels(manifest: Manifest, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Raw scores of task ``labels`` to calibrated probabilities, float64 ``(N, K)``."""
    return sigmoid(np.asarray(logits, np.float64) / manifest.temperature)


def answer_frame(manifest: Manifest, ids: pl.Series, scores: ScorePair) -> pl.DataFrame:
    """Scores of N rows as they are written.

    Classes: ``id, prediction, p_<class>…, abstain``. Labels: ``id, <label>…, labels``, probabilities by the name of each label; the last
    column names those that reach their thresholds, separated by commas. Values: ``id``, then of each target its value,
    ``<target>_low`` and ``_high`` (the conformal interval), ``_sd`` (how far the networks disagree) and ``_beyond`` (whether it lies
    outside the values of training).
    """
    frames = {"classes": _class_frame, "labels": _label_frame, "value": _value_frame}
    return frames[manifest.task](manifest, ids, scores)


def _class_frame(manifest: Manifest, ids: pl.Series, scores: ScorePair) -> pl.DataFrame:
    answers = decision_of(manifest).apply(scores.blended)
    labels = pl.Series("prediction", list(manifest.labels), dtype=pl.String)
    columns = [ids.alias("id"), labels.gather(answers.predicted).alias("prediction")]
    columns += [pl.Series(f"p_{name}", answers.probabilities[:, k]).round(6) for k, name in enumerate(manifest.labels)]
    return pl.DataFrame([*columns, pl.Series("abstain", answers.abstained)])


def _label_frame(manifest: Manifest, ids: pl.Series, scores: ScorePair) -> pl.DataFrame:
    probabilities = calibrated_labels(manifest, scores.blended)
    yes = probabilities >= label_thresholds(manifest)
    names = np.array(manifest.labels, object)
    each = [pl.Series(name, probabilities[:, k]).round(6) for k, name in enumerate(output_columns(manifest.labels))]
    said = pl.Series("labels", [",".join(names[row]) for row in yes], dtype=pl.String)
    return pl.DataFrame([ids.alias("id"), *each, said])


def _value_frame(manifest: Manifest, ids: pl.Series, scores: ScorePair) -> pl.DataFrame:
    columns = [ids.alias("id")]
    for k, name in enumerate(output_columns(manifest.labels, _ENDS)):
        value = scores.blended[:, k]
        columns.append(pl.Series(name, value))
        if manifest.value_interval is not None:
            width = manifest.value_interval.width[k]
            columns += [pl.Series(f"{name}_low", value - width), pl.Series(f"{name}_high", value + width)]
        if scores.spread is not None:
            columns.append(pl.Series(f"{name}_sd", scores.spread[:, k]))
        if manifest.value_range:
            low, high = manifest.value_range[k]
            columns.append(pl.Series(f"{name}_beyond", (value < low) | (value > high)))
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).round(6))


def output_columns(names: Sequence[str], ends: Sequence[str] = ()) -> list[str]:
    """The columns of outputs: their names, but for those that another column has, its ends (``_low`` …) included."""
    taken = {"id", "labels", "truth"}
    found: list[str] = []
    for name in names:
        column = name
        others = [x for x in names if x != name]
        while column in taken or any(f"{column}_{end}" in (*taken, *others) for end in ends):
            column = f"predicted_{column}"
        found.append(column)
        taken |= {column, *(f"{column}_{end}" for end in ends)}
    return found
