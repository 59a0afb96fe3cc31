"""Presence surfaces: round at any latitude, across the antimeridian and the poles, damped, and absent where nothing is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.errors import UsageError
from strandloom.workflows.taxonomy.ranges.grid import Grid
from strandloom.workflows.taxonomy.ranges.index import RangeIndex
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, BOUNDS, CELLS, MEMBERS, POINTS, Ranges
from strandloom.workflows.taxonomy.ranges.surface import LIMITS_WEIGHT, Surfaces, presence, surface

RADIUS = 6371.0088


def ranges_of(**rows: list) -> Ranges:
    schemas = {"points": POINTS, "areas": AREAS, "cells": CELLS, "members": MEMBERS, "bounds": BOUNDS}
    return Ranges(**{x: pl.DataFrame(rows.get(x, []), schema=schema, orient="row") for x, schema in schemas.items()})


def area_row(area: int, kind: str = "ecoregion", km2: float | None = None) -> tuple:
    return area, str(area), kind, str(area), km2


def around(lat: float, lon: float, km: float, bearings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at a distance from a point, in some directions (radians from north)."""
    a, d = np.radians(lat), km / RADIUS
    north = np.arcsin(np.sin(a) * np.cos(d) + np.cos(a) * np.sin(d) * np.cos(bearings))
    east = np.arctan2(np.sin(bearings) * np.sin(d) * np.cos(a), np.cos(d) - np.sin(a) * np.sin(north))
    return np.degrees(north), (lon + np.degrees(east) + 180) % 360 - 180


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (60.0, 179.9), (88.0, -30.0), (-90.0, 0.0), (89.9, 10.0)])
def test_a_record_is_a_round_gaussian_everywhere(lat: float, lon: float) -> None:
    ranges = ranges_of(points=[(0, lat, lon, 1.0)])
    bearings = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    for km in (0.0, 150.0, 300.0, 900.0):
        found = presence(ranges, *around(lat, lon, km, bearings), np.zeros(12, int), sigma_km=300)
        assert found.dtype == np.float32
        expected = 1 - np.exp(-np.exp(-0.5 * (km / 300) ** 2))
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


def test_surface_is_presence_at_the_centres() -> None:
    ranges = ranges_of(
        points=[(1, 70.0, 179.0, 1.0), (0, 0.0, 0.0, 9.0)], bounds=[(1, 50.0, 80.0, 100.0, -100.0, None, None)]
    )
    grid = Grid(5.0)
    found = surface(ranges, 1, grid)
    assert found is not None
    assert found.shape == grid.shape
    lat, lon = grid.centres
    np.testing.assert_array_equal(found.ravel(), presence(ranges, lat, lon, np.ones(len(lat), int)))
    assert found[grid.latitudes > 60][:, 0].max() > LIMITS_WEIGHT, "across the antimeridian"


def test_nothing_known_is_not_absent() -> None:
    ranges = ranges_of(points=[(1, 70.0, 179.0, 1.0)])
    found = presence(ranges, [70.0, -70.0, 0.0], [179.0, 0.0, 0.0], [1, 1, 3])
    assert found[0] > 0.6
    assert found[1] == 0, "far from its records"
    assert np.isnan(found[2]), "nothing is known"
    assert surface(ranges, 0, Grid(10.0)) is None
    assert surface(ranges, 7, Grid(10.0)) is None
    assert surface(ranges, 1, Grid(10.0)) is not None


def test_effort_is_damped() -> None:
    points = [(0, 10.5, 10.5, 1000.0), (1, 40.5, 10.5, 1.0), (2, 10.5, 10.5, 1.0)]
    found = presence(ranges_of(points=points), [10.5, 40.5, 10.5], [10.5] * 3, [0, 1, 2])
    assert found[0] == pytest.approx(found[1], rel=0.01), "a thousand records where only it was met, or one"
    assert found[2] < found[1] / 4, "one among a thousand others"


def block(area: int, south: float, north: float, west: float, east: float) -> list[tuple[int, float, float]]:
    return [
        (area, lat, (lon + 180) % 360 - 180)
        for lat in np.arange(south + 0.25, north, 0.5)
        for lon in np.arange(west + 0.25, east, 0.5)
    ]


@pytest.mark.parametrize("sigma", [100.0, 300.0])
@pytest.mark.parametrize("south", [-15.0, 45.0])
def test_ecoregions_are_one_inside_and_half_at_the_border(sigma: float, south: float) -> None:
    cells = [*block(0, south, south + 30, 170, 210), *block(1, south, south + 30, 210, 230)]
    ranges = ranges_of(areas=[area_row(0), area_row(1)], cells=cells, members=[(0, 0), (1, 0), (1, 1)])
    middle = south + 15
    lat, lon = [middle, middle, middle, middle, middle], [-170.0, -150.0, -150.0, -30.0, 170.0]
    found = presence(ranges, lat, lon, [0, 0, 1, 0, 0], sigma_km=sigma)
    np.testing.assert_allclose(found, [1, 0.5, 1, 0, 0.5], atol=0.03)


def test_merged_cells_change_nothing_that_matters() -> None:
    index = RangeIndex(ranges_of(areas=[area_row(0)], cells=block(0, 40, 60, -20, 10), members=[(0, 0)]), 1)
    lat, lon = (x.ravel() for x in np.meshgrid(np.arange(30.0, 70, 3), np.arange(-40.0, 30, 3)))
    merged, fine = Surfaces(index, sigma_km=200), Surfaces(index, sigma_km=200)
    fine.__dict__["_patches"] = Surfaces(index, sigma_km=100)._patches
    pairs = np.zeros(len(lat), int), np.arange(len(lat))
    assert len(merged._patches.size) < len(fine._patches.size)
    np.testing.assert_allclose(merged.presence(lat, lon, *pairs), fine.presence(lat, lon, *pairs), atol=0.01)


def test_basins_and_limits() -> None:
    ranges = ranges_of(
        areas=[area_row(0, "basin", 100_000.0)],
        cells=[(0, 48.0, 8.0)],
        members=[(0, 0)],
        bounds=[(1, -10.0, 10.0, 170.0, -170.0, None, None), (2, None, 10.0, None, None, None, None)],
    )
    found = presence(ranges, [48.5, 58.0, 0.0, 0.0, 0.0, -80.0], [8.0, 8.0, 180.0, 0.0, 160.0, 0.0], [0, 0, 1, 1, 1, 2])
    assert found[0] == 1, "inside the basin's disc"
    assert 0 < found[1] < 0.1
    assert found[[2, 5]] == pytest.approx(LIMITS_WEIGHT)
    assert found[3] == 0
    assert 0 < found[4] < LIMITS_WEIGHT


def test_many_pairs_are_as_one_by_one() -> None:
    rng = np.random.default_rng(2)
    points = [(int(s), float(a), float(o), float(n)) for s, a, o, n in zip(
        rng.integers(0, 3, 40), rng.uniform(-90, 90, 40), rng.uniform(-180, 180, 40), rng.integers(1, 9, 40), strict=True
    )]  # fmt: skip
    ranges = ranges_of(
        points=points, areas=[area_row(0), area_row(2)], cells=[*block(0, -90, -80, -180, 180), *block(2, 0, 5, 0, 5)],
        members=[(0, 2), (1, 0), (2, 0), (2, 2)],
    )  # fmt: skip
    lat, lon = rng.uniform(-90, 90, 50), rng.uniform(-180, 180, 50)
    lat[:4], lon[:4] = [-90, 90, -85, 2], [0, 0, 180, 2]
    species, place = rng.integers(0, 3, 40), rng.integers(0, 50, 40)
    species[:12], place[:12] = np.repeat([0, 1, 2], 4), np.tile([0, 1, 2, 3], 3)
    many = presence(ranges, lat[place], lon[place], species, sigma_km=800)
    one = [presence(ranges, [lat[p]], [lon[p]], [s], sigma_km=800)[0] for s, p in zip(species, place, strict=True)]
    np.testing.assert_allclose(many, one, rtol=1e-5)
    assert many[:12].max() > 0.6


@pytest.mark.parametrize("sigma", [0.0, -3.0, float("nan")])
def test_width_must_be_positive(sigma: float) -> None:
    with pytest.raises(UsageError, match="cannot be spread"):
        presence(Ranges.empty(), [0.0], [0.0], [0], sigma_km=sigma)
