"""How likely a species is to occur at a place, from what is known of its range: a smooth surface over the globe.

Everything known is spread by a Gaussian of great-circle distance, so it is round at any latitude and crosses the antimeridian. Where
nothing is known of a species there is no surface, which is not a surface of zeros.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, latitude_band, unit_vectors
from strandloom.errors import UsageError
from strandloom.workflows.taxonomy.ranges.distances import outside, spot_km
from strandloom.workflows.taxonomy.ranges.grid import Grid
from strandloom.workflows.taxonomy.ranges.index import EFFORT_KM, Floats, Patches, RangeIndex
from strandloom.workflows.taxonomy.ranges.ranges import Ranges

SIGMA_KM = 300.0
"""Width of the Gaussian."""
LIMITS_WEIGHT = 0.1
"""Presence inside limits of latitude and longitude alone: weak evidence, as a box holds much where a species never was."""
_REACH = 4.0
_MERGED = 1.5
_BLOCK = 4_000
Single = NDArray[np.float32]
Pairs = NDArray[np.integer]


class Surfaces:
    """Surfaces of many species, made ready once.

    Four kinds of evidence speak for presence, and any of them is enough, ``1 - Π(1 - p)``. With K a Gaussian of distance, of height 1:

    - sightings: ``1 - exp(-Σ w K)``, w the damped share of the sampling that the species is
      (:attr:`~strandloom.workflows.taxonomy.ranges.index.RangeIndex.sightings`);
    - listed ecoregions: the share of the Gaussian that they cover, so 1 well inside and ½ at a straight border;
    - listed river basins: K at the edge of the nearest one, a disc of its size;
    - limits of latitude and longitude: :data:`LIMITS_WEIGHT` inside, that times K outside.

    Parameters
    ----------
    index
        The ranges.
    sigma_km
        Width (standard deviation) of the Gaussian; for the ecoregions never less than half a cell of their map.

    Raises
    ------
    UsageError
        The width is not positive.
    """

    def __init__(self, index: RangeIndex, *, sigma_km: float = SIGMA_KM) -> None:
        if not sigma_km > 0:
            raise UsageError(
                f"a range cannot be spread by {sigma_km:g} km", hint="the width of the Gaussian is positive"
            )
        self.index, self.sigma_km = index, sigma_km

    def presence(self, lat: ArrayLike, lon: ArrayLike, species: Pairs, place: Pairs) -> Single:
        """Presence of species at places, float32 ``(n,)`` from 0 to 1; NaN where nothing is known of the species.

        Parameters
        ----------
        lat, lon
            P places, degrees, finite.
        species, place
            int ``(n,)``: pairs.
        """
        north, east = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        species, place = np.ascontiguousarray(species, np.int64), np.ascontiguousarray(place, np.int64)
        vectors = unit_vectors(north, east)
        absence = 1 - self._sightings(vectors, species, place)
        absence *= 1 - self._areas(north, vectors, species, place)
        absence *= 1 - self._basins(vectors, species, place)
        absence *= 1 - self._limits(north[place], east[place], species)
        return np.where(self.index.known[species], 1 - absence, np.nan).astype(np.float32)

    def surface(self, species: int, grid: Grid) -> Single | None:
        """The presence of one species over a grid, float32 ``(rows, columns)``; None where nothing is known of it."""
        if not 0 <= species < self.index.species or not self.index.known[species]:
            return None
        lat, lon = grid.centres
        cells = np.arange(len(lat))
        return self.presence(lat, lon, np.full(len(lat), species), cells).reshape(grid.shape)

    def _gaussian(self, km: Floats) -> Floats:
        return np.exp(-0.5 * (km / self.sigma_km) ** 2)

    def _sightings(self, vectors: Floats, species: Pairs, place: Pairs) -> Floats:
        from strandloom.workflows.taxonomy.ranges.kernels import blurred_spots

        spots, sigma = self.index.sightings, self.sigma_km / EARTH_RADIUS_KM
        total = np.zeros(len(species))
        blurred_spots(species, place, vectors, spots.offsets, spots.vectors, spots.weight, sigma, _cut(sigma), total)
        return 1 - np.exp(-total)

    @cached_property
    def _patches(self) -> Patches:
        """The cells of the ecoregions from south to north; merged where the Gaussian is so wide that it does not matter."""
        patches = self.index.patches(merged=self.sigma_km >= _MERGED * EFFORT_KM)
        order = np.argsort(patches.vectors[:, 2], kind="stable")
        return Patches(np.ascontiguousarray(patches.vectors[order]), patches.size[order], patches.area[order])

    def _areas(self, lat: Floats, vectors: Floats, species: Pairs, place: Pairs) -> Floats:
        from strandloom.workflows.taxonomy.ranges.kernels import blurred_areas, total_listed

        listed, patches = self.index.listed, self._patches
        out = np.zeros(len(species))
        wanted = np.zeros(len(self.index.cells.offsets) - 1, np.bool_)
        for number in np.unique(species).tolist():
            wanted[listed.areas[listed.offsets[number] : listed.offsets[number + 1]]] = True
        if not wanted.any():
            return out
        column = np.cumsum(wanted) - 1  # of each wanted area
        own = wanted[patches.area]
        there, area = patches.vectors[own], column[patches.area[own]]
        sigma = max(self.sigma_km / EARTH_RADIUS_KM, np.radians(self.index.cells.size) / 2)
        size = patches.size[own] / (2 * np.pi * sigma**2 * (1 - sigma**2 / 3))  # in Gaussians, on a sphere of radius 1
        first, last = latitude_band(lat, there[:, 2], _REACH * sigma)
        by_place = np.argsort(place, kind="stable")
        for start in range(0, len(lat), _BLOCK):
            part = slice(start, start + _BLOCK)
            share = np.zeros((len(lat[part]), int(wanted.sum())))
            blurred_areas(vectors[part], first[part], last[part], there, size, area, sigma, _cut(sigma), share)
            rows = by_place[slice(*np.searchsorted(place, [start, start + _BLOCK], sorter=by_place))]
            total = np.zeros(len(rows))
            total_listed(species[rows], place[rows] - start, share, listed.offsets, column[listed.areas], total)
            out[rows] = np.minimum(total, 1)
        return out

    def _basins(self, vectors: Floats, species: Pairs, place: Pairs) -> Floats:
        km = spot_km(self.index, "basins", vectors, species, place).astype(np.float64)
        return np.where(np.isnan(km), 0, self._gaussian(km))

    def _limits(self, lat: Floats, lon: Floats, species: Pairs) -> Floats:
        north, east = outside(self.index.limits[species], lat, lon)
        degree = np.radians(1) * EARTH_RADIUS_KM
        km = np.hypot(np.nan_to_num(north) * degree, np.nan_to_num(east) * degree * np.cos(np.radians(lat)))
        return np.where(np.isnan(north) & np.isnan(east), 0, LIMITS_WEIGHT * self._gaussian(km))


def presence(
    ranges: Ranges, lat: ArrayLike, lon: ArrayLike, species: ArrayLike, *, sigma_km: float = SIGMA_KM
) -> Single:
    """Presence of n species at n places, float32 ``(n,)`` from 0 to 1; NaN where nothing is known of the species. See :class:`Surfaces`.

    Parameters
    ----------
    ranges
        What is known.
    lat, lon
        Degrees, ``(n,)``, finite.
    species
        int ``(n,)``: numbers of species.
    sigma_km
        Width of the Gaussian.

    Raises
    ------
    UsageError
        The width is not positive.
    """
    numbers = np.asarray(species, np.int64)
    places = np.stack([np.asarray(lat, np.float64), np.asarray(lon, np.float64)], axis=1)  # (n, 2)
    distinct, place = np.unique(places, axis=0, return_inverse=True)
    index = RangeIndex(ranges, max(ranges.highest(), int(numbers.max(initial=-1))) + 1)
    return Surfaces(index, sigma_km=sigma_km).presence(distinct[:, 0], distinct[:, 1], numbers, place.ravel())


def surface(ranges: Ranges, species: int, grid: Grid, *, sigma_km: float = SIGMA_KM) -> Single | None:
    """The presence of one species over a grid, float32 ``(rows, columns)``; None where nothing is known of it. See :class:`Surfaces`.

    Raises
    ------
    UsageError
        The width is not positive.
    """
    return Surfaces(RangeIndex(ranges, max(ranges.highest(), species) + 1), sigma_km=sigma_km).surface(species, grid)


def _cut(sigma: float) -> float:
    """Cosine of the angle beyond which a Gaussian is taken for 0."""
    return float(np.cos(min(_REACH * sigma, np.pi)))
