"""From raw scores of held-out rows to an evaluation: the decision rule, the baselines, the seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.ceiling import ceiling_for
from strandloom.data.dataset import Dataset
from strandloom.data.leakage import nearest
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split
from strandloom.evaluation.baselines.base import Rows
from strandloom.evaluation.baselines.fit import KINDS, FittedBaselines, fit_baselines
from strandloom.evaluation.blend import NETWORK_ALONE, PARTNERS, Blend, baseline_probabilities, best_blend
from strandloom.evaluation.calibration import fit_temperature, softmax
from strandloom.evaluation.decision import ClassPredictions, Decision, fit_decision
from strandloom.evaluation.evaluate import evaluate_classes
from strandloom.evaluation.fitted import Fitted
from strandloom.evaluation.pooling import pool_seeds
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.run.members import HeldOut
from strandloom.run.progress import RunProgress

Partners = dict[int, dict[str, NDArray[np.float64]]]
"""Of one split: part (VALIDATION, TEST) to baseline name to probabilities ``(n, K)``."""
F = TypeVar("F", bound=Fitted[Any])
SIMILARITY_WORK = 500_000_000_000
"""Similarity to the nearest training row is left out when test rows × training rows × bases passes this."""


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
    outputs = dataset.target.num_outputs

    def fit(split: Split, say: Callable[[str], None]) -> FittedBaselines:
        train, validation = rows_of(dataset, split.rows(TRAIN)), rows_of(dataset, split.rows(VALIDATION))
        return fit_baselines(train, validation, classes=outputs, settings=settings, progress=say)

    return BaselineScores(*fit_on_each(dataset, splits, fit, progress=progress))


def fit_on_each(
    dataset: Dataset,
    splits: Sequence[Split],
    fit: Callable[[Split, Callable[[str], None]], F],
    *,
    progress: RunProgress,
) -> tuple[list[F], dict[str, NDArray[np.float64]]]:
    """Fit a set of baselines on every split, and gather what they say of the pooled test rows, those fitted on every split by name.

    Parameters
    ----------
    fit
        Fits on a split; hears titles by its second argument.
    """
    fitted, answers = [], []
    for split in splits:
        found = fit(split, lambda title: progress.say(f"  {title}") if len(splits) == 1 else None)
        test = split.rows(TEST)
        answers.append(found.answers(np.asarray(dataset.codes[test]), dataset.lengths[test]))
        fitted.append(found)
        for note in found.notes:
            progress.say(f"  {note}")
    shared = [name for name in answers[0] if all(name in one for one in answers)] if answers else []
    return fitted, {name: np.concatenate([one[name] for one in answers]) for name in shared}


def similarity_to_train(dataset: Dataset, splits: Sequence[Split]) -> NDArray[np.float64] | None:
    """Similarity of each pooled test row to the nearest training row of its split, ``(n,)``; None where that would take too long."""
    work = sum(int((s.part == TEST).sum()) * int((s.part == TRAIN).sum()) * dataset.length for s in splits)
    if work > SIMILARITY_WORK:
        return None
    found = [nearest(np.asarray(dataset.codes[s.rows(TEST)]), np.asarray(dataset.codes[s.rows(TRAIN)])) for s in splits]
    return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class Rule:
    """From raw scores to answers: blend, then temperature, threshold and abstention; ``alone`` calibrates the unblended network."""

    blend: Blend
    decision: Decision
    alone: float = 1.0

    def apply(self, logits: NDArray[np.floating[Any]], partners: Mapping[str, NDArray[np.float64]]) -> ClassPredictions:
        """The answers to rows with the network's scores and the baselines' probabilities, each ``(N, K)``."""
        return self.decision.apply(self.blend.apply(logits, partners.get(self.blend.partner)))


@dataclass(frozen=True, eq=False)
class StoredRule:
    """From raw scores to answers for new rows, as the bundle keeps it.

    Parameters
    ----------
    blends
        What is blended, split by split.
    decision
        The split's own; with folds, fitted on the pooled validation rows of all of them.
    alone
        The temperature of the unblended networks, fitted on the same rows.
    validation
        The blended scores of those rows, float64 ``(n, K)``.
    """

    blends: list[Blend]
    decision: Decision
    alone: float
    validation: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """An evaluation with the rule and the answers behind it.

    Parameters
    ----------
    evaluation
        The metrics on the pooled test rows.
    rule
        What the bundle keeps.
    answers
        To the test rows; with folds, each fold's under the rule of its own validation rows.
    validation
        The rule's answers to the validation rows.
    """

    evaluation: Evaluation
    rule: StoredRule
    answers: ClassPredictions
    validation: ClassPredictions


def judge(
    dataset: Dataset,
    splits: Sequence[Split],
    validation: HeldOut,
    test: HeldOut,
    *,
    settings: EvaluationSettings,
    baselines: BaselineScores,
    strand: Literal["one", "both"],
    similarity: NDArray[np.floating[Any]] | None,
) -> Judged:
    """Fit the rule on validation, apply it to test, and measure.

    With folds, each fold's answers follow the blend and the rule of its own validation rows; the decision that goes into the
    bundle is fitted on the validation rows of all folds.
    """
    partners: list[Partners] = [{VALIDATION: {}, TEST: {}} for _ in splits]
    if settings.blend == "auto":
        partners = [
            {part: _partners(dataset, split, fitted, part, strand) for part in (VALIDATION, TEST)}
            for split, fitted in zip(splits, baselines.fitted, strict=True)
        ]
    bench = _Bench(dataset, splits, validation, test, baselines, partners)
    judged = bench.measure(validation.scores, test.scores, settings=settings, similarity=similarity)
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
    baselines: BaselineScores
    partners: list[Partners]

    def measure(
        self,
        validation_scores: NDArray[np.float32],
        test_scores: NDArray[np.float32],
        *,
        settings: EvaluationSettings,
        similarity: NDArray[np.floating[Any]] | None = None,
        whole: bool = True,
    ) -> Judged:
        """Weigh, calibrate and decide on validation, split by split; apply to test; measure."""
        target = self.dataset.target
        assert target is not None
        truth = target.values.astype(np.int64)
        rules, answers, alone = [], [], []
        for i, partners in enumerate(self.partners):
            seen, held = self.validation.split == i, self.test.split == i
            rule = _rule(validation_scores[seen], partners[VALIDATION], truth[self.validation.rows[seen]], settings)
            rules.append(rule)
            answers.append(rule.apply(test_scores[held], partners[TEST]))
            alone.append(softmax(test_scores[held], temperature=rule.alone))
        stored = self._stored(rules, validation_scores, truth[self.validation.rows], settings)
        others = dict(self.baselines.probabilities) if whole else {}
        facts = self.baselines.fitted[0].facts() if whole and self.baselines.fitted else {}
        if any(rule.blend.used for rule in rules) and whole:
            others = {NETWORK_ALONE: np.concatenate(alone), **others}
            said = blend_words([rule.blend for rule in rules])
            facts = {NETWORK_ALONE: {"title": "The network alone", "about": said}, **facts}
        folds = len(self.splits) > 1
        evaluation = evaluate_classes(
            ClassPredictions.concat(answers),
            truth[self.test.rows],
            names=target.names,
            settings=settings,
            baselines=others,
            part="folds" if folds else "test",
            decision=None if folds else stored.decision,
            groups=groups_of(self.dataset, self.splits, self.test, settings) if whole else None,
            similarity=similarity,
            ceiling=known_ceiling(self.dataset, self.test.rows) if whole else None,
            baseline_facts=facts,
        )
        return Judged(evaluation, stored, ClassPredictions.concat(answers), stored.decision.apply(stored.validation))

    def _stored(
        self,
        rules: Sequence[Rule],
        scores: NDArray[np.float32],
        truth: NDArray[np.int64],
        settings: EvaluationSettings,
    ) -> StoredRule:
        """What the bundle keeps of the splits' rules, from the pooled validation rows ``(n, K)`` and ``(n,)``."""
        blends = _one_scale(rules)
        blended = np.concatenate(
            [
                blend.apply(scores[self.validation.split == i], partners[VALIDATION].get(blend.partner))
                for i, (blend, partners) in enumerate(zip(blends, self.partners, strict=True))
            ]
        )
        if len(rules) == 1:
            return StoredRule(blends, rules[0].decision, rules[0].alone, blended)
        return StoredRule(
            blends, fit_decision(blended, truth, settings=settings), fit_temperature(scores, truth), blended
        )


def _one_scale(rules: Sequence[Rule]) -> list[Blend]:
    """The blends of all splits; blended scores are calibrated already, so beside them unblended networks are calibrated too."""
    if not any(rule.blend.used for rule in rules):
        return [rule.blend for rule in rules]
    return [rule.blend if rule.blend.used else replace(rule.blend, network=1 / rule.alone) for rule in rules]


def blend_words(blends: Sequence[Blend]) -> str:
    """What was blended, and why; with folds over all of them."""
    used = [blend for blend in blends if blend.used]
    if len(blends) == 1:
        (one,) = used
        return (
            f"{KINDS[one.partner].title} has {one.share:.0%} of the weight in the model's answer: it lowered the "
            f"validation log loss by {one.gain:.4f} ± {one.standard_error:.4f}"
        )
    counts = Counter(KINDS[blend.partner].title for blend in used)
    said = " and ".join(f"{title} in {count}" for title, count in counts.most_common())
    share, gain = (float(np.mean([getattr(blend, name) for blend in used])) for name in ("share", "gain"))
    return (
        f"Blended into the model's answer: {said} of {len(blends)} folds, with {share:.0%} of the weight on average; it lowered "
        f"their validation log loss by {gain:.4f} on average"
    )


def _partners(
    dataset: Dataset, split: Split, fitted: FittedBaselines, part: int, strand: Literal["one", "both"]
) -> dict[str, NDArray[np.float64]]:
    """Probabilities of the baselines that may be blended in, over the rows of a part."""
    rows = split.rows(part)
    codes, lengths = np.asarray(dataset.codes[rows]), dataset.lengths[rows]
    allowed = PARTNERS if strand == "one" else PARTNERS[:1]
    return {b.name: baseline_probabilities(b, codes, lengths, strand=strand) for b in fitted if b.name in allowed}


def _rule(
    scores: NDArray[np.float32],
    partners: Mapping[str, NDArray[np.float64]],
    truth: NDArray[np.int64],
    settings: EvaluationSettings,
) -> Rule:
    """The rule that validation rows give."""
    blend = best_blend(scores, partners, truth)
    decision = fit_decision(blend.apply(scores, partners.get(blend.partner)), truth, settings=settings)
    return Rule(blend, decision, fit_temperature(scores, truth))


def known_ceiling(dataset: Dataset, rows: NDArray[np.int64] | None = None) -> dict[str, Any] | None:
    """The best possible scores on rows of simulated data, as ``evaluation.json`` holds them; None where nothing is known."""
    known = ceiling_for(dataset, rows)
    if known.ceiling is None:
        return {"note": known.note} if known.note else None
    return {**asdict(known.ceiling), "note": known.note}


def groups_of(
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


def class_frame(
    dataset: Dataset, splits: Sequence[Split], validation: HeldOut, test: HeldOut, judged: Judged
) -> pl.DataFrame:
    """Validation and test rows: id, part, split, truth, prediction, probabilities, abstain."""
    assert dataset.target is not None
    names = dataset.target.names
    frames = []
    labels = np.array(names)
    for part, found, answers in (("validation", validation, judged.validation), ("test", test, judged.answers)):
        frames.append(
            pl.DataFrame(
                {
                    "id": dataset.ids.gather(found.rows),
                    "row": found.rows,
                    "part": [part] * len(found.rows),
                    "split": [splits[i].name for i in found.split],
                    "truth": labels[dataset.target.values[found.rows]],
                    "prediction": labels[answers.predicted],
                    **{f"p_{name}": answers.probabilities[:, k] for k, name in enumerate(names)},
                    "abstain": answers.abstained,
                }
            )
        )
    return pl.concat(frames)
