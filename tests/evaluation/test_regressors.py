"""Classical regressors: what they find in made-up values, and that their state gives the same values again."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import BundleError, SettingsError
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.regressors.base import ValueRows
from strandloom.evaluation.regressors.fit import FittedRegressors, fit_regressors, regressor_from_state
from strandloom.evaluation.regressors.leader import LEADER_FEATURES, leader_features
from strandloom.evaluation.settings import EvaluationSettings

LENGTH = 24


def made(rows: int, *, seed: int) -> ValueRows:
    """Values that depend on the base at one position and on how often GAT occurs; two targets of different units."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 4, (rows, LENGTH)).astype(np.uint8)
    words = ["".join("ACGT"[b] for b in row).count("GAT") for row in codes]
    y = 2.0 * (codes[:, 20] == 0) + np.array(words) + 0.2 * generator.normal(size=rows)
    values = np.column_stack([y, 100 * y + 7])
    return ValueRows(codes, np.full(rows, LENGTH), values, np.ones(rows))


@pytest.fixture(scope="module")
def fitted() -> FittedRegressors:
    return fit_regressors(made(1500, seed=1), made(300, seed=2), anchor="right", settings=EvaluationSettings())


def test_each_finds_what_it_can(fitted: FittedRegressors) -> None:
    rows = made(400, seed=3)
    found = fitted.answers(rows.codes, rows.lengths)
    r2 = {name: 1 - ((p - rows.y) ** 2).mean(0) / rows.y.var(0) for name, p in found.items()}
    assert set(r2) == {"mean", "kmer_ridge", "position_ridge", "leader_ridge", "kmer_boosting", "nearest"}
    assert (np.abs(r2["mean"]) < 0.05).all()
    assert (r2["leader_ridge"] > 0.8).all()
    assert (r2["position_ridge"] > 0.4).all()
    assert (r2["kmer_ridge"] > 0.2).all()
    for values in r2.values():
        assert values[0] == pytest.approx(values[1], abs=0.02)  # the unit of a target means nothing


def test_the_state_gives_the_same_values(fitted: FittedRegressors) -> None:
    rows = made(50, seed=4)
    for one in fitted:
        again = regressor_from_state(one.name, one.state())
        np.testing.assert_array_equal(again.predict(rows.codes, rows.lengths), one.predict(rows.codes, rows.lengths))
        assert again.describe() == one.describe()


def test_rows_do_not_touch_each_other(fitted: FittedRegressors) -> None:
    rows = made(30, seed=5)
    for one in fitted:
        whole = one.predict(rows.codes, rows.lengths)
        np.testing.assert_allclose(one.predict(rows.codes[7:8], rows.lengths[7:8])[0], whole[7], rtol=1e-9)


def test_boosting_is_that_of_scikit_learn() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    from strandloom.evaluation.regressors.base import ValueFit
    from strandloom.evaluation.regressors.boosting import LEAVES, RATE, SMALLEST_LEAF, KmerBoosting, _features

    train, validation = made(600, seed=6), made(200, seed=7)
    ours = KmerBoosting.fit(ValueFit(train, validation, True, "left", (3,), 1))
    features = _features(train.codes, train.lengths, False)
    model = HistGradientBoostingRegressor(
        max_iter=len(ours.roots), learning_rate=RATE, max_leaf_nodes=LEAVES, min_samples_leaf=SMALLEST_LEAF, l2_regularization=1.0,
        early_stopping=False, random_state=1,
    ).fit(features, train.y[:, 0])  # fmt: skip
    rows = made(300, seed=8)
    expected = model.predict(_features(rows.codes, rows.lengths, False))
    np.testing.assert_allclose(ours.predict(rows.codes, rows.lengths)[:, 0], expected, rtol=1e-9)


def test_rows_that_weigh_nothing_teach_nothing() -> None:
    train = made(800, seed=9)
    wrong = ValueRows(train.codes, train.lengths, -train.y, np.full(800, 1e-9))
    both = ValueRows(
        *(np.concatenate([getattr(train, x), getattr(wrong, x)]) for x in ("codes", "lengths", "y", "weights"))
    )
    settings = EvaluationSettings(baselines=("position_ridge",))
    one, other = (fit_regressors(x, made(200, seed=10), anchor="right", settings=settings) for x in (train, both))
    rows = made(200, seed=11)
    for a, b in zip(one, other, strict=True):
        error = [((x.predict(rows.codes, rows.lengths) - rows.y)[:, 0] ** 2).mean() for x in (a, b)]
        assert error[1] < 1.3 * error[0]


def test_what_does_not_apply_is_said() -> None:
    rows = made(200, seed=12)
    lengths = np.where(np.arange(200) % 2, 10, LENGTH)
    uneven = ValueRows(rows.codes, lengths, rows.y, rows.weights)
    found = fit_regressors(uneven, uneven, anchor="left", settings=EvaluationSettings())
    assert "a position has no meaning" in found.skipped["position_ridge"]
    assert "anchor: right" in found.skipped["leader_ridge"]
    assert found.facts()["leader_ridge"]["skipped"]


def test_another_width_is_refused(fitted: FittedRegressors) -> None:
    ridge = next(x for x in fitted if x.name == "position_ridge")
    with pytest.raises(SettingsError, match="windows of 24"):
        ridge.predict(np.zeros((2, 20), np.uint8), np.full(2, 20))


def test_a_state_that_is_incomplete_is_refused() -> None:
    with pytest.raises(BundleError, match="incomplete"):
        regressor_from_state("kmer_ridge", State({}, {}))
    with pytest.raises(BundleError, match="does not know"):
        regressor_from_state("oracle", State({}, {}))


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("CCATGCCCTAACC", (1, 0, 0, 1)),  # ATG … TAA in one frame
        ("CCCATGCCC", (0, 0, 1, 1)),  # in frame with the start behind the sequence
        ("CCCATGCCCC", (0, 1, 0, 1)),  # out of frame
        ("CCCCCCC", (0, 0, 0, 0)),
        ("ATGATGTGA", (2, 0, 0, 1)),
        ("AT", (0, 0, 0, 0)),
    ],
)
def test_upstream_start_codons(sequence: str, expected: tuple[int, ...]) -> None:
    codes = np.full((1, 14), DNA.pad, np.uint8)
    codes[0, 14 - len(sequence) :] = DNA.encode(sequence)
    found = leader_features(codes, np.array([len(sequence)]))
    assert found.shape == (1, len(LEADER_FEATURES))
    assert found[0, :4].tolist() == list(expected)
    assert found[0, 4] == pytest.approx(sum(x in "CG" for x in sequence) / len(sequence))
    assert found[0, 6] == pytest.approx(np.log(len(sequence)))
