from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from strandloom.training.arrays import Arrays
from strandloom.training.estimate import StepCost, measure_step
from strandloom.training.settings import TrainingSettings
from strandloom.training.step import Stepper
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


def test_slow_first_steps_do_not_count(
    arrays: Callable[..., Arrays], net: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was busy for a moment, or something was loaded late; steps run as in training, on cores of their own."""
    inside: list[bool] = []
    pins: list[bool] = []
    step = Stepper.step

    @contextmanager
    def pinned() -> Iterator[bool]:
        pins.append(True)
        yield True
        pins.clear()

    def slow(self: Stepper, rows: Tensor, **how: Any) -> Tensor:
        inside.append(bool(pins))
        if how["number"] < 6:
            time.sleep(0.2)
        return step(self, rows, **how)

    monkeypatch.setattr("strandloom.training.estimate.pinned", pinned)
    monkeypatch.setattr(Stepper, "step", slow)
    settings, task = TrainingSettings(batch_size=64), TaskHead("classes", 2)
    cost = measure_step(net(), arrays(300, seed=1), settings=settings, task=task, strand="one")
    assert cost.seconds < 0.2
    assert len(inside) > 7
    assert all(inside)


def test_training_seconds() -> None:
    cost = StepCost(seconds=0.5, rows=100, validation_seconds=0.01, memory_bytes=0)
    assert cost.training_seconds(train=1000, validation=100, epochs=2) == 2 * (5 + 1)
