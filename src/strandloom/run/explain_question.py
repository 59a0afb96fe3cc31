"""What an explanation asks about one output: the sides of the question, what the model says of each row, and what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.decision import ClassPredictions
from strandloom.evaluation.ranking import Floats
from strandloom.explain.attribution import Output
from strandloom.predict import Predictor
from strandloom.report.numbers import general
from strandloom.run.explain_rows import Rows

REST = "the rest"
"""The other side of a label."""


@dataclass(frozen=True, eq=False)
class Question:
    """One output, and N rows in the light of it.

    Parameters
    ----------
    output
        The explained score.
    sides
        The classes of the page: those of the model, or the rest and the label; none for measured values.
    own
        Which side the output is for.
    answers
        Over the sides. Of values those above the median of what is predicted are on side 1.
    truth
        int64 ``(N,)`` side of each row, -1 where not known; None without labels.
    against
        What the score is compared with (:class:`~strandloom.explain.score.Explained`).
    unit, own_words
        The score, and what puts a row on its side (``that the model takes for CTCF``).
    predicted, measured
        Of values: float64 ``(N,)``; measured is NaN where not known.
    """

    output: Output
    sides: tuple[str, ...]
    own: int
    answers: ClassPredictions
    truth: NDArray[np.int64] | None
    against: Literal["others", "none"]
    unit: str
    own_words: str
    predicted: Floats | None = None
    measured: Floats | None = None

    @property
    def is_own(self) -> NDArray[np.bool_]:
        """Rows that the model puts on the output's side, bool ``(N,)``."""
        return self.answers.predicted == self.own

    def take(self, rows: NDArray[np.integer]) -> Question:
        """The question of some rows, in the order given."""
        answers = self.answers
        return replace(
            self,
            answers=ClassPredictions(answers.probabilities[rows], answers.predicted[rows], answers.abstained[rows]),
            truth=None if self.truth is None else self.truth[rows],
            predicted=None if self.predicted is None else self.predicted[rows],
            measured=None if self.measured is None else self.measured[rows],
        )

    def said(self, row: int) -> tuple[str, float | None, str]:
        """Answer, its probability and the truth of a row, in words; empty where not known."""
        if self.predicted is not None and self.measured is not None:
            known = np.isfinite(self.measured[row])
            return general(self.predicted[row]), None, general(self.measured[row]) if known else ""
        answer = int(self.answers.predicted[row])
        true = -1 if self.truth is None else int(self.truth[row])
        return self.sides[answer], float(self.answers.probabilities[row, answer]), self.sides[true] if true >= 0 else ""


def questions(
    predictor: Predictor,
    rows: Rows,
    *,
    asked: str | tuple[str, ...] | None,
    most: int,
    say: Callable[[str], None],
) -> list[Question]:
    """The outputs to explain as questions, in the order asked for, else in that of the outputs.

    Parameters
    ----------
    asked
        Names of outputs; None: the second of two classes, or the ``most`` classes or labels that the model names most often here.
    """
    manifest, labels = predictor.manifest, predictor.manifest.labels
    scores = predictor.scores(rows.codes, rows.lengths)
    if manifest.task == "classes":
        answers = predictor.decision.apply(scores.blended)
        counts = np.bincount(answers.predicted, minlength=len(labels))
        chosen = [1] if asked is None and len(labels) == 2 else _chosen(labels, asked, counts, most, "classes", say)
        return [_of_class(labels, k, answers, rows) for k in chosen]
    if manifest.task == "labels":
        probabilities = predictor.label_probabilities(scores.blended)
        yes = probabilities >= predictor.label_thresholds
        counts = yes.sum(axis=0)
        if asked is None and not counts.any():
            likely = int(probabilities.max(axis=0).argmax())
            say(f"no label reaches its threshold here; the likeliest, {labels[likely]}, is explained")
            counts[likely] = 1
        return [
            _of_label(labels, k, probabilities[:, k], yes[:, k], rows)
            for k in _chosen(labels, asked, counts, most, "labels", say)
        ]
    counts = np.ones(len(labels), np.int64)
    return [
        _of_value(labels, k, scores.blended[:, k], rows) for k in _chosen(labels, asked, counts, most, "outputs", say)
    ]


def _chosen(
    labels: Sequence[str],
    asked: str | tuple[str, ...] | None,
    counts: NDArray[np.integer],
    most: int,
    word: str,
    say: Callable[[str], None],
) -> list[int]:
    if asked:
        names = (asked,) if isinstance(asked, str) else asked
        return [labels.index(name) for name in dict.fromkeys(names)]
    often = sorted(int(k) for k in np.argsort(-counts, kind="stable")[:most] if counts[k])
    if left := len(labels) - len(often):
        say(
            f"{left} of {len(labels)} {word} are not explained: they are predicted seldom or never here; ask for one with --output"
        )
    return often


class ExplainedOutput(NamedTuple):
    """An output of a model as the score that is explained: what it is compared with, and its unit in words."""

    output: Output
    against: Literal["others", "none"]
    unit: str


def explained_output(task: Literal["classes", "labels", "value"], labels: Sequence[str], k: int) -> ExplainedOutput:
    """The score that stands for output ``k`` of a model."""
    output = Output(k, labels[k])
    if task == "classes":
        unit = f"log odds of {labels[k]}" if len(labels) == 2 else f"score of {labels[k]} over the mean of the others"
        return ExplainedOutput(output, "others", unit)
    if task == "labels":
        return ExplainedOutput(output, "none", f"log odds of {labels[k]}")
    return ExplainedOutput(output, "none", f"{labels[k]}, in standard deviations of the training values")


def _of_class(labels: tuple[str, ...], k: int, answers: ClassPredictions, rows: Rows) -> Question:
    output, against, unit = explained_output("classes", labels, k)
    truth = None if rows.truth is None else rows.truth.astype(np.int64)
    return Question(output, labels, k, answers, truth, against, unit, f"that the model takes for {labels[k]}")


def _of_label(labels: tuple[str, ...], k: int, probability: Floats, yes: NDArray[np.bool_], rows: Rows) -> Question:
    output, against, unit = explained_output("labels", labels, k)
    label = output.label
    answers = ClassPredictions(
        np.column_stack([1 - probability, probability]), yes.astype(np.int64), np.zeros(len(yes), np.bool_)
    )
    truth = None if rows.truth is None else np.where(np.isnan(rows.truth[:, k]), -1, rows.truth[:, k]).astype(np.int64)
    return Question(
        output,
        (REST, label),
        1,
        answers,
        truth,
        against,
        unit,
        f"to which the model gives {label}",
    )


def _of_value(labels: tuple[str, ...], k: int, predicted: Floats, rows: Rows) -> Question:
    output, against, unit = explained_output("value", labels, k)
    high = predicted > np.median(predicted)
    sure = np.column_stack([~high, high]).astype(np.float64)
    measured = np.full(len(predicted), np.nan) if rows.truth is None else rows.truth[:, k].astype(np.float64)
    answers = ClassPredictions(sure, high.astype(np.int64), np.zeros(len(high), np.bool_))
    return Question(
        output, (), 1, answers, None, against, unit, "predicted above the median", predicted, measured,
    )  # fmt: skip
