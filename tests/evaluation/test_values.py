"""Strata, intervals, the noise ceiling and the blend of measured values."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.evaluation.evaluate import evaluate_values
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.evaluation.value_blend import best_value_blend
from strandloom.evaluation.values import conformal, coverage, noise_ceiling, strata_of

QUICK = EvaluationSettings(resamples=50)


def rows(count: int, *, seed: int, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.normal(size=(count, 1))
    return y + noise * generator.normal(size=(count, 1)), y


def test_intervals_hold_new_values() -> None:
    held = []
    for seed in range(30):
        interval = conformal(*rows(200, seed=seed), level=0.9)
        held.append(coverage(*rows(2000, seed=1000 + seed), interval)[0])
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)
    one = conformal(np.zeros((1, 1)), np.ones((1, 1)))
    assert one.width == (1.0,)


def test_strata_are_ranges() -> None:
    found = strata_of("t0", np.array([0.0, 9.9, 10, 30, 500]), (10, 30))
    assert [x.label for x in found] == ["t0 < 10", "10 ≤ t0 < 30", "t0 ≥ 30"]
    assert [x.rows.tolist() for x in found] == [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]
    with pytest.raises(InputError, match="no number in row 2"):
        strata_of("t0", np.array([1.0, np.nan]), (10,))


def test_noise_leaves_a_ceiling() -> None:
    generator = np.random.default_rng(5)
    clean = generator.normal(size=(20_000, 1))
    variance = generator.uniform(0.1, 0.9, 20_000)
    y = clean + np.sqrt(variance)[:, None] * generator.normal(size=clean.shape)
    best = 1 - ((clean - y) ** 2).mean() / y.var()  # the score of the truth itself
    assert noise_ceiling(y, variance)["r2"] == pytest.approx(best, abs=0.02)


def test_an_evaluation_holds_it_all() -> None:
    predicted, y = rows(400, seed=6)
    depth = np.arange(400) % 40
    found = evaluate_values(
        predicted, y, names=["growth"], settings=QUICK, baselines={"mean": np.zeros((400, 1))},
        strata=strata_of("depth", depth.astype(float), (10, 39)), variance=np.full(400, 0.1), interval=conformal(predicted, y),
    )  # fmt: skip
    assert found.ceiling == {"r2": pytest.approx(1 - 0.1 / y.var())}
    strata = found.values["strata"]
    assert [x["rows"] for x in strata] == [100, 290, 10]
    assert strata[0]["model"]["pearson_squared"]["low"] < strata[0]["model"]["pearson_squared"]["value"]
    assert strata[0]["baselines"]["mean"]["rmse"] > strata[0]["model"]["rmse"]["value"]
    assert found.values["interval"]["coverage"][0] == pytest.approx(0.9, abs=0.01)
    assert len(found.values["scatter"]["growth"]["x"]) == 400
    assert sum(found.values["errors"]["growth"]["counts"]) == 400
    assert Evaluation.from_json(found.to_json()).values == found.to_json()["values"]


def test_noise_above_the_spread_is_said() -> None:
    predicted, y = rows(200, seed=7)
    found = evaluate_values(predicted, y, names=["growth"], settings=QUICK, variance=np.full(200, 9.0))
    assert found.ceiling is None
    assert any("larger than the spread" in x for x in found.warnings)


def test_partners_are_blended_in_only_where_they_help() -> None:
    """Three independent answers of equal noise: a third of the weight each; what is beside the point gets none."""
    generator = np.random.default_rng(8)
    y = generator.normal(size=(800, 2)) * np.array([1.0, 50.0])
    network, one, two = (y + 0.5 * y.std(0) * generator.normal(size=y.shape) for _ in range(3))
    partners = {"kmer_ridge": one, "position_ridge": 100 * generator.normal(size=y.shape), "kmer_boosting": two}
    weights = np.ones(len(y))
    blend = best_value_blend(network, partners, y, weights)
    shares = dict(blend.shares)
    assert set(shares) == {"kmer_ridge", "kmer_boosting"}
    assert blend.network + sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == pytest.approx([1 / 3, 1 / 3], abs=0.1)
    error = lambda x: float((((x - y) / y.std(0)) ** 2).mean())  # noqa: E731
    assert error(blend.apply(network, partners)) < 0.45 * error(network)
    assert blend.gain == pytest.approx(error(network) - error(blend.apply(network, partners)), abs=1e-9)
    alone = best_value_blend(network, {"kmer_ridge": generator.normal(size=y.shape) * 100}, y, weights)
    assert not alone.used
    np.testing.assert_array_equal(alone.apply(network, {}), network)
    assert not best_value_blend(network[:50], {"kmer_ridge": one[:50]}, y[:50], weights[:50]).used
