"""Ranges as tables: merging, choosing, holding out, and their form in a bundle."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.ranges.ranges import BOUNDS, Ranges, arc, widest
from strandloom.workflows.taxonomy.ranges.report import RangeFile, RangeReport

INT = pl.Int32


def example() -> Ranges:
    """Species 0 in two ecoregions with records in both, species 1 in a basin, species 2 with limits, species 3 with nothing."""
    return Ranges(
        points=pl.DataFrame(
            {"species": [0, 0], "lat": [50.3, 60.1], "lon": [-179.9, 10.2], "n": [3.0, 1.0], "depth": [5.0, None]},
            schema_overrides={"species": INT},
        ),
        areas=pl.DataFrame(
            {
                "area": [0, 1, 2],
                "name": ["West", "East", "Rhine"],
                "kind": ["ecoregion", "ecoregion", "basin"],
                "code": ["10", "20", "Rhine"],
                "area_km2": [None, None, 185_000.0],
            },
            schema_overrides={"area": INT},
        ),
        cells=pl.DataFrame(
            {"area": [0, 0, 1, 2], "lat": [50.25, 50.25, 60.25, 48.0], "lon": [179.75, -179.75, 10.25, 8.0]},
            schema_overrides={"area": INT},
        ),
        members=pl.DataFrame({"species": [0, 0, 1], "area": [0, 1, 2]}, schema={"species": INT, "area": INT}),
        bounds=pl.DataFrame([(2, -10.0, 20.0, 170.0, -170.0, None, None)], schema=BOUNDS, orient="row"),
        report=RangeReport((RangeFile("a.tsv", "records", 2, 2, 1, 1, (("Gadus morua", "Gadus morhua"),), ("x",)),)),
    )


def same(one: Ranges, other: Ranges) -> None:
    for table in ("points", "areas", "cells", "members", "bounds"):
        assert getattr(one, table).equals(getattr(other, table)), table


def test_nothing_is_known_of_nothing() -> None:
    nothing = Ranges.empty()
    assert not nothing.known(3).any()
    assert nothing.highest() == -1
    assert nothing.cell_size() == 0
    assert nothing.areas_at([0.0], [0.0]).height == 0
    arrays, facts = nothing.to_part()
    same(Ranges.from_part(arrays, facts), nothing)
    same(nothing.merge(example()), example())


def test_known_and_described() -> None:
    ranges = example()
    assert ranges.known(4).tolist() == [True, True, True, False]
    only_warm = pl.DataFrame([(3, None, None, None, None, 4.0, 9.0)], schema=BOUNDS, orient="row")
    assert not Ranges(ranges.points, ranges.areas, ranges.cells, ranges.members, only_warm).known(4)[3], "no place"
    half = pl.DataFrame([(3, None, None, 4.0, None, None, None)], schema=BOUNDS, orient="row")
    assert not Ranges(ranges.points, ranges.areas, ranges.cells, ranges.members, half).known(4)[3], (
        "a western end alone"
    )
    told = "\n".join(ranges.describe(4))
    assert told.startswith("3 of 4 species have a known range")
    assert "1 by records (2 places)" in told
    assert "1 by lists of ecoregions" in told
    assert "1 by lists of river basins" in told


def test_part_is_json_and_arrays() -> None:
    ranges = example()
    arrays, facts = ranges.to_part()
    assert all(array.dtype.kind in "if" for array in arrays.values())
    again = Ranges.from_part(arrays, json.loads(json.dumps(facts, allow_nan=False)))
    same(again, ranges)
    assert again.report == ranges.report
    assert again.points.schema == ranges.points.schema


def test_merge_joins_areas_and_renumbers_them() -> None:
    ranges = example()
    other = Ranges(
        points=ranges.points.select("species", "lat", "lon", "n"),
        areas=pl.DataFrame(
            {"area": [0, 1], "name": ["Between", "East"], "kind": ["ecoregion"] * 2, "code": ["15", "20"]},
            schema_overrides={"area": INT},
        ),
        cells=pl.DataFrame(
            {"area": [0, 1], "lat": [0.25, 60.75], "lon": [0.25, 10.25]}, schema_overrides={"area": INT}
        ),
        members=pl.DataFrame({"species": [3, 0], "area": [0, 1]}, schema={"species": INT, "area": INT}),
        bounds=pl.DataFrame([(2, -20.0, 10.0, -175.0, -160.0, 2.0, None)], schema=BOUNDS, orient="row"),
    )
    merged = ranges.merge(other)
    assert merged.areas["code"].to_list() == ["10", "15", "20", "Rhine"]
    assert merged.areas["area"].to_list() == [0, 1, 2, 3]
    assert sorted(merged.members.rows()) == [(0, 0), (0, 2), (1, 3), (3, 1)]
    assert merged.cells.filter(pl.col("area") == 2)["lat"].to_list() == [60.25, 60.75]
    assert merged.points["depth"].to_list() == [5.0, None, None, None]
    assert merged.bounds.rows() == [(2, -20.0, 20.0, 170.0, -160.0, 2.0, None)]
    assert len(merged.report.files) == 1
    same(ranges.merge(), ranges)


def test_subset_renumbers_species() -> None:
    chosen = example().subset([3, 2, -1, 0])
    assert chosen.known(4).tolist() == [False, True, False, True]
    assert chosen.members.rows() == [(3, 0), (3, 1)]
    assert chosen.bounds["species"].to_list() == [1]
    assert chosen.areas.equals(example().areas)


def test_without_pairs_takes_records_in_the_area_too() -> None:
    left = example().without([[0, 0]])
    assert left.members.rows() == [(0, 1), (1, 2)]
    assert left.points["lat"].to_list() == [60.1], "the record across the antimeridian lies in area 0"
    same(example().without(np.zeros((0, 2), int)), example())
    assert example().without([[1, 0]]).points.height == 2, "another species"


def test_without_areas_keeps_numbers() -> None:
    left = example().without_areas([0])
    assert left.areas["area"].to_list() == [1, 2]
    assert left.cells["area"].to_list() == [1, 2]
    assert left.members.rows() == [(0, 1), (1, 2)]
    assert left.points["lat"].to_list() == [60.1]


@pytest.mark.parametrize(
    ("lat", "lon", "areas"),
    [(50.3, 180.0, [0]), (50.3, -180.0, [0]), (50.01, 179.51, [0]), (49.9, 180, []), (60.3, 10.3, [1]), (48, 8, [])],
)
def test_areas_at(lat: float, lon: float, areas: list[int]) -> None:
    assert example().areas_at([lat], [lon])["area"].to_list() == areas, "a basin is a place, not an extent"


def test_area_number() -> None:
    assert example().area_number("20") == 1
    assert example().area_number("Rhine") == -1
    assert example().area_number("Rhine", kind="basin") == 2


@pytest.mark.parametrize(
    ("arcs", "expected"),
    [
        ([(10, 20)], (10, 20)),
        ([(10, 20), (15, 40)], (10, 40)),
        ([(170, -170), (-175, -160)], (170, -160)),
        ([(170, 175), (-175, -160)], (170, -160)),
        ([(-180, 180), (5, 6)], (-180, 180)),
        ([(0, 100), (120, -140), (-130, -10)], (120, 100)),
        ([(0, 200 - 360), (150, 10)], (-180, 180)),
    ],
)
def test_arc(arcs: list[tuple[float, float]], expected: tuple[float, float]) -> None:
    assert arc(arcs) == expected


def test_widest_ignores_what_is_unknown() -> None:
    rows = [
        (5, 1.0, 2.0, None, None, None, None),
        (4, 0.0, 1.0, 5.0, 6.0, None, 9.0),
        (5, None, 3.0, 1.0, 2.0, 4.0, None),
    ]
    wide = widest(pl.DataFrame(rows, schema=BOUNDS, orient="row"))
    assert wide.rows() == [rows[1], (5, 1.0, 3.0, 1.0, 2.0, 4.0, None)]


@pytest.mark.parametrize(
    ("lat", "lon", "size"),
    [
        ([50.25, 50.75], [0.25, 3.25], 0.5),
        ([50.5], [0.5], 1.0),
        ([50.0, 51.0], [0.0, 0.0], 1.0),
        ([0.3, 7.0], [1.0, 1.3], 0.3),
    ],
)
def test_cell_size(lat: list[float], lon: list[float], size: float) -> None:
    one = pl.DataFrame({"area": 0, "name": "A", "kind": "ecoregion", "code": "1", "area_km2": None})
    cells = pl.DataFrame({"area": [0] * len(lat), "lat": lat, "lon": lon})
    nothing = Ranges.empty()
    assert Ranges(nothing.points, one, cells, nothing.members, nothing.bounds).cell_size() == pytest.approx(size)
