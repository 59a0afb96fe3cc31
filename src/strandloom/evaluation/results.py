"""The typed result of an evaluation and its file, ``evaluation.json``.

``Evaluation.to_json`` is a plain dictionary ready for ``json.dumps`` (NaN becomes null), ``from_json`` reads it
back. The layout has a number (``format``); a reader refuses a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

from strandloom.errors import InputError
from strandloom.io.plain import plain

FORMAT = 1
USUAL_INTERVAL = 0.95
"""That of a file without the key ``interval``."""
Verdict = Literal["better", "not distinguishable", "worse"]


class Interval(NamedTuple):
    """A value with the ends of its interval; NaN where there is none."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}``; NaN as None."""
        return {name: plain(number) for name, number in self._asdict().items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, float | None]) -> Interval:
        """The interval back from its dictionary."""
        return cls(*(_number(stored[name]) for name in cls._fields))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Model minus baseline on one metric: the difference, a two-sided share of resamples, the verdict.

    ``verdict`` says how the model does: for losses a negative difference is ``better``.
    """

    metric: str
    difference: Interval
    p: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The difference flattened beside ``metric``, ``p`` and ``verdict``."""
        return {"metric": self.metric, **self.difference.to_json(), "p": plain(self.p), "verdict": self.verdict}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Comparison:
        """The comparison back from its dictionary."""
        return cls(stored["metric"], Interval.from_json(stored), _number(stored["p"]), stored["verdict"])


@dataclass(frozen=True, slots=True)
class DistanceBin:
    """The score of the rows whose similarity to the nearest training row lies in ``[low, high)`` (the last bin holds
    1).
    """

    low: float
    high: float
    n: int
    accuracy: float
    matthews_corrcoef: float


Metrics = dict[str, Interval]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured on one part of a table.

    Parameters
    ----------
    task
        ``classes``, ``labels`` or ``value``.
    classes
        Class names in order (label names, target names); binary: the second is the positive class.
    rows, part
        Number of rows scored and where they come from (``test``, ``folds``, ``table``).
    primary
        The metric that the verdicts rest on.
    interval
        The share of the resamples between the ends of an interval.
    model, baselines
        Metric to interval, for the model and for each baseline by name.
    comparisons
        Baseline name to metric to model-minus-baseline.
    per_target
        Target or label name to metric to interval (several targets or labels only).
    confusion
        Counts, rows = truth, columns = decision (up to 200 classes).
    per_class
        Class name to ``{"n", "precision", "recall", "f1", "roc_auc", "average_precision"}``.
    curves
        ``roc``, ``pr`` (class name to ``{"x", "y"}``), ``reliability`` (bins), ``risk_coverage`` (``{"x", "y"}``),
        ``scores`` (histograms).
    calibration, abstention
        What was fitted on validation and how it does here.
    by_distance
        Score by similarity to the nearest training row.
    baseline_facts
        Baseline name to ``{"title", "about", "seconds"}``, and for skipped ones ``{"skipped": reason}``.
    values
        Of measured values: ``scatter`` (target to ``{"x": measured, "y": predicted}``, a seeded draw of rows), ``errors`` (target to a
        histogram), ``strata`` (``{"label", "rows", "model": metrics, "baselines"}``), ``noise`` (what noise of measurement leaves to be
        explained), ``interval`` (level, width and coverage).
    labels
        Of yes/no labels: ``table`` (one entry a label: group, positives, threshold, metrics, ``baselines``' average precision), ``groups``
        (medians of every system by group), ``none`` (accuracy of the answer "no label", and the model's), ``pairs`` (baseline to metric to
        the mean difference over labels, resampled labels, and the share of labels won).
    seeds, ceiling
        Pooled summary over seeds or folds; the best possible score where it is known.
    warnings
        Plain sentences.
    """

    task: str
    classes: tuple[str, ...]
    rows: int
    part: str
    primary: str
    model: Metrics
    baselines: dict[str, Metrics] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Comparison]] = field(default_factory=dict)
    per_target: dict[str, Metrics] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    abstention: dict[str, Any] = field(default_factory=dict)
    by_distance: tuple[DistanceBin, ...] = ()
    baseline_facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, Any] | None = None
    ceiling: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    interval: float = USUAL_INTERVAL

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values for ``json.dumps``; NaN is None."""
        return {
            "format": FORMAT,
            "task": self.task,
            "classes": list(self.classes),
            "rows": self.rows,
            "part": self.part,
            "primary": self.primary,
            "interval": self.interval,
            "model": _metrics_json(self.model),
            "baselines": {name: _metrics_json(metrics) for name, metrics in self.baselines.items()},
            "comparisons": {
                name: {metric: found.to_json() for metric, found in metrics.items()}
                for name, metrics in self.comparisons.items()
            },
            "per_target": {name: _metrics_json(metrics) for name, metrics in self.per_target.items()},
            "confusion": plain(self.confusion),
            "per_class": plain(self.per_class),
            "curves": plain(self.curves),
            "calibration": plain(self.calibration),
            "abstention": plain(self.abstention),
            "by_distance": [plain(asdict(found)) for found in self.by_distance],
            "baseline_facts": plain(self.baseline_facts),
            "values": plain(self.values),
            "labels": plain(self.labels),
            "seeds": plain(self.seeds),
            "ceiling": plain(self.ceiling),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], *, where: str | None = None) -> Evaluation:
        """The evaluation back from its dictionary.

        Raises
        ------
        InputError
            The format is newer than this program, or the file is not an evaluation.
        """
        if not isinstance(stored, Mapping) or not isinstance(stored.get("format"), int):
            raise InputError("this is not an evaluation (no format number)", where=where)
        if stored["format"] > FORMAT:
            raise InputError(
                f"the evaluation has format {stored['format']}, this program reads up to {FORMAT}",
                where=where,
                hint="install a newer strandloom",
            )
        try:
            known = {entry.name: stored[entry.name] for entry in fields(cls) if entry.name in stored}
            known["classes"] = tuple(stored["classes"])
            known["model"] = _metrics_back(stored["model"])
            known["baselines"] = {name: _metrics_back(found) for name, found in stored["baselines"].items()}
            known["per_target"] = {name: _metrics_back(found) for name, found in stored["per_target"].items()}
            known["comparisons"] = {
                name: {metric: Comparison.from_json(one) for metric, one in found.items()}
                for name, found in stored["comparisons"].items()
            }
            known["per_class"] = {
                name: {key: _number(number) for key, number in found.items()}
                for name, found in stored["per_class"].items()
            }
            known["by_distance"] = tuple(_distance_bin(found) for found in stored["by_distance"])
            known["warnings"] = tuple(stored["warnings"])
            known["interval"] = float(stored.get("interval", USUAL_INTERVAL))
            return cls(**known)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"the evaluation is incomplete or damaged ({error})", where=where) from error


def _metrics_json(metrics: Metrics) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in metrics.items()}


def _metrics_back(stored: Mapping[str, Any]) -> Metrics:
    return {name: Interval.from_json(interval) for name, interval in stored.items()}


def _distance_bin(stored: Mapping[str, Any]) -> DistanceBin:
    return DistanceBin(
        _number(stored["low"]),
        _number(stored["high"]),
        int(stored["n"]),
        _number(stored["accuracy"]),
        _number(stored["matthews_corrcoef"]),
    )


def _number(stored: float | None) -> float:
    return float("nan") if stored is None else float(stored)
