"""Small runs that several tests read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import simulate, write_simulation
from strandloom.experiment import Experiment, check_experiment
from strandloom.run import RunResult, run_experiment

Make = Callable[..., Experiment]

SETTINGS: dict[str, Any] = {
    "name": "small",
    "data": {"target": "label", "strand": "one"},
    "split": {"kind": "column"},
    "model": {
        "kind": "layers",
        "blocks": [
            {"block": "conv", "filters": 8, "width": 7},
            {"block": "norm"},
            {"block": "activation"},
            {"block": "dropout", "rate": 0.1},
            {"block": "global_pool"},
        ],
    },
    "training": {"epochs": 2, "batch_size": 32, "augmentation": {"shift": 0}},
    "evaluation": {"resamples": 50, "baselines": ["majority", "kmer_bayes"], "kmer_sizes": [3]},
}


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    found = deepcopy(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(found.get(key), dict) and "kind" not in value
        found[key] = _merged(found[key], value) if nested else value
    return found


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from more, and tests share the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strandloom.training.runtime.physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 simulated sequences of 40 bases with their note."""
    path = tmp_path_factory.mktemp("table") / "sim.tsv"
    write_simulation(simulate(MotifSimulation(n=300, length=40, motifs=("TATAAA", "GGGCGG")), seed=3), path)
    return path


@pytest.fixture(scope="session")
def experiment(table: Path) -> Make:
    """Makes a small experiment on the simulated table, with changes."""
    return lambda **changes: check_experiment(_merged(SETTINGS, _merged({"data": {"table": str(table)}}, changes)))


@pytest.fixture(scope="session")
def full_run(experiment: Make, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """One run with every baseline."""
    asked = experiment(evaluation={"baselines": "all"})
    return run_experiment(
        asked, out=tmp_path_factory.mktemp("runs") / "full", device="cpu", command="strandloom train …"
    )


@pytest.fixture(scope="session")
def two_seeds(experiment: Make, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """One experiment with two seeds."""
    return run_experiment(experiment(), out=tmp_path_factory.mktemp("runs") / "seeds", device="cpu", seeds=2)
