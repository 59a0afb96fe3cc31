"""What a range file holds, by its columns."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from strandloom.errors import InputError
from strandloom.io.darwin_core import LATITUDE_KEYS, LONGITUDE_KEYS, is_occurrence_table
from strandloom.io.detect import BOM
from strandloom.io.frames import find_column, listed
from strandloom.io.stream import open_error

FileKind = Literal[
    "records", "limits", "ecoregion list", "ecoregion map", "ecoregion names", "basin list", "basin places"
]
WORDS: dict[FileKind, str] = {
    "records": "records of species",
    "limits": "limits of ranges",
    "ecoregion list": "ecoregions of species",
    "ecoregion map": "map of ecoregions",
    "ecoregion names": "names of ecoregions",
    "basin list": "river basins of species",
    "basin places": "places of river basins",
}
"""Each kind in words."""
SPECIES = (
    "species",
    "acceptedscientificname",
    "acceptednameusage",
    "scientificname",
    "speciesname",
    "binomial",
    "taxon",
)
CODE = ("ecocode", "ecoregioncode", "ecoregionid")
BASIN_NAME = ("basin", "basinname")
NORTH = ("latmax", "maxlat", "latitudemax", "northernlimit", "northernmost")
SOUTH = ("latmin", "minlat", "latitudemin", "southernlimit", "southernmost")
WEST = ("lonwest", "longwest", "lonmin", "westernmost")
EAST = ("loneast", "longeast", "lonmax", "easternmost")
_HEAD = 1 << 16
_SHAPES = (
    "species,lat,lon[,n] · species,eco_code with lat,lon,eco_code · species,lat_max,lat_min,lon_west,lon_east · "
    "species,basin with basin,lat,lon · exports of OBIS and GBIF"
)


class Columns(NamedTuple):
    """The columns of a range file by what they mean; None where there is no such column."""

    species: str | None
    lat: str | None
    lon: str | None
    code: str | None
    basin: str | None
    south: str | None
    north: str | None


def columns_of(names: Sequence[str]) -> Columns:
    """Which columns of a table mean what; case, spaces and punctuation do not matter."""
    keys = (SPECIES, LATITUDE_KEYS, LONGITUDE_KEYS, CODE, BASIN_NAME, SOUTH, NORTH)
    return Columns(*(find_column(names, one) for one in keys))


def recognise(names: Sequence[str], path: Path) -> FileKind:
    """What a table with these columns tells.

    Raises
    ------
    InputError
        It is none of the range files; the message lists the columns and the shapes that are understood.
    """
    has = columns_of(names)
    placed = has.lat is not None and has.lon is not None
    if has.species is not None:
        cases: tuple[tuple[bool, FileKind], ...] = (
            (placed, "records"),
            (has.south is not None or has.north is not None, "limits"),
            (has.code is not None, "ecoregion list"),
            (has.basin is not None, "basin list"),
        )
    else:
        cases = (
            (placed and has.code is not None, "ecoregion map"),
            (placed and has.basin is not None, "basin places"),
            (has.code is not None and len(names) > 1, "ecoregion names"),
        )
    for holds, kind in cases:
        if holds:
            return kind
    raise InputError(
        f"this is no range file that is understood; columns: {listed(list(names), most=20)}",
        where=path,
        hint=f"understood are: {_SHAPES}",
    )


def is_darwin_core(path: Path) -> bool:
    """Whether a file (or a folder of Parquet files) is an export of occurrence records, by its first line alone, as it may be huge."""
    try:
        if path.is_dir():
            path = next(iter(sorted(path.glob("*.parquet"))), path)
            return path.is_dir() or is_occurrence_table(_parquet_names(path))
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            return is_occurrence_table(_parquet_names(path))
        with gzip.open(path) if magic[:2] == b"\x1f\x8b" else path.open("rb") as file:
            head = file.read(_HEAD).removeprefix(BOM)
    except (EOFError, zlib.error, gzip.BadGzipFile, pl.exceptions.PolarsError):
        return False  # the reader of tables says what is wrong
    except OSError as error:
        raise open_error(error, path) from error
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    separator = next((x for x in ("\t", ";", ",") if x in first), "\t")
    return is_occurrence_table([name.strip('" ') for name in first.split(separator)])


def _parquet_names(path: Path) -> list[str]:
    schema = pl.read_parquet_schema(path)
    inner = schema.get("interpreted")  # in which OBIS's Parquet holds what it checked
    return [*schema, *(field.name for field in inner.fields)] if isinstance(inner, pl.Struct) else list(schema)
