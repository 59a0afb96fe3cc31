"""Resamples are seeded, paired, grouped; intervals cover; verdicts follow the direction of the metric."""

import numpy as np
import pytest

from strandloom.evaluation import bootstrap as module
from strandloom.evaluation.bootstrap import bootstrap, compare_draws, percentile_interval, resample_counts
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.metrics import ClassScorer, LabelScorer


def scorer(seed, *, signal=1.0, n=400, classes=2):
    y = np.random.default_rng(99).integers(0, classes, n)
    logits = np.random.default_rng(seed).normal(size=(n, classes))
    logits[np.arange(n), y] += signal
    return ClassScorer(softmax(logits), y)


def all_counts(*args, **keywords):
    return np.concatenate(list(resample_counts(*args, **keywords)), axis=1)


def test_counts_are_the_same_for_a_seed_whatever_the_block(monkeypatch):
    whole = all_counts(301, resamples=50, seed=3)
    monkeypatch.setattr(module, "_CHUNK_VALUES", 301 * 7)
    np.testing.assert_array_equal(whole, all_counts(301, resamples=50, seed=3))
    assert (whole != all_counts(301, resamples=50, seed=4)).any()
    assert whole.shape == (301, 50)
    assert (whole.sum(axis=0) == 301).all()


def test_groups_are_drawn_whole():
    groups = np.array([7, 7, 7, 1, 1, 5])
    counts = all_counts(6, resamples=200, seed=1, groups=groups)
    for group in (7, 1, 5):
        members = counts[groups == group]
        assert (members == members[0]).all()
    assert (counts[[0, 3, 5]].sum(axis=0) == 3).all()


def test_same_seed_same_bytes_and_other_systems_change_nothing():
    alone = bootstrap({"model": scorer(1)}, resamples=100, seed=5)
    beside = bootstrap({"model": scorer(1), "other": scorer(2)}, resamples=100, seed=5)
    assert alone.draws.tobytes() == beside.draws[:1].tobytes()


def test_draws_are_the_metrics_of_the_repeated_rows():
    whole = scorer(1, n=60, classes=3)
    found = bootstrap({"model": whole}, resamples=20, seed=2)
    counts = all_counts(60, resamples=20, seed=2).astype(int)
    for r in range(20):
        rows = np.repeat(np.arange(60), counts[:, r])
        slow = ClassScorer(whole.probabilities[rows], whole.y[rows]).score(np.ones((len(rows), 1)))
        np.testing.assert_allclose(found.draws[0, 0, :, r], slow[0, :, 0])


def test_the_interval_of_accuracy_is_close_to_the_normal_one():
    found = bootstrap({"model": scorer(1, n=2000)}, resamples=2000, seed=1).get("model", "accuracy")
    half = 1.96 * np.sqrt(found.value * (1 - found.value) / 2000)
    assert found.low == pytest.approx(found.value - half, abs=0.003)
    assert found.high == pytest.approx(found.value + half, abs=0.003)


def test_a_model_beats_a_weaker_one_and_not_its_twin():
    found = bootstrap(
        {"model": scorer(1, signal=2), "weak": scorer(2, signal=0.5), "twin": scorer(1, signal=2)}, resamples=300
    )
    for metric in ("matthews_corrcoef", "log_loss"):
        assert found.compare("model", "weak", metric=metric).verdict == "better"
        assert found.compare("weak", "model", metric=metric).verdict == "worse"
        twin = found.compare("model", "twin", metric=metric)
        assert twin.verdict == "not distinguishable"
        assert twin.p == 1
    assert found.compare("model", "weak", metric="log_loss").difference.value < 0


def test_a_paired_comparison_is_tighter_than_two_intervals():
    found = bootstrap({"model": scorer(1, signal=1.0), "near": scorer(1, signal=0.9)}, resamples=300)
    difference = found.compare("model", "near", metric="log_loss").difference
    own = found.get("model", "log_loss")
    assert difference.high - difference.low < (own.high - own.low) / 2


def test_no_resamples_leave_the_ends_open():
    found = bootstrap({"model": scorer(1), "other": scorer(2)}, resamples=0)
    interval = found.get("model", "accuracy")
    assert np.isfinite(interval.value)
    assert np.isnan(interval.low)
    assert found.compare("model", "other", metric="accuracy").verdict == "not distinguishable"


def test_too_many_rows_times_classes_leave_the_ranked_intervals_out(monkeypatch):
    monkeypatch.setattr(module, "RANKED_LIMIT", 10)
    found = bootstrap({"model": scorer(1)}, resamples=20)
    assert np.isnan(found.get("model", "roc_auc").low)
    assert np.isfinite(found.get("model", "roc_auc").value)
    assert np.isfinite(found.get("model", "accuracy").low)
    assert "ranking metrics" in found.notes[0]


def test_many_labels_have_intervals_of_the_mean_only(monkeypatch):
    monkeypatch.setattr(module, "_GROUPS_LIMIT", 2)
    generator = np.random.default_rng(0)
    labels = LabelScorer(generator.random((50, 3)), generator.random((50, 3)) < 0.5)
    found = bootstrap({"model": labels}, resamples=20)
    assert np.isfinite(found.get("model", "roc_auc").low)
    assert np.isnan(found.get("model", "roc_auc", group=2).low)


def test_an_interval_holds_its_value_and_leaves_undefined_draws_out():
    found = percentile_interval(0.1, np.array([0.2, 0.3, np.nan, 0.4]))
    assert found.low == 0.1
    assert found.high > 0.39
    assert np.isnan(percentile_interval(0.1, np.full(3, np.nan)).low)
    nothing = compare_draws(0.1, np.full(3, np.nan), metric="accuracy")
    assert nothing.verdict == "not distinguishable"
