"""What the raw scores of a model mean: loss and link of each kind of task."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from strandloom.data.targets import Task
from strandloom.errors import TrainingError
from strandloom.evaluation.calibration import sigmoid, softmax
from strandloom.training.arrays import Arrays
from strandloom.training.settings import Loss, TrainingSettings

MOST_POSITIVE_WEIGHT = 100.0
"""Balanced class weights of a label stop here, however rare the label is."""


@dataclass(frozen=True)
class TaskHead:
    """Loss and link of a task.

    Attributes
    ----------
    kind
        ``classes``: cross entropy over K scores, softmax. ``labels``: K independent yes/no scores, sigmoid.
        ``value``: K numbers; the model is fitted to them after centring and scaling.
    outputs
        K.
    class_weights
        Weight of each class (``classes``) or of the positive rows of each label (``labels``); empty for none.
    label_smoothing
        Share of each target spread evenly; in training only.
    centre, scale
        Of each value on the training rows (``value``).
    loss, quantile
        Of values, after centring and scaling; ``gaussian`` is ``mse`` over rows whose weights say how sure they are.
    """

    kind: Task
    outputs: int
    class_weights: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    loss: Loss = "mse"
    quantile: float = 0.5

    def losses(self, scores: Tensor, targets: Tensor, *, smooth: bool = False) -> Tensor:
        """Loss of each row, float32 (B,).

        Parameters
        ----------
        scores
            Raw scores, float (B, K).
        targets
            Class numbers, int64 (B,), or labels or values, float32 (B, K).
        smooth
            Apply label smoothing (training), or not (validation).
        """
        scores = scores.float()
        smoothing = self.label_smoothing if smooth else 0.0
        weights = self._on(self.class_weights, scores.device)
        if self.kind == "classes":
            loss = functional.cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
            return loss if weights is None else loss * weights[targets]
        if self.kind == "labels":
            targets = targets * (1 - smoothing) + smoothing / 2
            each = functional.binary_cross_entropy_with_logits(scores, targets, reduction="none", pos_weight=weights)
            return each.mean(1)
        centre, scale = self._on(self.centre, scores.device), self._on(self.scale, scores.device)
        standard = targets if centre is None or scale is None else (targets - centre) / scale
        if self.loss == "huber":
            return functional.smooth_l1_loss(scores, standard, reduction="none").mean(1) * 2
        if self.loss == "pinball":
            missed = standard - scores
            return torch.maximum(self.quantile * missed, (self.quantile - 1) * missed).mean(1) * 2
        return (scores - standard).square().mean(1)

    def link(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw scores (N, K) to probabilities (``classes``, ``labels``) or values in their own unit, float64 (N, K)."""
        if self.kind == "classes":
            return softmax(scores)
        if self.kind == "labels":
            return sigmoid(scores)
        return scores.astype(np.float64) * np.asarray(self.scale or (1.0,)) + np.asarray(self.centre or (0.0,))

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TaskHead:
        """The inverse of :meth:`to_json`."""
        lists = {k: tuple(values[k]) for k in ("class_weights", "centre", "scale")}
        return cls(**{**values, **lists})

    @cached_property
    def _tensors(self) -> dict[tuple[tuple[float, ...], torch.device], Tensor]:
        return {}

    def _on(self, values: tuple[float, ...], device: torch.device) -> Tensor | None:
        """The values as a float32 tensor on a device, made once; None when there are none."""
        if not values:
            return None
        key = (values, device)
        if key not in self._tensors:
            self._tensors[key] = torch.tensor(values, dtype=torch.float32, device=device)
        return self._tensors[key]


def task_head(kind: Task, train: Arrays, *, outputs: int, settings: TrainingSettings) -> TaskHead:
    """The head of a task, with what it needs from the training rows (class weights, centre and scale).

    Raises
    ------
    TrainingError
        A class has no training row, or a value never varies.
    """
    if kind == "value":
        values = train.targets.double()
        centre, scale = values.mean(0), values.std(0, correction=0)
        if bool((scale <= 0).any()):
            raise TrainingError(
                "the target has one and the same value in all training rows",
                hint="check data.target and the split; a constant cannot be learned",
            )
        loss: Loss = "mse" if settings.loss == "auto" else settings.loss
        return TaskHead(
            kind, outputs, centre=tuple(centre.tolist()), scale=tuple(scale.tolist()), loss=loss, quantile=settings.quantile
        )  # fmt: skip
    weights: tuple[float, ...] = ()
    if kind == "classes":
        counts = torch.bincount(train.targets, minlength=outputs).double()
        if bool((counts == 0).any()):
            missing = [i + 1 for i in torch.nonzero(counts == 0).flatten().tolist()]
            raise TrainingError(
                f"no training row of class {', '.join(map(str, missing))} (of {outputs}, in the order of the names)",
                hint="choose another split, or leave these classes out",
            )
        if settings.class_weights == "balanced":
            weights = tuple((counts.sum() / (outputs * counts)).tolist())
    elif settings.class_weights == "balanced":
        positive = train.targets.double().sum(0)
        ratio = (len(train) - positive) / positive.clamp(min=1.0)
        weights = tuple(ratio.clamp(1 / MOST_POSITIVE_WEIGHT, MOST_POSITIVE_WEIGHT).tolist())
    return TaskHead(kind, outputs, weights, settings.label_smoothing)
