"""Sample metadata, with the column names in the wild, to one table: where, when, how deep, and what kind of sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.coordinate_text import LIMIT, Axis, CoordinateColumn, is_missing, parse_coordinates
from strandloom.io.frames import NAMED, TextFrame, find_column, key, listed, read_text_frame
from strandloom.io.sample_text import Texts, iso_date, parse_dates, parse_depths
from strandloom.words import plural

SAMPLE_KEYS = ("sampleid", "samplename", "sample", "sampname", "sampleidentifier", "materialsampleid", "eventid", "id")
LATITUDE_KEYS = (
    "latitude", "lat", "decimallatitude", "latitudedd", "latdd", "latitudedecimal", "latitudedecimaldegrees",
    "geographiclocationlatitude",
)  # fmt: skip
LONGITUDE_KEYS = (
    "longitude", "lon", "long", "lng", "decimallongitude", "longitudedd", "londd", "longdd", "longitudedecimal",
    "longitudedecimaldegrees", "geographiclocationlongitude",
)  # fmt: skip
BOTH_KEYS = ("latlon", "latlong", "latitudeandlongitude", "coordinates", "geographiclocationlatlon")
DATE_KEYS = ("eventdate", "date", "collectiondate", "samplingdate", "sampledate", "datecollected", "collectiondateiso")
YEAR_KEYS = ("year", "collectionyear", "samplingyear")
MONTH_KEYS = ("month", "collectionmonth", "samplingmonth")
DAY_KEYS = ("day", "collectionday", "samplingday")
DEPTH_KEYS = ("depth", "depthm", "depthinmeters", "depthinmetres", "samplingdepth", "depthmeters", "depthmetres")
SHALLOW_KEYS = ("minimumdepthinmeters", "mindepth", "depthmin", "minimumdepth")
DEEP_KEYS = ("maximumdepthinmeters", "maxdepth", "depthmax", "maximumdepth")
TYPE_KEYS = ("sampletype", "samptype", "samplecategory", "sampcategory", "sampleorcontrol", "controltype", "control")
EXTRACTION_KEYS = (
    "replicateof", "extractionid", "extraction", "dnaid", "biologicalsample", "biologicalsampleid", "sourcesample", "parentsample",
)  # fmt: skip
REPLICATE_KEYS = ("samplereplicate", "replicate", "pcrreplicate", "technicalreplicate", "techrep", "rep", "replicateid")
_YES, _NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


@dataclass(frozen=True)
class SampleFacts:
    """What was met while sample metadata were read."""

    samples: int
    """Samples."""
    without_coordinates: int
    """Samples without a latitude or without a longitude."""
    columns: dict[str, tuple[str, ...]]
    """What was recognised: ``lat``, ``lon``, ``date``, … to the columns it was read from."""
    notes: tuple[str, ...]
    """What else was done, or could not be read, in plain words."""


@dataclass(frozen=True)
class Samples:
    """Metadata of N samples."""

    frame: pl.DataFrame
    """``sample`` String, ``lat`` and ``lon`` Float64 (degrees, null where unknown), ``date`` String (ISO, null), ``depth`` Float64
    (metres, null), ``sample_type`` String (``sample`` where nothing is said), ``replicate_of`` String (null), then every other column as
    given, String."""
    facts: SampleFacts


def read_samples(path: str | Path) -> Samples:
    """Read the metadata of samples.

    Parameters
    ----------
    path
        A table, TSV, CSV (plain or gzip) or Parquet, of a row a sample; QIIME 2's directives (``#q2:types``) are skipped.

    Raises
    ------
    InputError
        No column names the samples, a sample stands twice, or coordinates cannot be read or lie outside the globe (names the rows).
    """
    table = _without_directives(read_text_frame(path))
    used: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    names = _named(table, used)
    places = _places(table, names, used, notes)
    dates = _dates(table.frame, used, notes)
    depth = _depth(table.frame, used, notes)
    types = _types(table.frame, used)
    replicates = _replicates(table.frame, names, used)
    taken = {column for columns in used.values() for column in columns}
    frame = pl.DataFrame([names, *places, dates, depth, types, replicates])
    others = [column for column in table.frame.columns if column not in taken]
    frame = frame.with_columns(
        table.frame[column].alias(f"{column}_given" if column in frame.columns else column) for column in others
    )
    missing = int((frame["lat"].is_null()).sum())
    return Samples(frame, SampleFacts(frame.height, missing, used, tuple(notes)))


def _without_directives(table: TextFrame) -> TextFrame:
    """Rows that begin with ``#`` are no samples."""
    kept = ~table.frame.to_series(0).str.starts_with("#").fill_null(value=False)
    if not kept.any():
        raise InputError("the table has no samples", where=table.path, hint="add at least one row")
    return table if kept.all() else table.take(kept)


def _named(table: TextFrame, used: dict[str, tuple[str, ...]]) -> pl.Series:
    column = find_column(table.frame.columns, SAMPLE_KEYS)
    if column is None:
        raise InputError(
            f"no column names the samples; columns: {listed(table.frame.columns, most=20)}",
            where=table.path,
            hint="call it sample_id",
        )
    used["sample"] = (column,)
    names = table.frame[column].alias("sample")
    if names.null_count():
        raise InputError(f"the column '{column}' is empty", where=table.where(int(names.is_null().arg_max() or 0)))
    if names.is_duplicated().any():
        name = names.filter(names.is_duplicated())[0]
        rows = (names == name).arg_true()
        twice = names.filter(names.is_duplicated()).unique(maintain_order=True).to_list()
        raise InputError(
            f"the sample '{name}' stands twice, the first time at {table.unit} {table.lines[rows[0]]}"
            + (f" (so do {listed(twice[1:])})" if len(twice) > 1 else ""),
            where=table.where(int(rows[1])),
            hint="every row needs its own sample id; replicates are told by a column such as replicate_of",
        )
    return names


class _Fault(NamedTuple):
    row: int
    text: str
    swapped: bool


def _places(
    table: TextFrame, names: pl.Series, used: dict[str, tuple[str, ...]], notes: list[str]
) -> tuple[pl.Series, pl.Series]:
    """Latitude and longitude, Float64, both null where one is."""
    frame = table.frame
    lat, lon = find_column(frame.columns, LATITUDE_KEYS), find_column(frame.columns, LONGITUDE_KEYS)
    both = find_column(frame.columns, BOTH_KEYS)
    if lat is not None and lon is not None:
        used |= {"lat": (lat,), "lon": (lon,)}
        texts = frame[lat], frame[lon]
    elif both is not None and lat is None and lon is None:
        used |= {"lat": (both,), "lon": (both,)}
        texts = _halves(frame[both])
    elif lat is not None or lon is not None:
        raise InputError(
            f"the table has '{lat or lon}' but no {'longitude' if lat else 'latitude'}; columns: "
            f"{listed(frame.columns, most=20)}",
            where=table.path,
            hint="name the columns latitude and longitude",
        )
    else:
        notes.append("no column holds coordinates, so every sample is without a location")
        nothing = pl.Series("lat", [None] * frame.height, dtype=pl.Float64)
        return nothing, nothing.alias("lon")
    read = parse_coordinates(texts[0], "latitude"), parse_coordinates(texts[1], "longitude")
    faults = _faults(read)
    if faults:
        raise _place_error(table, names, faults)
    return _pair(read[0].values, read[1].values, notes)


def _halves(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Latitude and longitude of texts such as ``39.4 N 9.5 W`` (NCBI) or ``39.4, -9.5``."""
    missing = pl.Series([is_missing(x) for x in texts.to_list()])
    texts = pl.select(pl.when(~missing).then(texts)).to_series()
    letter = texts.str.extract_groups(r"^(.*?[NSns])[\s,;/]*(.*)$").struct.unnest()
    plain = texts.str.extract_groups(r"^([^,;\s]+(?:,\d+)?)(?:[;\s]+|, ?)(\S+)$").struct.unnest()
    lat, lon = (letter.to_series(i).fill_null(plain.to_series(i)).fill_null(texts) for i in (0, 1))
    return lat, lon


def _faults(read: tuple[CoordinateColumn, CoordinateColumn]) -> list[_Fault]:
    """What is wrong with coordinates, by row."""
    lat, lon = read[0].values, read[1].values
    found = [_Fault(row, x.fault or "", x.other_axis) for column in read for row, x in column.faults.items()]
    axes: tuple[tuple[Axis, NDArray[np.float64]], ...] = (("latitude", lat), ("longitude", lon))
    for axis, values in axes:
        limit = LIMIT[axis]
        for row in np.flatnonzero(np.abs(values) > limit).tolist():
            swapped = axis == "latitude" and abs(lat[row]) <= LIMIT["longitude"] and abs(lon[row]) <= limit
            found.append(_Fault(row, f"the {axis} {values[row]:g} is not between -{limit} and {limit}", swapped))
    return sorted(found)


def _place_error(table: TextFrame, names: pl.Series, faults: list[_Fault]) -> InputError:
    rows = {fault.row: fault for fault in reversed(faults)}
    told = [f"{table.where(row)}, sample '{names[row]}': {rows[row].text}" for row in sorted(rows)]
    many = f"{len(told):,} samples have coordinates" if len(told) > 1 else "a sample has coordinates"
    more = f"\n… and {len(told) - NAMED:,} more" if len(told) > NAMED else ""
    if all(fault.swapped for fault in faults):
        hint = "latitude and longitude look swapped: swap the two columns"
    elif all("is not between" in fault.text for fault in faults):
        hint = "latitudes run from -90 to 90, longitudes from -180 (west) to 180 (east)"
    else:
        hint = "write decimal degrees (39.425), or degrees, minutes and seconds (39°25'31\"N)"
    return InputError(
        f"{many} that cannot be used:\n" + "\n".join(told[:NAMED]) + more,
        where=table.where(min(rows)),
        hint=hint,
    )


def _pair(lat: NDArray[np.float64], lon: NDArray[np.float64], notes: list[str]) -> tuple[pl.Series, pl.Series]:
    half = np.isnan(lat) != np.isnan(lon)
    if half.any():
        notes.append(f"{_many(int(half.sum()))} a latitude or a longitude alone, so no location")
    zero = (lat == 0) & (lon == 0)
    if zero.any():
        notes.append(f"{_many(int(zero.sum()))} latitude 0 and longitude 0: is it meant?")
    gone = np.isnan(lat) | np.isnan(lon)
    series = [pl.Series(name, np.where(gone, np.nan, x)).fill_nan(None) for name, x in (("lat", lat), ("lon", lon))]
    return series[0], series[1]


def _many(count: int) -> str:
    return plural(count, "sample has", "samples have")


def _said(read: Texts, what: str, notes: list[str]) -> pl.Series:
    if read.unread:
        quoted = [f"'{text}'" for text in read.unread]
        notes.append(
            f"the {what} {listed(quoted)} could not be read and {'is' if len(quoted) == 1 else 'are'} left out"
        )
    if read.halved:
        quoted = [f"'{text}'" for text in read.halved]
        notes.append(
            f"day and month cannot be told apart in the {what} {listed(quoted)}: the year alone is kept; write them as 2020-06-01"
        )
    return read.values


def _dates(frame: pl.DataFrame, used: dict[str, tuple[str, ...]], notes: list[str]) -> pl.Series:
    parts = [find_column(frame.columns, keys) for keys in (YEAR_KEYS, MONTH_KEYS, DAY_KEYS)]
    column = find_column(frame.columns, DATE_KEYS)
    if column is not None:
        used["date"] = (column,)
        return _said(parse_dates(frame[column]), "date", notes).alias("date")
    if parts[0] is None:
        return pl.Series("date", [None] * frame.height, dtype=pl.String)
    found = [x for x in parts if x is not None]
    used["date"] = tuple(found)
    texts = [(frame[x] if x is not None else pl.Series([None] * frame.height, dtype=pl.String)) for x in parts]
    rows = [tuple(None if is_missing(x) else x for x in row) for row in zip(*(x.to_list() for x in texts), strict=True)]
    values = [iso_date(*row) for row in rows]
    unread = [row for row, value in zip(rows, values, strict=True) if value is None and row[0]]
    written = dict.fromkeys(" ".join(x or "?" for x in row) for row in unread)
    return _said(Texts(pl.Series("date", values, dtype=pl.String), tuple(written)), "date", notes)


def _depth(frame: pl.DataFrame, used: dict[str, tuple[str, ...]], notes: list[str]) -> pl.Series:
    column = find_column(frame.columns, DEPTH_KEYS)
    if column is not None:
        used["depth"] = (column,)
        return _said(parse_depths(frame[column]), "depth", notes).alias("depth")
    ends = [x for x in (find_column(frame.columns, keys) for keys in (SHALLOW_KEYS, DEEP_KEYS)) if x is not None]
    if not ends:
        return pl.Series("depth", [None] * frame.height, dtype=pl.Float64)
    used["depth"] = tuple(ends)
    read = [_said(parse_depths(frame[x]), "depth", notes).alias(x) for x in ends]
    return pl.DataFrame(read).mean_horizontal().alias("depth")


def _types(frame: pl.DataFrame, used: dict[str, tuple[str, ...]]) -> pl.Series:
    column = find_column(frame.columns, TYPE_KEYS)
    if column is None:
        return pl.Series("sample_type", ["sample"] * frame.height)
    used["sample_type"] = (column,)
    text = frame[column]
    low = text.str.to_lowercase()
    missing = pl.Series([is_missing(x) for x in text.to_list()])
    value = pl.when(missing).then(pl.lit("sample")).otherwise(text)
    if key(column) == "control":
        value = (
            pl.when(low.is_in(_YES))
            .then(pl.lit("control"))
            .when(low.is_in(_NO))
            .then(pl.lit("sample"))
            .otherwise(value)
        )
    return pl.select(value.alias("sample_type")).to_series()


def _replicates(frame: pl.DataFrame, names: pl.Series, used: dict[str, tuple[str, ...]]) -> pl.Series:
    """What each sample is a replicate of: the extraction, or its name without the replicate's label."""
    column = find_column(frame.columns, EXTRACTION_KEYS)
    if column is not None:
        used["replicate_of"] = (column,)
        text = frame[column]
        missing = pl.Series([is_missing(x) for x in text.to_list()])
        return pl.select(pl.when(~missing).then(text).alias("replicate_of")).to_series()
    column = find_column(frame.columns, REPLICATE_KEYS)
    if column is None:
        return pl.Series("replicate_of", [None] * frame.height, dtype=pl.String)
    used["replicate_of"] = (column,)
    pairs = zip(names.to_list(), frame[column].to_list(), strict=True)
    stems = [_stem(name, label) for name, label in pairs]
    return pl.Series("replicate_of", stems, dtype=pl.String)


def _stem(name: str, label: str | None) -> str | None:
    """``S1_A`` without the label ``A``; None where the name does not end in it."""
    if not label or not name.lower().endswith(label.lower()):
        return None
    stem = name[: len(name) - len(label)]
    return stem.rstrip("-_. ") if stem and not stem[-1].isalnum() else None
