"""ROC and precision-recall points against scikit-learn, the thinning of long curves, and which classes are drawn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from strandloom.evaluation.abstention import risk_coverage
from strandloom.evaluation.curves import (
    HISTOGRAM_BINS,
    MAX_CLASSES,
    MAX_POINTS,
    class_curves,
    pr_curve,
    roc_curve,
    score_histograms,
    thin,
)

tied_rows = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({positive for _, positive in rows}) == 2
)


def split_up(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([score for score, _ in rows]) / 8, np.array([positive for _, positive in rows])


def noisy(rows: int, *, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    generator = np.random.default_rng(seed)
    scores = generator.random(rows)
    return scores, generator.random(rows) < scores


def test_both_curves_by_hand_with_a_tie() -> None:
    scores, positive = np.array([0.1, 0.8, 0.9, 0.8]), np.array([False, True, True, False])
    assert roc_curve(scores, positive) == {"x": [0, 0, 0.5, 1], "y": [0, 0.5, 1, 1]}
    assert pr_curve(scores, positive) == {"x": [0, 0.5, 1, 1], "y": [1, 1, 0.66667, 0.5]}


@settings(deadline=None)
@given(tied_rows)
def test_roc_points_equal_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split_up(rows)
    found = roc_curve(scores, positive)
    false, true, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(found["x"], false, atol=1e-5)
    np.testing.assert_allclose(found["y"], true, atol=1e-5)


@settings(deadline=None)
@given(tied_rows)
def test_precision_recall_points_equal_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    """But for the first: scikit-learn sets precision 1 at recall 0, here the first precision reached stands there."""
    scores, positive = split_up(rows)
    found = pr_curve(scores, positive)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(found["x"], recall[::-1], atol=1e-5)
    np.testing.assert_allclose(found["y"][1:], precision[::-1][1:], atol=1e-5)
    assert found["y"][0] == found["y"][1]


def test_a_missing_side_is_no_division_by_zero() -> None:
    scores = np.array([0.3, 0.2])
    assert roc_curve(scores, np.array([False, False])) == {"x": [0, 0.5, 1], "y": [0, 0, 0]}
    assert roc_curve(scores, np.array([True, True])) == {"x": [0, 0, 0], "y": [0, 0.5, 1]}
    assert pr_curve(scores, np.array([False, False])) == {"x": [0, 0, 0], "y": [0, 0, 0]}


@pytest.mark.parametrize("points", [1, MAX_POINTS])
def test_a_short_curve_is_left_as_it_is(points: int) -> None:
    x = np.linspace(0, 1, points)
    assert thin(x, 1 - x) == {"x": np.round(x, 5).tolist(), "y": np.round(1 - x, 5).tolist()}


@pytest.mark.parametrize("points", [MAX_POINTS + 1, 500, 20_000])
def test_a_long_curve_keeps_its_ends_and_few_of_its_points_in_order(points: int) -> None:
    x = np.linspace(0, 1, points)
    y = np.sin(9 * x)
    found = thin(x, y)
    given_points = list(zip(np.round(x, 5).tolist(), np.round(y, 5).tolist(), strict=True))
    kept = list(zip(found["x"], found["y"], strict=True))
    assert len(kept) <= MAX_POINTS
    assert set(kept) <= set(given_points)
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (given_points[0], given_points[-1])


def test_points_are_spent_where_the_curve_goes_not_where_the_rows_are() -> None:
    """A rise within the first 1 % of the rows is half of the length, and gets half of the points."""
    x = np.linspace(0, 1, 20_000)
    found = thin(x, np.minimum(100 * x, 1))
    steps = np.abs(np.diff(found["x"])) + np.abs(np.diff(found["y"]))
    assert steps.max() < 4 / MAX_POINTS  # of a length of 2
    assert 0.45 < np.mean(np.array(found["x"]) <= 0.01) < 0.55


def test_a_flat_curve_keeps_its_ends() -> None:
    assert thin(np.full(500, 0.5), np.full(500, 0.25)) == {"x": [0.5, 0.5], "y": [0.25, 0.25]}


def test_a_thinned_curve_keeps_its_area() -> None:
    scores, positive = noisy(20_000)
    roc, pr = roc_curve(scores, positive), pr_curve(scores, positive)
    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=0.005)
    assert np.trapezoid(pr["y"], pr["x"]) == pytest.approx(metrics.average_precision_score(positive, scores), abs=0.005)


def curves_of(probabilities: NDArray[np.float64], y: NDArray[np.int64]) -> dict[str, Any]:
    names = [f"c{i}" for i in range(probabilities.shape[1])]
    return class_curves(probabilities, y, names=names, correct=probabilities.argmax(axis=1) == y)


def random_classes(counts: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Random probabilities ``(N, K)`` and so many rows of each class."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).dirichlet(np.ones(len(counts)), len(y)), y


def test_two_classes_have_the_curve_of_the_second() -> None:
    scores, positive = noisy(100)
    found = curves_of(np.column_stack([1 - scores, scores]), positive.astype(np.int64))
    assert found["roc"] == {"c1": roc_curve(scores, positive)}
    assert found["pr"] == {"c1": pr_curve(scores, positive)}
    assert sum(one["n"] for one in found["reliability"]) == 100
    json.dumps(found, allow_nan=False)


def test_of_many_classes_the_most_frequent_are_drawn_in_their_order() -> None:
    counts = [4] * (MAX_CLASSES + 3)
    counts[1], counts[5], counts[7] = 2, 9, 3
    found = curves_of(*random_classes(counts))
    expected = [f"c{i}" for i in range(len(counts)) if i not in (1, 7, len(counts) - 1)]
    assert list(found["roc"]) == list(found["pr"]) == list(found["scores"]["counts"]) == expected


def test_a_class_without_rows_or_without_others_is_left_out() -> None:
    assert list(curves_of(*random_classes([5, 0, 5]))["roc"]) == ["c0", "c2"]
    for counts in ([5, 0], [0, 5], [5, 0, 0]):
        found = curves_of(*random_classes(counts))
        assert found["roc"] == found["pr"] == {}
        json.dumps(found, allow_nan=False)
    assert curves_of(np.empty((0, 2)), np.empty(0, np.int64))["risk_coverage"] == {"x": [], "y": []}


def test_risk_follows_the_decisions_that_were_taken() -> None:
    """Not the most probable class: a moved threshold decides otherwise."""
    probabilities, y = random_classes([20, 20])
    correct = np.arange(40) % 4 > 0
    found = class_curves(probabilities, y, names=["a", "b"], correct=correct)["risk_coverage"]
    expected = risk_coverage(probabilities.max(axis=1), correct)
    np.testing.assert_allclose(found["x"], expected.coverage, atol=1e-5)
    np.testing.assert_allclose(found["y"], expected.risk, atol=1e-5)
    assert found["y"][-1] == 0.25


def test_histograms_of_two_classes_by_hand() -> None:
    second = np.array([0.0, 0.05, 0.5, 0.99, 1.0])
    found = score_histograms(
        np.column_stack([1 - second, second]), np.array([0, 0, 1, 1, 1]), names=["no", "yes"], shown=[]
    )
    assert found["score"] == "probability of yes"
    assert found["edges"] == [round(0.04 * i, 2) for i in range(HISTOGRAM_BINS + 1)]
    bins = {name: {i: n for i, n in enumerate(counts) if n} for name, counts in found["counts"].items()}
    assert bins == {"no": {0: 1, 1: 1}, "yes": {12: 1, 24: 2}}


def test_histograms_of_many_classes_are_of_the_own_class() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05], [0.1, 0.2, 0.7], [0.3, 0.1, 0.6]])
    found = score_histograms(probabilities, np.array([0, 1, 2]), names=["a", "b", "c"], shown=[0, 2])
    assert found["score"] == "probability of the true class"
    assert {name: int(np.argmax(counts)) for name, counts in found["counts"].items()} == {"a": 22, "c": 15}
    assert all(sum(counts) == 1 for counts in found["counts"].values())
