"""Yes/no labels: thresholds, medians, pairs, baselines and blends against plain definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from strandloom.evaluation.baselines.features import scaled_kmers
from strandloom.evaluation.calibration import sigmoid
from strandloom.evaluation.evaluate import MODEL, evaluate_labels
from strandloom.evaluation.label_baselines.base import LabelRows
from strandloom.evaluation.label_baselines.fit import fit_label_baselines, label_baseline_from_state
from strandloom.evaluation.label_baselines.linear import fit_labels
from strandloom.evaluation.label_blend import best_label_blend, blended_scores, log_odds, row_losses
from strandloom.evaluation.labels import OTHERS, best_thresholds, label_groups
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings

NAMES = ("H3_a", "H3_b", "Reb1_TF", "none", "all")


@pytest.fixture
def truth() -> NDArray[np.float32]:
    """0/1 of 400 rows; nobody has the label ``none``, everybody ``all``."""
    found = (np.random.default_rng(1).random((400, 5)) < [0.3, 0.1, 0.02, 0, 1]).astype(np.float32)
    found[:3, 2] = 1
    return found


@pytest.fixture
def scores(truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities that know something, with ties."""
    noisy = truth * 1.5 - 1 + np.random.default_rng(2).normal(size=truth.shape)
    return np.round(sigmoid(noisy), 2)


def settings(**more: Any) -> EvaluationSettings:
    return EvaluationSettings(resamples=100, **more)


def test_thresholds_have_the_highest_f1(truth: NDArray[np.float32], scores: NDArray[np.float64]) -> None:
    found = best_thresholds(scores, truth)
    assert found[3] == found[4] == 0.5
    for k in range(3):
        own = f1_score(truth[:, k], scores[:, k] >= found[k])
        best = max(f1_score(truth[:, k], scores[:, k] >= t) for t in np.unique(scores[:, k]))
        assert own == pytest.approx(best)


def test_groups_take_the_first_pattern_that_fits() -> None:
    found = label_groups(NAMES, {"histone": ["H3*"], "TF": ["*_TF", "H3_a"]})
    assert found == ["histone", "histone", "TF", OTHERS, OTHERS]


def test_every_figure_against_its_definition(truth: NDArray[np.float32], scores: NDArray[np.float64]) -> None:
    flat = np.tile(truth.mean(axis=0), (len(truth), 1))
    thresholds = best_thresholds(scores, truth)
    found = evaluate_labels(
        scores, truth, names=NAMES, settings=settings(label_groups={"histone": ("H3*",)}), baselines={"flat": flat},
        thresholds={MODEL: thresholds},
    )  # fmt: skip
    table = {one["label"]: one for one in found.labels["table"]}
    for k in range(3):
        one = table[NAMES[k]]
        assert one["roc_auc"] == pytest.approx(roc_auc_score(truth[:, k], scores[:, k]))
        assert one["average_precision"] == pytest.approx(average_precision_score(truth[:, k], scores[:, k]))
        assert one["f1_macro"] == pytest.approx(f1_score(truth[:, k], scores[:, k] >= thresholds[k]))
        assert one["baselines"]["flat"] == pytest.approx(truth[:, k].mean())
    assert np.isnan(table["none"]["roc_auc"])
    assert np.isnan(table["none"]["average_precision"])
    assert np.isnan(table["all"]["roc_auc"])
    assert any("1 label of 5 with no positive row" in x for x in found.warnings)
    assert any("1 label of 5 with no negative row" in x for x in found.warnings)
    areas = [roc_auc_score(truth[:, k], scores[:, k]) for k in range(3)]
    groups = found.labels["groups"]
    assert list(groups) == ["all labels", "histone", OTHERS]
    assert groups["all labels"]["labels"] == 5
    assert groups["all labels"]["defined"] == 3
    assert groups["all labels"]["systems"][MODEL]["roc_auc"] == pytest.approx(np.median(areas))
    assert groups["histone"]["systems"][MODEL]["roc_auc"] == pytest.approx(np.median(areas[:2]))
    assert groups["all labels"]["systems"]["flat"]["roc_auc"] == 0.5
    assert found.labels["none"]["accuracy"] == pytest.approx(1 - truth.mean())
    assert found.labels["none"]["model"] == pytest.approx(((scores >= thresholds) == truth).mean())
    pair = found.labels["pairs"]["flat"]["roc_auc"]
    assert pair["labels"] == 3
    assert pair["difference"]["value"] == pytest.approx(np.mean(areas) - 0.5)
    assert pair["difference"]["low"] <= pair["difference"]["value"] <= pair["difference"]["high"]
    assert pair["won"] == 1.0
    assert found.model["roc_auc"].value == pytest.approx(np.mean(areas))
    again = Evaluation.from_json(found.to_json())
    assert again.labels["groups"]["histone"] == found.to_json()["labels"]["groups"]["histone"]


def test_a_memory_map_gives_the_same(truth: NDArray[np.float32], scores: NDArray[np.float64], tmp_path: Any) -> None:
    stored = np.memmap(tmp_path / "p", np.float32, "w+", shape=scores.T.shape)
    stored[:] = scores.T
    kept = evaluate_labels(stored.T, truth, names=NAMES, settings=settings())
    plain = evaluate_labels(scores.astype(np.float32), truth, names=NAMES, settings=settings())
    assert kept.to_json() == plain.to_json()


def test_too_many_rows_and_labels_for_the_resamples(
    truth: NDArray[np.float32], scores: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strandloom.evaluation.evaluate.RANKED_LIMIT", 2000 * 250)
    found = evaluate_labels(scores, truth, names=NAMES, settings=EvaluationSettings(resamples=1000))
    assert any("from 250 resamples instead of 1,000" in x for x in found.warnings)
    assert np.isfinite(found.model["roc_auc"].low)
    monkeypatch.setattr("strandloom.evaluation.evaluate.RANKED_LIMIT", 2000)
    found = evaluate_labels(scores, truth, names=NAMES, settings=EvaluationSettings(resamples=1000))
    assert any("no intervals" in x for x in found.warnings)
    assert np.isnan(found.model["roc_auc"].low)


def rows(count: int, seed: int) -> LabelRows:
    """Sequences of 40 bases; the first label is a word, the second a rare accident, the third the share of C and G."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 4, (count, 40)).astype(np.uint8)
    has = generator.random(count) < 0.3
    codes[has, 10:16] = [0, 1, 2, 3, 1, 0]
    rich = np.isin(codes, (1, 2)).mean(axis=1) + generator.normal(size=count) * 0.05 > 0.55
    return LabelRows(
        codes, np.full(count, 40), np.column_stack([has, generator.random(count) < 0.05, rich]).astype(np.float32)
    )


def test_all_labels_at_once_are_the_logistic_regression_of_each() -> None:
    train, validation = rows(600, 1), rows(200, 2)
    x, z = (np.asarray(scaled_kmers(r.codes, k=3, canonical=False).toarray(), np.float32) for r in (train, validation))
    found = fit_labels(x, train.y, z, validation.y, strengths=(10.0,))
    for k in range(3):
        one = LogisticRegression(C=10.0, tol=1e-8, max_iter=5000).fit(x, train.y[:, k])
        assert np.abs(sigmoid(z @ found.weights[:, k] + found.bias[k]) - one.predict_proba(z)[:, 1]).max() < 0.03


def test_baselines_of_labels_and_their_state() -> None:
    train, validation, new = rows(600, 1), rows(200, 2), rows(150, 3)
    fitted = fit_label_baselines(train, validation, settings=EvaluationSettings(kmer_sizes=(3, 4)))
    assert [one.name for one in fitted] == ["prevalence", "composition", "kmer_logistic"]
    said = fitted.answers(new.codes, new.lengths)
    assert said["prevalence"][0] == pytest.approx(train.y.mean(axis=0), abs=0.01)
    assert roc_auc_score(new.y[:, 0], said["kmer_logistic"][:, 0]) > 0.9
    assert roc_auc_score(new.y[:, 2], said["composition"][:, 2]) > 0.9
    for one in fitted:
        again = label_baseline_from_state(one.name, one.state())
        assert (again.predict(new.codes, new.lengths) == said[one.name]).all()
    short = LabelRows(train.codes[:, :2], np.full(600, 2), train.y)
    skipped = fit_label_baselines(short, short, settings=EvaluationSettings(kmer_sizes=(3,))).skipped
    assert "shorter than every k-mer size" in skipped["kmer_logistic"]


def test_a_blend_gains_or_is_left_out(truth: NDArray[np.float32]) -> None:
    generator = np.random.default_rng(5)
    truth = truth[:, :3]
    network = truth * 2 - 2 + generator.normal(size=truth.shape)
    other = sigmoid(truth * 2 - 2 + generator.normal(size=truth.shape))
    blend = best_label_blend(network, {"kmer_logistic": other}, truth)
    assert blend.used
    assert blend.partner == "kmer_logistic"
    mixed = blended_scores(blend, network, other)
    assert row_losses(sigmoid(mixed), truth).mean() < row_losses(sigmoid(network), truth).mean() - blend.standard_error
    noise = sigmoid(generator.normal(size=truth.shape))
    assert not best_label_blend(network, {"kmer_logistic": noise}, truth).used
    assert not best_label_blend(network[:50], {"kmer_logistic": other[:50]}, truth[:50]).used
    assert sigmoid(log_odds(other)) == pytest.approx(other)
