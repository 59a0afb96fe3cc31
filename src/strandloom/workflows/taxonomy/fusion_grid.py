"""The grid of the published form: a place as a spot on a map of latitude and longitude, and which species are known in each cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, unit_vectors
from strandloom.errors import UsageError
from strandloom.workflows.taxonomy.ranges.ranges import Ranges

IN_RANGE, NO_DATA, OUT_OF_RANGE = -1, 0, 1
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class FusionGrid:
    """Cells of latitude and longitude; rows run from south to north, columns from 180° W eastwards, and the last borders the first.

    Parameters
    ----------
    rows, columns
        Cells from pole to pole and around the globe.
    sigma_km
        Width (standard deviation) of the Gaussian by which a place is spread, in great-circle km.

    Raises
    ------
    UsageError
        A number is not positive.
    """

    rows: int = 48
    columns: int = 48
    sigma_km: float = 400.0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1 or not self.sigma_km > 0:
            raise UsageError(
                f"a map of {self.rows} × {self.columns} cells with spots of {self.sigma_km:g} km",
                hint="all three must be positive; the published map has 48 × 48 cells",
            )

    @property
    def cells(self) -> int:
        """Number of cells, G."""
        return self.rows * self.columns

    @cached_property
    def latitudes(self) -> Doubles:
        """float64 ``(rows,)``: centres of the rows, degrees."""
        return -90 + 180 / self.rows * (np.arange(self.rows, dtype=np.float64) + 0.5)

    @cached_property
    def longitudes(self) -> Doubles:
        """float64 ``(columns,)``: centres of the columns, degrees."""
        return -180 + 360 / self.columns * (np.arange(self.columns, dtype=np.float64) + 0.5)

    @cached_property
    def vectors(self) -> Doubles:
        """float64 ``(G, 3)``: centres of the cells, row by row."""
        lat, lon = np.meshgrid(self.latitudes, self.longitudes, indexing="ij")
        return unit_vectors(lat.ravel(), lon.ravel())

    @cached_property
    def log_size(self) -> Doubles:
        """float64 ``(G,)``: logarithm of the share of the globe that each cell covers."""
        edges = np.sin(np.radians(np.linspace(-90, 90, self.rows + 1)))
        return np.repeat(np.log(np.diff(edges) / 2 / self.columns), self.columns)

    def index(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.int64]:
        """The cell of each place, int64 ``(N,)``: ``row · columns + column``; :attr:`cells` where latitude or longitude is NaN.

        Parameters
        ----------
        lat, lon
            Degrees, ``(N,)``; longitudes beyond 180 are brought round.
        """
        north, east = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        known = ~(np.isnan(north) | np.isnan(east))
        row = np.floor((np.where(known, north, 0) + 90) / 180 * self.rows).astype(np.int64)
        column = np.floor((np.where(known, east, 0) + 180) % 360 / 360 * self.columns).astype(np.int64)
        cell = np.clip(row, 0, self.rows - 1) * self.columns + np.minimum(column, self.columns - 1)
        return np.where(known, cell, self.cells)

    def spread(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float32]:
        """Each place as a map with a flag behind it, float32 ``(N, G + 1)``.

        The map holds the share of the Gaussian around the place that falls into each cell: it sums to 1, whatever the latitude and however
        often a fish was seen there. Where the place is unknown (NaN) the map is empty and the flag is 1.

        Parameters
        ----------
        lat, lon
            Degrees, ``(N,)``.
        """
        north, east = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        known = np.flatnonzero(~(np.isnan(north) | np.isnan(east)))
        out = np.zeros((len(north), self.cells + 1), np.float32)
        out[:, -1] = 1
        if len(known):
            logs = -0.5 * (self._km(unit_vectors(north[known], east[known])) / self.sigma_km) ** 2 + self.log_size
            logs -= logs.max(axis=1, keepdims=True)
            share = np.exp(logs)
            out[known, :-1] = share / share.sum(axis=1, keepdims=True)
            out[known, -1] = 0
        return out

    def neighbours(self, cell: int) -> NDArray[np.int64]:
        """The cell and those whose centres lie within :attr:`sigma_km` of its own, int64 ``(n,)``."""
        km = self._km(self.vectors[cell : cell + 1])[0]
        km[cell] = 0  # whatever rounding says
        return np.flatnonzero(km <= self.sigma_km)

    def _km(self, vectors: Doubles) -> Doubles:
        """Distance of unit vectors ``(N, 3)`` to the centres of all cells, ``(N, G)``."""
        return EARTH_RADIUS_KM * np.arccos(np.clip(vectors @ self.vectors.T, -1, 1))


def range_signs(ranges: Ranges | None, species: int, grid: FusionGrid) -> NDArray[np.int8]:
    """Whether each species is out of its range in each cell, int8 ``(G + 1, S)``: 1 out, -1 in, 0 where nothing can be said.

    A species is in range where it is recorded or listed in the cell or in one nearby (:meth:`FusionGrid.neighbours`). Nothing is said of
    species without records, ecoregions and river basins (limits of latitude alone are too weak), nor in the last row, the unknown place.

    Parameters
    ----------
    ranges
        Of a taxonomy of ``species`` species, S; None: nothing is known.
    """
    signs = np.full((grid.cells + 1, species), NO_DATA, np.int8)
    if ranges is None:
        return signs
    cells = ranges.cells.select("area", cell=_cell(ranges.cells, grid)).unique()
    pairs = pl.concat(
        [
            ranges.members.join(cells, on="area").select("species", "cell"),
            ranges.points.select("species", cell=_cell(ranges.points, grid)),
        ]
    )
    here = np.zeros((grid.cells, species), np.bool_)
    here[pairs["cell"].to_numpy(), pairs["species"].to_numpy()] = True
    known = here.any(axis=0)
    for cell in range(grid.cells):
        near = here[grid.neighbours(cell)].any(axis=0)
        signs[cell] = np.where(near, IN_RANGE, np.where(known, OUT_OF_RANGE, NO_DATA))
    return signs


def _cell(frame: pl.DataFrame, grid: FusionGrid) -> pl.Series:
    return pl.Series("cell", grid.index(frame["lat"].to_numpy(), frame["lon"].to_numpy()), pl.Int64)
