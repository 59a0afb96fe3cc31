"""Every metric against scikit-learn and scipy, on the rows and on resamples made by repeating rows."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from strandloom.evaluation.calibration import expected_calibration_error, reliability, softmax
from strandloom.evaluation.metrics import ClassScorer, LabelScorer, ValueScorer, confusion

N = 120


def predictions(classes, seed):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, classes, N)
    logits = generator.normal(size=(N, classes)).round(1)  # rounded: ties
    logits[np.arange(N), y] += 1
    return softmax(logits), y


def counts(seed, *, resamples=4):
    generator = np.random.default_rng(seed)
    return np.stack([np.bincount(generator.integers(0, N, N), minlength=N) for _ in range(resamples)], axis=1)


def by_name(scorer, weights, *, group=0):
    return dict(zip(scorer.metrics, scorer.score(weights.astype(float))[group], strict=True))


def class_oracle(p, y, predicted):
    classes = p.shape[1]
    if classes == 2:
        ranked = {
            "roc_auc": oracle.roc_auc_score(y, p[:, 1]),
            "average_precision": oracle.average_precision_score(y, p[:, 1]),
            "brier": oracle.brier_score_loss(y, p[:, 1]),
        }
    else:
        ranked = {
            "roc_auc": oracle.roc_auc_score(y, p, multi_class="ovr", average="macro"),
            "average_precision": oracle.average_precision_score(np.eye(classes)[y], p, average="macro"),
            "brier": ((p - np.eye(classes)[y]) ** 2).sum(axis=1).mean(),
        }
    return {
        "accuracy": oracle.accuracy_score(y, predicted),
        "balanced_accuracy": oracle.balanced_accuracy_score(y, predicted),
        "matthews_corrcoef": oracle.matthews_corrcoef(y, predicted),
        "f1_macro": oracle.f1_score(y, predicted, average="macro"),
        "log_loss": oracle.log_loss(y, p),
        "ece": expected_calibration_error(reliability(p, y)),
        **ranked,
    }


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_class_metrics_equal_scikit_learn_on_rows_and_resamples(classes):
    p, y = predictions(classes, classes)
    predicted = np.roll(p.argmax(axis=1), 1) if classes == 3 else p.argmax(axis=1)
    scorer = ClassScorer(p, y, predicted=predicted)
    plain = by_name(scorer, np.ones((N, 1)))
    for name, expected in class_oracle(p, y, predicted).items():
        assert plain[name][0] == pytest.approx(expected), name
    weights = counts(classes)
    resampled = by_name(scorer, weights)
    for r in range(weights.shape[1]):
        rows = np.repeat(np.arange(N), weights[:, r])
        for name, expected in class_oracle(p[rows], y[rows], predicted[rows]).items():
            assert resampled[name][r] == pytest.approx(expected), name


def test_degenerate_predictions_have_the_values_of_scikit_learn():
    y = np.array([0, 0, 1, 1])
    found = by_name(ClassScorer(np.tile([0.7, 0.3], (4, 1)), y), np.ones((4, 1)))
    assert found["matthews_corrcoef"][0] == 0
    assert found["roc_auc"][0] == 0.5
    assert found["average_precision"][0] == 0.5
    assert found["balanced_accuracy"][0] == 0.5
    certain = by_name(ClassScorer(np.array([[0.0, 1.0]] * 4), y), np.ones((4, 1)))
    assert np.isfinite(certain["log_loss"][0])
    one_class = by_name(ClassScorer(np.array([[0.4, 0.6]] * 4), np.ones(4, int)), np.ones((4, 1)))
    assert np.isnan(one_class["roc_auc"][0])
    assert one_class["accuracy"][0] == 1


def test_a_class_absent_from_the_rows_is_left_out_of_the_means():
    p, y = predictions(3, 1)
    wider = np.column_stack([p * 0.999, np.full(N, 0.001)])
    ours, theirs = by_name(ClassScorer(wider, y), np.ones((N, 1))), by_name(ClassScorer(p, y), np.ones((N, 1)))
    for name in ("balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "matthews_corrcoef"):
        assert ours[name][0] == pytest.approx(theirs[name][0])


def test_label_metrics_equal_scikit_learn_label_by_label():
    generator = np.random.default_rng(0)
    y = generator.random((N, 4)) < [0.5, 0.3, 0.1, 0.0]
    p = np.clip(generator.random((N, 4)).round(2) * 0.6 + 0.3 * y, 0.01, 0.99)
    scorer = LabelScorer(p, y)
    whole = by_name(scorer, np.ones((N, 1)))
    for k in range(3):
        found = by_name(scorer, np.ones((N, 1)), group=k + 1)
        decided = p[:, k] >= 0.5
        assert found["roc_auc"][0] == pytest.approx(oracle.roc_auc_score(y[:, k], p[:, k]))
        assert found["average_precision"][0] == pytest.approx(oracle.average_precision_score(y[:, k], p[:, k]))
        assert found["accuracy"][0] == pytest.approx((decided == y[:, k]).mean())
        assert found["balanced_accuracy"][0] == pytest.approx(oracle.balanced_accuracy_score(y[:, k], decided))
        assert found["matthews_corrcoef"][0] == pytest.approx(oracle.matthews_corrcoef(y[:, k], decided))
        assert found["f1_macro"][0] == pytest.approx(oracle.f1_score(y[:, k], decided, zero_division=0))
        assert found["log_loss"][0] == pytest.approx(oracle.log_loss(y[:, k], p[:, k]))
        assert found["brier"][0] == pytest.approx(oracle.brier_score_loss(y[:, k], p[:, k]))
    empty = by_name(scorer, np.ones((N, 1)), group=4)
    assert np.isnan(empty["roc_auc"][0])
    assert np.isnan(empty["average_precision"][0])
    means = [by_name(scorer, np.ones((N, 1)), group=k)["roc_auc"][0] for k in (1, 2, 3)]
    assert whole["roc_auc"][0] == pytest.approx(np.mean(means))


def test_value_metrics_equal_scipy_on_rows_and_resamples():
    generator = np.random.default_rng(0)
    y = generator.normal(size=(N, 2)).round(1) + 100
    p = y * 0.5 + generator.normal(size=(N, 2)).round(1)
    scorer = ValueScorer(p, y)
    weights = np.column_stack([np.ones(N, int), counts(1)])
    for k in range(2):
        found = by_name(scorer, weights, group=k + 1)
        for r in range(weights.shape[1]):
            rows = np.repeat(np.arange(N), weights[:, r])
            a, b = y[rows, k], p[rows, k]
            assert found["r2"][r] == pytest.approx(oracle.r2_score(a, b))
            assert found["pearson"][r] == pytest.approx(stats.pearsonr(a, b).statistic)
            assert found["pearson_squared"][r] == pytest.approx(stats.pearsonr(a, b).statistic ** 2)
            assert found["spearman"][r] == pytest.approx(stats.spearmanr(a, b).statistic)
            assert found["rmse"][r] == pytest.approx(oracle.root_mean_squared_error(a, b))
    assert by_name(scorer, np.ones((N, 1)))["rmse"][0] == pytest.approx(
        np.mean([by_name(scorer, np.ones((N, 1)), group=k)["rmse"][0] for k in (1, 2)])
    )


def test_a_constant_prediction_has_no_correlation():
    found = by_name(ValueScorer(np.full((5, 1), 3.1), np.arange(5.0)[:, None]), np.ones((5, 1)))
    assert np.isnan(found["pearson"][0])
    assert np.isnan(found["spearman"][0])
    assert found["r2"][0] == pytest.approx(oracle.r2_score(np.arange(5.0), np.full(5, 3.1)))


def test_confusion_counts_truth_by_decision():
    y, predicted = np.array([0, 1, 1, 2]), np.array([0, 2, 1, 2])
    np.testing.assert_array_equal(confusion(y, predicted, classes=3), oracle.confusion_matrix(y, predicted))
