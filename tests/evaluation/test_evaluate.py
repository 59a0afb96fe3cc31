"""The whole evaluation: keys, agreement of its parts, determinism, speed-shaping limits and errors."""

import json

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from strandloom.errors import InputError, UsageError
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.decision import Decision, fit_decision
from strandloom.evaluation.evaluate import by_distance, evaluate_classes, evaluate_labels, evaluate_values
from strandloom.evaluation.settings import EvaluationSettings

FAST = EvaluationSettings(resamples=100)


def scores(classes, *, n=400, seed=0, signal=2.0):
    y = np.random.default_rng(7).integers(0, classes, n)
    logits = np.random.default_rng(seed).normal(size=(n, classes))
    logits[np.arange(n), y] += signal
    return logits, y


def whole(classes, **more):
    logits, y = scores(classes)
    names = [f"class {c}" for c in range(classes)]
    return evaluate_classes(
        Decision().apply(logits),
        y,
        names=names,
        settings=FAST,
        baselines={
            "weak": softmax(scores(classes, seed=1, signal=0.3)[0]),
            "majority": np.tile(np.full(classes, 1 / classes), (len(y), 1)),
        },
        **more,
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_an_evaluation_is_whole_and_agrees_with_itself(classes):
    found = whole(classes, similarity=np.linspace(0, 1, 400))
    table = np.array(found.confusion)
    assert found.model["accuracy"].value == pytest.approx(np.trace(table) / table.sum())
    assert found.comparisons["weak"]["matthews_corrcoef"].verdict == "better"
    assert found.comparisons["majority"]["log_loss"].verdict == "better"
    assert sum(b.n for b in found.by_distance) == 400
    assert sum(b["n"] for b in found.curves["reliability"]) == 400
    assert set(found.per_class) == set(found.classes)
    assert len(found.curves["roc"]) == (1 if classes == 2 else 4)
    if classes == 2:
        assert found.per_class["class 1"]["roc_auc"] == pytest.approx(found.model["roc_auc"].value)
    for interval in found.model.values():
        assert interval.low <= interval.value <= interval.high
    assert found.warnings == ()


def test_the_same_seed_gives_the_same_bytes():
    assert json.dumps(whole(3).to_json()) == json.dumps(whole(3).to_json())


def test_the_fitted_rule_is_recorded_and_abstention_measured():
    logits, y = scores(2, n=3000)
    rule = fit_decision(logits[:1500], y[:1500], settings=FAST)
    found = evaluate_classes(rule.apply(logits[1500:]), y[1500:], names="ab", settings=FAST, decision=rule)
    assert found.calibration["temperature"] == rule.temperature
    assert found.abstention["reachable"]
    assert found.abstention["error"] < found.abstention["error_without"]
    assert found.abstention["coverage"] < 1
    assert "abstained" in found.abstention["text"]


def test_the_interval_is_recorded_with_the_intervals():
    logits, y = scores(2)
    answers, narrow = Decision().apply(logits), EvaluationSettings(resamples=100, interval=0.6)
    wide = evaluate_classes(answers, y, names="ab", settings=FAST)
    slim = evaluate_classes(answers, y, names="ab", settings=narrow)
    assert (wide.interval, slim.interval) == (0.95, 0.6)
    assert wide.model["accuracy"].low < slim.model["accuracy"].low
    assert evaluate_labels(softmax(logits), np.eye(2)[y], names="ab", settings=narrow).interval == 0.6
    assert evaluate_values(logits, logits, names="ab", settings=narrow).interval == 0.6


def test_groups_widen_the_interval_of_repeated_rows():
    logits, y = scores(2, n=100)
    repeated = np.repeat(np.arange(100), 8)
    answers = Decision().apply(logits[repeated])
    rows = evaluate_classes(answers, y[repeated], names="ab", settings=FAST).model["accuracy"]
    grouped = evaluate_classes(answers, y[repeated], names="ab", settings=FAST, groups=repeated)
    wide = grouped.model["accuracy"]
    assert wide.high - wide.low > 1.8 * (rows.high - rows.low)
    assert any("by group" in warning for warning in grouped.warnings)


def test_warnings_say_what_is_thin():
    logits, y = scores(3, n=60)
    found = evaluate_classes(Decision().apply(logits), np.where(y == 2, 0, y), names="abc", settings=FAST)
    text = " ".join(found.warnings)
    assert "only 60 rows" in text
    assert "no row here belongs to c" in text
    rare = evaluate_classes(Decision().apply(logits), np.repeat([0, 1], [57, 3]), names="abc", settings=FAST)
    text = " ".join(rare.warnings)
    assert "b (3)" in text
    assert "95.0% of the rows are a" in text
    assert "resamples lacked a class" in text


def test_curves_are_short_and_keep_their_ends():
    logits, y = scores(2, n=5000)
    found = evaluate_classes(Decision().apply(logits), y, names="ab", settings=EvaluationSettings(resamples=0))
    for curve in (found.curves["roc"]["b"], found.curves["pr"]["b"], found.curves["risk_coverage"]):
        assert 20 < len(curve["x"]) <= 200
        assert len(curve["x"]) == len(curve["y"])
        assert curve["x"][-1] == 1
    assert (found.curves["roc"]["b"]["x"][0], found.curves["roc"]["b"]["y"][0]) == (0, 0)
    area = np.trapezoid(found.curves["roc"]["b"]["y"], found.curves["roc"]["b"]["x"])
    assert area == pytest.approx(found.model["roc_auc"].value, abs=0.002)
    assert sum(found.curves["scores"]["counts"]["a"]) == (y == 0).sum()


def test_by_distance_scores_each_bin():
    y = np.array([0, 1, 0, 1, 1])
    found = by_distance(np.array([0.0, 0.2, 0.3, 0.99, 1.0]), y, np.array([0, 1, 1, 1, 1]))
    assert [b.n for b in found] == [1, 2, 0, 0, 2]
    assert [b.accuracy for b in found if b.n] == [1, 0.5, 1]
    assert np.isnan(found[2].accuracy)
    generator = np.random.default_rng(0)
    y, predicted = generator.integers(0, 3, (2, 50))
    assert by_distance(np.full(50, 0.5), y, predicted)[2].matthews_corrcoef == pytest.approx(
        matthews_corrcoef(y, predicted)
    )


def test_labels_and_values_have_a_mean_and_each_target():
    generator = np.random.default_rng(0)
    y = generator.random((300, 3)) < [0.5, 0.2, 0.0]
    p = np.clip(0.4 * y + 0.5 * generator.random((300, 3)), 0, 1)
    labels = evaluate_labels(p, y, names=["x", "y", "z"], settings=FAST, baselines={"flat": np.full((300, 3), 0.2)})
    assert labels.primary == "average_precision"
    assert np.isnan(labels.per_target["z"]["average_precision"].value)
    assert labels.comparisons["flat"]["average_precision"].verdict == "better"
    assert "1 label of 3" in labels.warnings[0]
    values = evaluate_values(p, p + generator.normal(size=p.shape), names=["x", "y", "z"], settings=FAST)
    assert values.primary == "r2"
    assert values.model["r2"].value == pytest.approx(np.mean([values.per_target[n]["r2"].value for n in "xyz"]))
    single = evaluate_values(p[:, :1], p[:, :1], names=["x"], settings=FAST)
    assert single.per_target == {}
    assert single.model["rmse"].value == 0
    json.dumps(labels.to_json(), allow_nan=False)


def test_mistakes_are_named():
    logits, y = scores(2)
    answers = Decision().apply(logits)
    with pytest.raises(UsageError, match="weak: predictions have shape"):
        evaluate_classes(answers, y, names="ab", settings=FAST, baselines={"weak": np.zeros((3, 2))})
    with pytest.raises(UsageError, match="NaN"):
        evaluate_classes(answers, y, names="ab", settings=FAST, baselines={"weak": np.full((400, 2), np.nan)})
    with pytest.raises(UsageError, match="does not have"):
        evaluate_classes(answers, y, names="ab", settings=EvaluationSettings(primary="r2"))
    with pytest.raises(InputError, match="no row"):
        evaluate_classes(Decision().apply(logits[:0]), y[:0], names="ab", settings=FAST)


def test_thousands_of_classes_stay_small(monkeypatch):
    generator = np.random.default_rng(0)
    y = generator.integers(0, 900, 1000)
    logits = generator.normal(size=(1000, 900))
    logits[np.arange(1000), y] += 4
    names = [str(c) for c in range(900)]
    kept = evaluate_classes(Decision().apply(logits), y, names=names, settings=EvaluationSettings(resamples=5))
    assert kept.confusion == []
    assert any("confusion matrix is left out" in warning for warning in kept.warnings)
    assert len(kept.curves["roc"]) == 12
    monkeypatch.setattr("strandloom.evaluation.metrics._KEPT_RANKS", 10)
    again = evaluate_classes(Decision().apply(logits), y, names=names, settings=EvaluationSettings(resamples=5))
    assert again.model == kept.model
