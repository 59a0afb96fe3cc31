"""Ranges by species, ready for questions about many species and places."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, unit_vectors
from strandloom.workflows.taxonomy.ranges.ranges import BASIN, LIMITS, Ranges

Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]
EFFORT_KM = 111.2
"""Width of the cells in which sampling is counted."""


class Spots(NamedTuple):
    """Spots on the globe, by species: those of species s are ``offsets[s]:offsets[s + 1]``, m in all."""

    offsets: Offsets
    """int64 (S + 1,)."""
    vectors: Floats
    """float64 (m, 3): unit vectors."""
    weight: Floats
    """float64 (m,)."""
    area: NDArray[np.int32]
    """int32 (m,): the area with an extent that each lies in, -1 none."""
    radius: Floats
    """float64 (m,): size, as an angle in radians."""


class Listed(NamedTuple):
    """Areas with an extent, by species."""

    offsets: Offsets
    """int64 (S + 1,)."""
    areas: NDArray[np.int32]
    """int32 (m,)."""


class Cells(NamedTuple):
    """Cells at the edge of the areas with an extent, by area: those of area a are ``offsets[a]:offsets[a + 1]``."""

    offsets: Offsets
    """int64 (A + 1,)."""
    lat: Floats
    """float64 (m,): centres, degrees."""
    lon: Floats
    """float64 (m,): centres, degrees."""
    vectors: Floats
    """float64 (m, 3): centres, unit vectors."""
    size: float
    """Width of a cell, degrees."""


class Patches(NamedTuple):
    """Pieces of the areas with an extent, m in all."""

    vectors: Floats
    """float64 (m, 3): centres, unit vectors."""
    size: Floats
    """float64 (m,): steradians."""
    area: NDArray[np.int32]
    """int32 (m,)."""


class RangeIndex:
    """Ranges by species.

    Parameters
    ----------
    ranges
        What is known.
    species
        Number of species, S.
    """

    def __init__(self, ranges: Ranges, species: int) -> None:
        self.ranges, self.species = ranges, species
        self._trees: dict[int, Any] = {}

    @cached_property
    def records(self) -> Spots:
        """Where each species was recorded; a place that stands twice stands once. Weight 1."""
        own = self.ranges.points.join(self._homes, on=["lat", "lon"], how="left", maintain_order="left")
        own = own.unique(["species", "lat", "lon"], keep="first", maintain_order=True)
        area = own["area"].fill_null(-1).to_numpy().astype(np.int32)
        return self._spots(own["species"], unit_vectors(own["lat"].to_numpy(), own["lon"].to_numpy()), area=area)

    @cached_property
    def _homes(self) -> pl.DataFrame:
        """The area with an extent of each place with a record."""
        placed = self.ranges.placed().unique("row", keep="first")
        where = self.ranges.points.select("lat", "lon")[placed["row"].to_numpy()]
        return where.with_columns(placed["area"]).unique(["lat", "lon"], keep="first", maintain_order=True)

    @cached_property
    def sightings(self) -> Spots:
        """Where each species was met, by cells of :data:`EFFORT_KM`; weight: how much of the sampling of the cell it is, damped.

        ``log(1 + n) / log(1 + N)`` with n records of the species and N of all species: a cell with 1,000 records is not 1,000 times as
        likely as a cell with one, and a species that is rare where much was sampled weighs less. At most 1.
        """
        own = self.ranges.points.select("species", "n", *_effort_cell(), *_vector())
        cell = ["row", "column"]
        met = own.group_by("species", *cell, maintain_order=True).agg(pl.col("n").sum(), pl.col("x", "y", "z").mean())
        effort = met.group_by(cell).agg(total=pl.col("n").sum())
        met = met.join(effort, on=cell, how="left", maintain_order="left")
        weight = np.log1p(met["n"].to_numpy()) / np.log1p(met["total"].to_numpy())
        vectors = met.select("x", "y", "z").to_numpy()
        return self._spots(met["species"], vectors / np.linalg.norm(vectors, axis=1, keepdims=True), weight=weight)

    @cached_property
    def basins(self) -> Spots:
        """River basins in which each species is listed, each a disc of its size. Weight 1."""
        places = self.ranges.cells.join(self.ranges.areas.filter(pl.col("kind") == BASIN), on="area")
        own = self.ranges.members.join(places, on="area", maintain_order="left")
        km = np.sqrt(own["area_km2"].fill_null(0.0).to_numpy() / np.pi)
        return self._spots(
            own["species"], unit_vectors(own["lat"].to_numpy(), own["lon"].to_numpy()), radius=km / EARTH_RADIUS_KM
        )

    @cached_property
    def listed(self) -> Listed:
        """Areas with an extent in which each species is listed."""
        spread = self.ranges.areas.filter(pl.col("kind") != BASIN)
        own = self.ranges.members.join(spread, on="area", how="semi", maintain_order="left").sort("species", "area")
        return Listed(self._offsets(own["species"].to_numpy()), own["area"].to_numpy().astype(np.int32))

    @cached_property
    def cells(self) -> Cells:
        """Cells at the edge of the areas with an extent: a place is inside, or one of them is the nearest."""
        own = self.ranges.extents().sort("area", maintain_order=True)
        size = self.ranges.cell_size()
        own = own.filter(pl.Series(_at_edge(own, size))) if own.height else own
        lat, lon = own["lat"].to_numpy(), own["lon"].to_numpy()
        areas = int(own["area"].to_numpy().max(initial=-1)) + 1
        offsets = np.searchsorted(own["area"].to_numpy(), np.arange(areas + 1)).astype(np.int64)
        return Cells(offsets, lat, lon, unit_vectors(lat, lon), size)

    def patches(self, *, merged: bool) -> Patches:
        """The cells of the areas with an extent, or, ``merged``, what each area has in blocks of :data:`EFFORT_KM`."""
        height = np.radians(self.ranges.cell_size())
        size = height * 2 * np.sin(height / 2) * pl.col("lat").radians().cos()
        cells = self.ranges.extents().select("area", *_effort_cell(), *_vector(), size.alias("size"))
        if merged:
            weighted = [(pl.col(x) * pl.col("size")).sum() for x in "xyz"]
            cells = cells.group_by("area", "row", "column", maintain_order=True).agg(*weighted, pl.col("size").sum())
        vectors = cells.select("x", "y", "z").to_numpy()
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return Patches(vectors, cells["size"].to_numpy(), cells["area"].to_numpy())

    @cached_property
    def limits(self) -> Floats:
        """Southern, northern, western and eastern limit of each species, float64 ``(S, 4)``; NaN where unknown."""
        out = np.full((self.species, 4), np.nan)
        own = self.ranges.bounds
        out[own["species"].to_numpy()] = own.select(LIMITS[:4]).fill_null(np.nan).to_numpy()
        return out

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """bool ``(S,)``: whether anything is known of where each species occurs."""
        return self.ranges.known(self.species)

    def tree(self, species: int) -> Any:
        """The k-d tree of the records of one species."""
        from scipy.spatial import cKDTree

        if species not in self._trees:
            first, last = self.records.offsets[species : species + 2]
            self._trees[species] = cKDTree(self.records.vectors[first:last])
        return self._trees[species]

    def _offsets(self, species: NDArray[np.integer]) -> Offsets:
        """Where each species begins among rows sorted by species."""
        return np.searchsorted(species, np.arange(self.species + 1)).astype(np.int64)

    def _spots(
        self,
        species: pl.Series,
        vectors: Floats,
        *,
        weight: Floats | None = None,
        area: NDArray[np.int32] | None = None,
        radius: Floats | None = None,
    ) -> Spots:
        order = np.argsort(species.to_numpy(), kind="stable")
        return Spots(
            offsets=self._offsets(species.to_numpy()[order]),
            vectors=np.ascontiguousarray(vectors[order]),
            weight=np.ones(len(order)) if weight is None else weight[order],
            area=np.full(len(order), -1, np.int32) if area is None else area[order],
            radius=np.zeros(len(order)) if radius is None else radius[order],
        )


def _at_edge(cells: pl.DataFrame, size: float) -> NDArray[np.bool_]:
    """Cells that miss a neighbour of their area to the north, south, east or west, bool ``(m,)``."""
    if not size:
        return np.ones(cells.height, np.bool_)
    around, area = round(360 / size), cells["area"].to_numpy().astype(np.int64)
    row = np.floor((cells["lat"].to_numpy() + 90) / size + 1e-6).astype(np.int64)
    column = np.floor((cells["lon"].to_numpy() + 180) / size + 1e-6).astype(np.int64)

    def number(up: int, right: int) -> NDArray[np.int64]:
        return (area * (around + 2) + row + up + 1) * around + (column + right) % around

    here = number(0, 0)
    return ~np.all([np.isin(number(*step), here) for step in ((1, 0), (-1, 0), (0, 1), (0, -1))], axis=0)


def _effort_cell() -> tuple[pl.Expr, pl.Expr]:
    """Row and column of cells that are about as wide as they are high, whatever the latitude."""
    rows = round(np.pi * EARTH_RADIUS_KM / EFFORT_KM)
    row = ((pl.col("lat") + 90) / 180 * rows).floor().clip(0, rows - 1)
    around = (2 * rows * ((row + 0.5) / rows * np.pi - np.pi / 2).cos()).round().clip(1, None)
    column = (((pl.col("lon") + 180) % 360) / 360 * around).floor()
    return row.cast(pl.Int32).alias("row"), column.cast(pl.Int32).alias("column")


def _vector() -> tuple[pl.Expr, ...]:
    lat, lon = pl.col("lat").radians(), pl.col("lon").radians()
    return (lat.cos() * lon.cos()).alias("x"), (lat.cos() * lon.sin()).alias("y"), lat.sin().alias("z")
