"""What is known of ranges around places beside slow twins, and what is not to be seen of them."""

from __future__ import annotations

from dataclasses import replace
from math import asin, cos, exp, log, log1p, radians, sin, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.places import FEATURES, SCALES, Places, RangeEvidence
from strandloom.workflows.taxonomy.ranges.ranges import Ranges

SPECIES = 10
CENTRES = {"a": (60.25, 5.25), "b": (62.25, 5.25), "c": (0.25, 179.75), "d": (89.25, 0.25), "e": (-45.25, -120.25)}
NOWHERE = (8, 9)
"""Species of which nothing is known."""
SPOKEN = tuple(i for i, name in enumerate(FEATURES) if "speak" in name)
NICHES = tuple(range(FEATURES.index("nothing known") + 1, len(FEATURES)))
"""What the water of all records of a species says; tested in test_niches.py."""
AT = {name: i for i, name in enumerate(FEATURES)}


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Haversine."""
    north, east = radians(b[0] - a[0]), radians(b[1] - a[1])
    h = sin(north / 2) ** 2 + cos(radians(a[0])) * cos(radians(b[0])) * sin(east / 2) ** 2
    return 2 * 6371.0088 * asin(min(1.0, sqrt(h)))


def ranges(tiny: SimpleNamespace, seed: int = 1) -> Ranges:
    rng = np.random.default_rng(seed)
    areas = {name: tiny.block(*place) for name, place in CENTRES.items()}
    listed = [(s, x) for s in range(6) for x in areas if rng.random() < 0.5]
    cells = [cell for own in areas.values() for cell in own]
    points = [(s, *cells[i], float(rng.integers(1, 50))) for s in (0, 1, 2, 6) for i in rng.integers(0, len(cells), 5)]
    points += [(3, 61.9, -179.9, 2.0), (3, -89.9, 10.0, 1.0), (0, 60.25, 9.0, 4.0)]
    basins = {"Rhine": (50.0, 8.0), "Ob": (66.0, 70.0)}
    rivers = [(0, "Rhine"), (4, "Ob"), (4, "Rhine"), (6, "Ob")]
    bounds = [(0, 40.0, 65.0, -10.0, 20.0), (7, -10.0, None, 170.0, -170.0), (2, None, None, -180.0, 180.0)]
    return tiny.ranges(areas=areas, listed=listed, points=points, basins=basins, rivers=rivers, bounds=bounds)


SPOTS = [
    (60.3, 5.2),
    (61.2, 5.0),
    (60.25, 9.3),
    (0.2, -179.9),
    (0.2, 179.9),
    (90.0, 0.0),
    (89.9, 170.0),
    (-90.0, 0.0),
    (-40.0, 60.0),
    (50.1, 8.1),
    (66.0, 71.0),
]


@pytest.fixture(scope="module")
def evidence(tiny: SimpleNamespace) -> RangeEvidence:
    return RangeEvidence(ranges(tiny), SPECIES)


@pytest.fixture(scope="module")
def places(evidence: RangeEvidence) -> Places:
    return evidence.places(*np.array(SPOTS, np.float64).T)


def every_pair(places: Places) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(SPECIES), len(places)), np.tile(np.arange(len(places)), SPECIES)


def home_of(place: tuple[float, float], cells: dict[int, list[tuple[float, float]]]) -> int:
    far = {area: min(kilometres(place, cell) for cell in own) for area, own in cells.items()}
    best = min(far, key=lambda area: far[area])
    return best if far[best] < 40 else -1


def slow_features(  # the columns of FEATURES one after the other
    known: Ranges, similar: np.ndarray, species: int, place: tuple[float, float], *, drop: int, gone: bool, hide: float
) -> list[float]:
    kind = dict(known.areas.select("area", "kind").iter_rows())
    cells: dict[int, list[tuple[float, float]]] = {}
    for area, lat, lon in known.cells.iter_rows():
        cells.setdefault(area, []).append((lat, lon))
    extents = {area: own for area, own in cells.items() if kind[area] == "ecoregion"}
    km = {area: min(kilometres(place, cell) for cell in own) for area, own in extents.items()}
    km = {area: 0.0 if x < 40 else x for area, x in km.items()}
    members = [area for s, area in known.members.iter_rows() if s == species]
    listed = [area for area in members if area in extents and area != drop]
    existing = [area for area in km if not (gone and area == drop)]
    near, any_near = min((km[x] for x in listed), default=40_000.0), min((km[x] for x in existing), default=40_000.0)
    out = [
        log1p(len(listed)), not listed, log1p(near / 50) if listed else 0, bool(listed) and near == 0, log1p(any_near / 50),
        sum(exp(-((km[x] / 1100) ** 2)) for x in listed),
    ]  # fmt: skip
    for scale in SCALES:
        weight = {x: exp(-(((km[x] - any_near) / scale) ** 2)) for x in existing}
        total = sum(weight.values()) + 1e-12
        said = {x: sum(similar[y, x] for y in listed) for x in existing}
        share = sum(weight[x] for x in existing if x in listed and weight[x] > 1e-4) / total
        spoken = sum(weight[x] * said[x] for x in existing if weight[x] > 1e-2 * total) / total
        out += [log(share + 0.003), float(np.clip(spoken, -0.3, 1.2))]
    lats = [np.array([lat for lat, _ in extents[x]]) for x in listed]
    south = min((float(np.quantile(x, 0.05, method="nearest")) for x in lats), default=90.0)
    north = max((float(np.quantile(x, 0.95, method="nearest")) for x in lats), default=-90.0)
    out += [float(np.clip(x, -20, 30)) / 10 if listed else 0 for x in (south - place[0], place[0] - north)]
    points = [(lat, lon, n) for s, lat, lon, n in known.points.iter_rows() if s == species]
    seen = [
        (kilometres(place, (lat, lon)), n)
        for lat, lon, n in points
        if (drop < 0 or home_of((lat, lon), extents) != drop) and kilometres(place, (lat, lon)) >= hide
    ]
    within = sum(log1p(n) for x, n in seen if x < 300)
    sampled = {(lat, lon): 0 for _, lat, lon, _ in known.points.iter_rows()}
    for _, lat, lon, _ in known.points.iter_rows():
        sampled[lat, lon] += 1
    effort = log1p(sum(rows for cell, rows in sampled.items() if kilometres(place, cell) < 150))
    out += [bool(seen), log1p(min(x for x, _ in seen) / 50) if seen else 0, log1p(within), effort]
    out += [effort if seen and within == 0 else 0]
    rivers = [kilometres(place, cells[x][0]) for x in members if x not in extents]
    rivers = [x for x in rivers if x >= hide]
    out += [bool(rivers), log1p(min(rivers) / 50) if rivers else 0]
    limits = [x for x in known.bounds.iter_rows() if x[0] == species]
    low, high, west, east = limits[0][1:5] if limits else (None,) * 4
    lat_out = max(low - place[0] if low is not None else 0, place[0] - high if high is not None else 0, 0)
    lon_out = 0.0
    if west is not None and east is not None and (east - west) % 360:
        past, width = (place[1] - west) % 360, (east - west) % 360
        lon_out = 0.0 if past <= width else min(past - width, 360 - past)
    limited = any(x is not None for x in (low, high, west, east))
    out += [limited, min(lat_out, 30) / 10, min(lon_out, 60) / 20]
    return [float(x) for x in (*out, not (listed or seen or rivers or limited))]


def test_features_are_those_of_the_slow_twin(evidence: RangeEvidence, places: Places) -> None:
    by_species = every_pair(places)
    by_place = np.lexsort(by_species)  # what is asked about one place in a row shares the work
    rng = np.random.default_rng(1)
    for hidden, order in ((False, slice(None)), (True, slice(None)), (False, by_place), (True, by_place)):
        species, place = by_species[0][order], by_species[1][order]
        drop = np.where(rng.random(len(species)) < 0.6, places.home[place], -1).astype(np.int32)
        gone = (rng.random(len(species)) < 0.5) & (drop >= 0)
        hide = np.where(rng.random(len(species)) < 0.5, rng.uniform(30, 400, len(species)), 0.0)
        if not hidden:
            drop, gone, hide = np.full_like(drop, -1), np.zeros_like(gone), np.zeros_like(hide)
        got = evidence.features(places, species, place, drop=drop, gone=gone, hide_km=hide)
        if not hidden:
            assert np.array_equal(evidence.features(places, species, place), got)
        assert got.dtype == np.float32
        assert got.shape == (len(species), len(FEATURES))
        for i in range(len(species)):
            expected = slow_features(
                evidence.ranges, evidence.areas.similar, int(species[i]), SPOTS[place[i]],
                drop=int(drop[i]), gone=bool(gone[i]), hide=float(hide[i]),
            )  # fmt: skip
            for name, one, two in zip(FEATURES[: len(expected)], got[i], expected, strict=False):
                assert one == pytest.approx(two, abs=2e-4), (species[i], SPOTS[place[i]], name)


def test_distances_to_areas(evidence: RangeEvidence, places: Places, tiny: SimpleNamespace) -> None:
    for row, spot in enumerate(SPOTS):
        for column, name in enumerate(evidence.areas.names):
            km = min(kilometres(spot, cell) for cell in tiny.block(*CENTRES[name]))
            assert places.km[row, column] == pytest.approx(0 if km < 40 else km, abs=0.02)
    assert places.home.tolist() == [0, -1, -1, 2, 2, 3, 3, -1, -1, -1, -1]


def test_the_antimeridian_and_the_poles_are_nothing_special(evidence: RangeEvidence) -> None:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-90, 90, 20), rng.uniform(-180, 180, 20)
    lat[:4], lon[:4] = (90, -90, 0, 60), (10, 20, 180, 180)
    one, two = evidence.places(lat, lon), evidence.places(lat, np.where(lon > 0, lon - 360, lon + 360))
    species, place = every_pair(one)
    np.testing.assert_allclose(
        evidence.features(one, species, place), evidence.features(two, species, place), atol=1e-4
    )
    poles = evidence.places(np.array([90.0, 90.0]), np.array([0.0, 123.0]))
    assert poles.km[0] == pytest.approx(poles.km[1], abs=1e-2)


def test_an_area_dropped_is_one_that_lists_and_records_leave_out(tiny: SimpleNamespace) -> None:
    known = ranges(tiny)
    cells = {a: [(y, x) for b, y, x in known.cells.iter_rows() if b == a] for a in range(len(CENTRES))}
    inside = [home_of((lat, lon), cells) for _, lat, lon, _ in known.points.iter_rows()]
    whole = RangeEvidence(known, SPECIES)
    places = whole.places(*np.array(SPOTS, np.float64).T)
    species, place = every_pair(places)
    for area in range(len(CENTRES)):
        drop = np.full(len(species), area, np.int32)
        less = RangeEvidence(known.without([(s, area) for s in range(SPECIES)]), SPECIES)
        assert less.ranges.points.height == sum(x != area for x in inside)
        got = whole.features(places, species, place, drop=drop)
        expected = less.features(replace(less.places(places.lat, places.lon), effort=places.effort), species, place)
        columns = [i for i in range(len(FEATURES)) if i not in (*SPOKEN, *NICHES)]
        np.testing.assert_allclose(got[:, columns], expected[:, columns], atol=1e-5)
        less = RangeEvidence(known.without_areas([area]), SPECIES)
        got = whole.features(places, species, place, drop=drop, gone=drop >= 0)
        expected = less.features(replace(less.places(places.lat, places.lon), effort=places.effort), species, place)
        np.testing.assert_allclose(got[:, columns], expected[:, columns], atol=1e-5)


def test_records_hidden_are_records_removed(tiny: SimpleNamespace) -> None:
    known = ranges(tiny)
    whole = RangeEvidence(known, SPECIES)
    for spot in SPOTS:
        place = whole.places(*(np.array([x]) for x in spot))
        far = [kilometres(spot, (lat, lon)) >= 250 for _, lat, lon, _ in known.points.iter_rows()]
        rivers = [kilometres(spot, (lat, lon)) < 250 for _, lat, lon in known.cells.filter(pl.col("area") >= 5).iter_rows()]  # fmt: skip
        gone = [5 + i for i, near in enumerate(rivers) if near]
        less = RangeEvidence(
            replace(known, points=known.points.filter(far), members=known.members.filter(~pl.col("area").is_in(gone))),
            SPECIES,
        )
        species, zero = np.arange(SPECIES), np.zeros(SPECIES, np.int64)
        got = whole.features(place, species, zero, hide_km=np.full(SPECIES, 250.0))
        there = replace(less.places(place.lat, place.lon), effort=place.effort)
        expected = less.features(there, species, zero)
        columns = [i for i in range(len(FEATURES)) if i not in NICHES]
        np.testing.assert_allclose(got[:, columns], expected[:, columns], atol=1e-5)


def test_nothing_known_is_not_absence(evidence: RangeEvidence, places: Places) -> None:
    species, place = every_pair(places)
    features = evidence.features(places, species, place)
    nothing = np.isin(species, NOWHERE)
    assert np.array_equal(features[:, AT["nothing known"]], nothing.astype(np.float32))
    assert evidence.known.tolist() == [s not in NOWHERE for s in range(SPECIES)]
    assert evidence.placed.tolist() == [s not in (7, *NOWHERE) for s in range(SPECIES)]
    of_the_place = {"no area listed", "log km to any area", "sampled around", "nothing known"}
    of_the_place |= {name for name in FEATURES if name.startswith("share listed")}
    for name in set(FEATURES) - of_the_place:
        assert not features[nothing, AT[name]].any(), name
    assert np.array_equal(features[species == NOWHERE[0]], features[species == NOWHERE[1]])


def test_pairs_do_not_affect_each_other(evidence: RangeEvidence, places: Places) -> None:
    species, place = every_pair(places)
    whole = evidence.features(places, species, place)
    order = np.random.default_rng(1).permutation(len(species))
    assert np.array_equal(evidence.features(places, species[order], place[order]), whole[order])
    for row in (0, 3, 8):
        alone = evidence.places(places.lat[[row]], places.lon[[row]])
        own = np.flatnonzero(place == row)
        assert np.array_equal(evidence.features(alone, species[own], np.zeros(len(own), np.int64)), whole[own])
    assert evidence.features(places, species[:0], place[:0]).shape == (0, len(FEATURES))


def test_nearness(evidence: RangeEvidence, places: Places) -> None:
    species, place = every_pair(places)
    km, words = evidence.nearness(places, species, place)
    kind = dict(evidence.ranges.areas.select("area", "kind").iter_rows())
    for i in range(len(species)):
        spot = SPOTS[place[i]]
        far = [kilometres(spot, (y, x)) for s, y, x, _ in evidence.ranges.points.iter_rows() if s == species[i]]
        for s, area in evidence.ranges.members.iter_rows():
            if s == species[i]:
                own = [kilometres(spot, (y, x)) for a, y, x in evidence.ranges.cells.iter_rows() if a == area]
                far.append(0 if min(own) < 40 and kind[area] == "ecoregion" else min(own))
        if not far:
            assert np.isnan(km[i])
            assert words[i] == "no data"
            continue
        assert km[i] == pytest.approx(min(far), abs=0.02)
        assert words[i] == ("listed here" if min(far) <= 60 else "nearby" if min(far) <= 500 else "far")
    assert set(words) == {"listed here", "nearby", "far", "no data"}


def test_being_listed_elsewhere_speaks_for_an_area(tiny: SimpleNamespace) -> None:
    rng = np.random.default_rng(1)
    areas = {name: tiny.block(*place) for name, place in CENTRES.items()}
    together = [(s, x) for s in range(400) for x in ("a", "b") if s % 2] + [(s, "e") for s in range(400) if rng.random() < 0.3]  # fmt: skip
    similar = RangeEvidence(tiny.ranges(areas=areas, listed=together), 400).areas.similar
    assert not similar.diagonal().any()
    assert similar[0, 1] > 0.5
    assert abs(similar[4, 0]) < 0.1


@pytest.mark.parametrize("what", ["nothing", "points", "areas", "basins", "bounds"])
def test_ranges_of_one_kind_alone(what: str, tiny: SimpleNamespace) -> None:
    given: dict[str, dict[str, Any]] = {
        "nothing": {},
        "points": {"points": [(1, 60.0, 5.0, 1.0)]},
        "areas": {"areas": {"a": tiny.block(60.25, 5.25)}, "listed": [(1, "a")]},
        "basins": {"basins": {"x": (60.0, 5.0)}, "rivers": [(1, "x")]},
        "bounds": {"bounds": [(1, 50.0, 60.0, None, None)]},
    }
    evidence = RangeEvidence(tiny.ranges(**given[what]), 3)
    places = evidence.places(np.array([60.0, -20.0]), np.array([5.0, 100.0]))
    features = evidence.features(places, np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]))
    assert np.isfinite(features).all()
    assert features[:, AT["nothing known"]].tolist() == [1, what == "nothing", what == "nothing", 1]
    assert evidence.placed.tolist() == [False, what not in ("nothing", "bounds"), False]
    km, words = evidence.nearness(places, np.array([1, 0]), np.array([0, 0]))
    assert words[1] == "no data"
    assert words[0] == ("no data" if what in ("nothing", "bounds") else "listed here")
    assert np.isnan(km[1])
