"""Draws of places where species are known to occur."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.data.geography.sphere import great_circle_km
from strandloom.workflows.taxonomy.place_sources import SHARES, draw_places, stand_ins
from strandloom.workflows.taxonomy.places import RangeEvidence

N = 3000


@pytest.fixture(scope="module")
def evidence(tiny: SimpleNamespace) -> RangeEvidence:
    areas = {
        "big": tiny.block(0.25, 179.75, side=9),
        "small": tiny.block(60.25, 5.25, side=1),
        "north": tiny.block(85.25, 20.25),
    }
    return RangeEvidence(
        tiny.ranges(
            areas=areas,
            listed=[(0, "big"), (0, "small"), (1, "north"), (2, "small")],
            points=[(1, -40.0, -179.9, 1.0), (1, -41.0, 100.0, 500.0), (3, 89.9, 50.0, 1.0)],
            basins={"Rhine": (50.0, 8.0), "Ob": (66.0, 70.0)},
            rivers=[(1, "Rhine"), (4, "Ob"), (4, "Rhine")],
        ),
        6,
    )


def nearest(evidence: RangeEvidence, species: int, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Of what a species is known from (area, record, basin) the nearest thing to each place, and that it is near."""
    known = evidence.ranges
    spots = [
        (("area", a), y, x)
        for s, a in known.members.iter_rows()
        if s == species
        for b, y, x in known.cells.iter_rows()
        if a == b
    ]
    spots += [(("record", i), y, x) for i, (s, y, x, _) in enumerate(known.points.iter_rows()) if s == species]
    km = np.stack([great_circle_km(y, x, lat, lon) for _, y, x in spots])
    assert km.min(axis=0).max() < 40
    names = sorted({name for name, _, _ in spots})
    return np.array([names.index(spots[i][0]) for i in km.argmin(axis=0)])


def test_of_which_species_nothing_is_known_another_stands_in(evidence: RangeEvidence) -> None:
    rng = np.random.default_rng(1)
    asked = np.repeat([1, 5], 2000)
    for family, others in (
        ([0, 0, 1, 1, 2, 1], {2, 3}),
        ([0, 0, 1, 1, 2, 3], {0, 1, 2, 3, 4}),
        ([-1] * 6, {0, 1, 2, 3, 4}),
    ):
        found = stand_ins(evidence, asked, np.array(family), rng)
        assert (found[:2000] == 1).all()
        assert set(found[2000:].tolist()) == others
        assert np.bincount(found[2000:]).max() < 1.2 * 2000 / len(others)


def test_places_lie_where_the_species_is_known(evidence: RangeEvidence) -> None:
    for species in range(5):
        lat, lon = draw_places(evidence, np.full(400, species), np.random.default_rng(species))
        assert np.abs(lat).max() <= 90
        assert (lon >= -180).all()
        assert (lon < 180).all()
        nearest(evidence, species, lat, lon)


def test_every_area_and_every_record_alike(evidence: RangeEvidence) -> None:
    lat, lon = draw_places(evidence, np.zeros(N, np.int64), np.random.default_rng(1))
    assert np.bincount(nearest(evidence, 0, lat, lon)) / N == pytest.approx([0.5, 0.5], abs=0.04)
    lat, lon = draw_places(evidence, np.full(N, 1), np.random.default_rng(2))
    expected = [SHARES[0], SHARES[2], SHARES[1] / 2, SHARES[1] / 2]  # an area, a basin, two records
    assert np.bincount(nearest(evidence, 1, lat, lon)) / N == pytest.approx(expected, abs=0.04)
    lat, lon = draw_places(evidence, np.full(N, 4), np.random.default_rng(3))
    assert np.bincount(nearest(evidence, 4, lat, lon)) / N == pytest.approx([0.5, 0.5], abs=0.04)


def test_every_cell_of_an_area_is_drawn(evidence: RangeEvidence) -> None:
    lat, lon = draw_places(evidence, np.zeros(N, np.int64), np.random.default_rng(4))
    big = lat < 30
    east = lon[big] % 360
    assert np.histogram2d(lat[big], east, bins=9, range=[[-2, 2.5], [177.5, 182]])[0].min() > 0


def test_same_seed_same_places(evidence: RangeEvidence) -> None:
    species = np.arange(5).repeat(3)
    one, two, three = (draw_places(evidence, species, np.random.default_rng(x)) for x in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)
    assert draw_places(evidence, species[:0], np.random.default_rng(1))[0].shape == (0,)
