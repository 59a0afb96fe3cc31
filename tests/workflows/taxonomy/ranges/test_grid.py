"""The grid: centres, indices, areas."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.data.geography.sphere import EARTH_RADIUS_KM
from strandloom.errors import UsageError
from strandloom.workflows.taxonomy.ranges.grid import Grid


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.5, 60.0])
def test_centres_are_in_their_cells(resolution: float) -> None:
    grid = Grid(resolution)
    lat, lon = grid.centres
    np.testing.assert_array_equal(grid.index(lat, lon), np.arange(grid.rows * grid.columns))
    assert grid.shape == (round(180 / resolution), round(360 / resolution))
    assert grid.weights.shape == grid.shape
    assert grid.weights.sum() == pytest.approx(1)
    assert grid.cell_km2.sum() * grid.columns == pytest.approx(4 * np.pi * EARTH_RADIUS_KM**2)


def test_poles_and_antimeridian() -> None:
    grid = Grid()
    assert grid.index(90, 0) == grid.index(89.5, 0.5)
    assert grid.index(-90, 0) == grid.index(-89.5, 0.5)
    assert grid.index(10, 180) == grid.index(10, -180) == grid.index(10, -179.5)
    assert grid.index(10, 190) == grid.index(10, -170)
    assert grid.index(0, 179.99999999999999) < grid.rows * grid.columns
    assert grid.latitudes[0] == -89.5
    assert grid.longitudes[-1] == 179.5


@pytest.mark.parametrize("resolution", [0.0, -1.0, 0.7, 400.0, float("nan")])
def test_refused(resolution: float) -> None:
    with pytest.raises(UsageError, match="does not divide the globe"):
        Grid(resolution)
