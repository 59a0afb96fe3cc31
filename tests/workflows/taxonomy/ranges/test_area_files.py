"""Lists of areas and their maps, joined."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.ranges.area_files import AreaFiles, join
from strandloom.workflows.taxonomy.ranges.report import RangeFile

FILE = RangeFile("list.tsv", "ecoregions of species", 3, 3)


def listing(*rows: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"species": pl.Int32, "code": pl.String}, orient="row")


def mapping(*codes: str) -> pl.DataFrame:
    rows = [(code, 10.5 + i, 20.5, None) for i, code in enumerate(codes)]
    schema = {"code": pl.String, "lat": pl.Float64, "lon": pl.Float64, "area_km2": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_areas_are_numbered_by_kind_then_code() -> None:
    names = pl.DataFrame({"code": ["B"], "name": ["Bay"]})
    marine = AreaFiles([(0, listing((0, "B"), (1, "A"), (1, "A")))], [mapping("B", "A"), mapping("B")], [names])
    rivers = AreaFiles([(1, listing((2, "A")))], [mapping("A")])
    areas, cells, members = join({"ecoregion": marine, "basin": rivers}, [FILE, FILE])
    assert areas.select("area", "name", "kind", "code").rows() == [
        (0, "A", "ecoregion", "A"),
        (1, "Bay", "ecoregion", "B"),
        (2, "A", "basin", "A"),
    ]
    assert cells.height == 3
    assert members.rows() == [(0, 1), (1, 0), (2, 2)]


def test_areas_that_no_map_has_are_counted() -> None:
    files = [FILE]
    own = AreaFiles([(0, listing((0, "A"), (0, "X"), (1, "X")))], [mapping("A")])
    _, _, members = join({"ecoregion": own}, files)
    assert members.rows() == [(0, 0)]
    assert files[0].notes == ("2 rows left out whose ecoregion is not on the map: X",)
    assert files[0].used == 1
    with pytest.raises(InputError, match=r"list\.tsv: not one of its ecoregions lies on the map \(X\)"):
        join({"ecoregion": AreaFiles([(0, listing((0, "X")))], [mapping("A")])}, [FILE])


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            AreaFiles(lists=[(0, listing((0, "A")))], listing=Path("l")),
            "l: the ecoregions of species are listed here, .*lat, lon, eco_code",
        ),
        (AreaFiles(maps=[mapping("A")], mapping=Path("m")), "m: the ecoregions lie here, .*species, eco_code"),
        (
            AreaFiles(naming=Path("n")),
            "n: names of ecoregions alone tell no range.*species, eco_code .*, and a table lat, lon",
        ),
    ],
)
def test_what_is_missing_is_named(own: AreaFiles, message: str) -> None:
    with pytest.raises(InputError) as caught:
        join({"ecoregion": own}, [FILE])
    assert re.search(message, str(caught.value), re.DOTALL)
