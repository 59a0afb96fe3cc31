from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from strandloom.training.arrays import Arrays
from strandloom.training.estimate import StepCost, measure_step
from strandloom.training.settings import TrainingSettings
from strandloom.training.task import TaskHead


def test_measures_without_touching_the_model(arrays: Callable[..., Arrays], net: Callable[[], nn.Module]) -> None:
    model, same = net(), net()
    before = torch.get_rng_state()
    for rows in (50, 300):
        cost = measure_step(
            model,
            arrays(rows, seed=1),
            settings=TrainingSettings(batch_size=64),
            task=TaskHead("classes", 2),
            strand="both",
        )
        assert cost.seconds > 0
        assert cost.validation_seconds > 0
        assert cost.rows == min(rows, 64)
        assert cost.memory_bytes > 10_000_000
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), same.state_dict().values(), strict=True))


def test_training_seconds() -> None:
    cost = StepCost(seconds=0.5, rows=100, validation_seconds=0.01, memory_bytes=0)
    assert cost.training_seconds(train=1000, validation=100, epochs=2) == 2 * (5 + 1)
