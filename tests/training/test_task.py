from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from strandloom.errors import TrainingError
from strandloom.training.arrays import Arrays
from strandloom.training.settings import TrainingSettings
from strandloom.training.task import TaskHead, task_head

SCORES = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
CLASSES = torch.arange(40) % 3


def rows(targets: torch.Tensor) -> Arrays:
    return Arrays(torch.zeros((len(targets), 5), dtype=torch.uint8), torch.full((len(targets),), 5), targets)


def test_classes_loss_and_link_equal_sklearn() -> None:
    head = TaskHead("classes", 3)
    probabilities = head.link(SCORES.numpy())
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert head.losses(SCORES, CLASSES).mean().item() == pytest.approx(log_loss(CLASSES, probabilities), rel=1e-6)


def test_smoothing_equals_mixed_targets_and_only_when_asked() -> None:
    head = TaskHead("classes", 3, label_smoothing=0.3)
    mixed = torch.nn.functional.one_hot(CLASSES, 3) * 0.7 + 0.1
    expected = -(mixed * SCORES.log_softmax(1)).sum(1)
    torch.testing.assert_close(head.losses(SCORES, CLASSES, smooth=True), expected)
    torch.testing.assert_close(head.losses(SCORES, CLASSES), TaskHead("classes", 3).losses(SCORES, CLASSES))


def test_balanced_weights_make_every_class_count_the_same() -> None:
    targets = torch.tensor([0] * 8 + [1] * 2)
    head = task_head("classes", rows(targets), outputs=2, settings=TrainingSettings(class_weights="balanced"))
    losses = head.losses(torch.zeros(10, 2), targets)
    assert losses[:8].sum().item() == pytest.approx(losses[8:].sum().item())
    assert losses.mean().item() == pytest.approx(math.log(2))


def test_labels_loss_link_and_balance() -> None:
    targets = (SCORES > 0.3).float()
    head = TaskHead("labels", 3)
    p = head.link(SCORES.numpy())
    t = targets.numpy()
    expected = -(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(1)
    np.testing.assert_allclose(head.losses(SCORES, targets).numpy(), expected, rtol=1e-5)
    balanced = task_head("labels", rows(targets), outputs=3, settings=TrainingSettings(class_weights="balanced"))
    positive = targets.sum(0)
    np.testing.assert_allclose(balanced.class_weights, ((40 - positive) / positive).numpy())


def test_value_is_learned_standardised_and_linked_back() -> None:
    targets = SCORES * torch.tensor([2.0, 5.0, 0.1]) + 7
    head = task_head("value", rows(targets), outputs=3, settings=TrainingSettings())
    standard = (targets - targets.mean(0)) / targets.std(0, correction=0)
    assert head.losses(standard, targets).max() < 1e-9
    np.testing.assert_allclose(head.link(standard.numpy()), targets.numpy(), rtol=1e-5)
    assert head.losses(torch.zeros(40, 3), targets).mean().item() == pytest.approx(1)


def test_json_round_trip() -> None:
    head = TaskHead("classes", 2, (1.5, 0.5), 0.1)
    assert TaskHead.from_json(head.to_json()) == head


def test_a_class_without_rows_and_a_constant_are_errors() -> None:
    with pytest.raises(TrainingError, match="no training row of class 2"):
        task_head("classes", rows(torch.zeros(5, dtype=torch.int64)), outputs=2, settings=TrainingSettings())
    with pytest.raises(TrainingError, match="same value"):
        task_head("value", rows(torch.ones(5, 1)), outputs=1, settings=TrainingSettings())
