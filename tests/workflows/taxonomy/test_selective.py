"""Coverage at a wanted precision and reliability; the slow twins are in test_measures.py."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.evaluation.calibration import reliability
from strandloom.workflows.taxonomy.selective import call_reliability, coverage_at_precision


def test_ties_are_kept_together() -> None:
    confidence = np.array([0.9, 0.9, 0.8, 0.7, 0.7])
    right = np.array([True, True, True, False, True])
    point = coverage_at_precision(confidence, right, queries=10, wanted=0.8)
    assert (point.coverage, point.threshold, point.precision) == pytest.approx((0.5, 0.7, 0.8))
    point = coverage_at_precision(confidence, right, queries=10, wanted=0.9)
    assert (point.coverage, point.threshold, point.precision) == pytest.approx((0.3, 0.8, 1.0))


def test_exact_shares_are_not_lost_to_rounding() -> None:
    right = np.arange(20) != 19
    assert coverage_at_precision(np.linspace(1, 0.5, 20), right, queries=20, wanted=0.95).coverage == 1
    assert coverage_at_precision(np.linspace(1, 0.5, 10), right[10:], queries=10, wanted=0.9).coverage == 1


def test_out_of_reach() -> None:
    for confidence in (np.array([0.9, 0.8]), np.zeros(0)):
        point = coverage_at_precision(confidence, np.zeros(len(confidence), bool), queries=2)
        assert point.coverage == 0
        assert np.isnan([point.threshold, point.precision]).all()


def test_bins_are_those_of_the_house() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(5), 200)
    y = rng.integers(0, 5, 200)
    right = probabilities.argmax(axis=1) == y
    assert call_reliability(probabilities.max(axis=1), right) == reliability(probabilities, y)
    assert call_reliability(np.zeros(0), np.zeros(0, bool)) == []
