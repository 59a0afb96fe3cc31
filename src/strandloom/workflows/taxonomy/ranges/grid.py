"""A grid of latitude and longitude over the globe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM
from strandloom.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Cells of equal width in degrees; rows run from south to north, columns from 180° W eastwards, and the last column borders the first.

    Parameters
    ----------
    resolution
        Width of a cell in degrees; it must divide 180.

    Raises
    ------
    UsageError
        It does not.
    """

    resolution: float = 1.0

    def __post_init__(self) -> None:
        rows = 180 / self.resolution if self.resolution > 0 else 0.5
        if abs(rows - round(rows)) > 1e-9 * rows:
            raise UsageError(
                f"a grid cell of {self.resolution:g} degrees does not divide the globe",
                hint="use 0.25, 0.5, 1, 2 or 5 degrees",
            )

    @property
    def rows(self) -> int:
        """Cells from pole to pole."""
        return round(180 / self.resolution)

    @property
    def columns(self) -> int:
        """Cells around the globe."""
        return 2 * self.rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @cached_property
    def latitudes(self) -> Floats:
        """float64 ``(rows,)``: centres of the rows, degrees."""
        return -90 + self.resolution * (np.arange(self.rows, dtype=np.float64) + 0.5)

    @cached_property
    def longitudes(self) -> Floats:
        """float64 ``(columns,)``: centres of the columns, degrees."""
        return -180 + self.resolution * (np.arange(self.columns, dtype=np.float64) + 0.5)

    @property
    def centres(self) -> tuple[Floats, Floats]:
        """Latitude and longitude of every cell, float64 ``(rows · columns,)`` each, row by row."""
        lat, lon = np.meshgrid(self.latitudes, self.longitudes, indexing="ij")
        return lat.ravel(), lon.ravel()

    @cached_property
    def cell_km2(self) -> Floats:
        """float64 ``(rows,)``: size of a cell of each row, km²."""
        edges = np.sin(np.radians(-90 + self.resolution * np.arange(self.rows + 1)))
        return EARTH_RADIUS_KM**2 * np.radians(self.resolution) * np.diff(edges)

    @property
    def weights(self) -> Floats:
        """float64 ``(rows, columns)``: share of the globe that each cell covers; they sum to 1."""
        share = self.cell_km2 / (self.cell_km2.sum() * self.columns)
        return np.repeat(share[:, None], self.columns, axis=1)

    def index(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.int64]:
        """The cell of each point, int64 ``(N,)``: ``row · columns + column``; a pole lies in its outermost row.

        Parameters
        ----------
        lat, lon
            Degrees, ``(N,)``; longitudes beyond 180 are brought round.
        """
        row = np.floor((np.asarray(lat, np.float64) + 90) / self.resolution).astype(np.int64)
        east = (np.asarray(lon, np.float64) + 180) % 360
        column = np.floor(east / self.resolution).astype(np.int64)
        return np.clip(row, 0, self.rows - 1) * self.columns + np.minimum(column, self.columns - 1)
