from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from strandloom.errors import OutputError, TrainingError
from strandloom.training.checkpoint import Checkpoints, restore_tensors, training_tensors
from strandloom.training.optimizer import build_optimizer
from strandloom.training.settings import OptimizerSettings


def a_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    x = torch.randn(8, 4, 40, generator=torch.Generator().manual_seed(3))
    optimizer.zero_grad()
    model(x).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_round_trip_goes_on_bit_for_bit(tmp_path: Path, kind: str, channels_last: bool) -> None:
    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: nn.Module = nn.Sequential(
                nn.Unflatten(2, (1, 40)), nn.Conv2d(4, 8, (1, 5)), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 2)
            )
        return model.to(memory_format=torch.channels_last) if channels_last else model

    settings = OptimizerSettings(kind=kind)
    model = make()
    optimizer = build_optimizer(model, settings)
    for _ in range(3):
        a_step(model, optimizer)
    store = Checkpoints(tmp_path)
    tensors = training_tensors(model, model.state_dict(), optimizer)
    store.save(tensors, {"epoch": 3}, best=model.state_dict(), best_epoch=2)
    saved = store.load()
    assert saved is not None
    assert saved.facts["epoch"] == 3
    other = make()
    resumed = build_optimizer(other, settings)
    restore_tensors(saved.tensors, other, other.state_dict(), resumed)
    a_step(model, optimizer)
    a_step(other, resumed)
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_only_the_best_that_the_state_names_is_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    assert store.load() is None
    for epoch in (1, 2, 3):
        store.save({"x": torch.tensor(epoch)}, {"epoch": epoch}, best={"w": torch.tensor(1)}, best_epoch=min(epoch, 2))
    assert sorted(x.name for x in tmp_path.iterdir()) == ["best-00002.safetensors", "last.safetensors"]
    store.clear()
    assert store.load() is None
    assert not list(tmp_path.iterdir())


def test_damaged_other_and_unwritable_are_clear_errors(tmp_path: Path, net: Callable[..., nn.Module]) -> None:
    store = Checkpoints(tmp_path / "a")
    model = net()
    optimizer = build_optimizer(model, OptimizerSettings())
    tensors = training_tensors(model, model.state_dict(), optimizer)
    store.save(tensors, {}, best=model.state_dict(), best_epoch=1)
    other = net(outputs=3)
    with pytest.raises(TrainingError, match="another model"):
        restore_tensors(tensors, other, other.state_dict(), build_optimizer(other, OptimizerSettings()))
    whole = store.last.read_bytes()
    store.last.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="cannot be read"):
        store.load()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the checkpoint"):
        Checkpoints(tmp_path / "file").save({}, {}, best={}, best_epoch=1)


def test_no_weight_decay_on_vectors(net: Callable[..., nn.Module]) -> None:
    groups = build_optimizer(net(), OptimizerSettings(weight_decay=0.5)).param_groups
    assert [(g["weight_decay"], {x.ndim > 1 for x in g["params"]}) for g in groups] == [(0.5, {True}), (0.0, {False})]
