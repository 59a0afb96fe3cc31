"""Lists of the areas in which species live, joined with the maps that say where the areas lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from strandloom.errors import InputError
from strandloom.io.frames import listed
from strandloom.words import plural
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, BASIN, CELLS, ECOREGION, MEMBERS
from strandloom.workflows.taxonomy.ranges.report import RangeFile

_MAP: dict[str, tuple[str, str]] = {
    ECOREGION: (
        "a table lat, lon, eco_code of where the ecoregions lie",
        "a table species, eco_code of which species live in them",
    ),
    BASIN: (
        "a table basin, lat, lon of where the river basins lie",
        "a table species, basin of which species live in them",
    ),
}
"""What a list of each kind needs, and what a map of it needs."""


@dataclass
class AreaFiles:
    """The files about one kind of area, before they are joined."""

    lists: list[tuple[int, pl.DataFrame]] = field(default_factory=list)
    """Number of the file, and ``species`` Int32, ``code`` String."""
    maps: list[pl.DataFrame] = field(default_factory=list)
    """``code``, ``lat``, ``lon``, ``area_km2``."""
    names: list[pl.DataFrame] = field(default_factory=list)
    """``code``, ``name``."""
    listing: Path | None = None
    mapping: Path | None = None
    naming: Path | None = None


def join(kinds: Mapping[str, AreaFiles], files: list[RangeFile]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Areas, cells and members of all kinds, numbered by kind, then code; see :class:`~strandloom.workflows.taxonomy.ranges.ranges.Ranges`.

    Parameters
    ----------
    kinds
        Kind of area to its files, in the order of their numbers.
    files
        All files; those that name an area that no map has are given a note.

    Raises
    ------
    InputError
        A list has no map, a map no list, or they have no area in common.
    """
    areas, cells, members = ([pl.DataFrame(schema=schema)] for schema in (AREAS, CELLS, MEMBERS))
    start = 0
    for kind, own in kinds.items():
        _check_pair(kind, own)
        if not own.maps:
            continue
        every = pl.concat(own.maps)
        one = (
            every.group_by("code")
            .agg(pl.col("area_km2").drop_nulls().first())
            .sort("code")
            .with_row_index("area", start)
        )
        named = pl.concat(own.names) if own.names else pl.DataFrame(schema={"code": pl.String, "name": pl.String})
        one = one.join(named.unique("code", keep="first"), on="code", how="left", maintain_order="left")
        one = one.with_columns(
            pl.col("name").fill_null(pl.col("code")), pl.col("area").cast(pl.Int32), kind=pl.lit(kind)
        )
        number = one.select("area", "code")
        areas.append(one.select(*AREAS))
        cells.append(every.join(number, on="code", maintain_order="left").select(*CELLS).unique(maintain_order=True))
        for at, listing in own.lists:
            joined = listing.join(number, on="code", maintain_order="left").select(*MEMBERS)
            files[at] = _unmapped(files[at], listing, number, kind)
            members.append(joined)
        start += one.height
    return pl.concat(areas), pl.concat(cells), pl.concat(members).unique(maintain_order=True)


def _unmapped(file: RangeFile, listing: pl.DataFrame, number: pl.DataFrame, kind: str) -> RangeFile:
    """The file with what its list names and the map lacks."""
    lost = listing.join(number, on="code", how="anti")
    if not lost.height:
        return file
    codes = listed(lost["code"].unique(maintain_order=True).to_list())
    if lost.height == listing.height:
        raise InputError(
            f"not one of its {kind}s lies on the map ({codes})",
            where=file.path,
            hint="the map and the list need the same codes",
        )
    note = f"{plural(lost.height, 'row')} left out whose {kind} is not on the map: {codes}"
    return replace(file, used=file.used - lost.height, notes=(*file.notes, note))


def _check_pair(kind: str, own: AreaFiles) -> None:
    needs_map, needs_list = _MAP[kind]
    if own.lists and not own.maps:
        raise InputError(
            f"the {kind}s of species are listed here, but no file says where they lie",
            where=own.listing,
            hint=f"give also {needs_map}",
        )
    if own.maps and not own.lists:
        raise InputError(
            f"the {kind}s lie here, but no file says which species live in them",
            where=own.mapping,
            hint=f"give also {needs_list}",
        )
    if own.naming is not None and not own.lists:
        raise InputError(
            f"names of {kind}s alone tell no range", where=own.naming, hint=f"give also {needs_list}, and {needs_map}"
        )
