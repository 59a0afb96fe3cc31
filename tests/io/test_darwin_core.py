"""Occurrence records: the shapes of OBIS and GBIF exports, names with authors, and what is left out, counted."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.darwin_core import is_occurrence_table, read_occurrences

GBIF_COLUMNS = (
    "gbifID", "species", "scientificName", "decimalLatitude", "decimalLongitude", "individualCount", "occurrenceStatus", "eventDate",
    "basisOfRecord", "issue", "recordedBy",
)  # fmt: skip
GBIF_ROWS = """1	Gadus morhua	Gadus morhua Linnaeus, 1758	60.5	5.1	3	PRESENT	2020-06-01T00:00	HUMAN_OBSERVATION	X	"Bob
2	Gadus morhua	Gadus morhua Linnaeus, 1758			1	PRESENT	2020	HUMAN_OBSERVATION
3	Gadus morhua	Gadus morhua Linnaeus, 1758	60	5		ABSENT	2020	HUMAN_OBSERVATION
4	Gadus morhua	Gadus morhua Linnaeus, 1758	60	5	0	PRESENT	2020	HUMAN_OBSERVATION
5	Gadus morhua	Gadus morhua Linnaeus, 1758	0	0.0	1	PRESENT	2020	HUMAN_OBSERVATION
6	Gadus morhua	Gadus morhua Linnaeus, 1758	95	5	1	PRESENT	2020	HUMAN_OBSERVATION
7	Gadus morhua	Gadus morhua Linnaeus, 1758	x	5	1	PRESENT	2020	HUMAN_OBSERVATION
8		Gadus Linnaeus, 1758	60	5	1	PRESENT	2020	HUMAN_OBSERVATION
9	Gadus morhua	Gadus morhua Linnaeus, 1758	60	5	1	PRESENT	2020	FOSSIL_SPECIMEN
10	Gadus morhua	Gadus morhua Linnaeus, 1758	60	5	1	PRESENT	2020	LIVING_SPECIMEN
11	Gadus morhua	Gadus morhua Linnaeus, 1758	60	5	1	PRESENT	2020	HUMAN_OBSERVATION	X;COUNTRY_COORDINATE_MISMATCH
12		Clupea harengus Linnaeus, 1758	61	4		PRESENT	2020-07	HUMAN_OBSERVATION
"""
GBIF = "\t".join(GBIF_COLUMNS) + "\n" + GBIF_ROWS
SKIPPED = {
    "recorded as absent": 2,
    "with coordinates that cannot be read or lie outside the globe": 2,
    "without coordinates": 1,
    "at latitude 0 and longitude 0": 1,
    "not identified to species": 1,
    "fossils": 1,
    "kept alive in captivity": 1,
    "flagged by OBIS or GBIF": 1,
}
KEPT = [("Gadus morhua", 60.5, 5.1, 3.0, 6.0), ("Clupea harengus", 61.0, 4.0, 1.0, 7.0)]


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["0001-gbif.csv", "occurrence.txt", "g.csv.gz"])
def test_gbif(tmp_path: Path, name: str) -> None:
    found = read_occurrences(write(tmp_path / name, "\ufeff" + GBIF))
    assert found.kind == "GBIF"
    assert found.frame.columns == ["species", "lat", "lon", "n", "month"]
    assert found.frame.rows() == KEPT
    assert found.facts.skipped == SKIPPED
    assert (found.facts.records, found.facts.kept) == (12, 2)
    assert found.facts.species.rows() == [("Clupea harengus", 1), ("Gadus morhua", 1)]


def test_some_species(tmp_path: Path) -> None:
    found = read_occurrences(write(tmp_path / "g.tsv", GBIF), species=["Clupea harengus", "Pollachius virens"])
    assert found.frame["species"].to_list() == ["Clupea harengus"]
    assert found.facts.kept == 2


OBIS = {
    "aphiaID": 126436, "species": "Gadus morhua", "scientificName": "Gadus morhua", "decimalLatitude": 60.5, "decimalLongitude": 5.1,
    "minimumDepthInMeters": 10.0, "maximumDepthInMeters": 30.0, "sst": 9.5, "shoredistance": 1200, "month": 6, "dropped": False,
    "absence": False, "flags": "ON_LAND,NO_DEPTH",
}  # fmt: skip
ROW = ("Gadus morhua", 60.5, 5.1, 1.0, 20.0, 6.0, 9.5, 1200.0)


def test_obis_csv(tmp_path: Path) -> None:
    rows = [OBIS, OBIS | {"dropped": True}, OBIS | {"absence": True}, OBIS | {"flags": "ZERO_COORD"}]
    path = tmp_path / "o.csv"
    pl.DataFrame(rows).write_csv(path, quote_style="always")
    found = read_occurrences(path)
    assert found.kind == "OBIS"
    assert found.frame.columns == ["species", "lat", "lon", "n", "depth", "month", "temperature", "coast_distance"]
    assert found.frame.rows() == [ROW]
    assert found.facts.skipped == {"flagged by OBIS or GBIF": 2, "recorded as absent": 1}


@pytest.mark.parametrize("nested", [False, True])
def test_obis_parquet(tmp_path: Path, nested: bool) -> None:
    rows = [OBIS | {"flags": ["ON_LAND"]}, OBIS | {"flags": ["ZERO_COORD"]}, OBIS | {"flags": None, "sst": None}]
    if nested:
        outer = ("flags", "dropped", "absence")
        rows = [
            {"interpreted": {k: v for k, v in row.items() if k not in outer}, **{k: row[k] for k in outer}}
            for row in rows
        ]
    folder = tmp_path / "occurrence"
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "1.parquet")
    for path in (folder, folder / "1.parquet"):
        found = read_occurrences(path)
        assert found.frame.rows() == [ROW, (*ROW[:6], None, ROW[7])]
        assert found.facts.skipped == {"flagged by OBIS or GBIF": 1}


@pytest.mark.parametrize(
    ("header", "row", "species"),
    [
        ("scientificName", "Gadus morhua Linnaeus, 1758", "Gadus morhua"),
        ("scientificName", "Clupea (Clupea) harengus Linnaeus, 1758", "Clupea harengus"),
        ("scientificName", "Salmo trutta fario Linnaeus, 1758", "Salmo trutta"),
        ("acceptedScientificName", "Gadus morhua (Linnaeus)", "Gadus morhua"),
        ("species", "Gadus_morhua", "Gadus morhua"),
        ("genus\tspecificEpithet", "Gadus\tmorhua", "Gadus morhua"),
        ("scientificName", "Benthosema de Buen, 1926", None),
        ("scientificName", "Gadus sp.", None),
        ("scientificName", "Gadus sp", None),
        ("scientificName", "Gadus cf. morhua", None),
        ("scientificName", "Gadidae", None),
    ],
)
def test_names(tmp_path: Path, header: str, row: str, species: str | None) -> None:
    last = "Zeus faber" + "\tx" * header.count("\t")
    if "\t" in header:
        last = "Zeus\tfaber"
    path = write(tmp_path / "o.tsv", f"{header}\tlat\tlon\n{row}\t1\t2\n{last}\t3\t4\n")
    assert read_occurrences(path).frame["species"].to_list() == ([species] if species else []) + ["Zeus faber"]


@pytest.mark.parametrize(
    ("columns", "n"),
    [
        ({"individualCount": "4"}, 4), ({"individualCount": ""}, 1), ({"n": "12"}, 12), ({}, 1),
        ({"organismQuantity": "5", "organismQuantityType": "Individuals"}, 5),
        ({"organismQuantity": "5", "organismQuantityType": "% biomass"}, 1),
    ],
)  # fmt: skip
def test_individuals(tmp_path: Path, columns: dict[str, str], n: float) -> None:
    row = {"species": "Gadus morhua", "lat": "1", "lon": "2", **columns}
    path = write(tmp_path / "o.csv", f"{','.join(row)}\n{','.join(row.values())}\n")
    assert read_occurrences(path).frame["n"].to_list() == [n]


def test_quotes_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", 'species;decimalLatitude;decimalLongitude;depth\n"Gadus morhua";60,5;5,1;7\n')
    assert read_occurrences(path).frame.rows() == [("Gadus morhua", 60.5, 5.1, 1.0, 7.0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("species,lat\nGadus morhua,1\n", "there is no column decimalLongitude; columns: species, lat"),
        ("a,b\n1,2\n", "there is no column species and no column decimalLatitude and no column decimalLongitude"),
        ("species,lat,lon\n", "no record can be used: there are no rows"),
        ("species,lat,lon\nGadus,1,2\nGadus morhua,,\nGadus,1,2\n", ": 2 not identified to species; 1 without coordinates"),
        ("", "this is no table of records"),
        ("PK\3\4", "this is a zip file"),
        ("PAR1", "the Parquet file is damaged"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_occurrences(write(tmp_path / "o.csv", text))
    assert message in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_occurrences(tmp_path / "o.csv")
    with pytest.raises(InputError, match="holds no Parquet file"):
        read_occurrences(tmp_path)


def test_columns_tell_occurrences() -> None:
    assert is_occurrence_table(["gbifID", "species", "decimalLatitude", "decimalLongitude"])
    assert is_occurrence_table(["scientificName", "decimallatitude", "DecimalLongitude"])
    assert not is_occurrence_table(["species", "lat", "lon"])


@pytest.mark.realdata
def test_real_cells(real_data: Path) -> None:
    found = read_occurrences(real_data / "fish_geo" / "occurrence_cells_0p5deg.tsv.gz", species=["Gadus morhua"])
    assert found.facts.kept == found.facts.records == 147_070
    assert found.frame.height == 1_569
