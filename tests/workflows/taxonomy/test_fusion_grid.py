"""The map of places of the published form."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.data.geography.sphere import great_circle_km
from strandloom.errors import UsageError
from strandloom.workflows.taxonomy.fusion_grid import IN_RANGE, NO_DATA, OUT_OF_RANGE, FusionGrid, range_signs
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, CELLS, MEMBERS, POINTS, Ranges

LAT, LON = np.array([0.0, 70.0, -45.0, 89.9, 12.0]), np.array([0.0, 179.9, -179.9, 33.0, 190.0])


def test_cells_are_numbered_from_the_south_west() -> None:
    grid = FusionGrid()
    assert grid.cells == 2304
    assert grid.index([-90, 90, 0, np.nan, 5], [-180, 179.9, 0, 3, np.nan]).tolist() == [
        0,
        2303,
        24 * 48 + 24,
        2304,
        2304,
    ]
    np.testing.assert_array_equal(grid.index([3, 3], [190, -170]), grid.index([3, 3], [-170, -170]))
    np.testing.assert_allclose(np.exp(grid.log_size).sum(), 1)


def test_a_place_is_spread_over_both_directions_as_written_out() -> None:
    grid = FusionGrid(rows=24, columns=36, sigma_km=700)
    got = grid.spread(LAT, LON)
    size = np.cos(np.radians(grid.latitudes)) * 2 * np.sin(np.radians(180 / 24 / 2))
    for row, (lat, lon) in enumerate(zip(LAT, LON, strict=True)):
        want = np.zeros((24, 36))
        for i, north in enumerate(grid.latitudes):
            for j, east in enumerate(grid.longitudes):
                want[i, j] = size[i] * np.exp(-0.5 * (great_circle_km(lat, lon, north, east) / 700) ** 2)
        np.testing.assert_allclose(got[row, :-1].reshape(24, 36), want / want.sum(), atol=1e-6)
    np.testing.assert_allclose(got[:, :-1].sum(axis=1), 1, rtol=1e-5)
    assert (got[:, -1] == 0).all()


def test_the_map_is_round_and_has_no_edge_in_longitude() -> None:
    grid = FusionGrid()
    at, beside = grid.spread([1.0, 1.0], [-176.25, 176.25])[:, :-1].reshape(2, 48, 48)
    np.testing.assert_allclose(np.roll(at, -1, axis=1), beside, atol=1e-6)  # a turn of the globe by a column
    assert at[24, 47] > 0.02  # over the antimeridian
    assert at[:, 0].max() == at.max()
    assert at[23, 0] > at[24, 47]  # the row to the south is nearer than the column to the west
    narrow = FusionGrid(sigma_km=1).spread([1.0], [2.0])[0]
    assert narrow[FusionGrid().index([1.0], [2.0])[0]] == 1


def test_an_unknown_place_is_a_flag() -> None:
    out = FusionGrid(rows=4, columns=8).spread([np.nan, 3, 3], [2, np.nan, 2])
    assert out[:, -1].tolist() == [1, 1, 0]
    assert (out[:2, :-1] == 0).all()


def ranges() -> Ranges:
    """Species 0 recorded in two cells, 1 listed in an ecoregion, 2 in a basin, 3 unknown."""
    areas = [(0, "North Sea", "ecoregion", "a", None), (1, "Rhine", "basin", "b", 5.0)]
    return Ranges(
        pl.DataFrame([(0, 10.0, -179.0, 3.0), (0, -50.0, 20.0, 9000.0)], schema=POINTS, orient="row"),
        pl.DataFrame(areas, schema=AREAS, orient="row"),
        pl.DataFrame([(0, 55.0, 3.0), (0, 55.5, 9.0), (1, 50.0, 8.0)], schema=CELLS, orient="row"),
        pl.DataFrame([(1, 0), (2, 1)], schema=MEMBERS, orient="row"),
        Ranges.empty().bounds,
    )


def test_no_data_is_not_out_of_range() -> None:
    grid = FusionGrid(sigma_km=300)
    signs = range_signs(ranges(), 4, grid)
    assert signs.shape == (2305, 4)
    assert (signs[:, 3] == NO_DATA).all()
    assert (signs[-1] == NO_DATA).all()  # the unknown place
    here = signs[grid.index([10, 55, 50, -10], [-179, 3, 8, 100])]
    assert here[0].tolist() == [IN_RANGE, OUT_OF_RANGE, OUT_OF_RANGE, NO_DATA]
    assert here[1].tolist()[:2] == [OUT_OF_RANGE, IN_RANGE]
    assert here[2].tolist()[0::2] == [OUT_OF_RANGE, IN_RANGE]
    assert here[3].tolist() == [OUT_OF_RANGE] * 3 + [NO_DATA]
    assert (range_signs(None, 4, grid) == NO_DATA).all()


def test_neighbours_cross_the_antimeridian() -> None:
    grid = FusionGrid(sigma_km=850)
    cell = int(grid.index([1.0], [-179.0])[0])
    near = grid.neighbours(cell)
    lat, lon = np.meshgrid(grid.latitudes, grid.longitudes, indexing="ij")
    km = great_circle_km(lat.ravel()[cell], lon.ravel()[cell], lat.ravel(), lon.ravel())
    np.testing.assert_array_equal(near, np.flatnonzero(km <= 850))
    assert cell + 47 in near
    assert FusionGrid(sigma_km=1).neighbours(cell).tolist() == [cell]


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"columns": 0}, {"sigma_km": 0.0}, {"sigma_km": float("nan")}])
def test_a_map_without_cells_is_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="positive"):
        FusionGrid(**wrong)  # type: ignore[arg-type]
