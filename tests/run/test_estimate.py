"""The estimate: arithmetic on a measured step, checked with a step of known cost, and once with a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from strandloom.data.dataset import Dataset
from strandloom.data.load import load
from strandloom.data.split.core import TRAIN, VALIDATION, Split, make_splits
from strandloom.evaluation.settings import BASELINE_NAMES
from strandloom.experiment import Experiment
from strandloom.run.estimate import (
    BASELINE_SECONDS_PER_BASE,
    FIXED_SECONDS,
    JUDGE_SECONDS_PER_ROW,
    Estimate,
    estimate,
)
from strandloom.run.members import model_maker, plan_members
from strandloom.training.estimate import StepCost
from strandloom.training.runtime import Runtime

Make = Callable[..., Experiment]
COST = StepCost(seconds=0.5, rows=32, validation_seconds=0.01, memory_bytes=1000)
CPU = Runtime("cpu", 1, "fp32")


@dataclass
class Measured:
    """Stands for the measurement: every step has the cost above; what was asked is kept."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, model: nn.Module, train: object, **how: Any) -> StepCost:
        self.asked.append({"model": model, **how})
        return COST


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    found = Measured()
    monkeypatch.setattr("strandloom.run.estimate.measure_step", found)
    return found


@pytest.fixture(scope="module")
def dataset(experiment: Make) -> Dataset:
    return load(experiment().data, task="classes")


@pytest.fixture(scope="module")
def splits(experiment: Make, dataset: Dataset) -> list[Split]:
    return make_splits(dataset, experiment().split)


def ahead(
    asked: Experiment,
    dataset: Dataset,
    splits: list[Split],
    *,
    seeds: int = 1,
    runtime: Runtime = CPU,
    test_rows: int = 60,
) -> Estimate:
    return estimate(
        asked,
        dataset,
        splits,
        plan_members(splits, seed=asked.training.seed, seeds=seeds),
        make_model=model_maker(asked, dataset, None),
        runtime=runtime,
        test_rows=test_rows,
    )


def test_an_estimate_in_words() -> None:
    found = Estimate(training=100, baselines=20, rest=5, memory=3 * 2**29)
    assert found.seconds == 125
    assert found.line() == (
        "estimate: 2 min 5 s in all (training 1 min 40 s if no network stops early, baselines 20 s), 1.5 GiB of memory"
    )


def test_training_is_the_steps_of_all_epochs_of_all_networks(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split]
) -> None:
    train, validation = (len(splits[0].rows(part)) for part in (TRAIN, VALIDATION))
    once = train / 32 * 0.5 + validation * 0.01
    assert ahead(experiment(), dataset, splits).training == pytest.approx(2 * once)
    assert ahead(experiment(training={"epochs": 7}), dataset, splits).training == pytest.approx(7 * once)
    assert ahead(experiment(), dataset, splits, seeds=3).training == pytest.approx(3 * 2 * once)
    assert ahead(experiment(), dataset, splits * 4, seeds=3).training == pytest.approx(4 * 3 * 2 * once)


@pytest.mark.parametrize("changes", [{"data": {"strand": "auto"}}, {"training": {"augmentation": {"shift": "auto"}}}])
def test_an_undecided_strand_or_shift_costs_probes_once(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split], changes: dict[str, Any]
) -> None:
    """However many seeds are trained afterwards."""
    probes = [
        ahead(experiment(**changes), dataset, splits, seeds=seeds).training
        - ahead(experiment(), dataset, splits, seeds=seeds).training
        for seeds in (1, 3)
    ]
    assert probes[0] > 0
    assert probes[1] == pytest.approx(probes[0])


def test_baselines_by_training_bases_and_number(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split]
) -> None:
    """Once a split, whatever the seeds; the short list of the small experiment is a share of all."""
    everything = experiment(evaluation={"baselines": "all"})
    found = ahead(everything, dataset, splits, seeds=3).baselines
    assert found == pytest.approx(len(splits[0].rows(TRAIN)) * dataset.length * BASELINE_SECONDS_PER_BASE)
    assert ahead(everything, dataset, splits * 5).baselines == pytest.approx(5 * found)
    two = ahead(experiment(), dataset, splits).baselines
    assert two == pytest.approx(found * 2 / len(BASELINE_NAMES))
    assert ahead(experiment(evaluation={"baselines": "none"}), dataset, splits).baselines == 0


def test_the_rest_is_fixed_but_for_the_bootstrap_of_the_test_rows(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split]
) -> None:
    none, thousand = (experiment(evaluation={"resamples": count}) for count in (0, 1000))
    assert ahead(none, dataset, splits, test_rows=500).rest == FIXED_SECONDS
    assert ahead(thousand, dataset, splits, test_rows=500).rest == FIXED_SECONDS + 500 * JUDGE_SECONDS_PER_ROW


def test_the_codes_lie_in_the_memory_of_the_processor(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split]
) -> None:
    """On a card, its own memory is told."""
    assert ahead(experiment(), dataset, splits).memory == 1000 + 300 * 40
    assert ahead(experiment(), dataset, splits, runtime=Runtime("cuda:0", 1, "bf16")).memory == 1000


@pytest.mark.parametrize(("strand", "taken"), [("both", "both"), ("one", "one"), ("auto", "one")])
def test_the_step_is_that_of_the_run(
    measured: Measured, experiment: Make, dataset: Dataset, splits: list[Split], strand: str, taken: str
) -> None:
    asked = experiment(data={"strand": strand}, training={"seed": 5})
    ahead(asked, dataset, splits, seeds=2, runtime=Runtime("cuda:0", 1, "bf16"))
    (how,) = measured.asked
    assert (how["strand"], how["device"], how["precision"]) == (taken, "cuda:0", "bf16")
    assert how["settings"] == asked.training
    assert (how["task"].kind, how["task"].outputs) == ("classes", 2)
    first = model_maker(asked, dataset, None)(5).state_dict()
    assert all(torch.equal(value, first[name]) for name, value in how["model"].state_dict().items())


def test_a_real_step_is_measured(experiment: Make, dataset: Dataset, splits: list[Split]) -> None:
    found = ahead(experiment(), dataset, splits)
    assert found.training > 0
    assert found.seconds == found.training + found.baselines + found.rest
    assert found.memory > dataset.codes.nbytes
