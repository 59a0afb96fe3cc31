"""Kinds of range files by their columns."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.ranges.recognise import columns_of, is_darwin_core, recognise


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ("species lat lon", "records"),
        ("Species Latitude Longitude n source", "records"),
        ("species lat lon eco_code", "records"),
        ("species eco_code", "ecoregion list"),
        ("ECO_CODE species", "ecoregion list"),
        ("lat lon eco_code", "ecoregion map"),
        ("eco_code ecoregion province realm lat_zone centroid_lat", "ecoregion names"),
        ("species lat_max lat_min lon_west lon_east temp_min temp_max climate", "limits"),
        ("species basin", "basin list"),
        ("basin country region lat lon area_km2", "basin places"),
    ],
)
def test_kinds(columns: str, kind: str) -> None:
    assert recognise(columns.split(), Path("x.tsv")) == kind


def test_another_table_is_refused() -> None:
    with pytest.raises(InputError, match=r"x\.tsv: this is no range file .*columns: species, length") as caught:
        recognise(["species", "length"], Path("x.tsv"))
    assert "species,eco_code with lat,lon,eco_code" in str(caught.value)


def test_columns() -> None:
    assert columns_of(["scientificName", "decimalLatitude", "decimalLongitude"])[:3] == (
        "scientificName",
        "decimalLatitude",
        "decimalLongitude",
    )


def test_darwin_core_by_the_first_line(tmp_path: Path) -> None:
    header = b'id,"scientificName",decimalLatitude,decimalLongitude\n'
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + header)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(header.replace(b",", b"\t")))
    (tmp_path / "c.tsv").write_bytes(b"species\tlat\tlon\n")
    (tmp_path / "d.gz").write_bytes(b"\x1f\x8bbroken")
    (tmp_path / "e").write_bytes(b"")
    found = [is_darwin_core(tmp_path / name) for name in ("a.csv", "b.csv.gz", "c.tsv", "d.gz", "e")]
    assert found == [True, True, False, False, False]
    frame = pl.DataFrame({"interpreted": [{"scientificName": "x", "decimalLatitude": 1.0, "decimalLongitude": 1.0}]})
    (tmp_path / "folder").mkdir()
    frame.write_parquet(tmp_path / "folder" / "part.parquet")
    assert is_darwin_core(tmp_path / "folder")
    assert is_darwin_core(tmp_path / "folder" / "part.parquet")
    with pytest.raises(InputError, match="nothing"):
        is_darwin_core(tmp_path / "nothing.csv")
