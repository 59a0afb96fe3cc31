"""Mean and spread over runs."""

import numpy as np
import pytest

from strandloom.evaluation.pooling import pool_seeds, summarise_runs
from strandloom.evaluation.results import Evaluation, Interval


def run(value):
    metrics = {"accuracy": Interval(value, 0.0, 1.0)}
    return Evaluation(
        task="classes", classes=("a", "b"), rows=1, part="test", primary="accuracy", model=metrics,
        baselines={"majority": {"accuracy": Interval(0.5, 0.0, 1.0)}},
    )  # fmt: skip


def test_spread_over_three_seeds():
    runs = [run(value) for value in (0.7, 0.8, 0.9)]
    pooled = pool_seeds(runs[1], runs, seeds=[1, 2, 3])
    found = pooled.seeds["model"]["accuracy"]
    assert found["mean"] == pytest.approx(0.8)
    assert found["standard_error"] == pytest.approx(0.1 / np.sqrt(3))
    assert (found["min"], found["max"], found["values"]) == (0.7, 0.9, [0.7, 0.8, 0.9])
    assert pooled.seeds["baselines"]["majority"]["accuracy"]["standard_error"] == 0
    assert pooled.seeds["seeds"] == [1, 2, 3]


def test_one_run_has_no_standard_error():
    assert np.isnan(summarise_runs([run(0.7)], seeds=[4])["model"]["accuracy"]["standard_error"])
    assert pool_seeds(run(0.7), [run(0.7)], seeds=[4]).to_json()["seeds"]["model"]["accuracy"]["standard_error"] is None
