"""Risk-coverage by hand, the promise of abstention by simulation, the caution of the decision threshold."""

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from strandloom.evaluation.abstention import abstention_threshold, decision_threshold, risk_coverage


def test_risk_coverage_by_hand_with_ties():
    found = risk_coverage(np.array([0.9, 0.8, 0.8, 0.6]), np.array([True, False, True, False]))
    np.testing.assert_allclose(found.coverage, [0.25, 0.75, 1])
    np.testing.assert_allclose(found.risk, [0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(found.confidence, [0.9, 0.8, 0.6])
    assert found.area == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25 / 2)
    assert np.isnan(risk_coverage(np.empty(0), np.empty(0, bool)).area)


def test_the_stated_error_is_kept_on_new_rows():
    generator = np.random.default_rng(0)
    broken = reached = 0
    for _ in range(300):
        confidence = generator.uniform(0.5, 1, 600)
        found = abstention_threshold(confidence, generator.random(600) < confidence, target=0.1)
        if found.reachable:
            reached += 1
            true_error = 1 - (1 + found.threshold) / 2 if found.threshold else 0.25
            broken += true_error > 0.1
    assert reached > 250
    assert broken / 300 < 0.1


def test_a_small_sample_cannot_promise_and_says_so():
    found = abstention_threshold(np.linspace(0.5, 1, 30), np.ones(30, bool), target=0.05)
    assert not found.reachable
    assert found.threshold == 0
    assert "cannot be promised" in found.text
    assert not abstention_threshold(np.empty(0), np.empty(0, bool)).reachable


def test_a_perfect_model_answers_every_row():
    found = abstention_threshold(np.linspace(0.5, 1, 300), np.ones(300, bool))
    assert found.reachable
    assert found.threshold == 0
    assert found.coverage == 1
    assert "every row answered" in found.text


def test_one_confidence_for_all_rows_is_all_or_nothing():
    right = np.arange(400) % 4 > 0
    assert not abstention_threshold(np.full(400, 0.75), right).reachable
    assert abstention_threshold(np.full(400, 0.75), right, target=0.5).threshold == 0


def test_balanced_calibrated_rows_keep_one_half():
    generator = np.random.default_rng(1)
    kept = 0
    for seed in range(10):
        p = generator.random(400)
        kept += decision_threshold(p, (generator.random(400) < p).astype(int), seed=seed) == 0.5
    assert kept >= 9


def test_a_rare_class_moves_the_threshold_to_a_better_one():
    generator = np.random.default_rng(1)
    p = generator.beta(1, 8, 5000) * 0.6
    y = (generator.random(5000) < p).astype(int)
    found = decision_threshold(p, y)
    assert found < 0.4
    assert matthews_corrcoef(y, p >= found) > matthews_corrcoef(y, p >= 0.5)
    assert decision_threshold(p[:40], y[:40]) == 0.5
