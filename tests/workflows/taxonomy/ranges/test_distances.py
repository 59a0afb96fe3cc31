"""Distances of pairs against a slow twin; antimeridian, poles, held-out areas, and what is unknown."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.ranges import distances
from strandloom.workflows.taxonomy.ranges.distances import PlaceDistances, outside, pair_distances
from strandloom.workflows.taxonomy.ranges.index import RangeIndex
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, BOUNDS, CELLS, MEMBERS, POINTS, Ranges
from strandloom.workflows.taxonomy.ranges.read import read_ranges

RADIUS = 6371.0088
RNG = np.random.default_rng(3)


def km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    a, b, d = np.radians(lat), np.radians(other_lat), np.radians(other_lon - lon)
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(d / 2) ** 2
    return float(2 * RADIUS * np.arcsin(min(np.sqrt(half), 1)))


def to_cell(lat: float, lon: float, cell_lat: float, cell_lon: float) -> float:
    """To the nearest point of a cell of half a degree: the least distance to a fine lattice in it."""
    if abs(lat - cell_lat) <= 0.25 and abs((lon - cell_lon + 180) % 360 - 180) <= 0.25:
        return 0
    steps = np.linspace(-0.25, 0.25, 9)
    return min(km(lat, lon, cell_lat + y, cell_lon + x) for y in steps for x in steps)


def block(area: int, south: float, west: float, rows: int, columns: int) -> list[tuple[int, float, float]]:
    return [
        (area, south + 0.25 + 0.5 * i, (west + 0.25 + 0.5 * j + 180) % 360 - 180)
        for i in range(rows)
        for j in range(columns)
    ]


CELLS_OF = [
    *block(0, 50, 178, 4, 8),
    *block(1, 60, -175, 3, 3),
    *block(2, 86, 0, 6, 20),
    (3, 48.0, 8.0),
    (4, -3.0, -60.0),
]
POINT_ROWS = [(0, 51.0, 179.5, 4.0), (0, 61.0, -174.0, 1.0), (3, -70.0, 10.0, 1.0)]
RANGES = Ranges(
    *(
        pl.DataFrame(rows, schema=schema, orient="row")
        for rows, schema in (
            (POINT_ROWS, POINTS),
            (
                [(a, str(a), "ecoregion" if a < 3 else "basin", str(a), {3: 185e3, 4: 5.9e6}.get(a)) for a in range(5)],
                AREAS,
            ),
            (CELLS_OF, CELLS),
            ([(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)], MEMBERS),
            ([(2, -20.0, 10.0, 160.0, -160.0, None, None), (3, None, -50.0, None, None, None, None)], BOUNDS),
        )
    )
)
LAT = np.array([51.2, 51.2, 89.9, 0.0, 60.4, -3.0, 47.0])
LON = np.array([-178.1, -177.2, -120.0, 175.0, -174.4, -58.0, 9.0])
NUMBER = 5
"""Species; nothing is known of the last."""


def measured() -> PlaceDistances:
    return PlaceDistances.measure(RangeIndex(RANGES, NUMBER), LAT, LON)


def test_matrix_against_a_slow_twin() -> None:
    places = measured()
    assert places.km.dtype == np.float32
    for p in range(len(LAT)):
        for a in range(3):
            slow = min(to_cell(LAT[p], LON[p], lat, lon) for area, lat, lon in CELLS_OF if area == a)
            assert places.km[p, a] == pytest.approx(slow, abs=3, rel=5e-3), (p, a)
    assert places.home.tolist() == [0, -1, -1, -1, 1, -1, -1], "the first across the antimeridian"
    assert places.km[0, 0] == 0 < places.km[1, 0] < 60
    assert places.km[2, 2] < 120, "close to the pole all longitudes are near"


def test_nearest_area_with_some_held_out() -> None:
    places = measured()
    species, place = np.array([0, 0, 0, 4, 1]), np.array([0, 0, 0, 0, 0])
    found = places.nearest_area_km(species, place)
    assert found[0] == 0
    assert np.isnan(found[3])
    held = places.nearest_area_km(species, place, drop=np.array([0, 1, -1, 0, 2]))
    assert held[0] == places.km[0, 1] > 0
    assert held[1] == held[2] == 0
    assert np.isnan(held[4]), "the only ecoregion of species 1; its basin is no ecoregion"
    assert places.listed_areas(species, place, drop=np.array([0, 1, -1, 0, 2])).tolist() == [1, 1, 2, 0, 0]


def test_held_out_pairs_are_as_if_removed() -> None:
    places = measured()
    species, place = (x.ravel() for x in np.meshgrid(np.arange(NUMBER), np.arange(len(LAT)), indexing="ij"))
    dropped = pair_distances(places, species, place, drop=np.zeros(len(species), int))
    removed = PlaceDistances.measure(RangeIndex(RANGES.without([[s, 0] for s in range(NUMBER)]), NUMBER), LAT, LON)
    for name, left, right in zip(dropped._fields, dropped, pair_distances(removed, species, place), strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)
    assert dropped.record_km[0] == pytest.approx(km(LAT[0], LON[0], 61, -174), rel=1e-5), (
        "the record in the area is hidden"
    )


def test_pairs_against_a_slow_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    places = measured()
    species, place = (x.ravel() for x in np.meshgrid(np.arange(NUMBER), np.arange(len(LAT)), indexing="ij"))
    found = pair_distances(places, species, place)
    size = {3: np.sqrt(185e3 / np.pi), 4: np.sqrt(5.9e6 / np.pi)}
    for i, (s, p) in enumerate(zip(species, place, strict=True)):
        records = [km(LAT[p], LON[p], lat, lon) for own, lat, lon, _ in POINT_ROWS if own == s]
        assert found.record_km[i] == pytest.approx(min(records, default=np.nan), rel=1e-4, nan_ok=True)
        basins = [
            max(km(LAT[p], LON[p], lat, lon) - size[a], 0)
            for own, area in RANGES.members.rows()
            for a, lat, lon in CELLS_OF
            if own == s and a == area and a > 2
        ]
        assert found.basin_km[i] == pytest.approx(min(basins, default=np.nan), rel=1e-3, abs=0.1, nan_ok=True)
    assert found.areas_listed[:: len(LAT)].tolist() == [2, 1, 0, 0, 0]
    assert np.flatnonzero(found.home_listed).tolist() == [0, 4]
    assert found.inside_limits.reshape(NUMBER, -1).tolist() == [
        [-1] * 7,
        [-1] * 7,
        [0, 0, 0, 1, 0, 0, 0],
        [0] * 7,
        [-1] * 7,
    ]
    assert found.degrees_outside[2 * 7] == pytest.approx(41.2)
    assert np.isnan(found.record_km.reshape(NUMBER, -1)[4]).all(), "unknown is not far"
    monkeypatch.setattr(distances, "_MANY", 0)
    np.testing.assert_allclose(pair_distances(places, species, place).record_km, found.record_km, rtol=1e-5)


@pytest.mark.parametrize(
    ("limits", "lat", "lon", "expected"),
    [
        ((-10, 20, 170, -170), 5, 180, (0, 0)),
        ((-10, 20, 170, -170), 5, -175, (0, 0)),
        ((-10, 20, 170, -170), 25, 160, (5, 10)),
        ((-10, 20, 170, -170), -12, -165, (2, 5)),
        ((-10, 20, -180, 180), 0, 12, (0, 0)),
        ((-10, 20, 10, 30), 0, -179, (0, 151)),
        ((np.nan, 20, np.nan, 30), 30, 5, (10, np.nan)),
        ((np.nan, np.nan, 3, 5), 30, 4, (np.nan, 0)),
    ],
)
def test_outside(limits: tuple[float, ...], lat: float, lon: float, expected: tuple[float, float]) -> None:
    found = outside(np.array([limits], float), np.array([lat], float), np.array([lon], float))
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_ranges_that_know_nothing() -> None:
    places = PlaceDistances.measure(RangeIndex(Ranges.empty(), 2), LAT, LON)
    found = pair_distances(places, np.array([0, 1]), np.array([0, 1]))
    assert np.isnan([found.record_km, found.area_km, found.basin_km, found.degrees_outside]).all()
    assert places.home.tolist() == [-1] * len(LAT)


@pytest.mark.realdata
def test_real_locations_lie_in_listed_ecoregions(real_data: Path) -> None:
    folder = real_data / "fish_geo"
    listing = pl.read_csv(folder / "species_ecoregions.tsv.gz", separator="\t")
    names = listing["species"].unique().sort()
    blank = {rank: [""] * len(names) for rank in ("genus", "family", "order", "class")}
    taxonomy = Taxonomy.from_frame(pl.DataFrame({"species": names, **blank}))
    stems = (
        "species_ecoregions",
        "ecoregion_cells_0p5deg",
        "occurrence_cells_0p5deg",
        "species_drainage_basins",
        "basins",
    )
    ranges = read_ranges([folder / f"{stem}.tsv.gz" for stem in stems], taxonomy)
    challenge = pl.read_csv(folder / "geo_challenge_dev.tsv.gz", separator="\t")
    places = PlaceDistances.measure(RangeIndex(ranges, len(taxonomy)), challenge["lat"], challenge["lon"])
    species = np.array([taxonomy.lookup(name) for name in challenge["species"]])
    at = np.arange(challenge.height)
    home = places.home
    codes = np.array([int(code) for code in ranges.areas["code"][:232]])
    assert (codes[home] == challenge["eco_code"].to_numpy()).mean() > 0.99
    assert (places.nearest_area_km(species, at) < 1).mean() > 0.99
    held = places.nearest_area_km(species, at, drop=home)
    assert (held == 0).mean() < 0.01, "none but places at a border"
    some = RNG.integers(0, len(taxonomy), 100_000), RNG.integers(0, challenge.height, 100_000)
    pair_distances(places, some[0][:1], some[1][:1])
    start = time.perf_counter()
    pair_distances(places, *some)
    assert time.perf_counter() - start < 2
