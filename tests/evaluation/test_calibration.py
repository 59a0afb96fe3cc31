"""Temperature scaling finds the known temperature; reliability and ECE by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from strandloom.evaluation.calibration import (
    MAX_TEMPERATURE,
    expected_calibration_error,
    fit_label_temperature,
    fit_temperature,
    reliability,
    sigmoid,
    softmax,
)
from strandloom.evaluation.metrics import log_losses


def overconfident(temperature, *, n=20_000, classes=3):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(n, classes)) * 2
    cumulative = softmax(logits).cumsum(axis=1)
    y = (generator.random((n, 1)) > cumulative).sum(axis=1)
    return logits * temperature, y


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_logits_is_found(temperature):
    logits, y = overconfident(temperature)
    assert fit_temperature(logits, y) == pytest.approx(temperature, rel=0.05)


def test_the_fit_is_the_minimum_of_the_log_loss():
    """With one row more of unknown class: a mean over all classes."""
    logits, y = overconfident(2.5, n=300)

    def loss(temperature: float) -> float:
        found = softmax(logits, temperature=temperature)
        return float((300 * log_losses(found, y).mean() - np.log(found).mean(axis=1).mean()) / 301)

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded")
    assert fit_temperature(logits, y) == pytest.approx(best.x, rel=1e-3)


def test_extreme_validation_parts_stay_in_range():
    y = np.array([0, 1, 1])
    right, wrong = np.eye(2)[y] * 5, np.eye(2)[1 - y] * 5
    assert fit_temperature(right, y) == pytest.approx(5 / np.log(7))  # three right answers: 7 to 1 with one row unknown
    assert fit_temperature(wrong, y) == MAX_TEMPERATURE
    assert fit_temperature(np.zeros((3, 2)), y) == 1
    assert fit_temperature(np.empty((0, 2)), np.empty(0, int)) == 1
    assert np.isfinite(fit_temperature(np.array([[1e6, -1e6], [-1e6, 1e6], [1e6, -1e6]]), y))


def test_label_temperature_is_found():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(5000, 3)) * 2
    y = (generator.random(logits.shape) < sigmoid(logits)).astype(float)
    assert fit_label_temperature(logits * 3, y) == pytest.approx(3, rel=0.06)
    assert np.isfinite(sigmoid(np.array([1e9, -1e9]))).all()


def test_reliability_and_ece_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55]])
    y = np.array([0, 1, 1])
    bins = reliability(p, y, bins=10)
    assert [(b.low, b.high, b.n) for b in bins] == [(0.5, 0.6, 1), (0.8, 0.9, 2)]
    assert bins[1].accuracy == 0.5
    assert expected_calibration_error(bins) == pytest.approx((0.45 + 2 * 0.4) / 3)
    assert np.isnan(expected_calibration_error([]))
