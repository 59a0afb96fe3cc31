"""The sentence and its tone."""

from __future__ import annotations

import copy

import pytest

from strandloom.report.inputs import ReportInputs
from strandloom.report.verdict import verdict

NB = "\N{NO-BREAK SPACE}"


def judged(evaluation, *, leakage=None):
    return verdict(ReportInputs("x", evaluation=evaluation, leakage=leakage))


@pytest.fixture
def stored(make_evaluation):
    found = make_evaluation(seeds=1)
    found["ceiling"] = None
    return found


def against(stored, outcome):
    changed = copy.deepcopy(stored)
    changed["comparisons"]["kmer_logistic"]["matthews_corrcoef"]["verdict"] = outcome
    return changed


def test_the_whole_sentence(stored, leakage_report):
    found = judged(stored, leakage=leakage_report)
    assert found.sentence == (
        "The network separates promoter from background with MCC 0.71 (0.69–0.73) on 5,920 held-out "
        "sequences, better than "
        "the best baseline, 6-mer logistic regression (0.64); probability calibration is good; "
        f"1.1{NB}% of the test rows have a near twin in training."
    )
    assert found.tone == "good"


@pytest.mark.parametrize(
    ("outcome", "words", "tone"),
    [
        ("better", "better than the best baseline", "good"),
        ("worse", "worse than the best baseline", "poor"),
        ("not distinguishable", "cannot be told apart from the best baseline", "fair"),
    ],
)
def test_against_the_best_baseline(stored, outcome, words, tone):
    found = judged(against(stored, outcome))
    assert words in found.sentence
    assert found.tone == tone


def test_without_baselines(stored):
    stored["baselines"], stored["comparisons"] = {}, {}
    assert "baseline" not in judged(stored).sentence


def test_without_comparison_intervals_that_lie_apart_decide(stored):
    stored["comparisons"] = {}
    assert "better than the best baseline" in judged(stored).sentence
    stored["baselines"]["kmer_logistic"]["matthews_corrcoef"] = {"value": 0.70, "low": 0.68, "high": 0.72}
    assert "; the best baseline is" in judged(stored).sentence


def test_no_skill(stored):
    stored["model"]["matthews_corrcoef"] = {"value": 0.01, "low": -0.02, "high": 0.04}
    found = judged(stored)
    assert found.sentence.startswith("The network does no better than guessing: MCC 0.01 (−0.02 to 0.04)")
    assert found.tone == "poor"


@pytest.mark.parametrize(("top", "words"), [(0.865, "at the ceiling of these data"), (0.95, "0.09 below the ceiling")])
def test_ceiling(stored, top, words):
    stored["ceiling"] = {"accuracy": top, "rows": 5920}
    assert words in judged(stored).sentence


@pytest.mark.parametrize(("ece", "words"), [(0.01, "is good"), (0.05, "is fair"), (0.2, "poorly calibrated")])
def test_calibration(stored, ece, words):
    stored["model"]["ece"]["value"] = ece
    assert words in judged(stored).sentence


def test_strong_leakage_is_not_good_news(stored, leakage_report):
    leakage_report["pairs"][0]["fraction"] = 0.4
    found = judged(stored, leakage=leakage_report)
    assert f"40{NB}% of the test rows have" in found.sentence
    assert found.tone == "fair"
    leakage_report["pairs"][0]["fraction"] = 0.0
    assert "none of the test rows has" in judged(stored, leakage=leakage_report).sentence


def test_many_classes_and_short_names(make_evaluation):
    assert "tells 60 classes apart" in judged(make_evaluation(tuple(map(str, range(60))))).sentence
    assert "separates class 1 from class 0" in judged(make_evaluation(("0", "1"))).sentence


@pytest.mark.parametrize(
    ("task", "metric", "words"),
    [("value", "r2", "predicts the measured value with R² 0.50"), ("labels", "average_precision", "predicts 2 labels")],
)
def test_other_tasks(task, metric, words):
    stored = {"task": task, "classes": ["a", "b"], "rows": 10, "part": "test", "primary": metric}
    stored["model"] = {metric: {"value": 0.5, "low": 0.4, "high": 0.6}}
    assert words in judged(stored).sentence


@pytest.mark.parametrize("evaluation", [None, {}, {"model": {}}, {"model": {"accuracy": {"value": None}}}])
def test_nothing_to_judge(evaluation):
    found = judged(evaluation)
    assert "no test score" in found.sentence
    assert found.tone == "poor"


def test_folds_say_so(stored):
    stored["part"] = "folds"
    assert "5,920 held-out sequences (all folds pooled)" in judged(stored).sentence
