"""Occurrence records with the column names of OBIS and GBIF exports, streamed to points: species, place and what is known beside."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strandloom.errors import InputError
from strandloom.io.detect import BOM
from strandloom.io.frames import find_column, key, listed
from strandloom.io.stream import ByteStream, open_error

SPECIES_KEYS = ("species", "acceptedscientificname", "acceptednameusage", "scientificname")
LATITUDE_KEYS = ("decimallatitude", "latitude", "lat")
LONGITUDE_KEYS = ("decimallongitude", "longitude", "lon", "long", "lng")
TEMPERATURE_KEYS = ("sst", "temperature", "seasurfacetemperature", "watertemperature")
COAST_KEYS = ("shoredistance", "coastdistance")
_COUNT_KEYS = ("individualcount", "n", "count")
_EPITHET = r"^(\p{Lu}[\p{Ll}-]+)(?: \(\p{Lu}[\p{Ll}-]+\))? (\p{Ll}[\p{Ll}-]+)(?:[ ,(]|$)"
_NO_EPITHET = (
    "sp", "spp", "cf", "aff", "indet", "gen", "nov", "hybrid", "var", "subsp", "and", "et", "in", "ex", "sensu", "auct", "non",
    "de", "da", "di", "del", "della", "den", "der", "dos", "du", "la", "le", "van", "von", "zur", "ter", "y",
)  # fmt: skip
"""Words after a genus that begin no epithet: open names, and authors such as ``de Buen`` and ``van Hasselt``."""
_BAD_PLACE = (
    "ZERO_COORD|LON_OUT_OF_RANGE|LAT_OUT_OF_RANGE|COORDINATE_OUT_OF_RANGE|COORDINATE_INVALID|COUNTRY_COORDINATE_MISMATCH"
    "|PRESUMED_SWAPPED_COORDINATE"
)
"""Flags of OBIS and issues of GBIF that make a place worthless; ON_LAND is none of them, as river mouths and salmon carry it."""
_YES = ("true", "t", "1", "yes")
_ABSENT, _FOSSIL, _KEPT, _FLAGGED = (
    "recorded as absent",
    "fossils",
    "kept alive in captivity",
    "flagged by OBIS or GBIF",
)
_NAME, _NOWHERE, _BROKEN, _ZERO = (
    "not identified to species", "without coordinates", "with coordinates that cannot be read or lie outside the globe",
    "at latitude 0 and longitude 0",
)  # fmt: skip
_HEAD = 1 << 20


@dataclass(frozen=True)
class OccurrenceFacts:
    """What was met while occurrence records were read."""

    records: int
    """Records in the file."""
    kept: int
    """Records that name a species and a place, before any choice of species."""
    skipped: dict[str, int]
    """Why records were left out (``recorded as absent``, …) to how many."""
    species: pl.DataFrame
    """``species`` String, ``records`` UInt32: every species of the kept records, the commonest first."""


@dataclass(frozen=True)
class Occurrences:
    """Where and when species were met, N records."""

    frame: pl.DataFrame
    """``species`` String, ``lat``, ``lon``, ``n`` Float64 (individuals, 1 where not counted), and, where the file has them, Float64 with
    null where unknown: ``depth`` (metres), ``month`` (1 to 12), ``temperature`` (°C), ``coast_distance`` (metres, as in OBIS)."""
    kind: str
    """``OBIS``, ``GBIF`` or ``Darwin Core``."""
    facts: OccurrenceFacts


def is_occurrence_table(columns: Collection[str]) -> bool:
    """Whether a table with these columns holds occurrence records by the names of Darwin Core."""
    keys = {key(column) for column in columns}
    named = bool(keys & {*SPECIES_KEYS, "specificepithet"})
    return named and LATITUDE_KEYS[0] in keys and LONGITUDE_KEYS[0] in keys


def read_occurrences(path: str | Path, *, species: Collection[str] | None = None) -> Occurrences:
    """Read occurrence records; the file is streamed, and what is left out is counted by reason.

    Parameters
    ----------
    path
        CSV or TSV, whatever the suffix (also ``.gz``), Parquet, or a folder of Parquet files: an export of OBIS or GBIF, or any table
        with a species, a latitude and a longitude. A tab-separated file whose header has no quotes, as GBIF's, has none elsewhere.
    species
        Species to keep; None keeps all. The facts count every species.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or no record can be used; the message says why.
    """
    path = Path(path)
    table = _scan(path)
    names = table.collect_schema().names()
    wanted = _columns(names, path)
    rows = table.select(wanted.values()).with_columns(_reason(wanted).alias("reason"))
    kept = rows.filter(pl.col("reason").is_null()).drop("reason")
    chosen = kept if species is None else kept.filter(pl.col("species").is_in(sorted(species)))
    covariates = [x for x in ("depth", "month", "temperature", "coast_distance") if x in wanted]
    plans = [
        rows.group_by("reason").agg(pl.len()),
        kept.group_by("species").agg(pl.len().alias("records")),
        chosen.select("species", "lat", "lon", _individuals(wanted), *covariates),
    ]
    try:
        reasons, found, frame = pl.collect_all(plans, engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"the file cannot be read: {str(error).splitlines()[0]}", where=path, hint="copy or download it again"
        ) from error
    counts = dict(reasons.sort(["len", "reason"], descending=[True, False], nulls_last=True).iter_rows())
    total, usable = sum(counts.values()), counts.pop(None, 0)
    if not usable:
        why = "; ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "there are no rows"
        raise InputError(f"no record can be used: {why}", where=path)
    found = found.sort(["records", "species"], descending=[True, False])
    keys = {key(name) for name in names}
    kind = "GBIF" if keys & {"gbifid", "taxonkey"} else "OBIS" if keys & {"aphiaid", "shoredistance"} else "Darwin Core"
    return Occurrences(frame, kind, OccurrenceFacts(total, usable, counts, found))


def _scan(path: Path) -> pl.LazyFrame:
    """A file as a plan; every column of a text file is String."""
    if path.is_dir():
        if not any(path.glob("*.parquet")):
            raise InputError("the folder holds no Parquet file", where=path, hint="name one file")
        return _flat(pl.scan_parquet(path / "*.parquet"))
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise open_error(error, path) from error
    if magic == b"PAR1":
        try:
            return _flat(pl.scan_parquet(path, glob=False))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(f"the Parquet file is damaged: {str(error).splitlines()[0]}", where=path) from error
    if magic == b"PK\3\4":
        raise InputError(
            "this is a zip file",
            where=path,
            hint="unpack it and name the table in it (unzip FILE): GBIF's is ….csv or occurrence.txt",
        )
    with ByteStream(path, "gzip" if magic[:2] == b"\x1f\x8b" else "none") as stream:
        head = next(stream.blocks(_HEAD)).tobytes().removeprefix(BOM) if path.stat().st_size else b""
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    if not first.strip() or "\0" in first:
        raise InputError("this is no table of records", where=path, hint="CSV, TSV and Parquet are read")
    separator = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    quote = '"' if separator != "\t" or '"' in first else None
    names = next(csv.reader([first], delimiter=separator, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE))
    schema = {f"{name}_{i}" if name in names[:i] else name: pl.String for i, name in enumerate(names)}
    return pl.scan_csv(
        path,
        separator=separator,
        quote_char=quote,
        schema=schema,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        glob=False,
    )


def _flat(table: pl.LazyFrame) -> pl.LazyFrame:
    """Lists of flags as text, and the fields of ``interpreted``, in which OBIS's Parquet holds what it checked, as columns."""
    inner = table.collect_schema().get("interpreted")
    if isinstance(inner, pl.Struct):
        names = [field.name for field in inner.fields]
        table = table.with_columns(pl.col("interpreted").struct.field(name) for name in names).drop("interpreted")
    lists = [name for name, kind in table.collect_schema().items() if kind == pl.List(pl.String)]
    return table.with_columns(pl.col(name).list.join(",") for name in lists)


def _columns(names: list[str], path: Path) -> dict[str, pl.Expr]:
    """What is read, by our name; ``species``, ``lat`` and ``lon`` at least."""
    named = [x for x in (find_column(names, (spelling,)) for spelling in SPECIES_KEYS) if x is not None]
    parts = [find_column(names, (part,)) for part in ("genus", "specificepithet")]
    lat, lon = find_column(names, LATITUDE_KEYS), find_column(names, LONGITUDE_KEYS)
    whole = [_binomial(_text(x)) for x in named]
    if parts[0] is not None and parts[1] is not None:
        whole.append(_binomial(_text(parts[0]) + " " + _text(parts[1])))
    if not whole or lat is None or lon is None:
        lacks = [
            name for name, has in (("species", whole), ("decimalLatitude", lat), ("decimalLongitude", lon)) if not has
        ]
        raise InputError(
            f"there is no column {' and no column '.join(lacks)}; columns: {listed(names, most=20)}",
            where=path,
            hint="occurrence records need species, decimalLatitude and decimalLongitude",
        )
    wanted = {
        "species": pl.coalesce(whole),
        "lat": _number(lat, comma="."),
        "lon": _number(lon, comma="."),
        "given": _text(lat).is_not_null() & _text(lon).is_not_null(),
    }
    shallow, deep = (find_column(names, (f"{end}depthinmeters",)) for end in ("minimum", "maximum"))
    ends = [_number(x) for x in (shallow, deep) if x is not None]
    depth = find_column(names, ("depth",))
    if ends or depth:
        wanted["depth"] = pl.mean_horizontal(ends) if ends else _number(depth or "")
        if ends and depth:
            wanted["depth"] = pl.coalesce(wanted["depth"], _number(depth))
    wanted |= _times(names)
    for name, spellings in (
        ("temperature", TEMPERATURE_KEYS),
        ("coast_distance", COAST_KEYS),
        ("counted", _COUNT_KEYS),
    ):
        if (column := find_column(names, spellings)) is not None:
            wanted[name] = _number(column)
    for name in ("organismquantity", "organismquantitytype", "occurrencestatus", "absence", "dropped", "basisofrecord"):
        if (column := find_column(names, (name,))) is not None:
            wanted[name] = _number(column) if name == "organismquantity" else _text(column).str.to_lowercase()
    flags = [
        x for x in (find_column(names, (name,)) for name in ("flags", "issue", "hasgeospatialissues")) if x is not None
    ]
    if flags:
        wanted["flags"] = pl.concat_str([_flag(x) for x in flags], separator=",", ignore_nulls=True)
    return {name: column.alias(name) for name, column in wanted.items()}


def _times(names: list[str]) -> dict[str, pl.Expr]:
    month, date = find_column(names, ("month",)), find_column(names, ("eventdate", "date"))
    found = []
    if month is not None:
        found.append(_number(month))
    if date is not None:
        found.append(_text(date).str.extract(r"^\d{4}-(\d{1,2})", 1).cast(pl.Float64, strict=False))
    if not found:
        return {}
    value = pl.coalesce(found)
    return {"month": pl.when(value.is_between(1, 12)).then(value)}


def _text(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars(' "')
    return pl.when(text != "").then(text)


def _number(name: str, *, comma: str = ",") -> pl.Expr:
    """A column of numbers, null where there is none; ``comma`` is what a comma stands for."""
    text = pl.col(name).cast(pl.String).str.strip_chars(' "').str.replace(",", comma, literal=True)
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _flag(name: str) -> pl.Expr:
    """A column of flags; ``true`` in hasGeospatialIssues stands for one of them."""
    if key(name) == "hasgeospatialissues":
        return pl.when(_text(name).str.to_lowercase().is_in(_YES)).then(pl.lit("COORDINATE_INVALID"))
    return _text(name)


def _binomial(name: pl.Expr) -> pl.Expr:
    """``Genus epithet`` of a name with or without subgenus, subspecies and author; null where the species is not named."""
    groups = name.str.replace_all(r"[_\s]+", " ").str.extract_groups(_EPITHET)
    genus, epithet = groups.struct.field("1"), groups.struct.field("2")
    return pl.when(~epithet.is_in(_NO_EPITHET)).then(genus + " " + epithet)


def _individuals(wanted: Collection[str]) -> pl.Expr:
    """Individuals of a record, Float64; 1 where they were not counted."""
    found = [pl.col("counted")] if "counted" in wanted else []
    if "organismquantity" in wanted and "organismquantitytype" in wanted:
        found.append(
            pl.when(pl.col("organismquantitytype").str.contains("individual")).then(pl.col("organismquantity"))
        )
    value = pl.coalesce([*found, pl.lit(1.0)])
    return pl.when(value > 0).then(value).otherwise(1.0).alias("n")


def _reason(wanted: Collection[str]) -> pl.Expr:
    """Why a record is left out; null where it is not."""
    lat, lon = pl.col("lat"), pl.col("lon")
    absent = [pl.lit(value=False)]
    if "occurrencestatus" in wanted:
        absent.append(pl.col("occurrencestatus").str.contains("absent|absence"))
    if "absence" in wanted:
        absent.append(pl.col("absence").is_in(_YES))
    absent += [pl.col(name) == 0 for name in ("counted", "organismquantity") if name in wanted]
    basis = pl.col("basisofrecord").fill_null("") if "basisofrecord" in wanted else pl.lit("")
    flagged = [pl.lit(value=False)]
    if "dropped" in wanted:
        flagged.append(pl.col("dropped").is_in(_YES))
    if "flags" in wanted:
        flagged.append(pl.col("flags").str.contains(_BAD_PLACE))
    cases = (
        (pl.any_horizontal(x.fill_null(value=False) for x in absent), _ABSENT),
        (basis.str.contains("fossil"), _FOSSIL),
        (basis.str.contains("living"), _KEPT),
        (~pl.col("given"), _NOWHERE),
        ((lat == 0) & (lon == 0), _ZERO),
        (lat.is_null() | lon.is_null() | (lat.abs() > 90) | (lon.abs() > 180), _BROKEN),
        (pl.any_horizontal(x.fill_null(value=False) for x in flagged), _FLAGGED),
        (pl.col("species").is_null(), _NAME),
    )
    return pl.coalesce([pl.when(case).then(pl.lit(reason)) for case, reason in cases])
