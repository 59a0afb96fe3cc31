"""Blending a network with a baseline."""

from __future__ import annotations

import numpy as np

from strandloom.evaluation.blend import LEAST_ROWS, Blend, best_blend, fit_blend
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.metrics import log_losses


def two_views(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, and two independent noisy views of it as logits."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    views = [np.outer(2.0 * y - 1 + rng.normal(0, 1, rows), [-1.0, 1.0]) for _ in range(2)]
    return y, views[0], views[1]


def test_two_independent_views_are_both_used_and_help_on_new_rows() -> None:
    y, network, other = two_views(4000, 1)
    train, test = slice(0, 2000), slice(2000, 4000)
    found = fit_blend(network[train], softmax(other[train]), y[train])
    assert found.used
    assert 0.3 < found.share < 0.7
    blended = softmax(found.apply(network[test], softmax(other[test])))
    assert log_losses(blended, y[test]).mean() < 0.9 * log_losses(softmax(network[test]), y[test]).mean()


def test_a_useless_baseline_is_left_out() -> None:
    y, network, _ = two_views(2000, 2)
    noise = np.random.default_rng(3).dirichlet([5, 5], 2000)
    found = fit_blend(network, noise, y)
    assert found.share < 0.1
    assert fit_blend(network, np.full((2000, 2), 0.5), y) == Blend()


def test_few_rows_are_not_blended() -> None:
    y, network, other = two_views(LEAST_ROWS - 1, 4)
    assert fit_blend(network, softmax(other), y) == Blend()


def test_the_network_alone_is_unchanged() -> None:
    _, network, other = two_views(10, 5)
    np.testing.assert_array_equal(Blend().apply(network, softmax(other)), network)


def test_the_partner_that_saves_most_is_taken() -> None:
    y, network, other = two_views(3000, 6)
    weaker = np.outer(other[:, 1] + np.random.default_rng(7).normal(0, 2, len(y)), [-1.0, 1.0])
    found = best_blend(network, {"kmer_logistic": softmax(weaker), "position_logistic": softmax(other)}, y)
    assert found.partner == "position_logistic"
    assert best_blend(network, {}, y) == Blend()
