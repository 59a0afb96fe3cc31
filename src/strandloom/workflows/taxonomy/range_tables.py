"""Ranges as arrays, made once: listed areas with their cells, records, river basins, limits, niches."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.geography.sphere import km_of_chord, unit_vectors
from strandloom.workflows.taxonomy.niches import COVARIATES, Niches, record_values
from strandloom.workflows.taxonomy.ranges.ranges import Ranges

CORNER = 0.71 * 111.2
"""km from the centre of a cell of one degree to its corner: a place so near lies in it."""
RASTER = 1_000
"""A kind of areas with more areas than this, or without extent, is judged by distance alone."""
RIDGE = 30.0
Ints = NDArray[np.int32]


class Points(NamedTuple):
    """Points of all species: those of species s are ``offsets[s]:offsets[s + 1]``."""

    offsets: NDArray[np.int64]
    places: NDArray[np.float64]
    weight: NDArray[np.float64]
    area: Ints


class Areas(NamedTuple):
    """Areas with an extent: which species are listed, bool ``(S, A)``; how much being listed in one speaks for another ``(A, A)``, and
    how much all of a species' areas speak for each ``(S, A)``; their southern and northern ends."""

    listed: NDArray[np.bool_]
    similar: NDArray[np.float64]
    spoken_for: NDArray[np.float64]
    south: NDArray[np.float64]
    north: NDArray[np.float64]
    names: tuple[str, ...]


class RangeTables:
    """Ranges of a taxonomy as arrays.

    Parameters
    ----------
    ranges
        Of a taxonomy of S species.
    species
        S.
    """

    def __init__(self, ranges: Ranges, species: int) -> None:
        self.ranges, self.species = ranges, species

    @cached_property
    def _kinds(self) -> tuple[list[str], list[str]]:
        """Kinds of areas with an extent, and those that are points."""
        raster: list[str] = []
        spots: list[str] = []
        cells = self.ranges.cells.join(self.ranges.areas, on="area")
        for kind, own in self.ranges.areas.group_by("kind", maintain_order=True):
            extent = cells.filter(pl.col("kind") == kind[0]).height > own.height
            (raster if extent and own.height <= RASTER else spots).append(str(kind[0]))
        return raster, spots

    @cached_property
    def _raster(self) -> pl.DataFrame:
        """Areas with an extent and their column in the matrices."""
        own = self.ranges.areas.filter(pl.col("kind").is_in(self._kinds[0]))
        return own.with_row_index("column")

    @property
    def area_numbers(self) -> NDArray[np.int64]:
        """The number in the ranges of each area with an extent, int64 ``(A,)``."""
        return self._raster["area"].to_numpy().astype(np.int64)

    @cached_property
    def cells(self) -> pl.DataFrame:
        """Cells of the areas with an extent: ``column, lat, lon``."""
        return self.ranges.cells.join(self._raster.select("area", "column"), on="area", maintain_order="left").select(
            "column", "lat", "lon"
        )

    @cached_property
    def areas(self) -> Areas:
        """Areas with an extent."""
        number = self._raster.height
        listed = np.zeros((self.species, number), np.bool_)
        pairs = self.ranges.members.join(self._raster.select("area", "column"), on="area")
        listed[pairs["species"].to_numpy(), pairs["column"].to_numpy()] = True
        bounds = self.cells.group_by("column").agg(
            south=pl.col("lat").quantile(0.05), north=pl.col("lat").quantile(0.95)
        )
        limits = pl.DataFrame({"column": np.arange(number, dtype=np.uint32)}).join(bounds, on="column", how="left")
        limits = limits.fill_null(0.0).sort("column")
        similar = _similar(listed)
        return Areas(
            listed,
            similar,
            listed @ similar,
            limits["south"].to_numpy(),
            limits["north"].to_numpy(),
            tuple(self._raster["name"].to_list()),
        )

    @cached_property
    def inside_km(self) -> float:
        """A place nearer than this to the centre of a cell lies in its area."""
        return CORNER * (self.ranges.cell_size() or 0.5)

    @cached_property
    def cell_vectors(self) -> Points:
        """Cells of the areas with an extent, area by area."""
        cells = self.cells.sort("column", maintain_order=True)
        column = cells["column"].to_numpy().astype(np.int32)
        vectors = unit_vectors(cells["lat"].to_numpy(), cells["lon"].to_numpy())
        return Points(
            np.searchsorted(column, np.arange(self._raster.height + 1)).astype(np.int64),
            vectors,
            np.ones(len(column)),
            column,
        )

    @cached_property
    def records(self) -> Points:
        """Records of every species."""
        own = self.ranges.points
        return self._points(own["species"], own["lat"], own["lon"], np.log1p(own["n"].to_numpy()))

    @cached_property
    def basins(self) -> Points:
        """Areas without extent of every species, as points."""
        spots = self.ranges.areas.filter(pl.col("kind").is_in(self._kinds[1]))
        places = self.ranges.cells.join(spots, on="area", how="semi", maintain_order="left")
        own = self.ranges.members.join(places, on="area", maintain_order="left_right")
        return self._points(own["species"], own["lat"], own["lon"], np.ones(own.height))

    def _points(self, species: pl.Series, lat: pl.Series, lon: pl.Series, weight: NDArray[np.float64]) -> Points:
        order = np.argsort(species.to_numpy(), kind="stable")
        own = species.to_numpy()[order]
        vectors = unit_vectors(lat.to_numpy()[order], lon.to_numpy()[order])
        return Points(
            np.searchsorted(own, np.arange(self.species + 1)).astype(np.int64),
            vectors,
            weight[order],
            self._home(vectors),
        )

    def _home(self, vectors: NDArray[np.float64]) -> Ints:
        """The area with an extent that each point lies in, int32 ``(m,)``; -1 in none."""
        from scipy.spatial import cKDTree

        if not self.cells.height or not len(vectors):
            return np.full(len(vectors), -1, np.int32)
        tree = cKDTree(unit_vectors(self.cells["lat"].to_numpy(), self.cells["lon"].to_numpy()))
        chord, at = tree.query(vectors)
        column = self.cells["column"].to_numpy()[at].astype(np.int32)
        return np.where(km_of_chord(chord) < self.inside_km, column, -1).astype(np.int32)

    @cached_property
    def _effort(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sampled cells as unit vectors, from south to north, and the records of all species there."""
        own = self.ranges.points.group_by("lat", "lon").agg(rows=pl.len()).sort("lat", "lon")
        return unit_vectors(own["lat"].to_numpy(), own["lon"].to_numpy()), own["rows"].to_numpy().astype(np.float64)

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """Southern, northern, western and eastern limit of each species, float64 ``(S, 4)``; NaN where unknown."""
        out = np.full((self.species, 4), np.nan)
        own = self.ranges.bounds
        columns = own.select(pl.col("lat_min", "lat_max", "lon_west", "lon_east").cast(pl.Float64)).to_numpy()
        out[own["species"].to_numpy()] = columns
        return out

    @cached_property
    def placed(self) -> NDArray[np.bool_]:
        """bool ``(S,)``: whether a species has an area, a record or a basin, so that places can be drawn for it."""
        some = np.diff(self.records.offsets) > 0
        return some | (np.diff(self.basins.offsets) > 0) | self.areas.listed.any(axis=1)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """bool ``(S,)``: whether anything is known of where a species occurs."""
        return self.placed | ~np.isnan(self.limits).all(axis=1)

    @cached_property
    def niches(self) -> Niches:
        """Depth, month, temperature and distance to the coast of each species' records."""
        return Niches.fit(self.ranges.points, self.species)

    @cached_property
    def record_values(self) -> NDArray[np.float64]:
        """Covariates of the records, float64 ``(m, C)``, in the order of :attr:`records`."""
        return record_values(self.ranges.points)[np.argsort(self.ranges.points["species"].to_numpy(), kind="stable")]

    @cached_property
    def temperatures(self) -> NDArray[np.float64]:
        """Coldest and warmest water of each species, float64 ``(S, 2)``; NaN where unknown."""
        out = np.full((self.species, 2), np.nan)
        own = self.ranges.bounds
        out[own["species"].to_numpy()] = own.select(pl.col("temp_min", "temp_max").cast(pl.Float64)).to_numpy()
        return out

    def knows(self, covariate: str) -> bool:
        """Whether the ranges say anything of one of :data:`COVARIATES`."""
        limited = covariate == "temperature" and bool(np.isfinite(self.temperatures).any())
        return limited or bool(np.isfinite(self.niches.overall_mean[COVARIATES.index(covariate)]))


def _similar(listed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much being listed in area b speaks for area a, float64 ``(A, A)``, zero on the diagonal.

    A ridge regression of each area on all others over the species. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """
    values = listed.astype(np.float64)
    inverse = np.linalg.inv(values.T @ values + RIDGE * np.eye(values.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return np.ascontiguousarray(weights)
