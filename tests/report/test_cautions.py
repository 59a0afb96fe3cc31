"""Each warning appears when it should and not otherwise."""

from __future__ import annotations

import pytest

from strandloom.report.cautions import cautions
from strandloom.report.inputs import Member, ReportInputs


@pytest.fixture
def stored(make_evaluation):
    found = make_evaluation(seeds=1)
    found |= {"ceiling": None, "by_distance": [], "warnings": []}
    return found


def titles(stored=None, **rest):
    return {x.title for x in cautions(ReportInputs("x", evaluation=stored, **rest))}


def test_a_sound_run_has_no_warning(stored):
    assert titles(stored) == set()


def test_outcome_against_the_best_baseline(stored):
    one = stored["comparisons"]["kmer_logistic"]["matthews_corrcoef"]
    one["verdict"] = "worse"
    assert "A simpler method is better" in titles(stored)
    one["verdict"] = "not distinguishable"
    assert "No proven gain over a simpler method" in titles(stored)
    stored["baselines"] = {}
    assert "No baseline" in titles(stored)


def test_no_skill(stored):
    stored["model"]["matthews_corrcoef"] = {"value": 0.0, "low": -0.1, "high": 0.1}
    assert "No skill" in titles(stored)


def test_ceiling_is_a_note(stored):
    stored["ceiling"] = {"accuracy": 0.861}
    found = cautions(ReportInputs("x", evaluation=stored))
    assert [(x.level, x.title) for x in found] == [("note", "At the ceiling")]


def test_seeds_that_disagree(stored):
    stored["seeds"] = {"seeds": [1, 2], "model": {"matthews_corrcoef": {"values": [0.5, 0.8]}}}
    assert "Seeds disagree" in titles(stored)
    stored["seeds"] = {"seeds": [1, 2], "model": {"matthews_corrcoef": {"values": [0.70, 0.71]}}}
    assert titles(stored) == set()


@pytest.mark.parametrize(("fraction", "level"), [(0.05, "caution"), (0.3, "serious")])
def test_leakage_by_degree(stored, leakage_report, fraction, level):
    leakage_report["pairs"][0]["fraction"] = fraction
    leakage_report["conflicting_rows"] = 0
    found = cautions(ReportInputs("x", evaluation=stored, leakage=leakage_report))
    assert [(x.level, x.title) for x in found] == [(level, "Test sequences resemble training sequences")]


def test_contradictory_labels(stored, leakage_report):
    assert "Same sequence, different label" in titles(stored, leakage=leakage_report)


def test_small_rare_absent_unbalanced_and_never_answered(stored):
    stored |= {"classes": ["a", "b", "c"], "rows": 120, "confusion": [[110, 0, 0], [10, 0, 0], [0, 0, 0]]}
    stored["warnings"] = [
        "only 120 rows to evaluate: the intervals are wide",
        "91.7% of the rows are a: accuracy alone says little, read MCC",
        "no row here belongs to c: nothing is known about it",
        "something else",
    ]
    found = titles(stored)
    assert found == {
        "Small test set",
        "Small classes",
        "Classes without test rows",
        "Unbalanced classes",
        "Classes never answered",
        "From the evaluation",
    }
    texts = [x.text for x in cautions(ReportInputs("x", evaluation=stored)) if x.title == "From the evaluation"]
    assert texts == ["Something else."]


def test_bad_calibration(stored):
    stored["model"]["ece"]["value"] = 0.15
    assert "Probabilities are off" in titles(stored)


def history(losses, best, stopped=""):
    epochs = tuple({"epoch": i + 1, "train_loss": 0.1, "validation_loss": x} for i, x in enumerate(losses))
    return (Member("seed 1", epochs, best, stopped),)


def test_training(stored):
    assert "Overfitting after the best epoch" in titles(stored, members=history([0.5, 0.3, 0.5], 2))
    assert "Training may not be finished" in titles(stored, members=history([0.5, 0.4, 0.3], 3))
    assert titles(stored, members=history([0.5, 0.3, 0.31], 2, "the validation loss had not improved")) == set()
    assert titles(stored, members=history([0.5, None, None], 1)) == set()


def test_distance(stored):
    bins = [(0.0, 0.2, 500, 0.6), (0.8, 1.0, 500, 0.95)]
    stored["by_distance"] = [
        {"low": a, "high": b, "n": n, "accuracy": s, "matthews_corrcoef": s} for a, b, n, s in bins
    ]
    assert "Weaker on unfamiliar sequences" in titles(stored)
    stored["by_distance"][1]["n"] = 3
    assert titles(stored) == set()


def test_most_serious_first_and_given_warnings_once(stored):
    stored["comparisons"]["kmer_logistic"]["matthews_corrcoef"]["verdict"] = "worse"
    stored["warnings"] = ["twice", "twice"]
    found = cautions(ReportInputs("x", evaluation=stored, warnings=("twice", "")))
    assert [x.level for x in found] == ["serious", "caution"]


def test_without_anything():
    assert titles(None) == {"No test score"}


def test_a_blended_model_is_not_called_the_network(stored, leakage_report, blend):
    stored["comparisons"]["kmer_logistic"]["matthews_corrcoef"]["verdict"] = "worse"
    stored["confusion"] = [[900, 0], [900, 0]]
    for evaluation, subject in ((stored, "network"), (blend(stored), "model")):
        found = cautions(ReportInputs("x", evaluation=evaluation, leakage=leakage_report))
        said = " ".join(x.text for x in found)
        assert f"beats the {subject} on the same test rows" in said
        assert f"The {subject} never answers promoter" in said
        leakage_report["pairs"][0]["fraction"] = 0.5
        said = " ".join(x.text for x in cautions(ReportInputs("x", evaluation=evaluation, leakage=leakage_report)))
        assert f"flatter the {subject} on truly new sequences" in said
        assert "(split: {kind: homology})" in said


def test_a_perfect_score_is_no_certainty(stored):
    assert "Every test row was answered right" not in titles(stored)
    stored["model"]["accuracy"] = {"value": 1.0, "low": 1.0, "high": 1.0}
    found = next(x for x in cautions(ReportInputs("x", evaluation=stored)) if x.title.startswith("Every test row"))
    assert "exact 95 % bound" in found.text
