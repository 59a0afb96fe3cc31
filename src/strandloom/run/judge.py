"""From raw scores of held-out rows to an evaluation: the decision rule, the baselines, the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.data.ceiling import ceiling_for
from strandloom.data.dataset import Dataset
from strandloom.data.leakage import nearest
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split
from strandloom.evaluation.baselines.base import Rows
from strandloom.evaluation.baselines.fit import FittedBaselines, fit_baselines
from strandloom.evaluation.decision import ClassPredictions, Decision, fit_decision
from strandloom.evaluation.evaluate import evaluate_classes
from strandloom.evaluation.pooling import pool_seeds
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.run.members import HeldOut
from strandloom.run.progress import RunProgress

SIMILARITY_CELLS = 500_000_000
"""Similarity to the nearest training row is left out when test rows × training rows × bases passes this, times a thousand."""


@dataclass(frozen=True, eq=False)
class BaselineScores:
    """The baselines of every split, and their probabilities of the pooled test rows.

    Parameters
    ----------
    fitted
        One set of baselines a split.
    probabilities
        Baseline name to ``(n, K)`` over the pooled test rows; only those fitted on every split.
    """

    fitted: list[FittedBaselines]
    probabilities: dict[str, NDArray[np.float64]]

    @property
    def seconds(self) -> float:
        """Time of all fits."""
        return sum(sum(found.seconds.values()) for found in self.fitted)


def rows_of(dataset: Dataset, rows: NDArray[np.int64]) -> Rows:
    """Labelled rows of a data set, as baselines take them."""
    assert dataset.target is not None
    return Rows(np.asarray(dataset.codes[rows]), dataset.lengths[rows], dataset.target.values[rows].astype(np.int64))


def judge_baselines(
    dataset: Dataset, splits: Sequence[Split], *, settings: EvaluationSettings, progress: RunProgress
) -> BaselineScores:
    """Fit the baselines on each split's train, choose on its validation, and score its test."""
    assert dataset.target is not None
    fitted, scores = [], []
    for split in splits:
        found = fit_baselines(
            rows_of(dataset, split.rows(TRAIN)),
            rows_of(dataset, split.rows(VALIDATION)),
            classes=dataset.target.num_outputs,
            settings=settings,
        )
        test = split.rows(TEST)
        scores.append(found.predict_proba(np.asarray(dataset.codes[test]), dataset.lengths[test]))
        fitted.append(found)
        for note in found.notes:
            progress.say(f"  {note}")
    shared = [name for name in scores[0] if all(name in one for one in scores)] if scores else []
    return BaselineScores(fitted, {name: np.concatenate([one[name] for one in scores]) for name in shared})


def similarity_to_train(dataset: Dataset, splits: Sequence[Split]) -> NDArray[np.float64] | None:
    """Similarity of each pooled test row to the nearest training row of its split, ``(n,)``; None where that would take too long."""
    work = sum(int((s.part == TEST).sum()) * int((s.part == TRAIN).sum()) * dataset.length for s in splits)
    if work > SIMILARITY_CELLS * 1000:
        return None
    found = [nearest(np.asarray(dataset.codes[s.rows(TEST)]), np.asarray(dataset.codes[s.rows(TRAIN)])) for s in splits]
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Judged:
    """An evaluation with the rule and the answers behind it."""

    evaluation: Evaluation
    decision: Decision
    answers: ClassPredictions


def judge(
    dataset: Dataset,
    splits: Sequence[Split],
    validation: HeldOut,
    test: HeldOut,
    *,
    settings: EvaluationSettings,
    baselines: BaselineScores,
    similarity: NDArray[np.floating[Any]] | None,
) -> Judged:
    """Fit the rule on validation, apply it to test, and measure.

    With folds, each fold's answers follow the rule of its own validation rows; the rule that goes into the bundle is fitted
    on the validation rows of all folds.
    """
    assert dataset.target is not None
    truth = dataset.target.values.astype(np.int64)
    names = dataset.target.names
    folds = len(splits) > 1

    def measure(
        validation_scores: NDArray[np.float32], test_scores: NDArray[np.float32], part: EvaluationSettings
    ) -> Judged:
        rule = fit_decision(validation_scores, truth[validation.rows], settings=part)
        if folds:
            answers = ClassPredictions.concat(
                [
                    fit_decision(
                        validation_scores[validation.split == i],
                        truth[validation.rows[validation.split == i]],
                        settings=part,
                    ).apply(test_scores[test.split == i])
                    for i in range(len(splits))
                ]
            )
        else:
            answers = rule.apply(test_scores)
        whole = part is settings
        evaluation = evaluate_classes(
            answers,
            truth[test.rows],
            names=names,
            settings=part,
            baselines=baselines.probabilities if whole else None,
            part="folds" if folds else "test",
            decision=None if folds else rule,
            groups=_groups(dataset, splits, test, settings) if whole else None,
            similarity=similarity if whole else None,
            ceiling=_ceiling(dataset, test.rows) if whole else None,
            baseline_facts=baselines.fitted[0].facts() if whole and baselines.fitted else None,
        )
        return Judged(evaluation, rule, answers)

    judged = measure(validation.scores, test.scores, settings)
    if len(test.by_seed) == 1:
        return judged
    quick = settings.model_copy(update={"resamples": 0})
    single = [measure(validation.by_seed[seed], test.by_seed[seed], quick).evaluation for seed in test.by_seed]
    return Judged(pool_seeds(judged.evaluation, single, seeds=list(test.by_seed)), judged.decision, judged.answers)


def _ceiling(dataset: Dataset, rows: NDArray[np.int64]) -> dict[str, Any] | None:
    known = ceiling_for(dataset, rows)
    if known.ceiling is None:
        return {"note": known.note} if known.note else None
    return {**asdict(known.ceiling), "note": known.note}


def _groups(
    dataset: Dataset, splits: Sequence[Split], test: HeldOut, settings: EvaluationSettings
) -> NDArray[np.int64] | None:
    """What is resampled together: near-duplicate components, or the values of a column."""
    if settings.groups is None:
        return None
    if settings.groups == "homology":
        from strandloom.data.split.homology import components

        whole = splits[0].component
        return components(dataset.codes[test.rows], dataset.lengths[test.rows]) if whole is None else whole[test.rows]
    from strandloom.data.split.core import need_text, text_groups

    return text_groups(need_text(dataset, settings.groups, where="evaluation.groups"))[0][test.rows]
