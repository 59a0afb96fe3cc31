"""From raw scores to an answer: temperature, decision threshold, abstention, all fitted on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.abstention import abstention_threshold, decision_threshold
from strandloom.evaluation.calibration import expected_calibration_error, fit_temperature, reliability, softmax
from strandloom.evaluation.metrics import log_losses
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.settings import EvaluationSettings


@dataclass(frozen=True, eq=False)
class ClassPredictions:
    """Answers for N rows.

    Parameters
    ----------
    probabilities
        Calibrated, float64 ``(N, K)``.
    predicted
        Decided class, int64 ``(N,)``.
    abstained
        Rows without an answer, bool ``(N,)``.
    """

    probabilities: Floats
    predicted: NDArray[np.int64]
    abstained: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.predicted)

    @staticmethod
    def concat(parts: Sequence[ClassPredictions]) -> ClassPredictions:
        """Rows of several folds one after another, each decided by its own fold's rule."""
        return ClassPredictions(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.predicted for part in parts]),
            np.concatenate([part.abstained for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """How scores become a class or silence.

    Parameters
    ----------
    temperature
        Logits are divided by it before the softmax.
    threshold
        Two classes: the second is called from this probability on. None: the most probable class.
    abstain_below
        Rows whose highest probability is lower are abstained from; None: none are.
    abstain_error
        The error among answered rows that the threshold was chosen for.
    reachable
        Whether that error could be promised from validation; None: not tried.
    validation
        What validation showed: rows, log loss and ECE before and after, coverage, error and its upper bound.
    """

    temperature: float = 1.0
    threshold: float | None = None
    abstain_below: float | None = None
    abstain_error: float | None = None
    reachable: bool | None = None
    validation: Mapping[str, float] | None = None

    def probabilities(self, logits: NDArray[np.floating]) -> Floats:
        """Calibrated probabilities ``(N, K)`` of logits ``(N, K)``."""
        return softmax(logits, temperature=self.temperature)

    def apply(self, logits: NDArray[np.floating]) -> ClassPredictions:
        """Probabilities, decided classes and abstentions of logits ``(N, K)``."""
        probabilities = self.probabilities(logits)
        return ClassPredictions(probabilities, self.decide(probabilities), self.abstains(probabilities))

    def decide(self, probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
        """The class of each row, int64 ``(N,)``."""
        if self.threshold is not None and probabilities.shape[1] == 2:
            return (probabilities[:, 1] >= self.threshold).astype(np.int64)
        return probabilities.argmax(axis=1)

    def abstains(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which rows get no answer, bool ``(N,)``."""
        if self.abstain_below is None:
            return np.zeros(len(probabilities), bool)
        return probabilities.max(axis=1) < self.abstain_below

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Decision:
        """The decision back from its dictionary."""
        return cls(**stored)


def fit_decision(logits: NDArray[np.floating], y: NDArray[np.integer], *, settings: EvaluationSettings) -> Decision:
    """Fit temperature, decision threshold (two classes) and abstention on validation, in this order.

    Parameters
    ----------
    logits
        Raw scores of the validation rows, float ``(N, K)``; none at all gives the plain decision.
    y
        True class, int ``(N,)``.
    settings
        ``abstain_error``, ``threshold`` and ``seed``.
    """
    if not len(y):
        return Decision()
    temperature = fit_temperature(logits, y)
    before, after = softmax(logits), softmax(logits, temperature=temperature)
    threshold: float | None = None
    if after.shape[1] == 2 and settings.threshold == "auto":
        found = decision_threshold(after[:, 1], y, seed=settings.seed)
        threshold = None if found == 0.5 else found
    decided = Decision(temperature, threshold).decide(after)
    silence = abstention_threshold(after.max(axis=1), decided == y, target=settings.abstain_error)
    truth = np.asarray(y, np.int64)
    return Decision(
        temperature=temperature,
        threshold=threshold,
        abstain_below=silence.threshold if silence.reachable else None,
        abstain_error=settings.abstain_error,
        reachable=silence.reachable,
        validation={
            "rows": len(y),
            "log_loss_before": float(log_losses(before, truth).mean()),
            "log_loss_after": float(log_losses(after, truth).mean()),
            "ece_before": expected_calibration_error(reliability(before, y)),
            "ece_after": expected_calibration_error(reliability(after, y)),
            "coverage": silence.coverage,
            "error": silence.error,
            "error_upper": silence.upper,
        },
    )
