"""What is known of where each species occurs: records, listed areas, limits; none of it where nothing is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from strandloom.workflows.taxonomy.ranges.report import RangeReport

ECOREGION, BASIN = "ecoregion", "basin"
KINDS = (ECOREGION, BASIN)
"""Kinds of areas, in the order of their numbers: ecoregions have an extent (many cells), basins a place and a size."""
COVARIATES = ("depth", "month", "temperature", "coast_distance")
"""What may be known beside a record; depth in metres, temperature in °C, distance to the coast in metres."""
_NUMBER = pl.Float64
POINTS = {"species": pl.Int32, "lat": _NUMBER, "lon": _NUMBER, "n": _NUMBER}
AREAS = {"area": pl.Int32, "name": pl.String, "kind": pl.String, "code": pl.String, "area_km2": _NUMBER}
CELLS = {"area": pl.Int32, "lat": _NUMBER, "lon": _NUMBER}
MEMBERS = {"species": pl.Int32, "area": pl.Int32}
LIMITS = ("lat_min", "lat_max", "lon_west", "lon_east", "temp_min", "temp_max")
BOUNDS = {"species": pl.Int32, **dict.fromkeys(LIMITS, _NUMBER)}
_TABLES: dict[str, dict[str, Any]] = {
    "points": POINTS,
    "areas": AREAS,
    "cells": CELLS,
    "members": MEMBERS,
    "bounds": BOUNDS,
}
_STRICT = 1e-6
_WIDTHS = (2.0, 1.0, 0.5, 0.25, 0.2, 0.1, 0.05)
"""Usual widths of cells, degrees."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """Where species occur; species are numbers of a taxonomy, and one that stands in no table has no known range.

    Parameters
    ----------
    points
        Records, or cells with counts: ``species`` Int32, ``lat``, ``lon`` (degrees), ``n`` Float64, and those of
        :data:`COVARIATES` that are known, Float64 with null where unknown.
    areas
        ``area`` Int32, ``name``, ``kind`` (one of :data:`KINDS`), ``code`` (the file's own) String, ``area_km2`` Float64, null where
        unknown; by kind, then code.
    cells
        ``area`` Int32, ``lat``, ``lon`` Float64: centres of the cells of each area; one for a basin.
    members
        ``species``, ``area`` Int32: which species are listed for which areas, no pair twice.
    bounds
        ``species`` Int32 and :data:`LIMITS` Float64, null where unknown, one row per species; ``lon_west > lon_east`` crosses the
        antimeridian.
    report
        The files it was read from.
    """

    points: pl.DataFrame
    areas: pl.DataFrame
    cells: pl.DataFrame
    members: pl.DataFrame
    bounds: pl.DataFrame
    report: RangeReport = field(default_factory=RangeReport)

    @classmethod
    def empty(cls) -> Self:
        """Ranges that know nothing."""
        tables: dict[str, Any] = {name: pl.DataFrame(schema=schema) for name, schema in _TABLES.items()}
        return cls(**tables)

    def known(self, species: int) -> NDArray[np.bool_]:
        """bool ``(S,)``: whether anything is known of where each of ``species`` species occurs."""
        out = np.zeros(species, np.bool_)
        south_north, west_east = (pl.col(x).is_not_null() for x in (LIMITS[:2], LIMITS[2:4]))
        limited = self.bounds.filter(pl.any_horizontal(south_north) | pl.all_horizontal(west_east))
        for table in (self.points, self.members, limited):
            out[table["species"].to_numpy()] = True
        return out

    def highest(self) -> int:
        """The highest number of a species of which anything is known, -1 without any."""
        numbers = pl.concat([table["species"] for table in (self.points, self.members, self.bounds)])
        return int(numbers.max()) if len(numbers) else -1  # type: ignore[arg-type]

    def merge(self, *others: Ranges) -> Ranges:
        """These ranges and others, of the same taxonomy; areas of one kind and code are one area, and limits are widened to hold both."""
        parts = (self, *others)
        areas = pl.concat([_typed(part.areas, AREAS).with_columns(part=pl.lit(i)) for i, part in enumerate(parts)])
        one = areas.group_by("kind", "code").agg(pl.col(x).drop_nulls().first() for x in ("name", "area_km2"))
        rank = pl.col("kind").replace_strict(KINDS, range(len(KINDS)), default=len(KINDS), return_dtype=pl.Int32)
        one = one.sort(rank, "code").with_row_index("new").with_columns(pl.col("new").cast(pl.Int32))
        number = areas.join(one.select("kind", "code", "new"), on=["kind", "code"]).select("part", "area", "new")
        cells, members = (
            pl.concat(
                [
                    getattr(part, name)
                    .join(number.filter(pl.col("part") == i), on="area", maintain_order="left")
                    .select(pl.col("new").alias(x) if x == "area" else x for x in schema)
                    for i, part in enumerate(parts)
                ]
            ).unique(maintain_order=True)
            for name, schema in (("cells", CELLS), ("members", MEMBERS))
        )
        return Ranges(
            points=pl.concat([part.points for part in parts], how="diagonal"),
            areas=_typed(one.rename({"new": "area"}), AREAS),
            cells=cells,
            members=members,
            bounds=widest(pl.concat([_typed(part.bounds, BOUNDS) for part in parts])),
            report=RangeReport(tuple(file for part in parts for file in part.report.files)),
        )

    def subset(self, species: ArrayLike) -> Ranges:
        """Ranges of some species, which get new numbers; the areas stay.

        Parameters
        ----------
        species
            int ``(M,)``: the number here of each new species; -1 where it is not here.
        """
        old = np.asarray(species, np.int32)
        new = pl.DataFrame({"species": old, "new": np.arange(len(old), dtype=np.int32)})
        points, members, bounds = (
            table.join(new, on="species", maintain_order="left").with_columns(species=pl.col("new")).drop("new")
            for table in (self.points, self.members, self.bounds)
        )
        return replace(self, points=points, members=members, bounds=bounds)

    def without(self, pairs: ArrayLike) -> Ranges:
        """A copy in which some species are not known from some areas: neither listed there nor recorded in a cell of it.

        Parameters
        ----------
        pairs
            int ``(P, 2)``: species and area.
        """
        columns = np.asarray(pairs, np.int32).reshape(-1, 2)
        gone = pl.DataFrame({"species": columns[:, 0], "area": columns[:, 1]})
        there = self.placed().join(gone, on=["species", "area"], how="semi")["row"].to_numpy()
        return replace(
            self,
            members=self.members.join(gone, on=["species", "area"], how="anti", maintain_order="left"),
            points=_less(self.points, there),
        )

    def without_areas(self, areas: ArrayLike) -> Ranges:
        """A copy that does not know some areas at all, nor any record in a cell of them; the other areas keep their numbers.

        Parameters
        ----------
        areas
            int ``(K,)``: numbers of areas.
        """
        gone = pl.Series(np.asarray(areas, np.int32).ravel())
        there = self.placed().filter(pl.col("area").is_in(gone.to_list()))["row"].to_numpy()
        left = [table.filter(~pl.col("area").is_in(gone.to_list())) for table in (self.areas, self.cells, self.members)]
        return replace(self, areas=left[0], cells=left[1], members=left[2], points=_less(self.points, there))

    def area_number(self, code: str, *, kind: str = ECOREGION) -> int:
        """The number of an area by its code, -1 where there is none."""
        found = self.areas.filter((pl.col("kind") == kind) & (pl.col("code") == code))["area"]
        return int(found[0]) if len(found) else -1

    def cell_size(self) -> float:
        """Width in degrees of the cells of the areas with an extent; 0 where there is none."""
        cells = self.extents()
        return _spacing(cells["lat"].unique().to_numpy(), cells["lon"].unique().to_numpy()) if cells.height else 0.0

    def extents(self) -> pl.DataFrame:
        """The cells of areas with an extent: ``area, lat, lon``."""
        spread = self.areas.filter(pl.col("kind") != BASIN)
        return self.cells.join(spread, on="area", how="semi", maintain_order="left")

    def placed(self) -> pl.DataFrame:
        """The areas with an extent in a cell of which a record lies: ``row`` of the points, ``species``, ``area``."""
        found = self.areas_at(self.points["lat"].to_numpy(), self.points["lon"].to_numpy())
        return found.with_columns(species=self.points["species"].gather(found["row"])).select("row", "species", "area")

    def areas_at(self, lat: ArrayLike, lon: ArrayLike) -> pl.DataFrame:
        """The areas with an extent that places lie in: ``row`` of the place UInt32, ``area`` Int32; a place at sea or inland has no row.

        Parameters
        ----------
        lat, lon
            Degrees, ``(N,)``, finite.
        """
        places = pl.DataFrame({"lat": np.asarray(lat, np.float64), "lon": np.asarray(lon, np.float64)}).with_row_index(
            "row"
        )
        size = self.cell_size()
        if not size or not places.height:
            return pl.DataFrame(schema={"row": pl.UInt32, "area": pl.Int32})
        cells = self.extents()
        first = [float(cells[x].to_numpy().min()) - size / 2 for x in ("lat", "lon")]
        around = round(360 / size)
        y = ((pl.col("lat") - first[0]) / size).floor().cast(pl.Int32).alias("y")
        x = ((((pl.col("lon") - first[1]) % 360) / size).floor().cast(pl.Int32) % around).alias("x")
        return places.select("row", y, x).join(cells.select("area", y, x), on=["y", "x"]).select("row", "area").unique()

    def describe(self, species: int) -> tuple[str, ...]:
        """What is known of ``species`` species, in words, a line each."""
        known = int(self.known(species).sum())
        told = [
            f"{known:,} of {species:,} species have a known range; of the others nothing is known, which is not absence"
        ]
        named = (
            (self.points, f"records ({self.points.height:,} places)"),
            *(
                (self._listed(kind), f"lists of {words}")
                for kind, words in zip(KINDS, ("ecoregions", "river basins"), strict=True)
            ),
            (self.bounds, "limits of latitude or longitude"),
        )
        return (*told, *(f"  {t['species'].n_unique():,} by {words}" for t, words in named if t.height))

    def _listed(self, kind: str) -> pl.DataFrame:
        return self.members.join(self.areas.filter(pl.col("kind") == kind), on="area", how="semi")

    def to_part(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """As arrays and plain facts, for a bundle; NaN stands for what is unknown."""
        arrays: dict[str, NDArray[Any]] = {}
        for table in _TABLES:
            frame = getattr(self, table).with_columns(pl.col(pl.Float64).fill_null(np.nan))
            arrays |= {f"{table}.{x}": frame[x].to_numpy() for x, kind in frame.schema.items() if kind != pl.String}
        texts = {column: self.areas[column].to_list() for column in ("name", "kind", "code")}
        return arrays, {"areas": texts, "report": self.report.to_json()}

    @classmethod
    def from_part(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        """The ranges that :meth:`to_part` wrote."""
        tables = {}
        for table, schema in _TABLES.items():
            texts = facts["areas"] if table == "areas" else {}
            known = {x: pl.Series(x, values, pl.String) for x, values in texts.items()}
            wanted = {**schema, **dict.fromkeys(COVARIATES, _NUMBER)} if table == "points" else schema
            for name, kind in wanted.items():
                if f"{table}.{name}" in arrays:
                    known[name] = pl.Series(name, arrays[f"{table}.{name}"]).cast(kind)
            columns = [known[name] for name in wanted if name in known]
            tables[table] = pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))
        return cls(**tables, report=RangeReport.from_json(facts["report"]))


def widest(bounds: pl.DataFrame) -> pl.DataFrame:
    """One row per species, in order of species: limits that hold all of its rows; longitudes are the shortest arc that does."""
    once = bounds.filter(~pl.col("species").is_duplicated())
    twice = bounds.filter(pl.col("species").is_duplicated())
    if not twice.height:
        return once.sort("species")
    rows = [_wider(species[0], own) for species, own in twice.group_by("species", maintain_order=True)]
    return pl.concat([once, pl.DataFrame(rows, schema=BOUNDS, orient="row")]).sort("species")


def _wider(species: object, own: pl.DataFrame) -> tuple[object, ...]:
    arcs = [(west, east) for west, east in own.select("lon_west", "lon_east").iter_rows() if None not in (west, east)]
    west, east = arc(arcs) if arcs else (None, None)
    low, high, cold, warm = (
        own[x].min() if x.endswith("min") else own[x].max() for x in ("lat_min", "lat_max", "temp_min", "temp_max")
    )
    return species, low, high, west, east, cold, warm


def arc(arcs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The shortest arc of longitude, west to east, that holds all of some arcs (west, east), at least one."""
    best = (-180.0, 180.0)
    width = 360.0
    for west in dict.fromkeys(west for west, _ in arcs):
        reach = max((start - west) % 360 + (360 if end - start >= 360 else (end - start) % 360) for start, end in arcs)
        if reach < width:
            east = west + reach
            best, width = (west, east - 360 if east > 180 else east), reach
    return best


def _typed(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The columns of a schema, null where the frame lacks one."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def _less(table: pl.DataFrame, rows: Iterable[int]) -> pl.DataFrame:
    kept = np.ones(table.height, np.bool_)
    kept[np.asarray(rows, np.int64)] = False
    return table.filter(pl.Series(kept)) if not kept.all() else table


def _spacing(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> float:
    """Width of the cells with these centres: the widest usual one whose grid has them all, else the least distance between two."""
    for width in _WIDTHS:
        steps = np.concatenate([(lat + 90) / width, (lon + 180) / width]) - 0.5
        if (np.abs(steps - np.round(steps)) < _STRICT).all():
            return width
    east = np.sort(lon)
    gaps = np.concatenate([np.diff(np.sort(lat)), np.diff(east, append=east[0] + 360)])
    return float(gaps.min(where=gaps > _STRICT, initial=_WIDTHS[0]))
