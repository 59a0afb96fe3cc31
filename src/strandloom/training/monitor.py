"""Loss and figures of the validation part after an epoch."""

from __future__ import annotations

from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from strandloom.errors import SettingsError
from strandloom.evaluation.metrics import ClassScorer, LabelScorer, ValueScorer
from strandloom.training.arrays import Arrays
from strandloom.training.infer import logits
from strandloom.training.settings import Auto, Monitor, Strand
from strandloom.training.task import TaskHead

FIGURES: dict[str, tuple[str, ...]] = {
    "classes": ("accuracy", "matthews_corrcoef", "roc_auc"),
    "labels": ("roc_auc", "average_precision"),
    "value": ("pearson", "r2"),
}
"""Figures written down per epoch for each kind of task; a monitor is ``loss`` or one of them."""


class Checked(NamedTuple):
    """Validation loss (weighted as in training, without smoothing), and the figures by name (NaN where undefined)."""

    loss: float
    figures: dict[str, float]


def validate(model: nn.Module, rows: Arrays, *, task: TaskHead, strand: Strand, device: torch.device | str) -> Checked:
    """Score a model, in fp32, on the validation rows."""
    scores = logits(model, rows.codes, rows.lengths, strand=strand, device=device, anchor=rows.anchor)
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights.numpy().astype(np.float64)
    losses = row_losses(scores, rows, task=task)
    return Checked(
        loss=float((losses * weights).sum() / weights.sum()), figures=figures(scores, rows, task=task, weights=weights)
    )


def row_losses(scores: NDArray[np.float32], rows: Arrays, *, task: TaskHead) -> NDArray[np.float64]:
    """Validation loss of each row, float64 (N,), of raw scores (N, K)."""
    return task.losses(torch.from_numpy(scores), rows.targets).double().numpy()


def figures(
    scores: NDArray[np.float32], rows: Arrays, *, task: TaskHead, weights: NDArray[np.float64]
) -> dict[str, float]:
    """The figures of the task, by name, of raw scores (N, K) under row weights (N,)."""
    names = FIGURES[task.kind]
    if not np.isfinite(scores).all():
        return dict.fromkeys(names, float("nan"))
    values, truth = task.link(scores), rows.targets.numpy()
    scorer: ClassScorer | LabelScorer | ValueScorer
    if task.kind == "classes":
        scorer = ClassScorer(values, truth)
    elif task.kind == "labels":
        scorer = LabelScorer(values, truth)
    else:
        scorer = ValueScorer(values, truth)
    found = dict(zip(scorer.metrics, scorer.score(weights[:, None])[0, :, 0], strict=True))
    return {name: float(found[name]) for name in names}


def choose_monitor(monitor: Monitor | Auto, task: TaskHead, validation: Arrays) -> Monitor:
    """The figure to pick the best epoch by.

    ``auto`` is ROC AUC for classes and labels: an over-confident network loses on loss while it still gains in ranking,
    and temperature scaling mends the confidence later. It is the loss for values, and where the validation rows do not
    hold both sides of any class.

    Raises
    ------
    SettingsError
        The task does not have the figure, or it is undefined on the validation rows.
    """
    allowed = ("loss", *(x for x in FIGURES[task.kind] if x in get_args(Monitor)))
    if monitor not in (*allowed, "auto"):
        raise SettingsError(
            f"'{monitor}' cannot be monitored for task '{task.kind}'; allowed: {', '.join(allowed)}",
            where="training.monitor",
        )
    ranks = task.kind != "value" and bool((validation.targets != validation.targets[:1]).any())
    if monitor == "roc_auc" and not ranks:
        raise SettingsError(
            "'roc_auc' is undefined: all validation rows have the same target",
            where="training.monitor",
            hint="use loss",
        )
    if monitor == "auto":
        return "roc_auc" if ranks else "loss"
    return monitor
