"""From raw scores of held-out rows to an evaluation of measured values: the blend, the intervals, the regressors, the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import ValueTrust
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split, need_numbers
from strandloom.evaluation.blend import NETWORK_ALONE
from strandloom.evaluation.evaluate import evaluate_values
from strandloom.evaluation.pooling import pool_seeds
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import ValueRows
from strandloom.evaluation.regressors.fit import KINDS, FittedRegressors, fit_regressors
from strandloom.evaluation.regressors.nearest import NearestValues
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.evaluation.value_blend import VALUE_PARTNERS, ValueBlend, best_value_blend, regressor_values
from strandloom.evaluation.values import Conformal, conformal, strata_of
from strandloom.run.judge import fit_on_each, groups_of
from strandloom.run.members import HeldOut, Trained
from strandloom.run.progress import RunProgress

TRUSTED = 0.95
"""Share of the validation rows inside what is trusted."""
MOST_COMPARED = 5000
"""Validation rows that are compared with training sequences."""
LEAST_UNEXPLAINED = 0.25
"""Of the variance of the well measured half of the values, what no model is expected to explain: beside it, more reads help no more."""


@dataclass(frozen=True, eq=False)
class RegressorScores:
    """The regressors of every split, and their values of the pooled test rows.

    Parameters
    ----------
    fitted
        One set of regressors a split.
    values
        Regressor name to ``(n, K)`` over the pooled test rows; only those fitted on every split.
    """

    fitted: list[FittedRegressors]
    values: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class JudgedValues:
    """An evaluation with what the bundle keeps and the answers behind it.

    Parameters
    ----------
    evaluation
        The metrics on the pooled test rows.
    blends
        One a split.
    interval
        Around a predicted value.
    validation, test
        Answers to the pooled rows, float64 ``(n, K)``.
    trust
        How strange the validation rows were; None where one seed of several was measured.
    """

    evaluation: Evaluation
    blends: list[ValueBlend]
    interval: Conformal
    validation: Floats
    test: Floats
    trust: ValueTrust | None


def weighed(dataset: Dataset, train: NDArray[np.int64]) -> Dataset:
    """The data set with weights by how well each value is known: 1 / (its variance + what no model explains).

    Parameters
    ----------
    train
        Training rows, int64 ``(n,)``; they alone say how much varies.
    """
    assert dataset.variance is not None
    assert dataset.target is not None
    noise, values = dataset.variance[train], dataset.target.values[train].astype(np.float64)
    clear = noise <= np.median(noise)
    unexplained = LEAST_UNEXPLAINED * max(float(values[clear].var(0).mean() - noise[clear].mean()), 1e-9)
    weights = 1 / (dataset.variance + unexplained)
    given = np.ones(len(dataset)) if dataset.weights is None else dataset.weights
    weights = weights / weights[train].mean() * given
    return replace(dataset, weights=weights.astype(np.float32))


def rows_of(dataset: Dataset, rows: NDArray[np.int64]) -> ValueRows:
    """Measured rows of a data set, as regressors take them."""
    assert dataset.target is not None
    weights = np.ones(len(rows)) if dataset.weights is None else dataset.weights[rows].astype(np.float64)
    return ValueRows(
        np.asarray(dataset.codes[rows]),
        dataset.lengths[rows],
        dataset.target.values[rows].astype(np.float64),
        weights / max(weights.mean(), 1e-12),
    )


def judge_regressors(
    dataset: Dataset, splits: Sequence[Split], *, settings: EvaluationSettings, progress: RunProgress
) -> RegressorScores:
    """Fit the regressors on each split's train, choose on its validation, and predict its test."""

    def fit(split: Split, say: Callable[[str], None]) -> FittedRegressors:
        train, validation = rows_of(dataset, split.rows(TRAIN)), rows_of(dataset, split.rows(VALIDATION))
        return fit_regressors(train, validation, anchor=dataset.window.anchor, settings=settings, progress=say)

    return RegressorScores(*fit_on_each(dataset, splits, fit, progress=progress))


def in_units(trained: Sequence[Trained]) -> list[Trained]:
    """Trained networks whose scores of validation and test rows are values, each by its own centre and scale."""
    return [
        replace(
            one,
            validation=one.task.link(one.validation).astype(np.float32),
            test=one.task.link(one.test).astype(np.float32),
        )
        for one in trained
    ]


def judge_values(
    dataset: Dataset,
    splits: Sequence[Split],
    validation: HeldOut,
    test: HeldOut,
    *,
    settings: EvaluationSettings,
    regressors: RegressorScores,
    strand: Literal["one", "both"],
) -> JudgedValues:
    """Weigh the blend on validation, apply it to test, and measure.

    Parameters
    ----------
    validation, test
        Pooled values (not raw scores) of the networks.
    """
    bench = _Bench(dataset, splits, validation, test, regressors, settings, strand)
    judged = bench.measure(validation.scores, test.scores, settings=settings)
    if len(test.by_seed) == 1:
        return judged
    quick = settings.model_copy(update={"resamples": 0, "strata": None})
    single = [
        bench.measure(validation.by_seed[seed], test.by_seed[seed], settings=quick, whole=False).evaluation
        for seed in test.by_seed
    ]
    return replace(judged, evaluation=pool_seeds(judged.evaluation, single, seeds=list(test.by_seed)))


@dataclass(frozen=True, eq=False)
class _Bench:
    """What every measurement of one run shares."""

    dataset: Dataset
    splits: Sequence[Split]
    validation: HeldOut
    test: HeldOut
    regressors: RegressorScores
    settings: EvaluationSettings
    strand: Literal["one", "both"]

    def partners(self, split: int, part: int) -> dict[str, Floats]:
        """Values of the regressors that may be blended in, over the rows of a part."""
        if self.settings.blend == "none" or not self.regressors.fitted:
            return {}
        rows = self.splits[split].rows(part)
        codes, lengths = np.asarray(self.dataset.codes[rows]), self.dataset.lengths[rows]
        allowed = VALUE_PARTNERS if self.strand == "one" else VALUE_PARTNERS[:1]
        return {
            one.name: regressor_values(one, codes, lengths, strand=self.strand)
            for one in self.regressors.fitted[split]
            if one.name in allowed
        }

    def measure(
        self,
        validation_values: NDArray[np.float32],
        test_values: NDArray[np.float32],
        *,
        settings: EvaluationSettings,
        whole: bool = True,
    ) -> JudgedValues:
        """Blend split by split; measure the pooled test rows."""
        dataset = self.dataset
        assert dataset.target is not None
        truth = dataset.target.values.astype(np.float64)
        weights = np.ones(len(dataset)) if dataset.weights is None else dataset.weights.astype(np.float64)
        blends, seen, answers = [], [], []
        for i in range(len(self.splits)):
            own, held = self.validation.split == i, self.test.split == i
            partners = self.partners(i, VALIDATION)
            rows = self.validation.rows[own]
            blend = best_value_blend(validation_values[own].astype(np.float64), partners, truth[rows], weights[rows])
            blends.append(blend)
            seen.append(blend.apply(validation_values[own], partners))
            later = self.partners(i, TEST) if blend.used else {}
            answers.append(blend.apply(test_values[held], later))
        validation, predicted = np.concatenate(seen), np.concatenate(answers)
        interval = conformal(validation, truth[self.validation.rows])
        others = dict(self.regressors.values) if whole else {}
        facts = self.regressors.fitted[0].facts() if whole and self.regressors.fitted else {}
        if any(blend.used for blend in blends) and whole:
            others = {NETWORK_ALONE: test_values.astype(np.float64), **others}
            facts = {NETWORK_ALONE: {"title": "The network alone", "about": _blend_words(blends)}, **facts}
        rows = self.test.rows
        strata = None
        if settings.strata is not None:
            column = settings.strata.column
            values = need_numbers(dataset, column, where="evaluation.strata")[rows]
            strata = strata_of(column, values, settings.strata.edges)
        evaluation = evaluate_values(
            predicted,
            truth[rows],
            names=dataset.target.names,
            settings=settings,
            baselines=others,
            part="folds" if len(self.splits) > 1 else "test",
            groups=groups_of(dataset, self.splits, self.test, settings) if whole else None,
            baseline_facts=facts,
            strata=strata,
            variance=None if dataset.variance is None else dataset.variance[rows],
            interval=interval,
            notes=_slice_notes(dataset, self.splits[0]) if whole else (),
        )
        return JudgedValues(evaluation, blends, interval, validation, predicted, self.trust() if whole else None)

    def trust(self) -> ValueTrust:
        """How far the networks disagree on validation rows, and how near these are to training, as quantiles."""
        by_seed = [x.astype(np.float64) for x in self.validation.by_seed.values()]
        spread = None
        if len(by_seed) > 1:
            found = np.quantile(np.std(by_seed, axis=0, ddof=1), TRUSTED, axis=0)
            spread = tuple(float(x) for x in found)
        similarity = None
        near = [x for x in self.regressors.fitted[0] if isinstance(x, NearestValues)] if self.regressors.fitted else []
        if near:
            rows = self.splits[0].rows(VALIDATION)[:MOST_COMPARED]
            similarity = float(np.quantile(near[0].similarity(np.asarray(self.dataset.codes[rows])), 1 - TRUSTED))
        return ValueTrust(level=TRUSTED, spread=spread, similarity=similarity, rows=len(self.validation.rows))


def value_frame(
    dataset: Dataset,
    splits: Sequence[Split],
    validation: HeldOut,
    test: HeldOut,
    judged: JudgedValues,
) -> pl.DataFrame:
    """Validation and test rows: id, row, part, split, and truth and prediction of each target."""
    assert dataset.target is not None
    names = dataset.target.names
    frames = []
    for part, found, values in (("validation", validation, judged.validation), ("test", test, judged.test)):
        truth = dataset.target.values[found.rows]
        many = len(names) > 1
        columns: dict[str, NDArray[np.floating]] = {}
        for k, name in enumerate(names):
            columns[f"truth_{name}" if many else "truth"] = truth[:, k].astype(np.float64)
            columns[f"prediction_{name}" if many else "prediction"] = values[:, k]
        frames.append(
            pl.DataFrame(
                {
                    "id": dataset.ids.gather(found.rows),
                    "row": found.rows,
                    "part": [part] * len(found.rows),
                    "split": [splits[i].name for i in found.split],
                    **columns,
                }
            )
        )
    return pl.concat(frames)


def _blend_words(blends: Sequence[ValueBlend]) -> str:
    used = [blend for blend in blends if blend.used]
    gain = float(np.mean([blend.gain for blend in used]))
    names = dict.fromkeys(name for blend in used for name, _ in blend.shares)
    shares = {name: float(np.mean([dict(blend.shares).get(name, 0.0) for blend in used])) for name in names}
    said = ", ".join(f"{KINDS[name].title} ({share:.0%})" for name, share in shares.items())
    where = "" if len(blends) == 1 else f" in {len(used)} of {len(blends)} folds"
    return (
        f"Blended into the model's answer{where}, with their share of the weight: {said}; this lowered the squared error on validation by "
        f"{gain:.1%} of the variance"
    )


def _slice_notes(dataset: Dataset, split: Split) -> tuple[str, ...]:
    """A word of caution where the test rows are measured better or worse than those of training."""
    if dataset.variance is None:
        return ()
    train, test = (float(np.median(dataset.variance[split.rows(part)])) for part in (TRAIN, TEST))
    if test < 0.5 * train:
        return (
            f"the test rows are measured better than those of training (median variance by noise {test:.3g} against {train:.3g}): their "
            "scores are higher than those of new rows of the same kind as training would be, and can be above the scores in training",
        )
    if test > 2 * train:
        return (
            f"the test rows are measured worse than those of training (median variance by noise {test:.3g} against {train:.3g}): noise "
            "alone lowers their scores",
        )
    return ()
