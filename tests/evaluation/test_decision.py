"""Scores become answers by the rule that validation gave, and the rule survives JSON."""

import json

import numpy as np
import pytest

from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.decision import ClassPredictions, Decision, fit_decision
from strandloom.evaluation.settings import EvaluationSettings


def rows(n=2000, classes=2, signal=3.0):
    generator = np.random.default_rng(0)
    y = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes))
    logits[np.arange(n), y] += signal
    return logits, y


def test_a_fitted_rule_calibrates_and_abstains_at_the_stated_error():
    logits, y = rows()
    rule = fit_decision(logits[:1000] * 4, y[:1000], settings=EvaluationSettings(abstain_error=0.02))
    found = rule.apply(logits[1000:] * 4)
    assert rule.validation["log_loss_after"] < rule.validation["log_loss_before"]
    assert rule.reachable
    answered = ~found.abstained
    assert 0.3 < answered.mean() < 1
    assert (found.predicted != y[1000:])[answered].mean() < 0.03


def test_the_rule_survives_json():
    logits, y = rows(300)
    rule = fit_decision(logits, y, settings=EvaluationSettings())
    assert Decision.from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_no_validation_row_gives_the_plain_rule():
    rule = fit_decision(np.empty((0, 3)), np.empty(0, int), settings=EvaluationSettings())
    assert rule == Decision()
    logits, _ = rows(10, 3)
    found = rule.apply(logits)
    np.testing.assert_allclose(found.probabilities, softmax(logits))
    np.testing.assert_array_equal(found.predicted, logits.argmax(axis=1))
    assert not found.abstained.any()


def test_a_moved_threshold_decides_two_classes():
    p = np.array([[0.7, 0.3], [0.9, 0.1]])
    np.testing.assert_array_equal(Decision(threshold=0.2).decide(p), [1, 0])
    np.testing.assert_array_equal(Decision(threshold=0.2).decide(np.eye(3)), [0, 1, 2])


def test_half_is_kept_on_request():
    generator = np.random.default_rng(1)
    logits = np.column_stack([np.zeros(3000), generator.normal(-3, 1, 3000)])
    y = (generator.random(3000) < softmax(logits)[:, 1]).astype(int)
    assert fit_decision(logits, y, settings=EvaluationSettings(threshold="half")).threshold is None
    assert fit_decision(logits, y, settings=EvaluationSettings()).threshold == pytest.approx(0.15, abs=0.12)


def test_folds_are_joined_row_by_row():
    logits, _ = rows(20)
    first, second = Decision().apply(logits[:8]), Decision(temperature=2.0).apply(logits[8:])
    joined = ClassPredictions.concat([first, second])
    assert len(joined) == 20
    np.testing.assert_array_equal(joined.probabilities[8:], second.probabilities)
