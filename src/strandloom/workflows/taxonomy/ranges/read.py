"""Range files to ranges: any mix of records, listed ecoregions or river basins with their map, and limits, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError, UsageError
from strandloom.io.coordinate_text import MISSING
from strandloom.io.darwin_core import COAST_KEYS, TEMPERATURE_KEYS, read_occurrences
from strandloom.io.frames import TextFrame, find_column, read_text_frame
from strandloom.words import plural
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.names import Synonyms
from strandloom.workflows.taxonomy.ranges.area_files import AreaFiles, join
from strandloom.workflows.taxonomy.ranges.columns import limits, numbers, places
from strandloom.workflows.taxonomy.ranges.match import Matched, SpeciesMatcher
from strandloom.workflows.taxonomy.ranges.ranges import (
    BASIN,
    BOUNDS,
    COVARIATES,
    ECOREGION,
    LIMITS,
    POINTS,
    Ranges,
    widest,
)
from strandloom.workflows.taxonomy.ranges.recognise import (
    EAST,
    WEST,
    WORDS,
    FileKind,
    columns_of,
    is_darwin_core,
    recognise,
)
from strandloom.workflows.taxonomy.ranges.report import RangeFile, RangeReport

_COUNT_KEYS = ("n", "count", "records", "individualcount")
_COVARIATE_KEYS = {
    "depth": ("depth", "depthm"),
    "month": ("month",),
    "temperature": TEMPERATURE_KEYS,
    "coast_distance": COAST_KEYS,
}
_AREA_KEYS = ("areakm2", "area")
_NAME_KEYS = ("ecoregion", "ecoregionname", "name")
_COLD_KEYS, _WARM_KEYS = ("tempmin", "mintemp"), ("tempmax", "maxtemp")


@dataclass
class _Reading:
    """What was read so far."""

    matcher: SpeciesMatcher
    files: list[RangeFile] = field(default_factory=list)
    points: list[pl.DataFrame] = field(default_factory=list)
    bounds: list[pl.DataFrame] = field(default_factory=list)
    areas: dict[str, AreaFiles] = field(default_factory=lambda: {ECOREGION: AreaFiles(), BASIN: AreaFiles()})


def read_ranges(files: Sequence[str | Path], taxonomy: Taxonomy, *, synonyms: Synonyms | None = None) -> Ranges:
    """Read range files; what each holds is recognised by its columns.

    Parameters
    ----------
    files
        TSV or CSV (plain or gzip) or Parquet, in any order: ``species, lat, lon[, n]`` (records, or cells with counts; optionally depth,
        month, temperature, coast_distance), exports of OBIS and GBIF, ``species, eco_code`` with ``lat, lon, eco_code`` (cells) and
        optionally ``eco_code, ecoregion``, ``species, basin`` with ``basin, lat, lon[, area_km2]``, and
        ``species, lat_max, lat_min, lon_west, lon_east[, temp_min, temp_max]``.
    taxonomy
        The species that matter; rows about others are counted in the report and left out.
    synonyms
        Other names of these species.

    Raises
    ------
    InputError
        A file is of no such kind, names no species of the taxonomy, has coordinates that cannot be used (with the rows), or the list
        or the map that it needs is missing.
    UsageError
        No file is given, or one is given twice.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise UsageError("no range file is given", hint="name one with --ranges FILE")
    twice = [path for i, path in enumerate(paths) if path in paths[:i]]
    if twice:
        raise UsageError("the range file is given twice", where=twice[0], hint="name every file once")
    reading = _Reading(SpeciesMatcher(taxonomy, synonyms=synonyms))
    for path in paths:
        reading.files.append(_occurrences(path, reading) if is_darwin_core(path) else _table(path, reading))
    areas, cells, members = join(reading.areas, reading.files)
    bounds = pl.concat(reading.bounds) if reading.bounds else pl.DataFrame(schema=BOUNDS)
    points = pl.concat(reading.points, how="diagonal") if reading.points else pl.DataFrame(schema=POINTS)
    return Ranges(points, areas, cells, members, widest(bounds), RangeReport(tuple(reading.files)))


def _table(path: Path, reading: _Reading) -> RangeFile:
    table = read_text_frame(path)
    kind = recognise(table.frame.columns, path)
    match kind:
        case "records":
            return _records(table, reading)
        case "limits":
            return _limits(table, reading)
        case "ecoregion list" | "basin list":
            return _list(table, kind, reading)
        case "ecoregion map" | "basin places":
            return _map(table, kind, reading)
        case "ecoregion names":
            return _names(table, reading)


def _file(table: TextFrame, kind: FileKind, used: int, notes: Sequence[str]) -> RangeFile:
    return RangeFile(str(table.path), WORDS[kind], table.frame.height, used, notes=tuple(notes))


def _told(table: TextFrame, kind: FileKind, frame: pl.DataFrame, notes: Sequence[str], found: Matched) -> RangeFile:
    """A file about species, of which ``frame`` is what can be used."""
    if found.nameless:
        notes = (*notes, f"{plural(found.nameless, 'row')} without a species name left out")
    if not frame.height:
        raise InputError(f"no row about a species of the taxonomy can be used: {'; '.join(notes)}", where=table.path)
    file = _file(table, kind, frame.height, notes)
    return replace(file, species=frame["species"].n_unique(), unmatched=found.unmatched, examples=found.examples)


def _records(table: TextFrame, reading: _Reading) -> RangeFile:
    names = columns_of(table.frame.columns)
    found = reading.matcher.match(table.frame[names.species or ""], table.path)
    place = places(table, names.lat or "", names.lon or "")
    counts = find_column(table.frame.columns, _COUNT_KEYS)
    n = numbers(table, counts, least=0)
    uncounted = np.isnan(n)
    nowhere, zero, absent = np.isnan(place.lat) | np.isnan(place.lon), (place.lat == 0) & (place.lon == 0), n == 0
    beside, unread = _covariates(table)
    frame = pl.DataFrame(
        {"species": found.numbers, "lat": place.lat, "lon": place.lon, "n": np.where(uncounted, 1.0, n), **beside}
    )
    kept = (found.numbers >= 0) & ~nowhere & ~zero & ~absent
    notes = [*place.notes, *_counted(
        (nowhere, "without coordinates left out"),
        (zero, "at latitude 0 and longitude 0 left out"),
        (absent, "with a count of 0 (absence) left out"),
        *([(uncounted, "without a count taken as one record")] if counts else []),
    ), *unread]  # fmt: skip
    frame = frame.filter(pl.Series(kept))
    reading.points.append(frame)
    return _told(table, "records", frame, notes, found)


def _covariates(table: TextFrame) -> tuple[dict[str, pl.Series], list[str]]:
    """What is known beside the records, Float64, and what could not be read."""
    found, notes = {}, []
    for name, keys in _COVARIATE_KEYS.items():
        column = find_column(table.frame.columns, keys)
        if column is None:
            continue
        texts = table.frame[column]
        values = texts.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        found[name] = pl.select(pl.when(values.is_finite()).then(values)).to_series()
        missing = texts.str.to_lowercase().is_in(MISSING)
        lost = int((found[name].is_null() & texts.is_not_null() & ~missing).sum())
        if lost:
            notes.append(
                f"{plural(lost, 'value')} of the column '{column}' that {'is' if lost == 1 else 'are'} no number left out"
            )
    return found, notes


def _occurrences(path: Path, reading: _Reading) -> RangeFile:
    """An export of OBIS or GBIF; it is streamed, and only species of the taxonomy are kept."""
    read = read_occurrences(path, species=reading.matcher.taxonomy.species)
    found = reading.matcher.match(read.facts.species["species"], path)
    if not read.frame.height:
        raise InputError("no record is about a species of the taxonomy", where=path)
    unique = read.frame["species"].unique()
    numbered = pl.Series([reading.matcher.taxonomy.lookup(name) for name in unique.to_list()], dtype=pl.Int32)
    species = read.frame["species"].replace_strict(unique, numbered, return_dtype=pl.Int32)
    extra = [name for name in COVARIATES if name in read.frame.columns]
    reading.points.append(read.frame.select(species.alias("species"), "lat", "lon", "n", *extra))
    notes = [f"{number:,} left out: {reason}" for reason, number in read.facts.skipped.items()]
    return RangeFile(
        str(path),
        f"{read.kind} records",
        read.facts.records,
        read.frame.height,
        found.species,
        found.unmatched,
        found.examples,
        tuple(notes),
    )


def _limits(table: TextFrame, reading: _Reading) -> RangeFile:
    columns = table.frame.columns
    names = columns_of(columns)
    found = reading.matcher.match(table.frame[names.species or ""], table.path)
    values: dict[str, NDArray[np.float64]] = {
        "lat_min": limits(table, names.south, "latitude"),
        "lat_max": limits(table, names.north, "latitude"),
        "lon_west": limits(table, find_column(columns, WEST), "longitude"),
        "lon_east": limits(table, find_column(columns, EAST), "longitude"),
        "temp_min": numbers(table, find_column(columns, _COLD_KEYS)),
        "temp_max": numbers(table, find_column(columns, _WARM_KEYS)),
    }
    crossed = values["lat_min"] > values["lat_max"]
    if crossed.sum() * 2 > len(crossed):
        row = int(np.argmax(crossed))
        low, high = values["lat_min"][row], values["lat_max"][row]
        raise InputError(
            f"{crossed.sum():,} of {len(crossed):,} rows have a southern limit north of the northern one, the first {low:g} and {high:g}",
            where=table.where(row),
            hint=f"swap the columns '{names.south}' and '{names.north}'",
        )
    empty = np.logical_and.reduce([np.isnan(values[name]) for name in LIMITS[:4]])
    frame = pl.DataFrame({"species": found.numbers, **values}, schema=BOUNDS).with_columns(
        pl.col(LIMITS).fill_nan(None)
    )
    frame = frame.filter(pl.Series((found.numbers >= 0) & ~crossed & ~empty))
    notes = _counted(
        (crossed, "with a southern limit north of the northern one left out (a lost sign?)"),
        (empty, "without any limit left out"),
    )
    reading.bounds.append(frame)
    return _told(table, "limits", frame, notes, found)


def _list(table: TextFrame, kind: FileKind, reading: _Reading) -> RangeFile:
    names = columns_of(table.frame.columns)
    found = reading.matcher.match(table.frame[names.species or ""], table.path)
    code = _codes(table, (names.code if kind == "ecoregion list" else names.basin) or "")
    frame = pl.DataFrame({"species": found.numbers, "code": code}).filter(
        pl.col("species") >= 0, pl.col("code").is_not_null()
    )
    own = reading.areas[ECOREGION if kind == "ecoregion list" else BASIN]
    own.lists.append((len(reading.files), frame))
    own.listing = own.listing or table.path
    return _told(table, kind, frame, _counted((code.is_null().to_numpy(), "without an area left out")), found)


def _map(table: TextFrame, kind: FileKind, reading: _Reading) -> RangeFile:
    names = columns_of(table.frame.columns)
    code = _codes(table, (names.code if kind == "ecoregion map" else names.basin) or "")
    place = places(table, names.lat or "", names.lon or "")
    size = find_column(table.frame.columns, _AREA_KEYS) if kind == "basin places" else None
    frame = pl.DataFrame({"code": code, "lat": place.lat, "lon": place.lon, "area_km2": numbers(table, size, least=0)})
    missing = np.isnan(place.lat) | np.isnan(place.lon) | code.is_null().to_numpy()
    frame = frame.filter(pl.Series(~missing)).with_columns(pl.col("area_km2").fill_nan(None))
    own = reading.areas[ECOREGION if kind == "ecoregion map" else BASIN]
    own.maps.append(frame)
    own.mapping = own.mapping or table.path
    notes = [*place.notes, *_counted((missing, "without coordinates or an area left out"))]
    return _file(table, kind, frame.height, notes)


def _names(table: TextFrame, reading: _Reading) -> RangeFile:
    names = columns_of(table.frame.columns)
    column = find_column(table.frame.columns, _NAME_KEYS)
    own = reading.areas[ECOREGION]
    own.naming = own.naming or table.path
    if column is not None:
        name = table.frame[column].alias("name")
        own.names.append(pl.DataFrame([_codes(table, names.code or ""), name]).drop_nulls())
    return _file(table, "ecoregion names", table.frame.height, [])


def _codes(table: TextFrame, column: str) -> pl.Series:
    """Codes as text; ``20001.0``, as R writes it, is ``20001``."""
    return table.frame[column].str.replace(r"^(\d+)\.0$", "$1").alias("code")


def _counted(*cases: tuple[NDArray[np.bool_], str]) -> list[str]:
    return [f"{plural(int(mask.sum()), 'row')} {what}" for mask, what in cases if mask.any()]
