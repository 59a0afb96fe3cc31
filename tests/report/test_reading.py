"""What the floors below really produce is read in full."""

from __future__ import annotations

import json

import numpy as np
import pytest

from strandloom.evaluation.decision import ClassPredictions, fit_decision
from strandloom.evaluation.evaluate import evaluate_classes, evaluate_labels, evaluate_values
from strandloom.evaluation.pooling import pool_seeds
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.report.inputs import ReportInputs
from strandloom.report.reading import read_metrics, read_scores, wilson
from strandloom.report.report import render

SETTINGS = EvaluationSettings(resamples=50)


def evaluated(classes=2, *, rows=600, seed=1):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, classes, rows)
    logits = generator.normal(0, 1, (rows, classes)) + 2.5 * np.eye(classes)[y]
    decision = fit_decision(logits, y, settings=SETTINGS)
    probabilities = decision.probabilities(logits)
    weak = np.full((rows, classes), 1 / classes)
    return evaluate_classes(
        ClassPredictions(probabilities, decision.decide(probabilities), decision.abstains(probabilities)),
        y,
        names=[f"class {i}" for i in range(classes)],
        settings=SETTINGS,
        baselines={"majority": weak},
        decision=decision,
        similarity=generator.random(rows),
        ceiling={"accuracy": 0.99, "roc_auc": 0.999, "strand_symmetric_accuracy": 0.9, "rows": rows},
        baseline_facts={
            "majority": {"title": "most frequent class", "about": "always the same", "seconds": 0.1},
            "nearest": {"title": "nearest neighbour", "skipped": "too few rows"},
        },
    )


@pytest.mark.parametrize("classes", [2, 3, 40])
def test_every_part_of_a_real_evaluation_is_read(classes):
    found = evaluated(classes)
    scores = read_scores(json.loads(json.dumps(found.to_json())))
    assert scores.headline == "matthews_corrcoef"
    assert {m: s.value for m, s in scores.model.items()} == pytest.approx(
        {m: v.value for m, v in found.model.items()}, nan_ok=True
    )
    assert scores.best == "majority"
    assert scores.against_best == "better"
    assert scores.skipped == {"nearest": "too few rows"}
    assert np.array_equal(scores.confusion, found.confusion)
    assert [c.name for c in scores.per_class] == list(found.classes)
    assert len(scores.roc) == len(scores.pr) == len(found.curves["roc"])
    assert all(c.area is not None for c in scores.roc)
    assert sum(b.rows for b in scores.reliability) == 600
    assert scores.histograms
    assert scores.risk_coverage is not None
    assert scores.temperature == found.calibration["temperature"]
    assert scores.stated_error == 0.05
    assert scores.ece_before is not None
    assert len(scores.by_distance) == 5
    assert set(scores.ceiling) == {"accuracy", "roc_auc"}
    assert scores.symmetric_ceiling == 0.9
    if classes == 2:
        assert [h.name for h in scores.histograms] == list(found.classes)
        assert scores.decision_threshold is not None


def test_a_real_evaluation_renders_as_object_and_as_json():
    found = evaluated(3)
    html = render(ReportInputs("x", evaluation=found))
    assert html == render(ReportInputs("x", evaluation=found.to_json()))
    for slug in ("confusion-t", "distribution-t", "roc-t", "pr-t", "reliability-t", "risk-t", "distance-t"):
        assert f'id="{slug}"' in html


def test_pooled_seeds():
    runs = [evaluated(seed=s) for s in (1, 2, 3)]
    scores = read_scores(pool_seeds(runs[0], runs, seeds=(1, 2, 3)).to_json())
    assert [s.name for s in scores.seeds] == ["seed 1", "seed 2", "seed 3"]
    assert scores.seeds[1].values["accuracy"] == pytest.approx(runs[1].model["accuracy"].value)
    assert scores.seed_range is not None
    assert "lowest to highest" in render(ReportInputs("x", evaluation=pool_seeds(runs[0], runs, seeds=(1, 2, 3))))


def test_labels_and_values():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, (300, 3))
    probabilities = np.clip(0.6 * y + 0.4 * generator.random((300, 3)), 0, 1)
    labels = evaluate_labels(probabilities, y, names=["a", "b", "c"], settings=SETTINGS)
    values = evaluate_values(y + generator.normal(0, 0.1, (300, 3)), y * 1.0, names=["a", "b", "c"], settings=SETTINGS)
    for found, headline in ((labels, "average_precision"), (values, "r2")):
        scores = read_scores(found.to_json())
        assert scores.headline == headline
        assert set(scores.per_target) == {"a", "b", "c"}
        page = render(ReportInputs("x", evaluation=found))
        assert ("Label by label" if found is labels else "Scores per") in page
        assert ("runs no script" in page) == (found is values)


def test_wilson_against_the_closed_form():
    score = wilson(0.5, 100)
    assert (score.low, score.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(1.0, 10).high == pytest.approx(1.0)
    assert wilson(None, 10).low is None
    assert wilson(0.3, 0).low is None
    narrow = wilson(0.5, 100, 0.9)
    assert (narrow.low, narrow.high) == pytest.approx((0.4188, 0.5812), abs=1e-4)


def test_the_interval_reaches_the_intervals_made_here():
    stored = evaluated().to_json()
    usual, narrow = read_scores(stored), read_scores({**stored, "interval": 0.6})
    assert (usual.interval, narrow.interval) == (0.95, 0.6)
    for wide, slim in (
        (usual.reliability[-1], narrow.reliability[-1]),
        (usual.by_distance[0].score, narrow.by_distance[0].score),
    ):
        assert wide.low < slim.low < slim.high < wide.high


def test_odd_entries():
    assert read_metrics("x") == {}
    assert read_metrics({"accuracy": 0.5, "mine": {"value": 1.0}, "text": "a"}).keys() == {"accuracy", "mine"}
    scores = read_scores({"curves": {"roc": {"a": {"x": [0, 1], "y": [0]}}, "reliability": [{}, 3]}, "confusion": [1]})
    assert scores.roc == ()
    assert scores.reliability == ()
