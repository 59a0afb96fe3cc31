"""Judge predictions on one part of a table: metrics with intervals, baselines beside them, and whether the model
beats each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError, UsageError
from strandloom.evaluation.abstention import AbstentionThreshold, risk_coverage
from strandloom.evaluation.bootstrap import RANKED_LIMIT, Bootstrap, bootstrap
from strandloom.evaluation.calibration import ECE_DEFINITION, reliability
from strandloom.evaluation.curves import class_curves
from strandloom.evaluation.decision import ClassPredictions, Decision
from strandloom.evaluation.labels import judge_labels
from strandloom.evaluation.metrics import ClassScorer, LabelScorer, Scorer, ValueScorer, confusion, multiclass_mcc
from strandloom.evaluation.ranking import areas, rank
from strandloom.evaluation.results import Comparison, DistanceBin, Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.evaluation.values import (
    Conformal,
    Stratum,
    coverage,
    drawn_values,
    judge_strata,
    noise_ceiling,
)
from strandloom.words import plural

MODEL = "model"
PRIMARY = {"classes": "matthews_corrcoef", "labels": "average_precision", "value": "r2"}
COMPARED = ("log_loss", "roc_auc", "rmse")
DISTANCE_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SMALL_TEST = 100
RARE_CLASS = 20
CONFUSION_CLASSES = 200
LISTED = 6
LEAST_RESAMPLES = 200
_CHECKED = 65_536  # rows looked at for NaN at once


def evaluate_classes(
    predictions: ClassPredictions,
    y: NDArray[np.integer],
    *,
    names: Sequence[str],
    settings: EvaluationSettings,
    baselines: Mapping[str, NDArray[np.floating]] | None = None,
    part: str = "test",
    decision: Decision | None = None,
    groups: NDArray[np.integer] | None = None,
    similarity: NDArray[np.floating] | None = None,
    ceiling: dict[str, Any] | None = None,
    baseline_facts: Mapping[str, dict[str, Any]] | None = None,
) -> Evaluation:
    """Evaluate a classifier on N rows.

    Parameters
    ----------
    predictions
        The model's answers.
    y
        True class, int ``(N,)``, in the order of ``names``.
    names
        K class names; of two, the second is the positive class.
    settings
        Resamples, interval, primary metric, seed.
    baselines
        Name to probabilities ``(N, K)`` on the same rows.
    part
        What the rows are (``test``, ``folds``, ``table``).
    decision
        The rule fitted on validation, for the record; None for pooled folds.
    groups
        Component of each row, int ``(N,)``, to resample whole components.
    similarity
        Similarity of each row to its nearest training row in 0..1, float ``(N,)``.
    ceiling
        The best possible scores where they are known.
    baseline_facts
        Title, choices and seconds of each baseline (``FittedBaselines.facts``).

    Raises
    ------
    InputError
        There is no row.
    UsageError
        Shapes do not agree, or the primary metric is not one of classes.
    """
    truth = np.asarray(y, np.int64)
    others = dict(baselines or {})
    _check(predictions.probabilities, len(truth), len(names), others)
    scorers: dict[str, Scorer] = {
        MODEL: ClassScorer(predictions.probabilities, truth, predicted=predictions.predicted),
        **{name: ClassScorer(found, truth) for name, found in others.items()},
    }
    primary = _primary("classes", settings, ClassScorer.metrics)
    drawn = _bootstrap(scorers, settings, groups)
    correct = predictions.predicted == truth
    table = confusion(truth, predictions.predicted, classes=len(names)) if len(names) <= CONFUSION_CLASSES else None
    return Evaluation(
        task="classes",
        classes=tuple(names),
        rows=len(truth),
        part=part,
        primary=primary,
        interval=settings.interval,
        model=drawn.all(MODEL),
        baselines={name: drawn.all(name) for name in others},
        comparisons=_compare(drawn, list(others), primary),
        confusion=[] if table is None else table.tolist(),
        per_class=_per_class(predictions, truth, names),
        curves=class_curves(predictions.probabilities, truth, names=names, correct=correct),
        calibration=_calibration(drawn, predictions, truth, decision),
        abstention=_abstention(predictions, correct, decision),
        by_distance=() if similarity is None else by_distance(similarity, truth, predictions.predicted),
        baseline_facts=dict(baseline_facts or {}),
        ceiling=ceiling,
        warnings=(*_class_warnings(truth, names), *_bootstrap_warnings(drawn), *drawn.notes),
    )


def evaluate_labels(
    probabilities: NDArray[np.floating],
    y: NDArray[Any],
    *,
    names: Sequence[str],
    settings: EvaluationSettings,
    baselines: Mapping[str, NDArray[np.floating]] | None = None,
    thresholds: Mapping[str, NDArray[np.floating]] | None = None,
    part: str = "test",
    groups: NDArray[np.integer] | None = None,
    baseline_facts: Mapping[str, dict[str, Any]] | None = None,
    temperature: float | None = None,
) -> Evaluation:
    """Evaluate yes/no labels: probabilities and 0/1 truth ``(N, K)``; the mean over labels, and each label.

    Parameters and errors as in ``evaluate_classes``. Ranking metrics of a label without positives are not defined
    (null) and left out of the mean. No copy of the tables is made: a memory map may be given. Where rows × labels are too many for the
    resamples asked for, there are fewer, or none.

    Parameters
    ----------
    thresholds
        System (``MODEL``, a baseline's name) to the probability from which it says yes, float ``(K,)``; 0.5 where not given.
    temperature
        What the scores were divided by, for the record.
    """
    others = dict(baselines or {})
    _check(probabilities, len(y), len(names), others)
    given = dict(thresholds or {})
    truth = np.asarray(y) > 0.5
    scorers: dict[str, Scorer] = {
        name: LabelScorer(found, truth, thresholds=given.get(name))
        for name, found in {MODEL: probabilities, **others}.items()
    }
    positives = truth.sum(axis=0)
    notes = []
    for count, words in (
        ((positives == 0).sum(), "no positive row"),
        ((positives == len(truth)).sum(), "no negative row"),
    ):
        if count:
            notes.append(
                f"{plural(int(count), 'label')} of {len(names)} with {words} here: AUROC and AUPRC are left out"
            )
    few, note = _affordable(scorers, settings)
    drawn = _bootstrap(scorers, few, groups)
    facts = judge_labels(
        {name: drawn.values[i, 1:] for i, name in enumerate(drawn.systems)},
        truth,
        model=MODEL,
        names=names,
        thresholds=given.get(MODEL, np.full(len(names), 0.5)),
        patterns=settings.label_groups,
        seed=settings.seed,
    )
    plain = _plain_evaluation("labels", scorers, names, few, part, groups, baseline_facts, (*notes, *note), drawn=drawn)
    calibration = {} if temperature is None else {"temperature": temperature}
    return replace(plain, labels=facts, calibration=calibration)


def _affordable(
    scorers: Mapping[str, Scorer], settings: EvaluationSettings
) -> tuple[EvaluationSettings, tuple[str, ...]]:
    """Settings with as many resamples as can be ranked in about half a minute, none below ``LEAST_RESAMPLES``; and a note."""
    most = RANKED_LIMIT // max(sum(scorer.ranking_cost for scorer in scorers.values()), 1)
    if settings.resamples <= most:
        return settings, ()
    if most < LEAST_RESAMPLES:
        return settings.model_copy(update={"resamples": 0}), ("no intervals: too many rows × labels to resample",)
    words = f"intervals from {most:,} resamples instead of {settings.resamples:,}: there are many rows × labels"
    return settings.model_copy(update={"resamples": int(most)}), (words,)


def evaluate_values(
    predicted: NDArray[np.floating],
    y: NDArray[np.floating],
    *,
    names: Sequence[str],
    settings: EvaluationSettings,
    baselines: Mapping[str, NDArray[np.floating]] | None = None,
    part: str = "test",
    groups: NDArray[np.integer] | None = None,
    baseline_facts: Mapping[str, dict[str, Any]] | None = None,
    strata: Sequence[Stratum] | None = None,
    variance: NDArray[np.floating] | None = None,
    interval: Conformal | None = None,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Evaluate predicted numbers ``(N, K)`` against measured ones ``(N, K)``; several targets: their mean, and each.

    Other parameters and errors as in ``evaluate_classes``.

    Parameters
    ----------
    strata
        Ranges of rows that are scored apart.
    variance
        Of each measured value by its measurement, float ``(N,)``.
    interval
        Around a prediction; its coverage is measured.
    notes
        Sentences for the reader.
    """
    others = dict(baselines or {})
    _check(predicted, len(y), len(names), others)
    found, truth = np.asarray(predicted, np.float64), np.asarray(y, np.float64)
    scorers: dict[str, Scorer] = {name: ValueScorer(x, truth) for name, x in {MODEL: found, **others}.items()}
    values: dict[str, Any] = drawn_values(found, truth, names, seed=settings.seed)
    if strata is not None:
        values["strata"] = judge_strata(
            strata, found, truth, baselines=others, settings=settings, groups=groups, variance=variance
        )
    if interval is not None:
        values["interval"] = {
            "level": interval.level, "width": list(interval.width), "rows": interval.rows, "coverage": coverage(found, truth, interval),
        }  # fmt: skip
    ceiling = None
    if variance is not None and truth.shape[1] == 1:
        values["noise"] = noise = noise_ceiling(truth, variance)
        if noise["r2"] > 0:
            ceiling = {"r2": noise["r2"]}
        else:
            notes = (
                *notes,
                f"the stated noise of measurement (variance {noise['noise']:.3g}) is larger than the spread of the values "
                f"({noise['variance']:.3g}): many of these rows are hardly measured, and no ceiling can be given",
            )
    plain = _plain_evaluation("value", scorers, names, settings, part, groups, baseline_facts, notes)
    return replace(plain, values=values, ceiling=ceiling)


def by_distance(
    similarity: NDArray[np.floating], y: NDArray[np.integer], predicted: NDArray[np.integer]
) -> tuple[DistanceBin, ...]:
    """Accuracy and MCC of the rows in five bins of similarity to the nearest training row; empty bins say n = 0."""
    classes = int(max(y.max(initial=0), predicted.max(initial=0))) + 1
    which = np.clip(np.searchsorted(DISTANCE_EDGES, similarity, side="right") - 1, 0, len(DISTANCE_EDGES) - 2)
    found = []
    for b, (low, high) in enumerate(pairwise(DISTANCE_EDGES)):
        rows = which == b
        n = int(rows.sum())
        accuracy = mcc = float("nan")
        if n:
            hits = np.array([(y[rows] == predicted[rows]).sum()], np.float64)
            true, decided = (np.bincount(column[rows], minlength=classes) for column in (y, predicted))
            accuracy = float(hits[0] / n)
            truths, answers = true[:, None].astype(np.float64), decided[:, None].astype(np.float64)  # (K, 1)
            mcc = float(multiclass_mcc(hits, truths, answers, np.array([n], np.float64))[0])
        found.append(DistanceBin(low, high, n, accuracy, mcc))
    return tuple(found)


def _plain_evaluation(
    task: str, scorers: dict[str, Scorer], names: Sequence[str], settings: EvaluationSettings, part: str,
    groups: NDArray[np.integer] | None, facts: Mapping[str, dict[str, Any]] | None, notes: tuple[str, ...],
    drawn: Bootstrap | None = None,
) -> Evaluation:  # fmt: skip
    """The parts that labels and values share."""
    first = scorers[MODEL]
    primary = _primary(task, settings, first.metrics)
    if drawn is None:
        drawn = _bootstrap(scorers, settings, groups)
    others = [name for name in scorers if name != MODEL]
    each = range(1, first.groups) if first.groups > 1 else ()
    return Evaluation(
        task=task,
        classes=tuple(names),
        rows=first.rows,
        part=part,
        primary=primary,
        interval=settings.interval,
        model=drawn.all(MODEL),
        baselines={name: drawn.all(name) for name in others},
        comparisons=_compare(drawn, others, primary),
        per_target={names[g - 1]: drawn.all(MODEL, group=g) for g in each},
        baseline_facts=dict(facts or {}),
        warnings=(*_small(first.rows), *notes, *drawn.notes),
    )


def _bootstrap(
    scorers: dict[str, Scorer], settings: EvaluationSettings, groups: NDArray[np.integer] | None
) -> Bootstrap:
    return bootstrap(
        scorers, resamples=settings.resamples, seed=settings.seed, interval=settings.interval, groups=groups
    )


def _check(model: NDArray[np.floating], rows: int, outputs: int, others: Mapping[str, NDArray[np.floating]]) -> None:
    if not rows:
        raise InputError("there is no row to evaluate", hint="check the split: its test part is empty")
    for name, found in {MODEL: model, **others}.items():
        shape = np.asarray(found).reshape(len(found), -1).shape
        if shape != (rows, outputs):
            raise UsageError(f"{name}: predictions have shape {shape}, expected {(rows, outputs)}")
        if not all(np.isfinite(found[at : at + _CHECKED]).all() for at in range(0, rows, _CHECKED)):
            raise UsageError(f"{name}: predictions hold NaN or infinity")


def _primary(task: str, settings: EvaluationSettings, metrics: Sequence[str]) -> str:
    primary = settings.primary or PRIMARY[task]
    if primary not in metrics:
        raise UsageError(
            f"evaluation.primary is {primary}, which a {task} task does not have",
            hint=f"choose one of {', '.join(metrics)}",
        )
    return primary


def _compare(drawn: Bootstrap, others: list[str], primary: str) -> dict[str, dict[str, Comparison]]:
    compared = [primary, *(m for m in COMPARED if m != primary and m in drawn.metrics)]
    return {name: {metric: drawn.compare(MODEL, name, metric=metric) for metric in compared} for name in others}


def _per_class(
    predictions: ClassPredictions, y: NDArray[np.int64], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    ones = np.ones((len(y), 1))
    size = len(names)
    true, decided = np.bincount(y, minlength=size), np.bincount(predictions.predicted, minlength=size)
    right = np.bincount(y[predictions.predicted == y], minlength=size)
    found = {}
    for c, name in enumerate(names):
        n, called, hits = int(true[c]), int(decided[c]), int(right[c])
        area = areas(rank(predictions.probabilities[:, c], y == c), ones)
        found[name] = {
            "n": float(n),
            "precision": hits / called if called else float("nan"),
            "recall": hits / n if n else float("nan"),
            "f1": 2 * hits / (n + called) if n + called else float("nan"),
            "roc_auc": float(area.roc_auc[0]),
            "average_precision": float(area.average_precision[0]),
        }
    return found


def _calibration(
    drawn: Bootstrap, predictions: ClassPredictions, y: NDArray[np.int64], decision: Decision | None
) -> dict[str, Any]:
    return {
        "temperature": None if decision is None else decision.temperature,
        "threshold": None if decision is None else (0.5 if decision.threshold is None else decision.threshold),
        "ece": drawn.get(MODEL, "ece"),
        "definition": ECE_DEFINITION,
        "bins": [found._asdict() for found in reliability(predictions.probabilities, y)],
        "validation": None if decision is None or decision.validation is None else dict(decision.validation),
    }


def _abstention(predictions: ClassPredictions, correct: NDArray[np.bool_], decision: Decision | None) -> dict[str, Any]:
    answered = ~predictions.abstained
    n = int(answered.sum())
    found: dict[str, Any] = {
        "coverage": n / len(correct),
        "error": float((~correct[answered]).mean()) if n else None,
        "error_without": float((~correct).mean()),
        "area": risk_coverage(predictions.probabilities.max(axis=1), correct).area,
    }
    if decision is not None and decision.reachable is not None and decision.abstain_error is not None:
        seen = decision.validation or {}
        silence = AbstentionThreshold(
            decision.abstain_below or 0.0,
            decision.abstain_error,
            decision.reachable,
            seen.get("coverage", float("nan")),
            seen.get("error", float("nan")),
            seen.get("error_upper", float("nan")),
        )
        found |= {
            "threshold": decision.abstain_below,
            "target_error": decision.abstain_error,
            "reachable": decision.reachable,
            "text": silence.text,
        }
    return found


def _class_warnings(y: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    counts = np.bincount(y, minlength=len(names))
    found = list(_small(len(y)))
    if len(names) > CONFUSION_CLASSES:
        found.append(f"the confusion matrix is left out: there are more than {CONFUSION_CLASSES} classes")
    absent = [names[c] for c in np.flatnonzero(counts == 0).tolist()]
    rare = [f"{names[c]} ({counts[c]})" for c in np.flatnonzero((counts > 0) & (counts < RARE_CLASS)).tolist()]
    if absent:
        found.append(
            f"no row here belongs to {_listed(absent)}: nothing is known about {'it' if len(absent) == 1 else 'them'}"
        )
    if rare:
        found.append(f"few rows, so wide intervals, for {_listed(rare)}")
    largest = counts.max() / len(y)
    if largest > 0.8:
        found.append(
            f"{largest:.1%} of the rows are {names[int(counts.argmax())]}: accuracy alone says little, read MCC"
        )
    return found


def _small(rows: int) -> list[str]:
    return [f"only {rows} rows to evaluate: the intervals are wide"] if rows < SMALL_TEST else []


def _bootstrap_warnings(drawn: Bootstrap) -> list[str]:
    if not drawn.draws.size or np.isnan(drawn.values[0, 0]).any():
        return []
    model = drawn.draws[0, 0]
    missing = np.isnan(model) & ~np.isnan(model).all(axis=1, keepdims=True)
    few = int(missing.any(axis=0).sum())
    return [f"{few} of {model.shape[1]} resamples lacked a class and were left out of some intervals"] if few else []


def _listed(words: list[str]) -> str:
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
