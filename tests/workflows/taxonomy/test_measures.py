"""Measures of one rank, beside scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from strandloom.evaluation.bootstrap import bootstrap
from strandloom.evaluation.calibration import expected_calibration_error
from strandloom.workflows.taxonomy.measures import MEASURES, RankScorer
from strandloom.workflows.taxonomy.selective import call_reliability, coverage_at_precision


def drawn(seed: int = 1, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth with novel and unsaid rows, calls that leave some out, confidences with ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(-2, 9, n).astype(np.int32)
    taxon = np.where(rng.random(n) < 0.6, truth, rng.integers(-1, 12, n)).astype(np.int32)
    taxon = np.maximum(taxon, -1)
    return truth, taxon, np.round(rng.beta(3, 1, n), 2)


def measured(truth: np.ndarray, taxon: np.ndarray, confidence: np.ndarray, **settings: float) -> dict[str, float]:
    scorer = RankScorer(truth, taxon, confidence, **settings)
    return dict(zip(MEASURES, scorer.score(np.ones((len(truth), 1)))[0, :, 0].tolist(), strict=True))


def test_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, -1, -1, -1, -2, -2], np.int32)
    taxon = np.array([0, 0, 2, 1, -1, -1, 5, -1, -1, 0], np.int32)
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0, 0, 0.9, 0, 0, 1.0])
    found = measured(truth, taxon, confidence, precision=0.6)
    assert found == pytest.approx({
        "accuracy": 5 / 8,  # rows 0, 1, 3 called rightly; 5 and 7 left alone
        "coverage": 5 / 8,
        "precision": 3 / 5,
        "recall": 3 / 5,
        "f1": 3 / 5,
        "precision_macro": (1 + 1 + 0 + 0) / 4,
        "recall_macro": (2 / 3 + 1 / 2) / 2,
        "f1_macro": (4 / 5 + 2 / 3 + 0 + 0) / 4,
        "misclassified": 1 / 5,
        "underclassified": 1 / 5,
        "overclassified": 1 / 3,
        "coverage_at_precision": 5 / 8,
        "ece": (abs(0.9 - 1 + 0.9) + abs(0.8 - 1) + abs(0.7) + abs(0.6 - 1)) / 5,
    })  # fmt: skip
    assert measured(truth, taxon, confidence, precision=0.61)["coverage_at_precision"] == pytest.approx(3 / 8)
    assert measured(truth, taxon, confidence, precision=0.7)["coverage_at_precision"] == 0, (
        "0.9 stands twice, once wrong"
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_against_scikit_learn(seed: int) -> None:
    truth, taxon, confidence = drawn(seed)
    found = measured(truth, taxon, confidence)
    said = truth != -2
    true, call = truth[said], taxon[said]
    assert found["accuracy"] == pytest.approx(accuracy_score(true, call))
    asked = {
        "recall": (1, np.unique(true[true >= 0])),
        "precision": (0, np.unique(call[call >= 0])),
        "f1": (2, np.union1d(true[true >= 0], call[call >= 0])),
    }
    for name, (place, labels) in asked.items():
        for average in ("macro", "micro"):
            oracle = precision_recall_fscore_support(true, call, labels=labels, average=average, zero_division=0)
            assert found[name if average == "micro" else f"{name}_macro"] == pytest.approx(oracle[place]), (
                name,
                average,
            )


def test_resamples_are_the_measures_of_repeated_rows() -> None:
    truth, taxon, confidence = drawn(n=80)
    counts = np.random.default_rng(2).integers(0, 3, (80, 12))
    fast = RankScorer(truth, taxon, confidence).score(counts.astype(float))[0]
    for r in range(12):
        rows = np.repeat(np.arange(80), counts[:, r])
        slow = measured(truth[rows], taxon[rows], confidence[rows])
        assert fast[:, r] == pytest.approx(np.array(list(slow.values())))


def test_the_sweep_and_the_diagram_agree_with_their_slow_twins() -> None:
    truth, taxon, confidence = drawn()
    said, called = truth != -2, (taxon >= 0) & (truth != -2)
    right = taxon[called] == truth[called]
    for wanted in (0.3, 0.6, 0.7, 0.8, 0.9):
        best = 0.0
        for threshold in np.unique(confidence[called]):
            kept = confidence[called] >= threshold
            if right[kept].mean() >= wanted - 1e-9:
                best = max(best, kept.sum() / said.sum())
        point = coverage_at_precision(confidence[called], right, queries=int(said.sum()), wanted=wanted)
        assert point.coverage == pytest.approx(best)
        assert measured(truth, taxon, confidence, precision=wanted)["coverage_at_precision"] == pytest.approx(best)
        if best:
            kept = confidence[called] >= point.threshold
            assert (kept.sum() / said.sum(), right[kept].mean()) == pytest.approx((point.coverage, point.precision))
    error = expected_calibration_error(call_reliability(confidence[called], right))
    assert measured(truth, taxon, confidence)["ece"] == pytest.approx(error)


def test_nothing_called_and_nothing_known() -> None:
    nothing = np.full(4, -1, np.int32)
    found = measured(nothing, nothing, np.zeros(4))
    assert (found["accuracy"], found["coverage"], found["overclassified"], found["coverage_at_precision"]) == (
        1,
        0,
        0,
        0,
    )
    assert np.isnan([found["precision"], found["recall"], found["f1"], found["f1_macro"], found["ece"]]).all()
    unsaid = measured(np.full(4, -2, np.int32), np.zeros(4, np.int32), np.ones(4))
    assert np.isnan(list(unsaid.values())).all()


def test_it_is_a_scorer_of_the_paired_bootstrap() -> None:
    truth, taxon, confidence = drawn()
    better = np.where(truth >= 0, truth, -1).astype(np.int32)
    scorers = {"ours": RankScorer(truth, better, confidence), "theirs": RankScorer(truth, taxon, confidence)}
    found = bootstrap(scorers, resamples=200, seed=1)
    accuracy = found.get("theirs", "accuracy")
    assert accuracy.low < accuracy.value < accuracy.high
    assert found.compare("ours", "theirs", metric="f1_macro").verdict == "better"
