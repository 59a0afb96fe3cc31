"""``training.start_from``: a run whose networks begin with the weights of a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import SETTINGS, csv, rows

from strandloom.bundle import read_bundle
from strandloom.errors import BundleError, OutputError, SettingsError
from strandloom.experiment import read_experiment
from strandloom.run import run_experiment


@pytest.fixture
def train(tmp_path: Path) -> Any:
    """Trains the tiny experiment into a folder, with changes."""
    (tmp_path / "exp.yaml").write_text(SETTINGS)
    (tmp_path / "table.csv").write_bytes(csv(rows()))

    def make(name: str, *changes: str, **more: Any) -> Path:
        experiment = read_experiment(tmp_path / "exp.yaml", changes)
        return run_experiment(experiment, out=tmp_path / name, resolve=lambda x: tmp_path / x, **more).folder

    return make


def still(*, rate: float = 1e-12) -> tuple[str, ...]:
    """Settings under which nothing moves."""
    return (f"training.optimizer.learning_rate={rate}", "training.optimizer.weight_decay=0", "training.average=null")


def test_networks_begin_with_the_weights_of_the_bundle(train: Any, tmp_path: Path) -> None:
    first = train("first", "training.epochs=3", seeds=2)
    second = train("second", "training.start_from=first/bundle", *still(), seeds=2)
    for own, before in zip(read_bundle(second / "bundle").weights, read_bundle(first / "bundle").weights, strict=True):
        for name in before:
            if "running" not in name and "batches" not in name:
                np.testing.assert_allclose(own[name], before[name], atol=1e-6)
    noted = json.loads((second / "environment.json").read_text())["start_from"]
    assert noted["tensors"] == len(read_bundle(first / "bundle").weights[0])
    assert noted["fresh"] == []


def test_layers_of_another_size_start_afresh(train: Any) -> None:
    train("first")
    second = train("second", "training.start_from=first/bundle", "model.dense=[6]", *still())
    noted = json.loads((second / "environment.json").read_text())["start_from"]
    assert noted["tensors"] > 0
    assert noted["fresh"]


def test_test_rows_that_the_bundle_has_seen_are_said(train: Any) -> None:
    train("first")
    same = json.loads((train("same", "training.start_from=first/bundle") / "evaluation.json").read_text())
    assert not any("first weights" in x for x in same["warnings"])
    other = train("other", "training.start_from=first/bundle", "split={kind: random, seed: 5}")
    found = json.loads((other / "evaluation.json").read_text())
    assert any("first weights were trained on" in x for x in found["warnings"])


def test_mistakes(train: Any, tmp_path: Path) -> None:
    train("first")
    with pytest.raises(BundleError, match="no bundle here"):
        train("second", "training.start_from=nothing")
    with pytest.raises(SettingsError, match="holds a multiscale"):
        train("third", "training.start_from=first/bundle", "model={kind: residual, filters: 8, channels: 8, blocks: 1}")


def test_a_resumed_run_begins_with_the_same_bundle(train: Any, tmp_path: Path) -> None:
    first = train("first")
    second = train("second", "training.start_from=first/bundle")
    (second / "verdict.txt").unlink()
    manifest = first / "bundle" / "bundle.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(OutputError, match="was changed since the run began"):
        train("second", "training.start_from=first/bundle", resume=True)
