"""Ranges by species: records, damped sightings, cells at the edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.data.geography.sphere import unit_vectors
from strandloom.workflows.taxonomy.ranges.index import RangeIndex
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, BOUNDS, CELLS, MEMBERS, POINTS, Ranges


def ranges_of(
    *,
    points: list = (),
    areas: list = (),
    cells: list = (),
    members: list = (),
    bounds: list = (),  # type: ignore[assignment]
) -> Ranges:
    """Ranges from rows; areas are ``area, kind, area_km2``."""
    named = [(area, f"area {area}", kind, str(area), km2) for area, kind, km2 in areas]
    tables = zip((points, named, cells, members, bounds), (POINTS, AREAS, CELLS, MEMBERS, BOUNDS), strict=True)
    return Ranges(*(pl.DataFrame(list(rows), schema=schema, orient="row") for rows, schema in tables))


def test_records_stand_once_and_know_their_area() -> None:
    ranges = ranges_of(
        points=[(2, 10.2, 20.2, 1.0), (0, 50.0, 0.0, 1.0), (2, 10.2, 20.2, 5.0), (2, 11.2, 20.2, 1.0)],
        areas=[(0, "ecoregion", None)],
        cells=[(0, 10.25, 20.25), (0, 10.75, 20.25)],
        members=[(2, 0)],
    )
    records = RangeIndex(ranges, 4).records
    assert records.offsets.tolist() == [0, 1, 1, 3, 3]
    assert records.area.tolist() == [-1, 0, -1]
    np.testing.assert_allclose(records.vectors[1], unit_vectors([10.2], [20.2])[0])


def test_a_cell_with_a_thousand_records_is_not_a_thousand_times_as_likely() -> None:
    ranges = ranges_of(
        points=[
            (0, 10.1, 10.5, 1000.0),
            (1, 10.2, 10.6, 1.0),
            (0, 40.1, 10.1, 1.0),
            (1, 70.1, 10.1, 500.0),
            (1, 70.2, 10.1, 500.0),
        ]
    )
    sightings = RangeIndex(ranges, 2).sightings
    assert sightings.offsets.tolist() == [0, 2, 4], "two records in one cell are one sighting"
    often, once, rare, alone = sightings.weight
    assert often < once == alone == 1
    assert rare == pytest.approx(np.log(2) / np.log(1002))
    assert often > 0.99
    np.testing.assert_allclose(np.linalg.norm(sightings.vectors, axis=1), 1)


def test_only_cells_at_the_edge_are_kept() -> None:
    block = [(1, 60.25 + 0.5 * i, (179.25 + 0.5 * j + 180) % 360 - 180) for i in range(5) for j in range(4)]
    ranges = ranges_of(areas=[(1, "ecoregion", None)], cells=[*block, (0, 0.25, 0.25)])
    assert RangeIndex(ranges, 1).cells.lat.size == 0 + 20 - 6, "area 0 is no ecoregion here"
    assert RangeIndex(ranges, 1).cells.offsets.tolist() == [0, 0, 14]
    assert RangeIndex(Ranges.empty(), 1).cells.offsets.tolist() == [0]


def test_patches_keep_their_size() -> None:
    cells = [
        (a, lat, lon)
        for a in (0, 1)
        for lat in np.arange(50.25, 55)
        for lon in np.arange(-5 + a * 5.5, 0 + a * 5.5, 0.5)
    ]
    index = RangeIndex(ranges_of(areas=[(0, "ecoregion", None), (1, "ecoregion", None)], cells=cells), 1)
    fine, merged = index.patches(merged=False), index.patches(merged=True)
    assert len(merged.size) < len(fine.size) == len(cells)
    for area in (0, 1):
        assert merged.size[merged.area == area].sum() == pytest.approx(fine.size[fine.area == area].sum())
    whole = [(0, lat, lon) for lat in np.arange(-89.5, 90) for lon in np.arange(-179.5, 180)]
    globe = RangeIndex(ranges_of(areas=[(0, "ecoregion", None)], cells=whole), 1)
    assert globe.patches(merged=False).size.sum() == pytest.approx(4 * np.pi)


def test_basins_are_discs() -> None:
    index = RangeIndex(
        ranges_of(
            areas=[(0, "ecoregion", None), (1, "basin", 1000.0), (2, "basin", None)],
            cells=[(0, 1.25, 1.25), (1, 48.0, 8.0), (2, 50.0, 9.0)],
            members=[(0, 0), (1, 1), (1, 2)],
        ),
        2,
    )
    assert index.basins.offsets.tolist() == [0, 0, 2]
    assert (index.basins.radius * 6371.0088).tolist() == pytest.approx([np.sqrt(1000 / np.pi), 0])
    assert index.listed.areas.tolist() == [0]
    assert index.known.tolist() == [True, True]


def test_limits_by_species() -> None:
    index = RangeIndex(ranges_of(bounds=[(1, -5.0, None, 170.0, -170.0, None, 3.0)]), 2)
    np.testing.assert_array_equal(index.limits, [[np.nan] * 4, [-5, np.nan, 170, -170]])


@pytest.mark.realdata
def test_edges_of_real_ecoregions(real_data: Path) -> None:
    table = pl.read_csv(real_data / "fish_geo" / "ecoregion_cells_0p5deg.tsv.gz", separator="\t")
    cells = table.select(pl.col("eco_code") - 20001, "lat", "lon").rows()
    areas = [(code, "ecoregion", None) for code in sorted({row[0] for row in cells})]
    kept = len(RangeIndex(ranges_of(areas=areas, cells=cells), 1).cells.lat)
    assert 0.1 * len(cells) < kept < 0.3 * len(cells)
