"""Queries at places."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.workflows.taxonomy.evidence import SPECIES
from strandloom.workflows.taxonomy.place_practice import HIDE_KM, LEAST, Located, _missing, place_practice
from strandloom.workflows.taxonomy.places import FEATURES, RangeEvidence
from strandloom.workflows.taxonomy.practice import Match, Practice, practise

KNOWN = FEATURES.index("nothing known")


@pytest.fixture(scope="module")
def world(tiny: SimpleNamespace) -> tuple[Match, Practice, RangeEvidence, np.ndarray]:
    match = Match(tiny.reference(tiny.random_rows(3, species=14)))
    areas = {code: tiny.block(*place) for code, place in tiny.centres.items()}
    rng = np.random.default_rng(1)
    listed = [(s, x) for s in range(10) for x in areas if rng.random() < 0.5]
    evidence = RangeEvidence(tiny.ranges(areas=areas, listed=listed, bounds=[(11, 0.0, 10.0)]), 14)
    block = practise(match, seed=1)[0]
    scores = rng.uniform(-20, 0, len(block.evidence.kind)).astype(np.float32)
    return match, block, evidence, scores


def located(world: tuple[Match, Practice, RangeEvidence, np.ndarray], seed: int = 1, repeats: int = 3) -> Located:
    match, block, evidence, scores = world
    family = match.lineages.of[2]
    return place_practice(block, scores, evidence, match.reference.species, family, seed=seed, repeats=repeats)


def test_every_query_is_met_at_places(world: tuple[Match, Practice, RangeEvidence, np.ndarray]) -> None:
    _, block, evidence, scores = world
    found = located(world)
    assert not evidence.placed[11]  # its records are met where others live
    assert np.array_equal(found.query, np.repeat(np.arange(len(block.row)), 3))
    assert np.array_equal(found.row, block.row[found.query])
    assert found.weight == pytest.approx(block.weight[found.query] / 3)
    assert np.array_equal(found.answer[found.truth], block.truth[found.query])
    owner = np.repeat(np.arange(len(found.row)), np.diff(found.offsets))
    assert np.array_equal(owner[found.truth], np.arange(len(found.row)))
    query = found.query[owner]
    assert np.array_equal(block.evidence.query[found.answer], query)
    true = found.answer == block.truth[query]
    assert (scores[found.answer[~true]] > LEAST).all()
    passed = np.setdiff1d(np.arange(len(scores)), found.answer)
    assert (scores[passed] <= LEAST).all()


def test_queries_in_doubt_are_met_more_often_and_count_the_same(
    world: tuple[Match, Practice, RangeEvidence, np.ndarray],
) -> None:
    match, block, evidence, _ = world
    best = np.repeat(np.arange(len(block.row)) % 2 == 0, np.diff(block.evidence.offsets))
    scores = np.where(best, 0.0, -1.0).astype(np.float32)  # every other query is sure
    family = match.lineages.of[2]
    found = place_practice(block, scores, evidence, match.reference.species, family, seed=1, repeats=1, in_doubt=4)
    times = np.bincount(found.query)
    assert times.tolist() == [1 if i % 2 == 0 else 4 for i in range(len(block.row))]
    assert np.bincount(found.query, found.weight) == pytest.approx(block.weight, rel=1e-5)


def test_features_are_those_of_the_species_answers(world: tuple[Match, Practice, RangeEvidence, np.ndarray]) -> None:
    _, block, evidence, _ = world
    found = located(world)
    assert np.array_equal(found.species, np.flatnonzero(block.evidence.kind[found.answer] == SPECIES))
    assert found.features.shape == (len(found.species), len(FEATURES))
    taxon = block.evidence.taxon[found.answer[found.species]]
    assert (found.features[~evidence.known[taxon], KNOWN] == 1).all()


def test_same_seed_same_places(world: tuple[Match, Practice, RangeEvidence, np.ndarray]) -> None:
    one, two, three = (located(world, seed=x) for x in (1, 1, 2))
    assert all(np.array_equal(getattr(one, x), getattr(two, x)) for x in Located._fields)
    assert not np.array_equal(one.features, three.features)


def test_what_is_missing_at_a_place(world: tuple[Match, Practice, RangeEvidence, np.ndarray]) -> None:
    evidence = world[2]
    rng = np.random.default_rng(1)
    inside = rng.random(4000) < 0.7
    places = evidence.places(np.where(inside, 60.25, 20.0), np.where(inside, 5.25, -40.0))
    place = np.repeat(np.arange(4000), 5)
    hidden = _missing(places, place, rng)
    home = places.home[place]
    assert set(np.unique(hidden.drop)) == {-1, places.home.max()}
    assert ((hidden.drop == home) | (hidden.drop == -1)).all()
    assert (hidden.drop[hidden.gone] == home[hidden.gone]).all()
    seen = hidden.hide_km[hidden.hide_km > 0]
    assert seen.min() >= HIDE_KM[0]
    assert seen.max() <= HIDE_KM[1]
    gone, drop = (x.reshape(-1, 5)[inside] for x in (hidden.gone, hidden.drop >= 0))
    assert (gone.all(axis=1) == gone.any(axis=1)).all()  # the area is unknown for all candidates of a query alike
    assert gone[:, 0].mean() == pytest.approx(0.35, abs=0.03)
    whole = ~gone[:, 0]
    assert drop[whole].mean() == pytest.approx(0.4 * 0.5 / 0.65, abs=0.03)
    assert not drop[whole].all(axis=1).all()
