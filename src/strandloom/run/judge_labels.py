"""From raw scores of held-out rows to an evaluation of yes/no labels: the blend, the thresholds, the baselines, the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split
from strandloom.evaluation.blend import NETWORK_ALONE, Blend
from strandloom.evaluation.calibration import fit_label_temperature, sigmoid
from strandloom.evaluation.evaluate import MODEL, evaluate_labels
from strandloom.evaluation.label_baselines.base import LabelRows
from strandloom.evaluation.label_baselines.fit import FittedLabelBaselines, fit_label_baselines
from strandloom.evaluation.label_blend import LABEL_PARTNERS, best_label_blend, blended_scores, label_probabilities
from strandloom.evaluation.labels import best_thresholds
from strandloom.evaluation.pooling import pool_seeds
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.run.judge import blend_words, fit_on_each, groups_of
from strandloom.run.members import HeldOut
from strandloom.run.progress import RunProgress

MOST_WRITTEN = 20_000_000
"""Probabilities that ``predictions.parquet`` holds at most; of more rows a seeded draw is written."""


@dataclass(frozen=True, eq=False)
class LabelBaselineScores:
    """The baselines of every split, and their probabilities of the pooled test rows.

    Parameters
    ----------
    fitted
        One set of baselines a split.
    probabilities
        Baseline name to ``(n, K)`` over the pooled test rows; only those fitted on every split.
    """

    fitted: list[FittedLabelBaselines]
    probabilities: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class JudgedLabels:
    """An evaluation with what the bundle keeps and the answers behind it.

    Parameters
    ----------
    evaluation
        The metrics on the pooled test rows.
    blends
        One a split.
    temperature
        What blended scores are divided by.
    alone
        What the unblended networks' scores are divided by.
    thresholds
        System (``MODEL``, baselines by name) to the probabilities from which it gives each label, float64 ``(K,)``.
    validation, test
        Probabilities of the pooled rows, float64 ``(n, K)``.
    """

    evaluation: Evaluation
    blends: list[Blend]
    temperature: float
    alone: float
    thresholds: dict[str, Floats]
    validation: Floats
    test: Floats


def rows_of(dataset: Dataset, rows: NDArray[np.int64]) -> LabelRows:
    """Labelled rows of a data set, as baselines of labels take them."""
    assert dataset.target is not None
    return LabelRows(
        np.asarray(dataset.codes[rows]), dataset.lengths[rows], dataset.target.values[rows].astype(np.float32)
    )


def judge_label_baselines(
    dataset: Dataset, splits: Sequence[Split], *, settings: EvaluationSettings, progress: RunProgress
) -> LabelBaselineScores:
    """Fit the baselines on each split's train, choose on its validation, and score its test."""

    def fit(split: Split, say: Callable[[str], None]) -> FittedLabelBaselines:
        train, validation = rows_of(dataset, split.rows(TRAIN)), rows_of(dataset, split.rows(VALIDATION))
        return fit_label_baselines(train, validation, settings=settings, progress=say)

    return LabelBaselineScores(*fit_on_each(dataset, splits, fit, progress=progress))


def judge_labels(
    dataset: Dataset,
    splits: Sequence[Split],
    validation: HeldOut,
    test: HeldOut,
    *,
    settings: EvaluationSettings,
    baselines: LabelBaselineScores,
    strand: Literal["one", "both"],
) -> JudgedLabels:
    """Blend, calibrate and choose thresholds on validation, apply to test, and measure.

    Parameters
    ----------
    validation, test
        Pooled raw scores of the networks.
    """
    bench = _Bench(dataset, splits, validation, test, baselines, settings, strand)
    judged = bench.measure(validation.scores, test.scores, settings=settings)
    if len(test.by_seed) == 1:
        return judged
    quick = settings.model_copy(update={"resamples": 0})
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
    baselines: LabelBaselineScores
    settings: EvaluationSettings
    strand: Literal["one", "both"]

    @cached_property
    def _kept(self) -> dict[tuple[int, int], dict[str, Floats]]:
        return {}

    def partners(self, split: int, part: int) -> dict[str, Floats]:
        """Probabilities of the baselines that may be blended in, over the rows of a part; computed once."""
        if (split, part) not in self._kept:
            self._kept[split, part] = self._partners(split, part)
        return self._kept[split, part]

    def _partners(self, split: int, part: int) -> dict[str, Floats]:
        if self.settings.blend == "none" or not self.baselines.fitted:
            return {}
        rows = self.splits[split].rows(part)
        codes, lengths = np.asarray(self.dataset.codes[rows]), self.dataset.lengths[rows]
        return {
            one.name: label_probabilities(one, codes, lengths, strand=self.strand)
            for one in self.baselines.fitted[split]
            if one.name in LABEL_PARTNERS
        }

    def measure(
        self,
        validation_scores: NDArray[np.float32],
        test_scores: NDArray[np.float32],
        *,
        settings: EvaluationSettings,
        whole: bool = True,
    ) -> JudgedLabels:
        """Blend split by split; one temperature and one set of thresholds for all; measure the pooled test rows."""
        dataset = self.dataset
        assert dataset.target is not None
        truth = dataset.target.values
        blends, seen, answers = [], [], []
        for i in range(len(self.splits)):
            own, held = self.validation.split == i, self.test.split == i
            partners = self.partners(i, VALIDATION)
            blend = best_label_blend(validation_scores[own], partners, truth[self.validation.rows[own]])
            blends.append(blend)
            seen.append(blended_scores(blend, validation_scores[own], partners.get(blend.partner)))
            later = self.partners(i, TEST) if blend.used else {}
            answers.append(blended_scores(blend, test_scores[held], later.get(blend.partner)))
        known = truth[self.validation.rows]
        blended = np.concatenate(seen)
        temperature, alone = (fit_label_temperature(x, known.astype(np.float64)) for x in (blended, validation_scores))
        validation, predicted = (sigmoid(x / temperature) for x in (blended, np.concatenate(answers)))
        thresholds = {MODEL: best_thresholds(validation, known)}
        others: dict[str, Floats] = {}
        facts: dict[str, dict[str, Any]] = {}
        if whole:
            others = dict(self.baselines.probabilities)
            facts = self.baselines.fitted[0].facts() if self.baselines.fitted else {}
            thresholds |= self._thresholds(list(others))
            if any(blend.used for blend in blends):
                others = {NETWORK_ALONE: sigmoid(test_scores / alone), **others}
                thresholds[NETWORK_ALONE] = best_thresholds(sigmoid(validation_scores / alone), known)
                facts = {NETWORK_ALONE: {"title": "The network alone", "about": blend_words(blends)}, **facts}
        evaluation = evaluate_labels(
            predicted,
            truth[self.test.rows],
            names=dataset.target.names,
            settings=settings,
            baselines=others,
            thresholds=thresholds,
            part="folds" if len(self.splits) > 1 else "test",
            groups=groups_of(dataset, self.splits, self.test, settings) if whole else None,
            baseline_facts=facts,
            temperature=temperature,
        )
        return JudgedLabels(evaluation, blends, temperature, alone, thresholds, validation, predicted)

    def _thresholds(self, names: Sequence[str]) -> dict[str, Floats]:
        """Of each baseline, as for the model, from what the first split's says of its validation rows."""
        rows = self.splits[0].rows(VALIDATION)
        codes, lengths = np.asarray(self.dataset.codes[rows]), self.dataset.lengths[rows]
        assert self.dataset.target is not None
        truth = self.dataset.target.values[rows]
        return {
            one.name: best_thresholds(one.predict(codes, lengths), truth)
            for one in self.baselines.fitted[0]
            if one.name in names
        }


def label_frame(
    dataset: Dataset, splits: Sequence[Split], validation: HeldOut, test: HeldOut, judged: JudgedLabels
) -> pl.DataFrame:
    """Validation and test rows: id, row, part, split, the labels that a row has, and the probability of each label."""
    assert dataset.target is not None
    names = dataset.target.names
    frames = []
    for part, found, values in (("validation", validation, judged.validation), ("test", test, judged.test)):
        kept = np.arange(len(found.rows))
        most = max(MOST_WRITTEN // max(len(names), 1), 1)
        if len(kept) > most:
            kept = np.sort(np.random.default_rng(1).choice(kept, most, replace=False))
        rows = found.rows[kept]
        have = dataset.target.values[rows] > 0.5
        texts = np.array(names, object)
        frames.append(
            pl.DataFrame(
                {
                    "id": dataset.ids.gather(rows),
                    "row": rows,
                    "part": [part] * len(rows),
                    "split": [splits[i].name for i in found.split[kept]],
                    "truth": pl.Series([",".join(texts[row]) for row in have], dtype=pl.String),
                    **{f"p_{name}": values[kept, k].astype(np.float32) for k, name in enumerate(names)},
                }
            )
        )
    return pl.concat(frames)
