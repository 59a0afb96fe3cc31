"""All baselines under one conformance suite, and each on the task it is made for."""

import json

import numpy as np
import pytest

from strandloom.errors import BundleError, SettingsError
from strandloom.evaluation.baselines.base import Rows, State
from strandloom.evaluation.baselines.fit import KINDS, baseline_from_state, fit_baselines
from strandloom.evaluation.settings import BASELINE_NAMES, EvaluationSettings

L = 40
MOTIF = np.array([3, 0, 3, 0, 0, 0], np.uint8)  # TATAAA
SETTINGS = EvaluationSettings(kmer_sizes=(3, 4))


def rows(n, seed, *, kind="motif", classes=2, lengths=None):
    """Random sequences whose class is planted as a motif anywhere, at one position, or in the composition."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, classes, n)
    codes = generator.integers(0, 4, (n, L)).astype(np.uint8)
    for i in range(n):
        if kind == "motif" and y[i]:
            start = generator.integers(0, L - 6)
            codes[i, start : start + 6] = (MOTIF + y[i] - 1) % 4
        if kind == "position":
            codes[i, 20] = y[i]
        if kind == "composition" and y[i]:
            codes[i] = np.where(generator.random(L) < 0.3, 2, codes[i])
    size = np.full(n, L)
    if lengths is not None:
        size = generator.integers(*lengths, n)
        codes[np.arange(L) >= size[:, None]] = 16
    return Rows(codes, size, y.astype(np.int64))


@pytest.fixture(scope="module")
def fitted():
    train, validation = rows(500, 1, classes=3), rows(200, 2, classes=3)
    return fit_baselines(train, validation, classes=4, settings=SETTINGS)  # class 3 is never met


def test_every_baseline_is_fitted_timed_and_described(fitted):
    assert tuple(b.name for b in fitted) == BASELINE_NAMES
    assert set(fitted.seconds) == set(BASELINE_NAMES)
    facts = fitted.facts()
    assert all(facts[name]["about"] and facts[name]["title"] for name in BASELINE_NAMES)
    json.dumps(facts)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_probabilities_are_probabilities_row_by_row(fitted, name):
    baseline = next(b for b in fitted if b.name == name)
    test = rows(60, 3, classes=3)
    p = baseline.predict_proba(test.codes, test.lengths)
    assert p.shape == (60, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()
    order = np.random.default_rng(0).permutation(60)[:17]
    np.testing.assert_allclose(baseline.predict_proba(test.codes[order], test.lengths[order]), p[order], rtol=1e-5)
    assert baseline.predict_proba(test.codes[:0], test.lengths[:0]).shape == (0, 4)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_rows_without_a_single_base_get_an_answer(fitted, name):
    baseline = next(b for b in fitted if b.name == name)
    p = baseline.predict_proba(np.full((2, L), 14, np.uint8), np.full(2, L))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_a_baseline_travels_as_arrays_and_json(fitted, name):
    baseline = next(b for b in fitted if b.name == name)
    state = baseline.state()
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "fiu" for array in state.arrays.values())
    back = baseline_from_state(name, State(dict(state.arrays), json.loads(json.dumps(state.facts))))
    test = rows(30, 4, classes=3)
    ours, theirs = (b.predict_proba(test.codes, test.lengths) for b in (baseline, back))
    np.testing.assert_array_equal(ours, theirs)
    assert back.describe() == baseline.describe()
    damaged = State({}, {})
    with pytest.raises(BundleError, match="incomplete"):
        baseline_from_state(name, damaged)


def accuracy(kind, names, **more):
    train, validation, test = (rows(n, s, kind=kind, **more) for n, s in ((1500, 1), (300, 2), (500, 3)))
    settings = EvaluationSettings(baselines=names, kmer_sizes=(3, 4))
    found = fit_baselines(train, validation, classes=2, settings=settings)
    p = found.answers(test.codes, test.lengths)
    return {name: (p[name].argmax(axis=1) == test.y).mean() for name in names}


def test_each_sees_what_it_is_made_for():
    anywhere = accuracy("motif", ("composition", "kmer_logistic", "kmer_bayes"))
    assert anywhere["kmer_logistic"] > 0.85
    assert anywhere["kmer_bayes"] > 0.75
    assert anywhere["composition"] < anywhere["kmer_logistic"]
    fixed = accuracy("position", ("kmer_logistic", "position_logistic"))
    assert fixed["position_logistic"] == 1
    assert fixed["kmer_logistic"] < 0.7
    assert accuracy("composition", ("composition",))["composition"] > 0.85


def test_nearest_finds_a_copy_on_the_other_strand():
    train = rows(300, 1)
    twins = Rows(np.where(train.codes < 4, 3 - train.codes, train.codes)[:, ::-1].copy(), train.lengths, train.y)
    settings = EvaluationSettings(baselines=("nearest",))
    found = fit_baselines(train, twins.take(np.arange(100)), classes=2, settings=settings)
    p = found.answers(twins.codes, twins.lengths)["nearest"]
    assert (p.argmax(axis=1) == twins.y).mean() > 0.98
    assert "either strand" in found.methods[0].describe()


def test_ragged_rows_skip_the_position_baseline_unless_aligned():
    train, validation = rows(200, 1, lengths=(20, 40)), rows(80, 2, lengths=(20, 40))
    found = fit_baselines(train, validation, classes=2, settings=SETTINGS)
    assert "aligned" in found.skipped["position_logistic"]
    assert found.facts()["position_logistic"]["skipped"]
    aligned = fit_baselines(train, validation, classes=2, settings=SETTINGS, aligned=True)
    assert aligned.skipped == {}
    with pytest.raises(SettingsError, match="windows of 40 bases"):
        aligned.answers(train.codes[:, :30], train.lengths)


def test_short_sequences_and_missing_validation_are_said():
    train = rows(200, 1)
    short = Rows(train.codes[:, :2], np.full(200, 2), train.y)
    found = fit_baselines(short, None, classes=2, settings=SETTINGS)
    assert "shorter" in found.skipped["kmer_logistic"]
    assert "shorter" in found.skipped["kmer_bayes"]
    assert "tenth of train" in found.notes[0]
    assert {"majority", "composition", "position_logistic"} <= {b.name for b in found}


def test_row_limits_and_class_limits_are_said(monkeypatch):
    settings = EvaluationSettings(kmer_sizes=(3,), baseline_rows=100, baselines=("majority", "kmer_logistic"))
    found = fit_baselines(rows(150, 1), rows(50, 2), classes=2, settings=settings)
    assert "100 of 150" in found.notes[0]
    many = fit_baselines(rows(150, 1), rows(50, 2), classes=200_000, settings=settings)
    assert "200,000 classes" in many.skipped["kmer_logistic"]


def test_one_class_in_train_still_gives_baselines():
    train = rows(100, 1)
    single = Rows(train.codes, train.lengths, np.zeros(100, np.int64))
    found = fit_baselines(single, rows(50, 2), classes=2, settings=SETTINGS)
    assert len(found) == len(BASELINE_NAMES)
    p = found.answers(train.codes, train.lengths)
    assert all((p[name][:, 0] > 0.9).all() for name in ("majority", "composition", "kmer_logistic"))


def test_progress_and_same_seed_same_weights():
    seen = []
    settings = EvaluationSettings(kmer_sizes=(3,), baselines=("majority", "kmer_logistic"))
    first = fit_baselines(rows(200, 1), rows(80, 2), classes=2, settings=settings, progress=seen.append)
    again = fit_baselines(rows(200, 1), rows(80, 2), classes=2, settings=settings)
    assert seen == [KINDS["majority"].title, KINDS["kmer_logistic"].title]
    for a, b in zip(first, again, strict=True):
        for name, array in a.state().arrays.items():
            assert array.tobytes() == b.state().arrays[name].tobytes()


def test_an_unknown_stored_baseline_is_refused():
    with pytest.raises(BundleError, match="does not know"):
        baseline_from_state("oracle", State({}, {}))
