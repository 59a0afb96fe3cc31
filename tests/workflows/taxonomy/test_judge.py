"""Several ways of naming judged side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

from strandloom.workflows.taxonomy.baselines.types import Calls
from strandloom.workflows.taxonomy.judge import THRESHOLDS, judge, unknown_point
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.measures import MEASURES, RankScorer
from strandloom.workflows.taxonomy.truth import Truth

N = 240
RNG = np.random.default_rng(1)


def truth() -> Truth:
    """A sixth of the queries are of no taxon of the reference, some orders are not said."""
    taxon = {rank: RNG.integers(0, 12 // (i + 1), N).astype(np.int32) for i, rank in enumerate(RANKS)}
    for rank in RANKS:
        taxon[rank][:40] = -1
    taxon["order"][100:110] = -2
    return Truth(taxon)


TRUTH = truth()


def called(rate: float) -> Calls:
    """Right so often, and surer when right."""
    taxon, confidence = [], []
    for rank in RANKS:
        right = RNG.random(N) < rate
        taxon.append(np.where(right, TRUTH.taxon[rank], RNG.integers(-1, 12, N)))
        confidence.append(np.where(right, RNG.beta(5, 1, N), RNG.beta(2, 2, N)))
    return Calls.from_arrays(np.stack(taxon), np.stack(confidence))


GOOD, POOR = called(0.95), called(0.4)
EVEN = np.arange(N) % 2 == 0


def test_measures_groups_and_comparisons() -> None:
    found = judge(TRUTH, {"good": GOOD, "poor": POOR}, groups={"even": EVEN, "none": ~EVEN & EVEN}, resamples=100)
    assert (found.queries, found.groups) == (N, {"even": 120})
    species = found.systems["good"].ranks["species"]
    scorer = RankScorer(TRUTH.taxon["species"], GOOD.taxon["species"], GOOD.confidence["species"])
    values = scorer.score(np.ones((N, 1)))[0, :, 0]
    assert [species.measures[name].value for name in MEASURES] == pytest.approx(values.tolist(), nan_ok=True)
    assert species.measures["accuracy"].low < species.measures["accuracy"].value < species.measures["accuracy"].high
    assert (species.queries, species.listed) == (N, N - 40)
    assert found.systems["good"].ranks["order"].queries == N - 10
    assert species.selective.coverage == pytest.approx(species.measures["coverage_at_precision"].value)
    assert sum(point.n for point in species.reliability) == round(species.measures["coverage"].value * N)
    even = RankScorer(*(x[EVEN] for x in (TRUTH.taxon["genus"], POOR.taxon["genus"], POOR.confidence["genus"])))
    group = found.systems["poor"].groups["even"]["genus"]
    assert group["recall"].value == pytest.approx(even.score(np.ones((120, 1)))[0, MEASURES.index("recall"), 0])
    assert list(found.comparisons) == ["poor"]
    verdicts = found.comparisons["poor"]["species"]
    assert {verdicts[name].verdict for name in ("accuracy", "f1_macro", "misclassified", "overclassified")} == {
        "better"
    }


def test_the_other_way_round_is_worse() -> None:
    verdicts = judge(TRUTH, {"poor": POOR, "good": GOOD}, resamples=100).comparisons["good"]["species"]
    assert {verdicts[name].verdict for name in ("accuracy", "misclassified", "overclassified")} == {"worse"}


def test_curves() -> None:
    found = judge(TRUTH, {"good": GOOD}, resamples=0).systems["good"]
    for rank, judged in found.ranks.items():
        assert [point.threshold for point in judged.curve] == list(THRESHOLDS)
        assert judged.curve[0].f1_macro == judged.measures["f1_macro"].value
        for point in judged.curve:
            kept = GOOD.at(point.threshold)
            scorer = RankScorer(TRUTH.taxon[rank], kept.taxon[rank], kept.confidence[rank])
            values = dict(zip(MEASURES, scorer.score(np.ones((N, 1)))[0, :, 0], strict=True))
            assert point.recall == values["recall"]
            assert point.overclassified == values["overclassified"]
        assert np.isnan(judged.measures["recall"].low)


def test_unknowns() -> None:
    none = np.arange(N) < 30
    taxon = np.stack([np.where(none, -1, GOOD.taxon[rank]) for rank in RANKS])
    confidence = np.full(taxon.shape, 0.6)
    calls = Calls.from_arrays(taxon, confidence)
    point = unknown_point(TRUTH, calls, threshold=0.5)
    uncalled = (taxon < 0).all(axis=0)
    assert (point.foreign, point.uncalled) == (40, uncalled.sum())
    assert point.recall == uncalled[:40].mean()
    assert point.precision == pytest.approx(uncalled[:40].sum() / uncalled.sum())
    assert unknown_point(TRUTH, calls, threshold=0.7).recall == 1
    listed = TRUTH.take(np.arange(40, N))
    assert np.isnan(unknown_point(listed, calls.take(np.arange(40, N)), threshold=0.0).recall)


def test_json_has_names_everywhere() -> None:
    found = judge(TRUTH, {"good": GOOD, "poor": POOR}, groups={"even": EVEN}, resamples=20, clusters=np.arange(N) // 3)
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    species = stored["systems"]["good"]["ranks"]["species"]
    assert set(species["measures"]["ece"]) == {"value", "low", "high"}
    assert set(species["reliability"][0]) == {"low", "high", "n", "confidence", "accuracy"}
    assert species["selective"]["wanted"] == 0.95
    assert species["curve"][0]["threshold"] == 0
    assert stored["comparisons"]["poor"]["genus"]["accuracy"]["metric"] == "accuracy"
    assert stored["systems"]["good"]["unknowns"][0]["foreign"] == 40
    assert stored["groups"] == {"even": 120}


def test_same_seed_same_result() -> None:
    one, other = (judge(TRUTH, {"good": GOOD}, resamples=30, seed=4).to_json() for _ in range(2))
    assert one == other
